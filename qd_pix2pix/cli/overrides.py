"""Validation of command-line overrides against conf/ before Hydra runs; errors list the valid choices.

An override is ``key=value``. Values of paths and names remain text: ``data_root=20261125`` is a folder.
"""

from __future__ import annotations

import difflib
import importlib.util
import inspect
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from qd_pix2pix.cli.compose import compose_config, is_plain, parse
from qd_pix2pix.cli.hints import elsewhere
from qd_pix2pix.files import search_here

TEXT = (
    *(
        "ckpt_path",
        "init_from",
        "data_root",
        "checkpoint",
        "function",
        "input",
        "output",
        "save",
        "dataset",
        "export",
        "check",
        "sweep.name",
        "sweep.folder",
    ),
    *("logger.project", "logger.name", "logger.group", "logger.entity", "logger.id", "launcher.scheduler"),
    *("hydra.run.dir", "trainer.max_time", "V", "column", "potential.path", "potential.column", "data.path", "device"),
    *("mapping.second", "mapping.counter", "data.teacher.weights"),
)
"""Keys whose values are paths, names or times, so that a number is text."""
TARGET, HOME = "network._target_", "qd_pix2pix.networks."
"""Key of the class of a network, and the package of those of this project."""
SEARCHPATH = "hydra.searchpath"
PAIRS = ("data.grid.n", "data.grid.extent", "material.m_eff")
"""Numbers that may be a pair, one along x and one along y."""
CONDITIONS = "conditions"
"""Key of conf/evaluate.yaml for the conditions of a user's samples."""


def single(override: Override) -> str:
    """Return an override as text; of several values the first, of an interval its lower end."""
    if override.is_sweep_override() and not override.is_discrete_sweep():
        return f"{override.get_key_element()}={override.value().start}"  # type: ignore[union-attr]
    if override.is_sweep_override():
        return f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"
    return override.input_line or ""


def quoted(value: Path | str) -> str:
    """Return a path or name as a value of Hydra's grammar; it may contain spaces, commas, brackets and quotes."""
    return "'" + str(value).replace("'", "\\'") + "'"


def by_key(overrides: Sequence[str]) -> dict[str, str]:
    """Return overrides by their keys; the last one of each key."""
    return {word.partition("=")[0]: word for word in overrides}


def value_of(override: str) -> str:
    """Return the text of an override's value, without its quotes."""
    value = parse([override])[0].value()
    return "" if value is None else str(value)


def keep_text(overrides: Sequence[str]) -> list[str]:
    """Return overrides with quotes around paths and names that Hydra would parse as numbers, or not at all."""
    return [_as_text(word) for word in overrides]


def _as_text(word: str) -> str:
    key, _, text = word.partition("=")
    if key.lstrip("+") not in TEXT:
        return word
    try:
        override = parse([word])[0]
    except HydraException:  # letters and signs that its grammar does not have: V (1).npy, jürgen, epoch=3.ckpt
        return word if text.strip().startswith(("'", '"')) else f"{key}={quoted(text.strip())}"
    is_number = not override.is_sweep_override() and isinstance(override.value(), (bool, int, float))
    return f"{key}={quoted(text.strip())}" if is_number else word


def own_network(overrides: Sequence[str]) -> list[str]:
    """Return overrides in which ``network._target_=my_nets.MyNet`` has the arguments that are given, and no others.

    Those of the option that the model selects belong to another class. An explicit option, ``network=resnet``, is kept.
    """
    keys = [word.partition("=")[0] for word in overrides]
    targets = [word for word, key in zip(overrides, keys, strict=True) if key.lstrip("+") == TARGET]
    if not targets or targets[-1].partition("=")[2].startswith(HOME) or "network" in keys:
        return list(overrides)
    search_here()
    rest = [word for word in overrides if word != "~network" and not word.lstrip("+").startswith("network.")]
    own = [f"++{word.lstrip('+')}" for word in overrides if word.lstrip("+").startswith("network.")]
    return [*rest, "~network", *own]


def with_conditions(overrides: Sequence[str]) -> list[str]:
    """Convert keys that are not in conf/evaluate.yaml into conditions: ``coupling=0.5`` is ``conditions.coupling``.

    A key that resembles one of conf/evaluate.yaml is probably misspelt and left unchanged.
    """
    config = compose_config("evaluate", [], with_hydra=True)
    known = [str(key) for key in config] + sorted(_groups(config))
    return [_as_condition(word, known) for word in overrides]


def _as_condition(word: str, known: Sequence[str]) -> str:
    key = word.partition("=")[0]
    if not key.isidentifier() or difflib.get_close_matches(key, known, n=1, cutoff=0.7):
        return word
    return f"++{CONDITIONS}.{word}"


