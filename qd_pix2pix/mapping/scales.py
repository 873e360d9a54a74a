"""The scales of inputs and outputs that a network has been trained with.

They follow from the training data. A network that starts from the weights of another one keeps the scales of that
network: with others the same weights would be another map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qd_pix2pix.mapping.mapping import Range
from solvers.checks import check_integer, check_range


@dataclass(frozen=True)
class Scales:
    """The scales of a network.

    Attributes:
        ranges: lowest and highest value of each quantity.
        conditions: the same for each condition that is an input of the network.
        points: points of the samples for which a sum over points is the number itself.
    """

    ranges: dict[str, Range]
    conditions: dict[str, Range]
    points: tuple[int, ...]

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Scales:
        """The scales from plain containers.

        Raises:
            ValueError: they are incomplete, or hold other values than numbers.
        """
        try:
            ranges = {str(name): _range(str(name), value) for name, value in content["ranges"].items()}
            conditions = {str(name): _range(str(name), [low, high]) for name, low, high in content["conditions"]}
            points = tuple(content["points"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"checkpoint: the scales of its card are incomplete ({error})") from None
        for n in points:
            check_integer("checkpoint: the scales of its card: points", n, 1)
        return cls(ranges, conditions, points)

    def to_dict(self) -> dict[str, Any]:
        """The scales as plain containers, for files."""
        ranges = {name: [float(span.low), float(span.high)] for name, span in self.ranges.items()}
        # a list: the order is that of the network's channels, and JSON sorts names
        conditions = [[name, float(span.low), float(span.high)] for name, span in self.conditions.items()]
        return {"ranges": ranges, "conditions": conditions, "points": list(self.points)}


def _range(name: str, value: Any) -> Range:
    check_range(f"checkpoint: the scales of its card: {name}", value)
    if not value[1] > value[0]:
        raise ValueError(f"checkpoint: the scales of its card: {name} has the same value {value[0]:g} everywhere")
    return Range(float(value[0]), float(value[1]))
