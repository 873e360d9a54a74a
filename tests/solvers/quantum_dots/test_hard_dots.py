"""Degenerate ground states, and dots that are hard to solve: strongly correlated, deep, tiny, or many-electron."""

import importlib
import itertools

import numpy as np
import pytest
from analytic import GAAS, SI, SQUARE, box_levels, box_orbital, nmae
from dots import GRID, hasty_davidson, ring_of_eight_dots, smooth_potential, square_potential

from solvers import Grid, solve
from solvers.quantum_dots import configuration_interaction
from solvers.quantum_dots.ground_state import ORBITAL_TOLERANCE
from solvers.quantum_dots.potentials import RandomWells
from solvers.quantum_dots.solution import columns

# Degenerate ground states


@pytest.mark.parametrize("potential", [np.zeros((32, 32)), square_potential()], ids=["box", "square dot"])
@pytest.mark.parametrize("n_electrons", [3, 5])
def test_a_degenerate_ground_state_has_the_symmetry_of_the_square(potential, n_electrons):
    solution = solve(potential, GRID, n_electrons, GAAS)
    assert solution.degeneracy == 2
    assert solution.gap == pytest.approx(0, abs=1e-9)
    assert not solution.splits_shell
    for act in SQUARE.values():
        for density in (solution.density, solution.density_noninteracting):
            assert GRID.integrate(density) == pytest.approx(n_electrons, rel=1e-12)
            assert nmae(act(density), density, n_electrons, GRID) < 1e-8


def test_average_over_an_open_shell_by_hand():
    solution = solve(np.zeros((32, 32)), GRID, 3, GAAS)
    open_shell = (box_orbital(1, 2, GRID) ** 2 + box_orbital(2, 1, GRID) ** 2) / 2
    expected = 2 * box_orbital(1, 1, GRID) ** 2 + open_shell
    np.testing.assert_allclose(solution.density_noninteracting, expected, atol=1e-9)


def test_one_electron_in_a_ring_of_far_dots():
    """Exactly degenerate in x and y but not beyond: s, p_x, p_y, d in ascending order."""
    solution = solve(ring_of_eight_dots(GRID), GRID, 1, GAAS)
    assert solution.degeneracy == 1 and solution.gap > 0
    levels = solution.orbital_energies
    assert levels[1] == pytest.approx(levels[2], abs=1e-11)
    for act in SQUARE.values():
        assert nmae(act(solution.density), solution.density, 1, GRID) < 1e-7


@pytest.mark.parametrize("potential", [np.zeros((32, 32)), square_potential()], ids=["box", "square dot"])
@pytest.mark.parametrize("n_electrons", [2, 3])
@pytest.mark.parametrize("refinements", [0, 1])
def test_no_number_of_orbitals_cuts_a_shell(potential, n_electrons, refinements):
    """Where a pair of orbitals does not fit, a later one that is alone takes its place."""
    for m in (2, 3, 5, 8, 12, 14):
        solution = solve(potential, GRID, n_electrons, GAAS, n_orbitals=m, refinements=refinements)
        assert solution.converged and solution.degeneracy == n_electrons - 1 or m < 3
        for act in SQUARE.values():
            assert nmae(act(solution.density), solution.density, n_electrons, GRID) < 1e-12


# Hard cases


@pytest.mark.parametrize("n_electrons", [2, 3, 4])
def test_strongly_correlated_ring_of_dots(n_electrons):
    """Wide and heavy: kinetic energy is nothing beside the repulsion, and the iterative solver has hardly any gap."""
    grid = Grid(24, 60.0)
    solution = solve(ring_of_eight_dots(grid), grid, n_electrons, SI)
    assert solution.residual <= ORBITAL_TOLERANCE * SI.hartree
    assert grid.integrate(solution.density) == pytest.approx(n_electrons, rel=1e-12)
    for act in SQUARE.values():
        assert nmae(act(solution.density), solution.density, n_electrons, grid) < 1e-3


@pytest.mark.parametrize("step", [5.0, 500.0])
def test_deep_wells_are_those_of_a_box(step):
    """A well with walls of ``step`` on half the grid; the higher they are, the nearer to infinite ones."""
    grid = Grid(64, 30.0)
    x = np.abs(grid.x - 15.0)
    inside = x < 7.5
    v = np.where(np.logical_and.outer(inside, inside), 0.0, step)
    solution = solve(v, grid, 2, GAAS, n_orbitals=4)
    box = solve(np.zeros((64, 64)), Grid(64, 15.0), 2, GAAS, n_orbitals=4)
    assert solution.energy == pytest.approx(box.energy, rel=0.1)
    assert solution.residual <= ORBITAL_TOLERANCE * solution.kinetic
    assert solution.density[~inside].max() < 0.01 * solution.density.max()


