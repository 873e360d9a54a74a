"""Charge-stability diagrams: of a known constant-interaction model, and of full CI; resumed, and in parallel."""

import json
from dataclasses import replace

import numpy as np
import pytest
from analytic import GAAS
from scipy.integrate import quad
from scipy.optimize import brentq

from solvers import (
    Grid,
    charge_lines,
    draw_stability,
    fit_constant_interaction,
    hubbard,
    mutual_charging,
    solve,
    stability_diagram,
    triple_points,
)
from solvers.quantum_dots.constant_interaction import ConstantInteraction
from solvers.quantum_dots.gate_points import Point, Task
from solvers.quantum_dots.stability import _shared, broadened_step

SMALL = Grid(8, 10.0)
MODEL = ConstantInteraction(
    charging=np.array([0.010, 0.012]),
    mutual=np.array([[0.0, 0.003], [0.003, 0.0]]),
    offset=np.array([0.002, 0.001]),
    lever_arms=np.array([[0.6, 0.05], [0.08, 0.7]]),
    deviations=np.zeros(0),
    shifts=np.zeros(0),
    rms=0.0,
    largest=0.0,
    error=0.0,
)


def as_field(g1, g2):
    """A field that carries the gates to the model below."""
    field = np.zeros((8, 8))
    field[0, :2] = g1, g2
    return field


class Classical:
    """The model in the place of full CI; counts the points, and ends after a number of calls."""

    def __init__(self, calls=10**9):
        self.points, self.calls = 0, calls

    def __call__(self, task, V):
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        self.points += len(V)
        found = []
        for field in V:  # one by one: the digits of a product of matrices depend on their number
            known, ((*row,),) = MODEL.omega(field[None, 0, :2], 0.0, task.n_max)
            known, row = np.array(known), np.array(row)
            energies, charges = [], []
            for n in range(task.n_max + 1):
                mine = np.flatnonzero(known.sum(1) == n)
                best = mine[np.argmin(row[mine])]
                energies.append(row[best])
                charges.append(known[best].astype(float))
            found.append(Point(np.array(energies), np.full(task.n_max + 1, 1e-5), np.stack(charges)))
        return found


@pytest.fixture
def classical(monkeypatch):
    def use(calls=10**9):
        model = Classical(calls)
        monkeypatch.setattr(Task, "solve", lambda task, V: model(task, V))
        return model

    return use


def diagram(**changes):
    arguments = {"gate1": (-0.01, 0.05), "gate2": (-0.01, 0.05), "n_max": 4, "grid": SMALL, "material": GAAS}
    arguments |= {"mu": 0.004, "dots": [[2.0, 5.0], [8.0, 5.0]], "cells": 8, "divisions": 2} | changes
    return stability_diagram(arguments.pop("family", as_field), **arguments)


@pytest.fixture(scope="module")
def known_diagram():
    with pytest.MonkeyPatch.context() as patch:
        model = Classical()
        patch.setattr(Task, "solve", lambda task, V: model(task, V))
        return diagram()


@pytest.fixture(scope="module")
def known_lines(known_diagram):
    return charge_lines(known_diagram)


# The classical limit


def test_lines_of_a_known_model(known_diagram, known_lines):
    found = known_diagram
    assert len(found.places) < 0.6 * 33**2  # of a whole lattice
    for configuration, gates in zip(found.configurations, found.gates, strict=True):
        known, omega = MODEL.omega(gates, 0.004, 4)
        assert configuration == known[np.argmin(omega)]
    lines = known_lines
    pairs = {(line.a, line.b) for line in lines}
    assert {((0, 0), (1, 0)), ((0, 0), (0, 1)), ((0, 1), (1, 0)), ((1, 0), (1, 1)), ((1, 1), (2, 0))} <= pairs
    for line in lines:
        change = np.array(line.b) - np.array(line.a)
        levers = change @ MODEL.lever_arms
        omega = [MODEL.energy(c, line.points) - 0.004 * sum(c) for c in (line.a, line.b)]
        if line.adds == 1:
            assert (
                np.median(np.abs(omega[0] - omega[1])) < 1e-9
            )  # next to a triple point an edge has three configurations
            assert (np.abs(omega[0] - omega[1]) <= 3 * line.errors * np.linalg.norm(levers * 0.06) + 1e-9).all()
            np.testing.assert_allclose(line.slope, -levers[0] / levers[1], rtol=0.1, atol=0.05)
            if line.straight.sum() > 6:
                np.testing.assert_allclose(line.lever_arms, levers, rtol=0.2, atol=0.06)  # corners are nearby
        else:
            assert (np.abs(omega[0] - omega[1]) <= 0.7 * 0.06 / 32).all()


