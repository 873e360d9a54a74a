"""A dataset and a run of seconds, made once a session."""

import os

# small networks on one thread: faster than two, and no two tests' threads wait for each other
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"

import pytest  # noqa: E402
from small import SHORT, SMALL_DATA, SMALL_NETWORKS, configuration  # noqa: E402


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def small_words(data_root):
    """Words of a training run of seconds; its dataset is made once a session."""
    return [*SMALL_DATA, *SMALL_NETWORKS, *SHORT, f"data_root={data_root}", "launcher.workers=1", "checkpoint_every=3"]


@pytest.fixture(scope="session")
def small_store(data_root):
    from qd_pix2pix.data.generate import generate
    from qd_pix2pix.data.launchers import LocalLauncher
    from qd_pix2pix.data.store import Store

    return Store(generate(configuration("generate", *SMALL_DATA)["data"], data_root, LocalLauncher(1)))


@pytest.fixture(scope="session")
def small_run(small_words, tmp_path_factory):
    """The folder of a finished run."""
    from qd_pix2pix.train import train

    run = tmp_path_factory.mktemp("run")
    train(configuration("train", *small_words), run)
    return run
