"""Measure snapshots of doped antiferromagnets: sampler against diagonalisation, speed, strings, observables by doping.

    python -m experiments.snapshots.measure            # three minutes on one core
    python -m experiments.snapshots.measure quick      # the same with few snapshots, writes nothing

Writes results.json and snapshots.png.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.snapshots.figure import draw
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from qd_pix2pix.systems import Snapshots
from solvers.spins import (
    autocorrelation_time,
    detect_strings,
    disc,
    exact_heisenberg,
    images_of,
    mean_error,
    sample_heisenberg,
    spin_correlator,
    string_lengths,
    string_potential,
    undoped_correlations,
)

HERE = Path(__file__).parent
TEMPERATURES = (0.3, 0.65, 1.0, 2.0)
TEMPERATURE = 0.65
HOPPING = 2.025
SIDES = (12, 16, 32)
DOPINGS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
DISTANCES = {"C_s(1)": (1, 0), "C_s(√2)": (1, 1), "C_s(2)": (2, 0)}
CURVES = {
    "strings": {"side": 16},
    "strings, 32 × 32": {"side": 32},
    "strings, all sectors": {"side": 16, "sectors": "all"},
    "sprinkled": {"side": 16, "holes": "sprinkled"},
}
SNAPSHOTS = 4000
"""Snapshots of each doping."""


def recipe(number: int, dopings: Sequence[Any] = (0.0,), **options: Any) -> Snapshots:
    """Return a recipe with ``number`` test snapshots, one chain."""
    given = {"side": 16, "holes": "strings", "sectors": "radial"} | options
    return Snapshots(
        seed=1, train=1, val=1, test=number, shard_size=number, temperature=TEMPERATURE, hopping=HOPPING,
        longest=40, dopings=list(dopings), t_corr=10, burn_in=1000, **given,
    )  # fmt: skip


def accuracy(records: int) -> list[dict[str, Any]]:
    """Return energies per site and correlators of 4 x 4 sites with those of the diagonalisation."""
    rows = []
    for temperature in TEMPERATURES:
        exact = exact_heisenberg(4, temperature)
        run = sample_heisenberg(4, temperature, chains=8, records=records, interval=5, seed=5)
        flat = np.asarray(run.configurations).reshape(-1, 4, 4)
        found = {"E / N": [*mean_error(run.energy / 16), exact.energy / 16]}
        for name, d in DISTANCES.items():
            sign = (-1) ** sum(d)
            found[name] = [*spin_correlator(flat, d), sign * 4 * exact.correlations[d]]
        rows.append({"temperature": temperature, "records": 8 * records} | found)
    return rows


def speed(side: int, records: int) -> dict[str, float]:
    """Return snapshots with holes per CPU second, CPU microseconds per sweep, and autocorrelation times in sweeps."""
    system = recipe(records, [[0.0, 0.3]], side=side)
    system.columns("test", range(2))  # compilation and the reference run
    start = time.process_time()
    system.columns("test", range(records))
    seconds = time.process_time() - start
    run = sample_heisenberg(side, TEMPERATURE, 1, 10 * records, 1, 1000, seed=1, threads=1)
    staggered = (np.asarray(run.configurations)[0] * signs(side)).mean((1, 2)) ** 2
    return {
        "side": side,
        "per_second": records / seconds,
        "sweep": 1e6 * seconds / (1000 + 10 * records),
        "tau_energy": autocorrelation_time(run.energy),
        "tau_staggered": autocorrelation_time(staggered),
        "energy": list(mean_error(run.energy / side**2)),
    }


def signs(side: int) -> NDArray[np.float64]:
    """Return the checkerboard of +1 and -1."""
    return (-1.0) ** np.add.outer(np.arange(side), np.arange(side))


def strings() -> dict[str, Any]:
    """Return potential and lengths of strings at 16 x 16 sites."""
    correlations = undoped_correlations(16, TEMPERATURE)
    tension, attraction = string_potential(*correlations)
    kinds: dict[str, Any] = {}
    for name, options in {
        "radial": ("radial", 40), "all, up to 10": ("all", 10), "all, up to 40": ("all", 40),
    }.items():  # fmt: skip
        p = string_lengths(tension, attraction, HOPPING, TEMPERATURE, *options)
        kinds[name] = {"p": p.tolist(), "mean": float(np.arange(len(p)) @ p)}
    return {"correlations": correlations, "tension": tension, "attraction": attraction, "lengths": kinds}


def observables(occupation: Any) -> dict[str, tuple[float, float]]:
    """Return correlators, string count and mean string length, with errors, of snapshots (n, L, L) at one doping.

    Strings are those of a disc of 80 sites, the size of the experiment: the best of many windows has fewer strings.
    """
    seen = disc(occupation.shape[1])
    patterns = detect_strings(images_of(occupation, 1) * seen, mask=seen, periodic=False)
    found = {name: spin_correlator(occupation, d) for name, d in DISTANCES.items()}
    return found | {"count": patterns.count, "length": patterns.mean_length}


def curve(number: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the observables at each doping."""
    rows = []
    for doping in DOPINGS:
        columns = recipe(number, [doping], **options).columns("test", range(number))
        rows.append({"doping": float(columns["doping"][0])} | observables(columns["occupation"]))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write both files, print a summary."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("size", nargs="?", choices=("whole", "quick"), default="whole", help="quick writes nothing")
    quick = parser.parse_args(arguments).size == "quick"
    number = 40 if quick else SNAPSHOTS
    began = time.perf_counter()
    found = {
        "snapshots": number,
        "hopping": HOPPING,
        "temperature": TEMPERATURE,
        "accuracy": [] if quick else accuracy(50_000),
        "speed": [speed(side, 50 if quick else 1000) for side in (SIDES[:1] if quick else SIDES)],
        "strings": strings(),
        "curves": {name: curve(number, options) for name, options in CURVES.items()},
    }
    shown = [recipe(4, [0.15], holes=holes).columns("test", range(1))["occupation"][0] for holes in RECIPES]
    picture = draw(found, dict(zip(RECIPES, shown, strict=True)))
    if not quick:
        found |= {"seconds": time.perf_counter() - began, "provenance": provenance()}
        write_text(HERE / "results.json", json.dumps(found, indent=1) + "\n")
        picture.savefig(HERE / "snapshots.png", dpi=160)
    for name, rows in found["curves"].items():
        print(name, *(f"{row['C_s(1)'][0]:.3f}" for row in rows))


RECIPES = ("strings", "sprinkled")
"""Holes of the pictures."""


if __name__ == "__main__":
    main()
