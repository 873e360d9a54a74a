"""Tables of this folder's README, from results.json of each study at scale=laptop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.reports.study import sort_key
from qd_pix2pix.reports.tables import markdown, percent

HERE = Path(__file__).parent
MEASURES = {"r2": ("R²", 1, ".4f", ""), "nmae": ("NMAE", 100, ".1f", " %"), "ssim": ("SSIM", 1, ".4f", "")}
"""Name, factor, format and unit of the measures of most tables."""
LENGTHS = {"l1": ("L₁ (eV)", 1, ".4f", "")}
SCORES = ("fields", "pictures", "norms")
NAMES = {
    "V_to_nint": "V → n_int",
    "n0_to_nint": "n₀ → n_int",
    "V_to_n0": "V → n₀",
    "nint_to_V": "n_int → V",
    "gaas": "GaAs",
    "si": "Si",
}
Measures = dict[str, tuple[str, int, str, str]]
Run = dict[str, Any]


def read(study: str, scale: str = "laptop") -> dict[str, Any]:
    """Return the results of one study."""
    return json.loads((HERE / scale / study / "results.json").read_text(encoding="utf-8"))


def cell(measure: tuple[str, int, str, str], name: str, runs: Sequence[Run]) -> str:
    """Return the mean over the seeds, with its standard deviation where there are several."""
    _, factor, form, unit = measure
    found = [run["measures"].get(name) for run in runs]
    values = [factor * (f["mean"] if isinstance(f, dict) else f) for f in found if f is not None]
    if not values:
        return ""
    deviation = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    return f"{np.mean(values):{form}}{deviation}{unit}"


def groups(results: dict[str, Any]) -> dict[tuple[str, ...], list[Run]]:
    """Return the runs of each point of a study, in order, whatever their seeds."""
    points: dict[tuple[str, ...], list[Run]] = {}
    for run in results["runs"]:
        points.setdefault(tuple(v for axis, v in run["point"].items() if axis != "seed"), []).append(run)
    return dict(sorted(points.items(), key=lambda point: [sort_key(value) for value in point[0]]))


def study_table(results: dict[str, Any], measures: Measures, head: Sequence[str] = (), more: Iterable[str] = ()) -> str:
    """Return one row for each point of a study.

    Args:
        results: content of results.json.
        measures: columns of measures.
        head: names of the axes; empty: their last parts.
        more: further keys of a run: ``steps`` of the best checkpoint, ``seeds``.
    """
    axes = head or [axis.split(".")[-1] for axis in results["runs"][0]["point"] if axis != "seed"]
    titles = {"steps": "best at step", "seeds": "seeds"}
    extra = list(more)
    rows = []
    for values, runs in groups(results).items():
        steps = "–".join(str(n) for n in sorted({run["steps"] for run in runs}))
        found = {"steps": steps, "seeds": str(len(runs))}
        cells = [cell(measure, name, runs) for name, measure in measures.items()]
        rows.append([*(NAMES.get(value, value) for value in values), *cells, *(found[key] for key in extra)])
    return markdown([*axes, *(measure[0] for measure in measures.values()), *(titles[key] for key in extra)], rows)


def mappings_table(results: dict[str, Any]) -> str:
    """Return the four mappings in the order of the paper."""
    runs = {values[0]: found for values, found in groups(results).items()}
    rows = [
        [NAMES[name], *(cell(m, key, runs[name]) for key, m in MEASURES.items()), runs[name][0]["steps"]]
        for name in ("V_to_nint", "n0_to_nint", "V_to_n0", "nint_to_V")
        if name in runs
    ]
    return markdown(["mapping", *(m[0] for m in MEASURES.values()), "best at step"], rows)


def inverse_table(results: dict[str, Any]) -> str:
    """Return the errors of generated potentials and of their densities."""
    inverse = results["found"]["inverse"]
    (r2,) = (run["measures"]["r2"] for run in results["runs"] if run["point"]["mapping"] == "nint_to_V")
    shares = [percent(inverse["nmae"][key], 1) for key in ("mean", "median")]
    rows = [["generated potential", f"{r2:.3f}", "", ""], ["its density", f"{inverse['r2']:.3f}", *shares]]
    return markdown(("field", "R²", "NMAE, mean", "median"), rows)


def discriminator_table(results: dict[str, Any]) -> str:
    """Return R² and receptive field against depth and kernel size."""
    cells = {}
    for run in results["runs"]:
        layers, kernel = (run["point"][f"model.discriminator.{axis}"] for axis in ("layers", "kernel_size"))
        cells[layers, kernel] = f"{run['measures']['r2']:.4f} ({run['receptive_field']})"
    layers, kernels = (sorted({key[i] for key in cells}, key=int) for i in (0, 1))
    rows = [[layer, *(cells[layer, kernel] for kernel in kernels)] for layer in layers]
    return markdown(["layers", *(f"{k} × {k} kernel" for k in kernels)], rows)


def electrons_table(results: dict[str, Any]) -> str:
    """Return measures and the other two scores for each number of electrons."""
    rows = []
    for (n,), runs in groups(results).items():
        scores = results["found"]["r2"][f"N = {n}"]
        cells = [cell(measure, name, runs) for name, measure in MEASURES.items()]
        rows.append([n, *cells, *(f"{scores[key]:.3f}" for key in SCORES[1:])])
    head = ["N", *(m[0] for m in MEASURES.values()), "R² of 8-bit pictures", "norms not squared"]
    return markdown(head, rows)


def why_table(results: dict[str, Any]) -> str:
    """Return the three scores for each material, jitter and dropout."""
    rows = []
    for name, scores in sorted(results["found"]["r2"].items()):
        material, jitter, dropout = (part.split()[-1] for part in name.split(", "))
        off = " (off)" if jitter == "64" else ""
        rows.append([NAMES[material], jitter + off, dropout, *(f"{scores[key]:.3f}" for key in SCORES)])
    head = ("material", "N_resize", "dropout", "R² of the fields", "of 8-bit pictures", "norms not squared")
    return markdown(head, rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    mappings, discriminator = read("mappings"), read("discriminator")
    found, scores = mappings["found"], [run["measures"]["r2"] for run in discriminator["runs"]]
    own = found["ssim_own"]
    return {
        "mappings": mappings_table(mappings),
        "inverse": inverse_table(mappings),
        "discriminator": discriminator_table(discriminator),
        "lambda": study_table(read("lambda"), MEASURES, ["λ"]),
        "training_size": study_table(read("training_size"), MEASURES, ["training dots"], ["steps"]),
        "electrons": electrons_table(read("electrons")),
        "jitter": study_table(read("jitter"), {"r2": MEASURES["r2"], "ssim": MEASURES["ssim"]} | LENGTHS, ["N_resize"]),
        "why": why_table(read("why")),
        "ssim-own": f"{own['mean']:.3f} (90 % of the dots: {own['p05']:.3f} … {own['p95']:.3f})",
        "ssim-others": f"{found['ssim_others']['mean']:.2f}",
        "points-wrong": percent(found["inverse"]["points_wrong"], 1),
        "charge-there": percent(found["inverse"]["charge_there"], 1),
        "discriminator-range": f"{max(scores) - min(scores):.4f}",
    }
