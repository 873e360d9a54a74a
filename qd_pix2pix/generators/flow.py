"""Generators of flow matching: a network is asked many times, from noise to a sample.

Fields of few values (Campbell et al. 2024; Gat et al. 2024; with the source "all sites unknown" also called absorbing
diffusion): at time t each site is known with probability t, and the network gives the probabilities of the unknown
ones. A step draws some of them; with as many steps as sites each is drawn given all earlier ones.

Continuous fields (Lipman et al. 2023; Liu et al. 2023):

    x_t = (1 - t) z + t x,    dx_t / dt = v(x_t, t),    z ~ N(0, 1)

with v trained on x - z, integrated from 0 to 1 by Heun's method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from qd_pix2pix.generators.base import Generator, rows
from qd_pix2pix.predictor import Card

UNKNOWN = -1
"""Class of a site that is not yet drawn."""


class Flow(Generator):
    """A generator that takes ``steps`` steps, an option of the card: one evaluation each, two for continuous fields."""

    def __init__(self, card: Card) -> None:
        super().__init__(card)
        self.option("steps", int, 1)

    @property
    def steps(self) -> int:
        """The number of steps from noise to a sample."""
        return self.option("steps", int, 1)

    def inputs(self, state: Tensor, time: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """Return the network's input (B, c, *points): ``state`` (B, c', *points), the time (B,), and the labels."""
        shape = state.shape[2:]
        at = (2 * time - 1).to(state).reshape(-1, 1, *(1,) * len(shape)).expand(-1, 1, *shape)
        return torch.cat([state, at, self.label_channels(columns, shape, state)], 1)


class DiscreteFlow(Flow):
    """A flow for fields of few values."""

    @property
    def n_features(self) -> int:
        """The number of input channels of the network: one for each value, the time, labels and conditions."""
        return len(self.target.values) + 1 + self.n_labels

    @property
    def n_raw(self) -> int:
        """The number of output channels of the network: the values."""
        return len(self.target.values)

    def classes(self, fields: Tensor) -> Tensor:
        """Return the number of the value at each point of physical ``fields``, int64 of the same shape."""
        known = torch.tensor(sorted(self.target.values), dtype=fields.dtype, device=fields.device)
        return torch.bucketize(fields, (known[1:] + known[:-1]) / 2)

    def logits(self, classes: Tensor, time: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """Return logarithms of the values' weights, (B, values, *points), from ``classes`` with ``UNKNOWN`` sites."""
        count = len(self.target.values)
        one_hot = F.one_hot(classes + 1, count + 1)[..., 1:].movedim(-1, 1)
        return self.evaluate(self.inputs(one_hot.float(), time, columns), classes.shape[1:])

    def negative_log_likelihood(self, columns: Mapping[str, Tensor], random: torch.Generator, draws: int = 8) -> Tensor:
        """Return an upper bound of -log p(field | labels) in nats, (B,), the mean over ``draws`` random times.

        It is L^2 times the mean over numbers of known sites of the cross entropy of an unknown one (Uria et al. 2014).
        """
        classes = self.classes(columns[self.target.name]).flatten(1)
        batch, points = classes.shape
        shape, total = columns[self.target.name].shape[1:], torch.zeros(batch, device=classes.device)
        for _ in range(draws):
            known = torch.randint(points, (batch, 1), generator=random).to(classes.device)
            rank = torch.rand(batch, points, generator=random).argsort(1).argsort(1).to(classes.device)
            unknown = rank >= known
            state = classes.masked_fill(unknown, UNKNOWN).reshape(batch, *shape)
            logits = self.logits(state, known[:, 0] / points, columns).flatten(2)
            each = F.cross_entropy(logits, classes, reduction="none") * unknown
            total = total + points * each.sum(1) / unknown.sum(1)
        return total / draws

    def probe(self, columns: Mapping[str, Tensor], shape: Sequence[int]) -> None:
        """See ``Generator.probe``."""
        time = next(self.network.parameters()).new_zeros(rows(columns))
        self.logits(torch.full((len(time), *shape), UNKNOWN, device=time.device), time, columns)

    def sample(self, columns: Mapping[str, Tensor], shape: Sequence[int], random: torch.Generator) -> Tensor:
        """See ``Generator.sample``."""
        batch, points, device = rows(columns), math.prod(shape), next(self.network.parameters()).device
        order = torch.rand(batch, points, generator=random).argsort(1).to(device)
        classes = torch.full((batch, points), UNKNOWN, device=device)
        ends = torch.linspace(0, points, min(self.steps, points) + 1).round().long().tolist()
        for first, last in zip(ends, ends[1:], strict=False):
            time = torch.full((batch,), first / points, device=device)
            logits = self.logits(classes.reshape(batch, *shape), time, columns).flatten(2)
            sites = order[:, first:last]
            share = logits.gather(2, sites[:, None].expand(-1, logits.shape[1], -1)).softmax(1).cumsum(1)
            drawn = torch.rand(batch, 1, last - first, generator=random).to(share)
            classes.scatter_(1, sites, (drawn > share[:, :-1]).sum(1))
        known = torch.tensor(sorted(self.target.values), device=device)
        return known[classes].reshape(batch, *shape)


class ContinuousFlow(Flow):
    """A flow for continuous fields."""

    @property
    def n_features(self) -> int:
        """The number of input channels of the network: the field, the time, labels and conditions."""
        return 2 + self.n_labels

    @property
    def n_raw(self) -> int:
        """The number of output channels of the network: the velocity."""
        return 1

    def velocity(self, state: Tensor, time: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """Return dx / dt (B, 1, *points) at ``state`` (B, 1, *points) and ``time`` (B,)."""
        return self.evaluate(self.inputs(state, time, columns), state.shape[2:])

    def probe(self, columns: Mapping[str, Tensor], shape: Sequence[int]) -> None:
        """See ``Generator.probe``."""
        time = next(self.network.parameters()).new_zeros(rows(columns))
        self.velocity(time.new_zeros(len(time), 1, *shape), time, columns)

    def sample(self, columns: Mapping[str, Tensor], shape: Sequence[int], random: torch.Generator) -> Tensor:
        """See ``Generator.sample``."""
        state = self.normal((rows(columns), 1, *shape), random)
        step = 1 / self.steps
        for i in range(self.steps):
            time = state.new_full((len(state),), i * step)
            first = self.velocity(state, time, columns)
            second = self.velocity(state + step * first, time + step, columns)
            state = state + step * (first + second) / 2
        return self.decode(state.clamp(-1, 1))
