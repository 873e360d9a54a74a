"""Metropolis sampling with an energy that is a sum over tiles, such as that of an extensive network.

A flip of one random site changes the contributions of the tiles that have this site, and only these are evaluated. It
is accepted with probability min(1, exp(-dE / T)).

There are two ways to the same chain, from the same random numbers. In general the touched tiles of all chains are one
batch for the energy. Where tiles have at most 16 sites, all of them in the lattice, the contributions of all
configurations of a tile form a table, and the chains run in a compiled kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_flag
from solvers.spins.chains import Chains, check_recording, check_run, check_temperatures, in_threads, start_spins
from solvers.spins.ising import Integers, Spins
from solvers.spins.random_numbers import streams
from solvers.spins.tile_kernels import decide, propose, run_chain
from solvers.spins.tiles import (
    UNIT,
    TileEnergy,
    Tiling,
    all_contributions,
    can_tabulate,
    codes_of,
    every_tile,
    flips_of,
    most_touched,
    rounded,
    tiling_of,
)

Progress = Callable[[int], Any] | None


def sample_tiles(
    side: int,
    temperature: Any,
    energy: TileEnergy,
    chains: int = 64,
    records: int = 1,
    interval: int = 1,
    burn_in: int = 0,
    start: Any = "random",
    seed: int = 0,
    keep: bool = False,
    threads: int | None = None,
    table: bool = True,
    progress: Progress = None,
) -> Chains:
    """Sample spins on an even ``side`` at one or several temperatures, with a sum over tiles as their energy.

    Args:
        side: L, even, and a multiple of the focus of the tiles.
        temperature: T in units of J, a number or an array (...).
        energy: the energy, such as ``qd_pix2pix.inference.tile_energy.NetworkEnergy`` of a trained network.
        chains: independent chains at each temperature.
        records: records of each chain.
        interval: sweeps between two records; a sweep proposes L^2 flips of random sites.
        burn_in: sweeps before the first interval.
        start: "random", "up", or spins (chains, L, L) or (L, L), the same for all temperatures.
        seed: whole number; a chain depends on it and on the numbers of the chain and of its temperature only.
        keep: keep the configurations of all records.
        threads: chains sampled at once by the kernel, by default as many as cores.
        table: tabulate the contributions where tiles have at most 16 sites.
        progress: function that is called with numbers of proposals when they are done, such as ``tqdm(...).update``.

    Returns:
        Records; energies in J as floats, each equal to ``tile_energies`` of its configuration bit for bit.

    Raises:
        ValueError: an argument is out of range, or the tiles do not fit the lattice.
    """
    check_run(side, chains, records, seed, threads)
    check_recording(keep, interval, burn_in)
    check_flag("table", table)
    tiling, t = tiling_of(energy, side), check_temperatures(temperature)
    first, count = start_spins(start, chains, side, seed), t.size
    run = _Run(
        np.tile(first, (count, 1, 1)),
        np.concatenate([streams(seed, chains, j << 32) for j in range(count)]),
        np.repeat(UNIT / t.ravel(), chains),
        np.zeros((count * chains, records), dtype=np.int64),
        np.zeros((count * chains, records), dtype=np.int64),
        np.zeros((count * chains, records if keep else 0, side, side), dtype=np.int8),
        burn_in,
        interval,
    )
    if table and can_tabulate(tiling):
        _by_table(run, energy, tiling, threads, progress)
    else:
        _by_batches(run, energy, tiling, progress)

    def shaped(array: NDArray) -> NDArray:
        return array.reshape(*t.shape, chains, *array.shape[1:])

    configurations = shaped(run.kept) if keep else None
    return Chains(shaped(run.energy) * UNIT, shaped(run.total) / side**2, configurations, shaped(run.spins))


@dataclass(frozen=True)
class _Run:
    """All chains: spins (n, L, L), states, UNIT / T (n,), and their records (n, records)."""

    spins: Spins
    states: NDArray[np.uint64]
    beta: NDArray[np.float64]
    energy: Integers
    total: Integers
    kept: Spins
    burn_in: int
    interval: int


def _by_table(run: _Run, energy: TileEnergy, tiling: Tiling, threads: int | None, progress: Progress) -> None:
    table = rounded(energy.contributions(every_tile(tiling.width)), tiling.tiles**2)
    codes, near = codes_of(run.spins, tiling), tiling.near.astype(np.uint64)
    flips, phase = flips_of(table, tiling), np.arange(tiling.side, dtype=np.uint64) % np.uint64(tiling.focus)
    whole, up = table[codes].sum(axis=(1, 2)), run.spins.sum(axis=(1, 2), dtype=np.int64)
    unrolled = (0,) * near.shape[1]
    sweeps = run.burn_in + run.interval * run.energy.shape[1]

    def task(a: int, b: int) -> None:
        for i in range(a, b):
            records = run.energy[i], run.total[i], run.kept[i]
            run_chain(
                run.spins[i], codes[i], run.states[i], run.beta[i], whole[i], up[i], *flips, phase, near, unrolled,
                run.burn_in, run.interval, *records,
            )  # fmt: skip
            if progress:
                progress(sweeps * tiling.side**2)

    in_threads(task, len(run.spins), threads)


def _by_batches(run: _Run, energy: TileEnergy, tiling: Tiling, progress: Progress) -> None:
    spins = run.spins
    stored = np.stack([all_contributions(lattice, energy, tiling) for lattice in spins])
    sums, total = stored.sum(axis=(1, 2)), spins.sum(axis=(1, 2), dtype=np.int64)
    largest, width = len(spins) * most_touched(tiling), tiling.width
    tiles, sites = np.empty((largest, width, width), dtype=np.int8), np.empty((len(spins), 2), dtype=np.int64)
    places, ends = np.empty((largest, 2), dtype=np.int64), np.empty(len(spins), dtype=np.int64)
    shape = tiling.focus, tiling.context, tiling.periodic, tiling.first, tiling.count

    def sweep(times: int) -> None:
        for _ in range(times):
            for _ in range(tiling.side**2):
                n = propose(spins, run.states, *shape, tiles, places, sites, ends)
                new = rounded(energy.contributions(tiles[:n]), tiling.tiles**2)
                decide(spins, run.states, run.beta, stored, new, places, sites, ends, sums, total)
            if progress:
                progress(len(spins) * tiling.side**2)

    sweep(run.burn_in)
    for record in range(run.energy.shape[1]):
        sweep(run.interval)
        run.energy[:, record], run.total[:, record] = sums, total
        if record < run.kept.shape[1]:
            run.kept[:, record] = spins