@pytest.mark.parametrize(("cells", "divisions"), [(5, 1), (6, 1), (7, 2), (8, 2)])
def test_errors_of_slopes_cover_those_of_a_known_model(classical, cells, divisions):
    """Where an electron moves between the dots, a line is known to a cell, and two points fix no direction."""
    classical()
    moved = [line for line in charge_lines(diagram(cells=cells, divisions=divisions)) if line.adds == 0]
    assert moved
    for line in moved:
        levers = (np.array(line.b) - np.array(line.a)) @ MODEL.lever_arms
        assert abs(line.slope + levers[0] / levers[1]) <= 2 * line.slope_error
        assert line.slope_error > 0.05 / cells


def test_triple_points_and_capacitance_of_a_known_model(known_diagram, known_lines):
    found, lines = known_diagram, known_lines
    points = {p.configurations: p.gates for p in triple_points(found, lines)}
    for three in (((0, 0), (0, 1), (1, 0)), ((0, 1), (1, 0), (1, 1)), ((1, 0), (1, 1), (2, 0))):
        omega = [MODEL.energy(c, points[three]) - 0.004 * sum(c) for c in three]
        np.testing.assert_allclose(omega, omega[0], atol=1e-4)
    for charging in mutual_charging(found, lines):
        assert charging.energy == pytest.approx(0.003, rel=0.2)
        assert abs(charging.energy - 0.003) <= charging.error
    (first,) = [m for m in mutual_charging(found, lines) if m.configuration == (0, 0)]
    assert set(first.dots) == {0, 1}


@pytest.mark.parametrize("cross_talk", [0.5, 0.9, 0.94])
def test_errors_of_triple_points_hold_where_lines_are_nearly_parallel(classical, cross_talk):
    """Gates that act on both dots turn all lines towards one direction, and move triple points along it."""
    classical()
    mixing = np.array([[1.0, cross_talk], [cross_talk, 1.0]])

    def exact(three):
        levels = np.subtract(three[1:], three[0])
        offsets = [float(MODEL.energy(c, np.zeros(2))) - 0.004 * sum(c) for c in three]
        return np.linalg.solve(levels @ MODEL.lever_arms @ mixing, np.subtract(offsets[1:], offsets[0]))

    first, second = ((0, 0), (0, 1), (1, 0)), ((0, 1), (1, 0), (1, 1))
    ranges = {f"gate{i + 1}": (g - 0.009, g + 0.011) for i, g in enumerate(exact(first).tolist())}
    found = diagram(family=lambda *gates: as_field(*(mixing @ gates)), n_max=2, cells=6, **ranges)
    lines = charge_lines(found)
    points = {p.configurations: p for p in triple_points(found, lines)}
    for three in (first, second):
        assert (np.abs(points[three].gates - exact(three)) <= points[three].error).all()
    for charging in mutual_charging(found, lines):
        assert abs(charging.energy - 0.003) <= charging.error < 0.003


def test_fit_recovers_a_known_model(known_diagram, known_lines):
    fit = fit_constant_interaction(known_diagram, known_lines)
    np.testing.assert_allclose(fit.charging, MODEL.charging, rtol=0.05)
    np.testing.assert_allclose(fit.mutual, MODEL.mutual, rtol=0.1)
    np.testing.assert_allclose(fit.lever_arms, MODEL.lever_arms, rtol=0.05, atol=0.02)
    assert fit.rms < 2e-4 and fit.largest < 1e-3 and fit.error > 0


def test_what_the_lines_do_not_determine_is_nan(classical):
    classical()
    fit = fit_constant_interaction(diagram(n_max=1, divisions=1))
    assert np.isnan(fit.charging).all() and np.isnan(fit.mutual[0, 1]) and np.isfinite(fit.lever_arms).all()
    with pytest.raises(ValueError, match="diagram: expected a line at which an electron enters"):
        fit_constant_interaction(diagram(gate1=(-0.02, -0.01), gate2=(-0.02, -0.01), divisions=0))


