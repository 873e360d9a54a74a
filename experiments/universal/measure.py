"""Evaluate the network of every dot on each family, and on families that it was not trained on.

    python -m experiments.universal.measure                  # the shipped network
    python -m experiments.universal.measure --dots 8 --weights runs/.../best.ckpt

From the root. Writes families.json beside this program. Each family of conf/potential/universal.yaml, and each of
UNSEEN, has its own dots: N, lambda and potential are drawn as in training, from another seed. They are solved once and
kept under data/. So have those of CHOSEN, half as many.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qd_pix2pix.cli import guarded
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.measures import nmae
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.predict import predict
from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.mapping.priors import PRIORS
from qd_pix2pix.predictor import ERROR, Predictor
from qd_pix2pix.provenance import provenance
from qd_pix2pix.sweeps.plan import resolve

HERE = Path(__file__).parent
DOTS = 200
"""Dots of each family."""
SEED, SEED_OF_CHOSEN = 1000, 2000
"""Seeds of the dots; that of training is 0."""
DATA = Path("data")
"""Folder of all datasets, relative to the root."""
COLUMNS = ("V", "n_electrons", "coupling", "n_int", "energy", "gap", "spin", "density_error")
Columns = dict[str, NDArray]
NAMES = {
    "RandomGaussianWells": "Gaussian wells", "RandomAnharmonic": "parabolas", "RandomRing": "rings",
    "RandomWire": "wires", "RandomDisorder": "disorder", "RandomGates": "gates", "RandomBox": "boxes",
}  # fmt: skip
SUMS = {
    ("RandomAnharmonic", "RandomDisorder"): "disorder in parabolas", ("RandomWells",): "connected circles",
    ("RandomGaussianWells", "RandomDisorder"): "wells with disorder",
}  # fmt: skip
POTENTIALS = "solvers.quantum_dots.potentials."
UNSEEN: dict[str, dict[str, Any]] = {
    "masked noise": {
        "_target_": f"{POTENTIALS}RandomSum", "factors": [[100.0, 1000.0]],
        "families": [{"_target_": f"{POTENTIALS}RandomMaskedNoise"}],
    },
    "truncated parabolas": {
        "_target_": f"{POTENTIALS}RandomHarmonic", "k": [1000.0, 20000.0], "center": [-0.1, 0.1], "v_max": 400.0,
    },
}  # fmt: skip
"""Families that are no part of the training: smooth noise in a random blob, and parabolas that end in a plane."""
CHOSEN: dict[str, dict[str, Any]] = {
    "box with disorder": {
        "_target_": f"{POTENTIALS}RandomSum", "factors": None,
        "families": [
            {"_target_": f"{POTENTIALS}RandomBox", "side": [0.35, 0.9], "wall": [1e3, 3e4], "center": [-0.05, 0.05]},
            {"_target_": f"{POTENTIALS}RandomDisorder", "modes": [3, 8], "std": [20.0, 200.0], "exponent": 0.5},
        ],
    },
    "wire with wells": {
        "_target_": f"{POTENTIALS}RandomSum", "factors": None,
        "families": [
            {
                "_target_": f"{POTENTIALS}RandomWire", "along": [9.0, 900.0], "across": [3600.0, 40000.0], "chain": 0.0,
                "modulation": [30.0, 300.0], "period": [0.25, 0.5], "center": [-0.1, 0.1],
            },
            {
                "_target_": f"{POTENTIALS}RandomGaussianWells", "n_wells": [1, 3], "depth": [50.0, 400.0],
                "center": [-0.25, 0.25], "width": [0.08, 0.2],
            },
        ],
    },
    "circles with disorder": {
        "_target_": f"{POTENTIALS}RandomSum", "factors": [[100.0, 2000.0], [1.0, 1.0]],
        "families": [
            {
                "_target_": f"{POTENTIALS}RandomWells", "n_wells": 12, "radius": [0.0625, 0.125], "step": 1.0,
                "max_overlap": 0.75, "max_coverage": 0.8,
            },
            {"_target_": f"{POTENTIALS}RandomDisorder", "modes": [3, 8], "std": [20.0, 200.0], "exponent": 0.5},
        ],
    },
}  # fmt: skip
"""Families on which the least estimate of the error was chosen (``predictor.DEVIATIONS``); never trained either."""


def families(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the families of a mixture by their names in the tables, in the order of the configuration."""
    found = {}
    for family in config["potential"]["families"]:
        kind = family["_target_"].removeprefix(POTENTIALS)
        inner = tuple(part["_target_"].removeprefix(POTENTIALS) for part in family.get("families", ()))
        found[SUMS[inner] if inner else NAMES[kind]] = family
    return found


