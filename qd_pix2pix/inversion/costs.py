"""Costs of potentials: the misfit of a target, a user's cost, and what keeps a potential simple.

    misfit = mean over members and outputs of  mean_r w(r) ((q(r) - q_target(r)) / sigma)^2,    w of mean 1

A misfit of 1 is a deviation by the tolerance sigma, the noise of a measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qd_pix2pix.inference.inputs import native
from qd_pix2pix.inversion.forward import Forward, Outputs
from solvers.checks import as_plain, check_array, check_number, check_positive

PRECISION = 0.01
"""Tolerance of a target, as a part of its largest magnitude, where none is given."""
SOFT = 1e-3
"""Difference of neighbours, as a part of the range, below which the total variation is quadratic."""
Cost = Callable[[dict[str, Any]], Tensor]
"""A function from outputs (S, ...) by name to costs (S,)."""


@dataclass(frozen=True)
class Target:
    """Target values by output, for K members.

    Attributes:
        values: fields (K, *points) and numbers (K,).
        tolerance: sigma of each output.
        weights: w (*points), of mean 1.
    """

    values: dict[str, Tensor]
    tolerance: dict[str, float]
    weights: Tensor

    def residuals(self, outputs: Outputs) -> dict[str, Tensor]:
        """Return sqrt(w) (q - q_target) / sigma by output, (S, K, ...)."""
        found = {}
        for name, values in self.values.items():
            if name not in outputs:
                raise ValueError(f"target: expected one of {', '.join(outputs)}; got {name!r}")
            if outputs[name].shape[1:] != values.shape:
                wanted = tuple(outputs[name].shape[2:])
                raise ValueError(f"target: expected {name} of shape {wanted}, got {tuple(values.shape[1:])}")
            difference = (outputs[name] - values) / self.tolerance[name]
            found[name] = difference * self.weights.sqrt() if difference.ndim > 2 else difference
        return found

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the misfit (S,) of outputs (S, K, ...)."""
        each = [values.square().flatten(1).mean(1) for values in self.residuals(outputs).values()]
        return torch.stack(each).mean(0)


@dataclass(frozen=True)
class OwnCost:
    """A user's cost of the outputs of single potentials.

    Attributes:
        function: see ``Cost``.
        forward: the map, whose target has a second name.
    """

    function: Cost
    forward: Forward

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the cost (S,) of outputs (S, 1, ...).

        Raises:
            ValueError: the cost is not one number for each potential, is not finite, or uses an unknown output.
        """
        given = self.forward.with_alias({name: values[:, 0] for name, values in outputs.items()})
        try:
            found = self.function(given)
        except KeyError as error:
            raise ValueError(f"cost: there is no output {error}; there are {', '.join(given)}") from None
        samples = len(next(iter(given.values())))
        if not isinstance(found, Tensor) or found.shape != (samples,):
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"cost: expected one number for each of {samples} potentials, a tensor of shape ({samples},); got {got}"
            )
        return found.double()


def as_numbers(name: str, values: Any, expected: str = "an array of numbers") -> NDArray[np.float64]:
    """Return an argument, also a tensor of any type, as an array of floats.

    Raises:
        ValueError: it holds no real numbers.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.double() if values.is_floating_point() else values  # NumPy has no bfloat16
    array = as_plain(name, values, expected)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected {expected}, got {values!r}")
    return array.astype(np.float64)


