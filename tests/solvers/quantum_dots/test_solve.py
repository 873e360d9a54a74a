"""The whole solver: reference systems, problems with exact answers, and the laws that every solution obeys."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from analytic import (
    ATOMIC,
    GAAS,
    INAS,
    MATERIALS,
    SI,
    SQUARE,
    gaussian_repulsion,
    nmae,
    oscillator_orbitals,
    taut_density,
)
from dots import GRID, assert_same, smooth_potential, trap

from solvers import Grid, Material, solve
from solvers.quantum_dots.potentials import CircularWells, RandomWells
from solvers.quantum_dots.settings import STAGES
from solvers.quantum_dots.solution import columns

NEUTRAL = Material(GAAS.m_eff, eps_r=1e9)
"""Electrons of the mass of GaAs that hardly see each other."""
N_ELECTRONS = [1, 2, 3, 4]


# The reference systems


@pytest.mark.parametrize("n_electrons", N_ELECTRONS)
@pytest.mark.parametrize("material", ["gaas", "si"])
def test_reference_systems(reference, material, n_electrons):
    grid, expected = Grid(64, 30.0), reference[material]
    solution = solve(expected["V"], grid, n_electrons, MATERIALS[material])
    np.testing.assert_allclose(solution.orbital_energies, expected["orbital_energies"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(solution.energy, expected[f"E{n_electrons}"], rtol=0, atol=1e-7)
    if n_electrons == 1:
        gap = np.diff(expected["orbital_energies"][:, :2])[:, 0]
    else:
        gap = expected[f"gap{n_electrons}"]
    np.testing.assert_allclose(solution.gap, gap, rtol=0, atol=1e-7)
    unique = gap > 1e-4
    assert unique.sum() >= 4
    for i in np.flatnonzero(unique):
        assert nmae(solution.density[i], expected[f"n{n_electrons}"][i], n_electrons, grid) <= 1e-5
    assert (solution.degeneracy == 1).all()
    assert not solution.splits_shell.any()


def test_a_lone_electron_does_not_repel_itself(reference):
    solution = solve(reference["gaas"]["V"], Grid(64, 30.0), 1, GAAS)
    np.testing.assert_allclose(solution.energy, solution.orbital_energies[:, 0], rtol=1e-12)
    np.testing.assert_allclose(solution.density, solution.density_noninteracting, atol=1e-12)


# Two electrons in a harmonic trap (Taut 1993)


@pytest.mark.parametrize(("n_orbitals", "energy"), [(6, 3.03860), (10, 3.02523), (15, 3.01761), (21, 3.01363)])
def test_two_electrons_in_harmonic_shells(n_orbitals, energy):
    solution = solve(*trap(1.0), 2, ATOMIC, n_orbitals=n_orbitals)
    assert solution.energy == pytest.approx(energy, abs=1e-5)
    assert not solution.splits_shell


@pytest.mark.parametrize(("omega", "exact"), [(1.0, 3.0), (1 / 6, 2 / 3)])
def test_two_electrons_converge_to_the_exact_energy(omega, exact):
    shells = np.array([3, 4, 5, 6])
    energies = np.array([solve(*trap(omega), 2, ATOMIC, n_orbitals=m).energy for m in shells * (shells + 1) // 2])
    assert (np.diff(energies) < 0).all()
    assert (energies > exact).all()
    # the cusp leaves an error of a power of the number of shells: energy = limit + a (shells - s)^-3/2
    slope = (energies[-1] - energies[-2]) / ((shells[-1] - 0.5) ** -1.5 - (shells[-2] - 0.5) ** -1.5)
    limit = energies[-1] - slope * (shells[-1] - 0.5) ** -1.5
    assert limit == pytest.approx(exact, abs=0.1 * (energies[-1] - exact) + 1e-3 * exact)


def test_density_of_two_electrons_converges_to_the_exact_one():
    v, grid = trap(1.0, n=40)
    exact = taut_density(grid)
    errors = [nmae(solve(v, grid, 2, ATOMIC, n_orbitals=m).density, exact, 2, grid) for m in (3, 6, 15, 28)]
    assert (np.diff(errors) < 0).all()
    assert errors[0] > 0.15 and errors[-1] < 0.012
    assert nmae(solve(v, grid, 2, ATOMIC).density_noninteracting, exact, 2, grid) > 0.2


# Perturbation theory and full shells


def test_without_repulsion_electrons_fill_the_levels():
    v = smooth_potential()
    for n_electrons, filled in ((1, [1]), (2, [2]), (3, [2, 1]), (4, [2, 2]), (5, [2, 2, 1])):
        solution = solve(v, GRID, n_electrons, NEUTRAL, n_orbitals=6)
        levels = solution.orbital_energies[: len(filled)]
        assert solution.energy == pytest.approx(levels @ filled, rel=1e-6)
        np.testing.assert_allclose(solution.density, solution.density_noninteracting, atol=1e-8)


def test_weak_repulsion_is_that_of_the_lowest_orbital():
    """E = 2 epsilon + J + O(1 / eps_r^2), with J of the harmonic ground orbital."""
    v, grid = trap(1.0)
    weak = Material(ATOMIC.m_eff, ATOMIC.eps_r * 1e4)  # repulsion 1e-4 / r
    energy = solve(v, grid, 2, weak, n_orbitals=3).energy
    assert energy - 2.0 == pytest.approx(1e-4 * gaussian_repulsion(1.0, 0.0), rel=1e-4)


@pytest.mark.parametrize("n_orbitals", [1, 3])
def test_full_shell(n_orbitals):
    """2M electrons in M orbitals: one determinant, n = 2 sum phi_p^2, E = sum 2 epsilon_p + sum 2 J_pq - K_pq."""
    omega = 1.0
    v, grid = trap(omega, n=64, half_widths=8.0)
    solution = solve(v, grid, 2 * n_orbitals, ATOMIC, n_orbitals=n_orbitals)
    direct = {1: 1, 3: 1 + 4 * 3 / 4 + 2 * 25 / 32 + 2 * 19 / 32}[n_orbitals]
    exchange = {1: 1, 3: 1 + 4 / 4 + 2 * 25 / 32 + 2 * 3 / 32}[n_orbitals]
    levels = {1: 2.0, 3: 2.0 + 4 * 2.0}[n_orbitals]
    expected = levels + (2 * direct - exchange) * np.sqrt(np.pi * omega / 2)
    assert solution.energy == pytest.approx(expected, rel=1e-8)
    density = 2 * (oscillator_orbitals(omega, grid)[:n_orbitals] ** 2).sum(axis=0)
    np.testing.assert_allclose(solution.density, density, atol=1e-8)
    np.testing.assert_allclose(solution.density_noninteracting, density, atol=1e-8)
    assert np.isnan(solution.gap)
    assert solution.degeneracy == 1


def test_one_hole_in_a_full_shell():
    """2M - 1 electrons: the hole has M states, each of one determinant."""
    v = smooth_potential(3)
    full, hole = (solve(v, GRID, n, GAAS, n_orbitals=3) for n in (6, 5))
    missing = full.density - hole.density
    assert missing.min() > -1e-12
    assert GRID.integrate(missing) == pytest.approx(1.0, abs=1e-12)


# Laws


@pytest.mark.parametrize("material", MATERIALS.values(), ids=MATERIALS)
@pytest.mark.parametrize("n_electrons", [*N_ELECTRONS, 5])
def test_densities_hold_all_electrons_and_are_positive(material, n_electrons):
    rng = np.random.default_rng(n_electrons)
    v = np.stack([RandomWells().sample(rng, GRID)(GRID) for _ in range(3)])
    solution = solve(v, GRID, n_electrons, material, n_orbitals=6)
    for density in (solution.density, solution.density_noninteracting):
        np.testing.assert_allclose(GRID.integrate(density), n_electrons, rtol=1e-12)
        assert density.min() >= -1e-14
    assert (solution.gap >= 0).all()


@pytest.mark.parametrize("symmetry", SQUARE)
@pytest.mark.parametrize(("n_electrons", "material"), [(1, GAAS), (2, SI), (3, GAAS), (4, INAS)])
def test_symmetries_of_the_square(symmetry, n_electrons, material):
    v, act = smooth_potential(1), SQUARE[symmetry]
    solution, moved = (solve(w, GRID, n_electrons, material, n_orbitals=6) for w in (v, act(v)))
    assert solution.gap > 1e-4
    fields = ("density", "spin_density", "density_noninteracting")
    image = replace(solution, **{name: act(getattr(solution, name)) for name in fields})
    assert_same(moved, image, rtol=1e-7, n_electrons=n_electrons)


@pytest.mark.parametrize("n_electrons", N_ELECTRONS)
@pytest.mark.parametrize("shift", [0.3, -500.0])
def test_a_constant_shifts_the_energy_only(n_electrons, shift):
    v = smooth_potential(2)
    solution, shifted = (solve(w, GRID, n_electrons, GAAS, n_orbitals=6) for w in (v, v + shift))
    expected = replace(
        solution,
        energy=solution.energy + n_electrons * shift,
        energies=solution.energies + n_electrons * shift,
        confinement=solution.confinement + n_electrons * shift,
        orbital_energies=solution.orbital_energies + shift,
    )
    assert_same(shifted, expected, rtol=1e-7, n_electrons=n_electrons)


@pytest.mark.parametrize("n_electrons", [2, 3, 4])
@pytest.mark.parametrize("material", [GAAS, SI], ids=["gaas", "si"])
def test_energy_falls_as_orbitals_are_added(n_electrons, material):
    v = smooth_potential(4)
    energies = np.array([solve(v, GRID, n_electrons, material, n_orbitals=m).energy for m in (2, 3, 4, 6, 8, 10)])
    assert (np.diff(energies) < 1e-12).all()
    assert energies[0] - energies[-1] > 1e-4  # and not by rounding


def test_energy_falls_as_modes_are_added():
    v = CircularWells(np.array([[12.0, 13.0, 6.0], [20.0, 18.0, 4.0]]))(GRID)
    energies = [solve(v, GRID, 2, GAAS, n_orbitals=4, n_modes=m).energy for m in (4, 8, 12, 16)]
    assert (np.diff(energies) < 0).all()


@pytest.mark.parametrize("n_electrons", [2, 3, 4])
def test_energy_lies_between_none_and_first_order_repulsion(n_electrons):
    """Repulsion is positive, and the fewest orbitals that hold the electrons give an upper bound."""
    v = smooth_potential(5)
    solution = solve(v, GRID, n_electrons, GAAS, n_orbitals=8)
    filled = np.repeat(solution.orbital_energies, 2)[:n_electrons].sum()
    least = solve(v, GRID, n_electrons, GAAS, n_orbitals=(n_electrons + 1) // 2).energy
    assert filled < solution.energy < least


@pytest.mark.parametrize("n_electrons", [2, 3])
def test_the_same_problem_in_effective_units_has_the_same_answer(n_electrons):
    v, extent = smooth_potential(6), GRID.extent
    stretch, scale = SI.bohr / GAAS.bohr, SI.hartree / GAAS.hartree
    first = solve(v, GRID, n_electrons, GAAS, n_orbitals=6)
    second = solve(v * scale, Grid(32, extent * stretch), n_electrons, SI, n_orbitals=6)
    units = {c.name: scale ** c.metadata["power"][0] * stretch ** c.metadata["power"][1] for c in columns()}
    expected = replace(first, **{name: getattr(first, name) * unit for name, unit in units.items()})
    for name, unit in (("energy", scale), ("density", stretch**-2), ("interaction", scale), ("spins", 1)):
        assert units[name] == unit, name
    assert_same(second, expected, rtol=1e-7)


def test_electrons_far_apart_repel_like_point_charges():
    """Two wide-apart traps of one electron each: E = 2 epsilon + U(d), that of two Gaussian charges."""
    distance, omega = 14.0, 2.0
    grid = Grid(64, 24.0)
    x, y = grid.mesh()
    left = (x - 12.0 + distance / 2) ** 2 + (y - 12.0) ** 2
    right = (x - 12.0 - distance / 2) ** 2 + (y - 12.0) ** 2
    v = np.minimum(omega**2 / 2 * np.minimum(left, right), 40.0)
    lone, pair, triple = (solve(v, grid, n, ATOMIC, n_orbitals=4) for n in (1, 2, 3))
    repulsion = gaussian_repulsion(omega, distance)
    assert pair.energy - 2 * lone.energy == pytest.approx(repulsion, abs=2e-4)
    assert grid.integrate(np.where(x < 12.0, pair.density, 0)) == pytest.approx(1.0, abs=1e-6)
    assert triple.energy > pair.energy + lone.energy + 2 * repulsion  # two must share a trap


# The timer


@pytest.mark.parametrize(("refinements", "rounds"), [(0, 1), (2, 3)])
def test_a_timer_sees_every_stage(refinements, rounds):
    open_stages, seen = [], []

    @contextmanager
    def timer(stage):
        assert not open_stages  # no stage is part of another one, so that their times add up
        open_stages.append(stage)
        yield
        seen.append(open_stages.pop())

    plain = solve(smooth_potential(), GRID, 2, GAAS, 4, refinements)
    timed = solve(smooth_potential(), GRID, 2, GAAS, 4, refinements, timer=timer)
    assert set(seen) == set(STAGES)
    counts = {stage: seen.count(stage) for stage in STAGES}
    assert counts == {"orbitals": 1, "integrals": rounds, "states": rounds, "enlargement": rounds, "observables": 1}
    np.testing.assert_array_equal(timed.density, plain.density)
