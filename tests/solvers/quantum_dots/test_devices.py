"""Devices of YAML and GDS: potentials, lever arms against first-order perturbation theory, errors, datasets."""

import re

import numpy as np
import pytest
import yaml
from analytic import GAAS
from matplotlib.path import Path
from scipy.interpolate import RegularGridInterpolator
from small import ROOT, SMALL_DATA, configuration

from qd_pix2pix.fields import checksum
from qd_pix2pix.systems import make_recipe
from solvers import Device, Gate, Grid, exchange_sweep, hubbard, lever_arms, load_device, save_device, stability_diagram
from solvers.quantum_dots.potentials import Gates

DOUBLE = {
    "gas_depth": 50.0,
    "window": {"origin": [900.0, -100.0], "extent": 200},
    "gates": [
        {"name": "P1", "voltage": 0.05, "rectangle": [940, 985, -30, 30]},
        {"name": "P2", "voltage": 0.05, "rectangle": [1015, 1060, -30, 30]},
        {"name": "B", "voltage": -0.02, "polygon": [[990, -60], [1010, -60], [1010, 60], [990, 60]]},
    ],
}


@pytest.fixture(scope="module")
def device():
    return load_device(DOUBLE)


def changed(**changes):
    """The mapping with other gates or keys; a key that is None is left out."""
    return {key: value for key, value in (DOUBLE | changes).items() if value is not None}


def gate(**keys):
    return {"gates": [{"name": "P1", "rectangle": [940, 985, -30, 30]} | keys]}


def yaml_of(folder, **lines):
    """A file of one gate, with other lines."""
    stated = {"gas_depth": "50.0", "window": "{origin: [0, 0], extent: 100}"} | lines
    text = "\n".join(f"{key}: {value}" for key, value in stated.items())
    path = folder / "device.yaml"
    path.write_text(text + "\ngates: [{name: P, voltage: 5e-2, rectangle: [20, 8E+1, .3e2, 70]}]", encoding="utf-8")
    return path


def test_numbers_of_yaml_may_have_powers_of_ten_without_a_point(tmp_path):
    found = load_device(yaml_of(tmp_path, gas_depth="5e1", offset="-1e-3"))
    assert (found.gas_depth, found.offset, found.voltages) == (50.0, -0.001, {"P": 0.05})
    np.testing.assert_array_equal(found.gates[0].polygons[0][[0, 2]], [[20, 30], [80, 70]])


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ({"window": "{origin: [0, 0], extent: 100, origin: [1, 1]}"}, "origin"),
        ({"offset": "0.0\ngas_depth: 60.0"}, "gas_depth"),
    ],
)
def test_a_key_that_is_given_twice_is_refused(tmp_path, lines, key):
    with pytest.raises(ValueError, match=f"^device: expected a YAML file that can be read, got .* the key {key} twice"):
        load_device(yaml_of(tmp_path, **lines))


@pytest.mark.parametrize("number", ["0200", "-010", "1:30", "1:30.5"])
def test_numbers_that_yaml_reads_to_another_base_are_refused(tmp_path, number):
    with pytest.raises(ValueError, match=rf"^device: expected a YAML file .* a decimal number, got {number} "):
        load_device(yaml_of(tmp_path, window=f"{{origin: [0, 0], extent: {number}}}"))


# Potentials


def test_the_window_places_the_dot(device):
    grid = device.grid(20)
    assert grid == Grid(20, 200.0)
    edges = [[-60.0, -15.0, -30.0, 30.0], [15.0, 60.0, -30.0, 30.0], [-10.0, 10.0, -60.0, 60.0]]
    expected = Gates(np.array(edges), np.array([-0.3, -0.05, 0.02]), 50.0)(grid)
    np.testing.assert_allclose(device.potential({"P1": 0.3})(grid), expected, atol=1e-14)