@pytest.mark.parametrize("n", [4, 5, 7, 8, 9, 15])
def test_small_and_odd_grids(n):
    grid = Grid(n, 20.0)
    v = np.random.default_rng(n).uniform(0, 0.1, size=(n, n))
    solution = solve(v, grid, 3, GAAS, n_orbitals=3)
    assert grid.integrate(solution.density) == pytest.approx(3, rel=1e-12)
    assert grid.integrate(solution.density_noninteracting) == pytest.approx(3, rel=1e-12)
    mirrored = solve(v.T, grid, 3, GAAS, n_orbitals=3)
    assert mirrored.energy == pytest.approx(solution.energy, rel=1e-12)
    np.testing.assert_allclose(mirrored.density, solution.density.T, atol=1e-10)


@pytest.mark.parametrize("n_electrons", [1, 2])
def test_a_single_mode(n_electrons):
    """One sine function each way: E = N epsilon (+ J), whatever the potential does to the others."""
    solution = solve(np.zeros((8, 8)), Grid(8, 20.0), n_electrons, GAAS, n_orbitals=1, n_modes=1)
    grid = Grid(8, 20.0)
    np.testing.assert_allclose(solution.density, n_electrons * box_orbital(1, 1, grid) ** 2, atol=1e-12)
    assert np.isnan(solution.gap)
    epsilon = GAAS.hartree * box_levels(20.0 / GAAS.bohr, 1)[0]
    assert solution.orbital_energies[0] == pytest.approx(epsilon, rel=1e-12)
    assert (solution.energy > 2 * epsilon) if n_electrons == 2 else solution.energy == pytest.approx(epsilon)


def test_many_electrons():
    """3136 determinants: the matrix is not stored."""
    solution = solve(smooth_potential(8), GRID, 6, GAAS, n_orbitals=8)
    assert configuration_interaction.block_size(8, 6) > configuration_interaction.DENSE_SIZE
    assert solution.residual <= ORBITAL_TOLERANCE * solution.kinetic
    assert GRID.integrate(solution.density) == pytest.approx(6, rel=1e-12)
    smaller = solve(smooth_potential(8), GRID, 6, GAAS, n_orbitals=7)
    assert solution.energy < smaller.energy


def test_addition_energies_are_positive():
    """Each further electron costs more than the one before: E(N + 1) - 2 E(N) + E(N - 1) > 0, as dots are charged."""
    energies = [0.0] + [float(solve(smooth_potential(9), GRID, n, SI, n_orbitals=8).energy) for n in range(1, 6)]
    assert (np.diff(energies, 2) > 0).all()


def test_residual_tells_of_states_that_did_not_converge(monkeypatch):
    v = smooth_potential(7)
    exact = solve(v, GRID, 4, SI)
    monkeypatch.setattr(configuration_interaction, "DENSE_SIZE", 0)  # no matrix to fall back on
    hasty = hasty_davidson(4)
    monkeypatch.setattr(configuration_interaction, "davidson", hasty)
    rough = solve(v, GRID, 4, SI)
    assert rough.residual > 1e-6 * SI.hartree
    assert 0 < rough.energy - exact.energy < rough.residual


def test_residual_tells_of_orbitals_that_did_not_converge(monkeypatch):
    module = importlib.import_module("solvers.quantum_dots.ground_state")
    orbitals = module.lowest_orbitals
    monkeypatch.setattr(module, "lowest_orbitals", lambda v, basis, n, _tolerance: orbitals(v, basis, n, 1e-3))
    solution = solve(RandomWells().sample(np.random.default_rng(0), GRID)(GRID), GRID, 2, GAAS)
    assert 1e-7 * solution.kinetic < solution.residual <= 1e-3 * solution.kinetic


def test_every_array_of_a_solution_is_finite():
    rng = np.random.default_rng(0)
    hard = [rng.choice([0.0, 500.0], size=(32, 32)), rng.normal(size=(32, 32)), np.full((32, 32), -500.0)]
    for v, n_electrons in itertools.product(hard, (1, 3)):
        solution = solve(v, GRID, n_electrons, GAAS, n_orbitals=5)
        for column in columns():
            assert np.isfinite(getattr(solution, column.name)).all(), column.name
