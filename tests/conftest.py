import os

# small networks on one thread: faster than two, and no two tests' threads wait for each other
os.environ["OMP_NUM_THREADS"] = "1"

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hydra import compose, initialize_config_dir  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402

ROOT = Path(__file__).parent.parent
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"

SMALL_DATA = [
    "potential=double_gaussian",
    "data.grid.n=32",
    "data.grid.extent=24.0",
    "solver.n_orbitals=4",
    "data.train=12",
    "data.val=5",
    "data.test=5",
    "data.shard_size=5",
]
SMALL_NETWORKS = ["network.levels=5", "network.channels=4", "model.discriminator.channels=4"]
SHORT = [
    "trainer.max_steps=6",
    "trainer.val_check_interval=3",
    "trainer.log_every_n_steps=1",
    "trainer.accelerator=cpu",
]


def configuration(name, *words):
    """conf/<name>.yaml with these words, as plain containers."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose(name, [*words], return_hydra_config=False)
    return OmegaConf.to_container(config, resolve=True)


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def small_words(data_root):
    """Words of a training run of seconds; its dataset is made once a session."""
    return [*SMALL_DATA, *SMALL_NETWORKS, *SHORT, f"data_root={data_root}", "workers=1", "checkpoint_every=3"]


@pytest.fixture(scope="session")
def small_store(data_root):
    from qd_pix2pix.data.generate import generate
    from qd_pix2pix.data.store import Store

    return Store(generate(configuration("generate", *SMALL_DATA)["data"], data_root, workers=1))


@pytest.fixture(scope="session")
def small_run(small_words, tmp_path_factory):
    """The folder of a finished run."""
    from qd_pix2pix.train import train

    run = tmp_path_factory.mktemp("run")
    train(configuration("train", *small_words), run)
    return run
