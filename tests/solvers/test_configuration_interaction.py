"""Determinants and full CI against second quantisation in the whole Fock space, and against PySCF."""

from functools import reduce
from math import comb

import numpy as np
import pytest
from analytic import MATERIALS
from dots import hasty_davidson

from solvers import configuration_interaction as ci
from solvers.coulomb import coulomb_integrals, orbital_pairs, pair_densities
from solvers.determinants import n_strings, strings
from solvers.single_particle import SineBasis, lowest_orbitals

TOLERANCE = 1e-8


def random_integrals(n_orbitals, seed):
    """Levels (1, M) and a positive (1, P, P) interaction that no symmetry simplifies."""
    rng = np.random.default_rng(seed)
    n_pairs = n_orbitals * (n_orbitals + 1) // 2
    factors = rng.normal(size=(n_pairs, n_pairs)) / np.sqrt(n_pairs)
    return np.sort(rng.normal(size=(1, n_orbitals))), (factors @ factors.T)[None]


def well_integrals(reference, material, system, n_orbitals):
    """Levels and integrals of one random well of the reference set."""
    units = MATERIALS[material]
    length = 30.0 / units.bohr
    v = reference[material]["V"][system : system + 1] / units.hartree
    orbitals = lowest_orbitals(v, SineBasis(64, length, 32), n_orbitals, TOLERANCE)
    return orbitals.energies, coulomb_integrals(pair_densities(orbitals.functions), length)


def four_index(integrals, n_orbitals):
    """(pq|rs) with all its eight equal entries, from pairs p <= q."""
    p, q = orbital_pairs(n_orbitals)
    pair = np.empty((n_orbitals, n_orbitals), dtype=int)
    pair[p, q] = pair[q, p] = np.arange(len(p))
    return integrals[pair][:, :, pair]


def annihilators(n_modes):
    """Matrices of a_0 ... in the Fock space of ``n_modes`` fermions (Jordan, Wigner); mode 0 is the leftmost factor."""
    lower, sign, one = np.array([[0.0, 1.0], [0.0, 0.0]]), np.diag([1.0, -1.0]), np.eye(2)
    return [reduce(np.kron, [sign] * p + [lower] + [one] * (n_modes - p - 1)) for p in range(n_modes)]


def fock_index(occupations):
    """Row of the state with these ``occupations`` in the Fock space of ``annihilators``."""
    return np.asarray(occupations, dtype=int) @ 2 ** np.arange(np.shape(occupations)[-1])[::-1]


def fock_hamiltonian(energies, integrals):
    """H on all 4^M states of M orbitals, first the spin up, then the spin down ones."""
    m = len(energies)
    a = annihilators(2 * m)
    excite = [[sum(a[p + s].T @ a[q + s] for s in (0, m)) for q in range(m)] for p in range(m)]
    eri = four_index(integrals, m)
    h = sum(energies[p] * excite[p][p] for p in range(m))
    for p, q, r, s in np.ndindex(m, m, m, m):
        exchange = excite[p][s] if q == r else 0.0
        h = h + eri[p, q, r, s] / 2 * (excite[p][q] @ excite[r][s] - exchange)
    return h


