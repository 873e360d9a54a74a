"""The eight symmetries of the square, and their group.

Element e first transposes a field if e >= 4, then turns it by (e mod 4) quarter turns. 0 is the identity.
"""

from __future__ import annotations

import torch
from torch import Tensor

ORDER = 8
"""Elements of the group."""


def square_symmetry(fields: Tensor, element: int) -> Tensor:
    """One of the eight symmetries of the square (0 ... 7; 0 is the identity) applied to (..., n, n)."""
    if element >= 4:
        fields = fields.transpose(-2, -1)
    return torch.rot90(fields, element % 4, dims=(-2, -1))


def _tables() -> tuple[list[list[int]], list[int]]:
    """Products and inverses, read off what the elements do to nine numbered points."""
    points = torch.arange(9).reshape(3, 3)
    images = [square_symmetry(points, e).tolist() for e in range(ORDER)]
    product = [
        [images.index(square_symmetry(square_symmetry(points, first), then).tolist()) for first in range(ORDER)]
        for then in range(ORDER)
    ]
    return product, [row.index(0) for row in product]


PRODUCT, INVERSE = _tables()
"""``PRODUCT[g][h]``: h first, then g;  ``INVERSE[g]``: what undoes g."""
