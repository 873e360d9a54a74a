"""Nodes, resumed runs, figures and bad input of exchange sweeps, with a known function in the place of full CI."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from analytic import GAAS

from solvers import Grid, draw_exchange, exchange_sweep
from solvers.quantum_dots.exchange_points import ExchangePoint, ExchangeTask


def coupling(detuning, barrier):
    """A J that rises at an anticrossing of a width of 0.02 at 0.3 to 0.6, and falls with the barrier."""
    return 1e-4 * np.exp(-3 * barrier) * (1.02 + np.tanh((detuning - 0.3 - 0.3 * barrier) / 0.02))


class Known:
    """The function above in the place of full CI; counts the points, and ends after a number of calls."""

    def __init__(self, calls=10**9, error=1e-3):
        self.points, self.calls, self.error = 0, calls, error

    def __call__(self, task, V):
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        self.points += len(V)
        J = [coupling(*v[0, :2]) for v in V]
        return [
            ExchangePoint(*map(np.asarray, (j, self.error * j, j, [j, j], [0.0, j], [[1.0, 1.0]] * 2, 1.0))) for j in J
        ]


@pytest.fixture
def known(monkeypatch):
    def use(**changes):
        model = Known(**changes)
        monkeypatch.setattr(ExchangeTask, "solve", lambda task, V: model(task, V))
        return model

    return use


def as_field(detuning, barrier=0.0):
    field = np.zeros((8, 8))
    field[0, :2] = detuning, barrier
    return field


def sweep(detuning=(0.0, 1.0), **changes):
    return exchange_sweep(as_field, detuning, Grid(8, 10.0), GAAS, **({"points": 9, "divisions": 4} | changes))


def test_nodes_concentrate_where_the_coupling_changes(known):
    model = known()
    found = sweep()
    assert model.points == len(found.detuning) < 60  # of 129
    near = np.abs(found.detuning - 0.3) < 0.1
    assert near.sum() > 0.35 * len(near)  # of the range, 0.2
    fine = np.linspace(0, 1, 1001)
    J, error = found.at(fine)
    assert (np.abs(J - coupling(fine, 0.0)) <= error).all() and (error < 0.1 * J).all()
    slope, uncertain = found.slope(fine)
    assert (np.abs(slope - np.gradient(coupling(fine, 0.0), fine)) <= uncertain + 1e-6).mean() > 0.98


def test_a_tolerance_saves_nodes(known):
    known()
    assert len(sweep(tolerance=0.1).detuning) < len(sweep().detuning)
    assert len(sweep(divisions=0).detuning) == 9


def test_both_axes_are_refined(known):
    known()
    found = sweep(barrier=(0.0, 0.2), divisions=4, points=5)
    places = np.random.default_rng(0).uniform(size=(2, 200)) * [[1.0], [0.2]]
    J, error = found.at(*places)
    assert (np.abs(J - coupling(*places)) <= error).mean() > 0.95
    assert found.J.shape == (len(found.detuning), len(found.barrier)) and len(found.detuning) > len(found.barrier) > 5


def test_given_nodes_stay(known):
    known()
    nodes = [0.0, 0.1, 0.5, 0.7]
    assert sweep(nodes).detuning.tolist() == nodes
    fixed = sweep(nodes, barrier=0.5)
    assert fixed.J == pytest.approx(coupling(np.array(nodes), 0.5)) and fixed.barrier.tolist() == [0.5]


def test_a_run_that_ends_is_resumed(known, tmp_path):
    first = known(calls=2)
    with pytest.raises(KeyboardInterrupt):
        sweep(cache=tmp_path)
    kept = list(tmp_path.iterdir())
    assert len(kept) == first.points > 8 and all(json.loads(path.read_text()) for path in kept)
    rest = known()
    resumed = sweep(cache=tmp_path)
    known()
    whole = sweep()
    assert rest.points == len(whole.detuning) - len(kept)
    for name in ("detuning", "J", "errors", "charges", "energies"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    last = known()
    sweep(cache=tmp_path)
    assert last.points == 0


# Figures and bad input


@pytest.mark.parametrize("barrier", [None, (0.0, 1.0)])
def test_a_figure_is_drawn(known, barrier, tmp_path):
    known()
    path = draw_exchange(sweep(barrier=barrier, divisions=1), tmp_path / "new" / "J.svg")
    assert ET.parse(path).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"detuning": (1.0, 0.0)}, r"detuning: expected a range \(low, high\), or increasing nodes"),
        ({"detuning": 0.5}, "detuning: expected an array of numbers"),
        ({"detuning": (1.0, 1.0 + 1e-15)}, "detuning: expected a range that 128 steps resolve"),
        ({"barrier": (0.0, np.inf)}, "barrier: expected"),
        ({"barrier": "high"}, "barrier: expected a number"),
        ({"points": 2}, "points: expected a whole number in 3 ... 1025, got 2. The interpolation is judged"),
        ({"divisions": 9}, "divisions: expected a whole number in 0 ... 7, got 9. Each one halves"),
        ({"tolerance": -0.1}, r"tolerance: expected a number in \[0, 1\]"),
        ({"dots": [[1.0, 1.0]]}, "dots: expected the centres of two dots or more, got 1"),
        ({"dots": [[1.0, 1.0], [99.0, 1.0]]}, "dots: expected"),
        ({"n_states": 3}, "n_states: expected no such option, because the sweep sets it, got 3"),
        ({"V": 3}, "V: expected no such option, because the sweep sets it, got 3"),
        ({"foo": 3}, "foo: expected an option of solve, one of n_orbitals, .*; got another name"),
        ({"n_orbitals": 9, "n_modes": 3}, "n_orbitals: expected fewer, got 9: .* 5 orbitals of 2 x 2 sine functions"),
        ({"n_orbitals": 2}, "n_orbitals: expected a whole number of at least 4"),
        ({"processes": 0}, "processes: expected"),
        ({"progress": "yes"}, "progress: expected True or False"),
        ({"cache": 5}, "cache: expected a folder"),
    ],
)
def test_bad_arguments_are_named(known, change, message):
    model = known()
    with pytest.raises(ValueError, match=f"^{message}"):
        sweep(**change)
    assert model.points == 0


def test_a_potential_of_another_shape_is_named(known):
    known()
    with pytest.raises(ValueError, match=r"^V_of\(0\): expected an array of numbers of shape \(9, 9\)"):
        exchange_sweep(as_field, (0.0, 1.0), Grid(9, 10.0), GAAS)


def test_places_outside_of_a_sweep_are_named(known, tmp_path):
    known()
    one, two = sweep(divisions=0), sweep(barrier=(0.0, 1.0), divisions=0)
    for call, message in (
        (lambda: one.at(1.1), r"detuning: expected a number in \[0, 1\], got 1.1"),
        (lambda: one.at([0.5, -0.1]), "detuning: expected an array"),
        (lambda: one.at(0.5, 0.0), "barrier: expected None, because it was not swept, got 0.0"),
        (lambda: one.slope(0.5, along="barrier"), "along: expected one of detuning; got 'barrier'"),
        (lambda: two.at(0.5), "barrier: expected a number"),
        (lambda: two.sweet_spots(), "barrier: expected a number"),
        (lambda: two.sweet_spots(1.5), r"barrier: expected a number in \[0, 1\], got 1.5"),
        (lambda: one.sweet_spots(0.3), "barrier: expected None, because it was not swept, got 0.3"),
        (lambda: two.at([0.1, 0.2], [0.1, 0.2, 0.3]), "barrier: expected the shape of detuning, or one number"),
        (lambda: draw_exchange(one, tmp_path / "J.txt"), "path.suffix: expected one of png, pdf, svg"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            call()


def test_the_ends_of_a_range_belong_to_it(known):
    known()
    found = sweep((-0.06, -0.02), points=5, divisions=1)
    assert np.isfinite(found.at([-0.06, -0.02])).all() and found.detuning[[0, -1]].tolist() == [-0.06, -0.02]
