"""Every YAML composes, names a class that exists, and gives it arguments that it takes."""

import inspect
import re

import pytest
from hydra.utils import get_object
from small import ROOT, configuration

from solvers import PRESETS

CONF = ROOT / "conf"
GROUPS = sorted(path for path in CONF.iterdir() if path.is_dir())
PROGRAM = {"bench": "evaluate"}
"""Programs of the groups that train.yaml lacks."""
OPTIONS = [(group.name, option.stem) for group in GROUPS for option in sorted(group.glob("*.yaml"))]


def targets(config):
    if isinstance(config, dict):
        if "_target_" in config:
            yield config
        for value in config.values():
            yield from targets(value)


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_options_compose_and_fit_their_classes(group, option):
    config = configuration(PROGRAM.get(group, "train"), f"{group}={option}")
    for node in targets(config):
        target = get_object(node["_target_"])
        parameters = inspect.signature(target).parameters
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            continue
        unknown = [key for key in node if not key.startswith("_") and key not in parameters]
        assert not unknown, f"{group}/{option}: {node['_target_']} takes no {unknown}"


def test_the_scale_applies_to_an_experiment():
    config = configuration("train", "experiment=ising_energy", "scale=smoke")
    assert (config["trainer"]["max_steps"], config["data"]["train"]) == (6, 12)
    assert config["network"]["_target_"].endswith(".EDNN")


STATED = [(group, option) for group, option in OPTIONS if group not in ("experiment", "scale", "sweep", "trainer")]
FREE = {
    "preset": {"V", "grid", "n_electrons", "material", "memory", "backend", "threads", "wavefunction", "timer"}
    | {"gate_distance"},
    "material": {"units"},  # nm and eV
    "interaction": {"gate_distance"},  # none is without a metal plane: names of earlier datasets stay
    "network": {
        "in_channels",
        "out_channels",
        "dims",
        "shape",
        "periodic",
        "symmetry",
        "labels",
    },  # they follow from the samples
    "model": {"predictor", "card", "params"},
    "loader": {"stores", "predictor", "seed"},
    "logger": {"save_dir", "offline", "tags", "options", "kwargs"},
    "potential": {"max_draws", "material", "units", "weights"},  # no weights are equal ones: earlier names stay
    "data": {
        "max_draws",
        "units",
        "V",
        "grid",
        "n_electrons",
        "material",
        "memory",
        "backend",
        "threads",
        "wavefunction",
        "timer",
        "gate_distance",
    },
}
"""Arguments that fix no result, or that the program gives."""

INNER = {".networks.": "network", ".potentials.": "potential"}
"""Groups of classes that stand inside options of other groups, by a part of their names."""


def state_every_argument(node, group, where):
    """Assert that a node, and those in it, leave no argument to a default in the code."""
    parameters = inspect.signature(get_object(node["_target_"])).parameters.values()
    named = {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    missing = named - FREE.get(group, set()) - set(node)
    assert not missing, f"{where} leaves out {missing}"


@pytest.mark.parametrize(("group", "option"), STATED)
def test_yaml_states_every_argument(group, option):
    """What fixes a result is written down, not left to a default in the code."""
    package = "solver" if group == "preset" else group
    node = configuration(PROGRAM.get(group, "train"), f"{group}={option}")[package]
    checked = [n for n in targets(node) if n["_target_"].startswith(("qd_pix2pix.", "solvers."))] if node else []
    for part in checked:
        inner = next((room for part_of, room in INNER.items() if part_of in part["_target_"]), group)
        state_every_argument(part, inner, f"{group}/{option}")
    assert checked or group in ("bench", "logger", "search", "jobs"), f"{group}/{option} names no class of this project"


def test_an_argument_that_is_left_out_is_found():
    node = configuration("train", "preset=paper")["solver"]
    del node["n_orbitals"]
    with pytest.raises(AssertionError, match="n_orbitals"):
        state_every_argument(node, "preset", "preset/paper")


def test_generate_and_train_agree_on_the_dataset():
    words = ["data.n_electrons=3", "material=si", "potential=harmonic"]
    assert configuration("train", *words)["data"] == configuration("generate", *words)["data"]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_of_the_command_line_are_those_of_the_solver(preset):
    solver = configuration("generate", f"preset={preset}")["data"]["solver"]
    assert {key: solver[key] for key in PRESETS[preset]} == PRESETS[preset]


@pytest.mark.parametrize("path", sorted((CONF / "material").glob("*.yaml")), ids=lambda path: path.stem)
def test_materials_have_a_source_and_stand_in_the_docs(path):
    text = path.read_text(encoding="utf-8")
    node = configuration("train", f"material={path.stem}")["data"]["material"]
    masses = node["m_eff"] if isinstance(node["m_eff"], list) else [node["m_eff"]]
    assert f"| `{path.stem}` | {', '.join(f'{m:g}' for m in masses)} | {node['eps_r']:g} |" in (
        ROOT / "docs/solver.md"
    ).read_text("utf-8")
    assert path.stem == "vacuum" or re.search(r"\((19|20)\d\d\)", text.partition("_target_")[0])
