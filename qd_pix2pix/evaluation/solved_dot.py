"""The results of one dot in a folder: numbers.json, numbers.csv and fields.npz. This module does not import torch."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.files import to_json, write_text, write_whole
from qd_pix2pix.systems.dot_rows import QUANTITIES, Row

__all__ = ["Row", "SolvedDot"]
NUMBERS, TABLE, FIELDS = "numbers.json", "numbers.csv", "fields.npz"


@dataclass(frozen=True)
class SolvedDot:
    """One dot, solved.

    Attributes:
        title: origin of the potential.
        settings: material, grid, interaction and options of the solver, plain containers.
        length, energy: units.
        rows: all numbers.
        arrays: x, y and V, and the fields of each part as ``<name>-<part>``, such as ``density-ground-N2``.
        notes: how the potential was read, complete sentences.
        remarks: warnings of the solver, complete sentences.
        python: lines of Python that compute the same.
        command: command line.
        seconds: duration of each part by name.
        provenance: commit, machine, versions, time.
    """

    title: str
    settings: dict[str, Any]
    length: str
    energy: str
    rows: tuple[Row, ...]
    arrays: dict[str, NDArray[Any]]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    python: str
    command: str
    seconds: dict[str, float]
    provenance: dict[str, Any]

    def of(self, name: str, electrons: int | None = None) -> list[Row]:
        """Return the rows of a quantity, of one number of electrons or of all."""
        return [r for r in self.rows if r.name == name and electrons in (None, r.electrons)]

    @property
    def electrons(self) -> list[int]:
        """The numbers of electrons that were solved."""
        return sorted({row.electrons for row in self.rows if row.name == "energy"})

    def write(self, folder: Path) -> None:
        """Write the three files; numbers that are not defined are null, or empty in the table."""
        with write_whole(folder / FIELDS) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **self.arrays)  # type: ignore[arg-type]
        head = ["name", "electrons", "label", "value", "error", "unit", "meaning"]
        lines = [dict(zip(head, [*row, QUANTITIES[row.name]], strict=True)) for row in self.rows]
        lines = [{k: None if _undefined(v) else v for k, v in line.items()} for line in lines]
        content = {k: v for k, v in vars(self).items() if k not in ("rows", "arrays")} | {"rows": lines}
        write_text(folder / NUMBERS, to_json(json.loads(json.dumps(content))))
        table = io.StringIO()
        writer = csv.DictWriter(table, head, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        write_text(folder / TABLE, table.getvalue())

    @classmethod
    def read(cls, folder: Path) -> SolvedDot:
        """Read the files.

        Raises:
            FileNotFoundError: a file does not exist.
            ValueError: a file is damaged or of another version.
        """
        for name in (NUMBERS, FIELDS):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"output: {folder / name} is not there; solve.py writes it")
        try:
            content = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
            rows = tuple(Row(*(_number(line[field]) for field in Row._fields)) for line in content.pop("rows"))
            with np.load(folder / FIELDS, allow_pickle=False) as file:
                arrays = dict(file)
            content |= {name: tuple(content[name]) for name in ("notes", "remarks")}
            return cls(rows=rows, arrays=arrays, **content)
        except Exception as error:  # whatever damaged bytes make of the readers
            raise ValueError(
                f"output: {folder} is damaged or of another version ({error}); solve the dot again"
            ) from None


def _undefined(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _number(value: Any) -> Any:
    return math.nan if value is None else value
