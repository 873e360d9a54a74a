"""Sample Ising lattices with a network as the energy, and compare with the exact thermodynamics of the same lattice.

    python -m experiments.spin_energies.heat_capacity --weights runs/.../checkpoints/best.ckpt [--side 16]

Temperatures are ten between 1.6 and 3.4 J, and thirteen around the exact peak of the heat capacity, so close that
energies at neighbouring ones overlap. Writes heat_capacity.json and heat_capacity.png. The network must be an EDNN.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from qd_pix2pix import from_pretrained
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.tile_energy import NetworkEnergy
from qd_pix2pix.provenance import provenance
from qd_pix2pix.reports.curve_figures import Measured, on_exact_curves
from solvers.spins import kaufman, sample_tiles
from solvers.spins.reweighting import Peak, exact_peak, heat_capacity_peak, thermal_averages

HERE = Path(__file__).parent
LOW, HIGH = 1.6, 3.4
AROUND = 6
"""Temperatures on either side of the exact peak."""
FARTHEST = 0.25
"""Largest distance of these from the peak, as a part of its temperature."""


@dataclass(frozen=True)
class Length:
    """The length of the chains; see ``sample_tiles``."""

    chains: int = 64
    records: int = 2000
    interval: int = 10
    burn_in: int = 2000
    seed: int = 0


def exact_peak_of(side: int) -> Peak:
    """Return the peak of Kaufman's heat capacity per site."""
    return exact_peak(lambda t: float(kaufman(side, t).heat_capacity), LOW, HIGH)


def temperatures(side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return temperatures between the limits, and those around the peak, in J."""
    peak = exact_peak_of(side)
    step = min(1 / (2 * side * math.sqrt(peak.height)), FARTHEST / AROUND)  # standard deviation of E / (2 T dE / dT)
    return np.linspace(LOW, HIGH, 10), peak.temperature * (1 + step * np.arange(-AROUND, AROUND + 1))


def measure(energy: Any, side: int, length: Length, threads: int | None = None) -> dict[str, Any]:
    """Return averages of the network's chains, their errors, the exact values, and both peaks."""
    wide, narrow = temperatures(side)
    t = np.concatenate([wide, narrow])
    proposals = len(t) * length.chains * (length.burn_in + length.records * length.interval) * side**2
    began = time.perf_counter()
    with tqdm(total=proposals, desc="sampling", unit="flip", unit_scale=True, leave=False, mininterval=1) as bar:
        found = sample_tiles(side, t, energy, **asdict(length), start="up", threads=threads, progress=bar.update)
    seconds = time.perf_counter() - began
    averages = thermal_averages(found.energy, found.magnetisation, t, side)
    peak, exact = heat_capacity_peak(found.energy[len(wide) :], narrow, side), exact_peak_of(side)
    curve, order = kaufman(side, t), np.argsort(t)
    return {
        "side": side,
        "length": asdict(length),
        "proposals": proposals,
        "seconds": seconds,
        "temperature": t[order].tolist(),
        **{name: values[order].tolist() for name, values in averages._asdict().items()},
        "exact": {"energy": curve.energy[order].tolist(), "heat_capacity": curve.heat_capacity[order].tolist()},
        "peak": peak._asdict(),
        "exact_peak": {"temperature": exact.temperature, "height": exact.height},
        "deviation": {
            "temperature": peak.temperature / exact.temperature - 1,
            "height": peak.height / exact.height - 1,
        },
    }


def figure(record: dict[str, Any]) -> Figure:
    """Return the figure of a record: energy, heat capacity and magnetisation against T."""
    side, t = record["side"], np.array(record["temperature"])
    fine = np.linspace(LOW, HIGH, 300)
    curve = kaufman(side, fine)
    exact = {"energy": (fine, curve.energy), "heat_capacity": (fine, curve.heat_capacity)}
    labels = {"energy": "E / L² (J)", "heat_capacity": "C / L²", "magnetisation": "⟨|m|⟩"}
    shown = [
        Measured(label, np.array(record[name]), np.array(record[f"{name}_error"]), exact.get(name))
        for name, label in labels.items()
    ]
    return on_exact_curves(t, shown, "T (J)", f"network, L = {side}")


def summary(record: dict[str, Any]) -> str:
    """Return both peaks in one line."""
    peak, exact = record["peak"], record["exact_peak"]
    parts = [
        f"{name} {peak[name]:.4f} ± {peak[f'{name}_error']:.4f}, exact {exact[name]:.4f} "
        f"({100 * record['deviation'][name]:+.2f} %)"
        for name in ("temperature", "height")
    ]
    return f"peak of C, L = {record['side']}: {'; '.join(parts)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Sample, compare, write both files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help=".safetensors file or checkpoint of an EDNN")
    parser.add_argument("--side", type=int, default=16, help="sites per side")
    for name, value in asdict(Length()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--threads", type=int, default=None, help="chains at once; default: one per core")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of both files")
    given = parser.parse_args(arguments)
    length = Length(**{name: getattr(given, name) for name in asdict(Length())})
    record = measure(NetworkEnergy(from_pretrained(given.weights)), given.side, length, given.threads)
    record |= {"weights": given.weights.name, "provenance": provenance()}
    given.output.mkdir(parents=True, exist_ok=True)
    write_text(given.output / "heat_capacity.json", json.dumps(record, indent=1) + "\n")
    figure(record).savefig(given.output / "heat_capacity.png", dpi=160)
    print(summary(record))


if __name__ == "__main__":
    main()
