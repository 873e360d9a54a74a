"""Checkpoint and dots -> predictions file, ``metrics.json`` and report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from qd_pix2pix.data.generate import generate, make_launcher, make_recipe
from qd_pix2pix.data.store import SPLITS, Store
from qd_pix2pix.evaluation import measures as metrics
from qd_pix2pix.evaluation.predictions import Also, Predictions
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.predict.inputs import compare_with_training, read_fields, recipe_of_dots
from qd_pix2pix.inference.predict.predict import BATCH, Outputs, best_device, device_name, equivariance_errors, predict
from qd_pix2pix.inference.predict.pretrained import save_pretrained
from qd_pix2pix.mapping.conditions import CONDITIONS, facts_of
from qd_pix2pix.models import FieldModel
from qd_pix2pix.provenance import provenance, runs_of
from qd_pix2pix.reports.run_page import print_table, write_report
from qd_pix2pix.schema import Field, units_of
from qd_pix2pix.training.checkpoint import load_model

CHARGE_TOLERANCE = 0.1
"""Relative error of the charge beyond which a prediction is called doubtful."""


def measure(predictions: Predictions, data_range: float, n_electrons: int) -> tuple[Predictions, dict[str, Any]]:
    """Fill in the measures of single dots; and sum up: R^2, and mean, median and spread of every measure."""
    if predictions.target is None:
        return predictions, {}
    dots, summary = _measure_field(
        predictions.predicted, predictions.target, predictions.target_field, predictions.extent, data_range, n_electrons
    )
    dots = predictions.measures | dots
    summary |= {name: metrics.mean_and_spread(values) for name, values in predictions.measures.items()}
    return replace(predictions, measures=dots), summary


def _measure_field(
    predicted: NDArray, exact: NDArray, field: Field, extent: float, data_range: float, n_electrons: int
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    pred, target = (torch.as_tensor(np.asarray(f, dtype=np.float64)) for f in (predicted, exact))
    cell_area = (extent / pred.shape[-1]) ** 2
    charge = n_electrons if field.is_density else None
    dots = {k: v.numpy() for k, v in metrics.dot_measures(pred, target, data_range, cell_area, charge).items()}
    summary: dict[str, Any] = {"r2": _finite(metrics.r2(pred, target))}
    return dots, summary | {name: metrics.mean_and_spread(values) for name, values in dots.items()}


def measure_also(predictions: Predictions, model: FieldModel, n_electrons: int) -> dict[str, Any]:
    """Measures of the further outputs: those of a field, or R^2 and the spread of |error| of a number."""
    found = {}
    for field in model.mapping.outputs[1:]:
        predicted, exact = predictions.also.get(field.name, (None, None))
        if exact is None or predicted is None:
            continue
        if field.is_scalar:
            error = metrics.mean_and_spread(np.abs(predicted - exact))
            found[field.name] = {"r2": _finite(metrics.r2(*map(torch.as_tensor, (predicted, exact)))), "error": error}
        else:
            span = model.mapping.span(field)
            found[field.name] = _measure_field(predicted, exact, field, predictions.extent, span, n_electrons)[1]
    return found


def _finite(value: Tensor) -> float | None:
    return value.item() if value.isfinite() else None


def predict_split(model: FieldModel, store: Store, split: str, symmetrise: bool = False) -> Predictions:
    """Predictions for all dots of a stored split, beside the exact fields."""
    source, target = model.mapping.source, model.mapping.target
    names = {source.name, *(field.name for field in model.mapping.outputs), "gap", "sample"}
    columns = store.split(split).load(names)
    facts = facts_of(store.recipe)
    found = predict(model, columns[source.name], facts, symmetrise)
    turning = equivariance_errors(model, columns[source.name], facts, symmetrise)
    return Predictions(
        source_field=source,
        target_field=target,
        units=units_of(store.recipe),
        extent=store.recipe["grid"]["extent"],
        source=columns[source.name],
        predicted=found.pop(target.name),
        target=columns[target.name],
        also={name: (values, columns[name]) for name, values in found.items()},
        gap=columns["gap"],
        sample=columns["sample"],
        measures={"equivariance_error": turning},
    )


def predict_input(
    model: FieldModel, values: NDArray, recipe: dict[str, Any], verify: bool, symmetrise: bool = False
) -> Predictions:
    """Predictions for a user's fields (S, n, n); with ``verify`` the solver's answer beside them.

    A mapping from V is checked against the solution of the given potentials; a mapping to V against the given density,
    by solving the predicted potentials: the file then holds that density as ``predicted``, the given one as ``target``.

    Args:
        model: what predicts.
        values: (S, n, n).
        recipe: grid, material and N of these dots, and how they are solved.
        verify: solve them.
        symmetrise: see ``predict``.

    Raises:
        ValueError: ``verify`` for a mapping that has no potential on either side.
    """
    mapping = model.mapping
    names = (mapping.source.name, mapping.target.name)
    if verify and "V" not in names:
        raise ValueError(
            f"verify: {names[0]} -> {names[1]} involves no potential that could be solved; use verify=false"
        )
    found = predict(model, values, facts_of(recipe), symmetrise)
    predictions = Predictions(
        source_field=mapping.source,
        target_field=mapping.target,
        units=units_of(recipe),
        extent=recipe["grid"]["extent"],
        source=values,
        predicted=found.pop(mapping.target.name),
        also={name: (values, None) for name, values in found.items()},
        sample=np.arange(len(values)),
    )
    if not verify:
        return predictions
    solved = _solve(recipe, values if names[0] == "V" else predictions.predicted)
    if names[0] == "V":
        also: Also = {name: (predicted, solved[name]) for name, (predicted, _) in predictions.also.items()}
        return replace(predictions, target=solved[mapping.target.name], also=also, gap=solved["gap"])
    return replace(
        predictions, source_field=mapping.target, target_field=mapping.source, source=predictions.predicted,
        target=values, predicted=solved[mapping.source.name], also={}, gap=solved["gap"],
    )  # fmt: skip


def _solve(recipe: dict[str, Any], potentials: NDArray) -> Outputs:
    """Exact fields and numbers of dots, in batches that fit any memory."""
    made = make_recipe(recipe)
    progress = tqdm(total=len(potentials), desc=f"solving N = {made.n_electrons}", unit="dot")
    parts = []
    for first in range(0, len(potentials), BATCH):
        some = range(first, min(first + BATCH, len(potentials)))
        parts.append(made.solve(potentials[some.start : some.stop], [f"dot {i}" for i in some]))
        progress.update(len(some))
    progress.close()
    attributes = {"n_int": "density", "n0": "density_noninteracting", "energy": "energy", "gap": "gap"}
    return {name: np.concatenate([getattr(p, key) for p in parts]) for name, key in attributes.items()}


def write_results(
    predictions: Predictions, model: FieldModel, recipe: dict[str, Any], folder: Path, **facts: Any
) -> dict[str, Any]:
    """Write ``predictions.h5`` and ``metrics.json`` into ``folder``; returns what the latter holds.

    ``facts`` are plain containers that belong into the record: checkpoint, split or input, remarks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seen = model.card["statistics"][predictions.target_field.name]
    low = 0.0 if predictions.target_field.is_density else seen["min"]
    predictions, summary = measure(predictions, seen["max"] - low, recipe["n_electrons"])
    predictions.write(folder / "predictions.h5")
    record = {
        "mapping": f"{model.mapping.source.name} -> {model.mapping.target.name}",
        "dots": len(predictions.sample),
        "measures": summary,
        "also": measure_also(predictions, model, recipe["n_electrons"]),
        **facts,
        "recipe": recipe,
        "model": model.card,
        "provenance": provenance(device_name(best_device())),
    }
    write_text(folder / "metrics.json", json.dumps(record, indent=1) + "\n")
    return record


