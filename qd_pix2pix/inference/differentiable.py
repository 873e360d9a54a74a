"""Predictions for tensors: tensors out, on the same device, with the gradient with respect to the sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from qd_pix2pix.inference.inputs import check_fields
from qd_pix2pix.inference.plateau import not_whole
from qd_pix2pix.inference.predict import averaged, choose_batch, precision_on
from solvers.checks import check_flag

if TYPE_CHECKING:
    from qd_pix2pix.predictor import Card, Predictor
    from qd_pix2pix.schema import Schema


Prepare = Callable[..., tuple[Any, dict[str, float], list[str]]]
"""A function from (predictor, card, fields, conditions) to the predictor of samples, their conditions, and remarks."""


def has_tensors(given: Mapping[str, Any]) -> bool:
    """Return True if the sources are tensors.

    Raises:
        ValueError: only some of them are, or they are lists of tensors.
    """
    if any(isinstance(v, (list, tuple)) and any(isinstance(one, Tensor) for one in v) for v in given.values()):
        raise ValueError("input: expected an array or a tensor, got a list of tensors; use torch.stack(...)")
    found = [isinstance(values, Tensor) for values in given.values()]
    if any(found) and not all(found):
        raise ValueError(f"input: expected all of {', '.join(given)} as tensors, or all as arrays; got both")
    return any(found)


def predict_tensors(
    predictor: Predictor,
    card: Card,
    given: Mapping[str, Tensor],
    conditions: Mapping[str, Any],
    symmetrise: bool,
    batch_size: int | None,
    prepare: Prepare,
    schema: Schema,
) -> tuple[dict[str, Tensor], list[str]]:
    """Return all outputs by name, and remarks on inputs outside the training data.

    The predictor is moved to the device of the tensors. Its weights are constants: a backward pass adds nothing to
    their gradients. The outputs have the type of the sources; classes are int64.

    Args:
        predictor, card: the predictor and its description.
        given: sources (..., *points) by name.
        conditions: conditions of these samples, plain numbers or names of presets.
        symmetrise: average over the symmetries of the samples.
        batch_size: samples per batch; None: see ``choose_batch``.
        prepare: function from (predictor, card, fields, conditions) to the predictor of these samples, all their
            conditions, and remarks.
        schema: the schema by which the sources are checked.

    Raises:
        ValueError: the tensors have another type, shape or unit, lie on several devices, or a condition is invalid.
    """
    domain = predictor.schema.domain
    dims, points = len(domain.shape), ", ".join(f"n_{axis}" for axis in domain.axes)
    first = next(iter(given.values()))
    for name, values in given.items():
        if values.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"input: expected {name} of float32 or float64, got {values.dtype}; use .float()")
        if values.ndim < dims or values.shape[:-dims] != first.shape[:-dims] or values.numel() == 0:
            raise ValueError(f"input: expected {name} of shape (..., {points}), got {tuple(values.shape)}")
        if (values.device, values.dtype) != (first.device, first.dtype):
            raise ValueError(f"input: expected tensors of one device and type, got {values.device}, {values.dtype}")
    flat = {name: values.reshape(-1, *values.shape[values.ndim - dims :]) for name, values in given.items()}
    fields = check_fields({name: values.detach().cpu().numpy() for name, values in flat.items()}, schema)
    predictor.to(first.device).eval()
    numbers_given = {name: plain_number(name, value) for name, value in conditions.items()}
    predictor, known, remarks = prepare(predictor, card, fields, numbers_given)
    check_flag("symmetrise", symmetrise)
    parts = []
    batch_size = choose_batch(first.shape[-dims:], first.device, batch_size)
    precision = precision_on(predictor, first.device)
    with constant(predictor):
        for i in range(0, len(next(iter(flat.values()))), batch_size):
            batch = {name: values[i : i + batch_size].to(precision) for name, values in flat.items()}
            size = len(next(iter(batch.values())))
            numbers = {name: torch.full((size,), float(v), device=first.device) for name, v in known.items()}
            parts.append(averaged(predictor, {**batch, **numbers}, symmetrise))
    found = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    remarks = remarks + not_whole(predictor, found)
    leading = first.shape[:-dims]
    return {
        name: (values.to(first.dtype) if values.is_floating_point() else values).reshape(leading + values.shape[1:])
        for name, values in found.items()
    }, remarks


@contextmanager
def constant(module: nn.Module) -> Iterator[None]:
    """Treat the weights of a module as constants in graphs that are recorded here."""
    trained = [weight for weight in module.parameters() if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


def plain_number(name: str, value: Any) -> Any:
    """Return a condition that is a tensor as a number."""
    if not isinstance(value, Tensor):
        return value
    if value.requires_grad or value.numel() != 1:
        raise ValueError(f"{name}: expected one number without gradient, got a tensor of shape {tuple(value.shape)}")
    return value.item()
