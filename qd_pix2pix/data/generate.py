"""Generation of a dataset from a recipe: parallel, resumable and reproducible bit for bit.

A shard is a function of (recipe, split, its samples), computed as one batch on one thread. Its bits therefore do not
depend on the number and the location of workers or on interruptions. Shards of datasets of other sizes are reused.
"""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from qd_pix2pix.data.launchers import Launcher, LocalLauncher, check_main_guard
from qd_pix2pix.data.manifest import ManifestWriter, merge_statistics, read_manifest
from qd_pix2pix.data.shard import FORMAT, StoreError, UnreadableError, read_shard, reading, write_shard
from qd_pix2pix.data.store import SPLITS, Store, check_bytes
from qd_pix2pix.files import digest, sha256, to_json, write_text
from qd_pix2pix.systems import Recipe, build, complete, make_recipe

VISIBLE_WITHIN = 30.0
"""Time limit in seconds until a file written by one machine is visible on another."""
MOST_SHARDS = 100_000
"""Largest number of shards of one split: their names have five digits."""

Entries = dict[str, dict[str, Any]]


def dataset_name(config: Mapping[str, Any], recipe: Recipe | None = None) -> str:
    """Return the name of a dataset's folder: the name of its recipe and the hash of its configuration."""
    return f"{(recipe or make_recipe(config)).name}-{digest(config, f'format {FORMAT}')}"


def make_launcher(config: Mapping[str, Any]) -> Launcher:
    """Return the launcher of a configuration in plain containers."""
    return build(config, "launcher")


def generate(
    config: Mapping[str, Any], root: Path | str, launcher: Launcher | None = None, only_rooms: bool = False
) -> Path:
    """Generate the dataset of a recipe, or resume it; a complete dataset is returned unchanged.

    Args:
        config: configuration of a ``Recipe``, plain containers with ``_target_``; its hash is part of the name.
        root: folder of all datasets, on a file system that all workers share.
        launcher: launcher of the workers; by default one process per available core.
        only_rooms: build only classes of this project's packages, for a configuration from an untrusted card.

    Returns:
        The dataset's folder.

    Raises:
        ValueError: a setting is invalid, ``root`` is not writable, or the folder holds another dataset; before any
            calculation.
        StoreError: files cannot be read, workers have died, or ``root`` is not visible to them; completed shards are
            kept.
    """
    config = complete(config, only_rooms)
    recipe = make_recipe(config, only_rooms)
    path = Path(root) / dataset_name(config, recipe)
    if _is_complete(path, config):
        return path
    _check_writable(path)
    shards = _plan(recipe)
    launcher = launcher or LocalLauncher()
    launcher.check()
    recipe.rehearse()
    total = recipe.schema.count(recipe.train + recipe.val + recipe.test)
    print(f"dataset {path} is missing or incomplete: {total} to make", flush=True)
    path.mkdir(parents=True, exist_ok=True)
    check_main_guard()
    with _alone(path):
        if not _is_complete(path, config):
            _make(config, recipe, path, launcher, shards)
    return path


def check(path: Path | str) -> dict[str, int]:
    """Verify a complete dataset: every byte of every shard, and the laws of its system.

    Returns:
        The number of samples of each split.

    Raises:
        StoreError: a shard is missing, truncated, altered or implausible; the message names the first one.
    """
    store = Store(path)
    check_bytes(store)
    recipe = make_recipe(store.recipe)
    for name in store.shards:
        columns = read_shard(store.path / name)
        try:
            recipe.laws(columns)
        except ValueError as error:
            raise StoreError(f"{store.path / name}: {error}") from None
    return {split: len(store.split(split)) for split in SPLITS}


def _is_complete(path: Path, config: Mapping[str, Any]) -> bool:
    try:
        _check_recipe(path, config)
        Store(path)
    except UnreadableError:
        raise
    except StoreError:
        return False
    return True


def _check_recipe(path: Path, config: Mapping[str, Any]) -> None:
    """Raise ValueError where the folder with this dataset's name holds another one, complete or not."""
    file = path / "recipe.json"
    manifest = read_manifest(path)
    with reading(file):
        other = json.loads(file.read_text(encoding="utf-8"))
        altered = sha256(file) != manifest["recipe_sha256"]
    if not altered and digest(other) != digest(config):
        raise ValueError(f"{file}: it is not the requested recipe; move that folder away")


def _check_writable(path: Path) -> None:
    """Raise ValueError unless a dataset's folder, or the nearest folder above that exists, is one and is writable."""
    existing = path
    try:
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        with tempfile.TemporaryFile(dir=existing):
            return
    except OSError as error:
        reason = error.strerror or str(error)
        given = f"{path.parent} ({existing}: {reason})"
        raise ValueError(
            f"data_root: expected a folder that can be written, got {given}; choose another folder"
        ) from None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Lock a dataset's folder; wait for another process that generates it."""
    lock = FileLock(path / ".lock")  # without a mode: the umask determines the permissions
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting for another process that generates {path}", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _plan(recipe: Recipe) -> dict[str, tuple[str, range]]:
    """Return the split and the samples of each shard, by file name."""
    shards = {}
    for split in SPLITS:
        size = getattr(recipe, split)
        if size > MOST_SHARDS * recipe.shard_size:
            raise ValueError(
                f"data.{split}: {size} samples in shards of {recipe.shard_size} make more than {MOST_SHARDS} files; "
                "raise data.shard_size, or ask for fewer"
            )
        for k, first in enumerate(range(0, size, recipe.shard_size)):
            shards[f"{split}-{k:05d}.h5"] = (split, range(first, min(first + recipe.shard_size, size)))
    return shards


