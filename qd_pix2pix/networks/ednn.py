"""Extensive deep neural network (Mills, Ryczko, Luchak, Domurad, Beeler and Tamblyn 2019, Chem. Sci. 10, 4129).

    C_t = gain · mean trunk(x[t f - c : t f + f + c]),    E = sum_t C_t

The field is cut into tiles t: a focus of f points per side, which no other tile has, within a context of c more points
on every side. One network, the trunk, maps each tile to its contribution C_t. The network returns the map C, and the
head ``sum`` adds it up; it decodes C_t as the number of a sample of f^d points, so that C is of order 1 for every f.

If the trunk is a dense network of the tile (``Window``) or has convolutions without padding (``SlidingCNN``), the map
is a convolution of the whole field: the same numbers, without copies of the context. All other convolutional trunks
differ from a convolution of the field, since their own padding acts at the edge of each tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.networks.blocks import fitted, padding_of
from qd_pix2pix.networks.window import Window
from solvers.checks import check_choice, check_integer, check_positive

CHUNK = 2**16
"""Default number of points in tiles that are evaluated at once, where no gradient is needed."""
EVALUATIONS = ("auto", "tiles", "convolution")


class EDNN(nn.Module):
    """A map from (B, ``in_channels``, *points) to contributions (B, ``out_channels``, *points / focus).

    Sides must be multiples of ``focus``, also between walls: points in part of a tile would have a weight of their own.

    Args:
        trunk: factory of the network of a tile, called with in_channels, out_channels and those of shape, dims,
            periodic (False: a tile has edges) and symmetry that it takes; the mean over its output points is the
            contribution.
        in_channels: number of input channels.
        out_channels: number of output channels.
        focus: points f per side that belong to one tile only.
        context: points c that a tile has in addition on every side.
        padding: what lies beyond the edge of the field: zeros, circular, or None for that of the domain.
        gain: factor of the contributions. A tile holds a whole object, that is, a large part of the number of a sample,
            which a network with weights of usual size reaches with a factor of about the square root of the tiles.
        evaluation: tiles; convolution, for a trunk that can slide: ``Window``, ``SlidingCNN``; auto for the faster one.
        chunk: tiles that are evaluated at once where no gradient is needed; by default as many as have 2^16 points.
        dims: number of dimensions of the fields.
        periodic: True for a periodic domain.
        symmetry: symmetry group of the domain, for the trunk.

    Raises:
        ValueError: an argument is out of range, or (in ``forward``) a side is no multiple of ``focus``.
    """

    def __init__(
        self,
        trunk: Callable[..., nn.Module],
        in_channels: int = 1,
        out_channels: int = 1,
        focus: int = 1,
        context: int = 1,
        padding: str | None = None,
        gain: float = 1.0,
        evaluation: str = "auto",
        chunk: int | None = None,
        dims: int = 2,
        periodic: bool = False,
        symmetry: str = "square",
    ) -> None:
        super().__init__()
        check_integer("network.focus", focus, 1)
        check_integer("network.context", context, 0)
        check_positive("network.gain", gain)
        check_choice("network.evaluation", evaluation, EVALUATIONS)
        self.focus, self.context, self.dims, self.side = focus, context, dims, focus + 2 * context
        self.gain = float(gain)
        self.circular = padding_of(padding, periodic) == "circular"
        self.in_channels, self.out_channels = in_channels, out_channels
        if chunk is not None:
            check_integer("network.chunk", chunk, 1)
        self.chunk = chunk or max(1, CHUNK // self.side**dims)
        make = fitted(trunk, dims, shape=(self.side,) * dims, periodic=False, symmetry=symmetry)
        self.trunk = make(in_channels=in_channels, out_channels=out_channels)
        can_slide = getattr(self.trunk, "can_slide", None)
        slides = can_slide is not None and can_slide((self.side,) * dims, focus)
        if evaluation == "convolution" and not slides:
            raise ValueError(
                f"network.evaluation: a convolution needs a Window of focus + 2 context = {self.side} points as trunk, "
                f"or a SlidingCNN whose strides divide the focus; got {_name(self.trunk)}. Use evaluation=tiles or auto"
            )
        self.slides = slides and evaluation != "tiles"

    def forward(self, x: Tensor) -> Tensor:
        """Return the contributions (B, out_channels, *points / focus) from ``x`` (B, in_channels, *points)."""
        self.tiles(x.shape[2:])
        return self.contributions(self.padded(x))

    def tiles(self, points: Sequence[int]) -> tuple[int, ...]:
        """Return the number of tiles along each axis of a field with so many points.

        Raises:
            ValueError: a side is no multiple of ``focus``, or not longer than the context.
        """
        if any(n % self.focus or n < self.focus for n in points):
            fitting = [f for f in range(1, min(points) + 1) if all(n % f == 0 for n in points)]
            raise ValueError(
                f"network.focus: {tuple(points)} points are no multiple of focus={self.focus}; use one of "
                f"{', '.join(map(str, fitting))}, or samples of other sides"
            )
        if self.circular and min(points) <= self.context:
            raise ValueError(
                f"network.context: tiles reach {self.context} points beyond their focus; expected periodic sides of at "
                f"least {self.context + 1} points, got {tuple(points)}"
            )
        return tuple(n // self.focus for n in points)

    def padded(self, x: Tensor, axes: int | None = None) -> Tensor:
        """Return ``x`` with ``context`` more points at both ends of its last ``axes`` axes, by default of all."""
        margins = (self.context,) * (2 * (self.dims if axes is None else axes))
        if not self.context or not margins:
            return x
        if not self.circular:
            return F.pad(x, margins)
        for axis in range(x.ndim - len(margins) // 2, x.ndim):  # F.pad takes no fewer than all axes
            n = x.shape[axis]
            x = torch.cat([x.narrow(axis, n - self.context, self.context), x, x.narrow(axis, 0, self.context)], axis)
        return x

    def contributions(self, padded: Tensor, chunk: int | None = None) -> Tensor:
        """Return the contributions of all tiles of a field that already has its context at both ends of each axis."""
        step, side, several = self.focus, self.side, range(2, padded.ndim)
        tiles = [(n - side) // step + 1 for n in padded.shape[2:]]
        some = math.inf if torch.is_grad_enabled() else chunk or self.chunk
        if self.slides and some == math.inf:
            return self._slid(padded)
        if self.slides:
            rows = int(min(tiles[0], max(1, some // (len(padded) * math.prod(tiles[1:])))))
            if rows == tiles[0]:
                return self._slid(padded)
            whole = padded.new_empty(len(padded), self.out_channels, *tiles)  # kept parts would fragment the memory
            for i in range(0, tiles[0], rows):
                slab = padded.narrow(2, i * step, (min(rows, tiles[0] - i) - 1) * step + side)
                whole[:, :, i : i + rows] = self._slid(slab)
            return whole
        view = padded
        for axis in several:
            view = view.unfold(axis, side, step)
        view = view.movedim(1, 1 + self.dims)  # (B, *tiles, C, *side), without copies
        counts = tuple(view.shape[: 1 + self.dims])
        total = math.prod(counts)
        if some >= total:
            found = self._of_tiles(view.flatten(0, self.dims))
        else:
            found = padded.new_empty(total, self.out_channels)
            for part in torch.arange(total, device=padded.device).split(int(some)):
                found[part] = self._of_tiles(view[torch.unravel_index(part, counts)]).to(found.dtype)  # autocast
        return found.reshape(*counts, -1).movedim(-1, 1)

    def _of_tiles(self, tiles: Tensor) -> Tensor:
        """Return the contributions (T, out_channels) of tiles (T, in_channels, *side)."""
        return self.gain * self.trunk(tiles).flatten(2).mean(2)

    def _slid(self, padded: Tensor) -> Tensor:
        """Return the contributions of all tiles of a field with its context, as one convolution."""
        return self.gain * self.trunk.slide(padded, self.focus)  # type: ignore[operator]


def _name(trunk: nn.Module) -> str:
    return f"a Window of {trunk.size} points" if isinstance(trunk, Window) else f"a {type(trunk).__name__}"