STACK = {
    "gas_depth": 40.0,
    "window": {"origin": [0.0, 0.0], "extent": 240},
    "gates": [  # a screening gate with a slit, plungers across it, and a barrier above all, which encloses one of them
        {"name": "S", "voltage": -0.3, "polygons": [
            [[0, 0], [240, 0], [240, 80], [0, 80]], [[0, 150], [240, 170], [240, 240], [0, 240]],
        ]},
        {"name": "P1", "voltage": 0.5, "level": 1, "polygon": [[60, 40], [110, 50], [100, 200], [50, 190]]},
        {"name": "P2", "voltage": 0.4, "level": 1, "polygon": [[140, 95], [180, 95], [180, 125], [140, 125]]},
        {"name": "B", "voltage": 0.2, "level": 2, "rectangle": [90, 230, 60, 180]},
    ],
}  # fmt: skip


def test_lower_gates_screen_upper_ones():
    """The potential of the surface, painted from the top level to the lowest one, and continued to the gas."""
    pytest.importorskip("gdstk")
    device = load_device(STACK)
    found = device.potential({})(device.grid(20))
    step, wide = 2.0, 2000.0
    cells = int(wide / step)
    x = y = (np.arange(cells) + 0.5) * step - (wide - 240.0) / 2
    surface, pixels = np.zeros((cells, cells)), np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    for entry in sorted(STACK["gates"], key=lambda gate: -gate.get("level", 0)):
        corners = [[90, 60], [230, 60], [230, 180], [90, 180]] if entry["name"] == "B" else entry.get("polygon")
        shapes = entry.get("polygons", [corners])
        for shape in shapes:
            surface[Path(shape).contains_points(pixels).reshape(surface.shape)] = entry["voltage"]
    k = 2 * np.pi * np.fft.fftfreq(cells, step)
    decay = np.exp(-40.0 * np.hypot(k[:, None], k))
    gas = np.fft.ifft2(np.fft.fft2(surface) * decay).real
    points = device.grid(20).mesh()
    expected = -RegularGridInterpolator((x, y), gas)(np.stack(points, -1))
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert np.ptp(found) > 0.15
    assert len(device.gates[3].polygons) > 1, "no outline of the barrier goes around the plunger"


def test_levels_that_do_not_overlap_change_nothing(device):
    raised = [{**entry, "level": level} for entry, level in zip(DOUBLE["gates"], (2, 1, 0), strict=True)]
    grid = device.grid(12)
    np.testing.assert_array_equal(load_device(changed(gates=raised)).responses(grid), device.responses(grid))


def test_a_function_of_voltages_is_the_potential(device):
    grid = device.grid(12)
    v_of = device.V_of("P2", {"P1": 1.0, "B": -0.5}, grid=grid, voltages={"B": 0.1})
    voltages = {"P2": 0.4, "P1": 0.05 + 0.2, "B": 0.1 - 0.5 * 0.2}
    np.testing.assert_allclose(v_of(0.4, 0.2), device.potential(voltages)(grid), atol=1e-14)
    with pytest.raises(ValueError, match=r"^numbers: expected .* of shape \(2,\)"):
        v_of(0.4)


def test_holes_see_voltages_of_the_other_sign(device):
    holes, grid = load_device(changed(carriers="holes", offset=0.01)), device.grid(12)
    np.testing.assert_allclose(holes.potential()(grid) - 0.01, -device.potential()(grid), atol=1e-15)
    np.testing.assert_allclose(holes.V_of("B", grid=grid)(0.1), holes.potential({"B": 0.1})(grid), atol=1e-15)


def test_a_diagram_takes_the_function(device):
    v_of = device.V_of("P1", "P2", grid=device.grid(12))
    dots = [[62.5, 100.0], [137.5, 100.0]]
    grid, cheap = device.grid(12), {"cells": 1, "divisions": 0, "n_orbitals": 2, "refinements": 0, "cusp": False}
    found = stability_diagram(v_of, (0.0, 0.1), (0.0, 0.1), 1, grid, GAAS, mu=-0.003, dots=dots, **cheap)
    assert found.configurations == [(0, 0), (0, 1), (1, 0), found.configurations[3]]


# Lever arms


