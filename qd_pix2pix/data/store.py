"""Reading and verification of a dataset on disk.

A dataset is a folder; it is complete when its ``manifest.json`` has the key ``statistics``:

    recipe.json         the configuration that determines all bits
    train-00000.h5 ...  shards of the splits train, val and test, in order (``shard.py``)
    manifest.json       list of shards, and the schema of the samples (``manifest.py``)
    dataset.html        a page with figures of the dataset
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.data.manifest import Statistics, read_manifest
from qd_pix2pix.data.shard import REPAIR, StoreError, reading
from qd_pix2pix.files import sha256
from qd_pix2pix.schema import Schema

SPLITS = ("train", "val", "test")
OPEN_FILES = 16


class Store:
    """A complete dataset, for reading.

    Attributes:
        path: folder of the dataset.
        recipe: configuration that generated it, plain containers.
        schema: schema of its samples.
        statistics: statistics of the training split, by column.

    Raises:
        StoreError: see ``read_manifest``; also if shards are missing or have another size than the one written, or if
            the recipe was altered. ``check`` compares the bytes of shards.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        manifest = read_manifest(self.path)
        self._shards: dict[str, dict[str, Any]] = manifest["shards"]
        if "statistics" not in manifest:
            raise StoreError(
                f"{self.path}: incomplete, {len(self._shards)} shards are there; run the same generate.py command "
                "again, which resumes it"
            )
        self.statistics: Statistics = manifest["statistics"]
        self.schema = Schema.from_dict(manifest["schema"])
        recipe = self.path / "recipe.json"
        with reading(recipe):
            altered = sha256(recipe) != manifest["recipe_sha256"]
            self.recipe: dict[str, Any] = {} if altered else json.loads(recipe.read_text(encoding="utf-8"))
        if altered:
            raise StoreError(f"{recipe}: altered, its checksum is not the one that it was written with; {REPAIR}")
        for name, entry in self._shards.items():
            _check_size(self.path / name, entry)

    @property
    def name(self) -> str:
        """The name of the folder: name of the recipe and hash of the configuration."""
        return self.path.name

    @property
    def shards(self) -> dict[str, dict[str, Any]]:
        """The entries of the manifest, by the shard's file name."""
        return self._shards

    def split(self, name: str) -> Split:
        """Return the samples of train, val or test."""
        if name not in SPLITS:
            raise StoreError(f"split: expected one of {', '.join(SPLITS)}; got {name!r}")
        shards = sorted(shard for shard, entry in self._shards.items() if entry["split"] == name)
        return Split([self.path / s for s in shards], [self._shards[s]["samples"] for s in shards], self.schema)


class Split:
    """The samples of one split, read from disk one at a time or all at once.

    Args:
        paths, sizes: path and number of samples of each shard.
        schema: schema of the samples.
    """

    def __init__(self, paths: list[Path], sizes: list[int], schema: Schema) -> None:
        self._paths, self._known = paths, {"sample": None} | {column.name: None for column in schema.columns}
        self._ends = np.cumsum(sizes, dtype=np.int64)
        self._open: dict[tuple[int, int], h5py.File] = {}

    def __len__(self) -> int:
        return int(self._ends[-1])

    def read(self, index: int, names: Iterable[str]) -> dict[str, NDArray]:
        """Return the columns ``names`` of sample ``index``; raise ValueError for a column that is not stored."""
        names = self._checked(names)
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        shard = int(np.searchsorted(self._ends, index, side="right"))
        row = index - (int(self._ends[shard - 1]) if shard else 0)
        with reading(self._paths[shard]):
            file = self._file(shard)
            return {name: file[name][row] for name in names}

    def load(self, names: Iterable[str]) -> dict[str, NDArray]:
        """Return the columns ``names`` of all samples; raise ValueError for a column that is not stored."""
        names, parts = self._checked(names), []
        for shard, path in enumerate(self._paths):
            with reading(path):
                file = self._file(shard)
                parts.append({name: file[name][...] for name in names})
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def nbytes(self, names: Iterable[str]) -> int:
        """Return the number of bytes that ``load`` would take."""
        names = self._checked(names)
        with reading(self._paths[0]):
            file = self._file(0)
            return sum(file[name].dtype.itemsize * int(np.prod(file[name].shape[1:])) for name in names) * len(self)

    def _checked(self, names: Iterable[str]) -> list[str]:
        names = list(names)
        if unknown := [name for name in names if name not in self._known]:
            raise ValueError(f"columns: expected some of {', '.join(self._known)}; got {', '.join(unknown)}")
        return names

    def _file(self, shard: int) -> h5py.File:
        key = (os.getpid(), shard)  # a handle must not cross a fork
        if key not in self._open:
            while len(self._open) >= OPEN_FILES:
                oldest = next(iter(self._open))
                self._open.pop(oldest).close()
            # shards are never changed in place: no lock is required, and another reader's lock is irrelevant
            self._open[key] = h5py.File(self._paths[shard], "r", locking=False)
        return self._open[key]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}


def _check_size(path: Path, entry: dict[str, Any]) -> None:
    with reading(path):
        size = path.stat().st_size
    if size != entry["bytes"]:
        raise StoreError(f"{path}: truncated or altered, {size} of {entry['bytes']} bytes; {REPAIR}")


def check_bytes(store: Store) -> None:
    """Compare every byte of every shard with its checksum.

    Raises:
        StoreError: a shard is missing, truncated or altered; the message names the first one.
    """
    for name, entry in store.shards.items():
        with reading(store.path / name):
            found = sha256(store.path / name)
        if found != entry["sha256"]:
            raise StoreError(
                f"{store.path / name}: altered, its checksum is not the one that it was written with; {REPAIR}"
            )
