"""Fields on a periodic rectangle of lattice sites: potentials of random systems, and those of tests.

Random fields are Gaussian with amplitudes that fall as k^-p (Blania et al. 2022, appendix I.1): p = 0 is white noise,
large p a single smooth hill and valley.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solvers.checks import check_integer, check_kind, check_number
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
    check_kind("rng", rng, np.random.Generator, "numpy.random.Generator, such as numpy.random.default_rng(0)")
    _check_shape(shape, 2)
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
    """Return a parabola that is 0 in the middle and ``edge`` at the middle of the nearest sides.

    Raises:
        ValueError: an argument is out of range.
    """
    _check_shape(shape)
    check_number("edge", edge)
    r2 = np.sum([axis**2 for axis in _centred(shape)], axis=0)
    found: Floats = edge * r2 / (min(shape) / 2) ** 2
    return found


def square_well(shape: Sequence[int], width: int, depth: float) -> Floats:
    """Return a well of ``width`` sites along each axis, -``depth`` inside and 0 outside.

    Raises:
        ValueError: an argument is out of range, or the well does not fit.
    """
    _check_shape(shape)
    check_integer("width", width, 0, high=min(shape))
    check_number("depth", depth)
    inside = np.all([np.abs(axis) < width / 2 for axis in _centred(shape)], axis=0)
    return np.where(inside, -float(depth), 0.0)


def checkerboard(shape: Sequence[int]) -> Floats:
    """Return +1 on the sublattice of the first site, -1 on the other one.

    Raises:
        ValueError: the shape is no sequence of whole numbers.
    """
    _check_shape(shape)
    found: Floats = (-1.0) ** np.indices(tuple(shape)).sum(0)
    return found


def _check_shape(shape: Sequence[int], least: int = 1) -> None:
    """Raise ValueError unless ``shape`` has a whole number of sites for each axis, at least ``least``."""
    if not isinstance(shape, (tuple, list)) or not shape:
        raise ValueError(f"shape: expected the sites along each axis, such as (8, 8); got {shape!r}")
    for sites in shape:
        check_integer("shape", sites, least)


def _centred(shape: Sequence[int]) -> list[Floats]:
    return list(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij"))