def test_lever_arms_are_those_of_first_order_perturbation_theory(device):
    """The sum over the sites is the trace of a gate's potential in the lowest states, whatever the rotation."""
    grid = device.grid(24)
    found = lever_arms(device, None, grid, GAAS)
    sites = hubbard(device.potential()(grid), grid, GAAS, compare=False)
    expected = np.einsum("pij,gij->g", sites.orbitals**2, device.responses(grid)) * grid.cell_area
    assert found.names == ("P1", "P2", "B") and found.matrix.shape == (2, 3)
    np.testing.assert_allclose(found.matrix.sum(0), expected, rtol=1e-5)
    np.testing.assert_allclose(found.matrix[0, :2], found.matrix[1, 1::-1], rtol=1e-6)  # a mirror
    assert (found.matrix < 0).all() and found.matrix[0, 0] < 2 * found.matrix[0, 1]
    assert (found.errors < 0.02 * np.abs(found.matrix)).all()
    np.testing.assert_allclose(found.matrix @ found.virtual, np.eye(2), atol=1e-12)
    assert (found.virtual_errors > 0).all() and (found.virtual_errors < 0.05 * np.abs(found.virtual).max()).all()


def test_a_virtual_gate_shifts_the_sites_as_stated(device):
    grid = device.grid(24)
    arms = lever_arms(device, {"P1": 0.06, "P2": 0.05}, grid, GAAS)
    family = device.V_of(arms.knob(0.5, -0.5), grid=grid, voltages={"P1": 0.06, "P2": 0.05})
    before, after = (
        hubbard(family(number), grid, GAAS, compare=False).couplings.site_energy for number in (-5e-5, 5e-5)
    )
    np.testing.assert_allclose(after - before, [5e-5, -5e-5], rtol=2e-3)
    with pytest.raises(ValueError, match=r"^shifts: expected an array of numbers of shape \(2,\)"):
        arms.knob(1.0)


def test_error_bars_of_lever_arms_contain_a_finer_grid(device):
    coarse, fine = (lever_arms(device, {"P1": 0.06, "B": -0.01}, device.grid(n), GAAS) for n in (16, 32))
    assert coarse.names == ("P1", "B")
    assert (np.abs(coarse.matrix - fine.matrix) <= coarse.errors + fine.errors).all()


def test_a_plain_function_has_gates_with_numbers():
    grid = Grid(16, 100.0)
    x, y = (c - 50.0 for c in grid.mesh())
    wells = [np.exp(-((x - a) ** 2 + y**2) / 400) for a in (-18, 18)]
    found = lever_arms(lambda a, b: -a * wells[0] - b * wells[1], [0.03, 0.031], grid, GAAS, step=1e-4)
    assert found.names == ("gate 1", "gate 2") and (found.matrix < 0).all()
    with pytest.raises(ValueError, match="^voltages: expected a mapping"):
        lever_arms(load_device(DOUBLE), [0.1], load_device(DOUBLE).grid(8), GAAS)


# Files


def test_a_device_is_written_and_read(device, tmp_path):
    read = load_device(save_device(device, tmp_path / "new" / "device.yaml"))
    assert read.names == device.names and read.voltages == device.voltages
    grid = device.grid(10)
    np.testing.assert_array_equal(read.potential()(grid), device.potential()(grid))


def test_the_example_of_the_page_is_a_device():
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/gates.md").read_text("utf-8"), re.S)
    content = yaml.safe_load(text)
    assert content.pop("gds") == {"path": "chip.gds", "cell": "TOP"}
    assert load_device(content | {"gates": content["gates"][:2]}).names == ("P1", "P2")
    with pytest.raises(ValueError, match="gates.B.layer: expected the key gds"):
        load_device(content)


