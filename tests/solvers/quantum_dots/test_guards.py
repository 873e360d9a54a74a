"""Eigensolvers that fail or lie: what is wrong is solved again or told, and never trusted."""

import array_api_compat.numpy
import numpy as np
import pytest
from analytic import GAAS, nmae
from dots import GRID, assert_same, hasty_davidson, lying_davidson, smooth_potential

from solvers import PRESETS, solve
from solvers.quantum_dots import configuration_interaction as ci
from solvers.quantum_dots import ground_state, single_particle

V = np.stack([smooth_potential(seed) for seed in range(3)])
MODULES = {"orbitals": single_particle, "states": ci}


def twice_the_same(vectors):
    return np.concatenate([vectors[:, :1], vectors[:, :1], vectors[:, 2:]], axis=1)


def too_long(vectors):
    return vectors * (1 + 1e-6)


def slightly_tilted(vectors):
    return np.concatenate([vectors[:, :1], vectors[:, 1:2] + 1e-6 * vectors[:, :1], vectors[:, 2:]], axis=1)


def not_numbers(vectors):
    return np.where(np.arange(vectors.shape[-1]) == 3, np.nan, vectors)


def random_vectors(vectors):
    return np.random.default_rng(0).normal(size=vectors.shape)


SPOILED = [twice_the_same, too_long, slightly_tilted, not_numbers, random_vectors]


@pytest.fixture(scope="module")
def expected():
    """What is right, of systems with unique ground states."""
    solution = solve(V, GRID, 3, GAAS)
    assert (solution.gap > 1e-3).all()
    return solution


def assert_right(solution, expected):
    assert solution.trusted.all()
    np.testing.assert_allclose(solution.energy, expected.energy, rtol=0, atol=1e-9)
    assert nmae(solution.density, expected.density, 3, GRID) < 1e-6


def test_what_works_needs_no_fallback(expected):
    assert not expected.fallback.any()
    assert expected.trusted.all()
    assert (expected.residual <= ground_state.ORBITAL_TOLERANCE * expected.kinetic).all()
    for guard in (expected.orthogonality, expected.charge_error, expected.imbalance):
        assert guard.max() < 1e-10


@pytest.mark.parametrize("where", MODULES)
@pytest.mark.parametrize("spoil", SPOILED)
def test_vectors_that_are_not_orthonormal_are_solved_again(monkeypatch, expected, where, spoil):
    """Even though the residuals that come with them are small."""
    monkeypatch.setattr(MODULES[where], "davidson", lying_davidson(spoil))
    solution = solve(V, GRID, 3, GAAS)
    assert solution.fallback.all()
    assert_right(solution, expected)


@pytest.mark.parametrize("where", MODULES)
def test_only_the_spoiled_system_is_solved_again(monkeypatch, expected, where):
    monkeypatch.setattr(MODULES[where], "davidson", lying_davidson(not_numbers, only=1))
    solution = solve(V, GRID, 3, GAAS)
    np.testing.assert_array_equal(solution.fallback, [False, True, False])
    assert_right(solution, expected)


@pytest.mark.parametrize("where", MODULES)
def test_what_does_not_converge_is_solved_again(monkeypatch, expected, where):
    monkeypatch.setattr(MODULES[where], "davidson", hasty_davidson(2))
    solution = solve(V, GRID, 3, GAAS)
    assert solution.fallback.all()
    assert_right(solution, expected)


@pytest.mark.parametrize("where", MODULES)
def test_residuals_that_are_not_numbers_are_failures(monkeypatch, expected, where):
    davidson = MODULES[where].davidson

    def without_residuals(*arguments, **options):
        found = davidson(*arguments, **options)
        return found._replace(residuals=found.residuals * np.nan)

    monkeypatch.setattr(MODULES[where], "davidson", without_residuals)
    solution = solve(V, GRID, 3, GAAS)
    assert solution.fallback.all()
    assert_right(solution, expected)


