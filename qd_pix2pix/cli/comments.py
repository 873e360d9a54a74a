"""Comments of the files in conf/: what each option of a group is, and what each of its keys means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import yaml

from qd_pix2pix.files import conf_folder

PACKAGE = "@package"


def options(group: str) -> list[str]:
    """Return the names of the options of a group, those of ``conf/GROUP``."""
    return sorted(path.stem for path in (Path(conf_folder()) / group).glob("*.yaml"))


def groups() -> list[str]:
    """Return the names of all groups."""
    return sorted(path.name for path in Path(conf_folder()).iterdir() if any(path.glob("*.yaml")))


@lru_cache(maxsize=256)
def description(group: str, option: str) -> str:
    """Return what an option is: the comment at the beginning of its file; empty without one."""
    return " ".join(_leading(lines_of(group, option)))


@lru_cache(maxsize=256)
def meanings(group: str, option: str) -> dict[str, str]:
    """Return the comment of each key of an option, by the key as on the command line, ``potential.n_wells``.

    An option that extends another one of its group has its comments, too.
    """
    lines = lines_of(group, option)
    prefix = package_of(lines, group)
    node = yaml.compose("\n".join(lines), Loader=yaml.SafeLoader)
    found: dict[str, str] = {}
    if isinstance(node, yaml.MappingNode):
        for above in _extended(node):
            found |= meanings(group, above)
        found |= {f"{prefix}{key}": text for key, text in _comments(node, lines) if text}
    return found


def lines_of(group: str, option: str) -> list[str]:
    """Return the lines of the file of an option; without a group, of a program. Empty if there is no such file."""
    path = Path(conf_folder()) / group / f"{option}.yaml"
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _leading(lines: list[str]) -> Iterator[str]:
    """Yield the comments before the first key."""
    for line in lines:
        if not line.startswith("#"):
            return
        if PACKAGE not in line:
            yield line.lstrip("# ")


def package_of(lines: list[str], group: str) -> str:
    """Return what precedes the keys of a file on the command line, such as ``model.``."""
    named = re.match(rf"# {PACKAGE} (\S+)", lines[0]) if lines else None
    package = named.group(1) if named else group
    return "" if package == "_global_" or not group else f"{package}."


def _extended(node: yaml.MappingNode) -> list[str]:
    """Return the options of the same group that a file extends."""
    for key, value in node.value:
        if key.value == "defaults":
            names = [entry.value for entry in value.value if isinstance(entry, yaml.ScalarNode)]
            return [name for name in names if not name.startswith("_")]
    return []


def _comments(node: yaml.MappingNode, lines: list[str], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each key with the comment behind it, or above it where none is behind."""
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if name == "defaults":
            continue
        is_block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        mark = key.end_mark if is_block else value.end_mark
        rest = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
        _, hash_, behind = rest.partition("#")
        yield name, " ".join([behind.strip(), *_continued(lines, mark.line)]) if hash_ else _above(lines, key)
        if isinstance(value, yaml.MappingNode):
            yield from _comments(value, lines, f"{name}.")


def _continued(lines: list[str], line: int) -> Iterator[str]:
    """Yield the comments of the lines directly after a comment behind a key."""
    for text in lines[line + 1 :]:
        if not text.lstrip().startswith("#"):
            return
        yield text.lstrip("# ")


def _above(lines: list[str], key: yaml.Node) -> str:
    """Return the comment in the lines directly above a key, except at the beginning of the file."""
    first = key.start_mark.line
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    if first == 0 or "#" in lines[first - 1]:  # the comment describes the file, or continues another one
        return ""
    return " ".join(line.lstrip("# ") for line in lines[first : key.start_mark.line])
