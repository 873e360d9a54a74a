"""Write the tables and values of README, docs and experiments from the results of the experiments.

    python -m experiments.tables           # rewrite the documents
    python -m experiments.tables --check   # list those that differ, status 1

``experiments/<x>/tables.py`` returns its content by name; a document marks it as ``<x>/<name>``
(``qd_pix2pix.reports.tables`` describes the marks).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from experiments import pages
from qd_pix2pix.files import write_text
from qd_pix2pix.reports.tables import fill

HERE = Path(__file__).parent
ROOT = HERE.parent


def content() -> dict[str, str]:
    """Return the tables and values of all experiments, and those of ``pages``, by the names that documents use."""
    found = pages.content()
    for path in sorted(HERE.glob("*/tables.py")):
        made = import_module(f"experiments.{path.parent.name}.tables").content()
        found |= {f"{path.parent.name}/{name}": text for name, text in made.items()}
    return found


def documents() -> list[Path]:
    """Return the paths of all documents that may hold marks."""
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), *sorted(HERE.glob("*/README.md"))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Rewrite, or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only list the documents that differ")
    check = parser.parse_args(arguments).check
    made = content()
    changed = []
    for path in documents():
        before = path.read_text(encoding="utf-8")
        after = fill(before, made)
        if before != after:
            changed.append(str(path.relative_to(ROOT)))
            if not check:
                write_text(path, after)
    if check and changed:
        sys.exit(f"not as generated: {', '.join(changed)}; run python -m experiments.tables")
    print("\n".join(changed) or "all documents are as generated")


if __name__ == "__main__":
    main()
