"""The dots of this folder, and the costs of their designs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from solvers import Grid, Material, solve
from solvers.quantum_dots.potentials import RandomMaskedNoise
from solvers.quantum_dots.solve import PRESETS

POINTS, SIDE = 64, 60.0
MATERIAL = {"m_eff": 0.067, "eps_r": 12.9}
BOUNDS = (0.0, 0.05)
GRID, GAAS = Grid(n=POINTS, extent=SIDE), Material(**MATERIAL)
GAPS = (2.0, 4.0, 6.0)
"""Requested gaps of three electrons, in meV."""
EXCHANGES = (0.3, 1.0, 3.0)
"""Requested splittings of singlet and triplet, in meV."""
UNSEEN = (0, 1)
"""Seeds of dots of a family that is not in the training of the network."""
APART = 4.0
"""Half of the width of the strip between the two regions, in nm."""


def unseen(seed: int) -> NDArray[np.float64]:
    """Return a potential of masked noise, 0 ... 40 meV, on the points of the study."""
    V = RandomMaskedNoise().sample(np.random.default_rng(seed), GRID)(GRID)
    return 0.04 * (V - V.min()) / np.ptp(V)


def three_wells() -> NDArray[np.float64]:
    """Return the potential of the study of couplings: three Gaussian wells of different depth and width."""
    x, y = GRID.mesh()
    wells = ((0.030, 20.0, 24.0, 9.0), (0.024, 39.0, 22.0, 10.0), (0.027, 30.0, 41.0, 8.0))
    return 0.040 - sum(d * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * s**2)) for d, a, b, s in wells)


def double_well(distance: float) -> NDArray[np.float64]:
    """Return two equal Gaussian wells at a distance (nm), where the designs of J start."""
    x, y = GRID.mesh()
    middle = SIDE / 2
    each = (np.exp(-((x - middle + s * distance / 2) ** 2 + (y - middle) ** 2) / (2 * 8.0**2)) for s in (-1, 1))
    return np.clip(0.04 - 0.035 * sum(each), 0.001, 0.049)


def charges(density: Any) -> Any:
    """Return the electrons left and right of the strip in the middle, (..., 2); an array or a tensor."""
    x, _ = GRID.mesh()
    parts = []
    for inside in (x < SIDE / 2 - APART, x > SIDE / 2 + APART):
        mask = torch.as_tensor(inside) if isinstance(density, Tensor) else inside
        parts.append((density * mask).sum((-1, -2)) * GRID.dx**2)
    return torch.stack(parts, -1) if isinstance(density, Tensor) else np.stack(parts, -1)


def two_and_one(outputs: dict[str, Tensor]) -> Tensor:
    """Return the cost of two electrons on the left and one on the right, in units of 0.05 electrons."""
    wanted = torch.tensor([2.0, 1.0], dtype=torch.float64)
    return ((charges(outputs["density"]) - wanted) / 0.05).square().mean(-1)


def solved(V: NDArray[np.float64], n_electrons: int, **material: float) -> Any:
    """Return the solution of potentials, with two states."""
    return solve(V, GRID, n_electrons, Material(**(MATERIAL | material)), **PRESETS["converged"])
