"""Files dropped on the page: formats and units of docs/own_dots.md, and files that are refused."""

import io
import pickle
from dataclasses import replace

import numpy as np
import pytest

from qd_pix2pix.studio.dot import Dot, Well, example
from qd_pix2pix.studio.dropped import MOST_BYTES, dropped
from qd_pix2pix.studio.exports import csv, npy
from qd_pix2pix.studio.link import to_json
from qd_pix2pix.studio.potential import potential

DOT = example()
V = potential(DOT)


def npy_of(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def near(dot, expected, share=1e-5):
    return abs(potential(dot) - expected).max() < share * np.ptp(expected)


def test_an_exported_potential_comes_back():
    found = dropped(Dot(side=120.0, n_electrons=3), "potential.npy", npy(DOT, V))
    assert near(found.dot, V) and found.dot.n_electrons == 3 and found.dot.background.name == "potential.npy"


def test_a_table_brings_its_side_and_unit():
    text = csv(DOT, 0 * V).decode()
    found = dropped(Dot(side=55.0), "dot.csv", text.encode())
    assert near(found.dot, V) and found.dot.side == pytest.approx(120.0)
    in_meV = "x[um],y[um],V[meV]\n" + "\n".join(
        f"{float(a) / 1e3!r},{float(b) / 1e3!r},{1e3 * float(c)!r}"
        for a, b, c, _ in (line.split(",") for line in text.splitlines()[1:])
    )
    found = dropped(Dot(side=55.0), "dot.csv", in_meV.encode())
    assert near(found.dot, V) and found.dot.side == pytest.approx(120.0)
    assert "values in meV" in found.notes


def test_other_numbers_of_points_are_interpolated_and_noted():
    finer = potential(DOT, 128)
    found = dropped(DOT, "V.npy", npy_of(finer))
    assert near(found.dot, V, 0.01) and any("128 x 128 to 64 x 64" in note for note in found.notes)


def test_detail_that_the_page_does_not_keep_is_noted():
    x = (np.arange(200) + 0.5) / 200 * DOT.side
    V = 0.03 * np.cos(2 * np.pi * 63 * x[:, None] / DOT.side) + 0 * x
    table = io.BytesIO()
    np.savez(table, V=V, x=x, y=x)
    for name, content in (("V.npy", npy_of(V)), ("V.npz", table.getvalue())):
        found = dropped(DOT, name, content)
        assert "solve the file itself" in found.notes[-1]
        assert np.ptp(potential(found.dot)) < 0.15 * np.ptp(V), "no wave of one period"
    assert not any("solve the file" in note for note in dropped(DOT, "V.npy", npy_of(potential(DOT, 128))).notes)


def test_a_saved_dot_is_opened_and_the_drawing_replaced():
    other = Dot(side=44.0, wells=(Well(1.0, 2.0, 3.0, 4.0),))
    assert dropped(DOT, "dot.json", to_json(other).encode()).dot == other
    assert dropped(DOT, "V.npy", npy(DOT, V)).dot.wells == ()


class Loud:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code was run')",))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("V.txt", b"hello", "is damaged or not readable|expected"),
        ("V.py", b"print(1)", "expected a name that ends in"),
        ("V.pkl", pickle.dumps(V), "expected a name that ends in"),
        ("V.npy", b"", "file: V.npy"),
        ("V.npy", npy_of(np.array([Loud()], dtype=object)), "file: V.npy"),
        ("V.npy", pickle.dumps(Loud()), "file: V.npy"),
        ("V.npy", npy_of(np.full((64, 64), np.nan)), "4096 values of V.npy are NaN"),
        ("V.npy", npy_of(np.zeros((64, 32))), "expected a square, got 64 x 32 points in V.npy"),
        ("V.npy", npy_of(np.zeros(9)), "expected a potential of shape"),
        ("V.npy", b"0" * (MOST_BYTES + 1), "expected at most 8 MiB, got more"),
        ("dot.json", b"{}", "expected a file that the studio saved"),
        ("../../etc/passwd", b"x", "expected a name that ends in"),
    ],
)
def test_other_files_are_refused_by_name(name, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        dropped(DOT, name, content)
    assert "/tmp" not in str(caught.value)


def test_names_of_files_are_cleaned():
    found = dropped(DOT, "<script>alert(1)</script>.npy", npy(DOT, V))
    assert "<" not in found.dot.background.name
    assert replace(found.dot, background=None) == replace(DOT, wells=())
