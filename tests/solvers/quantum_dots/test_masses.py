"""Masses that differ along x and y: closed forms, scaled coordinates, two electrons in a parabola solved otherwise."""

import numpy as np
import pytest
from analytic import nmae

from solvers import PRESETS, Grid, Material, excitations, finite_difference_levels, solve
from solvers.quantum_dots.potentials import Harmonic, RandomGaussianWells, RandomInfiniteWell

CONVERGED = PRESETS["converged"]
PAIR = Material((0.5, 2.0), 1.0, "bohr, hartree")
"""The mass of the density of states is 1: bohr and hartree are those of the solver."""
VALLEY = Material((0.19, 0.916), 11.7)


def parabola(omega, grid, masses=(0.5, 2.0)):
    return Harmonic(tuple(m * w**2 for m, w in zip(masses, omega, strict=True)))(grid)


def test_units_are_those_of_the_density_of_states():
    mean = Material((0.19 * 0.916) ** 0.5, 11.7)
    assert VALLEY.bohr == pytest.approx(mean.bohr, rel=1e-14)
    assert VALLEY.hartree == pytest.approx(mean.hartree, rel=1e-14)
    assert VALLEY.mass == pytest.approx(mean.m_eff, rel=1e-14)
    assert np.prod(VALLEY.inverse_masses) == pytest.approx(1.0, rel=1e-14)
    assert VALLEY.mass / np.array(VALLEY.masses) == pytest.approx(VALLEY.inverse_masses, rel=1e-14)


def test_levels_of_an_oscillator():
    """(l + 1/2) omega_x + (m + 1/2) omega_y, with k = m omega^2 of each direction."""
    grid, omega = Grid((48, 40), (26.0, 12.0)), (0.7, 0.4 * np.pi / 2)
    v = parabola(omega, grid)
    exact = np.sort(np.add.outer((np.arange(6) + 0.5) * omega[0], (np.arange(6) + 0.5) * omega[1]).ravel())[:5]
    np.testing.assert_allclose(solve(v, grid, 1, PAIR, 5).orbital_energies, exact, rtol=1e-6)
    np.testing.assert_allclose(finite_difference_levels(v, grid, PAIR, 5), exact, rtol=2e-2)


def test_one_electron_in_scaled_coordinates():
    """psi(x (m_x / m)^1/2, y (m_y / m)^1/2) has equal masses: the same levels in a stretched square."""
    stretch = [(m / VALLEY.mass) ** 0.5 for m in VALLEY.masses]
    grid = Grid((32, 24), (30.0, 26.0))
    v = RandomGaussianWells().sample(np.random.default_rng(2), grid)(grid)
    scaled = Grid((32, 24), tuple(side * s for side, s in zip(grid.sides, stretch, strict=True)))
    one = solve(v, grid, 1, VALLEY, 6)
    other = solve(v, scaled, 1, Material(VALLEY.mass, 11.7), 6)
    np.testing.assert_allclose(one.orbital_energies, other.orbital_energies, rtol=1e-9)
    assert nmae(one.density, other.density, 1, grid) < 1e-6


def oscillator_functions(q, count):
    """Normalised Hermite polynomials of even number at ``q``, without their Gaussian, (count, points)."""
    phi = [np.full_like(q, np.pi**-0.25), np.sqrt(2) * np.pi**-0.25 * q]
    for n in range(2, 2 * count):
        phi.append(np.sqrt(2 / n) * q * phi[n - 1] - np.sqrt((n - 1) / n) * phi[n - 2])
    return np.array(phi[::2])


def relative_ground_energy(omega, inverse_masses, size, nodes=120):
    """Lowest energy of -a_x d_x^2 - a_y d_y^2 + k_x x^2 / 4 + k_y y^2 / 4 + 1 / r by even oscillator functions.

    1 / r = 2 pi^-1/2 int_0^inf exp(-u^2 r^2) du separates x from y, and each Gaussian integral of polynomials is exact;
    u = t / (1 - t) maps the one that is left to [0, 1].
    """
    t, w = np.polynomial.legendre.leggauss(nodes)
    t, w = (t + 1) / 2, w / 2
    u, weight = t / (1 - t), 2 / np.sqrt(np.pi) * w / (1 - t) ** 2
    q, weight_q = np.polynomial.hermite.hermgauss(2 * size)
    matrices = []
    for frequency, a in zip(omega, inverse_masses, strict=True):
        narrow = 1 / np.sqrt(1 + 2 * a / frequency * u**2)  # x = (2 a / omega)^1/2 q of the mass 1 / (2 a)
        matrices.append(
            np.array([(f * weight_q) @ f.T * c for c in narrow for f in [oscillator_functions(q * c, size)]])
        )
    repulsion = np.einsum("i,iab,icd->acbd", weight, *matrices, optimize=True).reshape(size**2, size**2)
    quanta = 2 * np.arange(size) + 0.5
    diagonal = np.add.outer(omega[0] * quanta, omega[1] * quanta).ravel()
    return np.linalg.eigvalsh(np.diag(diagonal) + repulsion)[0]