def test_lever_arms_that_only_the_errors_of_points_determine_are_nan(known_diagram, known_lines):
    """Electrons enter the second dot from the first one only: a line of both does not fix the scale of energies."""
    wanted = ((0, 0), (1, 0)), ((0, 1), (1, 0))
    entering, moving = (line for line in known_lines if (line.a, line.b) in wanted)
    beside = moving.points + 3e-4 * np.random.default_rng(0).normal(size=moving.points.shape)  # less than their errors
    fit = fit_constant_interaction(known_diagram, [entering, replace(moving, points=beside)])
    np.testing.assert_allclose(fit.lever_arms[0], MODEL.lever_arms[0], rtol=0.05, atol=0.02)
    assert np.isnan(fit.lever_arms[1]).all()
    assert fit.rms < 2e-4


@pytest.mark.parametrize("most", (1, 2))
def test_a_model_with_undetermined_charging_energies_has_the_regions_of_the_diagram(classical, most):
    classical()
    found = diagram(n_max=most, divisions=1)
    fit = fit_constant_interaction(found)
    known, omega = fit.omega(found.gates, found.mu, most)
    lowest = np.argsort(omega, axis=1)
    away = np.flatnonzero(np.take_along_axis(omega, lowest[:, 1:2], 1)[:, 0] - omega.min(1) > 2 * fit.rms)
    assert len(away) > 0.8 * len(omega)
    assert [known[lowest[i, 0]] for i in away] == [found.configurations[i] for i in away]


def test_cells_without_a_line_hold_one_configuration(known_diagram):
    found = known_diagram
    assert sum(size**2 for *_, size in found.cells.tolist()) == found.steps**2
    for i, j, size in found.cells.tolist():
        inside = np.stack(np.meshgrid(i + np.linspace(0, size, 5), j + np.linspace(0, size, 5)), axis=-1)
        if size > 1:
            known, omega = MODEL.omega(found.in_gates(inside), 0.004, 4)
            assert len(np.unique(np.argmin(omega, axis=-1))) == 1


# Resuming


def test_a_run_that_ends_is_resumed(classical, tmp_path):
    first = classical(calls=20)
    with pytest.raises(KeyboardInterrupt):
        diagram(cache=tmp_path)
    kept = list(tmp_path.iterdir())
    assert len(kept) == first.points > 100 and all(json.loads(path.read_text()) for path in kept)
    rest = classical()
    resumed = diagram(cache=tmp_path)
    assert rest.points == len(resumed.places) - len(kept)
    last = classical()
    again = diagram(cache=tmp_path)
    assert last.points == 0 and again.n_max == 4
    np.testing.assert_array_equal(again.energies, resumed.energies)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_damaged_files_and_other_settings_are_computed_anew(classical, tmp_path):
    classical()
    first = diagram(cache=tmp_path, divisions=1)
    for path in list(tmp_path.iterdir())[:5]:
        path.write_text(path.read_text()[:40])
    model = classical()
    second = diagram(cache=tmp_path, divisions=1)
    assert model.points == 5
    np.testing.assert_array_equal(first.energies, second.energies)
    diagram(cache=tmp_path, divisions=1, n_orbitals=9)
    assert model.points == 5 + len(first.places)
    diagram(cache=tmp_path, divisions=1, mu=0.0041)  # mu is no setting of a point
    assert model.points < 5 + 1.5 * len(first.places)


# Full CI


GRID = Grid(20, 110.0)
DOTS = [[32.0, 55.0], [78.0, 55.0]]


def V_of(left, right):
    x, y = GRID.mesh()
    return -sum(d * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 288) for d, (a, b) in zip((left, right), DOTS, strict=True))


@pytest.fixture(scope="module")
def double_dot(tmp_path_factory):
    """Two weakly coupled wells, up to two electrons."""
    folder = tmp_path_factory.mktemp("points")
    options = {"n_orbitals": 4, "refinements": 0, "cusp": False}
    return stability_diagram(V_of, (0.01, 0.045), (0.01, 0.045), 2, GRID, GAAS, -0.008, DOTS, 3, 2, folder, **options)


def test_double_dot_has_the_honeycomb(double_dot):
    assert set(double_dot.configurations) == {(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0)}
    numbers = {
        place: int(n) for place, n in zip(map(tuple, double_dot.places.tolist()), double_dot.numbers, strict=True)
    }
    for (i, j), n in numbers.items():
        assert n <= numbers.get((i + 1, j), n) and n <= numbers.get((i, j + 1), n)  # deeper wells hold more
    np.testing.assert_allclose(double_dot.charges.sum(-1), np.arange(3)[None].repeat(len(numbers), 0), atol=1e-8)


