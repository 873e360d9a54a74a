"""The predictions file, which an evaluation writes and pages read. This module does not import torch.

The file is HDF5 and opens in xarray; the first axis is that of the samples:

    given/<name>           sources, (S, *points)
    predicted/<name>       predictions of the network: fields (S, *points), numbers and classes (S,)
    reference/<name>       references from the dataset or the solver, where available
    measures/<name>/<measure>   measures of single samples, (S,)
    contributions/<name>   contributions of tiles to a number of objects, (S, tiles, tiles); for an extensive network
    marks/<name>           fields that mark the objects, (S, *points), where available
    known/<name>           further numbers of the samples that were computed, such as energies and spins, (S,)
    stored/<name>          for drawn samples, those of the split at the same labels: fields (S, *points), numbers (S,)
    conditions/<name>      (S,)
    sample, hard_by, and the coordinates of the points

The file has the attributes ``schema`` (JSON), ``sources`` and ``outputs`` (names, JSON; the target first), and
``sha256`` over all of these and all values. Each variable has its unit, and HDF5's own checksum.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.evaluation.measures import MEASURES
from qd_pix2pix.files import checksum, write_hdf5
from qd_pix2pix.schema import Column, Schema

Fields = dict[str, NDArray]
"""The values by name; the first axis is that of the samples."""


@dataclass(frozen=True)
class Predictions:
    """Predictions for S samples.

    Attributes:
        schema: schema of the samples.
        sources, outputs: names of the given and of the predicted columns, the target first.
        given: sources by name.
        predicted: predicted outputs by name.
        sample: numbers of the samples.
        conditions: conditions by name, (S,) each.
        reference: reference outputs by name, where available.
        hard_by: the schema's column that measures the difficulty of a sample, or None.
        measures: for each output, measures of single samples by name, (S,) each.
        contributions: contributions of tiles to numbers of objects by name, (S, tiles, tiles).
        known: further numbers of the samples by name, (S,), where they were computed.
        marks: fields that mark the objects by name, (S, *points); see ``Column.marked_in``.
        stored: for drawn samples, the fields (S, *points) and labels (S,) of the split's samples at whose labels they
            were drawn; see ``evaluation.drawn``.
    """

    schema: Schema
    sources: tuple[str, ...]
    outputs: tuple[str, ...]
    given: Fields
    predicted: Fields
    sample: NDArray[np.int64]
    conditions: Fields = field(default_factory=dict)
    reference: Fields = field(default_factory=dict)
    hard_by: NDArray | None = None
    measures: dict[str, Fields] = field(default_factory=dict)
    contributions: Fields = field(default_factory=dict)
    known: Fields = field(default_factory=dict)
    marks: Fields = field(default_factory=dict)
    stored: Fields = field(default_factory=dict)

    _GROUPS: ClassVar = ("given", "predicted", "reference", "contributions", "known", "marks", "stored")

    @property
    def target(self) -> Column:
        """The first predicted column."""
        return self.schema[self.outputs[0]]

    @property
    def shape(self) -> tuple[int, ...]:
        """The points of the fields: those of the present samples, or those of the schema if there is no field."""
        fields = [v for name, v in {**self.given, **self.predicted}.items() if self.schema[name].is_field]
        return fields[0].shape[1:] if fields else self.schema.domain.shape

    def of_sample(self, index: int) -> dict[str, float]:
        """Return the conditions of one sample."""
        return {name: float(values[index]) for name, values in self.conditions.items()}

    def error_bars(self, name: str) -> NDArray | None:
        """Return the estimated errors (S,) of a predicted number, in its unit; None without an estimate."""
        return self.measures.get(name, {}).get("error_bar")

    def _groups(self) -> dict[str, Fields]:
        """Return the groups of the file that hold columns of the schema."""
        return {name: getattr(self, name) for name in self._GROUPS}

    def checksum(self) -> str:
        """SHA-256 of all that is stored."""
        groups = {
            **self._groups(),
            "conditions": self.conditions,
            **{f"measures/{n}": found for n, found in self.measures.items()},
        }
        arrays = {f"{group}/{name}": np.asarray(v) for group, found in groups.items() for name, v in found.items()}
        arrays |= {"sample": np.asarray(self.sample)}
        if self.hard_by is not None and self.schema.hard_by:
            arrays["hard_by"] = np.asarray(self.hard_by)
        return checksum(json.dumps([self.schema.to_dict(), self.sources, self.outputs], sort_keys=True), arrays)

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        with write_hdf5(path) as file:
            file.attrs["schema"] = json.dumps(self.schema.to_dict(), sort_keys=True)
            file.attrs.update(sources=json.dumps(self.sources), outputs=json.dumps(self.outputs))
            file.attrs["sha256"] = self.checksum()
            axes = {"sample": self.sample, **self._coordinates()}
            for axis, values in axes.items():
                _write(
                    file, axis, np.asarray(values), "1" if axis == "sample" else self.schema.units.get("length", "1")
                )
                file[axis].make_scale(axis)
            for group, values in self._groups().items():
                for name, found in values.items():
                    self._column(file, f"{group}/{name}", found, self.schema.unit(self.schema[name]) or "1")
            for name, values in self.conditions.items():
                self._column(file, f"conditions/{name}", values, self.schema.unit(self.schema[name]) or "1")
            if self.hard_by is not None and self.schema.hard_by:
                self._column(file, "hard_by", self.hard_by, self.schema.unit(self.schema[self.schema.hard_by]) or "1")
            for name, measures in self.measures.items():
                for measure, values in measures.items():
                    unit = self.schema.unit(self.schema[name]) if MEASURES[measure].with_unit else ""
                    self._column(file, f"measures/{name}/{measure}", values, unit or "1")

    def _coordinates(self) -> dict[str, list[float]]:
        """Return the coordinates of the points, and of the middles of the tiles, along each axis."""
        known = self.of_sample(0) if len(self.sample) else {}
        found = self.schema.domain.resized(self.shape).coordinates({**self.schema.constants, **known})
        tiles = next((values.shape[1:] for values in self.contributions.values()), ())
        for (axis, points), count in zip(list(found.items()), tiles, strict=False):
            found[f"tile_{axis}"] = np.reshape(points, (count, -1)).mean(1).tolist()
        return found

    def _column(self, file: h5py.File, name: str, values: NDArray, unit: str) -> None:
        _write(file, name, np.asarray(values), unit)
        own = self.schema.domain.axes
        axes = ("sample", *(f"tile_{a}" if name.startswith("contributions/") else a for a in own))[: np.ndim(values)]
        for position, axis in enumerate(axes):
            if file[axis].shape[0] == np.shape(values)[position]:
                file[name].dims[position].attach_scale(file[axis])

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Read the file.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is damaged, or of another version; the message names it.
        """
        if not path.is_file():
            raise FileNotFoundError(f"predictions: {path} is not there; evaluate.py writes it")
        try:
            with h5py.File(path, "r", locking=False) as file:
                schema = Schema.from_dict(json.loads(file.attrs["schema"]))
                groups = {g: {n: v[...] for n, v in file.get(g, {}).items()} for g in
                          (*cls._GROUPS, "conditions")}  # fmt: skip
                found = cls(
                    schema=schema,
                    sources=tuple(json.loads(file.attrs["sources"])),
                    outputs=tuple(json.loads(file.attrs["outputs"])),
                    sample=file["sample"][...],
                    hard_by=file["hard_by"][...] if "hard_by" in file else None,
                    measures={n: {m: v[...] for m, v in g.items()} for n, g in file.get("measures", {}).items()},
                    **groups,
                )
                if file.attrs["sha256"] != found.checksum():
                    raise ValueError("its checksum is not the one that it was written with")
                return found
        except Exception as error:  # whatever damaged bytes make of the reader
            raise ValueError(
                f"predictions: {path} is damaged or of another version ({error}); evaluate again"
            ) from None


def _write(file: h5py.File, name: str, values: NDArray, unit: str) -> None:
    chunks = values.shape if values.ndim == 1 else (1, *values.shape[1:])
    file.create_dataset(name, data=values, chunks=chunks if values.size else None, fletcher32=values.size > 0)
    file[name].attrs["units"] = unit
