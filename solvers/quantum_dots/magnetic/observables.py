"""Densities, currents and angular momenta of states in a field.

    n = sum_pq gamma_pq phi_p^* phi_q,
    j = Im sum_pq gamma_pq phi_p^* grad phi_q / m  +  A n / m        (paramagnetic + diamagnetic),
    L_z = [r x (p + A)]_z - b r^2 / 2,                               r from the origin,

j is the current of particles; that of charge is -e j. In a stationary state div j = 0. L_z does not depend on the
gauge, and is x p_y - y p_x in the symmetric one; it is conserved where V is round about the origin. dE / db = int
[r x j]_z / 2 is the orbital part of the magnetisation. Effective atomic units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.quantum_dots.magnetic.one_electron import Floats, OneElectron, Values
from solvers.quantum_dots.magnetic.space import Space


def density(space: Space, gamma: Values) -> Floats:
    """Return n(r), (nx, ny), for the density matrix (M, M)."""
    f = space.functions
    return np.einsum("pij,pij->ij", f.conj(), np.tensordot(gamma, f, 1)).real


class Current(NamedTuple):
    """The two parts of j(r), each (2, nx, ny) along x and y."""

    paramagnetic: Floats
    diamagnetic: Floats

    @property
    def total(self) -> Floats:
        """j(r), (2, nx, ny)."""
        return self.paramagnetic + self.diamagnetic


def vector_potential(h: OneElectron) -> Floats:
    """Return A at the points, (2, nx, ny)."""
    (x0, y0), s = h.gauge
    x, y = np.meshgrid(h.sides.x.points - x0, h.sides.y.points - y0, indexing="ij")
    return h.strength * np.stack([-(1 - s) * y, s * x])


def current(space: Space, gamma: Values) -> Current:
    """Return j(r) for the density matrix (M, M)."""
    h, c = space.h, space.coefficients
    masses = np.array([h.sides.x.mass, h.sides.y.mass])[:, None, None]
    turned = np.tensordot(gamma.T, space.functions.conj(), 1)  # sum_p gamma_pq phi_p^*
    slopes = np.stack([(turned * h.sides.to_grid(c, axis)).sum(0).imag for axis in ("x", "y")])
    return Current(slopes / masses, vector_potential(h) * density(space, gamma) / masses)


def longitudinal_share(j: Floats, steps: tuple[float, float]) -> float:
    """Return the root of int |j_l|^2 / int |j|^2, j_l the part of j (2, nx, ny) with a divergence; 0 without current.

    j vanishes at the walls, so that its periodic Fourier transform is that of a smooth field.
    """
    kx, ky = (2 * np.pi * np.fft.fftfreq(n, step) for n, step in zip(j.shape[1:], steps, strict=True))
    k = np.stack(np.meshgrid(kx, ky, indexing="ij"))
    transform = np.fft.fft2(j)
    squared = (k**2).sum(0)
    along = np.abs((k * transform).sum(0)) ** 2 / np.where(squared > 0, squared, 1.0)
    total = (np.abs(transform) ** 2).sum()
    return float(np.sqrt(along.sum() / total)) if total > 0 else 0.0


def moment(h: OneElectron, j: Floats) -> Floats:
    """Return [r x j]_z / 2 about the origin, (nx, ny), for j (2, nx, ny): int of it is the orbital part of dE / db."""
    (x0, y0), _ = h.gauge
    x, y = h.sides.x.points[:, None] - x0, h.sides.y.points - y0
    return (x * j[1] - y * j[0]) / 2


class AngularMomentum(NamedTuple):
    """<p|L_z|q> and <p|L_z^2|q>, each (M, M), in hbar."""

    first: Values
    second: Values

    def of(self, gamma: Values, pairs: Values) -> tuple[float, float]:
        """Return <L_z>, and the root of its variance, for the density matrices (M, M) and (M, M, M, M) of a state."""
        mean = float(np.sum(gamma * self.first).real)
        between = np.einsum("prqs,pq,rs->", pairs, self.first, self.first, optimize=True).real
        squared = float(np.sum(gamma * self.second).real + between)
        return mean, max(squared - mean**2, 0.0) ** 0.5


def angular_momentum(space: Space) -> AngularMomentum:
    """Return the matrices of L_z about the origin of the gauge."""
    (x, y), (x0, y0), s, c = space.h.sides, space.h.gauge.origin, space.h.gauge.share, space.coefficients
    turned = -1j * (x.position(x0) @ c @ y.derivative.T - x.derivative @ c @ y.position(y0).T)
    if space.h.strength and s != 0.5:
        turned = turned + space.h.strength * (s - 0.5) * (x.squared(x0) @ c - c @ y.squared(y0))
    flat = turned.reshape(space.flat.shape)
    first = space.flat.conj() @ flat.T
    return AngularMomentum((first + first.conj().T) / 2, flat.conj() @ flat.T)
