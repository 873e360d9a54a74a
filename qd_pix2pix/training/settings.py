"""Settings of a training run: checked as a whole before any work, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytorch_lightning as pl
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback, Timer
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from qd_pix2pix import networks
from qd_pix2pix.data.generate import make_launcher
from qd_pix2pix.data.manifest import training_statistics
from qd_pix2pix.data.shard import learned
from qd_pix2pix.data.store import Store
from qd_pix2pix.inference.predict import best_device, device_name
from qd_pix2pix.inference.weights import CARD, read_checkpoint
from qd_pix2pix.mapping import Mapping as Names
from qd_pix2pix.models import Model
from qd_pix2pix.networks.blocks import multiplies_bf16
from qd_pix2pix.networks.foreign import hashes, modules_in
from qd_pix2pix.predictor import Card
from qd_pix2pix.provenance import provenance
from qd_pix2pix.schema import Column, Schema
from qd_pix2pix.systems import file_checksum, make_recipe, recipes_of
from qd_pix2pix.training.checkpoint import build_model, check_network, check_resumable
from qd_pix2pix.training.counter import card_of_counter
from qd_pix2pix.training.distributed import check_devices
from qd_pix2pix.training.initial import adopt, load_initial
from qd_pix2pix.training.length import total_steps, training_sizes
from qd_pix2pix.training.loggers import check_logger
from qd_pix2pix.training.second import card_of_second
from solvers.checks import check_integer, check_positive

Config = dict[str, Any]
REFUSED = {
    "gradient_clip_val": "it does not work with two optimisers; use model.gradient_clip, as all models do",
    "accumulate_grad_batches": "it does not work with two optimisers; use loader.batch_size",
    "logger": "use logger=csv, wandb or tensorboard",
    "plugins": "checkpoints are written by a plugin of ours",
    "default_root_dir": "use hydra.run.dir",
    "enable_checkpointing": "every run keeps checkpoints, from which it is resumed",
    "fast_dev_run": "use trainer.max_epochs=-1 trainer.max_steps=1 for a trial",
    "overfit_batches": "use data.train= to train on few samples",
    "barebones": "every run is evaluated and logged",
    "reload_dataloaders_every_n_epochs": "the datasets of a run do not change",
}
"""Arguments of Lightning's Trainer that this project sets or does not support, and the alternative to each."""
NEUTRAL: tuple[Any, ...] = (None, False, 0, 0.0)
GAP = 1 / 20
"""Share of the range of a label that is a gap where no training sample has a label in it."""
LEVELS = 3.0
"""A gap is also wider than this number of distances of the levels of a label, which are few on small lattices."""
FEW = 8
"""From this number of different labels without bounds on, their smallest distance is that of their levels."""


def recipes_of_run(config: Config) -> list[Config]:
    """Return the recipes of the training datasets."""
    if not isinstance(config["data"], dict):
        raise ValueError(f"data: expected a system, such as data=dots; got {config['data']!r}")
    ranges = config["range"] or {}
    if not isinstance(ranges, dict):
        raise ValueError(f"range: expected lists by option, such as range.n_electrons=[1,2]; got {ranges!r}")
    recipes = [recipe for data in _all_data(config) for recipe in recipes_of(data, ranges)]
    if any(recipe in recipes[:i] for i, recipe in enumerate(recipes)):
        raise ValueError("more_data: expected datasets that differ, such as in their seed")
    return recipes


def _all_data(config: Config) -> list[Config]:
    """Return the configuration of the data, and of each further dataset of the training."""
    more = config.get("more_data") or []
    if not isinstance(more, list) or not all(isinstance(changes, dict) and changes for changes in more):
        raise ValueError(f"more_data: expected changes of data in a list, such as [{{seed: 1}}]; got {more!r}")
    return [config["data"], *(_changed(config["data"], changes, f"more_data[{i}]") for i, changes in enumerate(more))]


def _changed(part: Config, changes: Config, where: str) -> Config:
    """Return a part of the configuration with changes, of its parts too.

    Raises:
        ValueError: the part has no option of such a name.
    """
    changed = dict(part)
    for key, value in changes.items():
        inner = part.get(key)
        if key not in part or (isinstance(inner, dict) and not isinstance(value, dict)):
            known = ", ".join(sorted(name for name in part if not name.startswith("_")))
            raise ValueError(f"{where}.{key}: expected changes of {known}; got {value!r}")
        if isinstance(inner, dict) and "_target_" not in value:
            value = _changed(inner, value, f"{where}.{key}")
        changed[key] = value
    if "path" in changes and isinstance(part.get("sha256"), str) and not changes.get("sha256"):
        changed["sha256"] = file_checksum(str(changes["path"]))  # that of conf/ belongs to the file of data
    return changed