def run_folder(config: DictConfig) -> Path:
    """Return the folder of a run, ``hydra.run.dir``, from a configuration composed with Hydra's settings."""
    known = HydraConfig.instance()
    before, known.cfg = known.cfg, config  # type: ignore[assignment]
    try:
        return Path(str(config.hydra.run.dir))
    finally:
        known.cfg = before


def lasting(given: Sequence[str]) -> list[str]:
    """Return the overrides that a resumed run repeats: those of Hydra are left out, except folders of options."""
    keys = [word.lstrip("+~").partition("=")[0] for word in given]
    return [word for word, key in zip(given, keys, strict=True) if key == SEARCHPATH or not key.startswith("hydra.")]


def check_overrides(name: str, given: Sequence[str], many: bool = False) -> DictConfig:
    """Validate overrides against conf/NAME.yaml; return the configuration, with Hydra's own settings.

    Args:
        name: name of the program.
        given: overrides.
        many: allow several values in one override; the first is used.

    Raises:
        ValueError: a key does not exist, or its value has another type. Other errors are those of Hydra.
    """
    overrides = parse(given)
    for override in overrides:
        if override.is_sweep_override() and not many:
            raise ValueError(_several(name, override))
    _check_searchpath(overrides)
    config: Any = None
    groups: set[str] = set()
    for _ in range(2):  # an option may add groups
        chosen = [single(o) for o in overrides if o.key_or_group == SEARCHPATH or _is_group(o, groups)]
        # not resolved: hydra.run.dir and similar keys exist only in a run
        config = OmegaConf.to_container(compose_config(name, chosen, with_hydra=True), resolve=False)
        groups = _groups(config)
        for override in overrides:
            if _is_group(override, groups):
                _check_option(override)
    for override in overrides:
        if is_plain(override) and not _is_group(override, groups) and override.key_or_group != SEARCHPATH:
            _check_key(override, config, groups)
    composed = compose_config(name, [single(o) for o in overrides], with_hydra=True)
    for override in overrides:
        if not override.is_delete() and not is_plain(override) and not _is_group(override, groups):
            _check_added(override.key_or_group, composed)
    _check_ranges({override.key_or_group for override in overrides}, composed)
    return composed


def _check_ranges(keys: Set[str], config: DictConfig) -> None:
    """Raise ValueError where a single value is given beside a range, which replaces it."""
    plain: Any = OmegaConf.to_container(config)
    ranges = plain.get("range")
    for name, values in ranges.items() if isinstance(ranges, dict) else ():
        given = [key for key in (f"data.{name}", f"data.grid.{name}", name) if key in keys]
        if values is not None and given:
            text = str(values).replace(" ", "")
            raise ValueError(
                f"{given[0]}: expected no single value beside range.{name}={text}, which replaces it; add "
                f"range.{name}=null, or change range.{name}"
            )


def _several(name: str, override: Override) -> str:
    key, line = override.key_or_group, override.input_line or ""
    text = f"{key}={quoted(line.partition('=')[2])}"
    if name == "train":
        return f'{line}: several values are a sweep, python train.py -m {line}; as one text it is "{text}"'
    return f'{line}: expected one value; as one text it is "{text}"'


def _check_searchpath(overrides: Sequence[Override]) -> None:
    """Raise ValueError for a folder of the search path that does not exist; Hydra would only warn."""
    for override in overrides:
        value = override.value() if override.key_or_group == SEARCHPATH else None
        for entry in value if isinstance(value, list) else []:
            if not str(entry).startswith("pkg://") and not Path(str(entry).removeprefix("file://")).is_dir():
                raise ValueError(f"{SEARCHPATH}: expected folders of options, as [file://FOLDER]; {entry} is not there")


def _groups(config: Any) -> set[str]:
    """Return the groups of a configuration composed with Hydra's settings."""
    return {str(key).split("@")[0] for key in config["hydra"]["runtime"]["choices"]}


def _is_group(override: Override, groups: set[str]) -> bool:
    return override.key_or_group.split("@")[0] in groups


def _check_option(override: Override) -> None:
    """Raise ValueError where an option of a group is not a name."""
    value = None if override.is_sweep_override() else override.value()
    names = value if isinstance(value, list) else [value]
    if not all(name is None or isinstance(name, str) for name in names):
        key = override.key_or_group
        raise ValueError(f"{key}: expected the name of one of its options, conf/{key}/NAME.yaml; got {value!r}")


