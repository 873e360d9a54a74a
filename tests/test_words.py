"""Prose, messages and docstrings use the terms of the field, and attribute no thought to things."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BANNED = (
    r"by heart|half(?: an)? hours?|as (?:it|they) comes?\b|(?:the|as a|its) last word|nothing left to learn",
    r"(?:held|hold|holds|holding)(?: [\w-]+){0,5} against",  # compare with, evaluate against
    r"ma(?:ke|kes|de|king)(?: [\w-]+){0,5} again\b",  # reproduce, generate again
    r"\b(?:go|goes|going|went) on\b",  # resume, continue
    r"\bby (?:its|their) own\b|\bon (?:a )?ways? of (?:its|their) own",  # according to, independently
    r"\bnothing is lost\b|\bloses? nothing\b|\bno (?:thing|dot) is lost\b",  # fault-tolerant, resumable
    r"\b(?:tells?|told|wants?|wanted|knows?|hears?|heard|says?|said|sees)\b",  # report, need, contain, receive
    r"\bexact (?:labels?|densit(?:y|ies)|electron densit(?:y|ies))\b",  # reference, converged; exact is a closed form
    r"\b(?:words?|facts)\b",  # options, overrides; conditions
)
PATTERN = re.compile("|".join(BANNED).replace(" ", r"\s+"), re.IGNORECASE)
ROOMS = (
    "*.md",
    "docs",
    "experiments",
    "conf",
    "pyproject.toml",
    "mkdocs.yml",
    "setup.py",
    "Makefile",
    "CITATION.cff",
    "train.py",
    "generate.py",
    "evaluate.py",
    "solve.py",
    "studio.py",
    "solvers",
    "qd_pix2pix",
)
"""Files and folders without banned phrases."""
SUFFIXES = (".md", ".ipynb", ".py", ".yaml", ".yml", ".toml", ".cff", ".j2", "")


def texts(path):
    """Prose of a file, as (line, text): Markdown without code, comments of YAML, comments and strings of Python."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(content)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield node.lineno, node.value
    if path.suffix == ".ipynb":
        for cell in json.loads(content)["cells"]:
            source = "".join(cell["source"])
            yield 1, source if cell["cell_type"] == "markdown" else "\n".join(re.findall(r"# .*", source))
    elif path.suffix in (".md", ".j2"):
        yield 1, re.sub(r"```.*?```|`[^`\n]*`", lambda code: "\n" * code.group().count("\n"), content, flags=re.DOTALL)
    else:
        yield from ((i, line.partition("# ")[2]) for i, line in enumerate(content.splitlines(), 1) if "# " in line)


def files(room):
    """Files with prose of a room, which is a path or a pattern."""
    found = [path for place in sorted(ROOT.glob(room)) for path in ([place] if place.is_file() else place.rglob("*"))]
    return [path for path in found if path.is_file() and path.suffix in SUFFIXES]


def banned(room):
    """Banned phrases of a room, as file:line: phrase."""
    return [
        f"{path.relative_to(ROOT)}:{line + text[: match.start()].count(chr(10))}: {' '.join(match.group().split())}"
        for path in files(room)
        for line, text in texts(path)
        for match in PATTERN.finditer(text)
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_prose_has_no_banned_phrase(room):
    assert files(room), "no such room"
    assert not banned(room)


@pytest.mark.parametrize(
    "phrase",
    ["learned by heart", "held them against", "is made\nagain", "goes on", "they say", "exact labels", "a wrong word"],
)
def test_phrases_are_found(phrase):
    assert PATTERN.search(phrase)
