"""A dataset and a run of seconds, made once a session."""

import os

# small networks on one thread: faster than two, and no two tests' threads wait for each other
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"

import pytest  # noqa: E402
from small import SHORT, SMALL_DATA, SMALL_NETWORKS, SMALL_REGRESSOR, configuration  # noqa: E402


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def small_words(data_root):
    """Words of a training run of seconds; its dataset is made once a session."""
    return [*SMALL_DATA, *SMALL_NETWORKS, *SHORT, f"data_root={data_root}", "launcher.workers=1", "checkpoint_every=3"]


@pytest.fixture(scope="session")
def regressor_words(small_words):
    """The same with the regressor, in batches of four and in single precision."""
    kept = [word for word in small_words if word not in SMALL_NETWORKS]
    return [*kept, *SMALL_REGRESSOR, "loader.batch_size=4", "trainer.precision=32-true"]


def stored(data_root, *words):
    from qd_pix2pix.data.generate import generate
    from qd_pix2pix.data.launchers import LocalLauncher
    from qd_pix2pix.data.store import Store

    return Store(generate(configuration("generate", *SMALL_DATA, *words)["data"], data_root, LocalLauncher(1)))


@pytest.fixture(scope="session")
def small_store(data_root):
    """Dots of two electrons."""
    return stored(data_root)


@pytest.fixture(scope="session")
def single_store(data_root):
    """The same potentials with one electron."""
    return stored(data_root, "data.n_electrons=1")


@pytest.fixture(scope="session")
def small_run(small_words, tmp_path_factory):
    """The folder of a finished run."""
    from qd_pix2pix.training.run import train

    run = tmp_path_factory.mktemp("run")
    train(configuration("train", *small_words), run)
    return run


@pytest.fixture(scope="session")
def regressor_run(regressor_words, tmp_path_factory):
    """The folder of a finished run of a regressor that is not equivariant, with every output."""
    from qd_pix2pix.training.run import train

    run = tmp_path_factory.mktemp("regressor")
    train(configuration("train", *regressor_words, "network.equivariant=false", "mapping=V_to_all"), run)
    return run


@pytest.fixture(scope="session")
def range_run(regressor_words, tmp_path_factory):
    """The folder of a finished run of a regressor for one and two electrons."""
    from qd_pix2pix.training.run import train

    run = tmp_path_factory.mktemp("range")
    train(configuration("train", *regressor_words, "range.n_electrons=[1,2]", "trainer.max_steps=12"), run)
    return run
