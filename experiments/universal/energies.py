"""Calibrate the estimated errors of energies and gaps of the networks of every dot, and evaluate them on new dots.

    python -m experiments.universal.energies --calibrate   # writes them into the shipped weights
    python -m experiments.universal.energies               # energies.json

From the root. The first command takes the dots of validation of the training, like ``judge``, and leaves everything
else as it is. The second one draws dots of each family of ``measure`` and of ``others`` from another seed.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.universal import judge, others
from experiments.universal.measure import CHOSEN, HERE, UNSEEN, Columns, dots_of, families
from experiments.weights import WEIGHTS, model_card
from qd_pix2pix.cli import guarded
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.error_bars import calibrate_numbers_on
from qd_pix2pix.inference.predict import predict
from qd_pix2pix.inference.weights import load_predictor, save_weights
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.predictor import ERROR_OF, Card, Predictor
from qd_pix2pix.provenance import provenance
from qd_pix2pix.sweeps.plan import resolve
from qd_pix2pix.training.settings import estimated_numbers
from solvers import Grid, solve
from solvers.quantum_dots.solve import PRESETS

NETWORKS = ("universal", "universal-fast")
NUMBERS = ("energy", "gap")
DOTS, DOTS_OF_OTHERS, SEED = 60, 40, 3000


def with_numbers(predictor: Predictor, card: Card) -> tuple[Predictor, Card]:
    """Return a network and its card with estimated errors of energies and gaps, which are to be calibrated."""
    card = replace(card, estimated=estimated_numbers(card.schema, Mapping(**card.mapping)))
    made = Predictor(card)
    made.load_weights({**made.weights(), **predictor.weights()})
    return made.eval(), card


def calibrate() -> None:
    """Write weights and model cards."""
    for name in NETWORKS:
        path = WEIGHTS / f"{name}.safetensors"
        predictor, card = with_numbers(*load_predictor(path))
        dots = calibrate_numbers_on(predictor, judge.validation(predictor))
        print(f"{name}: calibrated on {dots} dots", flush=True)
        save_weights(path, predictor, card)
        write_text(WEIGHTS / f"{name}.md", model_card(name))


def of_formulas(family: others.Family, rng: np.random.Generator) -> Columns:
    """Return solved dots of a family of ``others``, in reduced units."""
    rows = [_solved(family, rng) for _ in range(DOTS_OF_OTHERS)]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _solved(family: others.Family, rng: np.random.Generator) -> dict[str, NDArray]:
    coupling, n_electrons, V = others.drawn(family, rng)
    dot = solve(V, Grid(others.POINTS, coupling * others.GAAS.bohr), n_electrons, others.GAAS, **PRESETS["converged"])
    unit = others.GAAS.hartree / coupling**2
    return {
        "V": (V - V.min()) / unit,
        "n_electrons": np.asarray(n_electrons),
        "coupling": np.asarray(coupling),
        "energy": np.asarray(dot.energy - n_electrons * V.min()) / unit,
        "gap": np.asarray(dot.gap) / unit,
    }


def judged(predictor: Predictor, columns: Columns) -> list[dict[str, float]]:
    """Return for each dot the number of electrons, its energy and gap, and their errors and estimates."""
    found = predict(predictor, {name: columns[name] for name in ("V", "n_electrons", "coupling")}, progress=False)
    rows = {"n_electrons": columns["n_electrons"]}
    for name in NUMBERS:
        rows[name] = columns[name]
        rows[f"{name}_error"] = np.abs(found[name] - columns[name])
        rows[f"{name}_estimated"] = found[ERROR_OF.format(name)]
    return [dict(zip(rows, map(float, values), strict=True)) for values in zip(*rows.values(), strict=True)]


def evaluate() -> None:
    """Write energies.json."""
    config, rng = resolve(("experiment=universal",))["data"], np.random.default_rng(SEED)
    groups = {"trained": families(config), "never trained": {**UNSEEN, **CHOSEN}}
    dots = {kind: {n: dots_of(config, f, DOTS, SEED) for n, f in group.items()} for kind, group in groups.items()}
    formulas = {family.__name__.replace("_", " "): of_formulas(family, rng) for family in others.FAMILIES}
    dots["never trained"] |= formulas
    found: dict[str, Any] = {}
    for network in NETWORKS:
        predictor = load_predictor(WEIGHTS / f"{network}.safetensors")[0]
        found[network] = {k: {n: judged(predictor, d) for n, d in group.items()} for k, group in dots.items()}
    content = {"seed": SEED, "provenance": provenance("CPU"), "networks": found}
    write_text(HERE / "energies.json", json.dumps(content, indent=1, allow_nan=False) + "\n")


def main() -> None:
    """Calibrate or evaluate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calibrate", action="store_true", help="write the shipped weights")
    (calibrate if parser.parse_args().calibrate else evaluate)()


if __name__ == "__main__":
    guarded(main)
