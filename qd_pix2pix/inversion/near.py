"""Samples with requested labels: a generator draws, the solver computes the labels, and the nearest draws are kept.

A generator misses its labels by a scatter, and by a deviation that is common to all samples of a request, above all
outside its training. The next attempt therefore requests

    request - mean(found - asked)    over all attempts at this request so far,

and of all attempts at a sample the one is kept whose labels are nearest to the request.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from qd_pix2pix.evaluation.drawn import solve_drawn, solver_of
from qd_pix2pix.evaluation.verify import recipe_of_samples
from qd_pix2pix.inference.inputs import conditions_of
from qd_pix2pix.inference.pretrained import from_pretrained
from qd_pix2pix.inference.sampler import Sampler, bounds_of, numbers_of
from solvers.checks import check_integer

MOST_ATTEMPTS = 1000
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Near:
    """Samples whose labels are near to requested ones. Extensive labels are per point.

    Attributes:
        samples: the drawn fields (n, *points), in physical units.
        requested, found: labels (n,) by name, as requested and by the solver; NaN for a sample that it does not solve.
        attempts: number of draws of each sample.
        interrupted: True if Ctrl-C ended the attempts.
    """

    samples: NDArray[Any]
    requested: dict[str, Array]
    found: dict[str, Array]
    attempts: int
    interrupted: bool

    @property
    def errors(self) -> dict[str, Array]:
        """The differences found - requested, (n,) by name."""
        return {name: self.found[name] - values for name, values in self.requested.items()}


def sample_near(
    generator: Sampler | Path | str,
    n: int = 1,
    size: int | Sequence[int] | None = None,
    seed: int = 0,
    attempts: int = 4,
    **labels: ArrayLike | str,
) -> Near:
    """Return samples whose labels the solver has computed, each the nearest of several attempts at its request.

    Args:
        generator: name or file of a generator with labels, or a ``Sampler``.
        n, size, seed, labels: see ``Sampler.sample``.
        attempts: draws of each sample; the first are those of ``Sampler.sample``.

    Raises:
        ValueError: an argument is not valid, or the system has no solver of drawn samples.
    """
    check_integer("attempts", attempts, 1, high=MOST_ATTEMPTS)
    sampler = generator if isinstance(generator, Sampler) else from_pretrained(generator)
    _check(sampler)
    requests: _Requests | None = None
    with tqdm(total=attempts, desc="drawing", unit="attempt", disable=attempts == 1) as bar:
        interrupted = False
        for attempt in range(attempts):
            try:
                if requests is None:
                    drawn = sampler.sample(n, size, seed, **labels)
                    requests = _Requests(sampler, drawn, labels)
                else:
                    drawn = _draw_shifted(sampler, requests, size, (seed, attempt), labels)
                requests.keep(drawn)
            except KeyboardInterrupt:
                if requests is None or not requests.attempts:
                    raise
                interrupted = True
                break
            bar.update()
    assert requests is not None
    return Near(requests.best, requests.by_name(requests.wanted), requests.by_name(requests.found),
                requests.attempts, interrupted)  # fmt: skip


def _check(sampler: Any) -> None:
    """Raise ValueError unless ``sampler`` draws at labels that the solver of its system computes."""
    if not isinstance(sampler, Sampler):
        raise ValueError("generator: expected a network that draws samples, such as ising-rugan; this one predicts")
    if not sampler.labels:
        raise ValueError("generator: expected one that is given labels, of model=flow or model=rugan; got none")
    if not sampler.card.recipes:
        raise ValueError("generator: expected weights that name their system; these have no solver")
    solver_of(sampler.card.recipes[0], (sampler.target,))


def _draw_shifted(
    sampler: Sampler, requests: _Requests, size: Any, stream: tuple[int, int], labels: dict[str, Any]
) -> NDArray[Any]:
    """Return the draws of a further attempt."""
    seed = int(np.random.default_rng(stream).integers(2**63))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the requests has been warned; these are shifted by the generator's errors
        return sampler.sample(len(requests.wanted), size, seed, **{**labels, **requests.shifted()})


class _Requests:
    """Requested labels, what has been asked for them, and the nearest samples so far."""

    def __init__(self, sampler: Sampler, drawn: NDArray[Any], labels: dict[str, Any]) -> None:
        self.names, shape = sampler.labels, drawn.shape[1:]
        predictor, trained = sampler.generator, math.prod(sampler.shape)
        columns = [predictor.schema[name] for name in self.names]
        self.per = np.array([math.prod(shape) if c.extensive else 1 for c in columns])
        self.spans = np.array([predictor.ranges[c.name].span / (trained if c.extensive else 1) for c in columns])
        self.bounds = np.array([bounds_of(c, trained) for c in columns])
        self.target = sampler.target
        known = {name: value for name, value in labels.items() if name not in self.names}
        self.recipe = recipe_of_samples(sampler.card.recipes[0], shape, conditions_of(predictor, shape, known))
        self.wanted = np.stack([np.broadcast_to(numbers_of(labels[name]), len(drawn)) for name in self.names], 1)
        _, group = np.unique(self.wanted, axis=0, return_inverse=True)
        self.group = group.reshape(-1)
        self.asked, self.best, self.attempts = self.wanted, drawn, 0
        self.found = np.full(self.wanted.shape, math.nan)
        self.nearest = np.full(len(drawn), math.inf)
        self.sum, self.count = np.zeros((self.group.max() + 1, len(self.names))), np.zeros(self.group.max() + 1)

    def keep(self, drawn: NDArray[Any]) -> None:
        """Solve the samples of an attempt, and keep those that are nearer to the request than all before."""
        solved = solve_drawn(self.recipe, {self.target: drawn}, self.names)
        found = np.stack([solved[name] for name in self.names], 1) / self.per
        known = np.isfinite(found).all(1)
        np.add.at(self.sum, self.group[known], (found - self.asked)[known])
        np.add.at(self.count, self.group[known], 1)
        away = np.where(known, np.abs((found - self.wanted) / self.spans).mean(1), math.inf)
        nearer = away < self.nearest
        self.nearest = np.where(nearer, away, self.nearest)
        self.found = np.where(nearer[:, None], found, self.found)
        self.best = np.where(nearer.reshape(-1, *(1,) * (drawn.ndim - 1)), drawn, self.best)
        self.attempts += 1

    def shifted(self) -> dict[str, Array]:
        """Return the labels that the next attempt asks for, by at most the range of the training from the requests."""
        mean = self.sum / np.maximum(self.count, 1)[:, None]
        shift = np.clip(mean, -self.spans, self.spans)[self.group]
        self.asked = np.clip(self.wanted - shift, *self.bounds.T)
        return self.by_name(self.asked)

    def by_name(self, values: Array) -> dict[str, Array]:
        """Return numbers (n, labels) by the names of the labels."""
        return dict(zip(self.names, values.T, strict=True))
