"""Moments of the charge, and the energies at which electrons enter, against traps with exact answers."""

import numpy as np
import pytest
from analytic import ATOMIC, GAAS, SI
from dots import trap

from solvers import PRESETS, Grid, Material, charging, dipole, quadrupole, solve


@pytest.mark.parametrize("n_electrons", [1, 2, 3])
def test_the_charge_sits_where_the_trap_is(n_electrons):
    """Any number of repelling electrons: their centre of mass is an oscillator of its own (Kohn 1961)."""
    grid = Grid(48, 16.0)
    x, y = grid.mesh()
    v = ((x - 8.7) ** 2 + (y - 7.4) ** 2) / 2
    dot = solve(v, grid, n_electrons, ATOMIC, n_orbitals=6)
    np.testing.assert_allclose(dipole(dot.density, grid), n_electrons * np.array([0.7, -0.6]), atol=0.02)
    assert dipole(dot.density[None], grid).shape == (1, 2)


def test_width_of_one_electron_in_an_anisotropic_trap():
    """<x^2> = 1 / (2 omega_x), <xy> = 0; turned by 45 degrees, half the difference is off the diagonal."""
    grid = Grid(96, 18.0)
    x, y = (c - 9.0 for c in grid.mesh())
    straight = solve((x**2 + 4 * y**2) / 2, grid, 1, ATOMIC, n_orbitals=1)
    np.testing.assert_allclose(quadrupole(straight.density, grid), [[0.5, 0.0], [0.0, 0.25]], atol=1e-9)
    turned = solve(((x + y) ** 2 / 2 + 2 * (x - y) ** 2) / 2, grid, 1, ATOMIC, n_orbitals=1)
    np.testing.assert_allclose(quadrupole(turned.density, grid), [[0.375, 0.125], [0.125, 0.375]], atol=1e-9)


def test_without_repulsion_each_electron_costs_its_level():
    grid = Grid(32, 30.0)
    x, y = grid.mesh()
    v = 1e-3 * ((x - 15) ** 2 + 2 * (y - 15) ** 2)
    weak = Material(GAAS.m_eff, eps_r=1e9)
    found = charging(v, grid, 5, weak, n_orbitals=4)
    levels = solve(v, grid, 1, weak, n_orbitals=4).orbital_energies
    np.testing.assert_allclose(found.chemical_potentials, levels[[0, 0, 1, 1, 2]], atol=1e-6)
    np.testing.assert_allclose(found.energies, np.r_[0, np.cumsum(levels[[0, 0, 1, 1, 2]])], atol=1e-6)
    np.testing.assert_allclose(found.addition_energies, np.diff(levels[[0, 0, 1, 1, 2]]), atol=1e-6)


def test_round_dots_have_shells():
    """Closed shells at N = 2 and 6, Hund's rule at N = 4 (Tarucha et al., Phys. Rev. Lett. 77, 3613 (1996))."""
    v, grid = trap(1.0)
    found = charging(v, grid, 6, ATOMIC, n_orbitals=10, estimate=False)
    cost = found.addition_energies
    assert cost[1] > max(cost[0], cost[2]) and cost[3] > max(cost[2], cost[4])
    four = solve(v, grid, 4, ATOMIC, n_orbitals=10)
    np.testing.assert_allclose(four.spins[0], 1.0, atol=1e-6)


def test_batches_and_units_of_charging():
    grid = Grid(24, 20.0)
    v = np.stack([0.1 * np.cos(grid.mesh()[0] / k) for k in (3.0, 4.0)])
    found = charging(v, grid, 3, SI, n_orbitals=4)
    assert found.energies.shape == (2, 4) and found.chemical_potentials.shape == (2, 3)
    assert found.addition_energies.shape == (2, 2)
    np.testing.assert_allclose(found.energies[:, 2], solve(v, grid, 2, SI, n_orbitals=4).energy, atol=1e-12)
    with pytest.raises(ValueError, match="max_electrons"):
        charging(v, grid, 0, SI)


def test_presets_reach_the_options_of_charging():
    v, grid = trap(1.0, n=24)
    assert charging(v, grid, 2, ATOMIC, **PRESETS["converged"]).energies[2] < charging(v, grid, 2, ATOMIC).energies[2]
