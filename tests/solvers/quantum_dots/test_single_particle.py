"""One electron: exact levels, an independent discretisation, and the two eigensolvers against each other."""

import numpy as np
import pytest
from analytic import ATOMIC, GAAS, MATERIALS, SI, box_levels, box_orbital, one_dimensional_levels, oscillator_levels
from dots import hasty_davidson

from solvers import Grid, finite_difference_levels, solve
from solvers.quantum_dots import single_particle
from solvers.quantum_dots.single_particle import SineBasis, dense_orbitals, lowest_orbitals

TOLERANCE = 1e-8


def corner_dots(grid, step):
    """Four small dots, each in a corner: levels in groups of four that many plane waves are needed for."""
    x = np.abs(grid.x - grid.extent / 2)
    return np.where(np.add.outer((x - 13.1) ** 2, (x - 13.1) ** 2) <= 1.4**2, 0.0, step)


def filled_density(basis, orbitals, n_filled):
    return (basis.to_grid(orbitals.coefficients)[:, :n_filled] ** 2).sum(axis=1)


# Exact levels


@pytest.mark.parametrize("material", MATERIALS.values(), ids=MATERIALS)
def test_infinite_well(material):
    grid = Grid(24, 17.0)
    solution = solve(np.zeros((24, 24)), grid, 1, material, n_orbitals=12)
    hbar2_over_m = 2 * 0.0380998212 / material.m_eff
    expected = hbar2_over_m * box_levels(grid.extent, 12)
    np.testing.assert_allclose(solution.orbital_energies, expected, rtol=1e-10)
    assert solution.energy == pytest.approx(expected[0], rel=1e-10)
    np.testing.assert_allclose(solution.density, box_orbital(1, 1, grid) ** 2, atol=1e-10)


@pytest.mark.parametrize(("omega_x", "omega_y"), [(1.0, 1.0), (1.3, 0.7)])
def test_harmonic_oscillator(omega_x, omega_y):
    grid = Grid(72, 16.0)
    x = grid.x - 8.0 - 0.3  # off the middle: no symmetry of the square helps
    v = np.add.outer((omega_x * x) ** 2, (omega_y * x) ** 2) / 2
    levels = solve(v, grid, 1, ATOMIC, n_orbitals=10).orbital_energies
    np.testing.assert_allclose(levels, oscillator_levels(omega_x, omega_y, 10), atol=1e-8)


def test_separable_double_well():
    length = 6.0
    grid = Grid(64, length)

    def along_x(x):
        return 9 * np.cos(4 * np.pi * x / length) + 1.3 * np.cos(np.pi * x / length)

    def along_y(y):
        return 14 * np.cos(4 * np.pi * y / length) - 2 * np.cos(3 * np.pi * y / length)

    one_way = [one_dimensional_levels(v, length, 12) for v in (along_x, along_y)]
    expected = np.sort(np.add.outer(*one_way).ravel())[:10]
    v = np.add.outer(along_x(grid.x), along_y(grid.x))
    levels = solve(v, grid, 1, ATOMIC, n_orbitals=10).orbital_energies
    np.testing.assert_allclose(levels, expected, rtol=0, atol=1e-9)


# Finite differences


def test_stencil_has_the_levels_of_the_discrete_box():
    # eigenvalues of the stencil that is odd about walls half a cell away: (1 - cos(m pi / n)) / dx^2 each way
    n, length = 12, 3.0
    one_way = (1 - np.cos(np.arange(1, n + 1) * np.pi / n)) / (length / n) ** 2
    expected = np.sort(np.add.outer(one_way, one_way).ravel())[:8]
    levels = finite_difference_levels(np.zeros((n, n)), Grid(n, length), ATOMIC, 8)
    np.testing.assert_allclose(levels, expected, rtol=1e-10)


def test_stencil_converges_to_the_sine_basis_in_second_order():
    def smooth(grid):
        x, y = grid.mesh()
        return 0.05 * np.cos(0.31 * x + 0.1 * y) + 0.02 * np.sin(0.17 * y - 0.2)

    grid = Grid(48, 30.0)
    exact = solve(smooth(grid), grid, 1, GAAS, n_orbitals=5).orbital_energies
    errors = []
    for n in (24, 48, 96):
        grid = Grid(n, 30.0)
        errors.append(np.abs(finite_difference_levels(smooth(grid), grid, GAAS, 5) - exact))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 2.0, atol=0.05)
    assert np.max(errors[-1]) < 1e-4


def test_stencil_is_near_the_sine_basis_for_random_wells(reference):
    # a step of 0.5 eV within one cell: both are uncertain by the error of the discretised step
    v, levels = reference["gaas"]["V"][0], reference["gaas"]["orbital_energies"][0]
    np.testing.assert_allclose(finite_difference_levels(v, Grid(64, 30.0), GAAS, 8), levels, rtol=0.03)


