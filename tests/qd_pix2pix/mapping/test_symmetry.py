"""Groups that act on fields, and the symmetries of a schema: laws, read off what their elements do."""

import itertools
from dataclasses import replace

import pytest
import torch
from schemas import RINGS

from qd_pix2pix.mapping.symmetry import GROUPS, Symmetry, group_of
from qd_pix2pix.schema import Column, Domain, Schema

SQUARE = GROUPS["square"]
ORDERS = {"none": 1, "line": 2, "rectangle": 4, "square": 8}
groups = pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)


def fields_of(group):
    """Two samples of three fields; on three axes where the group does not care."""
    shape = {0: (3, 4, 5), 1: (5,), 2: (5, 5) if group.name == "square" else (4, 6)}[group.dims]
    return torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(0))


def test_there_are_four_groups():
    assert {name: group.order for name, group in GROUPS.items()} == ORDERS


@groups
def test_the_first_element_does_nothing_and_all_are_different(group):
    fields = fields_of(group)
    assert torch.equal(group.act(fields, 0), fields)
    assert len({group.act(fields, g).numpy().tobytes() for g in range(group.order)}) == group.order


@groups
def test_a_field_keeps_its_values_and_its_distances_from_the_centre(group):
    fields = fields_of(group)
    axes = [torch.arange(n) - (n - 1) / 2 for n in fields.shape[2:]]
    distance = sum(x**2 for x in torch.meshgrid(*axes, indexing="ij")).expand_as(fields)
    for g in range(group.order):
        turned = group.act(fields, g)
        assert turned.shape == fields.shape
        for d in distance.unique():
            before, after = (field[..., distance[0, 0] == d].sort().values for field in (fields, turned))
            assert torch.equal(before, after)


@groups
def test_products_are_what_one_after_the_other_does(group):
    fields = fields_of(group)
    for then, first in itertools.product(range(group.order), repeat=2):
        one_by_one = group.act(group.act(fields, first), then)
        assert torch.equal(one_by_one, group.act(fields, group.product[then][first])), (then, first)


@pytest.mark.parametrize("n", [4, 5])
def test_products_of_the_square_do_not_depend_on_the_points(n):
    field = torch.rand(n, n)
    for then, first in itertools.product(range(8), repeat=2):
        one_by_one = SQUARE.act(SQUARE.act(field, first), then)
        assert torch.equal(one_by_one, SQUARE.act(field, SQUARE.product[then][first])), (then, first)


@groups
def test_inverses_undo(group):
    fields = fields_of(group)
    for g in range(group.order):
        assert torch.equal(group.act(group.act(fields, g), group.inverse[g]), fields)
        assert torch.equal(group.act(group.act(fields, group.inverse[g]), g), fields)


@groups
def test_products_are_associative(group):
    for a, b, c in itertools.product(range(group.order), repeat=3):
        assert group.product[group.product[a][b]][c] == group.product[a][group.product[b][c]]


def orders(group):
    """How often each element has to be repeated to do nothing, sorted."""
    found = []
    for g in range(group.order):
        power, count = g, 1
        while power:
            power, count = group.product[g][power], count + 1
        found.append(count)
    return sorted(found)


def test_the_groups_are_those_of_their_figures():
    """Five elements of the square are their own inverses, two are turns by a quarter, and products do not commute."""
    assert orders(SQUARE) == [1, 2, 2, 2, 2, 2, 4, 4]
    assert orders(GROUPS["rectangle"]) == [1, 2, 2, 2] and orders(GROUPS["line"]) == [1, 2]
    commutes = {
        name: all(group.product[g][h] == group.product[h][g] for g in range(group.order) for h in range(group.order))
        for name, group in GROUPS.items()
    }
    assert commutes == {"none": True, "line": True, "rectangle": True, "square": False}


def test_mirrors_by_hand():
    field = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert GROUPS["rectangle"].act(field, 1).tolist() == [[4, 5, 6], [1, 2, 3]]
    assert GROUPS["rectangle"].act(field, 2).tolist() == [[3, 2, 1], [6, 5, 4]]
    assert GROUPS["line"].act(field, 1).tolist() == [[3, 2, 1], [6, 5, 4]]
    assert SQUARE.act(torch.tensor([[1, 2], [3, 4]]), 1).tolist() == [[2, 4], [1, 3]]
    assert SQUARE.act(torch.tensor([[1, 2], [3, 4]]), 4).tolist() == [[1, 3], [2, 4]]


@groups
def test_gradients_are_turned_back(group):
    """The derivative with respect to a field of <w, g f> is g^-1 w."""
    field = fields_of(group)[0, 0].requires_grad_()
    weight = torch.rand(field.shape)
    for g in range(group.order):
        field.grad = None
        (weight * group.act(field, g)).sum().backward()
        assert torch.equal(field.grad, group.act(weight, group.inverse[g]))


