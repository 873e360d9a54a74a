"""Sweeps of the exchange coupling: limits, independent solutions, laws, error bars, states."""

import numpy as np
import pytest
from analytic import ATOMIC, GAAS, INAS, SI
from exact import SINGLET, TRIPLET, four_dimensional

from solvers import PRESETS, Grid, Interaction, Material, exchange_sweep, hubbard, solve
from solvers.quantum_dots.exchange_points import _splitting

GRID, SMALL = Grid(32, 150.0), Grid(26, 110.0)
FEW = {"n_orbitals": 6, "refinements": 0, "cusp": False}


def double_dot(grid, distance=36.0, depth=0.03, width=14.0, asymmetry=0.0, wall=6.0):
    """A function of detuning and barrier (eV): two Gaussian wells, the right one deeper by the detuning."""
    x, y = (c - side / 2 for c, side in zip(grid.mesh(), grid.sides, strict=True))
    left, right = (np.exp(-((x - a) ** 2 + y**2) / (2 * width**2)) for a in (-distance / 2, distance / 2))
    between = np.exp(-(x**2) / (2 * wall**2))

    def v_of(detuning, barrier=0.0):
        return -(depth - detuning / 2) * left - (depth + asymmetry + detuning / 2) * right + barrier * between

    return v_of


# Limits and independent solutions


def test_weak_coupling_is_that_of_the_hubbard_model():
    """J = 4 t^2 (U - U') / [(U - U')^2 - d^2] with the difference d of the site energies, for weak repulsion."""
    grid, weak = Grid(32, 120.0), Material(0.067, 400.0)
    v_of = double_dot(grid, 52.0, width=11.0)
    found = exchange_sweep(v_of, [0.0, 1.5e-4, 3e-4], grid, weak)
    for detuning, J, error in zip(found.detuning, found.J, found.errors, strict=True):
        c = hubbard(v_of(detuning), grid, weak, compare=False).couplings
        onsite, d, t = c.U.mean() - c.U_prime[0, 1], c.site_energy[0] - c.site_energy[1], c.t[0, 1]
        assert J == pytest.approx(4 * t**2 * onsite / (onsite**2 - d**2), rel=0.03)
        assert error < 0.06 * J
    assert found.J[2] > 1.3 * found.J[0]


def test_the_quartic_dot_is_that_of_four_dimensions():
    """A double well x^4 on points of two electrons, without orbitals; its error on 14^4 points is below 0.4 %."""
    length, grid, half = 9.0, Grid(36, 9.0), 1.2

    def v_of(detuning, x=None, y=None):
        x, y = (c - 4.5 for c in (grid.mesh() if x is None else (x, y)))
        quartic = ((x**2 - half**2) ** 2 / (4 * half**2) + y**2) / 2
        return 8 * np.tanh(quartic / 8) + detuning * x / (2 * half)

    found = exchange_sweep(v_of, [0.1, 0.3, 0.5], grid, ATOMIC, interaction=Interaction(thickness=0.5))
    exact = [
        four_dimensional(lambda x, y: v_of(0.35, x, y), lambda r: 1 / np.hypot(r, 0.5), length, 14, spin).energy
        for spin in (SINGLET, TRIPLET)
    ]
    J, error = found.at(0.35)
    assert abs(J - (exact[1] - exact[0])) <= error + 4e-3 * J
    assert error < 0.03 * J


def test_slopes_are_those_of_hellmann_and_feynman():
    """dJ / d detuning is the integral of (n_triplet - n_singlet) dV / d detuning, up to the error of the densities."""
    v_of = double_dot(GRID, asymmetry=0.002)
    found = exchange_sweep(v_of, (-6e-3, 6e-3), GRID, GAAS, points=7, divisions=1)
    for detuning in (-4.5e-3, 1e-3, 4e-3):
        wave = solve(v_of(detuning), GRID, 2, GAAS, wavefunction=True, **PRESETS["converged"]).wavefunction
        n = [sum(wave.density(state))[0] for state in (0, 1)]
        expected = GRID.integrate((n[1] - n[0]) * (v_of(1e-3) - v_of(0.0)) / 1e-3)
        slope, error = found.slope(detuning)
        assert abs(slope - expected) <= error + 0.02 * np.abs(found.slope([-6e-3, 6e-3])[0]).max()
        assert error < 0.2 * np.abs(found.slope([-6e-3, 6e-3])[0]).max()


