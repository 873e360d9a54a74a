"""Potentials x solver -> dataset: in parallel, resumable, the same bits whatever happens on the way.

Sample i of a split draws its potential from the random stream (seed, split, i), and a shard is always solved as one
batch on one thread. So neither the number of workers nor where they run nor an interruption changes a bit, and shards
that a dataset of other sizes has solved already are taken over.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from filelock import FileLock, Timeout
from hydra.utils import instantiate
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from qd_pix2pix.data.launchers import Launcher, LocalLauncher, check_main_guard
from qd_pix2pix.data.store import (
    COLUMNS,
    FORMAT,
    SPLITS,
    Store,
    StoreError,
    merge_statistics,
    read_manifest,
    read_shard,
    write_shard,
)
from qd_pix2pix.files import digest, sha256, to_json, write_text
from qd_pix2pix.reports.dataset_page import write_dataset_page
from solvers import Grid, Material, Solution

VISIBLE_WITHIN = 30.0
"""Seconds in which a file that one machine wrote must be seen by another."""


class Potential(Protocol):
    """A deterministic potential: a function of the grid."""

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Values in the energy unit of the dataset, shape (n, n)."""


class PotentialFamily(Protocol):
    """What draws potentials: ``RandomX`` of ``solvers.quantum_dots.potentials``."""

    def sample(self, rng: np.random.Generator, grid: Grid) -> Potential:
        """Draw one."""


class SolveOptions(Protocol):
    """``functools.partial(solvers.solve, n_orbitals=..., n_modes=...)``."""

    def __call__(self, V: ArrayLike, grid: Grid, n_electrons: int, material: Material) -> Solution:
        """Solve a batch."""


