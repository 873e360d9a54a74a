"""The square, its points, and the effective atomic units."""

import numpy as np
import pytest
from analytic import GAAS, VACUUM

from solvers import Grid, Material, finite_difference_levels, solve


def test_points_are_the_centres_of_the_cells():
    np.testing.assert_allclose(Grid(5, 10.0).x, [1.0, 3.0, 5.0, 7.0, 9.0], rtol=1e-15)


@pytest.mark.parametrize(("n", "extent"), [(4, 1.0), (7, 30.0), (64, 30.0), (255, 0.3)])
def test_cells_tile_the_square(n, extent):
    grid = Grid(n, extent)
    assert n * grid.dx == pytest.approx(extent, rel=1e-14)
    assert grid.integrate(np.ones((n, n))) == pytest.approx(extent**2, rel=1e-13)
    np.testing.assert_allclose(grid.x + grid.x[::-1], extent, rtol=1e-13)  # the middle of the square is its centre


def test_first_index_of_a_field_is_x():
    x, y = Grid(4, 4.0).mesh()
    assert (x[3, 0], y[3, 0]) == (3.5, 0.5)


def test_integral_runs_over_the_last_two_axes():
    grid = Grid(6, 3.0)
    fields = np.array([[1.0, 2.0, 3.0]])[..., None, None] * np.ones((6, 6))
    np.testing.assert_allclose(grid.integrate(fields), [[9.0, 18.0, 27.0]], rtol=1e-14)


def test_midpoint_rule_is_exact_for_products_of_sines():
    grid = Grid(8, 2.0)
    x, y = grid.mesh()
    # int sin^2(3 pi x / L) sin^2(2 pi y / L) = (L / 2)^2
    field = np.sin(3 * np.pi * x / 2) ** 2 * np.sin(2 * np.pi * y / 2) ** 2
    assert grid.integrate(field) == pytest.approx(1.0, rel=1e-14)


def test_units_of_gaas():
    # a* = 0.0529177 nm * 12.9 / 0.067, E_h* = 27.2114 eV * 0.067 / 12.9^2, from the CODATA bohr and hartree
    assert GAAS.bohr == pytest.approx(0.0529177210903 * 12.9 / 0.067, rel=1e-7)
    assert GAAS.hartree == pytest.approx(27.211386246 * 0.067 / 12.9**2, rel=1e-7)
    assert GAAS.bohr == pytest.approx(10.19, abs=0.005)
    assert GAAS.hartree == pytest.approx(10.96e-3, abs=0.005e-3)


def test_units_of_the_free_electron():
    vacuum = Material(1.0, 1.0)
    assert vacuum.bohr == pytest.approx(0.0529177210903, rel=1e-7)
    assert vacuum.hartree == pytest.approx(27.211386246, rel=1e-7)


def test_atomic_units_are_those_of_the_free_electron():
    assert (VACUUM.bohr, VACUUM.hartree) == (1.0, 1.0)
    gaas = Material(0.067, 12.9, "bohr, hartree")
    assert gaas.bohr == pytest.approx(12.9 / 0.067, rel=1e-14)
    assert gaas.hartree == pytest.approx(0.067 / 12.9**2, rel=1e-14)


@pytest.mark.parametrize(("m_eff", "eps_r"), [(1.0, 1.0), (0.19, 11.7)])
def test_units_change_no_physics(m_eff, eps_r):
    """The same dot in nm and eV, and in bohr and hartree (CODATA), to the eight digits of our constants."""
    nm, ev, n = 0.0529177210903, 27.211386246, 24
    atomic, metric = Material(m_eff, eps_r, "bohr, hartree"), Material(m_eff, eps_r)
    extent = 6 * atomic.bohr
    v = atomic.hartree * np.random.default_rng(0).uniform(0, 5, size=(n, n))
    a = solve(v, Grid(n, extent), 2, atomic, n_orbitals=4)
    b = solve(v * ev, Grid(n, extent * nm), 2, metric, n_orbitals=4)
    for name in ("energy", "gap", "orbital_energies"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name) * ev, rtol=1e-6)
    np.testing.assert_allclose(b.density, a.density / nm**2, rtol=1e-6, atol=1e-8 * b.density.max())
    coarse = finite_difference_levels(v, Grid(n, extent), atomic, 2)
    np.testing.assert_allclose(
        finite_difference_levels(v * ev, Grid(n, extent * nm), metric, 2), coarse * ev, rtol=1e-6
    )


@pytest.mark.parametrize("units", ["nm", "hartree, bohr", "", None, 1])
def test_units_must_be_known(units):
    with pytest.raises(ValueError, match=r"material\.units: expected one of 'nm, eV', 'bohr, hartree'"):
        Material(1.0, 1.0, units)


def test_half_a_hartree_is_the_kinetic_energy_of_one_inverse_bohr():
    # hbar^2 k^2 / (2 m*) at k = 1 / a*, with the constant in eV nm^2
    assert 0.0380998212 / GAAS.m_eff / GAAS.bohr**2 == pytest.approx(GAAS.hartree / 2, rel=1e-14)


@pytest.mark.parametrize("m_eff", [0, -0.067, float("nan"), float("inf"), "0.067", None, True, 1j])
def test_mass_must_be_a_positive_number(m_eff):
    with pytest.raises(ValueError, match="m_eff.*positive"):
        Material(m_eff, 12.9)


@pytest.mark.parametrize("eps_r", [0, -1, float("nan"), "12.9", None])
def test_permittivity_must_be_a_positive_number(eps_r):
    with pytest.raises(ValueError, match="eps_r.*positive"):
        Material(0.067, eps_r)


@pytest.mark.parametrize("n", [3, 0, -64, 64.0, "64", None, True])
def test_points_must_be_a_whole_number(n):
    with pytest.raises(ValueError, match=r"grid\.n.*whole number of at least 4"):
        Grid(n, 30.0)


@pytest.mark.parametrize("extent", [0, -30.0, float("nan"), float("inf"), "30", None])
def test_extent_must_be_a_positive_number(extent):
    with pytest.raises(ValueError, match=r"grid\.extent.*positive"):
        Grid(64, extent)
