"""The many-electron state: densities of single states and of pairs, natural orbitals."""

import numpy as np
import pytest
from analytic import ATOMIC, GAAS, SI
from dots import GRID, smooth_potential, square_potential, trap
from pyscf_states import Exact

from solvers import PRESETS, backend, solve

# PySCF on the same integrals


@pytest.mark.parametrize("n_electrons", [2, 3, 4])
@pytest.mark.parametrize("state", [0, 2])
def test_states_of_the_wavefunction_against_pyscf(n_electrons, state):
    v = smooth_potential(10 + n_electrons)
    solution = solve(v, GRID, n_electrons, GAAS, 6, n_states=4, refinements=1, wavefunction=True)
    wave, exact = solution.wavefunction, Exact(v, GRID, n_electrons, GAAS, solution, 4)
    assert np.abs(np.diff(exact.energies)).min() > 1e-5
    functions = wave.orbitals[0]
    up, down = exact.one_particle(state)
    for found, gamma in zip(wave.density(state), (up, down), strict=True):
        expected = np.einsum("pq,pxy,qxy->xy", gamma, functions, functions, optimize=True)
        np.testing.assert_allclose(found[0], expected, atol=1e-6 * expected.max())
    occupations, natural = wave.natural_orbitals(state)
    np.testing.assert_allclose(occupations[0], np.linalg.eigvalsh(up + down)[::-1], atol=1e-6)
    i, j = 9, 20
    here = functions[:, i, j]
    expected = np.einsum(
        "pqrs,p,q,rxy,sxy->xy", exact.two_particle(state), here, here, functions, functions, optimize=True
    )
    found = wave.pair_density(GRID.x[i], GRID.x[j], state)[0]
    np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max())


# Densities of pairs


@pytest.mark.parametrize("n_electrons", [1, 2, 3, 4])
def test_pair_density_obeys_its_sum_rule(n_electrons):
    solution = solve(smooth_potential(1), GRID, n_electrons, GAAS, 6, refinements=1, wavefunction=True)
    for x, y in ((5.0, 7.0), (15.0, 15.0), (29.9, 0.1)):
        pair = solution.wavefunction.pair_density(x, y)[0]
        here = solution.density[int(x / GRID.dx), int(y / GRID.dx)]
        assert GRID.integrate(pair) == pytest.approx((n_electrons - 1) * here, abs=1e-12)
        assert pair.min() >= -1e-14


def test_pair_density_is_symmetric():
    wave = solve(smooth_potential(1), GRID, 3, SI, 6, wavefunction=True).wavefunction
    places = [(4, 9), (20, 17), (11, 30), (16, 16)]
    found = np.array([[wave.pair_density(GRID.x[i], GRID.x[j])[0][p] for p in places] for i, j in places])
    np.testing.assert_allclose(found, found.T, atol=1e-15)
    assert np.ptp(found) > 1e-6


@pytest.mark.parametrize("state", [0, 1])
def test_pair_density_of_two_electrons_is_the_square_of_psi(state):
    """psi(r1, r2) = sum C_pq phi_p(r1) phi_q(r2), one up and one down; an excited triplet has a hole at r1 = r2."""
    solution = solve(smooth_potential(2), GRID, 2, GAAS, 6, wavefunction=True)
    wave = solution.wavefunction
    c, functions = wave.vectors[0, state].reshape(6, 6), wave.orbitals[0]
    np.testing.assert_allclose(solution.spins, [0, 1], atol=1e-5)
    middle = np.unravel_index(np.argmax(solution.density), (32, 32))
    for i, j in (middle, (20, 5)):
        here = functions[:, i, j]
        first, second = (np.einsum("p,pxy->xy", a, functions) for a in (c.T @ here, c @ here))
        found = wave.pair_density(GRID.x[i], GRID.x[j], state)[0]
        np.testing.assert_allclose(found, first**2 + second**2, atol=1e-15)
        if state == 1:
            assert found[i, j] < 1e-12
        elif (i, j) == middle:
            assert found[i, j] > 0.01 * found.max()


