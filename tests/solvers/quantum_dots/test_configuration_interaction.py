"""Full CI against second quantisation in the whole Fock space, and against PySCF."""

import numpy as np
import pytest
from analytic import MATERIALS
from dots import four_index, hasty_davidson
from fock_space import fock_hamiltonian, fock_rows, levels, matrix_of, random_integrals

from solvers.quantum_dots import configuration_interaction as ci
from solvers.quantum_dots.coulomb import coulomb_integrals, pair_densities
from solvers.quantum_dots.density import spin_densities
from solvers.quantum_dots.determinants import orbital_pairs
from solvers.quantum_dots.single_particle import SineBasis, lowest_orbitals

TOLERANCE = 1e-8
N_WANTED = 8


def well_integrals(reference, material, system, n_orbitals):
    """Levels and integrals of one random well of the reference set."""
    units = MATERIALS[material]
    length = 30.0 / units.bohr
    v = reference[material]["V"][system : system + 1] / units.hartree
    basis = SineBasis(64, length, 32)
    orbitals = lowest_orbitals(v, basis, n_orbitals, TOLERANCE)
    pairs = pair_densities(basis.to_grid(orbitals.coefficients))
    return levels(orbitals.energies[:, :n_orbitals]), coulomb_integrals(pairs, length)


def density_matrix(block, pairs, state, n_orbitals):
    """Symmetric one-particle density matrix (M, M) of one state of the first system."""
    up, down = spin_densities(block, pairs.vectors[:1, state : state + 1], np.ones((1, 1)))
    p, q = orbital_pairs(n_orbitals)
    return matrix_of((up + down)[0] * np.where(p == q, 1.0, 0.5), n_orbitals)


@pytest.mark.parametrize(
    ("n_orbitals", "n_electrons", "size"), [(8, 1, 8), (8, 2, 64), (8, 3, 224), (8, 4, 784), (16, 4, 14400)]
)
def test_size_of_the_block(n_orbitals, n_electrons, size):
    assert ci.block_size(n_orbitals, n_electrons) == size
    assert ci.spin_block(n_orbitals, n_electrons).size == size


# Full CI against the whole Fock space


@pytest.mark.parametrize("n_electrons", range(1, 7))
def test_matrix_is_that_of_the_fock_space(n_electrons):
    """Every entry, with its sign; from random h_pq, and the diagonal once more by the formula that guides Davidson."""
    one_body, integrals = random_integrals(3, seed=n_electrons)
    block = ci.spin_block(3, n_electrons)
    rows = fock_rows(block)
    expected = fock_hamiltonian(one_body[0], integrals[0], 3)[np.ix_(rows, rows)]
    hamiltonian = ci.Hamiltonian.of(block, one_body, integrals)
    np.testing.assert_allclose(hamiltonian.matrix()[0], expected, atol=1e-13)
    np.testing.assert_allclose(hamiltonian.diagonal()[0], np.diag(expected), atol=1e-13)
    vectors = np.random.default_rng(0).normal(size=(1, 4, block.size))
    np.testing.assert_allclose(hamiltonian.apply(vectors)[0], vectors[0] @ expected, atol=1e-12)


@pytest.mark.parametrize("n_electrons", range(1, 7))
def test_levels_are_those_of_the_fock_space(n_electrons):
    one_body, integrals = random_integrals(3, seed=n_electrons)
    block = ci.spin_block(3, n_electrons)
    rows = fock_rows(block)
    expected = np.linalg.eigvalsh(fock_hamiltonian(one_body[0], integrals[0], 3)[np.ix_(rows, rows)])
    states = ci.lowest_states(block, one_body, integrals, block.size, TOLERANCE)
    np.testing.assert_allclose(states.values[0], expected, atol=1e-12)


