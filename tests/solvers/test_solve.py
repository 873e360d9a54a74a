"""The whole solver: reference systems, problems with exact answers, and the laws that every solution obeys."""

import importlib
import itertools
import tracemalloc
from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
from analytic import (
    ATOMIC,
    GAAS,
    INAS,
    MATERIALS,
    SI,
    SQUARE,
    box_levels,
    box_orbital,
    gaussian_repulsion,
    mesh,
    nmae,
    oscillator_orbitals,
    taut_density,
)

from solvers import Grid, Material, Solution, configuration_interaction, solve
from solvers.potentials import CircularWells, RandomWells

GRID = Grid(32, 30.0)
NEUTRAL = Material(GAAS.m_eff, eps_r=1e9)
"""Electrons of the mass of GaAs that hardly see each other."""
N_ELECTRONS = [1, 2, 3, 4]


def smooth_potential(seed=0, grid=GRID, depth=0.15):
    """A dot without any symmetry: a few plane waves (eV)."""
    rng = np.random.default_rng(seed)
    x, y = mesh(grid)
    kx, ky = rng.uniform(-0.35, 0.35, size=(2, 6)) * 30 / grid.extent
    phase = rng.uniform(0, 2 * np.pi, size=6)
    return depth * np.cos(np.multiply.outer(x, kx) + np.multiply.outer(y, ky) + phase).mean(axis=-1)


def square_potential(grid=GRID):
    """A dot with all symmetries of the square, and no others (eV)."""
    x = 2 * np.abs(grid.x - grid.extent / 2) / grid.extent
    return 0.1 * np.add.outer(x**2, x**2) - 0.08 * np.multiply.outer(x**2, x**2)


def ring_of_eight_dots(grid):
    """Eight small dots on a ring: eight orbitals next to each other, and many states within the interaction."""
    x = np.abs(grid.x - grid.extent / 2) * 30 / grid.extent
    dots = [np.add.outer((x - a) ** 2, (x - b) ** 2) <= 2.5**2 for a, b in ((10, 3), (3, 10))]
    return np.where(dots[0] | dots[1], 0.0, 0.5)


def assert_same(a, b, rtol=1e-11, n_electrons=1):
    """Two solutions agree in every field; densities in units of one electron in the square of ``GRID``."""
    for field in fields(Solution):
        if field.name == "residual":
            continue
        scale = n_electrons / GRID.extent**2 if "density" in field.name else 1.0
        np.testing.assert_allclose(
            getattr(a, field.name), getattr(b, field.name), rtol=rtol, atol=rtol * scale, err_msg=field.name
        )


def at(solution, index):
    return Solution(**{f.name: getattr(solution, f.name)[index] for f in fields(Solution)})


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


def trap(omega, n=48, half_widths=7.0):
    grid = Grid(n, 2 * half_widths / np.sqrt(omega))
    x, y = mesh(grid)
    return omega**2 / 2 * ((x - grid.extent / 2) ** 2 + (y - grid.extent / 2) ** 2), grid


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
    image = replace(
        solution, density=act(solution.density), density_noninteracting=act(solution.density_noninteracting)
    )
    assert_same(moved, image, rtol=1e-7, n_electrons=n_electrons)


