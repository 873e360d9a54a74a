"""Tables of this folder's README, from results.json, threshold.json and transfer.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.counting.studies import SIDES, TASKS, Task
from qd_pix2pix.reports.tables import markdown, percent

HERE = Path(__file__).parent
Results = dict[str, dict[str, Any]]


def read(name: str) -> dict[str, Any]:
    """Return the content of a JSON file of this folder."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def finished(results: Results) -> Iterator[tuple[str, Task, dict[str, Any]]]:
    """Yield name, task and result of each finished run, in the order of the paper."""
    for name, task in TASKS.items():
        if name in results:
            yield name, task, results[name]


def of_classes(task: Task, result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the measures of each class, in the order of the task."""
    return {name: result["also"].get(name, result["measures"]) for name in task.columns}


def _shares(shares: list[float], most: int = 2) -> str:
    """Return shares in percent; of more than ``most`` the lowest and the mean."""
    if len(shares) <= most:
        return " / ".join(f"{100 * share:.1f}" for share in shares)
    return f"≥ {100 * min(shares):.1f}, mean {100 * sum(shares) / len(shares):.1f}"


def accuracy_table(results: Results) -> str:
    """Return the counts of every row of the paper's table 1, beside the paper's."""
    side, rows = SIDES["laptop"], []
    for name, task, result in finished(results):
        found = [measures["exact"]["mean"] for measures in of_classes(task, result).values()]
        bound = "≥ " if len(task.accuracy) < len(task.classes) else ""
        paper = bound + " / ".join(f"{share:.2f}" for share in task.accuracy)
        limits = f"{task.limit(side)} ({task.most})"
        classes = ", ".join(task.classes) if len(task.classes) <= 2 else f"{len(task.classes)} digits"
        rows.append([name, task.paper, classes, limits, paper, _shares(found)])
    return markdown(("run", "in the paper", "classes", "most objects (paper)", "paper, %", "here, %"), rows)


def positions_table(results: Results) -> str:
    """Return recall and precision of the positions, with size and duration of the training."""
    rows = []
    for name, task, result in finished(results):
        classes = of_classes(task, result).values()
        shares = {key: [measures[key] for measures in classes] for key in ("recall", "precision")}
        met = "met" if min(min(found) for found in shares.values()) >= 0.98 else "missed"
        numbers = [result["parameters"], result["steps"], f"{result['seconds']:.0f}"]
        rows.append([name, _shares(shares["recall"]), _shares(shares["precision"]), met, *numbers])
    return markdown(("run", "recall, %", "precision, %", "≥ 98 %", "parameters", "steps", "seconds"), rows)


def threshold_table(found: dict[str, Any]) -> str:
    """Return the lowest recall and precision of each run on its validation collages, for each threshold."""
    thresholds = list(next(iter(found["runs"].values())))
    rows = [
        [name, *(f"{100 * shares[t]['recall']:.1f} / {100 * shares[t]['precision']:.1f}" for t in thresholds)]
        for name, shares in found["runs"].items()
    ]
    return markdown(("recall / precision, %", *thresholds), rows)


def transfer_table(found: dict[str, Any]) -> str:
    """Return numbers and positions in one large picture."""
    rows = []
    for name, task in TASKS.items():
        run = found["runs"].get(name)
        if run is None:
            continue
        classes = list(run["classes"].values())
        counts = [f"{one['predicted']:.1f} of {one['true']}" for one in classes[:2]]
        errors = [abs(one["predicted"] / one["true"] - 1) for one in classes]
        shares = [_shares([one[key] for one in classes]) for key in ("recall", "precision")]
        several = " / ".join(counts) + (", …" if len(task.classes) > 2 else "")
        seconds = [f"{run[key]:.1f}" for key in ("seconds", "stream_seconds")]
        rows.append([name, several, percent(max(errors), 1), *shares, *seconds])
    head = ("run", "counted", "largest error", "recall, %", "precision, %", "seconds, at once", "seconds, `stream`")
    return markdown(head, rows)


def content() -> dict[str, str]:
    """Return all tables by name."""
    results = read("results.json")
    return {
        "accuracy": accuracy_table(results),
        "positions": positions_table(results),
        "threshold": threshold_table(read("threshold.json")),
        "transfer": transfer_table(read("transfer.json")),
    }
