"""Pairs of a user's files: rows and splits, laws, checksums; what does not fit is refused before any work."""

import json

import h5py
import numpy as np
import pytest
from small import configuration

import qd_pix2pix
from qd_pix2pix.data.generate import check, generate
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.evaluate import evaluate
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.files import sha256
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.sweeps.plan import run_key
from qd_pix2pix.systems import complete, make_recipe
from qd_pix2pix.training import run as training
from qd_pix2pix.training.settings import check_config, make_card, recipes_of_run

GAAS = ["data.n_electrons=2", "data.extent=24", "data.m_eff=0.067", "data.eps_r=12.9"]


@pytest.fixture(scope="module")
def arrays(small_store):
    """22 dots of two electrons in GaAs, as another solver would give them."""
    names = ("V", "n_int", "energy", "gap")
    parts = [small_store.split(split).load(names) for split in ("train", "val", "test")]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


@pytest.fixture
def file(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("pairs.npz", **arrays)
    return tmp_path / "pairs.npz"


def completed(*words, path="pairs.npz"):
    given = [f"data.path={path}"] if path else []
    return complete(configuration("generate", "data=pairs", *given, *words)["data"])


def recipe_of(*words, **options):
    return make_recipe(completed(*words, **options), only_rooms=True)


def test_all_rows_are_samples_of_one_split(file, arrays):
    recipe = recipe_of(*GAAS)
    recipe.rehearse()
    assert (recipe.samples, recipe.train, recipe.val, recipe.test) == (22, 18, 2, 2)
    parts = [recipe.columns(split, range(getattr(recipe, split))) for split in ("train", "val", "test")]
    rows = np.concatenate([part["energy"] for part in parts])
    assert sorted(rows) == sorted(arrays["energy"]) and not np.array_equal(rows, arrays["energy"])
    for part in parts:
        at = [int(np.flatnonzero(arrays["energy"] == energy)[0]) for energy in part["energy"]]
        np.testing.assert_array_equal(part["V"], arrays["V"][at])
        np.testing.assert_array_equal(part["n_int"], arrays["n_int"][at])
    few = recipe_of(*GAAS, "data.train=5")
    np.testing.assert_array_equal(few.columns("train", range(5))["V"], parts[0]["V"][:5])
    np.testing.assert_array_equal(few.columns("test", range(2))["V"], parts[2]["V"])
    other = recipe_of(*GAAS, "data.seed=1")
    assert not np.array_equal(other.columns("train", range(18))["energy"], parts[0]["energy"])


def test_all_formats_hold_the_same(file, arrays, tmp_path):
    with h5py.File("pairs.h5", "w") as found:
        for name, values in arrays.items():
            found[name] = values
    for name, values in arrays.items():
        np.save(f"{name}.npy", values)
    each = ", ".join(f"{name}: {name}.npy" for name in arrays)
    recipes = [recipe_of(*GAAS), recipe_of(*GAAS, path="pairs.h5"), recipe_of(*GAAS, f"data.files={{{each}}}", path="")]
    first, *others = (recipe.columns("train", range(3, 9)) for recipe in recipes)
    for columns in others:
        assert columns.keys() == first.keys() == set(arrays)
        assert all(np.array_equal(columns[name], first[name]) for name in first)
    assert recipes[2].sha256 == {f"{name}.npy": sha256(f"{name}.npy") for name in arrays}


def test_units_of_a_file_are_those_of_the_options(file, arrays):
    with h5py.File("pairs.h5", "w") as found:
        for name, values in arrays.items():
            found[name] = values
        found["V"].attrs["units"] = "electron volt"
        found["n_int"].attrs["Units"] = "1/nm^2"
    recipe_of(*GAAS, path="pairs.h5").rehearse()
    with h5py.File("pairs.h5", "r+") as found:
        found["gap"].attrs["unit"] = "meV"
    with pytest.raises(ValueError, match=r"data.energy: gap is in meV by its attribute, and in eV by data.energy=eV"):
        recipe_of(*GAAS, path="pairs.h5").rehearse()
    with h5py.File("pairs.h5", "r+") as found:
        found["n_int"].attrs["Units"] = "cm^-2"
        del found["gap"].attrs["unit"]
    with pytest.raises(ValueError, match=r"data.length: n_int is in cm\^-2 by its attribute"):
        recipe_of(*GAAS, path="pairs.h5").rehearse()


def test_arrays_in_groups_are_named(file, arrays):
    with h5py.File("groups.h5", "w") as found:
        found["dots/V"] = arrays["V"]
    with pytest.raises(ValueError, match=r"arrays by name in groups.h5, got none; those in groups of HDF5 are not"):
        completed(*GAAS, path="groups.h5")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            "{path:other.npz,n_electrons:null}",
            "the same conditions in all datasets; n_electrons is one number for each",
        ),
        ("{energy:meV}", "expected V in one unit in all datasets, got eV and meV"),
    ],
)
def test_datasets_of_one_training_have_the_same_conditions_and_units(file, arrays, more, message):
    several = {"n_electrons": np.arange(len(arrays["V"])) % 2 + 1}
    density = arrays["n_int"] * several["n_electrons"][:, None, None] / 2
    np.savez("other.npz", **arrays | several | {"n_int": density})
    words = ("data=pairs", "model=regressor", "mapping=V_to_nint", "data.path=pairs.npz", *GAAS)
    with pytest.raises(ValueError, match=message):
        check_config(configuration("train", *words, f"more_data=[{more}]"))


