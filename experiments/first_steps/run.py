"""Run docs/first_steps.md as it stands, in a fresh clone, and measure the time of each step.

    python -m experiments.first_steps.run FOLDER

``FOLDER`` receives the clone and its environment. Python blocks run in one process, as in one session of a user;
commands run in the environment that the first step creates.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import processor

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "first_steps.md"
SESSION = """import json, sys, time
names = {}
for code in json.load(sys.stdin):
    start = time.perf_counter()
    exec(compile(code, "first_steps.md", "exec"), names)
    print(f"SECONDS {time.perf_counter() - start:.2f}", flush=True)
"""
"""A Python session that executes blocks and prints the time of each."""


def blocks(text: str) -> list[tuple[str, str, str]]:
    """Return the examples of a page in order: (title of the step, language, code)."""
    found = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title = re.sub(r"^\d+\. ", "", section.partition("\n")[0])
        found += [(title, language, code) for language, code in re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all steps and write results.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="new folder for the clone")
    folder = parser.parse_args(arguments).folder.resolve()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    steps = blocks(PAGE.read_text(encoding="utf-8"))
    session = [code for _, language, code in steps if language == "python"]
    seconds: dict[str, float] = {}
    python: list[float] = []
    for title, language, code in steps:
        if language == "python":
            python = python or run_session(folder, session)
            seconds[title] = seconds.get(title, 0.0) + python.pop(0)
        elif not code.startswith("source "):
            seconds[title] = seconds.get(title, 0.0) + run_command(folder, code)
        print(title, seconds.get(title), file=sys.stderr, flush=True)
    found = {"steps": seconds, "machine": f"{processor()}; CPU"}
    write_text(HERE / "results.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def clean() -> dict[str, str]:
    """Return the variables of this process without those that would select other packages than the clone's."""
    return {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }


def run_session(folder: Path, session: list[str]) -> list[float]:
    """Return the seconds of each block of a Python session."""
    command = [str(folder / ".venv" / "bin" / "python"), "-c", SESSION]
    done = subprocess.run(
        command, cwd=folder, env=clean(), input=json.dumps(session), stdout=subprocess.PIPE, text=True, check=True
    )
    return [float(value) for value in re.findall(r"^SECONDS (\S+)$", done.stdout, re.MULTILINE)]


def run_command(folder: Path, code: str) -> float:
    """Return the seconds of a command in the environment of the clone, if there is one yet."""
    start = time.perf_counter()
    activate = ". .venv/bin/activate; " if (folder / ".venv").is_dir() else ""
    subprocess.run(["bash", "-ec", activate + code], cwd=folder, env=clean(), stdout=subprocess.DEVNULL, check=True)
    return round(time.perf_counter() - start, 2)


if __name__ == "__main__":
    main()
