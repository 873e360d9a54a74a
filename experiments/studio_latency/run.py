"""Time from a movement of the pointer to the new density in the browser, and times of the solver, by grid size.

    python -m experiments.studio_latency.run     # writes results.json

A well is dragged in a headless Chromium. The page notes the time of each movement and the time at which the browser
has loaded the next picture of the density; the next movement follows after it. Nothing of the driver is part of the
interval.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments.studio_latency.chromium import server, visit, wait_for
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import available_cores, provenance
from qd_pix2pix.studio.canvas import frame, predicted
from qd_pix2pix.studio.dot import POINTS, example
from qd_pix2pix.studio.edits import with_changed
from qd_pix2pix.studio.link import to_link
from qd_pix2pix.studio.work import solved

HERE = Path(__file__).parent
MOVES = 60
SOLVES = 5
ELECTRONS = {32: (1, 2, 3, 4), 64: (1, 2, 3, 4, 5, 6), 128: (1, 2, 3, 4)}
"""Numbers of electrons that are solved on each grid."""
SCRIPT = """
const canvas = document.querySelector('[data-square=V] img');
const density = document.querySelector('[data-square=density] img');
window.times = []; window.moved = null;
canvas.addEventListener('pointermove', e => { if (e.buttons & 1) window.moved = performance.now(); }, true);
density.addEventListener('load', () => {
  if (window.moved !== null) { window.times.push(performance.now() - window.moved); window.moved = null; }
});
"""


def dragged(address: str, n: int, moves: int) -> list[float]:
    """Return the seconds from each movement of a dragged well to the density of it, on n x n points."""
    from selenium.webdriver.common.action_chains import ActionChains

    with (
        tempfile.TemporaryDirectory() as folder,
        visit(f"{address}?dot={to_link(replace(example(), n=n))}", folder, folder) as page,
    ):
        image = "[data-square={}] img"
        source = "return (document.querySelector(arguments[0]) || {}).src || ''"
        wait_for(lambda: "data:image" in page.execute_script(source, image.format("density")), 60)
        canvas = page.find_element("css selector", "[data-square=V]")
        page.execute_script(SCRIPT)
        side = canvas.size["width"]
        start = (round((38 / 120 - 0.5) * side), 0)
        ActionChains(page, duration=0).move_to_element_with_offset(canvas, *start).click_and_hold().perform()
        for k in range(moves):
            step = 3 if k % 20 < 10 else -3
            ActionChains(page, duration=0).move_by_offset(step, step).perform()
            wait_for(lambda k=k: page.execute_script("return window.times.length") > k, 20)
        return [1e-3 * t for t in page.execute_script("return window.times")]


def computed(n: int, moves: int) -> dict[str, list[float]]:
    """Return the seconds of the picture of V and of the prediction of shifted wells, and the processor time of both."""
    times: dict[str, list[float]] = {"picture": [], "prediction": [], "processor": []}
    predicted(replace(example(), n=n))
    for k in range(moves):
        dot = with_changed(replace(example(), n=n), "wells", 0, x=30.0 + 0.2 * k)
        used = time.thread_time()
        for name, task in (("picture", frame), ("prediction", predicted)):
            began = time.perf_counter()
            task(dot)
            times[name].append(time.perf_counter() - began)
        times["processor"].append(time.thread_time() - used)
    return times


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median and the 95 % quantile in seconds, and the number of values."""
    return {"median": float(np.median(seconds)), "p95": float(np.quantile(seconds, 0.95)), "count": len(seconds)}


def silent(share: float, text: str, part: Any = None) -> None:
    """Take a report of progress."""


def solver_times(solves: int) -> dict[str, dict[str, float]]:
    """Return the seconds of the solver by number of points and of electrons."""
    found = {}
    for n, numbers in ELECTRONS.items():
        for electrons in tqdm(numbers, desc=f"solving on {n} x {n}"):
            dot = replace(example(), n=n, n_electrons=electrons)
            runs = range(1 if electrons > 4 else solves)
            found[f"{n},{electrons}"] = summary([solved(dot, silent).seconds for _ in runs])
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--moves", type=int, default=MOVES)
    parser.add_argument("--solves", type=int, default=SOLVES)
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    given = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    drawing: dict[str, Any] = {}
    with server() as address:
        for n in tqdm(POINTS, desc="dragging"):
            parts = {name: summary(times) for name, times in computed(n, given.moves).items()}
            drawing[str(n)] = {"browser": summary(dragged(address, n, given.moves)[5:]), **parts}
    machine = {"cores": available_cores(), "load": load, "provenance": provenance("cpu")}
    results = {"drawing": drawing, "solver": solver_times(given.solves), "machine": machine}
    write_text(given.output, json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
