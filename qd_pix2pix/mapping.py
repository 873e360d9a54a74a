"""From one field to another: which is given, which is asked, and the scaling to the network's range [-1, 1].

    encode: z = 2 (f - low) / (high - low) - 1,    decode: f = low + (z + 1) (high - low) / 2

with one pair (low, high) per field, the extremes over the training split (low = 0 for densities). Never per image: that
would throw the physics away.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from typing import Any

from torch import Tensor, nn

from qd_pix2pix.fields import Field, get_field


class Mapping(nn.Module):
    """``source`` -> ``target``, names of fields. Its scales travel in the checkpoint, as plain numbers.

    Raises:
        ValueError: a name is no field, or both are the same.
    """

    def __init__(self, source: str, target: str) -> None:
        super().__init__()
        self.source: Field = get_field(source)
        self.target: Field = get_field(target)
        if source == target:
            raise ValueError(f"mapping: source and target are both {source!r}; choose two fields")
        self.ranges: dict[str, tuple[float, float]] = {}

    def fit(self, statistics: Dict[str, Dict[str, float]]) -> Mapping:
        """Take the scales from the statistics of a training split (``Store.statistics``)."""
        for field in (self.source, self.target):
            low, high = statistics[field.name]["min"], statistics[field.name]["max"]
            low = 0.0 if field.is_density else low
            if not high > low:
                raise ValueError(
                    f"mapping: {field.name} has the same value {low:g} everywhere in the training split; "
                    "there is nothing to learn. Choose a potential family that varies."
                )
            self.ranges[field.name] = (low, high)
        return self

    def span(self, field: Field) -> float:
        """High - low of a field, in its unit: the data range of SSIM."""
        low, high = self._range(field)
        return high - low

    def encode_source(self, values: Tensor) -> Tensor:
        """Physical units -> [-1, 1], any shape."""
        return self._encode(values, self.source)

    def encode_target(self, values: Tensor) -> Tensor:
        """Physical units -> [-1, 1], any shape."""
        return self._encode(values, self.target)

    def decode_target(self, values: Tensor) -> Tensor:
        """[-1, 1] -> physical units, any shape."""
        low, high = self._range(self.target)
        return low + (values + 1) * ((high - low) / 2)

    def _encode(self, values: Tensor, field: Field) -> Tensor:
        low, high = self._range(field)
        return (values - low) * (2 / (high - low)) - 1

    def _range(self, field: Field) -> tuple[float, float]:
        if field.name not in self.ranges:
            raise RuntimeError("the mapping has no scales yet: call fit(statistics) or load a checkpoint")
        return self.ranges[field.name]

    def get_extra_state(self) -> dict[str, Any]:
        """What the checkpoint keeps: plain numbers, exact in every precision of the network."""
        return {name: list(pair) for name, pair in self.ranges.items()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the scales out of a checkpoint."""
        self.ranges = {name: (float(low), float(high)) for name, (low, high) in state.items()}

    def extra_repr(self) -> str:
        """Shown when the model is printed."""
        return f"{self.source.name} -> {self.target.name}, {self.ranges}"
