"""States of different S_z mixed by a field in the plane that grows along x, b_x = gradient (x - x_0).

    H' = g mu_B gradient sum_i (x_i - x_0) s_x,i = (g mu_B gradient / 2) (O + O^+),
    O = sum_pq (x - x_0)_pq a+_p(up) a_q(down),

is diagonalised among all levels of the lowest multiplets of every spin. Effective atomic units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from solvers.quantum_dots.determinants import strings
from solvers.quantum_dots.magnetic.multiplets import Multiplets
from solvers.quantum_dots.magnetic.sectors import (
    Floats,
    Values,
    annihilated,
    density_matrix,
    lowered,
    pair_matrix,
    sector,
)


class Basis(NamedTuple):
    """All states of some multiplets with one number of up electrons, ``n_up``: (k, S_up, S_down) ``vectors``.

    ``energies`` (k,) without the Zeeman energy; ``spins`` (k,); ``numbers`` (k,) of the multiplets of a spin.
    """

    n_up: int
    n_down: int
    energies: Floats
    spins: Floats
    numbers: np.ndarray
    vectors: Values

    @property
    def s_z(self) -> float:
        """S_z of the states."""
        return (self.n_up - self.n_down) / 2


def bases(multiplets: Mapping[float, Multiplets], n_electrons: int, most: int) -> list[Basis]:
    """Return the states of at most ``most`` multiplets of each spin, one entry for each S_z, from the highest."""
    rows: dict[int, list[tuple[float, float, int, Values]]] = {}
    for spin, some in multiplets.items():
        m = some.block.n_orbitals
        for number, (energy, vector) in enumerate(zip(some.energies[:most], some.vectors[:most], strict=True)):
            n_up, state = some.block.up.n_electrons, vector
            for step in range(round(2 * spin) + 1):
                if step:
                    state = lowered(m, n_up, n_electrons - n_up, state)
                    n_up -= 1
                rows.setdefault(n_up, []).append((energy, spin, number, state))
    found = []
    for n_up in sorted(rows, reverse=True):
        energies, spins, numbers, states = zip(*rows[n_up], strict=True)
        shape = (len(states), strings(m, n_up).count, strings(m, n_electrons - n_up).count)
        vectors = np.array(states).reshape(shape)
        found.append(Basis(n_up, n_electrons - n_up, np.array(energies), np.array(spins), np.array(numbers), vectors))
    return found


def raising(above: Basis, below: Basis, x: Values) -> Values:
    """Return <i|O|j> between the states ``above``, of one up electron more, and ``below``: (k', k)."""
    m, n_up, n_down = len(x), below.n_up, above.n_down
    columns = below.vectors.transpose(2, 1, 0)
    down = annihilated(strings(m, below.n_down), columns.reshape(columns.shape[0], -1))
    down = down.reshape(m, strings(m, n_down).count, strings(m, n_up).count, -1)  # (q, down, up, j)
    columns = above.vectors.transpose(1, 2, 0)
    up = annihilated(strings(m, above.n_up), columns.reshape(columns.shape[0], -1))
    up = up.reshape(m, strings(m, n_up).count, strings(m, n_down).count, -1)  # (p, up, down, i)
    moved = np.tensordot(x, down, 1).transpose(0, 2, 1, 3)
    return up.reshape(-1, up.shape[-1]).conj().T @ moved.reshape(-1, moved.shape[-1])


class Mixed(NamedTuple):
    """Eigenstates of H + H': ``energies`` (K,), ``columns`` (K, K) in the states of ``basis``, and ``zeeman``."""

    energies: Floats
    columns: Values
    basis: list[Basis]
    n_orbitals: int
    zeeman: float

    def parts(self, number: int) -> list[Values]:
        """Return the components of an eigenstate in the states of each S_z."""
        edges = np.cumsum([0, *(len(b.energies) for b in self.basis)])
        return [self.columns[a:z, number] for a, z in zip(edges[:-1], edges[1:], strict=True)]

    def s_z(self, number: int) -> float:
        """Return <S_z>."""
        return sum(b.s_z * float((np.abs(c) ** 2).sum()) for b, c in zip(self.basis, self.parts(number), strict=True))

    def spin(self, number: int) -> float:
        """Return S from <S^2> = S (S + 1)."""
        each = zip(self.basis, self.parts(number), strict=True)
        squared = sum(float(np.abs(c) ** 2 @ (b.spins * (b.spins + 1))) for b, c in each)
        return ((1 + 4 * squared) ** 0.5 - 1) / 2

    def weights(self, number: int) -> dict[tuple[float, int], float]:
        """Return the weight of each multiplet, by spin and number."""
        found: dict[tuple[float, int], float] = {}
        for b, c in zip(self.basis, self.parts(number), strict=True):
            for spin, place, weight in zip(b.spins, b.numbers, np.abs(c) ** 2, strict=True):
                found[spin, int(place)] = found.get((spin, int(place)), 0.0) + float(weight)
        return found

    def coupling_energy(self, number: int) -> float:
        """Return <H'>."""
        each = zip(self.basis, self.parts(number), strict=True)
        without = sum(float(np.abs(c) ** 2 @ (b.energies + self.zeeman * b.s_z)) for b, c in each)
        return float(self.energies[number]) - without

    def pair_matrix(self, number: int) -> Values:
        """Return Gamma (M, M, M, M) summed over spins; H' mixes numbers of up electrons, Gamma conserves them."""
        total: Values = np.zeros(())
        for b, c in zip(self.basis, self.parts(number), strict=True):
            block = sector(self.n_orbitals, b.n_up, b.n_down)
            total = total + pair_matrix(block, np.tensordot(c, b.vectors, 1).reshape(1, -1))
        return total

    def density_matrices(self, number: int) -> Values:
        """Return <a+_p a_q> of up and down electrons, (2, M, M)."""
        total: Values = np.zeros(())
        for b, c in zip(self.basis, self.parts(number), strict=True):
            state = np.tensordot(c, b.vectors, 1)
            up, down = strings(self.n_orbitals, b.n_up), strings(self.n_orbitals, b.n_down)
            total = total + np.stack([density_matrix(up, state), density_matrix(down, state.T)])
        return total


def mixed(basis: list[Basis], x: Values, zeeman: float, slope: float) -> Mixed:
    """Return the eigenstates for matrix elements ``x`` (M, M) of x - x_0, in the given states."""
    edges = np.cumsum([0, *(len(b.energies) for b in basis)])
    h = np.diag(np.concatenate([b.energies + zeeman * b.s_z for b in basis])).astype(x.dtype)
    for i in range(len(basis) - 1):
        block = slope / 2 * raising(basis[i], basis[i + 1], x)
        above, below = slice(edges[i], edges[i + 1]), slice(edges[i + 1], edges[i + 2])
        h[above, below], h[below, above] = block, block.conj().T
    energies, columns = np.linalg.eigh(h)
    return Mixed(energies, columns, basis, len(x), zeeman)
