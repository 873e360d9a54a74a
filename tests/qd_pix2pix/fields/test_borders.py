"""Coordinates in the first line and column of a grid of numbers: refused, and no potential is taken for them."""

import numpy as np
import pytest

from qd_pix2pix.fields import read_field
from qd_pix2pix.fields.borders import check_borders
from solvers import Grid
from solvers.quantum_dots import potentials

N = 24
AXES = {
    "nm": (np.arange(N) + 0.5) * 2.5,
    "index": np.arange(N),
    "around 0": np.linspace(-30, 30, N),
    "um": 1.0 + 0.1 * np.arange(N),
    "m": 2.5e-9 * np.arange(N),
    "rounded": np.round(np.arange(N) * 0.9375 + 0.46875, 2) * 10,
}
x, y = np.meshgrid(np.linspace(-1, 1, N), np.linspace(-1, 1, N - 2), indexing="ij")
DOT = 0.2 * (x**2 + 2 * y**2) + 0.01 * np.sin(3 * x + y)
"""eV, (24, 22)."""


def saved(path, grid):
    np.savetxt(path, grid, delimiter=",")
    return path


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("where", ["line", "column"])
def test_coordinates_beside_a_potential_in_ev_are_refused(tmp_path, name, where):
    along = AXES[name]
    grid = np.vstack([along[: N - 2], DOT]) if where == "line" else np.column_stack([along, DOT])
    with pytest.raises(ValueError, match=rf"grid.csv has coordinates in its first {where}, .*; write columns x, y"):
        read_field(saved(tmp_path / "grid.csv", grid))


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("corner", [0.0, np.nan])
@pytest.mark.parametrize("scale", [1.0, 1000.0], ids=["eV", "meV"])
def test_coordinates_around_a_potential_are_refused(tmp_path, name, corner, scale):
    along = AXES[name] + 3 * (AXES[name][1] - AXES[name][0])
    grid = np.block([[np.array([[corner]]), along[None, : N - 2]], [along[:, None], scale * DOT]])
    with pytest.raises(ValueError, match=r"coordinates in its first line, .*, and column, "):
        read_field(saved(tmp_path / "grid.csv", grid))


i, j = np.meshgrid(np.arange(N), np.arange(N - 3), indexing="ij")
WALL = np.where(i == 0, 10.0, 0.0)
ORDINARY = {
    "ramp along y": 0.01 * j,
    "ramp along x": 0.01 * i,
    "steep ramps": 5.0 * i + 0.001 * j,
    "equal ramps": 1.0 * i + j,
    "ramp in a tiny field": 1e-9 * j + 0.1 * (i - 9) ** 2,
    "parabola": 0.1 * (i - 12) ** 2 + 0.2 * (j - 10) ** 2,
    "parabola from an edge": 0.1 * i**2 + 0.2 * j**2,
    "saddle": (i - 11.5) * (j - 10.0),
    "product": 1.0 * i * j,
    "quartic times ramp": (i + 0.5) ** 4 * j,
    "decay of a ramp": np.exp(-i / 3.0) * j,
    "cone": np.hypot(i, j),
    "wall and ramp": WALL + 0.001 * j,
    "wall, ramp and dot": WALL + 0.001 * j - 0.2 * np.exp(-((i - 12) ** 2 + (j - 10) ** 2) / 20),
    "step": np.where(i < 3, 0.3, 0.0),
    "step and ramp": np.where(i < 1, 0.3, 0.0) + 0.002 * j,
    "edge at a voltage": np.where(i == 0, 0.01 * j, 0.01 * j * np.exp(-i / 2.0)),
    "zero": np.zeros((N, N - 3)),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_potential_has_no_coordinates(name):
    for grid in (ORDINARY[name], ORDINARY[name] - 7.0):
        for turned in (grid, grid.T, grid[::-1], grid[:, ::-1], grid[::-1, ::-1], -grid, 1000 * grid, 1e-19 * grid):
            check_borders(turned)


@pytest.mark.parametrize("name", [name for name in potentials.__all__ if name.startswith("Random")])
def test_no_family_draws_coordinates(name):
    family = getattr(potentials, name)()
    for seed in range(8):
        grid = Grid((16, 32)[seed % 2] if name != "RandomWells" else 64, 30.0)
        V = family.sample(np.random.default_rng(seed), grid)(grid)
        for turned in (V, V.T, V[::-1, ::-1], V[3:], V[:, 3:]):
            check_borders(turned)