def test_a_group_that_does_not_exist_or_fit_is_named():
    with pytest.raises(ValueError, match="symmetry: expected one of none, line, rectangle, square; got 'hexagon'"):
        group_of("hexagon", 2)
    with pytest.raises(ValueError, match="symmetry: square acts on 2 axes, but the fields have 1"):
        group_of("square", 1)
    assert group_of("none", 3) is GROUPS["none"]


DOTS = Schema(
    system="dots",
    sample="dot",
    columns=(Column("V", "field"), Column("m", "field", odd=True), Column("spin", "scalar", odd=True)),
    domain=Domain(("x", "y"), (5, 5), (), "walls", "square", flip=True),
)
SCHEMAS = {
    "rings": RINGS,
    "dots": DOTS,
    "even": replace(DOTS, domain=replace(DOTS.domain, flip=False)),
    "box": replace(DOTS, domain=Domain(("x", "y"), (4, 6), (), "walls", "rectangle")),
}
symmetries = pytest.mark.parametrize("symmetry", [Symmetry(s) for s in SCHEMAS.values()], ids=SCHEMAS)


def batch(schema):
    """Three samples of every learned column, none symmetric."""
    torch.manual_seed(1)
    return {c.name: torch.rand(3, *schema.shape(c)) for c in schema.of_role("field", "scalar", "condition")}


def elements(symmetry):
    """The elements for the points of the schema."""
    return symmetry.elements({})


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@symmetries
def test_every_element_does_something_else_and_the_first_nothing(symmetry):
    columns = batch(symmetry.schema)
    assert len(elements(symmetry)) == symmetry.group.order * (2 if symmetry.domain.flip else 1)
    assert same(symmetry.act(columns, 0), columns)
    images = [symmetry.act(columns, e) for e in elements(symmetry)]
    assert not any(same(a, b) for a, b in itertools.combinations(images, 2))


@symmetries
def test_inverses_of_elements_undo_them(symmetry):
    columns = batch(symmetry.schema)
    for e in elements(symmetry):
        assert same(symmetry.act(symmetry.act(columns, e), symmetry.inverse(e)), columns)


@symmetries
def test_elements_are_closed_under_products(symmetry):
    columns = batch(symmetry.schema)
    images = [symmetry.act(columns, e) for e in elements(symmetry)]
    for first, then in itertools.product(elements(symmetry), repeat=2):
        found = symmetry.act(images[first], then)
        assert sum(same(found, image) for image in images) == 1


@pytest.mark.parametrize("name", ["rings", "dots"])
def test_the_flip_commutes_with_the_group(name):
    symmetry = Symmetry(SCHEMAS[name])
    columns, flip = batch(symmetry.schema), symmetry.group.order
    for g in range(symmetry.group.order):
        both = symmetry.act(columns, flip + g)
        assert same(both, symmetry.act(symmetry.act(columns, g), flip))
        assert same(both, symmetry.act(symmetry.act(columns, flip), g))


def test_a_flip_changes_the_sign_of_odd_columns_alone():
    columns = batch(RINGS)
    flipped = Symmetry(RINGS).act(columns, 2)
    signs = {name: -1 if RINGS[name].odd else 1 for name in columns}
    assert same(flipped, {name: signs[name] * values for name, values in columns.items()})
    assert {name for name, sign in signs.items() if sign < 0} == {"spins", "magnetisation"}


def test_translations_are_periodic_and_move_fields_alone():
    symmetry, columns = Symmetry(RINGS), batch(RINGS)
    shifted = symmetry.shift(columns, (2,))
    assert torch.equal(shifted["spins"][:, 2:], columns["spins"][:, :4])
    assert torch.equal(shifted["spins"][:, :2], columns["spins"][:, 4:])
    assert torch.equal(shifted["energy"], columns["energy"])
    assert same(symmetry.shift(shifted, (4,)), columns) and same(symmetry.shift(columns, (6,)), columns)


def test_a_mirror_turns_translations_round():
    symmetry, columns = Symmetry(RINGS), batch(RINGS)
    for step in range(6):
        first = symmetry.act(symmetry.shift(columns, (step,)), 1)
        assert same(first, symmetry.shift(symmetry.act(columns, 1), (-step,)))


def test_translations_along_two_axes_commute():
    symmetry, columns = Symmetry(DOTS), batch(DOTS)
    one_by_one = symmetry.shift(symmetry.shift(columns, (0, 3)), (1, 0))
    assert same(symmetry.shift(columns, (1, 3)), one_by_one)
    assert one_by_one["V"][0, 1, 3] == columns["V"][0, 0, 0]
