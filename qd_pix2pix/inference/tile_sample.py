"""One sample on arrays of any size, such as memory maps and datasets of h5py, and its extensive network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from qd_pix2pix.inference.inputs import check_values, native
from qd_pix2pix.inference.predict import check_device
from qd_pix2pix.networks import EDNN
from qd_pix2pix.predictor import Predictor
from solvers.checks import check_number, check_plain

NUMBERS = ("scalar", "counts", "class")


class Sample:
    """One sample on arrays of any size, and its network."""

    def __init__(
        self, network: EDNN | Predictor, arrays: Any, conditions: Mapping[str, float], device: str | None
    ) -> None:
        self.predictor = network if isinstance(network, Predictor) else None
        ednn = network.network if isinstance(network, Predictor) else network
        if not isinstance(ednn, EDNN):
            raise ValueError(
                f"network: expected an EDNN, whose tiles are evaluated in slabs; got {type(ednn).__name__}. Train "
                "with network=ednn"
            )
        self.ednn, self.network = ednn, network
        self.device = check_device(device)
        network.to(self.device)
        self.weight = next(ednn.parameters())
        self.arrays = _named(arrays, self._names(), isinstance(arrays, Mapping))
        shapes = {_check_array(name, array, ednn.dims) for name, array in self.arrays.items()}
        if len(shapes) > 1:
            raise ValueError(f"input: expected fields of the same shape, got {', '.join(map(str, sorted(shapes)))}")
        self.shape = shapes.pop()
        self.tiles = ednn.tiles(self.shape)
        self.conditions = self._conditions(conditions)

    def _names(self) -> tuple[str, ...]:
        """Return the names of the sources; without a predictor the numbers of the channels."""
        if self.predictor is None:
            return tuple(f"channel {i}" for i in range(self.ednn.in_channels))
        if other := [c.name for c in self.predictor.outputs if c.role not in NUMBERS]:
            raise ValueError(
                f"network: expected a predictor of numbers and classes only; {', '.join(other)} is a field"
            )
        if not self.predictor.mapping.sources:
            raise ValueError("network: expected a predictor with a field as source; it has conditions only")
        return self.predictor.mapping.sources

    def _conditions(self, given: Mapping[str, float]) -> dict[str, float]:
        known = self.predictor.conditions.varying if self.predictor else ()
        for name, value in given.items():
            if name not in known:
                varying = ", ".join(known) or "none"
                raise ValueError(f"conditions: expected {varying}, which varied in training; got {name!r}")
            check_number(f"conditions.{name}", value)
        if missing := [name for name in known if name not in given]:
            raise ValueError(f"conditions: expected a value of {', '.join(missing)}, which varied in training")
        return {name: float(value) for name, value in given.items()}

    def read(self, start: int, stop: int) -> dict[str, NDArray]:
        """Return the finite rows of all fields that the tiles in rows ``start`` ... ``stop`` - 1 need."""
        n, first = self.shape[0], start * self.ednn.focus - self.ednn.context
        last = stop * self.ednn.focus + self.ednn.context
        spans = [(max(first, 0), min(last, n))]
        if self.ednn.circular:
            spans = [(first + n, n)] * (first < 0) + spans + [(0, last - n)] * (last > n)
        found = {}
        for name, array in self.arrays.items():
            pieces = [np.array(array[i:j]) for i, j in spans]
            rows = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
            if not (np.isfinite(rows.min()) and np.isfinite(rows.max())):
                raise ValueError(
                    f"input: {name} has values that are NaN or infinite, in rows {spans[0][0]} ... {spans[-1][1] - 1}"
                )
            if self.predictor is not None:
                check_values(self.predictor.schema[name], rows)
            found[name] = rows
        return found

    def features(self, columns: Mapping[str, NDArray]) -> Tensor:
        """Return the network's input (B, channels, *points) from fields (B, *points)."""
        kind = np.float64 if self.weight.dtype == torch.float64 else np.float32
        given = {n: torch.from_numpy(native(v, kind)).to(self.device) for n, v in columns.items()}
        if self.predictor is None:
            return torch.stack(list(given.values()), 1).to(self.weight.dtype)
        count = len(next(iter(given.values())))
        return self.predictor.features(given | self._constant(count))

    def _constant(self, count: int) -> dict[str, Tensor]:
        return {n: torch.full((count,), value, device=self.device) for n, value in self.conditions.items()}

    def contributions(self, columns: Mapping[str, NDArray], start: int, stop: int, chunk: int) -> NDArray:
        """Return the contributions (tiles, out_channels) of rows of tiles, from the fields that ``read`` returns."""
        x = self.features({name: values[None] for name, values in columns.items()})
        if not self.ednn.circular:
            front = max(0, self.ednn.context - start * self.ednn.focus)
            behind = max(0, stop * self.ednn.focus + self.ednn.context - self.shape[0])
            x = F.pad(x, (*(0, 0) * (x.ndim - 3), front, behind))
        x = self.ednn.padded(x, self.ednn.dims - 1)
        return self.ednn.contributions(x, chunk).float().flatten(2)[0].T.cpu().numpy()

    def physical(self, numbers: NDArray) -> NDArray:
        """Return contributions to the target (tiles, 1), in its unit; without a predictor those of the network."""
        if self.predictor is None:
            return numbers
        raw = torch.from_numpy(numbers)[:, : self.predictor.channels[0]]
        shape = (self.ednn.focus,) * self.ednn.dims  # each tile is a sample of its focus
        return self._interpreted(raw, shape, [self.predictor.target.name])[self.predictor.target.name].numpy()[:, None]

    def outputs(self, sums: NDArray[np.float64]) -> dict[str, float]:
        """Return all outputs from the sums of the contributions."""
        if self.predictor is None:
            return {}
        mean = torch.from_numpy(sums / math.prod(self.tiles))[None]
        return {n: v.item() for n, v in self._interpreted(mean, self.shape, self.predictor.mapping.outputs).items()}

    def _interpreted(self, raw: Tensor, shape: tuple[int, ...], names: Any) -> dict[str, Tensor]:
        """Return the quantities (B,) of samples of this shape, from the mean (B, channels) of their raw numbers."""
        assert self.predictor is not None
        raw = raw.reshape(*raw.shape, *(1,) * self.ednn.dims)
        columns = {n: torch.zeros(1).expand(len(raw), *shape) for n in self.arrays}
        parts = zip(names, raw.split(self.predictor.channels[: len(names)], 1), strict=True)
        columns |= {n: v.cpu() for n, v in self._constant(len(raw)).items()}
        found = {}
        for name, part in parts:
            column = self.predictor.schema[name]
            found[name] = self.predictor.head(column)(part, self.predictor.scale(column, columns, part))
        return found


