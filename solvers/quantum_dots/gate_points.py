"""Results at points of gate space, such as energies of 0 ... N electrons: over processes, on disk one point a file.

A file is written beside its place and moved there, so that a run that ends at any time leaves whole files, and a later
run computes only what is missing. Its name is a hash of the potential and of everything else that fixes the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_path
from solvers.grid import Grid
from solvers.quantum_dots.coulomb import COULOMB
from solvers.quantum_dots.solve import solve
from solvers.units import Material

Floats = NDArray[np.float64]

TOGETHER = 8
"""Points that are solved in one call."""
FORMAT = 3
"""Version of the files."""


class PointTask(Protocol):
    """What is computed at each point: a result is a ``NamedTuple`` of arrays."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each array of a result."""

    def key(self, V: Floats) -> str:
        """Return the name of the result for the potential ``V`` (n, n)."""

    def solve(self, V: Floats) -> list[Any]:
        """Return the results for potentials (k, n, n)."""


class Point(NamedTuple):
    """Results at one point, N = 0 ... n_max: ``energies`` and ``errors`` (N + 1,) in eV, ``charges`` (N + 1, dots)."""

    energies: Floats
    errors: Floats
    charges: Floats


@dataclass(frozen=True)
class Task:
    """What is computed at each point. ``nearest`` (n_x, n_y) are the numbers of the dots that its points belong to.

    ``options`` are those of ``solve``.
    """

    grid: Grid
    material: Material
    n_max: int
    nearest: NDArray[np.intp]
    n_dots: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each array of a ``Point``."""
        return (self.n_max + 1,), (self.n_max + 1,), (self.n_max + 1, self.n_dots)

    def key(self, V: Floats) -> str:
        """Return the name of the result for the potential ``V`` (n_x, n_y)."""
        stated = [FORMAT, asdict(self.grid), asdict(self.material), self.n_max, self.n_dots]
        return point_key([*stated, *stated_options(self.options)], self.nearest, V)

    def solve(self, V: Floats) -> list[Point]:
        """Return the results for potentials (k, n_x, n_y)."""
        k, shape = len(V), (len(V), self.n_max + 1)
        energies, errors, charges = np.zeros(shape), np.zeros(shape), np.zeros((*shape, self.n_dots))
        for n_electrons in range(1, self.n_max + 1):
            dot = solve(V, self.grid, n_electrons, self.material, **self.options)
            energies[:, n_electrons] = dot.energy
            errors[:, n_electrons] = dot.energy_error + dot.grid_error
            for number in range(self.n_dots):
                charges[:, n_electrons, number] = self.grid.integrate(dot.density * (self.nearest == number))
        return [Point(energies[i], errors[i], charges[i]) for i in range(k)]


def stated_options(options: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the interaction, and those options of ``solve`` that change a result, in plain containers."""
    plain = {k: v for k, v in options.items() if k not in ("interaction", "memory", "threads", "timer")}
    return [asdict(options.get("interaction", COULOMB)), plain]


def point_key(stated: list[Any], nearest: NDArray[np.intp], V: Floats) -> str:
    """Return the hash of plain containers, the numbers of the dots and a potential."""
    whole = hashlib.sha256(json.dumps(stated, sort_keys=True, default=float).encode())
    whole.update(np.ascontiguousarray(nearest, dtype=np.int64).tobytes())
    whole.update(np.ascontiguousarray(V, dtype=np.float64).tobytes())
    return whole.hexdigest()[:40]


class Cache:
    """Results of one ``kind`` in the files of a folder; without a folder, nothing is kept.

    Raises:
        ValueError: the folder cannot be made or written to.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, kind: Any = Point) -> None:
        self.kind = kind
        if folder is not None:
            check_path("cache", folder, "a folder")
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=self.folder).close()
            except OSError as error:
                text = f"cache: expected a folder that can be made and written to, got {self.folder}: {error}"
                raise ValueError(text) from None

    def get(self, key: str, shapes: tuple[tuple[int, ...], ...]) -> Any:
        """Return a result with arrays of these ``shapes``, or None where there is no readable file."""
        if self.folder is None:
            return None
        try:
            stored = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            found = self.kind(*(np.array(stored[name], dtype=np.float64) for name in self.kind._fields))
        except (OSError, ValueError, KeyError, TypeError):  # missing, or damaged by other programs: computed anew
            return None
        return found if tuple(values.shape for values in found) == shapes else None

    def put(self, key: str, point: Any) -> None:
        """Keep a result.

        Raises:
            OSError: the file cannot be written, as on a full disk; it has the path of the result.
        """
        if self.folder is None:
            return
        text = json.dumps({name: values.tolist() for name, values in point._asdict().items()})
        temporary, path = self.folder / f".{key}.{uuid4().hex}.part", self.folder / f"{key}.json"
        try:
            temporary.write_text(text, encoding="utf-8")  # with the permissions that the umask leaves
            os.replace(temporary, path)
        except OSError as error:  # a full disk, for example, which has no name of a file
            raise OSError(error.errno, error.strerror, str(path)) from error
        finally:
            temporary.unlink(missing_ok=True)


def solve_points(
    task: PointTask,
    potentials: list[Floats],
    cache: Cache,
    pool: Executor | None,
    done: Callable[[list[int], list[Any]], object],
) -> list[Any]:
    """Return the results for ``potentials``; ``done`` is called with the numbers and results of finished ones."""
    keys = [task.key(V) for V in potentials]
    found = {key: point for key in set(keys) if (point := cache.get(key, task.shapes)) is not None}
    known = [i for i, key in enumerate(keys) if key in found]
    done(known, [found[keys[i]] for i in known])
    missing = list(dict.fromkeys(i for i, key in enumerate(keys) if key not in found))
    pieces = [missing[first : first + TOGETHER] for first in range(0, len(missing), TOGETHER)]

    def keep(piece: list[int], points: list[Any]) -> None:
        for i, point in zip(piece, points, strict=True):
            found[keys[i]] = point
            cache.put(keys[i], point)
        equal = {keys[i] for i in piece}
        numbers = [i for i, key in enumerate(keys) if key in equal]
        done(numbers, [found[keys[i]] for i in numbers])

    if pool is None:
        for piece in pieces:
            keep(piece, task.solve(np.stack([potentials[i] for i in piece])))
    else:
        futures = {pool.submit(task.solve, np.stack([potentials[i] for i in piece])): piece for piece in pieces}
        for future in as_completed(futures):
            keep(futures[future], future.result())
    return [found[key] for key in keys]


@contextmanager
def progress_bar(
    progress: bool, total: int, text: str, watch: Callable[[list[int], list[Any]], object] | None = None
) -> Iterator[Callable[[list[int], list[Any]], object]]:
    """Yield a function of the numbers and results of points done, which it passes to ``watch``.

    It shows the number of points, their rate and remaining time.
    """
    from tqdm import tqdm

    with tqdm(total=total, desc=text, unit="dot", disable=not progress) as bar:

        def done(numbers: list[int], points: list[Any]) -> None:
            bar.update(len(numbers))
            if watch is not None and numbers:
                watch(numbers, points)

        yield done
