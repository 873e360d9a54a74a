"""Coulomb integrals of an isolated system against closed forms, a direct sum, and the laws of electrostatics."""

import numpy as np
import pytest
from analytic import GAAS, gaussian_charge, gaussian_repulsion, oscillator_orbitals
from scipy.integrate import quad
from scipy.special import j0

from solvers import Grid
from solvers.quantum_dots.coulomb import coulomb_integrals, pair_densities, truncated_coulomb
from solvers.quantum_dots.single_particle import SineBasis, lowest_orbitals


@pytest.fixture(scope="module")
def random_well_pairs(reference):
    """Products of the orbitals of two random GaAs wells, (2, 15, 64, 64), with their box length in bohr."""
    length = 30.0 / GAAS.bohr
    v = reference["gaas"]["V"][:2] / GAAS.hartree
    basis = SineBasis(64, length, 32)
    return pair_densities(basis.to_grid(lowest_orbitals(v, basis, 5, 1e-8).coefficients)), length


@pytest.mark.parametrize("k", [0.0, 0.3, 2.0, 9.7])
def test_kernel_is_the_transform_of_one_over_r_on_a_disc(k):
    radius = 1.7
    expected = 2 * np.pi * quad(lambda r: j0(k * r), 0, radius)[0]  # 2 pi int_0^R J0(kr) (1/r) r dr
    assert truncated_coulomb(np.array(k), radius) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("omega", [1.0, 1 / 6, 3.0])
def test_repulsion_in_the_harmonic_ground_orbital(omega):
    grid = Grid(64, 14.0 / np.sqrt(omega))
    orbital = oscillator_orbitals(omega, grid)[None, :1]
    integral = coulomb_integrals(pair_densities(orbital), grid.extent)[0, 0, 0]
    assert integral == pytest.approx(np.sqrt(np.pi * omega / 2), rel=1e-9)


def test_integrals_of_the_lowest_harmonic_shells():
    """All 36 integrals of s, p_x, p_y.

    With U(d) = (pi omega / 2)^1/2 [1 - omega d^2 / 4 + 3 omega^2 d^4 / 64 - ...] for two Gaussian charges at distance
    d, p orbitals are derivatives with respect to d: J(s,p) = U + U'' / 2 omega = 3/4, K(s,p) = -U'' / 2 omega = 1/4,
    and so on, in units of J(s,s).
    """
    omega, grid = 1.2, Grid(64, 13.0)
    orbitals = oscillator_orbitals(omega, grid)[None]
    ss, sx, xx, sy, xy, yy = range(6)  # pairs p <= q, by their last orbital first
    expected = np.zeros((6, 6))
    for pair, other, value in [
        (ss, ss, 1),
        (ss, xx, 3 / 4),
        (ss, yy, 3 / 4),
        (sx, sx, 1 / 4),
        (sy, sy, 1 / 4),
        (xx, xx, 25 / 32),
        (yy, yy, 25 / 32),
        (xx, yy, 19 / 32),
        (xy, xy, 3 / 32),
    ]:
        expected[pair, other] = expected[other, pair] = value
    integrals = coulomb_integrals(pair_densities(orbitals), grid.extent)[0]
    np.testing.assert_allclose(integrals / np.sqrt(np.pi * omega / 2), expected, atol=1e-9)


def test_gaussian_charges_at_any_distance():
    # from one on top of the other to opposite corners, where a cut below sqrt(2) L would show
    omega, grid = 4.0, Grid(180, 40.0)
    centers = np.array([(2.6, 2.6), (3.0, 2.6), (7.0, 5.0), (37.4, 2.6), (37.4, 37.4)])
    charges = np.stack([gaussian_charge(omega, c, grid) for c in centers])[None]
    distance = np.linalg.norm(centers[:, None] - centers, axis=-1)
    integrals = coulomb_integrals(charges, grid.extent)[0]
    np.testing.assert_allclose(integrals, gaussian_repulsion(omega, distance), rtol=1e-9)
    far = integrals[0, 4]  # no image of a periodic lattice: 1/d and the spread, 1 / (2 omega d^3)
    d = distance[0, 4]
    assert far == pytest.approx(1 / d + 1 / (2 * omega * d**3), rel=1e-6)


