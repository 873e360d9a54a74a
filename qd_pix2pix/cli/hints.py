"""What a key that does not exist may mean: the full name of a key, a key of another option, or an option."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml
from omegaconf import OmegaConf

from qd_pix2pix.cli.comments import groups, lines_of, options, package_of
from qd_pix2pix.cli.compose import compose_config

OTHERS = {
    "N": "n_electrons",
    "batch": "batch_size",
    "electrons": "n_electrons",
    "epochs": "max_epochs",
    "learning_rate": "lr",
    "mass": "m_eff",
    "optimiser": "optimizer",
    "permittivity": "eps_r",
    "steps": "max_steps",
}
"""Usual names of other programs for keys of this one."""
SHOWN = 3


def elsewhere(key: str, known: Mapping[str, Any], shared: str = "") -> str:
    """Return where a key that does not exist may be found, as a sentence; empty if nowhere.

    Args:
        key: the key, such as ``lr``.
        known: the configuration of the program.
        shared: the part of the key that exists, such as ``model`` of ``model.lr``.
    """
    parts = [OTHERS.get(part, part) for part in key.split(".")]
    wanted = parts[len(shared.split(".")) :] if shared else parts
    here = [name for name in names(known) if _ends(name, wanted) and name != key]
    near = [name for name in here if shared and name.startswith(f"{shared}.")] or here
    if near:
        return f" Did you mean {_either(near)}?"
    if chosen := _as_option(key):
        return f" {key} is an option: {_either(chosen)}."
    others = [f"{option} {name}=" for option, name in keys_of_options() if _ends(name, wanted)]
    others = [text for text in others if text.partition("=")[0] in known]
    if others:
        return f" It belongs to another option: {_either(others)}."
    of_train = [name for name in names(_keys_of_train()) if _ends(name, wanted)] if not shared else []
    return f" It is a key of train.py: {_either(of_train)}." if of_train else ""


def check_equals(words: Sequence[str]) -> None:
    """Raise ValueError for an override without an equals sign, ``regressor`` instead of ``model=regressor``."""
    for word in words:
        if "=" not in word and not word.startswith("~"):
            chosen = _as_option(word)
            hint = f"{word} is an option: {_either(chosen)}" if chosen else "--help lists all of them"
            raise ValueError(f"{word}: expected KEY=VALUE or GROUP=OPTION; {hint}")


def _as_option(name: str) -> list[str]:
    return [f"{group}={name}" for group in groups() if name in options(group)]


def names(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of all keys with a single value."""
    for key, value in content.items():
        if str(key).startswith("_") or not prefix and key == "hydra":
            continue
        if isinstance(value, Mapping) and value:
            yield from names(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


@lru_cache(maxsize=1)
def keys_of_options() -> tuple[tuple[str, str], ...]:
    """Return all keys of the options of all groups: (``model=pix2pix``, ``model.lambda_rec``)."""
    found = []
    for group in (name for name in groups() if name not in ("experiment", "scale", "sweep", "bench")):
        for option in options(group):
            lines = lines_of(group, option)
            content = yaml.safe_load("\n".join(lines))
            found += [(f"{group}={option}", f"{package_of(lines, group)}{name}") for name in names(content or {})]
    return tuple(found)


@lru_cache(maxsize=1)
def _keys_of_train() -> Mapping[str, Any]:
    return OmegaConf.to_container(compose_config("train", []), resolve=False)  # type: ignore[return-value]


def _ends(name: str, wanted: list[str]) -> bool:
    return name.split(".")[-len(wanted) :] == wanted


def _either(found: list[str]) -> str:
    more = ", ..." if len(found) > SHOWN else ""
    return " or ".join(found[:SHOWN]) + more
