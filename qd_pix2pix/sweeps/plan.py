"""Words with several values -> runs, each known by the hash of its resolved configuration."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from qd_pix2pix.cli import CONF, quoted, single
from qd_pix2pix.files import digest

NO_PART = ("sweep", "jobs", "search", "dry", "logger", "launcher", "data_root", "ckpt_path", "checkpoint_every")
"""Words of the configuration that do not change what a run finds: how it is started, watched and kept."""
OWN = ("sweep", "jobs", "search", "dry")
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
    """A sweep: its name and folder, what it varies, and how its runs are started.

    Attributes:
        name, folder: of the sweep.
        words: the words of conf/sweep and of the command line, by key; of one key the last.
        axes: those of several values.
        config: of the first run, with the sweep's own settings.
    """

    name: str
    folder: Path
    words: dict[str, Override]
    axes: dict[str, Override]
    config: dict[str, Any]

    def run(self, values: Sequence[str]) -> Run:
        """The run with these values on the axes."""
        chosen = dict(zip(self.axes, values, strict=True))
        words = [f"{key}={chosen[key]}" if key in chosen else o.input_line or "" for key, o in self.words.items()]
        words.append(f"sweep.name={quoted(self.name)}")
        config = resolve(words)
        return Run(run_key(config), tuple(words), {k.lstrip("+"): v for k, v in chosen.items()}, config)

    def runs(self) -> tuple[Run, ...]:
        """All of them; two points with the same configuration are one run.

        Raises:
            ValueError: an axis has no end of values.
        """
        for key, override in self.axes.items():
            if not override.is_discrete_sweep():
                raise ValueError(f"{key}: an interval has no end of values; search=optuna draws from it")
        values = itertools.product(*(list(o.sweep_string_iterator()) for o in self.axes.values()))
        runs = (self.run(point) for point in values)
        return tuple({run.key: run for run in runs}.values())


def make_plan(words: Sequence[str]) -> Plan:
    """What ``train.py -m words`` asks for.

    The words of ``sweep=NAME`` (conf/sweep) come first; a word of the command line with the same key takes the place of
    theirs.
    """
    given = parse(words)
    config = resolve([single(o) for o in given])
    theirs = [o for o in given if o.key_or_group.split(".")[0] not in OWN]
    merged = {o.get_key_element(): o for o in [*parse(config["sweep"]["words"]), *theirs]}
    axes = {key: o for key, o in merged.items() if o.is_sweep_override()}
    fixed = [o.input_line or "" for o in merged.values() if not o.is_sweep_override()]
    parts = (config["sweep"]["name"] or _name(axes, fixed), config["sweep"]["scale"])
    name = "-".join(part for part in parts if part)
    return Plan(name, Path(config["sweep"]["folder"]) / name, merged, axes, config)


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


def _name(axes: Iterable[str], fixed: Sequence[str]) -> str:
    """Of a sweep that has none: its axes, and a hash of what else was said; new values go to the same folder."""
    parts = [axis.split(".")[-1].split("/")[-1] for axis in axes] or ["one"]
    return "-".join(parts + [digest(sorted(fixed))[:6]] * bool(fixed))
