"""Measure the time of a streamed energy against the number of sites.

    python -m experiments.ednn.scaling [--largest 1e9] [--weights ...]

Random spins, int8, are written block by block to a memory-mapped file in a temporary folder, which is removed; 10^9
sites take 1 GB. They are read from the system's cache if memory suffices. Tiles are counted by the table up to
``--largest`` sites, and evaluated one by one up to 10^6.5 sites. Each time is the median over the rounds, after one
untimed run. Writes scaling.json and scaling.png.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from qd_pix2pix import from_pretrained
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.stream import stream
from qd_pix2pix.networks import EDNN, Window
from qd_pix2pix.provenance import provenance
from qd_pix2pix.reports.curve_figures import power_laws

HERE = Path(__file__).parent
SMALLEST, DIRECT = 1e4, 10**6.5
BLOCK = 2**24
"""Spins drawn at once."""
ROUNDS, SEED = 3, 0
FITTED = 5
"""Lattices, the largest ones, of which exponents are fitted: a fixed time per call adds to that per site."""


def sides(largest: float) -> list[int]:
    """Return even sides of lattices of about 10^4, 10^4.5 ... ``largest`` sites."""
    steps = round(2 * math.log10(largest / SMALLEST))
    return [2 * round(math.sqrt(SMALLEST * 10 ** (i / 2)) / 2) for i in range(steps + 1)]


def draw(path: Path, side: int) -> np.memmap:
    """Write random spins (side, side) to ``path``, and return them as a memory map.

    Raises:
        OSError: the disk has too little space.
    """
    free = shutil.disk_usage(path.parent).free
    if free < 1.1 * side**2:
        raise OSError(f"{path.parent} has {free / 1e9:.2f} GB; the spins take {side**2 / 1e9:.2f} GB. Set TMPDIR")
    array = np.lib.format.open_memmap(path, "w+", np.int8, (side, side))
    rng, rows = np.random.default_rng([SEED, side]), max(1, BLOCK // side)
    for start in range(0, side, rows):
        stop = min(start + rows, side)
        array[start:stop] = 2 * rng.integers(0, 2, (stop - start, side), dtype=np.int8) - 1
    array.flush()
    return np.load(path, mmap_mode="r")


def timed(network: Any, array: Any, table: bool, rounds: int) -> dict[str, Any]:
    """Return sites, the times of all rounds in s, and their median."""
    found = [stream(network, array, table=table, progress=False) for _ in range(rounds + 1)][1:]
    seconds = [one.seconds for one in found]
    tabulated = found[0].tabulated == math.prod(found[0].tiles)
    return {"sites": array.size, "seconds": float(np.median(seconds)), "rounds": seconds, "tabulated": tabulated}


def exponent(times: Sequence[dict[str, Any]]) -> float:
    """Return the slope of log time against log sites, of the largest lattices."""
    x, y = (np.log([time[name] for time in times[-FITTED:]]) for name in ("sites", "seconds"))
    return float(np.polyfit(x, y, 1)[0])


def measure(network: Any, largest: float, rounds: int) -> dict[str, Any]:
    """Return the times by table and directly, and the exponents of both."""
    found: dict[str, list[dict[str, Any]]] = {"table": [], "direct": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spins.npy"
        for side in tqdm(sides(largest), desc="streaming", unit="lattice", leave=False):
            array = draw(path, side)
            found["table"].append(timed(network, array, True, rounds))
            if side**2 < 1.1 * DIRECT:
                found["direct"].append(timed(network, array, False, rounds))
            del array
            path.unlink()
    return {**found, "exponent": {way: exponent(times) for way, times in found.items()}, "fitted": FITTED}


def figure(record: dict[str, Any]) -> Figure:
    """Return the figure of a record: times against sites, with the fitted power laws."""
    names = {"table": "counted tiles", "direct": "each tile evaluated"}
    series = {}
    for way, name in names.items():
        x, y = (np.array([time[key] for time in record[way]]) for key in ("sites", "seconds"))
        series[name] = (x, y, record["exponent"][way])
    return power_laws(series, "sites", "time (s)", record["fitted"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--largest", type=float, default=1e9, help="largest number of sites")
    parser.add_argument("--weights", type=Path, help="EDNN with f = c = 1; by default untrained, of the paper's size")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--output", type=Path, default=HERE, help="folder of both files")
    given = parser.parse_args(arguments)
    if not 10 * SMALLEST <= given.largest <= 1e10:
        parser.error(f"--largest: expected {10 * SMALLEST:g} ... 1e10 sites, got {given.largest:g}")
    torch.manual_seed(SEED)
    network = from_pretrained(given.weights).predictor if given.weights else EDNN(Window, padding="circular")
    record = measure(network, given.largest, given.rounds)
    record |= {"threads": torch.get_num_threads(), "cores": os.cpu_count(), "seed": SEED, "provenance": provenance()}
    given.output.mkdir(parents=True, exist_ok=True)
    write_text(given.output / "scaling.json", json.dumps(record, indent=1) + "\n")
    figure(record).savefig(given.output / "scaling.png", dpi=160)
    last, slopes = record["table"][-1], record["exponent"]
    print(f"{last['sites']:.3g} sites in {last['seconds']:.3g} s; exponents {slopes['table']:.3f}, direct "
          f"{slopes['direct']:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
