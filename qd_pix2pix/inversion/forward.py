"""The differentiable map that is inverted: a network of the house, or any function of tensors.

The map takes potentials (B, *points) and conditions (B,) by name to outputs by name: fields (B, *points), numbers (B,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qd_pix2pix.inference.differentiable import constant
from qd_pix2pix.inference.dots import DotSurrogate
from qd_pix2pix.inference.inputs import (
    check_fields,
    compare_fields,
    compare_with_training,
    conditions_of,
    with_patterns,
)
from qd_pix2pix.inference.predict import averaged, precision_on, unshifted
from qd_pix2pix.inference.pretrained import Surrogate, from_pretrained
from qd_pix2pix.inference.rectangles import both_sides
from qd_pix2pix.inference.reduced import PhysicalPredictor, physical_conditions, remarks_on
from qd_pix2pix.inference.sampler import Sampler
from qd_pix2pix.mapping.reduction import Reduction
from qd_pix2pix.predictor import ERROR, Card, Predictor
from qd_pix2pix.schema import Schema
from solvers.checks import check_integer

Conditions = dict[str, float]
Outputs = dict[str, Tensor]
OUTPUT = "output"
"""Name of the output of a function that returns a tensor."""
DENSITY = "density"
"""A second name of the target, where that is a density."""


@dataclass(frozen=True)
class Forward:
    """A map from potentials to outputs, for members that differ in their conditions.

    Attributes:
        evaluate: the map, see above.
        shape: points of a potential.
        target: the first output.
        outputs: names of all outputs; empty for a function.
        members: conditions of each member.
        trained: lowest and highest potential in training; None for functions, and for dots of any size.
        periodic: True if the first point follows the last.
        device: device of all tensors.
        schema: schema of samples in physical units; None for a function.
        source: name of the potential.
        card: description of a network.
        remarks: function from the potential (1, *points) and all conditions of a member to remarks on what is unlike
            training.
        descended: the map whose gradient is followed, where it is not ``evaluate``: averages over shifts are neither
            continuous nor fast.
    """

    evaluate: Callable[[Tensor, Mapping[str, Tensor]], Outputs]
    shape: tuple[int, ...]
    target: str
    outputs: tuple[str, ...]
    members: tuple[Conditions, ...]
    trained: tuple[float, float] | None = None
    periodic: bool = False
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    schema: Schema | None = None
    source: str = "V"
    card: Card | None = None
    remarks: Callable[[Any, Conditions], list[str]] = lambda potential, conditions: []
    descended: Callable[[Tensor, Mapping[str, Tensor]], Outputs] | None = None

    def unit(self, name: str) -> str:
        """The unit of a column; empty where there is none."""
        return self.schema.unit(self.schema[name]) if self.schema and name != ERROR else ""

    @property
    def unit_of_source(self) -> str:
        """The unit of the potential; empty where there is none."""
        return self.unit(self.source)

    def lengths(self, conditions: Mapping[str, float]) -> tuple[tuple[float, ...], str]:
        """Return the length of each axis under these conditions, and its unit; of lattices the number of points."""
        if self.schema is None or not self.schema.domain.sides:
            return tuple(map(float, self.shape)), ""
        column = self.schema[self.schema.domain.sides[0]]
        return self.schema.domain.lengths(conditions), self.schema.unit(column)

    def name_of(self, name: str) -> str:
        """The name of an output, of which ``density`` may be another one.

        Raises:
            ValueError: there is no such output.
        """
        if name == DENSITY and DENSITY not in self.outputs and self.is_density:
            return self.target
        if self.outputs and name not in self.outputs:
            raise ValueError(f"target: expected one of {', '.join(self.outputs)}; got {name!r}")
        return name

    @property
    def is_density(self) -> bool:
        """True if the target is a density."""
        return bool(self.schema and self.schema[self.target].kind == "density")

    def with_alias(self, outputs: Outputs) -> Outputs:
        """Return outputs by all their names."""
        return outputs | ({DENSITY: outputs[self.target]} if self.is_density and self.target in outputs else {})


def load(surrogate: Any) -> Any:
    """Return a network by its name or file; anything else as it is."""
    named = isinstance(surrogate, str) or hasattr(surrogate, "__fspath__")
    return from_pretrained(surrogate) if named else surrogate


def forward_of(
    surrogate: Any, shape: Sequence[int] | None, members: Sequence[Mapping[str, Any]], free: Mapping[str, Any]
) -> Forward:
    """Return the map of a surrogate on ``shape`` points, with the conditions of each member.

    Args:
        surrogate: name or file of a network, a ``Surrogate``, or a function of tensors.
        shape: points; None: those of the training.
        members: given conditions of each member, and fields that the network takes beside the potential.
        free: conditions that are not given, with any value in their range.

    Raises:
        ValueError: a generator, a network of spins, or one whose conditions or further fields are not valid.
    """
    found, shape = load(surrogate), check_points(shape)
    if isinstance(found, Sampler):
        raise ValueError("surrogate: expected a network that predicts, got a generator, which draws samples")
    if not isinstance(found, Surrogate):
        return _of_function(found, shape, members)
    _check_continuous(found)
    points = shape if shape is not None else found.shape
    if len(points) != len(found.shape):
        raise ValueError(f"shape: expected {len(found.shape)} axes, as in training, got {points}")
    given = [{**member, **free} for member in members]
    if isinstance(found, DotSurrogate):
        return _of_dots(found, points, given)
    fields = _further_fields(found, points, given)
    plain = [{name: value for name, value in member.items() if name not in fields} for member in given]
    return _of_network(found, points, plain, fields)


def _check_continuous(surrogate: Surrogate) -> None:
    """Raise ValueError if the source of a network has few values, as spins have: these have no gradient."""
    source = surrogate.predictor.schema[surrogate.sources[0]]
    if source.values:
        values = " and ".join(f"{value:g}" for value in source.values)
        raise ValueError(
            f"surrogate: expected a network of potentials, got one of {source.name}, whose values {values} have no "
            "gradient. Use chain, bose-hubbard, universal or another network of potentials; generators such as "
            "ising-flow draw configurations of a given energy"
        )


def check_points(shape: Any) -> tuple[int, ...] | None:
    """Return the points of a potential as a tuple.

    Raises:
        ValueError: they are no sequence of whole numbers.
    """
    if shape is None:
        return None
    if not isinstance(shape, (tuple, list)) or not shape:  # torch.Size is a tuple
        raise ValueError(f"shape: expected the points along each axis, such as (64, 64) or (12,); got {shape!r}")
    for points in shape:
        check_integer("shape", points, 1)
    return tuple(map(int, shape))


def _of_function(function: Any, shape: tuple[int, ...] | None, members: Sequence[Mapping[str, Any]]) -> Forward:
    if not callable(function):
        raise ValueError(f"surrogate: expected a network, its name, or a function of tensors; got {function!r}")
    if shape is None:
        raise ValueError("shape: give the points of a potential, or start=..., as this surrogate is a function")

    def evaluate(potentials: Tensor, conditions: Mapping[str, Tensor]) -> Outputs:
        outputs = function(potentials, **conditions)
        return dict(outputs) if isinstance(outputs, Mapping) else {OUTPUT: outputs}

    known = tuple({name: _number(name, value) for name, value in member.items()} for member in members)
    return Forward(evaluate, shape, OUTPUT, (), known)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected a number, got {value!r}") from None


def _further_fields(
    surrogate: Surrogate, shape: tuple[int, ...], members: Sequence[Mapping[str, Any]]
) -> dict[str, Tensor]:
    """Return the fields (K, *points) that a network takes beside the potential, by name.

    Raises:
        ValueError: a field is missing, or its values are not valid.
    """
    schema, sources, rows = surrogate.predictor.schema, surrogate.sources, []
    for member in members:
        given = {sources[0]: np.zeros(shape), **{n: member[n] for n in sources[1:] if member.get(n) is not None}}
        given = with_patterns(given, schema, sources)
        if missing := [name for name in sources if name not in given]:
            raise ValueError(f"{missing[0]}: give this field, which the network takes beside {sources[0]}")
        rows.append(check_fields(given, schema))
    stacked = {name: np.concatenate([row[name] for row in rows]) for name in sources[1:]}
    return {name: torch.as_tensor(values, device=surrogate.device) for name, values in stacked.items()}


def _of_network(
    surrogate: Surrogate, shape: tuple[int, ...], given: Sequence[Mapping[str, Any]], fields: Mapping[str, Tensor]
) -> Forward:
    predictor, card = surrogate.predictor, surrogate.card
    known = tuple(conditions_of(predictor, shape, member) for member in given)
    source = predictor.mapping.sources[0]
    span = predictor.ranges[source]
    given_fields = {name: values.cpu().numpy() for name, values in fields.items()}

    def remarks(V: Any, conditions: Conditions) -> list[str]:
        return compare_with_training({source: V}, card, conditions) + compare_fields(given_fields, card, conditions)

    descended = _evaluation(predictor, source, surrogate.device, fields, unshifted) if predictor.shifted else None
    return Forward(
        _evaluation(predictor, source, surrogate.device, fields), shape, surrogate.target, _outputs(predictor), known,
        (span.low, span.high), predictor.schema.domain.boundary == "periodic", surrogate.device, predictor.schema,
        source, card, remarks, descended,
    )  # fmt: skip


def _of_dots(surrogate: DotSurrogate, shape: tuple[int, ...], given: Sequence[Mapping[str, Any]]) -> Forward:
    side = surrogate.predictor.schema.domain.sides[0]
    for member in given:
        if sides := both_sides(side, member)[0]:
            raise ValueError(
                f"{side}: expected the side of a square, got {' and '.join(f'{v:g}' for v in sides.values())}. Put the "
                "rectangle into a square, or use a network that was trained on rectangles"
            )
    known = tuple(physical_conditions(surrogate.predictor.schema, member) for member in given)
    predictor, card = PhysicalPredictor(surrogate.predictor, known[0], shape), surrogate.card
    (source,) = predictor.mapping.sources

    def remarks(V: Any, conditions: Conditions) -> list[str]:
        return remarks_on(PhysicalPredictor(surrogate.predictor, conditions, shape), card, {source: V})

    for member in known:  # refuses what no training sample has
        remarks(_flat_field(shape), member)
    return Forward(
        _evaluation(predictor, source, surrogate.device), shape, surrogate.target, _outputs(predictor), known,
        None, False, surrogate.device, predictor.schema, source, card, remarks,
    )  # fmt: skip


def _flat_field(shape: tuple[int, ...]) -> Any:
    return torch.zeros(1, *shape, dtype=torch.float64).numpy()


def _outputs(predictor: Predictor) -> tuple[str, ...]:
    return (*predictor.mapping.outputs, *([ERROR] if predictor.mapping.quantile else []))


def _evaluation(
    predictor: Predictor,
    source: str,
    device: torch.device,
    fields: Mapping[str, Tensor] | None = None,
    predicted: Callable[[Predictor, dict[str, Tensor]], dict[str, Tensor]] = averaged,
) -> Callable[[Tensor, Mapping[str, Tensor]], Outputs]:
    """Return the map of a predictor, whose weights are constants; classes are no outputs, as they have no gradient.

    By default the map is that of ``Surrogate``, with its average over shifts. ``fields`` (K, *points) are those of K
    members, which follow one another in a batch.
    """
    predictor.to(device).eval()

    precision = precision_on(predictor, device)

    def evaluate(potentials: Tensor, conditions: Mapping[str, Tensor]) -> Outputs:
        columns = {name: values.to(precision) for name, values in ({source: potentials} | dict(conditions)).items()}
        for name, values in (fields or {}).items():
            columns[name] = values.to(precision).repeat(len(potentials) // len(values), *(1,) * (values.ndim - 1))
        with constant(predictor):
            found = predicted(predictor, columns)
        return {name: values.double() for name, values in found.items() if values.is_floating_point()}

    return evaluate


def trained_range(surrogate: Any, name: str, members: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the range of a condition in the training of a surrogate.

    Raises:
        ValueError: it did not vary, it is a whole number, or the surrogate is a function.
    """
    if not isinstance(surrogate, Surrogate):
        raise ValueError(f"unknown: give the range of {name}, unknown={{{name!r}: (low, high)}}")
    predictor, card = surrogate.predictor, surrogate.card
    reduction = Reduction.of(predictor.schema)
    if reduction is None:
        if name not in predictor.conditions.varying:
            varying = ", ".join(predictor.conditions.varying) or "none"
            raise ValueError(f"unknown: expected conditions that vary in the training, {varying}; got {name!r}")
        return float(predictor.conditions.low[name]), float(predictor.conditions.high[name])
    number = next((n for n, powers in reduction.numbers.items() if name in powers and name != "factor"), None)
    if number is None:
        raise ValueError(f"unknown: expected a condition of the coupling, such as eps_r; got {name!r}")
    seen = card.statistics[number]
    ends: list[float] = []
    for member in members:
        known = physical_conditions(predictor.schema, {**member, name: 1.0})
        del known[name]
        ends += [reduction.condition_for(number, seen[end], known)[name] for end in ("min", "max")]
    return min(ends), max(ends)
