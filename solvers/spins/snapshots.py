"""Observables of snapshots of a doped antiferromagnet: doping, spin correlators, statistical errors.

A snapshot holds +1 and -1 for a spin, 2 S^z, and 0 for a hole. The sign-corrected correlator at the displacement r is
(Casert, Mills et al., thesis of K. Mills (2021), appendix A, equation 10)

    C_s(r) = 4 (-1)^|r|_1 (<S^z_i S^z_{i+r}> - <S^z_i> <S^z_{i+r}>)

Averages are taken over snapshots, sites, and the displacements that the symmetries of the square map r to. An image of
a microscope shows less: with one spin species removed only the sites of the other. With R the images where the species
s was removed, NR those where none was, and p = 1 on sites that an image shows (equation 11)

    C_s(r) = (-1)^|r|_1 [2 sum_s (<pp>_Rs - <p>_Rs^2) - (<pp>_NR - <p>_NR^2)]

Errors are those of the jackknife over snapshots, which must be independent of one another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.checks import as_plain, check_flag, check_integer, check_number
from solvers.spins.ising import Floats, Spins

Estimate = tuple[float, float]
"""A value and its standard error."""


def as_snapshots(name: str, value: object, values: tuple[int, ...] = (-1, 0, 1)) -> Spins:
    """Return ``value`` (n, L, L) as int8, or raise ValueError unless all of it is in ``values`` and n is at least 2."""
    found = as_plain(name, value)
    shown = ", ".join(map(str, values))
    if found.ndim != 3 or len(found) < 2 or found.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected an array (n, L, L) of {shown} with n of at least 2, got {found.shape}")
    if not np.isin(found, values).all():
        raise ValueError(f"{name}: expected {shown} only, got other values. Holes are 0, spins +1 and -1.")
    return found.astype(np.int8, copy=False)


def doping(snapshots: Any) -> Floats:
    """Return the fraction of holes of each snapshot, (n,).

    Raises:
        ValueError: the snapshots are not (n, L, L) of +1, -1 and 0.
    """
    return (as_snapshots("snapshots", snapshots) == 0).mean((1, 2))


def jackknife(function: Callable[..., Any], *series: Any) -> Estimate:
    """Return ``function`` of the means of several ``series`` (n,), and its standard error, by leaving out one each."""
    columns = [np.asarray(s, dtype=np.float64) for s in series]
    n = len(columns[0])
    left = function(*((c.sum() - c) / (n - 1) for c in columns))
    error = np.sqrt((n - 1) / n * np.square(left - left.mean()).sum())
    return float(function(*(c.mean() for c in columns))), float(error)


def spin_correlator(snapshots: Any, displacement: tuple[int, int], mask: Any = None, periodic: bool = True) -> Estimate:
    """Return C_s(r) of equation 10, and its standard error.

    Args:
        snapshots: +1, -1 and 0, (n, L, L).
        displacement: r in sites, such as (1, 0) and (1, 1).
        mask: True on the sites that were observed, (L, L); by default all.
        periodic: count pairs across the boundary.

    Raises:
        ValueError: an argument has another form, or the sites of the mask have no pair at this displacement.
    """
    spins, sign = as_snapshots("snapshots", snapshots).astype(np.float64), parity(displacement)
    products, means = pair_means(spins, displacement, mask, periodic)
    return jackknife(lambda pair, mean: sign * (pair - mean**2), products, means)


def image_correlator(
    without: tuple[Any, Any], full: Any, displacement: tuple[int, int], mask: Any = None, periodic: bool = True
) -> Estimate:
    """Return C_s(r) of equation 11, and its standard error.

    Args:
        without: images with the one and with the other spin species removed, 1 on visible sites, (n, L, L) each.
        full: images without removal, (n, L, L).
        displacement, mask, periodic: see ``spin_correlator``.

    Raises:
        ValueError: as in ``spin_correlator``.
    """
    value, variance, sign = 0.0, 0.0, parity(displacement)
    if not isinstance(without, (tuple, list, np.ndarray)) or len(without) != 2:
        raise ValueError("without: expected two arrays, the images without the one and without the other spin species")
    named = (("without", without[0], 2.0), ("without", without[1], 2.0), ("full", full, -1.0))
    for name, images, factor in named:
        p = as_snapshots(name, images, (0, 1)).astype(np.float64)
        products, means = pair_means(p, displacement, mask, periodic)
        part, error = jackknife(lambda pair, mean: pair - mean**2, products, means)
        value, variance = value + sign * factor * part, variance + (factor * error) ** 2
    return value, variance**0.5


def parity(displacement: tuple[int, int]) -> int:
    """Return (-1)^|r|_1, or raise ValueError unless r is a pair of whole numbers."""
    if not isinstance(displacement, (tuple, list, np.ndarray)) or np.shape(displacement) != (2,):
        raise ValueError(f"displacement: expected two whole numbers, such as (1, 0), got {displacement!r}")
    for part in displacement:
        check_integer("displacement", part, -4096, high=4096)
    return 1 - 2 * (sum(map(int, displacement)) % 2)


def pair_means(values: Floats, displacement: tuple[int, int], mask: Any, periodic: bool) -> tuple[Floats, Floats]:
    """Return the mean product of pairs at ``displacement`` and those equal by symmetry, and the mean value, (n,) each.

    The mean value is that over the sites of the pairs, so that a constant has no correlation.
    """
    check_flag("periodic", periodic)
    seen = as_mask(mask, values.shape[1:])
    a, b = map(int, displacement)
    # one of d and -d, which are the same pairs from their two ends
    turned = {max(d, (-d[0], -d[1])) for d in ((a, b), (-b, a), (a, -b), (b, a))}
    products, means, pairs = np.zeros(len(values)), np.zeros(len(values)), 0
    for d in turned:
        both = seen & _shifted(seen, d, periodic)
        other = np.roll(values, (-d[0], -d[1]), (1, 2))
        products += (values * other * both).sum((1, 2))
        means += ((values + other) * both).sum((1, 2)) / 2
        pairs += int(both.sum())
    if not pairs:
        raise ValueError(f"displacement: expected pairs of sites at {displacement}, got none. Enlarge the mask.")
    return products / pairs, means / pairs


def as_mask(mask: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return ``mask`` as True and False of ``shape``, all True by default, or raise ValueError."""
    found = np.ones(shape, dtype=bool) if mask is None else as_plain("mask", mask)
    numbers = found.dtype.kind in "biuf"
    if not numbers or found.shape != shape or not np.isin(found, (0, 1)).all() or not found.any():
        raise ValueError(f"mask: expected True and False of shape {shape}, with a True, got shape {found.shape}")
    return found.astype(bool)


def disc(side: int, diameter: float = 10.0) -> NDArray[np.bool_]:
    """Return a mask (side, side) of the sites within a circle around the middle; by default 80 sites of an even side.

    A disc of 80 sites is what the experiment of the source images.

    Raises:
        ValueError: the circle leaves the lattice.
    """
    check_integer("side", side, 1)
    check_number("diameter", diameter, 1.0, float(side))
    distance = np.square(np.arange(side) - (side - 1) / 2)
    return distance[:, None] + distance <= (diameter / 2) ** 2


def _shifted(seen: NDArray[np.bool_], d: tuple[int, int], periodic: bool) -> NDArray[np.bool_]:
    """Return whether the site at the displacement d exists and is seen, (L, L)."""
    found = np.roll(seen, (-d[0], -d[1]), (0, 1))
    if periodic:
        return found
    for axis, step in enumerate(d):
        place = np.arange(seen.shape[axis]) + step
        inside = (place >= 0) & (place < seen.shape[axis])
        found &= inside[:, None] if axis == 0 else inside[None, :]
    return found