@pytest.fixture
def layout(tmp_path):
    """The double dot in micrometres, with plungers in a cell of their own, and a square with a hole."""
    gdstk = pytest.importorskip("gdstk")
    library = gdstk.Library(unit=1e-6, precision=1e-12)
    top, plunger = library.new_cell("TOP"), library.new_cell("PLUNGER")
    plunger.add(gdstk.rectangle((-0.0225, -0.03), (0.0225, 0.03), layer=5))
    top.add(gdstk.Reference(plunger, (0.9625, 0.0)), gdstk.Reference(plunger, (1.0375, 0.0)))
    top.add(gdstk.Label("P1", (0.96, 0.0)), gdstk.Label("P2", (1.04, 0.01)), gdstk.Label("far", (9.0, 0.0)))
    top.add(gdstk.Polygon([(0.99, -0.06), (1.01, -0.06), (1.01, 0.0), (0.99, 0.0)], layer=7, datatype=2))
    top.add(gdstk.Polygon([(0.99, -0.01), (1.01, -0.01), (1.01, 0.06), (0.99, 0.06)], layer=7, datatype=2))
    frame = gdstk.boolean(gdstk.rectangle((0.9, -0.1), (1.1, 0.1)), gdstk.rectangle((0.92, -0.08), (1.08, 0.08)), "not")
    top.add(*(gdstk.Polygon(p.points, layer=8) for p in frame))
    library.write_gds(tmp_path / "chip.gds")
    gates = [
        {"name": "P1", "voltage": 0.05, "layer": 5, "label": "P1"},
        {"name": "P2", "voltage": 0.05, "layer": [5, 0], "label": "P2"},
        {"name": "B", "voltage": -0.02, "layer": [7, 2]},
    ]
    content = DOUBLE | {"gds": "chip.gds", "gates": gates}
    (tmp_path / "device.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return tmp_path / "device.yaml"


def test_a_layout_is_the_same_device(layout, device):
    grid, read = device.grid(16), load_device(layout)
    np.testing.assert_allclose(read.responses(grid), device.responses(grid), atol=1e-9)  # parts overlap, and are joined
    np.testing.assert_allclose(read.potential()(grid), device.potential()(grid), atol=1e-10)
    again = load_device(save_device(read, layout.parent / "corners.yaml"))
    np.testing.assert_array_equal(again.responses(grid), read.responses(grid))


def test_a_layer_with_a_hole_is_a_frame(layout, device):
    content = yaml.safe_load(layout.read_text("utf-8")) | {"gates": [{"name": "F", "layer": 8}]}
    (layout.parent / "frame.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    found = load_device(layout.parent / "frame.yaml").responses(device.grid(16))[0]
    edges = np.array([[-100.0, 100, -100, 100], [-80, 80, -80, 80]])
    np.testing.assert_allclose(found, -Gates(edges, np.array([1.0, -1.0]), 50.0)(device.grid(16)), atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": 9}, r"gates.P1.layer: expected a layer of .*chip.gds out of \[5, 0\], \[7, 2\], \[8, 0\]; got 9"),
        ({"layer": 5, "label": "Q"}, "gates.P1.label: expected a text of .*chip.gds, which has P1, P2, far; got 'Q'"),
        ({"layer": 5, "label": "far"}, "gates.P1.label: expected 'far' in a polygon of layer 5, got it in none"),
        ({"layer": 5, "label": 1}, "gates.P1.label: expected a text, in quotes where YAML reads another kind, got 1"),
        ({"layer": "top"}, "gates.P1.layer: expected a whole number"),
    ],
)
def test_what_a_layout_lacks_is_named(layout, change, message):
    content = yaml.safe_load(layout.read_text("utf-8")) | {"gates": [{"name": "P1"} | change]}
    layout.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_device(layout)


@pytest.mark.parametrize(
    ("gds", "message"),
    [
        ({"path": "chip.gds", "cell": "no"}, "gds.cell: expected one of PLUNGER, TOP; got 'no'"),
        ("nowhere.gds", "gds.path: expected a GDS file that can be read, got .*nowhere.gds"),
        ("device.yaml", "gds.path: expected a GDS file that can be read, got .*device.yaml"),
        ({"cell": "TOP"}, "gds: expected the key path, got cell"),
    ],
)
def test_a_layout_that_is_not_there_is_named(layout, gds, message):
    layout.write_text(yaml.safe_dump(yaml.safe_load(layout.read_text("utf-8")) | {"gds": gds}), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_device(layout)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gas_depth": None}, r"^device: expected the key gas_depth \(nm\), got window, gates"),
        ({"gas_depth": -5.0}, "^gas_depth: expected"),
        ({"depth": 5.0}, "^device: expected keys out of gas_depth, .* got 'depth'"),
        ({"window": {"extent": 200}}, "^window: expected the key origin, got extent"),
        (
            {"window": {"origin": [900, -100], "extent": "wide"}},
            r"^window.extent: expected a positive number, got 'wide'. ",
        ),
        (
            {"window": {"origin": [900, -100], "extent": (200, 100, 50)}},
            r"^window.extent: expected an array .* \(200, 1",
        ),
        ({"carriers": "ions"}, "^carriers: expected one of electrons, holes; got 'ions'"),
        ({"gates": []}, "^gates: expected a list of gates"),
        ({"gates": 2 * gate()["gates"]}, "^gates: expected a different name for each gate, got 'P1' twice"),
        (gate(rectangle=None), "^gates.P1: expected one outline out of .*; got none"),
        (gate(polygon=[[0, 0], [1, 0], [0, 1]]), "^gates.P1: expected one outline out of .*; got rectangle, polygon"),
        (gate(rectangle=[985, 940, -30, 30]), "^gates.P1.rectangle: expected .left, right, bottom, top. with left < r"),
        (gate(rectangle=None, polygon=[[950, 0], [960, 0]]), "^gates.P1: expected three corners"),
        (gate(rectangle=None, polygon=[[950, 0], [990, 40], [990, 0], [950, 40]]), "^gates.P1: .* do not cross"),
        (
            gate(rectangle=[-60, -15, -30, 30]),
            "^gates.P1: expected a gate in or near the window x = 900 ... 1100, y = ",
        ),
        (
            gate(rectangle=None, polygons=[[[940, 0], [980, 0], [980, 30]], [[960, -20], [970, -20], [970, 50]]]),
            r"^gates.P1: expected polygons that do not overlap, .* from \(940, 0\) to \(980, 30\) nm and one",
        ),
        (
            {"gates": [*DOUBLE["gates"], {"name": "S", "rectangle": [945, 980, -10, 10], "level": 1}]},
            "^gates.S.level: expected a gate that lower ones do not cover",
        ),
        (gate(level=-1), r"^gates.P1.level: expected"),
        (
            {"gates": [*DOUBLE["gates"], {"name": "S", "rectangle": [970, 1030, -10, 10]}]},
            r"^gates.S: expected gates of one plane that do not overlap, got .* over P1, \(940, -30\)",
        ),
        (gate(rectangle=None, layer=5), "^gates.P1.layer: expected the key gds with the path of a layout, got none"),
        (gate(voltage="high"), "^gates.P1.voltage: expected a number"),
        (gate(shape="round"), r"^gates\[0\]: expected keys out of name, .*; got 'shape'"),
    ],
)
def test_bad_devices_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        load_device(changed(**changes))