def make_target(
    forward: Forward, target: Any, tolerance: Any, mask: Any, stacked: bool, argument: str = "target"
) -> Target:
    """Return the target of K members from values by output, or from values of the first output.

    Args:
        forward: the map.
        target: fields (*points) and numbers by name, or the same with a first axis of K members.
        tolerance: sigma, a number or numbers by name; by default a hundredth of the largest magnitude.
        mask: weights (*points) >= 0 of fields; None: all alike.
        stacked: True if there is an axis of members.
        argument: name of the argument, for messages.

    Raises:
        ValueError: a value has another shape, is not finite, or a tolerance is not positive.
    """
    given = target if isinstance(target, Mapping) else {forward.target: target}
    if not given:
        raise ValueError(f"{argument}: expected values of at least one output, got none")
    given = {forward.name_of(name): values for name, values in given.items()}
    several = isinstance(tolerance, Mapping)
    sigmas = {forward.name_of(n): s for n, s in tolerance.items()} if several else dict.fromkeys(given, tolerance)
    if others := [name for name in sigmas if name not in given]:
        raise ValueError(f"tolerance: expected names of the {argument}, {', '.join(given)}; got {others[0]!r}")
    values, found = {}, {}
    for name, value in given.items():
        array = _values(argument, name, value, forward, stacked)
        values[name] = torch.as_tensor(native(array), device=forward.device)
        sigma = sigmas.get(name)
        if sigma is None:
            sigma = PRECISION * float(np.abs(array).max())
            if not sigma > 0:
                raise ValueError(f"tolerance: give that of {name}, whose target is zero everywhere")
        check_positive("tolerance", sigma)
        found[name] = float(sigma)
    return Target(values, found, _weights(mask, forward))


def _values(argument: str, name: str, value: Any, forward: Forward, stacked: bool) -> Any:
    array = as_numbers(argument, value, f"numbers of {name}")
    if forward.schema is not None:
        fields = {column.name for column in forward.schema.columns if column.is_field}
        members = len(forward.members)
        wanted = (*((members,) if stacked else ()), *(forward.shape if name in fields else ()))
        if array.shape != wanted:
            raise ValueError(f"{argument}: expected {name} of shape {wanted}, got {array.shape}")
    array = array if stacked else array[None]
    if not np.isfinite(array).all():
        raise ValueError(f"{argument}: {np.count_nonzero(~np.isfinite(array))} values of {name} are NaN or infinite")
    return array


def _weights(mask: Any, forward: Forward) -> Tensor:
    if mask is None:
        return torch.ones((), dtype=torch.float64, device=forward.device)
    given = as_numbers("mask", mask, f"an array of numbers of shape {forward.shape}")
    weights = check_array("mask", given, forward.shape, low=0.0)
    if not weights.sum() > 0:
        raise ValueError("mask: expected at least one point with a positive weight, got zeros")
    return torch.as_tensor(native(weights / weights.mean()), device=forward.device)


def smoothness(potentials: Tensor, span: float, periodic: bool) -> Tensor:
    """Return the mean of |grad V|^2 per point (S,), in units of the range, of potentials (S, K, *points)."""
    return sum((d.square().flatten(1).mean(1) for d in _differences(potentials, span, periodic)), torch.zeros(()))


def variation(potentials: Tensor, span: float, periodic: bool) -> Tensor:
    """Return the mean of |dV| over neighbours, summed over axes (S,), in units of the range; rounded near zero."""
    each = (((d.square() + SOFT**2).sqrt() - SOFT).flatten(1).mean(1) for d in _differences(potentials, span, periodic))
    return sum(each, torch.zeros(()))


def _differences(potentials: Tensor, span: float, periodic: bool) -> list[Tensor]:
    scaled = potentials / span
    axes = range(2, potentials.ndim)
    return [scaled.roll(-1, axis) - scaled if periodic else scaled.diff(dim=axis) for axis in axes]


REGULARISERS = {"smoothness": smoothness, "variation": variation}
DISCREPANCY = "discrepancy"
"""Weight of a regulariser that is adapted until the misfit is 1."""


def check_weights(weights: Mapping[str, Any]) -> None:
    """Raise ValueError unless every weight is a number >= 0, or one of them ``discrepancy``."""
    adapted = [name for name, weight in weights.items() if isinstance(weight, str)]
    for name, weight in weights.items():
        if isinstance(weight, str) and weight != DISCREPANCY:
            raise ValueError(f"{name}: expected a number, or {DISCREPANCY!r}; got {weight!r}")
        if not isinstance(weight, str):
            check_number(name, weight, 0)
    if len(adapted) > 1:
        raise ValueError(f"{adapted[1]}: expected one regulariser with {DISCREPANCY!r}, got {', '.join(adapted)}")