# The matrix-free eigensolver against the dense one


@pytest.mark.parametrize("material", ["gaas", "si"])
def test_matrix_free_equals_dense_for_random_wells(reference, material):
    v = reference[material]["V"][2:3] / MATERIALS[material].hartree
    basis = SineBasis(64, 30.0 / MATERIALS[material].bohr, 32)
    fast, dense = lowest_orbitals(v, basis, 9, TOLERANCE), dense_orbitals(v, basis, 9)
    np.testing.assert_allclose(fast.energies[:, :9], dense.energies[:, :9], atol=1e-11)
    # the next level only tells whether it is degenerate with the last one kept
    np.testing.assert_allclose(fast.energies[:, 9], dense.energies[:, 9], rtol=1e-3)
    assert (fast.residuals.max(axis=1) <= TOLERANCE * fast.scale).all()
    assert not fast.fallback.any() and dense.fallback.all()
    filled = filled_density(basis, dense, 8)
    np.testing.assert_allclose(filled_density(basis, fast, 8), filled, atol=1e-7 * filled.max())


@pytest.mark.parametrize("step", [0.5, 2.0, 500.0])
def test_no_level_is_missed_in_symmetric_dots(step):
    # the eigensolver cannot leave the symmetry of its start vectors: each must be there from the start
    grid = Grid(40, 30.0)
    v = corner_dots(grid, step)[None] / SI.hartree
    basis = SineBasis(40, 30.0 / SI.bohr, 20)
    fast, dense = lowest_orbitals(v, basis, 9, TOLERANCE), dense_orbitals(v, basis, 9)
    np.testing.assert_allclose(fast.energies[:, :-1], dense.energies[:, :-1], atol=1e-12 * step / SI.hartree + 1e-11)


def test_no_level_is_missed_where_the_square_is_degenerate():
    grid = Grid(32, 30.0)
    x = np.abs(grid.x - 15.0)
    v = 0.1 * np.cos(0.4 * np.maximum.outer(x, x)) / GAAS.hartree  # the symmetry of the square, corners and all
    basis = SineBasis(32, 30.0 / GAAS.bohr, 16)
    fast, dense = lowest_orbitals(v[None], basis, 14, TOLERANCE), dense_orbitals(v[None], basis, 14)
    np.testing.assert_allclose(fast.energies[:, :-1], dense.energies[:, :-1], atol=1e-11)


def test_orbitals_are_orthonormal_and_obey_the_equation(reference):
    n, n_modes, length = 64, 32, 30.0 / GAAS.bohr
    v = reference["gaas"]["V"][:2] / GAAS.hartree
    basis = SineBasis(n, length, n_modes)
    orbitals = lowest_orbitals(v, basis, 9, TOLERANCE)
    functions = basis.to_grid(orbitals.coefficients)
    flat = functions.reshape(2, 9, -1)
    overlap = flat @ flat.swapaxes(1, 2) * (length / n) ** 2
    np.testing.assert_allclose(overlap, np.broadcast_to(np.eye(9), (2, 9, 9)), atol=1e-12)
    # sum of <T> from the sine coefficients of the printed functions, and <V> on the grid
    x = (np.arange(n) + 0.5) / n
    m = np.arange(1, n_modes + 1)
    sines = np.sqrt(2 / length) * np.sin(np.pi * np.outer(m, x))
    c = sines @ functions @ sines.T * (length / n) ** 2
    kinetic = np.sum(c**2 * np.add.outer(m**2, m**2), axis=(2, 3)) * np.pi**2 / (2 * length**2)
    potential = np.sum(functions**2 * v[:, None], axis=(2, 3)) * (length / n) ** 2
    np.testing.assert_allclose(kinetic + potential, orbitals.energies[:, :9], rtol=1e-12)


def test_systems_that_do_not_converge_are_solved_by_lapack(reference, monkeypatch):
    v = reference["gaas"]["V"][:2, ::2, ::2] / GAAS.hartree
    basis = SineBasis(32, 30.0 / GAAS.bohr, 16)
    expected = lowest_orbitals(v, basis, 6, TOLERANCE)
    assert not expected.fallback.any()
    monkeypatch.setattr(single_particle, "davidson", hasty_davidson(2))
    orbitals = lowest_orbitals(v, basis, 6, TOLERANCE)
    assert orbitals.fallback.all()
    assert orbitals.residuals.max() <= TOLERANCE
    np.testing.assert_allclose(orbitals.energies[:, :6], expected.energies[:, :6], atol=1e-11)
    np.testing.assert_allclose(filled_density(basis, orbitals, 6), filled_density(basis, expected, 6), atol=1e-6)


