"""Sample spins by an independent package, OpenJij, and by the samplers of ``solvers.spins``, at the same temperatures.

    python -m venv openjij && openjij/bin/pip install openjij==0.12.2
    openjij/bin/python -m experiments.spin_samplers.independent openjij      (a quarter of an hour on one core)
    python -m experiments.spin_samplers.independent own                      (one minute on one core)

Each command writes its own part of ``independent.json``; the first one needs NumPy and OpenJij, and nothing of this
project: it adds up its own couplings. Its single-spin Metropolis sampler runs at a constant temperature, once for each
configuration, from the ordered state. Energies are those of the whole lattice (J), with the constant of the images.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
FILE = HERE / "independent.json"
SIDE, SEED = 8, 0
CASES = (("ising", 2.0), ("ising", 2.269), ("ising", 3.0), ("coulomb", 0.4), ("coulomb", 0.6))
"""Models and temperatures (J); that of Coulomb spins orders between 0.3 J and 0.5 J."""
READS, SWEEPS = 10_000, 2_000
"""Configurations of OpenJij at each temperature, and sweeps before each of them."""
OWN = {"chains": 512, "records": 2_000, "interval": 2, "burn_in": 2_000}
SCREENING, CUTOFF = 0.5, 64
"""Those of ``ScreenedCoulomb``: per site, and in sites."""

Spins = NDArray[np.int8]
Couplings = dict[tuple[int, int], float]


def signs() -> Spins:
    """Return the checkerboard (L^2,) of +1 and -1."""
    return (1 - 2 * (np.indices((SIDE, SIDE)).sum(axis=0) % 2)).astype(np.int8).ravel()


def coupling(model: str, dx: int, dy: int) -> float:
    """Return the coupling of two sites at the distance (dx, dy), the sum over all images; a site is its own images'."""
    turns = SIDE * np.arange(-CUTOFF // SIDE - 1, CUTOFF // SIDE + 2)
    r = np.hypot(dx + turns[:, None], dy + turns)
    if model == "ising":
        return -float((r == 1).sum())
    r = r[(r > 0) & (r <= CUTOFF)]
    return float((np.exp(-SCREENING * r) / r).sum())


def couplings(model: str) -> Couplings:
    """Return the couplings that are not 0 of all pairs of sites, numbered in row-major order."""
    sites = [divmod(number, SIDE) for number in range(SIDE**2)]
    found = {
        (i, j): coupling(model, sites[i][0] - sites[j][0], sites[i][1] - sites[j][1])
        for i, j in combinations(range(SIDE**2), 2)
    }
    return {pair: value for pair, value in found.items() if value}


def observables(energy: Any, spins: Spins) -> dict[str, NDArray[np.float64]]:
    """Return what is compared, each (...): energies, and squares of the magnetisation m and of that of a checkerboard.

    ``spins`` are (..., L^2).
    """
    m, staggered = spins.mean(axis=-1), (spins * signs()).mean(axis=-1)
    return {"energy": np.asarray(energy, dtype=np.float64), "m2": m**2, "checkerboard2": staggered**2}


def by_openjij(model: str, temperature: float, seeds: NDArray[np.int64], sweeps: int) -> dict[str, list[float]]:
    """Return mean and standard error of each observable, from one run of OpenJij for each of the ``seeds``."""
    import openjij

    pairs, dense = couplings(model), model == "coulomb"
    bqm = openjij.BinaryQuadraticModel.from_ising({}, pairs, sparse=not dense)
    ordered = dict(enumerate((signs() if dense else np.ones(SIDE**2, dtype=np.int8)).tolist()))
    options = {"schedule": [(1 / temperature, sweeps)], "initial_state": ordered, "sparse": not dense}
    energy, spins = np.empty(len(seeds)), np.empty((len(seeds), SIDE**2), dtype=np.int8)
    for number, seed in enumerate(seeds):
        found = openjij.SASampler().sample(bqm, num_reads=1, seed=int(seed), **options)
        energy[number] = found.record.energy[0]
        spins[number, list(found.variables)] = found.record.sample[0]
    energy += SIDE**2 / 2 * coupling(model, 0, 0)
    values = observables(energy, spins)
    return {name: [float(v.mean()), float(v.std(ddof=1) / len(v) ** 0.5)] for name, v in values.items()}


def by_own(model: str, temperature: float, seed: int, **options: int) -> dict[str, list[float]]:
    """Return mean and standard error of each observable, from chains of ``solvers.spins``; error 0 marks exact values.

    For the Ising model ``exact_energy`` is Kaufman's.
    """
    from solvers.spins import ScreenedCoulomb, kaufman, mean_error, sample_metropolis, sample_pairs

    given = {"seed": seed, "keep": True, "threads": 1} | options
    if model == "ising":
        found = sample_metropolis(SIDE, temperature, **given)  # type: ignore[arg-type]
    else:
        table = ScreenedCoulomb(SCREENING, CUTOFF).couplings(SIDE)
        found = sample_pairs(table, temperature, **given)  # type: ignore[arg-type]
    assert found.configurations is not None  # keep
    values = observables(found.energy, found.configurations.reshape(*found.energy.shape, -1))
    averages = {name: list(mean_error(value)) for name, value in values.items()}
    exact = {"exact_energy": [SIDE**2 * float(kaufman(SIDE, temperature).energy), 0.0]} if model == "ising" else {}
    return averages | exact


def sampled(sample: Callable[..., dict[str, list[float]]], *rest: Any, **options: Any) -> list[dict[str, Any]]:
    """Return model, temperature and observables of all cases; ``rest`` holds one argument for each case."""
    found = []
    for (model, temperature), argument in zip(CASES, rest, strict=True):
        found.append({"model": model, "temperature": temperature} | sample(model, temperature, argument, **options))
        print(found[-1], file=sys.stderr, flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Sample, and write one part of the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sampler", choices=("openjij", "own"))
    sampler = parser.parse_args(arguments).sampler
    part: dict[str, Any] = {"seed": SEED, "command": f"python -m experiments.spin_samplers.independent {sampler}"}
    if sampler == "openjij":
        part |= {"version": version("openjij"), "reads": READS, "sweeps": SWEEPS}
        seeds = [np.random.default_rng([SEED, n]).integers(1, 2**31, READS) for n in range(len(CASES))]
        part["cases"] = sampled(by_openjij, *seeds, sweeps=SWEEPS)
    else:
        from qd_pix2pix.provenance import provenance

        part |= OWN | {"cases": sampled(by_own, *[SEED] * len(CASES), **OWN), "provenance": provenance()}
    kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    FILE.write_text(json.dumps(kept | {sampler: part}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
