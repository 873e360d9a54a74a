"""Configurations of conf/ with overrides, as Hydra composes them."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qd_pix2pix.fields import checksum
from qd_pix2pix.files import conf_folder

SHA256 = "sha256"
"""Resolver of conf/: ``${sha256:PATH}`` is the checksum of a file, null without a path."""
ONE_AT_A_TIME = threading.Lock()
"""Held while Hydra composes: its state is that of the process."""


def register_resolvers() -> None:
    """Register the resolvers of conf/ with OmegaConf, once for each process."""
    OmegaConf.register_new_resolver(SHA256, _checksum_or_none, replace=True)


def _checksum_or_none(path: str | None) -> str | None:
    """Return the checksum of a file; None if it cannot be read, which the user of the path reports."""
    try:
        return checksum(path) if path else None
    except (OSError, ValueError):
        return None


register_resolvers()


def parse(overrides: Sequence[str]) -> list[Override]:
    """Return overrides as parsed by Hydra."""
    return OverridesParser.create().parse_overrides(list(overrides))


def compose_config(name: str, overrides: Sequence[str], with_hydra: bool = False) -> DictConfig:
    """Return conf/NAME.yaml with overrides; with ``with_hydra`` it includes Hydra's own settings."""
    folder, words = str(conf_folder()), tuple(overrides)
    if not with_hydra:
        config = _by_parts(folder, name, words)
        if config is not None:
            return config
    return copy.deepcopy(_composed(folder, name, words, with_hydra))


@lru_cache(maxsize=256)
def _composed(folder: str, name: str, overrides: tuple[str, ...], with_hydra: bool = False) -> DictConfig:
    with _outside_hydra(), initialize_config_dir(folder, version_base="1.3"):
        return compose(name, list(overrides), return_hydra_config=with_hydra)


@contextmanager
def _outside_hydra() -> Iterator[None]:
    """Set the Hydra of a program around this one aside for the block; it is one for all threads of the process."""
    with ONE_AT_A_TIME:
        before, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
        try:
            yield
        finally:
            GlobalHydra.instance().hydra = before  # another instance: Hydra copies it


def _by_parts(folder: str, name: str, overrides: tuple[str, ...]) -> DictConfig | None:
    """Return the configuration from that of the options, with the values set afterwards; None where it may differ.

    Runs of a sweep differ in values. Hydra reads all files for each of them (0.2 s), and sets the values afterwards
    as well.
    """
    parsed = parse(overrides)
    if any(not is_plain(o) or isinstance(o.value(), dict) for o in parsed):
        return None  # the order of the overrides matters
    others = tuple(o.input_line or "" for o in parsed if not _is_value(o))
    config = copy.deepcopy(_composed(folder, name, others))
    try:
        for override in filter(_is_value, parsed):
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
    except OmegaConfBaseException:
        return None  # Hydra has its own errors
    return config


def is_plain(override: Override) -> bool:
    """Return whether an override neither adds nor deletes its key."""
    return not (override.is_add() or override.is_force_add() or override.is_delete())


def _is_value(override: Override) -> bool:
    """Return whether an override is ``a.b=value``, which selects no option of a group."""
    key = override.key_or_group
    is_one = override.package is None and not override.is_sweep_override()
    return is_one and "." in key and "/" not in key and not key.startswith("hydra.")