@pytest.mark.parametrize(
    ("omega", "masses"), [((1.0, 1.0), (1.0, 1.0)), ((0.5, 1.0), (0.5, 2.0)), ((1.0, 0.5), (0.5, 2.0))]
)
def test_two_electrons_in_a_parabola(omega, masses):
    """Centre of mass and relative motion separate for any masses; the singlet is even in x and in y."""
    material = Material(masses, 1.0, "bohr, hartree")
    sides = [11.0 / np.sqrt(m * w) for m, w in zip(material.masses, omega, strict=True)]
    grid = Grid((40, 40), tuple(sides))
    solution = solve(parabola(omega, grid, material.masses), grid, 2, material, **CONVERGED)
    coarse, fine = (relative_ground_energy(omega, material.inverse_masses, size) for size in (8, 16))
    exact = sum(omega) / 2 + fine + (fine - coarse) / (2**1.1 - 1)  # errors of the cusp fall as size^-1.1
    if masses[0] == masses[1]:
        assert exact == pytest.approx(3.0, abs=2e-4)  # Taut 1993
    assert solution.energy == pytest.approx(exact, abs=3e-4)
    assert abs(solution.energy - exact) < solution.energy_error
    assert -solution.cusp > 10 * abs(solution.energy - exact)
    assert solution.trusted


def test_kohn_mode_of_two_electrons():
    """The centre of mass takes all light: omega_x and omega_y, and the sum rule N of each mass."""
    grid, omega = Grid((36, 36), (20.0, 10.0)), (0.6, 1.0)
    light = excitations(parabola(omega, grid), grid, 2, PAIR, n_states=9, n_orbitals=18)
    for axis in (0, 1):
        strongest = int(np.argmax(light.strengths[:, axis]))
        assert light.energies[strongest] == pytest.approx(omega[axis], rel=5e-3)
        assert light.strengths[strongest, axis] == pytest.approx(2.0, rel=2e-2)


@pytest.mark.parametrize("n_electrons", [1, 2, 3])
def test_a_square_with_two_masses_has_no_diagonal_mirror(n_electrons):
    grid = Grid(24, 30.0)
    v = Harmonic((2e-3, 2e-3))(grid)
    one, other = (solve(v, grid, n_electrons, Material(m, 11.7), **CONVERGED) for m in ((0.1, 0.4), (0.4, 0.1)))
    assert one.energy == pytest.approx(other.energy, rel=1e-6)
    assert nmae(one.density, other.density.T, n_electrons, grid) < 1e-5
    assert nmae(one.density, one.density.T, n_electrons, grid) > 0.05
    for image in (one.density[::-1], one.density[:, ::-1]):
        assert nmae(image, one.density, n_electrons, grid) < 1e-13
    assert grid.integrate(one.density) == pytest.approx(n_electrons, rel=1e-12)


@pytest.mark.parametrize(
    ("m_eff", "match"),
    [
        ((0.1, 0.2, 0.3), r"expected one mass, or a pair \(m_x, m_y\) along x and y, got"),
        ((0.1,), "expected one mass, or a pair"),
        ((0.1, -0.2), "expected a positive number, got -0.2"),
        ((0.1, "0.2"), "expected a positive number, got '0.2'"),
        ((1e-4, 10.0), "expected masses along x and y that differ by a factor of at most"),
    ],
)
def test_masses_that_are_no_pair(m_eff, match):
    with pytest.raises(ValueError, match=f"^material.m_eff: {match}"):
        Material(m_eff, 11.7)


def test_wells_that_follow_from_one_mass():
    with pytest.raises(ValueError, match="^potential.material: expected one mass.*RandomBox"):
        RandomInfiniteWell(material=VALLEY)
