"""Configurations composed by parts are those that Hydra composes at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hydra import compose, initialize, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf

from qd_pix2pix.cli.compose import compose_config
from qd_pix2pix.files import conf_folder

WORDS = [
    [],
    ["seed=3"],
    ["model=pix2pix", "model.lambda_rec=10"],
    ["model.lambda_rec=10", "model=pix2pix"],
    ["model.lambda_rec=10", "model.lambda_rec=20"],
    ["model=regressor", "network=unet", "network.levels=3", "mapping=nint_to_V"],
    ["trainer.max_time='00:00:07:00'", "trainer.max_steps=null"],
    ["data.n_electrons=${seed}", "loader.batch_size=${seed}"],
    ["loader={batch_size:2}", "loader.batch_size=4"],
    ["loader.batch_size=4", "loader={batch_size:2}"],
    ["+trainer.num_nodes=2", "trainer.num_nodes=3"],
    ["++trainer.num_nodes=2"],
    ["trainer.max_steps=3", "++trainer.max_steps=4"],
    ["~logger", "trainer.max_steps=5"],
    ["logger=tensorboard", "data.grid={n:32}", "data.grid.extent=20.0"],
]
REFUSED = [["trainer.steps=3"], ["seed.x=3"], ["model=nothing"], ["trainer.max_steps=3", "~trainer.max_steps.x"]]


def at_once(overrides):
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return compose("train", overrides)


@pytest.mark.parametrize("overrides", WORDS, ids=" ".join)
def test_parts_make_the_whole(overrides):
    for _ in range(2):  # the second time from memory
        config = compose_config("train", overrides)
        assert OmegaConf.to_yaml(config) == OmegaConf.to_yaml(at_once(overrides))
        assert OmegaConf.is_struct(config)
        config.seed = 99  # what is done to a configuration stays its own


@pytest.mark.parametrize("overrides", REFUSED, ids=" ".join)
def test_errors_are_those_of_hydra(overrides):
    with pytest.raises(HydraException) as ours:
        compose_config("train", overrides)
    with pytest.raises(HydraException) as theirs:
        at_once(overrides)
    assert str(ours.value) == str(theirs.value)


def test_the_hydra_of_a_program_around_it_is_kept():
    with initialize(config_path=None, version_base="1.3"):
        around = GlobalHydra.instance().hydra
        assert compose_config("train", ["seed=1234"]).seed == 1234
        assert GlobalHydra.instance().hydra is around
    assert not GlobalHydra.instance().is_initialized()


def test_threads_compose_one_after_the_other():
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: compose_config("train", [f"seed={seed}"]).seed, range(2000, 2008)))
    assert found == list(range(2000, 2008))
