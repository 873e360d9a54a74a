"""The programs as functions for Python and notebooks: the same options and results, errors as exceptions.

Overrides are those of the command line: ``train("model=regressor", "data.n_electrons=3")``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from qd_pix2pix.cli import INTERRUPTED, overrides
from qd_pix2pix.cli.errors import first_cause, is_expected
from qd_pix2pix.cli.folders import claimed, resumed
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation

TRAINING = threading.Lock()
"""Held by the training of this process."""


@dataclass(frozen=True)
class Outcome:
    """The results of a training or of an evaluation.

    Attributes:
        path: folder of the run, or of the evaluation.
        checkpoint: evaluated checkpoint; of a training the best one.
        folders: folders of the evaluations, one for each dataset; each has predictions, measures and a page.
    """

    path: Path
    checkpoint: Path
    folders: tuple[Path, ...]

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The measures of each dataset, with their provenance."""
        return tuple(Evaluation.read(folder) for folder in self.folders)

    @property
    def measures(self) -> dict[str, float | None]:
        """The measures of the target by name: means over samples and datasets; empty without references.

        One is None where it is not defined, such as R² of one sample.
        """
        from qd_pix2pix.reports.history import overall

        return overall({str(i): evaluation for i, evaluation in enumerate(self.evaluations)})

    @property
    def predictions(self) -> tuple[Predictions, ...]:
        """The predicted fields and numbers of each dataset, with references."""
        return tuple(Predictions.read(folder / "predictions.h5") for folder in self.folders)

    @property
    def reports(self) -> tuple[Path, ...]:
        """The pages of the evaluations."""
        return tuple(folder / "report.html" for folder in self.folders)

    def _repr_html_(self) -> str:
        defined = {name: value for name, value in self.measures.items() if value is not None}
        rows = "".join(f"<tr><td>{name}</td><td>{value:.4g}</td></tr>" for name, value in defined.items())
        links = " ".join(f'<a href="{page.absolute().as_uri()}">{page}</a>' for page in self.reports)
        return f"<p>{links}</p><table>{rows}</table>"


def train(*given: str) -> Outcome:
    """Train by overrides of conf/train.yaml; see ``qd_pix2pix.train``."""
    with _as_exceptions(), _alone():
        words = overrides.own_network(resumed(overrides.own_network(_checked(given))))
        composed = overrides.check_overrides("train", words)
        words = [*words, *claimed(composed, words)]
        composed = overrides.check_overrides("train", words)
        run = overrides.run_folder(composed)
        from qd_pix2pix.training import run as training
        from qd_pix2pix.training.loggers import quiet

        quiet()
        best = training.train(_plain(composed), run, overrides.lasting(words))
        return Outcome(run, best, tuple(sorted(path.parent for path in (run / "test").rglob("metrics.json"))))


def evaluate(checkpoint: Path | str, *given: str) -> Outcome:
    """Evaluate a checkpoint by overrides of conf/evaluate.yaml; see ``qd_pix2pix.evaluate``."""
    with _as_exceptions():
        words = overrides.with_conditions(_checked(given))
        words.append(f"checkpoint={overrides.quoted(checkpoint)}")
        config = _plain(overrides.check_overrides("evaluate", words))
        if config["export"]:
            raise ValueError("export: use qd_pix2pix.from_pretrained(checkpoint).export(path)")
        folders, _ = evaluated(config)
        path = Path(config["output"]) if config["output"] else folders[0]
        return Outcome(path, Path(checkpoint), tuple(folders))


def evaluated(config: dict[str, Any]) -> tuple[list[Path], tuple[Path, Path] | None]:
    """Write predictions, measures and pages of a checkpoint according to conf/evaluate.yaml.

    Returns:
        The folders of the results; and with ``save`` the paths of the weights and of their model card.
    """
    from qd_pix2pix.evaluation.calibrated import calibrated
    from qd_pix2pix.evaluation.evaluate import evaluate, run_of, save_tested, trusting
    from qd_pix2pix.reports.model_card import trained_by, write_model_card
    from qd_pix2pix.reports.run_page import show
    from qd_pix2pix.training.threads import set_threads
    from solvers.checks import check_flag, check_integer

    if config.get("bench") or config["function"]:
        raise ValueError(
            "function, bench: expected together on the command line, python evaluate.py bench=qdot function=..."
        )
    if config["threads"] is not None:
        check_integer("threads", config["threads"], 1)
    set_threads(config["threads"])
    check_flag("calibrate", config["calibrate"])
    if config["calibrate"]:
        config = {**config, "checkpoint": str(calibrated(config))}
    folders = evaluate(config)
    checkpoint = Path(str(config["checkpoint"]))
    for folder in folders:
        show(folder, None if config["input"] else run_of(checkpoint))
    if not config["save"]:
        return folders, None
    with trusting(config):
        weights = save_tested(checkpoint, Path(config["save"]), folders)
    return folders, (weights, write_model_card(weights, folders, trained_by(checkpoint)))


def exported(config: dict[str, Any]) -> dict[str, float]:
    """Write the network of a checkpoint to the file ``export``; return its differences from the predictor by output.

    Raises:
        ValueError: other options ask for an evaluation, or the network cannot be written.
    """
    from qd_pix2pix.inference.pretrained import from_pretrained
    from qd_pix2pix.inference.sampler import Sampler
    from qd_pix2pix.training.threads import set_threads

    if others := [
        name for name in ("input", "save", "output", "verify", "conditions", "dataset", "calibrate") if config[name]
    ]:
        raise ValueError(f"export: a file is written, nothing is evaluated; leave {others[0]} out, or call twice")
    if not config["checkpoint"]:
        raise ValueError("checkpoint: give a path, as checkpoint=runs/.../checkpoints/best.ckpt")
    set_threads(config["threads"])
    found = from_pretrained(config["checkpoint"], "cpu", config["trust"] or ())
    if isinstance(found, Sampler):
        raise ValueError("export: expected a network that predicts; this generator draws samples in Python only")
    return found.export(config["export"], config["symmetrise"])


def _checked(given: Sequence[str]) -> list[str]:
    """Return overrides with paths as text.

    Raises:
        ValueError: one is not a text, or a flag.
    """
    for word in given:
        if not isinstance(word, str) or "=" not in word and not word.startswith("~") or word.startswith("-"):
            raise ValueError(f'expected overrides such as "model=regressor", got {word!r}; flags are for the programs')
    return overrides.keep_text(given)


def _plain(config: DictConfig) -> dict[str, Any]:
    kept = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    return OmegaConf.to_container(kept, resolve=True)  # type: ignore[return-value]


@contextmanager
def _alone() -> Iterator[None]:
    """Refuse a training beside another one of this process, with which it would share random numbers."""
    if not TRAINING.acquire(blocking=False):
        raise ValueError(
            "train: another training runs in this process, and both would share random numbers; start a process for "
            "each, or train one after the other"
        )
    try:
        yield
    finally:
        TRAINING.release()


@contextmanager
def _as_exceptions() -> Iterator[None]:
    """Raise what the programs report and exit with: one clear ValueError or OSError, and KeyboardInterrupt."""
    try:
        yield
    except SystemExit as end:
        if end.code == INTERRUPTED:
            raise KeyboardInterrupt from None
        raise
    except Exception as error:
        if not is_expected(error) or isinstance(error, (ValueError, OSError)):
            raise
        raise ValueError(first_cause(error)) from error