@pytest.mark.parametrize("n_electrons", [2, 3, 4, 5])
def test_lowest_spin_block_holds_the_ground_state_of_all(n_electrons):
    one_body, integrals = random_integrals(4, seed=10 + n_electrons)
    h = fock_hamiltonian(one_body[0], integrals[0], 4)
    rows = np.flatnonzero(np.array(list(np.ndindex(*[2] * 8))).sum(axis=1) == n_electrons)
    ground = np.linalg.eigvalsh(h[np.ix_(rows, rows)])[0]
    states = ci.lowest_states(ci.spin_block(4, n_electrons), one_body, integrals, 1, TOLERANCE)
    assert states.values[0, 0] == pytest.approx(ground, abs=1e-12)


@pytest.mark.parametrize("n_electrons", [1, 2, 3, 5])
def test_a_hamiltonian_of_some_systems_is_theirs(n_electrons):
    many = [random_integrals(4, seed) for seed in range(3)]
    one_body, integrals = (np.concatenate(a) for a in zip(*many, strict=True))
    block = ci.spin_block(4, n_electrons)
    chosen = ci.Hamiltonian.of(block, one_body, integrals).select(np.array([2, 0]))
    for found, of in zip(chosen.matrix(), (2, 0), strict=True):
        np.testing.assert_allclose(found, ci.Hamiltonian.of(block, *many[of]).matrix()[0], atol=1e-14)


# Full CI against PySCF


@pytest.mark.parametrize(
    ("n_orbitals", "n_electrons"),
    [(1, 1), (1, 2), (2, 3), (4, 4), (5, 5), (6, 1), (6, 2), (6, 3), (6, 4), (6, 6), (8, 3), (8, 4), (7, 5), (7, 6)],
)
def test_random_integrals_against_pyscf(n_orbitals, n_electrons):
    check_against_pyscf(*random_integrals(n_orbitals, seed=n_electrons), n_electrons)


@pytest.mark.parametrize("material", ["gaas", "si"])
@pytest.mark.parametrize(
    ("n_orbitals", "n_electrons"), [(8, 1), (8, 2), (8, 3), (8, 4), (6, 5), (6, 6), (12, 2), (10, 3), (8, 5)]
)
def test_random_wells_against_pyscf(reference, material, n_orbitals, n_electrons):
    check_against_pyscf(*well_integrals(reference, material, 1, n_orbitals), n_electrons)


