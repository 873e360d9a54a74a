"""Evaluation of a checkpoint on samples: predictions, measures, and files of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qd_pix2pix.data.store import SPLITS, Store
from qd_pix2pix.evaluation import located
from qd_pix2pix.evaluation.datasets import chosen_stores
from qd_pix2pix.evaluation.drawn import draw_split
from qd_pix2pix.evaluation.measures import equivariance_error, mean_and_spread
from qd_pix2pix.evaluation.own_samples import evaluate_file
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.evaluation.results import estimates, new_record, write_results
from qd_pix2pix.generators import Generator
from qd_pix2pix.inference.own_files import Reading
from qd_pix2pix.inference.predict import check_device, predict, turned_predictions
from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.inference.weights import load_predictor, save_weights, trusted, weights_path
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.provenance import runs_of
from qd_pix2pix.systems import make_recipe, recipe_class
from qd_pix2pix.systems.recipe import Recipe
from solvers.checks import check_integer


def predict_split(
    predictor: Predictor,
    store: Store,
    split: str,
    symmetrise: bool = False,
    device: torch.device | None = None,
    batch_size: int | None = None,
) -> Predictions:
    """Return predictions for all samples of a stored split, with the references."""
    schema, samples = store.schema, store.split(split)
    mapping, drawn = predictor.mapping, [c.name for c in store.schema.of_role("condition")]
    extra = [c.name for c in schema.of_role("scalar")] + ([schema.hard_by] if schema.hard_by else [])
    marks = located.mark_fields(predictor)
    columns = samples.load(dict.fromkeys([*mapping.sources, *mapping.outputs, *drawn, *extra, *marks, "sample"]))
    size = len(columns["sample"])
    conditions = {name: np.full(size, v) for name, v in schema.constants.items()} | {n: columns[n] for n in drawn}
    given = {name: columns[name] for name in mapping.sources}
    columns_given = {**given, **conditions}
    found = predict(predictor, columns_given, symmetrise, device, batch_size)
    measures: dict[str, dict[str, NDArray]] = {mapping.target: {}, **estimates(predictor, found)}
    is_field = predictor.target.is_field
    turned = list(turned_predictions(predictor, columns_given, symmetrise, device, batch_size)) if is_field else []
    if turned:
        measures[mapping.target]["equivariance_error"] = equivariance_error(*zip(*turned, strict=True))
    return Predictions(
        schema=schema,
        sources=mapping.sources,
        outputs=mapping.outputs,
        given=given,
        predicted=found,
        sample=columns["sample"],
        conditions=conditions,
        reference={name: columns[name] for name in mapping.outputs},
        hard_by=columns[schema.hard_by] if schema.hard_by else None,
        measures=measures,
        contributions=located.maps(predictor, columns_given, device, batch_size),
        known={n: columns[n] for n in extra if n not in (*mapping.sources, *mapping.outputs)},
        marks={name: columns[name] for name in marks},
    )


def evaluate_split(
    checkpoint: Path,
    stores: Sequence[Store],
    split: str,
    folder: Path,
    symmetrise: bool = False,
    device: str | None = None,
    batch_size: int | None = None,
) -> list[Path]:
    """Evaluate a checkpoint on a split; write ``predictions.h5`` and ``metrics.json`` into ``folder``.

    If the model was trained on several datasets, each has its own folder, named after the conditions and the numbers of
    points that vary.

    Returns:
        The folders with the results.
    """
    predictor, card = load_predictor(checkpoint)
    if symmetrise and isinstance(predictor, Generator):
        raise ValueError("symmetrise: expected false, because a generator draws samples, got true")
    chosen = check_device(device)
    folders = []
    for store, label in zip(stores, _labels(predictor, card, stores), strict=True):
        own = folder / label
        drawn = draw_split(predictor, store, split, chosen) if isinstance(predictor, Generator) else None
        predictions = (
            drawn.predictions if drawn else predict_split(predictor, store, split, symmetrise, chosen, batch_size)
        )
        record = new_record(predictor, card, checkpoint, store.schema, store.recipe, len(predictions.sample))
        record = replace(
            record, split=split, symmetrised=symmetrise, origin=f"{store.schema.sample}s of the {split} split",
            label_error=label_error(store, split, predictor.target.name),
            curves=[] if drawn else implied_curves(store.recipe, predictions),
        )  # fmt: skip
        if drawn:
            labels, sample = predictor.mapping.labels, store.schema.sample
            record = replace(
                record, drawn=True, measures=drawn.measures, remarks=drawn.remarks,
                origin=f"{sample}s drawn, one {'at the labels of each' if labels else 'for each'} of the {split} split",
            )  # fmt: skip
        write_results(predictions, predictor, record, own)
        folders.append(own)
    return folders


def _labels(predictor: Predictor, card: Card, stores: Sequence[Store]) -> list[str]:
    """Return the folder of each dataset; those that no condition distinguishes are numbered."""
    labels = [_label(predictor, card, store) for store in stores]
    return [
        ",".join(filter(None, [label, f"dataset={i}"])) if labels.count(label) > 1 else label
        for i, label in enumerate(labels, 1)
    ]


def _label(predictor: Predictor, card: Card, store: Store) -> str:
    """Return the folder of a dataset: what distinguishes it from the others of the training; empty for a single one."""
    constants = store.schema.constants
    parts = [f"{name}={constants[name]:g}" for name in predictor.conditions.varying if name in constants]
    if len(card.shapes) > 1:
        parts.append("points=" + "x".join(map(str, store.schema.domain.shape)))
    return ",".join(parts)


def label_error(store: Store, split: str, target: str) -> dict[str, float] | None:
    """Return the estimated error of a target's references, mean and spread; None if there is no estimate."""
    column = store.schema.error_column(target)
    if column is None:
        return None
    errors = store.split(split).load((column.name,))[column.name]
    return mean_and_spread(errors) if np.isfinite(errors).all() else None


