"""Density matrices of electrons in few orbitals: smooth functions of a Hamiltonian, with gradients at any degeneracy.

    D = 2 / (1 + exp((h - mu) / T)),    tr D = N;        one electron: D = exp(-h / T) / tr exp(-h / T).

The derivative of a function of a matrix in its eigenbasis is that of its divided differences (Daleckii and Krein 1965),
finite where levels meet, as derivatives of single eigenvectors are not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Eigen = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Eigenvalues (B, K), in any order, and eigenvectors (B, K, K) of symmetric matrices."""
Rounds = tuple[Tensor, Tensor, Tensor]
"""Tables of rotations, see ``_planes``."""
ROTATIONS = ContextVar("rotations", default=False)
"""Whether exported programs diagonalise by rotations."""
GRID, REFINED = 33, 3
"""Chemical potentials that are tried at once, and how often around the best."""
EDGE = 20.0
"""Distance of the first and last chemical potential from the levels, in temperatures."""
FLATTEST = 1e-12
"""Smallest change of N with mu that is divided by: in a wide gap N is right already."""
TINY = 1e-30
"""Energy that is taken for zero."""
SWEEPS = 5
"""Sweeps of Jacobi rotations, enough for double precision with six orbitals."""


def density_matrix(h: Tensor, n_electrons: Tensor, temperature: Tensor, eigen: Eigen | None = None) -> Tensor:
    """Return D (B, K, K) of Hamiltonians ``h`` (B, K, K) at N and T (B,); gradients with respect to ``h`` pass.

    Programs that are exported have no gradients. Within a loop they take eigenvectors from ``exported_eigen``.
    """
    if torch.compiler.is_exporting():
        levels, vectors = (eigen or (jacobi if ROTATIONS.get() else torch.linalg.eigh))(h)
        return _product(vectors, occupations(levels, n_electrons, temperature))
    return _DensityMatrix.apply(h, n_electrons, temperature)


def exported_eigen(like: Tensor) -> Eigen:
    """Return the eigenvectors of a loop in an exported program, for matrices like this one (B, K, K); ONNX has none."""
    return partial(jacobi, rounds=_rounds_like(like)) if ROTATIONS.get() else torch.linalg.eigh


