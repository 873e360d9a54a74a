"""Links and files hold all of a dot, are short, and are read without trust."""

import base64
import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qd_pix2pix.studio.brush import Stroke
from qd_pix2pix.studio.dot import POINTS, Background, Dot, Gate, Well, example
from qd_pix2pix.studio.link import LONGEST, from_json, from_link, to_json, to_link
from solvers import Grid
from solvers.quantum_dots.potentials import RandomWells

lengths = st.floats(0.1, 900.0)
energies = st.floats(-500.0, 500.0)
strokes = st.builds(Stroke, st.lists(st.tuples(lengths, lengths), min_size=1, max_size=5).map(tuple), lengths, energies)
dots = st.builds(
    Dot,
    side=lengths.map(lambda v: v + 1),
    n=st.sampled_from(POINTS),
    n_electrons=st.integers(1, 6),
    m_eff=st.floats(0.01, 1.0),
    wells=st.lists(st.builds(Well, lengths, lengths, energies, lengths), max_size=3).map(tuple),
    gates=st.lists(st.builds(Gate, lengths, lengths, lengths, lengths, energies), max_size=3).map(tuple),
    strokes=st.lists(strokes, max_size=3).map(tuple),
    target=st.lists(strokes, max_size=2).map(tuple),
    detuning=energies,
    barrier=energies,
)


@settings(max_examples=60, deadline=None)
@given(dots)
def test_a_link_and_a_file_return_the_same_dot(dot):
    assert from_link(to_link(dot)) == dot
    assert from_json(to_json(dot)) == dot


def test_links_are_short_and_fit_into_an_address():
    assert len(to_link(example())) < 120
    grid = Grid(64, 30.0)
    V = RandomWells().sample(np.random.default_rng(1), grid)(grid)
    noise = np.random.default_rng(0).normal(size=(64, 64))
    for field, most in ((V, 4000), (noise, 12_000)):
        dot = Dot(background=Background.of("dots.npy", field))
        link = to_link(dot)
        assert from_link(link) == dot and len(link) < most
        assert set(link) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_drawing_that_is_too_long_for_a_link_is_a_file():
    rng = np.random.default_rng(0)
    scribble = tuple(Stroke(tuple(map(tuple, rng.uniform(0, 99, (200, 2)))), 1.0, 1.0) for _ in range(20))
    dot = Dot(strokes=scribble)
    with pytest.raises(ValueError, match=f"link: expected at most {LONGEST} characters"):
        to_link(dot)
    assert from_json(to_json(dot)) == dot


def packed(content):
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(content).encode())).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "?dot=1",
        to_link(example())[:-5],
        "A" * 500,
        packed([]),
        packed({"format": 2}),
        packed({"format": 1, "n": 10**6}),
        packed({"format": 1, "side": "120"}),
        packed({"format": 1, "side": True}),
        packed({"format": 1, "evil": 1}),
        packed({"format": 1, "wells": [[1, 2]]}),
        packed({"format": 1, "wells": [[1, 2, 3, float("nan")]]}),
        packed({"format": 1, "strokes": [[[1, 2, 3], 1, 1]]}),
        packed({"format": 1, "background": ["f", 0, 1, "AAAA"]}),
        packed({"format": 1, "background": ["f", 0, 1, base64.b64encode(zlib.compress(b"0" * 10**7)).decode()]}),
    ],
)
def test_other_links_are_refused(text):
    with pytest.raises(ValueError, match="link: |dot: |points: |well|background"):
        from_link(text)


def test_a_link_that_would_fill_the_memory_is_refused():
    bomb = base64.urlsafe_b64encode(zlib.compress(b" " * 10**8)).decode()
    with pytest.raises(ValueError, match="expected a text of at most"):
        from_link(bomb)
