"""The leaderboard of a benchmark: tables of its scores, for a page and for Markdown. No import of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qd_pix2pix.evaluation.bench_scores import TASKS, read_scores
from qd_pix2pix.files import write_text
from qd_pix2pix.reports.page import render
from qd_pix2pix.reports.smoke import banner_of_bench
from qd_pix2pix.reports.tables import percent

NOT_SERVED = "not served"


class Line(NamedTuple):
    """One entrant of a table: name, kind, the errors of the splits as text, and which of them are the smallest."""

    name: str
    kind: str
    errors: list[str]
    best: list[bool]


def leaderboard(scores: Sequence[Mapping[str, Any]], task: str) -> tuple[list[str], list[Line]]:
    """Return the names of the splits, and the entrants of a task; those that serve most splits best are first.

    Args:
        scores: contents of the files of scores.
        task: a name in ``TASKS``.
    """
    splits = list(dict.fromkeys(split for content in scores for split in content["order"]))
    errors = [[_error(content, split, task) for split in splits] for content in scores]
    served = [[error for error in column if error is not None] for column in zip(*errors, strict=True)]
    least = [min(column, default=None) for column in served]
    rows = [pair for pair in zip(scores, errors, strict=True) if any(e is not None for e in pair[1])]
    rows.sort(key=lambda pair: _rank(pair[1]))
    return splits, [
        Line(
            content["name"],
            content["kind"],
            [NOT_SERVED if e is None else percent(e) for e in row],
            [e is not None and e == b for e, b in zip(row, least, strict=True)],
        )
        for content, row in rows
    ]


def _error(content: Mapping[str, Any], split: str, task: str) -> float | None:
    found = content["splits"].get(split, {}).get("tasks", {}).get(task)
    return None if found is None else float(found["error"])


def _rank(errors: Sequence[float | None]) -> tuple[int, float]:
    served = [error for error in errors if error is not None]
    return -len(served), sum(served) / max(len(served), 1)


def times(scores: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Return name, milliseconds for a dot, digest and hardware of each entrant."""
    found = []
    for content in scores:
        seconds = [split["seconds"] for split in content["splits"].values() if split["seconds"] is not None]
        shown = f"{1e3 * min(seconds):.2g} … {1e3 * max(seconds):.2g}" if seconds else ""
        found.append((content["name"], shown, content["digest"][:12], content["provenance"]["hardware"]))
    return found


def refused(scores: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return entrant, split and reason of each split that an entrant does not serve."""
    return [
        (content["name"], name, split["not_served"])
        for content in scores
        for name, split in content["splits"].items()
        if split.get("not_served")
    ]


def write_bench_page(folder: Path) -> Path:
    """Write ``leaderboard.html`` from all scores in a folder; return its path.

    Raises:
        ValueError: the scores are of several benchmarks, or there are none.
    """
    scores = read_scores(folder)
    versions = sorted({content["bench"] for content in scores})
    if len(versions) != 1:
        raise ValueError(
            f"output: expected a folder with scores of one benchmark, {folder} has {', '.join(versions) or 'none'}; "
            "give another output="
        )
    page = render(
        "bench.html.j2",
        bench=versions[0],
        smoke=banner_of_bench(versions[0]),
        splits=splits_of(scores),
        tables=[(TASKS[task].label, *leaderboard(scores, task)) for task in TASKS],
        refused=refused(scores),
        times=times(scores),
    )
    path = folder / "leaderboard.html"
    write_text(path, page)
    return path


def splits_of(scores: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, int, int, str]]:
    """Return name, kind, description, number of dots, seed and estimated error of the densities of each split."""
    found = {name: content["splits"][name] for content in scores for name in content["order"]}
    return [(name, s["kind"], s["about"], s["dots"], s["seed"], percent(s["label_error"])) for name, s in found.items()]
