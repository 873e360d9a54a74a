"""Density matrices of electrons in few orbitals, against sums over eigenstates and finite differences."""

import pytest
import torch

from qd_pix2pix.mapping.occupation import density_matrix, jacobi, occupations

K = 6


def hamiltonians(*levels, seed=0):
    """Random real Hamiltonians (B, K, K) in double precision; given levels are turned by a random rotation."""
    rng = torch.Generator().manual_seed(seed)
    h = 20 * torch.randn(5, K, K, generator=rng, dtype=torch.float64)
    turn = torch.linalg.qr(h[0])[0]
    turned = [turn @ torch.diag(torch.tensor(given, dtype=torch.float64)) @ turn.T for given in levels]
    return torch.stack([*((h + h.mT) / 2), *turned])


def numbers(h, n_electrons, temperature):
    return (torch.full((len(h),), float(value), dtype=h.dtype) for value in (n_electrons, temperature))


@pytest.mark.parametrize("n_electrons", [1, 2, 3, 6])
def test_the_trace_is_the_number_of_electrons(n_electrons):
    h = hamiltonians([1, 2, 2, 3, 3, 9], [0, 0, 0, 0, 0, 0])
    matrix = density_matrix(h, *numbers(h, n_electrons, 1.0))
    torch.testing.assert_close(
        matrix.diagonal(dim1=1, dim2=2).sum(1), torch.full((len(h),), float(n_electrons)).double()
    )
    levels = torch.linalg.eigvalsh(matrix)
    assert levels.min() > -1e-12 and levels.max() < 2 + 1e-12


def test_cold_electrons_fill_the_lowest_levels():
    h = hamiltonians([1, 2, 4, 8, 16, 32])[-1:]
    for n_electrons, filled in ((1, [1, 0, 0]), (2, [2, 0, 0]), (3, [2, 1, 0]), (5, [2, 2, 1])):
        levels = torch.linalg.eigvalsh(density_matrix(h, *numbers(h, n_electrons, 1e-3)))[0].flip(0)
        torch.testing.assert_close(levels[:3], torch.tensor(filled, dtype=torch.float64), atol=1e-9, rtol=0)


def test_degenerate_levels_share_their_electrons():
    h = hamiltonians([1, 2, 2, 8, 16, 32])[-1:]
    levels = torch.linalg.eigvalsh(density_matrix(h, *numbers(h, 3, 1e-3)))[0].flip(0)
    torch.testing.assert_close(levels[:3], torch.tensor([2, 0.5, 0.5], dtype=torch.float64), atol=1e-6, rtol=0)


def test_one_electron_follows_boltzmann():
    levels = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64)
    found = occupations(levels, torch.ones(1), torch.full((1,), 2.0))
    torch.testing.assert_close(found, torch.exp(-levels / 2) / torch.exp(-levels / 2).sum())


@pytest.mark.parametrize("n_electrons", [1, 2, 3, 5])
def test_gradients_are_finite_differences(n_electrons):
    h = hamiltonians([1, 2, 2, 3, 3, 9], [4, 4, 4, 4, 5, 5]).requires_grad_(True)
    given = tuple(numbers(h, n_electrons, 2.0))
    assert torch.autograd.gradcheck(lambda m: density_matrix((m + m.mT) / 2, *given), (h,), eps=1e-5, atol=1e-6)


@pytest.mark.parametrize("levels", [[1, 2, 2, 3, 3, 9], [5, 5, 5, 5, 5, 5], [-1e4, 0, 1e-6, 1, 2, 1e4]])
def test_rotations_diagonalise(levels):
    h = hamiltonians(levels)
    found, vectors = jacobi(h)
    torch.testing.assert_close(found.sort(1)[0], torch.linalg.eigvalsh(h))
    torch.testing.assert_close((vectors * found[:, None]) @ vectors.mT, h)
    torch.testing.assert_close(vectors.mT @ vectors, torch.eye(K).double().expand_as(h))