def test_refinement_survives_bad_eigensolvers(monkeypatch):
    v = V[:1]
    expected = solve(v, GRID, 2, GAAS, 6, refinements=1)
    for module in MODULES.values():
        monkeypatch.setattr(module, "davidson", lying_davidson(twice_the_same))
    solution = solve(v, GRID, 2, GAAS, 6, refinements=1)
    assert solution.fallback.all() and solution.trusted.all()
    # the orbitals come from states that are found roughly or exactly
    np.testing.assert_allclose(solution.energy, expected.energy, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_electrons", [1, 2, 3])
def test_a_library_that_diagonalises_wrongly_is_not_trusted(monkeypatch, n_electrons):
    """No iteration converges with it, and the last word is its own: the guards are all that is left."""
    eigh = np.linalg.eigh

    def wrong(matrix, /):
        values, vectors = eigh(matrix)
        return values, vectors + 1e-3 * np.cos(np.arange(vectors.size)).reshape(vectors.shape)

    monkeypatch.setattr(array_api_compat.numpy.linalg, "eigh", wrong)
    assert not solve(V, GRID, n_electrons, GAAS).trusted.any()


def test_fallbacks_that_lie_as_well_are_not_trusted(monkeypatch):
    """LAPACK's answer is not orthonormal: told by the guards of the whole, whatever the residuals say."""
    lapack = ci._by_lapack

    def lying(*arguments):
        found = lapack(*arguments)
        return found._replace(vectors=found.vectors * (1 + 1e-4))

    monkeypatch.setattr(ci, "davidson", hasty_davidson(2))
    monkeypatch.setattr(ci, "_by_lapack", lying)
    solution = solve(V, GRID, 3, GAAS)
    assert solution.fallback.all()
    assert not solution.trusted.any()
    assert solution.residual.max() < 1e-7  # as it was told
    assert solution.orthogonality.min() > 1e-5
    assert solution.charge_error.min() > 1e-5


def test_wrong_states_with_right_norms_are_out_of_balance(monkeypatch):
    """Excited states sold as ground states, with the energies and residuals of these: E is not the sum of its parts."""

    def excited_first(vectors):
        return vectors[:, ::-1]

    monkeypatch.setattr(ci, "davidson", lying_davidson(excited_first))
    solution = solve(V, GRID, 3, GAAS)
    assert not solution.fallback.any()
    assert solution.imbalance.min() > 1e-5
    assert not solution.trusted.any()


@pytest.mark.parametrize("spoil", [*SPOILED, None])
def test_without_a_fallback_nothing_wrong_is_trusted(monkeypatch, spoil):
    """Systems too large for LAPACK: not converged, or not orthonormal."""
    monkeypatch.setattr(ci, "DENSE_SIZE", 0)
    monkeypatch.setattr(ci, "davidson", lying_davidson(spoil) if spoil else hasty_davidson(2))
    solution = solve(V, GRID, 3, GAAS)
    assert not solution.fallback.any()
    assert not solution.trusted.any()


def test_without_a_fallback_what_converges_is_trusted(monkeypatch, expected):
    monkeypatch.setattr(ci, "DENSE_SIZE", 0)
    assert_same(solve(V, GRID, 3, GAAS), expected, rtol=1e-12)


def test_orbitals_too_many_for_lapack_are_not_trusted_if_they_do_not_converge(monkeypatch):
    monkeypatch.setattr(single_particle, "DENSE_SIZE", 0)
    monkeypatch.setattr(single_particle, "davidson", hasty_davidson(1))
    solution = solve(V, GRID, 3, GAAS)
    assert not solution.fallback.any()
    assert not solution.trusted.any()
    assert (solution.residual > 1e-6 * GAAS.hartree).all()


@pytest.mark.parametrize("preset", PRESETS)
def test_guards_of_spoiled_systems_leave_the_others_alone(monkeypatch, preset):
    """One system of a batch that is not to be trusted is one."""
    monkeypatch.setattr(ci, "DENSE_SIZE", 0)
    expected = solve(V, GRID, 3, GAAS, estimate=False, **PRESETS[preset])
    monkeypatch.setattr(ci, "davidson", lying_davidson(too_long, only=2))
    solution = solve(V, GRID, 3, GAAS, estimate=False, **PRESETS[preset])
    np.testing.assert_array_equal(solution.trusted, [True, True, False])
    np.testing.assert_allclose(solution.energy[:2], expected.energy[:2], rtol=0, atol=1e-8)
