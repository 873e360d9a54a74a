"""The picture at the top of the README: two typical dots and the worst one, from an evaluation's predictions file.

python experiments/quickstart/figures.py runs/V_to_nint-pix2pix/<time>/test
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.reports.figures import Axes, comparison


def main(folder: Path) -> None:
    """Write dots.png beside this file."""
    p = Predictions.read(folder / "predictions.h5")
    order = np.argsort(p.measures["nmae"])
    chosen = [*order[len(order) // 2 : len(order) // 2 + 2], order[-1]]
    titles = [f"{name}, NMAE {100 * p.measures['nmae'][i]:.1f} %" for name, i in zip(NAMES, chosen, strict=True)]
    axes = Axes(p.extent, p.units, p.source_field, p.target_field)
    figure = comparison(axes, p.source[chosen], p.target[chosen], p.predicted[chosen], titles)  # type: ignore[index]
    figure.savefig(Path(__file__).parent / "dots.png", dpi=110)


NAMES = ("typical", "typical", "worst of 100")

if __name__ == "__main__":
    main(Path(sys.argv[1]))
