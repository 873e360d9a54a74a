"""Dipoles and Dyson orbitals against second quantisation, closed forms and sum rules, and the error bars of spectra."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from analytic import ATOMIC, GAAS
from dots import GRID, smooth_potential, trap
from exact import line
from fock_space import annihilators, fock_rows

from solvers import Grid, Material, dipole, dipole_matrix, dyson_amplitudes, excitations, solve, tunnelling
from solvers.quantum_dots import spectroscopy
from solvers.quantum_dots.configuration_interaction import spin_block
from solvers.quantum_dots.spectroscopy import _exchanged, _matched, _near, _of_levels


def waves(n_electrons, m=4, n_states=4, v=None, grid=GRID):
    v = smooth_potential(3) if v is None else v
    return solve(v, grid, n_electrons, GAAS, m, n_states=n_states, wavefunction=True)


def well(x, y, depth, a, s_x, y_0=0.0, s_y=8.0):
    """A Gaussian well at (a, 20 + y_0) nm."""
    return -depth * np.exp(-((x - a) ** 2) / (2 * s_x**2) - (y - 20 - y_0) ** 2 / (2 * s_y**2))


def disc(x, y, a, radius):
    """Whether points lie in a disc at (a, 24) nm."""
    return np.hypot(x - a, y - 24) < radius


def line_moment(potential, length, mass, points=20001):
    """The two lowest levels (eV) on a line between hard walls and |<0|x|1>| (nm), by finite differences."""
    x = np.linspace(0, length, points + 2)[1:-1]
    t = 0.0380998212 / mass / (x[1] - x[0]) ** 2
    levels, states = scipy.linalg.eigh_tridiagonal(
        2 * t + potential(x), np.full(points - 1, -t), select="i", select_range=(0, 1)
    )
    return levels, abs(float(states[:, 0] @ (x * states[:, 1])))


# Second quantisation


@pytest.mark.parametrize("n_electrons", [2, 3, 4])
def test_amplitudes_are_those_of_second_quantisation(n_electrons):
    m = 4
    fewer, more = (waves(n).wavefunction for n in (n_electrons - 1, n_electrons))
    np.testing.assert_allclose(fewer.orbitals, more.orbitals, atol=1e-12)  # else the next test
    found = dyson_amplitudes(fewer, more)
    a, states = annihilators(2 * m), []
    for wave in (fewer, more):
        whole = np.zeros((wave.n_states, 4**m))
        whole[:, fock_rows(spin_block(m, wave.n_electrons))] = wave.vectors[0, : wave.n_states]
        states.append(whole)
    spin = m if n_electrons % 2 == 0 else 0
    expected = np.stack([states[0] @ a[p + spin] @ states[1].T for p in range(m)], axis=-1)
    sign = np.sign((found * expected).sum())  # of the operators before those of this spin
    np.testing.assert_allclose(found, sign * expected, atol=1e-10)


def tensor(wave, state=0):
    """Antisymmetric amplitudes psi[up ..., down ...] of orbitals, normalised to one."""
    m, block = wave.orbitals.shape[1], spin_block(wave.orbitals.shape[1], wave.n_electrons)
    c = wave.vectors[0, state].reshape(block.up.count, block.down.count)
    whole = []
    for spin in block:
        basis = np.zeros((spin.count, *[m] * spin.n_electrons))
        for row, string in zip(basis, spin.index, strict=True):
            row[string] = 1.0 if spin.n_electrons < 2 else 0.5**0.5
            if spin.n_electrons == 2:
                row[string[::-1]] = -(0.5**0.5)
        whole.append(basis)
    return np.tensordot(np.tensordot(c, whole[0], (0, 0)), whole[1], (0, 0))


def test_amplitudes_between_different_orbitals():
    """Three and two electrons, four and three, with refined orbitals of their own, in first quantisation."""
    options = {"refinements": 1, "n_states": 2, "wavefunction": True}
    two, three, four = (solve(smooth_potential(3), GRID, n, GAAS, m, **options) for n, m in ((2, 5), (3, 4), (4, 5)))
    two, three, four = (s.wavefunction for s in (two, three, four))

    def overlap(a, b):
        return np.einsum("pij,qij->pq", a.orbitals[0], b.orbitals[0]) * GRID.cell_area

    s = overlap(two, three)
    assert np.abs(s[:4] - np.eye(4)).max() > 1e-3
    expected = 2**0.5 * np.einsum("ab,aq,bs,pqs->p", tensor(two), s, s, tensor(three))
    found = dyson_amplitudes(two, three)[0, 0]
    np.testing.assert_allclose(found * np.sign(found @ expected), expected, atol=1e-10)
    s = overlap(three, four)
    expected = 2**0.5 * np.einsum("abc,ap,bq,cs,pqst->t", tensor(three), s, s, s, tensor(four), optimize=True)
    found = dyson_amplitudes(three, four)[0, 0]
    np.testing.assert_allclose(found * np.sign(found @ expected), expected, atol=1e-10)


def test_diagonal_of_the_dipoles_is_that_of_the_densities():
    wave = waves(3, m=6).wavefunction
    found = dipole_matrix(wave)
    for state in range(3):
        expected = dipole(sum(wave.density(state))[0], GRID)
        np.testing.assert_allclose(found[:, state, state], expected, atol=1e-9)
    np.testing.assert_array_equal(found, found.swapaxes(1, 2))


def test_dipoles_obey_completeness():
    """sum_k <0|x|k>^2 = <0|x^2|0> of all states, here of two electrons in the determinants of four orbitals."""
    wave = waves(2, n_states=16).wavefunction
    found = dipole_matrix(wave)[0]
    m = np.einsum("pij,qij->pq", *[wave.orbitals[0], wave.orbitals[0] * (GRID.x[:, None] - 15)]) * GRID.cell_area
    c = wave.vectors[0, 0].reshape(4, 4)
    moved = m @ c + c @ m
    assert (found[0] ** 2).sum() == pytest.approx((moved**2).sum(), rel=1e-9)
    np.testing.assert_allclose((found @ found)[0, 0], (moved**2).sum(), rtol=1e-9)


# Tunnelling


def test_one_electron_leaves_its_orbital():
    wave = waves(1).wavefunction
    found = tunnelling(smooth_potential(3), GRID, 1, GAAS, n_orbitals=4, refinements=0)
    assert found.factors[0] == pytest.approx(1.0, abs=1e-9) and found.spin == "up"
    np.testing.assert_allclose(np.abs(found.orbitals[0]), np.abs(wave.orbitals[0, 0]), atol=1e-9)
    assert found.energies[0] == pytest.approx(waves(1).energy, abs=1e-9)


@pytest.mark.parametrize(("n_electrons", "total", "all_states"), [(2, 1, 4), (3, 2, 16), (4, 2, 24)])
def test_factors_of_all_states_are_the_electrons_of_the_spin(n_electrons, total, all_states):
    found = dyson_amplitudes(waves(n_electrons - 1, n_states=all_states).wavefunction, waves(n_electrons).wavefunction)
    np.testing.assert_allclose((found**2).sum((0, 2)), total, atol=1e-9)


def test_factor_of_weakly_interacting_electrons():
    """1 without interaction, and less the stronger it is."""
    factors = []
    for eps in (1e5, 4.0):
        found = tunnelling(smooth_potential(3), GRID, 2, Material(0.067, eps), n_states=1, n_orbitals=6)
        factors.append(found.factors[0])
        assert found.factor_errors[0] < 0.1
        assert GRID.integrate(found.orbitals[0] ** 2) == pytest.approx(found.factors[0], abs=1e-9)
    assert factors[0] == pytest.approx(1.0, abs=1e-6)
    assert (np.diff(factors) < 0).all() and factors[-1] < 0.97


@pytest.mark.slow
def test_error_of_a_factor_covers_more_orbitals():
    v, grid = trap(1.0, n=24)
    few, many = (tunnelling(v, grid, 2, ATOMIC, n_states=2, n_orbitals=m) for m in (8, 15))
    assert (np.abs(few.factors - many.factors) <= few.factor_errors).all()
    assert (few.factor_errors < 0.2).all()
    assert abs(few.energies[0] - (3.0 - 1.0)) <= few.energy_errors[0]  # Taut: 3; one electron: 1


# Excitations


@pytest.mark.parametrize("n_electrons", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_only_the_centre_of_mass_of_a_parabola_absorbs(n_electrons):
    """Kohn 1961: N electrons at omega_x and omega_y with f = N, at no other energy."""
    grid = Grid(32, 14.0)
    x, y = (c - 7.0 for c in grid.mesh())
    found = excitations((x**2 + 2 * y**2) / 2, grid, n_electrons, ATOMIC, 6 if n_electrons < 3 else 8)
    for axis, omega in ((0, 1.0), (1, 2**0.5)):
        close = np.abs(found.energies - omega) < 0.08
        near, rest = found.strengths[close, axis], found.strengths[~close, axis]
        assert near.sum() == pytest.approx(n_electrons, rel=0.05)
        assert (rest < 0.02 * n_electrons).all()
        mode = np.argmax(found.strengths[:, axis])
        assert abs(found.energies[mode] - omega) <= found.energy_errors[mode] + 1e-6
        assert found.dipoles[mode, axis] == pytest.approx(np.sqrt(n_electrons / (2 * omega)), rel=0.1)
    assert found.s_z == (n_electrons % 2) / 2


def test_strengths_of_a_box():
    """f = 256 / (27 pi^2) of the first transition of a box along x, and nothing to the second; they sum to 1."""
    grid = Grid(32, 10.0)
    found = excitations(np.zeros((32, 32)), grid, 1, GAAS, n_states=24, n_orbitals=30)
    first = np.argmax(found.strengths[:, 0])
    assert 2 * found.strengths[first, 0] == pytest.approx(256 / (27 * np.pi**2), rel=1e-4)  # two states in a level
    assert found.strengths[:, 0].sum() == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(found.strengths[:, 0], found.strengths[:, 1], atol=1e-9)  # the square has no direction


def test_error_of_a_strength_is_bounded_by_the_sum_over_states():
    """In a double dot levels exchange their order with fewer orbitals, which made a bar of three times the sum."""
    grid = Grid(n=24, extent=120.0)
    x, y = grid.mesh()
    V = -0.02 * sum(np.exp(-((x - a) ** 2 + (y - 60) ** 2) / 450) for a in (40, 80))
    found = excitations(V, grid, 2, GAAS)
    other = excitations(V, grid, 2, GAAS, n_orbitals=18)
    inside = np.where(found.strengths > 1, found.strengths, 2 - found.strengths)
    assert (found.strength_errors <= inside + 1e-12).all() and found.strength_errors.max() > 1
    assert (np.abs(found.strengths - other.strengths)[1] <= found.strength_errors[1] + 1e-6).all()


def test_errors_within_the_ground_level_are_no_larger_than_the_dipoles():
    """Three electrons in a round dot: two states of the ground level, between which no energy divides an error."""
    x, y = (c - 7.0 for c in Grid(28, 14.0).mesh())
    found = excitations((x**2 + y**2) / 2, Grid(28, 14.0), 3, ATOMIC, n_states=2, n_orbitals=8)
    assert found.energies[0] < 1e-9 and found.dipoles[0].max() < 1e-6
    assert (found.dipole_errors[0] < 1e-5).all()


@pytest.mark.parametrize("seed", range(4))
def test_errors_cover_walls_between_points(seed):
    """All boxes with their walls between the same points have the same V on the grid, and different levels."""
    rng, wall, side = np.random.default_rng(seed), 0.3, 130.0
    grid = Grid(int(rng.integers(32, 56)), side)
    halves = rng.uniform(25, 45, 2)
    inside = [np.abs(c - side / 2) < half for c, half in zip(grid.mesh(), halves, strict=True)]
    V = wall * (~inside[0] + 0.0) + wall * (~inside[1] + 0.0)
    walls = [lambda x, half=half: np.where(np.abs(x - side / 2) < half, 0, wall) for half in halves]
    along, across = (line(of_x, side, GAAS.m_eff, 3) for of_x in walls)
    exact = np.sort(np.add.outer(along, across).ravel())[:4]
    found = excitations(V, grid, 1, GAAS, n_states=3)
    errors = np.abs(found.energies - (exact[1:] - exact[0]))
    assert (errors <= found.energy_errors).all() and (found.energy_errors < 0.3 * found.energies).all()
    assert errors.max() > 0.005 * found.energies.max()


@pytest.mark.parametrize("n", [20, 32])
def test_errors_cover_a_kink_between_points(n):
    """Two parabolas that meet at a barrier: V is separable, and its kink aliases on any grid."""
    grid, material = Grid((2 * n, n), (120.0, 60.0)), Material((0.19, 0.916), 11.7)
    x, y = grid.mesh()
    V = 2e-5 * ((np.abs(x - 60.4) - 22) ** 2 + (y - 30) ** 2)
    low, high = line(lambda x: 2e-5 * (np.abs(x - 60.4) - 22) ** 2, 120.0, 0.19, 2)
    found = excitations(V, grid, 1, material, n_states=1)
    error = abs(found.energies[0] - (high - low))
    assert 1e-3 * (high - low) < error <= found.energy_errors[0] < 0.05 * (high - low)


@pytest.mark.parametrize("seed", [3, 6, 8])
def test_errors_cover_walls_of_two_wells_between_points(seed):
    """Walls decide how far the states of two wells mix, and their levels are apart; the exact V is separable."""
    rng, material, side = np.random.default_rng(seed), Material(0.1, 12.0), 100.0
    grid, left = Grid((int(rng.integers(36, 56)), 24), (side, 40.0)), rng.uniform(10, 14)
    right, gap, wall = left + rng.uniform(-0.6, 0.6), rng.uniform(4, 9), rng.uniform(0.05, 0.2)

    def across(c):
        inside = (np.abs(c - 50 + gap / 2 + left) < left) | (np.abs(c - 50 - gap / 2 - right) < right)
        return np.where(inside, 0.0, wall)

    x, y = grid.mesh()
    levels, moment = line_moment(across, side, 0.1)
    strength = (levels[1] - levels[0]) * moment**2 * 0.1 / 0.0380998212
    found = excitations(across(x) + 5e-4 * (y - 20) ** 2, grid, 1, material, n_states=1)
    assert abs(found.energies[0] - (levels[1] - levels[0])) <= found.energy_errors[0]
    assert abs(found.dipoles[0, 0] - moment) <= found.dipole_errors[0, 0]
    assert abs(found.strengths[0, 0] - strength) <= found.strength_errors[0, 0]


@pytest.mark.parametrize(
    ("n", "V_of"),
    [
        pytest.param((32, 20), lambda x, y: well(x, y, 0.05, 26, 8) + well(x, y, 0.03, 54, 14, 6, 9), id="few points"),
        pytest.param((40, 24), lambda x, y: np.where(disc(x, y, 30, 9.6) | disc(x, y, 50, 9.7), 0, 0.06), id="walls"),
    ],
)
def test_errors_of_factors_cover_a_finer_grid(n, V_of):
    """Factors of small weight change with those of large weight, and by the mixing of the states that are left."""
    material, sides = Material((0.19, 0.916) if n == (32, 20) else 0.19, 11.7), (80.0, 48.0)
    coarse, fine = (
        tunnelling(V_of(*Grid(m, sides).mesh()), Grid(m, sides), 2, material, n_states=3, n_orbitals=8)
        for m in (n, (96, 60))
    )
    changes = np.abs(coarse.factors - fine.factors)
    assert changes.max() > 1e-3 and (changes <= coarse.factor_errors).all()
    assert (np.abs(coarse.energies - fine.energies) <= coarse.energy_errors).all()


def test_errors_of_energies_cover_all_pairs_of_levels_of_three_wells():
    """Walls between points decide how three discs are detuned; on few points four levels are within 7 µeV."""
    discs = [(62.37, 49.73, 10.40), (32.22, 57.68, 10.53), (40.40, 27.60, 10.05)]
    coarse, fine = (
        excitations(
            np.where(np.any([np.hypot(x - a, y - b) < r for a, b, r in discs], axis=0), 0.0, 1.1),
            grid,
            2,
            Material(m_eff=0.067, eps_r=12.9),
            n_states=3,
            n_orbitals=10,
        )
        for grid in (Grid(36, 90.0), Grid(120, 90.0))
        for x, y in [grid.mesh()]
    )
    changes = np.abs(coarse.energies - fine.energies)
    assert changes.max() > 1e-3 > coarse.energies.max() and (changes <= coarse.energy_errors).all()


def test_triplets_are_dark():
    found = excitations(smooth_potential(3), GRID, 2, GAAS, n_states=6, n_orbitals=8)
    triplet = np.abs(found.spins - 1) < 1e-3
    assert triplet.any() and (found.dipoles[triplet] < 1e-6).all() and found.ground_spin == pytest.approx(0, abs=1e-4)
    assert (found.dipoles[~triplet] > 1e-4).any(axis=1).all()


# Pieces


def test_values_of_a_level_are_averaged():
    energies = np.array([0.0, 1.0, 1.0 + 1e-9, 2.0])
    found = _of_levels(energies, np.array([[1.0], [2.0], [4.0], [5.0]]))
    np.testing.assert_array_equal(found[:, 0], [1.0, 3.0, 3.0, 5.0])


def test_states_are_matched_by_spin():
    found = _matched(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]), np.array([[1.0], [2.0], [3.0]]))
    np.testing.assert_array_equal(found[:, 0], [1.0, 3.0, 2.0, np.nan])


def test_bad_arguments_are_refused(monkeypatch):
    one, two = (waves(n).wavefunction for n in (1, 2))
    with pytest.raises(ValueError, match="fewer: expected 0 electrons on the grid of more, got 2"):
        dyson_amplitudes(two, one)
    with pytest.raises(ValueError, match="fewer: expected a wavefunction of 1 electrons, got None"):
        dyson_amplitudes(None, two)
    with pytest.raises(ValueError, match="fewer: expected 1 electrons on the grid"):
        dyson_amplitudes(replace(one, grid=Grid(32, 29.0)), two)
    with pytest.raises(ValueError, match="wave: expected a solve"):
        dipole_matrix(waves(1))
    with pytest.raises(ValueError, match=r"system: expected a whole number in 0 \.\.\. 0"):
        dipole_matrix(two, 1)
    with pytest.raises(ValueError, match=r"V: expected an array of numbers of shape \(32, 32\)"):
        excitations(np.zeros((2, 32, 32)), GRID, 1, GAAS)
    with pytest.raises(ValueError, match="n_states: expected a whole number of at least 1"):
        tunnelling(smooth_potential(), GRID, 1, GAAS, n_states=0)
    monkeypatch.setattr(spectroscopy, "_twice", None)  # errors come before all work
    for n_states in (14, 10**6):
        with pytest.raises(
            ValueError, match=rf"n_states: expected a whole number in 1 \.\.\. 13, got {n_states}\. N = 1"
        ):
            excitations(smooth_potential(), GRID, 1, GAAS, n_states=n_states)
    for function in (excitations, tunnelling):
        with pytest.raises(ValueError, match="foo: expected an option of solve"):
            function(smooth_potential(), GRID, 2, GAAS, foo=1)
    with pytest.raises(ValueError, match=r"n_states: expected a whole number in 1 \.\.\. 14, got 15. N = 1"):
        tunnelling(smooth_potential(), GRID, 2, GAAS, n_states=15)


def test_states_closer_than_their_errors_may_be_each_other():
    """The second and the fourth are of one spin and 1 apart, the third has another spin, the first is far."""
    energies, errors = np.array([1.0, 3.0, 3.5, 4.0]), np.array([0.1, 0.2, 1.5, 1.1])
    near = _near(energies, errors, np.array([0.0, 0.0, 1.0, 4e-9]))
    assert {(int(j), int(k)) for j, k in np.argwhere(near)} == {(j, j) for j in range(4)} | {(1, 3), (3, 1)}
    strengths = np.array([[0.5, 0.0], [0.01, 0.2], [1.0, 0.0], [0.19, 0.0]])
    wanted = [[0.0, 0.0], [0.18, 0.2], [0.0, 0.0], [0.18, 0.2]]
    np.testing.assert_allclose(_exchanged(strengths, near), wanted, atol=1e-12)
    assert not _near(energies, np.full(4, np.nan), np.zeros(4)).any()
