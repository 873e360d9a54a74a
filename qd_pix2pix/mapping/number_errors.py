"""Estimated errors of predicted numbers, such as energies and gaps, beside that of a density.

A number x that was predicted with a density of the estimated error e, before its calibration, has the estimated error

    |x| e exp(b . f + c).

The features f are log e, the logarithms of all these numbers (the gap of a dot is the difference of two energies, so
that its error depends on both) and, with a second network that predicts x_2, log(|x - x_2| / |x|): where numbers are
hard, both networks differ. b and c are those of ``mapping.calibration`` on the validation split, so that a part
``mapping.quantile`` of all samples has a smaller error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

SMALLEST = 1e-6
"""Smallest relative error and smallest number, so that logarithms are finite: below are rounding errors."""


class NumberErrors(nn.Module):
    """The estimated errors of numbers (B,) by name.

    Args:
        names: names of the numbers.
        two: True if there is a second network.

    Attributes:
        slopes: b and c of each number, (numbers, k + 1).
    """

    slopes: Tensor

    def __init__(self, names: Sequence[str], two: bool) -> None:
        super().__init__()
        self.names = tuple(names)
        self.two = two
        self.register_buffer("slopes", torch.zeros(len(names), 1 + len(names) + two + 1))

    def features(self, error: Tensor, found: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Tensor:
        """Return the features (B, numbers, k).

        Args:
            error: estimated error e of the density before its calibration, (B,).
            found, theirs: numbers of the prediction and of the second network, (B,) by name.
        """
        logarithms = torch.stack([error.log(), *(_magnitude(found[name]).log() for name in self.names)], 1)
        common = logarithms[:, None].expand(-1, len(self.names), -1)
        if not self.two:
            return common
        return torch.cat([common, self.differences(found, theirs).log()[..., None]], 2)

    def differences(self, found: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> Tensor:
        """Return |x - x_2| / |x| of each number, (B, numbers)."""
        ratios = [(found[name] - others[name]).abs() / _magnitude(found[name]) for name in self.names]
        return torch.stack(ratios, 1).clamp(min=SMALLEST)

    def forward(self, error: Tensor, found: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the estimated error (B,) of each number by name, in its unit; see ``features``."""
        exponent = (self.features(error, found, theirs) * self.slopes[:, :-1]).sum(2) + self.slopes[:, -1]
        relative = error[:, None] * exponent.exp()
        return {name: relative[:, i] * _magnitude(found[name]) for i, name in enumerate(self.names)}


def _magnitude(values: Tensor) -> Tensor:
    return values.abs().clamp(min=SMALLEST)