def _named(arrays: Any, names: tuple[str, ...], mapping: bool) -> dict[str, Any]:
    """Return the arrays by name."""
    if mapping:
        if set(arrays) != set(names):
            raise ValueError(f"input: expected {', '.join(names)}; got {', '.join(map(str, arrays))}")
        return {name: arrays[name] for name in names}
    several = list(arrays) if isinstance(arrays, (list, tuple)) else [arrays]
    if len(several) != len(names):
        raise ValueError(f"input: expected one array for each of {', '.join(names)}; got {len(several)}")
    return dict(zip(names, several, strict=True))


def _check_array(name: str, array: Any, dims: int) -> tuple[int, ...]:
    """Return the shape of an array of real numbers of ``dims`` dimensions that slabs can be read from."""
    shape, kind = getattr(array, "shape", None), getattr(getattr(array, "dtype", None), "kind", "")
    if shape is None or kind not in tuple("fiub") or isinstance(array, np.ma.MaskedArray):
        got = f"{type(array).__name__} of {array.dtype}" if kind else type(array).__name__
        raise ValueError(
            f"input: expected {name} as an array, memory map or dataset of h5py, of real numbers, without a mask; "
            f"got {got}"
        )
    check_plain(f"input: {name}", array)
    if len(shape) != dims or not all(shape):
        raise ValueError(f"input: expected {name} of {dims} dimensions, with at least one point each; got {shape}")
    return tuple(int(n) for n in shape)
