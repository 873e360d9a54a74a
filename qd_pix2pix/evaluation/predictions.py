"""The predictions file: what ``evaluate`` writes and ``report`` reads. No torch here.

HDF5, openable with xarray, fields indexed [sample, x, y]: ``source`` and ``predicted``, and where they are known the
exact ``target`` and the measures of single dots; ``x``, ``y``, ``gap``; of further outputs, fields or numbers,
``also/<name>/predicted`` and ``also/<name>/exact``. Attributes: names of the fields, units of length and energy
("nm, eV"); each variable bears its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.files import write_whole
from qd_pix2pix.schema import NM_EV, Field, Units, get_field

WITH_UNIT = ("l1", "l2", "linf")
"""Measures that bear the unit of the target; all others are pure numbers."""

Also = dict[str, tuple[NDArray, NDArray | None]]
"""Further outputs by name: predicted, and exact where it is known."""


@dataclass
class Predictions:
    """Predictions for S dots of n x n points.

    Attributes:
        source_field, target_field: what is given and what is asked.
        units: of length and energy in everything here.
        extent: side of the square.
        source, predicted: (S, n, n).
        target: exact (S, n, n), or None where nobody solved the dots.
        sample: numbers of the dots.
        gap: of each dot, or None.
        also: further outputs by name: predicted, and exact or None; (S, n, n) or (S,) each.
        measures: by name, (S,) each; empty without ``target``.
    """

    source_field: Field
    target_field: Field
    units: Units
    extent: float
    source: NDArray
    predicted: NDArray
    sample: NDArray[np.int64]
    target: NDArray | None = None
    gap: NDArray | None = None
    also: Also = field(default_factory=dict)
    measures: dict[str, NDArray] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        n = self.source.shape[-1]
        coordinate = (np.arange(n) + 0.5) * self.extent / n
        with write_whole(path) as temporary, h5py.File(temporary, "w") as file:
            file.attrs.update(source=self.source_field.name, target=self.target_field.name, extent=self.extent)
            file.attrs["units"] = str(self.units)
            for axis, values in {"sample": self.sample, "x": coordinate, "y": coordinate}.items():
                file.create_dataset(axis, data=values).make_scale(axis)
            for axis in ("x", "y"):
                file[axis].attrs["units"] = self.units.length
            fields = {"source": self.source, "target": self.target, "predicted": self.predicted}
            for name, values in fields.items():
                if values is not None:
                    shown = self.source_field if name == "source" else self.target_field
                    _column(file, name, values, self.units.of(shown.quantity))
            if self.gap is not None:
                _column(file, "gap", self.gap, self.units.energy)
            for name, pair in self.also.items():
                for key, values in zip(("predicted", "exact"), pair, strict=True):
                    if values is not None:
                        _column(file, f"also/{name}/{key}", values, self.units.of(get_field(name).quantity))
            for name, values in self.measures.items():
                unit = self.units.of(self.target_field.quantity) if name in WITH_UNIT else "1"
                _column(file, f"measures/{name}", values, unit)

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Read the file.

        Raises:
            FileNotFoundError: it is not there.
        """
        with h5py.File(path, "r") as file:
            optional = {name: file[name][...] if name in file else None for name in ("target", "gap")}
            return cls(
                source_field=get_field(file.attrs["source"]),
                target_field=get_field(file.attrs["target"]),
                units=Units.parse(file.attrs.get("units", str(NM_EV))),
                extent=float(file.attrs["extent"]),
                source=file["source"][...],
                predicted=file["predicted"][...],
                sample=file["sample"][...],
                also={
                    name: (pair["predicted"][...], pair["exact"][...] if "exact" in pair else None)
                    for name, pair in file.get("also", {}).items()
                },
                measures={name: values[...] for name, values in file.get("measures", {}).items()},
                **optional,
            )


def _column(file: h5py.File, name: str, values: NDArray, unit: str) -> None:
    column = file.create_dataset(name, data=values)
    column.attrs["units"] = unit
    for position, axis in enumerate(("sample", "x", "y")[: values.ndim]):
        column.dims[position].attach_scale(file[axis])