def test_electrons_avoid_each_other():
    """Two electrons in a weak trap sit on opposite sides."""
    v, grid = trap(0.1, n=32)
    wave = solve(v, grid, 2, ATOMIC, wavefunction=True, **PRESETS["converged"]).wavefunction
    middle = grid.extent / 2
    pair = wave.pair_density(middle + 3.0, middle)[0]
    x, _ = grid.mesh()
    assert grid.integrate(np.where(x < middle, pair, 0)) > 0.8 * grid.integrate(pair)


@pytest.mark.parametrize("place", [(-0.1, 3.0), (3.0, 30.1), (30.001, 3.0), (1e9, 1e9), (np.nan, 3.0), (np.inf, 3.0)])
def test_pair_density_outside_the_square_is_refused(place):
    wave = solve(smooth_potential(), GRID, 2, GAAS, 3, wavefunction=True).wavefunction
    with pytest.raises(ValueError, match=r"[xy]: expected a number in \[0, 30\].*in the square"):
        wave.pair_density(*place)


# The wavefunction


def test_wavefunction_is_kept_only_if_asked_for():
    assert solve(smooth_potential(), GRID, 2, GAAS, 3).wavefunction is None


@pytest.mark.parametrize("refinements", [0, 1])
@pytest.mark.parametrize("n_electrons", [1, 2, 3])
def test_wavefunction_holds_the_solution(n_electrons, refinements):
    v = np.stack([smooth_potential(seed) for seed in range(4)]).reshape(2, 2, 32, 32)
    solution = solve(v, GRID, n_electrons, GAAS, 6, refinements, n_states=3, wavefunction=True)
    wave = solution.wavefunction
    flat = wave.orbitals.reshape(4, 6, -1)
    overlap = flat @ flat.swapaxes(1, 2) * GRID.cell_area
    np.testing.assert_allclose(overlap, np.broadcast_to(np.eye(6), (4, 6, 6)), atol=1e-12)
    up, down = wave.density()
    np.testing.assert_allclose((up + down).reshape(2, 2, 32, 32), solution.density, atol=1e-14)
    np.testing.assert_allclose((up - down).reshape(2, 2, 32, 32), solution.spin_density, atol=1e-14)
    occupations, natural = wave.natural_orbitals()
    np.testing.assert_allclose(occupations.reshape(2, 2, 6), solution.occupations, atol=1e-12)
    np.testing.assert_allclose(np.einsum("bp,bpxy->bxy", occupations, natural**2), up + down, atol=1e-12)
    flat = natural.reshape(4, 6, -1)
    overlap = flat @ flat.swapaxes(1, 2) * GRID.cell_area
    np.testing.assert_allclose(overlap, np.broadcast_to(np.eye(6), (4, 6, 6)), atol=1e-12)


@pytest.mark.parametrize("state", [-1, 2, 100])
def test_states_that_were_not_solved_for_are_refused(state):
    wave = solve(smooth_potential(), GRID, 2, GAAS, 3, n_states=2, wavefunction=True).wavefunction
    for ask in (wave.density, wave.natural_orbitals, lambda s: wave.pair_density(1.0, 1.0, s)):
        with pytest.raises(ValueError, match=r"state: expected a whole number in 0 \.\.\. 1, got"):
            ask(state)


def test_wavefunctions_of_pieces_with_different_numbers_of_states(monkeypatch):
    """Three electrons: two ground states in a square, one elsewhere; solved one by one and put together."""
    monkeypatch.setattr(backend, "CACHE_SYSTEMS", 1)
    v = np.stack([smooth_potential(1), square_potential(), smooth_potential(2)])
    solution = solve(v, GRID, 3, GAAS, 6, wavefunction=True)
    np.testing.assert_array_equal(solution.degeneracy, [1, 2, 1])
    wave = solution.wavefunction
    np.testing.assert_allclose(wave.weights.sum(axis=1), 1.0, atol=1e-15)
    np.testing.assert_allclose(sum(wave.density()), solution.density, atol=1e-14)
    np.testing.assert_allclose(wave.natural_orbitals()[0], solution.occupations, atol=1e-12)
    # a state that only the second dot was solved for is none of the others
    with pytest.raises(ValueError, match=r"state: expected a whole number in 0 \.\.\. 1"):
        wave.density(2)
