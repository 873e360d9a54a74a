"""Validation of a user's samples, and their comparison with the training data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from qd_pix2pix.mapping.texture import texture
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Column, Schema
from solvers.checks import check_integer, check_number, check_plain, number_of

TEXTURES = {
    "level": ("more points between its extremes", "fewer points between its extremes"),
    "roughness": ("smaller differences between neighbours", "larger differences between neighbours"),
}
"""What a field has where its texture is below, or above, that of the training; see ``mapping.texture``."""
PATTERNS: dict[str, Callable[[tuple[int, ...]], NDArray[np.float64]]] = {
    "checkerboard": lambda shape: (-1.0) ** np.indices(shape).sum(0)
}
"""Patterns of +1 and -1 in place of a field that a user leaves out, from the points of the sample."""
_FITTING: WeakKeyDictionary[Predictor, set[tuple[int, ...]]] = WeakKeyDictionary()
"""The shapes of fields that a predictor is known to take."""
Fields = dict[str, NDArray[np.float64]]
"""The sources by name, (S, *points) each."""


def native(values: ArrayLike, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return values as an array of ``dtype`` that torch takes: contiguous, writable and of native byte order.

    Views such as V[::-1], broadcast and read-only arrays are copied, all others are not.
    """
    return np.require(values, dtype, ["C", "A", "W"])


def with_patterns(given: Mapping[str, Any], schema: Schema, sources: Sequence[str]) -> dict[str, Any]:
    """Return the sources by name, with the pattern of each that may be left out.

    Raises:
        ValueError: the pattern does not fit the number of points.
    """
    found, first = dict(given), next(iter(given.values()), None)
    for name in sources:
        pattern = schema[name].pattern
        if not pattern or name in given or first is None:
            continue
        shape = tuple(np.shape(first))[-len(schema.domain.shape) :]
        if any(points % 2 for points in shape):
            raise ValueError(
                f"input: expected an even number of points along each axis, got shape {shape}; a {pattern} does not "
                f"fit odd sides. For other boundaries give {name} yourself"
            )
        values = np.array(np.broadcast_to(PATTERNS[pattern](shape), np.shape(first)))
        found[name] = first.new_tensor(values, dtype=first.dtype) if hasattr(first, "new_tensor") else values
    return found


def array_of(name: str, values: ArrayLike) -> NDArray:
    """Return values as an array; masked arrays, which ``check_fields`` refuses by name, as they are."""
    if isinstance(values, np.ma.MaskedArray):
        return values
    check_plain(name, values)
    return np.asarray(values)


def check_fields(arrays: Mapping[str, Any], schema: Schema) -> Fields:
    """Return sources (S, *points) of finite float64, from sources (*points) or (S, *points) by name.

    Raises:
        ValueError: the arrays have another type or shape, or are inconsistent.
    """
    fields = {name: _check_field(name, values, schema) for name, values in arrays.items()}
    shapes = {values.shape for values in fields.values()}
    if len(shapes) > 1:
        raise ValueError(f"input: expected sources of the same shape, got {', '.join(map(str, sorted(shapes)))}")
    return fields


