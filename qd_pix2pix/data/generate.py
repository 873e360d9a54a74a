"""Potentials x solver -> dataset: in a process pool, resumable, the same bits whatever happens on the way.

Sample i of a split draws its potential from the random stream (seed, split, i), and a shard is always solved as one
batch on one thread. So neither the number of processes nor an interruption changes a bit.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from filelock import FileLock, Timeout
from hydra.utils import instantiate
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from qd_pix2pix.data.store import (
    COLUMNS,
    FORMAT,
    SPLITS,
    Store,
    StoreError,
    merge_statistics,
    read_manifest,
    sha256,
    to_json,
    write_shard,
    write_text_whole,
)
from qd_pix2pix.dataset_page import write_dataset_page
from solvers import Grid, Material, Solution


class Potential(Protocol):
    """A deterministic potential: a function of the grid."""

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Values in the energy unit of the dataset, shape (n, n)."""


class PotentialFamily(Protocol):
    """What draws potentials: ``RandomX`` of ``solvers.potentials``."""

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
    """Family, N and the hash of the configuration; 30 and 30.0 are the same number."""

    def canonical(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: canonical(v) for key, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [canonical(v) for v in value]
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    digest = hashlib.sha256((to_json(canonical(recipe)) + f"format {FORMAT}").encode()).hexdigest()[:12]
    family = str(recipe["potential"]["_target_"]).rsplit(".", 1)[-1]
    return f"{family}-N{recipe['n_electrons']}-{digest}"


def generate(recipe: dict[str, Any], root: Path | str, workers: int | None = None) -> Path:
    """Make the dataset of a ``recipe`` (plain containers with ``_target_``), or finish it, or find it finished.

    Args:
        recipe: configuration of a ``Recipe``; its hash names the folder.
        root: folder of all datasets.
        workers: processes; by default one per core that may be used.

    Returns:
        The dataset's folder.

    Raises:
        ValueError: a setting is bad; before any work.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ValueError(
            f"workers: expected a number of processes of at least 1, or null for one per core; got {workers}"
        )
    path = Path(root) / dataset_name(recipe)
    if _is_complete(path):
        return path
    made = make_recipe(recipe)
    print(f"dataset {path} is not there, or not whole: {made.train + made.val + made.test} dots are solved", flush=True)
    path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting for another process that generates {path}")
        lock.acquire()
    try:
        if not _is_complete(path):
            _generate_locked(recipe, made, path, workers or available_cores())
            write_dataset_page(path)
    finally:
        lock.release()
    return path


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_complete(path: Path) -> bool:
    try:
        Store(path)
    except StoreError:
        return False
    return True


def _generate_locked(recipe: dict[str, Any], made: Recipe, path: Path, workers: int) -> None:
    for leftover in path.glob(".*.tmp"):
        leftover.unlink()
    write_text_whole(path / "recipe.json", to_json(recipe))
    head = {"format": FORMAT, "recipe_sha256": sha256(path / "recipe.json")}
    wanted = {
        f"{split}-{k:05d}.h5": (split, range(first, min(first + made.shard_size, size)))
        for split in SPLITS
        for size in (getattr(made, split),)
        for k, first in enumerate(range(0, size, made.shard_size))
    }
    shards: dict[str, Any] = read_manifest(path).get("shards", {}) if (path / "manifest.json").exists() else {}
    shards = {name: entry for name, entry in shards.items() if _is_whole(path / name, entry)}
    pending = {name: job for name, job in wanted.items() if name not in shards}
    total, done = (sum(len(samples) for _, samples in jobs.values()) for jobs in (wanted, pending))
    progress = tqdm(total=total, initial=total - done, desc=f"solving N = {made.n_electrons}", unit="dot", smoothing=0)
    with progress, _pool(workers) as pool:
        futures = {pool.submit(_make_shard, recipe, path / name, *job): name for name, job in pending.items()}
        try:
            for future in as_completed(futures):
                name = futures[future]
                shards[name] = future.result()
                write_text_whole(path / "manifest.json", to_json(head | {"shards": shards}))
                progress.update(shards[name]["samples"])
        except BaseException as error:
            _stop(pool)
            state = f"{progress.n} of {total} dots are stored; the same command goes on from here"
            if isinstance(error, KeyboardInterrupt):
                progress.write(f"stopped: {state}")
            if isinstance(error, BrokenProcessPool):
                raise StoreError(
                    f"workers: a solving process was ended from outside (killed, or out of memory); {state}. "
                    f"Fewer workers (now {workers}) need less memory."
                ) from None
            raise
    statistics = merge_statistics([shards[name] for name in wanted if wanted[name][0] == "train"])
    write_text_whole(path / "manifest.json", to_json(head | {"shards": shards, "statistics": statistics}))


def _is_whole(path: Path, entry: dict[str, Any]) -> bool:
    return path.exists() and sha256(path) == entry["sha256"]


def _pool(workers: int) -> ProcessPoolExecutor:
    # spawned, not forked: torch and its threads may already live in this process
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_start_worker)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers at once: what they are doing is done again next time."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    """One thread per process; Ctrl-C is the parent's business; a worker does not outlive its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            wait([parent.sentinel])
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


def _make_shard(recipe: dict[str, Any], path: Path, split: str, samples: range) -> dict[str, Any]:
    """Draw, solve and write one shard; returns its entry in the manifest."""
    made = make_recipe(recipe)
    return write_shard(path, made.columns(split, samples), made.grid.x, recipe, split)
