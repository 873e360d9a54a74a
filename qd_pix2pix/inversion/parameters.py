"""Potentials between bounds and couplings in a range, as functions of unbounded parameters.

    V = low + (high - low) S(u),    u = u_0 + G w,    c = low (high / low)^S(t)

S is the logistic function, G a Gaussian blur with the standard deviation ``scale``, u_0 the start. The descent moves w
and t. The blur restricts V to fields that vary on this scale: noise of single points, on which networks were never
trained, is not reached.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MARGIN = 0.01
"""Distance of a start from its bounds, as a part of the range: on a bound the gradient is zero."""
ROUGHNESS = 4
"""Scale of random starts, in units of the scale of the parameters."""
AMPLITUDE = 2.0
"""Standard deviation of u of random starts."""


@dataclass(frozen=True)
class Bounds:
    """The bounds of a potential, numbers or fields (*points); equal bounds fix a point.

    Attributes:
        low, high: float64 tensors of the shape () or (*points).
    """

    low: Tensor
    high: Tensor

    @property
    def span(self) -> float:
        """The largest difference high - low."""
        return float((self.high - self.low).max())

    def squash(self, u: Tensor) -> Tensor:
        """Return V (..., *points) of unbounded u."""
        return self.low + (self.high - self.low) * torch.sigmoid(u)

    def unsquash(self, potentials: Tensor) -> Tensor:
        """Return u of potentials (..., *points), a little inside the bounds."""
        width = torch.where(self.high > self.low, self.high - self.low, 1.0)
        return torch.logit(((potentials - self.low) / width).clamp(MARGIN, 1 - MARGIN))


@dataclass(frozen=True)
class Interval:
    """The range of a coupling: logarithmic where it is positive.

    Attributes:
        low, high: its ends.
    """

    low: float
    high: float

    def at(self, share: Tensor) -> Tensor:
        """Return the values at shares 0 ... 1 of the range."""
        if self.low > 0:
            return self.low * torch.exp(share * math.log(self.high / self.low))
        return self.low + (self.high - self.low) * share

    def slope(self, value: float) -> float:
        """Return the derivative of the value with respect to its share."""
        return value * math.log(self.high / self.low) if self.low > 0 else self.high - self.low


def gaussian_blur(shape: Sequence[int], scale: float, periodic: bool, device: torch.device) -> list[Tensor]:
    """Return a matrix (n, n) for each axis, whose rows are Gaussians of standard deviation ``scale`` points.

    Rows have the sum 1, so that constants are preserved. Beyond walls a field is continued by its mirror image.
    """
    return [torch.as_tensor(_blur(n, scale, periodic), device=device) for n in shape]


def _blur(n: int, scale: float, periodic: bool) -> NDArray[np.float64]:
    if scale <= 0:
        return np.eye(n)
    reach = math.ceil(4 * scale)
    offsets = np.arange(-reach, reach + 1)
    values = np.exp(-(offsets**2) / (2 * scale**2))
    matrix = np.zeros((n, n))
    for i in range(n):
        places = (i + offsets) % n if periodic else (i + offsets) % (2 * n)
        places = places if periodic else np.minimum(places, 2 * n - 1 - places)
        np.add.at(matrix[i], places, values)
    return matrix / values.sum()


def unit_variance(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Return matrices whose rows have the sum of squares 1: white noise stays of variance 1."""
    return [matrix / matrix.norm(dim=1, keepdim=True) for matrix in matrices]


def coarse_sums(shape: Sequence[int], most: int, device: torch.device) -> list[Tensor]:
    """Return a matrix (m, n) for each axis that sums neighbouring points, divided by the root of their number.

    The product of all m is at most ``most``. Of smooth fields the sum of squares is preserved.
    """
    each = max(1, int(most ** (1 / len(shape)) + 1e-9))
    found = []
    for n in shape:
        m = min(n, each)
        matrix = torch.zeros(m, n, dtype=torch.float64, device=device)
        matrix[torch.arange(n) * m // n, torch.arange(n)] = 1.0
        found.append(matrix / matrix.sum(1, keepdim=True).sqrt())
    return found


def along_axes(values: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Return fields (..., *points) multiplied by one matrix along each of their axes."""
    first = values.ndim - len(matrices)
    for axis, matrix in enumerate(matrices, first):
        values = torch.movedim(torch.movedim(values, axis, -1) @ matrix.T, -1, axis)
    return values


def random_starts(
    number: int, members: int, shape: Sequence[int], scale: float, periodic: bool, seed: int, device: torch.device
) -> Tensor:
    """Return u_0 of random smooth starts, (number, members, *points)."""
    rng = np.random.default_rng(seed)
    white = torch.as_tensor(rng.standard_normal((number, members, *shape)), device=device)
    return AMPLITUDE * along_axes(white, unit_variance(gaussian_blur(shape, ROUGHNESS * scale, periodic, device)))
