"""Measures of a split, accumulated batch by batch on any number of devices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from qd_pix2pix.evaluation.measures import Context, has_r2, measures_of, sample_measures


class SplitMetrics(Metric):
    """The R^2 of a split if defined for the kind of column, and the means over its samples of all other measures.

    Sums are in double precision where the device supports it.

    R^2 compares with the mean map of all samples of the same shape.

    Args:
        kind: kind of the column; see ``Column.kind``.
        data_range: high - low of the column in training.
        shapes: shapes of the column's values, without the axis of samples.
    """

    full_state_update = False

    def __init__(self, kind: str, data_range: float, shapes: Sequence[tuple[int, ...]] = ((),)) -> None:
        super().__init__()
        self.kind, self.data_range, self.shapes = kind, data_range, list(shapes)
        self.names = tuple(measure.name for measure in measures_of(kind))
        maps = [f"{name}_{i}" for i in range(len(self.shapes)) for name in ("count", "map")]
        for name in ("count", *maps, "sum_square", "residual", *(f"sum_{name}" for name in self.names)):
            self.add_state(name, torch.zeros(()), dist_reduce_fx="sum")

    def compute_names(self) -> tuple[str, ...]:
        """Return the names of the measures that ``compute`` returns."""
        return ("r2", *self.names) if has_r2(self.kind) else self.names

    count: Tensor
    sum_square: Tensor
    residual: Tensor

    def update(self, pred: Tensor, target: Tensor, mean_density: Tensor | None = None) -> None:
        """Add predictions and references (B, ...) and, for densities, their mean (B,)."""
        if pred.device.type != "mps":
            pred, target = pred.double(), target.double()
        context = Context(self.data_range, mean_density)
        for name, values in sample_measures(self.kind, pred, target, context).items():
            setattr(self, f"sum_{name}", getattr(self, f"sum_{name}") + values.to(pred.dtype).sum())
        self.count = self.count + len(pred)
        if has_r2(self.kind):
            i = self.shapes.index(tuple(target.shape[1:])) if len(self.shapes) > 1 else 0
            setattr(self, f"map_{i}", getattr(self, f"map_{i}") + target.sum(0))
            setattr(self, f"count_{i}", getattr(self, f"count_{i}") + len(target))
            self.sum_square = self.sum_square + target.square().sum()
            self.residual = self.residual + (pred - target).square().sum()

    def compute(self) -> dict[str, Tensor]:
        """Return R^2 and the mean measures, by name."""
        means = {name: getattr(self, f"sum_{name}") / self.count for name in self.names}
        if not has_r2(self.kind):
            return means
        each = [(getattr(self, f"map_{i}"), getattr(self, f"count_{i}")) for i in range(len(self.shapes))]
        total = self.sum_square - sum(found.square().sum() / count for found, count in each if count)
        return {"r2": torch.where(total > 0, 1 - self.residual / total, torch.nan), **means}