def test_far_dots_follow_from_each_dot_alone(double_dot):
    """The first line is where one well alone has its level at mu; U' of the sites is the mutual charging energy."""

    def level(depth):
        return float(solve(V_of(depth, 0.01), GRID, 1, GAAS, 1).energy) + 0.008

    expected = brentq(level, 0.015, 0.03, xtol=1e-6)
    lines = charge_lines(double_dot)
    (first,) = [line for line in lines if (line.a, line.b) == ((0, 0), (1, 0))]
    lowest = np.argmin(first.points[:, 1])
    assert first.points[lowest, 1] == pytest.approx(0.01)
    assert first.points[lowest, 0] == pytest.approx(expected, abs=6e-5)
    (charging,) = [m for m in mutual_charging(double_dot, lines) if m.configuration == (0, 0)]
    sites = hubbard(V_of(expected, expected), GRID, GAAS, compare=False).couplings
    assert sites.t[0, 1] < 0.15 * sites.U_prime[0, 1]
    assert charging.energy == pytest.approx(sites.U_prime[0, 1], rel=0.1)
    assert abs(charging.energy - sites.U_prime[0, 1]) < charging.error


@pytest.mark.parametrize("cells", [2, 4, 8])
def test_lever_arm_of_one_gate_is_the_charge_below_it(cells):
    """Hellmann and Feynman at the only line; a second gate without effect repeats the same points."""
    x, y = GRID.mesh()
    well = np.exp(-((x - 55) ** 2 + (y - 55) ** 2) / 450)
    few = {"mu": -0.01, "cells": cells, "divisions": 1, "n_orbitals": 4, "refinements": 0}
    (line,) = charge_lines(stability_diagram(lambda a, b: -a * well, (0.0, 0.1), (0.0, 1.0), 1, GRID, GAAS, **few))
    exact = GRID.integrate(solve(-line.points[0, 0] * well, GRID, 1, GAAS).density * well)
    errors = np.abs(line.lever_arms - [exact, 0.0])
    assert (errors <= line.lever_arm_errors).all() and line.lever_arm_errors[0] < 0.3
    assert line.lever_arm_errors[0] > 1e-4


def test_the_model_fitted_to_full_ci_misses_by_more_than_rounding(double_dot):
    fit = fit_constant_interaction(double_dot)
    assert fit.lever_arms[0, 0] == pytest.approx(fit.lever_arms[1, 1], rel=0.01)
    assert fit.lever_arms[0, 0] > 5 * fit.lever_arms[0, 1] > 0
    assert 1e-6 < fit.rms < 1e-3
    assert fit.charging[0] > fit.mutual[0, 1] > 0
    assert np.nanmax(fit.shifts) < 0.05


@pytest.mark.slow
def test_processes_return_the_same_diagram(double_dot, tmp_path):
    options = {"n_orbitals": 4, "refinements": 0, "cusp": False}
    arguments = (V_of, (0.01, 0.045), (0.01, 0.045), 2, GRID, GAAS, -0.008, DOTS, 3, 2, tmp_path)
    found = stability_diagram(*arguments, processes=2, **options)
    np.testing.assert_array_equal(found.places, double_dot.places)
    np.testing.assert_array_equal(found.energies, double_dot.energies)


def test_progress_has_rate_and_remaining_time(classical, capfd):
    classical()
    diagram(divisions=1, progress=True)
    shown = capfd.readouterr().err
    assert "dot/s" in shown and "<" in shown and "cells of 1/16" in shown


def test_every_point_is_watched_once_with_its_configuration(classical, tmp_path):
    classical()
    seen = []
    for _ in range(2):  # computed, and read from the cache
        seen.clear()
        found = diagram(
            divisions=1, cache=tmp_path, watch=lambda gates, states: seen.extend(zip(gates, states, strict=True))
        )
        watched = {tuple(gates): state for gates, state in seen}
        assert len(seen) == len(found.places) > 81
        assert watched == dict(zip(map(tuple, found.gates), found.configurations, strict=True))


def test_figure(known_diagram, tmp_path):
    """That it is written: the test of docs/qubits.md."""
    with pytest.raises(ValueError, match="path.suffix: expected one of png, pdf, svg"):
        draw_stability(known_diagram, tmp_path / "diagram.bmp")


