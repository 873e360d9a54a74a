"""Smooth noise under the mask of a random blob (Mills, Spanner, Tamblyn 2017, appendix B 4), the paper's random class.

    V = max u - u,    u = w^d m,    w = [1 + blur(fine - coarse, sigma_1)] / 2,    m = blur(blob, sigma_2)

with ``coarse`` a binary grid over the whole square, ``fine`` one over its middle half, and ``blob`` the inside of a
closed curve. Blurs and sizes are in 256ths of the square's side, the paper's pixels, on any grid. A rectangle has 256
pixels along each side: its potentials are those of the square, stretched.

The paper specifies the binary grids, the blurs, the blob, the exponents d, the maximum less the result, and all
ranges. Where it is incomplete or ambiguous, the choices here follow from its three requirements (random, smooth,
largest at the boundary), its energies of 0 to 400 mHa, and published pictures of the potentials, which range from 0 to
0.4 ... 1 hartree (experiments/mills_potentials):

- Sign and offset of the difference, which a power of 0.1 needs to be non-negative: fine - coarse, mapped from its range
  [-1, 1] to [0, 1]. So the middle of the square is deeper than its rim.
- Order: the text raises the product of noise and mask to the power d. With d = 0.1 a mask of 10^-4 becomes 0.4, which
  neither vanishes at the boundary nor is smooth where the blur is cut off. Here the noise is raised, then masked; for
  d = 1 both agree.
- Scale: the text's steps give energies within its 400 mHa; its "maximum of 20.0 at the boundary" would put the ground
  state at 1.2 hartree (median). ``v_max`` = None applies the steps without scaling, ``v_max`` = 20 the maximum.
- The blob is padded before it is blurred: a blur within R x R pixels would be cut at their edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull

from solvers.checks import check_array, check_integer, check_kind, check_number, check_positive, check_range
from solvers.grid import Grid

PIXELS = 256
"""Pixels of the paper along one side: the unit of its blurs and sizes."""
CURVE_POINTS = 400
"""Points of the closed curve, between which it is straight: finer than the pixels."""

MARGIN = 1.0
"""Corners of a blob may lie that far beyond its square, in sides of the square."""

Array = NDArray[np.floating]


def _upscaled(binary: NDArray[np.bool_], edges: tuple[Array, Array]) -> Array:
    """Return a small grid (k, k) on cells with these ``edges`` (n + 1,) along each side, in units of its own side.

    It is 0 beyond. A cell takes the mean over what it covers, so that n need be no multiple of k.
    """
    blocks, covered = np.arange(len(binary) + 1) / len(binary), []
    for ends in edges:
        low, high = np.maximum.outer(ends[:-1], blocks[:-1]), np.minimum.outer(ends[1:], blocks[1:])
        covered.append((high - low).clip(0) / np.diff(ends)[:, None])
    return covered[0] @ binary @ covered[1].T


def closed_curve(points: Array, n_points: int = CURVE_POINTS) -> Array:
    """Return the closed cubic spline (n_points, 2) through ``points`` (k, 2), as a function of the chord length."""
    closed = np.concatenate([points, points[:1]])
    length = np.concatenate([[0.0], np.linalg.norm(np.diff(closed, axis=0), axis=1).cumsum()])
    return CubicSpline(length, closed, bc_type="periodic")(np.linspace(0, length[-1], n_points, endpoint=False))


def inside(curve: Array, position: Array, along_y: Array | None = None) -> NDArray[np.bool_]:
    """Return which points ``position`` x ``along_y`` lie inside the closed ``curve`` (k, 2), shape (n_x, n_y).

    Without ``along_y`` the points along both axes are the same. Each line of constant x crosses the curve at some y; a
    point is inside where an odd number of them lie below it.
    """
    along_y = position if along_y is None else along_y
    n_y = len(along_y)
    start, end = curve, np.roll(curve, -1, axis=0)
    # lines that a piece crosses: those between its ends, so that neighbouring pieces share no line
    first, last = np.sort(np.searchsorted(position, [start[:, 0], end[:, 0]]), axis=0)
    piece = np.repeat(np.arange(len(curve)), last - first)
    line = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)]).astype(int)
    slope = (end[piece, 1] - start[piece, 1]) / (end[piece, 0] - start[piece, 0])
    y = start[piece, 1] + slope * (position[line] - start[piece, 0])
    crossings = np.zeros((len(position), n_y + 1), dtype=int)
    np.add.at(crossings, (line, np.searchsorted(along_y, y)), 1)
    return crossings.cumsum(axis=1)[:, :n_y] % 2 == 1


@dataclass(frozen=True)
class MaskedNoise:
    """Smooth noise under a smooth mask, zero at its deepest point.

    Attributes:
        coarse, fine: binary grids (k, k) over the whole square, and over its middle half.
        noise_blur: sigma_1, standard deviation in 256ths of the side.
        outline: (k, 2) corners of the blob, counter-clockwise, in units of the blob's own square.
        blob_size: R, side of the blob's square, in 256ths of the side; it lies in the middle.
        mask_blur: sigma_2, like ``noise_blur``.
        exponent: d.
        v_max: the maximum of V (eV); None for V without scaling, at most 1 in the units of the material.

    Raises:
        ValueError: a parameter is out of range.
    """

    coarse: NDArray[np.bool_]
    fine: NDArray[np.bool_]
    noise_blur: float
    outline: Array
    blob_size: float
    mask_blur: float
    exponent: float = 1.0
    v_max: float | None = None

    def __post_init__(self) -> None:
        check_array("potential.coarse", self.coarse, ("k", "k"), flags=True)
        check_array("potential.fine", self.fine, ("k", "k"), flags=True)
        check_number("potential.noise_blur", self.noise_blur, 0.0, PIXELS)
        outline = check_array("potential.outline", self.outline, ("k", 2), -MARGIN, 1 + MARGIN)
        if len(outline) < 3 or (outline == np.roll(outline, 1, axis=0)).all(axis=1).any():
            raise ValueError(f"potential.outline: expected at least 3 corners, each unlike the next, got {outline!r}")
        check_positive("potential.blob_size", self.blob_size)
        check_number("potential.mask_blur", self.mask_blur, 0.0, PIXELS)
        check_positive("potential.exponent", self.exponent)
        if self.v_max is not None:
            check_positive("potential.v_max", self.v_max)

    def noise(self, grid: Grid) -> Array:
        """Return w on the grid, (n_x, n_y), within [0, 1]."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        x, y = (np.arange(n + 1) / n for n in grid.shape)
        coarse, fine = np.asarray(self.coarse), np.asarray(self.fine)
        difference = _upscaled(fine, (2 * x - 0.5, 2 * y - 0.5)) - _upscaled(coarse, (x, y))
        return (1 + gaussian_filter(difference, [self.noise_blur * n / PIXELS for n in grid.shape])) / 2

    def mask(self, grid: Grid) -> Array:
        """Return m on the grid, (n_x, n_y), within [0, 1]; the blob is cut off at its square."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        x, y = (
            (points / side - 0.5) * PIXELS / self.blob_size + 0.5
            for points, side in zip((grid.x, grid.y), grid.sides, strict=True)
        )
        within = np.logical_and.outer((x >= 0) & (x < 1), (y >= 0) & (y < 1))
        blob = inside(closed_curve(self.outline), x, y) & within
        widths = [self.mask_blur * n / PIXELS for n in grid.shape]
        return gaussian_filter(blob.astype(float), widths, mode="constant")

    def __call__(self, grid: Grid) -> Array:
        """Return the potential on the grid, shape (n_x, n_y), in eV.

        Raises:
            ValueError: ``v_max`` is given, but the mask covers no point of the grid.
        """
        u = self.noise(grid).clip(0, 1) ** self.exponent * self.mask(grid)  # a negative rounding error has no root
        v = u.max() - u
        if self.v_max is None:
            return v
        if not v.max():
            raise ValueError(
                f"potential.v_max: the potential is flat on a grid of {grid.n!r} points a side and cannot be scaled to "
                f"{self.v_max!r}. Raise blob_size (now {self.blob_size!r}) or grid.n, or lower exponent (now "
                f"{self.exponent!r})."
            )
        return v * (self.v_max / v.max())


@dataclass(frozen=True)
class RandomMaskedNoise:
    """A distribution of ``MaskedNoise`` with the ranges of table III.

    ``noise_blur``, ``blob_size``, ``mask_blur`` are uniform in their ranges (in 256ths of the side), ``exponent`` is
    one of those given, k a whole number in ``blob_points`` (low, high; both included): the corners of the blob are
    those of the convex hull of k^2 points of a 200 x 200 grid.

    Raises:
        ValueError: a setting is out of its range.
    """

    noise_blur: tuple[float, float] = (6.0, 10.0)
    blob_points: tuple[int, int] = (2, 7)
    blob_size: tuple[float, float] = (80.0, 180.0)
    mask_blur: tuple[float, float] = (10.0, 16.0)
    exponent: tuple[float, ...] = (0.1, 0.5, 1.0, 2.0)
    v_max: float | None = None

    def __post_init__(self) -> None:
        check_range("potential.noise_blur", self.noise_blur, 0.0, PIXELS)
        check_range("potential.blob_points", self.blob_points)
        for points in self.blob_points:
            check_integer("potential.blob_points", points, 2, "A blob needs more than two corners", high=1000)
        check_range("potential.blob_size", self.blob_size, low=1.0)
        check_range("potential.mask_blur", self.mask_blur, 0.0, PIXELS)
        if not isinstance(self.exponent, (tuple, list)) or not self.exponent:
            raise ValueError(f"potential.exponent: expected a list of exponents, got {self.exponent!r}")
        for value in self.exponent:
            check_positive("potential.exponent", value)
        if self.v_max is not None:
            check_positive("potential.v_max", self.v_max)

    def sample(self, rng: np.random.Generator, grid: Grid) -> MaskedNoise:
        """Draw one potential; it does not depend on ``grid``."""
        check_kind("rng", rng, np.random.Generator)
        coarse, fine = rng.integers(2, size=(2, 16, 16)).astype(bool)
        k = int(rng.integers(self.blob_points[0], self.blob_points[1] + 1))
        return MaskedNoise(
            coarse=coarse,
            fine=fine,
            noise_blur=rng.uniform(*self.noise_blur),
            outline=_hull_of_random_points(rng, k**2),
            blob_size=rng.uniform(*self.blob_size),
            mask_blur=rng.uniform(*self.mask_blur),
            exponent=float(rng.choice(self.exponent)),
            v_max=self.v_max,
        )


def _hull_of_random_points(rng: np.random.Generator, n_points: int, side: int = 200) -> Array:
    """Return the corners of the convex hull of random points of a grid, counter-clockwise, in units of its side."""
    points = rng.integers(side, size=(n_points, 2))
    while np.linalg.matrix_rank(points - points[0]) < 2:  # all on one line: one draw in a million
        points = rng.integers(side, size=(n_points, 2))
    return (points[ConvexHull(points).vertices] + 0.5) / side
