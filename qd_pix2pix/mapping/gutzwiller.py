"""Product states of hard-core bosons on a square lattice, a starting point of networks for their maps.

Site i is by itself a state of 0 or 1 boson at the inverse temperature ``BETA`` (Gutzwiller), with energies in units of
the hopping t:

    h_i = e_i n_i - f_i (b_i + b+_i),    e_i = V_i - mu + V sum_j <n_j>,    f_i = sum_j <b_j>,

where j are the four neighbours. With r = (e^2 / 4 + f^2)^(1/2) and h = tanh(BETA r),

    <n> = (1 - h e / (2 r)) / 2,    <b> = h f / (2 r).

The sublattices of a checkerboard are solved in turns: the neighbours of a site are all on the other one, so that the
energy never rises. Product states are exact for an empty and a full lattice and for t = 0, and favour the solid
elsewhere, most for large V. With t (1 + ``ENHANCED`` V / t) in place of t their density is nearer to that of the
worm algorithm (experiments/bose_hubbard). Both are inputs; so are a state without a solid, since the transition is of
first order, and one whose hopping falls slowly from a large value: its solid has the domains that the potential
prefers, where those of the given checkerboard keep to it. A network learns the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from qd_pix2pix.mapping.loops import iterated
from qd_pix2pix.mapping.mean_field import Prior

BETA = 8.0
"""Inverse temperature of the sites, 1 / t."""
ENHANCED = 0.09
"""Relative growth of the hopping with V / t."""
SWEEPS = 16
"""Solutions of each sublattice."""
SCALES = (1.0, 4.0, 16.0)
"""Energies, in t, at which channels e / (|e| + scale) of the network are half saturated."""
DIFFERENCES = (0.2, 0.02)
"""The same for the difference of two states at a site, and for its mean over the lattice."""
FLOOR = 1e-3
"""Least distance of <n>, <n^2> - <n>^2 and <n n'> from their bounds where the logit is taken."""
COOLING = 200
"""Steps in which the hopping falls to its value."""
HOTTEST = 2.0
"""Hopping of the first of them, relative to its value."""
GIVEN = 0.05
"""Field, in t, by which the given checkerboard is preferred where the potential prefers neither sublattice."""
START = 0.05
"""<b> of the start."""
SMALLEST = 1e-6
"""Least r, in t."""


Fields = tuple[Tensor, ...]
"""<n> and <b>, (B, L, L') both."""


class State(NamedTuple):
    """A product state: <n> and <b> (B, L, L'), the field e that acts on n, and the energy of each site, in t."""

    n: Tensor
    b: Tensor
    field: Tensor
    energy: Tensor


class Gutzwiller:
    """The prior of hard-core bosons: columns ``V_mu`` and ``checkerboard`` (B, L, L'), ``neighbour`` (B,)."""

    needs: ClassVar = ("V_mu", "checkerboard", "neighbour")
    """Columns that the prior takes."""
    data: ClassVar = "data=bose_hubbard with mapping.source=[V_mu,checkerboard]"
    """Options that provide them."""
    largest: ClassVar = {"n": 1.0}
    """Upper bounds of columns for which the prior holds."""
    below_points: ClassVar = ()
    """Columns that are smaller than the number of points."""
    n_channels: ClassVar = 4 * len(SCALES) + 18
    """Input channels of the network."""

    def __call__(self, columns: Mapping[str, Tensor]) -> Prior:
        """Return the prior for a batch; gradients with respect to ``V_mu`` pass."""
        v, signs, neighbour = (columns[name].float() for name in self.needs)
        coupling = neighbour.reshape(-1, 1, 1)
        hopping = 1 + ENHANCED * coupling
        bare = product_state(v, coupling, torch.ones_like(coupling), signs)
        solid = product_state(v, coupling, hopping, signs)
        fluid = smooth_state(v, coupling, hopping)
        cooled = cooled_state(v, coupling, hopping, signs)
        states = (solid, fluid, cooled)
        energies = (v + 2 * coupling, *(state.field for state in states))  # odd under exchange of particles and holes
        channels = [signs, (coupling / 3 - 1).expand_as(v)]
        channels += [_saturating(energy, scale) for energy in energies for scale in SCALES]
        for state in (bare, *states):
            channels += [2 * state.n - 1, 4 * state.b - 1, around(state.n) / 2 - 1]
        for other in (fluid, cooled):
            difference = solid.energy - other.energy
            both = difference, difference.mean((1, 2), True).expand_as(v)
            channels += [_saturating(e, scale) for e, scale in zip(both, DIFFERENCES, strict=True)]
        n = solid.n
        starts = {"n": n, "variance": 4 * n * (1 - n), "pairs": n * around(n) / 4}
        return Prior(torch.stack(channels, 1), {name: _logit(share)[:, None] for name, share in starts.items()})


