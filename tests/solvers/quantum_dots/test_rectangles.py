"""Dots in rectangles: exact levels, the same dots in larger squares, swapped axes, Gaussian charges."""

from functools import partial

import array_api_strict
import numpy as np
import pytest
from analytic import ATOMIC, GAAS, SI, gaussian_repulsion, nmae

from solvers import (
    PRESETS,
    Grid,
    Interaction,
    Material,
    charging,
    dipole,
    excitations,
    finite_difference_levels,
    hubbard,
    quadrupole,
    rayleigh_quotient,
    solve,
    stability_diagram,
    tunnelling,
)
from solvers.quantum_dots import potentials
from solvers.quantum_dots.coulomb import coulomb_integrals, coulomb_potentials
from solvers.quantum_dots.potentials import DoubleGaussian, Harmonic, RandomGaussianWells
from solvers.quantum_dots.solution import columns

CONVERGED = PRESETS["converged"]
LONG = Grid((48, 24), (80.0, 40.0))
DOUBLE = DoubleGaussian(np.array([0.06, 0.07]), np.array([[-13.0, 0], [13, 1.0]]), np.array([[9.0, 9], [9, 9]]))


def wells(grid, seed=0):
    return RandomGaussianWells(center=(-6.0, 6.0)).sample(np.random.default_rng(seed), grid)(grid)


def test_levels_of_a_box():
    """pi^2 (l^2 / L_x^2 + m^2 / L_y^2) / 2."""
    grid = Grid((20, 14), (3.0, 2.2))
    exact = np.add.outer((np.arange(1, 8) / 3.0) ** 2, (np.arange(1, 8) / 2.2) ** 2) * np.pi**2 / 2
    solution = solve(np.zeros(grid.shape), grid, 1, ATOMIC, 8)
    np.testing.assert_allclose(solution.orbital_energies, np.sort(exact.ravel())[:8], rtol=1e-12)
    np.testing.assert_allclose(grid.integrate(solution.density), 1.0, rtol=1e-12)
    fine = Grid((96, 72), (3.0, 2.2))
    np.testing.assert_allclose(
        finite_difference_levels(np.zeros(fine.shape), fine, ATOMIC, 5), np.sort(exact.ravel())[:5], rtol=4e-3
    )


@pytest.mark.parametrize("n_electrons", [1, 2, 3])
def test_an_elliptic_parabola_is_that_in_a_square(n_electrons):
    """The density vanishes before the walls, so that a rectangle and a square with equal cells hold one dot."""
    square, parabola = Grid(48, 80.0), Harmonic((3e-4, 1.5e-3))
    rectangle, whole = (solve(parabola(g), g, n_electrons, GAAS, **CONVERGED) for g in (LONG, square))
    bars = rectangle.energy_error + rectangle.grid_error
    assert abs(rectangle.energy - whole.energy) <= 0.2 * bars + 1e-5 * whole.energy
    assert nmae(rectangle.density, whole.density[:, 12:36], n_electrons, LONG) < 2e-3
    assert rectangle.trusted


def test_a_double_dot_is_that_between_high_walls_in_a_square():
    square = Grid(48, 80.0)
    walls = np.full((48, 48), 40.0)
    walls[:, 12:36] = DOUBLE(LONG)
    for n_electrons in (1, 2):
        rectangle = solve(DOUBLE(LONG), LONG, n_electrons, GAAS, **CONVERGED)
        inside = solve(walls, square, n_electrons, GAAS, **CONVERGED)
        assert rectangle.energy == pytest.approx(inside.energy, abs=3e-4)
        assert nmae(rectangle.density, inside.density[:, 12:36], n_electrons, LONG) < 2e-2


