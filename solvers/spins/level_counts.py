"""The exact number of configurations of each energy of the Ising model on a torus of L x L sites.

P. D. Beale, Phys. Rev. Lett. 76, 78 (1996). Kaufman's partition function (``solvers.spins.exact``) is a polynomial in
x = exp(-2K). With N = L^2 and even L,

    Z = x^(-N) Q(x) / 2,   Q = prod_odd (D_k + 2 B^L) + prod_odd (D_k - 2 B^L)
                               + R_+ prod_even (D_k + 2 B^L) + R_- prod_even (D_k - 2 B^L)
    A_k = (1 + x^2)^2 - 2 B cos(pi k / L),   B = x (1 - x^2),   D_k = 2 B^L T_L(A_k / 2B)
    R_+- = (1 + x^(2L)) (1 - x^2)^L +- x^L [(1 - x)^(2L) + (1 + x)^(2L)],   0 < k < L,

since pairs k, 2L - k have equal factors; T_L is a Chebyshev polynomial. The coefficient of x^j in Q / 2 is the number
of configurations with E = 2 j - 2 N. Decimals with enough digits are rounded to these whole numbers.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from solvers.checks import check_array, check_integer
from solvers.spins.ising import Floats, check_side

LARGEST = 32
"""Largest side, which takes a minute; twice the side takes some hundred times as long."""
COVERED = 0.9
"""Part of the Boltzmann weight on the levels of the given configurations, below which there is no heat capacity."""
Polynomial = NDArray[np.object_]


def log_number_of_states(side: int) -> tuple[Floats, Floats]:
    """Return energies (J) of the levels and logarithms of their exact numbers of configurations, (levels,) each.

    Args:
        side: sites along each side L, even, at most 32.

    Raises:
        ValueError: the side is odd or out of range.
    """
    check_integer("side", side, 2)
    check_side("side", side)
    if side > LARGEST:
        raise ValueError(f"side: expected at most {LARGEST}, got {side}. Larger lattices: estimate_log_g")
    numbers = _numbers(int(side))
    energy: Floats = 2 * np.arange(len(numbers), dtype=np.float64) - 2 * side**2
    known = [j for j, number in enumerate(numbers) if number]
    return energy[known], np.array([math.log(numbers[j]) for j in known])


def heat_capacity_of_energies(reference: Any, energy: Any, temperature: Any, side: int) -> Floats:
    """Return C / N (T,) of other energies, such as predictions, for configurations of the Ising model.

    A configuration of level E has the weight g(E) / n(E), where n(E) of the given ones have this level, times the
    Boltzmann factor of the other energy. Absent levels have their exact energy; C is NaN at temperatures at which
    they hold more than a tenth of the exact weight.

    Args:
        reference, energy: energies of the Ising model and other energies of the configurations, (S,) (J).
        temperature: temperatures (T,) (J), above zero.
        side: sites along each side L, even, at most 32.

    Raises:
        ValueError: shapes differ, or the lattice has no such level, temperature or side.
    """
    levels, log_g = log_number_of_states(side)
    reference = check_array("reference", reference, ("samples",))
    energy = check_array("energy", energy, reference.shape).astype(np.float64)
    t = check_array("temperature", temperature, ("temperatures",), 1e-3).astype(np.float64)[:, None]
    known, index, counts = np.unique(reference, return_inverse=True, return_counts=True)
    if not np.isin(known, levels).all():
        raise ValueError(f"reference: expected energies of the Ising model with {side} x {side} sites, got others")
    there = np.isin(levels, known)
    exact = log_g - levels / t
    share = np.exp(logsumexp(exact[:, there], axis=1) - logsumexp(exact, axis=1))
    other = np.concatenate([energy, levels[~there]])
    log_number = np.concatenate([(log_g[there] - np.log(counts))[index], log_g[~there]])
    variance = np.array([_variance(log_number - other / at, other) for at in t[:, 0]])
    return np.where(share >= COVERED, variance / (t[:, 0] ** 2 * side**2), np.nan)


def _variance(log_weight: Floats, values: Floats) -> float:
    """Return the variance of values (n,) with weights whose logarithms are (n,)."""
    weight = softmax(log_weight)
    return float(weight @ (values - weight @ values) ** 2)


@lru_cache(maxsize=4)
def _numbers(side: int) -> tuple[int, ...]:
    """Return the numbers of configurations with E = -2N, -2N + 2, ... 2N."""
    with localcontext() as context:
        context.prec = side**2 // 2 + 40  # coefficients of the products are below 8^(N / 2) < 10^(N / 2)
        total = sum(_product(side, first, sign) for first in (1, 2) for sign in (1, -1))
        return tuple(int((value / 2).to_integral_value()) for value in np.asarray(total))


def _product(side: int, first: int, sign: int) -> Polynomial:
    """Return one of the four products, with degree 2N: over odd k for ``first`` 1, over even k for ``first`` 2."""
    power = _power(_decimals(0, 1, 0, -1), side)
    found = _decimals(1) if first == 1 else _rest(side, sign)
    for k in range(first, side, 2):
        found = np.convolve(found, _padded(_dickson(side, k), 4 * side) + sign * 2 * _padded(power, 4 * side))
    return _padded(found, 2 * side**2)


def _dickson(side: int, k: int) -> Polynomial:
    """Return D_k by D_(j + 1) = A D_j - B^2 D_(j - 1) from D_0 = 2, D_1 = A."""
    twice = 2 * _cosine(side, k)
    a, square = _decimals(1, -twice, 2, twice, 1), _decimals(0, 0, 1, 0, -2, 0, 1)
    before, now = _decimals(2), a
    for _ in range(side - 1):
        up, down = np.convolve(a, now), np.convolve(square, before)
        length = max(len(up), len(down)) - 1
        before, now = now, _padded(up, length) - _padded(down, length)
    return now


def _rest(side: int, sign: int) -> Polynomial:
    """Return R_+ or R_-, the factor of k = 0 and k = L."""
    both = _power(_decimals(1, -1), 2 * side) + _power(_decimals(1, 1), 2 * side)
    ends = _padded(_decimals(1), 2 * side) + _padded(_decimals(1), 2 * side)[::-1]
    shifted = _padded(np.concatenate([_padded(_decimals(0), side - 1), both]), 4 * side)
    return np.convolve(ends, _power(_decimals(1, 0, -1), side)) + sign * shifted


def _cosine(side: int, k: int) -> Decimal:
    """Return cos(pi k / L) to all digits: T_2k of the largest root of T_L, by Newton's method."""
    root = Decimal(math.cos(math.pi / (2 * side)))
    for _ in range(12):  # each step doubles the number of correct digits
        value, slope = _chebyshev(side, root)
        root -= value / slope
    return _chebyshev(2 * k, root)[0]


def _chebyshev(n: int, x: Decimal) -> tuple[Decimal, Decimal]:
    """Return T_n and its derivative n U_(n - 1) at x."""
    before, now, low, high = Decimal(1), x, Decimal(0), Decimal(1)
    for _ in range(n - 1):
        before, now = now, 2 * x * now - before
        low, high = high, 2 * x * high - low
    return now, n * high


def _power(base: Polynomial, exponent: int) -> Polynomial:
    found = _decimals(1)
    for _ in range(exponent):
        found = np.convolve(found, base)
    return found


def _padded(polynomial: Polynomial, degree: int) -> Polynomial:
    """Return the coefficients up to a degree."""
    return np.concatenate([polynomial, _decimals(*[0] * (degree + 1 - len(polynomial)))])


def _decimals(*coefficients: float | Decimal) -> Polynomial:
    """Return a polynomial from its coefficients, the constant first."""
    return np.array([Decimal(value) for value in coefficients], dtype=object)
