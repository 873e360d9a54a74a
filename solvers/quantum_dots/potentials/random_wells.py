"""Connected groups of circular quantum wells in a flat step (Pantis-Simut et al. 2023, section 2).

``CircularWells(circles)(grid)`` is a function of the grid; ``RandomWells().sample(rng, grid)`` draws one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_array, check_integer, check_kind, check_positive, check_range
from solvers.grid import Grid


def _disc(grid: Grid, circle: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the points of the grid within the circle (x, y, radius), shape (n_x, n_y)."""
    x, y, radius = circle
    return np.add.outer((grid.x - x) ** 2, (grid.y - y) ** 2) <= radius**2


@dataclass(frozen=True)
class CircularWells:
    """V = 0 inside any of the ``circles`` (k, 3: x, y, radius in nm), V = ``step`` (eV) outside.

    Raises:
        ValueError: a parameter is out of range.
    """

    circles: NDArray[np.float64]
    step: float = 0.5

    def __post_init__(self) -> None:
        circles = check_array("potential.circles", self.circles, ("k", 3))
        check_array("potential.circles[:, 2], the radii", circles[:, 2], ("k",), low=0.0)
        check_positive("potential.step", self.step)

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the potential on the grid, shape (n_x, n_y), in eV."""
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        covered = np.zeros(grid.shape, dtype=bool)
        for circle in self.circles:
            covered |= _disc(grid, circle)
        return np.where(covered, 0.0, self.step)


@dataclass(frozen=True)
class RandomWells:
    """A distribution of ``n_wells`` overlapping circles of radius ``radius`` (low, high; in units of the side L).

    In a rectangle L is the side of the square of the same area.

    A circle must share at least one pixel with those before it, and at most ``max_overlap`` of its own pixels;
    otherwise it is drawn again. A map that is covered by more than ``max_coverage`` is discarded.

    Raises:
        ValueError: a setting is out of its range, or no map can be drawn with these settings.
    """

    n_wells: int = 25
    radius: tuple[float, float] = (1 / 16, 1 / 8)
    step: float = 0.5
    max_overlap: float = 0.75
    max_coverage: float = 0.8
    max_draws: int = 2000

    def __post_init__(self) -> None:
        check_integer("potential.n_wells", self.n_wells, 1)
        check_range("potential.radius", self.radius, low=0.0)
        check_positive("potential.radius[1]", self.radius[1])
        check_positive("potential.step", self.step)
        check_integer("potential.max_draws", self.max_draws, 1)
        for name in ("max_overlap", "max_coverage"):
            check_positive(f"potential.{name}", getattr(self, name), high=1.0)

    def sample(self, rng: np.random.Generator, grid: Grid) -> CircularWells:
        """Draw one map; the overlap rules are counted in pixels of ``grid``."""
        check_kind("rng", rng, np.random.Generator)
        check_kind("grid", grid, Grid, "Grid(n, extent)")
        for _ in range(self.max_draws):
            circles, covered = self._grow(rng, grid)
            if covered.mean() <= self.max_coverage:
                return CircularWells(circles, self.step)
        raise ValueError(
            f"potential.max_coverage: {self.max_draws} maps in a row covered more than {self.max_coverage:g} of the "
            f"square. Raise max_coverage, or lower n_wells (now {self.n_wells}) or radius (now {list(self.radius)})."
        )

    def _grow(self, rng: np.random.Generator, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        circles = [self._circle(rng, grid)]
        covered = _disc(grid, circles[0])
        if not covered.any():  # a radius below half a pixel can miss every point
            raise ValueError(
                f"potential.radius: a circle of radius {circles[0][2]:.3g} nm covers no point of a grid with "
                f"dx = {max(grid.steps):.3g} nm. Raise radius (now {list(self.radius)} of the side) or grid.n."
            )
        while len(circles) < self.n_wells:
            circle, disc = self._attached(rng, grid, covered)
            circles.append(circle)
            covered |= disc
        return np.array(circles), covered

    def _circle(self, rng: np.random.Generator, grid: Grid) -> NDArray[np.float64]:
        x, y = rng.uniform(0, grid.sides)
        return np.array([x, y, grid.size * rng.uniform(*self.radius)])

    def _attached(
        self, rng: np.random.Generator, grid: Grid, covered: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        for _ in range(self.max_draws):
            circle = self._circle(rng, grid)
            disc = _disc(grid, circle)
            overlap = np.count_nonzero(disc & covered)
            if 0 < overlap <= self.max_overlap * np.count_nonzero(disc):
                return circle, disc
        raise ValueError(
            f"potential.max_overlap: {self.max_draws} circles in a row could not be placed: each must touch the others "
            f"and overlap them by at most {self.max_overlap:g} of its pixels. Raise max_overlap, or lower n_wells (now "
            f"{self.n_wells}) or change radius (now {list(self.radius)} of the side)."
        )
