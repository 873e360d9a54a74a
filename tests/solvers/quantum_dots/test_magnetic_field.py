"""Dots in a field against closed forms, the exact pair of electrons, laws of electrodynamics, and ``solve``."""

import numpy as np
import pytest
from analytic import ATOMIC, GAAS, INAS, SI, VACUUM
from exact_in_field import crossing, elliptic_levels, elliptic_modes, fock_darwin, two_electrons
from scipy.integrate import quad
from scipy.optimize import brentq

from solvers import Grid, Interaction, MagneticField, Material, field_sweep, solve, solve_in_field
from solvers.quantum_dots.magnetic.field import BOHR_MAGNETON, FLUX, cyclotron_energy, magnetic_length
from solvers.quantum_dots.magnetic.one_electron import Gauge, OneElectron, Rectangle, Side
from solvers.quantum_dots.magnetic.orbitals import lowest

QUICK = {"n_orbitals": 6, "refinements": 0, "estimate": False, "cusp": False}


def parabola(grid, material, energy, ratio=1.0, center=(0.0, 0.0)):
    """V (eV) with level distances ``energy`` (eV) along x, ``ratio`` times that along y, and minimum ``center``."""
    x, y = (a - grid.extent / 2 - c for a, c in zip(grid.mesh(), center, strict=True))
    omega = energy / material.hartree
    return material.hartree * omega**2 / 2 * (x**2 + ratio**2 * y**2) / material.bohr**2


def wells(grid, seed=1):
    """Three Gaussian wells without symmetry (eV)."""
    rng, (x, y) = np.random.default_rng(seed), grid.mesh()
    a = grid.extent
    places, depths = rng.uniform(0.35 * a, 0.65 * a, (3, 2)), rng.uniform(0.01, 0.02, 3)
    pairs = zip(depths, places, strict=True)
    return sum(-d * np.exp(-((x - p) ** 2 + (y - q) ** 2) / (2 * (a / 8) ** 2)) for d, (p, q) in pairs)


# Matrix elements and one electron


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 2), (3, 3), (2, 5), (4, 2)])
def test_matrix_elements_between_sines_are_the_integrals(m, n):
    length, origin = 2.3, 0.4
    side = Side(16, length, 5)

    def sine(k, x):
        return np.sqrt(2 / length) * np.sin(k * np.pi * x / length)

    def slope(k, x):
        return np.sqrt(2 / length) * np.cos(k * np.pi * x / length) * k * np.pi / length

    for found, inner in (
        (side.position(origin), lambda x: (x - origin) * sine(n, x)),
        (side.squared(origin), lambda x: (x - origin) ** 2 * sine(n, x)),
        (side.derivative, lambda x: slope(n, x)),
    ):
        expected = quad(lambda x, inner=inner: sine(m, x) * inner(x), 0, length, epsabs=1e-13)[0]
        assert found[m - 1, n - 1] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("B", [0.0, 1.0, -2.5, 4.0])
def test_fock_darwin_levels(B):
    grid, energy = Grid(48, 200.0), 3e-3
    found = solve_in_field(parabola(grid, GAAS, energy), grid, 1, GAAS, MagneticField(B, g=0.0), n_states=12)
    levels, momenta = fock_darwin(energy / GAAS.hartree, MagneticField(abs(B)).strength(GAAS), 6)
    np.testing.assert_allclose(found.energies[::2], levels * GAAS.hartree, rtol=0, atol=2e-8)
    if B:
        np.testing.assert_allclose(found.angular_momenta[::2], momenta * np.sign(B), atol=1e-4)
        assert (found.angular_spreads < 0.01).all()


@pytest.mark.parametrize("ratio", [1.3, 2.0])
def test_elliptic_parabolas_have_two_normal_modes(ratio):
    grid, energy, B = Grid(56, 200.0), 3e-3, 3.0
    found = solve_in_field(parabola(grid, GAAS, energy, ratio), grid, 1, GAAS, MagneticField(B, g=0.0), n_states=12)
    omega = energy / GAAS.hartree
    levels = elliptic_levels(omega, ratio * omega, MagneticField(B).strength(GAAS), 6) * GAAS.hartree
    np.testing.assert_allclose(found.energies[::2], levels, rtol=0, atol=1e-8)


