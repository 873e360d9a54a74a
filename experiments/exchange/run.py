"""Sweep J of gated double dots over detuning and barrier, and of the quartic double dot over its distance.

python -m experiments.exchange.run                     # six minutes on two cores; writes results.json, figures
python -m experiments.exchange.run --cache points      # kept on disk; the same call resumes a run that ended
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.interpolate import RegularGridInterpolator

from experiments.exchange.heitler_london import GAAS, SILICON, coupling, length, quartic, repulsion
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import (
    PRESETS,
    ExchangeSweep,
    Grid,
    Material,
    draw_exchange,
    exchange_sweep,
    hubbard,
    lever_arms,
    load_device,
    solve,
)

HERE = Path(__file__).parent
DEVICES: dict[str, dict[str, Any]] = {
    "gaas": {
        "material": Material(m_eff=0.067, eps_r=12.9),
        "n": 40,
        "detuning": (-0.01, 0.04),
        "barrier": (-0.06, -0.02),
        "middle": -0.04,
    },
    "si": {
        "material": Material(m_eff=0.19, eps_r=11.7),
        "n": 48,
        "detuning": (-0.02, 0.06),
        "barrier": (-0.02, 0.02),
        "middle": 0.0,
    },
}
"""Ranges of the knobs in V: half the difference of the plungers to each side, and the barrier gate."""
DETUNING = {"P1": -0.5, "P2": 0.5}
SWEEP: dict[str, Any] = {"points": 5, "divisions": 3, "tolerance": 0.02}
SHARES = (0.0, 0.25, 0.5, 0.75)
"""Detunings of the tables, as parts of the upper end."""
QUARTIC = {"gaas": ("GaAs", GAAS), "si": ("silicon", SILICON)}
"""Materials of the quartic dot."""
DISTANCES = np.linspace(0.7, 1.5, 9)
"""d of the quartic dot; below 0.65 the second orbital is excited along y, and there are no two sites along x."""
POINTS, MARGIN = 48, 4.5
"""Points of the quartic dot, and distance of the walls from the wells in a_B."""


def device_results(name: str, cache: str | None, processes: int) -> tuple[dict[str, Any], ExchangeSweep]:
    """Return the numbers of one device, and its sweep."""
    settings = DEVICES[name]
    device, material = load_device(HERE / f"{name}.yaml"), settings["material"]
    grid, middle = device.grid(settings["n"]), settings["middle"]
    family = device.V_of(DETUNING, "B", grid=grid)
    start = time.perf_counter()
    knobs = {"detuning": settings["detuning"], "barrier": settings["barrier"]}
    found = exchange_sweep(
        family, grid=grid, material=material, cache=cache, processes=processes, progress=True, **knobs, **SWEEP
    )
    seconds = time.perf_counter() - start
    at = {gate: device.voltages[gate] for gate in ("P1", "P2")} | {"B": middle}
    arms = lever_arms(device, at, grid, material)
    sites = hubbard(family(0.0, middle), grid, material, compare=False)
    c = sites.couplings
    shift = float((arms.matrix @ [-0.5, 0.5, 0.0]) @ [1, -1])  # d (e_1 - e_2) / d detuning
    gap = float(c.U.mean() - c.U_prime[0, 1])
    record = {
        "nodes": list(found.J.shape),
        "seconds": seconds,
        "trusted": bool(found.trusted.all()),
        "J": [float(found.J.min()), float(found.J.max())],
        "relative_error": [float(np.median(found.errors / found.J)), float((found.errors / found.J).max())],
        "lever_arms": {"gates": list(arms.names), "matrix": arms.matrix.tolist(), "errors": arms.errors.tolist()},
        "detuning_energy": shift,
        "couplings": {"t": float(c.t[0, 1]), "U": float(c.U.mean()), "U_prime": float(c.U_prime[0, 1])},
        "rows": [_row(found, part * settings["detuning"][1], middle, shift, gap, c.t[0, 1]) for part in SHARES],
        "spots": [_spot(found, float(b)) for b in np.linspace(*settings["barrier"], 5)],
        "stages": _stages(family(0.0, middle), grid, material),
    }
    return record, found


def _row(found: ExchangeSweep, detuning: float, barrier: float, shift: float, gap: float, t: float) -> dict[str, float]:
    """Return J, its slope and the Hubbard model at one detuning of the sweep."""
    (J, error), (slope, slope_error) = found.at(detuning, barrier), found.slope(detuning, barrier)
    charge = RegularGridInterpolator(found.axes, found.imbalance[..., 0])((detuning, barrier))
    energy = shift * detuning
    return {
        "detuning": detuning,
        "energy": energy,
        "J": float(J),
        "error": float(error),
        "slope": float(slope),
        "slope_error": float(slope_error),
        "second_order": 4 * t**2 * gap / (gap**2 - energy**2) if abs(energy) < gap else float("nan"),
        "charge": float(charge),
    }


def _spot(found: ExchangeSweep, barrier: float) -> dict[str, float]:
    """Return the sweet spot next to zero detuning, and the slope along the barrier there."""
    spot = min(found.sweet_spots(barrier), key=lambda s: abs(s.detuning))
    slope, error = found.slope(spot.detuning, barrier, along="barrier")
    return {"barrier": barrier, **spot._asdict(), "barrier_slope": float(slope), "barrier_slope_error": float(error)}


def _stages(V: np.ndarray, grid: Grid, material: Material) -> dict[str, float]:
    """Return the share of the time of each stage of one calculation: what a warm start could save."""
    spent: dict[str, float] = defaultdict(float)

    @contextmanager
    def timer(stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        spent[stage] += time.perf_counter() - start

    solve(np.repeat(V[None], 8, axis=0), grid, 2, material, timer=timer, **PRESETS["converged"])
    return {stage: value / sum(spent.values()) for stage, value in spent.items()}


def quartic_results(material: Material) -> dict[str, Any]:
    """Return J of the quartic double dot by full CI, by Heitler-London, and by two orbitals, over the distance."""
    rows = []
    for d in DISTANCES:
        grid = Grid(POINTS, 2 * (float(d) + MARGIN) * length(material))
        dot = hubbard(quartic(grid, float(d), material), grid, material)
        rows.append(
            {
                "d": float(d),
                "J": dot.J_ci,
                "error": dot.J_ci_error,
                "heitler_london": coupling(float(d), material=material),
                "two_orbitals": dot.J,
                "two_orbitals_error": dot.J_error,
                "t": float(dot.couplings.t[0, 1]),
                "U": float(dot.couplings.U.mean() - dot.couplings.U_prime[0, 1]),
            }
        )
    return {"c": repulsion(material), "a_B": length(material), "rows": rows}


def draw_quartic(found: dict[str, dict[str, Any]]) -> Figure:
    """Draw J against the distance of the wells, a panel for each material."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    for axes, (name, (title, _)) in zip(figure.subplots(1, len(QUARTIC)), QUARTIC.items(), strict=True):
        rows = found[name]["rows"]
        d, J = [row["d"] for row in rows], [1e3 * row["J"] for row in rows]
        axes.errorbar(d, J, yerr=[1e3 * row["error"] for row in rows], fmt="o-", label="full CI")
        axes.plot(d, [1e3 * row["heitler_london"] for row in rows], "s--", label="Heitler–London (closed form)")
        axes.plot(d, [1e3 * row["two_orbitals"] for row in rows], "^:", label="two orbitals, all their integrals")
        axes.axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
        axes.set(xlabel="d = a / a_B", ylabel="J (meV)", title=f"quartic double dot, {title}, ħω = 3 meV")
        axes.legend()
    return figure


def main() -> None:
    """Run everything, and write results.json and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", help="folder for the results of single points")
    parser.add_argument("--processes", type=int, default=1, help="processes that solve at once")
    arguments = parser.parse_args()
    results: dict[str, Any] = {"quartic": {name: quartic_results(material) for name, (_, material) in QUARTIC.items()}}
    draw_quartic(results["quartic"]).savefig(HERE / "quartic.png", dpi=110)
    for name in DEVICES:
        results[name], found = device_results(name, arguments.cache, arguments.processes)
        draw_exchange(found, HERE / f"{name}.png")
    results["provenance"] = provenance()
    write_text(HERE / "results.json", json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
