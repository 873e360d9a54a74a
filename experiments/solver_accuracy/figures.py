"""Draw the accuracy of the solver from table.json, and examples of what it computes.

python -m experiments.solver_accuracy.figures      (a minute; after measure.py)
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.solver_accuracy.families import FAMILIES
from experiments.solver_accuracy.tables import SERIES, Errors, read, read_families
from qd_pix2pix.reports.figures import COLOURS
from solvers import PRESETS, Grid, Material, solve
from solvers.quantum_dots.potentials import DoubleGaussian, RandomWells

HERE = Path(__file__).parent
GAAS = Material(0.067, 12.9)
SPINS = ("0", "1/2", "1", "3/2", "2", "5/2", "3")
"""Names of 0, 1, 2 ... halves."""


def draw_convergence(errors: Errors) -> Figure:
    """Density and energy error against M, and those of the converged preset."""
    figure = Figure(figsize=(9.5, 6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    orbitals = [int(name.split()[-1]) for name in SERIES]
    for column, (material, by_n) in enumerate(errors.items()):
        for colour, (n, methods) in zip(COLOURS, sorted(by_n.items()), strict=False):
            for row, (name, factor) in enumerate((("nmae", 100.0), ("energy_mev", 1.0))):
                panel, m = panels[row, column], PRESETS["converged"]["n_orbitals"]
                values = [factor * np.mean(methods[s][name]) for s in SERIES]
                panel.plot(orbitals, values, "o-", color=colour, label=f"N = {n}, lowest orbitals")
                best = factor * np.mean(methods["converged"][name])
                panel.plot([m], [best], "*", ms=13, color=colour, label=f"N = {n}, converged" if row == 0 else None)
                panel.set_yscale("log")
        panels[0, column].set_title(material)
        panels[1, column].set_xlabel("orbitals M")
    panels[0, 0].set_ylabel(r"density error $\int|n - n_\mathrm{ref}|/N$ (%)")
    panels[1, 0].set_ylabel("energy error (meV)")
    panels[0, 0].legend(fontsize=7.5, ncols=2, loc="lower left")
    return figure


def draw_estimates(rows: list[dict[str, Any]]) -> Figure:
    """Estimated against true errors of energy and density, one point per dot."""
    figure = Figure(figsize=(9.5, 8), layout="constrained")
    panels = figure.subplots(2, 2)
    sure = [row for row in rows if row["trusted"]]
    for column, preset in enumerate(("paper", "converged")):
        mine = [row for row in sure if row["preset"] == preset]
        for number, family in enumerate(FAMILIES):
            some = [row for row in mine if row["family"] == family]
            scale = np.array([row["kinetic"] for row in some])
            for row, (name, unit) in enumerate((("energy", scale), ("density", 1.0))):
                x, y = (100 * np.array([r[key] for r in some]) / unit for key in (name, f"{name}_error"))
                panels[row, column].scatter(x, y, s=9, color=f"C{number}", alpha=0.6, lw=0, label=family)
        for row, name in enumerate(("energy error (% of the kinetic energy)", "density error (%)")):
            panel = panels[row, column]
            panel.set(xscale="log", yscale="log", xlabel=f"true {name}", ylabel=f"estimated {name}")
            line, limits = np.array([1e-6, 1e3]), (panel.get_xlim(), panel.get_ylim())
            panel.plot(line, line, color="0.3", lw=0.8)
            panel.fill_between(line, line / 2, 2 * line, color="0.5", alpha=0.13, lw=0)
            panel.set(xlim=limits[0], ylim=limits[1])
        panels[0, column].set_title(f"preset {preset}")
    panels[0, 0].legend(fontsize=7.5)
    return figure


def cost(n_electrons: int, **arguments: Any) -> float:
    """Milliseconds of one core for a dot, the mean over eight random wells in GaAs."""
    grid = Grid(64, 30.0)
    wells = [RandomWells().sample(np.random.default_rng([0, i]), grid)(grid) for i in range(8)]
    options = {"grid": grid, "n_electrons": n_electrons, "material": GAAS, "memory": 6.0, "threads": 1} | arguments
    solve(wells[:1], **options)  # tables that are kept
    start = time.process_time()
    solve(wells, **options)
    return 1e3 * (time.process_time() - start) / len(wells)


def draw_cost(errors: Errors) -> Figure:
    """Density error against the time of one core: lowest orbitals of several M, and the converged preset."""
    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for colour, n in zip(COLOURS, (2, 3, 4), strict=False):
        series = [cost(n, n_orbitals=int(name.split()[-1]), estimate=False) for name in SERIES]
        converged = cost(n, **PRESETS["converged"])
        for panel, (material, by_n) in zip(panels, errors.items(), strict=True):
            methods = by_n[str(n)]
            values = [100 * np.mean(methods[name]["nmae"]) for name in SERIES]
            panel.plot(series, values, "o-", color=colour, label=f"N = {n}, lowest orbitals, M = 8 … 20")
            panel.plot([converged], [100 * np.mean(methods["converged"]["nmae"])], "*", ms=13, color=colour)
            panel.set(xscale="log", yscale="log", title=material, xlabel="milliseconds a dot, one core")
            panel.set_xticks(ticks := [20, 50, 100, 200, 500], labels=map(str, ticks))
            panel.set_xticks([], minor=True)
    panels[0].set_ylabel("density error (%)")
    panels[0].legend(fontsize=7.5, loc="upper right", title="stars: converged", title_fontsize=7.5)
    return figure


def draw_gallery() -> Figure:
    """Densities of one to six electrons in one dot, in GaAs and in silicon."""
    grid = Grid(64, 30.0)
    well: Any = RandomWells().sample(np.random.default_rng(4), grid)
    v = well(grid)
    figure = Figure(figsize=(13, 4.5), layout="constrained")
    panels = figure.subplots(2, 7)
    for row, (name, material) in enumerate({"GaAs": GAAS, "Si": Material(0.19, 11.7)}.items()):
        panels[row, 0].imshow(v.T, extent=(0, 30, 0, 30), cmap="cividis", origin="lower")
        panels[row, 0].set_title(f"{name}: V", fontsize=9)
        panels[row, 0].set_ylabel("y (nm)")
        for n in range(1, 7):
            dot = solve(v, grid, n, material, n_orbitals=12 if n < 5 else 10, refinements=1, memory=4.0)
            panels[row, n].imshow(dot.density.T, extent=(0, 30, 0, 30), cmap="magma", origin="lower")
            panels[row, n].set_title(
                f"N = {n}, S = {SPINS[round(2 * float(dot.spins[0]))]}\n{1e3 * dot.energy:.1f} meV", fontsize=9
            )
    for panel in panels.flat:
        panel.tick_params(labelsize=7)
    for panel in panels[1]:
        panel.set_xlabel("x (nm)")
    return figure


def draw_exchange() -> Figure:
    """Singlet and triplet of two electrons in a double dot, against its distance."""
    grid, distances = Grid(64, 80.0), np.linspace(0.0, 40.0, 17)
    width, depth = 12.0, 0.06

    def double(d: float) -> NDArray:
        return DoubleGaussian(
            depth=np.array([depth, depth]),
            center=np.array([[-d / 2, 0.0], [d / 2, 0.0]]),
            width=np.full((2, 2), width),
        )(grid)

    dots = solve([double(d) for d in distances], grid, 2, GAAS, n_states=4, **PRESETS["converged"])
    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    singlet, triplet = (_lowest(dots.energies, dots.spins, s) for s in (0, 1))
    for colour, label, energies in zip(COLOURS, ("singlet", "triplet"), (singlet, triplet), strict=False):
        left.plot(distances, 1e3 * energies, "o-", ms=3, color=colour, label=label)
    left.set(xlabel="distance of the wells (nm)", ylabel="energy (meV)")
    left.legend()
    right.plot(distances, 1e3 * (triplet - singlet), "o-", ms=3, color=COLOURS[2])
    right.set(xlabel="distance of the wells (nm)", ylabel=r"exchange $J = E_T - E_S$ (meV)", yscale="log")
    return figure


def _lowest(energies: NDArray, spins: NDArray, spin: int) -> NDArray:
    """Lowest energy of each dot among its states of this total spin."""
    return np.where(np.abs(spins - spin) < 0.1, energies, np.inf).min(axis=1)


def main() -> None:
    """Draw all figures."""
    errors = read()
    pictures = {
        "convergence": draw_convergence(errors),
        "estimates": draw_estimates(read_families()),
        "cost": draw_cost(errors),
        "gallery": draw_gallery(),
        "exchange": draw_exchange(),
    }
    for name, figure in pictures.items():
        figure.savefig(HERE / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
