"""Write quspin.json: rings solved by QuSpin (pip install quspin), with which test_fermions.py compares.

    python tests/solvers/lattices/quspin_rings.py

QuSpin (Weinberg, Bukov, SciPost Phys. 2, 003 (2017)) builds the same Hamiltonian from strings of operators and
diagonalises each sector as a whole.
"""

import json
from pathlib import Path

import numpy as np
from quspin.basis import spinless_fermion_basis_1d
from quspin.operators import hamiltonian

CASES = [(8, 2.0, 0), (9, -0.8, 1), (10, 4.0, 2)]
QUIET = {"check_symm": False, "check_herm": False, "check_pcon": False, "dtype": np.float64}


def ring(V, U, particles):
    """Energy, gap, density, correlator and coherence of the ground state of N fermions in V (L,)."""
    sites = len(V)
    basis = spinless_fermion_basis_1d(sites, Nf=particles)
    bonds = [(i, (i + 1) % sites) for i in range(sites)]
    terms = [
        ["+-", [[-1.0, i, j] for i, j in bonds]],
        ["-+", [[1.0, i, j] for i, j in bonds]],
        ["nn", [[U, i, j] for i, j in bonds]],
        ["n", [[v, i] for i, v in enumerate(V)]],
    ]
    levels, vectors = np.linalg.eigh(hamiltonian(terms, [], basis=basis, **QUIET).toarray())
    psi = vectors[:, 0]

    def mean(*operators):
        return float(hamiltonian(list(operators), [], basis=basis, **QUIET).expt_value(psi).real)

    density = [mean(["n", [[1.0, i]]]) for i in range(sites)]
    together = [mean(["nn", [[1.0, i, j]]]) - density[i] * density[j] for i, j in bonds]
    coherence = [mean(["+-", [[0.5, i, j]]], ["-+", [[-0.5, i, j]]]) for i, j in bonds]
    return {
        "energy": float(levels[0]),
        "gap": float(levels[1] - levels[0]),
        "density": density,
        "neighbour_correlator": [(a + b) / 2 for a, b in zip(together, together[-1:] + together[:-1], strict=True)],
        "coherence": [(a + b) / 2 for a, b in zip(coherence, coherence[-1:] + coherence[:-1], strict=True)],
    }


def main():
    """Solve all cases and write them."""
    found = []
    for sites, U, seed in CASES:
        V = np.random.default_rng(seed).uniform(0, 4, sites).round(3).tolist()
        found.append({"V": V, "U": U, "rings": {n: ring(V, U, n) for n in (2, 3, sites // 2, sites - 2)}})
    path = Path(__file__).with_name("quspin.json")
    path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
