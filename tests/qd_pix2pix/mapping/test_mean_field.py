"""The mean field: exact for one electron, Hartree-Fock for two, and symmetric as the potential is."""

import math

import numpy as np
import pytest
import torch

from qd_pix2pix.mapping.mean_field import MeanField, averaged, mean_field, resized
from qd_pix2pix.mapping.priors import PRIORS
from qd_pix2pix.mapping.symmetry import GROUPS
from solvers import Grid, Material, solve

POINTS = 32
SQUARE = GROUPS["square"]


def parabola(omega, x0=0.0):
    """omega^2 r^2 / 2 in the middle of a square of side 1, (1, n, n)."""
    x = (torch.arange(POINTS, dtype=torch.float64) + 0.5) / POINTS - 0.5
    return (omega**2 / 2 * ((x[:, None] - x0) ** 2 + x[None, :] ** 2)).float()[None]


def numbers(*values):
    return torch.tensor(values, dtype=torch.float32)


def test_one_electron_in_a_parabola_has_its_gaussian():
    omega = 60.0
    share, _, energy = mean_field(parabola(omega), numbers(1), numbers(20.0))
    assert energy.item() == pytest.approx(omega, rel=2e-3)
    x = (np.arange(POINTS) + 0.5) / POINTS - 0.5
    exact = omega / math.pi * np.exp(-omega * (x[:, None] ** 2 + x**2)) / POINTS**2
    assert np.abs(share[0].numpy() - exact).sum() < 5e-3


def test_one_electron_in_a_box_has_its_sine():
    share, _, energy = mean_field(torch.zeros(1, POINTS, POINTS), numbers(1), numbers(1.0))
    assert energy.item() == pytest.approx(math.pi**2, rel=1e-4)
    x = (np.arange(POINTS) + 0.5) / POINTS
    exact = 4 * np.outer(np.sin(math.pi * x) ** 2, np.sin(math.pi * x) ** 2) / POINTS**2
    np.testing.assert_allclose(share[0].numpy(), exact, atol=1e-6)


def test_two_electrons_in_a_parabola_have_their_hartree_fock_energy():
    """omega = 1 Ha* in units of the oscillator: E_HF = 3.1626 Ha*, E = 3 (Pedersen Lohne et al. 2011; Taut 1993)."""
    side = 10.0  # effective Bohr radii
    _, _, energy = mean_field(parabola(side**2), numbers(2), numbers(side))
    assert energy.item() / side**2 == pytest.approx(3.1626, rel=5e-3)


def test_the_energy_of_two_electrons_is_an_upper_bound():
    generator = torch.Generator().manual_seed(0)
    x = (torch.arange(POINTS) + 0.5) / POINTS
    modes = torch.cos(math.pi * torch.arange(4)[:, None] * x)
    fields = 60 * torch.einsum("bij,ix,jy->bxy", torch.randn(4, 4, 4, generator=generator), modes, modes)
    fields = fields - fields.amin((1, 2), keepdim=True)
    coupling = 5.0
    _, _, energy = mean_field(fields, numbers(*[2] * 4), numbers(*[coupling] * 4))
    exact = solve(
        fields.numpy().astype(float) / coupling**2, Grid(POINTS, coupling), 2, Material(1.0, 1.0, "bohr, hartree"),
        n_orbitals=14, refinements=1, estimate=False,
    ).energy  # fmt: skip
    assert (energy.numpy() > exact * coupling**2 * 0.999).all()
    assert (energy.numpy() < exact * coupling**2 * 1.1).all()


def test_walls_of_any_height_and_couplings_of_any_strength_stay_finite():
    v = torch.zeros(3, POINTS, POINTS)
    v[:, :10], v[1] = 1e7, 0.0
    prior = MeanField()({"V": v, "n_electrons": numbers(1, 6, 4), "coupling": numbers(1e-9, 1e3, 50.0)})
    assert prior.channels.shape == (3, MeanField.n_channels, POINTS, POINTS)
    assert prior.channels.isfinite().all() and prior.channels.abs().max() < 200
    assert all(values.isfinite().all() for values in prior.starts.values())


@pytest.mark.parametrize("element", range(SQUARE.order))
def test_the_prior_turns_with_the_potential(element):
    v = parabola(50.0, 0.1) + 100 * torch.rand(1, POINTS, POINTS, generator=torch.Generator().manual_seed(1))
    given = {"n_electrons": numbers(3), "coupling": numbers(10.0)}
    straight, turned = MeanField()({"V": v, **given}), MeanField()({"V": SQUARE.act(v, element), **given})
    torch.testing.assert_close(SQUARE.act(straight.channels, element), turned.channels, atol=2e-3, rtol=0)