@dataclass(frozen=True)
class Recipe:
    """Everything that fixes a dataset: what is drawn, how it is solved, how many.

    Attributes:
        potential: the family that is drawn from.
        material: effective mass, permittivity, and the units of all lengths and energies.
        solver: ``solvers.solve`` with its options.
        grid: points and side of the square.
        n_electrons: N.
        seed: of all random streams; the same seed gives the same potentials for every N, material and solver.
        train, val, test: number of dots of each split.
        shard_size: dots per file: the unit of work, and the most that an interruption costs each process.
    """

    potential: PotentialFamily
    material: Material
    solver: SolveOptions
    grid: Grid
    n_electrons: int
    seed: int
    train: int
    val: int
    test: int
    shard_size: int

    def __post_init__(self) -> None:
        for name, low in (("seed", 0), ("train", 1), ("val", 1), ("test", 1), ("shard_size", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ValueError(f"data.{name}: expected a whole number of at least {low}, got {value!r}")
        # draws and solves nothing large, but meets every bad setting before any long work begins
        self.solve(self.draw("train", 0)[None][:0])

    def draw(self, split: str, sample: int) -> NDArray[np.float64]:
        """Potential number ``sample`` of a split, (n, n) in the energy unit of the material."""
        rng = np.random.default_rng([self.seed, SPLITS.index(split), sample])
        return self.potential.sample(rng, self.grid)(self.grid)

    def solve(self, V: ArrayLike, names: Sequence[str] = ()) -> Solution:
        """Ground states of potentials ``V`` (..., n, n) with this recipe's material, N and options.

        Raises:
            ValueError: a system is not ``trusted``; it is called by its name, where ``names`` are given.
        """
        solution = self.solver(V, self.grid, n_electrons=self.n_electrons, material=self.material).to_numpy()
        trusted = np.atleast_1d(solution.trusted)
        if not trusted.all():
            bad = int(np.argmin(trusted))
            guards = ", ".join(
                f"{name} {np.atleast_1d(getattr(solution, name))[bad]:.1e}"
                for name in ("residual", "orthogonality", "charge_error", "imbalance")
            )
            raise ValueError(
                f"solver: system {names[bad] if names else f'{bad} of {trusted.size}'} was not solved to full accuracy "
                f"({guards}); it is not stored or shown as exact. Change n_orbitals, or the potential."
            )
        return solution

    def columns(self, split: str, samples: range) -> dict[str, NDArray]:
        """All columns of ``store.COLUMNS`` for these samples.

        Raises:
            ValueError: a system is not ``trusted``.
        """
        V = np.stack([self.draw(split, i) for i in samples])
        solution = self.solve(V, [f"{split} {i}" for i in samples])
        renamed = {"V": V, "n0": solution.density_noninteracting, "n_int": solution.density}
        own = {"spin": solution.spins[:, 0], "sample": np.array(samples)}
        same = {name: getattr(solution, name) for name in COLUMNS if name not in renamed | own}
        return renamed | own | same


def make_recipe(recipe: dict[str, Any]) -> Recipe:
    """The ``Recipe`` of a configuration in plain containers."""
    return instantiate(recipe, _convert_="all")


def dataset_name(recipe: dict[str, Any]) -> str:
    """Family, N and the hash of the configuration."""
    family = str(recipe["potential"]["_target_"]).rsplit(".", 1)[-1]
    return f"{family}-N{recipe['n_electrons']}-{digest(recipe, f'format {FORMAT}')}"


def make_launcher(launcher: dict[str, Any]) -> Launcher:
    """The launcher of a configuration in plain containers."""
    return instantiate(launcher, _convert_="all")


def generate(recipe: dict[str, Any], root: Path | str, launcher: Launcher | None = None) -> Path:
    """Make the dataset of a ``recipe`` (plain containers with ``_target_``), or finish it, or find it finished.

    Args:
        recipe: configuration of a ``Recipe``; its hash names the folder.
        root: folder of all datasets; all workers must see it.
        launcher: where shards are made; by default in one process per core that may be used.

    Returns:
        The dataset's folder.

    Raises:
        ValueError: a setting is bad; before any work.
        StoreError: workers were lost, or do not see ``root``; what was made is kept.
    """
    path = Path(root) / dataset_name(recipe)
    if _is_complete(path):
        return path
    made = make_recipe(recipe)
    launcher = launcher or LocalLauncher()
    launcher.check()
    print(f"dataset {path} is not there, or not whole: {made.train + made.val + made.test} dots are solved", flush=True)
    path.mkdir(parents=True, exist_ok=True)
    check_main_guard()
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting for another process that generates {path}")
        lock.acquire()
    try:
        if not _is_complete(path):
            _generate_locked(recipe, made, path, launcher)
            write_dataset_page(path)
    finally:
        lock.release()
    return path


def _is_complete(path: Path) -> bool:
    try:
        Store(path)
    except StoreError:
        return False
    return True


def _generate_locked(recipe: dict[str, Any], made: Recipe, path: Path, launcher: Launcher) -> None:
    for leftover in path.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)  # a worker on another machine may still be writing it
    write_text(path / "recipe.json", to_json(recipe))
    manifest = _Manifest(path)
    wanted = {
        f"{split}-{k:05d}.h5": (split, range(first, min(first + made.shard_size, size)))
        for split in SPLITS
        for size in (getattr(made, split),)
        for k, first in enumerate(range(0, size, made.shard_size))
    }
    shards: dict[str, Any] = read_manifest(path).get("shards", {}) if (path / "manifest.json").exists() else {}
    shards = {name: entry for name, entry in shards.items() if _is_whole(path / name, entry)}
    # absolute: workers have a working directory of their own
    jobs: dict[str, tuple[Any, ...]] = {
        name: (recipe, path.absolute() / name, *job) for name, job in wanted.items() if name not in shards
    }
    solved = {
        name: (shard, entry)
        for name, (shard, entry) in _solved_before(recipe, path).items()
        if name in jobs and entry["samples"] == len(wanted[name][1])
    }
    if solved:
        taken = sum(entry["samples"] for _, entry in solved.values())
        folders = ", ".join(sorted({str(path.parent / shard.parent.name) for shard, _ in solved.values()}))
        print(f"{taken} of them are taken over from {folders}", flush=True)
    jobs |= {name: (*jobs[name], found) for name, found in solved.items()}
    total = sum(len(samples) for _, samples in wanted.values())
    bar = partial(tqdm, total=total, initial=_stored(shards), desc=f"solving N = {made.n_electrons}", smoothing=0)
    try:
        with launcher.open() as run, bar(unit="dot") as progress:
            try:
                for name, entry in run(_make_shard, jobs):
                    _check_seen(path / name, "here")
                    shards[name] = entry
                    manifest.write_at_times(shards)
                    progress.update(entry["samples"])
            finally:
                manifest.write(shards)
    except (KeyboardInterrupt, BrokenExecutor) as error:
        state = f"{_stored(shards)} of {total} dots are stored; the same command goes on from here"
        if isinstance(error, BrokenExecutor):
            raise StoreError(f"{error}. {state}") from None
        print(f"stopped: {state}", flush=True)
        raise
    manifest.write(shards, statistics=merge_statistics([shards[name] for name in wanted if wanted[name][0] == "train"]))


class _Manifest:
    """Writes ``manifest.json``; while shards come, in a tenth of the time at most, however many workers make them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "manifest.json"
        self._head = {"format": FORMAT, "recipe_sha256": sha256(folder / "recipe.json")}
        self._rests_until = 0.0

    def write(self, shards: dict[str, Any], **more: Any) -> None:
        began = time.monotonic()
        write_text(self._path, to_json(self._head | {"shards": shards} | more))
        self._rests_until = began + 10 * (time.monotonic() - began)

    def write_at_times(self, shards: dict[str, Any]) -> None:
        if time.monotonic() >= self._rests_until:
            self.write(shards)


def _solved_before(recipe: dict[str, Any], path: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Shards, and their entries, of datasets beside ``path`` whose recipes differ in the sizes of splits alone."""
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    sizes = {split: recipe[split] for split in SPLITS}
    for folder in sorted(path.parent.glob(f"{path.name.rpartition('-')[0]}-*")):
        try:
            other = json.loads((folder / "recipe.json").read_text())
            # the name holds the hash, so that an altered recipe, or one of another format, does not pass
            if folder != path and other | sizes == recipe and dataset_name(other) == folder.name:
                shards = read_manifest(folder).get("shards", {})
                found |= {name: (folder.absolute() / name, entry) for name, entry in shards.items()}
        except (OSError, ValueError, TypeError, KeyError):
            continue  # not a dataset, or a damaged one: nothing can be had from it
    return found


def _stored(shards: dict[str, Any]) -> int:
    return sum(entry["samples"] for entry in shards.values())


def _is_whole(path: Path, entry: dict[str, Any]) -> bool:
    return path.exists() and sha256(path) == entry["sha256"]


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
    recipe: dict[str, Any], path: Path, split: str, samples: range, solved: tuple[Path, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Draw, solve and write one shard, or write what is ``solved``; returns its entry in the manifest."""
    # for good, not for this call: another shard may be in the making on another thread of a worker
    threadpool_limits(1)
    _check_seen(path.with_name("recipe.json"), f"on {socket.gethostname()}")
    made = make_recipe(recipe)
    if solved and _is_whole(*solved):
        entry = write_shard(path, read_shard(solved[0]), made.grid.x, recipe, split)
        # statistics are of the numbers before they were rounded to the precision of the file
        return entry | {"fields": solved[1]["fields"]}
    return write_shard(path, made.columns(split, samples), made.grid.x, recipe, split)
