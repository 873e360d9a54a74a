"""Random potentials of rings: their ranges, textures and errors."""

import numpy as np
import pytest

from solvers.lattices import HardCore, RandomChains, checkerboard, parabola, power_law_field, square_well, well
from solvers.lattices.potentials import KINDS


def test_a_well_is_a_step():
    assert well(6, 2, 1.5, 5).tolist() == [-1.5, 0, 0, 0, 0, -1.5]
    bad_wells = ((6, 7, 1.0), "width"), ((6, 2, np.nan), "depth"), ((0, 0, 1.0), "sites"), ((4, 2, 1.0, 1.5), "start")
    for bad, said in bad_wells:
        with pytest.raises(ValueError, match=said):
            well(*bad)


@pytest.mark.parametrize(
    ("function", "given", "said"),
    [
        (parabola, ((4, 4), np.nan), "edge: expected a number, got nan"),
        (parabola, ((-4, 4), 3.0), "shape: expected a whole number of at least 1, got -4"),
        (parabola, (4, 3.0), r"shape: expected the sites along each axis, such as \(8, 8\); got 4"),
        (checkerboard, (4,), "shape: expected the sites along each axis"),
        (checkerboard, ((4.0, 4),), "shape: expected a whole number"),
        (square_well, ((4, 4), 9, 1.0), r"width: expected a whole number in 0 \.\.\. 4, got 9"),
        (square_well, ((4, 4), -1, 1.0), "width: expected a whole number"),
        (square_well, ((4, 4), 2, np.inf), "depth: expected a number"),
        (
            power_law_field,
            (3, (8, 8), 1.0),
            r"rng: expected a numpy.random.Generator, such as .*default_rng\(0\), got 3",
        ),
        (RandomChains({"white": 1.0}, (1.0, 2.0)).sample, (3, 8), "rng: expected a numpy.random.Generator"),
        (HardCore(8.0, (0, 1), 1.0, (1, 2), (0, 1)).sample, (3, 8), "rng: expected a numpy.random.Generator"),
        (power_law_field, (np.random.default_rng(0), 8, 1.0), "shape: expected the sites along each axis"),
    ],
)
def test_bad_fields_are_named(function, given, said):
    with pytest.raises(ValueError, match=said):
        function(*given)


@pytest.mark.parametrize("kind", KINDS)
def test_strengths_are_log_uniform_ranges(kind):
    chains = RandomChains({kind: 1.0}, (0.5, 8.0))
    drawn = np.stack([chains.sample(np.random.default_rng(i), 40) for i in range(400)])
    assert drawn.min() >= 0
    assert drawn.max() <= 8.8
    ranges = np.ptp(drawn, axis=1)
    if kind != "steps":  # the heights of few steps are closer together than the range
        assert np.median(np.log(ranges)) == pytest.approx(np.log(2.0), abs=0.2)
        assert ranges.min() == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("kind", ["white", "steps", "smooth"])
def test_the_shortest_rings_have_potentials_too(kind):
    family = RandomChains({kind: 1.0}, (0.1, 5.0))
    drawn = np.stack([family.sample(np.random.default_rng(i), 3) for i in range(50)])
    assert drawn.shape == (50, 3) and np.isfinite(drawn).all() and (np.ptp(drawn, axis=1) > 0).mean() > 0.9


def test_textures_differ():
    """Jumps between neighbours: everywhere in white noise, at few sites of steps, small in smooth noise."""
    jumps = {}
    for kind in KINDS:
        chains = RandomChains({kind: 1.0}, (4.0, 4.0))
        drawn = np.stack([chains.sample(np.random.default_rng(i), 60) for i in range(100)])
        jumps[kind] = (np.abs(np.diff(drawn, axis=1)) > 0.5).mean()
    assert jumps["white"] > 0.7 > 0.5 > jumps["smooth"] > jumps["steps"]
    assert 0.02 < jumps["steps"] < 0.07


def test_shares_are_those_of_the_kinds():
    chains = RandomChains({"white": 0.25, "steps": 0.75}, (1.0, 1.0))
    flat = [np.median(np.abs(np.diff(chains.sample(np.random.default_rng(i), 40)))) < 0.15 for i in range(400)]
    assert np.mean(flat) == pytest.approx(0.75, abs=0.06)


@pytest.mark.parametrize(
    ("shares", "strength", "said"),
    [
        ({"white": 0.5}, (1.0, 2.0), "sum 1"),
        ({"pink": 1.0}, (1.0, 2.0), "shares.*white, steps, smooth"),
        ({"white": 1.0}, (2.0, 1.0), "strength"),
        ({"white": 1.0}, (0.0, 1.0), "strength"),
        (0.5, (1.0, 2.0), "shares"),
    ],
)
def test_bad_settings_are_named(shares, strength, said):
    with pytest.raises(ValueError, match=said):
        RandomChains(shares, strength)