def test_unknown_gates_and_other_windows_are_named(device):
    grid = device.grid(8)
    for call in (
        lambda: device.potential({"P3": 0.1}),
        lambda: device.V_of("P3", grid=grid),
        lambda: device.V_of("P1", grid=grid, voltages={"P3": 1.0}),
        lambda: device.V_of({"P3": 1.0}, grid=grid),
        lambda: lever_arms(device, {"P3": 0.1}, grid, GAAS),
    ):
        with pytest.raises(ValueError, match=r"^(voltages|knobs): expected names out of P1, P2, B; got 'P3'"):
            call()
    with pytest.raises(ValueError, match="^grid.extent: expected 200 x 200 nm, .* got 100 x 100. Use device.grid"):
        device.V_of("P1", grid=Grid(8, 100.0))
    with pytest.raises(ValueError, match="^knobs: expected the name of a gate, or weights of gates"):
        device.V_of({}, grid=grid)


def test_the_voltage_of_a_gate_is_one_number(device):
    grid = device.grid(8)
    for knobs in (("P1", "P1"), ("P1", {"P1": 0.5, "P2": -0.5}), ({"B": 1.0}, "B"), ("P2", "B", "P2")):
        with pytest.raises(ValueError, match=r"^knobs: expected '(P1|P2|B)' in one knob, .* got it in several; name"):
            device.V_of(*knobs, grid=grid)
    for knobs in (("P1", {"P1": 0.0, "P2": 1.0}), ({"P1": 1.0}, {"P1": 0.5, "P2": -0.5})):
        assert device.V_of(*knobs, grid=grid)(0.1, 0.2).shape == (8, 8)


