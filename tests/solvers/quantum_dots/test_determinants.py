"""Tables of determinants against second quantisation in the whole Fock space."""

from math import comb

import numpy as np
import pytest
from fock_space import annihilators, determinants, fock_index

from solvers.quantum_dots import configuration_interaction as ci
from solvers.quantum_dots.determinants import n_strings, orbital_pairs, pair_numbers, strings


@pytest.mark.parametrize(
    ("n_orbitals", "n_electrons"), [(1, 0), (1, 1), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (6, 3)]
)
def test_strings_are_all_the_ways_to_occupy(n_orbitals, n_electrons):
    table = strings(n_orbitals, n_electrons)
    assert table.count == n_strings(n_orbitals, n_electrons) == comb(n_orbitals, n_electrons)
    assert len(np.unique(table.occupations, axis=0)) == table.count
    assert set(table.occupations.sum(axis=1)) == {n_electrons}


@pytest.mark.parametrize(("n_orbitals", "n_electrons"), [(1, 1), (4, 1), (4, 3), (5, 2), (5, 5)])
def test_removals_are_those_of_second_quantisation(n_orbitals, n_electrons):
    a = annihilators(n_orbitals)
    table, fewer = strings(n_orbitals, n_electrons), strings(n_orbitals, n_electrons - 1)
    found = np.zeros((n_orbitals, fewer.count, table.count))
    for i in range(table.count):
        for orbital, rest, sign in zip(*(removal[i] for removal in table.removals), strict=True):
            found[orbital, rest, i] += sign
    rows, columns = fock_index(fewer.occupations), fock_index(table.occupations)
    for orbital in range(n_orbitals):
        np.testing.assert_array_equal(found[orbital], a[orbital][np.ix_(rows, columns)])


@pytest.mark.parametrize("n_orbitals", [1, 2, 5])
def test_pairs_and_strings_of_a_small_space_come_first(n_orbitals):
    p, q = orbital_pairs(n_orbitals)
    assert (p <= q).all() and len(set(zip(p, q, strict=True))) == n_orbitals * (n_orbitals + 1) // 2
    larger = np.array(orbital_pairs(n_orbitals + 2))[:, : len(p)]
    np.testing.assert_array_equal(larger, [p, q])
    np.testing.assert_array_equal(pair_numbers(n_orbitals)[p, q], np.arange(len(p)))
    np.testing.assert_array_equal(pair_numbers(n_orbitals), pair_numbers(n_orbitals).T)
    for n_electrons in range(n_orbitals + 1):
        small, large = strings(n_orbitals, n_electrons).occupations, strings(n_orbitals + 2, n_electrons).occupations
        np.testing.assert_array_equal(large[: len(small), :n_orbitals], small)
        assert not large[: len(small), n_orbitals:].any()


@pytest.mark.parametrize(("small", "large", "n_electrons"), [(2, 4, 3), (3, 5, 2), (1, 3, 1), (3, 3, 4)])
def test_corner_of_a_block_is_the_block_of_fewer_orbitals(small, large, n_electrons):
    block = ci.spin_block(large, n_electrons)
    inner = block.corner(small).of(np.arange(block.size)[None, None])[0, 0]
    found = determinants(block)[inner]
    np.testing.assert_array_equal(found[..., :small], determinants(ci.spin_block(small, n_electrons)))
    assert not found[..., small:].any()


@pytest.mark.parametrize(
    ("n_orbitals", "n_electrons"), [(2, 1), (3, 0), (4, 1), (4, 2), (4, 3), (4, 4), (5, 2), (5, 3)]
)
def test_excitations_are_those_of_second_quantisation(n_orbitals, n_electrons):
    a = annihilators(n_orbitals)
    table = strings(n_orbitals, n_electrons)
    rows = fock_index(table.occupations)
    n_pairs, s = n_orbitals * (n_orbitals + 1) // 2, table.count
    found = np.zeros((n_pairs, s, s))
    for pair, i in np.ndindex(n_pairs, s):
        found[pair, i, table.source[pair, i]] += table.sign[pair, i]
    for pair, (p, q) in enumerate(zip(*orbital_pairs(n_orbitals), strict=True)):
        excite = a[p].T @ a[q] + (a[q].T @ a[p] if p != q else 0)
        np.testing.assert_array_equal(found[pair], excite[np.ix_(rows, rows)])
