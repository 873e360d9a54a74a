"""Recipes from plain containers: ``_target_`` names a class or function, all other keys are its arguments.

A configuration of the command line may name any importable object. The card of a checkpoint is untrusted: only classes
of this project's own packages, and of modules that are trusted (``files.trusted``), are built from it.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from qd_pix2pix.files import is_trusted
from qd_pix2pix.systems.recipe import Recipe

ROOMS = ("solvers", "qd_pix2pix.systems", "qd_pix2pix.inference.teacher")
MARKS = ("_target_", "_partial_", "_convert_", "_recursive_")
"""Keys that are not arguments; the last two are Hydra's and have no effect here."""


def build(node: Any, path: str = "data", only_rooms: bool = False) -> Any:
    """Return the objects that plain containers describe.

    Args:
        node: dictionaries, lists, numbers and text.
        path: path of the node in the configuration, for error messages.
        only_rooms: refuse all targets except classes and functions of ``ROOMS``.

    Raises:
        ValueError: a target does not exist, is refused, or does not take its arguments.
    """
    if isinstance(node, Mapping) and "_target_" in node:
        target = _find(str(node["_target_"]), path, only_rooms)
        if unknown := [k for k in node if k.startswith("_") and k not in MARKS]:
            raise ValueError(f"{path}: expected arguments by name, got {', '.join(unknown)}")
        given = {k: build(v, f"{path}.{k}", only_rooms) for k, v in node.items() if not k.startswith("_")}
        call: Any = partial(target, **given)
        try:
            signature = inspect.signature(target)
        except ValueError:  # some functions written in C have no signature
            signature = inspect.Signature([inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)])
        try:
            (signature.bind_partial if node.get("_partial_") else signature.bind)(**given)
        except TypeError as error:
            takes = ", ".join(signature.parameters)
            raise ValueError(f"{path}: {node['_target_']}: {error}; it takes {takes}") from None
        return call if node.get("_partial_") else call()
    if isinstance(node, Mapping):
        return {k: build(v, f"{path}.{k}", only_rooms) for k, v in node.items()}
    if isinstance(node, (list, tuple)):
        return [build(item, f"{path}[{i}]", only_rooms) for i, item in enumerate(node)]
    return node


def _find(name: str, path: str, only_rooms: bool) -> Any:
    module, _, attribute = name.rpartition(".")
    if only_rooms and not (_at_home(name) or is_trusted(module)):
        raise ValueError(
            f"checkpoint: its {path} names {name!r}, which is no part of qd_pix2pix; not loaded. If you trust that "
            f"module, whose code would run, name it: evaluate.py ... trust={module}"
        )
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: expected a class or function that can be imported, got {name!r} ({error})") from None
    home = str(getattr(found, "__module__", ""))
    # functions of this module would build any object that a card names
    allowed = (_at_home(home) and home != __name__) or is_trusted(home)
    if only_rooms and (not allowed or attribute.startswith("_")):
        raise ValueError(f"checkpoint: its {path} names {name!r}, which is no part of qd_pix2pix; not loaded")
    if not callable(found):
        raise ValueError(f"{path}: expected a class or function, got {name!r}, a {type(found).__name__}")
    return found


def _at_home(name: str) -> bool:
    """Return whether a name is that of a part of ``ROOMS``."""
    return any(f"{name}.".startswith(f"{room}.") for room in ROOMS)


def modules_of(node: Any) -> tuple[str, ...]:
    """Return the names of all modules outside this project in plain containers that describe objects."""
    parts = node.values() if isinstance(node, Mapping) else node if isinstance(node, (list, tuple)) else ()
    target = str(node.get("_target_", "")) if isinstance(node, Mapping) else ""
    own = [target.rpartition(".")[0]] if target and not _at_home(target) else []
    return tuple(dict.fromkeys([*own, *(name for part in parts for name in modules_of(part))]))


def recipe_class(config: Mapping[str, Any], only_rooms: bool = False) -> type[Recipe]:
    """Return the system of a recipe's configuration.

    Raises:
        ValueError: the configuration names no system.
    """
    found = _find(str(config.get("_target_")), "data", only_rooms)
    if not (isinstance(found, type) and issubclass(found, Recipe)) or inspect.isabstract(found):
        raise ValueError(f"data._target_: expected a system, a subclass of Recipe; got {config.get('_target_')!r}")
    return found


def make_recipe(config: Mapping[str, Any], only_rooms: bool = False) -> Recipe:
    """Return the recipe of a configuration in plain containers, without drawing or solving a sample.

    Raises:
        ValueError: a setting is invalid.
    """
    recipe_class(config, only_rooms)
    return build(config, "data", only_rooms)


def complete(config: Mapping[str, Any], only_rooms: bool = False) -> dict[str, Any]:
    """Return the configuration of a recipe with all that determines its dataset; see ``Recipe.complete``.

    Raises:
        ValueError: the configuration names no system, or a file of it cannot be read.
    """
    return recipe_class(config, only_rooms).complete(config)


def recipes_of(config: dict[str, Any], ranges: Mapping[str, Sequence[Any] | None]) -> list[dict[str, Any]]:
    """Return one complete configuration for each combination of the ranges' values; without ranges, a single one.

    Args:
        config: configuration of a recipe, plain containers.
        ranges: for each option a list of values, or None.

    Raises:
        ValueError: a range is not a list of distinct values of the expected type, or the system has no such range.
    """
    system = recipe_class(config)
    wanted = {option: values for option, values in ranges.items() if values is not None}
    for option, values in wanted.items():
        if option not in system.RANGES:
            known = ", ".join(system.RANGES) or "no option"
            raise ValueError(f"range.{option}: {system.__name__} has ranges of {known}; leave it out")
        kinds, example = system.RANGES[option]
        if not (isinstance(values, list) and values and all(type(v) in kinds for v in values)):
            raise ValueError(f"range.{option}: expected a list such as {example}, or null; got {values!r}")
        if len(set(values)) < len(values):
            raise ValueError(f"range.{option}: expected each value once, got {values!r}")
    recipes = []
    for point in itertools.product(*wanted.values()):
        member = complete(config)
        for option, value in zip(wanted, point, strict=True):
            member = system.vary(member, option, value)
        recipes.append(member)
    if wanted and len({str(make_recipe(member).schema.units) for member in recipes}) > 1:
        raise ValueError("range: expected samples in the same units; the values of the ranges mix several")
    return recipes