@pytest.mark.parametrize("masses", [(0.05, 0.09), (0.19, 0.05)])
def test_two_masses_in_a_rectangle_have_two_normal_modes(masses):
    """sum_i m_i omega_i^2 r_i^2 / 2: the modes are those of equal masses with omega_c = e B / (m_x m_y)^1/2."""
    material, grid, B = Material(masses, 12.9), Grid((72, 48), (220.0, 160.0)), 2.0
    omega, (x, y) = np.array([3e-3, 4.5e-3]) / material.hartree, grid.from_middle()
    weights = omega**2 / np.array(material.inverse_masses) / 2 / material.bohr**2
    V = material.hartree * (weights[0] * x[:, None] ** 2 + weights[1] * y**2)
    found = solve_in_field(V, grid, 1, material, MagneticField(B, g=0.0), n_states=8)
    levels = elliptic_levels(*omega, MagneticField(B).strength(material), 4) * material.hartree
    np.testing.assert_allclose(found.energies[::2], levels, rtol=0, atol=1e-8)  # the walls
    assert found.divergence < 1e-3 and found.current.shape == (2, 72, 48)


def test_a_dot_in_a_rectangle_is_that_of_the_square():
    square, rectangle = Grid(48, 144.0), Grid((48, 32), (144.0, 96.0))
    V = parabola(square, GAAS, 6e-3, 2.0)
    options = {"field": MagneticField(1.5, g=-0.44), "n_states": 3} | QUICK | {"cusp": True}
    whole = solve_in_field(V, square, 2, GAAS, **options)
    part = solve_in_field(V[:, 8:40], rectangle, 2, GAAS, **options)
    np.testing.assert_allclose(part.energies, whole.energies, rtol=0, atol=1e-8)
    np.testing.assert_allclose(part.density, whole.density[:, 8:40], atol=1e-6 * whole.density.max())


def test_different_masses_have_the_normal_modes_of_the_two_masses():
    masses, omega, b = (0.5, 2.0), 1.0, 1.0
    sides = Rectangle(Side(48, 16.0, 24, masses[0]), Side(40, 10.0, 20, masses[1]))
    x, y = sides.x.points[:, None] - 8.0, sides.y.points - 5.0
    v = omega**2 / 2 * (masses[0] * x**2 + masses[1] * y**2)
    found = lowest(OneElectron(sides, v, b, Gauge((8.0, 5.0))), 4).values
    low, high = elliptic_modes(omega, omega, b, masses)
    levels = np.sort(np.add.outer((np.arange(9) + 0.5) * low, (np.arange(5) + 0.5) * high).ravel())[:4]
    np.testing.assert_allclose(found, levels, atol=1e-5)


def test_landau_levels_are_those_of_the_cyclotron():
    """A weak parabola in a strong field: the lowest levels are hbar omega_c / 2, and the drift is slow."""
    grid, B = Grid(40, 100.0), 10.0
    found = solve_in_field(parabola(grid, GAAS, 1e-3), grid, 1, GAAS, MagneticField(B, g=0.0), n_orbitals=3)
    assert cyclotron_energy(B, GAAS) == pytest.approx(2 * BOHR_MAGNETON["nm, eV"] * B / GAAS.m_eff, rel=1e-6)
    assert found.energy == pytest.approx(cyclotron_energy(B, GAAS) / 2, rel=0.01)
    assert magnetic_length(B, GAAS) == pytest.approx(25.6556 / np.sqrt(B), rel=1e-4)  # nm


