"""Records of Markov chains, and what the samplers share: checks of arguments, starts, threads.

Chains are independent, each with its own stream of random numbers, so that no result depends on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.checks import as_plain, check_array, check_choice, check_flag, check_integer
from solvers.spins.ising import Floats, Integers, Spins, as_spins, check_side, random_spins

STARTS = ("random", "up")
LARGEST_SEED = 2**64 - 1


@dataclass(frozen=True)
class Chains:
    """Records of several chains of the Ising model; the shapes begin with that of the temperature, if it is an array.

    Attributes:
        energy: energies of the lattice (J), (..., chains, records); whole numbers for the Ising model.
        magnetisation: mean spins with their sign, (..., chains, records).
        configurations: int8 (..., chains, records, L, L), or None where they were not kept.
        last: int8 (..., chains, L, L), the configurations after the last record.
    """

    energy: Integers | Floats
    magnetisation: Floats
    configurations: Spins | None
    last: Spins


def check_run(side: int, chains: int, records: int, seed: int, threads: int | None, **others: tuple[int, int]) -> None:
    """Raise ValueError unless the arguments that all samplers have are in range; ``others`` are (value, low)."""
    check_side("side", side)
    check_integer("chains", chains, 1)
    check_integer("records", records, 1)
    check_integer("seed", seed, 0, high=LARGEST_SEED)
    if threads is not None:
        check_integer("threads", threads, 1)
    for name, (value, low) in others.items():
        check_integer(name, value, low)


def check_recording(keep: bool, interval: int, burn_in: int) -> None:
    """Raise ValueError unless the arguments of the records are in range."""
    check_flag("keep", keep)
    check_integer("interval", interval, 1)
    check_integer("burn_in", burn_in, 0)


def check_temperatures(temperature: Any) -> Floats:
    """Return ``temperature`` (...) in units of J, a number or an array, as floats.

    Raises:
        ValueError: there is none, or one is no number in [0.01, 1e6].
    """
    given = as_plain("temperature", temperature, "a number or an array")
    if 0 in given.shape:
        raise ValueError(
            f"temperature: expected a number or an array of at least one, got an array of shape {given.shape}"
        )
    found: Floats = check_array("temperature", given, given.shape, 0.01, 1e6).astype(np.float64)
    return found


def start_spins(start: Any, chains: int, side: int, seed: int) -> Spins:
    """Return the first configurations (chains, L, L): random, all up, or a copy of those given.

    Raises:
        ValueError: ``start`` is neither a name nor spins that can be broadcast to this shape.
    """
    shape = (chains, side, side)
    if isinstance(start, str):
        check_choice("start", start, STARTS)
        if start == "up":
            return np.ones(shape, dtype=np.int8)
        return random_spins(np.random.default_rng([seed, 0]), chains, side)
    given = as_spins("start", start)
    if given.shape not in (shape, shape[1:]):
        raise ValueError(f"start: expected spins of shape {shape} or {shape[1:]}, got shape {given.shape}")
    return np.broadcast_to(given, shape).copy()


def in_threads(task: Callable[[int, int], None], count: int, threads: int | None) -> None:
    """Call ``task(start, stop)`` on contiguous parts of ``range(count)``, one part per thread.

    ``task`` must release the interpreter's lock. By default there are as many threads as cores.
    """
    parts = min(threads or os.cpu_count() or 1, count)
    if parts == 1:
        task(0, count)
        return
    edges: NDArray[np.int64] = np.linspace(0, count, parts + 1).astype(np.int64)
    with ThreadPoolExecutor(parts) as pool:
        for done in [pool.submit(task, int(a), int(b)) for a, b in zip(edges[:-1], edges[1:], strict=True)]:
            done.result()
