"""Measure speed, correlation and accuracy of the samplers of spins, and the variety of targeted samples.

python -m experiments.spin_samplers.benchmark      (one minute on two cores; prints the tables, writes table.json)

Each sampler runs once to load its compiled kernel, then in turn on one and on two threads. Times are medians over the
rounds. ``quick`` measures less and writes nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.spin_samplers.tables import samplers_table, variety_table
from qd_pix2pix.provenance import provenance
from solvers.spins import (
    T_C,
    autocorrelation_time,
    density_of_states,
    estimate_log_g,
    levels,
    sample_metropolis,
    sample_potts,
    sample_targeted,
    sample_wolff,
    targeted_dataset,
)

HERE = Path(__file__).parent
SEED, ROUNDS, THREADS = 0, 7, (1, 2)
PER_LEVEL = 1800
"""Configurations per level of the 4 x 4 training sets of Mills and Tamblyn."""
KT = (0.01, 4.0, 16.0)

Task = Callable[[int], float]
"""Runs a sampler on that many threads, and returns the number of its proposals."""


def metropolis(side: int, work: float) -> Task:
    """Visits of sites; an eighth of them propose nothing."""
    chains, sweeps = 256, max(int(work * 8e8 / (256 * side**2)), 1)

    def task(threads: int) -> float:
        sample_metropolis(side, T_C, chains, interval=sweeps, seed=SEED, threads=threads)
        return chains * sweeps * side**2 * 7 / 8

    return task


def wolff(side: int, work: float) -> Task:
    """Flipped spins: a cluster has L^2 <m^2> on average."""
    chains, clusters = 4, max(int(2000 * work), 1)

    def task(threads: int) -> float:
        found = sample_wolff(side, T_C, chains, clusters, start="up", seed=SEED, threads=threads)
        return chains * clusters * side**2 * float(np.mean(found.magnetisation**2))

    return task


def potts(side: int, work: float) -> Task:
    """Proposed angles."""
    chains, sweeps = 4, max(int(4e6 * work / (4 * side**2)), 1)

    def task(threads: int) -> float:
        sample_potts(side, 1.0, chains, interval=sweeps, seed=SEED, threads=threads)
        return chains * sweeps * side**2

    return task


def targeted(side: int, work: float) -> Task:
    """Proposed flips."""
    chains, flips = 64, max(int(1e7 * work / 64), 1)

    def task(threads: int) -> float:
        sample_targeted(side, -1.0 * side**2, chains, t_corr=flips, seed=SEED, threads=threads)
        return chains * flips

    return task


def wang_landau(side: int, with_magnetisation: bool, work: float) -> Task:
    """Proposed flips."""
    final = (1e-3 if with_magnetisation else 3e-5) / min(work, 1.0)

    def task(threads: int) -> float:
        found = estimate_log_g(side, with_magnetisation, 2, final, seed=SEED, threads=threads)
        return float(found.proposals.sum())

    return task


def tasks(work: float) -> dict[str, Task]:
    """Return the samplers by the name of their row."""
    return {
        "Metropolis, Ising 16 × 16": metropolis(16, work),
        "Metropolis, Ising 64 × 64": metropolis(64, work),
        "Wolff, Ising 64 × 64": wolff(64, work),
        "targeted, Ising 8 × 8": targeted(8, work),
        "Wang-Landau, log g(E), 8 × 8": wang_landau(8, False, work),
        "Wang-Landau, log g(E, m), 8 × 8": wang_landau(8, True, work),
        "Metropolis, planar Potts 64 × 64": potts(64, work),
    }


def speed(work: float, rounds: int) -> dict[str, dict[str, float]]:
    """Return millions of proposals per second of each sampler, by the number of threads."""
    found = {}
    for name, task in tasks(work).items():
        task(1)
        rates: dict[int, list[float]] = {threads: [] for threads in THREADS}
        for _ in range(rounds):
            for threads in THREADS:
                start = time.perf_counter()
                made = task(threads)
                rates[threads].append(made / (time.perf_counter() - start) / 1e6)
        found[name] = {str(threads): float(np.median(values)) for threads, values in rates.items()}
    return found


def variety(per_level: int) -> dict[str, Any]:
    """Return the seconds and the numbers of distinct configurations per level of 4 x 4 data sets, by kT."""
    sets = {}
    for kt in KT:
        start = time.perf_counter()
        spins = targeted_dataset(4, per_level, kt=(max(kt, 0.1), kt), seed=SEED)
        seconds = time.perf_counter() - start
        distinct = [len(np.unique(level.reshape(per_level, 16), axis=0)) for level in spins]
        sets[f"{kt:g}"] = {"seconds": seconds, "distinct": distinct}
    every = density_of_states(4).sum(axis=1)
    return {"levels": levels(4).tolist(), "configurations": every.tolist(), "per_level": per_level, "sets": sets}


def correlation(side: int, work: float) -> dict[str, float]:
    """Return the autocorrelation times of the magnetisation's size at T_c, in sweeps and in clusters."""
    records = max(int(20_000 * work), 100)
    sweeps = sample_metropolis(side, T_C, records=records, burn_in=records // 10, start="up", seed=SEED)
    clusters = sample_wolff(side, T_C, 8, records // 5, burn_in=records // 50, start="up", seed=SEED)
    return {
        "sweeps": autocorrelation_time(np.abs(sweeps.magnetisation)),
        "clusters": autocorrelation_time(np.abs(clusters.magnetisation)),
    }


def accuracy(final: float) -> dict[str, float]:
    """Return the largest relative error of g(E) of the 4 x 4 lattice, and the seconds of two walkers on one thread."""
    start = time.perf_counter()
    found = estimate_log_g(4, walkers=2, final=final, seed=SEED, threads=1)
    seconds = time.perf_counter() - start
    error = np.exp(found.log_g) / density_of_states(4).sum(axis=1) - 1
    return {"final": final, "error": float(np.abs(error).max()), "seconds": seconds}


def main() -> None:
    """Measure, print the tables, write the file."""
    quick = "quick" in sys.argv
    rates = speed(0.01 if quick else 1.0, 1 if quick else ROUNDS)
    print(samplers_table(rates))
    kinds = variety(20 if quick else PER_LEVEL)
    print("\n" + variety_table(kinds))
    tau, error = correlation(64, 0.01 if quick else 1.0), accuracy(1e-3 if quick else 1e-6)
    print(f"\n{json.dumps(tau)}\n{json.dumps(error)}")
    if not quick:
        record = {
            "speed": rates,
            "variety": kinds,
            "correlation": tau,
            "accuracy": error,
            "rounds": ROUNDS,
            "seed": SEED,
        }
        record |= {"provenance": provenance()}
        (HERE / "table.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
