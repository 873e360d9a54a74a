"""The number of sites of a dot: how many of its minima hold one low state each, apart from all other states.

Each point of the grid belongs to the minimum that steepest descent reaches (a watershed). k minima are sites where the
k lowest states of one electron

    lie closer to each other than to the next state,  e_k - e_1 < e_{k+1} - e_k,
    and put about one electron into each basin,       |int_basin sum_{j<=k} |phi_j|^2 d^2r - 1| < 1/2.

Two minima of a wide dot with a low bump are therefore one site: there the levels are spaced as in a box.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.checks import check_array, check_kind
from solvers.grid import Grid
from solvers.quantum_dots.solve import solve
from solvers.units import Material

Floats = NDArray[np.float64]

MOST = 6
"""Largest number of sites that is recognised."""
DEPTH = 0.05
"""Least depth of a minimum below its lowest pass, as a part of the zero-point energy of the dot."""
POINTS = 128
"""Points of a side above which every second, third, ... point is used for the basins."""
NEIGHBOURS = [step for step in product((-1, 0, 1), repeat=2) if step != (0, 0)]


def count_sites(V: ArrayLike, grid: Grid, material: Material) -> int:
    """Return the number of sites of the potential ``V`` (n, n) in eV, 1 to ``MOST``; see the module.

    Raises:
        ValueError: an argument is out of range.
    """
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    potential = check_array("V", V, ("nx", "ny")).astype(np.float64)
    states = min(MOST + 1, max(min(potential.shape) // 2, 2) ** 2)
    dot = solve(
        potential, grid, 1, material, n_orbitals=states, n_states=1, refinements=0, estimate=False, wavefunction=True
    )
    assert dot.wavefunction is not None
    levels, densities = np.asarray(dot.orbital_energies), np.asarray(dot.wavefunction.orbitals[0]) ** 2
    stride = max(1, -(-max(potential.shape) // POINTS))
    coarse = potential[::stride, ::stride]
    basins, depths = watershed(coarse)
    densities = densities[:, ::stride, ::stride]
    densities /= densities.sum((1, 2), keepdims=True)
    deep = [b for b, (_, depth, _) in enumerate(depths) if depth > DEPTH * (levels[0] - potential.min())]
    deep.sort(key=lambda b: -depths[b][1])
    for k in range(min(len(deep), MOST, states - 1), 1, -1):
        chosen = set(deep[:k])
        apart = levels[k] - levels[k - 1] > levels[k - 1] - levels[0]
        if apart and _one_each(densities[:k].sum(0), basins, depths, chosen):
            return k
    return 1


def _one_each(density: Floats, basins: NDArray, depths: list[tuple[float, float, int]], chosen: set[int]) -> bool:
    """Return whether each of the ``chosen`` basins holds about one electron of ``density`` (nx, ny)."""
    owner = np.arange(len(depths))
    for basin in range(len(depths)):
        while owner[basin] not in chosen:
            owner[basin] = depths[owner[basin]][2]
    held = np.bincount(owner[basins].ravel(), density.ravel(), len(depths))
    return all(abs(held[basin] - 1) < 0.5 for basin in chosen)


def watershed(V: Floats) -> tuple[NDArray[np.intp], list[tuple[float, float, int]]]:
    """Return the basin of each point (nx, ny), and for each basin: its minimum, its depth, the deeper basin beside it.

    The depth is that below the lowest pass to a deeper basin; that of the deepest one is infinite.
    """
    nx, ny = V.shape
    basins = np.full(V.shape, -1)
    found: list[tuple[float, float, int]] = []
    root: list[int] = []

    def top(basin: int) -> int:
        while root[basin] != basin:
            basin = root[basin]
        return basin

    for place in np.argsort(V, axis=None, kind="stable"):
        i, j = divmod(int(place), ny)
        beside = [(i + a, j + b) for a, b in NEIGHBOURS if 0 <= i + a < nx and 0 <= j + b < ny]
        beside = [p for p in beside if basins[p] >= 0]
        if not beside:
            basins[i, j] = len(found)
            root.append(len(found))
            found.append((float(V[i, j]), np.inf, len(found)))
            continue
        basins[i, j] = basins[min(beside, key=lambda p: V[p])]
        joined = sorted({top(int(basins[p])) for p in beside}, key=lambda b: found[b][0])
        for shallow in joined[1:]:
            root[shallow] = joined[0]
            found[shallow] = (found[shallow][0], float(V[i, j]) - found[shallow][0], joined[0])
    return basins, found
