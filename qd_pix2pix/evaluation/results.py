"""Results of an evaluation: measures of predictions, and the files of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.evaluation import located
from qd_pix2pix.evaluation.measures import Context, sample_measures, summarise, with_coverage
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.inference.predict import best_device, device_name
from qd_pix2pix.predictor import ERROR, ERROR_OF, Card, Predictor
from qd_pix2pix.provenance import provenance
from qd_pix2pix.schema import Column, Schema


def measured(predictions: Predictions, predictor: Predictor) -> tuple[Predictions, dict[str, dict[str, Any]]]:
    """Return the predictions with measures of each sample, and a summary for every output with references."""
    measures, summaries = dict(predictions.measures), {}
    for name, reference in predictions.reference.items():
        column = predictions.schema[name]
        pred, target = (np.asarray(f, dtype=np.float64) for f in (predictions.predicted[name], reference))
        found = sample_measures(column.kind, pred, target, _context(column, predictions, predictor))
        measures[name] = with_coverage(measures.get(name, {}) | {k: np.asarray(v) for k, v in found.items()})
        summaries[name] = summarise(column.kind, pred, target, measures[name]) | located.shares(predictions, column)
    return replace(predictions, measures=measures), summaries


def _context(column: Column, predictions: Predictions, predictor: Predictor) -> Context:
    span = predictor.ranges[column.name].span if column.name in predictor.ranges else 1.0
    density = None
    if column.integral:
        sides = [predictions.conditions[side] for side in predictions.schema.domain.sides]
        volume = np.prod(sides, axis=0) if sides else float(np.prod(predictions.shape))
        density = predictions.conditions[column.integral] / volume
    return Context(span, density)


def estimates(predictor: Predictor, found: dict[str, NDArray]) -> dict[str, dict[str, NDArray]]:
    """Remove the estimated errors from predictions by name; return them as measures of single samples, by output."""
    measures = {predictor.target.name: {"estimated_error": found.pop(ERROR)}} if ERROR in found else {}
    for name in (c.name for c in predictor.outputs if ERROR_OF.format(c.name) in predictor.estimates):
        measures[name] = {"error_bar": found.pop(ERROR_OF.format(name))}
    return measures


def new_record(
    predictor: Predictor, card: Card, checkpoint: Path, schema: Schema, recipe: Mapping[str, Any], samples: int
) -> Evaluation:
    """Return the record of an evaluation of ``samples`` samples, without measures."""
    return Evaluation(
        mapping=predictor.title,
        samples=samples,
        origin="",
        checkpoint=str(checkpoint),
        measures={},
        also={},
        schema=schema.to_dict(),
        recipe=dict(recipe),
        model=card.to_dict(),
        provenance=provenance(device_name(best_device())),
    )


def write_results(predictions: Predictions, predictor: Predictor, record: Evaluation, folder: Path) -> Evaluation:
    """Write ``predictions.h5`` and ``metrics.json`` into ``folder``; return the record in the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    predictions, summaries = measured(predictions, predictor)
    predictions.write(folder / "predictions.h5")
    target = predictor.target.name
    also = {name: summary for name, summary in summaries.items() if name != target}
    record = replace(record, measures=record.measures | summaries.get(target, {}), also=also)
    record.write(folder)
    return record
