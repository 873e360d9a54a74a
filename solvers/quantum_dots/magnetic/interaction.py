"""The Coulomb integrals of complex orbitals, from those of the real and imaginary parts of their products.

    phi_p^* phi_q = R_pq + i I_pq,   R_pq = R_qp,   I_pq = -I_qp:

M (M + 1) / 2 fields R and M (M - 1) / 2 fields I are real, and have the kernel, the transforms and the interactions of
``coulomb.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.quantum_dots.coulomb import Interaction, coulomb_integrals, coulomb_potentials
from solvers.quantum_dots.determinants import orbital_pairs, pair_numbers
from solvers.quantum_dots.magnetic.one_electron import Floats, Rectangle, Values


class Products(NamedTuple):
    """The real and imaginary parts (F, nx, ny) of phi_p^* phi_q, p <= q: all R, then all I with p < q, if complex."""

    fields: Floats
    n_orbitals: int

    @classmethod
    def of(cls, functions: Values) -> Products:
        """Return the products of orbitals (M, nx, ny)."""
        m = len(functions)
        p, q = orbital_pairs(m)
        if not np.iscomplexobj(functions):
            return cls(functions[p] * functions[q], m)
        unequal = p < q
        a, b = functions.real, functions.imag
        real = a[p] * a[q] + b[p] * b[q]
        p, q = p[unequal], q[unequal]
        return cls(np.concatenate([real, a[p] * b[q] - b[p] * a[q]]), m)

    def unfolded(self, values: Floats) -> Values:
        """Return values (F, ...) of the fields as those of all products, (M, M, ...)."""
        m = self.n_orbitals
        numbers = pair_numbers(m)
        n_real = m * (m + 1) // 2
        real = values[:n_real][numbers]
        if len(values) == n_real:
            return real
        imaginary = np.zeros((m, m, *values.shape[1:]), dtype=values.dtype)
        p, q = orbital_pairs(m)
        p, q = p[p < q], q[p < q]
        imaginary[p, q], imaginary[q, p] = values[n_real:], -values[n_real:]
        return real + 1j * imaginary

    def integrals(self, sides: Rectangle, interaction: Interaction) -> Values:
        """Return (pq|rs), (M, M, M, M)."""
        between = coulomb_integrals(self.fields[None], sides.lengths, interaction)[0]
        rows = self.unfolded(between)
        return np.moveaxis(self.unfolded(np.moveaxis(rows, 2, 0)), (0, 1), (2, 3))

    def potentials(self, sides: Rectangle, interaction: Interaction) -> Values:
        """Return W_pq(r) = int phi_p^* phi_q(r') v(|r - r'|), (M, M, nx, ny)."""
        return self.unfolded(coulomb_potentials(self.fields[None], sides.lengths, interaction)[0])