def _make(
    config: Mapping[str, Any], recipe: Recipe, path: Path, launcher: Launcher, wanted: dict[str, tuple[str, range]]
) -> None:
    for leftover in path.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)  # a worker on another machine may still write to it
    write_text(path / "recipe.json", to_json(config))
    manifest = ManifestWriter(path, recipe.schema)
    shards = _present(path, wanted)
    # absolute: workers have their own working directory
    jobs: dict[str, tuple[Any, ...]] = {
        name: (config, path.absolute() / name, *job) for name, job in wanted.items() if name not in shards
    }
    for name, found in _reusable(config, path, {name: len(wanted[name][1]) for name in jobs}).items():
        jobs[name] = (*jobs[name], found)
    total = sum(len(samples) for _, samples in wanted.values())
    bar = partial(tqdm, total=total, initial=_stored(shards), desc=f"making {recipe.name}", smoothing=0)
    try:
        with launcher.open() as run, bar(unit=recipe.schema.sample) as progress:
            try:
                for name, entry in run(_make_shard, jobs):
                    _check_seen(path / name, "here")
                    shards[name] = entry
                    manifest.write_at_times(shards)
                    progress.update(entry["samples"])
            finally:
                manifest.write(shards)
    except (KeyboardInterrupt, BrokenExecutor) as error:
        state = f"{_stored(shards)} of {recipe.schema.count(total)} are stored; the same command resumes"
        if isinstance(error, BrokenExecutor):
            raise StoreError(f"{error}. {state}") from None
        print(f"stopped: {state}", flush=True)
        raise
    manifest.write(shards, statistics=merge_statistics([shards[name] for name in wanted if wanted[name][0] == "train"]))


def _present(path: Path, wanted: Mapping[str, Any]) -> Entries:
    """Return the entries of the complete shards in the folder."""
    try:
        shards: Entries = read_manifest(path)["shards"]
    except UnreadableError:
        raise
    except StoreError:
        return {}
    return {name: entry for name, entry in shards.items() if name in wanted and _is_whole(path / name, entry)}


def _reusable(config: Mapping[str, Any], path: Path, sizes: Mapping[str, int]) -> dict[str, tuple[Path, Any]]:
    """Return shards and their entries of datasets beside ``path`` whose recipes differ only in the sizes of splits."""
    found: dict[str, tuple[Path, Any]] = {}
    own = {split: config[split] for split in SPLITS}
    for folder in sorted(path.parent.glob(f"{path.name.rpartition('-')[0]}-*")):
        try:
            other = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
            # the name contains the hash, which excludes altered recipes and other formats
            if folder == path or other | own != config or not folder.name.endswith(digest(other, f"format {FORMAT}")):
                continue
            shards = read_manifest(folder)["shards"]
        except (OSError, ValueError, TypeError, KeyError):
            continue  # not a dataset, or a damaged one
        found |= {
            name: (folder.absolute() / name, entry)
            for name, entry in shards.items()
            if entry["samples"] == sizes.get(name)
        }
    if found:
        taken = sum(entry["samples"] for _, entry in found.values())
        folders = ", ".join(sorted({str(path.parent / shard.parent.name) for shard, _ in found.values()}))
        print(f"{taken} of them are reused from {folders}", flush=True)
    return found


def _stored(shards: Mapping[str, Any]) -> int:
    return sum(entry["samples"] for entry in shards.values())


def _is_whole(path: Path, entry: Mapping[str, Any]) -> bool:
    if not path.exists():
        return False
    with reading(path):
        return sha256(path) == entry["sha256"]


def _check_seen(path: Path, where: str) -> None:
    """Raise StoreError where a file that another process wrote does not become visible in time."""
    deadline = time.monotonic() + VISIBLE_WITHIN
    while not path.exists():
        if time.monotonic() > deadline:
            raise StoreError(
                f"data_root: {path} was written, but is not visible {where} within {VISIBLE_WITHIN:g} s; with "
                "launcher=dask, data_root must lie on a file system that this machine and all workers share"
            )
        time.sleep(0.1)


def _make_shard(
    config: Mapping[str, Any], path: Path, split: str, samples: range, solved: tuple[Path, Any] | None = None
) -> dict[str, Any]:
    """Compute and write one shard, or copy the columns of a solved one; return its entry in the manifest."""
    # permanently, not for this call: another thread of the worker may compute another shard
    threadpool_limits(1)
    _check_seen(path.with_name("recipe.json"), f"on {socket.gethostname()}")
    recipe = make_recipe(config)
    if solved and _is_whole(*solved):
        entry = write_shard(path, read_shard(solved[0]), recipe.schema, config, split)
        # statistics are those of the values before rounding to the precision of the file
        return entry | {"statistics": solved[1]["statistics"]}
    columns = recipe.columns(split, samples) | {"sample": np.arange(samples.start, samples.stop)}
    return write_shard(path, columns, recipe.schema, config, split)
