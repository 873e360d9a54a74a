"""One training on datasets with different settings: changes of data, in a list."""

import numpy as np
import pytest
from small import configuration

from qd_pix2pix.files import sha256
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.sweeps.plan import run_key
from qd_pix2pix.training.run import train
from qd_pix2pix.training.settings import check_config, recipes_of_run


def test_each_further_dataset_changes_what_it_names(regressor_words):
    more = "more_data=[{seed:1,train:3},{potential:{depth:[0.3,0.4]}}]"
    first, second, third = recipes_of_run(configuration("train", *regressor_words, more))
    assert (second["seed"], second["train"]) == (1, 3) and second["potential"] == first["potential"]
    assert third["potential"] == first["potential"] | {"depth": [0.3, 0.4]} and third["seed"] == first["seed"]


def test_ranges_apply_to_every_dataset(regressor_words):
    words = (*regressor_words, "range.n_electrons=[1,2]", "more_data=[{seed:1}]")
    found = [(recipe["seed"], recipe["n_electrons"]) for recipe in recipes_of_run(configuration("train", *words))]
    assert found == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_a_potential_of_another_class_replaces_the_whole(regressor_words):
    box = "{_target_:solvers.quantum_dots.potentials.RandomDisorder,modes:[3,8],std:[0.01,0.1],exponent:0.5}"
    config = configuration("train", *regressor_words, f"more_data=[{{potential:{box}}}]")
    assert set(recipes_of_run(config)[1]["potential"]) == {"_target_", "modes", "std", "exponent"}
    check_config(config)


def test_a_further_file_of_potentials_has_its_own_checksum(regressor_words, tmp_path):
    files = [tmp_path / "first.npy", tmp_path / "second.npy"]
    for i, file in enumerate(files):
        np.save(file, np.random.default_rng(i).uniform(0, 0.1, (40, 16, 16)))
    words = (*regressor_words, "potential=file", f"potential.path='{files[0]}'")
    more = f"more_data=[{{potential:{{path:'{files[1]}'}}}}]"
    found = [recipe["potential"] for recipe in recipes_of_run(configuration("train", *words, more))]
    assert [(each["path"], each["sha256"]) for each in found] == [(str(file), sha256(file)) for file in files]
    with pytest.raises(FileNotFoundError, match=r"potential.path: .*third.npy is not there"):
        recipes_of_run(configuration("train", *words, more.replace("second", "third")))
    given = more.replace("second.npy'", "second.npy',sha256:other")
    assert recipes_of_run(configuration("train", *words, given))[1]["potential"]["sha256"] == "other"


def test_further_data_in_other_units_are_refused(regressor_words):
    vacuum = "{_target_:solvers.Material,units:'bohr, hartree',m_eff:1,eps_r:1}"
    with pytest.raises(ValueError, match="more_data: expected V in one unit in all datasets, got eV and hartree"):
        check_config(configuration("train", *regressor_words, f"more_data=[{{material:{vacuum}}}]"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[{sed:1}]", r"more_data\[0\].sed: expected changes of .*seed"),
        ("[{seed:1},{potential:{wells:9}}]", r"more_data\[1\].potential.wells: expected changes of .*width"),
        ("[{potential:9}]", r"more_data\[0\].potential: expected changes of"),
        ("[{seed:0}]", "more_data: expected datasets that differ"),
        ("[{}]", "more_data: expected changes of data in a list"),
        ("{seed:1}", "more_data: expected changes of data in a list"),
        ("[{train:0}]", "data.train: expected"),
    ],
)
def test_what_is_no_change_is_named(regressor_words, more, message):
    with pytest.raises(ValueError, match=message):
        check_config(configuration("train", *regressor_words, f"more_data={more}"))


def test_without_further_datasets_earlier_runs_are_found_again(regressor_words):
    config = configuration("train", *regressor_words)
    assert run_key(config) == run_key({key: value for key, value in config.items() if key != "more_data"})


@pytest.mark.slow
def test_each_dataset_is_evaluated_in_a_folder_of_its_own(regressor_words, tmp_path):
    more = "more_data=[{seed:1,test:3},{n_electrons:3,seed:1},{n_electrons:3,seed:2}]"
    train(configuration("train", *regressor_words, more), tmp_path / "run")
    found = read_tests(tmp_path / "run")
    assert list(found) == [f"n_electrons={n},dataset={i}" for n, i in ((2, 1), (2, 2), (3, 3), (3, 4))]
    assert found["n_electrons=2,dataset=2"].samples == 3