def test_given_splits_and_conditions_of_the_rows(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    split = np.repeat([2, 0, 1], [4, 15, 3])
    n = np.repeat([2, 1], [20, 2])
    density = arrays["n_int"] * (n / 2)[:, None, None]
    np.savez("pairs.npz", **arrays | {"n_int": density}, split=split, n_electrons=n, m_eff=np.full(22, 0.067))
    recipe = recipe_of("data.extent=24")
    recipe.rehearse()
    assert (recipe.train, recipe.val, recipe.test) == (15, 3, 4)
    np.testing.assert_array_equal(recipe.columns("test", range(4))["energy"], arrays["energy"][:4])
    np.testing.assert_array_equal(recipe.columns("val", range(3))["n_electrons"], [2, 1, 1])
    schema = recipe.schema
    assert schema.constants == {"m_eff": 0.067, "extent": 24.0}, "the same in all rows is a constant"
    assert [c.name for c in schema.of_role("condition")] == ["n_electrons"]


def test_own_arrays_have_stated_units(file, arrays):
    np.savez("more.npz", V=arrays["V"], T=arrays["energy"], field=arrays["V"] ** 2, x=np.arange(32.0))
    with pytest.raises(ValueError, match="same samples, got V 22.*x 32"):
        recipe_of(path="more.npz")
    words = ["data.arrays=[V,T,field]"]
    with pytest.raises(ValueError, match=r"data.units: state the unit of T, .*data.arrays=\[V,field\]"):
        recipe_of(*words, path="more.npz").rehearse()
    schema = recipe_of(*words, "data.units={T: K, field: 1}", path="more.npz").schema
    assert schema.unit(schema["T"]) == "K" and schema["T"].kind == "scalar"
    assert schema.unit(schema["field"]) == "" and schema["field"].kind == "field" and schema.domain.sides == ()


def test_a_changed_file_is_another_dataset_or_an_error(file, arrays, tmp_path):
    before = completed(*GAAS)
    assert before["sha256"] == {"pairs.npz": sha256(file)}
    assert complete(before) == before
    name = run_key({"data": configuration("generate", "data=pairs", "data.path=pairs.npz", *GAAS)["data"]})
    np.savez("pairs.npz", **arrays | {"energy": arrays["energy"] + 1e-9})
    after = completed(*GAAS)
    assert after["sha256"] != before["sha256"]
    assert name != run_key({"data": configuration("generate", "data=pairs", "data.path=pairs.npz", *GAAS)["data"]})
    given = f"data.sha256={{pairs.npz: {before['sha256']['pairs.npz']}}}"
    for task in (lambda: completed(*GAAS, given), make_recipe(before).rehearse):
        with pytest.raises(ValueError, match="data.sha256: pairs.npz has the SHA-256 .* another file"):
            task()
    with pytest.raises(ValueError, match="another file"):
        make_recipe(before).columns("train", range(2))


def broken(arrays, name, change):
    values = arrays[name].copy()
    change(values)
    return {name: values}


@pytest.mark.parametrize(
    ("name", "change", "words", "message"),
    [
        ("n_int", lambda n: n.__imul__(1.01), [], r"row 0: n_int holds 2.02 instead of n_electrons = 2.*nm\^-2"),
        ("n_int", lambda n: n[7].__imul__(1.01), [], "row 7: n_int holds 2.02"),
        ("n_int", lambda n: n[3].__setitem__((0, 0), np.nan), [], "row 3: n_int is not finite in 1 of 1024"),
        ("n_int", lambda n: n[5].__setitem__((0, 0), -0.1), [], "row 5: n_int leaves its bounds"),
        ("V", lambda V: V[21].__setitem__((1, 1), np.inf), [], "row 21: V is not finite"),
    ],
)
def test_laws_name_the_row(file, arrays, name, change, words, message):
    np.savez("pairs.npz", **arrays | broken(arrays, name, change))
    with pytest.raises(ValueError, match=f"data.path: {message}"):
        recipe_of(*GAAS, *words).rehearse()
    if "2.02" in message:  # a measurement
        recipe_of(*GAAS, "data.tolerance=0.02").rehearse()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.path=null"], "data.path: expected one file"),
        (["data.path=nowhere.npz"], "nowhere.npz cannot be read .*relative paths start here"),
        (["data.path=pairs.mat"], "expected a file .npz or .h5, got 'pairs.mat'"),
        (["data.path=text.npz"], "text.npz is damaged, or holds Python objects"),
        (["data.path=objects.npz"], "holds Python objects"),
        (["data.path=complex.npz"], "real numbers of shape .*got V of complex128"),
        (["data.files={V: V.csv}", "data.path=null"], "expected a .npy file"),
        (["data.arrays=[V,nothing]"], "data.arrays: expected names out of V, n_int"),
        (["data.n_electrons=null"], "data.n_electrons: state the number of electrons"),
        (["data.extent=null"], "data.extent: state the side of the square in nm"),
        (["data.n_electrons=1.5"], "data.n_electrons: expected a whole number"),
        (["data.shares=[0.5,0.5]"], "data.shares: expected three shares"),
        (["data.train=19"], "data.train: expected at most the 18 samples"),
        (["data.symmetry=hexagon"], "data.symmetry: expected one of none"),
        (["data.m_eff=0"], "data.m_eff: expected a positive number"),
        (["data.units={V: [eV]}"], "data.units: expected a unit for each array"),
        (["data.tolerance=2"], "data.tolerance: expected a number"),
        (["data.arrays=[energy,gap]"], "at least one field"),
    ],
)
def test_what_does_not_fit_is_refused(file, words, message):
    (file.parent / "text.npz").write_text("not an archive", encoding="utf-8")
    np.savez("objects.npz", V=np.array([{}, {}]))
    np.savez("complex.npz", V=np.zeros((3, 4, 4), complex))
    with pytest.raises(ValueError, match=message):
        recipe_of(*GAAS, *words).rehearse()


