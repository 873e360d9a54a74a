"""How far M orbitals are from many: density error NMAE = int |n - n_ref| / N and energy error, against M.

python experiments/truncation/figures.py        (about ten minutes on two cores; writes table.json and truncation.png)
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from qd_pix2pix.provenance import provenance
from solvers import Grid, Material, solve
from solvers.potentials import RandomWells

HERE = Path(__file__).parent
MATERIALS = {"GaAs": Material(0.067, 12.9), "Si": Material(0.19, 11.7)}
ORBITALS = (8, 10, 12, 16)
REFERENCE = {2: 24, 3: 24, 4: 20}
"""M of the density that stands for M -> infinity, by N."""
DOTS, SEED = 8, 0


def measure() -> dict[str, dict[str, dict[int, dict[str, float]]]]:
    """Mean errors over the dots: material -> N -> M -> nmae, energy_mev."""
    grid = Grid(64, 30.0)
    wells = [RandomWells().sample(np.random.default_rng([SEED, i]), grid)(grid) for i in range(DOTS)]
    jobs = [(name, n) for name in MATERIALS for n in REFERENCE]
    errors: dict[str, dict[str, dict[int, dict[str, float]]]] = {name: {} for name in MATERIALS}
    for name, n in tqdm(jobs, unit="material and N"):
        options = {"grid": grid, "n_electrons": n, "material": MATERIALS[name], "memory": 6.0}
        best = solve(wells, n_orbitals=REFERENCE[n], **options)  # type: ignore[arg-type]
        errors[name][str(n)] = {}
        for m in ORBITALS:
            found = solve(wells, n_orbitals=m, **options)  # type: ignore[arg-type]
            nmae = grid.integrate(np.abs(found.density - best.density)) / n
            energy = 1e3 * (found.energy - best.energy)
            errors[name][str(n)][m] = {"nmae": float(nmae.mean()), "energy_mev": float(energy.mean())}
    return errors


def draw(errors: dict[str, dict[str, dict[int, dict[str, float]]]]) -> Figure:
    """One panel a material."""
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    panels = figure.subplots(1, len(errors), sharey=True)
    for panel, (name, by_n) in zip(panels, errors.items(), strict=True):
        for n, by_m in by_n.items():
            panel.plot(list(by_m), [100 * e["nmae"] for e in by_m.values()], "o-", label=f"N = {n}")
        panel.set_yscale("log")
        panel.set_title(name)
        panel.set_xlabel("orbitals M")
    panels[0].set_ylabel("density error NMAE (%)")
    panels[0].legend()
    return figure


def main() -> None:
    """Measure, print the table, write the files."""
    errors = measure()
    print(
        "| material | N | " + " | ".join(f"M = {m}" for m in ORBITALS) + " |\n" + "| --- " * (len(ORBITALS) + 2) + "|"
    )
    for name, by_n in errors.items():
        for n, by_m in by_n.items():
            cells = [f"{100 * e['nmae']:.2f} % / {e['energy_mev']:.2f} meV" for e in by_m.values()]
            print(f"| {name} | {n} | " + " | ".join(cells) + " |")
    record = {"errors": errors, "reference": REFERENCE, "dots": DOTS, "seed": SEED, "provenance": provenance()}
    (HERE / "table.json").write_text(json.dumps(record, indent=1) + "\n")
    draw(errors).savefig(HERE / "truncation.png", dpi=130)


if __name__ == "__main__":
    main()
