"""Rectangles for networks of squares: the square of the longer side, with a high potential around the rectangle.

A step of height W acts on levels far below W as a hard wall behind it: with kappa = (2 W)^1/2 the wave function falls
as exp(-kappa r), and extrapolates to zero at the distance d = 1 / kappa. In units of the longer side, with d in points
of n,

    W = n^2 / (2 d^2),

and the outermost points of the rectangle belong to the step. d is at least one point, and less than two, so that the
rectangle is in the middle of the square: beside it, mirror images would have different predictions. Lengths here are in
points of the network, and coordinates start in the middle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from qd_pix2pix.schema import Column, Schema
from solvers.checks import SMALLEST, check_array, number_of

MOST_ELONGATED = 2.0
"""Largest ratio of the sides; experiments/universal measures rectangles up to it. Errors at 3 : 1 are larger."""
MORE_ERROR = 1.3
"""Estimated error of rectangles over that of the square: calibrated on squares, it covers fewer of them."""
DEPTH = 1.0
"""The least distance d in points."""
ROUNDING = 1e-9
"""Part of a point that is rounding."""


def names_of(side: str) -> tuple[str, str]:
    """Return the names of the sides along x and y in the place of one ``side``."""
    return f"{side}_x", f"{side}_y"


def of_rectangles(schema: Schema, sides: Mapping[str, float] | None = None) -> Schema:
    """Return the schema with these ``sides`` by name, None: equal ones, in the place of one."""
    parts: list[Column] = []
    side = schema.domain.sides[0]
    rest = {name: value for name, value in schema.constants.items() if name != side}
    sides = sides or dict.fromkeys(names_of(side), schema.constants[side])
    for column in schema.conditions:
        pair = zip(names_of(side), "xy", strict=True)
        along = [replace(column, name=n, symbol=f"L_{a}", description=f"side along {a}") for n, a in pair]
        parts += along if column.name == side else [column]
    domain = replace(schema.domain, sides=names_of(side), symmetry="rectangle")
    return replace(schema, domain=domain, conditions=tuple(parts), constants={**rest, **sides})


def both_sides(side: str, given: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the sides along x and y by name, where a pair or both are given and they differ, and all else.

    Raises:
        ValueError: they are no lengths, one is missing, or one is much longer.
    """
    names, rest = names_of(side), dict(given)
    pair = number_of(rest.pop(side, None))
    parts = [number_of(rest.pop(name, None)) for name in names]
    if not isinstance(pair, (list, tuple, np.ndarray)):
        if parts == [None, None]:
            return {}, dict(given)
        if pair is not None or None in parts:
            raise ValueError(f"{side}: expected one side, or {side}=(L_x, L_y); got {pair!r} and {parts!r}")
        pair = parts
    x, y = check_array(side, pair, (2,), low=SMALLEST).tolist()
    if x == y:
        return {}, rest | {side: x}
    if max(x, y) > MOST_ELONGATED * min(x, y) * (1 + 1e-6):
        raise ValueError(
            f"{side}: expected sides of at most {MOST_ELONGATED:g} : 1, got {x:g} and {y:g}. Extend the shorter side "
            "by walls, or use the solver"
        )
    return dict(zip(names, (x, y), strict=True)), rest


@dataclass(frozen=True)
class Frame:
    """A rectangle within a square of ``n`` points per side; ``parts`` are its sides over the longer one."""

    n: int
    parts: tuple[float, float]

    @classmethod
    def of(cls, n: int, sides: tuple[float, ...]) -> Frame:
        """The frame of a rectangle with these ``sides`` along x and y."""
        x, y = (side / max(sides) for side in sides)
        return cls(n, (x, y))

    @property
    def points(self) -> tuple[int, int]:
        """Points of the rectangle along x and y, as many as fit."""
        x, y = (round(self.n * part) for part in self.parts)
        return x, y

    @property
    def kept(self) -> tuple[int, int]:
        """Points of the square whose potential is that of the rectangle."""
        steps = (0 if part == 1 else math.ceil(self.n * (1 - part) / 2 + DEPTH - ROUNDING) for part in self.parts)
        x, y = (self.n - 2 * step for step in steps)
        return x, y

    @property
    def wall(self) -> float:
        """W in hbar^2 / (m* L^2), L the longer side."""
        depth = min((self.n * part - k) / 2 for part, k in zip(self.parts, self.kept, strict=True) if part < 1)
        return self.n**2 / (2 * depth**2)

    def inside(self, values: Tensor) -> Tensor:
        """Return fields (B, *points) of the rectangle at those points of the square that are kept, (B, k_x, k_y)."""
        places = zip(self.parts, self.points, self.kept, strict=True)
        matrices = [cubic(_index(_middle(k), self.n * part, m), m) for part, m, k in places]
        return _both(matrices, values)

    def surrounded(self, values: Tensor) -> Tensor:
        """Return v (B, k_x, k_y) from its minimum on the whole square, (B, n, n): W outside, or its maximum if higher.

        A lower step than a barrier in the rectangle would let the electrons out.
        """
        ends = [(self.n - k) // 2 for k in reversed(self.kept) for _ in range(2)]
        inner = F.pad(values, ends)
        outer = F.pad(torch.zeros_like(values), ends, value=1.0)
        return inner + outer * values.amax((1, 2), keepdim=True).clamp(min=self.wall)

    def outside(self, values: Tensor) -> Tensor:
        """Return fields (B, n, n) of the square at the points of the rectangle, (B, *points)."""
        matrices = []
        for part, m in zip(self.parts, self.points, strict=True):
            places = ((np.arange(m) + 0.5) / m - 0.5) * self.n * part
            matrices.append(cubic(_index(places, self.n, self.n), self.n))
        return _both(matrices, values)


def _middle(count: int) -> NDArray[np.float64]:
    return np.arange(count, dtype=np.float64) - (count - 1) / 2


def _index(places: NDArray[np.float64], length: float, count: int) -> NDArray[np.float64]:
    """Return the numbers of ``places`` among the middles of ``count`` cells of a ``length`` around 0."""
    return np.asarray((places / length + 0.5) * count - 0.5, dtype=np.float64)


def _both(matrices: list[NDArray[np.float64]], values: Tensor) -> Tensor:
    x, y = (torch.as_tensor(m, dtype=values.dtype, device=values.device) for m in matrices)
    return x @ values @ y.T


def cubic(places: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the matrix (places, count > 2) of cubic interpolation at numbers of points (Keys 1981, a = -1/2).

    Exact for parabolas, the identity at whole numbers; beyond an end its value counts.
    """
    places = np.clip(places, 0, count - 1)
    first = np.minimum(np.floor(places + 1e-9).astype(int), count - 2)
    t = np.maximum(places - first, 0.0)
    weights = np.stack([
        (-t + 2 * t**2 - t**3) / 2, 1 - 2.5 * t**2 + 1.5 * t**3, (t + 4 * t**2 - 3 * t**3) / 2, (t**3 - t**2) / 2,
    ])  # fmt: skip
    wide = np.zeros((len(places), count + 2))  # one more point at each end, on the parabola of the next three
    for step, weight in enumerate(weights):
        wide[np.arange(len(places)), first + step] = weight
    matrix = wide[:, 1:-1]
    matrix[:, :3] += wide[:, :1] * [3, -3, 1]
    matrix[:, -3:] += wide[:, -1:] * [1, -3, 3]
    return np.asarray(matrix, dtype=np.float64)