@contextmanager
def _named(part: str) -> Iterator[None]:
    """Convert the errors of classes for unsuitable settings into one ValueError that names the part.

    Raises:
        ValueError: with the first cause, and the key if Hydra reports it.
    """
    try:
        yield
    except (InstantiationException, MisconfigurationException, ImportError, TypeError, AttributeError) as error:
        text = str(error)
        cause: BaseException = error
        while isinstance(cause, InstantiationException) and cause.__cause__ is not None:
            cause = cause.__cause__
        _, known, key = text.rpartition("full_key: ")
        where = f"{part}.{key.split()[0]}" if known else part
        text = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise ValueError(text if text.startswith(part) else f"{where}: {text}") from error


def check_config(config: Config) -> None:
    """Detect invalid settings: build all parts once with placeholders, and evaluate the model on a sample of zeros.

    Raises:
        ValueError: a setting is invalid; classes may raise errors of other types.
    """
    if config["sweep"]["words"]:
        raise ValueError("sweep: a study of many runs; begin with python train.py -m")
    for name in ("model", "network", "mapping", "loader", "trainer", "launcher"):
        if not isinstance(config[name], dict):
            raise ValueError(f"{name}: expected one of the options of conf/{name}, got {config[name]!r}")
    if config["logger"]:
        with _named("logger"):
            factory = instantiate(config["logger"], _convert_="all")
        check_logger(factory)
    made = [make_recipe(recipe) for recipe in recipes_of_run(config)]
    _check_numbers(config)
    _check_trainer(config)
    n_steps = total_steps(config, training_sizes(made))
    for recipe in made:
        recipe.rehearse()
    with _named("launcher"):
        make_launcher(config["launcher"])
    with _named("model"):
        model = untrained(config)
        check_network(model)
        model.check()
        if n_steps < model.fewest_steps:
            print(
                f"the generator will not be trained: it makes its first step after {model.fewest_steps} steps of the "
                f"critic, and the run has {n_steps}"
            )
        if config.get("init_from") and not config["ckpt_path"]:
            load_initial(model.predictor, config["init_from"])
    unread = [SimpleNamespace(schema=recipe.schema) for recipe in made]  # a loader reads a store only when it loads
    with _named("loader"):
        instantiate(config["loader"], _partial_=True, _convert_="all")(stores=unread, predictor=model.predictor)
    _check_callbacks(config, model)
    if config["ckpt_path"]:
        step = check_resumable(config["ckpt_path"], model.card)
        if step >= n_steps:
            print(f"the run is already at step {step}; raise trainer.max_epochs or trainer.max_steps to train longer")


def _check_numbers(config: Config) -> None:
    low_bounds = {
        "seed": (config["seed"], 0),
        "checkpoint_every": (config["checkpoint_every"], 1),
        "snapshots": (config["snapshots"], 1),
        "trainer.val_check_interval": (config["trainer"]["val_check_interval"], 1),
        "trainer.log_every_n_steps": (config["trainer"]["log_every_n_steps"], 1),
    }
    for word, (value, low) in low_bounds.items():
        check_integer(word, value, low, high=2**32 - 1)
    check_positive("checkpoint_seconds", config["checkpoint_seconds"])
    if config["threads"] is not None:
        check_integer("threads", config["threads"], 1)


def _check_trainer(config: Config) -> None:
    """Refuse arguments of the Trainer that have no effect or are unsupported; build it once with the others."""
    trainer = config["trainer"]
    for word, instead in REFUSED.items():
        neutral = (*NEUTRAL, 1) if word == "accumulate_grad_batches" else NEUTRAL
        if trainer.get(word) not in neutral:
            raise ValueError(f"trainer.{word}: {instead}; got {trainer[word]!r}")
    check_devices(trainer, _parallel(config))
    options = trainer_options(config)
    limit = options["max_time"]
    try:
        if isinstance(limit, bool) or not isinstance(limit, (str, dict, type(None))):
            raise ValueError(f"got {limit!r}")
        left = Timer(limit).time_remaining()
        if left is not None and left <= 0:
            raise ValueError(f"got {limit!r}, which ends before the first step")
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise ValueError(f"trainer.max_time: expected days:hours:minutes:seconds, as 00:00:30:00; {error}") from None
    options = without_ours(options)
    with _named("trainer"):
        made = instantiate(options, _convert_="all", logger=False, enable_checkpointing=False, barebones=False)
    if not isinstance(made, pl.Trainer):
        raise ValueError(f"trainer._target_: expected pytorch_lightning.Trainer, got {trainer.get('_target_')!r}")


