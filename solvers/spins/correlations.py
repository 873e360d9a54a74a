"""Two-point functions of configurations on the periodic square lattice.

    C(d) = mean over sites i of s_i s_(i + d),   connected: C(d) - m^2

By the convolution theorem, L^2 C(d) is the inverse Fourier transform of |F(s)|^2. It is a whole number, to which the
result is rounded, so that C is exact. The mean of C over the four displacements of length 1 is -E / (2 L^2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.checks import check_array, check_flag
from solvers.spins.ising import Floats, as_spins

PART = 2**22
"""Sites that are transformed at once."""


def two_point(configurations: Any, connected: bool = False) -> Floats:
    """Return C(d) of each configuration, (..., L, L), indexed by the displacement; ``configurations`` (..., L, L).

    Args:
        configurations: spins of +1 and -1.
        connected: subtract the square of the mean spin of each configuration.

    Raises:
        ValueError: the lattices are not square or hold other values than +1 and -1.
    """
    check_flag("connected", connected)
    spins = as_spins("configurations", configurations)
    n = spins.shape[-1] ** 2
    flat = spins.reshape(-1, *spins.shape[-2:])
    found, part = np.empty(flat.shape), max(PART // n, 1)
    for i in range(0, len(flat), part):
        power = np.abs(np.fft.rfft2(flat[i : i + part])) ** 2
        found[i : i + part] = np.rint(np.fft.irfft2(power, s=flat.shape[1:])) / n
    if connected:
        found -= flat.mean(axis=(1, 2), dtype=np.float64)[:, None, None] ** 2
    return found.reshape(spins.shape)


def along_axes(correlation: Any) -> Floats:
    """Return G(r) for r = 0 ... L // 2, (..., L // 2 + 1): the mean of C over the displacements +-r along both axes.

    Args:
        correlation: C(d) of ``two_point``, (..., L, L), or a mean of it.

    Raises:
        ValueError: the last two axes differ, or values are not finite.
    """
    c = _square(correlation)
    r = np.arange(c.shape[-1] // 2 + 1)
    return (c[..., r, 0] + c[..., -r, 0] + c[..., 0, r] + c[..., 0, -r]) / 4


def radial(correlation: Any) -> tuple[Floats, Floats]:
    """Return the lengths of displacements on the torus, ascending, (k,), and the mean of C over each, (..., k).

    Raises:
        ValueError: as in ``along_axes``.
    """
    c = _square(correlation)
    side = c.shape[-1]
    d = np.minimum(np.arange(side), side - np.arange(side))
    squares, place, count = np.unique(d[:, None] ** 2 + d**2, return_inverse=True, return_counts=True)
    flat = c.reshape(-1, side**2)
    sums = np.zeros((len(squares), len(flat)))
    np.add.at(sums, place.ravel(), flat.T)
    return np.sqrt(squares), (sums / count[:, None]).T.reshape(*c.shape[:-2], -1)


def _square(correlation: Any) -> Floats:
    shape = np.shape(correlation)
    leading = shape[:-2] if len(shape) >= 2 else ()
    return check_array("correlation", correlation, (*leading, "L", "L")).astype(np.float64)
