"""Symmetries of potentials, and shells of orbitals."""

import numpy as np
import pytest
from analytic import SQUARE
from dots import GRID, smooth_potential, square_potential

from solvers.quantum_dots import symmetry
from solvers.quantum_dots.single_particle import SineBasis
from solvers.quantum_dots.symmetry import OPERATIONS, act, act_on_sines, choose_shells, group_of, in_shells, subgroups


def test_operations_are_those_of_the_square():
    field = np.random.default_rng(0).normal(size=(5, 5))
    ours = {act(field, g).tobytes() for g in range(8)}
    assert ours == {np.ascontiguousarray(operate(field)).tobytes() for operate in SQUARE.values()}


@pytest.mark.parametrize("operation", range(8))
def test_coefficients_turn_with_the_function(operation):
    basis, c = SineBasis(12, 3.0, 6), np.random.default_rng(1).normal(size=(2, 6, 6))
    turned = basis.to_grid(act_on_sines(c, operation))
    np.testing.assert_allclose(turned, act(basis.to_grid(c), operation), atol=1e-12)


def averaged(field, group):
    return sum(act(field, g) for g in group) / len(group)


@pytest.mark.parametrize("group", subgroups(), ids=str)
def test_the_group_of_a_potential_is_found(group):
    v = averaged(np.random.default_rng(2).normal(size=(1, 10, 10)), group)
    assert np.flatnonzero(group_of(v).members[0]).tolist() == sorted(group)
    assert np.flatnonzero(group_of(1e3 * v - 7).members[0]).tolist() == sorted(group)


@pytest.mark.parametrize("group", subgroups(), ids=str)
def test_representations_have_values_of_their_own(group):
    """Q of the regular representation has as many values as there are representations."""
    fields = np.random.default_rng(3).normal(size=(6, 6))
    images = np.array([act(fields, g).ravel() for g in group])
    q = sum(w * np.array([act(i.reshape(6, 6), g).ravel() for i in images]) for g, w in
            enumerate(symmetry.class_weights(group)))  # fmt: skip
    matrix = np.linalg.lstsq(images.T, q.T, rcond=None)[0]
    values = np.linalg.eigvals(matrix)
    assert np.abs(values.imag).max() < 1e-9
    distinct = len(np.unique(np.round(values.real, 6)))
    expected = {8: 5, 4: 3 if symmetry.QUARTER_TURN in group else 4, 2: 2, 1: 1}
    assert distinct == expected[len(group)]


@pytest.mark.parametrize("potential", [square_potential(), np.zeros((32, 32)), smooth_potential(1)])
def test_shells_are_symmetric_to_rounding(potential):
    """Orbitals that are mixed within their levels, and inexact, become symmetric ones of the same span."""
    group, basis = group_of(potential[None]), SineBasis(32, 3.0, 16)
    from solvers.quantum_dots.single_particle import lowest_orbitals

    found = lowest_orbitals(potential[None] * 50, basis, 10, 1e-7)
    shells = in_shells(found.coefficients, found.energies[:, :10], group)
    overlap = shells.vectors.reshape(10, -1) @ found.coefficients.reshape(10, -1).T
    np.testing.assert_allclose(np.linalg.svd(overlap)[1], 1.0, atol=1e-9)
    kept, _ = choose_shells(shells.paired, np.zeros((1, 9), dtype=bool), shells.kinds, 8)
    vectors = shells.vectors[0, kept[0]]
    density = (basis.to_grid(vectors) ** 2).sum(axis=0)
    for g in np.flatnonzero(group.members[0]):
        np.testing.assert_allclose(act(density, g), density, atol=1e-12 * density.max())


@pytest.mark.parametrize(
    ("paired", "together", "n", "chosen", "is_cut"),
    [
        ([0, 0, 0, 0, 0], [0, 0, 0, 0], 3, [0, 1, 2], False),
        ([0, 0, 1, 2, 0], [0, 0, 0, 0], 3, [0, 1, 4], False),  # the pair does not fit; 4 does
        ([1, 2, 1, 2, 0], [0, 0, 0, 0], 4, [0, 1, 2, 3], False),
        ([0, 1, 2, 1, 2], [0, 0, 0, 0], 2, [0, 1], True),  # only pairs after the first
        ([0, 0, 1, 2, -1], [0, 0, 0, 0], 3, [0, 1, 2], True),  # the second of 4 is not there
        ([0, 0, 0, 0, 0], [0, 1, 0, 0], 2, [0, 3], False),  # close neighbours stay together
        ([0, 0, 0, 0, 0], [0, 1, 1, 1], 2, [0, 1], True),  # or are cut, if nothing else is left
    ],
)
def test_shells_are_chosen_whole(paired, together, n, chosen, is_cut):
    order, cut = choose_shells(np.array([paired]), np.array([together], dtype=bool), np.zeros((1, 5)), n)
    assert order[0].tolist() == chosen and cut.tolist() == [is_cut]


def test_a_batch_of_several_symmetries_is_its_systems():
    v = np.stack([square_potential(), smooth_potential(1), averaged(smooth_potential(2), (0, 3))])
    together = group_of(v)
    for i in range(3):
        assert (group_of(v[i : i + 1]).members[0] == together.members[i]).all()
    assert len(OPERATIONS) == 8 and GRID.n == 32
