"""The program for one dot: the numbers of the functions, and one line for what is wrong."""

import json

import numpy as np
import pytest
from analytic import GAAS

from solvers import Grid, Interaction, hubbard
from solvers.quantum_dots.__main__ import main

GRID = Grid(16, 90.0)


@pytest.fixture
def dot(tmp_path):
    x, y = (c - 45.0 for c in GRID.mesh())
    V = -sum(0.03 * np.exp(-((x - a) ** 2 + y**2) / 338) for a in (-17, 17))
    np.save(tmp_path / "dot.npy", V)
    return tmp_path / "dot.npy", V


def test_the_program_prints_and_writes_what_the_functions_return(dot, capsys):
    path, V = dot
    options = ["--extent", "90", "--gate-distance", "30", "--thickness", "3", "--json", str(path.with_suffix(".json"))]
    assert main([str(path), *options]) == 0
    rows = {row["name"]: row for row in json.loads(path.with_suffix(".json").read_text())}
    expected = hubbard(V, GRID, GAAS, interaction=Interaction(thickness=3.0, gate_distance=30.0), compare=False)
    assert rows["t of sites 1, 2"]["value"] == pytest.approx(expected.couplings.t[0, 1], rel=1e-9)
    assert rows["U of site 1"]["error"] == pytest.approx(expected.errors.U[0], rel=1e-6)
    assert rows["J of full CI"]["value"] == pytest.approx(rows["excitation 1, S = 1"]["value"], rel=1e-2)
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == len(rows) and all(" ± " in line for line in shown)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--extent", "-1"], "grid.extent: expected a positive number"),
        (["--extent", "90", "--sites", "0"], "n_sites: expected a whole number"),
        (["--extent", "90", "--electrons", "0"], "n_electrons: expected a whole number"),
        (["--extent", "90", "--gate-distance", "-3"], "interaction.gate_distance: expected a positive number"),
    ],
)
def test_bad_options_give_one_line(dot, options, match, capsys):
    assert main([str(dot[0]), *options]) == 2
    shown = capsys.readouterr().err
    assert match in shown and shown.count("\n") == 1


def test_files_without_a_square_potential_give_one_line(tmp_path, capsys):
    np.save(tmp_path / "line.npy", np.zeros(16))
    np.savez(tmp_path / "archive.npz", V=np.zeros((16, 16)))
    (tmp_path / "text.npy").write_text("0 0")
    for name in ("line.npy", "archive.npz", "text.npy", "missing.npy"):
        assert main([str(tmp_path / name), "--extent", "90"]) == 2
        assert capsys.readouterr().err.startswith("error: ")
