"""Optical and tunnelling spectra of a dot, with error bars.

    excitations   E_k - E_0,  d_k = <0|r|k>,  f_k = 2 m* (E_k - E_0) d_k^2 / hbar^2,   sum_k f_k = N per direction,
    tunnelling    mu_k = E_0(N) - E_k(N - 1),   Z_k = int |<k, N - 1| psi_s(r) |0, N>|^2 d^2r.

In a parabola only the motion of the centre of mass has a dipole, at the energy hbar omega for every N (Kohn, Phys. Rev.
123, 1242 (1961)). The mass is that of the direction. Levels of several states have one mean square, which does not
depend on the choice of the states.

Every spectrum is computed twice, the second time with two thirds of the orbitals and fewer sine functions. States are
matched by their number among those of equal spin. The change, times a factor, is the error bar; it is NaN where the
smaller calculation has no such state. It covers the orbitals that are left out, and the sine functions. What V may be
between its points adds to it (``step_edges.py``), and in the same proportion to the dipoles and strengths. It also
mixes states of equal spin (``mixing.py``). Those that are closer than the errors of their energies may be mixtures of
one another in truth: the bars of their dipoles, strengths and factors contain each other's values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.checks import check_array, check_integer, check_kind
from solvers.grid import Grid
from solvers.quantum_dots.configuration_interaction import block_size
from solvers.quantum_dots.mixing import level_numbers, mixed_dipoles, mixed_factors, mixing_angles, repulsions
from solvers.quantum_dots.options import check_options
from solvers.quantum_dots.settings import modes_of
from solvers.quantum_dots.solution import Solution
from solvers.quantum_dots.solve import PRESETS, solve
from solvers.quantum_dots.step_edges import cell_of, sampling_error
from solvers.quantum_dots.transitions import dipole_matrix, dyson_amplitudes
from solvers.units import UNITS, Material

Floats = NDArray[np.float64]

FEWER_ORBITALS, FEWER_MODES = 2 / 3, 0.9
"""Parts of the orbitals and of the sine functions that the second calculation has."""
MISSING = 3.0
"""Error bar over the change: what is missing falls as 1 / M, so that two thirds of M leave out half as much again."""
SPARE_STATES = 4
"""Additional states of the second calculation, in which levels may have another order."""


@dataclass(frozen=True)
class Excitations:
    """The lowest k states of a dot above its ground state, without the ground state; energies in eV, lengths in nm.

    Attributes:
        energies, energy_errors: E_j - E_0, (k,).
        spins: total spin S, (k,); the ground state has ``ground_spin``.
        s_z: S_z of the states that were computed, 0 or 1/2: without a magnetic field, those of other S_z have the same
            energies, and the same dipoles to the ground state of their S_z.
        dipoles, dipole_errors: |<0|x|j>| and |<0|y|j>|, (k, 2); the root mean square over a level.
        strengths, strength_errors: oscillator strengths of light polarised along x and y, (k, 2); all of them sum to N,
            which bounds their errors.
        solution: the ground state.
    """

    energies: Floats
    energy_errors: Floats
    spins: Floats
    ground_spin: float
    s_z: float
    dipoles: Floats
    dipole_errors: Floats
    strengths: Floats
    strength_errors: Floats
    solution: Solution


@dataclass(frozen=True)
class Tunnelling:
    """Transitions from the ground state of N electrons to the lowest k states of N - 1.

    Attributes:
        energies, energy_errors: mu_j = E_0(N) - E_j(N - 1), (k,) in eV.
        spins: total spin of the states of N - 1 electrons, (k,); the ground state of N has ``ground_spin``.
        spin: "up" or "down", that of the electron which tunnels.
        orbitals: Dyson orbitals, (k, n_x, n_y) in nm^-1, of positive integral.
        factors, factor_errors: spectroscopic factors Z_j, (k,); over all states they sum to the electrons of this spin,
            which bounds their errors.
    """

    energies: Floats
    energy_errors: Floats
    spins: Floats
    ground_spin: float
    spin: str
    orbitals: Floats
    factors: Floats
    factor_errors: Floats


def excitations(
    V: ArrayLike, grid: Grid, n_electrons: int, material: Material, n_states: int = 6, **options: Any
) -> Excitations:
    """Return the lowest ``n_states`` excitations of ``n_electrons`` in the potential ``V`` (n_x, n_y) in eV.

    ``options`` are those of ``solve``; by default those of ``PRESETS["converged"]``.

    Raises:
        ValueError: an argument is out of range.
    """
    check_integer("n_states", n_states, 1)
    potential, options = _checked(V, grid, options)
    solve(np.zeros((0, *grid.shape)), grid, n_electrons, material, **options)  # checks all that it takes, without work
    m = int(options["n_orbitals"])
    states = block_size(m, n_electrons)
    hint = (
        f"N = {n_electrons} in M = {m} orbitals has {states} states of the lowest |S_z|, one of them the ground state"
    )
    check_integer("n_states", n_states, 1, hint, high=max(states - 1, 1))
    first, second = _twice(potential, grid, n_electrons, material, int(n_states) + 1, options)
    unit = 2 * UNITS[material.units][0] / np.array(material.masses)  # hbar^2 / m along x and y

    def values(dot: Solution) -> Floats:
        """Return energies, squared dipoles and strengths, (states, 5)."""
        wave = dot.wavefunction
        assert wave is not None
        squared = dipole_matrix(wave) ** 2
        energies = dot.energies[: squared.shape[1]] - dot.energies[0]
        weights = wave.weights[0, : len(energies)]
        levels = _of_levels(energies, np.einsum("g,cgk->kc", weights / weights.sum(), squared))
        return np.column_stack([energies, np.sqrt(levels), 2 * energies[:, None] * levels / unit])

    found, other = values(first), values(second)
    matched = _matched(first.spins[: len(found)], second.spins[: len(other)], other)
    angles = mixing_angles(potential, grid, material, first)
    sampled = np.hypot(_sampling_errors(potential, grid, material, first, len(found)), repulsions(found[:, 0], angles))
    shares = np.minimum(sampled / np.maximum(found[1:, 0], 1e-300), 1.0)[:, None]  # 1 in the level of the ground state
    dipole_errors, strength_errors = (
        _errors(found[1:, c], matched[1:, c]) + shares * found[1:, c] for c in (slice(1, 3), slice(3, 5))
    )
    change = MISSING * np.abs(found[1:, 0] - matched[1:, 0])
    energy_errors = np.where(np.isnan(change), np.nan, np.fmax(change, first.gap_error) + sampled)
    near = _near(found[1:, 0], energy_errors, first.spins[1 : len(found)])
    mixed = mixed_dipoles(first, angles)[1:]
    dipole_errors = np.maximum(dipole_errors + mixed, _exchanged(found[1:, 1:3], near))
    strength_errors += 2 * found[1:, :1] * (2 * found[1:, 1:3] + mixed) * mixed / unit
    strengths = found[1:, 3:]  # in 0 ... N, because none is negative and all sum to N
    strength_errors = np.maximum(strength_errors, _exchanged(strengths, near))
    strength_errors = np.minimum(strength_errors, np.maximum(strengths, n_electrons - strengths))
    return Excitations(
        energies=found[1:, 0],
        energy_errors=energy_errors,
        spins=first.spins[1 : len(found)],
        ground_spin=float(first.spins[0]),
        s_z=(n_electrons % 2) / 2,
        dipoles=found[1:, 1:3],
        dipole_errors=dipole_errors,
        strengths=strengths,
        strength_errors=strength_errors,
        solution=first,
    )


def _sampling_errors(V: Floats, grid: Grid, material: Material, dot: Solution, count: int) -> Floats:
    """Return the errors of E_j - E_0 by the points of V, (count - 1,)."""
    wave = dot.wavefunction
    assert wave is not None
    densities = [np.sum(wave.density(state), axis=(0, 1)) for state in range(count)]
    cell = cell_of(grid.steps, material.inverse_masses, material.hartree * material.bohr**2)
    return np.array([sampling_error(V, n - densities[0], cell) for n in densities[1:]])


def tunnelling(
    V: ArrayLike, grid: Grid, n_electrons: int, material: Material, n_states: int = 3, **options: Any
) -> Tunnelling:
    """Return the tunnelling from the ground state of ``n_electrons`` to the lowest ``n_states`` of one electron less.

    ``options`` are those of ``solve``; by default those of ``PRESETS["converged"]``.

    Raises:
        ValueError: an argument is out of range.
    """
    check_integer("n_states", n_states, 1)
    check_integer("n_electrons", n_electrons, 1)
    potential, options = _checked(V, grid, options)
    if n_electrons > 1:  # checks all that it takes, without work
        solve(np.zeros((0, *grid.shape)), grid, n_electrons - 1, material, n_states=n_states, **options)
    larger = _twice(potential, grid, n_electrons, material, 2, options)
    smaller: tuple[Solution | None, ...] = (None, None)
    if n_electrons > 1:
        smaller = _twice(potential, grid, n_electrons - 1, material, n_states, options)
    (energies, factors, orbitals, spins), (others, fewer, _, other_spins) = (
        _tunnelling(rest, dot) for rest, dot in zip(smaller, larger, strict=True)
    )
    matched = _matched(spins, other_spins, np.column_stack([fewer, others - others[0]]))
    rest = smaller[0]
    apart = MISSING * np.abs(energies - energies[0] - matched[:, 1])
    error = float(larger[0].energy_error + larger[0].grid_error)
    if rest is not None:
        error += float(rest.energy_error + rest.grid_error)
        angles = mixing_angles(potential, grid, material, rest)[: len(energies), : len(energies)]
        sampled = _sampling_errors(potential, grid, material, rest, len(energies))
        apart[1:] += np.hypot(sampled, repulsions(energies, angles))
    near = _near(energies, np.full(len(energies), 0.0 if rest is None else float(rest.gap_error)), spins)
    factor_errors = np.maximum(_factor_errors(factors, matched[:, 0]), _exchanged(factors[:, None], near)[:, 0])
    if rest is not None:
        factor_errors += mixed_factors(factors, angles)
    return Tunnelling(
        energies=energies,
        energy_errors=error + apart,
        spins=spins,
        ground_spin=float(larger[0].spins[0]),
        spin="up" if n_electrons % 2 else "down",
        orbitals=orbitals * np.where(orbitals.sum((1, 2)) < 0, -1.0, 1.0)[:, None, None],
        factors=factors,
        factor_errors=np.minimum(factor_errors, np.maximum(factors, (n_electrons + 1) // 2 - factors)) + 1e-9,
    )


def _tunnelling(rest: Solution | None, dot: Solution) -> tuple[Floats, Floats, Floats, Floats]:
    """Return energies, factors, Dyson orbitals, and spins of the states of one electron less."""
    wave = dot.wavefunction
    assert wave is not None
    amplitudes = dyson_amplitudes(None if rest is None else rest.wavefunction, wave)
    k = len(amplitudes)
    energies = np.zeros(1) if rest is None else rest.energies[:k]
    weights = wave.weights[0, : amplitudes.shape[1]]
    factors = np.einsum("g,jgp->j", weights / weights.sum(), amplitudes**2)
    orbitals = np.tensordot(amplitudes[:, 0], wave.orbitals[0], 1)
    spins = np.zeros(1) if rest is None else rest.spins[:k]
    return dot.energy - energies, _of_levels(energies - energies[0], factors[:, None])[:, 0], orbitals, spins


def _errors(found: Floats, other: Floats) -> Floats:
    """Return error bars (k, ...); one that is small by chance has the relative error of all values together."""
    change = np.abs(found - other)
    common = np.nansum(change) / max(float(np.nansum(np.abs(found))), 1e-300)
    return MISSING * np.maximum(change, common * np.abs(found))


def _factor_errors(found: Floats, other: Floats) -> Floats:
    """Return error bars (k,) of factors Z = a^2; one that is small by chance has the error of ``a`` of all others."""
    a = np.sqrt(found)
    error = MISSING * float(np.nanmax(np.abs(a - np.sqrt(other)), initial=0.0))
    return np.where(np.isnan(other), np.nan, np.maximum(MISSING * np.abs(found - other), (2 * a + error) * error))


def _near(energies: Floats, errors: Floats, spins: Floats) -> NDArray[np.bool_]:
    """Return whether states (k,) of equal spin are closer than the larger error of both energies, (k, k)."""
    distances = np.abs(energies[:, None] - energies)
    found: NDArray[np.bool_] = (distances < np.maximum(errors[:, None], errors)) & (
        np.abs(spins[:, None] - spins) < 0.5
    )
    return found


def _exchanged(values: Floats, near: NDArray[np.bool_]) -> Floats:
    """Return the largest change of values (k, c) if a state becomes one that is ``near`` (k, k)."""
    changes = np.abs(values[:, None] - values)
    found: Floats = np.where(near[..., None], changes, 0.0).max(axis=1)
    return found


def _checked(V: ArrayLike, grid: Grid, options: dict[str, Any]) -> tuple[Floats, dict[str, Any]]:
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_options(options)
    return check_array("V", V, grid.shape).astype(np.float64), PRESETS["converged"] | options


def _twice(
    V: Floats, grid: Grid, n_electrons: int, material: Material, n_states: int, options: dict[str, Any]
) -> tuple[Solution, Solution]:
    """Return the solutions with all orbitals and with fewer, and their wavefunctions."""
    options = options | {"wavefunction": True}
    first = solve(V, grid, n_electrons, material, n_states=n_states, **options)
    m, x_modes, y_modes = first.orbital_energies.shape[-1], *modes_of(grid, options.get("n_modes"))
    modes = max(int(FEWER_MODES * x_modes), 2), max(int(FEWER_MODES * y_modes), 2)
    m = min(max(int(FEWER_ORBITALS * m), (n_electrons + 1) // 2, 1), modes[0] * modes[1])
    less = options | {"n_orbitals": m, "n_modes": modes, "estimate": False}
    count = min(n_states + SPARE_STATES, max(block_size(m, n_electrons), 2))
    return first, solve(V, grid, n_electrons, material, n_states=count, **less)


def _of_levels(energies: Floats, values: Floats) -> Floats:
    """Return ``values`` (k, ...) averaged over the states of each level; ``energies`` ascend from 0."""
    level = level_numbers(energies)
    return np.stack([values[level == number].mean(axis=0) for number in level])


def _matched(spins: Floats, other_spins: Floats, other: Floats) -> Floats:
    """Return rows of ``other`` in the order of ``spins``: the j-th of each spin; NaN where there is none."""
    ours, theirs = np.round(2 * np.asarray(spins)), np.round(2 * np.asarray(other_spins))
    found = np.full((len(ours), other.shape[1]), np.nan)
    for row, spin in enumerate(ours):
        places = np.flatnonzero(theirs == spin)
        number = int((ours[:row] == spin).sum())
        if number < len(places):
            found[row] = other[places[number]]
    return found
