"""The eight symmetries of the square: laws of the group, read off what its elements do to fields."""

import itertools

import pytest
import torch

from qd_pix2pix.mapping.symmetry import INVERSE, ORDER, PRODUCT, square_symmetry

ELEMENTS = range(ORDER)
PAIRS = list(itertools.product(ELEMENTS, ELEMENTS))


@pytest.fixture
def fields():
    return torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))


def test_they_are_eight_and_the_first_does_nothing(fields):
    assert torch.equal(square_symmetry(fields, 0), fields)
    assert len({square_symmetry(fields, g).numpy().tobytes() for g in ELEMENTS}) == ORDER == 8


def test_a_field_keeps_its_values_and_its_distances_from_the_centre(fields):
    x = torch.arange(5) - 2.0
    distance = (x[:, None] ** 2 + x**2).expand_as(fields)
    for g in ELEMENTS:
        turned = square_symmetry(fields, g)
        for d in distance.unique():
            before, after = (field[..., distance[0, 0] == d].sort().values for field in (fields, turned))
            assert torch.equal(before, after)


@pytest.mark.parametrize("n", [4, 5])
def test_products_are_what_one_after_the_other_does(n):
    field = torch.rand(n, n)
    for then, first in PAIRS:
        one_by_one = square_symmetry(square_symmetry(field, first), then)
        assert torch.equal(one_by_one, square_symmetry(field, PRODUCT[then][first])), (then, first)


def test_inverses_undo(fields):
    for g in ELEMENTS:
        assert torch.equal(square_symmetry(square_symmetry(fields, g), INVERSE[g]), fields)
        assert torch.equal(square_symmetry(square_symmetry(fields, INVERSE[g]), g), fields)


def test_products_are_associative():
    for a, b, c in itertools.product(ELEMENTS, repeat=3):
        assert PRODUCT[PRODUCT[a][b]][c] == PRODUCT[a][PRODUCT[b][c]]


def test_the_group_is_that_of_the_square():
    """Five elements are their own inverses, two are turns by a quarter, and products do not commute."""

    def order(g):
        power, count = g, 1
        while power:
            power, count = PRODUCT[g][power], count + 1
        return count

    assert sorted(order(g) for g in ELEMENTS) == [1, 2, 2, 2, 2, 2, 4, 4]
    assert any(PRODUCT[g][h] != PRODUCT[h][g] for g, h in PAIRS)


def test_gradients_are_turned_back():
    """The derivative with respect to a field of <w, g f> is g^-1 w."""
    field, weight = torch.rand(4, 4, requires_grad=True), torch.rand(4, 4)
    for g in ELEMENTS:
        field.grad = None
        (weight * square_symmetry(field, g)).sum().backward()
        assert torch.equal(field.grad, square_symmetry(weight, INVERSE[g]))
