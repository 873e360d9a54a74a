"""Count and locate the objects of one picture of 1920 x 1080 pixels with the networks of the table, not trained again.

    python -m experiments.counting.transfer

The picture has as many objects of each class per area as the training collages on average, drawn from the test images.
``stream`` reads it in slabs. Writes transfer.json and transfer.png.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.counting.run import EXPERIMENT
from experiments.counting.studies import TASKS
from qd_pix2pix.evaluation.localisation import localise, positions_of_samples
from qd_pix2pix.evaluation.measures import RADIUS
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.predict import contributions
from qd_pix2pix.inference.stream import stream
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.provenance import provenance
from qd_pix2pix.reports.location_panels import draw_contributions, legend_of_positions
from qd_pix2pix.systems import Collages, make_recipe
from solvers.collages import Collage, collage

HERE = Path(__file__).parent
SHAPE = (1920, 1080)
SHOWN = "shapes-2"
"""Run whose picture is drawn."""
SEED = 0


def picture(recipe: Collages, shape: tuple[int, int] = SHAPE) -> Collage:
    """Return a picture with as many objects of each class per area as the collages of a recipe have on average."""
    number = round(recipe.most / 2 * shape[0] * shape[1] / recipe.side**2)
    counts = [number] * len(recipe.objects.names)
    rng = np.random.default_rng([recipe.seed, SEED])
    return collage(rng, shape, recipe.objects, counts, recipe.overlap, recipe.noise, "test")


def measure(predictor: Predictor, drawn: Collage) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return true and predicted numbers, recall and precision of each class, with the duration; and the maps."""
    image = drawn.picture.astype(np.float32)
    streamed = stream(predictor, image, device="cpu", progress=False)
    began = time.monotonic()
    maps = {name: values[0] for name, values in contributions(predictor, {"picture": image[None]}, "cpu").items()}
    seconds = time.monotonic() - began
    classes = {}
    for number, name in enumerate(maps):
        true = drawn.centres[drawn.classes == number]
        found = localise(positions_of_samples(maps[name][None], image.shape), [true], RADIUS)
        classes[name] = {
            "true": int(drawn.counts[number]),
            "predicted": streamed.outputs[name],
            "recall": found.recall,
            "precision": found.precision,
        }
    return {"classes": classes, "stream_seconds": streamed.seconds, "seconds": seconds}, maps


def draw(drawn: Collage, maps: dict[str, np.ndarray], shape: tuple[int, int] = SHAPE) -> Figure:
    """Return the maps of the classes over the whole picture, and over its first corner of 400 x 225 pixels."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    panels = figure.subplots(2, len(maps), squeeze=False)
    for number, (name, values) in enumerate(maps.items()):
        true = drawn.centres[drawn.classes == number]
        (found,) = positions_of_samples(values[None], shape)
        for panel, side in zip(panels[:, number], (shape[0], 400), strict=True):
            draw_contributions(panel, drawn.picture, values, found, true, small=side == shape[0])
            panel.set(xlim=(0, side), ylim=(0, side * shape[1] / shape[0]), aspect="equal")
        panels[0, number].set_title(f"{name}: {len(true)} objects, sum of the contributions {values.sum():.1f}")
    legend_of_positions(figure)
    return figure


def main() -> None:
    """Measure the finished runs, and draw one; other measures in the file are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", choices=EXPERIMENT.scales, default="laptop", help="scale of the runs")
    parser.add_argument("--only", default="", help="only runs whose name contains this")
    given = parser.parse_args()
    file = HERE / "transfer.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["runs"] if file.exists() else {}
    for name in (task for task in TASKS if given.only in task):
        checkpoint = EXPERIMENT.run_folder(name, given.scale) / "checkpoints" / "best.ckpt"
        if not checkpoint.is_file():
            print(f"{name}: no checkpoint at {checkpoint}; train it with experiments.counting.run", flush=True)
            continue
        predictor, card = load_predictor(checkpoint)
        recipe = make_recipe(card.recipes[0])
        drawn = picture(recipe)
        found[name], maps = measure(predictor, drawn)
        print(f"{name}: {found[name]}", flush=True)
        if name == SHOWN:
            draw(drawn, maps).savefig(HERE / "transfer.png", dpi=110)
    record = {"shape": SHAPE, "runs": found, "provenance": provenance()}
    write_text(file, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