@pytest.mark.parametrize("n_electrons", [1, 2, 3])
@pytest.mark.parametrize("interaction", [Interaction(), Interaction(20.0, 3.0, 15.0)])
def test_swapped_axes(n_electrons, interaction):
    """V^T in the rectangle with swapped sides and masses has the same energies, and n^T."""
    grid, swapped = Grid((36, 22), (44.0, 28.0)), Grid((22, 36), (28.0, 44.0))
    v = wells(grid)
    for masses in ((0.1, 0.1), (0.05, 0.3)):
        one, other = (
            solve(a, g, n_electrons, Material(m, 12.9), 8, 1, interaction=interaction, cusp=True)
            for a, g, m in ((v, grid, masses), (v.T, swapped, masses[::-1]))
        )
        for name in ("energy", "gap", "kinetic", "interaction"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-7)
        np.testing.assert_allclose(one.energies, other.energies, rtol=1e-7)
        np.testing.assert_allclose(one.energy_error, other.energy_error, rtol=1e-4)
        np.testing.assert_allclose(one.grid_error, other.grid_error, rtol=1e-4)
        assert nmae(one.density, other.density.T, n_electrons, grid) < 1e-6


def test_a_pair_of_equal_numbers_is_the_square():
    pair, grid = Grid((24, 24), (30.0, 30.0)), Grid(24, 30.0)
    assert pair == grid and pair.is_square and repr(pair) == repr(grid)
    v = wells(grid)
    one = solve(v, grid, 2, GAAS, n_modes=12)
    other = solve(v, pair, 2, Material((0.067, 0.067), 12.9), n_modes=(12, 12))
    for column in columns():
        np.testing.assert_array_equal(getattr(one, column.name), getattr(other, column.name))


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((64, 32), (24.0, 12.0)), ((40, 63), (18.0, 25.0)), ((160, 32), (60.0, 12.0)), ((33, 96), (12.0, 60.0))],
)
def test_repulsion_of_gaussian_charges(shape, sides):
    """The closed form does not know of the rectangle; the long sides need a larger pad."""
    grid, omega = Grid(shape, sides), 1.0
    ends = [np.array(sides) * f for f in ((0.5, 0.5), (0.3, 0.42))] if min(sides) > 15 else []
    middle = np.array(sides) / 2
    far = middle + np.where(np.array(sides) > 15, np.array(sides) / 2 - 6.0, 0.0)
    centers = [middle, far, *ends]
    x, y = grid.mesh()
    charges = np.stack([omega / np.pi * np.exp(-omega * ((x - a) ** 2 + (y - b) ** 2)) for a, b in centers])
    distances = np.array([[np.hypot(*(a - b)) for b in centers] for a in centers])
    found = coulomb_integrals(charges[None], sides)[0]
    np.testing.assert_allclose(found, gaussian_repulsion(omega, distances), rtol=2e-6)
    potentials = coulomb_potentials(charges[None], sides)[0]
    np.testing.assert_allclose(np.einsum("pij,qij->pq", potentials, charges) * grid.cell_area, found, rtol=1e-9)


def test_integrals_are_those_of_a_brute_force_sum():
    """Charges without overlap: sum over all pairs of points of rho(r) rho'(r') / |r - r'|, at any steps."""
    grid = Grid((40, 30), (40.0, 20.0))
    x, y = grid.mesh()
    charges = np.stack([np.exp(-((x - a) ** 2) / 12 - (y - b) ** 2 / 7) for a, b in ((10.0, 10.0), (30.0, 9.0))])
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    distances = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    np.fill_diagonal(distances, np.inf)  # the product of both charges is 1e-8 there
    expected = charges[0].ravel() @ (1 / distances) @ charges[1].ravel() * grid.cell_area**2
    assert coulomb_integrals(charges[None], grid.sides)[0, 0, 1] == pytest.approx(expected, rel=1e-5)


def test_densities_have_the_mirrors_of_the_potential():
    x, y = LONG.mesh()
    v = 1e-4 * (np.abs(x - 40.0) - 12.0) ** 2 + 2e-4 * (y - 20.0) ** 2
    for n_electrons in (1, 3):
        n = solve(v, LONG, n_electrons, GAAS, **CONVERGED).density
        for image in (n[::-1], n[:, ::-1]):
            assert nmae(image, n, n_electrons, LONG) < 1e-13


@pytest.mark.parametrize("n_electrons", [1, 2, 3])
def test_any_library_of_the_standard(n_electrons):
    grid = Grid((20, 14), (36.0, 24.0))
    v, si = wells(grid)[None], Material((0.19, 0.3), 11.7)
    expected = solve(v, grid, n_electrons, si, 6, 1, cusp=True)
    found = solve(array_api_strict.asarray(v), grid, n_electrons, si, 6, 1, cusp=True)
    np.testing.assert_allclose(np.asarray(found.energy), expected.energy, rtol=1e-10)
    np.testing.assert_allclose(np.asarray(found.density), expected.density, atol=1e-7 * expected.density.max())
    for solution in (expected, found):
        charge = np.asarray(solution.density).sum() * grid.cell_area
        assert charge == pytest.approx(n_electrons, rel=1e-12)
        assert np.asarray(solution.density).min() >= 0


