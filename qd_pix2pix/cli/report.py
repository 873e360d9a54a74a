"""Pages of finished runs on the command line: of a sweep, or of several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

OPTIONS = {"sweep": "", "folder": "runs/sweeps", "runs": "", "output": ""}
"""Options of the report and their defaults."""
USAGE = "expected python report.py sweep=NAME [folder=runs/sweeps], or python report.py runs=[RUN,RUN] [output=FOLDER]"
HELP = """Write a page from the results of runs; nothing is trained or evaluated.

usage:
  python report.py sweep=NAME [folder=runs/sweeps]     the page of a sweep, NAME/report.html
  python report.py runs=[RUN,RUN,...] [output=FOLDER]  two to six runs side by side

options:
  sweep   name of a sweep, or its folder
  folder  folder of all sweeps
  runs    folders of trainings, or of evaluations, which have a metrics.json
  output  folder of the page; by default runs/comparisons/ and the names of the runs

examples:
  python report.py sweep=discriminator-laptop
  python report.py runs=[runs/V_to_nint-pix2pix/2026-01-01_10-00-00,runs/V_to_nint-regressor/2026-01-01_12-00-00]
"""


def reported(arguments: Sequence[str]) -> str:
    """Write the page that the arguments ask for; return the line for the terminal, or the help.

    Raises:
        FileNotFoundError, ValueError: an option is unknown, or there are no such results.
    """
    if {"-h", "--help"} & set(arguments):
        return HELP.rstrip()
    given = {key: value for key, _, value in (word.partition("=") for word in arguments)}
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown or bool(given.get("sweep")) == bool(given.get("runs")):
        raise ValueError(f"{', '.join(unknown) or 'sweep'}: {USAGE}")
    options = OPTIONS | given
    if options["runs"]:
        from qd_pix2pix.reports.comparison_page import write_comparison_page

        paths = [Path(text.strip()) for text in options["runs"].strip("[]").split(",") if text.strip()]
        return f"report  {write_comparison_page(paths, Path(options['output']) if options['output'] else None)}"
    from qd_pix2pix.sweeps.study import write_page

    name, folder = options["sweep"], Path(options["folder"])
    elsewhere = Path(name).is_dir() and not (folder / name).is_dir()
    return f"report  {write_page(Path(name) if elsewhere else folder / name)}"
