"""Screened and softened interactions: direct integrals over Gaussian charges, analytic limits, and what E must do."""

import numpy as np
import pytest
from analytic import ATOMIC, GAAS, SI, gaussian_charge
from dots import GRID, smooth_potential
from scipy.integrate import quad
from scipy.special import i0e, j0

from solvers import Grid, Interaction, solve
from solvers.quantum_dots.coulomb import COULOMB, coulomb_integrals, coulomb_potentials, truncated_coulomb

INTERACTIONS = {
    "coulomb": COULOMB,
    "screened": Interaction(screening=1.7),
    "softened": Interaction(thickness=0.6),
    "screened and softened": Interaction(screening=3.0, thickness=0.25),
    "screened within a charge": Interaction(screening=0.2),
    "thin": Interaction(thickness=0.01),
    "metal plane": Interaction(gate_distance=1.3),
    "near metal plane": Interaction(gate_distance=0.05),
    "metal plane and softened": Interaction(thickness=0.4, gate_distance=2.0),
    "all three": Interaction(screening=5.0, thickness=0.2, gate_distance=0.7),
}
every = pytest.mark.parametrize("interaction", INTERACTIONS.values(), ids=INTERACTIONS)


def at_distance(r, interaction):
    """V(r), written down once more."""
    screened = 1.0 if interaction.screening is None else np.exp(-r / interaction.screening)
    direct = 1 / np.sqrt(r**2 + interaction.thickness**2)
    if interaction.gate_distance is None:
        return screened * direct
    return screened * (direct - 1 / np.sqrt(r**2 + interaction.thickness**2 + 4 * interaction.gate_distance**2))


def average_over_gaussian(spread, distance, interaction):
    """Average of v over vectors of length r with density (spread / pi) exp(-spread |r - d|^2).

    Over their direction first: 2 spread r exp(-spread (r - d)^2) i0e(2 spread r d); then over r: r v(r) is finite.
    """

    def integrand(r):
        angular = 2 * spread * r * np.exp(-spread * (r - distance) ** 2) * i0e(2 * spread * r * distance)
        return angular * at_distance(r, interaction) if r > 0 else 0.0

    width = spread**-0.5
    edges = sorted({0.0, 0.03, 0.3, *(max(distance + s * width, 0.0) for s in (-7, -2, 0, 2, 7))})
    return sum(quad(integrand, a, b, epsabs=1e-13, epsrel=1e-12)[0] for a, b in zip(edges[:-1], edges[1:], strict=True))


def brute_force(left, right, grid, interaction):
    """Sum over all pairs of points: for fields that do not overlap, or for a v that is smooth on the grid."""
    x, y = grid.mesh()
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    if interaction.thickness == 0:
        np.fill_diagonal(distance, np.inf)
    return left.ravel() @ at_distance(distance, interaction) @ right.ravel() * grid.cell_area**2


# Integrals


@every
@pytest.mark.parametrize("n", [64, 65])
def test_gaussian_charges_against_the_integral_over_their_distance(interaction, n):
    """On top of each other, near, and in opposite corners; even and odd grids."""
    omega, grid = 4.0, Grid(n, 12.0)
    centers = np.array([(3.0, 3.1), (3.4, 3.1), (5.0, 6.0), (9.1, 9.0)])
    charges = np.stack([gaussian_charge(omega, c, grid) for c in centers])[None]
    integrals = coulomb_integrals(charges, grid.extent, interaction)[0]
    for i, j in np.ndindex(4, 4):
        distance = float(np.linalg.norm(centers[i] - centers[j]))
        # two charges of spread omega: their separation has a spread of omega / 2
        assert integrals[i, j] == pytest.approx(average_over_gaussian(omega / 2, distance, interaction), abs=1e-8)


@pytest.mark.parametrize("n", [30, 31])
def test_softened_charges_against_the_direct_sum(n):
    """A thickness of several cells has no singularity: the sum over all pairs of points is exact."""
    interaction, grid = Interaction(thickness=3.0), Grid(n, 14.0)
    x, y = grid.mesh()
    left = x * np.exp(-0.6 * (x - 6.0) ** 2 - 0.8 * (y - 7.0) ** 2)
    right = (x * y - 40.0) * np.exp(-0.7 * (x - 8.0) ** 2 - 0.6 * (y - 6.2) ** 2)
    integrals = coulomb_integrals(np.stack([left, right])[None], grid.extent, interaction)[0]
    for i, a in enumerate((left, right)):
        for j, b in enumerate((left, right)):
            assert integrals[i, j] == pytest.approx(brute_force(a, b, grid, interaction), rel=1e-7)


