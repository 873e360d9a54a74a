"""Design potentials of rings of fermions, and learn potential and interaction of bosons from their densities.

    python -m experiments.design.lattices     # 6 minutes on one core

From the root. Densities are those of the solvers: exact diagonalisation of rings, worm algorithm of bosons. Writes
lattices.json beside this program; finished cases are read back.
"""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix import design, from_pretrained, learn_hamiltonian
from qd_pix2pix.cli import guarded
from qd_pix2pix.evaluation.measures import nmae
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers.lattices import Bosons, RandomChains, fermion_maps, ground_energies, ground_states, parabola, sample_until

HERE = Path(__file__).parent
RESULTS = HERE / "lattices.json"
RINGS = [(sites, seed) for sites in (14, 18) for seed in range(4)]
"""Sites, and seed of the potential whose density is requested."""
INTERACTION = 2.0
NEIGHBOUR = 3.0
"""U of the rings in J, and V of the bosons in t."""
MU = (4.0, 7.0, 10.0)
"""Chemical potentials of the densities of bosons, in t."""
DEPTH, SIDE, BETA = 6.0, 8, 8.0
NOISES = (0.0, 0.01, 0.05)
LEAST = 0.02
"""Tolerance of densities without noise: the error of the network."""


def ring(sites: int, seed: int) -> NDArray[np.float64]:
    """Return the density (L,) of a ring of smooth noise, by exact diagonalisation."""
    potential = RandomChains({"smooth": 1.0}, (4.0, 4.0)).sample(np.random.default_rng([seed, sites]), sites)
    v_mu = potential[None] - potential.mean()
    number = int(ground_energies(v_mu, INTERACTION).argmin(1)[0])
    return fermion_maps(ground_states(v_mu, INTERACTION, number))["density"][0]


def of_ring(sites: int, seed: int) -> dict[str, Any]:
    """Return the design of the density of a ring, solved and corrected."""
    requested, begin = ring(sites, seed), perf_counter()
    found = design(
        "chain", requested, shape=(sites,), bounds=(-6.0, 6.0), starts=8, steps=150, smoothness=1e-3, seed=seed
    )
    seconds = perf_counter() - begin
    found.verify()
    better = found.correct(3)
    errors = (found.predictions["n"][0], found.verified["n"][0], better.verified["n"][0])
    names = ("predicted", "verified", "corrected")
    return {
        **{name: float(nmae(n[None], requested[None])[0]) for name, n in zip(names, errors, strict=True)},
        "identifiable": float(found.identifiable.mean()), "good": int(found.good.sum()), "starts": len(found.misfits),
        "seconds": seconds,
    }  # fmt: skip


def bosons() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the potential (L, L) of a trap, the densities (K, L, L) of bosons in it, and their checkerboards."""
    trap = parabola((SIDE, SIDE), DEPTH)
    systems = [Bosons(trap - mu, BETA, neighbour=NEIGHBOUR, n_max=1) for mu in MU]
    densities = np.stack([sample_until(system, density_error=0.01, seed=1).n for system in systems])
    signs = np.broadcast_to((-1.0) ** np.indices((SIDE, SIDE)).sum(0), densities.shape)
    sublattice = np.sign((signs * densities).sum((1, 2), keepdims=True))
    return trap, densities, signs * np.where(sublattice == 0, 1.0, sublattice)


def of_bosons(noise: float, trap: NDArray, densities: NDArray, signs: NDArray) -> dict[str, Any]:
    """Return the interaction and the trap that are learned from noisy densities."""
    normal, begin = np.random.default_rng(0).standard_normal(densities.shape), perf_counter()
    found = learn_hamiltonian(
        "bose-hubbard", densities + noise * normal, known={"checkerboard": signs}, unknown=["neighbour"],
        shift=[-mu for mu in MU], bounds=(-1.0, DEPTH + 1.0), starts=4, steps=150, tolerance=max(noise, LEAST),
        smoothness=1e-2,
    )  # fmt: skip
    weights = found.identifiable / found.identifiable.sum()
    return {
        "neighbour": float(found.couplings["neighbour"][0]), "all": found.couplings["neighbour"].tolist(),
        "uncertainty": found.coupling_uncertainty["neighbour"], "determined": bool(found.determined["neighbour"]),
        "misfit": float(found.misfits[0]), "V_rms": float(np.sqrt((weights * (found.best - trap) ** 2).sum())),
        "seconds": perf_counter() - begin,
    }  # fmt: skip


def network_error(trap: NDArray, densities: NDArray, signs: NDArray) -> float:
    """Return the mean error of the network at the true Hamiltonian."""
    network = from_pretrained("bose-hubbard")
    given = {"V_mu": np.stack([trap - mu for mu in MU]), "checkerboard": signs}
    return float(np.abs(network(given, neighbour=NEIGHBOUR) - densities).mean())


def main() -> None:
    """Calculate what is missing in lattices.json."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}

    def keep(name: str, found: dict[str, Any]) -> None:
        results[name] = found | {"provenance": provenance()}
        write_text(RESULTS, json.dumps(results, indent=1) + "\n")
        print(name, found, flush=True)

    for sites, seed in RINGS:
        if (name := f"ring {sites} {seed}") not in results:
            keep(name, of_ring(sites, seed))
    missing = [noise for noise in NOISES if f"bosons {noise:g}" not in results]
    if missing:
        trap, densities, signs = bosons()
        for noise in missing:
            keep(f"bosons {noise:g}", of_bosons(noise, trap, densities, signs) | {
                "network": network_error(trap, densities, signs)})  # fmt: skip


if __name__ == "__main__":
    guarded(main)
