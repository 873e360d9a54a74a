"""A mean field of few electrons in a square, the starting point of networks for dots in reduced units.

All electrons share one real orbital phi, the ground state of

    [-nabla^2 / 2 + v + lambda (N - 1) w[phi^2] + pi (N - 2)_+ phi^2] phi = mu phi,    w[f](r) = int f(r') / |r - r'|,

with hard walls. The third term is the Hartree potential without self-interaction (Fermi and Amaldi 1934); for two
electrons this is Hartree-Fock. The last one is the Thomas-Fermi term, pi n, of the electrons beyond the first pair.
N phi^2 is exact for one electron and has a density error of tenths for several; a network learns the rest. It is a
symmetric function of v whatever the symmetry, as orbitals of a degenerate level would not be.

Imaginary time with steps that decrease, split into exp(-t v / 2) exp(-t T) exp(-t v / 2), which is stable for walls of
any height; T is diagonal in sines, and exp(-t T) a product of one matrix for x and one for y.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

STEPS = 60
"""Steps in imaginary time."""
LONGEST, SHORTEST = 2e-2, 1e-3
"""First and last step, in m* L^2 / hbar."""
POINTS = 32
"""Points per side of the mean field; a finer v is averaged over cells."""
FLOOR = 1e-9
"""Smallest share of the charge in a cell whose logarithm is taken."""
SCALES = (30.0, 300.0, 3000.0)
"""Energies, in hbar^2 / (m* L^2), at which channels v / (v + scale) of the network are half saturated."""

WEAKEST = 1e-3
"""Smallest coupling whose logarithm is taken."""


class Prior(NamedTuple):
    """The input of a network, and estimates from which it starts.

    Attributes:
        channels: input channels (B, c, *points).
        starts: for each output with an estimate, what is added to its raw numbers (B, 1, *points or ones): its
            logarithm up to a constant, for the head ``total`` a part of it at each point, for the head ``bounded`` of a
            field the logit of its place within the bounds.
    """

    channels: Tensor
    starts: dict[str, Tensor]


class MeanField:
    """The prior of dots in reduced units: columns ``V`` (B, n, n), ``n_electrons`` and ``coupling`` (B,).

    ``steps`` in imaginary time; at most ``points`` per side: a finer v is averaged over cells.
    """

    needs: ClassVar = ("V", "n_electrons", "coupling")
    """Columns that the prior takes."""
    data: ClassVar = "data=scaled_dots with mapping.source=V"
    """Options that provide them."""
    largest: ClassVar[dict[str, float]] = {}
    """Upper bounds of columns for which the prior holds."""
    below_points: ClassVar = ()
    """Columns that are smaller than the number of points."""
    n_channels: ClassVar = 2 * len(SCALES) + 4
    """Input channels of the network."""

    def __init__(self, points: int = POINTS, steps: int = STEPS) -> None:
        self.points, self.steps = points, steps

    def __call__(self, columns: Mapping[str, Tensor]) -> Prior:
        """Return the prior for a batch; gradients with respect to ``V`` pass."""
        v, n_electrons, coupling = (columns[name].float() for name in self.needs)
        v = v - v.amin((1, 2), keepdim=True)
        coarse = averaged(v, self.points)
        share, potential, energy = mean_field(coarse, n_electrons, coupling, self.steps)
        points = v.shape[-1] ** 2
        share, repulsion = (resized(f, v.shape[-1]) for f in (share, potential - coarse))
        effective = v + repulsion
        effective = effective - effective.amin((1, 2), keepdim=True)
        logarithm = torch.log(share.clamp(min=FLOOR))
        saturating = [f / (f + scale) for f in (v, effective) for scale in SCALES]
        numbers = [(n_electrons - 3) / 2, torch.log(coupling.clamp(min=WEAKEST) / 5) / 3]
        constant = [number.reshape(-1, 1, 1).expand_as(v) for number in numbers]
        density = share / share.sum((1, 2), keepdim=True) * points / 10
        digits = 1 - 2 * logarithm / math.log(FLOOR)  # -1 ... 1
        channels = [*saturating, density, digits, *constant]
        scale = torch.log(energy.clamp(min=1.0)).reshape(-1, 1, 1, 1)
        return Prior(torch.stack(channels, 1), {"n_int": logarithm[:, None], "energy": scale})


def mean_field(v: Tensor, n_electrons: Tensor, coupling: Tensor, steps: int = STEPS) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean field of potentials ``v`` >= 0 (B, n, n), in hbar^2 / (m* L^2), at N and lambda (B,).

    Returns:
        The share of the charge in each cell, phi^2 / n^2 (B, n, n); the potential that acts on phi, up to a constant
        (B, n, n); the energy of all electrons (B,).
    """
    n = v.shape[-1]
    kinetic, propagators, waves, kernel = (torch.from_numpy(part).to(v) for part in tables(n, steps, LONGEST, SHORTEST))
    hartree = (coupling * (n_electrons - 1).clamp(min=0)).reshape(-1, 1, 1)
    pauli = (math.pi * (n_electrons - 2).clamp(min=0)).reshape(-1, 1, 1)
    phi, effective = torch.ones_like(v), v
    for step in range(steps):
        if step % 2 == 0:
            density = phi * phi
            new = v + hartree * repulsion(density, waves, kernel) + pauli * density
            effective = (effective + new) / 2 if step else new
            effective = effective - effective.amin((1, 2), keepdim=True)
        half = torch.exp(-time_step(step, steps, LONGEST, SHORTEST) / 2 * effective)
        phi = half * (propagators[step] @ (half * phi) @ propagators[step])
        phi = phi / phi.square().mean((1, 2), keepdim=True).sqrt()
    density = phi * phi
    single = ((phi * (kinetic @ phi + phi @ kinetic)) + v * density).mean((1, 2))
    pairs = (density * repulsion(density, waves, kernel)).mean((1, 2))
    exclusion = math.pi / 2 * (n_electrons - 2).clamp(min=0) * density.square().mean((1, 2))
    energy = n_electrons * (single + coupling * (n_electrons - 1) / 2 * pairs + exclusion)
    return density / n**2, effective, energy


