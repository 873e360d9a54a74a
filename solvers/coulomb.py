"""Interaction of an isolated two-dimensional system: (ab|cd) = int int phi_a phi_b(r) |r - r'|^-1 phi_c phi_d(r').

1/r is cut at R >= sqrt(2) L, farther than any two points of the square are apart, so that nothing is lost and its
Fourier transform is smooth (Rozzi et al., Phys. Rev. B 73, 205119 (2006); the two-dimensional disc):

    v(k) = 2 pi R [J0(kR) + (pi/2) (J1(kR) H0(kR) - J0(kR) H1(kR))],   v(0) = 2 pi R   (H0, H1: Struve functions).

It is sampled on a grid padded to 4n, brought to real space, kept for separations -n ... n-1 and transformed again; pair
densities then need a pad of 2n only. By Parseval the integrals take forward transforms and one matrix product:
(ab|cd) = dx^4 / (2n)^2 sum_k rho_ab(k)^* v(k) rho_cd(k).

v(k) is even in k_x and in k_y. So the parts of a density that are even or odd in x and y about the middle of the square
do not meet, and each of the four needs a cosine or sine transform of a quarter of the points, for k >= 0: small matrix
products, faster than an FFT. Effective atomic units.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.special import j0, j1, struve

Array = NDArray[np.float64]


def truncated_coulomb(k: Array, radius: float) -> Array:
    """Two-dimensional Fourier transform of 1/r for r < ``radius``, 0 beyond; ``k`` in 1/bohr."""
    kr = k * radius
    return 2 * np.pi * radius * (j0(kr) + np.pi / 2 * (j1(kr) * struve(0, kr) - j0(kr) * struve(1, kr)))


@lru_cache(maxsize=8)
def coulomb_kernel(n: int, length: float) -> Array:
    """v(k) on the half-spectrum (2n, n + 1) of the grid padded to 2n, for a square of side ``length`` (bohr)."""
    dx = length / n
    k = 2 * np.pi * scipy.fft.fftfreq(4 * n, dx)
    wide = truncated_coulomb(np.hypot.outer(k, k), np.sqrt(2) * length)
    separations = np.r_[0:n, -n:0]
    real_space = scipy.fft.ifft2(wide).real[np.ix_(separations, separations)] / dx**2
    kernel = scipy.fft.fft2(real_space).real[:, : n + 1] * dx**2  # even in x and y, hence real
    kernel.flags.writeable = False
    return kernel


def orbital_pairs(n_orbitals: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices p <= q of the M (M + 1) / 2 products phi_p phi_q, in the order used for integrals everywhere."""
    return np.triu_indices(n_orbitals)


def pair_densities(orbitals: Array) -> Array:
    """phi_p phi_q for p <= q: (B, M, n, n) -> (B, P, n, n)."""
    p, q = orbital_pairs(orbitals.shape[1])
    return orbitals[:, p] * orbitals[:, q]


def coulomb_integrals(pairs: Array, length: float) -> Array:
    """(P|Q) of the ``pairs`` (B, P, n, n) of orbitals on a square of side ``length`` (bohr): (B, P, P), hartree."""
    n = pairs.shape[-1]
    cosines, sines = _half_transforms(n)
    kernel = _weighted_kernel(n, length)
    n_pairs = pairs.shape[1]
    integrals = np.zeros((len(pairs), n_pairs, n_pairs))
    for system, total in zip(pairs, integrals, strict=True):  # one at a time: it fits the cache
        for along_x, transform_x in zip(_parities(system, -2), (cosines, sines), strict=True):
            for part, transform_y in zip(_parities(along_x, -1), (cosines, sines), strict=True):
                spectrum = (transform_x @ part @ transform_y.T).reshape(n_pairs, -1)
                total += (spectrum * kernel) @ spectrum.T
    return (integrals + integrals.swapaxes(1, 2)) / 2


def _parities(fields: Array, axis: int) -> tuple[Array, Array]:
    """Twice the even and twice the odd part about the middle of ``axis``, on the upper half of its points."""
    n = fields.shape[axis]
    upper = np.take(fields, range(n // 2, n), axis)
    lower = np.flip(np.take(fields, range((n + 1) // 2), axis), axis)
    return upper + lower, upper - lower


@lru_cache(maxsize=8)
def _half_transforms(n: int) -> tuple[Array, Array]:
    """cos(k x) and sin(k x), (n + 1, (n + 1) // 2), at the k of the padded grid and the x above the middle."""
    x = np.arange((n + 1) // 2) + (0.0 if n % 2 else 0.5)
    phase = np.pi / n * np.outer(np.arange(n + 1), x)
    cosines, sines = np.cos(phase), np.sin(phase)
    if n % 2:
        cosines[:, 0] /= 2  # the middle point is its own mirror image
    return cosines, sines


@lru_cache(maxsize=8)
def _weighted_kernel(n: int, length: float) -> Array:
    """v(k) dx^4 / (2n)^2 for k_x, k_y >= 0, flat; all but the first and last k stand for two."""
    weights = np.full(n + 1, 2.0)
    weights[[0, n]] = 1.0
    dx = length / n
    return (coulomb_kernel(n, length)[: n + 1] * np.outer(weights, weights)).ravel() * (dx**4 / (2 * n) ** 2 / dx**2)
