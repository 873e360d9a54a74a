"""Potentials from a file, each used once: sample i of a split takes a dot of the file in a seeded order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields import Field, Placing, checksum, place, read_field
from qd_pix2pix.fields.read import about
from qd_pix2pix.fields.square import lengths
from qd_pix2pix.fields.units import factor
from qd_pix2pix.systems.recipe import SPLITS
from solvers import Grid


@dataclass(frozen=True)
class FilePotentials:
    """The potentials of a file.

    The order of the dots depends on the seed only, as that of other families: ``test`` takes dots 0, 2, 4, ... of the
    order, ``val`` 1, 3, 5, ..., and ``train`` begins at the end. More training dots therefore change no other split.

    Attributes:
        path: the file; see ``fields.FORMATS``.
        sha256: checksum of the file, so that another content is another dataset; see ``fields.checksum``.
        column, unit, length_unit: see ``fields.read_field``; by default the units of the material.
        points, resample: see ``fields.Placing``. Without coordinates the points are those of the grid.
    """

    path: str
    sha256: str
    column: str | None = None
    unit: str | None = None
    length_unit: str | None = None
    points: str | None = None
    resample: bool | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path:
            raise ValueError(f"potential.path: expected the path of a file with potentials, got {self.path!r}")
        if not isinstance(self.sha256, str):
            raise ValueError(f"potential.sha256: expected {checksum(self.path)} for {self.path}; got {self.sha256!r}")
        Placing(self.points, self.resample)

    @property
    def title(self) -> str:
        """The name of the file."""
        return Path(self.path).name

    def numbered(self, seed: int, split: str, sample: int, grid: Grid, units: str) -> NDArray[np.float64]:
        """Return potential number ``sample`` of a split, (n_x, n_y) in the energy unit of ``units``.

        Raises:
            ValueError: the file has changed, is not readable, or does not fit the grid.
        """
        dots, _ = _dots(self, grid, units)
        order = np.random.default_rng([seed, len(SPLITS)]).permutation(len(dots))
        return dots[order[{"train": -1 - sample, "val": 2 * sample + 1, "test": 2 * sample}[split]]]

    def check(self, sizes: Mapping[str, int], grid: Grid, units: str) -> str:
        """Return a remark on the resampling, empty without; raise ValueError if the splits need more dots."""
        dots, note = _dots(self, grid, units)
        needed = sizes["train"] + max(2 * sizes["test"] - 1, 2 * sizes["val"])
        if needed > len(dots):
            raise ValueError(
                f"data.train: expected splits that need at most the {len(dots)} potentials of {self.path}; train = "
                f"{sizes['train']}, val = {sizes['val']} and test = {sizes['test']} need {needed}: train and twice the "
                "larger of val and test"
            )
        return note


@lru_cache(maxsize=2)
def _dots(family: FilePotentials, grid: Grid, units: str) -> tuple[NDArray[np.float64], str]:
    """Return all potentials (S, n_x, n_y) in the energy unit of ``units``, such as "nm, eV", and a remark."""
    path = Path(family.path)
    if checksum(path) != family.sha256:
        raise ValueError(
            f"potential.sha256: {path} is not the file of this dataset: expected {family.sha256}, got {checksum(path)}"
        )
    words, names = (family.column, family.unit, family.length_unit), ("V", "potential")
    found = read_field(path, *words, names, argument="potential.path", flags=False)
    length, energy = units.split(", ")
    found = _with_coordinates(found, grid, family, length)
    origin = "" if family.unit else family.path
    values = found.values * (factor("potential.unit", found.unit, energy, origin) if found.unit else 1.0)
    if values.ndim not in (2, 3) or values.size == 0 or not np.isfinite(values).all():
        bad = np.count_nonzero(~np.isfinite(values))
        text = f"expected finite values (dots, nx, ny), got {values.shape}, {bad} not finite"
        raise ValueError(about("potential.path", path, text))
    try:
        made = place(
            replace(found, values=values), [grid.sides], None, grid.shape, Placing(family.points, family.resample)
        )
    except ValueError as error:
        raise ValueError(about("potential.path", path, str(error))) from None
    if not np.allclose(made.sides, grid.sides):
        raise ValueError(
            f"data.grid.extent: expected the side of {path}, {lengths(made.sides)} {length}; got "
            f"{lengths(grid.sides)} {length}"
        )
    return made.values.reshape(-1, *grid.shape), made.note


def _with_coordinates(found: Field, grid: Grid, family: FilePotentials, length: str) -> Field:
    """Return a field with coordinates in the unit of the grid: those of the file, or points on the whole grid."""
    if found.x is not None and found.y is not None:
        scale = factor("potential.length_unit", found.length_unit, length) if found.length_unit else 1.0
        return replace(found, x=found.x * scale, y=found.y * scale)
    if family.length_unit:
        raise ValueError(f"potential.length_unit: {family.path} has no coordinates x and y; leave it out")
    nodes = family.points == "nodes"
    axes = [
        np.linspace(0.0, side, n) if nodes else (np.arange(n) + 0.5) * (side / n)
        for n, side in zip(found.values.shape[-2:], grid.sides, strict=True)
    ]
    return replace(found, x=axes[0], y=axes[-1])
