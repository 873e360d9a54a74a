"""The file format of a dataset: specification, writing, reading, checking.

A dataset is a folder, complete when its ``manifest.json`` has the key ``statistics``:

    recipe.json         everything that fixes the bits: potential family and ranges, material, grid, N, M, seed, sizes
    train-00000.h5 ...  shards of the splits train, val and test, in order
    manifest.json       format; sha256 of recipe.json; of each shard its sha256, bytes, samples and field statistics;
                        statistics of the fields over train

A shard is an HDF5 file which h5py, xarray (``engine="h5netcdf"``) and netCDF4 open with names, units and coordinates.
S samples, n x n points, M orbitals, fields indexed [sample, x, y]. Units are those of the recipe's material; where that
says "bohr, hartree", read them here for nm and eV, as the units attributes of the file do:

    V                 float64 (S, n, n)  eV      confinement potential, the exact input of the solver
    n0                float32 (S, n, n)  nm^-2   density without interaction
    n_int             float32 (S, n, n)  nm^-2   density of the interacting ground state
    energy            float64 (S,)       eV      interacting ground-state energy
    gap               float64 (S,)       eV      to the next state of the same S_z block
    kinetic, confinement, interaction
                      float64 (S,)       eV      the three parts of the energy
    spin              float64 (S,)               total spin S of the ground state
    density_error     float64 (S,)               estimate of int |n_int - n_exact| / N, made by keeping M orbitals
    energy_error      float64 (S,)       eV      estimate of energy - exact energy, likewise
    residual          float64 (S,)       eV      largest ||H psi - E psi|| left by the solver's iterations
    orbital_energies  float64 (S, M)     eV      single-particle levels
    degeneracy        int64   (S,)               states that share the ground-state energy
    splits_shell      int8    (S,)               1 where orbitals M and M + 1 are degenerate
    fallback          int8    (S,)               1 where an iteration failed and LAPACK solved the whole matrix
    sample            int64   (S,)               number of the sample in its split: with the seed it fixes the potential
    x, y              float64 (n,)       nm      coordinates;  orbital int64 (M,)

Attributes of the file: ``format``, ``recipe`` (JSON), ``split``, ``seed``. Fields bear HDF5's own checksums, so that
damage is noticed while reading. Files are written under a temporary name and renamed: one that bears its name is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.files import sha256, write_whole
from qd_pix2pix.schema import units_of

FORMAT = 2
SPLITS = ("train", "val", "test")
OPEN_FILES = 16

COLUMNS: dict[str, tuple[str, str | None, str]] = {  # type, quantity that has a unit, description
    "V": ("f8", "energy", "confinement potential"),
    "n0": ("f4", "density", "electron density without interaction"),
    "n_int": ("f4", "density", "electron density of the interacting ground state"),
    "energy": ("f8", "energy", "interacting ground-state energy"),
    "gap": ("f8", "energy", "energy of the next state of the same S_z block above the ground state"),
    "kinetic": ("f8", "energy", "kinetic energy of the ground state"),
    "confinement": ("f8", "energy", "its energy in the potential V"),
    "interaction": ("f8", "energy", "its energy of interaction"),
    "spin": ("f8", None, "total spin S of the ground state"),
    "density_error": ("f8", None, "estimate of the truncation error of n_int, int |n - n_exact| / N"),
    "energy_error": ("f8", "energy", "estimate of the truncation error of the energy"),
    "residual": ("f8", "energy", "largest norm of H psi - E psi left by the iterations"),
    "orbital_energies": ("f8", "energy", "single-particle levels"),
    "degeneracy": ("i8", None, "states that share the ground-state energy"),
    "splits_shell": ("i1", None, "1 where the last orbital kept is degenerate with the first left out"),
    "fallback": ("i1", None, "1 where an iteration failed and LAPACK solved the whole matrix"),
    "sample": ("i8", None, "number of the sample in its split"),
}
FIELD_COLUMNS = ("V", "n0", "n_int")


class StoreError(ValueError):
    """A dataset that is missing, incomplete, of another format, or damaged; the text names the file."""


def write_shard(
    path: Path, columns: dict[str, NDArray], x: NDArray[np.floating], recipe: dict[str, Any], split: str
) -> dict[str, Any]:
    """Write one shard, and return its entry in the manifest.

    Args:
        path: where it shall be.
        columns: all of ``COLUMNS``, first axis the samples.
        x: coordinates of the points along one side (the material's unit of length).
        recipe: plain containers; it is stored inside.
        split: train, val or test.
    """
    units = units_of(recipe)
    axes = {"sample": columns["sample"], "x": x, "y": x}
    axes["orbital"] = np.arange(columns["orbital_energies"].shape[1])
    with write_whole(path) as temporary:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(
                format=FORMAT, recipe=json.dumps(recipe, sort_keys=True), split=split, seed=recipe["seed"]
            )
            for axis, values in axes.items():
                file.create_dataset(axis, data=values).make_scale(axis)
            for axis in ("x", "y"):
                file[axis].attrs.update(units=units.length, long_name=f"{axis} coordinate of the point")
            file["sample"].attrs["long_name"] = COLUMNS["sample"][2]
            file["orbital"].attrs["long_name"] = "number of the level, from the lowest"
            for name, (dtype, quantity, description) in COLUMNS.items():
                if name not in axes:
                    unit = units.of(quantity) if quantity else None
                    _write_column(file, name, columns[name].astype(dtype), unit, description)
            file.flush()
        return {
            "sha256": sha256(temporary),
            "bytes": temporary.stat().st_size,
            "samples": len(columns["sample"]),
            "split": split,
            "fields": {name: _field_statistics(columns[name]) for name in FIELD_COLUMNS},
        }


def read_shard(path: Path) -> dict[str, NDArray]:
    """All columns of a shard, as ``write_shard`` takes them."""
    with h5py.File(path, "r") as file:
        return {name: file[name][...] for name in COLUMNS}


def _write_column(file: h5py.File, name: str, values: NDArray, unit: str | None, description: str) -> None:
    is_field = values.ndim == 3
    options = (
        {"chunks": (1, *values.shape[1:]), "compression": "gzip", "compression_opts": 1, "fletcher32": True}
        if is_field
        else {}
    )
    column = file.create_dataset(name, data=values, shuffle=is_field or None, **options)
    column.attrs["long_name"] = description
    if unit:
        column.attrs["units"] = unit
    for position, axis in enumerate(("sample", "x", "y") if is_field else ("sample", "orbital")[: values.ndim]):
        column.dims[position].attach_scale(file[axis])
    # written now, not when Python lets go of the column: a profiler may hold it (dask's does), and then the pieces of
    # the file would lie in another order
    column.flush()


def _field_statistics(values: NDArray) -> dict[str, float]:
    """Extremes and moments of one field over some samples; ``dot_*`` are extremes over the means of single dots."""
    means = values.mean(axis=(1, 2), dtype=np.float64)
    return {
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(means.mean()),
        "mean_square": float(np.square(values, dtype=np.float64).mean()),
        "dot_mean_min": float(means.min()),
        "dot_mean_max": float(means.max()),
    }


def merge_statistics(entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Statistics of a split from those of its shards; ``std`` is the standard deviation over samples and points."""
    weights = [e["samples"] for e in entries]
    return {name: _pool([e["fields"][name] for e in entries], weights) for name in FIELD_COLUMNS}


def training_statistics(stores: Sequence[Store], scalars: Iterable[str] = ()) -> dict[str, dict[str, float]]:
    """Statistics of the training splits of several datasets together; of ``scalars`` the extremes only."""
    if len(stores) == 1:
        pooled = dict(stores[0].statistics)
    else:
        weights = [len(store.split("train")) for store in stores]
        parts = {name: [store.statistics[name] for store in stores] for name in FIELD_COLUMNS}
        squares = {name: [{"mean_square": p["std"] ** 2 + p["mean"] ** 2} | p for p in parts[name]] for name in parts}
        pooled = {name: _pool(squares[name], weights) for name in FIELD_COLUMNS}
    for name in scalars:
        values = np.concatenate([store.split("train").load((name,))[name] for store in stores])
        pooled[name] = {"min": float(values.min()), "max": float(values.max())}
    return pooled


def _pool(parts: Sequence[dict[str, float]], weights: Sequence[int]) -> dict[str, float]:
    mean, square = (float(np.average([p[key] for p in parts], weights=weights)) for key in ("mean", "mean_square"))
    return {
        "min": min(p["min"] for p in parts),
        "max": max(p["max"] for p in parts),
        "mean": mean,
        "std": max(square - mean**2, 0.0) ** 0.5,
        "dot_mean_min": min(p["dot_mean_min"] for p in parts),
        "dot_mean_max": max(p["dot_mean_max"] for p in parts),
    }


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a dataset, complete or not.

    Raises:
        StoreError: it is missing, unreadable, or of another format.
    """
    try:
        manifest = json.loads((path / "manifest.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(
            f"{path}: no dataset is there (no folder with a manifest.json); generate.py makes one"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path / 'manifest.json'}: damaged ({error}); delete it and run generate.py again") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("shards", {}), dict):
        raise StoreError(f"{path / 'manifest.json'}: damaged; delete it and run generate.py again")
    if manifest.get("format") != FORMAT:
        raise StoreError(f"{path}: format {manifest.get('format')}, but this version reads format {FORMAT}")
    return manifest


class Store:
    """A complete dataset, for reading.

    Attributes:
        path: its folder.
        recipe: the configuration that made it, plain containers.
        statistics: of the training split, by field: min, max, mean, std, dot_mean_min, dot_mean_max.

    Raises:
        StoreError: see ``read_manifest``; also where shards are missing or have another size than they were written
            with. The bytes themselves are compared by ``check``.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        manifest = read_manifest(self.path)
        self._shards: dict[str, dict[str, Any]] = manifest.get("shards", {})
        if "statistics" not in manifest:
            raise StoreError(
                f"{self.path}: incomplete, {len(self._shards)} shards are there; run the same generate.py command "
                "again, it goes on where it stopped"
            )
        self.statistics: dict[str, dict[str, float]] = manifest["statistics"]
        try:
            self.recipe: dict[str, Any] = json.loads((self.path / "recipe.json").read_text())
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.path / 'recipe.json'}: missing or damaged ({error}); {_REPAIR}") from None
        for name, entry in self._shards.items():
            _check_size(self.path / name, entry)

    @property
    def name(self) -> str:
        """Name of the folder: family, N and the hash of the configuration."""
        return self.path.name

    def split(self, name: str) -> Split:
        """The samples of train, val or test."""
        if name not in SPLITS:
            raise StoreError(f"split: expected one of {', '.join(SPLITS)}; got {name!r}")
        shards = sorted(shard for shard, entry in self._shards.items() if entry["split"] == name)
        return Split([self.path / s for s in shards], [self._shards[s]["samples"] for s in shards])


