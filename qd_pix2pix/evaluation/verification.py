"""The verification of an inverse mapping by the solver, and its file. This module does not import torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.files import checksum, write_hdf5
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

    def _arrays(self) -> dict[str, NDArray]:
        values = {"proposed": self.proposed, "given": self.given, "reference": self.reference}
        return {n: np.asarray(v) for n, v in (values | {f"measures/{n}": v for n, v in self.measures.items()}).items()}

    def checksum(self) -> str:
        """SHA-256 of all that is stored."""
        return checksum(json.dumps([self.schema.to_dict(), self.names], sort_keys=True), self._arrays())

    def write(self, folder: Path) -> None:
        """Write ``verification.h5``, with a checksum of its content."""
        with write_hdf5(folder / FILE) as file:
            file.attrs["schema"] = json.dumps(self.schema.to_dict(), sort_keys=True)
            file.attrs["names"] = json.dumps(self.names)
            file.attrs["sha256"] = self.checksum()
            for name, array in self._arrays().items():
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
                found = cls(schema, (first, second), proposed, given, reference, measures)
                if file.attrs["sha256"] != found.checksum():
                    raise ValueError("its checksum is not the one that it was written with")
                return found
        except Exception as error:  # whatever damaged bytes make of the reader
            raise ValueError(f"verification: {folder / FILE} is damaged ({error}); evaluate again") from None