@pytest.mark.parametrize("n_electrons", N_ELECTRONS)
@pytest.mark.parametrize("shift", [0.3, -500.0])
def test_a_constant_shifts_the_energy_only(n_electrons, shift):
    v = smooth_potential(2)
    solution, shifted = (solve(w, GRID, n_electrons, GAAS, n_orbitals=6) for w in (v, v + shift))
    expected = replace(
        solution,
        energy=solution.energy + n_electrons * shift,
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
    expected = replace(
        first,
        energy=first.energy * scale,
        gap=first.gap * scale,
        orbital_energies=first.orbital_energies * scale,
        density=first.density / stretch**2,
        density_noninteracting=first.density_noninteracting / stretch**2,
    )
    assert_same(second, expected, rtol=1e-7)


def test_electrons_far_apart_repel_like_point_charges():
    """Two wide-apart traps of one electron each: E = 2 epsilon + U(d), that of two Gaussian charges."""
    distance, omega = 14.0, 2.0
    grid = Grid(64, 24.0)
    x, y = mesh(grid)
    left = (x - 12.0 + distance / 2) ** 2 + (y - 12.0) ** 2
    right = (x - 12.0 - distance / 2) ** 2 + (y - 12.0) ** 2
    v = np.minimum(omega**2 / 2 * np.minimum(left, right), 40.0)
    lone, pair, triple = (solve(v, grid, n, ATOMIC, n_orbitals=4) for n in (1, 2, 3))
    repulsion = gaussian_repulsion(omega, distance)
    assert pair.energy - 2 * lone.energy == pytest.approx(repulsion, abs=2e-4)
    assert grid.integrate(np.where(x < 12.0, pair.density, 0)) == pytest.approx(1.0, abs=1e-6)
    assert triple.energy > pair.energy + lone.energy + 2 * repulsion  # two must share a trap


# Batches and memory


@pytest.mark.parametrize("n_electrons", N_ELECTRONS)
def test_a_batch_is_its_systems_one_by_one(n_electrons):
    rng = np.random.default_rng(n_electrons)
    v = np.stack([RandomWells().sample(rng, GRID)(GRID) for _ in range(6)]).reshape(2, 3, 32, 32)
    together = solve(v, GRID, n_electrons, GAAS, n_orbitals=6)
    assert together.energy.shape == together.gap.shape == together.degeneracy.shape == (2, 3)
    assert together.splits_shell.shape == together.residual.shape == (2, 3)
    assert together.density.shape == together.density_noninteracting.shape == (2, 3, 32, 32)
    assert together.orbital_energies.shape == (2, 3, 6)
    for index in np.ndindex(2, 3):
        assert_same(at(together, index), solve(v[index], GRID, n_electrons, GAAS, n_orbitals=6), rtol=1e-8)


def test_one_potential_gives_arrays_without_leading_shape():
    solution = solve(smooth_potential(), GRID, 2, GAAS, n_orbitals=4)
    assert solution.energy.shape == ()
    assert solution.density.shape == (32, 32)


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
@pytest.mark.parametrize("n_electrons", [1, 4])
def test_an_empty_batch_is_an_empty_solution(shape, n_electrons):
    solution = solve(np.zeros((*shape, 32, 32)), GRID, n_electrons, GAAS, n_orbitals=8)
    assert solution.energy.shape == shape
    assert solution.density.shape == (*shape, 32, 32)
    assert solution.orbital_energies.shape == (*shape, 8)


def test_pieces_are_the_whole(monkeypatch):
    v = np.stack([smooth_potential(seed) for seed in range(5)])
    whole = solve(v, GRID, 3, GAAS)
    module, sizes = importlib.import_module("solvers.solve"), []
    orbitals = module.lowest_orbitals

    def watched(potential, *rest):
        sizes.append(len(potential))
        return orbitals(potential, *rest)

    monkeypatch.setattr(module, "lowest_orbitals", watched)
    pieces = solve(v, GRID, 3, GAAS, memory=0.015)
    assert sum(sizes) == 5 and 1 < len(sizes) <= 5
    assert_same(pieces, whole, rtol=1e-8)


@pytest.mark.parametrize(
    ("n_electrons", "n_orbitals", "n_systems", "memory"),
    [(2, 8, 12, 0.02), (3, 10, 6, 0.03), (4, 8, 6, 0.05), (4, 10, 2, 0.05), (6, 8, 2, 0.08)],
)
def test_memory_is_what_was_allowed(n_electrons, n_orbitals, n_systems, memory):
    """Limits little above what one system needs, or one batch: with and without the stored matrix."""
    v = np.stack([smooth_potential(seed) for seed in range(n_systems)])
    solve(v[:1], GRID, n_electrons, GAAS, n_orbitals=n_orbitals)  # tables that are kept
    tracemalloc.start()
    solve(v, GRID, n_electrons, GAAS, n_orbitals=n_orbitals, memory=memory)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < memory * 2**30


def test_the_same_call_gives_the_same_bits():
    first, second = (solve(smooth_potential(1), GRID, 3, SI) for _ in range(2))
    for field in fields(Solution):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_potentials_are_left_as_they_were():
    v = smooth_potential()
    v.flags.writeable = False
    assert np.isfinite(solve(v, GRID, 2, GAAS, n_orbitals=4).energy)


@pytest.mark.parametrize("convert", [np.float32, np.ndarray.tolist, np.asfortranarray])
def test_numbers_of_any_kind_are_potentials(convert):
    v = np.round(smooth_potential() * 1024) / 1024  # exact in single precision
    assert_same(solve(convert(v), GRID, 2, GAAS, n_orbitals=4), solve(v, GRID, 2, GAAS, n_orbitals=4))


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
def test_a_cut_through_a_shell_is_flagged(potential):
    cuts = {m: bool(solve(potential, GRID, 1, GAAS, n_orbitals=m).splits_shell) for m in range(1, 9)}
    levels = solve(potential, GRID, 1, GAAS, n_orbitals=9).orbital_energies
    assert cuts == {m: bool(levels[m] - levels[m - 1] < 1e-9) for m in range(1, 9)}
    assert cuts[2] and not cuts[1] and not cuts[3]


def test_cuts_in_the_box_are_those_of_its_levels():
    n_squared = box_levels(1.0, 16) * 2 / np.pi**2  # 2, 5, 5, 8, 10, 10, 13, 13, 17, 17, 18, 20, 20, 25, ...
    expected = [m for m in range(1, 13) if np.isclose(n_squared[m], n_squared[m - 1])]
    assert expected == [2, 5, 7, 9, 12]
    found = [m for m in range(1, 13) if solve(np.zeros((32, 32)), GRID, 1, GAAS, n_orbitals=m).splits_shell]
    assert found == expected


# Hard cases


@pytest.mark.parametrize("n_electrons", [2, 3, 4])
def test_strongly_correlated_ring_of_dots(n_electrons):
    """Wide and heavy: kinetic energy is nothing beside the repulsion, and the iterative solver has hardly any gap."""
    grid = Grid(24, 60.0)
    solution = solve(ring_of_eight_dots(grid), grid, n_electrons, SI)
    assert solution.residual <= 1e-8 * SI.hartree
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
    assert solution.residual <= 1e-8 * GAAS.hartree
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
    assert solution.residual <= 1e-8 * GAAS.hartree
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
    hasty = partial(configuration_interaction.davidson, max_iterations=4)
    monkeypatch.setattr(configuration_interaction, "davidson", hasty)
    rough = solve(v, GRID, 4, SI)
    assert rough.residual > 1e-6 * SI.hartree
    assert 0 < rough.energy - exact.energy < rough.residual


def test_residual_tells_of_orbitals_that_did_not_converge(monkeypatch):
    module = importlib.import_module("solvers.solve")
    orbitals = module.lowest_orbitals
    monkeypatch.setattr(module, "lowest_orbitals", lambda v, basis, n, _tolerance: orbitals(v, basis, n, 1e-3))
    solution = solve(RandomWells().sample(np.random.default_rng(0), GRID)(GRID), GRID, 2, GAAS)
    assert 1e-7 * GAAS.hartree < solution.residual <= 1e-3 * GAAS.hartree


def test_every_array_of_a_solution_is_finite():
    rng = np.random.default_rng(0)
    hard = [rng.choice([0.0, 500.0], size=(32, 32)), rng.normal(size=(32, 32)), np.full((32, 32), -500.0)]
    for v, n_electrons in itertools.product(hard, (1, 3)):
        solution = solve(v, GRID, n_electrons, GAAS, n_orbitals=5)
        for field in fields(Solution):
            assert np.isfinite(getattr(solution, field.name)).all(), field.name