class Split:
    """The samples of one split, read from disk one at a time or all at once."""

    def __init__(self, paths: list[Path], sizes: list[int]) -> None:
        self._paths = paths
        self._ends = np.cumsum(sizes)
        self._open: dict[tuple[int, int], h5py.File] = {}

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def read(self, index: int, names: Iterable[str]) -> dict[str, NDArray]:
        """The columns ``names`` of one sample; the memory used does not grow with the dataset."""
        shard = int(np.searchsorted(self._ends, index, side="right"))
        row = index - (int(self._ends[shard - 1]) if shard else 0)
        file = self._file(shard)
        try:
            return {name: file[name][row] for name in names}
        except (OSError, KeyError) as error:
            raise StoreError(f"{self._paths[shard]}: damaged ({error}); {_REPAIR}") from None

    def load(self, names: Iterable[str]) -> dict[str, NDArray]:
        """The columns ``names`` of all samples."""
        parts = []
        for shard in range(len(self._paths)):
            try:
                parts.append({name: self._file(shard)[name][...] for name in names})
            except (OSError, KeyError) as error:
                raise StoreError(f"{self._paths[shard]}: damaged ({error}); {_REPAIR}") from None
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def nbytes(self, names: Iterable[str]) -> int:
        """Bytes that ``load`` would take."""
        file = self._file(0)
        return sum(file[name][:1].nbytes for name in names) * len(self)

    def _file(self, shard: int) -> h5py.File:
        key = (os.getpid(), shard)  # a handle must not cross a fork
        if key not in self._open:
            while len(self._open) >= OPEN_FILES:
                oldest = next(iter(self._open))
                self._open.pop(oldest).close()
            try:
                self._open[key] = h5py.File(self._paths[shard], "r")
            except OSError as error:
                raise StoreError(f"{self._paths[shard]}: damaged or missing ({error}); {_REPAIR}") from None
        return self._open[key]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}


