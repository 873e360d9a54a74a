"""The Rayleigh quotient of a density, against the solver, closed forms and the variational principle."""

import numpy as np
import pytest
from analytic import GAAS, VACUUM
from dots import GRID, smooth_potential

from solvers import Grid, rayleigh_quotient, solve

SQUARE = Grid(32, 12.0)
"""Bohr: a trap with omega = 1 is well inside."""


def trap(*omega):
    """A parabola in hartree about the middle of the square, and the density of its ground state in bohr^-2."""
    x = SQUARE.x - SQUARE.extent / 2
    V = np.add.outer(*(0.5 * (w * x) ** 2 for w in omega))
    psi = np.multiply.outer(*((w / np.pi) ** 0.25 * np.exp(-w * x**2 / 2) for w in omega))
    return V[None], psi[None] ** 2


def test_closed_form_of_a_trap():
    """E = (omega_x + omega_y) / 2, half of it kinetic (virial theorem)."""
    V, n = trap(1.0, 1.5)
    found = rayleigh_quotient(n, V, SQUARE, VACUUM, n_modes=31)
    assert found.energy == pytest.approx(1.25, abs=1e-8)
    assert found.kinetic == pytest.approx(0.625, abs=1e-8) and found.confinement == pytest.approx(0.625, abs=1e-8)


@pytest.mark.parametrize("material", [GAAS, VACUUM], ids=["gaas", "vacuum"])
@pytest.mark.parametrize("n_modes", [None, 12, 31])
def test_density_of_the_solver_gives_its_energies(material, n_modes):
    grid = GRID if material is GAAS else SQUARE
    V = np.stack([smooth_potential(seed, grid) for seed in (1, 2)])
    solved = solve(V, grid, 1, material, n_modes=n_modes)
    density = solved.density.astype(np.float32)  # the type of datasets and of predictions
    found = rayleigh_quotient(density, V, grid, material, n_modes)
    for name in ("energy", "kinetic", "confinement"):
        np.testing.assert_allclose(getattr(found, name), getattr(solved, name), rtol=1e-5)


def test_energy_of_any_density_is_above_the_lowest_level():
    rng = np.random.default_rng(0)
    V = np.stack([smooth_potential(seed, GRID) for seed in range(4)])
    solved = solve(V, GRID, 1, GAAS)
    for strength in (0.01, 0.1, 1.0):
        wrong = solved.density * np.exp(strength * rng.normal(size=V.shape))
        assert (rayleigh_quotient(wrong, V, GRID, GAAS).energy > solved.energy).all()


def test_error_is_of_second_order_in_the_density():
    """A tenth of the error of the density leaves a hundredth of that of the energy."""
    V, n = trap(1.0, 1.0)
    x = SQUARE.x - SQUARE.extent / 2
    wrong = [n * (1 + e * np.sin(x)[:, None]) for e in (0.1, 0.01)]
    errors = [rayleigh_quotient(density, V, SQUARE, VACUUM).energy - 1.0 for density in wrong]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.02)


def test_integral_of_the_density_and_zero_of_energy():
    V, n = trap(1.0, 1.0)
    plain = rayleigh_quotient(n, V, SQUARE, VACUUM)
    other = rayleigh_quotient(7e-9 * n, V + 3.0, SQUARE, VACUUM)
    assert other.energy == pytest.approx(plain.energy + 3.0) and other.kinetic == pytest.approx(plain.kinetic)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"density": np.zeros((1, 32, 32))}, "density: expected densities with an electron"),
        ({"density": -np.ones((1, 32, 32))}, "density: expected"),
        ({"density": np.ones((32, 32))}, r"density: expected an array of numbers of shape \(systems, 32, 32\)"),
        ({"V": np.zeros((2, 32, 32))}, r"V: expected an array of numbers of shape \(1, 32, 32\)"),
        ({"n_modes": 32}, "n_modes: expected"),
    ],
)
def test_bad_arguments_are_named(change, message):
    V, n = trap(1.0, 1.0)
    with pytest.raises(ValueError, match=message):
        rayleigh_quotient(**({"density": n, "V": V, "grid": SQUARE, "material": VACUUM} | change))
