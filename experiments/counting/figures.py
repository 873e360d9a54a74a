"""Draw maps.png: a typical test collage of each finished run, with the contributions to the first class over it.

python -m experiments.counting.figures
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments.counting.run import EXPERIMENT
from experiments.counting.studies import TASKS
from qd_pix2pix.evaluation.localisation import positions_of_samples
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.reports.location_panels import draw_contributions, legend_of_positions, true_positions

HERE = Path(__file__).parent


def typical(predictions: Predictions) -> int:
    """Return the sample of the median error among those with at least two objects of the first class."""
    name = predictions.target.name
    reference = predictions.reference[name]
    error = np.where(reference >= 2, np.abs(predictions.predicted[name] - reference), np.inf)
    return int(np.argsort(error)[np.isfinite(error).sum() // 2])


def maps_figure(found: dict[str, Predictions]) -> Figure:
    """Return one panel for each run."""
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    panels = figure.subplots(2, -(-len(found) // 2), squeeze=False).ravel()
    for panel, (name, p) in zip(panels, found.items(), strict=False):
        i, column = typical(p), p.target
        contributions = p.contributions[column.name][i]
        (places,) = positions_of_samples(contributions[None], p.shape)
        draw_contributions(panel, p.given["picture"][i], contributions, places, true_positions(p, column, i))
        counted, true = p.predicted[column.name][i], p.reference[column.name][i]
        panel.set_title(f"{name}\n{column.name}: {counted:.2f} ({true:.0f})")
    for panel in panels[len(found) :]:
        panel.set_axis_off()
    legend_of_positions(figure)
    return figure


def main() -> None:
    """Draw and save the figure."""
    files = {name: EXPERIMENT.run_folder(name) / "test" / "predictions.h5" for name in TASKS}
    found = {name: Predictions.read(path) for name, path in files.items() if path.is_file()}
    maps_figure(found).savefig(HERE / "maps.png", dpi=110)


if __name__ == "__main__":
    main()
