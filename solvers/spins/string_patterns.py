"""String patterns in images of a doped antiferromagnet: deviations from a checkerboard.

The steps are those of the source (Casert, Mills et al., thesis of K. Mills (2021), appendix A, B.2; C. S. Chiu et al.,
Science 365, 251 (2019)). In an image with one spin species, holes and doublons removed, sites are visible (1) or not:

    1. the window of diameter 7 with the highest staggered magnetisation |m|, m = mean of (-1)^(x+y) (2 p - 1)
    2. of all images at one doping, the 60 % with the highest |m|
    3. deviations of these windows from the checkerboard with the sign of m
    4. patterns of deviations, and their lengths

The source leaves three choices. A window is the 37 sites within 3.5 sites of its central site; of equal |m|, the first
window in row-major order is taken. A pattern is a set of deviations that are connected by nearest neighbours within the
window, and its length the number of its sites.

Counts are those of patterns longer than 2 sites, per site of the windows; shorter ones arise from quantum fluctuations.
The mean length is that of all patterns, sum l p(l) / sum p(l). Errors are those of the jackknife over the images kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from solvers.checks import check_flag, check_integer, check_number
from solvers.spins.ising import Floats, Integers
from solvers.spins.snapshots import Estimate, as_mask, as_snapshots, jackknife

DIAMETER = 7
KEPT = 0.6
FLUCTUATION = 2
"""Greatest length of a pattern that is not counted."""


@dataclass(frozen=True)
class StringPatterns:
    """Patterns of the images kept.

    Attributes:
        kept: numbers of these images, ascending, (k,).
        magnetisation: staggered magnetisation m of the best window of every image, (n,).
        histogram: number of patterns by image kept and length 0 ... sites, (k, sites + 1).
    """

    kept: Integers
    magnetisation: Floats
    histogram: Integers

    @property
    def count(self) -> Estimate:
        """Patterns longer than 2 sites per site of a window, with the standard error."""
        sites = self.histogram.shape[1] - 1
        return jackknife(lambda n: n / sites, self.histogram[:, FLUCTUATION + 1 :].sum(1))

    @property
    def mean_length(self) -> Estimate:
        """Mean length of all patterns in sites, with the standard error; NaN without a pattern."""
        lengths = np.arange(self.histogram.shape[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            return jackknife(lambda sites, n: np.divide(sites, n), self.histogram @ lengths, self.histogram.sum(1))


def detect_strings(
    images: Any, diameter: int = DIAMETER, keep: float = KEPT, mask: Any = None, periodic: bool = True
) -> StringPatterns:
    """Return the string patterns of ``images`` at one doping.

    Args:
        images: 1 on visible sites, 0 elsewhere, one spin species removed, (n, L, L).
        diameter: of the window, sites; odd.
        keep: fraction of the images that are kept, at least two of them.
        mask: True on the sites that were observed, (L, L); windows lie inside.
        periodic: allow windows across the boundary.

    Raises:
        ValueError: an argument is out of range, a lattice with an odd side is periodic, or no window fits.
    """
    p = as_snapshots("images", images, (0, 1))
    check_integer("diameter", diameter, 1, high=min(p.shape[1:]))
    check_number("keep", keep, 0.0, 1.0)
    check_flag("periodic", periodic)
    if int(diameter) % 2 == 0:
        raise ValueError(f"diameter: expected an odd number of sites, got {diameter}")
    if periodic and any(side % 2 for side in p.shape[1:]):
        raise ValueError(f"images: expected even sides of periodic lattices, got {p.shape[1:]}. Use periodic=False.")
    offsets = _window(int(diameter))
    centres = _centres(as_mask(mask, p.shape[1:]), offsets, periodic)
    magnetisation, best = np.zeros(len(p)), np.zeros(len(p), dtype=np.int64)
    _find_windows(p, centres, offsets, magnetisation, best)
    number = max(round(float(keep) * len(p)), 2)
    kept = np.sort(np.argsort(-np.abs(magnetisation), kind="stable")[:number])
    histogram = np.zeros((number, len(offsets) + 1), dtype=np.int64)
    _find_patterns(p[kept], centres[best[kept]], offsets, magnetisation[kept], int(diameter), histogram)
    return StringPatterns(kept, magnetisation, histogram)


def _window(diameter: int) -> Integers:
    """Return the offsets from the centre, (sites, 2)."""
    reach = np.arange(-(diameter // 2), diameter // 2 + 1)
    x, y = np.meshgrid(reach, reach, indexing="ij")
    return np.argwhere(x**2 + y**2 <= (diameter / 2) ** 2) - diameter // 2


def _centres(seen: NDArray[np.bool_], offsets: Integers, periodic: bool) -> Integers:
    """Return the central sites of all windows, (windows, 2)."""
    places = np.argwhere(np.ones_like(seen))[:, None] + offsets
    inside = ((places >= 0) & (places < seen.shape)).all(-1) | periodic
    fits = (inside & seen[tuple(np.moveaxis(places % seen.shape, -1, 0))]).all(1)
    if not fits.any():
        raise ValueError(f"diameter: expected a window that fits into the mask, got {offsets.max() * 2 + 1} sites.")
    return np.argwhere(np.ones_like(seen))[fits]


@njit(cache=True, nogil=True)
def _find_windows(images: Any, centres: Any, offsets: Any, magnetisation: Any, best: Any) -> None:
    """Write m and the number of the window with the greatest |m| of each image."""
    rows, columns = images.shape[1], images.shape[2]
    for n in range(len(images)):
        greatest = -1
        for window in range(len(centres)):
            total = 0
            for k in range(len(offsets)):
                x, y = centres[window, 0] + offsets[k, 0], centres[window, 1] + offsets[k, 1]
                visible = images[n, x % rows, y % columns] == 1
                total += 1 if visible == ((x + y) % 2 == 0) else -1
            if abs(total) > greatest:
                greatest, best[n] = abs(total), window
                magnetisation[n] = total / len(offsets)


@njit(cache=True, nogil=True)
def _find_patterns(images: Any, centres: Any, offsets: Any, magnetisation: Any, diameter: int, histogram: Any) -> None:
    """Add the lengths of all patterns to the ``histogram`` (k, sites + 1)."""
    rows, columns, reach = images.shape[1], images.shape[2], diameter // 2 + 1
    grid = np.zeros((diameter + 2, diameter + 2), dtype=np.bool_)  # deviations, with a margin
    stack = np.zeros((diameter * diameter, 2), dtype=np.int64)
    for n in range(len(images)):
        for k in range(len(offsets)):
            x, y = centres[n, 0] + offsets[k, 0], centres[n, 1] + offsets[k, 1]
            visible = images[n, x % rows, y % columns] == 1
            expected = ((x + y) % 2 == 0) == (magnetisation[n] > 0)
            grid[offsets[k, 0] + reach, offsets[k, 1] + reach] = visible != expected
        for k in range(len(offsets)):
            i, j = offsets[k, 0] + reach, offsets[k, 1] + reach
            if not grid[i, j]:
                continue
            grid[i, j] = False
            stack[0, 0], stack[0, 1], waiting, length = i, j, 1, 0
            while waiting:
                waiting -= 1
                length += 1
                a, b = stack[waiting, 0], stack[waiting, 1]
                for direction in range(4):
                    step = 2 * (direction % 2) - 1
                    c = a + (step if direction < 2 else 0)
                    d = b + (step if direction >= 2 else 0)
                    if grid[c, d]:
                        grid[c, d] = False
                        stack[waiting, 0], stack[waiting, 1] = c, d
                        waiting += 1
            histogram[n, length] += 1
