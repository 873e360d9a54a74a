"""Compare the network of fermion chains and Hartree-Fock with references: random rings, longer rings, and step wells.

    python -m experiments.chain.transfer

Random rings are solved by exact diagonalisation; step wells are those of dmrg.json. Writes transfer.json;
fourteen.json is that of a training on rings of 14 sites (README.md).
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.chain.wells import SETS, Well
from qd_pix2pix import from_pretrained
from qd_pix2pix.evaluation.measures import mean_and_spread, nmae
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from qd_pix2pix.systems import make_recipe
from solvers.lattices import RandomChains, hartree_fock

HERE = Path(__file__).parent
RINGS = {
    "white noise": ({"white": 1.0}, None, 1000),
    "steps": ({"steps": 1.0}, None, 1000),
    "smooth noise": ({"smooth": 1.0}, None, 1000),
    "white noise, longer": ({"white": 1.0}, 18, 120),
    "steps, longer": ({"steps": 1.0}, 18, 120),
    "smooth noise, longer": ({"smooth": 1.0}, 18, 120),
    "all kinds, shorter": (None, 11, 1000),
}
"""Kinds of random rings: shares (None: those of the training), sites (None: 14), number."""
COMPARED = 200
"""Rings of each kind in fourteen.json, which are the first ones here."""
MEAN_FIELD = 40
"""Rings of each kind that Hartree-Fock solves too."""


def random_rings(recipe: Any, kind: str) -> dict[str, NDArray]:
    """Return new rings of a kind with their maps; no seed of a dataset has this stream."""
    shares, sites, number = RINGS[kind]
    others = replace(
        recipe,
        potential=RandomChains(shares or recipe.potential.shares, recipe.potential.strength),
        sites=sites or recipe.sites,
        seed=recipe.seed + 1000,
    )
    return others.columns("test", range(number))


PARTS = ("counter", "holes", "shifts")
"""What a prediction is made of, in the order in which it is left out."""


@contextmanager
def without(network: Any, part: str) -> Iterator[None]:
    """Predict without this part and those before it, within this context."""
    predictor = network.predictor
    counter, shifted, symmetry = predictor.counter, predictor.shifted, predictor.symmetry
    predictor.counter = None
    if part != "counter":
        one_kind = replace(symmetry.schema, domain=replace(symmetry.domain, flip=False))
        predictor.symmetry = replace(symmetry, schema=one_kind)
    predictor.shifted = shifted and part != "shifts"
    try:
        yield
    finally:
        predictor.counter, predictor.shifted, predictor.symmetry = counter, shifted, symmetry


def parts(network: Any, v_mu: NDArray, exact: NDArray) -> dict[str, dict[str, float]]:
    """Return the mean NMAE and the share of right numbers of fermions, without each part and those before it."""
    found = {}
    for part in PARTS:
        with without(network, part):
            density = network(v_mu).astype(float)
        right = np.abs(density.sum(1) - exact.sum(1)) < 0.5
        found[part] = {"nmae": float(nmae(density, exact).mean()), "right_number": float(right.mean())}
    return found


def errors_of_rings(network: Any, recipe: Any, kind: str) -> dict[str, Any]:
    """Return the errors of all maps of a kind of rings, and those of the density by Hartree-Fock."""
    rings = random_rings(recipe, kind)
    found = network.predict(rings["V_mu"])
    n = rings["n"]
    errors = nmae(found["n"].astype(float), n)
    some = slice(MEAN_FIELD)
    mean_field = hartree_fock(rings["V_mu"][some], recipe.interaction).density
    numbers = np.abs(found["n"].sum(1) - n.sum(1))
    return {
        "sites": n.shape[1],
        "rings": len(n),
        "nmae": mean_and_spread(errors),
        "nmae_of_compared": mean_and_spread(errors[:COMPARED]),
        "without": parts(network, rings["V_mu"], n),
        "mae": {name: float(np.abs(found[name] - rings[name]).mean()) for name in network.outputs},
        "spread": {name: float(rings[name].std()) for name in network.outputs},
        "right_number": float((numbers < 0.5).mean()),
        "nmae_at_right_number": float(errors[numbers < 0.5].mean()),
        "hartree_fock": mean_and_spread(nmae(mean_field, n[some])),
        "nmae_of_these": float(errors[some].mean()),
    }


def mean_field_of(well: Well, interaction: float) -> NDArray[np.float64]:
    """Return the Hartree-Fock density (L,), of the part of the ring that holds the fermions."""
    density = np.zeros(well.sites)
    density[well.part] = hartree_fock(well.potential[None, well.part], interaction).density[0]
    return density


def errors_of_wells(network: Any, interaction: float, references: list[dict[str, Any]]) -> dict[str, Any]:
    """Return densities and their errors, of the network and of Hartree-Fock, for wells with references."""
    wells = [Well(**reference["well"]) for reference in references]
    exact = np.array([reference["density"] for reference in references])
    potentials = np.stack([well.potential for well in wells])
    predicted = network(potentials).astype(float)
    mean_field = np.stack([mean_field_of(well, interaction) for well in wells])
    filled = exact.sum(1) > 0.5  # NMAE is relative to the number of fermions
    return {
        "sites": wells[0].sites,
        "wells": len(wells),
        "nmae": mean_and_spread(nmae(predicted[filled], exact[filled])),
        "without": parts(network, potentials[filled], exact[filled]),
        "hartree_fock": mean_and_spread(nmae(mean_field[filled], exact[filled])),
        "right_number": float(np.mean(np.abs(predicted.sum(1) - [r["particles"] for r in references]) < 0.5)),
        "particles": [reference["particles"] for reference in references],
        "predicted_particles": predicted.sum(1).round(4).tolist(),
        "mean_field_particles": mean_field.sum(1).round(4).tolist(),
        "predicted": predicted.round(5).tolist(),
        "mean_field": mean_field.round(5).tolist(),
    }


def steps(numbers: list[float]) -> dict[int, int]:
    """Return the first point of a sweep at which the rounded number of fermions is N or more, by N."""
    rounded = np.round(numbers)
    return {n: int(np.argmax(rounded >= n)) for n in range(int(rounded[0]) + 1, int(rounded.max()) + 1)}


def step_distances(found: dict[str, Any]) -> dict[str, dict[int, int | None]]:
    """Return how many points each step of the network and of Hartree-Fock is after that of the reference, by N.

    A step that the sweep does not have is None.
    """
    kinds = {"network": "predicted_particles", "hartree_fock": "mean_field_particles"}
    own = {kind: steps(found[key]) for kind, key in kinds.items()}
    exact = steps(found["particles"])
    return {kind: {n: at[n] - point if n in at else None for n, point in exact.items()} for kind, at in own.items()}


def seconds(network: Any, well: Well, repeats: int = 20) -> float:
    """Return the median time of one prediction, in seconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        network(well.potential)
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def main() -> None:
    """Predict, solve, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", default="chain", help="shipped network, file or checkpoint")
    parser.add_argument("--output", default="transfer.json", help="file of the results in this folder")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", ".*predictions may be wrong")  # this is what the experiment measures
    network = from_pretrained(arguments.weights)
    recipe: Any = make_recipe(network.card.recipes[0])
    references = json.loads((HERE / "dmrg.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = {"rings": {kind: errors_of_rings(network, recipe, kind) for kind in RINGS}}
    found["wells"] = {
        name: errors_of_wells(network, recipe.interaction, references[name]) for name in SETS if references.get(name)
    }
    found["steps"] = step_distances(found["wells"]["depths"])
    found["seconds"] = {
        "network": seconds(network, SETS["wells"]()[0]),
        "dmrg": float(np.median([reference["seconds"] for reference in references["wells"]])),
    }
    write_text(HERE / arguments.output, json.dumps(found | {"provenance": provenance()}) + "\n")
    for name, errors in (found["rings"] | found["wells"]).items():
        print(name, f"{errors['nmae']['mean']:.4f}", f"{errors['hartree_fock']['mean']:.4f}")
    print(found["steps"])


if __name__ == "__main__":
    main()
