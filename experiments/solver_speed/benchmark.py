"""Compare the batched solver with a baseline from libraries, and measure the time of its stages.

python -m experiments.solver_speed.benchmark      (three minutes on two cores; prints the tables, writes table.json)

The baseline solves its dots with SciPy's dense eigensolver in the 1024 sine functions, Coulomb integrals by FFT, and
PySCF's full CI, in as many processes as cores, one BLAS thread each: its fastest way for many dots. Both run in turn on
the same dots with the same cores. Times are medians over the rounds, ratios are medians of the ratios within a round.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from experiments.solver_speed.tables import ratios_table, stages_table
from qd_pix2pix.provenance import provenance
from solvers import PRESETS, Grid, Material, solve
from solvers.quantum_dots.coulomb import coulomb_kernel
from solvers.quantum_dots.potentials import RandomWells

HERE = Path(__file__).parent
GAAS = Material(0.067, 12.9)
SEED, ROUNDS, PLAIN_DOTS = 0, 5, 24
STAGES = {
    "orbitals": "orbitals",
    "integrals": "integrals",
    "states": "full CI",
    "enlargement": "better orbitals, error estimate",
    "observables": "densities and observables",
}
"""Stages of ``solve`` and their names in the table."""


def wells(count: int, n: int = 64) -> NDArray:
    """The first dots of the paper's class, on n x n points."""
    grid = Grid(n, 30.0)
    return np.stack([RandomWells().sample(np.random.default_rng([SEED, i]), grid)(grid) for i in range(count)])


