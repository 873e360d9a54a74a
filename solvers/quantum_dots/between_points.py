"""The error of an energy by what V may be between the points of the grid. Effective atomic units.

A kink, or a step that the grid resolves, is seen in the highest components of V n(r) on the grid.

A step D between two points is unknown within their distance h. The pressure on it is P = D n(r) by Hellmann and
Feynman, and at most that of a hard wall by Hadamard, P = |d n^(1/2) / dx|^2 / 2 m_x: with u between -1/2 and 1/2,
uniformly, and a cell of area A, the energy is unknown by P A u. Steps on one line of the grid share one u, as one side
of a square well does, and lines are independent:

    variance = sum_lines [sum_steps P A]^2 / 12.

Where waves decay within h, k h = h (2 m_x D)^(1/2) > 3, sine functions cannot bend as fast, and the wave function stops
inside of the wall, by s h with s = ``SHIFT`` ln(k h / 3). All walls move inwards: the energy is too high by sum P A s.
A cell that a wall crosses, with a mean of V, moves it by ``CROSSED`` more.

Behind such a wall a wave vanishes within less than h. What the sine functions leave there, at points that lie half of
a line's highest steep step or more above its lowest one, has an energy sum V n A that is error: beyond 10^5 times the
kinetic energy it is the largest part.
"""

from __future__ import annotations

import numpy as np

from solvers.backend import Array, namespace

Pair = tuple[float, float]

SAMPLING = 0.5
"""Ratio of the error of the confinement energy, where V is not smooth between its points, to the highest components."""
DEVIATIONS = 1.5
"""Error by the places of steps, in standard deviations."""
STEEP = 3.0
"""The grid resolves steps whose k h is smaller."""
SHIFT, CROSSED = 0.35, 0.4
"""How far a steep wall lies inside of its place, in spacings: over ln(k h / 3), and where it crosses a cell.

Chosen with DEVIATIONS for the lowest level of square wells and of discs, 10 to 10^5 times its energy deep, with V at
the points and means over their cells.
"""
BEHIND = 1.5
"""Error by the energy behind steep walls, over that energy; chosen on the same dots, 10^5 to 10^10 deep."""
SLOPES = 4
"""The steepest slope of n^(1/2) within so many points of a wall is that at the wall."""


def error_between_points(density: Array, potential: Array, steps: Pair, inverse_masses: Pair) -> Array:
    """Return the error (B,) of energies.

    Args:
        density: n(r) at the points, (B, n_x, n_y).
        potential: V from its minimum, (B, n_x, n_y).
        steps: distances of the points along x and y.
        inverse_masses: 1 / m_x, 1 / m_y.
    """
    xp, area = namespace(density), steps[0] * steps[1]
    variance, shift, behind = 0.0, 0.0, 0.0
    for axis, (step, inverse_mass) in enumerate(zip(steps, inverse_masses, strict=True)):
        n, v = (xp.permute_dims(a, (0, 2, 1)) if axis else a for a in (density, potential))
        of_axis, inwards, beyond = _along_x(n, v, step, inverse_mass)
        variance, shift, behind = variance + of_axis, shift + inwards, behind + beyond
    kinks = SAMPLING * highest_components(density * potential, area)
    found = xp.sqrt(kinks**2 + DEVIATIONS**2 * variance * area**2) + shift * area
    return xp.maximum(found, BEHIND * area * behind)


def _along_x(n: Array, v: Array, step: float, inverse_mass: float) -> tuple[Array, Array, Array]:
    """Return variance and shift of the steps along the first axis, and the energy behind them, (B,) each.

    All are in units of a cell's area.
    """
    xp = namespace(n)
    rises = v[:, 1:, :] - v[:, :-1, :]
    sizes, signs = xp.abs(rises), xp.sign(rises)
    decay = step * xp.sqrt(2 * sizes / inverse_mass) / STEEP
    steep = xp.where(decay > 1, signs, xp.zeros_like(signs))
    low, high = _beside(steep)
    low, high = xp.where(steep > 0, low, high), xp.where(steep > 0, high, low)  # beside each step, inside and outside
    first, crossed = (steep != 0) & (low != steep), high == steep
    mean, hard = (n[:, 1:, :] + n[:, :-1, :]) / 2, _hard_wall(n, step, inverse_mass)
    nothing = xp.zeros_like(hard)
    inwards = SHIFT * xp.log(xp.maximum(decay, xp.ones_like(decay))) + CROSSED * xp.astype(crossed, decay.dtype)
    shift = xp.sum(xp.where(first, hard * inwards, nothing), axis=(1, 2))
    unknown = xp.where(steep == 0, xp.minimum(excess(sizes) * mean, hard), xp.where(first, hard, nothing))
    up = xp.sum(xp.where(rises > 0, unknown, nothing), axis=2)
    down = xp.sum(unknown, axis=2) - up
    return xp.sum(up**2 + down**2, axis=1) / 12, shift, _behind(n, v, xp.where(steep == 0, nothing, sizes))


def _behind(n: Array, v: Array, walls: Array) -> Array:
    """Return the sum (B,) of V n, V from its minimum on each line, behind ``walls``: steep steps, 0 elsewhere."""
    xp = namespace(n)
    highest, above = xp.max(walls, axis=1, keepdims=True), v - xp.min(v, axis=1, keepdims=True)
    return xp.sum(xp.where((highest > 0) & (above >= highest / 2), above * n, xp.zeros_like(n)), axis=(1, 2))


def _hard_wall(n: Array, step: float, inverse_mass: float) -> Array:
    """Return the pressure (B, n_x - 1, n_y) that the density would have on a hard wall between its points."""
    xp = namespace(n)
    root = xp.sqrt(xp.maximum(n, xp.zeros_like(n)))
    slopes = largest = xp.abs(root[:, 1:, :] - root[:, :-1, :])
    for far in range(1, SLOPES + 1):
        for beside in _beside(slopes, far):
            largest = xp.maximum(largest, beside)
    return (largest / step) ** 2 * inverse_mass / 2


def excess(sizes: Array) -> Array:
    """Return by how much changes (B, n_x - 1, n_y) of V exceed both neighbours' along the first axis, at least 0."""
    before, behind = _beside(sizes)
    return namespace(sizes).maximum(sizes - before - behind, namespace(sizes).zeros_like(sizes))


def _beside(values: Array, far: int = 1) -> tuple[Array, Array]:
    """Return the values ``far`` before and behind along the first axis, 0 outside, for ``values`` (B, k, n)."""
    xp, far = namespace(values), min(far, values.shape[1])
    none = xp.zeros_like(values[:, :far, :])
    return xp.concat([none, values[:, :-far, :]], axis=1), xp.concat([values[:, far:, :], none], axis=1)


def highest_components(energy: Array, area: float) -> Array:
    """Return the root mean square of the upper quarter of the cosine components along x and along y, (B,).

    ``energy`` (B, n_x, n_y) is V n(r), whose sum over the cells of this ``area`` is exact up to its components beyond
    the grid. Where V has a kink or a step, these are not much smaller than the highest ones on it.
    """
    xp, total = namespace(energy), 0.0
    for axis in (1, 2):
        n = energy.shape[3 - axis]
        waves = np.arange(n - max(n // 4, 1), n)
        cosines = xp.asarray(np.cos(np.pi / n * np.outer(np.arange(n) + 0.5, waves)), device=energy.device)
        components = xp.sum(energy, axis=axis) @ cosines * (2 * area)
        total = total + xp.sqrt(xp.mean(components**2, axis=1))
    return total
