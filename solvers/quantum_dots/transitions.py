"""Matrix elements between many-electron states: of r and n(r) at fixed N, and Dyson orbitals from N - 1 to N electrons.

The Dyson orbital f(r) = <N - 1| psi_s(r) |N> is the amplitude with which an electron of spin s tunnels at r. Its norm
int f^2 is the spectroscopic factor. The states of N - 1 and N electrons may have orbitals of their own, phi' and phi:

    f(r) = sum_p phi_p(r) <N - 1| a_p |N>,    <I'|J> = det S[I', J],    S_pq = int phi'_p phi_q,

without approximation, since a_p |N> uses only the orbitals phi (Loewdin, Phys. Rev. 97, 1474 (1955)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.backend import to_numpy
from solvers.checks import check_integer, check_kind
from solvers.quantum_dots.configuration_interaction import spin_block
from solvers.quantum_dots.density import spin_densities, symmetric_matrix
from solvers.quantum_dots.determinants import Strings
from solvers.quantum_dots.localisation import positions
from solvers.quantum_dots.wavefunction import Wavefunction

Floats = NDArray[np.float64]


def dipole_matrix(wave: Wavefunction, system: int = 0) -> Floats:
    """Return <j|x|k> and <j|y|k> about the middle of the rectangle, (2, k, k) in nm, of the states of one ``system``.

    Raises:
        ValueError: there is no such system.
    """
    functions, _ = _of(wave, "wave", system)
    moments = positions(functions, *wave.grid.from_middle(), wave.grid.cell_area)
    return np.einsum("cpq,jkpq->cjk", moments, transition_matrices(wave, system))


def transition_densities(wave: Wavefunction, system: int = 0) -> Floats:
    """Return <j|n(r)|k>, (k, k, n_x, n_y) in nm^-2, of the states of one ``system``.

    Raises:
        ValueError: there is no such system.
    """
    functions, _ = _of(wave, "wave", system)
    matrices = transition_matrices(wave, system)
    return np.einsum("jkpq,pab,qab->jkab", matrices, functions, functions, optimize=True)


def transition_matrices(wave: Wavefunction, system: int = 0) -> Floats:
    """Return <j|sum_s a+_ps a_qs|k>, symmetric in p and q, (k, k, M, M), of the states of one ``system``.

    Raises:
        ValueError: there is no such system.
    """
    functions, vectors = _of(wave, "wave", system)
    block, k, m = spin_block(len(functions), wave.n_electrons), len(vectors), len(functions)
    found = np.zeros((k, k, m, m))
    for i in range(k):
        for j in range(i + 1):
            # that of i and j is real: half of <i + j|..|i + j> - <i|..|i> - <j|..|j>, and <i|..|i> for i = j
            states = np.stack([vectors[i] + vectors[j], vectors[i], vectors[j]])[None]
            weights = np.array([[0.5, -0.5, -0.5]]) if i != j else np.array([[0.25, 0.0, 0.0]])
            up, down = spin_densities(block, states, weights)
            found[i, j] = found[j, i] = symmetric_matrix(up + down)[0]
    return found


def dyson_amplitudes(fewer: Wavefunction | None, more: Wavefunction, system: int = 0) -> Floats:
    """Return <j| a_p |k> in the orbitals of ``more``, (j, k, M), for one ``system``.

    ``fewer`` has one electron less than ``more``, or is None for the empty dot. The electron that is removed has spin
    down if N is even and up if N is odd: both have their lowest |S_z|. Signs are those of the states.

    Raises:
        ValueError: the numbers of electrons or the grids do not fit together, or there is no such system.
    """
    check_kind("more", more, Wavefunction, "solve(..., wavefunction=True).wavefunction")
    functions, vectors = _of(more, "more", system)
    m, n_electrons = len(functions), more.n_electrons
    block, rest = spin_block(m, n_electrons), spin_block(m, n_electrons - 1)
    kept = _in_orbitals_of(fewer, more, system)
    found = np.zeros((len(kept), len(vectors), m))
    for j, bra in enumerate(kept.reshape(-1, rest.up.count, rest.down.count)):
        for k, ket in enumerate(vectors.reshape(-1, block.up.count, block.down.count)):
            spin, overlap = (block.down, bra.T @ ket) if n_electrons % 2 == 0 else (block.up, bra @ ket.T)
            found[j, k] = _removed(spin, overlap, m)
    return found


def _removed(spin: Strings, overlap: Floats, m: int) -> Floats:
    """Return sum over strings J of <rest of J without p| ... |J>, (M,); ``overlap`` (rests, strings)."""
    orbital, rest, sign = spin.removals
    values = sign * overlap[rest, np.arange(spin.count)[:, None]]
    found = np.zeros(m)
    np.add.at(found, orbital, values)
    return found


def _in_orbitals_of(fewer: Wavefunction | None, more: Wavefunction, system: int) -> Floats:
    """Return the overlaps of the states of ``fewer`` with determinants of the orbitals of ``more``: (j, dets)."""
    if fewer is None:
        if more.n_electrons != 1:
            raise ValueError(f"fewer: expected a wavefunction of {more.n_electrons - 1} electrons, got None")
        return np.ones((1, 1))
    check_kind("fewer", fewer, Wavefunction, "solve(..., wavefunction=True).wavefunction")
    if fewer.n_electrons != more.n_electrons - 1 or fewer.grid != more.grid:
        raise ValueError(
            f"fewer: expected {more.n_electrons - 1} electrons on the grid of more, got {fewer.n_electrons} on "
            f"{fewer.grid}; more has {more.n_electrons} on {more.grid}"
        )
    theirs, vectors = _of(fewer, "fewer", system)
    ours, _ = _of(more, "more", system)
    overlap = np.einsum("pij,qij->pq", theirs, ours, optimize=True) * more.grid.cell_area
    old, new = (spin_block(len(f), fewer.n_electrons) for f in (theirs, ours))
    up, down = (_compound(overlap, a, b) for a, b in zip(old, new, strict=True))
    states = vectors.reshape(-1, old.up.count, old.down.count)
    return (up.T @ states @ down).reshape(len(states), -1)


def _compound(overlap: Floats, theirs: Strings, ours: Strings) -> Floats:
    """Return det S[I, J] for all strings of both, (their strings, our strings)."""
    rows, columns = (
        np.nonzero(s.occupations)[1].reshape(s.count, s.n_electrons).astype(np.intp) for s in (theirs, ours)
    )
    return np.stack([np.linalg.det(overlap[row[None, :, None], columns[:, None, :]]) for row in rows])


def _of(wave: Wavefunction, name: str, system: int) -> tuple[Floats, Floats]:
    """Return the orbitals (M, n_x, n_y) and the states (k, determinants) of one system."""
    check_kind(name, wave, Wavefunction, "solve(..., wavefunction=True).wavefunction")
    check_integer("system", system, 0, high=wave.orbitals.shape[0] - 1)
    return to_numpy(wave.orbitals)[system], to_numpy(wave.vectors)[system][: wave.n_states]
