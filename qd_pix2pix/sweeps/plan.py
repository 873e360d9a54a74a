"""The plan of a sweep: runs from overrides with several values, each named by the hash of its configuration."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from qd_pix2pix.cli.compose import compose_config, parse
from qd_pix2pix.cli.overrides import quoted, single
from qd_pix2pix.files import digest
from qd_pix2pix.systems import complete

NO_PART = (
    *("sweep", "jobs", "search", "dry", "logger", "launcher", "data_root", "ckpt_path"),
    *("checkpoint_every", "checkpoint_seconds", "threads"),
)
"""Parts of the configuration that do not affect the result of a run: execution, logging and storage."""
ADDED = ("init_from", "mapping.second", "mapping.average", "mapping.counter", "loader.shift", "more_data")
"""Options that earlier versions do not have: where they are null or false, sweeps keep their runs."""
OWN = ("sweep", "jobs", "search", "dry")
"""Parts of the sweep's configuration that are not passed to its runs."""


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes:
        key: hash of the resolved configuration.
        overrides: overrides of its command line.
        point: its value on each axis, as on the command line.
        config: resolved configuration, plain containers.
    """

    key: str
    overrides: tuple[str, ...]
    point: dict[str, str]
    config: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """The plan of a sweep: name, folder, varied settings and configuration.

    Attributes:
        name, folder: name and folder of the sweep.
        overrides: overrides of conf/sweep and of the command line, by key; the last one of each key.
        axes: overrides with several values.
        config: configuration of the first run, with the sweep's own settings.
    """

    name: str
    folder: Path
    overrides: dict[str, Override]
    axes: dict[str, Override]
    config: dict[str, Any]

    def run(self, values: Sequence[str]) -> Run:
        """Return the run with these values on the axes."""
        chosen = dict(zip(self.axes, values, strict=True))
        lines = {key: o.input_line or "" for key, o in self.overrides.items()}
        lines |= {key: f"{key}={value}" for key, value in chosen.items()}
        overrides = [*lines.values(), f"sweep.name={quoted(self.name)}"]
        config = resolve(overrides)
        return Run(run_key(config), tuple(overrides), {k.lstrip("+"): v for k, v in chosen.items()}, config)

    def runs(self) -> tuple[Run, ...]:
        """Return all runs; two points with the same configuration are one run.

        Raises:
            ValueError: an axis is a continuous interval.
        """
        for key, override in self.axes.items():
            if not override.is_discrete_sweep():
                raise ValueError(f"{key}: an interval has no end of values; use search=optuna, which samples it")
        values = itertools.product(*(list(o.sweep_string_iterator()) for o in self.axes.values()))
        runs = (self.run(point) for point in values)
        return tuple({run.key: run for run in runs}.values())


def make_plan(overrides: Sequence[str]) -> Plan:
    """Return the plan of ``train.py -m OVERRIDES``.

    The overrides of ``sweep=NAME`` (conf/sweep) come first; one of the command line replaces theirs of the same key.

    Raises:
        ValueError: the name of the sweep is not a valid name of a folder.
    """
    given = parse(overrides)
    config = resolve([single(o) for o in given])
    theirs = [o for o in given if o.key_or_group.split(".")[0] not in OWN]
    merged = {o.get_key_element(): o for o in [*parse(config["sweep"]["words"]), *theirs]}
    axes = {key: o for key, o in merged.items() if o.is_sweep_override()}
    fixed = [o.input_line or "" for o in merged.values() if not o.is_sweep_override()]
    parts = (config["sweep"]["name"] or _name(axes, fixed), config["sweep"]["scale"])
    name = _checked_name("-".join(str(part) for part in parts if part))
    return Plan(name, Path(config["sweep"]["folder"]) / name, merged, axes, config)


def run_key(config: dict[str, Any]) -> str:
    """Return twelve hexadecimal digits that identify all settings with an effect on the result of a run."""
    kept = {key: value for key, value in config.items() if key not in NO_PART}
    if isinstance(kept.get("data"), dict):
        kept["data"] = complete(kept["data"])  # the content of files is a setting too
    for key in ADDED:
        kept = _without_null(kept, key.split("."))
    return digest(kept)


def _without_null(config: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return a configuration without the option at ``path`` where it is null or false."""
    name, *rest = path
    value = config.get(name)
    if rest and isinstance(value, dict):
        return config | {name: _without_null(value, rest)}
    return {key: v for key, v in config.items() if rest or key != name or (v is not None and v is not False)}


def resolve(overrides: Sequence[str]) -> dict[str, Any]:
    """Return conf/train.yaml with these overrides, resolved, in plain containers."""
    return OmegaConf.to_container(compose_config("train", overrides), resolve=True)  # type: ignore[return-value]


def _name(axes: Iterable[str], fixed: Sequence[str]) -> str:
    """Return the default name of a sweep: its axes, and a hash of the rest; new values use the same folder."""
    parts = [axis.split(".")[-1].split("/")[-1] for axis in axes] or ["one"]
    if fixed:
        parts.append(digest(sorted(fixed))[:6])
    return "-".join(parts)


def _checked_name(name: str) -> str:
    if name.startswith(".") or any(character in name for character in "/\\\0\n"):
        raise ValueError(
            f"sweep.name: expected the name of a folder, without slashes and not beginning with a dot; got {name!r}. "
            "sweep.folder sets its parent folder"
        )
    return name