def test_a_function_of_voltages_has_one_grid(device):
    family, other = device.V_of("P1", "P2", grid=device.grid(12)), Grid(12, 100.0)
    for call in (
        lambda: stability_diagram(family, (0.0, 0.1), (0.0, 0.1), 1, other, GAAS),
        lambda: exchange_sweep(family, (0.0, 0.1), other, GAAS, barrier=0.0),
        lambda: lever_arms(family, [0.0, 0.0], other, GAAS),
    ):
        with pytest.raises(ValueError, match=r"^grid: expected that of the function of voltages, Grid\(n=12"):
            call()


def test_a_gate_without_polygons_is_named():
    with pytest.raises(ValueError, match="^gates.A: expected a list of polygons"):
        Gate("A", [])
    with pytest.raises(ValueError, match="^gates: expected a list of gates"):
        Device([], 1.0, (0.0, 0.0), (1.0, 1.0))


# Datasets


def recipe(path, *words):
    kept = [word for word in SMALL_DATA if not word.startswith("potential")]
    given = [f"potential.path={path}", *words]
    if not any("voltages" in word for word in words):
        given.append("potential.voltages={P1: [0.02, 0.06], B: [-0.1, 0.0]}")
    return make_recipe(
        configuration("generate", *kept, "potential=device", "data.grid.n=16", "data.grid.extent=200", *given)["data"]
    )


def test_a_dataset_has_random_voltages(device, tmp_path):
    path = save_device(device, tmp_path / "device.yaml")
    made = recipe(path)
    made.rehearse()
    assert made.potential.sha256 == checksum(path) and made.schema.family == "device.yaml"
    drawn = np.stack([made.draw("train", i) for i in range(40)])
    responses = device.responses(made.grid).reshape(3, -1)
    fitted = np.linalg.lstsq(responses.T, drawn.reshape(40, -1).T, rcond=None)[0]
    np.testing.assert_allclose(responses.T @ fitted, drawn.reshape(40, -1).T, atol=1e-12)
    np.testing.assert_allclose(fitted[1], 0.05, atol=1e-9)
    for values, low, high in ((fitted[0], 0.02, 0.06), (fitted[2], -0.1, 0.0)):
        assert low <= values.min() < low + 0.2 * (high - low) and high - 0.2 * (high - low) < values.max() <= high


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("potential.path=null", "potential.path: expected the path of a YAML file with a device"),
        ("potential.voltages=null", "potential.voltages: expected ranges .* by the names of gates"),
        ("potential.voltages={P9: [0, 1]}", "potential.voltages: expected names out of P1, P2, B; got 'P9'"),
        ("potential.voltages={P1: [1, 0]}", "potential.voltages.P1: expected .low, high. with low <= high"),
        ("potential.sha256=abc", "potential.sha256: expected [0-9a-f]{64}, that of .*device.yaml, got abc"),
        ("data.grid.extent=30", "grid.extent: expected 200 x 200 nm, that of the window of the device, got 30 x 30"),
    ],
)
def test_bad_settings_of_a_dataset_are_named(device, tmp_path, change, message):
    path = save_device(device, tmp_path / "device.yaml")
    with pytest.raises(ValueError, match=message):
        recipe(path, change).rehearse()


def test_a_dataset_needs_the_corners_of_a_layout(layout):
    with pytest.raises(ValueError, match="potential.path: expected a device with the corners of its gates, .* Write"):
        recipe(layout)
