"""Drawn dots: potentials by hand, edits, sites, and the painted density."""

import math
from dataclasses import replace

import numpy as np
import pytest

from qd_pix2pix.studio.brush import Stroke
from qd_pix2pix.studio.dot import Background, Dot, Gate, Well, example
from qd_pix2pix.studio.edits import cleared, resized, with_changed, without
from qd_pix2pix.studio.potential import charges, potential, sites, target_density
from solvers import Grid
from solvers.quantum_dots.potentials import RandomWells

WELLS = (Well(30.0, 50.0, 20.0, 10.0), Well(70.0, 50.0, 20.0, 10.0))
DOUBLE = Dot(side=100.0, n=64, wells=WELLS)
FULL = replace(
    DOUBLE,
    gates=(Gate(50.0, 20.0, 30.0, 10.0, -50.0),),
    strokes=(Stroke(((20.0, 20.0), (60.0, 80.0)), 5.0, -7.0),),
    detuning=3.0,
    barrier=4.0,
)


def test_wells_have_their_depth_and_width():
    V = potential(replace(DOUBLE, wells=WELLS[:1]))
    x = Grid(64, 100.0).x
    i, j = 19, 32
    by_hand = -0.020 * math.exp(-((x[i] - 30) ** 2 + (x[j] - 50) ** 2) / 100)
    assert V[i, j] == pytest.approx(by_hand, rel=1e-12)


def test_detuning_lowers_the_first_well_and_raises_the_second():
    change = potential(replace(DOUBLE, detuning=4.0)) - potential(DOUBLE)
    left, right = (tuple(np.argwhere(c == c.min())[0]) for c in (change, -change))
    x = Grid(64, 100.0).x
    assert abs(x[left[0]] - 30) < 1 and abs(x[right[0]] - 70) < 1
    assert change.min() == pytest.approx(-0.002, rel=0.01) and change.max() == pytest.approx(0.002, rel=0.01)


def test_barrier_is_a_hill_half_way():
    change = potential(replace(DOUBLE, barrier=5.0)) - potential(DOUBLE)
    assert change.max() == pytest.approx(0.005, rel=0.02) and change.min() >= 0
    middle = np.argwhere(change > 0.99 * change.max()).mean(0)
    assert np.allclose(Grid(64, 100.0).dx * (middle + 0.5), 50.0, atol=1.0)


def test_a_negative_voltage_repels_below_its_gate():
    V = potential(Dot(side=100.0, gates=(Gate(30.0, 60.0, 400.0, 400.0, -80.0),), gas_depth=1.0))
    assert np.allclose(V, 0.080, rtol=0.02)  # -e times the voltage below a gate that is large and near


def test_a_background_keeps_a_potential_to_a_hundred_thousandth():
    grid = Grid(64, 30.0)
    V = RandomWells().sample(np.random.default_rng(0), grid)(grid)
    dot = Dot(side=30.0, background=Background.of("file", V))
    assert abs(potential(dot) - V).max() < 1e-5 * np.ptp(V)
    smooth = potential(FULL, 64)
    finer = potential(Dot(side=100.0, n=128, background=Background.of("file", smooth)))
    assert abs(finer - potential(replace(FULL, n=128))).max() < 0.02 * np.ptp(smooth)


@pytest.mark.parametrize("side", [7.5, 800.0])
def test_another_side_keeps_the_potential(side):
    dot = replace(FULL, background=Background.of("file", potential(DOUBLE)))
    assert np.allclose(potential(resized(dot, side)), potential(dot), atol=2e-3 * np.ptp(potential(dot)))
    assert resized(dot, side).side == side


def test_charges_sum_to_the_electrons_and_follow_the_density():
    density = np.zeros((64, 64))
    density[:20] = 1.0
    density *= 3 / Grid(64, 100.0).integrate(density)
    assert charges(DOUBLE, density) == pytest.approx([3.0, 0.0])


def test_sites_without_wells_are_the_minima():
    grid = Grid(64, 100.0)
    x, y = grid.mesh()
    V = sum(-0.01 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 60) for a, b in ((25, 40), (75, 60)))
    found = sites(Dot(side=100.0, background=Background.of("file", V)))
    assert np.allclose(found, [[25, 40], [75, 60]], atol=1.0)
    assert np.allclose(sites(cleared(DOUBLE)), [[50, 50]])


def test_painted_density_has_the_charge_of_the_electrons():
    dot = replace(DOUBLE, n_electrons=3, target=(Stroke(((20.0, 50.0), (80.0, 50.0)), 8.0, 1.0),))
    density = target_density(dot)
    assert Grid(64, 100.0).integrate(density) == pytest.approx(3) and density.min() >= 0
    with pytest.raises(ValueError, match="density: nothing is painted"):
        target_density(DOUBLE)


def test_edits_leave_the_other_objects():
    assert without(DOUBLE, "wells", 0).wells == WELLS[1:]
    assert with_changed(DOUBLE, "wells", 1, depth=5.0).wells == (WELLS[0], Well(70.0, 50.0, 5.0, 10.0))
    assert potential(cleared(FULL)).max() == 0 and cleared(FULL).side == 100.0
    assert example().wells


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": 5000.0}, "side: expected a number in"),
        ({"n": 65}, "points: expected one of 32, 48, 64, 96, 128"),
        ({"n": 4096}, "points: expected one of"),
        ({"n_electrons": 7}, "n_electrons: expected a whole number in 1 ... 6"),
        ({"eps_r": 0.0}, "eps_r: expected a number in"),
        ({"wells": WELLS * 30}, "wells: expected at most 40, got 60"),
    ],
)
def test_dots_out_of_bounds_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(DOUBLE, **changes)


def test_objects_out_of_bounds_are_refused():
    with pytest.raises(ValueError, match="well.width: expected a number in"):
        Well(1.0, 1.0, 1.0, 0.0)
    with pytest.raises(ValueError, match="gate.voltage: expected a number in"):
        Gate(1.0, 1.0, 1.0, 1.0, 1e9)
    with pytest.raises(ValueError, match="background.levels: expected 8192 bytes"):
        Background("file", 0.0, 1.0, b"")
