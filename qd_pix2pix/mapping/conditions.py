"""Inputs other than fields: constants of a dataset or columns of its samples, such as N, m* or a coupling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from qd_pix2pix.mapping.mapping import Range
from qd_pix2pix.schema import Schema


class Conditions:
    """The conditions of training, by name; those that vary enter the network as constant channels in [-1, 1].

    Args:
        schemas: schemas of all training datasets.
        statistics: statistics of their training splits together.
        kept: extremes of those that are inputs of the network, if it starts from the weights of another one.

    Attributes:
        low, high: extremes in training, by name.
        usual: default value of each condition, that of the first dataset; columns of the samples have no default.
        varying: names of the conditions that vary.
    """

    def __init__(
        self,
        schemas: Sequence[Schema],
        statistics: Mapping[str, Mapping[str, float]],
        kept: Mapping[str, Range] | None = None,
    ) -> None:
        constants = {c.name: [float(schema.constants[c.name]) for schema in schemas] for c in schemas[0].conditions}
        drawn = {c.name: statistics[c.name] for c in schemas[0].of_role("condition") if c.name in statistics}
        self.low = {n: min(v) for n, v in constants.items()} | {n: s["min"] for n, s in drawn.items()}
        self.high = {n: max(v) for n, v in constants.items()} | {n: s["max"] for n, s in drawn.items()}
        self.usual = {name: float(value) for name, value in schemas[0].constants.items()}
        if kept is not None:
            if unknown := [name for name in kept if name not in self.low]:
                raise ValueError(f"init_from: the network takes {', '.join(unknown)}, which these samples do not have")
            # the order is that of the network's channels
            self.low = {n: span.low for n, span in kept.items()} | {n: v for n, v in self.low.items() if n not in kept}
            self.high |= {name: span.high for name, span in kept.items()}
        self.varying = tuple(name for name in self.low if self.high[name] > self.low[name])
        if kept is not None and (new := [name for name in self.varying if name not in kept]):
            raise ValueError(f"init_from: {', '.join(new)} varies, which the network does not take as an input")

    def __len__(self) -> int:
        return len(self.varying)

    def channels(self, columns: Mapping[str, Tensor], like: Tensor) -> Tensor:
        """Return channels (B, len(self), *points) from conditions (B,) by name; type and points are those of ``like``.

        Raises:
            ValueError: a condition that varies is missing.
        """
        if missing := [name for name in self.varying if name not in columns]:
            raise ValueError(f"conditions: expected {', '.join(missing)}, for which the network was trained in a range")
        points = like.shape[2:]
        if not self.varying:
            return like.new_empty(like.shape[0], 0, *points)
        values = torch.stack([columns[name].to(torch.float32) for name in self.varying], dim=1)
        bounds = ([bound[name] for name in self.varying] for bound in (self.low, self.high))
        low, high = (torch.tensor(bound, dtype=values.dtype, device=values.device) for bound in bounds)
        scaled = 2 * (values - low) / (high - low) - 1
        return scaled.to(like.dtype).reshape(*scaled.shape, *(1,) * len(points)).expand(-1, -1, *points)