def test_levels_do_not_depend_on_the_gauge():
    grid = Grid(48, 160.0)
    b, length = MagneticField(2.0).strength(GAAS), grid.extent / GAAS.bohr
    side = Side(grid.shape[0], length, grid.shape[0] // 2)
    v = wells(grid) / GAAS.hartree
    gauges = [Gauge((length / 2, length / 2)), Gauge((length / 2,) * 2, 0.0), Gauge((0.4 * length, 0.55 * length), 0.7)]
    levels = [lowest(OneElectron(Rectangle(side, side), v, b, gauge), 6).values for gauge in gauges]
    for other in levels[1:]:
        np.testing.assert_allclose(other, levels[0], atol=1e-4 * (levels[0][1] - levels[0][0]))


# Several electrons


@pytest.mark.parametrize("n_electrons", [1, 3])
def test_observables_do_not_depend_on_the_origin(n_electrons):
    grid = Grid(48, 160.0)
    first, second = (
        solve_in_field(wells(grid), grid, n_electrons, GAAS, MagneticField(1.5), n_states=3, origin=origin, **QUICK)
        for origin in ((80.0, 80.0), (70.0, 95.0))
    )
    assert first.gauge_error > 0
    scale = float(first.gap + first.energies[2] - first.energies[0])
    np.testing.assert_allclose(second.energies, first.energies, atol=1e-4 * scale)
    for name in ("density", "spin_density", "current"):
        a, b = getattr(first, name), getattr(second, name)
        assert np.abs(a - b).max() < 1e-3 * np.abs(a).max()
    # that of the currents has another origin, too: int j vanishes in full, not in six orbitals
    assert second.magnetisation == pytest.approx(first.magnetisation, rel=1e-3 if n_electrons == 1 else 0.02)


@pytest.mark.parametrize("n_electrons", [1, 2, 3, 4])
def test_without_a_field_it_is_solve(n_electrons):
    grid = Grid(32, 160.0)
    v = wells(grid)
    expected = solve(v, grid, n_electrons, GAAS, 8, n_states=3)
    found = solve_in_field(
        v, grid, n_electrons, GAAS, MagneticField(0.0), 8, n_states=9, refinements=0, cusp=False, estimate=False
    )
    lowest_block = np.abs(found.s_z - (n_electrons % 2) / 2) < 0.1
    np.testing.assert_allclose(found.energies[lowest_block][:2], expected.energies[:2], rtol=1e-9)
    np.testing.assert_allclose(found.spins[lowest_block][:2], expected.spins[:2], atol=1e-6)
    np.testing.assert_allclose(found.density, expected.density, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.orbital_energies, expected.orbital_energies, rtol=1e-9)
    assert np.abs(found.current).max() == 0 and found.divergence == 0


@pytest.mark.parametrize(
    ("B", "momentum"), [(3.0, -1), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((0.8, 0), (6.0, -2)))]
)
def test_two_electrons_are_those_of_the_radial_equation(B, momentum):
    grid, energy = Grid(48 if B < 4 else 64, 200.0), 3e-3
    found = solve_in_field(parabola(grid, GAAS, energy), grid, 2, GAAS, MagneticField(B, g=0.0), n_states=1)
    exact = two_electrons(energy / GAAS.hartree, MagneticField(B).strength(GAAS), momentum) * GAAS.hartree
    assert found.spins[0] == abs(momentum) % 2
    assert found.angular_momenta[0] == pytest.approx(momentum, abs=1e-3)
    assert abs(found.energy - exact) < 2 * (found.energy_error + found.grid_error) < 0.02 * energy
    assert abs(found.energy - exact) < 2e-3 * energy
    assert found.trusted and found.converged


@pytest.mark.slow
def test_the_singlet_and_the_triplet_cross_where_the_exact_ones_do():
    grid, energy = Grid(48, 200.0), 3e-3
    omega, unit = energy / GAAS.hartree, FLUX["nm, eV"] / GAAS.bohr**2
    sweep = field_sweep(parabola(grid, GAAS, energy), grid, 2, GAAS, [1.4, 2.1], g=0.0, n_states=4)
    ((B, error, before, after),) = sweep.crossings
    exact = crossing(omega, 0, -1, 1e-3, 10 * omega) * unit
    assert abs(B - exact) < error < 0.05
    assert (before.spin, before.angular_momentum, after.spin, after.angular_momentum) == (0, 0, 1, -1)


@pytest.mark.parametrize("g", [0.0, -6.0])
def test_error_bars_at_a_crossing_reach_both_states(g):
    """The magnetisation of either exact state, with that of its spin: the solver may choose the wrong one."""
    grid, energy = Grid(32, 150.0), 3e-3
    omega, unit = energy / GAAS.hartree, FLUX[GAAS.units] / GAAS.bohr**2
    moment = abs(g) * BOHR_MAGNETON[GAAS.units]

    def exact(B, momentum):
        return two_electrons(omega, B / unit, momentum) * GAAS.hartree - (momentum != 0) * moment * B

    crossed = brentq(lambda B: exact(B, 0) - exact(B, -1), 0.1, 3.0)
    found = solve_in_field(parabola(grid, GAAS, energy), grid, 2, GAAS, MagneticField(crossed, g), 8, n_states=1)
    both = [(exact(crossed - 1e-3, m) - exact(crossed + 1e-3, m)) / 2e-3 for m in (0, -1)]
    assert not found.order_certain and found.trusted
    jump = abs(both[1] - both[0])
    assert min(abs(m - found.magnetisation) for m in both) < 0.05 * jump < 0.5 * max(np.abs(both))
    assert all(abs(m - found.magnetisation) < 1.1 * found.magnetisation_error for m in both)
    assert 0.01 < found.density_error < 1


