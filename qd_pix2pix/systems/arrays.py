"""Arrays in files of a user, .npz, .npy and HDF5: names, shapes, checksums and rows, read without running code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields.units import unit_in
from qd_pix2pix.files import sha256
from qd_pix2pix.systems.recipe import SPLITS
from solvers.checks import check_integer

HDF5 = (".h5", ".hdf5")
SPLIT = "split"
"""Name of an array (S,) of 0 (train), 1 (val) and 2 (test)."""


class ArrayFiles:
    """The arrays in one file, or in one .npy file for each.

    Args:
        path: a .npz or HDF5 file with arrays by name, or None.
        files: the .npy file of each array, or None.

    Raises:
        ValueError: neither or both are given, or a file is of another kind.
    """

    def __init__(self, path: str | None, files: Mapping[str, str] | None) -> None:
        if bool(path) == bool(files):
            raise ValueError(
                "data.path: expected one file with arrays by name, data.path=pairs.npz (or .h5), or one for each "
                f"array, 'data.files={{V: V.npy, n_int: n.npy}}'; got path={path!r} and files={files!r}"
            )
        if path and (not isinstance(path, str) or Path(path).suffix not in (".npz", *HDF5)):
            raise ValueError(
                f"data.path: expected a file .npz or .h5, got {path!r}; of .npy use data.files={{V: V.npy}}"
            )
        if files and not (isinstance(files, Mapping) and all(str(f).endswith(".npy") for f in files.values())):
            raise ValueError(f"data.files: expected a .npy file for each array, as {{V: V.npy}}; got {files!r}")
        self.path = path
        self.files = {str(name): str(file) for name, file in (files or {}).items()}

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all files as given."""
        return tuple(dict.fromkeys(self.files.values())) if self.files else (str(self.path),)

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each file.

        Raises:
            ValueError: a file does not exist, or cannot be read.
        """
        return {path: _hash(path, *_version(path)) for path in self.paths}

    def verify(self, known: Mapping[str, str]) -> None:
        """Raise ValueError where a file is missing, or has another SHA-256 than the known one."""
        for path, found in self.hashes().items():
            if path in known and known[path] != found:
                raise ValueError(
                    f"data.sha256: {path} has the SHA-256 {found}, but {known[path]} was given: it is another file. "
                    "Restore it, or leave data.sha256 out to make another dataset"
                )

    def names(self) -> tuple[str, ...]:
        """Return the names of all arrays."""
        if self.files:
            return tuple(self.files)
        path = str(self.path)
        _version(path)
        with _reading(path):
            if path.endswith(".npz"):
                with np.load(path, allow_pickle=False) as file:
                    return tuple(file.files)
            with h5py.File(path, "r", locking=False) as file:
                return tuple(name for name, found in file.items() if isinstance(found, h5py.Dataset))

    def unit(self, name: str) -> str:
        """Return the unit that a file states for an array, as an attribute in HDF5; empty without."""
        path = self.files.get(name, str(self.path))
        if not path.endswith(HDF5):
            return ""
        with _reading(path), h5py.File(path, "r", locking=False) as file:
            return unit_in(file[name].attrs)

    def head(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return shape and type of an array."""
        path = self.files.get(name, str(self.path))
        if not path.endswith(HDF5):
            array = _array(path, name, *_version(path))
            return array.shape, array.dtype
        with _reading(path), h5py.File(path, "r", locking=False) as file:
            return file[name].shape, file[name].dtype

    def rows(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows of an array, in this order."""
        path = self.files.get(name, str(self.path))
        if not path.endswith(HDF5):
            return np.asarray(_array(path, name, *_version(path))[rows])
        order = np.argsort(rows)  # HDF5 reads rows in order
        found = np.empty(0)
        with _reading(path), h5py.File(path, "r", locking=False) as file:
            found = file[name][rows[order]]
        return found[np.argsort(order)]


def _version(path: str) -> tuple[int, int]:
    """Return time and size of a file, which change with it."""
    try:
        stat = Path(path).stat()
    except OSError as error:
        raise ValueError(
            f"data: {path} cannot be read ({error.strerror}); relative paths start here: {Path.cwd()}"
        ) from None
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=64)
def _hash(path: str, time: int, size: int) -> str:
    with _reading(path):
        return sha256(path)


@lru_cache(maxsize=16)
def _array(path: str, name: str, time: int, size: int) -> NDArray[Any]:
    """Return an array of a .npy file, read as it is used, or of a .npz file, read as a whole."""
    with _reading(path):
        if path.endswith(".npy"):
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with np.load(path, allow_pickle=False) as file:
            return file[name]


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever damaged bytes make of the reader
        raise ValueError(
            f"data: {path} is damaged, or holds Python objects instead of numbers ({type(error).__name__}: {error})"
        ) from None


def check_shares(shares: Any) -> None:
    """Raise ValueError unless these are three shares of a whole."""
    fits = isinstance(shares, (list, tuple)) and len(shares) == 3
    if not fits or not all(isinstance(s, (int, float)) and 0 < s < 1 for s in shares) or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"data.shares: expected three shares whose sum is 1, as [0.8,0.1,0.1]; got {shares!r}")


def wanted(files: ArrayFiles, arrays: Any) -> list[str]:
    """Return the names of the arrays to take, ``arrays`` or all; an array ``split`` is always taken."""
    names = files.names()
    if arrays is None:
        return list(names)
    if not isinstance(arrays, (list, tuple)) or not set(arrays) <= set(names) or not arrays:
        raise ValueError(f"data.arrays: expected names out of {', '.join(names)}; got {arrays!r}")
    return [name for name in names if name in (*arrays, SPLIT)]


def shapes_of(files: ArrayFiles, names: Sequence[str]) -> tuple[int, dict[str, list[int]]]:
    """Return the common number of rows, and the shape of one row of each array.

    Raises:
        ValueError: there are no arrays, one is no field and no number of samples, or they do not fit together.
    """
    if not names:
        raise ValueError(
            f"data.path: expected arrays by name in {files.path}, got none; those in groups of HDF5 are not taken: "
            "save them at the top level"
        )
    shapes: dict[str, list[int]] = {}
    rows: dict[str, int] = {}
    points: dict[str, tuple[int, ...]] = {}
    for name in names:
        shape, dtype = files.head(name)
        if dtype.kind not in "fiu" or len(shape) not in (1, 3) or 0 in shape:
            raise ValueError(
                f"data.path: expected arrays of real numbers of shape (samples, n, n) or (samples,), got {name} of "
                f"{dtype} of shape {shape}; data.arrays= takes some of them"
            )
        shapes[name], rows[name] = list(shape[1:]), shape[0]
        points |= {name: shape[1:]} if len(shape) == 3 else {}
    both: tuple[tuple[str, dict[str, Any]], ...] = (("samples", rows), ("points", points))
    for what, found in both:
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} {value}" for name, value in found.items())
            raise ValueError(f"data.path: expected all arrays with the same {what}, got {listed}")
    return next(iter(rows.values())), shapes


def rows_of_splits(
    files: ArrayFiles, shapes: Mapping[str, Any], samples: int, shares: Sequence[float], seed: int
) -> list[NDArray[np.int64]]:
    """Return the rows of training, validation and test.

    They do not depend on the sizes of the splits: fewer training samples are the first of many.
    """
    if SPLIT in shapes:
        marks = files.rows(SPLIT, np.arange(samples))
        if not np.isin(marks, (0, 1, 2)).all():
            raise ValueError("data.path: expected split of 0 (train), 1 (val) and 2 (test) only")
        parts = [np.flatnonzero(marks == k) for k in range(3)]
    else:
        check_integer("data.seed", seed, 0)
        order = np.random.default_rng([seed, samples]).permutation(samples)
        ends = np.cumsum([max(1, round(samples * share)) for share in (shares[2], shares[1])])
        parts = [order[ends[1] :], order[ends[0] : ends[1]], order[: ends[0]]]
    if empty := [name for name, part in zip(SPLITS, parts, strict=True) if not len(part)]:
        raise ValueError(f"data.path: expected samples in each split, got none for {empty[0]} of {samples} rows")
    return parts