def fock_block(n_orbitals, n_electrons):
    """Rows of the Fock space in the block of lowest |S_z|."""
    states = np.array(list(np.ndindex(*[2] * (2 * n_orbitals))))
    up, down = states[:, :n_orbitals].sum(axis=1), states[:, n_orbitals:].sum(axis=1)
    return fock_index(states[(up == (n_electrons + 1) // 2) & (down == n_electrons // 2)])


def density_matrix(block, pairs, state, n_orbitals):
    """Symmetric one-particle density matrix (M, M) of one state of the first system."""
    occupations = ci.pair_occupations(block, pairs.vectors[:1, state : state + 1], np.ones((1, 1)))[0]
    p, q = orbital_pairs(n_orbitals)
    gamma = np.zeros((n_orbitals, n_orbitals))
    gamma[p, q] = occupations
    return (gamma + gamma.T) / 2


# Determinants


@pytest.mark.parametrize(
    ("n_orbitals", "n_electrons"), [(1, 0), (1, 1), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (6, 3)]
)
def test_strings_are_all_the_ways_to_occupy(n_orbitals, n_electrons):
    table = strings(n_orbitals, n_electrons)
    assert table.count == n_strings(n_orbitals, n_electrons) == comb(n_orbitals, n_electrons)
    assert len(np.unique(table.occupations, axis=0)) == table.count
    assert set(table.occupations.sum(axis=1)) == {n_electrons}


@pytest.mark.parametrize(
    ("n_orbitals", "n_electrons"), [(2, 1), (3, 0), (4, 1), (4, 2), (4, 3), (4, 4), (5, 2), (5, 3)]
)
def test_excitations_are_those_of_second_quantisation(n_orbitals, n_electrons):
    a = annihilators(n_orbitals)
    table = strings(n_orbitals, n_electrons)
    rows = fock_index(table.occupations)
    for found, p, q in zip(table.dense_excitations, *orbital_pairs(n_orbitals), strict=True):
        excite = a[p].T @ a[q] + (a[q].T @ a[p] if p != q else 0)
        np.testing.assert_array_equal(found, excite[np.ix_(rows, rows)])


@pytest.mark.parametrize(
    ("n_orbitals", "n_electrons", "size"), [(8, 1, 8), (8, 2, 64), (8, 3, 224), (8, 4, 784), (16, 4, 14400)]
)
def test_size_of_the_block(n_orbitals, n_electrons, size):
    assert ci.block_size(n_orbitals, n_electrons) == size
    assert ci.spin_block(n_orbitals, n_electrons).size == size


# Full CI against the whole Fock space


@pytest.mark.parametrize("n_electrons", range(1, 7))
def test_levels_are_those_of_the_fock_space(n_electrons):
    energies, integrals = random_integrals(3, seed=n_electrons)
    rows = fock_block(3, n_electrons)
    expected = np.linalg.eigvalsh(fock_hamiltonian(energies[0], integrals[0])[np.ix_(rows, rows)])
    block = ci.spin_block(3, n_electrons)
    states = ci.lowest_states(block, energies, integrals, block.size, TOLERANCE)
    np.testing.assert_allclose(states.values[0], expected, atol=1e-12)


@pytest.mark.parametrize("n_electrons", [2, 3, 4, 5])
def test_lowest_spin_block_holds_the_ground_state_of_all(n_electrons):
    energies, integrals = random_integrals(4, seed=10 + n_electrons)
    h = fock_hamiltonian(energies[0], integrals[0])
    rows = np.flatnonzero(np.array(list(np.ndindex(*[2] * 8))).sum(axis=1) == n_electrons)
    ground = np.linalg.eigvalsh(h[np.ix_(rows, rows)])[0]
    states = ci.lowest_states(ci.spin_block(4, n_electrons), energies, integrals, 1, TOLERANCE)
    assert states.values[0, 0] == pytest.approx(ground, abs=1e-12)


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


def check_against_pyscf(energies, integrals, n_electrons):
    fci = pytest.importorskip("pyscf.fci")
    n_orbitals, n_spins = energies.shape[1], ((n_electrons + 1) // 2, n_electrons // 2)
    block = ci.spin_block(n_orbitals, n_electrons)
    states = ci.lowest_states(block, energies, integrals, ci.n_states(n_electrons), TOLERANCE)
    n_found = states.values.shape[1]
    assert n_found == min(ci.n_states(n_electrons), block.size)
    solver = fci.direct_spin1.FCI()
    solver.pspace_size = block.size  # all determinants: PySCF diagonalises its own matrix
    one_body, eri = np.diag(energies[0]), four_index(integrals[0], n_orbitals)
    values, vectors = solver.kernel(one_body, eri, n_orbitals, n_spins, nroots=n_found)
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
    energies, integrals = random_integrals(5, seed=3)
    block = ci.spin_block(5, n_electrons)
    states = ci.lowest_states(block, energies, integrals, 3, TOLERANCE)
    for i in range(3):
        gamma = density_matrix(block, states, i, 5)
        assert np.trace(gamma) == pytest.approx(n_electrons, abs=1e-12)
        occupations = np.linalg.eigvalsh(gamma)
        assert occupations.min() > -1e-12 and occupations.max() < 2 + 1e-12


def test_energy_is_the_expectation_value_of_the_density_matrix_without_interaction():
    energies, integrals = random_integrals(6, seed=4)
    block = ci.spin_block(6, 3)
    states = ci.lowest_states(block, energies, 0 * integrals, 5, TOLERANCE)
    assert states.values[0, 0] == pytest.approx(2 * energies[0, 0] + energies[0, 1], abs=1e-12)
    np.testing.assert_allclose(density_matrix(block, states, 0, 6), np.diag([2, 1, 0, 0, 0, 0]), atol=1e-9)


def test_force_of_a_level_is_its_occupation():
    """Hellmann and Feynman: dE / d epsilon_p = gamma_pp."""
    energies, integrals = random_integrals(5, seed=6)
    block, step = ci.spin_block(5, 4), 1e-4
    gamma = density_matrix(block, ci.lowest_states(block, energies, integrals, 4, TOLERANCE), 0, 5)
    shifted = energies + step * np.stack([np.eye(5), -np.eye(5)]).reshape(-1, 5)
    ground = ci.lowest_states(block, shifted, np.repeat(integrals, 10, axis=0), 4, TOLERANCE).values[:, 0]
    np.testing.assert_allclose((ground[:5] - ground[5:]) / (2 * step), np.diag(gamma), atol=1e-6)


def test_rotating_the_orbitals_leaves_the_levels():
    """A rotation of two degenerate orbitals is the same problem: it tests every sign in the table."""
    energies, integrals = random_integrals(4, seed=8)
    energies[0, 2] = energies[0, 1]
    eri = four_index(integrals[0], 4)
    u = np.eye(4)
    u[1:3, 1:3] = [[0.6, 0.8], [-0.8, 0.6]]
    turned = np.einsum("pqrs,pi,qj,rk,sl->ijkl", eri, u, u, u, u, optimize=True)
    p, q = orbital_pairs(4)
    turned_integrals = turned[p, q][:, p, q][None]
    for n_electrons in (2, 3, 4):
        block = ci.spin_block(4, n_electrons)
        levels = [
            ci.lowest_states(block, energies, i, block.size, TOLERANCE).values for i in (integrals, turned_integrals)
        ]
        np.testing.assert_allclose(*levels, atol=1e-12)


# The three ways to the lowest states


@pytest.mark.parametrize("n_electrons", [3, 4])
@pytest.mark.parametrize("source", ["random", "gaas", "si"])
def test_lapack_stored_and_matrix_free_agree(reference, monkeypatch, source, n_electrons):
    energies, integrals = random_integrals(8, seed=1) if source == "random" else well_integrals(reference, source, 0, 8)
    block, n_states = ci.spin_block(8, n_electrons), ci.n_states(n_electrons)
    found = {}
    for name, lapack_size, dense_size in (("lapack", 10**6, 10**6), ("stored", 0, 10**6), ("matrix-free", 0, 0)):
        monkeypatch.setattr(ci, "LAPACK_SIZE", lapack_size)
        monkeypatch.setattr(ci, "DENSE_SIZE", dense_size)
        found[name] = ci.lowest_states(block, energies, integrals, n_states, TOLERANCE)
    exact = found.pop("lapack")
    for states in found.values():
        assert states.residuals.max() <= TOLERANCE
        np.testing.assert_allclose(states.values, exact.values, rtol=0, atol=1e-11)
        gap = exact.values[0, 1] - exact.values[0, 0]
        gammas = [density_matrix(block, s, 0, 8) for s in (states, exact)]
        np.testing.assert_allclose(*gammas, rtol=0, atol=max(1e-7, 10 * TOLERANCE / gap))


def test_a_system_that_does_not_converge_is_diagonalised_whole(reference, monkeypatch):
    energies, integrals = well_integrals(reference, "si", 0, 8)
    block = ci.spin_block(8, 3)
    exact = ci.lowest_states(block, energies, integrals, 5, TOLERANCE)
    monkeypatch.setattr(ci, "davidson", hasty_davidson(2))
    states = ci.lowest_states(block, energies, integrals, 5, TOLERANCE)
    assert states.residuals.max() <= TOLERANCE
    np.testing.assert_allclose(states.values, exact.values, rtol=0, atol=1e-11)


def test_residual_of_a_system_without_matrix_tells_that_it_did_not_converge(reference, monkeypatch):
    energies, integrals = well_integrals(reference, "si", 0, 8)
    block = ci.spin_block(8, 3)
    exact = ci.lowest_states(block, energies, integrals, 1, TOLERANCE)
    monkeypatch.setattr(ci, "DENSE_SIZE", 0)
    monkeypatch.setattr(ci, "davidson", hasty_davidson(4))
    states = ci.lowest_states(block, energies, integrals, 1, TOLERANCE)
    assert states.residuals[0, 0] > 100 * TOLERANCE
    # a Ritz value lies above the ground state, by less than the residual
    assert 0 < states.values[0, 0] - exact.values[0, 0] < states.residuals[0, 0]


@pytest.mark.parametrize("all_states", [True, False])
@pytest.mark.parametrize(
    ("seed", "n_electrons", "strength"), [(0, 3, 1), (2, 4, 1), (3, 3, 1), (7, 4, 3), (5, 3, 3), (5, 4, 10)]
)
def test_no_state_is_missed_for_its_symmetry(seed, n_electrons, strength, all_states):
    """Orbitals of two parities: states of one never turn into those of the other, wherever the search begins."""
    energies, integrals = random_integrals(8, seed)
    parity = np.repeat([1, -1], 4)
    p, q = orbital_pairs(8)
    integrals = strength * integrals * np.equal.outer(parity[p] * parity[q], parity[p] * parity[q])
    block = ci.spin_block(8, n_electrons)
    n_wanted = ci.n_states(n_electrons) if all_states else 1
    exact = np.linalg.eigvalsh(ci.dense_matrix(block, energies, integrals))[:, :n_wanted]
    states = ci.lowest_states(block, energies, integrals, n_wanted, TOLERANCE)
    np.testing.assert_allclose(states.values, exact, rtol=0, atol=1e-10)


def test_near_degenerate_systems_are_found_whole():
    # two groups of levels that the interaction hardly couples: the start vectors must reach both
    energies = np.array([[0.0, 1e-6, 2e-6, 5.0, 5.0 + 1e-6, 5.0 + 2e-6, 9.0, 9.5]])
    _, integrals = random_integrals(8, seed=5)
    block = ci.spin_block(8, 4)
    exact = np.linalg.eigvalsh(ci.dense_matrix(block, energies, 1e-4 * integrals))[:, :8]
    states = ci.lowest_states(block, energies, 1e-4 * integrals, 8, TOLERANCE)
    np.testing.assert_allclose(states.values, exact, rtol=0, atol=1e-10)
