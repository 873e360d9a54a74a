"""Fields on a periodic rectangle of lattice sites: potentials of random systems, and those of tests.

Random fields are Gaussian with amplitudes that fall as k^-p (Blania et al. 2022, appendix I.1): p = 0 is white noise,
large p a single smooth hill and valley.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solvers.checks import check_integer, check_number
from solvers.lattices.bosons import Floats


def power_law_field(rng: np.random.Generator, shape: Sequence[int], power: float) -> Floats:
    """Return a random field of this ``shape`` with mean 0 and largest modulus 1.

    Args:
        rng: stream of random numbers.
        shape: sites along each axis.
        power: p of the amplitudes k^-p, from -20 to 20; k is the length of the wave vector.

    Raises:
        ValueError: an argument is out of range.
    """
    for sites in shape:
        check_integer("shape", sites, 2)
    check_number("power", power, -20.0, 20.0)
    waves = np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij")
    k = np.sqrt(np.sum([axis**2 for axis in waves], axis=0))
    k.flat[0] = np.inf
    amplitudes = (k / k.min()) ** -power
    amplitudes.flat[0] = 0.0
    noise = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    field = np.fft.ifftn(noise * amplitudes).real
    found: Floats = field / np.abs(field).max()
    return found


def parabola(shape: Sequence[int], edge: float) -> Floats:
    """Return a parabola that is 0 in the middle and ``edge`` at the middle of the nearest sides."""
    r2 = np.sum([axis**2 for axis in _centred(shape)], axis=0)
    found: Floats = edge * r2 / (min(shape) / 2) ** 2
    return found


def square_well(shape: Sequence[int], width: int, depth: float) -> Floats:
    """Return a well of ``width`` sites along each axis, -``depth`` inside and 0 outside."""
    inside = np.all([np.abs(axis) < width / 2 for axis in _centred(shape)], axis=0)
    return np.where(inside, -float(depth), 0.0)


def checkerboard(shape: Sequence[int]) -> Floats:
    """Return +1 on the sublattice of the first site, -1 on the other one."""
    found: Floats = (-1.0) ** np.indices(tuple(shape)).sum(0)
    return found


def _centred(shape: Sequence[int]) -> list[Floats]:
    return list(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij"))