def _check_key(override: Override, config: Any, groups: set[str]) -> None:
    """Raise ValueError for an override of a key that does not exist, or with a value of another type."""
    key, node, above = override.key_or_group, config, config
    for depth, part in enumerate(key.split(".")):
        if not isinstance(node, dict) or part not in node:
            raise ValueError(_no_such_key(key, depth, node, groups, config))
        node, above = node[part], node
    if isinstance(node, str) and node.startswith("${") and isinstance(config.get(node[2:-1]), dict):
        node = config[node[2:-1]]
    if not override.is_sweep_override() and not (override.value() is None and _may_be_null(above, key)):
        _check_kind(key, node, override.value())


def _may_be_null(part: dict[str, Any], key: str) -> bool:
    """Return whether the class of a part takes None for an argument, by its annotation."""
    target = part.get("_target_")
    if not isinstance(target, str):
        return False
    made = _object(f"{key.rpartition('.')[0]}._target_", target)
    parameter = inspect.signature(made).parameters.get(key.rpartition(".")[2])
    return parameter is not None and "None" in str(parameter.annotation)


def _check_kind(key: str, default: object, given: object) -> None:
    """Raise ValueError where a number, a boolean, a text or a part is replaced by a value of another type."""
    kinds: dict[type, tuple[tuple[type, ...], str]] = {
        bool: ((bool,), "true or false"),
        int: ((int,), "a whole number"),
        float: ((int, float), "a number"),
    }
    if isinstance(default, dict) and not isinstance(given, dict) and not key.startswith("hydra"):
        raise ValueError(f"{key}: expected its parts, such as {key}.{_first(default)}=; got {given!r}")
    if key in TEXT and not (given is None or isinstance(given, str)):
        raise ValueError(f"{key}: expected a text, got {given!r}")
    if isinstance(default, str) and given is None and not key.startswith("hydra."):
        raise ValueError(f"{key}: expected a text, such as {default}; got null")
    if type(default) not in kinds or key.startswith(("trainer.", "hydra.")):
        return
    allowed, name = kinds[type(default)]
    if key in PAIRS and isinstance(given, list):
        if len(given) == 2 and all(isinstance(g, allowed) and not isinstance(g, bool) for g in given):
            return
        name = f"{name} or a pair along x and y"
    if not isinstance(given, allowed) or isinstance(given, bool) != isinstance(default, bool):
        raise ValueError(f"{key}: expected {name}, such as {str(default).lower()}; got {given!r}")


def _first(part: dict[str, Any]) -> str:
    return next((key for key in part if not key.startswith("_")), next(iter(part), "NAME"))


def _no_such_key(key: str, depth: int, node: Any, groups: set[str], config: dict[str, Any]) -> str:
    parts = key.split(".")
    where = f" in {'.'.join(parts[:depth])}" if depth else ""
    if not isinstance(node, dict):
        above, rest = ".".join(parts[:depth]), ".".join(parts[depth:])
        if str(node).startswith("${"):
            return f"{key}: {above} is taken from elsewhere; write {str(node)[2:-1]}.{rest}="
        return f"{key}: {above} is a single value, it has no parts"
    names = {str(k) for k in node if k != "hydra" and not str(k).startswith("_")}
    if not depth:
        names |= {group for group in groups if "/" not in group}
    if depth and parts[depth] in groups:  # model.network.levels: the network is a group of its own
        return f"{key}: {parts[depth]} is not part of {'.'.join(parts[:depth])}; write {'.'.join(parts[depth:])}="
    found = elsewhere(key, config, ".".join(parts[:depth])) or _hint(parts[depth], names)
    return f"{parts[depth]}: no such option{where}.{found}"


def _hint(name: str, choices: set[str]) -> str:
    close = difflib.get_close_matches(name, choices, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"{hint} Choices: {', '.join(sorted(choices))}"


def _object(key: str, target: str) -> Any:
    """Return the class or function that a target names.

    Raises:
        ValueError: it cannot be imported.
    """
    try:
        if importlib.util.find_spec(target.partition(".")[0]) is None:  # Hydra would log it too
            raise ImportError(f"no module {target.partition('.')[0]}")
        return get_object(target)
    except (ImportError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{key}: expected a class that can be imported here, got {target!r} ({reason})") from None


def _check_added(key: str, config: DictConfig) -> None:
    """Raise ValueError for an added key (``+a.b=``) that is not an argument of the class of its part."""
    above, _, name = key.rpartition(".")
    part = OmegaConf.select(config, above) if above else None
    target = part.get("_target_") if isinstance(part, DictConfig) else None
    if target is None or name.startswith("_"):
        return
    made = _object(f"{above}._target_", str(target))
    arguments = inspect.signature(made).parameters.values()
    if any(argument.kind is inspect.Parameter.VAR_KEYWORD for argument in arguments):
        return
    names = {argument.name for argument in arguments if argument.kind is not inspect.Parameter.VAR_POSITIONAL}
    if name not in names:
        raise ValueError(f"{key}: {made.__name__} has no such option.{_hint(name, names)}")