def check_against_pyscf(one_body, integrals, n_electrons):
    fci = pytest.importorskip("pyscf.fci")
    p, q = orbital_pairs(40)
    n_orbitals, n_spins = int(q[one_body.shape[1] - 1]) + 1, ((n_electrons + 1) // 2, n_electrons // 2)
    block = ci.spin_block(n_orbitals, n_electrons)
    states = ci.lowest_states(block, one_body, integrals, N_WANTED, TOLERANCE)
    n_found = states.values.shape[1]
    assert n_found == min(N_WANTED, block.size)
    solver = fci.direct_spin1.FCI()
    solver.pspace_size = block.size  # all determinants: PySCF diagonalises its own matrix
    h, eri = matrix_of(one_body[0], n_orbitals), four_index(integrals[0], n_orbitals)
    values, vectors = solver.kernel(h, eri, n_orbitals, n_spins, nroots=n_found)
    values, vectors = (np.atleast_1d(values), vectors) if n_found > 1 else (np.array([values]), [vectors])
    np.testing.assert_allclose(states.values[0], values, rtol=0, atol=1e-9)
    for i in range(
        n_found if n_found == block.size else n_found - 1
    ):  # the last may have a twin that was not asked for
        gap = np.abs(np.delete(values, i) - values[i]).min(initial=np.inf)
        if gap > 1e-3:
            gamma = solver.make_rdm1(vectors[i], n_orbitals, n_spins)
            error = 4 * n_electrons * states.residuals[0, i] / gap  # of a vector: its residual over the gap
            found = density_matrix(block, states, i, n_orbitals)
            np.testing.assert_allclose(found, gamma, rtol=0, atol=1e-7 + error)


# Laws


@pytest.mark.parametrize("n_electrons", [1, 2, 3, 4, 7])
def test_density_matrix_holds_all_electrons_at_most_two_in_each(n_electrons):
    one_body, integrals = random_integrals(5, seed=3)
    block = ci.spin_block(5, n_electrons)
    states = ci.lowest_states(block, one_body, integrals, 3, TOLERANCE)
    for i in range(3):
        gamma = density_matrix(block, states, i, 5)
        assert np.trace(gamma) == pytest.approx(n_electrons, abs=1e-12)
        occupations = np.linalg.eigvalsh(gamma)
        assert occupations.min() > -1e-12 and occupations.max() < 2 + 1e-12


def test_energy_is_the_expectation_value_of_the_density_matrix_without_interaction():
    energies = np.sort(np.random.default_rng(4).normal(size=(1, 6)))
    block, integrals = ci.spin_block(6, 3), np.zeros((1, 21, 21))
    states = ci.lowest_states(block, levels(energies), integrals, 5, TOLERANCE)
    assert states.values[0, 0] == pytest.approx(2 * energies[0, 0] + energies[0, 1], abs=1e-12)
    np.testing.assert_allclose(density_matrix(block, states, 0, 6), np.diag([2, 1, 0, 0, 0, 0]), atol=1e-9)


def test_force_on_h_is_the_density_matrix():
    """Hellmann and Feynman: dE / d h_pq is gamma_pp, and 2 gamma_pq for p != q."""
    one_body, integrals = random_integrals(5, seed=6)
    block, step, n_pairs = ci.spin_block(5, 4), 1e-4, one_body.shape[1]
    gamma = density_matrix(block, ci.lowest_states(block, one_body, integrals, 4, TOLERANCE), 0, 5)
    p, q = orbital_pairs(5)
    expected = gamma[p, q] * np.where(p == q, 1, 2)
    shifted = one_body + step * np.concatenate([np.eye(n_pairs), -np.eye(n_pairs)])
    many = np.repeat(integrals, 2 * n_pairs, axis=0)
    ground = ci.lowest_states(block, shifted, many, 4, TOLERANCE).values[:, 0]
    np.testing.assert_allclose((ground[:n_pairs] - ground[n_pairs:]) / (2 * step), expected, atol=1e-6)


def test_rotating_the_orbitals_leaves_the_levels():
    """Any rotation of the orbitals is the same problem: it tests every sign in the tables."""
    one_body, integrals = random_integrals(4, seed=8)
    u = np.linalg.qr(np.random.default_rng(8).normal(size=(4, 4)))[0]
    turned = np.einsum("pqrs,pi,qj,rk,sl->ijkl", four_index(integrals[0], 4), u, u, u, u, optimize=True)
    p, q = orbital_pairs(4)
    there = turned[p, q][:, p, q][None]
    h = (u.T @ matrix_of(one_body[0], 4) @ u)[p, q][None]
    for n_electrons in range(1, 8):
        block = ci.spin_block(4, n_electrons)
        found = [
            ci.lowest_states(block, *some, block.size, TOLERANCE).values for some in ((one_body, integrals), (h, there))
        ]
        np.testing.assert_allclose(*found, atol=1e-12)


# The ways to the lowest states


@pytest.mark.parametrize("n_electrons", [3, 4])
@pytest.mark.parametrize("source", ["random", "gaas", "si"])
def test_lapack_and_davidson_agree(reference, monkeypatch, source, n_electrons):
    """Davidson from a corner of two sizes, without anything to fall back on."""
    one_body, integrals = random_integrals(8, seed=1) if source == "random" else well_integrals(reference, source, 0, 8)
    block, found = ci.spin_block(8, n_electrons), {}
    for name, low_size, dense_size in (("lapack", 10**6, 10**6), ("large corner", 120, 0), ("small corner", 40, 0)):
        monkeypatch.setattr(ci, "LOW_SIZE", low_size)
        monkeypatch.setattr(ci, "DENSE_SIZE", dense_size)
        found[name] = ci.lowest_states(block, one_body, integrals, N_WANTED, TOLERANCE)
    exact = found.pop("lapack")
    for states in found.values():
        assert states.residuals.max() <= TOLERANCE
        assert not states.fallback.any()
        np.testing.assert_allclose(states.values, exact.values, rtol=0, atol=1e-11)
        gap = exact.values[0, 1] - exact.values[0, 0]
        gammas = [density_matrix(block, s, 0, 8) for s in (states, exact)]
        np.testing.assert_allclose(*gammas, rtol=0, atol=max(1e-7, 10 * TOLERANCE / gap))


def test_a_system_that_does_not_converge_is_diagonalised_whole(reference, monkeypatch):
    one_body, integrals = well_integrals(reference, "si", 0, 8)
    block = ci.spin_block(8, 3)
    exact = ci.lowest_states(block, one_body, integrals, 5, TOLERANCE)
    assert not exact.fallback.any()
    monkeypatch.setattr(ci, "davidson", hasty_davidson(2))
    states = ci.lowest_states(block, one_body, integrals, 5, TOLERANCE)
    assert states.fallback.all()
    assert states.residuals.max() <= TOLERANCE
    np.testing.assert_allclose(states.values, exact.values, rtol=0, atol=1e-11)


def test_residual_of_a_system_without_matrix_tells_that_it_did_not_converge(reference, monkeypatch):
    one_body, integrals = well_integrals(reference, "si", 0, 8)
    block = ci.spin_block(8, 3)
    exact = ci.lowest_states(block, one_body, integrals, 1, TOLERANCE)
    monkeypatch.setattr(ci, "DENSE_SIZE", 0)
    monkeypatch.setattr(ci, "davidson", hasty_davidson(3))
    states = ci.lowest_states(block, one_body, integrals, 1, TOLERANCE)
    assert not states.fallback.any()
    assert states.residuals[0, 0] > 100 * TOLERANCE
    # a Ritz value lies above the ground state, by less than the residual
    assert 0 < states.values[0, 0] - exact.values[0, 0] < states.residuals[0, 0]


@pytest.mark.parametrize("all_states", [True, False])
@pytest.mark.parametrize(
    ("seed", "n_electrons", "strength"), [(0, 3, 1), (2, 4, 1), (3, 3, 1), (7, 4, 3), (5, 3, 3), (5, 4, 10)]
)
def test_no_state_is_missed_for_its_symmetry(seed, n_electrons, strength, all_states):
    """Orbitals of two parities: states of one never turn into those of the other, wherever the search begins."""
    one_body, integrals = random_integrals(8, seed)
    parity = np.repeat([1, -1], 4)
    p, q = orbital_pairs(8)
    one_body = np.where(parity[p] == parity[q], one_body, 0.0)
    integrals = strength * integrals * np.equal.outer(parity[p] * parity[q], parity[p] * parity[q])
    block = ci.spin_block(8, n_electrons)
    n_wanted = N_WANTED if all_states else 1
    exact = np.linalg.eigvalsh(ci.Hamiltonian.of(block, one_body, integrals).matrix())[:, :n_wanted]
    states = ci.lowest_states(block, one_body, integrals, n_wanted, TOLERANCE)
    np.testing.assert_allclose(states.values, exact, rtol=0, atol=1e-10)


def test_near_degenerate_systems_are_found_whole():
    # two groups of levels that the interaction hardly couples: the start vectors must reach both
    one_body = levels(np.array([[0.0, 1e-6, 2e-6, 5.0, 5.0 + 1e-6, 5.0 + 2e-6, 9.0, 9.5]]))
    _, integrals = random_integrals(8, seed=5)
    block = ci.spin_block(8, 4)
    exact = np.linalg.eigvalsh(ci.Hamiltonian.of(block, one_body, 1e-4 * integrals).matrix())[:, :8]
    states = ci.lowest_states(block, one_body, 1e-4 * integrals, 8, TOLERANCE)
    np.testing.assert_allclose(states.values, exact, rtol=0, atol=1e-10)
