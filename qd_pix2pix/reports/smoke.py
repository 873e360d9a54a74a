"""The banner of smoke tests: results of seconds, whose numbers have no meaning. No import of torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qd_pix2pix.provenance import read_overrides, runs_of

SCALE = "scale=smoke"
"""Option of the command line by which a training or a sweep is a smoke test."""
TEXT = "Smoke test: seconds of training on a few samples. It shows that the program works; its numbers have no meaning."
BENCH = "Smoke test: a few coarse dots. It shows that the program works; its numbers are no scores."
BENCH_NAME = "smoke"
FEWEST = 16
"""Training samples up to which a dataset is one of a smoke test."""


def banner_of_options(options: Sequence[str]) -> str:
    """Return the banner for options of a command line; empty where they are not those of a smoke test."""
    return TEXT if any(option.lstrip("+") == SCALE for option in options) else ""


def banner_of_checkpoint(checkpoint: str) -> str:
    """Return the banner for a checkpoint, by the options that its run keeps; empty for all others."""
    kept = [read_overrides(run) or [] for run in runs_of(Path(checkpoint))]
    return next(filter(None, map(banner_of_options, kept)), "")


def banner_of_bench(name: str) -> str:
    """Return the banner for a benchmark."""
    return BENCH if name.partition("-")[0] == BENCH_NAME else ""


def banner_of_dataset(trained: int, samples: str) -> str:
    """Return the banner for a dataset with ``trained`` training samples; ``samples`` is their number as text."""
    return f"Smoke test: {samples} for training, too few to train a network from scratch." if trained <= FEWEST else ""
