"""Design potentials with the network ``universal`` and solve them: densities, gaps, J, electrons in two regions.

    python -m experiments.design.measure                  # all designs; 15 minutes on one core
    python -m experiments.design.measure --only gap       # one of density, gap, exchange, charges

From the root. Writes results.json and figures beside this program; finished designs are read back.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from experiments.design import studies
from qd_pix2pix import design, from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.evaluation.measures import nmae
from qd_pix2pix.files import write_text
from qd_pix2pix.inversion.result import Solutions
from qd_pix2pix.provenance import provenance

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
STARTS, STEPS, ROUNDS = 5, 80, 3
"""Random starts, steps of the descent, and rounds of correction by the solver."""
DOT = {"extent": studies.SIDE, **studies.MATERIAL}
Row = dict[str, Any]


def common(found: Solutions, seconds: float) -> Row:
    """Return numbers of every design."""
    return {
        "misfit": float(found.misfits[0]), "verified_misfit": float(found.verified_misfits[0]),
        "good": int(found.good.sum()), "groups": len(set(found.groups[found.good].tolist())),
        "starts": len(found.misfits), "determined": found.known.n_determined,
        "identifiable": float(found.identifiable.mean()), "seconds": seconds,
        "remarks": found.remarks, "error": float(found.predictions["error"][0]),
    }  # fmt: skip


def timed(figure: str | None, **options: Any) -> tuple[Solutions, float]:
    """Return a verified design, and its seconds without the solver; draw it where ``figure`` is a name."""
    begin = perf_counter()
    options = {"starts": STARTS, "steps": STEPS, "bounds": studies.BOUNDS, **DOT, **options}
    found = design(from_pretrained("universal"), **options)
    seconds = perf_counter() - begin
    found.verify()
    if figure:
        found.save(HERE / f"{figure}.png")
    return found, seconds


def of_density(seed: int) -> Row:
    """Return the design of the solver's density of an unseen dot of two electrons."""
    V = studies.unseen(seed)
    n = studies.solved(V, 2).density
    found, seconds = timed("density" if seed == 0 else None, target=n, n_electrons=2)
    weights = found.identifiable / found.identifiable.sum()
    errors = found.best - V
    errors = errors - (weights * errors).sum()  # a density determines V up to a constant
    rms, whole = np.sqrt((weights * errors**2).sum()), np.sqrt(((errors - errors.mean()) ** 2).mean())
    corrected = found.correct(ROUNDS)
    return common(found, seconds) | {
        "corrected": float(nmae(corrected.verified["n_int"], n[None], np.array(n.mean()))[0]),
        "verified": float(nmae(found.verified["n_int"], n[None], np.array(n.mean()))[0]),
        "predicted": float(nmae(found.predictions["n_int"][:1], n[None], np.array(n.mean()))[0]),
        "V_rms": float(rms), "V_rms_everywhere": float(whole),
    }  # fmt: skip


def of_gap(gap: float) -> Row:
    """Return the design of a gap of three electrons, in meV."""
    found, seconds = timed(None, target={"gap": gap / 1e3}, tolerance=0.01 * gap / 1e3, n_electrons=3)
    corrected = found.correct(ROUNDS)
    return common(found, seconds) | {
        "wanted": gap, "verified": 1e3 * float(found.verified["gap"][0]),
        "corrected": 1e3 * float(corrected.verified["gap"][0]),
        "predicted": 1e3 * float(found.predictions["gap"][0]), "spin": float(found.verified["spin"][0]),
    }  # fmt: skip


def of_exchange(gap: float) -> Row:
    """Return the design of a splitting of singlet and triplet, in meV, from double wells."""
    figure = "exchange" if gap == studies.EXCHANGES[0] else None
    start = np.stack([studies.double_well(distance) for distance in (16.0, 22.0, 28.0)])
    found, seconds = timed(
        figure, target={"gap": gap / 1e3}, tolerance=0.01 * gap / 1e3, n_electrons=2, start=start,
        starts=None,
    )  # fmt: skip
    corrected = found.correct(ROUNDS)
    states = studies.solved(corrected.best, 2).spins
    return common(found, seconds) | {
        "wanted": gap, "verified": 1e3 * float(found.verified["gap"][0]),
        "corrected": 1e3 * float(corrected.verified["gap"][0]),
        "predicted": 1e3 * float(found.predictions["gap"][0]), "spins": [float(s) for s in states[:2]],
    }  # fmt: skip


def of_charges(seed: int) -> Row:
    """Return the design of two electrons on the left and one on the right."""
    found, seconds = timed("charges" if seed == 0 else None, cost=studies.two_and_one, n_electrons=3, seed=seed)
    verified, predicted = (studies.charges(f["n_int"][0]) for f in (found.verified, found.predictions))
    return common(found, seconds) | {"verified": verified.tolist(), "predicted": predicted.tolist()}


STUDIES: dict[str, tuple[Callable[[Any], Row], tuple[Any, ...]]] = {
    "density": (of_density, studies.UNSEEN),
    "gap": (of_gap, studies.GAPS),
    "exchange": (of_exchange, studies.EXCHANGES),
    "charges": (of_charges, (0, 1)),
}


def main() -> None:
    """Calculate what is missing in results.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=STUDIES, help="one kind of design")
    chosen = parser.parse_args().only
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for kind, (calculate, values) in STUDIES.items():
        for value in values:
            name = f"{kind} {value:g}"
            if name in results or chosen not in (None, kind):
                continue
            results[name] = calculate(value) | {"provenance": provenance()}
            write_text(RESULTS, json.dumps(dict(sorted(results.items())), indent=1) + "\n")
            print(
                name, {key: v for key, v in results[name].items() if key not in ("provenance", "remarks")}, flush=True
            )


if __name__ == "__main__":
    guarded(main)
