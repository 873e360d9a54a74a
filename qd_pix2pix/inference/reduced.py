"""Networks in reduced units, for samples in physical ones: conversion, resampling, and a verdict on every prediction.

A network of ``data=scaled_dots`` takes v in hbar^2 / (m* L^2) on the points of its training. Here V comes in eV on any
number of points, with the side in nm and a material, and results are in nm^-2 and eV on the same points. Rectangles are
parts of a square (``rectangles.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from qd_pix2pix.fields.square import MOST_LOST
from qd_pix2pix.inference.inputs import Fields, resolved
from qd_pix2pix.inference.rectangles import MORE_ERROR, Frame, both_sides, names_of, of_rectangles
from qd_pix2pix.mapping.conditions import Conditions
from qd_pix2pix.mapping.mapping import Range
from qd_pix2pix.mapping.reduction import Reduction
from qd_pix2pix.mapping.symmetry import Symmetry
from qd_pix2pix.predictor import ERROR_OF, Card, Predictor
from qd_pix2pix.schema import LARGEST_ERROR, LIKE, UNLIKE, Schema, in_percent

HIGHEST = 1e20
"""Largest potential above its minimum, in hbar^2 / (m* L^2): digits of the levels are lost long before."""
FEWEST_POINTS = 16
"""Fewest points per side of a user's field."""


