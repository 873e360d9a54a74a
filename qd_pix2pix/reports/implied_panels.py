"""What the predictions of a split imply, beside exact results, on the page of a run. No import of torch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.reports.number_figures import with_exact
from qd_pix2pix.reports.page import Panel, figure_panel


def implied_panels(record: Evaluation) -> Iterator[Panel]:
    """Yield a figure of each curve of the record; see ``systems.recipe.Curve``."""
    for curve in record.curves:
        values, exact = (np.array(curve[name], dtype=float) for name in ("predicted", "exact"))
        figure = with_exact(np.array(curve["x"]), values, exact, curve["xlabel"], curve["ylabel"])
        yield figure_panel(figure, curve["caption"])