def _check_field(name: str, values: Any, schema: Schema) -> NDArray[np.float64]:
    dims = len(schema.domain.shape)
    points = ", ".join(f"n_{axis}" for axis in schema.domain.axes)
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise ValueError(
                f"input: {name} has masked points; fill them, values.filled(...), with what is really there"
            )
        values = values.data
    check_plain(f"input: {name}", values)
    kinds = "fiub" if schema[name].values else "fiu"
    if not isinstance(values, np.ndarray) or values.dtype.kind not in kinds:
        raise ValueError(f"input: expected {name} of real numbers, got {getattr(values, 'dtype', type(values))}")
    if values.ndim not in (dims, dims + 1) or values.size == 0:
        wanted = f"({points}) or ({schema.sample}s, {points})"
        raise ValueError(f"input: expected {name} of shape {wanted}, got {values.shape}")
    sides = schema.domain.sides
    shape = values.shape[-dims:]
    spacing = {(side, n / trained) for side, n, trained in zip(sides, shape, schema.domain.shape, strict=False)}
    if len(spacing) > len(set(sides)):
        axes = " and ".join(schema.domain.axes)
        raise ValueError(f"input: expected {name} with as many points along {axes}, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"input: {np.count_nonzero(~np.isfinite(values))} values of {name} are NaN or infinite")
    check_values(schema[name], values)
    return native(values).reshape(-1, *shape)


def check_values(column: Column, values: NDArray) -> None:
    """Raise ValueError if a column of few values, such as spins, has others."""
    if column.values and not (fits := np.isin(values, column.values)).all():
        *most, last = (f"{v:g}" for v in column.values)
        wanted = f"{', '.join(most)} and {last}" if most else last
        other = np.asarray(values)[~fits].flat[0]
        raise ValueError(f"input: expected {column.name} of {wanted} only, got {other:g}. Replace the other values")


def only_values(card: Card) -> dict[str, float]:
    """Return the conditions that are columns of the samples and that had a single value in training, by name."""
    known = {c.name: card.statistics[c.name] for c in card.schema.of_role("condition") if c.name in card.statistics}
    return {name: float(seen["min"]) for name, seen in known.items() if seen["min"] == seen["max"]}


def conditions_of(predictor: Predictor, shape: tuple[int, ...], given: Mapping[str, Any]) -> dict[str, float]:
    """Return the conditions of a user's samples: those of training, updated with the given ones.

    Args:
        predictor: the predictor for these samples.
        shape: points of the samples. On more points than in training, with the same spacing, the domain is larger.
        given: conditions by name, or names of presets such as material="si"; None means not given.

    Raises:
        ValueError: the predictor does not accept such samples.
    """
    schema, known = predictor.schema, predictor.conditions
    values = resolved(schema, {name: value for name, value in given.items() if value is not None})
    for name in known.varying:
        if name not in values:
            by_name = [preset for preset, choices in schema.presets.items() if name in next(iter(choices.values()))]
            word = (by_name or [name])[0]
            raise ValueError(
                f"{word}: the network was trained for several values; give that of your samples, {word}=..."
            )
    found = dict(known.usual)
    sides = dict(zip(schema.domain.sides, zip(shape, schema.domain.shape, strict=False), strict=False))
    for side, (n, trained) in sides.items():
        found[side] = found[side] / trained * n
        if side in values and side not in known.varying and not np.isclose(values[side], found[side]):
            length, spacing = schema.unit(schema[side]), schema.constants[side] / trained
            raise ValueError(
                f"{side}: the network takes points {spacing:.4g} {length} apart, {found[side]:g} {length} for {n} "
                f"points; got {values[side]:g}. Resample the field, or train with range.{side}=[...]"
            )
    for name, value in values.items():
        if name not in known.varying and name not in sides and name in known.usual and value != known.usual[name]:
            word = next((p for p in given if name in _preset(schema, p, given[p])), name)
            raise ValueError(f"{word}: the network was trained for {name} = {known.usual[name]:g} only, got {value:g}")
    _try_on(predictor, shape)
    for name in predictor.prior.below_points if predictor.prior else ():
        check_number(name, (found | values)[name], high=math.prod(shape) - 1, hint=f"The sample has {shape[0]} points")
    return found | values


def resolved(schema: Schema, given: Mapping[str, Any]) -> dict[str, float]:
    """Return the conditions as numbers, with presets replaced by their conditions."""
    names = [column.name for column in schema.given]
    values: dict[str, float] = {}
    for name, value in sorted(given.items(), key=lambda item: item[0] not in schema.presets):  # numbers after presets
        if name in schema.presets:
            values |= _preset(schema, name, value)
        elif name not in names:
            known = ", ".join([*names, *schema.presets]) or "none"
            raise ValueError(f"{name}: {schema.system} have no such condition; they have {known}")
        else:
            values[name] = _number(schema[name], number_of(value))
    return values


def _preset(schema: Schema, name: str, value: Any) -> dict[str, float]:
    """Return the conditions of a preset's value; an empty dictionary if there is no such preset."""
    choices = schema.presets.get(name, {})
    if choices and not (isinstance(value, str) and value in choices):
        raise ValueError(f"{name}: expected one of {', '.join(choices)}; got {value!r}")
    return choices.get(value, {}) if choices else {}


def _number(column: Column, value: Any) -> float:
    """Return a condition as a number, validated by its column."""
    low, high = (
        bound if bound is not None else limit for bound, limit in ((column.low, -np.inf), (column.high, np.inf))
    )
    if np.dtype(column.dtype).kind == "i":
        check_integer(column.name, value, int(low) if np.isfinite(low) else -(2**53))
    check_number(column.name, value, low, high)
    return float(value)


def _try_on(predictor: Predictor, shape: tuple[int, ...]) -> None:
    """Raise ValueError if the predictor does not take fields of this shape; it is evaluated once for each shape."""
    fitting = _FITTING.setdefault(predictor, set())
    if shape in fitting:
        return
    try:
        predictor.try_on(shape)
        fitting.add(shape)
    except ValueError as error:
        domain = predictor.schema.domain
        advice = "Resample the fields to this grid" if domain.sides else "Give lattices of a size that it takes"
        raise ValueError(
            f"input: the network does not take fields of {shape} points ({error}); in training they had "
            f"{domain.shape}. {advice}"
        ) from None


def compare_with_training(fields: Fields, card: Card, conditions: Mapping[str, float]) -> list[str]:
    """Return remarks on inputs outside the training data; refuse values that indicate another unit.

    Raises:
        ValueError: the values indicate another unit, or violate physical bounds.
    """
    schemas = [Schema.from_dict(content) for content in card.schemas]
    remarks = []
    for column in schemas[0].given:
        if column in schemas[0].conditions:
            low, *_, high = 2 * sorted(schema.constants[column.name] for schema in schemas)
        elif column.name in conditions and column.name in card.statistics:
            low, high = (card.statistics[column.name][end] for end in ("min", "max"))
        else:
            continue
        value, unit = conditions[column.name], schemas[0].unit(column)
        if not low <= value <= high:
            known = " ... ".join(f"{v:.4g}" for v in sorted({low, high}))
            remarks.append(f"{column.name} is {value:g} {unit}".rstrip() + f", in training {known}")
    remarks += _compare_sizes(next(iter(fields.values())).shape[1:], card, schemas)
    return remarks + compare_fields(fields, card, conditions)


def compare_fields(fields: Fields, card: Card, conditions: Mapping[str, float]) -> list[str]:
    """Return remarks on the values of sources outside the training data; see ``compare_with_training``."""
    schema = Schema.from_dict(card.schemas[0])
    return [
        remark
        for name, values in fields.items()
        for remark in _unlike_pattern(name, values, schema) + _compare_field(name, values, card, schema, conditions)
    ]


def _compare_sizes(shape: tuple[int, ...], card: Card, schemas: Sequence[Schema]) -> list[str]:
    """Return a remark on lattices of other sizes than in training, where states may extend over all of a lattice.

    The points of other domains resolve them, and numbers of a lattice are sums over its parts. Classes are those of a
    size, such as the levels of a lattice.
    """
    outputs = [schemas[0][name] for name in (card.mapping["target"], *card.mapping.get("also", ()))]
    lattice = not schemas[0].domain.sides and (outputs[0].is_field or any(column.classes for column in outputs))
    sides = sorted(side for schema in schemas for side in schema.domain.shape)
    if not lattice or (sides[0] <= min(shape) and max(shape) <= sides[-1]):
        return []
    known = " ... ".join(map(str, sorted({sides[0], sides[-1]})))
    known += " along each axis" if len(shape) > 1 else ""
    return [f"the {schemas[0].sample} has {' × '.join(map(str, shape))} points, in training {known}"]


def _unlike_pattern(name: str, values: NDArray, schema: Schema) -> list[str]:
    """Return a remark on fields that are neither the pattern of their column nor its negative."""
    if not (pattern := schema[name].pattern):
        return []
    same = (values * PATTERNS[pattern](values.shape[1:])).reshape(len(values), -1)
    other = np.ptp(same, axis=1) > 0
    return [f"{name} of {_of(other, schema)} is no {pattern}"] if other.any() else []


def _compare_field(
    name: str, values: NDArray, card: Card, schema: Schema, conditions: Mapping[str, float]
) -> list[str]:
    column, seen = schema[name], dict(card.statistics[name])
    unit = schema.unit(column)
    if column.gauge:
        values = values + (seen["min"] - values.min(tuple(range(1, values.ndim)), keepdims=True))
    if column.integral:  # the mean of a density is N / volume: smaller in a larger domain
        thinner = math.prod(schema.domain.lengths(schema.constants)) / math.prod(schema.domain.lengths(conditions))
        seen |= {key: seen[key] * thinner for key in ("sample_mean_min", "sample_mean_max", "mean")}
    low, high, span = seen["min"], seen["max"], seen["max"] - seen["min"]
    known = f"{low:.4g} ... {high:.4g} {unit}".rstrip()
    small = 0 < np.ptp(values) < span / 200 and np.abs(values).max() < span / 100  # a flat field elsewhere is no unit
    small = small and bool(schema.domain.sides)  # on lattices a field may be a small part of the coupling
    if max(values.max() - high, low - values.min()) > 20 * span or small:
        raise ValueError(
            f"input: expected {name} in {unit or 'its unit'}, in training {known}; got {_extent(values)}. "
            "Is it in another unit?"
        )
    slack = 0.02 * span
    if column.low is not None and column.low - values.min() > slack:
        what = "a density is never negative" if column.kind == "density" else f"{name} is never below {column.low:g}"
        raise ValueError(f"input: {what}; got {_extent(values)} {unit}".rstrip())
    if column.high is not None and values.max() - column.high > slack:
        raise ValueError(f"input: {name} is never above {column.high:g}; got {_extent(values)} {unit}".rstrip())
    remarks = []
    flat = values.reshape(len(values), -1)
    outside = (flat.max(1) > high + slack) | (flat.min(1) < low - slack)
    if outside.any():
        remarks.append(
            f"{_of(outside, schema)} leave the range of {name} in training ({known}): {_extent(values[outside])}"
        )
    means = flat.mean(1)
    # the mean of a density is N / volume, the same for all samples up to the precision of a file
    slack = 0.1 * (seen["sample_mean_max"] - seen["sample_mean_min"]) + 1e-3 * abs(seen["mean"])
    strange = (means > seen["sample_mean_max"] + slack) | (means < seen["sample_mean_min"] - slack)
    if strange.any():
        remarks.append(
            f"{_of(strange, schema)} have a mean {name} ({_extent(means[strange])} {unit}) outside the training data "
            f"({seen['sample_mean_min']:.4g} ... {seen['sample_mean_max']:.4g})"
        )
    # in a larger domain a potential has other shares of steps and slopes
    comparable = column.kind == "field" and not column.values and values.shape[1:] == schema.domain.shape
    return remarks + (_unlike_texture(name, values, seen, schema) if comparable else [])


def _unlike_texture(name: str, values: NDArray, seen: Mapping[str, float], schema: Schema) -> list[str]:
    """Return a remark on fields that are smoother or rougher than those of the training."""
    remarks = []
    for kind, found in texture(values).items():
        if f"{kind}_min" not in seen:  # trained by an earlier version
            continue
        low, high = seen[f"{kind}_min"], seen[f"{kind}_max"]
        slack = 0.1 * (high - low) + 0.02 * high
        for strange, word in zip((found < low - slack, found > high + slack), TEXTURES[kind], strict=True):
            if strange.any():
                remarks.append(f"{name} of {_of(strange, schema)} is unlike training: {word}")
    return remarks


def _of(chosen: NDArray, schema: Schema) -> str:
    return f"{chosen.sum()} of {schema.count(len(chosen))}"


def _extent(values: NDArray[np.float64]) -> str:
    return f"{values.min():.4g} ... {values.max():.4g}"
