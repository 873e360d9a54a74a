"""Every YAML composes, names a class that exists, and gives it arguments that it takes."""

import inspect

import pytest
from hydra.utils import get_object
from small import ROOT, configuration

from solvers import PRESETS

CONF = ROOT / "conf"
GROUPS = sorted(path for path in CONF.iterdir() if path.is_dir())
OPTIONS = [(group.name, option.stem) for group in GROUPS for option in sorted(group.glob("*.yaml"))]


def targets(config):
    if isinstance(config, dict):
        if "_target_" in config:
            yield config
        for value in config.values():
            yield from targets(value)


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_options_compose_and_fit_their_classes(group, option):
    config = configuration("train", f"{group}={option}")
    for node in targets(config):
        target = get_object(node["_target_"])
        parameters = inspect.signature(target).parameters
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            continue
        unknown = [key for key in node if not key.startswith("_") and key not in parameters]
        assert not unknown, f"{group}/{option}: {node['_target_']} takes no {unknown}"


@pytest.mark.parametrize("name", ["potential", "material", "solver", "data", "mapping", "network", "model", "launcher"])
def test_yaml_states_every_argument(name):
    """What fixes a result is written down, not left to a default in the code."""
    # units: datasets of materials in nm and eV keep the names they had before there were others
    skipped = {"units", "max_draws", "memory", "mapping", "recipes", "V", "grid", "n_electrons", "material"}
    skipped |= {"in_channels", "out_channels"}  # they follow from the mapping and the conditions
    for option in sorted((CONF / name).glob("*.yaml")):
        node = configuration("train", f"{name}={option.stem}")[name]
        parameters = set(inspect.signature(get_object(node["_target_"])).parameters) - skipped
        assert parameters <= set(node), f"{name}/{option.stem} leaves out {parameters - set(node)}"


def test_generate_and_train_agree_on_the_dataset():
    words = ["data.n_electrons=3", "material=si", "potential=harmonic"]
    assert configuration("train", *words)["data"] == configuration("generate", *words)["data"]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_of_the_command_line_are_those_of_the_solver(preset):
    solver = configuration("generate", f"preset={preset}")["data"]["solver"]
    assert {key: solver[key] for key in PRESETS[preset]} == PRESETS[preset]
