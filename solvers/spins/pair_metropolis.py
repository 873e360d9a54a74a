"""Metropolis sampling with any interaction of pairs on a periodic lattice, such as the screened Coulomb interaction.

    H = 1/2 sum_i sum_j s_i s_j v(i - j),   v(d) = v(-d)

Each chain keeps the fields phi_i = sum_{j != i} v(i - j) s_j of all sites. A proposal, at a random site, needs the
change dE = -2 s_i phi_i only, and is accepted with probability min(1, exp(-dE / T)). A flip adds -2 s_i v(j - i), with
s_i of before, to each field: L^2 additions.

Couplings are rounded to whole multiples of a unit, a power of two of at most 2^-59 L^2 sum |v|, and fields and energies
are added as whole numbers. Both are therefore exact for the rounded couplings after any number of flips: errors do not
accumulate, and nothing is recalculated. The rounding changes a coupling by at most 2^-60 L^2 sum |v|.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from solvers.checks import check_array
from solvers.spins.chains import Chains, check_recording, check_run, check_temperatures, in_threads, start_spins
from solvers.spins.ising import Floats, Integers
from solvers.spins.random_numbers import streams
from solvers.spins.tile_kernels import accepts, random_site

LARGEST = 1e100
"""Largest coupling; sums of couplings cannot overflow."""
WHOLE_BITS = 60
"""L^2 sum |v| is below 2^60 units, and so are energies; no sum of whole numbers overflows."""


def sample_pairs(
    couplings: Any,
    temperature: Any,
    chains: int = 64,
    records: int = 1,
    interval: int = 1,
    burn_in: int = 0,
    start: Any = "random",
    seed: int = 0,
    keep: bool = False,
    threads: int | None = None,
) -> Chains:
    """Sample spins with couplings of pairs, at one or several temperatures.

    Where all couplings are 0, every proposal is accepted. A sweep is then an even number of flips, and all records of a
    chain have an even number of spins up, or all an odd one.

    Args:
        couplings: v(d) in J, (L, L) for displacements d = 0 ... L - 1 along both axes, with v(d) = v(-d) and L even,
            such as ``ScreenedCoulomb().couplings(L)``; v(0) only adds the constant L^2 v(0) / 2 to the energies.
        temperature: T in units of J, a number or an array (...).
        chains: independent chains at each temperature.
        records: records of each chain.
        interval: sweeps between two records; a sweep proposes L^2 flips of random sites.
        burn_in: sweeps before the first interval.
        start: "random", "up", or spins (chains, L, L) or (L, L), the same for all temperatures.
        seed: whole number; a chain depends on it and on the numbers of the chain and of its temperature only.
        keep: keep the configurations of all records.
        threads: chains sampled at once, by default as many as cores.

    Returns:
        Records; energies in J as floats.

    Raises:
        ValueError: an argument is out of range, or the couplings are not those of a periodic lattice of even side.
    """
    v = _checked(couplings)
    side = len(v)
    check_run(side, chains, records, seed, threads)
    check_recording(keep, interval, burn_in)
    t = check_temperatures(temperature)
    count, (whole, unit) = t.size, _rounded(v)
    rows, up = _rows(whole), side**2 // 2 * whole.sum()
    alike = whole.sum() - whole[0, 0]
    spins = np.tile(start_spins(start, chains, side, seed), (count, 1, 1))
    states = np.concatenate([streams(seed, chains, j << 32) for j in range(count)])
    beta = np.repeat(unit / t.ravel(), chains)
    energy, total = (np.zeros((len(spins), records), dtype=np.int64) for _ in range(2))
    kept = np.zeros((len(spins), records if keep else 0, side, side), dtype=np.int8)

    def run(a: int, b: int) -> None:
        for i in range(a, b):
            fields = np.full((side, side), alike)
            above = _turn(np.ones_like(spins[i]), fields, rows, spins[i])
            sums = up + above, spins[i].sum(dtype=np.int64)
            _run_chain(
                spins[i], fields, rows, states[i], beta[i], *sums, burn_in, interval, energy[i], total[i], kept[i]
            )

    in_threads(run, len(spins), threads)

    def shaped(array: NDArray) -> NDArray:
        return array.reshape(*t.shape, chains, *array.shape[1:])

    return Chains(shaped(energy) * unit, shaped(total) / side**2, shaped(kept) if keep else None, shaped(spins))


def _checked(couplings: Any) -> Floats:
    """Return the couplings as floats, or raise ValueError."""
    v = check_array("couplings", couplings, ("L", "L"), -LARGEST, LARGEST).astype(np.float64)
    if len(v) % 2:
        raise ValueError(f"couplings: expected an even number of sites along each axis, got shape {v.shape}")
    mirrored = np.roll(v[::-1, ::-1], 1, axis=(0, 1))
    difference = np.abs(v - mirrored).max()
    if difference > 1e-9 * np.abs(v).max():
        todo = "Only their mean is in the energy: use (v(d) + v(-d)) / 2"
        raise ValueError(f"couplings: expected v(d) = v(-d), got differences of up to {difference:.3g}. {todo}.")
    return (v + mirrored) / 2  # they may differ by rounding


def _rounded(v: Floats) -> tuple[Integers, float]:
    """Return the couplings as whole multiples (L, L) of a unit, and this unit (J)."""
    exponent = math.frexp(v.size * float(np.abs(v).sum()))[1] - WHOLE_BITS
    unit = 2.0 ** max(exponent, -1000)
    return np.rint(v / unit).astype(np.int64), unit


def _rows(whole: Integers) -> Integers:
    """Return twice the couplings without v(0), (L, 2 L), each row two times: any turn of a row is contiguous in it."""
    doubled = 2 * whole
    doubled[0, 0] = 0
    return np.concatenate([doubled, doubled], axis=1)


@njit(cache=True, nogil=True)
def _flip(spins: Any, fields: Any, rows: Any, x: Any, y: Any) -> None:
    """Flip a spin, and update the fields of the others."""
    side, up = spins.shape[0], spins[x, y] > 0
    spins[x, y] = -spins[x, y]
    for i in range(side):
        field, row = fields[i], rows[i - x if i >= x else i - x + side, side - y : 2 * side - y]
        if up:
            for j in range(side):
                field[j] -= row[j]
        else:
            for j in range(side):
                field[j] += row[j]


@njit(cache=True, nogil=True)
def _turn(spins: Any, fields: Any, rows: Any, target: Any) -> Any:
    """Flip spins, so that they become those of ``target``, and return the change of the energy."""
    side, energy = spins.shape[0], np.int64(0)
    for x in range(side):
        for y in range(side):
            if spins[x, y] != target[x, y]:
                energy -= 2 * np.int64(spins[x, y]) * fields[x, y]
                _flip(spins, fields, rows, x, y)
    return energy


@njit(cache=True, nogil=True)
def _run_chain(
    spins: Any,
    fields: Any,
    rows: Any,
    state: Any,
    beta: float,
    whole: Any,
    up: Any,
    burn_in: int,
    interval: int,
    energy: Any,
    total: Any,
    kept: Any,
) -> None:
    """Sample one chain: ``spins`` and ``fields`` (L, L), energy ``whole``, sum ``up``; ``beta`` is the unit over T."""
    side = spins.shape[0]
    for record in range(energy.shape[0]):
        sweeps = interval if record else burn_in + interval
        for _ in range(sweeps * side * side):
            a, b = random_site(state, side)
            x, y = np.int64(a), np.int64(b)
            change = -2 * np.int64(spins[x, y]) * fields[x, y]
            if accepts(change, beta, state):
                _flip(spins, fields, rows, x, y)
                up += 2 * np.int64(spins[x, y])
                whole += change
        energy[record], total[record] = whole, up
        if record < kept.shape[0]:
            for i in range(side):  # an assignment of arrays would take five seconds to compile
                for j in range(side):
                    kept[record, i, j] = spins[i, j]