def time_step(step: int, steps: int, longest: float, shortest: float) -> float:
    """Return the length of a step in imaginary time."""
    return longest * (shortest / longest) ** (step / (steps - 1))


def repulsion(density: Tensor, waves: Tensor, kernel: Tensor) -> Tensor:
    """Return w[density] (B, n, n) by ``waves`` and ``kernel`` of ``tables``."""
    back = waves.transpose(0, 1)
    return back @ (kernel * (waves @ density @ back)) @ waves


def averaged(f: Tensor, n: int) -> Tensor:
    """Return a field (B, m, m) of at least as many points as mean values over n x n cells, or f itself."""
    return _along_both(_means, f, n) if f.shape[-1] > n else f


def resized(f: Tensor, n: int) -> Tensor:
    """Return a field (B, m, m) on n x n cells, bilinear."""
    return _along_both(_bilinear, f, n) if f.shape[-1] != n else f


def _along_both(rule: Callable[[int, int], NDArray], f: Tensor, n: int) -> Tensor:
    """Return a field (B, m, m) on n x n cells by a matrix: ONNX Runtime has no pooling in double precision."""
    matrix = torch.from_numpy(rule(f.shape[-1], n)).to(f)
    return matrix @ f @ matrix.mT


@lru_cache(maxsize=4)
def _means(m: int, n: int) -> NDArray:
    """Return means of m cells over n larger ones (n, m); cells that a border cuts count to both, as in torch."""
    at = np.arange(m)
    inside = [(at >= i * m // n) & (at < -(-(i + 1) * m // n)) for i in range(n)]
    return np.stack([row / row.sum() for row in inside])


@lru_cache(maxsize=8)
def _bilinear(m: int, n: int) -> NDArray:
    """Return linear interpolation (n, m) from the middles of m cells to those of n, constant beyond the outer ones."""
    place = np.clip((np.arange(n) + 0.5) * m / n - 0.5, 0, m - 1)
    return np.clip(1 - np.abs(place[:, None] - np.arange(m)), 0, None)


@lru_cache(maxsize=4)
def tables(n: int, steps: int, longest: float, shortest: float) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return the tables of n points along one direction, as arrays: tensors made while tracing serve no later call.

    T (n, n); exp(-t T) of each step (steps, n, n); the waves of a repulsion and its kernel, see ``_coulomb``.
    """
    modes = np.arange(1, n + 1)
    x = (np.arange(n) + 0.5) / n
    sines = np.sin(math.pi * modes[:, None] * x) * math.sqrt(2 / n)
    sines[-1] /= math.sqrt(2)
    energies = (math.pi * modes) ** 2 / 2
    times = np.array([time_step(step, steps, longest, shortest) for step in range(steps)])
    propagators = (sines.T * np.exp(-times[:, None] * energies)[:, None, :]) @ sines
    return (sines.T * energies) @ sines, propagators, *_coulomb(n)


def _coulomb(n: int) -> tuple[NDArray, NDArray]:
    """Return waves (2n, n) on a square of twice the side, whose images do not act, and the transform of 1 / r (2n, 2n).

    1 / r is even along x and y, so that cosines and sines of n + 1 and n - 1 wavenumbers diagonalise it: of r - r' they
    are sums of products. A product of matrices is in every format, and as fast as transforms at these sizes.
    """
    numbers = np.concatenate([np.arange(n + 1), np.arange(1, n)])
    phases = math.pi / n * np.outer(numbers, np.arange(n))
    waves = np.concatenate([np.cos(phases[: n + 1]), np.sin(phases[n + 1 :])])
    apart = np.arange(2 * n)
    distance = np.minimum(apart, 2 * n - apart) / n
    r = np.hypot(distance[:, None], distance[None, :])
    r[0, 0] = 1 / (4 * math.log(1 + math.sqrt(2)) * n)  # the mean of 1 / r over a cell
    transform = np.fft.rfft2(1 / (r * n**2)).real[: n + 1]
    counts = np.where(numbers % n == 0, 1, 2) / (2 * n)  # both signs of a wavenumber
    return waves, transform[np.ix_(numbers, numbers)] * np.outer(counts, counts)
