"""Kohn-Sham orbitals: exact without interaction, self-consistent with it, and symmetric as the potential is."""

import math

import numpy as np
import pytest
import torch

from qd_pix2pix.mapping.kohn_sham import TEMPERATURE, KohnSham, kohn_sham
from qd_pix2pix.mapping.symmetry import GROUPS

POINTS = 32
SQUARE = GROUPS["square"]
WEAK = 1e-6


def parabola(omega, x0=0.0, n=POINTS):
    """omega^2 r^2 / 2 in a square of side 1, (1, n, n)."""
    x = (torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5
    return (omega**2 / 2 * ((x[:, None] - x0) ** 2 + x[None, :] ** 2)).float()[None]


def rough(n=POINTS, seed=1):
    """A parabola with noise, in which no level is degenerate."""
    v = parabola(50.0, 0.1, n) + 100 * torch.rand(1, n, n, generator=torch.Generator().manual_seed(seed))
    return v - v.min()


def numbers(*values):
    return torch.tensor(values, dtype=torch.float32)


def hamiltonian(u):
    """-nabla^2 / 2 + u (n n, n n), on the sines of n points along each side."""
    n = len(u)
    modes, x = np.arange(1, n + 1), (np.arange(n) + 0.5) / n
    sines = np.sin(np.pi * modes[:, None] * x) * math.sqrt(2 / n)
    sines[-1] /= math.sqrt(2)
    kinetic = (sines.T * (np.pi * modes) ** 2 / 2) @ sines
    return np.kron(kinetic, np.eye(n)) + np.kron(np.eye(n), kinetic) + np.diag(u.ravel())


def filled(u, n_electrons):
    """The density (n, n), whose mean is N, of electrons without interaction in all eigenstates."""
    levels, states = np.linalg.eigh(hamiltonian(u))
    low, high = levels[0] - 50, levels[20]
    for _ in range(100):
        mu = (low + high) / 2
        occupied = 2 / (1 + np.exp(np.clip((levels - mu) / TEMPERATURE, -700, 700)))
        low, high = (mu, high) if occupied.sum() < n_electrons else (low, mu)
    return (states**2 @ occupied).reshape(u.shape) * u.size


def apart(a, b):
    return np.abs(a - b).sum() / np.abs(b).sum()


def test_one_electron_has_the_ground_state_at_any_coupling():
    omega = 60.0
    density, _, _, energy = kohn_sham(parabola(omega), numbers(1), numbers(80.0), 60)
    assert energy.item() == pytest.approx(omega, rel=2e-3)
    x = (np.arange(POINTS) + 0.5) / POINTS - 0.5
    assert apart(density[0].numpy(), omega / math.pi * np.exp(-omega * (x[:, None] ** 2 + x**2))) < 5e-3


def test_one_electron_chooses_the_deeper_of_two_equal_wells():
    """Imaginary time of one orbital cannot: its start has as much of both, and their levels are close."""
    x = (np.arange(POINTS) + 0.5) / POINTS
    wells = [np.exp(-((x[:, None] - a) ** 2 + (x - a) ** 2) / 0.01) for a in (0.25, 0.75)]
    v = 400 - 400 * wells[0] - 401 * wells[1]
    _, states = np.linalg.eigh(hamiltonian(v))
    exact = (states[:, 0] ** 2).reshape(v.shape) * v.size
    density = kohn_sham(torch.as_tensor(v - v.min()).float()[None], numbers(1), numbers(1.0), 40)[0][0].numpy()
    right = (x[:, None] + x) > 1
    assert (exact * right).mean() > 0.75, "the exact state is mostly in one well"
    assert apart(density, exact) < 0.05


@pytest.mark.parametrize("n_electrons", [2, 3, 4, 5, 6])
def test_without_interaction_electrons_fill_the_levels(n_electrons):
    v = rough(16)
    density, _, _, energy = kohn_sham(v, numbers(n_electrons), numbers(WEAK), 80)
    exact = filled(v[0].double().numpy(), n_electrons)
    assert apart(density[0].numpy(), exact) < 0.01
    levels = np.linalg.eigvalsh(hamiltonian(v[0].double().numpy()))[: (n_electrons + 1) // 2]
    expected = 2 * levels.sum() - (n_electrons % 2) * levels[-1]
    assert energy.item() == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("n_electrons", [2, 4, 5])
def test_the_density_is_that_of_its_own_potential(n_electrons):
    """One more round, with all eigenstates and a sum over all pairs of cells, returns nearly the same density."""
    n, coupling = 16, 4.0
    v = rough(n)
    density = kohn_sham(v, numbers(n_electrons), numbers(coupling), 120)[0][0].double().numpy()
    x = (np.arange(n) + 0.5) / n
    points = np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 2)
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    np.fill_diagonal(distance, 1 / (4 * math.log(1 + math.sqrt(2)) * n))
    hartree = ((1 / distance) @ density.ravel() / n**2).reshape(n, n)
    r_s = coupling / np.sqrt(math.pi * density)
    exchange = -2 * np.sqrt(2 * density / math.pi) * (1 + 0.84 * r_s / (r_s + 5))
    assert apart(filled(v[0].double().numpy() + coupling * (hartree + exchange), n_electrons), density) < 0.02


def test_a_closed_and_an_open_shell_are_round():
    for n_electrons in (3, 5, 6):
        density = kohn_sham(parabola(45.0), numbers(n_electrons), numbers(3.0), 40)[0]
        for element in range(SQUARE.order):
            torch.testing.assert_close(SQUARE.act(density, element), density, rtol=0, atol=1e-3 * density.max().item())


@pytest.mark.parametrize("coupling", [1.0, 60.0])
@pytest.mark.parametrize("element", range(1, SQUARE.order))
def test_the_prior_turns_with_the_potential(element, coupling):
    given = {"n_electrons": numbers(4), "coupling": numbers(coupling)}
    straight, turned = KohnSham()({"V": rough(), **given}), KohnSham()({"V": SQUARE.act(rough(), element), **given})
    torch.testing.assert_close(SQUARE.act(straight.channels, element), turned.channels, atol=5e-3, rtol=0)


def test_an_offset_changes_nothing():
    given = {"n_electrons": numbers(2), "coupling": numbers(10.0)}
    first, second = (KohnSham()({"V": rough() + offset, **given}) for offset in (0, 500))
    torch.testing.assert_close(first.channels, second.channels, atol=1e-3, rtol=0)


@pytest.mark.parametrize("n_electrons", [1, 3, 6])
def test_gradients_are_finite_differences(n_electrons):
    n = 12
    v = parabola(30.0, n=n).double() + 40 * torch.rand(1, n, n, generator=torch.Generator().manual_seed(2)).double()
    weights = torch.rand(n, n, generator=torch.Generator().manual_seed(3)).double()
    given = (numbers(n_electrons).double(), numbers(5.0).double(), 30)

    def value(u):
        density, hot, potential, energy = kohn_sham(u, *given)
        return ((density + hot) * weights + 0.1 * potential).mean() + energy.sum() / 100

    start = v.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(value(start), start)
    for place in ((0, 3, 4), (0, 6, 6), (0, 9, 2)):
        change = torch.zeros_like(v)
        change[place] = 1e-4
        assert gradient[place].item() == pytest.approx(
            ((value(v + change) - value(v - change)) / 2e-4).item(), rel=1e-4
        )


def test_walls_of_any_height_and_couplings_of_any_strength_stay_finite():
    v = torch.zeros(5, POINTS, POINTS)
    v[:, :10], v[1] = 1e7, 0.0
    v[3], v[4] = 1e6, parabola(1e3)[0]
    v[3, 5, 6] = v[3, 25, 3] = 0.0
    prior = KohnSham()({"V": v, "n_electrons": numbers(1, 6, 4, 3, 20), "coupling": numbers(1e-9, 1e3, 50, 5, 100)})
    assert prior.channels.shape == (5, KohnSham.n_channels, POINTS, POINTS)
    assert prior.channels.isfinite().all() and prior.channels.abs().max() < 200
    assert all(values.isfinite().all() for values in prior.starts.values())


def test_a_sample_does_not_depend_on_its_batch():
    v = torch.nn.functional.interpolate(torch.stack([rough(seed=seed) for seed in range(4)]), size=64, mode="bilinear")
    columns = {"V": v[:, 0], "n_electrons": numbers(2, 3, 4, 6), "coupling": numbers(1.0, 80.0, 20.0, 5.0)}
    together = KohnSham()(columns)
    alone = [KohnSham()({key: values[i : i + 1] for key, values in columns.items()}) for i in range(4)]
    torch.testing.assert_close(torch.cat([prior.channels for prior in alone]), together.channels, atol=5e-3, rtol=0)