class Plain:
    """SciPy and PySCF, one dot at a time. ``energy`` in hartree."""

    def __init__(self, n: int, n_modes: int, length: float) -> None:
        self.n, self.length, self.area = n, length, (length / n) ** 2
        m, x = np.arange(1, n_modes + 1), (np.arange(n) + 0.5) / n
        self.sines = np.sqrt(2 / length) * np.sin(np.pi * np.outer(x, m))
        one_way = (m * np.pi / length) ** 2 / 2
        self.kinetic = np.add.outer(one_way, one_way).ravel()
        self.kernel = coulomb_kernel(n, length)

    def energy(self, potential: NDArray, n_electrons: int, n_orbitals: int) -> float:
        """Ground-state energy in ``potential`` (n, n) in hartree."""
        from pyscf import fci

        levels, orbitals = self._orbitals(potential, n_orbitals)
        spins = ((n_electrons + 1) // 2, n_electrons // 2)
        energy, state = fci.direct_spin1.FCI().kernel(np.diag(levels), self._integrals(orbitals), n_orbitals, spins)
        gamma = fci.direct_spin1.make_rdm1(state, n_orbitals, spins)
        np.einsum("pq,pij,qij->ij", gamma, orbitals, orbitals, optimize=True)  # the density
        return energy

    def _orbitals(self, potential: NDArray, count: int) -> tuple[NDArray, NDArray]:
        s, m = self.sines, self.sines.shape[1]
        pairs = (s[:, :, None] * s[:, None, :]).reshape(self.n, m * m)
        h = (pairs.T @ potential @ pairs * self.area).reshape(m, m, m, m).transpose(0, 2, 1, 3).reshape(m * m, m * m)
        h[np.diag_indices(m * m)] += self.kinetic
        levels, vectors = scipy.linalg.eigh(h, subset_by_index=[0, count - 1])
        return levels, s @ vectors.T.reshape(count, m, m) @ s.T

    def _integrals(self, orbitals: NDArray) -> NDArray:
        count, n = len(orbitals), self.n
        p, q = np.tril_indices(count)
        densities = orbitals[p] * orbitals[q]
        spectra = scipy.fft.rfft2(densities, s=(2 * n, 2 * n))
        potentials = scipy.fft.irfft2(spectra * self.kernel, s=(2 * n, 2 * n))[:, :n, :n]
        integrals = densities.reshape(len(p), -1) @ potentials.reshape(len(p), -1).T * self.area
        pair = np.empty((count, count), dtype=int)
        pair[p, q] = pair[q, p] = np.arange(len(p))
        return integrals[pair][:, :, pair]


def timed(task: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds on the wall, and the result."""
    start = time.perf_counter()
    result = task()
    return time.perf_counter() - start, result


def plain_energy(job: tuple[NDArray, int]) -> float:
    """Energy of one dot by the baseline, in a process of its own with one thread."""
    with threadpool_limits(1):
        return Plain(64, 32, 30.0 / GAAS.bohr).energy(job[0] / GAAS.hartree, job[1], 8)


def against_plain(n_electrons: int, batch: int, rounds: int, pool: ProcessPoolExecutor) -> dict[str, float]:
    """Milliseconds a dot of both ways, with and without the error estimate, and the ratio."""
    grid, v = Grid(64, 30.0), wells(batch)
    jobs = [(w, n_electrons) for w in v[:PLAIN_DOTS]]
    list(pool.map(plain_energy, jobs))  # imports and tables that are kept
    options: dict[str, Any] = {"grid": grid, "n_electrons": n_electrons, "material": GAAS}
    solve(v[:16], **options)  # tables that are kept
    rows = []
    for _ in range(rounds):
        ours, found = timed(lambda: solve(v, **options))
        bare, _ = timed(lambda: solve(v, estimate=False, **options))
        its, energies = timed(lambda: list(pool.map(plain_energy, jobs)))
        np.testing.assert_allclose(np.array(energies) * GAAS.hartree, found.energy[:PLAIN_DOTS], atol=1e-8)
        rows.append([1e3 * ours / batch, 1e3 * bare / batch, 1e3 * its / PLAIN_DOTS])
    ours_ms, bare_ms, plain_ms = np.median(rows, axis=0)
    ratios = np.array(rows)[:, 2:] / np.array(rows)[:, :2]
    return {
        "ms": ours_ms,
        "ms_without_estimate": bare_ms,
        "plain_ms": plain_ms,
        "ratio": float(np.median(ratios[:, 0])),
        "ratio_without_estimate": float(np.median(ratios[:, 1])),
    }


def stages(n: int, n_electrons: int, batch: int, **options: Any) -> dict[str, float]:
    """Milliseconds a dot in each stage on one core, and on all cores under ``all cores``."""
    grid, v, seconds = Grid(n, 30.0), wells(batch, n), defaultdict[str, float](float)
    solve(v[:8], grid, n_electrons, GAAS, memory=6.0, **options)
    parallel, _ = timed(lambda: solve(v, grid, n_electrons, GAAS, memory=6.0, **options))

    @contextmanager
    def timer(stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        seconds[STAGES[stage]] += time.perf_counter() - start

    total, _ = timed(lambda: solve(v, grid, n_electrons, GAAS, memory=6.0, threads=1, timer=timer, **options))
    found = {name: 1e3 * seconds[name] / batch for name in STAGES.values()}
    return found | {"one core": 1e3 * total / batch, "all cores": 1e3 * parallel / batch}


def main() -> None:
    """Measure, print the tables, write the file."""
    batch, rounds = (32, 1) if "quick" in sys.argv else (256, ROUNDS)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        ratios = {str(n): against_plain(n, batch, rounds, pool) for n in (2, 3, 4)}
    print(ratios_table(ratios))
    few = max(batch // 16, 8)
    cases: dict[str, tuple[int, int, int, dict[str, Any]]] = {
        f"paper, N = {n}": (64, n, batch // 4, {}) for n in (2, 3, 4)
    }
    cases |= {f"converged, N = {n}": (64, n, few, dict(PRESETS["converged"])) for n in (2, 3, 4)}
    cases |= {
        f"M = {m}, N = {n}": (64, n, few, {"n_orbitals": m, "estimate": False})
        for m in (16, 24)
        for n in (2, 3, 4)
        if (m, n) != (24, 4)
    }
    cases |= {f"converged, N = {n}": (64, n, 4, dict(PRESETS["converged"])) for n in (5, 6)}
    cases |= {"M = 24, N = 4": (64, 4, 4, {"n_orbitals": 24, "estimate": False})}
    cases |= {f"paper, N = {n}, 128 x 128": (128, n, few, {}) for n in (2, 3, 4)}
    shares = {name: stages(n, electrons, dots, **options) for name, (n, electrons, dots, options) in cases.items()}
    print("\n" + stages_table(shares))
    if "quick" not in sys.argv:
        record = {"ratios": ratios, "stages": shares, "batch": batch, "seed": SEED, "provenance": provenance()}
        (HERE / "table.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