def test_rectangles_are_no_squares(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("pairs.npz", V=np.random.default_rng(0).normal(size=(20, 8, 12)))
    for words, message in (
        ([], "data.symmetry: expected none or rectangle"),
        (["data.extent=3"], "data.extent: expected"),
    ):
        with pytest.raises(ValueError, match=f"{message}.*8 x 12 points"):
            recipe_of(*words)
    assert recipe_of("data.symmetry=rectangle").schema.domain.shape == (8, 12)


def test_one_side_for_all(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("pairs.npz", **arrays, extent=np.linspace(20, 30, 22))
    with pytest.raises(ValueError, match="data.extent: expected one side for all samples"):
        recipe_of("data.n_electrons=2")


@pytest.fixture(scope="module")
def trained(arrays, tmp_path_factory):
    """A regressor of six steps, its folder and data root; the files lie in the working directory of that time."""
    root = tmp_path_factory.mktemp("pairs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(training, "show", lambda *_: None)
        np.savez("pairs.npz", **arrays)
        words = ["data=pairs", "data.path=pairs.npz", *GAAS, "model=regressor", "network.channels=[2,3]"]
        words += ["network.blocks=[1,1]", "mapping.target=n_int", "mapping.also=[energy]", "loader.batch_size=4"]
        words += ["trainer.max_epochs=-1", "trainer.max_steps=4", "trainer.val_check_interval=4", "launcher.workers=1"]
        words += ["trainer.precision=32-true", "trainer.log_every_n_steps=1", f"data_root={root}/data"]
        return qd_pix2pix.train(*words, "trainer.accelerator=cpu", f"hydra.run.dir={root}/run"), root, words


@pytest.mark.slow
def test_a_training_on_pairs(trained):
    outcome, root, words = trained
    assert 0 < outcome.measures["nmae"] < 2 and outcome.measures["charge_error"] < 1e-5
    (folder,) = (root / "data").glob("Pairs-pairs-*")
    assert check(folder) == {"train": 18, "val": 2, "test": 2}
    page = (folder / "dataset.html").read_text(encoding="utf-8")
    assert (
        "22 pairs of the family pairs.npz: N = 2, 24 nm × 24 nm, m* = 0.067" in page
        and sha256(root / "pairs.npz") in page
    )
    _, card = load_predictor(outcome.checkpoint)
    assert card.recipes[0]["sha256"] == {"pairs.npz": sha256(root / "pairs.npz")}
    assert Store(folder).recipe == card.recipes[0]


@pytest.mark.slow
def test_the_solver_verifies_them(trained, arrays, tmp_path):
    """The file is not needed for it, nor for the evaluation of a split."""
    outcome, root, _ = trained
    np.save(tmp_path / "own.npy", arrays["V"][:2])
    config = configuration("evaluate", "launcher.workers=1") | {"checkpoint": str(outcome.checkpoint)}
    config |= {"input": str(tmp_path / "own.npy"), "verify": True, "output": str(tmp_path / "own")}
    (folder,) = evaluate(config)
    reference = Predictions.read(folder / "predictions.h5").reference
    np.testing.assert_allclose(reference["energy"], arrays["energy"][:2], rtol=0.05)  # of more orbitals
    assert np.abs(reference["n_int"] - arrays["n_int"][:2]).sum((1, 2)).max() * (24 / 32) ** 2 / 2 < 0.1
    again = configuration("evaluate") | {"checkpoint": str(outcome.checkpoint), "output": str(tmp_path / "val")}
    (folder,) = evaluate(again | {"split": "val", "data_root": str(root / "data")})
    assert Evaluation.read(folder).samples == 2


def test_verification_without_a_material_is_refused():
    config = {"length": "nm", "energy": "eV", "_target_": "qd_pix2pix.systems.Pairs"}
    with pytest.raises(ValueError, match="verify: the solver needs m_eff, eps_r, which these pairs do not state"):
        make = complete.__globals__["recipe_class"](config)
        make.of_samples(config, (32, 32), {"n_electrons": 2.0, "extent": 24.0})
    known = {"n_electrons": 2.0, "extent": 24.0, "m_eff": 0.067, "eps_r": 12.9}
    with pytest.raises(ValueError, match="verify: the solver calculates in nm, eV"):
        make.of_samples(config | {"energy": "K"}, (32, 32), known)


def test_a_shipped_network_is_tuned_on_pairs(file, arrays):
    """The columns and units of the shipped network, on another system."""
    words = ["data=pairs", "data.path=pairs.npz", *GAAS, "model=regressor", "mapping=V_to_nint", "init_from=gaas-N2"]
    config = configuration("train", *words)
    check_config(config)
    assert recipes_of_run(config)[0]["samples"] == 22
    with pytest.raises(ValueError, match="init_from: .*V is in eV there and in meV here"):
        check_config(configuration("train", *words, "data.energy=meV"))


def test_whole_numbers_may_be_floats(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("pairs.npz", n_electrons=np.full(22, 2.0), **arrays)
    assert recipe_of(*GAAS[1:]).n_electrons == 2
    numbers = np.full(22, 2.0)
    numbers[3] = 1.5
    np.savez("pairs.npz", n_electrons=numbers, **arrays)
    with pytest.raises(ValueError, match="row 3: expected a whole number in n_electrons, got 1.5"):
        recipe_of(*GAAS[1:]).rehearse()


def test_conditions_of_any_real_type(arrays, tmp_path, monkeypatch):
    """Among them long doubles, which JSON does not know."""
    monkeypatch.chdir(tmp_path)
    conditions = {"n_electrons": 2, "extent": 24.0, "m_eff": 0.067, "eps_r": 12.9}
    for kind in (np.longdouble, np.dtype(">f8")):
        np.savez("pairs.npz", **{name: np.full(22, value, kind) for name, value in conditions.items()}, **arrays)
        config = json.loads(json.dumps(completed()))
        assert {name: config[name] for name in conditions} == pytest.approx(conditions, rel=1e-12)


def test_numbers_are_finite_or_unknown(arrays, tmp_path, monkeypatch, recwarn):
    monkeypatch.chdir(tmp_path)
    strange = {
        name: np.where(np.arange(22) == 4, value, arrays["energy"])
        for name, value in [("nan", np.nan), ("inf", np.inf)]
    }
    np.savez("pairs.npz", **arrays | {"energy": strange["nan"]})
    recipe_of(*GAAS).rehearse()
    np.savez("pairs.npz", **arrays | {"energy": strange["inf"]})
    with pytest.raises(ValueError, match="row 4: energy is infinite; an unknown number is NaN"):
        recipe_of(*GAAS).rehearse()
    np.savez("pairs.npz", n_electrons=np.where(np.arange(22) == 4, np.nan, 2.0), **arrays)
    with pytest.raises(ValueError, match="row 4: expected a whole number in n_electrons, got nan"):
        recipe_of(*GAAS[1:]).rehearse()
    assert not recwarn.list


@pytest.mark.parametrize(("row", "split"), [(0, "18 training"), (18, "2 validation"), (21, "2 test")])
def test_unknown_labels_are_named_before_a_training(arrays, tmp_path, monkeypatch, row, split):
    """It ended in its first step, with the advice to lower the learning rate, or at its end, without a test."""
    monkeypatch.chdir(tmp_path)
    energy = np.where(np.arange(22) == row, np.nan, arrays["energy"])
    np.savez("pairs.npz", split=np.repeat([0, 1, 2], [18, 2, 2]), **arrays | {"energy": energy})
    words = ["data=pairs", "data.path=pairs.npz", *GAAS, "model=regressor", "mapping.source=V", "mapping.target=n_int"]
    store = Store(generate(completed(*GAAS), tmp_path / "data", LocalLauncher(1)))
    with pytest.raises(ValueError, match=f"mapping: energy is unknown in 1 of {split} samples; choose a number"):
        make_card(configuration("train", *words, "mapping.also=[energy]"), [store])
    make_card(configuration("train", *words, "mapping.also=[]"), [store])
