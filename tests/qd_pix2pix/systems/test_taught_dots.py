"""Dots for a smaller network: those of training have labels of a trained network, all others those of the solver."""

from copy import deepcopy

import numpy as np
import pytest
from small import call, configuration

from qd_pix2pix import from_pretrained
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.store import Store
from qd_pix2pix.inference.pretrained import SHIPPED
from qd_pix2pix.systems import complete, make_recipe

WORDS = [
    "potential=universal", "data.n=64", "solver.n_orbitals=6", "data.n_electrons=[1,2,3]", "data.weights=null",
    "data.coupling=[1.0,8.0]", "data.train=6", "data.val=2", "data.test=1", "data.shard_size=3",
]  # fmt: skip
TAUGHT = ["data=taught_dots", "data.teacher.weights=universal-fast", *WORDS]


@pytest.fixture(scope="module")
def recipe():
    return make_recipe(configuration("generate", *TAUGHT)["data"])


@pytest.fixture(scope="module")
def taught(recipe):
    """Six dots of training."""
    return recipe.columns("train", range(6))


def test_the_labels_of_training_are_predictions_of_the_teacher(taught):
    surrogate = from_pretrained("universal-fast", device="cpu")
    for i in range(6):
        coupling, n_electrons = float(taught["coupling"][i]), int(taught["n_electrons"][i])
        # a material and a side with this lambda
        given = {"m_eff": 0.067, "eps_r": 12.9, "n_electrons": n_electrons}
        bohr = 12.9 / 0.067 * 0.0529177210544  # nm
        extent = coupling * bohr
        unit = 27.211386245981 * 0.0529177210544**2 / (0.067 * extent**2)  # hbar^2 / (m* L^2) in eV
        found = surrogate(taught["V"][i] * unit, extent=extent, **given)
        np.testing.assert_allclose(found.density * extent**2, taught["n_int"][i], rtol=1e-3, atol=1e-4)
        assert found.energy / unit == pytest.approx(taught["energy"][i], rel=1e-4)
        assert found.density_error == pytest.approx(taught["density_error"][i], rel=1e-2)


def test_validation_and_test_are_solved(recipe):
    solved = make_recipe(configuration("generate", "data=scaled_dots", *WORDS)["data"])
    for split in ("val", "test"):
        expected, found = solved.columns(split, range(1)), recipe.columns(split, range(1))
        assert set(found) == {"V", "n_int", "energy", "gap", "spin", "density_error", "n_electrons", "coupling"}
        for name, values in found.items():
            np.testing.assert_array_equal(values, expected[name])


@pytest.mark.slow
def test_a_dataset_of_taught_dots_obeys_the_laws(recipe, taught, tmp_path):
    recipe.laws(taught)
    config = configuration("generate", *TAUGHT)["data"]
    store = Store(generate(config, tmp_path))
    assert len(store.split("train")) == 6 and store.recipe["teacher"]["sha256"] == recipe.teacher.sha256
    np.testing.assert_allclose(store.split("train").load(("n_int",))["n_int"], taught["n_int"], rtol=1e-4, atol=1e-5)
    assert recipe.schema.summary.endswith("of training: by a trained network")


def test_other_weights_make_another_dataset(tmp_path):
    config = configuration("generate", *TAUGHT)["data"]
    found = [complete(config)]
    for name in ("universal-fast", "universal"):
        copied = tmp_path / f"{name}.safetensors"
        copied.write_bytes((SHIPPED / f"{name}.safetensors").read_bytes())
        other = deepcopy(config)
        other["teacher"]["weights"] = str(copied)
        found.append(complete(other))
    checksums = [one["teacher"]["sha256"] for one in found]
    assert checksums[0] == checksums[1] != checksums[2]
    copied.write_bytes((SHIPPED / "universal-fast.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"data\.teacher\.sha256: .* has changed"):
        make_recipe(found[2])


def test_a_recipe_from_a_file_may_name_a_teacher():
    config = complete(configuration("generate", *TAUGHT)["data"])
    assert make_recipe(config, only_rooms=True).teacher.weights == "universal-fast"


@pytest.mark.parametrize(
    "words, expected",
    [
        (["data.teacher.weights=nothing"], "expected a file, or one of"),
        (["data.teacher.weights=gaas-N2"], "data.teacher: expected a network of dots in reduced units"),
        (["data.n=32"], "data.n: expected 64, the points of the dots of data.teacher"),
        (["data.teacher=null"], "data.teacher: expected its parts, such as data.teacher.weights="),
        (["data.teacher.weights=ising-rugan"], "data.teacher: expected a network of dots in reduced units"),
    ],
)
def test_unsuitable_teachers_are_refused(words, expected, tmp_path):
    found = call("generate", *TAUGHT, *words, f"data_root={tmp_path / 'data'}", cwd=tmp_path)
    assert found.returncode == 2 and expected in found.stderr, found.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_fast_network_learns_from_a_teacher(tmp_path):
    words = [
        "experiment=universal", *TAUGHT, "network=fast_dot_unet", "mapping.prior=coarse_mean_field",
        "trainer.max_steps=2", "trainer.val_check_interval=2", "loader.batch_size=2", "trainer.accelerator=cpu",
        f"data_root={tmp_path / 'data'}", f"hydra.run.dir={tmp_path / 'run'}",
    ]  # fmt: skip
    found = call("train", *words, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    surrogate = from_pretrained(tmp_path / "run/checkpoints/last.ckpt", device="cpu")
    assert np.isfinite(surrogate(np.zeros((64, 64)), n_electrons=2, material="gaas", extent=30.0).density).all()
