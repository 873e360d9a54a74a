"""Product states of hard-core bosons against a minimiser of their energy and closed forms."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from qd_pix2pix.mapping import gutzwiller
from qd_pix2pix.mapping.gutzwiller import Gutzwiller, cooled_state, product_state, smooth_state
from qd_pix2pix.mapping.symmetry import GROUPS
from solvers.lattices import Bosons, checkerboard, exact_bosons

ONE = torch.ones(1, 1, 1, dtype=torch.float64)


def signs(side):
    return torch.as_tensor(checkerboard((side, side)))[None]


def coupled(v):
    return v * ONE


def energy(angles, v, coupling):
    """The energy of spins: n = (1 - cos a) / 2, <b> = sin(a) / 2."""
    angles = angles.reshape(v.shape)
    n, b = (1 - np.cos(angles)) / 2, np.sin(angles) / 2
    bonds = [(np.roll(n, 1, axis), np.roll(b, 1, axis)) for axis in (0, 1)]
    return (v * n).sum() + sum((coupling * n * m - 2 * b * c).sum() for m, c in bonds)


@pytest.mark.parametrize(("seed", "coupling"), [(0, 0.0), (1, 1.0), (2, 3.0), (3, 5.0)])
def test_the_state_is_a_minimum_of_the_energy(monkeypatch, seed, coupling):
    monkeypatch.setattr(gutzwiller, "BETA", 1e4)
    monkeypatch.setattr(gutzwiller, "SWEEPS", 400)
    v = np.random.default_rng(seed).uniform(-4, 4, (4, 4)) - 2 * coupling
    found = product_state(torch.as_tensor(v)[None], coupled(coupling), ONE, signs(4))
    start = np.arccos(1 - 2 * found.n[0].numpy().clip(0, 1)).ravel()
    least = minimize(energy, start, (v, coupling), tol=1e-12)
    assert found.energy.sum().item() == pytest.approx(energy(start, v, coupling), abs=1e-6)
    assert found.energy.sum().item() == pytest.approx(least.fun, abs=1e-6)
    np.testing.assert_allclose((1 - np.cos(least.x)) / 2, found.n[0].numpy().ravel(), atol=1e-4)


def test_a_uniform_superfluid(monkeypatch):
    """n = (mu + 4) / (4 V + 8), the canted state of spins in a field."""
    monkeypatch.setattr(gutzwiller, "BETA", 1e4)
    monkeypatch.setattr(gutzwiller, "SWEEPS", 300)
    for mu, coupling in ((-2.0, 0.0), (1.0, 0.0), (0.5, 1.0), (1.0, 1.5)):
        v = torch.full((1, 4, 4), -mu, dtype=torch.float64)
        solid, cooled = (state(v, coupled(coupling), ONE, signs(4)) for state in (product_state, cooled_state))
        assert cooled.n.mean().item() == pytest.approx((mu + 4) / (4 * coupling + 8), abs=1e-3)
        for state in (solid, smooth_state(v, coupled(coupling), ONE)):
            np.testing.assert_allclose(state.n.numpy(), (mu + 4) / (4 * coupling + 8), atol=1e-5)


def test_a_solid_and_its_holes():
    v = torch.full((1, 6, 6), -2 * 6.0, dtype=torch.float64)
    found = product_state(v, coupled(6.0), ONE, signs(6))
    np.testing.assert_allclose(found.n.numpy(), (1 + signs(6).numpy()) / 2, atol=0.01)
    random = torch.as_tensor(np.random.default_rng(0).normal(size=(1, 6, 6))) * 3 - 8.0
    particles = product_state(random, coupled(4.0), ONE, signs(6))
    holes = product_state(-random - 16.0, coupled(4.0), ONE, -signs(6))
    np.testing.assert_allclose(holes.n.numpy(), 1 - particles.n.numpy(), atol=5e-3)
    particles = cooled_state(random, coupled(4.0), ONE, signs(6))
    holes = cooled_state(-random - 16.0, coupled(4.0), ONE, -signs(6))
    np.testing.assert_allclose(holes.n.numpy(), 1 - particles.n.numpy(), atol=1e-6)


def test_a_cooled_state_has_the_domains_of_the_potential():
    """In the solid a staggered field of 2 t, of either sign in a half, outweighs the walls of the domains."""
    domain = torch.where(torch.arange(12)[None, :, None] < 6, 1.0, -1.0).double()
    pattern = signs(12) * domain
    v, coupling = -2 * 6.0 - 2.0 * pattern, coupled(6.0)
    solid, cooled = (state(v, coupling, ONE, signs(12)) for state in (product_state, cooled_state))
    assert ((2 * solid.n - 1) * signs(12)).mean() > 0.9
    assert ((2 * cooled.n - 1) * pattern).mean() > 0.8
    assert cooled.energy.sum() < solid.energy.sum()


def test_a_site_without_neighbours_in_reach_is_exact():
    """Deep wells and high barriers: the number of bosons of exact diagonalisation."""
    v = np.where(np.random.default_rng(4).random((3, 4)) < 0.5, -60.0, 60.0)
    exact = exact_bosons(Bosons(v, 8.0, neighbour=1.0)).n
    board = torch.as_tensor(checkerboard((4, 4)))[None, :3]
    np.testing.assert_allclose(product_state(torch.as_tensor(v)[None], ONE, ONE, board).n[0], exact, atol=2e-3)


def test_the_prior_has_the_symmetries_of_the_lattice():
    rng = np.random.default_rng(5)
    v = torch.as_tensor(rng.normal(size=(2, 6, 6)) * 4 - 6).float()
    board, neighbour = signs(6).float().expand(2, 6, 6), torch.tensor([2.0, 5.0])
    whole = Gutzwiller()({"V_mu": v, "checkerboard": board, "neighbour": neighbour})
    assert whole.channels.shape == (2, Gutzwiller.n_channels, 6, 6)
    assert whole.channels.abs().max() <= 1
    assert set(whole.starts) == {"n", "variance", "pairs"}
    for g in range(8):
        turned = {"V_mu": GROUPS["square"].act(v, g), "checkerboard": GROUPS["square"].act(board, g)}
        moved = {name: values.roll((1, 2), (1, 2)) for name, values in turned.items()}
        image = Gutzwiller()({**moved, "neighbour": neighbour})
        expected = GROUPS["square"].act(whole.channels, g).roll((1, 2), (2, 3))
        torch.testing.assert_close(image.channels, expected, atol=2e-4, rtol=0)
