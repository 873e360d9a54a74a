"""Calibration of the estimated error of a trained network on other samples than those of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.datasets import chosen_stores
from qd_pix2pix.inference.error_bars import calibrate_on
from qd_pix2pix.inference.predict import check_device
from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.inference.weights import load_predictor, save_weights, trusted, weights_path


def calibrated(config: Mapping[str, Any]) -> Path:
    """Write weights whose estimated error is calibrated anew to ``save``, according to conf/evaluate.yaml; return them.

    Raises:
        ValueError: ``save`` is missing, or the network does not estimate its error or does not suit the dataset.
    """
    if not config["save"] or config["input"]:
        raise ValueError("calibrate: expected save=, a file for the calibrated network, and no input=")
    if not config["checkpoint"]:
        raise ValueError("checkpoint: give a path, as checkpoint=runs/.../checkpoints/best.ckpt")
    checkpoint = find_weights(config["checkpoint"])
    with trusted(config.get("trust")):
        predictor, card = load_predictor(checkpoint)
        stores = chosen_stores(config, checkpoint, "val")
        columns = [*predictor.mapping.sources, *predictor.mapping.outputs]
        parts = (_columns(store, "val", columns) for store in stores)
        samples = calibrate_on(predictor, parts, check_device(config["device"]), config["batch_size"])
        path = weights_path(Path(config["save"]))
        names = [store.name for store in stores]
        # without the tests of the old estimate, which the evaluation after it replaces
        save_weights(
            path, predictor.cpu(), replace(card, tests=[], provenance={**card.provenance, "calibrated": names})
        )
    print(f"estimated error calibrated on {samples} {stores[0].schema.sample}s", flush=True)
    return path


def _columns(store: Store, split: str, names: Sequence[str]) -> dict[str, NDArray]:
    """Return these columns of a split, and all conditions."""
    drawn = [column.name for column in store.schema.of_role("condition")]
    columns = store.split(split).load(dict.fromkeys([*names, *drawn]))
    size = len(next(iter(columns.values())))
    return {name: np.full(size, value) for name, value in store.schema.constants.items()} | columns
