"""Write the picture at the top of the README, and results.json, from the evaluation of a run.

python -m experiments.quickstart.figures runs/V_to_nint-pix2pix/<time>/test --minutes 9.5
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.files import write_text
from qd_pix2pix.reports.figures import Axes, comparison

HERE = Path(__file__).parent
NAMES = ("typical", "typical", "worst of 100")


def main() -> None:
    """Write dots.png and results.json beside this file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="test/ of a run")
    parser.add_argument("--minutes", type=float, required=True, help="duration of make run, installation excluded")
    given = parser.parse_args()
    p = Predictions.read(given.folder / "predictions.h5")
    order = np.argsort(p.measures["nmae"])
    chosen = [*order[len(order) // 2 : len(order) // 2 + 2], order[-1]]
    titles = [f"{name}, NMAE {100 * p.measures['nmae'][i]:.1f} %" for name, i in zip(NAMES, chosen, strict=True)]
    axes = Axes(p.extent, p.units, p.source_field, p.target_field)
    figure = comparison(axes, p.source[chosen], p.target[chosen], p.predicted[chosen], titles)  # type: ignore[index]
    figure.savefig(HERE / "dots.png", dpi=110)
    record = json.loads((given.folder / "metrics.json").read_text(encoding="utf-8"))
    results = {
        "source": f"metrics.json of {record['provenance']['time']}, commit {record['provenance']['commit']}",
        "command": "python train.py experiment=quickstart",
        "hardware": record["provenance"]["hardware"],
        "seed": record["recipe"]["seed"],
        "dots": record["dots"],
        "minutes": given.minutes,
        "measures": record["measures"],
    }
    write_text(HERE / "results.json", json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
