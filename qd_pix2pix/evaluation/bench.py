"""A benchmark of quantum dots: its dots, solved once, and the score of an entrant on each split and task.

Scores are files, one folder for each entrant: ``<folder>/<entrant>/score.json``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.launchers import Launcher
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.bench_dots import Dots, check_means, load_dots
from qd_pix2pix.evaluation.bench_entrants import Entrant, NotServed, entrant_of
from qd_pix2pix.evaluation.bench_scores import FORMAT, SCORE, TASKS, checked, score
from qd_pix2pix.files import sha256, to_json, write_text
from qd_pix2pix.provenance import provenance


def evaluate_bench(
    bench: Mapping[str, Any],
    recipes: Mapping[str, Mapping[str, Any]],
    root: Path | str,
    launcher: Launcher,
    folder: Path,
    checkpoint: str | None = None,
    function: str | None = None,
    **options: Any,
) -> Path:
    """Solve the dots of a benchmark that are not yet stored, score an entrant on them, and write its score.

    Args:
        bench: the content of conf/bench/NAME.yaml.
        recipes: the recipe of each split; the training split of the first one is that of the baselines.
        root: folder of all datasets.
        launcher: launcher of the solver.
        folder: folder of all scores of this benchmark.
        checkpoint, function: the entrant; see ``entrant_of``.
        options: device of the network, and modules to trust.

    Returns:
        The file of the score.

    Raises:
        ValueError: the entrant is unknown, its predictions are invalid, or the dots are not those of the version.
    """
    make = entrant_of(checkpoint, function, **options)  # before the time of the solver
    stores = {name: Store(generate(recipe, root, launcher)) for name, recipe in recipes.items()}
    dots = {name: load_dots(store, "test") for name, store in stores.items()}
    for name, split in bench["splits"].items() if bench["check"] else ():
        if split["means"]:
            check_means(bench["name"], name, dots[name], split["means"], bench["tolerance"])
    entrants = make(load_dots(next(iter(stores.values())), "train"))
    splits = {name: score_split(entrants, some) for name, some in dots.items()}
    device = options.get("device")
    content = {
        "format": FORMAT,
        "bench": version(bench),
        "name": entrants[0].name,
        "kind": entrants[0].kind,
        "digest": entrants[0].digest,
        "provenance": provenance("CPU" if device in (None, "cpu") else str(device)),
        "order": list(splits),  # files have sorted keys
        "splits": {
            name: described(bench["splits"][name], recipes[name], stores[name]) | found
            for name, found in splits.items()
        },
    }
    path = folder / entrants[0].name / SCORE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, to_json(content))
    return path


def described(split: Mapping[str, Any], recipe: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """Return what identifies the dots of a split in a score, and the mean estimated error of their labels."""
    errors = store.split("test").load(("density_error",))["density_error"]
    return {
        "kind": split["kind"],
        "about": split["about"],
        "dots": len(errors),
        "seed": int(recipe["seed"]),
        "dataset": store.name,
        "label_error": float(errors.mean()),
        "manifest": sha256(store.path / "manifest.json"),
    }


def version(bench: Mapping[str, Any]) -> str:
    """Return the name of a benchmark; without the check of its dots it is another one."""
    return str(bench["name"]) + ("" if bench["check"] else "-unchecked")


def score_split(entrants: Sequence[Entrant], dots: Dots) -> dict[str, Any]:
    """Return the scores of a split by task, the time for a dot in seconds, and the reason where it is not served."""
    found: dict[str, Any] = {"tasks": {}, "seconds": None, "not_served": None}
    for entrant in entrants:
        began = time.perf_counter()
        try:
            answers = predicted(entrant, dots)
        except NotServed as error:
            found["not_served"] = str(error)
            continue
        seconds = (time.perf_counter() - began) / len(dots)
        found["seconds"] = seconds if found["seconds"] is None else found["seconds"]
        for task, values in answers.items():
            found["tasks"][task] = score(task, values, dots)
    return found


def predicted(entrant: Entrant, dots: Dots) -> dict[str, np.ndarray]:
    """Return the predictions of an entrant by task, for dots in their order."""
    parts: dict[str, np.ndarray] = {}
    before: set[str] = set()
    for rows in dots.alike():
        some = dots[rows]
        answers = entrant.predict(some)
        if before and before != set(answers):
            both = " and ".join(", ".join(sorted(names)) for names in (before, set(answers)))
            raise ValueError(f"{entrant.name}: expected the same quantities for all dots of a split, got {both}")
        before = set(answers)
        for task, about in TASKS.items():
            if about.given != entrant.given or about.asked not in answers:
                continue
            if task not in parts:
                parts[task] = np.full(getattr(dots, about.asked).shape, np.nan)
            parts[task][rows] = checked(task, answers[about.asked], some, entrant.name)
    return {task: checked(task, values, dots, entrant.name) for task, values in parts.items()}