@pytest.mark.parametrize("n_states", [2, 6])
def test_a_crossing_is_found_between_fields_at_which_one_level_is_not_among_the_states(n_states):
    """Beside a crossing the two lowest states are its levels, far from it they are not."""
    grid, options = Grid(32, 200.0), {"n_orbitals": 6, "refinements": 0, "g": 0.0}
    v = parabola(grid, GAAS, 3e-3, ratio=4 / 3)
    ((near, narrow, *_),) = field_sweep(v, grid, 2, GAAS, [2.2, 2.4], n_states=4, **options).crossings
    ((B, error, before, after),) = field_sweep(v, grid, 2, GAAS, [0.5, 4.0], n_states=n_states, **options).crossings
    assert abs(B - near) < narrow / 4 and narrow / 2 < error < 2 * narrow < 0.4
    assert (before.spin, after.spin) == (0, 1)


@pytest.mark.slow
def test_dipole_excitations_are_those_of_one_electron():
    """Kohn's theorem: L changes by one at (w0^2 + wc^2 / 4)^1/2 +- wc / 2 for every N, spin and interaction."""
    grid, energy, B = Grid(48, 190.0), 3e-3, 1.0
    v, field = parabola(grid, GAAS, energy), MagneticField(B, g=0.0)
    wc = cyclotron_energy(B, GAAS)
    soft = np.hypot(energy, wc / 2) - wc / 2
    for n_electrons, close in ((1, 1e-8), (2, 5e-3), (3, 0.012)):
        found = solve_in_field(v, grid, n_electrons, GAAS, field, n_states=20)
        same = np.abs(found.spins - found.spins[0]) < 1e-3
        near = np.flatnonzero(same & (np.abs(found.angular_momenta - found.angular_momenta[0] + 1) < 0.05))
        distance = np.abs(found.energies - found.energy - soft)[near]
        best = near[np.argmin(distance)]
        assert distance.min() < close * energy
        assert distance.min() <= found.gap_errors[best] + found.grid_error + 1e-10  # the walls of the square


@pytest.mark.parametrize(("n_electrons", "divergence"), [(1, 2e-3), pytest.param(2, 0.03, marks=pytest.mark.slow)])
def test_the_current_is_conserved_and_makes_the_magnetisation(n_electrons, divergence):
    grid, B, step = Grid(44, 160.0), 1.5, 0.02
    v = wells(grid)
    found = solve_in_field(v, grid, n_electrons, GAAS, MagneticField(B, -0.44), n_states=1)
    assert found.divergence < divergence
    np.testing.assert_allclose(found.paramagnetic + found.diamagnetic, found.current)
    up, down = (
        solve_in_field(v, grid, n_electrons, GAAS, MagneticField(B + d, -0.44), n_states=1, estimate=False).energy
        for d in (step, -step)
    )
    slope = -(up - down) / (2 * step)
    assert found.magnetisation == pytest.approx(slope, abs=2 * found.magnetisation_error + 1e-3 * abs(slope))


def test_the_diamagnetic_shift_of_a_small_dot():
    """E(B) - E(0) = e^2 <r^2> B^2 / 8 m* to second order, for a state without angular momentum."""
    grid, B = Grid(32, 60.0), 0.2
    v = parabola(grid, GAAS, 20e-3)
    with_field, without = (solve_in_field(v, grid, 1, GAAS, MagneticField(b, 0.0), **QUICK) for b in (B, 0.0))
    x, y = (a - grid.extent / 2 for a in grid.mesh())
    square = float(grid.integrate((x**2 + y**2) * without.density))
    expected = 2 * 0.0380998212 / GAAS.m_eff * (B / FLUX["nm, eV"]) ** 2 * square / 8
    assert with_field.energy - without.energy == pytest.approx(expected, rel=1e-3)


def test_a_ring_repeats_with_the_flux_quantum():
    """Levels of a thin ring are (l + flux / flux quantum)^2 / (2 m* R^2), up to the diamagnetic shift of its width."""
    grid, radius = Grid(48, 120.0), 36.0
    x, y = (a - grid.extent / 2 for a in grid.mesh())
    omega = 12e-3 / GAAS.hartree
    v = GAAS.hartree * omega**2 / 2 * (np.hypot(x, y) - radius) ** 2 / GAAS.bohr**2
    one = 2 * np.pi * FLUX["nm, eV"] / (np.pi * radius**2)  # tesla per flux quantum
    for share, momentum in ((0.3, 0), (0.7, -1), (1.3, -1), (1.7, -2)):
        found = solve_in_field(v, grid, 1, GAAS, MagneticField(share * one, 0.0), n_states=2, **QUICK)
        assert found.angular_momenta[0] == pytest.approx(momentum, abs=1e-3)