class PhysicalPredictor(Predictor):
    """A predictor for samples in physical units, around one in reduced units.

    Args:
        reduced: the network in reduced units.
        conditions: physical conditions of all samples, by name; columns (B,) of samples with these names replace them.
            Sides along x and y in the place of one make the samples rectangles.
        shape: points of the samples; fields are resampled to those of the training, and back.

    Raises:
        ValueError: the samples have other numbers of points along x and y, and one side.
    """

    precision = torch.float64
    """An offset of V changes nothing but the energy, if its minimum is subtracted with all digits."""

    def __init__(self, reduced: Predictor, conditions: Mapping[str, float], shape: tuple[int, ...]) -> None:
        nn.Module.__init__(self)
        reduction = Reduction.of(reduced.schema)
        assert reduction is not None
        self.reduced, self.reduction = reduced, reduction
        self.given = {name: float(value) for name, value in conditions.items()}
        self.trained = reduced.schema.domain.shape
        side, sides = reduced.schema.domain.sides[0], self._sides(reduced.schema, shape)
        if sides:
            self.given[side] = max(sides.values())
        self.frame = Frame.of(self.trained[0], tuple(sides.values())) if sides else None
        self.numbers = reduction.network_conditions(reduced.schema, self.given)
        schema = reduction.physical_schema(reduced.schema, {n: v for n, v in self.given.items() if n not in sides})
        schema = of_rectangles(schema, sides) if sides else schema
        self.schema = replace(schema, domain=schema.domain.resized(shape))
        self.mapping, self.shifted = reduced.mapping, False  # no average over shifts in reduced units
        self.number_errors = reduced.number_errors
        self.conditions = Conditions([self.schema], {})
        self.outputs = tuple(self.schema[name] for name in self.mapping.outputs)
        self.symmetry = Symmetry(self.schema, (*self.mapping.sources, *self.mapping.outputs))
        self.ranges = {name: self._range(name, span) for name, span in reduced.ranges.items()}

    def _sides(self, schema: Schema, shape: tuple[int, ...]) -> dict[str, float]:
        """Return the two sides of rectangles by name, nothing for squares."""
        side = schema.domain.sides[0]
        sides = {name: self.given[name] for name in names_of(side) if name in self.given}
        if not sides and len(set(shape)) > 1:
            raise ValueError(
                f"{side}: expected the sides along x and y of {points(shape)}, {side}=(L_x, L_y), got "
                f"{self.given[side]:g}"
            )
        return sides

    @property
    def resampled(self) -> tuple[int, ...]:
        """The points to which samples are resampled: those of the training, or the part of them in a rectangle."""
        return self.frame.points if self.frame else self.trained

    def _range(self, name: str, span: Range) -> Range:
        unit = self.unit(name)
        return Range(span.low * unit, span.high * unit)

    def unit(self, name: str, given: Mapping[str, Any] | None = None) -> Any:
        """The unit of a column of the network, in physical units: a number, or (B,) for conditions (B,)."""
        return self.reduction.scale(self.reduced.schema[name].quantity, self.given if given is None else given)

    def of_samples(self, columns: Mapping[str, Tensor]) -> dict[str, Any]:
        """The physical conditions of samples: those among their columns (B,), otherwise the fixed ones."""
        return {name: columns.get(name, value) for name, value in self.given.items()}

    @property
    def network(self) -> nn.Module:  # type: ignore[override]
        """The network."""
        return self.reduced.network

    def inside(self, card: Card) -> bool:
        """True if the network was trained for these conditions."""
        seen = {name: card.statistics[name] for name in self.numbers}
        return all(seen[name]["min"] <= value <= seen[name]["max"] for name, value in self.numbers.items())

    def reduce(self, columns: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return sources (B, *trained points) and conditions (B,) of the network, and the minimum of V (B,)."""
        found: dict[str, Tensor] = {}
        lowest, given = torch.zeros(()), self.of_samples(columns)
        for name in self.mapping.sources:
            values = resample(columns[name], self.resampled)
            values = self.frame.inside(values) if self.frame else values
            if name in self.reduction.from_minimum:
                lowest = values.amin(tuple(range(1, values.ndim)))
                values = values - lowest.reshape(-1, *(1,) * (values.ndim - 1))
            values = values / _per_field(self.unit(name, given), values)
            found[name] = (self.frame.surrounded(values) if self.frame else values).float()
        like = next(iter(found.values()))
        numbers = self.reduction.network_conditions(self.reduced.schema, given)
        each = like.new_zeros(like.shape[0])
        return found | {name: (value + each).to(each) for name, value in numbers.items()}, lowest

    def raw(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See ``Predictor.raw``."""
        return self.reduced.raw(self.reduce(columns)[0])

    def interpret(
        self, raw: Mapping[str, Tensor], columns: Mapping[str, Tensor], names: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """See ``Predictor.interpret``."""
        reduced, lowest = self.reduce(columns)
        return self._physical(self.reduced.interpret(raw, reduced, names), columns, lowest)

    def answers(self, columns: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """See ``Predictor.answers``; the samples are reduced once."""
        reduced, lowest = self.reduce(columns)
        raw, found, errors = self.reduced.answers(reduced)
        return raw, self._physical(found, columns, lowest), self._physical_errors(errors, columns)

    def _physical(self, found: dict[str, Tensor], columns: Mapping[str, Tensor], lowest: Tensor) -> dict[str, Tensor]:
        """Return reduced quantities by name in physical units; ``lowest`` (B,) is the minimum of V."""
        given = self.of_samples(columns)
        shape = columns[self.mapping.sources[0]].shape[1:]
        for column in (c for c in self.outputs if c.name in found):
            values = there = found[column.name] * _per_field(self.unit(column.name, given), found[column.name])
            if column.is_field:
                values = resample(self.frame.outside(there) if self.frame else there, shape)
            if column.integral:
                values = _with_integral(values, there, math.prod(self.frame.parts) if self.frame else 1.0)
            if particles := (self.reduction.shifted or {}).get(column.name):
                values = values + given[particles] * lowest
            found[column.name] = values
        return found

    def errors(self, raw: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See ``Predictor.errors``."""
        return self._physical_errors(self.reduced.errors(raw, self.reduce(columns)[0]), columns)

    def _physical_errors(self, found: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        given, more = self.of_samples(columns), MORE_ERROR if self.frame else 1.0
        names = self.reduced.number_errors.names if self.reduced.number_errors else ()
        units = {ERROR_OF.format(name): self.unit(name, given) for name in names}
        return {name: values * units.get(name, 1.0) * more for name, values in found.items()}

    def head(self, column: Any) -> Any:
        """See ``Predictor.head``."""
        return self.reduced.head(self.reduced.schema[column.name])


def _per_field(unit: Any, values: Tensor) -> Any:
    """Return a unit that is a number or (B,) as a factor of ``values`` (B, ...)."""
    return unit.reshape(-1, *(1,) * (values.ndim - 1)) if isinstance(unit, Tensor) else unit


def resample(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return fields (B, n_x, n_y) on ``shape`` points of the same area, bicubic, averaged where points are fewer."""
    if values.shape[1:] == tuple(shape):
        return values
    return F.interpolate(values[:, None], size=tuple(shape), mode="bicubic", antialias=True, align_corners=False)[:, 0]


def _with_integral(values: Tensor, like: Tensor, part: float) -> Tensor:
    """Return non-negative fields (B, n_x, n_y) with the integral of ``like`` (B, n, n), on this part of its area."""
    values = values.clamp(min=0)
    axes = tuple(range(1, values.ndim))
    return values * (like.mean(axes, keepdim=True) / part / values.mean(axes, keepdim=True))


def physical_conditions(schema: Schema, given: Mapping[str, Any]) -> dict[str, float]:
    """Return the physical conditions of samples for a network in reduced units, from those given by name or preset.

    A pair for the side gives rectangles, whose sides along x and y replace it.

    Raises:
        ValueError: a condition is missing, unknown or out of its bounds.
    """
    side = schema.domain.sides[0]
    sides, given = both_sides(side, given)
    if sides:
        found = physical_conditions(schema, {**given, side: max(sides.values())})
        return {name: value for name, value in found.items() if name != side} | sides
    reduction = Reduction.of(schema)
    assert reduction is not None
    columns = reduction.columns()
    usual = {column.name: column.low or 1.0 for column in columns}
    physical = reduction.physical_schema(schema, usual)
    values = resolved(physical, {name: value for name, value in given.items() if value is not None})
    for column in columns:
        if column.name not in values:
            word = next((p for p, sets in reduction.presets.items() if column.name in next(iter(sets.values()))), "")
            hint = f"{word}=..., or {column.name}=..." if word else f"{column.name}=..."
            unit = physical.unit(column)
            raise ValueError(
                f"{word or column.name}: this network serves all of them; give that of your {schema.sample}s"
                f"{f' in {unit}' if unit else ''}, {hint}"
            )
    return {column.name: values[column.name] for column in columns}


def for_reading(reduced: Predictor, given: Mapping[str, Any]) -> PhysicalPredictor:
    """Return the predictor in whose units a file is read, before the side of its square, or a rectangle, is known."""
    reduction = Reduction.of(reduced.schema)
    assert reduction is not None
    sides = set(reduced.schema.domain.sides)
    usual = {column.name: (column.low or 1.0) if column.name in sides else 1.0 for column in reduction.columns()}
    usual |= {side: float(given[side]) for side in sides if isinstance(given.get(side), (int, float))}
    pair, _ = both_sides(reduced.schema.domain.sides[0], given)
    if pair:
        usual = {name: value for name, value in usual.items() if name not in sides} | pair
    reader = PhysicalPredictor(reduced, usual, reduced.schema.domain.shape)
    if reader.frame:
        reader = PhysicalPredictor(reduced, usual, reader.frame.points)
    reader.conditions.varying = tuple(pair or sides)
    return reader


def per_sample(reduced: Predictor, card: Card) -> PhysicalPredictor:
    """Return the predictor of samples on the points of training whose conditions are columns (B,), all of them.

    The fixed conditions are in the middle of the training: the first preset, and the size with the middle coupling.
    """
    reduction, numbers = Reduction.of(reduced.schema), [c.name for c in reduced.schema.of_role("condition")]
    assert reduction is not None
    seen = {name: (card.statistics[name]["min"], card.statistics[name]["max"]) for name in numbers}
    usual = {name: float(round(sum(seen[name]) / 2)) for name in numbers if name not in reduction.numbers}
    for choices in reduction.presets.values():
        usual |= next(iter(choices.values()))
    for name in reduction.numbers:
        usual |= reduction.condition_for(name, math.sqrt(math.prod(seen[name])), usual)
    predictor = PhysicalPredictor(reduced, usual, reduced.schema.domain.shape)
    predictor.conditions.varying = tuple(usual)
    return predictor


def remarks_on(
    predictor: PhysicalPredictor, card: Card, fields: Fields, lost: NDArray[np.float64] | float = 0.0
) -> list[str]:
    """Return remarks on samples that the network was not trained for, or that lose detail by resampling.

    ``lost`` (S,) is what they lost before, on the way from a file; see ``fields.Placed``.

    Raises:
        ValueError: no training sample has such a number of electrons, or the fields have too few points, or are too
            high.
    """
    shape = next(iter(fields.values())).shape[1:]
    if min(shape) < FEWEST_POINTS:
        raise ValueError(f"input: expected at least {FEWEST_POINTS} points along each axis, got {points(shape)}")
    _check_height(predictor, fields)
    remarks = []
    for name, value in predictor.numbers.items():
        seen, column = card.statistics[name], predictor.reduced.schema[name]
        known = f"{seen['min']:.3g} ... {seen['max']:.3g}"
        if seen["min"] <= value <= seen["max"]:
            continue
        if np.dtype(column.dtype).kind == "i":
            raise ValueError(f"{name}: the network was trained for {known}, got {value:g}. Use the solver")
        remarks.append(f"{column.description} is {value:.3g}, in training {known}")
    return remarks + blurred(
        predictor.schema, predictor.resampled, np.maximum(_lost(fields, predictor.resampled), lost)
    )


def _check_height(predictor: PhysicalPredictor, fields: Fields) -> None:
    """Raise ValueError if a potential is so far above its minimum that the network has no digits for its levels."""
    for name in predictor.reduction.from_minimum:
        if name not in fields:
            continue
        highest, unit = HIGHEST * float(predictor.unit(name)), predictor.schema.unit(predictor.schema[name])
        flat = fields[name].reshape(len(fields[name]), -1)
        if (found := float((flat.max(1) - flat.min(1)).max())) > highest:
            raise ValueError(
                f"input: expected {name} of at most {highest:.3g} {unit} above its minimum, got {found:.3g}. For "
                "a wall, use a step of some hundred times the lowest level"
            )


def blurred(schema: Schema, shape: tuple[int, ...], lost: NDArray[np.float64]) -> list[str]:
    """Return a remark on samples that ``lost`` (S,) detail by resampling to ``shape``, as a part of their range."""
    if not (number := int((lost > MOST_LOST).sum())):
        return []
    return [
        f"resampling to {points(shape)} changes {schema.count(number)} by up to {in_percent(lost.max())} of the range"
    ]


def unlike(
    predictor: PhysicalPredictor, card: Card, fields: Fields, lost: NDArray[np.float64] | float = 0.0
) -> NDArray[np.bool_]:
    """Return True (S,) for samples that the network was not trained for, or that lose detail by resampling.

    ``lost`` is that of ``remarks_on``.
    """
    return (np.maximum(_lost(fields, predictor.resampled), lost) > MOST_LOST) | (not predictor.inside(card))


def resampling(predictor: PhysicalPredictor, fields: Fields) -> list[str]:
    """Return a note on the resampling of samples, with its error; none where they have the points of training."""
    shape = tuple(next(iter(fields.values())).shape[1:])
    if shape == predictor.resampled:
        return []
    lost = _lost(fields, predictor.resampled).max()
    return [
        f"resampled from {points(shape)} to {points(predictor.resampled)}: a change of {in_percent(lost)} of the range"
    ]


def points(shape: tuple[int, ...]) -> str:
    """Return a number of points as text."""
    return f"{' × '.join(map(str, shape))} points"


def _lost(fields: Fields, trained: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the mean change of samples by resampling to ``trained`` points and back, relative to their range, (S,)."""
    changes = [np.zeros(len(next(iter(fields.values()))))]
    for values in fields.values():
        if tuple(values.shape[1:]) == tuple(trained):
            continue
        from_minimum = values - values.min((1, 2), keepdims=True)  # single precision has no digits for large offsets
        there = torch.as_tensor(from_minimum, dtype=torch.float32)
        back = resample(resample(there, trained), tuple(values.shape[1:]))
        span = there.amax((1, 2)).clamp(min=torch.finfo(torch.float32).tiny)
        changes.append(((back - there).abs().mean((1, 2)) / span).double().numpy())
    return np.max(changes, axis=0)


def verdicts(errors: NDArray | Tensor, unfamiliar: NDArray | bool = False) -> NDArray:
    """Return the verdict on each prediction, text of the shape of the estimated ``errors``.

    Args:
        errors: estimated errors, int |n - n_ref| / N.
        unfamiliar: True for samples that the network was not trained for; see ``unlike``.
    """
    values = errors.detach().cpu() if isinstance(errors, Tensor) else errors
    return np.where(to_verify(np.asarray(values), unfamiliar), UNLIKE, LIKE)


def to_verify(errors: NDArray, unfamiliar: NDArray | bool = False) -> NDArray[np.bool_]:
    """Return True for predictions that should be verified; see ``verdicts``."""
    return np.asarray((errors > LARGEST_ERROR) | unfamiliar)
