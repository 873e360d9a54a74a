"""Compare the fast network with products in bfloat16 and in float32, on the test dots of measure.py.

    python -m experiments.universal.rounding

From the root, a minute on one thread with these dots at hand. Writes rounding.json. Elsewhere than on a processor with
units for bfloat16 both are the same, and nothing is written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.universal.measure import DOTS, UNSEEN, dots_of, families
from qd_pix2pix.cli import guarded
from qd_pix2pix.evaluation.measures import nmae
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.predict import predict
from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.networks.blocks import multiplies_bf16
from qd_pix2pix.networks.residual_unet import set_bf16
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.provenance import provenance
from qd_pix2pix.sweeps.plan import resolve

HERE = Path(__file__).parent
GIVEN = ("V", "n_electrons", "coupling")
"""Columns that the network takes."""


def row(name: str, dots: dict[str, Any], predictor: Predictor) -> dict[str, Any]:
    """Return the mean change of densities of a family, relative to N, and both errors."""
    found = {}
    for bf16 in (False, True):
        set_bf16(predictor, bf16)
        given = {column: dots[column] for column in GIVEN}
        found[bf16] = predict(predictor, given, progress=False, device="cpu")["n_int"].astype(float)
    errors = {word: nmae(found[bf16], dots["n_int"].astype(float)) for word, bf16 in (("exact", False), ("bf16", True))}
    change = nmae(found[True], found[False])
    return {
        "family": name,
        "dots": len(change),
        "change": float(change.mean()),
        "largest": float(np.max(change)),
        **{word: float(values.mean()) for word, values in errors.items()},
    }


def main() -> None:
    """Compare both on all families, write the results."""
    if not multiplies_bf16("cpu"):
        raise ValueError("rounding: expected a processor with units for bfloat16, which this one has not")
    torch.set_num_threads(1)
    config = resolve(("experiment=universal",))["data"]
    predictor = load_predictor(find_weights("universal-fast"))[0]
    rows = [row(name, dots_of(config, f, DOTS), predictor) for name, f in {**families(config), **UNSEEN}.items()]
    content = {"rows": rows, "provenance": provenance("CPU")}
    write_text(HERE / "rounding.json", json.dumps(content, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    guarded(main)
