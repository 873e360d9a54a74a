"""Dots in rectangles and with two masses, from the configuration to predictions: schema, names, training, own files."""

import json

import numpy as np
import pytest
from small import SHORT, SMALL_DATA, SMALL_NETWORKS, call, configuration, evaluation

from qd_pix2pix.data.generate import dataset_name
from qd_pix2pix.evaluation.evaluate import evaluate
from qd_pix2pix.inference.pretrained import from_pretrained
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.systems.build import complete, recipes_of
from qd_pix2pix.training import run as training
from solvers import Grid, Material, solve

LONG = ["data.grid.n=[32,16]", "data.grid.extent=[40.0,20.0]"]
MASSES = ["material.m_eff=[0.19,0.916]", "material.eps_r=11.7"]


def data(*words):
    return configuration("generate", *SMALL_DATA, *words)["data"]


def test_the_schema_has_both_sides_and_both_masses():
    schema = make_recipe(data(*LONG, *MASSES)).schema
    assert schema.domain.shape == (32, 16) and schema.domain.symmetry == "rectangle"
    assert schema.constants == {
        "n_electrons": 2.0, "m_x": 0.19, "m_y": 0.916, "eps_r": 11.7, "extent_x": 40.0, "extent_y": 20.0,
    }  # fmt: skip
    assert schema.domain.lengths(schema.constants) == (40.0, 20.0)
    assert schema.presets["material"]["gaas"] == {"m_x": 0.067, "m_y": 0.067, "eps_r": 12.9}
    assert "40 nm × 20 nm, m* = (0.19, 0.916)" in schema.summary


@pytest.mark.parametrize("words", [["data.grid.n=[32,24]"], ["data.grid.extent=[24.0,12.0]"], MASSES])
def test_what_differs_along_the_axes_leaves_the_mirrors(words):
    assert make_recipe(data(*words)).schema.domain.symmetry == "rectangle"


def test_pairs_of_equal_numbers_name_the_dataset_of_the_square():
    square = complete(data())
    pairs = complete(data("data.grid.n=[32,32]", "data.grid.extent=[24.0,24.0]", "material.m_eff=[0.067,0.067]"))
    assert pairs == square and dataset_name(pairs) == dataset_name(square)
    assert dataset_name(square) == "RandomDoubleGaussian-N2-b22b10f8f37e"


def test_labels_are_those_of_the_solver_and_are_solved_again_from_their_conditions():
    recipe = make_recipe(data(*LONG, *MASSES))
    columns = recipe.columns("test", range(2))
    recipe.laws(columns)
    grid, silicon = Grid((32, 16), (40.0, 20.0)), Material((0.19, 0.916), 11.7)
    np.testing.assert_array_equal(columns["n_int"], solve(columns["V"], grid, 2, silicon, n_orbitals=4).density)
    swapped = {"n_electrons": 2, "m_x": 0.916, "m_y": 0.19, "eps_r": 11.7, "extent_x": 20.0, "extent_y": 40.0}
    other = make_recipe(recipe.of_samples(data(*LONG, *MASSES), (16, 32), swapped))
    found = other.solve({"V": np.swapaxes(columns["V"], 1, 2)})
    np.testing.assert_allclose(found["energy"], columns["energy"], rtol=1e-8)
    np.testing.assert_allclose(np.swapaxes(found["n_int"], 1, 2), columns["n_int"], atol=1e-7)


def test_pairs_of_a_user_on_rectangles(tmp_path):
    """Densities hold N in the rectangle; verification solves them with both sides and masses."""
    recipe = make_recipe(data(*LONG, *MASSES))
    columns = recipe.columns("train", range(12))
    np.savez(tmp_path / "pairs.npz", V=columns["V"], n_int=columns["n_int"], energy=columns["energy"])
    words = [f"data.path={tmp_path}/pairs.npz", "data.n_electrons=2", "data.eps_r=11.7", "data.m_eff=[0.19,0.916]"]

    def pairs(*more):
        return configuration("generate", "data=pairs", *words, *more)["data"]

    made = make_recipe(complete(pairs("data.extent=[40,20]", "data.symmetry=rectangle")))
    made.rehearse()
    assert made.schema.constants == recipe.schema.constants and made.schema.domain == recipe.schema.domain
    config = made.of_samples(pairs(), (32, 16), made.schema.constants)
    found = make_recipe(config).solve({"V": columns["V"][:1]})
    assert found["energy"] == pytest.approx(columns["energy"][:1], rel=0.05)  # converged labels
    for more, match in (
        (["data.extent=40", "data.symmetry=rectangle"], r"data.extent: .* data.extent=\[60,30\]"),
        (["data.extent=[40,20]"], "data.symmetry: expected none or rectangle"),
        (["data.extent=[40,20,10]", "data.symmetry=rectangle"], "data.extent: expected a positive number"),
        (["data.extent=[40,40]", "data.symmetry=rectangle"], "row 0: n_int holds 4 instead of n_electrons = 2"),
    ):
        with pytest.raises(ValueError, match=match):
            make_recipe(complete(pairs(*more))).rehearse()