# Spins


def test_zeeman_energies_split_multiplets():
    grid, B, g = Grid(32, 160.0), 1.0, -0.44
    v = parabola(grid, GAAS, 3e-3)
    split, whole = (
        solve_in_field(v, grid, 2, GAAS, MagneticField(B, factor), n_states=4, **QUICK) for factor in (g, 0.0)
    )
    np.testing.assert_allclose(split.s_z, [0, 1, 0, -1])
    shift = g * BOHR_MAGNETON["nm, eV"] * B
    np.testing.assert_allclose(split.energies - whole.energies, shift * split.s_z, atol=1e-12)
    opposite = solve_in_field(v, grid, 2, GAAS, MagneticField(-B, g), n_states=4, **QUICK)
    np.testing.assert_allclose(opposite.energies, split.energies, atol=1e-10)
    np.testing.assert_allclose(opposite.s_z, -split.s_z)
    np.testing.assert_allclose(opposite.angular_momenta, -split.angular_momenta, atol=1e-6)
    np.testing.assert_allclose(opposite.current, -split.current, atol=1e-9)
    one = solve_in_field(v, grid, 1, GAAS, MagneticField(B, g), n_states=1, **QUICK)
    np.testing.assert_allclose(one.spin_density, one.density)  # g < 0: spin up is the lower one


def test_a_gradient_displaces_the_two_spins():
    """Without B, s_x is conserved: two parabolas displaced by the gradient, each lower by slope^2 / (8 m w^2)."""
    grid, energy, gradient = Grid(32, 200.0), 3e-3, 0.3
    field = MagneticField(0.0, g=2.0, gradient=gradient)
    found = solve_in_field(parabola(grid, GAAS, energy), grid, 1, GAAS, field, n_states=2, n_orbitals=15, coupled=15)
    slope, omega = field.slope(GAAS), energy / GAAS.hartree
    exact = (omega - slope**2 / (8 * omega**2)) * GAAS.hartree
    assert slope**2 / (8 * omega**2) > 1e-3 * omega
    assert found.energy == pytest.approx(exact, abs=1e-3 * (energy - exact))
    assert abs(found.energy - exact) <= found.energy_error + found.grid_error
    assert found.degeneracy == 2 and found.s_z.sum() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found.spin_density, 0, atol=1e-9)