@pytest.mark.slow
def test_figure_of_a_known_model(known_diagram, tmp_path):
    path = draw_stability(known_diagram, tmp_path / "new" / "diagram.png", temperature=1e-4, width=1e-4)
    assert path.read_bytes()[:4] == b"\x89PNG"


# Broadening


@pytest.mark.parametrize("energy", [-0.003, -0.0004, 0.0, 0.0007, 0.002])
def test_steps_are_fermi_functions_convolved_with_lorentzians(energy):
    kT, width = 3e-4, 5e-4

    def integrand(t):
        """Lorentzian in the angle t: e = energy + width / 2 tan t."""
        return 1 / (1 + np.exp(np.clip((energy + width / 2 * np.tan(t)) / kT, -700, 700))) / np.pi

    expected = quad(integrand, -np.pi / 2, np.pi / 2, limit=400, epsabs=1e-12)[0]
    assert broadened_step(energy, kT, width) == pytest.approx(expected, abs=1e-8)
    assert broadened_step(energy, kT, 1e-12) == pytest.approx(broadened_step(energy, kT, 0.0), abs=1e-8)
    assert broadened_step(energy, 1e-9, width) == pytest.approx(broadened_step(energy, 0.0, width), abs=1e-5)


def test_signal_counts_electrons(known_diagram):
    found = known_diagram
    sharp, soft = found.mean_number(60), found.mean_number(60, 5e-4, 2e-4)
    assert sharp.min() == 0 and sharp.max() == 4
    assert np.abs(sharp - soft).mean() < 0.2
    assert min(np.diff(soft, axis=0).min(), np.diff(soft, axis=1).min()) > -0.02  # energies are linear in each cell
    with pytest.raises(ValueError, match="temperature: expected a number of at least 0"):
        found.mean_number(10, -1.0)


# Pieces, and bad input


def test_charges_are_shared():
    assert _shared(np.array([0.4, 0.6]), 1) == (0, 1)
    assert _shared(np.array([1.0 - 1e-12, 1e-12]), 1) == (1, 0)
    assert _shared(np.array([0.9, 1.2, 0.9]), 3) == (1, 1, 1)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"gate1": (1.0, 0.0)}, r"gate1: expected \[low, high\]"),
        ({"gate2": (1.0, 1.0)}, r"gate2: expected \[low, high\] with low < high"),
        ({"gate1": np.array([1.0, 0.0])}, r"gate1: expected \[low, high\]"),
        ({"n_max": 0}, "n_max: expected a whole number in 1 ... 16"),
        ({"n_orbitals": 0}, "n_orbitals: expected a whole number of at least 1, got 0"),
        ({"n_max": 17}, "n_max: expected a whole number in 1 ... 16, got 17. n_orbitals = 8"),
        ({"cells": 0}, "cells: expected a whole number"),
        ({"divisions": 12}, r"divisions: expected a whole number in 0 \.\.\. 9"),
        ({"processes": 0}, "processes: expected a whole number"),
        ({"dots": [[1.0, 11.0]]}, "dots: expected an array of numbers of shape"),
        ({"grid": Grid(9, 10.0)}, r"V_of\(-0.01, -0.01\): expected an array of numbers of shape \(9, 9\)"),
        ({"mu": np.nan}, "mu: expected a number"),
        ({"interaction": None}, "interaction: expected an Interaction"),
        ({"progress": 1}, "progress: expected True or False"),
        ({"n_electrons": 1}, "n_electrons: expected no such option, because the diagram sets it, got 1"),
        ({"foo": 1}, "foo: expected an option of solve, one of n_orbitals, .*; got another name"),
    ],
)
def test_bad_arguments_are_refused(classical, change, match):
    classical()
    with pytest.raises(ValueError, match=match):
        diagram(**change)


def test_a_potential_that_is_no_function_is_refused():
    with pytest.raises(ValueError, match="V_of: expected a function, got 'V'"):
        stability_diagram("V", (0.0, 1.0), (0.0, 1.0), 2, SMALL, GAAS)


def test_a_cache_that_is_a_file_is_refused(classical, tmp_path):
    classical()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cache: expected a folder"):
        diagram(cache=tmp_path / "file")
    with pytest.raises(ValueError, match="diagram: expected a StabilityDiagram"):
        charge_lines(None)