def test_couplings_of_two_sites_are_those_in_a_square():
    square = Grid(48, 80.0)
    one, other = (hubbard(DOUBLE(g), g, SI, compare=False) for g in (LONG, square))
    for name in one.couplings._fields:
        a, b, bar = (getattr(c, name) for c in (one.couplings, other.couplings, one.errors))
        assert (np.abs(a - b) <= bar + 1e-7).all(), name
    np.testing.assert_allclose(one.centers, other.centers - [0.0, 20.0], atol=1e-3)
    np.testing.assert_allclose(one.spreads, other.spreads, rtol=1e-3)


def test_spectra_and_moments_of_a_parabola():
    """Kohn's theorem: light excites the centre of mass only, at omega_x with x and at omega_y with y polarisation."""
    grid, omega = Grid((44, 36), (20.0, 12.0)), (0.5, 1.0)
    v = Harmonic((omega[0] ** 2, omega[1] ** 2))(grid)
    light = excitations(v, grid, 2, ATOMIC, n_states=9, n_orbitals=18)
    for axis in (0, 1):
        strongest = int(np.argmax(light.strengths[:, axis]))
        assert light.energies[strongest] == pytest.approx(omega[axis], rel=4e-3)
        assert light.strengths[strongest, axis] == pytest.approx(2.0, rel=2e-2)  # exhausts the sum rule N
    one = solve(v, grid, 1, ATOMIC, 4, wavefunction=True)
    np.testing.assert_allclose(dipole(one.density, grid), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.diagonal(quadrupole(one.density, grid)), [1.0, 0.5], rtol=1e-5)  # 1 / (2 omega)
    energy = rayleigh_quotient(one.density[None], v[None], grid, ATOMIC).energy
    assert energy == pytest.approx(0.75, rel=1e-5)
    steps = charging(v, grid, 2, ATOMIC).chemical_potentials
    assert steps[0] == pytest.approx(0.75, rel=1e-7) and steps[1] > steps[0]
    assert tunnelling(v, grid, 2, ATOMIC).factors[0] == pytest.approx(1.0, abs=0.2)


def test_pair_density_of_a_point():
    grid = Grid((24, 16), (36.0, 24.0))
    wave = solve(wells(grid), grid, 2, SI, 6, wavefunction=True).wavefunction
    n = sum(wave.density())[0]
    assert grid.integrate(wave.pair_density(35.9, 0.1))[0] == pytest.approx(n[-1, 0], rel=1e-9)
    with pytest.raises(ValueError, match="y: expected a number in .0, 24"):
        wave.pair_density(30.0, 30.0)


FIXED = [
    family
    for name, family in vars(potentials).items()
    if name.startswith("Random") and name not in ("RandomWells", "RandomDisorder", "RandomMaskedNoise")
]
"""Families of potentials whose lengths do not depend on the grid."""


@pytest.mark.parametrize("family", FIXED, ids=lambda family: family.__name__)
def test_families_have_the_potential_of_the_middle_of_a_square(family):
    square, rectangle = Grid(32, 60.0), Grid((32, 16), (60.0, 30.0))
    if family is potentials.RandomSum:
        family = partial(family, families=(potentials.RandomHarmonic(), potentials.RandomWire()))
    one, other = (family().sample(np.random.default_rng(3), g) for g in (square, rectangle))
    if isinstance(one, potentials.Gates):
        other = one  # the outer ends of gates lie in units of the side
    if isinstance(one, potentials.DoubleGaussian) and one.from_zero:
        return
    np.testing.assert_allclose(other(rectangle), one(square)[:, 8:24], atol=1e-12)


