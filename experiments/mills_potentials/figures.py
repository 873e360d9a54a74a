"""Measure accuracy and speed for the four classes of Mills, Spanner and Tamblyn (2017).

python -m experiments.mills_potentials.figures           (writes table.json and potentials.png)
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from matplotlib.figure import Figure
from numpy.typing import NDArray
from omegaconf import OmegaConf
from scipy.optimize import brentq

from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.store import Store
from qd_pix2pix.provenance import provenance
from qd_pix2pix.systems import QuantumDots, make_recipe
from solvers import Grid
from solvers.quantum_dots.potentials import Harmonic, InfiniteWell

HERE = Path(__file__).parent
CLASSES = ("harmonic", "infinite_well", "double_gaussian", "random")
MODES = (24, 32, 48, 64, 90, 128)
REFERENCE = 96
"""Sine functions per direction of the reference where there is no closed form; V is smooth there."""
OTHER_READINGS = (
    ("double_gaussian", "potential.depth=[0.2,0.4]"),
    ("random", "potential.v_max=20.0", "solver.n_modes=64"),
)
"""Other interpretations of the paper."""
SHOWN = 4


def configuration(name: str, *words: str) -> dict[str, Any]:
    """Return the dataset configuration of experiment=mills_<name>, as in generate.py."""
    with initialize_config_dir(str(HERE.parents[1] / "conf"), version_base="1.3"):
        config = compose("generate", [f"experiment=mills_{name}", *words])
    return OmegaConf.to_container(config, resolve=True)["data"]  # type: ignore[index, call-overload, return-value]


def finite_well(width: float, wall: float) -> float:
    """Ground state between steps of height ``wall``, ``width`` apart: k tan(k L / 2) = sqrt(2 V - k^2), E = k^2 / 2."""
    k = brentq(lambda k: k * np.tan(k * width / 2) - np.sqrt(2 * wall - k**2), 1e-9, np.pi / width - 1e-9)
    return k**2 / 2


def exact_energy(potential: object, grid: Grid) -> float | None:
    """Ground-state energy in hartree where a formula gives it, without the walls of the square.

    The infinite well is what the grid makes of it: as wide as its cells, with walls as high as they are. Its corners,
    where the sum of two such wells would be twice as high, hold next to nothing of the electron.
    """
    if isinstance(potential, Harmonic):
        return (potential.k[0] ** 0.5 + potential.k[1] ** 0.5) / 2
    if isinstance(potential, InfiniteWell):
        well = potential(grid) == 0
        return sum(finite_well(well.any(axis=a).sum() * grid.dx, potential.wall) for a in (0, 1))
    return None


def ground_states(recipe: QuantumDots, n_modes: int, V: NDArray) -> NDArray[np.float64]:
    """Ground-state energies (S,) of the potentials (S, n, n) with another number of sine functions."""
    solver = partial(recipe.solver, n_modes=n_modes)
    return replace(recipe, solver=solver).solve({"V": V})["orbital_energies"][:, 0]


def millihartree(errors: NDArray) -> dict[str, float]:
    """Median and largest of |errors|."""
    errors = 1e3 * np.abs(errors)
    return {"median": float(np.median(errors)), "max": float(errors.max())}


def measure(name: str, systems: int, compared: int) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Generate one class, and compare ground-state energies: the record of the table, and the dots of the picture."""
    config = configuration(name, f"data.train={systems}", "data.val=1", "data.test=1")
    recipe: Any = make_recipe(config)
    with tempfile.TemporaryDirectory() as root:
        start = time.perf_counter()
        store = Store(generate(config, root))
        rate = (systems + 2) / (time.perf_counter() - start)
        dots = store.split("train").load(["V", "n_int", "orbital_energies"])
    drawn = [recipe.potential.sample(np.random.default_rng([recipe.seed, 0, i]), recipe.grid) for i in range(systems)]
    found, V = dots["orbital_energies"][:, 0], dots["V"][:compared]
    formula = [exact_energy(potential, recipe.grid) for potential in drawn]
    record: dict[str, Any] = {"modes": config["solver"]["n_modes"], "systems_per_second": rate}
    record["energy"] = (1e3 * np.percentile(found, [0, 50, 100])).tolist()
    record["energy_above_minimum"] = (1e3 * np.percentile(found - dots["V"].min(axis=(1, 2)), [0, 50, 100])).tolist()
    exact = None if None in formula else np.array(formula, dtype=float)
    if exact is not None:
        record["error"] = millihartree(found - exact)
    if isinstance(drawn[0], InfiniteWell):
        ideal = np.array([np.pi**2 / 2 * sum(side**-2 for side in well.size) for well in drawn])
        record["from_ideal_well"] = millihartree(found - ideal)
    reference = ground_states(recipe, REFERENCE, V) if exact is None else exact[:compared]
    record["error_of_modes"] = {m: millihartree(ground_states(recipe, m, V) - reference) for m in MODES}
    return record, {key: values[:SHOWN] for key, values in dots.items()}


def other_reading(name: str, *words: str, systems: int = 40) -> list[float]:
    """Least, median and largest ground-state energy above the minimum of V (mHa) with other settings."""
    recipe: Any = make_recipe(configuration(name, *words))
    V = np.array([recipe.draw("train", i) for i in range(systems)])
    energy = recipe.solve({"V": V})["orbital_energies"][:, 0] - V.min(axis=(1, 2))
    return (1e3 * np.percentile(energy, [0, 50, 100])).tolist()


def draw(shown: dict[str, dict[str, NDArray]]) -> Figure:
    """One row a class: potentials, and beside each |psi_0|^2."""
    figure = Figure(figsize=(13, 7.2), layout="constrained")
    panels = figure.subplots(len(shown), 2 * SHOWN)
    for row, (name, dots) in zip(panels, shown.items(), strict=True):
        for i in range(SHOWN):
            V, density = dots["V"][i], dots["n_int"][i]
            for panel, values, colours in ((row[2 * i], V, "cividis"), (row[2 * i + 1], density, "magma")):
                panel.imshow(values.T, origin="lower", extent=(-20, 20, -20, 20), cmap=colours)
                panel.set_xticks([]), panel.set_yticks([])
            row[2 * i].set_title(f"{V.min():.1f} … {abs(V.max()):.1f} Ha", fontsize=8)
            row[2 * i + 1].set_title(f"{1e3 * dots['orbital_energies'][i, 0]:.0f} mHa", fontsize=8)
        row[0].set_ylabel(name.replace("_", " "))
    return figure


def main() -> None:
    """Measure, write table.json and potentials.png."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=400, help="dots of each class that are generated")
    parser.add_argument("--compared", type=int, default=24, help="of these, dots solved with other numbers of modes")
    arguments = parser.parse_args()
    measured = {name: measure(name, arguments.systems, arguments.compared) for name in CLASSES}
    others = {" ".join(reading): other_reading(*reading) for reading in OTHER_READINGS}
    records = {name: record for name, (record, _) in measured.items()}
    (HERE / "table.json").write_text(
        json.dumps({"classes": records, "other_readings": others, "provenance": provenance()}, indent=1) + "\n"
    )
    draw({name: dots for name, (_, dots) in measured.items()}).savefig(HERE / "potentials.png", dpi=110)


if __name__ == "__main__":
    main()
