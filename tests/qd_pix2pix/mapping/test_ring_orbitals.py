"""Orbitals of a given number of fermions on a ring: exact without an interaction, and symmetric."""

import numpy as np
import pytest
import torch

from qd_pix2pix.mapping.priors import PRIORS
from solvers.lattices import ground_energies

PRIOR = PRIORS["ring_orbitals"]


def given(v, particles, interaction):
    rows = len(v)
    numbers = torch.as_tensor(particles, dtype=torch.float32).expand(rows)
    return {"V": torch.as_tensor(v), "particles": numbers, "interaction": torch.full((rows,), float(interaction))}


def energies(prior, sites):
    """The sums over the points of the starts, as the head ``total`` takes them."""
    return {name: (values * sites).reshape(-1).numpy() for name, values in prior.starts.items()}


@pytest.mark.parametrize("sites", [7, 8])
def test_without_an_interaction_differences_of_energies_are_levels(sites):
    places = np.tile(6.0 * np.arange(sites), (sites - 1, 1))  # levels far more apart than the temperature
    v = np.random.default_rng(0).permuted(places, axis=1)
    h = np.zeros((len(v), sites, sites))
    i = np.arange(sites)
    h[:, i, i] = v
    h[:, i, (i + 1) % sites] = h[:, (i + 1) % sites, i] = -1
    levels = np.linalg.eigvalsh(h)
    particles = np.arange(1, sites)
    found = energies(PRIOR(given(v, particles, 0.0)), sites)
    rows = np.arange(len(v))
    np.testing.assert_allclose(found["mu_low"], levels[rows, particles - 1], atol=1e-3)
    np.testing.assert_allclose(found["mu_high"], levels[rows, particles], atol=1e-3)


def test_it_is_near_the_energies_of_interacting_fermions():
    """Tenths of J; from the levels without an interaction it is 2 J away."""
    v = np.random.default_rng(1).uniform(-2, 2, (40, 8))
    exact = ground_energies(v, 2.0)
    found = energies(PRIOR(given(v, 4, 2.0)), 8)
    assert np.abs(found["mu_high"] - (exact[:, 5] - exact[:, 4])).mean() < 0.3
    assert np.abs(found["mu_low"] - (exact[:, 4] - exact[:, 3])).mean() < 0.3


def test_it_has_the_symmetries_of_a_ring():
    v = torch.randn(5, 9, generator=torch.Generator().manual_seed(0))
    prior = PRIOR(given(v, 4, 2.0))
    for turned in (lambda f: f.roll(2, -1), lambda f: f.flip(-1)):
        again = PRIOR(given(turned(v), 4, 2.0))
        torch.testing.assert_close(again.channels, turned(prior.channels), atol=2e-4, rtol=1e-4)
        torch.testing.assert_close(again.starts["mu_low"], prior.starts["mu_low"], atol=1e-4, rtol=1e-4)


def test_a_constant_adds_to_the_energies_alone():
    v = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    prior, again = PRIOR(given(v, 3, 2.0)), PRIOR(given(v + 5, 3, 2.0))
    torch.testing.assert_close(again.channels, prior.channels, atol=2e-4, rtol=1e-4)
    for name, values in energies(again, 8).items():
        np.testing.assert_allclose(values, energies(prior, 8)[name] + 5, atol=1e-4)


@pytest.mark.parametrize("particles", [1, 4, 7])
def test_gradients_are_finite_where_levels_are_degenerate(particles):
    v = torch.zeros(1, 8, requires_grad=True)
    columns = given(np.zeros((1, 8), np.float32), particles, 2.0) | {"V": v}
    prior = PRIOR(columns)
    assert prior.channels.isfinite().all() and prior.channels.shape == (1, PRIOR.n_channels, 8)
    sum(start.sum() for start in prior.starts.values()).backward()
    assert v.grad.isfinite().all()
    assert v.grad.sum().item() * 8 == pytest.approx(2.0, abs=1e-3)  # of both sums of energies


def test_an_empty_ring_has_no_fermions():
    """With one fermion, E(N) - E(N - 1) is its level, whose weight is 1."""
    v = np.linspace(-9, 9, 6)[None]
    level = np.linalg.eigvalsh(np.diag(v[0]) - np.roll(np.eye(6), 1, 1) - np.roll(np.eye(6), -1, 1))[0]
    assert energies(PRIOR(given(v, 1, 0.0)), 6)["mu_low"][0] == pytest.approx(level, abs=1e-3)