_REPAIR = "delete it and run the same generate.py command again: it makes the same bytes"


def _check_size(path: Path, entry: dict[str, Any]) -> None:
    if not path.exists():
        raise StoreError(f"{path}: missing; run the same generate.py command again: it makes the same bytes")
    if path.stat().st_size != entry["bytes"]:
        raise StoreError(f"{path}: truncated or altered, {path.stat().st_size} of {entry['bytes']} bytes; {_REPAIR}")


def check(path: Path | str) -> dict[str, int]:
    """Verify a whole dataset: every byte of every shard, and the charge of every density.

    Returns:
        The number of samples of each split.

    Raises:
        StoreError: names the first shard that is missing, truncated, altered or implausible.
    """
    store = Store(path)
    if sha256(store.path / "recipe.json") != read_manifest(store.path)["recipe_sha256"]:
        raise StoreError(
            f"{store.path / 'recipe.json'}: altered, its checksum is not the one it was written with; {_REPAIR}"
        )
    n_electrons, extent = store.recipe["n_electrons"], store.recipe["grid"]["extent"]
    for name, entry in store._shards.items():
        shard = store.path / name
        if sha256(shard) != entry["sha256"]:
            raise StoreError(f"{shard}: altered, its checksum is not the one that it was written with; {_REPAIR}")
        with h5py.File(shard, "r") as file:
            for column in ("n0", "n_int"):
                density = file[column][...].astype(np.float64)
                charge = density.mean(axis=(1, 2)) * extent**2
                if not np.allclose(charge, n_electrons, rtol=1e-5):
                    worst = charge[np.argmax(np.abs(charge - n_electrons))]
                    raise StoreError(f"{shard}: {column} holds {worst:.6g} electrons instead of {n_electrons}")
    return {split: len(store.split(split)) for split in SPLITS}
