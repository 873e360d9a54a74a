"""Couplings and potential from one or several densities: ``qd_pix2pix.learn_hamiltonian``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from qd_pix2pix.inference.inputs import native
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.inversion.costs import as_numbers, make_target
from qd_pix2pix.inversion.design import make_problem, make_starts, run, solutions
from qd_pix2pix.inversion.forward import forward_of, load, trained_range
from qd_pix2pix.inversion.parameters import Interval
from qd_pix2pix.inversion.result import Solutions
from solvers.checks import check_array, check_flag, check_range

DETERMINED = 0.9
"""Share of the variance of a coupling from which it counts as determined."""


@dataclass(repr=False)
class Hamiltonian(Solutions):
    """The couplings and potentials of S starts, in the order of their costs; see ``Solutions``."""

    @property
    def coupling_uncertainty(self) -> dict[str, float]:
        """The standard deviation of each coupling at the best solution, for deviations by the tolerance."""
        return self.known.couplings

    @property
    def determined(self) -> dict[str, bool]:
        """True for couplings that the densities determine: they remove nine tenths of the variance of the range."""
        return {name: share >= DETERMINED for name, share in self.known.coupling_shares.items()}


def learn_hamiltonian(
    surrogate: Any,
    densities: ArrayLike | Mapping[str, ArrayLike],
    known: Mapping[str, Any] | None = None,
    unknown: Sequence[str] | Mapping[str, Sequence[float]] = (),
    shared: bool = True,
    shift: ArrayLike | None = None,
    start: Any = None,
    bounds: Sequence[Any] | None = None,
    starts: int | None = None,
    tolerance: float | Mapping[str, float] | None = None,
    mask: Any = None,
    smoothness: float | str = 0.0,
    variation: float | str = 0.0,
    scale: float | None = None,
    steps: int = 300,
    rate: float = 0.1,
    seed: int = 0,
    identify: bool = True,
    progress: bool = True,
) -> Hamiltonian:
    """Return couplings and potentials of given densities; see ``qd_pix2pix.learn_hamiltonian``."""
    _check_known(known, unknown)
    check_flag("shared", shared)
    check_flag("identify", identify)
    check_flag("progress", progress)
    given = {n: _array(n, v) for n, v in densities.items()} if isinstance(densities, Mapping) else _array("", densities)
    first_one = next(iter(given.values())) if isinstance(given, dict) else given
    found = load(surrogate)
    if isinstance(found, Surrogate) and first_one.ndim != 1 + len(found.shape):
        raise _bad_shape(first_one.shape, f"{len(found.shape)} axes of points, as in training")
    members = _members(known or {}, len(first_one), first_one.ndim)
    ranges = _ranges(found, unknown, members)
    middle = {name: float(interval.at(torch.tensor(0.5))) for name, interval in ranges.items()}
    forward = forward_of(found, first_one.shape[1:], members, middle)
    target = make_target(forward, given, tolerance, mask, True, "densities")
    offset = None if shift is None else check_array("shift", shift, (len(members),)).astype(float)
    problem = make_problem(
        forward, target, bounds, scale, {"smoothness": smoothness, "variation": variation}, unknown=ranges,
        shift=None if offset is None else torch.as_tensor(native(offset), device=forward.device),
    )  # fmt: skip
    first = make_starts(problem, start, starts, scale, seed, 1 if shared else len(members))
    rng = np.random.default_rng([seed, 1])
    shares = torch.as_tensor(rng.uniform(-1.5, 1.5, (len(first), len(ranges))), device=forward.device)
    state = run(problem, first, shares, steps, rate, progress, "learning")
    learned: Hamiltonian = solutions(problem, state, target, tolerance, identify, Hamiltonian)
    learned.progress = progress
    return learned


def _check_known(known: Any, unknown: Any) -> None:
    """Raise ValueError unless ``known`` has names, and ``unknown`` is names, with ranges or without."""
    if known is not None and not isinstance(known, Mapping):
        raise ValueError(f'known: expected conditions by name, such as {{"n_electrons": [1, 2]}}; got {known!r}')
    names = [unknown] if isinstance(unknown, str) else unknown
    if not isinstance(names, (Mapping, list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f'unknown: expected names of couplings, such as ["eps_r"], or {{"eps_r": (4, 40)}}; got {unknown!r}'
        )


def _array(name: str, values: Any) -> NDArray[np.float64]:
    """Return densities with a first axis of members."""
    array = as_numbers("densities", values)
    if array.ndim < 2 or len(array) == 0:
        raise _bad_shape(array.shape, name)
    return array


def _bad_shape(shape: tuple[int, ...], of: str) -> ValueError:
    """Return the error of densities without a first axis; ``of`` is a name, or what their shape is to have."""
    wanted = f"(densities, *points){f' of {of}' if of else ''}"
    return ValueError(f"densities: expected shape {wanted}, got {shape}; of one density use n[None]")


def _members(known: Mapping[str, Any], number: int, axes: int) -> list[dict[str, Any]]:
    """Return what is known of each density: lists have one value for each, other values and single fields are for all.

    ``axes`` is the number of axes of all densities together, and of a list of fields.
    """
    several = {
        name for name, v in known.items() if isinstance(v, (list, tuple, np.ndarray)) and np.ndim(v) in (1, axes)
    }
    for name in several:
        if len(known[name]) != number:
            raise ValueError(
                f"known: expected {name} as one value or {number}, one for each density; got {len(known[name])} values"
            )
    plain = {
        name: [v.item() if np.ndim(v) == 0 and hasattr(v, "item") else v for v in value]
        for name, value in known.items()
        if name in several
    }
    return [{name: plain[name][i] if name in several else known[name] for name in known} for i in range(number)]


def _ranges(
    surrogate: Any, unknown: Sequence[str] | Mapping[str, Sequence[float]], members: Sequence[Mapping[str, Any]]
) -> dict[str, Interval]:
    """Return the range of each unknown coupling: the given one, or that of the training."""
    if isinstance(unknown, str):
        unknown = (unknown,)
    found = {}
    for name in unknown:
        if name in members[0]:
            raise ValueError(f"unknown: {name} is among the known conditions, too; give it once")
        ends = unknown[name] if isinstance(unknown, Mapping) else trained_range(surrogate, name, members)
        check_range(f"unknown: {name}", ends)
        if ends[0] == ends[1]:
            raise ValueError(f"unknown: expected low < high of {name}, got {ends[0]:g} = {ends[1]:g}")
        found[name] = Interval(float(ends[0]), float(ends[1]))
    return found