def implied_curves(config: Mapping[str, Any], predictions: Predictions) -> list[dict[str, Any]]:
    """Return what the predictions imply in the system of a recipe; nothing if the system is not of this project."""
    try:
        system = recipe_class(config, only_rooms=True)
    except ValueError:
        return []
    if system.curves is Recipe.curves:  # most systems: do not read their files
        return []
    recipe = make_recipe(config, only_rooms=True)
    return [asdict(curve) for curve in recipe.curves(predictions.reference, predictions.predicted)]


def trusting(config: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Return the block in which cards may name networks of the modules ``trust=``."""
    return trusted(config.get("trust"))


def evaluate(config: Mapping[str, Any]) -> list[Path]:
    """Evaluate according to conf/evaluate.yaml; return the folders of the results.

    Raises:
        ValueError: the checkpoint, the input, the split or another setting is invalid.
    """
    with trusting(config):
        return _evaluate(config)


def _evaluate(config: Mapping[str, Any]) -> list[Path]:
    if not config["checkpoint"]:
        raise ValueError("checkpoint: give a path, as checkpoint=runs/.../checkpoints/best.ckpt")
    checkpoint = find_weights(config["checkpoint"])
    check_device(config["device"])
    if config["batch_size"] is not None:
        check_integer("batch_size", config["batch_size"], 1)
    kept = checkpoint.suffix == ".safetensors"  # such files are outside of runs
    run = run_of(checkpoint) or (Path("runs") / checkpoint.stem if kept else checkpoint.parent)
    if config["input"]:
        return [_evaluate_own(checkpoint, run, config)]
    if config["verify"]:
        raise ValueError("verify: held-out samples have references anyway; verify=true is for input=...")
    if unused := [name for name in Reading.__dataclass_fields__ if config.get(name) is not None]:
        raise ValueError(f"{unused[0]}: it describes a file of your own; give it with input=...")
    if config["conditions"]:
        names = ", ".join(config["conditions"])
        raise ValueError(f"{names}: the samples of a split have their own conditions; give them with input=...")
    if config["split"] not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {config['split']!r}")
    stores = chosen_stores(config, checkpoint, config["split"])
    kind = run / stores[0].name if config.get("dataset") else run
    folder = _make_folder(Path(config["output"] or kind / config["split"]))
    options = (config["symmetrise"], config["device"], config["batch_size"])
    return evaluate_split(checkpoint, stores, config["split"], folder, *options)


def _evaluate_own(checkpoint: Path, run: Path, config: Mapping[str, Any]) -> Path:
    """Evaluate the samples of a file; return the folder of the results, which is removed where there are none."""
    if unsuited := [name for name in ("save", "dataset") if config.get(name)]:
        reasons = {"save": "a model card lists the measures of held-out samples", "dataset": "input has other samples"}
        raise ValueError(f"{unsuited[0]}: {reasons[unsuited[0]]}; leave input out")
    path = Path(config["input"])
    folder = _make_folder(Path(config["output"] or run / "own" / path.stem))
    try:
        return evaluate_file(checkpoint, path, config, folder)
    except BaseException:
        with suppress(OSError):  # it is not empty, or not there
            folder.rmdir()
        raise


def save_tested(checkpoint: Path, path: Path, folders: Sequence[Path]) -> Path:
    """Write the weights of a checkpoint, with the measures of its tests in their card; return the file's path."""
    path = weights_path(path)
    predictor, card = load_predictor(checkpoint)
    tests = []
    for folder in folders:
        found = Evaluation.read(folder)
        kept = ("split", "samples", "symmetrised", "measures", "also", "label_error", "drawn")
        tests.append({name: getattr(found, name) for name in kept})
    save_weights(path, predictor, replace(card, tests=tests))
    return path


def _make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"output: no folder can be made at {folder} ({error.strerror})") from None
    return folder


def run_of(checkpoint: Path) -> Path | None:
    """Return the folder of the run that wrote a checkpoint, if the checkpoint is still in it."""
    return next((run for run in runs_of(checkpoint) if (run / "csv").is_dir()), None)