def _parallel(config: Config) -> str:
    """Return the overrides by which several devices train the model, for as long as one device does."""
    if str(config["model"].get("_target_")).endswith("Regressor"):
        return "trainer=regression_ddp"
    limits = {name: config["trainer"].get(name) for name in ("max_epochs", "max_steps")}
    return " ".join(["trainer=ddp", *(f"trainer.{name}={value}" for name, value in limits.items() if value)])


def without_ours(options: Config) -> Config:
    """Return the Trainer's arguments except those that this project sets."""
    kept = {key: value for key, value in options.items() if key not in (*REFUSED, "callbacks")}
    return kept | {"max_steps": -1 if kept["max_steps"] is None else kept["max_steps"]}


def _check_callbacks(config: Config, model: Model) -> None:
    """Refuse a callback that monitors a quantity which is never logged."""
    logged = {f"val/{measure}" for measure in model.logged}
    for callback in own_callbacks(config):
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and not monitor.startswith("train/") and monitor not in logged:
            raise ValueError(
                f"trainer.callbacks: {type(callback).__name__} monitors {monitor!r}, which is not logged; expected one "
                f"of {', '.join(sorted(logged))}"
            )


def own_callbacks(config: Config) -> list[Callback]:
    """Return the callbacks of the configuration, +trainer.callbacks=[{_target_: ...}]; every run has further ones.

    Raises:
        ValueError: the option is not a list of callbacks.
    """
    given = config["trainer"].get("callbacks") or []
    if not isinstance(given, list) or not all(isinstance(c, dict) and "_target_" in c for c in given):
        raise ValueError(f"trainer.callbacks: expected a list such as [{{_target_: package.Callback}}], got {given!r}")
    with _named("trainer.callbacks"):
        callbacks = [instantiate(callback, _convert_="all") for callback in given]
    if not all(isinstance(callback, Callback) for callback in callbacks):
        raise ValueError(f"trainer.callbacks: expected callbacks of Lightning, got {callbacks!r}")
    return callbacks


def untrained(config: Config) -> Model:
    """Return the model, with placeholders for the statistics of its data."""
    recipes = recipes_of_run(config)
    schemas = [make_recipe(recipe).schema for recipe in recipes]
    statistics = {column.name: placeholder(column) for column in learned(schemas[0])}
    return build_model(config["model"], _card(config, schemas, recipes, statistics, []))


def placeholder(column: Column) -> dict[str, float]:
    """Return statistics of a column: values from 0 to 1, or next to its bounds where these leave none in between."""
    low = 0.0
    if column.high is not None and column.high <= low:
        low = column.high - 1
    elif column.low is not None and column.low >= low + 1:
        low = column.low
    return {"min": low, "max": low + 1, "mean": low + 0.5, "sample_mean_min": low, "sample_mean_max": low + 1}


def check_alike(schemas: Sequence[Schema], names: Names) -> None:
    """Refuse datasets that one network cannot learn together.

    Raises:
        ValueError: a learned column is another quantity in one of them, such as a class of a larger lattice, or has
            another unit; or a condition is one number for a dataset in one of them, and a column or unknown in another.
    """
    kinds = (
        [[c.name for c in schema.conditions] for schema in schemas],
        [[c.name for c in schema.of_role("condition")] for schema in schemas],
    )
    for what, found in zip(("one number for each dataset", "a column of the samples"), kinds, strict=True):
        if differing := sorted(set().union(*found).difference(set(found[0]).intersection(*found))):
            raise ValueError(
                f"range, more_data: expected the same conditions in all datasets; {', '.join(differing)} is {what} in "
                "some of them only. Give it in the same way in all, as an option or as an array"
            )
    learned_columns = (*names.sources, *names.labels, *names.outputs)
    for name in (*learned_columns, *kinds[0][0], *kinds[1][0]):
        units = dict.fromkeys(schema.unit(schema[name]) or "no unit" for schema in schemas)
        if len(units) > 1:
            raise ValueError(
                f"range, more_data: expected {name} in one unit in all datasets, got {' and '.join(units)}"
            )
    for name in learned_columns:
        if len({schema[name] for schema in schemas}) > 1:
            raise ValueError(
                f"range: expected {name} to be the same quantity in all datasets, got {schemas[0].system} in which it "
                "differs (its classes, or its bounds). Choose another target, or one value of the range"
            )


def make_card(config: Config, stores: Sequence[Store]) -> Card:
    """Return the card of the model, with the statistics of its datasets.

    Raises:
        ValueError: a number that is learned is unknown in a sample.
    """
    schemas, recipes = [store.schema for store in stores], [store.recipe for store in stores]
    card = _card(config, schemas, recipes, training_statistics(stores), [store.name for store in stores])
    labels = tuple(card.mapping.get("given", ()))
    values = {name: _known(stores, name, "mapping.given") for name in labels}
    for name in (card.mapping["target"], *card.mapping.get("also", ())):
        if schemas[0][name].role == "scalar":
            _known(stores, name, "mapping")
    target = schemas[0][card.mapping["target"]]
    seen = {name: intervals(some, level_of(schemas[0][name], schemas, target)) for name, some in values.items()}
    return replace(card, seen=seen)


