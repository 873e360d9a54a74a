"""A user's samples from files of any format, in the units and on the points of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.fields import Field, Placing, place, read_field
from qd_pix2pix.fields.read import about, read_contents
from qd_pix2pix.fields.square import lengths, other_side
from qd_pix2pix.fields.units import factor
from qd_pix2pix.inference.inputs import Fields, check_fields, with_patterns
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.schema import Column, Schema


@dataclass(frozen=True)
class Reading:
    """Options of reading; None where file and network determine the value.

    Attributes:
        column: name of the array or column.
        unit, length_unit: units of values and coordinates instead of those in the file.
        points, resample: see ``fields.Placing``.
        z: height of the layer of a volume.
    """

    column: str | None = None
    unit: str | None = None
    length_unit: str | None = None
    points: str | None = None
    resample: bool | None = None
    z: float | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Reading:
        """The options of a configuration, conf/evaluate.yaml."""
        return cls(**{name: config.get(name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class OwnSamples:
    """Samples of a file.

    Attributes:
        fields: sources (S, *points) by name.
        sides: sides of the domain by the names of their conditions, where the file determines them.
        lost: detail (S,) that the samples lost by resampling; see ``fields.Placed``.
        notes: units and side in the file, and what was done to the fields; empty for plain arrays.
    """

    fields: Fields
    sides: dict[str, float]
    lost: NDArray[np.float64]
    notes: list[str]


def read_samples(path: Path, predictor: Predictor, reading: Reading | None = None) -> OwnSamples:
    """Return the samples in a file, in the units and on the points of a network.

    Shapes are (*points) for one sample, or (S, *points). A file without coordinates has the points of the network.
    A pattern, such as a checkerboard, that the file lacks is the one that begins with +1.

    Raises:
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: the format needs a library that is not installed.
        ValueError: the file does not hold the expected fields of finite numbers, or a unit is wrong.
    """
    reading, schema, sources = reading or Reading(), predictor.schema, predictor.mapping.sources
    dims = len(schema.domain.shape)
    names = [name for name in sources if not schema[name].pattern or name in read_contents(path, dims=dims).names]
    if reading.column and len(names) > 1:
        raise ValueError(f"column: the network takes {', '.join(names)}; give their arrays these names")
    learned = [column.name for column in schema.columns]
    fields: dict[str, Any] = {}
    sides: dict[str, float] = {}
    lost: NDArray[np.float64] = np.zeros(1)
    notes: list[str] = []
    for name in names:
        others = [other for other in learned if other != name]
        words = (reading.column, reading.unit, reading.length_unit)
        flags = bool(schema[name].values)  # of sites that are occupied or not; potentials are numbers
        found = read_field(path, *words, preferred(schema[name]), others, dims=dims, z=reading.z, flags=flags)
        if bad := np.count_nonzero(~np.isfinite(found.values)):
            what = f"{bad} values of {found.name} are NaN or infinite"
            raise ValueError(f"input: {path}: {what}; write what is there, such as a high step for walls")
        notes += [found.note] if found.note else []
        notes += [f"{found.name} in {found.unit}"] if found.unit not in (None, schema.unit(schema[name])) else []
        found = _in_units(path, found, schema, schema[name], reading)
        fields[name], own, changed, said = _placed(path, found, predictor, schema[name], reading)
        sides |= own
        lost = np.maximum(lost, changed.ravel())
        notes += said
    fields = check_fields(with_patterns(fields, schema, sources), schema)
    size = len(next(iter(fields.values())))
    return OwnSamples(fields, sides, np.broadcast_to(lost, (size,)), list(dict.fromkeys(notes)))


def preferred(column: Column) -> tuple[str, ...]:
    """Return the names of a column in files, in order of preference."""
    return (
        column.name,
        *(("potential",) if column.quantity == "energy" else ()),
        *(("density",) if column.integral else ()),
    )


def _in_units(path: Path, found: Field, schema: Schema, column: Column, reading: Reading) -> Field:
    """Return a field whose values and coordinates have the units of the network."""
    values, x, y = found.values, found.x, found.y
    if found.unit and not schema.domain.sides and found.unit != schema.unit(column):
        wanted = schema.unit(column) or "no unit"  # J of a lattice is its coupling, not joule
        raise ValueError(
            f"unit: expected {wanted}, that of the model; got {found.unit!r}. Convert {path}, or leave it out"
        )
    if found.unit:
        values = values * factor("unit", found.unit, schema.unit(column), "" if reading.unit else str(path))
    if found.length_unit and x is not None and y is not None:
        scale = factor(
            "length_unit", found.length_unit, schema.units.get("length", ""), "" if reading.length_unit else str(path)
        )
        x, y = x * scale, y * scale
    elif reading.length_unit:
        raise ValueError("length_unit: the file has no coordinates x and y; leave it out")
    return replace(found, values=values, x=x, y=y, unit=schema.unit(column), length_unit=schema.units.get("length"))


def _placed(
    path: Path, found: Field, predictor: Predictor, column: Column, reading: Reading
) -> tuple[Any, dict[str, float], NDArray[np.float64], list[str]]:
    """Return values on the points of the network, the sides of the domain, the detail lost, and what was done."""
    domain, placing = predictor.schema.domain, Placing(reading.points, reading.resample)
    planar = len(domain.shape) == 2 and bool(domain.sides) and domain.boundary == "walls"
    if found.x is None or found.y is None or column.values or not planar:
        given = [name for name in ("points", "resample") if getattr(reading, name) not in (None, False)]
        if given and (found.x is None or not planar):
            raise ValueError(f"{given[0]}: {path} has no coordinates x and y on a square; leave it out")
        return found.values, {}, np.zeros(1), []
    (side_x, side_y), known = domain.sides, predictor.conditions
    ends = (known.usual, known.usual | known.low, known.usual | known.high)
    sides = sorted({(end[side_x], end[side_y]) for end in ends})
    n_x, n_y = domain.shape
    varies = {side_x, side_y} & set(known.varying)
    spacing = None if varies else (sides[0][0] / n_x, sides[0][1] / n_y)
    try:
        made = place(found, sides, spacing, (n_x, n_y), placing)
    except ValueError as error:
        is_option = str(error).startswith(("points:", "resample:"))
        raise ValueError(str(error) if is_option else about("input", path, str(error))) from None
    several = "a side" if made.sides[0] == made.sides[1] else "sides"
    size = f"{several} of {lengths(made.sides)} {found.length_unit or ''}".rstrip()
    said = f"{size} between outermost points" if made.nodes else f"{size} from centres of cells"
    if made.nodes and made.sides not in sides:
        said += "".join(f"; {text}" for text in other_side(found, placing, found.length_unit or ""))
    sides_by_name = dict(zip(domain.sides, made.sides, strict=True))
    return made.values, sides_by_name, made.lost, [said, *([made.note] if made.note else [])]


def with_sides(predictor: Predictor, given: Mapping[str, Any], sides: Mapping[str, float]) -> dict[str, Any]:
    """Return conditions with the sides that a file determines, where the network was trained on several.

    Raises:
        ValueError: a given side differs from that of the file.
    """
    schema = predictor.schema
    for name, side in sides.items():
        value = given.get(name)
        if isinstance(value, Real) and not np.isclose(float(value), side, rtol=1e-3):
            unit = schema.unit(schema[name])
            raise ValueError(
                f"{name}: the coordinates of the file give {side:g} {unit}; got {value:g}. Leave it out, or correct "
                "length_unit or points"
            )
    return {**{name: side for name, side in sides.items() if name in predictor.conditions.varying}, **given}
