"""Networks in reduced units for dots in nm and eV: exact symmetries of the physics, whatever the weights."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import call, configuration

from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.inference.dots import DotPrediction, DotSurrogate, allowed_spins
from qd_pix2pix.inference.export import Exported, description
from qd_pix2pix.inference.pretrained import from_pretrained
from qd_pix2pix.inference.reduced import per_sample, verdicts
from qd_pix2pix.inference.weights import load_predictor, save_weights
from qd_pix2pix.mapping.kohn_sham import KohnSham
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.schema import LARGEST_ERROR, LIKE, UNLIKE
from qd_pix2pix.training.settings import untrained
from solvers import PRESETS, Grid, Material, solve

WORDS = [
    "experiment=universal", "data.n=32", "network.channels=[2,3]", "network.blocks=[1,1]", "data.n_electrons=[1,2,3]",
    "data.weights=null", "data.coupling=[0.5,50.0]",
]  # fmt: skip
SEEN = {"n_electrons": (1.0, 3.0), "coupling": (0.5, 50.0)}
GAAS = {"n_electrons": 2, "material": "gaas", "extent": 100.0}
VIEWS = {
    "reversed": lambda V: V[:, ::-1],
    "turned": lambda V: np.rot90(V, axes=(1, 2)),
    "strided": lambda V: np.repeat(V, 2, axis=2)[..., ::-2],
    "big-endian": lambda V: V.astype(">f8"),
    "long": lambda V: V.astype(np.longdouble),
    "broadcast": lambda V: np.broadcast_to(V[0], V.shape),
}


@pytest.fixture(scope="module")
def surrogate():
    """A network of random weights that predicts all of a dot."""
    torch.manual_seed(0)
    model = untrained(configuration("train", *WORDS))
    for weight in model.predictor.network.parameters():  # the last convolutions start at zero
        torch.nn.init.normal_(weight, std=0.1)
    statistics = {n: {**s, "mean": 1.0} for n, s in model.card.statistics.items()}
    statistics |= {n: {**statistics[n], "min": low, "max": high} for n, (low, high) in SEEN.items()}
    return DotSurrogate(model.predictor.eval(), replace(model.card, statistics=statistics), "cpu")


def wells(n=32, extent=100.0, depth=0.05):
    """A double dot with an offset, (n, n) in eV."""
    x, y = Grid(n, extent).mesh()
    left, right = (np.exp(-((x / extent - c) ** 2 + (y / extent - 0.5) ** 2) / 0.15**2) for c in (0.35, 0.65))
    return 0.3 - depth * (left + 0.8 * right)


def test_all_outputs_have_the_leading_axes_of_the_potential(surrogate):
    p = surrogate(np.stack([[wells(), wells(depth=0.1)]] * 3), **GAAS)
    assert isinstance(p, DotPrediction) and p.density.shape == (3, 2, 32, 32)
    for values in (p.density_error, p.energy, p.energy_error, p.gap, p.gap_error, p.spin, p.verdict):
        assert values.shape == (3, 2)
    one = surrogate(wells(), **GAAS)
    assert one.density.shape == (32, 32) and one.energy.shape == () and one.verdict.shape == ()


def test_charge_is_conserved_on_any_number_of_points(surrogate):
    for n in (32, 50, 128):
        p = surrogate(wells(n), **GAAS)
        assert p.density.shape == (n, n) and p.density.min() >= 0
        assert p.density.sum() * Grid(n, 100.0).cell_area == pytest.approx(2, rel=1e-5)


@pytest.mark.parametrize(
    ("offset", "extent", "depth"), [(0.05, 100.0, 0.05), (-100.0, 100.0, 0.05), (50.0, 900.0, 1e-4)]
)
def test_an_offset_moves_the_energy_only(surrogate, offset, extent, depth):
    V, given = wells(extent=extent, depth=depth), GAAS | {"extent": extent}
    straight, moved = surrogate(V, **given), surrogate(V + offset, **given)
    np.testing.assert_allclose(moved.density, straight.density, rtol=1e-4, atol=1e-5 * straight.density.max())
    assert moved.energy - straight.energy == pytest.approx(2 * offset, abs=1e-6 * depth)
    assert moved.gap == pytest.approx(float(straight.gap), rel=1e-4)
    assert moved.energy_error == pytest.approx(float(straight.energy_error), rel=1e-3), "not a share of the offset"


def test_networks_without_estimates_of_numbers_have_none(surrogate, tmp_path):
    """Files of before: their cards do not name the numbers, and they hold no calibration of them."""
    card = replace(surrogate.card, estimated=[])
    weights = {n: v for n, v in surrogate.predictor.weights().items() if not n.startswith("number_errors")}
    before = Predictor(card)
    before.load_weights(weights)
    save_weights(tmp_path / "before.safetensors", before, card)
    p = from_pretrained(tmp_path / "before.safetensors", "cpu")(wells(), **GAAS)
    now = surrogate(wells(), **GAAS)
    assert np.isnan(p.energy_error) and np.isnan(p.gap_error)
    assert p.energy == now.energy and p.density_error == now.density_error and now.energy_error > 0


@pytest.mark.parametrize("m_eff, eps_r", [(0.02, 15.0), (0.5, 5.0)])
def test_material_and_size_are_exact_symmetries(surrogate, m_eff, eps_r):
    """The same v, N and L / a_0* in another material: densities scale as 1 / L^2, energies as 1 / m* L^2."""
    gaas, other = Material(0.067, 12.9), Material(m_eff, eps_r)
    extent = 100.0 / gaas.bohr * other.bohr
    unit = 0.067 * 100.0**2 / (m_eff * extent**2)
    first = surrogate(wells(), **GAAS)
    second = surrogate(wells() * unit, n_electrons=2, m_eff=m_eff, eps_r=eps_r, extent=extent)
    np.testing.assert_allclose(second.density * extent**2, first.density * 100.0**2, rtol=1e-3, atol=1e-4)
    assert second.energy == pytest.approx(float(first.energy) * unit, rel=1e-4)
    assert second.density_error == pytest.approx(float(first.density_error), rel=1e-3)
    for name in ("energy_error", "gap_error"):
        assert getattr(second, name) == pytest.approx(float(getattr(first, name)) * unit, rel=1e-3)


def test_resampling_keeps_a_smooth_potential(surrogate):
    coarse, fine = surrogate(wells(32), **GAAS), surrogate(wells(64), **GAAS)
    averaged = fine.density.reshape(32, 2, 32, 2).mean((1, 3))
    assert np.abs(averaged - coarse.density).sum() / coarse.density.sum() < 0.02
    assert fine.energy == pytest.approx(float(coarse.energy), rel=1e-3)
    noise = np.random.default_rng(0).normal(size=(64, 64))
    with pytest.warns(UserWarning, match=r"resampling to 32 × 32 points changes 1 dot by up to .* % of the range"):
        p = surrogate(np.stack([noise, wells(64)]), **GAAS)
    unfamiliar = surrogate.predict(np.stack([noise, wells(64)]), **GAAS)["error"] > LARGEST_ERROR
    assert p.verdict[0] == UNLIKE and p.verdict[1] == (UNLIKE if unfamiliar[1] else LIKE), "one dot, not both"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        surrogate(wells(64), **GAAS)


@pytest.mark.parametrize("offset", [1e4, -1e6])
def test_an_offset_changes_no_verdict_of_a_resampled_potential(surrogate, monkeypatch, offset):
    """Single precision has steps of 0.001 eV at 10^4 eV, which are no lost detail."""
    monkeypatch.setattr("qd_pix2pix.inference.reduced.to_verify", lambda errors, unfamiliar: unfamiliar)
    V = wells(48, depth=0.01)
    assert surrogate(V, **GAAS).verdict == LIKE
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert surrogate(V + offset, **GAAS).verdict == LIKE


@pytest.mark.parametrize(
    "given, message",
    [
        ({"n_electrons": 2, "material": "gaas"}, "extent: this network serves all of them"),
        ({"n_electrons": 2, "extent": 30.0}, "material: this network serves all of them"),
        ({"material": "gaas", "extent": 30.0}, "n_electrons: this network serves all of them"),
        ({**GAAS, "n_electrons": 4}, "n_electrons: the network was trained for 1 ... 3, got 4"),
        ({**GAAS, "n_electrons": 2.5}, "n_electrons"),
        ({**GAAS, "extent": -3.0}, "extent"),
        ({**GAAS, "material": "kryptonite"}, "material: expected one of"),
        ({**GAAS, "material": None, "m_eff": 0.1}, "material: this network serves all of them"),
        ({**GAAS, "colour": 3}, "colour: quantum dots have no such condition"),
    ],
)
def test_missing_and_impossible_conditions_are_named(surrogate, given, message):
    with pytest.raises(ValueError, match=message):
        surrogate(wells(), **given)


def test_numbers_replace_those_of_a_material_in_any_order(surrogate):
    first = surrogate(wells(), n_electrons=2, material="gaas", m_eff=0.1, extent=100.0)
    second = surrogate(wells(), n_electrons=2, m_eff=0.1, material="gaas", extent=100.0)
    third = surrogate(wells(), n_electrons=2, m_eff=0.1, eps_r=12.9, extent=100.0)
    assert first.energy == second.energy == third.energy != surrogate(wells(), **GAAS).energy


def test_too_few_points_are_refused(surrogate):
    with pytest.raises(ValueError, match="input: expected at least 16 points along each axis, got 8 × 8 points"):
        surrogate(wells(8), **GAAS)


def test_walls_beyond_all_digits_are_refused(surrogate):
    """The unit of V is hbar^2 / (m* L^2) = 0.1137 meV for 100 nm of GaAs."""
    walls = wells()
    walls[0] = 1e15
    assert np.isfinite(surrogate(walls, **GAAS).energy)
    for V in (1e34, 2e16):
        walls[0] = V
        with pytest.raises(ValueError, match=r"input: expected V of at most 1.14e\+16 eV above its minimum, got"):
            surrogate(walls, **GAAS)
        with pytest.raises(ValueError, match="expected V of at most"):
            surrogate(torch.tensor(walls), **GAAS)


def test_conditions_are_numbers_or_arrays_that_hold_one(surrogate):
    given = {"n_electrons": np.array(2), "m_eff": np.array(0.067), "eps_r": np.array(12.9), "extent": np.array(100.0)}
    assert surrogate(wells(), **given).energy == surrogate(wells(), **GAAS).energy
    pair = surrogate(long_wells(), **GAAS | {"extent": np.array([100.0, 50.0])})
    assert pair.energy == surrogate(long_wells(), **RECTANGLE).energy


def test_a_coupling_outside_training_is_reported(surrogate):
    with pytest.warns(UserWarning, match="effective Bohr radii, L / a_0"):
        p = surrogate(wells(extent=3000.0), n_electrons=2, material="gaas", extent=3000.0)
    assert p.verdict == UNLIKE


def test_verdicts_follow_the_estimated_error():
    assert verdicts(np.array([0.01, 0.2])).tolist() == [LIKE, UNLIKE]
    assert verdicts(np.array([0.01, 0.01]), np.array([True, False])).tolist() == [UNLIKE, LIKE]


RECTANGLE = GAAS | {"extent": (100.0, 50.0)}


def long_wells(shape=(32, 16)):
    """A double dot in a rectangle of 100 nm x 50 nm, (n_x, n_y) in eV."""
    x, y = Grid(shape, (100.0, 50.0)).mesh()
    left, right = (np.exp(-((x - c) ** 2 + (y - 25) ** 2) / 12.0**2) for c in (32.0, 68.0))
    return 0.3 - 0.05 * (left + 0.8 * right)


def test_rectangles_are_parts_of_squares(surrogate):
    for shape in ((32, 16), (64, 32), (50, 40)):
        p = surrogate(np.stack([long_wells(shape)] * 2), **RECTANGLE)
        assert p.density.shape == (2, *shape) and p.density.min() >= 0
        assert p.density[0].sum() * Grid(shape, (100.0, 50.0)).cell_area == pytest.approx(2, rel=1e-5)
    straight = surrogate(long_wells(), **RECTANGLE)
    turned = surrogate(long_wells().T.copy(), **RECTANGLE | {"extent": (50.0, 100.0)})
    np.testing.assert_allclose(turned.density.T, straight.density, rtol=2e-2, atol=1e-6)
    moved = surrogate(long_wells() + 0.05, **RECTANGLE)
    assert moved.energy - straight.energy == pytest.approx(2 * 0.05, abs=1e-6)
    assert surrogate(wells(), **GAAS | {"extent": (100.0, 100.0)}).energy == surrogate(wells(), **GAAS).energy
    averaged = surrogate(long_wells(), symmetrise=True, **RECTANGLE).density
    mirrored = surrogate(long_wells()[::-1].copy(), symmetrise=True, **RECTANGLE).density
    np.testing.assert_allclose(mirrored[::-1], averaged, rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize("points", [19, 21, 24, 27])
def test_mirror_images_of_a_rectangle_have_mirrored_predictions(surrogate, points):
    """With an odd number of points beside the rectangle it lay half a point beside the middle of the square."""
    given = GAAS | {"extent": (100.0, 100.0 * points / 32)}
    V = long_wells((32, points)) + 0.02 * np.linspace(0, 1, points)
    found = surrogate(V, **given)
    for axis in (0, 1):
        image = surrogate(np.flip(V, axis).copy(), **given)
        np.testing.assert_allclose(np.flip(image.density, axis), found.density, rtol=1e-3, atol=1e-7)
        np.testing.assert_allclose([image.energy, image.gap], [found.energy, found.gap], rtol=1e-4)


def test_conditions_may_be_tensors_beside_tensors(surrogate):
    V = torch.tensor(long_wells((32, 32)))
    given = {name: torch.tensor(value) if name != "material" else value for name, value in GAAS.items()}
    found, expected = surrogate(V, **given), surrogate(V, **GAAS)
    assert torch.equal(found.density, expected.density) and found.verdict == expected.verdict


def test_tensors_of_rectangles_have_a_gradient(surrogate):
    V = torch.tensor(long_wells(), requires_grad=True)
    p = surrogate(V, **RECTANGLE)
    np.testing.assert_allclose(p.density.detach(), surrogate(long_wells(), **RECTANGLE).density, rtol=1e-3, atol=1e-8)
    (gradient,) = torch.autograd.grad(p.density.square().sum(), V)
    assert gradient.shape == (32, 16) and float(gradient.abs().max()) > 0


@pytest.mark.parametrize(
    "extent, message",
    [
        (100.0, r"extent: expected the sides along x and y of 32 × 16 points, extent=\(L_x, L_y\), got 100"),
        ((100.0, 20.0), "extent: expected sides of at most 2 : 1, got 100 and 20. Extend the shorter side"),
        ((100.0, -50.0), "extent: expected an array of numbers"),
        ((100.0, 50.0, 20.0), "extent: expected an array of numbers"),
    ],
)
def test_the_sides_of_a_rectangle_are_two(surrogate, extent, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        surrogate(long_wells(), **GAAS | {"extent": extent})


def test_symmetries_hold_for_equal_wells_at_strong_coupling():
    """Rounding of one well against another must not choose where three electrons are."""
    surrogate, side = from_pretrained("universal", device="cpu"), 203.8
    x, y = Grid(64, 1.0).mesh()
    wells = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.0128) for a in (0.27, 0.73) for b in (0.27, 0.73))
    V = -100 * 0.0761996424 / (0.067 * side**2) * wells
    options = {"n_electrons": 3, "material": "gaas", "extent": side}
    stacked = np.stack([V, V[::-1], V.T, V + 1.0, V * (1 + 1e-9)])
    density = surrogate(stacked, **options).density
    density[1], density[2] = density[1][::-1].copy(), density[2].T.copy()
    moved = np.abs(density - density[0]).sum((1, 2)) / density[0].sum()
    assert moved.max() < 1e-4
    alone = surrogate(V, **options).density
    assert np.abs(alone - density[0]).sum() / alone.sum() < 1e-4


@pytest.mark.parametrize(("name", "largest"), [("universal", 0.005), ("universal-fast", 0.01)])
def test_the_shipped_networks_know_the_parabola_of_two_electrons(name, largest):
    """omega = 1 Ha*: E = 3 Ha* (Taut 1993); the density is that of full CI."""
    bohr, hartree, grid = 0.0529177 * 12.9 / 0.067, 27.2114 * 0.067 / 12.9**2, Grid(64, 100.0)
    x, y = grid.from_middle()
    V = hartree / 2 * (x[:, None] ** 2 + y**2) / bohr**2
    p = from_pretrained(name, "cpu")(V, n_electrons=2, material="gaas", extent=100.0)
    assert p.energy / hartree == pytest.approx(3, rel=0.01)
    assert p.spin == 0 and p.verdict.item() == "like training"
    density = solve(V, grid, 2, Material(0.067, 12.9), **PRESETS["converged"]).density
    assert np.abs(p.density - density).sum() / density.sum() < largest


@pytest.mark.slow
def test_the_shipped_network_serves_rectangles():
    """Double dots of 2 : 1 by full CI between hard walls, in both directions; nine of ten are within the estimate."""
    grid, material, network = Grid((64, 32), (160.0, 80.0)), Material(0.067, 12.9), from_pretrained("universal", "cpu")
    x, y = grid.from_middle()
    distances, strengths = np.meshgrid((20.0, 25.0, 30.0, 35.0, 40.0), (1e-5, 2e-5))
    V = np.stack([
        k * ((np.abs(x[:, None]) - d) ** 2 + y**2) for d, k in zip(distances.flat, strengths.flat, strict=True)
    ])  # fmt: skip
    solved = solve(V, grid, 2, material, **PRESETS["converged"]).density
    for turned in (False, True):
        v, density = (f.swapaxes(1, 2).copy() if turned else f for f in (V, solved))
        p = network(v, n_electrons=2, material="gaas", extent=(80.0, 160.0) if turned else (160.0, 80.0))
        errors = np.abs(p.density - density).sum((1, 2)) / density.sum((1, 2))
        assert errors.max() < 0.04
        assert (errors <= p.density_error).sum() >= 7, "fewer have a chance of 1 % at nine of ten"


def test_spins_are_those_of_the_number_of_electrons():
    assert allowed_spins(np.array([-0.2, 0.3, 0.8, 3.0]), 2).tolist() == [0, 0, 1, 1]
    assert allowed_spins(np.array([0.1, 0.9, 1.3]), 3).tolist() == [0.5, 0.5, 1.5]


def test_weights_keep_the_calibration(surrogate, tmp_path):
    surrogate.predictor.error_factor.fill_(1.7)
    before = surrogate(wells(), **GAAS)
    save_weights(tmp_path / "dots.safetensors", surrogate.predictor, surrogate.card)
    after = DotSurrogate(*load_predictor(tmp_path / "dots.safetensors"), "cpu")(wells(), **GAAS)
    assert after.density_error == before.density_error and np.array_equal(after.density, before.density)
    surrogate.predictor.error_factor.fill_(1.0)
    assert before.density_error == pytest.approx(1.7 * float(surrogate(wells(), **GAAS).density_error), rel=1e-6)


def test_predictions_turn_with_the_potential(surrogate):
    straight, turned = surrogate(wells(), **GAAS), surrogate(wells().T[::-1].copy(), **GAAS)
    np.testing.assert_allclose(turned.density, straight.density.T[::-1], rtol=2e-2, atol=1e-6)
    assert turned.energy == pytest.approx(float(straight.energy), rel=1e-4)


@pytest.mark.filterwarnings("error:The given NumPy array")
@pytest.mark.parametrize("view", VIEWS)
def test_views_are_the_array_that_they_show(surrogate, view):
    shown = VIEWS[view](np.stack([wells(), wells(depth=0.1).T]))
    found, expected = surrogate(shown, **GAAS), surrogate(np.array(shown, dtype=np.float64).copy(), **GAAS)
    np.testing.assert_array_equal(found.density, expected.density)
    np.testing.assert_array_equal(found.energy, expected.energy)


@pytest.fixture(scope="module")
def weights(surrogate, tmp_path_factory):
    """The network in a file."""
    path = tmp_path_factory.mktemp("weights") / "dots.safetensors"
    save_weights(path, surrogate.predictor, surrogate.card)
    return path


def test_a_file_in_other_units_gives_the_same_dot(surrogate, weights, tmp_path):
    """Columns x and y in um, V in meV, rows in any order: the side follows from the coordinates."""
    grid = Grid(32, 100.0)
    table = np.column_stack([*(c.ravel() / 1000 for c in grid.mesh()), wells().ravel() * 1000])
    rows = np.random.default_rng(0).permutation(table)
    np.savetxt(tmp_path / "dot.csv", rows, delimiter=",", header="x[um],y[um],V[meV]", comments="")
    words = [f"checkpoint={weights}", f"input={tmp_path / 'dot.csv'}", f"output={tmp_path / 'out'}"]
    ended = call("evaluate", *words, "n_electrons=2", "material=gaas", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = Predictions.read(tmp_path / "out" / "predictions.h5")
    expected = surrogate(wells(), **GAAS)
    np.testing.assert_allclose(found.predicted["n_int"][0], expected.density, rtol=1e-3, atol=1e-7)
    assert found.predicted["energy"][0] == pytest.approx(float(expected.energy), rel=1e-4)
    assert found.schema.units["length"] == "nm" and found.schema.constants["extent"] == pytest.approx(100)
    error = 100 * float(expected.density_error)
    assert found.measures["n_int"]["estimated_error"][0] == pytest.approx(error / 100, rel=1e-3)
    assert ("1 of 1 dot is unlike training" in ended.stdout) == (error > 5)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "estimated error of n_int" in page and (UNLIKE if error > 5 else LIKE) in page and "meV" in page
    assert "ħ²/m*L²" not in page.split("Provenance")[0]


def test_detail_that_resampling_removes_is_seen_in_files_with_coordinates_too(surrogate, weights, tmp_path):
    """Waves of 63 periods along x on 100 points: lost on 32, whatever the estimated error."""
    grid = Grid(100, 100.0)
    x, y = grid.mesh()
    many = np.stack([wells(100), wells(100) + 0.02 * np.cos(2 * np.pi * 31 * x / 100.0)])
    np.savez(tmp_path / "dots.npz", V=many, x=x[:, 0], y=y[0])
    np.save(tmp_path / "dots.npy", many)
    seen = {}
    for name in ("dots.npz", "dots.npy"):
        words = [f"checkpoint={weights}", f"input={tmp_path / name}", f"output={tmp_path / name[-3:]}"]
        ended = call("evaluate", *words, "n_electrons=2", "material=gaas", "extent=100", cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert "resampling to 32 × 32 points changes 1 dot by up to" in ended.stdout
        seen[name] = Predictions.read(tmp_path / name[-3:] / "predictions.h5")
        large = seen[name].measures["n_int"]["estimated_error"] > LARGEST_ERROR
        assert seen[name].measures["n_int"]["to_verify"].tolist() == [large[0], True]
    smooth, rough = seen["dots.npz"].predicted["energy"] - surrogate(wells(100), **GAAS).energy
    assert abs(smooth) < 1e-3 and abs(rough) < 3e-3  # the waves average out; one long wave would be 20 meV


def test_the_page_warns_of_a_size_outside_training(surrogate, weights, tmp_path):
    """The same verdict as in Python: by conditions, whatever the estimated error."""
    np.save(tmp_path / "dot.npy", wells(extent=3000.0))
    words = [f"checkpoint={weights}", f"input={tmp_path / 'dot.npy'}", f"output={tmp_path / 'out'}"]
    ended = call("evaluate", *words, "n_electrons=2", "material=gaas", "extent=3000", cwd=tmp_path)
    assert ended.returncode == 0 and "effective Bohr radii" in ended.stdout
    found = Predictions.read(tmp_path / "out" / "predictions.h5")
    assert found.measures["n_int"]["to_verify"].tolist() == [1]
    assert found.predicted["spin"][0] in (0, 1), "a total spin of two electrons"
    assert UNLIKE in (tmp_path / "out" / "report.html").read_text()


def test_a_page_of_a_rectangle(surrogate, weights, tmp_path):
    np.save(tmp_path / "dot.npy", long_wells())
    words = [f"checkpoint={weights}", f"input={tmp_path / 'dot.npy'}", f"output={tmp_path / 'out'}"]
    ended = call("evaluate", *words, "n_electrons=2", "material=gaas", "extent=[100,50]", "verify=true", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = Predictions.read(tmp_path / "out" / "predictions.h5")
    np.testing.assert_allclose(found.predicted["n_int"][0], surrogate(long_wells(), **RECTANGLE).density, rtol=1e-3)
    assert found.schema.constants["extent_x"] == 100 and found.schema.constants["extent_y"] == 50
    solved = solve(long_wells(), Grid((32, 16), (100.0, 50.0)), 2, Material(0.067, 12.9), **PRESETS["converged"])
    assert found.reference["energy"][0] == pytest.approx(float(solved.energy), rel=1e-3)
    assert (tmp_path / "out" / "report.html").is_file()


def test_coordinates_of_a_rectangle_are_compared_with_its_sides(weights, tmp_path):
    x, y = Grid((32, 16), (100.0, 50.0)).mesh()
    table = np.column_stack([x.ravel(), y.ravel(), long_wells().ravel()])
    np.savetxt(tmp_path / "dot.csv", table, delimiter=",", header="x[nm],y[nm],V[eV]", comments="")
    words = [f"checkpoint={weights}", f"input={tmp_path / 'dot.csv'}", "n_electrons=2", "material=gaas"]
    ended = call("evaluate", *words, "extent=[200,100]", f"output={tmp_path / 'out'}", cwd=tmp_path)
    assert ended.returncode == 2 and "extent_x: the coordinates of the file give 100 nm; got 200" in ended.stderr
    ended = call("evaluate", *words, "extent=[100,50]", f"output={tmp_path / 'out'}", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_a_file_needs_its_conditions(weights, tmp_path):
    np.save(tmp_path / "dot.npy", wells())
    words = [f"checkpoint={weights}", f"input={tmp_path / 'dot.npy'}", "n_electrons=2", "material=gaas"]
    ended = call("evaluate", *words, cwd=tmp_path)
    assert ended.returncode == 2 and "extent: this network serves all of them" in ended.stderr


def test_tensors_have_the_gradient_of_the_density(surrogate):
    """Of a tilted dot: potentials count from their minimum, which has a kink where two points share it."""
    tilted = wells() + 0.01 * np.linspace(0, 1, 32)[:, None] + 0.02 * np.linspace(0, 1, 32) ** 2
    V = torch.tensor(tilted, requires_grad=True)
    p = surrogate(V, **GAAS)
    assert p.density.shape == (32, 32) and p.verdict.shape == ()
    (gradient,) = torch.autograd.grad(p.density.square().sum(), V)
    step = torch.randn(32, 32, generator=torch.Generator().manual_seed(0)).double() * 2e-5
    with torch.no_grad():
        change = [surrogate(V + sign * step, **GAAS).density.square().sum() for sign in (1, -1)]
    assert float((gradient * step).sum()) == pytest.approx(float(change[0] - change[1]) / 2, rel=0.01)


def test_conditions_of_each_dot_are_columns(surrogate):
    """Dots of two materials, sizes and numbers of electrons in one batch, as an exported network takes them."""
    dots = [
        dict(n_electrons=2, m_eff=0.067, eps_r=12.9, extent=50.0),
        dict(n_electrons=3, m_eff=0.2, eps_r=9.0, extent=40.0),
    ]
    module = Exported(per_sample(surrogate.predictor, surrogate.card)).eval()
    columns = {name: torch.tensor([float(dot[name]) for dot in dots]) for name in module.inputs[1:]}
    V = torch.tensor(np.stack([wells(), wells(depth=0.1)])).float()
    found = dict(zip(module.outputs, module(V, *columns.values()), strict=True))
    for i, dot in enumerate(dots):
        for name, values in surrogate.predict(V[i], **dot).items():
            torch.testing.assert_close(found[name][i], values, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["universal", "universal-fast"])
def test_the_order_of_the_inputs_of_exported_networks_is_documented(name):
    found = from_pretrained(name, "cpu")
    module = Exported(per_sample(found.predictor, found.card))
    assert module.inputs == ("V", "n_electrons", "eps_r", "m_eff", "extent")
    text = (Path(__file__).parents[3] / "docs" / "python.md").read_text(encoding="utf-8")
    assert f"program.module()({', '.join(module.inputs)})" in text
    assert [about["name"] for about in description(module, found.card, False)["inputs"]] == list(module.inputs)


@pytest.mark.slow
def test_a_network_in_reduced_units_is_exported_in_physical_ones(surrogate, tmp_path, monkeypatch):
    # tracing takes most of a minute with all steps
    monkeypatch.setattr(surrogate.predictor, "prior", KohnSham(steps=4))
    differences = surrogate.export(tmp_path / "dots.pt2")
    assert set(differences) == {"n_int", "energy", "gap", "spin", "error", "energy_error", "gap_error"}
    V = torch.tensor(wells()).float()[None]
    density, energy, *_ = torch.export.load(tmp_path / "dots.pt2").module()(
        V, *(torch.tensor([x]) for x in (2.0, 0.067, 12.9, 50.0))
    )
    expected = surrogate(V, n_electrons=2, m_eff=0.067, eps_r=12.9, extent=50.0)
    torch.testing.assert_close(density, expected.density, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(energy, expected.energy, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [7, 12])
def test_the_loop_of_an_exported_prior_is_that_of_the_prior(surrogate, tmp_path, monkeypatch, steps):
    """ONNX, with eigenvectors by rotations and a last round that is not full, or full."""
    pytest.importorskip("onnxscript", reason="extra export")
    monkeypatch.setattr(surrogate.predictor, "prior", KohnSham(steps=steps))
    assert max(surrogate.export(tmp_path / "dots.onnx").values()) < 1e-3
