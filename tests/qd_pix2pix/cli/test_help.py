"""--help shows examples, groups, keys and comments that are true; keys that do not exist lead to those that do."""

import re
import shlex
import sys

import pytest
from omegaconf import OmegaConf
from small import ROOT

from qd_pix2pix.cli import comments, help, train
from qd_pix2pix.cli.comments import description, groups, meanings, options
from qd_pix2pix.cli.compose import compose_config
from qd_pix2pix.cli.help import EXAMPLES, help_text
from qd_pix2pix.cli.hints import elsewhere
from qd_pix2pix.cli.overrides import check_overrides, with_conditions

PROGRAMS = sorted(path.stem for path in (ROOT / "conf").glob("*.yaml"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_keys_of_the_help_are_overrides_that_change_nothing(program):
    """What the help shows, given back to the program, is the configuration without overrides."""
    text = help_text(program, width=400)
    shown = re.findall(r"^  ([\w.]+=.*?)(?:  .*)?$", text.split("\nKeys: ")[1], re.MULTILINE)
    assert len(shown) > 15 and f"python {program}.py " in text
    assert compose_config(program, shown) == compose_config(program, [])


@pytest.mark.parametrize(
    ("program", "given", "shown"),
    [
        ("train", [], ["lambda_rec=100.0", "[unet]", "[pix2pix]  flow  gan  regressor  rugan", "-m "]),
        (
            "train",
            ["model=regressor"],
            ["model.also_weight=0.1", "weight of the outputs mapping.also", "heads: charge"],
        ),
        ("train", ["sweep=lambda"], ["Weight of the reconstruction loss relative to the adversarial loss (figure A5)"]),
        ("generate", ["material=si"], ["material.eps_r=11.7", "material=si: Electrons of the (001) valleys"]),
        ("evaluate", [], ["split=test", "train, val, test", "[none]  qdot  smoke"]),
        ("train", ["range.n_electrons=[1,2]"], ["range.n_electrons=[1,2]"]),
    ],
)
def test_help_shows_options_values_and_comments(program, given, shown):
    text = help_text(program, given, width=250)
    assert not [part for part in shown if part not in text]


def test_help_has_only_the_groups_of_the_program():
    assert "  model " not in help_text("evaluate") and "  model " in help_text("train")


def test_help_fits_into_the_terminal():
    text = help_text("train", width=80)
    examples = text.split("\nExamples\n")[1].split("\n\n")[0]
    assert max(len(line) for line in text.replace(examples, "").splitlines()) <= 80


def test_an_invalid_option_beside_help_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", "--help", "seeds=3"])
    with pytest.raises(SystemExit, match="2"):
        train()
    assert "Did you mean seed?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "words"), [(program, words) for program in PROGRAMS for words, _ in EXAMPLES[program]]
)
def test_examples_of_the_help_are_valid(program, words):
    given = [word for word in shlex.split(words) if word != "-m"]
    check_overrides(program, with_conditions(given) if program == "evaluate" else given, many="-m" in words)


def test_every_option_has_a_description():
    missing = [f"conf/{group}/{option}.yaml" for group in groups() for option in options(group)]
    assert not [path for path in missing if not description(*path.removesuffix(".yaml").split("/")[1:])]


def test_every_key_of_the_programs_own_has_a_comment():
    for program in PROGRAMS:
        config = compose_config(program, [])
        own = [str(key) for key, value in config.items() if not OmegaConf.is_dict(value)]
        assert not [key for key in own if not meanings("", program).get(key)]


CONF = """# @package model
# What it is,
# in two lines
defaults: [base]
_target_: a.B
width: 3 # of the \
layer, # with a hash
long: null # the beginning
# and the end

# above: two parts
part:
  deep: [1, 2] # pair
  text: "a # b"
  block:
    - 1 # no key
"""


def test_comments_are_read_by_key(tmp_path, monkeypatch):
    (tmp_path / "network").mkdir()
    (tmp_path / "network" / "mine.yaml").write_text(CONF, encoding="utf-8")
    (tmp_path / "network" / "base.yaml").write_text("width: 1 # overridden\ndepth: 2 # of the base\n", encoding="utf-8")
    monkeypatch.setattr(comments, "conf_folder", lambda: tmp_path)
    for function in (description, meanings):
        function.cache_clear()
    try:
        assert options("network") == ["base", "mine"] and groups() == ["network"]
        assert description("network", "mine") == "What it is, in two lines"
        assert meanings("network", "mine") == {
            "network.width": "overridden",
            "network.depth": "of the base",
            "model.width": "of the layer, # with a hash",
            "model.long": "the beginning and the end",
            "model.part": "above: two parts",
            "model.part.deep": "pair",
        }
    finally:
        for function in (description, meanings):
            function.cache_clear()


def test_values_are_written_in_the_grammar_of_overrides():
    values = {"a": None, "b": [1, 2.5, "x"], "c": {"d": True, "e": {}}, "f": "${a}", "_target_": "x"}
    assert list(help.flat(values)) == [("a", "null"), ("b", "[1,2.5,x]"), ("c.d", "true"), ("c.e", "{}")]


HINTS = [
    ("train", "lr", "", "Did you mean model.optimizer.lr?"),
    ("train", "model.lr", "model", "Did you mean model.optimizer.lr?"),
    ("train", "learning_rate", "", "Did you mean model.optimizer.lr?"),
    ("train", "epochs", "", "Did you mean trainer.max_epochs?"),
    ("train", "extent", "", "Did you mean data.grid.extent or range.extent?"),
    ("train", "channels", "", "Did you mean network.channels or model.discriminator.channels?"),
    ("train", "likelihood", "", "It belongs to another option: model=regressor model.density.loss.likelihood="),
    ("train", "si", "", "si is an option: material=si."),
    ("generate", "n_electrons", "", "Did you mean data.n_electrons?"),
    ("train", "N", "", "Did you mean data.n_electrons or range.n_electrons?"),
    ("solve", "N", "", "Did you mean n_electrons?"),
    ("generate", "lr", "", "It is a key of train.py: model.optimizer.lr."),
    ("generate", "zzz", "", ""),
    ("train", "model.optimizer.lrr", "model.optimizer", ""),
]


@pytest.mark.parametrize(("program", "key", "shared", "hint"), HINTS)
def test_a_key_that_does_not_exist_leads_to_its_full_name(program, key, shared, hint):
    found = elsewhere(key, OmegaConf.to_container(compose_config(program, [])), shared)
    assert found.strip().startswith(hint) and bool(found) == bool(hint)


@pytest.mark.parametrize(
    ("given", "hint"),
    [("lr=1e-3", "lr: no such option. Did you mean model.optimizer.lr?"), ("zzz=3", "Choices: checkpoint_every")],
)
def test_an_unknown_key_is_an_error_with_the_hint(given, hint):
    with pytest.raises(ValueError, match=re.escape(hint)):
        check_overrides("train", [given])


@pytest.mark.parametrize(("given", "hint"), [("regressor", "model=regressor"), ("nonsense", "--help lists")])
def test_an_override_without_an_equals_sign_is_named(given, hint, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", given])
    with pytest.raises(SystemExit, match="2"):
        train()
    assert f"{given}: expected KEY=VALUE or GROUP=OPTION; " in (error := capsys.readouterr().err) and hint in error