def test_an_offset_changes_nothing_and_gradients_pass():
    v = (parabola(40.0) + 100 * torch.rand(1, POINTS, POINTS)).requires_grad_()
    given = {"n_electrons": numbers(2), "coupling": numbers(10.0)}
    prior = MeanField()({"V": v, **given})
    torch.testing.assert_close(MeanField()({"V": v + 500, **given}).channels, prior.channels, atol=1e-3, rtol=0)
    (gradient,) = torch.autograd.grad(prior.starts["energy"].sum(), v)
    assert gradient.isfinite().all() and gradient.abs().sum() > 0


def test_finer_points_have_the_same_mean_field():
    """A field of 64 points is averaged; the density on 64 points is that of 32, resolved."""
    fine = torch.nn.functional.interpolate(parabola(50.0)[None], scale_factor=2, mode="nearest")[0]
    given = {"n_electrons": numbers(2), "coupling": numbers(10.0)}
    small, large = MeanField()({"V": parabola(50.0), **given}), MeanField()({"V": fine, **given})
    shares = [prior.starts["n_int"][:, 0].exp() for prior in (small, large)]
    coarse = 4 * torch.nn.functional.avg_pool2d(shares[1] / shares[1].sum(), 2)
    assert (coarse - shares[0] / shares[0].sum()).abs().sum() < 0.02
    torch.testing.assert_close(large.starts["energy"], small.starts["energy"])


def test_the_repulsion_is_that_of_every_pair_of_cells():
    """Against a sum over all pairs: Coulomb between cells, the mean of 1 / r in one cell."""
    n, coupling = 8, 20.0
    share, effective, _ = mean_field(torch.zeros(1, n, n), numbers(2), numbers(coupling), 600)
    x = (np.arange(n) + 0.5) / n
    points = np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 2)
    r = np.linalg.norm(points[:, None] - points, axis=-1)
    np.fill_diagonal(r, 1 / (4 * math.log(1 + math.sqrt(2)) * n))
    expected = (coupling / r @ share.numpy().ravel()).reshape(n, n)
    np.testing.assert_allclose(effective[0].numpy(), expected - expected.min(), atol=0.02 * np.ptp(expected))


@pytest.mark.parametrize(("m", "n"), [(64, 32), (64, 24), (50, 32), (33, 32)])
def test_means_and_interpolation_are_those_of_torch(m, n):
    f = torch.rand(2, m, m, dtype=torch.float64, generator=torch.Generator().manual_seed(m))
    means = torch.nn.functional.adaptive_avg_pool2d(f, n)
    torch.testing.assert_close(averaged(f, n), means, rtol=0, atol=1e-13)
    large = torch.nn.functional.interpolate(means[:, None], size=(m, m), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(resized(means, m), large, rtol=0, atol=1e-13)
    assert averaged(f, m) is f and resized(f, m) is f


@pytest.mark.parametrize("name", [name for name, prior in PRIORS.items() if "coupling" in prior.needs])
def test_every_prior_finds_hartree_fock(name):
    v, given = parabola(100.0), {"n_electrons": numbers(2), "coupling": numbers(10.0)}
    prior = PRIORS[name]({"V": torch.nn.functional.interpolate(v[None], size=64, mode="bilinear")[0], **given})
    assert prior.starts["energy"].exp().item() == pytest.approx(316.26, rel=0.03)


def test_the_coarse_mean_field_is_close_to_the_other():
    generator = torch.Generator().manual_seed(2)
    waves = torch.cos(math.pi * torch.arange(4)[:, None] * (torch.arange(64) + 0.5) / 64)
    v = 60 * torch.einsum("bij,ix,jy->bxy", torch.randn(6, 4, 4, generator=generator), waves, waves)
    given = {"V": v, "n_electrons": numbers(*range(1, 7)), "coupling": numbers(1, 3, 10, 3, 1, 10)}
    fine, coarse = (PRIORS[name](given).starts["n_int"][:, 0].exp() for name in ("mean_field", "coarse_mean_field"))
    fine, coarse = (share / share.sum((1, 2), keepdim=True) for share in (fine, coarse))
    assert (fine - coarse).abs().sum((1, 2)).max() < 0.12
