"""Execute the tutorials and store their outputs: ``python docs/hooks/run_tutorials.py [names]``.

Each notebook runs in an empty folder. Progress bars, warnings and times are not stored, so that notebooks differ only
where their code or its results do.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

TUTORIALS = Path(__file__).resolve().parents[1] / "tutorials"
SECONDS = 900
"""Time limit of a cell."""
PASSING = re.compile(r"\r|\x1b|it/s|runs/|^(?:threads|dataset) ")
"""Printed lines that are not stored: progress bars, times in names of folders, the number of threads."""


def execute(path: Path) -> None:
    """Execute a notebook and replace its outputs; an exception of a cell ends the execution."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=SECONDS, resources={"metadata": {"path": folder}}, record_timing=False
        )
        client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = list(results(cell.outputs))
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


def results(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Yield figures and values, and the printed lines of a cell as one output."""
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    lines = [line for line in printed.splitlines() if line.strip() and not PASSING.search(line)]
    if lines:
        yield nbformat.v4.new_output("stream", text="\n".join(lines) + "\n")
    yield from (output for output in outputs if output.output_type != "stream")


if __name__ == "__main__":
    chosen = [TUTORIALS / f"{name}.ipynb" for name in sys.argv[1:]] or sorted(TUTORIALS.glob("*.ipynb"))
    for path in chosen:
        print(path.name, flush=True)
        execute(path)