def dots_of(config: Mapping[str, Any], family: Mapping[str, Any], dots: int, seed: int = SEED) -> Columns:
    """Return solved dots of one family."""
    sizes = {"train": 1, "val": 1, "test": dots, "shard_size": 25}
    recipe = {**deepcopy(dict(config)), **sizes, "potential": dict(family), "seed": seed}
    return Store(generate(recipe, DATA)).split("test").load(COLUMNS)


def started(prior: str, given: Mapping[str, NDArray]) -> NDArray[np.float64]:
    """Return the densities (B, n, n) from which networks with this prior start."""
    tensors = {name: torch.as_tensor(np.asarray(given[name]), dtype=torch.float32) for name in PRIORS[prior].needs}
    share = PRIORS[prior](tensors).starts["n_int"][:, 0].exp().double().numpy()
    return share / share.mean((1, 2), keepdims=True) * np.asarray(given["n_electrons"], float)[:, None, None]


def judged(predictor: Predictor, columns: Columns) -> list[dict[str, float]]:
    """Return for each dot its conditions, errors and estimates, and the error of the density at the start."""
    given = {name: columns[name] for name in ("V", "n_electrons", "coupling")}
    found = predict(predictor, given, progress=False)
    number = columns["n_electrons"].astype(float)
    first = started(str(predictor.mapping.prior), given)
    reference = columns["n_int"].astype(float)
    rows: dict[str, NDArray] = {
        "n_electrons": number,
        "coupling": columns["coupling"],
        "nmae": nmae(found["n_int"], reference, number),
        "start": nmae(first, reference, number),
        "estimated": found[ERROR],
        "label_error": columns["density_error"],
        "energy_error": np.abs(found["energy"] - columns["energy"]),
        "energy": columns["energy"],
        "gap_error": np.abs(found["gap"] - columns["gap"]),
        "gap": columns["gap"],
        "spin_right": (np.abs(found["spin"] - columns["spin"]) < 0.5).astype(float),
    }
    return [dict(zip(rows, map(float, values), strict=True)) for values in zip(*rows.values(), strict=True)]


def main() -> None:
    """Solve the dots of each family, predict them, write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", default="universal", help="shipped network, file or checkpoint")
    parser.add_argument("--dots", type=int, default=DOTS, help="dots of each family")
    parser.add_argument("--output", default=str(HERE / "families.json"))
    parser.add_argument("--solve", action="store_true", help="only solve the dots")
    given = parser.parse_args()
    config = resolve(("experiment=universal",))["data"]
    if given.solve:
        for family in (*families(config).values(), *UNSEEN.values()):
            dots_of(config, family, given.dots)
        for family in CHOSEN.values():
            dots_of(config, family, given.dots // 2, SEED_OF_CHOSEN)
        return
    predictor, _ = load_predictor(find_weights(given.weights))
    found: dict[str, Any] = {}
    for seen, group in ((True, families(config)), (False, UNSEEN)):
        for name, family in group.items():
            found[name] = {"seen": seen, "dots": judged(predictor, dots_of(config, family, given.dots))}
            errors = [dot["nmae"] for dot in found[name]["dots"]]
            print(f"{name}: mean NMAE {100 * np.mean(errors):.2f} %", flush=True)
    chosen = {
        name: {"dots": judged(predictor, dots_of(config, family, given.dots // 2, SEED_OF_CHOSEN))}
        for name, family in CHOSEN.items()
    }
    content = {"seed": SEED, "provenance": provenance("CPU"), "families": found, "chosen": chosen}
    write_text(Path(given.output), json.dumps(content, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    guarded(main)
