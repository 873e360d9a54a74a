"""Trainings without what follows them: the evaluation takes longer, and is tested elsewhere."""

from contextlib import contextmanager

import pytest

from qd_pix2pix.training import run as training


@contextmanager
def unevaluated():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "evaluate_split", lambda *_: [])
        patch.setattr(training, "read_tests", lambda *_: {})
        patch.setattr(training, "overall", lambda *_: {})
        yield


@pytest.fixture(scope="session")
def train_only():
    """Function that trains as ``train`` does, without the evaluation of the test split."""

    def train_only(config, run, overrides=()):
        with unevaluated():
            return training.train(config, run, overrides)

    return train_only


@pytest.fixture(scope="session")
def train_without_page():
    """Function that trains and evaluates as ``train`` does, and draws no page."""

    def train_without_page(config, run):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training, "show", lambda *_: None)
            return training.train(config, run)

    return train_without_page


@pytest.fixture(scope="module")
def without_evaluation():
    """For modules whose fixtures of the session train nothing."""
    with unevaluated():
        yield
