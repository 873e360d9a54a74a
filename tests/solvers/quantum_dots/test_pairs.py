"""Pairs of electrons against second quantisation in the whole Fock space."""

import array_api_strict
import numpy as np
import pytest
from fock_space import annihilators, fock_rows

from solvers.quantum_dots.configuration_interaction import spin_block
from solvers.quantum_dots.determinants import orbital_pairs
from solvers.quantum_dots.pairs import singlets, triplets, unequal_pairs
from solvers.sparse import SparseMatrix

BLOCKS = [(2, 2), (2, 3), (4, 2), (4, 3), (4, 4), (4, 5), (3, 6)]


def removed_from_all(removals, block):
    """The matrix of the removals, (pairs, rests, determinants)."""
    found = removals.of(np.eye(block.size)[None])
    return found[0]


def singlet_operators(m):
    a = annihilators(2 * m)
    up, down = a[:m], a[m:]
    return [
        (up[q] @ down[s] + up[s] @ down[q]) / np.sqrt(2 * (1 + (q == s)))
        for q, s in zip(*orbital_pairs(m), strict=True)
    ]


def triplet_operators(m):
    """For each pair its three components."""
    a = annihilators(2 * m)
    up, down = a[:m], a[m:]
    return [
        ((up[q] @ down[s] - up[s] @ down[q]) / np.sqrt(2), up[q] @ up[s], down[q] @ down[s])
        for q, s in zip(*unequal_pairs(m), strict=True)
    ]


@pytest.mark.parametrize(("m", "n_electrons"), BLOCKS)
def test_densities_of_singlet_pairs_are_those_of_second_quantisation(m, n_electrons):
    block = spin_block(m, n_electrons)
    rows = fock_rows(block)
    found = removed_from_all(singlets(block), block)
    for i, b in enumerate(singlet_operators(m)):
        for j, c in enumerate(singlet_operators(m)):
            expected = (b.T @ c)[np.ix_(rows, rows)]
            np.testing.assert_allclose(found[i].T @ found[j], expected, atol=1e-14)


@pytest.mark.parametrize(("m", "n_electrons"), BLOCKS)
def test_densities_of_triplet_pairs_are_those_of_second_quantisation(m, n_electrons):
    block = spin_block(m, n_electrons)
    rows = fock_rows(block)
    removals = triplets(block)
    found = removed_from_all(removals, block)
    opposite = found[:, : removals.n_opposite]
    for i, these in enumerate(triplet_operators(m)):
        for j, those in enumerate(triplet_operators(m)):
            each = [(a.T @ b)[np.ix_(rows, rows)] for a, b in zip(these, those, strict=True)]
            np.testing.assert_allclose(opposite[i].T @ opposite[j], each[0], atol=1e-14)
            np.testing.assert_allclose(found[i].T @ found[j], sum(each), atol=1e-14)


@pytest.mark.parametrize(("m", "n_electrons"), BLOCKS)
def test_what_is_removed_is_put_back_by_the_transpose(m, n_electrons):
    block, rng = spin_block(m, n_electrons), np.random.default_rng(0)
    states = rng.normal(size=(3, 2, block.size))
    for removals in (singlets(block), triplets(block)):
        removed = removals.of(states)
        other = rng.normal(size=removed.shape)
        left = np.einsum("bprk,bprk->bk", removed, other)
        np.testing.assert_allclose(left, np.sum(states * removals.restored(other), axis=2), atol=1e-12)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_sparse_matrix_is_the_same_in_every_library(kind):
    rng = np.random.default_rng(1)
    dense = np.where(rng.random((7, 5)) < 0.4, rng.normal(size=(7, 5)), 0.0)
    dense[3] = 0.0
    rows, columns = np.nonzero(dense)
    matrix = SparseMatrix(dense[rows, columns], rows, columns, dense.shape)
    right, left = rng.normal(size=(5, 3)).astype(kind), rng.normal(size=(7, 3)).astype(kind)
    tolerance = 10 * float(np.finfo(kind).eps)
    for found, expected in ((matrix.times(right), dense @ right), (matrix.transposed_times(left), dense.T @ left)):
        assert found.dtype == kind
        np.testing.assert_allclose(found, expected, atol=10 * tolerance)
    for product, vectors in ((matrix.times, right), (matrix.transposed_times, left)):
        found = product(array_api_strict.asarray(vectors))
        assert found.dtype == array_api_strict.asarray(vectors).dtype
        np.testing.assert_allclose(np.asarray(found), product(vectors), atol=tolerance)