class _DensityMatrix(torch.autograd.Function):
    """``density_matrix`` with its derivative."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, n_electrons: Tensor, temperature: Tensor) -> Tensor:
        levels, vectors = torch.linalg.eigh(h)
        occupied = occupations(levels, n_electrons, temperature)
        ctx.save_for_backward(levels, vectors, occupied, n_electrons, temperature)
        return _product(vectors, occupied)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        levels, vectors, occupied, n_electrons, temperature = ctx.saved_tensors
        one = (n_electrons <= 1)[:, None]
        slopes = -occupied * torch.where(one, 1.0, 1 - occupied / 2) / temperature[:, None]
        apart = levels[:, :, None] - levels[:, None, :]
        near = apart.abs() < 1e-3 * temperature[:, None, None]
        quotient = (occupied[:, :, None] - occupied[:, None, :]) / torch.where(near, 1.0, apart)
        mean = (slopes[:, :, None] + slopes[:, None, :]) / 2
        inner = vectors.mT @ grads[0] @ vectors
        found = torch.where(near, mean, quotient) * inner
        share = slopes / slopes.sum(1, keepdim=True).clamp(max=-1e-30)  # tr D = N: mu moves with the levels
        lost = (slopes * inner.diagonal(dim1=1, dim2=2)).sum(1, keepdim=True)
        found = found - torch.diag_embed(share * lost)
        return vectors @ found @ vectors.mT, None, None


def occupations(levels: Tensor, n_electrons: Tensor, temperature: Tensor) -> Tensor:
    """Return the occupations (B, K), 0 ... 2, of levels (B, K) in any order."""
    t = temperature[:, None]
    low, high = levels.amin(1, keepdim=True) - EDGE * t, levels.amax(1, keepdim=True) + EDGE * t
    places = torch.linspace(0, 1, GRID, dtype=levels.dtype, device=levels.device)
    for _ in range(REFINED):
        tried = low + (high - low) * places
        numbers = 2 * torch.sigmoid((tried[:, None, :] - levels[:, :, None]) / t[:, None]).sum(1)
        below = ((numbers < n_electrons[:, None]).sum(1, keepdim=True) - 1).clamp(0, GRID - 2)
        step = (high - low) / (GRID - 1)
        low = low + below * step
        high = low + step
    mu = (low + high) / 2
    for _ in range(3):  # Newton
        occupied = 2 * torch.sigmoid((mu - levels) / t)
        missing = n_electrons[:, None] - occupied.sum(1, keepdim=True)
        rise = (occupied * (1 - occupied / 2)).sum(1, keepdim=True) / t
        mu = mu + (missing / rise.clamp(min=FLATTEST)).clamp(low - high, high - low)
    occupied = 2 * torch.sigmoid((mu - levels) / t)
    return torch.where((n_electrons <= 1)[:, None], torch.softmax(-levels / t, 1), occupied)


def _product(vectors: Tensor, values: Tensor) -> Tensor:
    """Return the matrix with these eigenvectors and eigenvalues."""
    return (vectors * values[:, None, :]) @ vectors.mT


def jacobi(h: Tensor, rounds: Rounds | None = None) -> tuple[Tensor, Tensor]:
    """Return eigenvalues (B, K), in any order, and eigenvectors (B, K, K) by rotations, in operations of any format.

    Exported programs have a loop, not its hundreds of rounds. A loop around it can have neither a loop nor tables
    within: it gives the tables of ``rounds``.
    """
    identity = torch.eye(h.shape[-1], dtype=h.dtype, device=h.device)
    tables = rounds or _rounds_like(h)
    number = len(tables[0])

    def unfinished(done: Tensor, h: Tensor, vectors: Tensor) -> Tensor:
        return (done < SWEEPS * number).reshape(())

    def turn(done: Tensor, h: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pick, one, two = (table.index_select(0, done % number).squeeze(0) for table in tables)
        apart, mixed = (h.flatten(1) @ pick).chunk(2, 1)  # b - a and 2 h_ab
        length = (apart.square() + mixed.square()).sqrt().clamp(min=TINY)
        c = torch.sqrt((1 + apart.abs() / length) / 2)  # of half the angle between (b - a, 2 h_ab) and the axis
        c = torch.where(length > TINY, c, 1.0)
        s = torch.where(apart < 0, -mixed, mixed) / (2 * length * c)
        rotation = ((c - 1) @ one + s @ two).unflatten(1, h.shape[1:]) + identity
        return done + 1, rotation.mT @ h @ rotation, vectors @ rotation

    state = (torch.zeros(1, dtype=torch.long, device=h.device), h, identity.expand_as(h).clone())
    if torch.compiler.is_exporting() and rounds is None:
        from torch._higher_order_ops.while_loop import while_loop

        state = while_loop(unfinished, turn, state)
    else:
        for _ in range(SWEEPS * number):
            state = turn(*state)
    return state[1].diagonal(dim1=1, dim2=2), state[2]


def _rounds_like(h: Tensor) -> Rounds:
    """Return the tables of all rounds for matrices like ``h`` (B, K, K)."""
    picked, same, turned = (torch.from_numpy(part).to(h) for part in _planes(h.shape[-1]))
    return picked, same, turned


@lru_cache(maxsize=4)
def _planes(k: int) -> tuple[NDArray, NDArray, NDArray]:
    """Return for each round of disjoint pairs (a, b) of k orbitals the parts of a rotation.

    These are the picks of b - a and 2 h_ab out of a matrix (rounds, k k, 2 P), and the places of cosines and of sines
    (rounds, P, k k).
    """
    e = np.eye(k)
    product = np.einsum("ai,bj->abij", e, e).reshape(k, k, k * k)
    found = []
    for pairs in _rounds(k):
        first, second = ([pair[i] for pair in pairs] for i in (0, 1))
        aa, bb, ab, ba = product[first, first], product[second, second], product[first, second], product[second, first]
        found.append((np.concatenate([bb - aa, ab + ba]).T, aa + bb, ab - ba))
    picked, same, turned = (np.stack(parts) for parts in zip(*found, strict=True))
    return picked, same, turned


def _rounds(k: int) -> list[list[tuple[int, int]]]:
    """Return all pairs of an even number of orbitals in rounds of disjoint ones, as in a tournament."""
    order = list(range(k))
    rounds = []
    for _ in range(k - 1):
        met = [(order[i], order[-1 - i]) for i in range(k // 2)]
        rounds.append([(min(p), max(p)) for p in met])
        order = [order[0], order[-1], *order[1:-1]]
    return rounds
