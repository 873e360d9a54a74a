"""Remarks on data that differ from those of the initial weights of a training."""

from __future__ import annotations

from collections.abc import Mapping

from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.training.initial import KEY

REACH = 0.1
"""Share of a range by which data may leave the range of a bounded head."""


def reach(predictor: Predictor, statistics: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return remarks on predicted columns that leave the range of a bounded head in the new data.

    Raises:
        ValueError: they leave it by more than a tenth of the range, which the head cannot learn.
    """
    remarks = []
    for column in predictor.outputs:
        head = type(predictor.head(column)).__name__
        if head not in ("BoundedHead", "TanhHead") or column.name not in statistics:
            continue
        span, seen = predictor.ranges[column.name], statistics[column.name]
        beyond = max(span.low - seen["min"], seen["max"] - span.high)
        text = (
            f"{column.name} has values {seen['min']:.4g} ... {seen['max']:.4g} in the new data, and the head of the "
            f"initial network ends at {span.low:.4g} ... {span.high:.4g}"
        )
        if beyond > REACH * span.span:
            raise ValueError(f"{KEY}: {text}; train without {KEY}, or start from a network of such data")
        if beyond > 0:
            remarks.append(text)
    return remarks


def spacing(initial: Card, card: Card) -> list[str]:
    """Return a remark where the points of the samples have another spacing than those of the initial training."""
    steps = []
    for schema in (initial.schema, card.schema):
        domain = schema.domain
        lengths = domain.lengths(schema.constants) if set(domain.sides) <= set(schema.constants) else ()
        steps.append([f"{length / n:.4g}" for length, n in zip(lengths, domain.shape, strict=False)])
    unit = card.schema.unit(card.schema[card.schema.domain.sides[0]]) if card.schema.domain.sides else ""
    if steps[0] == steps[1]:
        return []
    there, here = (" and ".join(dict.fromkeys(step)) for step in steps)
    return [f"points are {here} {unit} apart, in the initial training {there}".replace("  ", " ")]