@pytest.mark.parametrize("thickness", [0.0, 0.1])
@pytest.mark.parametrize("n", [40, 41])
def test_screened_charges_apart_against_the_direct_sum(n, thickness):
    interaction, grid = Interaction(screening=4.0, thickness=thickness), Grid(n, 20.0)
    x, y = grid.mesh()
    left = x * y**2 * np.exp(-1.2 * (x - 4.0) ** 2 - (y - 6.0) ** 2)
    right = (x - 13.0) * np.exp(-((x - 14.0) ** 2) - 1.3 * (y - 13.0) ** 2)
    integrals = coulomb_integrals(np.stack([left, right])[None], grid.extent, interaction)[0]
    assert integrals[0, 1] == pytest.approx(brute_force(left, right, grid, interaction), rel=1e-8)


@every
def test_integrals_are_symmetric_and_positive(interaction):
    """V(k) > 0 for all of them: no charge gains from itself."""
    charges = np.random.default_rng(0).normal(size=(1, 12, 14, 14))
    integrals = coulomb_integrals(charges, 5.0, interaction)[0]
    np.testing.assert_allclose(integrals, integrals.T, atol=1e-14)
    assert np.linalg.eigvalsh(integrals).min() > 0


# The kernel


def test_quadrature_is_the_closed_form_for_bare_coulomb():
    k, radius = np.concatenate([[0.0], np.geomspace(1e-3, 60.0, 60)]), 7.0
    np.testing.assert_allclose(COULOMB._by_quadrature(k, radius), truncated_coulomb(k, radius), atol=1e-11 * radius)


@pytest.mark.parametrize("screening", [0.05, 0.4, 1.0])
def test_transform_of_a_screened_charge(screening):
    """2 pi / (k^2 + 1 / screening^2)^1/2 where the cut is many screening lengths away."""
    k = np.concatenate([[0.0], np.geomspace(1e-2, 40.0, 40)])
    expected = 2 * np.pi / np.sqrt(k**2 + screening**-2)
    np.testing.assert_allclose(Interaction(screening).fourier(k, 40.0 * screening), expected, rtol=1e-9)


@pytest.mark.parametrize("thickness", [0.02, 0.5, 3.0])
def test_transform_of_two_planes_apart(thickness):
    """2 pi exp(-k d) / k for 1 / (r^2 + d^2)^1/2 without a cut; the waves in k R that it leaves are averaged away."""
    k, radii = np.array([0.5, 1.0, 2.0, 4.0]), 200.0 + np.linspace(0.0, 4 * np.pi, 81)[:-1]  # whole periods of all k
    found = np.mean([Interaction(thickness=thickness).fourier(k, r) for r in radii], axis=0)
    np.testing.assert_allclose(found, 2 * np.pi * np.exp(-k * thickness) / k, atol=2e-3)


