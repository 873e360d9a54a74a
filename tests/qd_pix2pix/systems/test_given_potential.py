"""Potentials of one dot in files: units, coordinates, and several dots in one file."""

import numpy as np
import pytest

from qd_pix2pix.fields import Placing
from qd_pix2pix.systems.given_potential import read_potential
from solvers import Grid, Material

GAAS = Material(0.067, 12.9)


def parabola(x):
    """A parabola (eV) at the points x (nm) of both axes, about the middle of 100 nm."""
    return 1e-5 * ((x[:, None] - 50) ** 2 + (x[None] - 50) ** 2)


def test_units_and_side_of_a_file_are_those_of_its_options(tmp_path):
    x = (np.arange(20) + 0.5) * 5.0
    np.savez(tmp_path / "cells.npz", x=1e-3 * x, y=1e-3 * x, V=1e3 * parabola(x))
    found = read_potential(tmp_path / "cells.npz", GAAS, unit="meV", length_unit="um")
    assert found.grid == Grid(20, 100.0) and found.notes == ("The values of the file are in meV.",)
    np.testing.assert_allclose(found.V, parabola(x), rtol=1e-12)


def test_nodes_are_interpolated_to_cells_on_the_same_side(tmp_path):
    x = np.linspace(0.0, 100.0, 101)
    np.savez(tmp_path / "nodes.npz", x=x, y=x, V=parabola(x))
    found = read_potential(tmp_path / "nodes.npz", GAAS, n=40)
    assert found.grid == Grid(40, 100.0) and "nodes" in found.notes[1]
    np.testing.assert_allclose(found.V, parabola(found.grid.x), atol=1e-4 * parabola(x).max())
    cells = read_potential(tmp_path / "nodes.npz", GAAS, placing=Placing("centres"))
    assert cells.grid == Grid(101, 101.0), "the option decides"
    with pytest.raises(ValueError, match="extent: expected the side of .*nodes.npz, 100 nm"):
        read_potential(tmp_path / "nodes.npz", GAAS, extent=90.0)


def test_coordinates_around_zero_fit_two_sides(tmp_path):
    x = (np.arange(32) + 0.5) * 60 / 32 - 30
    np.savez(tmp_path / "around.npz", x=x, y=x, V=parabola(x + 50))
    found = read_potential(tmp_path / "around.npz", GAAS)
    assert found.grid.sides == (58.125, 58.125)
    assert found.notes[-1] == "With points=centres the side along x would be 60 nm."
    for options in ({"placing": Placing("centres")}, {"extent": 60.0}):
        cells = read_potential(tmp_path / "around.npz", GAAS, **options)
        assert cells.grid == Grid(32, 60.0) and not any("points=centres" in note for note in cells.notes)
    nodes = np.linspace(0, 60, 33)
    np.savez(tmp_path / "nodes.npz", x=nodes, y=nodes, V=parabola(nodes))
    assert not any("points=centres" in note for note in read_potential(tmp_path / "nodes.npz", GAAS).notes)


def test_points_that_may_not_be_resampled_are_those_of_the_file(tmp_path):
    x = (np.arange(20) + 0.5) * 5.0
    np.save(tmp_path / "plain.npy", parabola(x))
    np.savez(tmp_path / "cells.npz", x=x, y=x, V=parabola(x))
    fixed = {"placing": Placing(resample=False)}
    for path, rest in ((tmp_path / "plain.npy", {"extent": 100.0}), (tmp_path / "cells.npz", {})):
        for n in (20, [20, 20], None):
            np.testing.assert_array_equal(read_potential(path, GAAS, n=n, **rest, **fixed).V, parabola(x))
        for n in (10, [20, 10], 40):
            with pytest.raises(ValueError, match=r"^n: expected none with resample=false, or the 20 x 20 points of"):
                read_potential(path, GAAS, n=n, **rest, **fixed)
            assert read_potential(path, GAAS, n=n, **rest).V.shape == ((n, n) if isinstance(n, int) else tuple(n))


def test_fewer_points_keep_the_area_of_a_barrier(tmp_path):
    x = (np.arange(256) + 0.5) * 200 / 256
    V = np.where(np.abs(x[:, None] - 101) < 0.4, 0.3, 0.0) + 0 * x
    np.savez(tmp_path / "barrier.npz", x=x, y=x, V=V)
    found = read_potential(tmp_path / "barrier.npz", GAAS, n=64)
    assert found.V.mean() == pytest.approx(V.mean(), rel=1e-9) and V.any()


def test_coordinates_of_a_rectangle_give_both_sides(tmp_path):
    x, y = (np.arange(24) + 0.5) * 5.0, (np.arange(10) + 0.5) * 4.0
    V = 1e-5 * ((x[:, None] - 60) ** 2 + (y[None] - 20) ** 2)
    np.savez(tmp_path / "cells.npz", x=x, y=y, V=V)
    found = read_potential(tmp_path / "cells.npz", GAAS)
    assert found.grid == Grid((24, 10), (120.0, 40.0)) and (found.V == V).all()
    finer = read_potential(tmp_path / "cells.npz", GAAS, n=[48, 20])
    assert finer.grid == Grid((48, 20), (120.0, 40.0)) and finer.V.shape == (48, 20)
    with pytest.raises(ValueError, match="extent: expected the side of .*120 × 40 nm, or no extent"):
        read_potential(tmp_path / "cells.npz", GAAS, extent=[110.0, 40.0])


def test_points_of_a_rectangle_have_two_sides(tmp_path):
    np.save(tmp_path / "rectangle.npy", np.zeros((32, 16)))
    assert read_potential(tmp_path / "rectangle.npy", GAAS, extent=[120, 60]).grid == Grid((32, 16), (120.0, 60.0))
    with pytest.raises(ValueError, match=r"extent: expected the sides along x and y .*extent=\[120,60\]"):
        read_potential(tmp_path / "rectangle.npy", GAAS, extent=120)


def test_one_of_several_dots_is_chosen_by_its_number(tmp_path):
    np.save(tmp_path / "dots.npy", np.arange(3.0)[:, None, None] * np.ones((3, 8, 8)))
    assert (read_potential(tmp_path / "dots.npy", GAAS, extent=30, number=2).V == 2).all()
    np.save(tmp_path / "bad.npy", np.full((8, 8), np.nan))
    with pytest.raises(ValueError, match="V: .*bad.npy: expected finite values, got 64"):
        read_potential(tmp_path / "bad.npy", GAAS, extent=30)