def _known(stores: Sequence[Store], name: str, key: str) -> NDArray:
    """Return a number of all training samples; raise ValueError, with the ``key`` of its name, if a sample lacks it.

    Those of the other splits are compared too: the selection and the test would have no result.
    """
    splits = {"train": "training", "val": "validation", "test": "test"}
    values = {split: np.concatenate([store.split(split).load((name,))[name] for store in stores]) for split in splits}
    for split, label in splits.items():
        if unknown := np.count_nonzero(~np.isfinite(values[split])):
            raise ValueError(
                f"{key}: {name} is unknown in {unknown} of {len(values[split])} {label} samples; choose a number that "
                "every sample has"
            )
    return values["train"]


def level_of(column: Column, schemas: Sequence[Schema], target: Column) -> float | None:
    """Return the distance of the levels of a label of fields of few values: that of one point of the smallest field.

    None: not known, or the label is continuous.
    """
    if not target.values or column.extensive or column.low is None or column.high is None:
        return None
    return (column.high - column.low) / min(math.prod(schema.domain.shape) for schema in schemas)


def intervals(values: NDArray, level: float | None = None) -> list[float]:
    """Return the intervals [low, high, low, high, ...] that hold ``values`` (S,), without gaps that hold none of them.

    A gap is wider than ``GAP`` of the whole range, and than ``LEVELS`` distances of the ``level``.
    """
    found = np.unique(np.asarray(values, dtype=np.float64))
    distances = np.diff(found)
    if level is None:
        level = float(distances.min()) if len(found) >= FEW else 0.0
    gaps = np.flatnonzero(distances > max(GAP * np.ptp(found), LEVELS * level))
    return np.sort(np.concatenate([found[[0, -1]], found[gaps], found[gaps + 1]])).tolist()


def _card(
    config: Config,
    schemas: Sequence[Schema],
    recipes: list[Config],
    statistics: Mapping[str, Any],
    datasets: list[str],
) -> Card:
    try:
        kind = get_class(str(config["model"].get("_target_")))
    except (InstantiationException, ImportError, ValueError) as error:
        raise ValueError(f"model._target_: {error}") from None
    if not issubclass(kind, Model):
        raise ValueError(f"model._target_: expected a model of qd_pix2pix.models, got {config['model']['_target_']!r}")
    with _named("mapping"):
        names: Names = instantiate(config["mapping"], _convert_="all")
    if not isinstance(names, Names):
        target = config["mapping"].get("_target_")
        raise ValueError(f"mapping._target_: expected qd_pix2pix.mapping.Mapping, got {target!r}")
    check_alike(schemas, names)
    card = Card(
        schemas=[schema.to_dict() for schema in schemas],
        mapping=names.to_dict(),
        network=networks.describe(config["network"]),
        heads=kind.heads(config["model"]),
        generator={
            name: networks.describe(value) if isinstance(value, Mapping) else value
            for name, value in kind.generator(config["model"]).items()
        },
        logarithm=kind.LOGARITHM,
        statistics=dict(statistics),
        recipes=recipes,
        datasets=datasets,
        model=config["model"],
        loader=config["loader"],
        trainer=trainer_options(config),
        seed=config["seed"],
        provenance=provenance(device_name(best_device())),
    )
    if modules := modules_in(card.network, card.generator):
        card = replace(card, provenance=card.provenance | {"modules": hashes(modules)})
    path = config["ckpt_path"]
    # a resumed run has the estimates of its checkpoint, which may be of a version without those of numbers
    known = Card.from_dict(read_checkpoint(path)[CARD]).estimated if path else estimated_numbers(schemas[0], names)
    card = replace(card, estimated=known, second=card_of_second(card, path), counter=card_of_counter(card, path))
    return adopt(card, config.get("init_from"), config["ckpt_path"])


def estimated_numbers(schema: Schema, mapping: Names) -> list[str]:
    """Return the numbers beside the target whose error is estimated: those with a unit, such as energies."""
    if not mapping.quantile:
        return []
    return [name for name in mapping.also if schema[name].kind == "scalar" and schema[name].quantity]


def trainer_options(config: Config) -> Config:
    """Return the Trainer's arguments; the precision "auto" is replaced by that of the machine."""
    options = dict(config["trainer"])
    if options["precision"] == "auto":
        options["precision"] = "bf16-mixed" if multiplies_bf16(best_device().type) else "32-true"
    return options
