"""Thermal averages of the extended Bose-Hubbard model on a few sites, by diagonalisation.

The states are all (n_max + 1)^sites products of occupations. H conserves their number N, and each N is one block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.checks import check_kind
from solvers.lattices.bosons import Bosons, Floats, Integers

LARGEST_BLOCK = 4000
"""States of one N that are diagonalised: seconds."""


@dataclass(frozen=True)
class ThermalBosons:
    """Averages exp(-beta H) / Z.

    Attributes:
        n: <n_i>, (L,) or (L, L').
        variance: <n_i^2> - <n_i>^2.
        products: <n_i n_j> of each site and its neighbour in the positive direction, (d, L) or (d, L, L').
        energy: <H>, with -mu N.
        number: <N>.
    """

    n: Floats
    variance: Floats
    products: Floats
    energy: float
    number: float


def exact_bosons(model: Bosons) -> ThermalBosons:
    """Return the averages of a system of few sites.

    Raises:
        ValueError: a number of bosons has more than ``LARGEST_BLOCK`` states, or ``model`` is no system.
    """
    check_kind("model", model, Bosons, "system, Bosons(V - mu, beta=8.0)")
    _check_size(model)
    neighbours = model.neighbours[:, : len(model.shape)]
    states = _states(model)
    counts = states.sum(1)
    diagonal = _diagonal(model, states, neighbours)
    energies, weights = [], np.zeros(len(states))
    blocks = []
    for number in range(counts.max() + 1):
        chosen = np.flatnonzero(counts == number)
        levels, vectors = np.linalg.eigh(_block(model, states[chosen], diagonal[chosen], neighbours))
        energies.append(levels)
        blocks.append((chosen, vectors))
    lowest = min(levels[0] for levels in energies)
    z = sum(np.exp(-model.beta * (levels - lowest)).sum() for levels in energies)
    energy = 0.0
    for levels, (chosen, vectors) in zip(energies, blocks, strict=True):
        p = np.exp(-model.beta * (levels - lowest)) / z
        weights[chosen] = vectors**2 @ p
        energy += float(p @ levels)
    n = weights @ states
    products = np.stack([weights @ (states * states[:, j]) for j in neighbours.T])
    variance = weights @ states**2 - n**2
    shape = model.shape
    return ThermalBosons(
        n.reshape(shape), variance.reshape(shape), products.reshape(-1, *shape), energy, float(weights @ counts)
    )


def _check_size(model: Bosons) -> None:
    """Raise ValueError if a number of bosons has too many states, before any of them is enumerated.

    The numbers of states are the coefficients of (1 + x + ... + x^n_max)^sites, and grow with each site.
    """
    counts = np.ones(1, dtype=np.int64)
    for _ in range(model.potential.size):
        counts = np.convolve(counts, np.ones(model.n_max + 1, dtype=np.int64))
        if counts.max() > LARGEST_BLOCK:
            raise ValueError(
                f"potential: expected at most {LARGEST_BLOCK} states of one N, got more on {model.potential.size} "
                f"sites with n_max = {model.n_max}; use fewer sites, or sample_until"
            )


def _states(model: Bosons) -> Integers:
    """Return the occupations (states, sites) of all states; site i is digit i of the state's number."""
    sites, base = model.potential.size, model.n_max + 1
    numbers = np.arange(base**sites, dtype=np.int64)
    return numbers[:, None] // base ** np.arange(sites, dtype=np.int64) % base


def _diagonal(model: Bosons, states: Integers, neighbours: Integers) -> Floats:
    pairs = sum((states * states[:, j]).sum(1) for j in neighbours.T)
    onsite = 0.5 * model.onsite * (states * (states - 1)).sum(1)
    found: Floats = states @ model.potential.ravel() + onsite + model.neighbour * pairs
    return found


def _block(model: Bosons, states: Integers, diagonal: Floats, neighbours: Integers) -> Floats:
    """Return H (block, block) between states of one N."""
    powers = (model.n_max + 1) ** np.arange(states.shape[1], dtype=np.int64)
    numbers = states @ powers  # ascending
    h = np.diag(diagonal)
    for i, j in [(i, j) for column in neighbours.T for i, j in enumerate(column)]:
        for a, b in ((i, j), (j, i)):  # b+_a b_b
            moved = np.flatnonzero((states[:, b] > 0) & (states[:, a] < model.n_max))
            target = np.searchsorted(numbers, numbers[moved] + powers[a] - powers[b])
            element = np.sqrt(states[moved, b] * (states[moved, a] + 1.0))
            np.add.at(h, (target, moved), -model.hopping * element)
    return h
