"""The verification of an inverse mapping by the solver, and its file. This module does not import torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
from numpy.typing import NDArray

from qd_pix2pix.files import write_whole
from qd_pix2pix.schema import Column, Schema

FILE = "verification.h5"


@dataclass(frozen=True)
class Verification:
    """The verification of an inverse: the solver's results for the proposals, compared with the given columns.

    Attributes:
        schema: schema of the samples.
        names: names of the proposed and of the given column.
        proposed: proposal of the network, such as V, (S, *points).
        given: input of the network, such as n_int, (S, *points).
        reference: the same column computed by the solver from the proposal, (S, *points).
        measures: measures of ``reference`` against ``given``, for single samples, by name.
    """

    schema: Schema
    names: tuple[str, str]
    proposed: NDArray
    given: NDArray
    reference: NDArray
    measures: dict[str, NDArray]

    @property
    def column(self) -> Column:
        """The column that is compared."""
        return self.schema[self.names[1]]

    def write(self, folder: Path) -> None:
        """Write ``verification.h5``."""
        values = {"proposed": self.proposed, "given": self.given, "reference": self.reference}
        with write_whole(folder / FILE) as temporary, h5py.File(temporary, "w") as file:
            file.attrs["schema"] = json.dumps(self.schema.to_dict(), sort_keys=True)
            file.attrs["names"] = json.dumps(self.names)
            for name, array in {**values, **{f"measures/{n}": v for n, v in self.measures.items()}}.items():
                file.create_dataset(name, data=array, chunks=array.shape, fletcher32=True)

    @classmethod
    def read(cls, folder: Path) -> Verification:
        """Read ``verification.h5``.

        Raises:
            ValueError: the file is damaged; the message names it.
        """
        try:
            with h5py.File(folder / FILE, "r", locking=False) as file:
                schema = Schema.from_dict(json.loads(file.attrs["schema"]))
                first, second = json.loads(file.attrs["names"])
                proposed, given, reference = (file[name][...] for name in ("proposed", "given", "reference"))
                measures = {name: values[...] for name, values in file["measures"].items()}
                return cls(schema, (first, second), proposed, given, reference, measures)
        except (OSError, KeyError, ValueError) as error:
            raise ValueError(f"verification: {folder / FILE} is damaged ({error}); evaluate again") from None
