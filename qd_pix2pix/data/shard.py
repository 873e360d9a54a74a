"""One shard of a dataset: an HDF5 file with the columns of some samples.

For S samples, fields have shape (S, *points) in the order of the domain's axes, scalars (S,), and columns with an
additional axis (S, length). h5py, xarray (``engine="h5netcdf"``) and netCDF4 open a shard with names, units and
coordinates. The file has the attributes ``format``, ``schema`` and ``recipe`` (JSON), ``split`` and ``seed``; each
column has ``long_name`` and ``units``. All columns have HDF5's own checksums, so that damage is detected on reading. A
file with its final name is complete.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.files import sha256, write_hdf5
from qd_pix2pix.mapping.texture import extremes
from qd_pix2pix.schema import Column, Schema

FORMAT = 5
REPAIR = "delete it and run the same generate.py command again: it makes the same bytes"
BUSY = {
    errno.EACCES: "may not be read by this user; change its permissions",
    errno.EPERM: "may not be read by this user; change its permissions",
    errno.EMFILE: "cannot be opened, this process has too many open files; raise ulimit -n",
    errno.ENFILE: "cannot be opened, this machine has too many open files",
    errno.EAGAIN: "is open for writing in another program; close it there",
    errno.EIO: "cannot be read from its disk; look at the disk",
    errno.ESTALE: "is no longer visible on its network file system; try again",
}
"""Messages for errors of the operating system that are not damage."""


class StoreError(ValueError):
    """The error of a dataset that is missing, incomplete, of another format, or damaged; the message names the file."""


class UnreadableError(StoreError):
    """The error of a file that may be intact but cannot be read now; it is not replaced."""


@contextmanager
def reading(path: Path, repair: str = REPAIR) -> Iterator[None]:
    """Convert errors while ``path`` is read into a StoreError that names it, and distinguish damage from other causes.

    Raises:
        UnreadableError: the operating system does not allow this process to read the file now.
    """
    try:
        yield
    except FileNotFoundError:
        raise StoreError(f"{path}: missing; run the same generate.py command again: it makes the same bytes") from None
    except OSError as error:
        if error.errno in BUSY or "unable to lock" in str(error):
            raise UnreadableError(f"{path}: {BUSY.get(error.errno or 0, BUSY[errno.EAGAIN])} ({error})") from None
        raise StoreError(f"{path}: damaged ({error}); {repair}") from None
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path}: damaged ({error!r}); {repair}") from None


def write_shard(
    path: Path, columns: Mapping[str, NDArray], schema: Schema, recipe: Mapping[str, Any], split: str
) -> dict[str, Any]:
    """Write one shard, and return its entry in the manifest.

    Args:
        path: path of the file.
        columns: all columns of the schema; the first axis is that of the samples.
        schema: schema of the samples.
        recipe: recipe as plain containers, stored in the file.
        split: train, val or test.

    Raises:
        ValueError: a column is missing, or its shape differs from that in the schema.
    """
    check_columns(columns, schema)
    samples = len(columns["sample"])
    axes: dict[str, NDArray] = {"sample": np.asarray(columns["sample"])}
    axes |= {name: np.asarray(x) for name, x in schema.domain.coordinates(schema.constants).items()}
    axes |= {c.axis: np.arange(columns[c.name].shape[1]) for c in schema.columns if c.axis}
    with write_hdf5(path) as file:
        file.attrs.update(format=FORMAT, split=split, seed=recipe["seed"])
        file.attrs["schema"] = json.dumps(schema.to_dict(), sort_keys=True)
        file.attrs["recipe"] = json.dumps(recipe, sort_keys=True)
        for axis, values in axes.items():
            written = file.create_dataset(axis, data=values, chunks=values.shape, fletcher32=True)
            written.make_scale(axis)
            written.flush()  # see ``_write_column``
        for axis in schema.domain.axes:
            file[axis].attrs.update(units=schema.units.get("length", "1"), long_name=f"{axis} of the point")
        file["sample"].attrs["long_name"] = "number of the sample in its split"
        for column in schema.columns:
            if column.name not in axes:
                _write_column(file, column, np.asarray(columns[column.name]).astype(column.dtype), schema)
    return {
        "sha256": sha256(path),
        "bytes": path.stat().st_size,
        "samples": samples,
        "split": split,
        "statistics": {c.name: found for c in learned(schema) if (found := _statistics(np.asarray(columns[c.name])))},
    }


def learned(schema: Schema) -> tuple[Column, ...]:
    """Return the columns with statistics: all that a network may take or predict, conditions and errors."""
    return schema.of_role(*Column.LEARNED, "condition", "error")


def check_columns(columns: Mapping[str, NDArray], schema: Schema) -> None:
    """Raise ValueError unless the columns are those of the schema, each with its shape."""
    names = {c.name for c in schema.columns} | {"sample"}
    if missing := names - set(columns):
        raise ValueError(f"{schema.system}: their recipe makes no {', '.join(sorted(missing))}")
    if unknown := set(columns) - names:
        raise ValueError(f"{schema.system}: {', '.join(sorted(unknown))} is in no column of their schema")
    samples = len(columns["sample"])
    for column in schema.columns:
        shape, wanted = np.shape(columns[column.name]), (samples, *schema.shape(column))
        fits = len(shape) == len(wanted) and all(w in (-1, s) for s, w in zip(shape, wanted, strict=True))
        if not fits:
            raise ValueError(f"{schema.system}: expected {column.name} of shape {wanted}, got {shape}")


def read_shard(path: Path) -> dict[str, NDArray]:
    """Return all columns of a shard, as ``write_shard`` takes them."""
    with reading(path), h5py.File(path, "r", locking=False) as file:
        schema = Schema.from_dict(json.loads(file.attrs["schema"]))
        return {name: file[name][...] for name in dict.fromkeys([*(c.name for c in schema.columns), "sample"])}


def _write_column(file: h5py.File, column: Column, values: NDArray, schema: Schema) -> None:
    chunks = (1, *values.shape[1:]) if column.is_field else values.shape
    packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if column.is_field else {}
    written = file.create_dataset(column.name, data=values, chunks=chunks, fletcher32=True, **packed)
    written.attrs["long_name"] = column.description
    if schema.unit(column):
        written.attrs["units"] = schema.unit(column)
    axes = schema.domain.axes if column.is_field else (column.axis,) if column.axis else ()
    for position, axis in enumerate(("sample", *axes)):
        written.dims[position].attach_scale(file[axis])
    # written now, not when Python releases the column: a profiler, such as dask's, may keep a reference, and then the
    # parts of the file would have another order
    written.flush()


def _statistics(values: NDArray) -> dict[str, float] | None:
    """Return extremes and moments of one column; ``sample_mean_*`` are extremes over the means of single samples.

    Fields have those of their texture, too.

    Samples with NaN are omitted; ``samples`` is the number of all others.
    """
    values = values[np.isfinite(values).reshape(len(values), -1).all(1)]
    if not values.size:
        return None
    means = values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
    textures = extremes(values) if values.ndim > 1 else {}
    return textures | {
        "samples": len(values),
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(means.mean()),
        "mean_square": float(np.square(values, dtype=np.float64).mean()),
        "sample_mean_min": float(means.min()),
        "sample_mean_max": float(means.max()),
    }
