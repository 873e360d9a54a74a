"""The benchmark on the command line: ``python evaluate.py bench=qdot checkpoint=gaas-N2``.

conf/bench/NAME.yaml lists splits; each is a recipe, by options of conf/ and by values that replace some of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from qd_pix2pix.cli.compose import compose_config

SHARD = 25
"""Dots of one shard."""


def recipes(bench: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the recipe of each split of a benchmark, in plain containers; the first one has the training dots."""
    found: dict[str, dict[str, Any]] = {}
    for name, split in bench["splits"].items():
        config: Any = OmegaConf.to_container(compose_config("generate", split["options"]), resolve=True)
        sizes = {"train": 1 if found else bench["learned"], "val": 1, "test": bench["dots"], "shard_size": SHARD}
        found[name] = {**config["data"], **deepcopy(dict(split["data"])), **sizes}
    return found


def benchmark(config: Mapping[str, Any]) -> tuple[Path, Path]:
    """Score the network or function of a configuration of conf/evaluate.yaml; return the score and the leaderboard.

    Raises:
        ValueError: an option of the evaluation of samples is given, or see ``evaluate_bench``.
    """
    from qd_pix2pix.data.generate import make_launcher
    from qd_pix2pix.evaluation.bench import evaluate_bench, version
    from qd_pix2pix.reports.bench_page import write_bench_page
    from qd_pix2pix.training.threads import set_threads

    bench = config["bench"]
    if other := [
        name for name in ("input", "save", "conditions", "symmetrise", "verify", "dataset", "calibrate") if config[name]
    ]:
        raise ValueError(f"{other[0]}: not with bench=, whose dots and conditions are fixed; remove it")
    set_threads(config["threads"])
    folder = Path(config["output"] or f"runs/bench/{version(bench)}")
    score = evaluate_bench(
        bench, recipes(bench), config["data_root"], make_launcher(config["launcher"]), folder,
        config["checkpoint"], config["function"], device=config["device"], trust=config["trust"],
    )  # fmt: skip
    return score, write_bench_page(folder)
