"""Classes that no training sample has are named before the training."""

import pytest

from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.launchers import LocalLauncher
from qd_pix2pix.data.store import Store
from qd_pix2pix.training.run import unseen_classes

RECIPE = {
    "_target_": "qd_pix2pix.systems.Ising",
    "side": 4,
    "ensemble": {"_target_": "solvers.spins.FlatSpins", "kt": 16.0, "attempts": 40},
    "shares": [0.8, 0.1, 0.1],
    **{"seed": 0, "train": 400, "val": 2, "test": 2, "shard_size": 500},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(generate(RECIPE, tmp_path_factory.mktemp("data"), LocalLauncher(1)))


def test_a_level_whose_lattices_are_all_in_other_splits_is_named(store):
    """The hash of both 4 x 4 lattices of lowest energy is above 0.8."""
    level, energy = store.schema["level"], store.schema["energy"]
    (remark,) = unseen_classes([energy, level], [store])
    assert remark.startswith("no training sample has level 0 of 0 ... 14;")


def test_no_remark_where_every_class_occurs(store):
    assert set(store.split("train").load(("level",))["level"].tolist()) == set(range(1, 15))
    assert unseen_classes([store.schema["energy"]], [store]) == []
