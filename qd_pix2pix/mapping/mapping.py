"""What is given and what is asked, and the scaling to the network's range [-1, 1].

    encode: z = 2 (f - low) / (high - low) - 1,    decode: f = low + (z + 1) (high - low) / 2

with one pair (low, high) per field, the extremes over the training split (low = 0 for densities). Never per image: that
would throw the physics away.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from qd_pix2pix.schema import Field, get_field


class Range(NamedTuple):
    """Lowest and highest value of a quantity in training, in its unit."""

    low: float
    high: float

    def encode(self, values: Tensor) -> Tensor:
        """Physical units -> [-1, 1], any shape."""
        return (values - self.low) * (2 / (self.high - self.low)) - 1

    def decode(self, values: Tensor) -> Tensor:
        """[-1, 1] -> physical units, any shape."""
        return self.low + (values + 1) * ((self.high - self.low) / 2)


class Mapping(nn.Module):
    """``source`` -> ``target`` and, from the same network, ``also``. The scales travel in the checkpoint.

    Args:
        source: name of the field that is given.
        target: name of the field that is asked, by which a model is judged first.
        also: names of more fields and numbers that are asked: n0, n_int, energy, gap.

    Raises:
        ValueError: a name is no field, or given twice.
    """

    def __init__(self, source: str, target: str, also: Sequence[str] = ()) -> None:
        super().__init__()
        self.source: Field = get_field(source)
        self.target: Field = get_field(target)
        self.outputs: tuple[Field, ...] = (self.target, *(get_field(name) for name in also))
        names = [source, *(field.name for field in self.outputs)]
        if source == target:
            raise ValueError(f"mapping: source and target are both {source!r}; choose two fields")
        if len(set(names)) < len(names):
            raise ValueError(f"mapping.also: expected each quantity once, got {', '.join(names)}")
        for word, field in (("source", self.source), ("target", self.target)):
            if field.is_scalar:
                raise ValueError(f"mapping.{word}: expected a field, got the number {field.name!r}; put it into also")
        self.ranges: dict[str, Range] = {}

    def fit(self, statistics: Dict[str, Dict[str, float]]) -> Mapping:
        """Take the scales from the statistics of a training split (``Store.statistics``)."""
        for field in (self.source, *self.outputs):
            low, high = statistics[field.name]["min"], statistics[field.name]["max"]
            low = 0.0 if field.is_density else low
            if not high > low:
                raise ValueError(
                    f"mapping: {field.name} has the same value {low:g} everywhere in the training split; "
                    "there is nothing to learn. Choose a potential family that varies."
                )
            self.ranges[field.name] = Range(low, high)
        return self

    def range(self, field: Field) -> Range:
        """Lowest and highest value of a field in training."""
        if field.name not in self.ranges:
            raise RuntimeError("the mapping has no scales yet: call fit(statistics) or load a checkpoint")
        return self.ranges[field.name]

    def span(self, field: Field) -> float:
        """High - low of a field, in its unit: the data range of SSIM."""
        low, high = self.range(field)
        return high - low

    def encode_source(self, values: Tensor) -> Tensor:
        """Physical units -> [-1, 1], any shape."""
        return self.range(self.source).encode(values)

    def encode_target(self, values: Tensor) -> Tensor:
        """Physical units -> [-1, 1], any shape."""
        return self.range(self.target).encode(values)

    def decode_target(self, values: Tensor) -> Tensor:
        """[-1, 1] -> physical units, any shape."""
        return self.range(self.target).decode(values)

    def get_extra_state(self) -> dict[str, Any]:
        """What the checkpoint keeps: plain numbers, exact in every precision of the network."""
        return {name: list(pair) for name, pair in self.ranges.items()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the scales out of a checkpoint."""
        self.ranges = {name: Range(float(low), float(high)) for name, (low, high) in state.items()}

    def extra_repr(self) -> str:
        """Shown when the model is printed."""
        return f"{self.source.name} -> {', '.join(field.name for field in self.outputs)}, {self.ranges}"
