"""Words with several values -> runs, each known by the hash of its resolved configuration."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from qd_pix2pix.command_line import CONF, single
from qd_pix2pix.data.store import digest

NO_PART = ("sweep", "jobs", "dry", "logger", "launcher", "data_root", "ckpt_path", "checkpoint_every")
"""Words of the configuration that do not change what a run finds: how it is started, watched and kept."""
OWN = ("sweep", "jobs", "dry")
"""Words of the sweep, of which its runs know nothing."""


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes:
        key: hash of the resolved configuration.
        words: of its command line.
        point: its value on each axis, as on the command line.
        config: resolved, plain containers.
    """

    key: str
    words: tuple[str, ...]
    point: dict[str, str]
    config: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A sweep: where it lies, its axes, its runs; and how they are started."""

    name: str
    folder: Path
    axes: tuple[str, ...]
    runs: tuple[Run, ...]
    config: dict[str, Any]


def make_plan(words: Sequence[str]) -> Plan:
    """What ``train.py -m words`` asks for.

    The words of ``sweep=NAME`` (conf/sweep) come first; a word of the command line with the same key takes the place of
    theirs. Two points with the same configuration are one run.

    Raises:
        ValueError: nothing is swept.
    """
    given = parse(words)
    config = resolve([single(o) for o in given])
    own = [o for o in given if o.key_or_group.split(".")[0] in OWN]
    merged = {o.get_key_element(): o for o in [*parse(config["sweep"]["words"]), *given] if o not in own}
    axes = {key.lstrip("+"): o for key, o in merged.items() if o.is_sweep_override()}
    if not axes:
        raise ValueError("-m: expected a sweep (sweep=discriminator) or a word of several values (seed=0,1,2)")
    fixed = [o.input_line or "" for o in merged.values() if not o.is_sweep_override()]
    name = config["sweep"]["name"] or _name(axes, fixed)
    runs: dict[str, Run] = {}
    for values in itertools.product(*(list(o.sweep_string_iterator()) for o in axes.values())):
        chosen = iter(values)
        line = [f"{key}={next(chosen)}" if o.is_sweep_override() else o.input_line or "" for key, o in merged.items()]
        found = make_run([*line, f"sweep.name='{name}'"], dict(zip(axes, values, strict=True)))
        runs.setdefault(found.key, found)
    return Plan(name, Path(config["sweep"]["folder"]) / name, tuple(axes), tuple(runs.values()), config)


def make_run(words: Sequence[str], point: dict[str, str]) -> Run:
    """The run of a command line of single values."""
    config = resolve(words)
    return Run(run_key(config), tuple(words), point, config)


def run_key(config: dict[str, Any]) -> str:
    """Twelve hexadecimal digits of what a run finds."""
    return digest({key: value for key, value in config.items() if key not in NO_PART})


def parse(words: Sequence[str]) -> list[Override]:
    """Words as Hydra reads them."""
    return OverridesParser.create().parse_overrides(list(words))


def resolve(words: Sequence[str]) -> dict[str, Any]:
    """conf/train.yaml with these words, resolved, in plain containers."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("train", list(words)), resolve=True)  # type: ignore[return-value]


def _name(axes: dict[str, Override], fixed: Sequence[str]) -> str:
    """Of a sweep that has none: its axes, and a hash of what else was said; new values go to the same folder."""
    said = f"-{digest(sorted(fixed))[:6]}" if fixed else ""
    return "-".join(axis.split(".")[-1].split("/")[-1] for axis in axes) + said
