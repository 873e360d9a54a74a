"""The base of all generators: labels as channels, and fields in [-1, 1] as physical values.

    x ~ p(x | labels, conditions)

A label is a number of the sample. One that is extensive enters the network per point, so that it means the same for a
sample of any size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Column
from solvers.checks import check_integer, check_number


class Generator(Predictor):
    """A predictor that draws its target at the labels ``mapping.given``.

    Args:
        card: description of the generator; see ``Card``.

    Attributes:
        labels: columns of the labels.

    Raises:
        ValueError: the card is inconsistent.
    """

    READS: ClassVar[bool] = False
    """True if numbers ``mapping.also`` are read off samples."""

    def __init__(self, card: Card) -> None:
        super().__init__(card)
        if self.mapping.sources:
            raise ValueError(
                f"mapping.source: a generator is given numbers, mapping.given; got {', '.join(self.mapping.sources)}. "
                "Use mapping.source=null, or model=pix2pix"
            )
        if not self.target.is_field:
            raise ValueError(
                f"mapping.target: a generator draws a field; got the {self.target.role} {self.target.name}"
            )
        if len(self.outputs) > 1 and not self.READS:
            names = ", ".join(self.mapping.outputs[1:])
            raise ValueError(
                f"mapping.also: this generator draws {self.target.name} only, got {names}; use mapping.given for "
                "labels, or model=gan, whose discriminator predicts numbers"
            )

    @property
    def labels(self) -> tuple[Column, ...]:
        """The columns of the labels."""
        return tuple(self.schema[name] for name in self.mapping.labels)

    @property
    def title(self) -> str:
        """The labels and the target as text."""
        return f"{', '.join(self.mapping.labels) or 'noise'} -> {self.target.name}"

    @property
    def n_labels(self) -> int:
        """The number of channels of labels and conditions."""
        return len(self.mapping.labels) + len(self.conditions)

    @property
    def n_raw(self) -> int:
        """The number of output channels of the network: those of the target."""
        return self.channels[0]

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise ValueError unless samples of ``shape`` points can be drawn."""

    def evaluate(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the network's output (B, k, *points), float32.

        Raises:
            ValueError: it does not have the points ``shape`` of the samples.
        """
        found = self.network(x).float()
        if tuple(found.shape[2:]) != tuple(shape):
            raise ValueError(
                f"network: expected an output of {tuple(shape)} points from {tuple(x.shape[2:])}, got "
                f"{tuple(found.shape[2:])}; use network=residual_generator for model=rugan, mills_generator for "
                "model=gan, residual_trunk for model=flow"
            )
        return found

    def label_channels(self, columns: Mapping[str, Tensor], shape: Sequence[int], like: Tensor) -> Tensor:
        """Return labels and conditions (B,) of samples of ``shape`` points as channels (B, k, *points of ``like``)."""
        share = math.prod(self.points) / math.prod(shape)
        values = [
            self.ranges[c.name].encode(columns[c.name].to(like) * (share if c.extensive else 1.0)) for c in self.labels
        ]
        points = like.shape[2:]
        given = torch.stack(values, 1) if values else like.new_empty(len(like), 0)
        own = given.reshape(*given.shape, *(1,) * len(points)).expand(-1, -1, *points)
        return torch.cat([own, self.conditions.channels(columns, like)], 1) if len(self.conditions) else own

    def encode(self, columns: Mapping[str, Tensor]) -> Tensor:
        """Return the target of samples, scaled to [-1, 1], (B, 1, *points)."""
        return self.ranges[self.target.name].encode(columns[self.target.name])[:, None]

    def decode(self, scaled: Tensor) -> Tensor:
        """Return physical values (B, *points) of a target in [-1, 1], (B, 1, *points): the nearest of few values.

        Other values are within the bounds of the target also after rounding: pi in single precision is above pi.
        """
        values = self.ranges[self.target.name].decode(scaled[:, 0])
        if not self.target.values:
            bounds = [_rounded(self.target.low, np.inf), _rounded(self.target.high, -np.inf)]
            return values if bounds == [None, None] else values.clamp(*bounds)
        known = torch.tensor(sorted(self.target.values), dtype=values.dtype, device=values.device)
        return known[torch.bucketize(values, (known[1:] + known[:-1]) / 2)]

    def sample(self, columns: Mapping[str, Tensor], shape: Sequence[int], random: torch.Generator) -> Tensor:
        """Return one sample (B, *points) for each row of the labels and conditions ``columns`` (B,).

        Args:
            columns: labels and conditions by name, (B,) each; extensive ones are those of the whole sample. Without
                any, a column ``count`` (B,) of any values sets how many samples are drawn.
            shape: points of the samples.
            random: stream of random numbers, on the processor.
        """
        raise NotImplementedError

    def probe(self, columns: Mapping[str, Tensor], shape: Sequence[int]) -> None:
        """Evaluate the network once for samples of ``shape`` points; see ``sample``."""
        self.sample(columns, shape, torch.Generator())

    def normal(self, shape: Sequence[int], random: torch.Generator) -> Tensor:
        """Return normal random numbers of the processor's stream, on the predictor's device."""
        weight = next(self.network.parameters())
        return torch.randn(tuple(shape), generator=random).to(weight)

    def try_on(self, shape: Sequence[int]) -> None:
        """Evaluate the network for one sample of ``shape`` points at the lowest labels.

        Raises:
            ValueError: no sample of this shape can be drawn.
        """
        self.check_shape(shape)
        device = next(self.network.parameters()).device
        lowest = {c.name: self.ranges[c.name].low for c in self.labels} | self.conditions.low
        columns = {name: torch.full((1,), float(value), device=device) for name, value in lowest.items()}
        training = self.training
        try:
            with torch.no_grad():
                self.eval().probe(columns or {"count": torch.zeros(1, device=device)}, shape)
        except RuntimeError as error:
            raise ValueError(f"network: it does not draw fields of shape {tuple(shape)} ({error})") from None
        finally:
            self.train(training)

    def option(self, name: str, kind: type[int] | type[float], low: float) -> Any:
        """Return an option of the card.

        Raises:
            ValueError: it has another type, or is too small.
        """
        value: Any = self.options.get(name)
        if kind is int:
            check_integer(f"model.{name}", value, int(low))
        else:
            check_number(f"model.{name}", value, low)
        return kind(value)


def _rounded(bound: float | None, inside: float) -> float | None:
    """Return a bound as the nearest number of single precision that is not beyond it, in the direction ``inside``."""
    if bound is None:
        return None
    near = np.float32(bound)
    beyond = float(near) < bound if inside > 0 else float(near) > bound
    return float(np.nextafter(near, np.float32(inside)) if beyond else near)


def rows(columns: Mapping[str, Tensor]) -> int:
    """Return the number of samples of columns."""
    return len(next(iter(columns.values())))
