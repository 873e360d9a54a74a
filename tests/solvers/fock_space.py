"""Second quantisation as matrices in the whole Fock space, and problems that no symmetry simplifies."""

from functools import reduce

import numpy as np
from dots import four_index

from solvers.quantum_dots.determinants import orbital_pairs


def levels(energies):
    """h_pq (B, P) of orbitals that are eigenstates, with ``energies`` (B, M)."""
    p, q = orbital_pairs(energies.shape[1])
    return np.where(p == q, energies[:, p], 0.0)


def random_integrals(n_orbitals, seed):
    """h_pq (1, P) and a positive (1, P, P) interaction that no symmetry simplifies."""
    rng = np.random.default_rng(seed)
    n_pairs = n_orbitals * (n_orbitals + 1) // 2
    factors = rng.normal(size=(n_pairs, n_pairs)) / np.sqrt(n_pairs)
    one_body = levels(np.sort(rng.normal(size=(1, n_orbitals))))
    return one_body + 0.3 * rng.normal(size=n_pairs), (factors @ factors.T)[None]


def matrix_of(pair_values, n_orbitals):
    """Symmetric matrix (M, M) with the entries h_pq (P,) of pairs p <= q."""
    p, q = orbital_pairs(n_orbitals)
    matrix = np.zeros((n_orbitals, n_orbitals))
    matrix[p, q] = matrix[q, p] = pair_values
    return matrix


def annihilators(n_modes):
    """Matrices of a_0 ... in the Fock space of ``n_modes`` fermions (Jordan, Wigner); mode 0 is the leftmost factor."""
    lower, sign, one = np.array([[0.0, 1.0], [0.0, 0.0]]), np.diag([1.0, -1.0]), np.eye(2)
    return [reduce(np.kron, [sign] * p + [lower] + [one] * (n_modes - p - 1)) for p in range(n_modes)]


def fock_index(occupations):
    """Row of the state with these ``occupations`` in the Fock space of ``annihilators``."""
    return np.asarray(occupations, dtype=int) @ 2 ** np.arange(np.shape(occupations)[-1])[::-1]


def fock_hamiltonian(one_body, integrals, n_orbitals):
    """H on all 4^M states of M orbitals, first the spin up, then the spin down ones; for h_pq (P,) and (P, P)."""
    m = n_orbitals
    a = annihilators(2 * m)
    excite = [[sum(a[p + s].T @ a[q + s] for s in (0, m)) for q in range(m)] for p in range(m)]
    h, eri = matrix_of(one_body, m), four_index(integrals, m)
    total = sum(h[p, q] * excite[p][q] for p, q in np.ndindex(m, m))
    for p, q, r, s in np.ndindex(m, m, m, m):
        exchange = excite[p][s] if q == r else 0.0
        total = total + eri[p, q, r, s] / 2 * (excite[p][q] @ excite[r][s] - exchange)
    return total


def determinants(block):
    """Occupations (D, 2, M) of the determinants of ``block`` in its order: up strings, within each the down strings."""
    up, down = (spin.occupations for spin in block)
    return np.stack([np.repeat(up, len(down), axis=0), np.tile(down, (len(up), 1))], axis=1)


def fock_rows(block):
    """Rows of the Fock space that are the determinants of ``block``."""
    return fock_index(determinants(block).reshape(block.size, -1))
