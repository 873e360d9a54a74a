"""Every argument of every public name with values of wrong kinds and sizes: a result, or a ValueError that names it."""

import hashlib
import inspect
import re
import sys
import tempfile
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
from analytic import GAAS

from solvers import (
    Device,
    ExchangeSweep,
    Gate,
    Grid,
    Interaction,
    MagneticField,
    Material,
    RandomVoltages,
    StabilityDiagram,
    charge_lines,
    charging,
    count_sites,
    coupling_slopes,
    dipole,
    dipole_matrix,
    draw_exchange,
    draw_stability,
    dyson_amplitudes,
    exchange_sweep,
    excitations,
    field_sweep,
    finite_difference_levels,
    fit_constant_interaction,
    hubbard,
    lever_arms,
    load_device,
    mutual_charging,
    quadrupole,
    rayleigh_quotient,
    save_device,
    solve,
    solve_in_field,
    stability_diagram,
    triple_points,
    tunnelling,
)
from solvers.quantum_dots import exchange, exchange_figure, potentials, stability, stability_figure
from solvers.quantum_dots.exchange_points import ExchangePoint, ExchangeTask
from solvers.quantum_dots.gate_points import Point, Task

GRID = Grid(8, 30.0)
V = np.zeros((8, 8))
WELL = potentials.RandomMaskedNoise().sample(np.random.default_rng(0), GRID)


class WithUnit(np.ndarray):
    """A subclass of ndarray."""


def arrays(*shape):
    """Arrays of one shape that few arguments accept."""
    entries = (np.nan, 1e300, -1.0, 0.0, 1e90, 1e-90, None, "x", 1j, True)
    found = [np.full(shape, entry) for entry in entries]
    masked = np.ma.masked_array(np.ones(shape), np.arange(np.prod(shape)).reshape(shape) == 0)
    return [*found, masked, np.ma.masked_array(np.ones(shape)), np.ones(shape).view(WithUnit)]


VALUES = [None, "1", "", b"x", [], [1], (1, 2), (2.0, 1.0), (1e300, 1e308), (-1e308, 1e308), (np.nan, 1), [None, None]]
VALUES += [
    ["a", "b"],
    [[1, 2], [3, 4]],
    [[1], [1, 2]],
    {},
    set(),
    1j,
    np.nan,
    np.inf,
    -np.inf,
    -1,
    -1.5,
    0,
    0.0,
    1,
    2,
    2.5,
]
VALUES += [True, False, np.True_, 1e300, 1e-300, 5e-324, 1e90, 1e-90, 1e20, 1e-20, 10**400, -(10**400), np.float32(1)]
VALUES += [
    np.int8(3),
    np.array(1.0),
    object(),
    int,
    np,
    GRID,
    GAAS,
    Interaction(),
    V,
    abs,
    np.ma.masked,
    [np.ma.masked, 1.0],
]
VALUES += [value for shape in ((2,), (8, 8), (3, 8, 8), (2, 2), (3, 3), (4, 3)) for value in arrays(*shape)]
VALUES += [np.ones((8, 8)).view(np.matrix), np.ones((2, 2)).view(np.matrix)]


def parameters(function):
    return inspect.signature(function).parameters


def in_solver(grid=GRID, material=GAAS, **options):
    """Use a grid, a material or options where all of them matter."""
    if grid.n <= 8:
        solve(np.zeros((grid.n, grid.n)), grid, material=material, **({"n_electrons": 2, "n_orbitals": 3} | options))
        finite_difference_levels(np.zeros((grid.n, grid.n)), grid, material, 2)


def draw(family, argument, value):
    few = {"max_draws": 20} if "max_draws" in parameters(family) else {}
    return family(**(few | {argument: value})).sample(np.random.default_rng(0), GRID)(GRID)


