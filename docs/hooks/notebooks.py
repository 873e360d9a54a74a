"""Tutorials: each notebook becomes a page with its stored outputs; the notebook itself remains for download."""

import base64
import json
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

TUTORIALS = Path(__file__).resolve().parents[1] / "tutorials"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page and its figures for each notebook."""
    for path in sorted(TUTORIALS.glob("*.ipynb")):
        text, figures = as_markdown(json.loads(path.read_text(encoding="utf-8")), path.stem)
        note = f"*This page is a notebook: [{path.name}]({path.name}), to be opened in Jupyter.*\n\n"
        head, _, rest = text.partition("\n")
        files.append(File.generated(config, f"tutorials/{path.stem}.md", content=f"{head}\n\n{note}{rest}"))
        for name, content in figures.items():
            files.append(File.generated(config, f"tutorials/{name}", content=content))
    return files


def as_markdown(notebook: dict[str, Any], stem: str) -> tuple[str, dict[str, bytes]]:
    """Return the page of a notebook, and its figures by name of the file."""
    parts: list[str] = []
    figures: dict[str, bytes] = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            if "image/png" in (data := output.get("data", {})):
                name = f"{stem}-{len(figures) + 1}.png"
                figures[name] = base64.b64decode("".join(data["image/png"]))
                parts.append(f"![{alternative(source)}]({name})")
            elif text := "".join(output.get("text", data.get("text/plain", ""))):
                parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n", figures


def alternative(source: str) -> str:
    """Return the text that describes the figure of a cell: the comment in its first line."""
    first = source.partition("\n")[0]
    return first.lstrip("# ") if first.startswith("#") else "figure"
