"""Checkpoint and dots -> predictions file, ``metrics.json`` and report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from qd_pix2pix import metrics
from qd_pix2pix.checkpoint import load_model
from qd_pix2pix.data.generate import generate, make_launcher, make_recipe
from qd_pix2pix.data.store import SPLITS, Store, write_text_whole
from qd_pix2pix.fields import units_of
from qd_pix2pix.inputs import read_input
from qd_pix2pix.models import FieldModel
from qd_pix2pix.predictions import Predictions
from qd_pix2pix.provenance import provenance
from qd_pix2pix.report import print_table, write_report

BATCH = 25
CHARGE_TOLERANCE = 0.1
"""Relative error of the charge beyond which a prediction is called doubtful."""


def predict(model: FieldModel, source: NDArray) -> NDArray[np.float64]:
    """Predicted target fields (S, n, n) for source fields (S, n, n), both in their units."""
    device = best_device()
    model = model.to(device).eval()
    parts = []
    with torch.inference_mode():
        for i in tqdm(range(0, len(source), BATCH), desc="predicting", unit="batch", leave=False):
            batch = torch.as_tensor(source[i : i + BATCH], dtype=torch.float32, device=device)
            parts.append(model(batch[:, None])[:, 0].double().cpu().numpy())
    return np.concatenate(parts)


def measure(predictions: Predictions, data_range: float, n_electrons: int) -> tuple[Predictions, dict[str, Any]]:
    """Fill in the measures of single dots; and sum up: R^2, and mean, median and spread of every measure."""
    if predictions.target is None:
        return predictions, {}
    pred, target = (
        torch.as_tensor(np.asarray(f, dtype=np.float64)) for f in (predictions.predicted, predictions.target)
    )
    cell_area = (predictions.extent / pred.shape[-1]) ** 2
    charge = n_electrons if predictions.target_field.is_density else None
    dots = {k: v.numpy() for k, v in metrics.dot_measures(pred, target, data_range, cell_area, charge).items()}
    r2 = metrics.r2(pred, target).item()
    summary: dict[str, Any] = {"r2": r2 if np.isfinite(r2) else None}
    summary |= {name: metrics.mean_and_spread(values) for name, values in dots.items()}
    return replace(predictions, measures=dots), summary


def predict_split(model: FieldModel, store: Store, split: str) -> Predictions:
    """Predictions for all dots of a stored split, beside the exact fields."""
    source, target = model.mapping.source, model.mapping.target
    columns = store.split(split).load((source.name, target.name, "gap", "sample"))
    return Predictions(
        source_field=source,
        target_field=target,
        units=units_of(store.recipe),
        extent=store.recipe["grid"]["extent"],
        source=columns[source.name],
        predicted=predict(model, columns[source.name]),
        target=columns[target.name],
        gap=columns["gap"],
        sample=columns["sample"],
    )


def predict_input(model: FieldModel, values: NDArray, verify: bool) -> Predictions:
    """Predictions for a user's fields (S, n, n); with ``verify`` the solver's answer beside them.

    A mapping from V is checked against the solution of the given potentials; a mapping to V against the given density,
    by solving the predicted potentials: the file then holds that density as ``predicted``, the given one as ``target``.

    Raises:
        ValueError: ``verify`` for a mapping that has no potential on either side.
    """
    mapping, recipe_config = model.mapping, model.card["recipe"]
    names = (mapping.source.name, mapping.target.name)
    if verify and "V" not in names:
        raise ValueError(
            f"verify: {names[0]} -> {names[1]} involves no potential that could be solved; use verify=false"
        )
    predictions = Predictions(
        source_field=mapping.source,
        target_field=mapping.target,
        units=units_of(recipe_config),
        extent=recipe_config["grid"]["extent"],
        source=values,
        predicted=predict(model, values),
        sample=np.arange(len(values)),
    )
    if not verify:
        return predictions
    recipe = make_recipe(recipe_config)
    potentials = values if names[0] == "V" else predictions.predicted
    progress = tqdm(total=len(potentials), desc=f"solving N = {recipe.n_electrons}", unit="dot")
    parts = []
    for first in range(0, len(potentials), BATCH):
        some = range(first, min(first + BATCH, len(potentials)))
        parts.append(recipe.solve(potentials[some.start : some.stop], [f"dot {i}" for i in some]))
        progress.update(len(some))
    progress.close()
    density = mapping.target.name if names[0] == "V" else mapping.source.name
    solved = np.concatenate([p.density if density == "n_int" else p.density_noninteracting for p in parts])
    gap = np.concatenate([p.gap for p in parts])
    if names[0] == "V":
        return replace(predictions, target=solved, gap=gap)
    return replace(
        predictions, source_field=mapping.target, target_field=mapping.source, source=predictions.predicted,
        target=values, predicted=solved, gap=gap,
    )  # fmt: skip


def write_results(predictions: Predictions, model: FieldModel, folder: Path, **facts: Any) -> dict[str, Any]:
    """Write ``predictions.h5`` and ``metrics.json`` into ``folder``; returns what the latter holds.

    ``facts`` are plain containers that belong into the record: checkpoint, split or input, remarks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seen = model.card["statistics"][predictions.target_field.name]
    low = 0.0 if predictions.target_field.is_density else seen["min"]
    predictions, summary = measure(predictions, seen["max"] - low, model.card["recipe"]["n_electrons"])
    predictions.write(folder / "predictions.h5")
    record = {
        "mapping": f"{model.mapping.source.name} -> {model.mapping.target.name}",
        "dots": len(predictions.sample),
        "measures": summary,
        **facts,
        "model": model.card,
        "provenance": provenance(device_name(best_device())),
    }
    write_text_whole(folder / "metrics.json", json.dumps(record, indent=1) + "\n")
    return record


