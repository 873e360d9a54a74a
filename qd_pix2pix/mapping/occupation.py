"""Density matrices of electrons in few orbitals: smooth functions of a Hamiltonian, with gradients at any degeneracy.

    D = 2 / (1 + exp((h - mu) / T)),    tr D = N;        one electron: D = exp(-h / T) / tr exp(-h / T).

The derivative of a function of a matrix in its eigenbasis is that of its divided differences (Daleckii and Krein 1965),
finite where levels meet, as derivatives of single eigenvectors are not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

GRID, REFINED = 33, 3
"""Chemical potentials that are tried at once, and how often around the best."""
EDGE = 20.0
"""Distance of the first and last chemical potential from the levels, in temperatures."""
FLATTEST = 1e-12
"""Smallest change of N with mu that is divided by: in a wide gap N is right already."""
TINY = 1e-30
"""Energy that is taken for zero."""
SWEEPS = 5
"""Sweeps of Jacobi rotations, for any number of orbitals up to ten or so."""


def density_matrix(h: Tensor, n_electrons: Tensor, temperature: Tensor) -> Tensor:
    """Return D (B, K, K) of Hamiltonians ``h`` (B, K, K) at N and T (B,); gradients with respect to ``h`` pass."""
    if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():  # no format of files has eigenvectors
        levels, vectors = jacobi(h)
        return _product(vectors, occupations(levels, n_electrons, temperature))
    return _DensityMatrix.apply(h, n_electrons, temperature)


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


def jacobi(h: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues (B, K), in any order, and eigenvectors (B, K, K) by rotations, in operations of any format."""
    k = h.shape[-1]
    vectors = _identity(h).expand_as(h)
    for _ in range(SWEEPS):
        for pairs in _rounds(k):
            rotation = _rotation(h, pairs)
            h, vectors = rotation.mT @ h @ rotation, vectors @ rotation
    return h.diagonal(dim1=1, dim2=2), vectors


def _rounds(k: int) -> list[list[tuple[int, int]]]:
    """Return all pairs of k orbitals in rounds of disjoint ones, as in a tournament."""
    even = k + k % 2
    order = list(range(even))
    rounds = []
    for _ in range(even - 1):
        met = [(order[i], order[-1 - i]) for i in range(even // 2)]
        rounds.append([(min(p), max(p)) for p in met if max(p) < k])
        order = [order[0], order[-1], *order[1:-1]]
    return rounds


def _rotation(h: Tensor, pairs: list[tuple[int, int]]) -> Tensor:
    """Return the rotation (B, K, K) in disjoint planes that makes their elements of ``h`` zero."""
    picked, same, turned = (part.to(h) for part in _planes(h.shape[-1], tuple(pairs)))
    apart, mixed = (h.flatten(1) @ picked).chunk(2, 1)  # b - a and 2 h_ab
    length = (apart.square() + mixed.square()).sqrt().clamp(min=TINY)
    c = torch.sqrt((1 + apart.abs() / length) / 2)  # of half the angle between (b - a, 2 h_ab) and the axis
    c = torch.where(length > TINY, c, 1.0)
    s = torch.where(apart < 0, -mixed, mixed) / (2 * length * c)
    return ((c - 1) @ same + s @ turned).unflatten(1, h.shape[1:]) + _identity(h)


@lru_cache(maxsize=16)
def _planes(k: int, pairs: tuple[tuple[int, int], ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return for disjoint pairs (a, b) of k orbitals the picks of b - a and 2 h_ab (k k, 2 P) out of a matrix, and the
    two parts of a rotation (P, k k).
    """
    e = torch.eye(k, dtype=torch.float64)
    product = torch.einsum("ai,bj->abij", e, e).flatten(2)
    first, second = ([pair[i] for pair in pairs] for i in (0, 1))
    aa, bb, ab, ba = product[first, first], product[second, second], product[first, second], product[second, first]
    return torch.cat([bb - aa, ab + ba]).T.contiguous(), aa + bb, ab - ba


def _identity(h: Tensor) -> Tensor:
    return torch.eye(h.shape[-1], dtype=h.dtype, device=h.device)
