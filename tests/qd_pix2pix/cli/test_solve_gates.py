"""One dot of a device on the command line: lever arms, diagram and J are those of the functions; points are kept."""

import re
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from small import ROOT, call, start, wait_until

from qd_pix2pix.evaluation.solved_dot import SolvedDot
from qd_pix2pix.reports.uncertain import uncertain
from qd_pix2pix.systems.gate_rows import diagram_remarks
from qd_pix2pix.systems.given_device import read_gated
from solvers import (
    Interaction,
    Material,
    exchange_sweep,
    hubbard,
    lever_arms,
    load_device,
    stability_diagram,
    triple_points,
)

GAAS, SCREENED = Material(0.067, 12.9), Interaction(gate_distance=60.0)
CHIP = """
gas_depth: 50.0
window: {origin: [-100, -60], extent: [200, 120]}
gates:
  - {name: P1, voltage: 0.05, rectangle: [-60, -15, -30, 30]}
  - {name: P2, voltage: 0.05, rectangle: [15, 60, -30, 30]}
  - {name: B, voltage: -0.02, polygon: [[-10, -60], [10, -60], [10, 60], [-10, 60]]}
"""
NARROW = """
gas_depth: 20.0
window: {origin: [-60, -30], extent: [120, 60]}
gates:
  - {name: P1, voltage: 0.12, rectangle: [-32, -8, -15, 15]}
  - {name: P2, voltage: 0.11, rectangle: [8, 32, -15, 12]}
  - {name: B, voltage: -0.02, rectangle: [-4, 4, -40, 40]}
"""
FEW = ["preset=paper", "solver.n_orbitals=4", "n_electrons=2", "n_excitations=1", "processes=1"]
WORDS = [
    "device=chip.yaml",
    "n=[20,12]",
    "voltages={B: -0.03}",
    "interaction=gated",
    "interaction.gate_distance=60",
    *FEW,
]
DIAGRAM = ["diagram.gate1=P1", "diagram.gate2=P2", "diagram.range1=[0.06,0.14]", "diagram.range2=[0.06,0.14]"]
DIAGRAM += ["diagram.mu=-0.008", "diagram.cells=4", "diagram.divisions=1", "diagram.n_orbitals=4"]
EXCHANGE = ["exchange.detuning={P1: 0.5, P2: -0.5}", "exchange.range=[-0.02,0.03]", "exchange.points=5"]
EXCHANGE += ["exchange.divisions=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two electrons between the gates of a chip, solved on the command line."""
    where = tmp_path_factory.mktemp("gates")
    (where / "chip.yaml").write_text(CHIP)
    done = call("solve", *WORDS, *DIAGRAM, *EXCHANGE, "output=out", cwd=where)
    assert done.returncode == 0, done.stderr
    assert "lever_arm 1,P1" in done.stdout and "dot/s" in done.stderr
    return where


def test_numbers_are_those_of_the_functions(folder):
    dot, device = SolvedDot.read(folder / "out"), load_device(folder / "chip.yaml")
    grid, voltages = device.grid((20, 12)), device.voltages | {"B": -0.03}
    np.testing.assert_allclose(dot.arrays["V"], device.potential(voltages)(grid), rtol=1e-12)
    arms = lever_arms(device, voltages, grid, GAAS, interaction=SCREENED)
    found = {row.label: row for row in dot.of("lever_arm")}
    for site, name in ((0, "P1"), (1, "B")):
        at = site, arms.names.index(name)
        row = found[f"{site + 1},{name}"]
        assert (row.value, row.error) == pytest.approx((arms.matrix[at], arms.errors[at]), rel=1e-6)
    assert [row.unit for row in dot.of("virtual_gate")] == ["V/eV"] * 6

    centers = dot.arrays["site_centers-sites"]
    options = {"mu": -0.008, "dots": centers, "cells": 4, "divisions": 1, "n_orbitals": 4, "interaction": SCREENED}
    V_of = device.V_of("P1", "P2", grid=grid, voltages=voltages)
    diagram = stability_diagram(V_of, (0.06, 0.14), (0.06, 0.14), 2, grid, GAAS, **options)
    np.testing.assert_allclose(dot.arrays["energies-diagram"], diagram.energies, rtol=1e-9)
    assert [tuple(c) for c in dot.arrays["configurations-diagram"].tolist()] == diagram.configurations
    places = [point.gates for point in triple_points(diagram)]
    assert len(places) >= 1
    assert [row.value for row in dot.of("triple_point")] == pytest.approx(np.ravel(places), rel=1e-6)

    V_of = device.V_of({"P1": 0.5, "P2": -0.5}, grid=grid, voltages=voltages)
    options = {"n_orbitals": 4, "refinements": 0, "cusp": False, "interaction": SCREENED, "tolerance": 0.02}
    sweep = exchange_sweep(V_of, (-0.02, 0.03), grid, GAAS, dots=centers, points=5, divisions=1, **options)
    rows = dot.of("J_sweep")
    assert [row.value for row in rows] == pytest.approx(sweep.J, rel=1e-6)
    assert [row.error for row in rows] == pytest.approx(sweep.errors, rel=1e-4)
    assert [float(row.label) for row in rows] == pytest.approx(sweep.detuning, abs=1e-7)
    np.testing.assert_allclose(dot.arrays["imbalance-exchange"], sweep.imbalance, atol=1e-6)
    (arm,) = dot.of("detuning_lever_arm")
    changed = [hubbard(V_of(e), grid, GAAS, interaction=SCREENED, compare=False).couplings for e in (-1e-3, 1e-3)]
    differences = [float(c.site_energy[0] - c.site_energy[1]) for c in changed]
    assert arm.value == pytest.approx((differences[1] - differences[0]) / 2e-3, rel=1e-3)
    assert 0 < arm.error < 0.1 * abs(arm.value)


def test_the_page_shows_gates_diagram_and_exchange(folder):
    page = (folder / "out/page.html").read_text(encoding="utf-8")
    for text in (
        "Lever arms",
        "Virtual gates",
        "Triple points",
        "Exchange coupling",
        "0.5 P1 − 0.5 P2",
        "d(e₁ − e₂)/dε",
        "B -0.03 V",
    ):
        assert text in page, text
    for name in ("gates", "stability", "exchange"):
        assert (folder / f"out/figures/{name}.png").stat().st_size > 8000
    assert "Stability diagram: N = 2, the largest number computed" in page


def test_the_lines_of_python_print_the_same_numbers(folder, monkeypatch, capsys):
    dot = SolvedDot.read(folder / "out")
    monkeypatch.chdir(folder)
    exec(compile(dot.python, "page", "exec"), {})
    printed = capsys.readouterr().out
    for row in dot.of("J_sweep"):
        assert f"{row.value:.5e}"[:6] in printed, row


def test_the_lines_of_python_of_a_diagram_without_a_line(tmp_path):
    (tmp_path / "chip.yaml").write_text(CHIP)
    diagram = {"gate1": "P1", "gate2": "P2", "range1": [-0.2, -0.1], "range2": [-0.2, -0.1]}
    diagram |= {"n_max": 1, "cells": 1, "divisions": 0, "n_orbitals": 4}
    dot = read_gated(str(tmp_path / "chip.yaml"), GAAS, {}, [20, 12], n_sites=2, diagram=diagram)
    known = {"grid": dot.grid, "material": dot.material, "Interaction": Interaction}
    exec("\n".join(dot.python()), known)
    assert known["lines"] == []


def test_the_lines_of_python_have_the_sine_functions_of_the_lever_arms(tmp_path):
    (tmp_path / "chip.yaml").write_text(CHIP)
    dot = read_gated(str(tmp_path / "chip.yaml"), GAAS, {"n_modes": (7, 5)}, [20, 12], n_sites=2)
    known = {"grid": dot.grid, "material": dot.material}
    exec("\n".join(dot.python()), known)
    (part,) = dot.computations(tmp_path, lambda n: 1.0)
    rows = [row.value for row in part[-1]()[0] if row.name == "lever_arm"]
    assert rows == pytest.approx(known["arms"].matrix.T.ravel().tolist(), rel=1e-9)


@pytest.mark.parametrize(("second", "known"), [(0.11, False), (0.119, True)])
def test_two_levels_of_one_dot_are_no_lever_arm_of_the_detuning(tmp_path, second, known):
    """The two lowest levels lie in the deeper well, whose electron is heavy along y: they are no sites."""
    (tmp_path / "chip.yaml").write_text(NARROW)
    path, valley, exchange = str(tmp_path / "chip.yaml"), Material((0.19, 0.916), 11.7), {"points": 3, "divisions": 0}
    exchange |= {"detuning": {"P1": 0.5, "P2": -0.5}, "range": [-0.001, 0.001], "barrier": None}
    options = {"n_orbitals": 4, "refinements": 0, "cusp": False}
    dot = read_gated(path, valley, options, [40, 24], {"P2": second}, exchange=exchange)
    *_, part = dot.computations(tmp_path, lambda n: 1.0)
    rows, _, remarks = part[-1]()
    arms = [row for row in rows if row.name == "detuning_lever_arm"]
    assert len(arms) == known and any("lie in one dot" in text for text in remarks) != known
    if known:
        ends = [dot.device.V_of(exchange["detuning"], grid=dot.grid, voltages={"P2": second})(e) for e in (-1e-3, 1e-3)]
        low, high = (hubbard(V, dot.grid, valley, compare=False).couplings.site_energy for V in ends)
        assert arms[0].value == pytest.approx(((high[0] - high[1]) - (low[0] - low[1])) / 2e-3, rel=0.02)


@pytest.mark.slow
def test_j_over_a_barrier_and_a_diagram_that_is_added_later(folder):
    words = ["exchange.detuning={P1: 0.5, P2: -0.5}", "exchange.range=[-0.01,0.0,0.01]", "exchange.barrier=B"]
    words += ["exchange.barriers=[-0.03,-0.02,-0.01]", "output=barrier"]
    done = call("solve", *WORDS, *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    dot = SolvedDot.read(folder / "barrier")
    assert len(dot.of("J_sweep")) == 9 and dot.arrays["J_fine-exchange"].shape[0] == 3
    assert (np.diff(dot.arrays["J-exchange"], axis=1) > 0).all(), "a higher voltage of the barrier couples the sites"
    assert dot.of("lever_arm") and not dot.of("triple_point")
    done = call("solve", *WORDS, *words, *DIAGRAM, cwd=folder)
    assert "7 of 8 parts are done already" in done.stdout
    added, whole = (SolvedDot.read(folder / name).of("triple_point") for name in ("barrier", "out"))
    assert str(added) == str(whole)


@pytest.mark.slow
def test_a_killed_diagram_resumes_from_its_points(folder):
    command = [sys.executable, str(ROOT / "solve.py"), *WORDS, *DIAGRAM, "diagram.cells=16", "output=killed"]
    process = start(command, cwd=folder)
    points = folder / "killed/parts/points"
    wait_until(lambda: len(list(points.glob("*.json"))) > 20, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in points.glob("*.json")}
    assert not (folder / "killed/numbers.json").exists()
    done = call("solve", *WORDS, *DIAGRAM, "diagram.cells=16", "output=killed", cwd=folder)
    assert done.returncode == 0 and "parts are done already" in done.stdout
    assert all((points / name).stat().st_mtime_ns == written for name, written in kept.items())


BARRIERS = "exchange.barriers=[0,0.1,0.2]"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["device=none.yaml"], "device: none.yaml is not there"),
        (["device=chip.yaml", "extent=100"], "extent: is an option of a file, and the window of the device has it"),
        (["device=chip.yaml", "V=dot.npy"], "got V and device"),
        (["V=dot.npy", "extent=9", "diagram.gate1=P1"], "diagram.gate1: is an option of gates; give device=FILE"),
        (["V=dot.npy", "extent=9", "diagram.n_max=3"], "diagram.n_max: is an option of gates; give device=FILE"),
        (["potential=ring", "exchange.points=5"], "exchange.points: is an option of gates; give device=FILE"),
        (["device=chip.yaml", "diagram.mu=0.1"], "diagram.mu: expected diagram.gate1 beside it, got none"),
        (["device=chip.yaml", "exchange.tolerance=0"], "exchange.tolerance: expected exchange.detuning beside it"),
        (["potential=ring", "voltages={P1: 0.1}"], "voltages: is an option of gates"),
        (["device=chip.yaml", "voltages={P9: 0.1}"], "voltages: expected names out of P1, P2, B; got 'P9'"),
        (["device=chip.yaml", "voltages=3"], "voltages: expected numbers by the names of gates"),
        (["device=chip.yaml", "processes=0"], "processes: expected a whole number"),
        (["device=chip.yaml", "material=vacuum"], "material: expected one in nm and eV"),
        (["device=chip.yaml", "diagram.gate1=P1"], "diagram.gate2: expected a value beside diagram.gate1, got none"),
        (
            ["device=chip.yaml", *DIAGRAM, "diagram.gate2=P7"],
            "diagram.gate2: expected names out of P1, P2, B",
        ),
        (["device=chip.yaml", *DIAGRAM, "diagram.range1=[1,0]"], "diagram.range1: expected [low, high]"),
        (["device=chip.yaml", *DIAGRAM, "diagram.n_max=40"], "diagram.n_max: expected a whole number in 1 ... 8"),
        (["device=chip.yaml", *DIAGRAM, "diagram.dots=[[1,900]]"], "diagram.dots: expected an array"),
        (["device=chip.yaml", *DIAGRAM, "diagram.width=-1"], "diagram.width: expected a number of at least 0"),
        (["device=chip.yaml", *EXCHANGE, "exchange.range=3"], "exchange.range: expected an array"),
        (["device=chip.yaml", *EXCHANGE, "exchange.barrier=B"], "exchange.barriers: expected a value beside"),
        (["device=chip.yaml", *EXCHANGE, BARRIERS], "exchange.barrier: expected a value beside exchange.barriers"),
        (
            ["device=chip.yaml", "exchange.detuning=P1", "exchange.range=[0,0.1]", "exchange.barrier=P1", BARRIERS],
            "exchange.barrier: expected another gate than exchange.detuning=P1, got P1",
        ),
        (
            ["device=chip.yaml", *EXCHANGE, "exchange.barrier=P1", BARRIERS],
            "exchange.barrier: expected another gate than exchange.detuning=0.5 P1 − 0.5 P2, got P1",
        ),
        (
            ["device=chip.yaml", *DIAGRAM, "diagram.gate2=P1"],
            "diagram.gate2: expected another gate than diagram.gate1=P1, got P1",
        ),
        (["device=chip.yaml", *EXCHANGE, "exchange.points=1"], "exchange.points: expected a whole number in 3"),
    ],
)
def test_wrong_input_is_one_line_before_any_work(tmp_path, words, message):
    (tmp_path / "chip.yaml").write_text(CHIP)
    np.save(tmp_path / "dot.npy", np.zeros((8, 8)))
    done = call("solve", *words, "output=out", cwd=tmp_path)
    assert done.returncode == 2 and re.search(re.escape(message), done.stderr), done.stderr
    assert not (tmp_path / "out").exists()


def test_all_points_are_100_percent():
    full = SimpleNamespace(numbers=np.full(8, 2), n_max=2)
    assert "N = 2, the largest number computed, at 100 % of the points" in diagram_remarks(full, [None], False)[0]


def test_rounding_without_an_error_bar_is_zero():
    assert uncertain(5.5e-30, float("nan")) == "0" and uncertain(0.53125, float("nan")) == "0.5312"


def test_a_number_that_rounds_to_zero_has_no_sign():
    assert uncertain(-1e-8, 3e-4) == "0.00000 ± 0.00030" and uncertain(-2e-4, 3e-4) == "−0.00020 ± 0.00030"
