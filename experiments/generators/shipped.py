"""Measure the shipped Ising generators again, as ``experiments.generators.run ising`` does after their training.

python -m experiments.generators.shipped      (ten minutes on one core)

From the root. The measures of these two runs in results.json are replaced; the data are generated once and kept under
data/.
"""

from __future__ import annotations

import json
from pathlib import Path

from experiments.generators.copies import DATA, SHIPPED
from experiments.generators.measure import of_ising
from qd_pix2pix import from_pretrained
from qd_pix2pix.cli import guarded
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.store import Store
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measure and write."""
    for name, weights in SHIPPED.items():
        sampler = from_pretrained(weights, device="cpu")
        store = Store(generate(sampler.card.recipes[0], DATA))
        measured = {**of_ising(sampler, store), "measured": provenance("CPU")}
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
        results[name] |= measured
        write_text(RESULTS, json.dumps(results, indent=1, allow_nan=False) + "\n")
        print(name, "is measured", flush=True)


if __name__ == "__main__":
    guarded(main)