def evaluate_split(
    checkpoint: Path, stores: Sequence[Store], split: str, folder: Path, symmetrise: bool = False
) -> list[Path]:
    """Evaluate a checkpoint on a split: files and report into ``folder``, the measures on the terminal.

    Where the model was trained on several datasets, each has a folder of its own, named by what differs.
    Returns the pages.
    """
    model = load_model(checkpoint)
    pages = []
    for store in stores:
        label = ",".join(
            f"{name}={facts_of(store.recipe)[CONDITIONS.index(name)]:g}" for name in model.conditions.names
        )
        own = folder / label if label else folder
        record = write_results(
            predict_split(model, store, split, symmetrise), model, store.recipe, own, checkpoint=str(checkpoint),
            split=split, symmetrised=symmetrise, origin=f"dots of the {split} split", remarks=[],
            label_error=label_error(store, split),
        )  # fmt: skip
        pages.append(_show(record, model, own, run_of(checkpoint), stores[0]))
    return pages


def label_error(store: Store, split: str) -> dict[str, float] | None:
    """How far the labels n_int are from the converged density, int |n - n_exact| / N, by their own estimate.

    None where there is no estimate.
    """
    errors = store.split(split).load(("density_error",))["density_error"]
    return metrics.mean_and_spread(errors) if np.isfinite(errors).all() else None