PLAIN = {
    potentials.CircularWells: {"circles": np.array([[15.0, 15.0, 5.0]])},
    potentials.DoubleGaussian: {"depth": np.ones(2), "center": np.zeros((2, 2)), "width": np.ones((2, 2))},
    potentials.GaussianWells: {"depth": np.ones(1), "center": np.zeros((1, 2)), "width": np.ones((1, 2))},
    potentials.Harmonic: {"k": (1e-3, 1e-3)},
    potentials.InfiniteWell: {"size": (9.0, 9.0)},
    potentials.PolygonGates: {"polygons": [[[0, 0], [9, 0], [0, 9]]], "voltage": np.ones(1), "gas_depth": 2.0},
    potentials.MaskedNoise: vars(WELL) | {"v_max": 0.5},
}
X, Y = GRID.mesh()
DOT = 1e-3 * X + 3e-4 * Y
"""A potential without degenerate levels."""
WAVES = [solve(DOT, GRID, n, GAAS, 3, estimate=False, wavefunction=True).wavefunction for n in (1, 2)]
PLACES = np.stack(np.meshgrid([0, 1, 2], [0, 1, 2], indexing="ij"), axis=-1).reshape(-1, 2)
DIAGRAM = StabilityDiagram(
    gate1=(0.0, 1.0),
    gate2=(0.0, 1.0),
    steps=2,
    mu=0.0,
    places=PLACES,
    energies=np.stack([np.zeros(9), 0.9 - PLACES.sum(1)], axis=-1),
    errors=np.full((9, 2), 1e-3),
    charges=np.stack([np.zeros((9, 1)), np.ones((9, 1))], axis=1),
    cells=np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]),
)
"""One electron enters a dot."""


ALONG = np.array([0.0, 0.5, 1.0])
SWEEP = ExchangeSweep(
    detuning=ALONG,
    barrier=ALONG,
    J=np.full((3, 3), 1e-3),
    errors=np.full((3, 3), 1e-4),
    fewer=np.full((3, 3), 1e-3),
    coarse=np.full((3, 3, 2), 1e-3),
    energies=np.zeros((3, 3, 2)),
    charges=np.ones((3, 3, 2, 2)),
    trusted=np.ones((3, 3), dtype=bool),
)
SQUARE = [[5.0, 5.0], [25.0, 5.0], [25.0, 25.0], [5.0, 25.0]]
CHIP = {"gates": [Gate("P1", [SQUARE], 0.1)], "gas_depth": 3.0, "origin": (0.0, 0.0), "extent": (30.0, 30.0)}
FOLDER = tempfile.TemporaryDirectory()
CORNERS = save_device(Device(**CHIP), Path(FOLDER.name) / "device.yaml")
VOLTAGES = {
    "path": str(CORNERS),
    "sha256": hashlib.sha256(CORNERS.read_bytes()).hexdigest(),
    "voltages": {"P1": (0, 1)},
}

NO_FIGURE = MagicMock()
NO_FIGURE.Figure.return_value.subplots.return_value = MagicMock(), MagicMock()


def slopes(argument, value):
    """Take the slopes with one coarse grid."""

    def tilted(*gates):
        return DOT + 1e-5 * np.tanh(sum(gates)) * Y

    plain = {"V_of": tilted, "gates": [0.0], "step": 0.1, "grid": GRID, "material": GAAS, "n_modes": 5}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("solvers.quantum_dots.sites.COARSE", (0.7,))
        coupling_slopes(**(plain | {argument: value}))


def levers(argument, value):
    """Take the lever arms of a function with one coarse grid."""
    plain = {"V_of": lambda *gates: DOT + 1e-5 * np.tanh(sum(gates)) * Y, "voltages": [0.0], "step": 0.1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("solvers.quantum_dots.sites.COARSE", (0.7,))
        lever_arms(**(plain | {"grid": GRID, "material": GAAS, "n_modes": 5} | {argument: value}))


def saved(argument, value):
    """Write nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", lambda *_, **__: None)
        save_device(**({"device": Device(**CHIP), "path": "a.yaml"} | {argument: value}))


def drawn(argument, value):
    """Draw on nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stability_figure, "RASTER", 2)
        patch.setitem(sys.modules, "matplotlib.figure", NO_FIGURE)
        draw_stability(**({"diagram": DIAGRAM, "path": "a.png"} | {argument: value}))