def test_disorder_is_as_coarse_along_both_sides():
    """The mean squares of the slopes along x and y agree, but for the waves along one axis only."""
    grid, slopes = Grid((96, 32), (90.0, 30.0)), np.zeros(2)
    family = potentials.RandomDisorder(modes=(16, 16), std=(0.1, 0.1))
    total = []
    for seed in range(60):
        v = family.sample(np.random.default_rng(seed), grid)(grid)
        slopes += [np.mean(np.diff(v, axis=axis) ** 2) for axis in (0, 1)]
        total.append(np.mean(v**2))
    assert slopes[0] == pytest.approx(slopes[1], rel=0.25)  # with as many modes along both, 9 times as large
    assert np.mean(total) == pytest.approx(0.01, rel=0.1)


def test_wells_and_masked_noise_fill_the_rectangle():
    grid = Grid((64, 32), (60.0, 30.0))
    wells = potentials.RandomWells().sample(np.random.default_rng(0), grid)
    assert (wells.circles[:, 0] > 30).any() and (wells.circles[:, 1] < 30).all()
    assert (wells.circles[:, 2] <= 1800**0.5 / 8).all()
    noise = potentials.RandomMaskedNoise().sample(np.random.default_rng(0), grid)
    square = noise(Grid(32, 30.0))
    np.testing.assert_allclose(noise(grid).reshape(32, 2, 32).mean(1), square, atol=0.08 * square.max())


def test_the_diagram_takes_rectangles():
    grid = Grid((20, 12), (100.0, 60.0))
    x, y = (c - side / 2 for c, side in zip(grid.mesh(), grid.sides, strict=True))

    def v_of(left, right):
        return -sum(d * np.exp(-((x - a) ** 2 + y**2) / 300) for a, d in ((-20, left), (20, right)))

    options = {"n_max": 1, "grid": grid, "material": GAAS, "mu": -0.008, "cells": 2, "divisions": 0, "n_orbitals": 3}
    diagram = stability_diagram(v_of, (0.001, 0.03), (0.001, 0.03), dots=[[30, 30], [70, 30]], **options)
    charges = diagram.charges[:, 1]
    np.testing.assert_allclose(charges.sum(1), 1.0, rtol=1e-9)
    high = [tuple(p) for p in diagram.places.tolist()].index((2, 0))
    assert charges[high, 0] > 0.9
    with pytest.raises(ValueError, match=r"^dots.*in .0, 60"):
        stability_diagram(v_of, (0.001, 0.03), (0.001, 0.03), dots=[[30, 70]], **options)


# Bad input


@pytest.mark.parametrize(
    ("n", "extent", "match"),
    [
        ((64, 32, 16), 30.0, r"grid.n: expected a whole number or one for x and y, such as \(64, 32\), got"),
        ((64,), 30.0, "grid.n: expected a whole number or one for x and y"),
        ((64, 3), 30.0, "grid.n: expected a whole number of at least 4, got 3"),
        ((64, 32.0), 30.0, "grid.n: expected a whole number"),
        (64, (30.0, 20.0, 10.0), "grid.extent: expected a length or one for x and y"),
        (64, (30.0, -1.0), "grid.extent: expected a positive number, got -1.0"),
        (64, (30.0, 0.01), "grid.extent: expected sides that differ by a factor of at most 1000"),
    ],
)
def test_pairs_that_are_no_rectangle(n, extent, match):
    with pytest.raises(ValueError, match=f"^{match}"):
        Grid(n, extent)


def test_potentials_of_another_shape():
    grid = Grid((20, 14), (36.0, 24.0))
    for call in (
        lambda v: solve(v, grid, 1, GAAS),
        lambda v: finite_difference_levels(v, grid, GAAS, 1),
        lambda v: hubbard(v, grid, GAAS),
        lambda v: excitations(v, grid, 1, GAAS),
    ):
        with pytest.raises(ValueError, match=r"^V: expected .*20, 14\)"):
            call(np.zeros((14, 20)))
    with pytest.raises(ValueError, match="^n_modes: expected a whole number in 1 ... 13, got 15"):
        solve(np.zeros(grid.shape), grid, 1, GAAS, n_modes=(15, 15))
    with pytest.raises(ValueError, match="^n_modes: expected a whole number, or one for x and y"):
        solve(np.zeros(grid.shape), grid, 1, GAAS, n_modes=(5, 5, 5))
    with pytest.raises(ValueError, match="^grid.dx: .*Use grid.steps"):
        print(grid.dx)