def test_only_the_failed_system_of_a_batch_is_solved_again(monkeypatch):
    grid = Grid(32, 30.0)
    empty_box = np.zeros((32, 32))  # converged at once: the guess is exact
    rough = np.random.default_rng(0).choice([0.0, 5.0], size=(32, 32))
    v = np.stack([empty_box, rough, empty_box]) / GAAS.hartree
    basis = SineBasis(32, grid.extent / GAAS.bohr, 16)
    monkeypatch.setattr(single_particle, "davidson", hasty_davidson(10))
    orbitals = lowest_orbitals(v, basis, 6, 1e-9)
    np.testing.assert_array_equal(orbitals.fallback, [False, True, False])
    assert orbitals.residuals.max() <= 1e-9
    for i in range(3):
        exact = dense_orbitals(v[i : i + 1], basis, 6).energies[0]
        np.testing.assert_allclose(orbitals.energies[i, :6], exact[:6], atol=1e-10)


def test_residual_of_a_large_basis_tells_that_it_did_not_converge(reference, monkeypatch):
    """A matrix too large to be diagonalised whole is not."""
    v = reference["gaas"]["V"][:1, ::2, ::2] / GAAS.hartree
    basis = SineBasis(32, 30.0 / GAAS.bohr, 16)
    monkeypatch.setattr(single_particle, "DENSE_SIZE", 255)
    monkeypatch.setattr(single_particle, "davidson", hasty_davidson(2))
    orbitals = lowest_orbitals(v, basis, 6, TOLERANCE)
    assert not orbitals.fallback.any()
    assert orbitals.residuals.max() > 100 * TOLERANCE


@pytest.mark.parametrize("n", [16, 17])
@pytest.mark.parametrize("n_modes", [8, 15])
def test_levels_are_those_of_the_matrix_in_the_sine_basis(n, n_modes):
    """All levels of T + S^T V S, written down once more: no other basis has others, whatever it is adapted to."""
    length, rng = 4.0, np.random.default_rng(n)
    v = np.stack([rng.uniform(0, 30.0, size=(n, n)), np.add.outer(rng.normal(size=n), np.arange(n))])
    x, m = (np.arange(n) + 0.5) / n, np.arange(1, n_modes + 1)
    s = np.sqrt(2 / n) * np.sin(np.pi * np.outer(x, m))
    potential = np.einsum("xa,yb,gxy,xc,yd->gabcd", s, s, v, s, s, optimize=True).reshape(2, n_modes**2, -1)
    kinetic = np.add.outer(m**2, m**2).ravel() * np.pi**2 / (2 * length**2)
    expected, vectors = np.linalg.eigh(potential + np.diag(kinetic))
    basis = SineBasis(n, length, n_modes)
    for orbitals in (lowest_orbitals(v, basis, 7, 1e-10), dense_orbitals(v, basis, 7)):
        np.testing.assert_allclose(orbitals.energies[:, :7], expected[:, :7], rtol=1e-11)
        overlap = np.abs(orbitals.coefficients.reshape(2, 7, -1) @ vectors[:, :, :7])
        np.testing.assert_allclose(overlap, np.broadcast_to(np.eye(7), (2, 7, 7)), atol=1e-8)


def test_high_walls_are_solved_exactly():
    # 500 eV on half the points: as good as a wall, and far from what the preconditioner was made for
    grid = Grid(32, 30.0)
    v = np.random.default_rng(1).choice([0.0, 500.0], size=(2, 32, 32)) / GAAS.hartree
    basis = SineBasis(32, grid.extent / GAAS.bohr, 16)
    fast, dense = lowest_orbitals(v, basis, 9, TOLERANCE), dense_orbitals(v, basis, 9)
    np.testing.assert_allclose(fast.energies[:, :-1], dense.energies[:, :-1], rtol=1e-12)


@pytest.mark.parametrize("arguments", [{"n_levels": 0}, {"n_levels": 2.5}, {"n_levels": 64}])
def test_number_of_levels_is_checked(arguments):
    with pytest.raises(ValueError, match="n_levels: expected"):
        finite_difference_levels(np.zeros((8, 8)), Grid(8, 30.0), GAAS, **arguments)


@pytest.mark.parametrize("v", [np.zeros((4, 4)), np.zeros((2, 8, 8)), np.full((8, 8), np.nan)])
def test_potential_of_the_stencil_is_checked(v):
    with pytest.raises(ValueError, match="V: expected"):
        finite_difference_levels(v, Grid(8, 30.0), GAAS, 2)
