"""Tables of this folder's README: the leaderboard of QDot-Bench, from qdot-1/<name>/score.json."""

from __future__ import annotations

from pathlib import Path

from qd_pix2pix.evaluation.bench_scores import TASKS, read_scores
from qd_pix2pix.reports.bench_page import leaderboard, splits_of, times
from qd_pix2pix.reports.tables import markdown

FOLDER = Path(__file__).parent / "qdot-1"


def content() -> dict[str, str]:
    """Return the table of each task, of the splits, and of times, by name."""
    scores = read_scores(FOLDER)
    found = {
        "splits": markdown(("split", "kind", "", "dots", "seed", "error of labels"), splits_of(scores)),
        "times": markdown(("", "ms per dot, splits", "digest", "hardware"), times(scores)),
    }
    for task in TASKS:
        head, lines = leaderboard(scores, task)
        rows = [(line.name, *map(_cell, line.errors, line.best)) for line in lines]
        found[task] = markdown(("", *head), rows)
    return found


def _cell(text: str, best: bool) -> str:
    return f"**{text}**" if best else text