# Sweet spots and laws


@pytest.mark.parametrize(("material", "distance"), [(GAAS, 36.0), (INAS, 44.0)])
def test_a_symmetric_dot_has_its_sweet_spot_in_the_middle(material, distance):
    found = exchange_sweep(double_dot(SMALL, distance), (-5e-3, 8e-3), SMALL, material, points=6, divisions=1)
    (spot,) = found.sweet_spots()
    assert abs(spot.detuning) <= spot.error < 5e-4
    assert spot.curvature > 0 and spot.J_error < 0.1 * spot.J
    assert abs(found.slope(0.0)[0]) <= found.slope(0.0)[1]
    np.testing.assert_allclose(found.at([2e-3, 4e-3])[0], found.at([-2e-3, -4e-3])[0], rtol=5e-3)
    sizes = np.abs(found.imbalance)
    assert (sizes[:, TRIPLET] < sizes[:, SINGLET]).all() and (np.diff(found.imbalance, axis=0) < 0).all()
    np.testing.assert_allclose(found.charges.sum(-1), 2.0, rtol=1e-9)


def test_the_lowest_state_of_two_electrons_is_a_singlet():
    """Without a magnetic field the ground state has no node: J is positive, or so within its bar."""
    for material, seed in ((GAAS, 0), (SI, 1), (INAS, 2)):
        rng = np.random.default_rng(seed)
        v_of = double_dot(
            SMALL, rng.uniform(30, 60), rng.uniform(0.01, 0.04), rng.uniform(10, 16), rng.uniform(0, 4e-3)
        )
        found = exchange_sweep(v_of, [-2e-3, 0.0, 4e-3], SMALL, material, **FEW)
        assert (found.J > -found.errors).all()


def test_a_barrier_lowers_the_coupling_and_has_a_slope():
    v_of = double_dot(SMALL)
    found = exchange_sweep(v_of, [-3e-3, 0.0, 4e-3], SMALL, GAAS, barrier=np.linspace(0, 1.2e-2, 6), n_orbitals=6)
    assert found.J.shape == (3, 6) and found.charges.shape == (3, 6, 2, 2)
    assert (np.diff(found.J, axis=1) < 0).all()
    slope, error = found.slope(0.0, 6e-3, along="barrier")
    halves = [
        exchange_sweep(v_of, [-1e-3, 0.0, 1e-3], SMALL, GAAS, barrier=b, n_orbitals=6).at(0.0)[0] for b in (5e-3, 7e-3)
    ]
    assert abs(slope - (halves[1] - halves[0]) / 2e-3) <= error < 0.5 * abs(slope)
    (spot,) = found.sweet_spots(barrier=3e-3)
    assert abs(spot.detuning) <= spot.error


# Error bars


def assert_larger_calculations_agree(v_of_grid, grid, finer, material, detuning, **options):
    """J, its slope and its sweet spots with 1.5 times the points and 24 orbitals are within the error bars."""
    rough, better = (
        exchange_sweep(v_of_grid(g), detuning, g, material, **options, **more)
        for g, more in ((grid, {}), (finer, {"n_orbitals": 24}))
    )
    places = np.linspace(detuning[0], detuning[-1], 13)
    for method in ("at", "slope"):
        (a, bars), (b, _) = getattr(rough, method)(places), getattr(better, method)(places)
        assert (np.abs(a - b) <= bars).all()
    for first, second in zip(rough.sweet_spots(), better.sweet_spots(), strict=True):
        assert abs(first.detuning - second.detuning) <= first.error + second.error


