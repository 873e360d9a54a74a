"""The command line of the three programs: words checked first, one clear line for every error, resumable runs."""

from __future__ import annotations

import difflib
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

WORDS = "words.json"
"""File of a run: the command line's words that it is trained with."""
CONF = Path(__file__).parent.parent / "conf"
EXPECTED = (ValueError, OSError, HydraException, OmegaConfBaseException)
"""What bad input raises; anything else is a defect and keeps its traceback. No torch here: workers import this too."""


def fail(error: BaseException | str) -> None:
    """Print one clear error and leave with status 2. HYDRA_FULL_ERROR=1 shows where it came from."""
    if os.environ.get("HYDRA_FULL_ERROR") == "1" and isinstance(error, BaseException):
        raise error
    print(f"error: {first_cause(error)}", file=sys.stderr)
    sys.exit(2)


def first_cause(error: BaseException | str) -> str:
    """What an error says, without what Hydra says around it."""
    while isinstance(error, InstantiationException) and error.__cause__ is not None:
        error = error.__cause__
    return str(error).split("\nConfig search path")[0].strip()


def program(task: Callable[[dict[str, Any]], None]) -> Callable[[DictConfig], None]:
    """A task of plain containers as a Hydra task, with clear errors."""

    @wraps(task)
    def run(config: DictConfig) -> None:
        guarded(lambda: task(OmegaConf.to_container(config, resolve=True)))  # type: ignore[arg-type]

    return run


def guarded(task: Callable[[], Any]) -> Any:
    """Call ``task``; bad input becomes one clear error, Ctrl-C leaves with status 130."""
    try:
        return task()
    except EXPECTED as error:
        fail(error)
    except Exception as error:
        if type(error).__name__ != "MisconfigurationException":  # Lightning's word for bad settings
            raise
        fail(error)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(130)


def quiet() -> None:
    """Leave out what Lightning says at every start, and its advice that does not apply here."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for text in (
        ".*LeafSpec.*",
        "Using ModelCheckpoint with manual optimization",
        "Checkpoint directory .* exists",
        ".*does not have many workers.*",
        "It is recommended to use .*sync_dist",
    ):
        warnings.filterwarnings("ignore", text)


def check_words(config_name: str) -> None:
    """Check ``sys.argv`` against the configuration: a wrong word ends here, and the choices are named."""
    flags = [word for word in sys.argv[1:] if word.startswith("-")]
    if set(flags) - {"-m", "--multirun"}:
        return  # --help, --cfg and the like: Hydra's own business
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    try:
        overrides = OverridesParser.create().parse_overrides(words)
        with initialize_config_dir(str(CONF), version_base="1.3"):
            _check_keys(config_name, overrides)
            compose(config_name, [single(o) for o in overrides], return_hydra_config=True)
    except EXPECTED as error:
        fail(error)


def asks_for_many() -> bool:
    """True where the command line asks for a sweep."""
    return bool({"-m", "--multirun"} & set(sys.argv[1:]))


def single(override: Override) -> str:
    """An override as text; of a sweep the first value, of an interval its lower end."""
    if override.is_sweep_override() and not override.is_discrete_sweep():
        return f"{override.get_key_element()}={override.value().start}"  # type: ignore[union-attr]
    if override.is_sweep_override():
        return f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"
    return override.input_line or ""


def _check_keys(config_name: str, overrides: list[Override]) -> None:
    """Raise ValueError for an override of a key that is not there, or by a value of another kind."""
    groups = {path.name for path in CONF.iterdir() if path.is_dir()}
    chosen = [single(o) for o in overrides if o.key_or_group.split("@")[0] in groups]
    # not resolved: hydra.run.dir and its like can be told only in a run
    config = OmegaConf.to_container(compose(config_name, chosen, return_hydra_config=True), resolve=False)
    for override in overrides:
        key = override.key_or_group
        if key.split("@")[0] in groups or key.startswith("hydra/") or not _is_plain(override):
            continue
        node: Any = config
        for depth, part in enumerate(key.split(".")):
            if not isinstance(node, dict) or part not in node:
                raise ValueError(_no_such_key(key, depth, node))
            node = node[part]
        if not key.startswith(("trainer.", "hydra.")) and not override.is_sweep_override():
            _check_kind(key, node, override.value())


def _check_kind(key: str, default: object, given: object) -> None:
    """Raise ValueError where a number or a truth value is replaced by something else."""
    kinds: dict[type, tuple[tuple[type, ...], str]] = {
        bool: ((bool,), "true or false"),
        int: ((int,), "a whole number"),
        float: ((int, float), "a number"),
    }
    if isinstance(default, str) and given is None:
        raise ValueError(f"{key}: expected a word, such as {default}; got null")
    if type(default) not in kinds:
        return
    allowed, name = kinds[type(default)]
    if not isinstance(given, allowed) or isinstance(given, bool) != isinstance(default, bool):
        raise ValueError(f"{key}: expected {name}, such as {str(default).lower()}; got {given!r}")


def _is_plain(override: Override) -> bool:
    return not (override.is_add() or override.is_force_add() or override.is_delete())


def _no_such_key(key: str, depth: int, node: Any) -> str:
    parts = key.split(".")
    where = f" in {'.'.join(parts[:depth])}" if depth else ""
    if not isinstance(node, dict):
        above, rest = ".".join(parts[:depth]), ".".join(parts[depth:])
        if str(node).startswith("${"):
            return f"{key}: {above} is taken from elsewhere; write {str(node)[2:-1]}.{rest}="
        return f"{key}: {above} is a single value, it has no parts"
    groups = [] if depth else [path.name for path in CONF.iterdir() if path.is_dir()]
    choices = sorted({str(k) for k in node if k != "hydra" and not str(k).startswith("_")} | set(groups))
    close = difflib.get_close_matches(parts[depth], choices, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"{parts[depth]}: there is no such word{where}.{hint} Choices: {', '.join(choices)}"


def quoted(value: Path | str) -> str:
    """A path or name as a value of Hydra's grammar; it may hold spaces, commas, brackets and quotes."""
    return "'" + str(value).replace("'", "\\'") + "'"


def resume_words() -> None:
    """With ``ckpt_path=`` the run goes on in its own folder, with the words it was trained with (new ones win)."""
    given = {word.partition("=")[0]: word for word in sys.argv[1:] if not word.startswith("-")}
    path = Path(given.get("ckpt_path", "ckpt_path=").partition("=")[2].strip("'\"").replace("\\'", "'"))
    run = path.resolve().parent.parent
    saved = run / WORDS
    if "ckpt_path" not in given or not path.is_file() or not saved.is_file():
        return
    words = [str(word) for word in json.loads(saved.read_text())]
    kept = [word for word in words if word.partition("=")[0] not in given]
    where = [] if "hydra.run.dir" in given else [f"hydra.run.dir={quoted(run)}"]
    sys.argv[1:1] = kept + where