def evaluate_file(checkpoint: Path, path: Path, config: dict[str, Any], folder: Path) -> Path:
    """Predict a user's own dots, and with ``verify`` solve them too: files and report into ``folder``."""
    model = load_model(checkpoint)
    values = read_fields(path)
    recipe = recipe_of_dots(model, values.shape[-1], **_conditions(config["conditions"]))
    remarks = compare_with_training(values, model, recipe)
    inverse = config["verify"] and model.mapping.target.name == "V"
    predictions = predict_input(model, values, recipe, config["verify"], config["symmetrise"])
    remarks += _charge_remark(predictions, recipe["n_electrons"])
    for remark in remarks:
        print(f"note: {remark}; predictions may be wrong")
    record = write_results(
        predictions, model, recipe, folder, checkpoint=str(checkpoint), input=str(path),
        symmetrised=config["symmetrise"], origin=f"dots from {path.name}", remarks=remarks, inverse=inverse,
    )  # fmt: skip
    return _show(record, model, folder, None, None)


def _conditions(given: dict[str, Any]) -> dict[str, Any]:
    """Conditions of a user's own dots, by name; ValueError for a name that is none."""
    names = ("n_electrons", "material", "extent")
    for name in given:
        if name not in names:
            raise ValueError(f"{name}: no such option or condition. Choices: {', '.join(names)}")
    return {name: given.get(name) for name in names}


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
    kept = checkpoint.suffix == ".safetensors"  # such files lie where nobody wants results
    run = run_of(checkpoint) or (Path("runs") / checkpoint.stem if kept else checkpoint.parent)
    if config["input"]:
        if config["save"]:
            raise ValueError("save: a model card tells the measures of held-out dots; leave input out")
        path = Path(config["input"])
        return evaluate_file(checkpoint, path, config, _make_folder(Path(config["output"] or run / "own" / path.stem)))
    if config["verify"]:
        raise ValueError(
            "verify: held-out dots are compared with their exact fields anyway; verify=true is for input=..."
        )
    for name in _conditions(config["conditions"]):
        if name in config["conditions"]:
            raise ValueError(f"{name}: the dots of a split have their own; {name} is for input=...")
    if config["split"] not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {config['split']!r}")
    recipes = load_model(checkpoint).card["recipes"]
    folder = _make_folder(Path(config["output"] or run / config["split"]))
    launcher = make_launcher(config["launcher"])
    stores = [Store(generate(recipe, config["data_root"], launcher)) for recipe in recipes]
    pages = evaluate_split(checkpoint, stores, config["split"], folder, config["symmetrise"])
    if config["save"]:
        records = [json.loads((page.parent / "metrics.json").read_text()) for page in pages]
        weights, card = save_pretrained(checkpoint, Path(config["save"]), records)
        print(f"weights      {weights}\nmodel card   {card}")
    return pages[0]


def _make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"output: no folder can be made at {folder} ({error.strerror})") from None
    return folder


def run_of(checkpoint: Path) -> Path | None:
    """The folder of the run that wrote a checkpoint, if it still lies there."""
    return next((run for run in runs_of(checkpoint) if (run / "csv").is_dir()), None)


def _show(record: dict[str, Any], model: FieldModel, folder: Path, run: Path | None, store: Store | None) -> Path:
    target = model.mapping.target
    validation = store.split("val").read(0, [target.name])[target.name] if store else None
    page = write_report(folder, run, validation)
    print_table(record)
    print(f"predictions  {folder / 'predictions.h5'}\nreport       {page}")
    return page