HARD = {
    "small J": (GAAS, 50.0, 0.03, 14.0, 170.0, Interaction()),
    "asymmetric": (GAAS, 40.0, 0.03, 13.0, 150.0, Interaction()),
    "metal plane": (GAAS, 36.0, 0.03, 14.0, 150.0, Interaction(gate_distance=30.0)),
    "thick": (GAAS, 36.0, 0.03, 14.0, 150.0, Interaction(thickness=8.0)),
    "silicon": (SI, 30.0, 0.02, 10.0, 100.0, Interaction()),
    "indium arsenide": (INAS, 70.0, 0.03, 28.0, 300.0, Interaction()),
    "germanium": (Material(0.05, 16.2), 50.0, 0.02, 18.0, 200.0, Interaction()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
def test_error_bars_contain_larger_calculations(name):
    material, distance, depth, width, side, interaction = HARD[name]
    assert_larger_calculations_agree(
        lambda grid: double_dot(grid, distance, depth, width, asymmetry=0.002),
        Grid(32, side),
        Grid(48, side),
        material,
        np.linspace(-8e-3, 8e-3, 7),
        interaction=interaction,
    )


@pytest.mark.slow
def test_error_bars_contain_finer_calculations():
    assert_larger_calculations_agree(
        lambda grid: double_dot(grid, asymmetry=0.002),
        Grid(24, 130.0),
        Grid(32, 130.0),
        GAAS,
        np.linspace(-4e-3, 4e-3, 5),
    )


def steps(grid, left=18.0, right=17.0, depth=0.012, distance=44.0):
    """A function of the detuning: two wells with vertical sides, the first round and the second square."""
    x, y = (c - side / 2 for c, side in zip(grid.mesh(), grid.sides, strict=True))
    circle = (x + distance / 2) ** 2 + y**2 < left**2
    square = np.maximum(np.abs(x - distance / 2), np.abs(y)) < right

    def v_of(detuning):
        return -(depth - detuning / 2) * circle - (depth + detuning / 2) * square

    return v_of


@pytest.mark.slow
@pytest.mark.parametrize("right", [15.6, 17.0, 18.4])
def test_error_bars_contain_the_places_of_steps(right):
    """The same circle and square on four times the points per side; the bars are not far wider."""
    grid, finer = Grid(28, 120.0), Grid(112, 120.0)
    nodes = [-1e-3, 0.0, 1e-3]
    found = exchange_sweep(steps(grid, right=right), nodes, grid, GAAS)
    fine = exchange_sweep(steps(finer, right=right), nodes, finer, GAAS)
    assert (np.abs(found.J - fine.J) <= found.errors).all()
    assert (found.errors < 20 * np.abs(found.J - fine.J)).all() and (fine.errors < found.errors / 2).all()


@pytest.mark.slow
def test_few_or_unrefined_orbitals_keep_the_error_of_the_gap():
    """The part for J was measured in refined orbitals with the cusp; all others have the whole error of the gap."""
    grid = Grid(36, 150.0)
    for changes in ({"n_orbitals": 8}, {"cusp": False}, {"refinements": 0}, {"refinements": 2}):
        options = PRESETS["converged"] | changes
        found = exchange_sweep(double_dot(grid), [-1e-3, 0.0, 1e-3], grid, GAAS, **options)
        gap = solve(double_dot(grid)(0.0), grid, 2, GAAS, **options).gap_error
        assert found.errors[1] >= gap
    found = exchange_sweep(double_dot(grid), [-1e-3, 0.0, 1e-3], grid, GAAS)
    assert found.errors[1] < solve(double_dot(grid)(0.0), grid, 2, GAAS, **PRESETS["converged"]).gap_error


def test_sine_functions_are_given_for_each_side_of_a_rectangle():
    """Half the points along each side are the default."""
    v_of, grid = double_dot(Grid((20, 12), (150.0, 90.0))), Grid((20, 12), (150.0, 90.0))
    given, default = (exchange_sweep(v_of, [0.0, 1e-3, 2e-3], grid, GAAS, n_modes=n, **FEW) for n in ((10, 6), None))
    np.testing.assert_allclose(given.J, default.J, rtol=1e-9)
    np.testing.assert_allclose(given.coarse, default.coarse, rtol=1e-9)


# Caches and processes


def test_kept_results_are_those_of_their_settings(tmp_path):
    v_of, grid = double_dot(Grid(12, 150.0)), Grid(12, 150.0)
    first = exchange_sweep(v_of, [-1e-3, 0.0, 1e-3], grid, GAAS, cache=tmp_path, **FEW)
    again = exchange_sweep(v_of, [-1e-3, 0.0, 1e-3], grid, GAAS, cache=tmp_path, **FEW)
    np.testing.assert_array_equal(first.J, again.J)
    assert len(list(tmp_path.iterdir())) == 3
    exchange_sweep(v_of, [-1e-3, 0.0, 1e-3], grid, GAAS, cache=tmp_path, **FEW | {"n_orbitals": 8})
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.slow
def test_processes_change_no_result():
    v_of, grid = double_dot(Grid(12, 150.0)), Grid(12, 150.0)
    one, two = (exchange_sweep(v_of, [-1e-3, 0.0, 1e-3], grid, GAAS, processes=p, threads=1, **FEW) for p in (1, 2))
    np.testing.assert_array_equal(one.J, two.J)


# States


@pytest.mark.parametrize(
    ("energies", "spins", "J"),
    [
        ([1.0, 3.0], [0.0, 1.0], 2.0),
        ([1.0, 3.0], [1.0, 0.0], -2.0),
        ([1.0, 2.0, 4.0], [0.0, 0.0, 1.0], 3.0),
        ([1.0, 1.0], [0.4, 0.6], 0.0),  # a singlet and a triplet of one energy
        ([1.0, 4.0, 4.0], [0.0, 0.6, 0.4], 3.0),
        ([1.0, 2.0], [0.0, 0.0], np.nan),
    ],
)
def test_spins_decide_and_not_the_order_of_the_states(energies, spins, J):
    np.testing.assert_equal(_splitting(np.array(energies), np.array(spins))[0], J)


def test_a_triplet_above_two_singlets_is_found(monkeypatch):
    """With a singlet and the triplet exchanged in the first call, the further states contain it."""
    v_of, grid = double_dot(Grid(16, 150.0)), Grid(16, 150.0)
    expected = exchange_sweep(v_of, [0.0, 1e-3, 2e-3], grid, GAAS, **FEW)

    def hidden(*arguments, **options):
        found = solve(*arguments, **options)
        if "n_states" not in options and len(found.spins):
            found.spins[...] = 0.0
        return found

    monkeypatch.setattr("solvers.quantum_dots.exchange_points.solve", hidden)
    found = exchange_sweep(v_of, [0.0, 1e-3, 2e-3], grid, GAAS, **FEW)
    np.testing.assert_allclose(found.J, expected.J, rtol=1e-6)
    np.testing.assert_allclose(found.fewer, expected.fewer, rtol=1e-6)
    assert (found.errors > expected.errors).all() and (found.trusted == expected.trusted).all()


def test_dots_far_apart_have_no_coupling():
    grid = Grid(40, 160.0)
    found = exchange_sweep(double_dot(grid, 90.0, width=8.0), [-1e-3, 0.0, 1e-3], grid, GAAS, **FEW)
    assert (np.abs(found.J) <= found.errors).all() and (found.errors < 1e-6).all()
    np.testing.assert_allclose(found.charges[1], 1.0, atol=1e-3)
    assert not found.logarithmic and np.isfinite(found.at(0.5e-3)).all()
