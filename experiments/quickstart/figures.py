"""Write the picture at the top of the README, and results.json, from the runs of ``make run``.

python -m experiments.quickstart.figures runs/sweeps/quickstart --minutes 7.5
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
from qd_pix2pix.sweeps.study import read_study

HERE = Path(__file__).parent


def main() -> None:
    """Write dots.png and results.json beside this file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the sweep")
    parser.add_argument("--minutes", type=float, required=True, help="duration of make run, installation excluded")
    options = parser.parse_args()
    tests = {p.values["model"]: options.folder / p.records[0].key / "test" for p in read_study(options.folder).points}
    draw({model: Predictions.read(folder / "predictions.h5") for model, folder in tests.items()})
    records = {model: Evaluation.read(folder) for model, folder in tests.items()}
    first = next(iter(records.values()))
    results = {
        "source": "metrics.json of {time}, commit {commit}".format(**first.provenance),
        "command": "python train.py -m sweep=quickstart",
        "hardware": first.provenance["hardware"],
        "seed": first.recipe["seed"],
        "train": first.recipe["train"],
        "dots": first.samples,
        "minutes": options.minutes,
        "label_error": first.label_error,
        "measures": {model: record.measures for model, record in records.items()},
    }
    write_text(HERE / "results.json", json.dumps(results, indent=1) + "\n")


def draw(found: dict[str, Predictions]) -> None:
    """Draw a typical dot and the worst one of pix2pix, each with the predictions of all models."""
    first = found.get("pix2pix") or next(iter(found.values()))
    order = np.argsort(first.measures[first.target.name]["nmae"])
    rows = [(name, i, p) for name, i in (("typical", order[len(order) // 2]), ("worst", order[-1])) for p in found]
    titles, frames, reference, predicted = [], [], [], []
    for name, i, model in rows:
        p = found[model]
        titles.append(f"{name} dot, {model}: NMAE {100 * p.measures[p.target.name]['nmae'][i]:.1f} %")
        frames.append(Frame(p.schema, p.of_sample(i)))
        reference.append(p.reference[p.target.name][i])
        predicted.append(p.predicted[p.target.name][i])
    chosen = [i for _, i, _ in rows]
    given = [(first.schema[name], values[chosen]) for name, values in first.given.items()]
    figure = comparison(frames, given, first.target, np.array(reference), np.array(predicted), titles)
    figure.savefig(HERE / "dots.png", dpi=100)


if __name__ == "__main__":
    main()