def test_separated_charges_against_the_direct_sum():
    grid = Grid(40, 20.0)
    x, y = grid.mesh()
    left = x * y**2 * np.exp(-1.2 * (x - 4.0) ** 2 - (y - 6.0) ** 2)
    right = (x - 13.0) * np.exp(-((x - 14.0) ** 2) - 1.3 * (y - 13.0) ** 2)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    np.fill_diagonal(distance, np.inf)
    direct = left.ravel() @ (1 / distance) @ right.ravel() * grid.cell_area**2
    integrals = coulomb_integrals(np.stack([left, right])[None], grid.extent)[0]
    assert integrals[0, 1] == pytest.approx(direct, rel=1e-9)


def test_integrals_are_symmetric_and_positive(random_well_pairs):
    integrals = coulomb_integrals(*random_well_pairs)
    np.testing.assert_allclose(integrals, integrals.swapaxes(1, 2), rtol=0, atol=1e-15)
    assert np.linalg.eigvalsh(integrals).min() > 0


def test_self_energy_of_any_charge_is_positive():
    charges = np.random.default_rng(0).normal(size=(1, 20, 16, 16))
    assert np.linalg.eigvalsh(coulomb_integrals(charges, 5.0)).min() > 0


def test_schwarz_inequality(random_well_pairs):
    integrals = coulomb_integrals(*random_well_pairs)
    own = np.diagonal(integrals, axis1=1, axis2=2)
    assert (integrals**2 <= own[:, :, None] * own[:, None, :] * (1 + 1e-12)).all()


@pytest.mark.parametrize("shift", [(5, 0), (-4, 9)])
def test_translation_leaves_the_integrals(shift):
    grid = Grid(64, 24.0)
    charges = np.stack([gaussian_charge(2.0, c, grid) for c in ((12.0, 11.0), (13.0, 12.5), (10.0, 12.0))])[None]
    moved = np.roll(charges, shift, axis=(2, 3))
    np.testing.assert_allclose(
        coulomb_integrals(moved, grid.extent), coulomb_integrals(charges, grid.extent), rtol=1e-10
    )


def test_translation_by_a_part_of_a_pixel():
    grid = Grid(64, 24.0)
    integrals = []
    for shift in (0.0, 0.3 * grid.dx):
        centers = np.array([(12.0, 11.0), (13.0, 12.5)]) + (shift, 2 * shift)
        integrals.append(coulomb_integrals(np.stack([gaussian_charge(1.0, c, grid) for c in centers])[None], 24.0))
    np.testing.assert_allclose(integrals[0], integrals[1], rtol=1e-10)


@pytest.mark.parametrize("n", [15, 16])
def test_integrals_scale_as_one_over_length(n):
    pairs = np.random.default_rng(0).normal(size=(1, 4, n, n))
    # the same charges in a square twice as large: densities fall to 1/4
    np.testing.assert_allclose(coulomb_integrals(pairs / 4, 10.0), coulomb_integrals(pairs, 5.0) / 2, rtol=1e-11)


def test_a_larger_box_changes_nothing():
    # the same points, once in a square of 12 and once in one of 18: there is nothing outside
    small, large = Grid(48, 12.0), Grid(72, 18.0)
    centers = np.array([(3.0, 4.0), (8.0, 8.5)])
    integrals = [
        coulomb_integrals(np.stack([gaussian_charge(3.0, c + s, g) for c in centers])[None], g.extent)
        for g, s in ((small, 0.0), (large, 3.0))
    ]
    np.testing.assert_allclose(integrals[0], integrals[1], rtol=1e-10)


def test_the_batch_is_a_loop(random_well_pairs):
    pairs, length = random_well_pairs
    together = coulomb_integrals(pairs, length)
    for i in range(2):
        np.testing.assert_allclose(together[i], coulomb_integrals(pairs[i : i + 1], length)[0], rtol=0, atol=1e-14)
