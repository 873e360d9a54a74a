"""Places of the objects whose numbers an ``EDNN`` predicts: maps of contributions, recall and precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from qd_pix2pix.evaluation.localisation import localise, marked, positions_of_samples
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.inference.predict import contributions, summed
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.schema import Column


def mark_fields(predictor: Predictor) -> list[str]:
    """Return the fields that mark the objects whose numbers an ``EDNN`` predicts; none for any other network."""
    return list(dict.fromkeys(column.marked_in for column in summed(predictor) if column.marked_in))


def maps(
    predictor: Predictor,
    columns: Mapping[str, NDArray],
    device: torch.device | None = None,
    batch_size: int | None = None,
) -> dict[str, NDArray]:
    """Return the contributions of tiles to the numbers of marked objects."""
    if not mark_fields(predictor):
        return {}
    found = contributions(predictor, columns, device, batch_size)
    return {name: values for name, values in found.items() if predictor.schema[name].marked_in}


def shares(predictions: Predictions, column: Column) -> dict[str, float]:
    """Return recall and precision of the positions of marked objects, where defined; needs contributions and marks."""
    if column.name not in predictions.contributions or column.marked_in not in predictions.marks:
        return {}
    found = positions_of_samples(predictions.contributions[column.name], predictions.shape)
    true = [marked(field, column.mark) for field in predictions.marks[column.marked_in]]
    result = localise(found, true)
    found_shares = {"recall": result.recall, "precision": result.precision}
    return {name: share for name, share in found_shares.items() if np.isfinite(share)}
