"""Electrons, mostly two, solved by other means than orbitals and determinants. Effective atomic units but in ``line``.

In a parabola the centre of mass R and the relative motion r = r1 - r2 separate, H = (P^2 / 4 + sum_i w_i^2 R_i^2)
+ (p^2 + sum_i w_i^2 r_i^2 / 4 + 1 / r); the first is an oscillator, the second has two dimensions. In any other
potential with a softened interaction the four-dimensional problem is solved on a product of sine-DVR points.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.polynomial import legendre
from scipy.sparse.linalg import LinearOperator, eigsh

SINGLET, TRIPLET = 0, 1


class Parabola(NamedTuple):
    """``energy`` of the lowest state of a spin; |psi(r)|^2 as ``weights`` at ``points`` (P, 2) of r."""

    energy: float
    points: np.ndarray
    weights: np.ndarray
    omega: tuple[float, float]

    def density(self, x, y):
        """n(x, y) on a product of coordinates about the middle: 2 |psi(r)|^2 |Phi(R)|^2 at r1 = R + r / 2."""
        (gx, gy) = (
            np.sqrt(2 * w / np.pi) * np.exp(-2 * w * (a[:, None] - self.points[:, i] / 2) ** 2)
            for i, (w, a) in enumerate(zip(self.omega, (x, y), strict=True))
        )
        return 2 * (gx * self.weights) @ gy.T


def parabola(omega_x, omega_y=None, spin=SINGLET, n_radial=70, n_angular=12, repulsion=lambda r: 1 / r):
    """Return the lowest state of a spin in 1/2 (w_x^2 x^2 + w_y^2 y^2) for electrons that repel each other by v(r).

    psi = sum_km c_km f_k(r) cos(m phi) or sin(m phi), f_k Legendre polynomials on [0, R], and m even for a singlet.
    """
    omega_y = omega_x if omega_y is None else omega_y
    softest = min(omega_x, omega_y)
    radius = (2 / softest**2) ** (1 / 3) + 11 / np.sqrt(softest)
    nodes, gauss = legendre.leggauss(2 * n_radial)
    r, w = (nodes + 1) * radius / 2, gauss * radius / 2
    f = legendre.legvander(nodes, n_radial - 1)
    df = np.stack([legendre.legval(nodes, legendre.legder(np.eye(n_radial)[k])) for k in range(n_radial)], axis=1)
    df *= 2 / radius

    def radial(values, functions=f):
        return (functions.T * (w * r * values)) @ functions

    vanishing = legendre.legvander(np.array([1.0]), n_radial - 1)
    inside = scipy.linalg.null_space(vanishing)  # f(R) = 0
    one = np.ones_like(r)
    mean, difference = (omega_x**2 + omega_y**2) / 8, (omega_x**2 - omega_y**2) / 8
    angular = [spin + 2 * i for i in range(1 if omega_x == omega_y else n_angular)]
    best = None
    for trig in ("cos", "sin"):
        ms = [m for m in angular if m or trig == "cos"]
        if not ms:
            continue
        norms = [2 * np.pi if m == 0 else np.pi for m in ms]
        size = inside.shape[1]
        h, s = (np.zeros((len(ms), size, len(ms), size)) for _ in range(2))
        potential = radial(mean * r**2 + repulsion(r))
        square = inside.T @ radial(difference * r**2) @ inside
        for i, m in enumerate(ms):
            own = radial(one, df) + m**2 * (f.T * (w / r)) @ f + potential
            h[i, :, i, :] = norms[i] * (inside.T @ own @ inside)
            s[i, :, i, :] = norms[i] * (inside.T @ radial(one) @ inside)
        for i, a in enumerate(ms):  # r^2 cos(2 phi)
            for j, b in enumerate(ms):
                h[i, :, j, :] += _cos_two(a, b, trig) * square
        shape = (len(ms) * size,) * 2
        values, vectors = scipy.linalg.eigh(h.reshape(shape), s.reshape(shape), subset_by_index=[0, 0])
        if best is None or values[0] < best[0]:
            best = values[0], vectors[:, 0].reshape(len(ms), size), ms, trig
    energy, c, ms, trig = best
    phi = 2 * np.pi * np.arange(64) / 64
    turning = np.stack([np.cos(m * phi) if trig == "cos" else np.sin(m * phi) for m in ms])
    psi = (f @ inside @ c.T) @ turning
    weights = psi**2 * (w * r)[:, None] * 2 * np.pi / 64
    points = np.stack([np.outer(r, np.cos(phi)), np.outer(r, np.sin(phi))], axis=-1)
    if omega_x == omega_y and ms[0]:
        weights = np.broadcast_to(weights.mean(axis=1, keepdims=True), weights.shape)  # both of a degenerate level
    total = energy + (omega_x + omega_y) / 2
    return Parabola(float(total), points.reshape(-1, 2), weights.ravel() / weights.sum(), (omega_x, omega_y))


def _cos_two(a, b, trig):
    """Integral of t_a t_b cos(2 phi) over the circle, t = cos or sin."""
    sign = 1 if trig == "cos" else -1
    return np.pi / 2 * ((abs(a - b) == 2) * (1 + (0 in (a, b))) + sign * (a + b == 2) * (a * b != 0))


class TwoElectrons(NamedTuple):
    """``energy`` and ``density`` (n, n) at the sine-DVR ``points`` (n,) of one axis."""

    energy: float
    density: np.ndarray
    points: np.ndarray


def four_dimensional(potential, interaction, length, n=20, spin=SINGLET):
    """Return the lowest state of a spin for V(x, y) and v(r) in a square with hard walls, on n^4 points.

    psi is symmetric under exchange for a singlet, antisymmetric for a triplet.
    """
    modes = np.arange(1, n + 1)
    points = modes * length / (n + 1)
    sines = np.sqrt(2 / (n + 1)) * np.sin(np.pi * np.outer(modes, modes) / (n + 1))
    kinetic = (sines * (modes * np.pi / length) ** 2 / 2) @ sines
    one = potential(points[:, None], points)
    apart = np.subtract.outer(points, points) ** 2  # (x1, x2)
    distance = np.sqrt(apart[:, None, :, None] + apart[None, :, None, :])  # (x1, y1, x2, y2)
    whole = one[:, :, None, None] + one[None, None] + interaction(distance)
    sign = 1 if spin == SINGLET else -1

    def apply(vector):
        """H less a shift, and 0 for a vector of the other spin: the lowest values are those of this spin."""
        psi = vector.reshape(n, n, n, n)
        psi = (psi + sign * psi.transpose(2, 3, 0, 1)) / 2
        found = (whole - shift) * psi
        for axis in range(4):
            found = found + np.moveaxis(np.tensordot(kinetic, psi, (1, axis)), 0, axis)
        return found.ravel()

    shift = float(whole.max() + 4 * kinetic.diagonal().max())
    first = np.sin(np.pi * modes / (n + 1))
    start = np.einsum("i,j,k,l->ijkl", first, first, first, first) * np.random.default_rng(0).uniform(size=(n,) * 4)
    start = start + sign * start.transpose(2, 3, 0, 1)
    operator = LinearOperator((n**4, n**4), matvec=apply, dtype=float)
    values, vectors = eigsh(operator, k=1, which="SA", v0=start.ravel(), tol=1e-9, ncv=30)
    density = 2 * (vectors[:, 0].reshape(n, n, n, n) ** 2).sum(axis=(2, 3)) * ((n + 1) / length) ** 2
    return TwoElectrons(float(values[0] + shift), density, points)


def line(potential, length, mass, k, points=20001):
    """Return the lowest k levels (eV) of one electron on a line between hard walls, by finite differences.

    ``potential`` (eV) is a function of x in nm; hbar^2 / 2 m_e = 0.0381 eV nm^2.
    """
    x = np.linspace(0, length, points + 2)[1:-1]
    t = 0.0380998212 / mass / (x[1] - x[0]) ** 2
    return scipy.linalg.eigh_tridiagonal(
        2 * t + potential(x), np.full(points - 1, -t), select="i", select_range=(0, k - 1), eigvals_only=True
    )