def empty_points(task, V):
    """Results without a line, in the place of full CI."""
    shape = (task.n_max + 1, task.n_dots)
    return [Point(np.arange(shape[0]) * 1.0, np.zeros(shape[0]), np.zeros(shape))] * len(V)


def diagram_of(argument, value):
    """Make a diagram in this process, without full CI, and keep no points."""
    plain = {"V_of": lambda a, b: V, "gate1": (0, 1), "gate2": (0, 1), "n_max": 1, "grid": GRID, "material": GAAS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "solve", empty_points)
        patch.setattr(stability, "workers", lambda processes: nullcontext())
        patch.setattr("pathlib.Path.mkdir", lambda *_, **__: None)
        patch.setattr("solvers.quantum_dots.gate_points.Cache.put", lambda *_: None)
        stability_diagram(**(plain | {"cells": 1, "divisions": 0} | {argument: value}))


def swept(argument, value):
    """Sweep in this process, without full CI, and keep no points."""
    J = np.float64(1e-3)
    known = ExchangePoint(J, J / 10, J, np.full(2, J), np.zeros(2), np.ones((2, 2)), np.float64(1))
    plain = {"V_of": lambda *_: V, "detuning": (0, 1), "grid": GRID, "material": GAAS, "points": 3, "divisions": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExchangeTask, "solve", lambda task, V: [known] * len(V))
        patch.setattr(exchange, "workers", lambda processes: nullcontext())
        patch.setattr("pathlib.Path.mkdir", lambda *_, **__: None)
        patch.setattr("solvers.quantum_dots.gate_points.Cache.put", lambda *_: None)
        exchange_sweep(**(plain | {argument: value}))


