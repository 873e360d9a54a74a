"""Content of two pages of docs/: the options of conf/, and the figures of all experiments with their commands."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator
from pathlib import Path

from omegaconf import OmegaConf

from qd_pix2pix.cli.comments import description, groups, meanings, options
from qd_pix2pix.cli.compose import compose_config
from qd_pix2pix.cli.help import as_value
from qd_pix2pix.reports.tables import markdown

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
PROGRAMS = ("train", "generate", "evaluate", "solve")
PARTS = ("range", "field")
"""Keys with parts that are no groups."""
FIRST = ("data", "potential", "material", "interaction", "preset", "launcher", "mapping", "network", "model", "loader")
"""Groups in the order of the data flow; all others follow."""
IMAGE = re.compile(r"^!\[([^\]]+)\]\(([^)]+\.png)\)", re.MULTILINE)
COMMAND = re.compile(r"(python -m experiments\.[^\n`#]*[^\n`#\s])(?:[ \t]*#([^\n]*)|`([^\n]*))?")


def content() -> dict[str, str]:
    """Return keys, groups and figures by the names that the pages use."""
    keys = {f"options/{name}": _keys(name) for name in PROGRAMS}
    return keys | {"options/groups": "\n".join(_groups()), "gallery/figures": "\n".join(figures())}


def _keys(name: str) -> str:
    """Return the table of the keys of a program that belong to no group."""
    config = compose_config(name, [])
    about = meanings("", name)
    rows = []
    for key, value in config.items():
        if key in PARTS:
            parts = [(f"{key}.{part}", as_value(default)) for part, default in value.items()]
            rows += [(f"`{part}`", f"`{default}`", _safe(about.get(part, ""))) for part, default in parts]
        elif key not in groups() and (not OmegaConf.is_dict(value) or not value):
            given = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            rows.append((f"`{key}`", f"`{as_value(given)}`", _safe(about.get(str(key), ""))))
    return markdown(("key", "default", "meaning"), rows)


def _groups() -> Iterator[str]:
    """Yield a section for each group with the table of its options."""
    ordered = [*FIRST, *(name for name in groups() if name not in FIRST)]
    for group in ordered:
        rows = [(f"`{option}`", _safe(description(group, option))) for option in options(group)]
        yield f"### {group}\n\n{markdown(('option', 'what it is'), rows)}\n"


def _safe(text: str) -> str:
    return text.replace("<", "&lt;").replace("[", "\\[")


def figures() -> Iterator[str]:
    """Yield a section for each experiment with figures: its title, and each figure with the command that draws it."""
    for readme in sorted(HERE.glob("*/README.md")):
        text = readme.read_text(encoding="utf-8")
        found = IMAGE.findall(text)
        if not found:
            continue
        title = text.partition("\n")[0].lstrip("# ")
        folder = os.path.relpath(readme.parent, DOCS)
        yield f"## {title}\n\n[experiments/{readme.parent.name}]({folder}) has the question and the results.\n"
        for alternative, path in found:
            place = os.path.relpath(readme.parent / path, DOCS)
            yield f"![{alternative}]({place})\n\n*{alternative}.* `{command_of(readme.parent, text, path)}`\n"


def command_of(folder: Path, readme: str, path: str) -> str:
    """Return the command that draws a figure of an experiment.

    It is that of the README whose comment names the file or its folder; otherwise that of the module that writes it.

    Raises:
        ValueError: neither is there.
    """
    name, parent = Path(path).name, Path(path).parent.name
    commands = [(command.strip(), comment or behind or "") for command, comment, behind in COMMAND.findall(readme)]
    for command, comment in commands:
        if name in comment or parent and parent in command.split():
            return command
    modules = {module: module.read_text(encoding="utf-8") for module in sorted(folder.glob("*.py"))}
    drawing = {module.stem: text for module, text in modules.items() if ".png" in text}
    for sign in (name, f'"{Path(path).stem}"', Path(path).stem):
        for module in (module for module, text in drawing.items() if sign in text):
            known = [command for command, _ in commands if command.split()[2] == f"experiments.{folder.name}.{module}"]
            return known[0] if known else f"python -m experiments.{folder.name}.{module}"
    raise ValueError(f"experiments/{folder.name}/{path}: expected a command of its README that names it")