@pytest.fixture(scope="module")
def long_words(data_root):
    kept = [*SHORT, f"data_root={data_root}", "launcher.workers=1", "checkpoint_every=3"]
    return [*SMALL_DATA, *LONG, *kept, "loader.symmetry=true", "loader.jitter=38", "trainer.precision=32-true"]


@pytest.fixture(scope="module")
def long_run(long_words, tmp_path_factory):
    """A regressor that is equivariant under the mirrors of the rectangle."""
    run = tmp_path_factory.mktemp("long")
    words = [*long_words, "model=regressor", "network.channels=[2,3]", "network.blocks=[1,1]", "loader.batch_size=4"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "show", lambda *_: None)
        training.train(configuration("train", *words, "trainer.max_steps=3"), run)
    return run


@pytest.mark.slow
def test_a_regressor_has_the_mirrors_of_the_rectangle(long_run, data_root):
    network = from_pretrained(long_run / "checkpoints" / "best.ckpt")
    V = make_recipe(data(*LONG)).columns("test", range(2))["V"]
    n = network(V)
    np.testing.assert_allclose(n.sum((1, 2)) * 40 * 20 / 512, 2.0, rtol=1e-5)
    for axis in (1, 2):
        np.testing.assert_allclose(network(np.flip(V, axis).copy()), np.flip(n, axis), atol=1e-6)
    assert np.abs(n - n[:, ::-1]).max() > 1e-5


@pytest.mark.slow
def test_a_file_with_coordinates_is_placed_on_the_rectangle(long_run, data_root, tmp_path):
    grid = Grid((64, 32), (40.0, 20.0))
    x, y = grid.mesh()
    V = -0.3 * np.exp(-((x - 15) ** 2 + (y - 9) ** 2) / 30)
    np.savez(tmp_path / "dot.npz", V=V, x=grid.x, y=grid.y)
    folder = tmp_path / "out"
    evaluate(evaluation(long_run, data_root, folder, input=str(tmp_path / "dot.npz"), verify=True))
    notes = " ".join(json.loads((folder / "metrics.json").read_text())["notes"])
    assert "sides of 40 × 20 nm" in notes and "64 × 32 to 32 × 16" in notes
    small = tmp_path / "small.npz"
    np.savez(small, V=V[:, ::2], x=grid.x, y=grid.y[::2])
    with pytest.raises(ValueError, match="has 64 × 16 cells instead of 32 × 16 equal cells"):
        evaluate(evaluation(long_run, data_root, folder, input=str(small)))


@pytest.mark.slow
def test_pix2pix_trains_on_rectangles(long_words, tmp_path):
    networks = [word.replace("levels=5", "levels=4") for word in SMALL_NETWORKS]
    words = [*long_words, *networks, "model.discriminator.layers=2", f"hydra.run.dir={tmp_path}"]
    assert call("train", *words).returncode == 0
    assert (tmp_path / "test" / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "ranges", "match"),
    [
        (LONG, {"extent": [20.0, 30.0]}, "range.extent: expected squares"),
        (MASSES, {"material": ["gaas", "si"]}, "range.material: expected materials that all have one mass"),
        ([], {"material": ["gaas", "si_valley"]}, "range.material: expected materials that all have one mass"),
    ],
)
def test_ranges_that_mix_squares_and_rectangles(words, ranges, match):
    with pytest.raises(ValueError, match=f"^{match}"):
        recipes_of(data(*words), ranges)


@pytest.mark.parametrize(
    ("word", "match"),
    [
        ("data.grid.n=[32,16,8]", "data.grid.n: expected a whole number or a pair along x and y"),
        ("data.grid.n=[32,16.5]", "data.grid.n: expected a whole number or a pair along x and y"),
        ("data.grid.extent=[40]", "data.grid.extent: expected a number or a pair along x and y"),
        ("material.m_eff=[0.1,a]", "material.m_eff: expected a number or a pair along x and y"),
        ("data.seed=[1,2]", "data.seed: expected a whole number"),
    ],
)
def test_pairs_on_the_command_line(word, match, tmp_path):
    failed = call("generate", word, cwd=tmp_path)
    assert failed.returncode and match in failed.stderr
