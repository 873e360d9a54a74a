"""Finite groups that act on fields, and the symmetries of a domain: its group, a flip and translations.

Element e of the square first transposes a field if e >= 4, then rotates it by (e mod 4) quarter turns. Elements of the
rectangle mirror the first axis (1), the second (2), or both (3). Element 1 of the line mirrors. 0 is the identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from qd_pix2pix.schema import Column, Domain, Schema
from solvers.checks import check_choice


def _square(fields: Tensor, element: int) -> Tensor:
    if element >= 4:
        fields = fields.transpose(-2, -1)
    return torch.rot90(fields, element % 4, dims=(-2, -1))


def _rectangle(fields: Tensor, element: int) -> Tensor:
    axes = [axis for bit, axis in ((1, -2), (2, -1)) if element & bit]
    return fields.flip(axes) if axes else fields


def _line(fields: Tensor, element: int) -> Tensor:
    return fields.flip(-1) if element else fields


@dataclass(frozen=True)
class Group:
    """A finite group of maps of a grid onto itself.

    Attributes:
        name: none, line, rectangle or square.
        dims: number of axes on which it acts, the last ones of a field; 0 for any number.
        order: number of elements.
        act: function from (fields (..., *points), element) to fields of the same shape.
    """

    name: str
    dims: int
    order: int
    act: Callable[[Tensor, int], Tensor]

    @cached_property
    def _tables(self) -> tuple[list[list[int]], list[int]]:
        """The products and inverses, determined from the action of the elements on numbered points."""
        points = torch.arange(3**self.dims, device="cpu").reshape((3,) * self.dims)
        images = [self.act(points, e).tolist() for e in range(self.order)]
        product = [
            [images.index(self.act(self.act(points, first), then).tolist()) for first in range(self.order)]
            for then in range(self.order)
        ]
        return product, [row.index(0) for row in product]

    @property
    def product(self) -> list[list[int]]:
        """The multiplication table: ``product[g][h]`` applies h first, then g."""
        return self._tables[0]

    @property
    def inverse(self) -> list[int]:
        """The inverses: ``inverse[g]`` is the inverse of g."""
        return self._tables[1]


GROUPS = {
    group.name: group
    for group in (
        Group("none", 0, 1, lambda fields, element: fields),
        Group("line", 1, 2, _line),
        Group("rectangle", 2, 4, _rectangle),
        Group("square", 2, 8, _square),
    )
}


def group_of(name: str, dims: int) -> Group:
    """Return the group of this name.

    Raises:
        ValueError: there is no such group, or it acts on another number of axes.
    """
    check_choice("symmetry", name, GROUPS)
    group = GROUPS[name]
    if group.dims not in (0, dims):
        raise ValueError(f"symmetry: {name} acts on {group.dims} axes, but the fields have {dims}")
    return group


@dataclass(frozen=True)
class Symmetry:
    """All symmetries of the samples of a schema.

    An element of the finite part is the number of a group element, plus ``group.order`` with the flip: of all spins, or
    of particles and holes.

    Attributes:
        schema: the schema.
        names: the columns that are transformed; without the flip where one of them is not ``Column.paired``.
    """

    schema: Schema
    names: tuple[str, ...] = ()

    @property
    def domain(self) -> Domain:
        """The domain of the fields."""
        return self.schema.domain

    @cached_property
    def group(self) -> Group:
        """The group that acts on the points."""
        return group_of(self.domain.symmetry, len(self.domain.shape))

    def elements(self, columns: Mapping[str, Tensor]) -> range:
        """Return the elements that are symmetries of samples with these columns, fields (..., *points)."""
        return range(self.group.order * (2 if self.flips(columns) else 1))

    def flips(self, columns: Mapping[str, Tensor]) -> bool:
        """Return True if the flip is a symmetry of samples with these columns, fields (..., *points)."""
        if not self.domain.flip or not all(self._paired(self.schema[name]) for name in self.names):
            return False
        return not self.domain.bipartite or all(n % 2 == 0 for n in self.points(columns))

    def _paired(self, column: Column) -> bool:
        return column.paired and (column.product_of is None or column.product_of in self.names)

    def points(self, columns: Mapping[str, Tensor]) -> tuple[int, ...]:
        """Return the number of points along each axis: of the first field among the columns, or of the schema."""
        fields = (values.shape for name, values in columns.items() if self.schema[name].is_field)
        return next((tuple(shape[-len(self.domain.shape) :]) for shape in fields), self.domain.shape)

    def inverse(self, element: int) -> int:
        """Return the inverse of an element."""
        flip, g = divmod(element, self.group.order)
        return flip * self.group.order + self.group.inverse[g]

    def act(
        self, columns: Mapping[str, Tensor], element: int, conditions: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return the action of an element on columns by name: fields (..., *points), all other columns (...).

        Conditions of the samples that are not among the columns are in ``conditions`` or are those of the schema.
        """
        flip, g = divmod(element, self.group.order)
        turned = {}
        for name, values in columns.items():
            column = self.schema[name]
            if flip:
                values = self._flipped(column, values, columns, {**(conditions or {}), **columns})
            turned[name] = self.group.act(values, g) if column.is_field else values
        return turned

    def _flipped(
        self, column: Column, values: Tensor, columns: Mapping[str, Tensor], given: Mapping[str, Tensor]
    ) -> Tensor:
        """Return the values of a column of the flipped sample: 2 c - x, and (2 c - x) (2 c - x') of neighbours."""
        if column.product_of:
            factor = self.schema[column.product_of]
            x, twice = columns[factor.name], self._twice_centre(factor, given, values.ndim)
            axes = range(-len(self.domain.shape), 0)
            around = sum((x.roll(step, axis) for axis in axes for step in (-1, 1)), torch.zeros_like(x))
            return twice**2 - twice * (x + around / (2 * len(axes))) + values
        return self._twice_centre(column, given, values.ndim) - values if column.odd else values

    def _twice_centre(self, column: Column, columns: Mapping[str, Tensor], dims: int) -> Tensor | float:
        """Return 2 c of an odd column whose values have this number of axes."""
        if not column.centre_of:
            return 2 * column.centre or 0  # a whole number keeps the type of whole numbers
        if column.centre_of not in columns:
            return 2 * column.centre * self.schema.constants[column.centre_of]
        unit = columns[column.centre_of]
        return 2 * column.centre * unit.reshape(unit.shape + (1,) * (dims - unit.ndim))

    def shift(self, columns: Mapping[str, Tensor], steps: tuple[int, ...]) -> dict[str, Tensor]:
        """Return the columns of the samples, shifted periodically by ``steps`` points along each axis."""
        axes = tuple(range(-len(steps), 0))
        return {n: torch.roll(v, steps, axes) if self.schema[n].is_field else v for n, v in columns.items()}