@every
@pytest.mark.parametrize("k", [0.0, 0.4, 3.0, 11.0])
def test_transform_is_that_of_the_disc(interaction, k):
    radius = 2.3
    edges = [0.0, 0.01, 0.1, 0.5, 1.0, radius]
    pieces = [
        quad(lambda r: j0(k * r) * r * at_distance(r, interaction) if r else 0.0, a, b, epsabs=1e-14)[0]
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    assert interaction.fourier(np.array([k]), radius)[0] == pytest.approx(2 * np.pi * sum(pieces), rel=1e-9)


# Potentials


@every
@pytest.mark.parametrize("n", [9, 10])
def test_energy_of_a_charge_in_a_potential_is_the_integral(interaction, n):
    """(P|Q) = int rho_P W_Q, for any charges whatever."""
    charges, grid = np.random.default_rng(n).normal(size=(2, 5, n, n)), Grid(n, 6.0)
    potentials = coulomb_potentials(charges, grid.extent, interaction)
    assert potentials.shape == charges.shape
    found = np.einsum("bpxy,bqxy->bpq", charges, potentials) * grid.cell_area
    np.testing.assert_allclose(found, coulomb_integrals(charges, grid.extent, interaction), rtol=1e-10, atol=1e-12)


@every
@pytest.mark.parametrize("n", [48, 49])
def test_potential_of_a_gaussian_charge(interaction, n):
    omega, grid, center = 3.0, Grid(n, 9.0), (3.3, 4.6)
    potential = coulomb_potentials(gaussian_charge(omega, center, grid)[None, None], grid.extent, interaction)[0, 0]
    for i, j in [(0, 0), (n - 1, n - 1), (0, n - 1), (n // 3, n // 2), (n // 2, n // 2), (n // 3, n - 5), (n - 2, 3)]:
        distance = float(np.hypot(grid.x[i] - center[0], grid.x[j] - center[1]))
        assert potential[i, j] == pytest.approx(average_over_gaussian(omega, distance, interaction), abs=1e-7)


def test_potential_of_a_charge_moves_with_it():
    grid = Grid(33, 9.0)
    charge = gaussian_charge(3.0, (4.0, 4.4), grid)
    moved = np.roll(charge, (4, -3), axis=(0, 1))
    here, there = coulomb_potentials(np.stack([charge, moved])[None], grid.extent)[0]
    np.testing.assert_allclose(there[4:, :-3], here[:-4, 3:], atol=1e-9)


# What it does to electrons


def energies(n_electrons, interactions, material=GAAS):
    return np.array(
        [solve(smooth_potential(1), GRID, n_electrons, material, 6, interaction=i).energy for i in interactions]
    )


@pytest.mark.parametrize("n_electrons", [2, 3])
def test_energy_falls_with_screening_and_with_thickness(n_electrons):
    for name, lengths in (("screening", (1e4, 100.0, 30.0, 10.0, 3.0, 1.0)), ("thickness", (0.0, 1.0, 3.0, 10.0))):
        found = energies(n_electrons, [Interaction(**{name: length}) for length in lengths])
        assert (np.diff(found) < -1e-6).all(), name


@pytest.mark.parametrize("n_electrons", [2, 3])
def test_weak_screening_is_a_constant(n_electrons):
    """exp(-r / s) / r = 1 / r - 1 / s + ...: each pair loses e^2 / (4 pi eps_0 eps_r s)."""
    screening = 3e5
    bare, screened = energies(n_electrons, [COULOMB, Interaction(screening)])
    pairs = n_electrons * (n_electrons - 1) / 2
    lost = pairs * 1.439964548 / GAAS.eps_r / screening
    assert bare - screened == pytest.approx(lost, rel=1e-3)


@pytest.mark.parametrize("n_electrons", [2, 3])
def test_very_thick_electrons_feel_a_constant(n_electrons):
    """Charges spread over 10 micrometres: E = sum epsilon + e^2 / (4 pi eps_0 eps_r d) a pair, states as without."""
    thickness = 1e4
    solution = solve(smooth_potential(1), GRID, n_electrons, SI, 6, interaction=Interaction(thickness=thickness))
    filled = np.repeat(solution.orbital_energies, 2)[:n_electrons].sum()
    repulsion = n_electrons * (n_electrons - 1) / 2 * 1.439964548 / SI.eps_r / thickness
    assert solution.energy - filled == pytest.approx(repulsion, rel=1e-4)
    np.testing.assert_allclose(solution.density, solution.density_noninteracting, atol=1e-7)


@pytest.mark.parametrize("thickness", [0.0, 0.3])
@pytest.mark.parametrize("n", [40, 41])
def test_charges_below_a_metal_plane_against_the_direct_sum(n, thickness):
    """Two charges that do not overlap, and the image of one of them: a sum over all pairs of points."""
    interaction, grid = Interaction(thickness=thickness, gate_distance=3.0), Grid(n, 20.0)
    x, y = grid.mesh()
    left = x * y**2 * np.exp(-1.2 * (x - 4.0) ** 2 - (y - 6.0) ** 2)
    right = (x - 13.0) * np.exp(-((x - 14.0) ** 2) - 1.3 * (y - 13.0) ** 2)
    integrals = coulomb_integrals(np.stack([left, right])[None], grid.extent, interaction)[0]
    assert integrals[0, 1] == pytest.approx(brute_force(left, right, grid, interaction), rel=1e-8)


@pytest.mark.parametrize("distance", [0.3, 0.03, 0.003])
def test_near_a_metal_plane_charges_are_dipoles(distance):
    """2 d^2 / r^3 far away, of two charges with their images: vertical dipoles of the moment 2 d, half of it real."""
    grid, interaction = Grid(64, 30.0), Interaction(gate_distance=distance)
    charges = np.stack([gaussian_charge(2.0, c, grid) for c in ((5.0, 6.0), (24.0, 23.0))])[None]
    found = coulomb_integrals(charges, grid.extent, interaction)[0]
    expected = 2 * distance**2 / np.hypot(19.0, 17.0) ** 3
    # (1 / r^3 of two Gaussian charges is larger by 9 / (2 omega r^2): a Laplacian of 9 / r^5, times 1 / (2 omega))
    spread = 1 + 9 / (4 * 2.0 * np.hypot(19.0, 17.0) ** 2) * 2
    assert found[0, 1] == pytest.approx(expected * spread, rel=2e-3, abs=1e-12)
    # on top of each other the plane leaves int rho^2 times 4 pi d, v(k) -> 4 pi d
    if distance < 0.01:
        assert found[0, 0] == pytest.approx(4 * np.pi * distance * 2.0 / (2 * np.pi), rel=0.02)


@pytest.mark.parametrize("distance", [0.3, 2.0])
def test_transform_below_a_metal_plane(distance):
    """2 pi (1 - exp(-2 k d)) / k where the cut is far away: the rest falls as 1 / r^3."""
    k = np.array([0.3, 1.0, 4.0, 9.0])
    found = Interaction(gate_distance=distance).fourier(k, 300.0 * distance)
    np.testing.assert_allclose(found, 2 * np.pi * -np.expm1(-2 * k * distance) / k, rtol=1e-3)


@pytest.mark.parametrize("n_electrons", [2, 3])
def test_a_far_metal_plane_is_a_constant(n_electrons):
    """1 / r - 1 / (2 d): each pair loses e^2 / (4 pi eps_0 eps_r 2 d); and a near one leaves nothing."""
    bare, far, near = energies(n_electrons, [COULOMB, Interaction(gate_distance=1e5), Interaction(gate_distance=1e-3)])
    pairs = n_electrons * (n_electrons - 1) / 2
    assert bare - far == pytest.approx(pairs * 1.439964548 / GAAS.eps_r / 2e5, rel=1e-3)
    levels = solve(smooth_potential(1), GRID, n_electrons, GAAS, 6).orbital_energies
    assert near == pytest.approx(np.repeat(levels, 2)[:n_electrons].sum(), rel=2e-3)
    found = energies(n_electrons, [Interaction(gate_distance=d) for d in (1e4, 100.0, 30.0, 10.0, 3.0)])
    assert (np.diff(found) < -1e-6).all()


@pytest.mark.slow
def test_the_cusp_is_weaker_below_a_metal_plane():
    """The correction recovers most of what few orbitals miss, for each distance of the plane."""
    v = smooth_potential(1)
    missing = []
    for distance in (None, 2.0, 0.2):
        interaction = Interaction(gate_distance=distance)
        few, many = (solve(v, GRID, 2, SI, m, interaction=interaction, cusp=True) for m in (6, 20))
        plain = solve(v, GRID, 2, SI, 6, interaction=interaction)
        best = solve(v, GRID, 2, SI, 20, refinements=1, interaction=interaction, cusp=True)
        missing.append(best.energy - plain.energy)
        assert abs(few.energy - many.energy) < abs(plain.energy - many.energy)
        assert abs(few.energy - many.energy) <= few.energy_error
    assert missing[-1] > 0.5 * missing[0]  # in between, electrons come closer, and more of them meet
    assert few.cusp == pytest.approx(missing[-1], rel=0.2)  # all that is missing: the interaction is short


def test_thin_and_unscreened_is_coulomb():
    bare, *near = energies(2, [COULOMB, *(Interaction(thickness=t) for t in (0.04, 0.02)), Interaction(1e9)])
    assert near[2] == pytest.approx(bare, abs=1e-9)
    assert 0 < bare - near[1] < bare - near[0] < 1e-3
    # 1/r - 1/(r^2 + d^2)^1/2 integrates to 2 pi d: the loss is of first order
    assert (bare - near[0]) / (bare - near[1]) == pytest.approx(2.0, abs=0.05)


def test_lengths_are_in_nanometres():
    """In atomic units (1 bohr = 1 nm) and in GaAs the same problem: lengths stretched, energies scaled."""
    stretch, scale = GAAS.bohr / ATOMIC.bohr, GAAS.hartree / ATOMIC.hartree
    v, interaction = smooth_potential(2), Interaction(screening=9.0, thickness=1.5)
    here = solve(v, GRID, 2, GAAS, 6, interaction=interaction)
    there = solve(
        v / scale,
        Grid(32, 30.0 / stretch),
        2,
        ATOMIC,
        6,
        interaction=Interaction(interaction.screening / stretch, interaction.thickness / stretch),
    )
    assert there.energy == pytest.approx(here.energy / scale, rel=1e-9)