def sweep_drawn(argument, value):
    """Draw on nothing."""
    figure = MagicMock()
    figure.Figure.return_value.subplots.return_value = tuple(MagicMock() for _ in range(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange_figure, "FINE", 3)
        patch.setitem(sys.modules, "matplotlib.figure", figure)
        for axes in figure.Figure.return_value.subplots.return_value:
            axes.plot.return_value = (MagicMock(),)
        draw_exchange(**({"sweep": SWEEP, "path": "a.png"} | {argument: value}))


RANDOM = [getattr(potentials, name) for name in potentials.__all__ if name.startswith("Random")]
NEW = [f for f in RANDOM if getattr(potentials, f.__name__.removeprefix("Random"), None) not in {*PLAIN, None}]
PLAIN |= {type(drawn): vars(drawn) for drawn in (f().sample(np.random.default_rng(0), GRID) for f in NEW)}
CALLS = {
    Grid: lambda a, v: in_solver(grid=Grid(**({"n": 8, "extent": 30.0} | {a: v}))),
    Material: lambda a, v: in_solver(material=Material(**({"m_eff": 0.067, "eps_r": 12.9} | {a: v}))),
    Interaction: lambda a, v: in_solver(interaction=Interaction(**{a: v})),
    solve: lambda a, v: solve(**({"V": V, "grid": GRID, "n_electrons": 2, "material": GAAS, "n_orbitals": 3} | {a: v})),
    charging: lambda a, v: charging(
        **({"V": V, "grid": GRID, "max_electrons": 2, "material": GAAS, "n_orbitals": 3} | {a: v})
    ),
    finite_difference_levels: lambda a, v: finite_difference_levels(
        **({"V": V, "grid": GRID, "material": GAAS, "n_levels": 2} | {a: v})
    ),
    dipole: lambda a, v: dipole(**({"density": V, "grid": GRID} | {a: v})),
    quadrupole: lambda a, v: quadrupole(**({"density": V, "grid": GRID} | {a: v})),
    rayleigh_quotient: lambda a, v: rayleigh_quotient(
        **({"density": np.ones((1, 8, 8)), "V": np.zeros((1, 8, 8)), "grid": GRID, "material": GAAS} | {a: v})
    ),
    hubbard: lambda a, v: hubbard(
        **({"V": DOT, "grid": GRID, "material": GAAS, "n_modes": 5, "n_orbitals": 3, "refinements": 0} | {a: v})
    ),
    coupling_slopes: slopes,
    dipole_matrix: lambda a, v: dipole_matrix(**({"wave": WAVES[1]} | {a: v})),
    dyson_amplitudes: lambda a, v: dyson_amplitudes(**({"fewer": WAVES[0], "more": WAVES[1]} | {a: v})),
    lever_arms: levers,
    exchange_sweep: swept,
    draw_exchange: sweep_drawn,
    Gate: lambda a, v: Gate(**({"name": "P1", "polygons": [SQUARE], "voltage": 0.0} | {a: v})),
    Device: lambda a, v: Device(**(CHIP | {a: v})).potential()(GRID),
    load_device: lambda a, v: load_device(**{a: v}),
    save_device: saved,
    RandomVoltages: lambda a, v: RandomVoltages(**(VOLTAGES | {a: v})).sample(np.random.default_rng(0), GRID)(GRID),
    stability_diagram: diagram_of,
    draw_stability: drawn,
    charge_lines: lambda a, v: charge_lines(**{a: v}),
} | {family: lambda a, v, family=family: family(**(PLAIN[family] | {a: v}))(GRID) for family in PLAIN}
CALLS |= {family: lambda a, v, family=family: draw(family, a, v) for family in RANDOM}
SPECTRUM = {"V": DOT, "grid": GRID, "n_electrons": 2, "material": GAAS, "n_states": 1, "n_orbitals": 3}
SPECTRUM |= {"refinements": 0, "cusp": False, "estimate": False}
CALLS |= {f: lambda a, v, f=f: f(**(SPECTRUM | {a: v})) for f in (excitations, tunnelling)}
CALLS[count_sites] = lambda a, v: count_sites(**({"V": DOT, "grid": GRID, "material": GAAS} | {a: v}))
CALLS |= {
    f: lambda a, v, f=f: f(**({"diagram": DIAGRAM} | {a: v}))
    for f in (triple_points, mutual_charging, fit_constant_interaction)
}
IN_FIELD = {"V": DOT, "grid": GRID, "n_electrons": 1, "material": GAAS, "n_orbitals": 2, "n_states": 2}
IN_FIELD |= {"refinements": 0, "estimate": False}
CALLS |= {
    MagneticField: lambda a, v: solve_in_field(**IN_FIELD, field=MagneticField(**({"B": 1.0} | {a: v}))),
    solve_in_field: lambda a, v: solve_in_field(**(IN_FIELD | {"field": MagneticField(1.0)} | {a: v})),
    field_sweep: lambda a, v: field_sweep(**(IN_FIELD | {"B": [1.0]} | {a: v})),
}
OTHERS = {
    (Grid, "n"): "grid.extent",
    (Interaction, "screening"): "interaction",
    (solve, "grid"): "V",
    (solve, "memory"): "n_orbitals|interaction",
    (solve, "n_modes"): "n_orbitals",
    (solve, "n_orbitals"): "n_electrons",
    (charging, "grid"): "V",
    (charging, "max_electrons"): "n_electrons",
    (finite_difference_levels, "grid"): "V",
    (rayleigh_quotient, "grid"): "density",
    (rayleigh_quotient, "density"): "V",
    (hubbard, "grid"): "V",
    (hubbard, "V"): "n_sites",
    (hubbard, "n_sites"): "n_modes",
    (coupling_slopes, "gates"): "step",
    (coupling_slopes, "n_sites"): "n_modes",
    (exchange_sweep, "points"): "detuning",
    (lever_arms, "voltages"): "gates|step",
    (lever_arms, "n_sites"): "n_modes",
    (Gate, "name"): r"gates\.name",
    (Gate, "polygons"): r"gates\.P1",
    (Gate, "voltage"): r"gates\.P1\.voltage",
    (Device, "gas_depth"): r"gates\.P1",
    (Device, "origin"): r"gates\.P1",
    (Device, "extent"): r"gates\.P1|grid.extent",
    (load_device, "source"): "device.*",
    (count_sites, "grid"): "V",
    (excitations, "grid"): "V",
    (excitations, "n_electrons"): "n_states",
    (tunnelling, "grid"): "V",
    (tunnelling, "n_electrons"): "n_states",
    (stability_diagram, "n_max"): "n_electrons",
    (solve_in_field, "grid"): "V|field.B",
    (solve_in_field, "n_electrons"): "n_states",
    (solve_in_field, "n_orbitals"): "n_electrons|n_states",
    (solve_in_field, "n_modes"): "n_orbitals",
    (field_sweep, "grid"): "V|field.B",
    (field_sweep, "n_electrons"): "n_states",
    (field_sweep, "B"): "field.B",
    (fit_constant_interaction, "lines"): "diagram",
    (Material, "m_eff"): "material|grid.extent",
    (Material, "eps_r"): "material|grid.extent",
    (potentials.MaskedNoise, "blob_size"): "potential.v_max",
    (potentials.MaskedNoise, "exponent"): "potential.v_max",
    (potentials.RandomInfiniteWell, None): "potential.energy",
    (potentials.RandomWells, None): "potential.radius|potential.max_overlap|potential.max_coverage",
}
"""Arguments that may be blamed in place of the one that was given, because only both together are wrong."""
ELSEWHERE = {(f, "options") for f in (charging, hubbard, excitations, tunnelling, stability_diagram, exchange_sweep)}
ELSEWHERE |= {
    (solve, "timer"),
    (coupling_slopes, "V_of"),
    (lever_arms, "V_of"),
    (exchange_sweep, "V_of"),
    (stability_diagram, "V_of"),
}
TAKERS = (charging, hubbard, excitations, tunnelling, stability_diagram, exchange_sweep, field_sweep)
ELSEWHERE = {(f, "options") for f in TAKERS}
ELSEWHERE |= {(solve, "timer"), (coupling_slopes, "V_of"), (stability_diagram, "V_of"), (stability_diagram, "watch")}
"""Options of another function; a function of the user, whose errors are the user's."""
CASES = [(name, a) for name in CALLS for a in parameters(name) if (name, a) not in ELSEWHERE]


def assert_named(call, argument, others=""):
    for value in VALUES:
        try:
            call(value)
        except ValueError as error:
            assert re.match(rf"(\w+\.)?({argument}\b|({others or argument}):)", str(error)), (value, str(error))
            assert error.__cause__ is None, value
        except Exception as error:
            raise AssertionError(f"{value!r} ends in {error!r}") from error


@pytest.mark.parametrize(("name", "argument"), CASES, ids=lambda case: getattr(case, "__name__", case))
def test_an_argument_is_used_or_refused_by_name(name, argument):
    others = "|".join(filter(None, (OTHERS.get((name, argument)), OTHERS.get((name, None)))))
    assert_named(lambda value: CALLS[name](argument, value), argument, others)


def test_every_public_name_is_covered():
    import solvers

    results = {"PRESETS", "Charging", "Solution", "Wavefunction"}
    results |= {"LeverArms", "ExchangeSweep", "Couplings", "Hubbard", "Excitations", "Tunnelling", "StabilityDiagram"}
    results |= {"FieldSolution", "FieldSweep"}
    results |= {"Couplings", "Hubbard", "Excitations", "Tunnelling", "StabilityDiagram"}
    assert {name.__name__ for name in CALLS} >= (set(solvers.__all__) | set(potentials.__all__)) - results


@pytest.mark.parametrize("family", [*PLAIN], ids=lambda family: family.__name__)
def test_potentials_need_a_grid(family):
    assert_named(family(**PLAIN[family]), "grid")


@pytest.mark.parametrize("method", ["noise", "mask"])
def test_parts_of_a_potential_need_a_grid(method):
    assert_named(getattr(WELL, method), "grid")


@pytest.mark.parametrize("family", RANDOM, ids=lambda family: family.__name__)
def test_random_potentials_need_a_generator(family):
    assert_named(lambda value: family().sample(value, GRID), "rng")
    assert_named(lambda value: family().sample(np.random.default_rng(0), value)(value), "grid", "potential.radius")


def test_fields_are_arrays_of_the_grid():
    assert_named(GRID.integrate, "field")


def test_questions_to_a_wavefunction():
    v = np.random.default_rng(0).normal(size=(2, 8, 8)) / 10
    wave = solve(v, GRID, 2, GAAS, 3, wavefunction=True).wavefunction
    for argument in ("x", "y", "state"):
        plain = {"x": 1.0, "y": 1.0}
        assert_named(lambda value, a=argument, plain=plain: wave.pair_density(**(plain | {a: value})), argument)
    assert_named(wave.density, "state")
    assert_named(wave.natural_orbitals, "state")


def test_questions_to_a_diagram():
    assert_named(partial(DIAGRAM.raster), "n")
    for argument in ("n", "temperature", "width"):
        plain = {"n": 2, "temperature": 1e-3, "width": 1e-3}
        assert_named(lambda value, a=argument, plain=plain: DIAGRAM.mean_number(**(plain | {a: value})), argument)


def test_questions_to_a_sweep():
    for method in (SWEEP.at, SWEEP.slope):
        for argument in ("detuning", "barrier"):
            plain = {"detuning": 0.5, "barrier": 0.5}
            assert_named(lambda v, a=argument, m=method, p=plain: m(**(p | {a: v})), argument, "barrier")
    assert_named(lambda value: SWEEP.slope(0.5, 0.5, value), "along")
    assert_named(SWEEP.sweet_spots, "barrier")


@pytest.mark.parametrize("call", [slopes, levers, diagram_of, swept])
def test_families_of_potentials_are_functions_that_return_potentials(call):
    assert_named(lambda value: None if callable(value) else call("V_of", value), "V_of")
    assert_named(lambda value: call("V_of", lambda *gates: value), "V_of", "n_sites")


@pytest.mark.parametrize("timer", [None, 1, "orbitals", {}])
def test_a_timer_is_a_function(timer):
    with pytest.raises(ValueError, match="^timer: expected a function of a stage"):
        solve(V, GRID, 2, GAAS, 3, timer=timer)


# Masked arrays

MASKED = np.ma.masked_array(V, np.eye(8))


@pytest.mark.parametrize("backend", ["auto", "numpy"])
@pytest.mark.parametrize("v", [MASKED, [MASKED, MASKED], np.ma.stack([MASKED, MASKED])], ids=["one", "list", "batch"])
def test_masked_potentials_are_refused(v, backend):
    for call in (
        lambda: solve(v, GRID, 2, GAAS, backend=backend),
        lambda: charging(v, GRID, 2, GAAS, backend=backend),
        lambda: finite_difference_levels(v, GRID, GAAS, 2),
    ):
        with pytest.raises(ValueError, match="^V: expected plain numbers, got a masked array.*filled"):
            call()


@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_masked_arrays_without_masked_values_are_plain_data(tmp_path, backend):
    v = np.random.default_rng(0).normal(size=(8, 8)) / 10
    on_disk = np.memmap(tmp_path / "v", dtype=float, mode="w+", shape=v.shape)
    on_disk[:] = v
    expected = solve(v, GRID, 2, GAAS, 4)
    for given in (np.ma.masked_array(v), np.ma.masked_array(v, np.zeros_like(v)), on_disk):
        solution = solve(given, GRID, 2, GAAS, 4, backend=backend)
        assert type(solution.density) is np.ndarray
        np.testing.assert_array_equal(solution.density, expected.density)
    charge = GRID.integrate(np.ma.masked_array(expected.density))
    assert not isinstance(charge, np.ma.MaskedArray) and charge == GRID.integrate(expected.density)


# Numbers that belong together


@pytest.mark.parametrize(("m_eff", "eps_r"), [(0.067, 1e-99), (1e-99, 12.9), (0.067, 1e99), (1e99, 1e99), (1e40, 1.0)])
def test_materials_whose_units_vanish_or_overflow_are_refused(m_eff, eps_r):
    with pytest.raises(
        ValueError, match="^material: expected an effective (Bohr radius|Hartree energy) in .* m_eff = "
    ):
        Material(m_eff, eps_r)


@pytest.mark.parametrize("extent", [1e-20, 1e-12, 1e14, 1e90])
def test_squares_that_do_not_fit_the_material_are_refused(extent):
    for call in (lambda g: solve(V, g, 1, GAAS, 2), lambda g: finite_difference_levels(V, g, GAAS, 2)):
        with pytest.raises(ValueError, match="^grid.extent: expected .* Bohr radii, got .* units"):
            call(Grid(8, extent))


@pytest.mark.parametrize("height", [1e19, -1e19, 1e300])
def test_potentials_beyond_all_digits_are_refused(height):
    v = V.copy()
    v[2, 3] = height
    for call in (lambda: solve(v, GRID, 1, GAAS, 2), lambda: finite_difference_levels(v, GRID, GAAS, 2)):
        with pytest.raises(ValueError, match="^V: expected"):
            call()


@pytest.mark.parametrize("height", [1e3, 1e6, 1e12])
def test_high_walls_are_not(height):
    well = np.where(np.arange(8) % 7 == 0, height, 0.0)
    v = np.maximum.outer(well, well)
    assert np.isfinite(solve(v, GRID, 2, GAAS, 3).energy)
    assert np.isfinite(finite_difference_levels(v, GRID, GAAS, 2)).all()


@pytest.mark.parametrize("thickness", [0.0, 5e-324, 1e-200, 1e-90, 1e-6, 1.0, 1e6, 1e90])
@pytest.mark.parametrize("screening", [None, 1e-90, 1e-6, 1.0, 1e6, 1e90])
def test_interactions_of_any_lengths_take_little_memory(screening, thickness):
    interaction, grid = Interaction(screening, thickness), Grid(32, 30.0)
    assert interaction.in_units(GAAS.bohr).kernel_bytes(grid.n, GAAS.in_bohr(grid.sides)) < 2**28
    solution = solve(np.zeros((32, 32)), grid, 2, GAAS, 3, interaction=interaction)
    assert solution.interaction >= -1e-12


@pytest.mark.parametrize(("screening", "thickness"), [(1e-99, 0.0), (1e99, 0.0), (None, 1e99)])
def test_interactions_beyond_the_units_are_refused(screening, thickness):
    name = "screening" if screening else "thickness"
    with pytest.raises(ValueError, match=rf"^interaction.{name}: expected a length in .* effective Bohr radii, got "):
        Interaction(screening, thickness).in_units(1e-5 if (screening or thickness) > 1 else 1e5)


def test_an_interaction_that_vanishes_within_the_square_is_integrated_as_before():
    """The integral ends where exp(-r / screening) is 0: the same as one to the end of the square."""
    k = np.linspace(0.0, 5.0, 7)
    short = Interaction(0.01, 0.001)
    np.testing.assert_allclose(short.fourier(k, 7.0), short.fourier(k, 70.0), rtol=1e-12)
    # int v(r) d^2r = 2 pi lambda exp(...) erfc-like; for no thickness 2 pi lambda / sqrt(1 + (k lambda)^2)
    plain = Interaction(0.01)
    np.testing.assert_allclose(plain.fourier(k, 100.0), 2 * np.pi * 0.01 / np.hypot(1, 0.01 * k), rtol=1e-12)


def test_the_transform_of_the_interaction_is_counted():
    with pytest.raises(
        ValueError, match="^interaction: expected at most memory = 0.0001 GiB, got about .* for its Fourier"
    ):
        solve(np.zeros((64, 64)), Grid(64, 30.0), 1, GAAS, 1, memory=1e-4)


@pytest.mark.parametrize(("n_electrons", "n_orbitals"), [(400, 400), (1024, 1024), (1000, 1024)])
def test_spaces_beyond_all_floats_are_refused(n_electrons, n_orbitals):
    with pytest.raises(
        ValueError, match=rf"^n_orbitals: .* N = {n_electrons} in M = {n_orbitals} .* 1e\d+ determinants"
    ):
        solve(np.zeros((64, 64)), Grid(64, 30.0), n_electrons, GAAS, n_orbitals)


def test_too_many_states_are_blamed():
    with pytest.raises(ValueError, match="for 4000 states.* Lower n_orbitals, n_states or n_electrons"):
        solve(V, GRID, 4, GAAS, 12, n_states=4000)


@pytest.mark.parametrize(("n_electrons", "n_orbitals", "most"), [(2, 8, 64), (1, 3, 3), (3, 2, 2)])
def test_states_that_are_not_there_are_refused(n_electrons, n_orbitals, most):
    with pytest.raises(ValueError, match=rf"n_states: expected a whole number in 1 ... {most}, got {most + 1}. N = "):
        solve(V, GRID, n_electrons, GAAS, n_orbitals, n_states=most + 1)
    assert np.isfinite(solve(V, GRID, n_electrons, GAAS, n_orbitals, n_states=most, estimate=False).spins).all()


@pytest.mark.parametrize("degeneracy", [-1e-9, np.nan, np.inf, "1e-9", True])
def test_a_distance_of_levels_is_a_number(degeneracy):
    with pytest.raises(ValueError, match="degeneracy: "):
        solve(V, GRID, 2, GAAS, degeneracy=degeneracy)


@pytest.mark.parametrize("number", [np.int8, np.int16, np.float32])
def test_small_numpy_numbers_do_not_overflow(number):
    whole = np.int8 if number is np.float32 else number
    v = np.random.default_rng(0).normal(size=(100, 100)) / 10
    grid, material = Grid(whole(100), number(30)), Material(number(1), number(12))
    a = solve(v, grid, whole(2), material, whole(5), n_modes=whole(12), memory=number(6))
    b = solve(v, Grid(100, 30.0), 2, Material(1.0, 12.0), 5, n_modes=12, memory=6.0)
    np.testing.assert_array_equal(a.density, b.density)
    assert type(Grid(whole(100), number(30)).n) is int


def test_flat_masks_cannot_be_scaled():
    family = potentials.MaskedNoise(**(vars(WELL) | {"v_max": 0.5, "blob_size": 1.0, "mask_blur": 0.0}))
    with pytest.raises(ValueError, match="^potential.v_max: .* flat .* Raise blob_size"):
        family(GRID)


@pytest.mark.parametrize("outline", [[[0, 0], [1, 1]], [[0, 0], [0, 0], [1, 1]], [[0, 0], [1, 0], [0, 1], [0, 0]]])
def test_outlines_have_three_corners(outline):
    with pytest.raises(ValueError, match="^potential.outline: expected at least 3 corners"):
        potentials.MaskedNoise(**(vars(WELL) | {"outline": np.array(outline)}))
