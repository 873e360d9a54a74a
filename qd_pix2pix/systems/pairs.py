"""Labelled pairs of a user: fields and numbers of other solvers or of measurements, in files.

The samples of a dataset are rows of these files. ``complete`` adds SHA-256, shapes and numbers of samples to the
configuration before it names a dataset, so that a changed file is another dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from qd_pix2pix.fields.units import canonical
from qd_pix2pix.files import conf_folder
from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.arrays import SPLIT, ArrayFiles, check_shares, rows_of_splits, shapes_of, wanted
from qd_pix2pix.systems.quantum_dots import (
    ALONG_AXES,
    CONDITIONS,
    DENSITIES,
    GUARDS,
    SCALARS,
    V,
    conditions_of,
    number_or_pair,
    presets,
)
from qd_pix2pix.systems.recipe import SPLITS, Columns, Recipe
from solvers.checks import check_choice, check_integer, check_number, check_positive

KNOWN = {column.name: column for column in (V, *DENSITIES, *SCALARS, *GUARDS) if column.role != "guard"}
"""Columns of quantum dots, whose arrays need no description."""
GIVEN = {column.name: column for column in CONDITIONS}
ROWS = 64
"""Rows that are checked at once."""


@dataclass(frozen=True, kw_only=True)
class Pairs(Recipe):
    """The recipe of a dataset of labelled pairs in files.

    Attributes:
        path, files: one .npz or HDF5 file with arrays by name, or a .npy file for each array. Fields have the shape
            (S, n_x, n_y), numbers and conditions (S,); an array ``split`` (S,) of 0, 1, 2 divides the samples.
        arrays: names of the arrays to take; None for all.
        units: unit of each array that is no column of quantum dots; "1" for a dimensionless one.
        n_electrons, m_eff, eps_r, extent: conditions of all samples; None where unknown, or given as an array. A list
            of two masses or sides are those along x and y.
        length, energy: units of lengths and energies; densities are per squared length.
        symmetry: transformations that turn samples into valid samples: none, rectangle or square.
        tolerance: largest relative error of int n = N.
        shares: shares of training, validation and test, drawn from the seed; not used with an array ``split``.
        sha256, shapes, samples: SHA-256 of each file, shape of one row of each array, number of rows; see ``complete``.
    """

    path: str | None
    files: dict[str, str] | None
    arrays: list[str] | None
    units: dict[str, str] | None
    n_electrons: int | None
    m_eff: float | list[float] | None
    eps_r: float | None
    extent: float | list[float] | None
    length: str
    energy: str
    symmetry: str
    tolerance: float
    shares: list[float]
    sha256: dict[str, str]
    shapes: dict[str, list[int]]
    samples: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_electrons is not None:
            check_integer("data.n_electrons", self.n_electrons, 1)
        for name in ("m_eff", "eps_r", "extent"):
            given = getattr(self, name)
            pair = given if isinstance(given, (list, tuple)) and len(given) == 2 and name in ALONG_AXES else [given]
            for value in pair if given is not None else []:
                check_positive(f"data.{name}", value)
        check_number("data.tolerance", self.tolerance, 0, 1)
        check_choice("data.symmetry", self.symmetry, ("none", "rectangle", "square"))
        check_shares(self.shares)
        units = self.units or {}
        if not isinstance(units, Mapping) or not all(isinstance(u, str) or u == 1 for u in units.values()):
            raise ValueError(f"data.units: expected a unit for each array, as {{T: K}}, 1 for none; got {self.units!r}")
        for name in ("length", "energy"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"data.{name}: expected a unit, such as nm or eV; got {getattr(self, name)!r}")
        if twice := [name for name in GIVEN if getattr(self, name) is not None and name in self.shapes]:
            raise ValueError(f"data.{twice[0]}: it is an array of the files too; leave one out")
        self._check_conditions()

    def _check_conditions(self) -> None:
        """Raise ValueError where a column has no meaning without a condition that is missing."""
        densities = [name for name in self.shapes if name in KNOWN and KNOWN[name].integral]
        missing = [n for n in ("n_electrons", "extent") if getattr(self, n) is None and n not in self.shapes]
        if densities and missing:
            what = {"n_electrons": "number of electrons", "extent": f"side of the square in {self.length}"}[missing[0]]
            raise ValueError(
                f"data.{missing[0]}: state the {what}, by a number or as an array: the integral of {densities[0]} is N"
            )
        n_x, n_y = self.shapes[self._fields[0]] if self._fields else (1, 1)
        if n_x != n_y and isinstance(self.extent, (int, float)):
            raise ValueError(
                f"data.extent: expected null, or the sides along x and y as data.extent=[60,30], for fields of {n_x} x "
                f"{n_y} points, no square"
            )
        differing = n_x != n_y or any(isinstance(value, (list, tuple)) for value in (self.extent, self.m_eff))
        if differing and self.symmetry == "square":
            raise ValueError(
                f"data.symmetry: expected none or rectangle for {n_x} x {n_y} points, which are no square, or for "
                "sides or masses along x and y"
            )
        if "extent" in self.shapes:
            raise ValueError(
                "data.extent: expected one side for all samples, got an array of several; make a dataset of each side, "
                "or interpolate the fields onto one square"
            )

    @classmethod
    def complete(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration with SHA-256, shapes and numbers of samples of its files; see ``Recipe.complete``.

        Raises:
            ValueError: a file cannot be read, has another SHA-256 than a given one, or its arrays do not fit together.
        """
        found = dict(config)
        known = found.get("sha256") or {}
        if not isinstance(known, Mapping):
            raise ValueError(f"data.sha256: expected the SHA-256 of each file, or null; got {known!r}")
        files = ArrayFiles(found.get("path"), found.get("files"))
        if set(known) == set(files.paths) and found.get("shapes") and all(found.get(s) for s in (*SPLITS, "samples")):
            return found
        files.verify(known)
        names = wanted(files, found.get("arrays"))
        rows, shapes = shapes_of(files, names)
        for name in [n for n in shapes if n in GIVEN and found.get(n) is None]:
            values = files.rows(name, np.arange(rows))
            if values.size and (values == values[0]).all():  # a condition of all samples
                whole = GIVEN[name].dtype == "i8" and float(values[0]).is_integer()
                found[name] = int(values[0]) if whole else float(values[0])
                del shapes[name]
        check_shares(found.get("shares"))
        sizes = [len(part) for part in rows_of_splits(files, shapes, rows, found["shares"], found["seed"])]
        for name, size in zip(SPLITS, sizes, strict=True):
            found[name] = size if found.get(name) is None else found[name]
            check_integer(f"data.{name}", found[name], 1)
            if found[name] > size:
                raise ValueError(f"data.{name}: expected at most the {size} samples of this split, got {found[name]}")
        return found | {"sha256": files.hashes(), "shapes": shapes, "samples": rows}

    @property
    def name(self) -> str:
        """The name of the file, or of the first one."""
        return f"Pairs-{Path(self._files.paths[0]).stem}"

    @property
    def integral_tolerance(self) -> float:
        """The largest relative error of integrals of densities."""
        return self.tolerance

    @cached_property
    def _files(self) -> ArrayFiles:
        return ArrayFiles(self.path, self.files)

    @cached_property
    def _fields(self) -> list[str]:
        return [name for name, shape in self.shapes.items() if len(shape) == 2]

    @cached_property
    def schema(self) -> Schema:
        """The columns of the files, and the conditions."""
        if not self._fields:
            raise ValueError(
                f"data.path: expected at least one field (samples, n_x, n_y), got {', '.join(self.shapes)}"
            )
        columns = tuple(self._column(name) for name in self.shapes if name != SPLIT)
        conditions, constants = conditions_of(**{name: getattr(self, name) for name in GIVEN})
        known = {*constants, *self.shapes}
        two_masses = {"m_x", "m_y", "eps_r"} <= known
        shape = tuple(self.shapes[self._fields[0]])
        per_area = {"length": self.length, "density": f"{self.length}^-2"} if self.extent is not None else {}
        own = {name: str(unit) for name, unit in (self.units or {}).items() if name in self.shapes and str(unit) != "1"}
        marks = {"n_electrons": "N = {:g}", "extent": f"{{0:g}} {self.length} × {{0:g}} {self.length}"}
        marks |= {"extent_x": f"L_x = {{:g}} {self.length}", "extent_y": f"L_y = {{:g}} {self.length}"}
        marks |= {"m_eff": "m* = {:g}", "m_x": "m_x = {:g}", "m_y": "m_y = {:g}", "eps_r": "ε_r = {:g}"}
        stated = ", ".join(mark.format(constants[name]) for name, mark in marks.items() if name in constants)
        return Schema(
            system="pairs",
            sample="pair",
            columns=columns,
            domain=Domain(("x", "y"), shape, self._sides, "walls", self.symmetry),
            conditions=conditions,
            constants=constants,
            units={"energy": self.energy, **per_area, **own},
            presets={"material": found}
            if (two_masses or {"m_eff", "eps_r"} <= known)
            and (found := presets(f"{self.length}, {self.energy}", two_masses))
            else {},
            hard_by="gap" if "gap" in self.shapes else None,
            family=Path(self._files.paths[0]).name,
            summary=f"{stated or 'conditions not stated'}; labelled by the user",
        )

    @property
    def _sides(self) -> tuple[str, ...]:
        """The conditions that are the sides of the domain; none if these are unknown."""
        if self.extent is None:
            return ()
        return ("extent_x", "extent_y") if isinstance(self.extent, (list, tuple)) else ("extent", "extent")

    def _column(self, name: str) -> Column:
        if name in GIVEN:
            return GIVEN[name]
        known, is_field = KNOWN.get(name), name in self._fields
        if known is not None:
            if known.is_field != is_field:
                raise ValueError(f"data.path: expected {name} of shape {'(S, n_x, n_y)' if known.is_field else '(S,)'}")
            if known.error_of and known.error_of not in self.shapes:
                raise ValueError(f"data.path: {name} is the error of {known.error_of}, which is no array of the files")
            return known
        if name not in (self.units or {}):
            raise ValueError(
                f"data.units: state the unit of {name}, as 'data.units={{{name}: eV}}' (1 where it has none), or leave "
                f"the array out with data.arrays=[{','.join(n for n in self.shapes if n != name)}]"
            )
        return Column(name, "field" if is_field else "scalar", "f8", name, "", f"{name} of {self._files.paths[0]}")

    def rehearse(self) -> None:
        """Check every row of the files by the laws of the schema.

        Raises:
            ValueError: a file has changed, states another unit, or a row violates a law; the message names the row.
        """
        self._files.verify(self.sha256)
        self._check_units()
        for split, rows in zip(SPLITS, self._rows, strict=True):
            size = getattr(self, split)
            if size > len(rows):
                raise ValueError(f"data.{split}: expected at most the {len(rows)} samples of this split, got {size}")
        for first in range(0, self.samples, ROWS):
            rows = np.arange(first, min(first + ROWS, self.samples))
            columns = self._read(rows)
            try:
                self.laws(columns)
            except ValueError:
                self._name_row(columns, rows)

    def _check_units(self) -> None:
        """Raise ValueError where a file states another unit for a column of quantum dots than the options."""
        for name in KNOWN.keys() & self.shapes.keys():
            stated, unit = self._files.unit(name), self.schema.unit(KNOWN[name])
            if stated and unit and canonical(stated) != canonical(unit):
                option = "length" if KNOWN[name].quantity == "density" else "energy"
                raise ValueError(
                    f"data.{option}: {name} is in {stated} by its attribute, and in {unit} by data.{option}="
                    f"{getattr(self, option)}. Choose that of the file if all arrays have it, or convert {name}"
                )

    def _name_row(self, columns: Columns, rows: NDArray[np.int64]) -> None:
        """Raise the error of the first row that violates a law."""
        for i, row in enumerate(rows):
            try:
                self.laws({name: values[i : i + 1] for name, values in columns.items()})
            except ValueError as error:
                raise ValueError(
                    f"data.path: row {row}: {error}. Fields are indexed [ix, iy] at points (i + 1/2) L / n, in "
                    f"{self.energy} and {self.length}^-2; data.tolerance= is the largest relative error of integrals"
                ) from None

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``; verifies the files first."""
        self._files.verify(self.sha256)
        return self._read(self._rows[SPLITS.index(split)][samples.start : samples.stop])

    def _read(self, rows: NDArray[np.int64]) -> Columns:
        found = {}
        for column in self.schema.columns:
            values = self._files.rows(column.name, rows)
            with np.errstate(invalid="ignore"):  # what is no number is named below
                found[column.name] = values.astype(np.int64 if column.dtype == "i8" else np.float64)
            if column.role == "condition" and (other := np.flatnonzero(found[column.name] != values)).size:
                raise ValueError(
                    f"data.path: row {rows[other[0]]}: expected a whole number in {column.name}, got "
                    f"{values[other[0]].item()!r}"
                )
        return found

    @cached_property
    def _rows(self) -> list[NDArray[np.int64]]:
        return rows_of_splits(self._files, self.shapes, self.samples, self.shares, self.seed)

    def _check_bounds(self, column: Column, columns: Columns) -> None:
        """Check bounds; conditions must be finite, and other numbers finite or NaN, which is unknown."""
        if column.role == "condition" and not np.isfinite(columns[column.name]).all():
            raise ValueError(f"{column.name} is not finite")
        if column.role == "scalar" and np.isinf(columns[column.name]).any():
            raise ValueError(f"{column.name} is infinite; an unknown number is NaN")
        super()._check_bounds(column, columns)

    @classmethod
    def of_samples(
        cls, config: Mapping[str, Any], shape: Sequence[int], conditions: Mapping[str, float]
    ) -> dict[str, Any]:
        """Return a recipe of quantum dots, whose solver has converged labels; see ``Recipe.of_samples``.

        Raises:
            ValueError: the conditions that the solver needs are unknown.
        """
        known = {*conditions, *(name for name, parts in ALONG_AXES.items() if {p.name for p in parts} <= {*conditions})}
        if missing := [name for name in GIVEN if name not in known]:
            raise ValueError(
                f"verify: the solver needs {', '.join(missing)}, which these pairs do not state (data.{missing[0]}=); "
                "use verify=false"
            )
        units = f"{config['length']}, {config['energy']}"
        if units not in ("nm, eV", "bohr, hartree"):
            raise ValueError(f"verify: the solver calculates in nm, eV or bohr, hartree; got {units}; use verify=false")
        material = {"_target_": "solvers.Material", "units": units}
        return {
            "_target_": "qd_pix2pix.systems.QuantumDots",
            "potential": _option("potential/random_wells"),
            "material": material | {name: number_or_pair(name, conditions) for name in ("m_eff", "eps_r")},
            "solver": _option("preset/converged") | {"interaction": _option("interaction/coulomb")},
            "grid": {"_target_": "solvers.Grid", "n": list(shape), "extent": number_or_pair("extent", conditions)},
            "n_electrons": round(conditions["n_electrons"]),
            **{"seed": 0, "train": 1, "val": 1, "test": 1, "shard_size": 1},
        }


def _option(path: str) -> dict[str, Any]:
    """Return an option of conf/."""
    return yaml.safe_load((conf_folder() / f"{path}.yaml").read_text(encoding="utf-8"))
