"""Potentials for requested densities, gaps or costs: ``qd_pix2pix.design``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qd_pix2pix.inference.inputs import native
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.inversion.costs import Cost, OwnCost, Target, as_numbers, check_weights, make_target
from qd_pix2pix.inversion.descent import Problem, State, descend
from qd_pix2pix.inversion.forward import Forward, forward_of, load
from qd_pix2pix.inversion.identify import identified_at
from qd_pix2pix.inversion.parameters import Bounds, gaussian_blur, random_starts
from qd_pix2pix.inversion.result import Solutions, Solver, groups_of
from qd_pix2pix.predictor import ERROR
from solvers.checks import check_flag, check_integer, check_number, check_positive

STARTS = 8
"""Random starts where none is given."""
NEAR = 1e-3
"""Distance from the lowest cost, as a part of the decrease of a user's cost, up to which a solution is good."""
FINER = 0.2
"""First step of a corrected design, relative to that of the design."""
FAR = 10.0
"""Misfit from which a target counts as not reproduced."""
NOISE = 6
"""Tolerances by which a target may leave the possible values; noise of thousands of points stays within 4 or 5."""
FINEST = 32
"""Default scale of the parameters: the largest number of points along an axis, divided by this."""


def design(
    surrogate: Any,
    target: Any = None,
    cost: Cost | None = None,
    start: Any = None,
    bounds: Sequence[Any] | None = None,
    starts: int | None = None,
    tolerance: float | Mapping[str, float] | None = None,
    mask: Any = None,
    smoothness: float | str = 0.0,
    variation: float | str = 0.0,
    scale: float | None = None,
    steps: int = 200,
    rate: float = 0.1,
    seed: int = 0,
    shape: Sequence[int] | None = None,
    verify: bool | Solver = False,
    identify: bool = True,
    progress: bool = True,
    **conditions: Any,
) -> Solutions:
    """Return potentials whose outputs are near a target, or of low cost; see ``qd_pix2pix.design``."""
    if (target is None) == (cost is None):
        raise ValueError("target, cost: give one of them, values of outputs or a function of all outputs")
    if cost is not None and not callable(cost):
        raise ValueError(f"cost: expected a function of outputs by name, got {cost!r}")
    check_flag("identify", identify)
    check_flag("progress", progress)
    if not callable(verify):
        check_flag("verify", verify)
    surrogate = load(surrogate)
    shape = shape if shape is not None else _points_of(surrogate, start, target)
    forward = forward_of(surrogate, shape, [conditions], {})
    sought = None if target is None else make_target(forward, target, tolerance, mask, stacked=False)
    evaluated = OwnCost(cost, forward) if cost is not None else sought
    weights = {"smoothness": smoothness, "variation": variation}
    problem = make_problem(forward, evaluated, bounds, scale, weights)
    first = make_starts(problem, start, starts, scale, seed, 1)
    shares = torch.zeros(len(first), 0, dtype=first.dtype, device=first.device)
    state = run(problem, first, shares, steps, rate, progress, "designing")
    found = solutions(problem, state, sought, tolerance, identify)
    found.progress = progress
    if sought is not None:
        options: dict[str, Any] = {
            "bounds": bounds, "tolerance": sought.tolerance, "mask": mask, **weights, "scale": scale,
            "steps": max(1, steps // 2), "rate": rate * FINER, "progress": progress, "identify": False,
        }  # fmt: skip
        found.again = lambda shifted, V: design(
            surrogate, shifted, start=V, shape=forward.shape, **options, **conditions
        )
    if callable(verify) or verify:
        found.verify(solve=verify if callable(verify) else None)
    return found


def _points_of(surrogate: Any, start: Any, target: Any) -> Sequence[int] | None:
    """Return the points of a target or of a start of a network; None where they do not follow from them.

    Raises:
        ValueError: the start is no array of numbers, or has other points than the target.
    """
    begin = None if start is None else as_numbers("start", start).shape
    if not isinstance(surrogate, Surrogate):
        return begin
    axes = len(surrogate.shape)
    fields = list(target.values()) if isinstance(target, Mapping) else [target]
    shapes = [np.shape(values) for values in fields if values is not None]
    wanted = next((shape[len(shape) - axes :] for shape in shapes if len(shape) >= axes), None)
    if begin is not None and wanted is not None and begin[len(begin) - axes :] != wanted:
        raise ValueError(f"start: expected the points of the target, {wanted}, got {begin}")
    return wanted or (begin[len(begin) - axes :] if begin and len(begin) >= axes else None)


def make_problem(
    forward: Forward, cost: Any, bounds: Any, scale: float | None, weights: dict[str, Any], **more: Any
) -> Problem:
    """Return what is minimised, with checked bounds, scale and weights."""
    check_weights(weights)
    if scale is not None:
        check_number("scale", scale, 0)
    blur = gaussian_blur(forward.shape, default_scale(forward, scale), forward.periodic, forward.device)
    return Problem(forward, cost, make_bounds(forward, bounds), blur, weights=weights, **more)


def default_scale(forward: Forward, scale: float | None) -> float:
    """Return the standard deviation of the blur in points."""
    return max(forward.shape) / FINEST if scale is None else float(scale)


def make_bounds(forward: Forward, bounds: Any) -> Bounds:
    """Return the bounds of the potential, by default those of the training.

    Raises:
        ValueError: they are missing, reversed, or of another shape.
    """
    unit = f" in {forward.unit_of_source}" if forward.unit_of_source else ""
    if bounds is None and forward.trained is None:
        raise ValueError(f"bounds: give the lowest and the highest potential{unit}, bounds=(0.0, 0.05)")
    given = forward.trained if bounds is None else bounds
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ValueError(f"bounds: expected (low, high){unit}, numbers or fields; got {bounds!r}")
    ends, expected = [], f"finite numbers or fields of shape {forward.shape}"
    for value in given:
        array = as_numbers("bounds", value, expected)
        if array.shape not in ((), forward.shape) or not np.isfinite(array).all():
            raise ValueError(f"bounds: expected {expected}, got shape {array.shape}")
        ends.append(torch.as_tensor(native(array), device=forward.device))
    if bool((ends[0] > ends[1]).any()) or not bool((ends[0] < ends[1]).any()):
        raise ValueError(f"bounds: expected low < high{unit}; at some points low is larger, or low = high everywhere")
    return Bounds(*ends)


def make_starts(
    problem: Problem, start: Any, starts: int | None, scale: float | None, seed: int, members: int
) -> Tensor:
    """Return u_0 (S, members, *points): the given potentials first, then random ones.

    Raises:
        ValueError: a start has another shape, is not finite, or leaves the bounds.
    """
    forward = problem.forward
    check_integer("seed", seed, 0)
    number = starts if starts is not None else 0 if start is not None else STARTS
    check_integer("starts", number, 0 if start is not None else 1)
    drawn = random_starts(
        number, members, forward.shape, default_scale(forward, scale), forward.periodic, seed, forward.device
    )
    if start is None:
        return drawn
    array = as_numbers("start", start)
    own = (members, *forward.shape) if members > 1 else forward.shape
    if not array.size or array.shape[array.ndim - len(own) :] != own or array.ndim not in (len(own), len(own) + 1):
        raise ValueError(f"start: expected shape {own} or (starts, {', '.join(map(str, own))}), got {array.shape}")
    given = torch.as_tensor(native(array), device=forward.device).reshape(-1, members, *forward.shape)
    slack = 0.01 * problem.bounds.span
    outside = (given < problem.bounds.low - slack) | (given > problem.bounds.high + slack) | ~given.isfinite()
    if bool(outside.any()):
        extent = f"{array.min():.4g} ... {array.max():.4g}"
        raise ValueError(f"start: expected potentials within the bounds, got {extent}; change bounds or start")
    return torch.cat([problem.bounds.unsquash(given), drawn])


def run(
    problem: Problem, first: Tensor, shares: Tensor, steps: int, rate: float, progress: bool, describe: str
) -> State:
    """Check the options of the descent, and return its result."""
    check_integer("steps", steps, 1)
    check_positive("rate", rate)
    return descend(problem, first, shares, steps, rate, progress, describe)


def solutions(
    problem: Problem,
    state: State,
    target: Target | None,
    tolerance: Any,
    identify: bool = True,
    kind: type[Solutions] = Solutions,
) -> Any:
    """Return the result of a descent."""
    forward, members = problem.forward, problem.members
    order = torch.argsort(state.score)
    potentials, couplings, misfits = state.potentials[order], state.couplings[order], state.misfit[order]
    with torch.no_grad():
        parts = [problem.outputs(potentials[i : i + 1], couplings[i : i + 1]) for i in range(len(order))]
    outputs = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    best = {name: values[0] for name, values in outputs.items()}
    identified = None
    if identify:
        judged = target or _own_outputs(forward, best, tolerance)
        identified = identified_at(problem, judged, potentials[0], couplings[0])
    one = members == 1
    arrays = {name: (values[:, 0] if one else values).cpu().numpy() for name, values in outputs.items()}
    V = (potentials[:, 0] if potentials.shape[1] == 1 else potentials).cpu().numpy()
    numbers = misfits.cpu().numpy()
    first = float(state.trajectory[0].median())
    limit = max(1.0, 2 * float(numbers[0])) if target else numbers[0] + NEAR * max(first - float(numbers[0]), 0.0)
    remarks = _remarks(problem, potentials[0].cpu().numpy(), couplings[0].cpu().numpy())
    if target is not None:
        remarks |= _unreached(forward, target, float(numbers[0]))
    for remark, advice in remarks.items():
        warnings.warn(f"{remark}{advice}", stacklevel=4)
    return kind(
        potentials=V, misfits=numbers, costs=state.score[order].cpu().numpy(), predictions=arrays,
        trajectory=state.trajectory[:, order].cpu().numpy(), good=numbers <= limit,
        groups=groups_of(V, identified, problem.bounds.span),
        spread=V[numbers <= limit].std(0), identified=identified,
        conditions=forward.members, remarks=list(remarks), interrupted=state.interrupted, forward=forward,
        target={name: values.cpu().numpy() for name, values in target.values.items()} if target else {},
        cost=problem.cost,
        shift=np.zeros(members) if problem.shift is None else problem.shift.cpu().numpy(),
        couplings=dict(zip(problem.unknown, couplings.cpu().numpy().T, strict=True)),
    )  # fmt: skip


def _own_outputs(forward: Forward, best: dict[str, Tensor], tolerance: Any) -> Target:
    """Return the first output of the best solution as a target: what it determines of the potential."""
    name = forward.target if forward.target in best else next(iter(best))
    sigma = tolerance.get(name) if isinstance(tolerance, Mapping) else tolerance
    return make_target(forward, {name: best[name]}, sigma, None, stacked=True)


def _limits(forward: Forward, name: str) -> tuple[float, float]:
    """Return the lowest and the highest possible value of an output."""
    if forward.schema is None or name == ERROR:
        return -np.inf, np.inf
    low, high = forward.schema[name].low, forward.schema[name].high
    return -np.inf if low is None else low, np.inf if high is None else high


def _unreached(forward: Forward, target: Target, misfit: float) -> dict[str, str]:
    """Return remarks on a target that no potential has, or that is not reproduced, with what follows."""
    remarks = {}
    for name, values in target.values.items():
        slack, (low, high) = NOISE * target.tolerance[name], _limits(forward, name)
        if float(values.min()) < low - slack or float(values.max()) > high + slack:
            found = f"{float(values.min()):.4g} ... {float(values.max()):.4g}"
            remarks[f"the target {name} is {found}, beyond {low:g} ... {high:g}"] = "; no potential has it"
    if misfit > FAR:
        remarks[f"the lowest misfit is {misfit:.3g}: the target is not reproduced"] = (
            ", and uncertainties hold for misfits near 1 only; use more steps or starts, other bounds, or a larger "
            "tolerance"
        )
    return remarks


def _remarks(problem: Problem, best: Any, couplings: Any) -> dict[str, str]:
    """Return remarks, with what follows, on bounds, potentials and couplings outside the training.

    The best potential (1 or K, *points) and couplings are compared at the conditions and the shift of each member.
    """
    forward, bounds = problem.forward, problem.bounds
    remarks = []
    if forward.trained is not None:
        low, high = forward.trained
        slack = 0.02 * (high - low)
        if float(bounds.low.min()) < low - slack or float(bounds.high.max()) > high + slack:
            given = f"{float(bounds.low.min()):.4g} ... {float(bounds.high.max()):.4g} {forward.unit_of_source}"
            remarks.append(f"bounds {given.rstrip()} leave the range of the training, {low:.4g} ... {high:.4g}")
    shift = np.zeros(problem.members) if problem.shift is None else problem.shift.cpu().numpy()
    learned = dict(zip(problem.unknown, map(float, couplings), strict=True))
    for k, member in enumerate(forward.members):
        potential = best[k if len(best) > 1 else 0] + shift[k]
        remarks += forward.remarks(potential[None], {**member, **learned})
    return dict.fromkeys(remarks, "; predictions may be wrong, use verify=True")
