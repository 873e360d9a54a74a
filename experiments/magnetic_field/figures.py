"""Draw levels.png from results.json, and the density and current of the triplet beside it.

python -m experiments.magnetic_field.figures
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.magnetic_field.run import GAAS, GRID, LEVEL, G, dot, fock_darwin, pair_energy
from experiments.magnetic_field.tables import read
from solvers import MagneticField, solve_in_field

HERE = Path(__file__).parent
SHOWN_FIELD = 3.0
"""Tesla, of the current."""


def one_electron(ax: Axes, results: dict[str, Any]) -> None:
    """Draw the levels of one electron over those of Fock and Darwin."""
    fine = np.linspace(0, 7, 141)
    ax.plot(fine, [1e3 * fock_darwin(B, 10) for B in fine], color="0.7", lw=1)
    ax.plot(results["levels"]["B"], 1e3 * np.array(results["levels"]["levels"]), "k.", ms=4)
    ax.set(xlabel="B (T)", ylabel="E (meV)", title="one electron: Fock–Darwin levels")


def two_electrons(ax: Axes, results: dict[str, Any]) -> None:
    """Draw the levels of two electrons above the lowest singlet with L_z = 0, and the exact ones."""
    found = results["crossings"][str(G)]
    zeeman, fine = 5.788381806e-5 * abs(G), np.linspace(0, 7, 57)
    for m in range(0, -5, -1):
        exact = [pair_energy(B, m) - zeeman * B * (m % 2) - pair_energy(B, 0) for B in fine]
        ax.plot(fine, 1e3 * np.array(exact), lw=1, color="tab:red" if m % 2 else "tab:blue")
        ax.text(7.05, 1e3 * exact[-1], f"{m}", fontsize=8, va="center")
    for B, energies, spins in zip(found["B"], found["energies"], found["spins"], strict=True):
        above = 1e3 * (np.array(energies) - pair_energy(B, 0))
        colours = ["tab:red" if spin > 0.5 else "tab:blue" for spin in spins]
        ax.scatter([B] * len(above), above, c=colours, s=8)
    for row in found["crossings"]:
        ax.axvspan(row["B"] - row["error"], row["B"] + row["error"], color="0.85")
    ax.set(xlabel="B (T)", ylabel="E − E(singlet, L_z = 0) (meV)", ylim=(-3.2, 1.6), xlim=(-0.2, 7.6))
    ax.set_title("two electrons: singlets blue, triplets red; numbers are L_z")


def flow(ax: Axes) -> None:
    """Draw density and current of the triplet."""
    state = solve_in_field(dot(GRID), GRID, 2, GAAS, MagneticField(SHOWN_FIELD, G), n_states=1)
    image = ax.pcolormesh(GRID.x, GRID.x, 1e3 * state.density.T, cmap="Greys", shading="nearest")
    few = slice(1, None, 3)
    j = state.current[:, few, few]
    ax.quiver(GRID.x[few], GRID.x[few], j[0].T, j[1].T, color="tab:red", pivot="mid", scale=9 * np.abs(j).max())
    ax.set(xlabel="x (nm)", ylabel="y (nm)", aspect="equal", xlim=(40, 160), ylim=(40, 160))
    ax.set_title(f"density (10⁻³ nm⁻²), current: triplet at {SHOWN_FIELD:g} T")
    ax.figure.colorbar(image, ax=ax, shrink=0.8)


def main() -> None:
    """Write levels.png."""
    results = read()
    figure = Figure(figsize=(15, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    one_electron(left, results)
    two_electrons(middle, results)
    flow(right)
    figure.suptitle(f"GaAs dot, ħω₀ = {1e3 * LEVEL:g} meV: dots are computed, lines exact")
    figure.savefig(HERE / "levels.png", dpi=90)


if __name__ == "__main__":
    main()