def evaluate_split(checkpoint: Path, store: Store, split: str, folder: Path) -> Path:
    """Evaluate a checkpoint on a split: files and report into ``folder``, the measures on the terminal."""
    model = load_model(checkpoint)
    record = write_results(
        predict_split(model, store, split), model, folder, checkpoint=str(checkpoint), split=split,
        origin=f"dots of the {split} split", remarks=[],
    )  # fmt: skip
    return _show(record, model, folder, run_of(checkpoint), store)


def evaluate_file(checkpoint: Path, path: Path, verify: bool, folder: Path) -> Path:
    """Predict a user's own dots, and with ``verify`` solve them too: files and report into ``folder``."""
    model = load_model(checkpoint)
    values, remarks = read_input(path, model.card)
    inverse = verify and model.mapping.target.name == "V"
    predictions = predict_input(model, values, verify)
    remarks += _charge_remark(predictions, model.card["recipe"]["n_electrons"])
    for remark in remarks:
        print(f"note: {remark}; predictions may be wrong")
    record = write_results(
        predictions, model, folder, checkpoint=str(checkpoint), input=str(path),
        origin=f"dots from {path.name}", remarks=remarks, inverse=inverse,
    )  # fmt: skip
    return _show(record, model, folder, None, None)


def _charge_remark(predictions: Predictions, n_electrons: int) -> list[str]:
    """A density that does not hold its electrons is wrong, whoever knows the exact one."""
    if not predictions.target_field.is_density:
        return []
    charge = predictions.predicted.mean(axis=(1, 2)) * predictions.extent**2
    wrong = np.abs(charge - n_electrons) > CHARGE_TOLERANCE * n_electrons
    if not wrong.any():
        return []
    found = f"{charge[wrong].min():.3g} ... {charge[wrong].max():.3g}"
    return [f"{wrong.sum()} of {len(charge)} predicted densities hold {found} electrons instead of {n_electrons}"]


def evaluate(config: dict[str, Any]) -> Path:
    """Evaluate as conf/evaluate.yaml says; returns the report.

    Raises:
        ValueError: the checkpoint, the input or the split is not what it should be.
    """
    if not config["checkpoint"]:
        raise ValueError("checkpoint: give a path, as checkpoint=runs/.../checkpoints/best.ckpt")
    checkpoint = Path(config["checkpoint"])
    run = run_of(checkpoint) or checkpoint.parent
    if config["input"]:
        path = Path(config["input"])
        folder = _make_folder(Path(config["output"] or run / "own" / path.stem))
        return evaluate_file(checkpoint, path, config["verify"], folder)
    if config["verify"]:
        raise ValueError(
            "verify: held-out dots are compared with their exact fields anyway; verify=true is for input=..."
        )
    if config["split"] not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {config['split']!r}")
    recipe = load_model(checkpoint).card["recipe"]
    folder = _make_folder(Path(config["output"] or run / config["split"]))
    store = Store(generate(recipe, config["data_root"], make_launcher(config["launcher"])))
    return evaluate_split(checkpoint, store, config["split"], folder)


def _make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"output: no folder can be made at {folder} ({error.strerror})") from None
    return folder


def run_of(checkpoint: Path) -> Path | None:
    """The folder of the run that wrote a checkpoint, if it still lies there."""
    run = checkpoint.resolve().parent.parent
    return run if (run / "csv").is_dir() else None


def _show(record: dict[str, Any], model: FieldModel, folder: Path, run: Path | None, store: Store | None) -> Path:
    target = model.mapping.target
    validation = store.split("val").read(0, [target.name])[target.name] if store else None
    page = write_report(folder, run, validation)
    print_table(record, units_of(model.card["recipe"]).of(target.quantity))
    print(f"predictions  {folder / 'predictions.h5'}\nreport       {page}")
    return page


def best_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """CPU, or the name of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
