"""Compare a network trained on 64 x 64 points and 30 nm with the solver on 128 x 128 points and 60 nm.

    python -m experiments.field_regressors.larger [--weights ...] [--dots 25]

Three kinds of larger dots: training dots surrounded by more flat step; as many wells of the same size as fit; wells of
twice the size. Writes larger.json and larger.png.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.field_regressors.tables import larger_table
from qd_pix2pix import from_pretrained
from qd_pix2pix.evaluation.measures import charge_error, mean_and_spread, nmae
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from qd_pix2pix.reports.figures import Frame, comparison
from qd_pix2pix.systems import QuantumDots, make_recipe
from solvers import Grid

HERE = Path(__file__).parent
WEIGHTS = HERE.parents[1] / "qd_pix2pix" / "inference" / "weights" / "gaas-N2-paper.safetensors"


def potentials(recipe: QuantumDots, kind: str, number: int) -> NDArray[np.float64]:
    """Return dots on a square of twice the side, shape (number, 2n, 2n), in eV."""
    small = recipe.grid
    large = Grid(2 * small.n, 2 * small.extent)
    wells: Any = recipe.potential
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
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--dots", type=int, default=25)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "extent is")  # this is what the experiment measures
    network = from_pretrained(arguments.weights)
    recipe: Any = make_recipe(network.card.recipes[0])
    large = replace(recipe, grid=Grid(2 * recipe.grid.n, 2 * recipe.grid.extent))
    mean_density = recipe.n_electrons / large.grid.extent**2
    shown: list[tuple[NDArray, NDArray, NDArray, str]] = []
    found: dict[str, Any] = {}
    for kind in ("more space", "more wells", "twice as large wells"):
        V = potentials(recipe, kind, arguments.dots)
        reference = np.concatenate([large.solve({"V": V[i : i + 5]})["n_int"] for i in range(0, len(V), 5)])
        density = network(V)
        errors, charge = nmae(density, reference, mean_density), charge_error(density, mean_density).max()
        found[kind] = {"nmae": mean_and_spread(errors), "charge_error": float(charge)}
        typical = int(np.argsort(errors)[len(errors) // 2])
        shown.append((V[typical], reference[typical], density[typical], f"{kind}, NMAE {100 * errors[typical]:.1f} %"))
    source, target, predicted, titles = zip(*shown, strict=True)
    schema, frames = large.schema, [Frame(large.schema)] * len(shown)
    given = [(schema["V"], np.stack(source))]
    figure = comparison(frames, given, schema["n_int"], np.stack(target), np.stack(predicted), titles)
    figure.savefig(HERE / "larger.png", dpi=110)
    record = {"weights": arguments.weights.stem, "dots": arguments.dots, "kinds": found, "provenance": provenance()}
    write_text(HERE / "larger.json", json.dumps(record, indent=1) + "\n")
    print(larger_table(record))


if __name__ == "__main__":
    main()
