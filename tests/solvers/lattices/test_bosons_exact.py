"""The diagonalisation of bosons on a few sites has the averages of products of matrices of one site."""

import itertools

import numpy as np
import pytest
from scipy.linalg import expm

from solvers.lattices import Bosons, bosons_exact, exact_bosons


def dense(model):
    """Hamiltonian (states, states) and the numbers n_i (sites, states, states)."""
    size, sites = model.n_max + 1, model.potential.size
    b = np.diag(np.sqrt(np.arange(1.0, size)), 1)

    def at(matrix, i):
        return np.kron(np.kron(np.eye(size**i), matrix), np.eye(size ** (sites - 1 - i)))

    bs = [at(b, i) for i in range(sites)]
    ns = [m.T @ m for m in bs]
    h = sum(
        v * n + model.onsite / 2 * n @ (n - np.eye(len(n))) for v, n in zip(model.potential.ravel(), ns, strict=True)
    )
    for place in itertools.product(*map(range, model.shape)):
        for axis in range(len(model.shape)):
            other = list(place)
            other[axis] = (other[axis] + 1) % model.shape[axis]
            i, j = np.ravel_multi_index(place, model.shape), np.ravel_multi_index(other, model.shape)
            h = h - model.hopping * (bs[i].T @ bs[j] + bs[j].T @ bs[i]) + model.neighbour * ns[i] @ ns[j]
    return h, np.array(ns)


@pytest.mark.parametrize(
    "model",
    [
        Bosons(np.array([-1.0, 0.3, -0.5, -2.0]), 1.3, onsite=2.0, neighbour=0.7, n_max=2),
        Bosons(np.array([[-1.0, 0.3, 0.1], [-0.5, -2.0, -3.0]]), 0.8, neighbour=1.5, hopping=0.6),
        Bosons(np.array([[-1.0, -1.3], [-0.5, -2.0]]), 2.0, onsite=3.0, neighbour=-0.4, n_max=2),
    ],
)
def test_averages_are_those_of_the_whole_matrix(model):
    h, ns = dense(model)
    rho = expm(-model.beta * (h - np.linalg.eigvalsh(h)[0] * np.eye(len(h))))
    rho /= np.trace(rho)
    found = exact_bosons(model)
    n = np.einsum("ij,aji->a", rho, ns)
    np.testing.assert_allclose(found.n.ravel(), n, atol=1e-10)
    squares = np.array([np.trace(rho @ m @ m) for m in ns])
    np.testing.assert_allclose(found.variance.ravel(), squares - n**2, atol=1e-10)
    assert found.energy == pytest.approx(np.trace(rho @ h)) and found.number == pytest.approx(n.sum())
    sites = np.arange(len(n)).reshape(model.shape)
    for axis in range(len(model.shape)):
        others = np.roll(sites, -1, axis)
        wanted = [np.trace(rho @ ns[i] @ ns[j]) for i, j in zip(sites.ravel(), others.ravel(), strict=True)]
        np.testing.assert_allclose(found.products[axis].ravel(), wanted, atol=1e-10)


def test_too_many_states_are_an_error():
    with pytest.raises(ValueError, match="use fewer sites"):
        exact_bosons(Bosons(np.zeros((4, 4)), 1.0))


def test_the_limit_needs_no_states():
    """2^900 states could not be enumerated; the largest systems below the limit have all of theirs."""
    with pytest.raises(ValueError, match="at most 4000 states of one N, got more on 900 sites with n_max = 1; use"):
        exact_bosons(Bosons(np.zeros((30, 30)), 1.0))
    largest = [np.bincount(np.indices((2,) * sites).sum(0).ravel()).max() for sites in (14, 15)]
    assert largest[0] <= 4000 < largest[1]
    bosons_exact._check_size(Bosons(np.zeros(14), 1.0))
    with pytest.raises(ValueError, match="got more on 15 sites"):
        bosons_exact._check_size(Bosons(np.zeros(15), 1.0))


def test_a_potential_is_no_system():
    with pytest.raises(ValueError, match=r"model: expected a system, Bosons\(V - mu, beta=8.0\), got an array"):
        exact_bosons(np.zeros((2, 2)))
