"""Classes that no training sample has are named before the training."""

from types import SimpleNamespace

import numpy as np

from qd_pix2pix.schema import Column
from qd_pix2pix.training.run import unseen_classes

LEVEL = Column("level", "class", "i8", classes=5)


def store(*levels):
    """A dataset whose training samples have these levels."""
    content = {"level": np.array(levels)}
    return SimpleNamespace(split=lambda split: SimpleNamespace(load=lambda names: {n: content[n] for n in names}))


def test_classes_that_no_dataset_has_are_named():
    (remark,) = unseen_classes([Column("energy", "scalar"), LEVEL], [store(1, 1, 3), store(2, 1)])
    assert remark.startswith("no training sample has level 0, 4 of 0 ... 4;")


def test_no_remark_where_every_class_occurs():
    assert unseen_classes([LEVEL], [store(0, 1, 3), store(2, 4)]) == []