def product_state(v: Tensor, coupling: Tensor, hopping: Tensor, signs: Tensor) -> State:
    """Return the product state that is reached from a solid with a small <b>.

    Args:
        v: V_i - mu (B, L, L'), in t.
        coupling: V, (B, 1, 1), in t.
        hopping: that of the product state, (B, 1, 1), in t.
        signs: checkerboard of +1 and -1, (B, L, L').
    """

    def turn(state: Fields, sublattice: Tensor) -> Fields:
        n, b = state
        new = _site(v + coupling * around(n), hopping * around(b))
        here = signs * sublattice > 0
        return torch.where(here, new[0], n), torch.where(here, new[1], b)

    start = (1 + signs.to(v)) / 2, torch.full_like(v, START)
    return _state(v, coupling, hopping, *iterated(turn, (v.new_tensor([-1.0, 1.0] * SWEEPS),), start))


def smooth_state(v: Tensor, coupling: Tensor, hopping: Tensor) -> State:
    """Return the product state whose sites feel the repulsion of both sublattices alike, so that no solid grows."""

    def turn(state: Fields, share: Tensor) -> Fields:
        n, b = state
        new = _site(v + coupling * (2 * n + around(n) / 2), hopping * around(b))
        return n + share * (new[0] - n), b + share * (new[1] - b)

    start = torch.full_like(v, 0.5), torch.full_like(v, 0.5)
    return _state(v, coupling, hopping, *iterated(turn, (v.new_full((SWEEPS,), 0.5),), start))


def cooled_state(v: Tensor, coupling: Tensor, hopping: Tensor, signs: Tensor) -> State:
    """Return the product state that follows from a superfluid while its hopping falls to the given one."""
    field = v - GIVEN * signs.to(v)

    def turn(state: Fields, enlarged: Tensor) -> Fields:
        n, b = state
        new = _site(field + coupling * around(n), enlarged * hopping * around(b))
        return (n + new[0]) / 2, (b + new[1]) / 2

    start = torch.full_like(v, 0.5), torch.full_like(v, 0.5)
    falling = [1 + (HOTTEST - 1) * max(0.0, 1 - step / (0.75 * COOLING)) for step in range(COOLING)]
    return _state(v, coupling, hopping, *iterated(turn, (v.new_tensor(falling),), start))


def _site(field: Tensor, hop: Tensor) -> tuple[Tensor, Tensor]:
    """Return <n> and <b> of a site with e and f."""
    half = field / 2
    r = torch.sqrt(half.square() + hop.square() + SMALLEST**2)
    polarised = torch.tanh(BETA * r) / (2 * r)
    return 0.5 - half * polarised, hop * polarised


def _state(v: Tensor, coupling: Tensor, hopping: Tensor, n: Tensor, b: Tensor) -> State:
    repulsion = coupling * around(n)
    return State(n, b, v + repulsion, n * (v + repulsion / 2) - hopping * b * around(b))


def around(values: Tensor) -> Tensor:
    """Return the sum over the four neighbours, (B, L, L') as ``values``."""
    return sum((values.roll(step, axis) for axis in (1, 2) for step in (-1, 1)), torch.zeros_like(values))


def _saturating(energy: Tensor, scale: float) -> Tensor:
    return energy / (energy.abs() + scale)


def _logit(share: Tensor) -> Tensor:
    return torch.logit(share.clamp(FLOOR, 1 - FLOOR))
