"""Exact thermodynamics of the Ising model: Onsager's infinite lattice and Kaufman's torus of L x L sites.

B. Kaufman, Phys. Rev. 76, 1232 (1949); A. E. Ferdinand and M. E. Fisher, Phys. Rev. 185, 832 (1969). With K = J / T and
N = L^2,

    Z = 1/2 (2 sinh 2K)^(N/2) (Z_1 + Z_2 + Z_3 + Z_4)
    Z_1 = prod 2 cosh(L g_(2r+1) / 2),   Z_2 = prod 2 sinh(L g_(2r+1) / 2)
    Z_3 = prod 2 cosh(L g_(2r) / 2),     Z_4 = prod 2 sinh(L g_(2r) / 2),   r = 0 ... L - 1
    cosh g_k = cosh^2(2K) / sinh(2K) - cos(pi k / L),   g_0 = 2K + log tanh K

E = -d log Z / dK and C = K^2 d^2 log Z / dK^2. The products overflow for large L. Here their logarithms and the
derivatives of these are added, relative to Z_1. Only sinh(L g_0 / 2) changes sign, at T_c; it is a factor of its own.

With s = sinh 2K, cosh g_k - 1 = (s - 1)^2 / s + 2 sin^2(pi k / 2L), without a difference of large numbers near T_c.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ellipkm1

from solvers.checks import as_plain, check_array
from solvers.spins.ising import Floats, check_side

T_C = 2 / math.log(1 + math.sqrt(2))
"""Critical temperature of the infinite lattice, 2.269185 J."""
COLDEST, HOTTEST = 0.01, 1e6
"""Limits of the temperature, between which nothing overflows."""


class Thermodynamics(NamedTuple):
    """Exact values at each temperature, all of shape (...).

    Attributes:
        log_z: logarithm of the partition function of the whole lattice.
        energy: mean energy per site (J).
        heat_capacity: heat capacity per site, dE / dT.
    """

    log_z: Floats
    energy: Floats
    heat_capacity: Floats


class Jet(NamedTuple):
    """A function of K: its logarithm and the first two derivatives of the logarithm, or the same of the function."""

    value: float
    first: float
    second: float


def kaufman(side: int, temperature: Any) -> Thermodynamics:
    """Return the exact thermodynamics of the torus of even ``side`` at each ``temperature`` (...), in units of J.

    Energy and heat capacity have absolute errors of 1e-13 up to T = 100, and of 1e-9 up to 1e6.

    Raises:
        ValueError: the side is odd, or a temperature is not in [0.01, 1e6].
    """
    check_side("side", side)
    t = _temperatures(temperature)
    found = np.array([_at(int(side), 1 / float(value)) for value in t.ravel()]).reshape(*t.shape, 3)
    return Thermodynamics(found[..., 0], found[..., 1], found[..., 2])


def onsager_energy(temperature: Any) -> Floats:
    """Return the mean energy per site (...) of the infinite lattice at each ``temperature`` (...), in units of J.

    E = -coth 2K [1 + (2 / pi) (2 tanh^2 2K - 1) K(k)],   k = 2 sinh 2K / cosh^2 2K   (Onsager 1944)

    Raises:
        ValueError: a temperature is not in [0.01, 1e6].
    """
    k = 2 / _temperatures(temperature)
    complement = 2 * np.tanh(k) ** 2 - 1  # its square is 1 - k^2
    critical = complement == 0  # K diverges there only logarithmically: the product vanishes
    integral = ellipkm1(np.where(critical, 1.0, complement**2))
    return -(1 + 2 / np.pi * complement * integral) / np.tanh(k)


def _temperatures(value: Any) -> Floats:
    t = as_plain("temperature", value)
    return check_array("temperature", t, tuple(t.shape), COLDEST, HOTTEST).astype(np.float64)


def _at(side: int, k: float) -> tuple[float, float, float]:
    """Return log Z, E / N and C / N at K = ``k``."""
    n = side**2
    s, c = math.sinh(2 * k), math.cosh(2 * k)
    odd, even = _gammas(side, s, c, 1), _gammas(side, s, c, 2)
    zero = Jet(2 * math.asinh((s - 1) / math.sqrt(2 * s)), 2 + 2 / s, -4 * c / s**2)
    first = _log_product(side, odd, 1)
    others = [
        _ratio(_log_product(side, odd, -1), first),
        _ratio(_plus(_log_product(side, even, 1), _log_cosh(side, zero)), first),
        _times_sinh(side, zero, _log_product(side, even, -1), first),
    ]
    total, up, upper = (sum(jet[i] for jet in others) for i in range(3))
    total += 1  # Z_1 relative to itself
    log_z = n / 2 * math.log(2 * s) - math.log(2) + first.value + math.log(total)
    slope = n * c / s + first.first + up / total
    curvature = -2 * n / s**2 + first.second + upper / total - (up / total) ** 2
    return log_z, -slope / n, max(k**2 * curvature / n, 0.0)


def _gammas(side: int, s: float, c: float, start: int) -> NDArray[np.float64]:
    """Return g_k and its first two derivatives, (3, number), for k = start, start + 2, ... below 2 L."""
    k = np.arange(start, 2 * side, 2)
    half = (s - 1) ** 2 / (2 * s) + np.sin(np.pi * k / (2 * side)) ** 2  # (cosh g - 1) / 2
    g = 2 * np.arcsinh(np.sqrt(half))
    sinh, cosh = 2 * np.sqrt(half * (1 + half)), 1 + 2 * half
    slope, curvature = (1 - 1 / s**2) * 2 * c, 8 * c**2 / s**3 + (1 - 1 / s**2) * 4 * s  # of cosh g
    first = slope / sinh
    return np.array([g, first, (curvature - cosh * first**2) / sinh])


def _log_product(side: int, gammas: NDArray[np.float64], sign: int) -> Jet:
    """Return the logarithm of the product of 2 cosh(L g / 2), or of 2 sinh for ``sign`` -1, and its derivatives."""
    g, first, second = gammas
    x, x1, x2 = side * g / 2, side * first / 2, side * second / 2
    small = np.exp(-2 * x)
    slope = (1 - sign * small) / (1 + sign * small)  # tanh or coth
    bend = 4 * sign * small / (1 + sign * small) ** 2
    log = x + np.log1p(sign * small)
    return Jet(log.sum(), (slope * x1).sum(), (slope * x2 + bend * x1**2).sum())


def _log_cosh(side: int, zero: Jet) -> Jet:
    """Return the logarithm of 2 cosh(L g_0 / 2), which is even in g_0, and its derivatives."""
    sign = math.copysign(1, zero.value)
    return _log_product(side, np.array([zero], dtype=float).T * sign, 1)


def _plus(a: Jet, b: Jet) -> Jet:
    return Jet(a.value + b.value, a.first + b.first, a.second + b.second)


def _ratio(product: Jet, first: Jet) -> Jet:
    """Return Z_i / Z_1 and its derivatives from the logarithms of both."""
    value = math.exp(product.value - first.value)
    slope = product.first - first.first
    return Jet(value, value * slope, value * (product.second - first.second + slope**2))


def _times_sinh(side: int, zero: Jet, rest: Jet, first: Jet) -> Jet:
    """Return Z_4 / Z_1 and its derivatives: 2 sinh(L g_0 / 2) times the other factors, ``rest``."""
    x, x1, x2 = (side * part / 2 for part in zero)
    scale = abs(x)
    up, down = math.exp(x - scale), math.exp(-x - scale)
    sinh, cosh = up - down, up + down
    a = _ratio(Jet(rest.value + scale, rest.first, rest.second), first)
    ds, dds = x1 * cosh, x2 * cosh + x1**2 * sinh
    return Jet(a.value * sinh, a.first * sinh + a.value * ds, a.second * sinh + 2 * a.first * ds + a.value * dds)
