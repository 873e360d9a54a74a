"""Recipe -> dataset: in parallel, resumable, the same bits whatever happens on the way.

A shard is a function of (recipe, split, its samples), made as one batch on one thread. So neither the number of workers
nor where they run nor an interruption changes a bit, and shards that a dataset of other sizes has already are reused.
"""

from __future__ import annotations

import json
import socket
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
from qd_pix2pix.systems import Recipe, build, make_recipe

VISIBLE_WITHIN = 30.0
"""Seconds in which a file that one machine wrote must be seen by another."""
MOST_SHARDS = 100_000
"""Shards of one split: their names have five digits."""

Entries = dict[str, dict[str, Any]]


def dataset_name(config: Mapping[str, Any], recipe: Recipe | None = None) -> str:
    """Return the name of a dataset's folder: what is drawn, and the hash of its configuration."""
    return f"{(recipe or make_recipe(config)).name}-{digest(config, f'format {FORMAT}')}"


def make_launcher(config: Mapping[str, Any]) -> Launcher:
    """Return the launcher of a configuration in plain containers."""
    return build(config, "launcher")


def generate(
    config: Mapping[str, Any], root: Path | str, launcher: Launcher | None = None, only_rooms: bool = False
) -> Path:
    """Make the dataset of a recipe, resume it, or find it finished.

    Args:
        config: of a ``Recipe``, plain containers with ``_target_``; its hash names the folder.
        root: folder of all datasets; all workers must see it.
        launcher: where shards are made; by default in one process per core that may be used.
        only_rooms: the configuration comes from a card, which may be a stranger's: build rooms of this project only.

    Returns:
        The dataset's folder.

    Raises:
        ValueError: a setting is bad, or the folder holds another dataset; before any work.
        StoreError: files may not be read; or workers were lost, or do not see ``root``: what was made is
            kept.
    """
    recipe = make_recipe(config, only_rooms)
    path = Path(root) / dataset_name(config, recipe)
    if _is_complete(path, config):
        return path
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
    """Verify a whole dataset: every byte of every shard, and the laws of its system.

    Returns:
        The number of samples of each split.

    Raises:
        StoreError: names the first shard that is missing, truncated, altered or implausible.
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
    """Raise ValueError where a folder that bears this dataset's name holds another one, complete or not."""
    file = path / "recipe.json"
    manifest = read_manifest(path)
    with reading(file):
        other = json.loads(file.read_text(encoding="utf-8"))
        altered = sha256(file) != manifest["recipe_sha256"]
    if not altered and digest(other) != digest(config):
        raise ValueError(f"{file}: it is not the recipe that is asked for; move that folder away")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock of a dataset's folder; another process that generates it is waited for."""
    lock = FileLock(path / ".lock")  # without a mode: the umask alone decides
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
    """Split and samples of each shard, by file name."""
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
        leftover.unlink(missing_ok=True)  # a worker on another machine may still be writing it
    write_text(path / "recipe.json", to_json(config))
    manifest = ManifestWriter(path, recipe.schema)
    shards = _present(path, wanted)
    # absolute: workers have a working directory of their own
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
    """Entries of the shards that are there, whole."""
    try:
        shards: Entries = read_manifest(path)["shards"]
    except UnreadableError:
        raise
    except StoreError:
        return {}
    return {name: entry for name, entry in shards.items() if name in wanted and _is_whole(path / name, entry)}


def _reusable(config: Mapping[str, Any], path: Path, sizes: Mapping[str, int]) -> dict[str, tuple[Path, Any]]:
    """Shards, with their entries, of datasets beside ``path`` whose recipes differ in the sizes of splits alone."""
    found: dict[str, tuple[Path, Any]] = {}
    own = {split: config[split] for split in SPLITS}
    for folder in sorted(path.parent.glob(f"{path.name.rpartition('-')[0]}-*")):
        try:
            other = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
            # the name holds the hash, so that an altered recipe, or one of another format, does not pass
            if folder == path or other | own != config or not folder.name.endswith(digest(other, f"format {FORMAT}")):
                continue
            shards = read_manifest(folder)["shards"]
        except (OSError, ValueError, TypeError, KeyError):
            continue  # not a dataset, or a damaged one: nothing can be had from it
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
    """Raise StoreError where a file that another process wrote does not come to be seen."""
    deadline = time.monotonic() + VISIBLE_WITHIN
    while not path.exists():
        if time.monotonic() > deadline:
            raise StoreError(
                f"data_root: {path} was written, but is not seen {where} within {VISIBLE_WITHIN:g} s; with "
                "launcher=dask, data_root must lie on a file system that this machine and all workers share"
            )
        time.sleep(0.1)


def _make_shard(
    config: Mapping[str, Any], path: Path, split: str, samples: range, solved: tuple[Path, Any] | None = None
) -> dict[str, Any]:
    """Make and write one shard, or copy the columns of a solved one; return its entry in the manifest."""
    # for good, not for this call: another shard may be in the making on another thread of a worker
    threadpool_limits(1)
    _check_seen(path.with_name("recipe.json"), f"on {socket.gethostname()}")
    recipe = make_recipe(config)
    if solved and _is_whole(*solved):
        entry = write_shard(path, read_shard(solved[0]), recipe.schema, config, split)
        # statistics are of the numbers before they were rounded to the precision of the file
        return entry | {"statistics": solved[1]["statistics"]}
    columns = recipe.columns(split, samples) | {"sample": np.arange(samples.start, samples.stop)}
    return write_shard(path, columns, recipe.schema, config, split)
