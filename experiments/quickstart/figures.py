"""Write the picture at the top of the README, and results.json, from the evaluation of a run.

python -m experiments.quickstart.figures runs/V_to_nint-pix2pix/<time>/test --minutes 9.5
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.files import write_text
from qd_pix2pix.reports.figures import Frame, comparison

HERE = Path(__file__).parent
NAMES = ("typical", "typical", "worst of 100")


def main() -> None:
    """Write dots.png and results.json beside this file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="test/ of a run")
    parser.add_argument("--minutes", type=float, required=True, help="duration of make run, installation excluded")
    options = parser.parse_args()
    p = Predictions.read(options.folder / "predictions.h5")
    nmae = p.measures[p.target.name]["nmae"]
    order = np.argsort(nmae)
    chosen = [*order[len(order) // 2 : len(order) // 2 + 2], order[-1]]
    titles = [f"{name}, NMAE {100 * nmae[i]:.1f} %" for name, i in zip(NAMES, chosen, strict=True)]
    frames = [Frame(p.schema, p.of_sample(i)) for i in chosen]
    given = [(p.schema[name], values[chosen]) for name, values in p.given.items()]
    reference, predicted = (fields[p.target.name][chosen] for fields in (p.reference, p.predicted))
    figure = comparison(frames, given, p.target, reference, predicted, titles)
    figure.savefig(HERE / "dots.png", dpi=110)
    record = Evaluation.read(options.folder)
    results = {
        "source": "metrics.json of {time}, commit {commit}".format(**record.provenance),
        "command": "python train.py experiment=quickstart",
        "hardware": record.provenance["hardware"],
        "seed": record.recipe["seed"],
        "dots": record.samples,
        "minutes": options.minutes,
        "measures": record.measures,
    }
    write_text(HERE / "results.json", json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