@pytest.mark.parametrize(("n", "case"), [(28, "wells"), (14, "kink"), (28, "disc")])
def test_error_bars_of_one_electron_cover_its_grid(n, case):
    """Against a grid of more than three times as many points."""

    def dot(n):
        if case == "kink":
            grid = Grid((2 * n, n), (120.0, 60.0))
            x, y = grid.mesh()
            return 2e-5 * ((np.abs(x - 60) - 22) ** 2 + (y - 30) ** 2), grid
        grid = Grid(n, 120.0)
        x, y = grid.mesh()
        if case == "disc":
            return np.where((x - 60) ** 2 + (y - 60) ** 2 < 36.3**2, 0, 0.3), grid
        return -sum(d * np.exp(-((x - a) ** 2 + (y - 60) ** 2) / 300) for d, a in ((0.06, 45), (0.05, 75))), grid

    found, finer = (solve_in_field(*dot(m), 1, GAAS, MagneticField(2.0, 0.0), n_states=3) for m in (n, 96 * n // 28))
    distances = [s.energies - s.energies[0] for s in (found, finer)]
    errors = np.abs(distances[0] - distances[1])
    assert (errors <= found.gap_errors + 1e-12).all() and errors.max() > 1e-4 * distances[1].max()
    change = abs(found.magnetisation - finer.magnetisation)
    assert 1e-3 * abs(finer.magnetisation) < change <= 2 * found.magnetisation_error
    assert 0 < found.current_error < 0.5


def test_error_bars_of_gaps_cover_the_sine_functions_of_higher_states():
    """Between hard walls an excited state lacks more of them than the ground state."""
    dots = (Grid(n, 4.3) for n in (40, 96))
    found, finer = (
        solve_in_field(np.zeros(g.shape), g, 1, Material(0.5, 6.0), MagneticField(1900.0, -0.2), n_states=4)
        for g in dots
    )
    errors = np.abs((found.energies - found.energies[0]) - (finer.energies - finer.energies[0]))
    assert (errors <= found.gap_errors + 1e-15).all()
    assert errors.max() > found.grid_error and found.gap_errors.max() < 0.01 * found.energies[2]


def test_error_bars_cover_the_multiplets_that_a_gradient_leaves_out():
    """A narrow-gap semiconductor with g = -50 in a steep gradient."""
    material, grid = Material(0.0135, 16.8), Grid(48, 700.0)
    v = parabola(grid, material, 2e-3)
    options = {"n_electrons": 1, "material": material, "field": MagneticField(0.1, -50.0, 3e-3), "n_states": 6}
    few = solve_in_field(v, grid, **options)
    many = solve_in_field(v, grid, **options, n_orbitals=40, coupled=40)
    errors = np.abs(few.energies - many.energies)
    assert (errors <= few.energy_errors + few.grid_error).all() and errors.max() > 5e-6
    moved = grid.integrate(np.abs(few.density - many.density))
    assert 1e-4 < moved <= few.density_error
    change = np.hypot(*(few.current - many.current)).sum() / np.hypot(*many.current).sum()
    assert 1e-3 < change <= 2 * few.current_error
    assert not solve_in_field(v, grid, **(options | {"field": MagneticField(0.1, -50.0, 1.0)})).trusted


@pytest.mark.parametrize("fields", [[-1.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, -0.5, 0.0, 1.0]])
def test_a_crossing_at_one_of_the_fields_is_found(fields):
    """The two spins of one electron change places at B = 0."""
    grid = Grid(20, 160.0)
    (crossing,) = field_sweep(
        parabola(grid, GAAS, 3e-3, 1.4), grid, 1, GAAS, fields, -0.44, n_states=4, **QUICK
    ).crossings
    assert abs(crossing.B) < 1e-9
    assert (crossing.before.s_z, crossing.after.s_z) == (-0.5, 0.5)


@pytest.mark.parametrize(("origin", "zero"), [(None, 100.0), ((130.0, 90.0), 130.0)])
def test_the_field_of_a_gradient_does_not_follow_the_electrons(origin, zero):
    """At first order the two spins of one electron in a dot at x differ by g mu_B gradient (x - zero)."""
    grid, g, gradient, place = Grid(32, 200.0), 2.0, 1e-4, 72.0
    v = parabola(grid, GAAS, 6e-3, center=(place - 100.0, 0.0))
    field = MagneticField(0.0, g, gradient)
    for m in (4, 9):
        found = solve_in_field(v, grid, 1, GAAS, field, m, n_states=2, origin=origin)
        expected = g * BOHR_MAGNETON["nm, eV"] * gradient * abs(place - zero)
        assert found.energies[1] - found.energies[0] == pytest.approx(expected, rel=1e-3)


def test_a_sweep_has_the_field_of_a_gradient():
    """The spin of one electron in a small dot is split by both fields: g mu_B (B^2 + [gradient (x - zero)]^2)^1/2."""
    grid, g, gradient, place, B = Grid(24, 160.0), 2.0, 2e-3, 60.0, np.array([-0.05, 0.0, 0.05, 0.1])
    v = parabola(grid, GAAS, 8e-3, center=(place - 80.0, 0.0))
    found = field_sweep(v, grid, 1, GAAS, B, g, gradient, n_states=2, **QUICK)
    expected = abs(g) * BOHR_MAGNETON["nm, eV"] * np.hypot(B, gradient * (place - 80.0))
    np.testing.assert_allclose(found.energies[:, 1] - found.energies[:, 0], expected, rtol=5e-3)
    assert found.crossings == ()  # at B = 0, without a gradient


@pytest.mark.parametrize("gradient", [0.0, 2.0])
@pytest.mark.parametrize("n_electrons", [1, 2, 3, 4])
def test_states_are_those_of_second_quantisation(n_electrons, gradient):
    """All spins, S_z and their mixing by a gradient, against one matrix of creators and annihilators."""
    grid = Grid(28, 160.0)
    v = wells(grid)
    field = MagneticField(1.0, -0.44, gradient)
    options = {"n_orbitals": 3, "refinements": 0, "cusp": False, "estimate": False}
    found = solve_in_field(v, grid, n_electrons, GAAS, field, n_states=6, coupled=99, **options)
    assert found.imbalance < 1e-9 and found.converged
    np.testing.assert_allclose(found.energies, whole_fock_space(v, grid, field, n_electrons)[:6], atol=1e-9)


def whole_fock_space(v, grid, field, n_electrons, m=3):
    """Energies of ``n_electrons`` from second quantisation in 2 m spin orbitals, the gradient included."""
    from fock_space import annihilators

    from solvers.quantum_dots.coulomb import Interaction as Repulsion
    from solvers.quantum_dots.magnetic.orbitals import centre, lowest_orbitals
    from solvers.quantum_dots.magnetic.space import Space

    length = grid.extent / GAAS.bohr
    side = Side(grid.shape[0], length, grid.shape[0] // 2)
    sides, potential = Rectangle(side, side), (v - v.min()) / GAAS.hartree
    origin = centre(potential, sides, m)
    h = OneElectron(sides, potential, field.strength(GAAS), Gauge(origin))
    space = Space(lowest_orbitals(h, m, False).coefficients, h, Repulsion())
    one, two = space.integrals
    x = space.flat.conj() @ (side.position(length / 2) @ space.coefficients).reshape(m, -1).T
    a = annihilators(2 * m)
    z, s = field.zeeman(GAAS) / 2, field.slope(GAAS) / 2
    total = np.zeros(a[0].shape, dtype=complex)
    for p in range(m):
        for q in range(m):
            for spin, sign in ((0, 1), (m, -1)):
                total += (one[p, q] + sign * z * (p == q)) * a[p + spin].T @ a[q + spin]
            total += s * x[p, q] * (a[p].T @ a[q + m] + a[p + m].T @ a[q])
            for r in range(m):
                for t in range(m):
                    for i in (0, m):
                        for j in (0, m):
                            moved = a[p + i].T @ a[r + j].T @ a[t + j] @ a[q + i]
                            total += two[p, q, r, t] / 2 * moved
    number = sum(op.T @ op for op in a).diagonal().round()
    some = np.flatnonzero(number == n_electrons)
    return np.linalg.eigvalsh(total[np.ix_(some, some)]) * GAAS.hartree + n_electrons * v.min()


# Units, batches, errors


def test_materials_and_units():
    """The same dot in nm and eV and in atomic units; and scaled to another material."""
    grid, energy, B = Grid(32, 160.0), 3e-3, 2.0
    first = solve_in_field(parabola(grid, GAAS, energy), grid, 2, GAAS, MagneticField(B), n_states=3, **QUICK)
    atomic, nm, ev = Material(GAAS.m_eff, GAAS.eps_r, "bohr, hartree"), 0.0529177210903, 27.211386245988
    other = Grid(32, grid.extent / nm)
    second = solve_in_field(parabola(grid, GAAS, energy) / ev, other, 2, atomic, MagneticField(B), n_states=3, **QUICK)
    np.testing.assert_allclose(second.energies * ev, first.energies, rtol=1e-6)
    np.testing.assert_allclose(second.magnetisation * ev, first.magnetisation, rtol=1e-6)
    np.testing.assert_allclose(second.density / nm**2, first.density, rtol=1e-4, atol=1e-9)


def test_batches_and_offsets():
    grid = Grid(24, 160.0)
    v = np.stack([wells(grid, seed) for seed in (1, 2)])
    both = solve_in_field(v, grid, 2, GAAS, MagneticField(1.0), n_states=2, **QUICK)
    assert both.current.shape == (2, 2, 24, 24) and both.energies.shape == (2, 2) and both.energy.shape == (2,)
    moved = solve_in_field(v[1] + 0.3, grid, 2, GAAS, MagneticField(1.0), n_states=2, **QUICK)
    np.testing.assert_allclose(moved.energies, both.energies[1] + 0.6, atol=1e-9)
    np.testing.assert_allclose(moved.current, both.current[1], atol=1e-9)
    np.testing.assert_allclose(grid.integrate(both.density), 2)


@pytest.mark.parametrize(
    ("B", "options", "message"),
    [
        (60.0, {}, r"^field.B: expected at most 3\.\d+ T, where the magnetic length is 2 points .* raise grid.n"),
        (1.0, {"n_orbitals": 1, "n_electrons": 3}, "^n_electrons: expected a whole number in 1 ... 2"),
        (1.0, {"n_electrons": 7}, "^n_electrons: .* in 1 ... 6, got 7"),
        (1.0, {"n_states": 1000, "n_orbitals": 3}, "^n_states: .* got 1000"),
        (1.0, {"n_electrons": 6, "n_orbitals": 40}, "^n_orbitals: expected at most 470000 determinants"),
        (1.0, {"origin": (1.0, 500.0)}, "^origin: expected"),
    ],
)
def test_bad_arguments_are_refused_before_work(B, options, message):
    grid = Grid(24, 160.0)
    arguments = {"n_electrons": 2} | options
    with pytest.raises(ValueError, match=message):
        solve_in_field(np.zeros((24, 24)), grid, material=GAAS, field=MagneticField(B), **arguments)


@pytest.mark.parametrize(
    ("B", "options", "message"),
    [
        ([1.0], {"n_orbital": 8}, "^n_orbital: expected an option of solve_in_field, one of n_orbitals, n_states, "),
        ([1.0], {"field": MagneticField(1.0)}, "^field: expected no such option, because the sweep sets it"),
        ([-60.0, 0.0, 1.0], {}, "^field.B: expected at most .* got -60 T"),
    ],
)
def test_bad_arguments_of_a_sweep_are_refused_before_work(B, options, message, monkeypatch):
    monkeypatch.setattr("solvers.quantum_dots.magnetic.solve.solve_dot", None)
    with pytest.raises(ValueError, match=message):
        field_sweep(np.zeros((24, 24)), Grid(24, 160.0), 2, GAAS, B, **options)


@pytest.mark.slow
@pytest.mark.parametrize("material", [GAAS, SI, INAS, ATOMIC], ids=["gaas", "si", "inas", "atomic"])
@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.0])
def test_error_bars_cover_two_exact_electrons(material, ratio):
    omega = 0.25
    radius = (2 / omega**2) ** (1 / 3) / 2 + 5 / np.sqrt(omega)
    grid = Grid(56, float(2 * radius * material.bohr))
    B = ratio * omega * FLUX[material.units] / material.bohr**2
    v = parabola(grid, material, omega * material.hartree)
    found = solve_in_field(v, grid, 2, material, MagneticField(B, 0.0), n_states=4)
    for i in (0, 1, 3):
        momenta = [m for m in range(-8, 2) if abs(m) % 2 == round(found.spins[i])]
        exact = min((two_electrons(omega, ratio * omega, m) for m in momenta), key=lambda e: abs(e - found.energies[i]))
        if round(found.angular_momenta[i]) in momenta:
            exact = two_electrons(omega, ratio * omega, round(found.angular_momenta[i]))
        excess = abs(found.energies[i] - exact * material.hartree)
        assert excess <= 2 * (found.energy_errors[i] + found.grid_error)


@pytest.mark.slow
def test_interactions_are_those_of_solve():
    grid = Grid(32, 100.0)
    gated = Interaction(gate_distance=20.0, thickness=2.0)
    expected = solve(wells(grid), grid, 2, SI, 8, interaction=gated)
    found = solve_in_field(wells(grid), grid, 2, SI, MagneticField(0.0), 8, 1, gated, refinements=0, cusp=False)
    assert found.energy == pytest.approx(expected.energy, rel=1e-9)
    assert VACUUM.units == "bohr, hartree"


@pytest.mark.slow
@pytest.mark.parametrize("n_electrons", [3, 4])
def test_estimates_include_momenta_that_no_orbital_has(n_electrons):
    """A flat round dot in a weak field: by the directions alone the bar is less than a third of the error."""
    grid = Grid(48, 45.0)
    x, y = (a - grid.extent / 2 for a in grid.mesh())
    v, field = 1.86e-4 * (x**2 + y**2) ** 2, MagneticField(float(FLUX[ATOMIC.units] / 12.0**2), 0.0)
    interaction = Interaction(screening=5.0, thickness=0.8)
    found, best = (
        solve_in_field(v, grid, n_electrons, ATOMIC, field, m, interaction=interaction, estimate=m == 14)
        for m in (14, 18)
    )
    assert abs(found.energy - best.energy) < 2 * found.energy_error
    assert grid.integrate(abs(found.density - best.density)) / n_electrons < 2 * found.density_error


def test_a_dot_that_does_not_hold_its_electrons_is_not_trusted():
    """One of three electrons leaves the well for Landau orbitals beyond M; the density is wrong by more than half."""
    grid, material = Grid(36, 122.3), Material((0.2, 0.25), 11.7)
    x, y = grid.mesh()
    v = -0.009885 * np.exp(-((x - 86.6) ** 2 + (y - 49.3) ** 2) / (2 * 17.2**2))
    found = solve_in_field(v, grid, 3, material, MagneticField(10.4, 0.06), n_states=1)
    assert found.density_error > 0.5
    assert not found.trusted
