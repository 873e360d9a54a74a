"""Exports hold the drawn numbers, and the Python lines give what the page shows."""

import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from qd_pix2pix.fields import read_field
from qd_pix2pix.studio.brush import Stroke
from qd_pix2pix.studio.dot import Background, Dot, Gate, Well
from qd_pix2pix.studio.exports import EXPORTS, exported
from qd_pix2pix.studio.lines import python_lines
from qd_pix2pix.studio.link import from_json
from qd_pix2pix.studio.potential import potential, target_density
from qd_pix2pix.studio.prediction import predict

WELLS = (Well(30.0, 50.0, 20.0, 14.0), Well(70.0, 52.0, 20.0, 14.0))
DOT = Dot(side=100.0, n=32, n_electrons=1, wells=WELLS, detuning=2.0, barrier=1.0)
FULL = replace(
    DOT,
    gates=(Gate(50.0, 20.0, 30.0, 10.0, -50.0),),
    strokes=(Stroke(((20.0, 20.0), (60.0, 80.0)), 5.0, -7.0), Stroke(((5.0, 5.0),), 5.0, 2.0)),
    background=Background.of("file", potential(DOT, 64)),
)
DENSITY = np.random.default_rng(0).uniform(size=(32, 32))


def test_arrays_and_tables_hold_all_digits(tmp_path):
    _, content = exported("npy", FULL, DENSITY)
    assert np.array_equal(np.load(io.BytesIO(content)), potential(FULL))
    _, content = exported("npy_density", FULL, DENSITY)
    assert np.array_equal(np.load(io.BytesIO(content)), DENSITY)
    path = tmp_path / "dot.csv"
    path.write_bytes(exported("csv", FULL, DENSITY)[1])
    field = read_field(path, column="V")
    assert np.array_equal(field.values, potential(FULL)) and field.unit == "eV" and field.length_unit == "nm"
    assert np.array_equal(read_field(path, column="n_int").values, DENSITY)


def test_figures_and_files_are_what_their_names_say():
    assert exported("png", FULL, DENSITY, "a caption")[1][:8] == b"\x89PNG\r\n\x1a\n"
    assert ElementTree.fromstring(exported("svg", FULL, DENSITY)[1]).tag.endswith("svg")
    assert from_json(exported("json", FULL, DENSITY)[1]) == FULL
    names = [name for _, name, _ in EXPORTS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("n", [32, 64])
def test_the_python_lines_build_the_potential(n):
    dot = replace(FULL, n=n)
    script = python_lines(dot)
    variables = {}
    exec(compile(script.partition("given =")[0], "dot.py", "exec"), variables)
    assert np.allclose(variables["V"], potential(dot), atol=1e-15)


def test_the_python_lines_have_the_painted_density(monkeypatch):
    dot = replace(DOT, target=(Stroke(((20.0, 50.0), (80.0, 50.0)), 8.0, 1.0), Stroke(((50.0, 50.0),), 6.0, -1.0)))
    given, script = {}, python_lines(dot)
    asked = {}
    found = SimpleNamespace(verified={"energy": [0.0], "n_int": [target_density(dot)]})
    monkeypatch.setattr("qd_pix2pix.design", lambda name, n, **options: asked.update(n=n, **options) or found)
    head, _, tail = script.partition("p = from_pretrained")
    exec(compile(head + "\n\n".join(tail.split("\n\n")[1:]), "dot.py", "exec"), given)  # without network and solver
    assert np.allclose(asked["n"], target_density(dot)) and asked["n_electrons"] == 1 and asked["extent"] == 100.0


def test_the_python_lines_predict_and_solve(capsys):
    variables = {}
    exec(compile(python_lines(DOT), "dot.py", "exec"), variables)
    energy, gap, spin, error, *verdict = capsys.readouterr().out.splitlines()[0].split()
    found = predict(DOT)
    assert [float(energy), float(gap), float(spin)] == pytest.approx([found.energy, found.gap, found.spin], rel=1e-6)
    assert float(error) == pytest.approx(found.density_error, rel=1e-6) and " ".join(verdict) == found.verdict
    assert np.allclose(variables["p"].density, found.density)
    assert found.density.sum() * DOT.grid.cell_area == pytest.approx(1, rel=1e-5)
    assert float(variables["dot"].energy) == pytest.approx(found.energy, abs=2e-3)
    assert sum(found.charges) == pytest.approx(1, rel=1e-5)
