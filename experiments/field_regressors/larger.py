"""A network trained at 64 x 64 on squares of 30 nm, asked for dots of 128 x 128 points on 60 nm, beside the solver.

    python experiments/field_regressors/larger.py [--weights ...] [--dots 25]

Three kinds of larger dots: those of training, with more flat step around; as many wells of the same size as fit; wells
of twice the size. Prints NMAE of each and writes larger.png.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix import from_pretrained
from qd_pix2pix.data.generate import Recipe, make_recipe
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.reports.figures import Axes, comparison
from solvers import Grid

HERE = Path(__file__).parent


def potentials(recipe: Recipe, kind: str, number: int) -> NDArray[np.float64]:
    """Dots on a square of twice the side: (number, 2n, 2n)."""
    small = recipe.grid
    large = Grid(2 * small.n, 2 * small.extent)
    wells = recipe.potential
    more = replace(wells, n_wells=4 * wells.n_wells, radius=tuple(r / 2 for r in wells.radius))  # of the same size
    families = {"twice as large wells": wells, "more wells": more}
    drawn = []
    for i in range(number):
        rng = np.random.default_rng([recipe.seed, 3, i])
        if kind == "more space":
            V = wells.sample(rng, small)(small)
            drawn.append(np.pad(V, small.n // 2, constant_values=wells.step))
        else:
            drawn.append(families[kind].sample(rng, large)(large))
    return np.stack(drawn)


def main() -> None:
    """Predict, solve, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, default=HERE / "weights" / "V_to_nint-gaas-N2-paper.safetensors")
    parser.add_argument("--dots", type=int, default=25)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "the square has a side")  # that is the question here
    network: Surrogate = from_pretrained(arguments.weights)
    recipe = make_recipe(network.model.card["recipes"][0])
    large = replace(recipe, grid=Grid(2 * recipe.grid.n, 2 * recipe.grid.extent))
    mapping = network.model.mapping
    shown: list[tuple[NDArray, NDArray, NDArray, str]] = []
    print("| dots of twice the side | NMAE, mean | median | 90 % of the dots | charge error |\n| " + "--- | " * 5)
    for kind in ("more space", "more wells", "twice as large wells"):
        V = potentials(recipe, kind, arguments.dots)
        exact = np.concatenate([large.solve(V[i : i + 5]).density for i in range(0, len(V), 5)])
        found = network(V)
        nmae = np.abs(found - exact).sum((1, 2)) * large.grid.cell_area / recipe.n_electrons
        charge = np.abs(found.sum((1, 2)) * large.grid.cell_area / recipe.n_electrons - 1).max()
        low, high = 100 * np.quantile(nmae, [0.05, 0.95])
        spread = f"{100 * nmae.mean():.1f} % | {100 * np.median(nmae):.1f} % | {low:.1f} … {high:.1f} %"
        print(f"| {kind} | {spread} | {charge:.0e} |")
        typical = int(np.argsort(nmae)[len(nmae) // 2])
        shown.append((V[typical], exact[typical], found[typical], f"{kind}, NMAE {100 * nmae[typical]:.1f} %"))
    axes = Axes(large.grid.extent, network.units, mapping.source, mapping.target)
    source, target, predicted, titles = zip(*shown, strict=True)
    figure = comparison(axes, np.stack(source), np.stack(target), np.stack(predicted), titles)
    figure.savefig(HERE / "larger.png", dpi=110)


if __name__ == "__main__":
    main()
