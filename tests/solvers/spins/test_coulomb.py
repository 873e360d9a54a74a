"""Energies by convolution, compared with sums over pairs and images."""

import itertools

import numpy as np
import pytest

from solvers.spins import ScreenedCoulomb, random_spins


def energy_by_pairs(spins, k, r_cut, sinusoidal):
    """Half the sum over every site of the cell and every other site of the plane within r_cut, its images included."""
    side, energy = len(spins), 0.0
    reach = range(-r_cut, r_cut + 1)
    for x, y in itertools.product(range(side), repeat=2):
        for dx, dy in itertools.product(reach, reach):
            r = np.sqrt(dx**2 + dy**2)
            if 0 < r <= r_cut:
                f = np.exp(-k * r) / r * (np.sin(r) if sinusoidal else 1)
                energy += f / 2 * spins[x, y] * spins[(x + dx) % side, (y + dy) % side]
    return energy


@pytest.mark.slow
@pytest.mark.parametrize("form", ["coulomb", "sinusoidal"])
@pytest.mark.parametrize(("side", "k", "r_cut"), [(2, 0.5, 7), (3, 0.3, 8), (4, 0.0, 9), (4, 0.5, 64), (5, 0.1, 3)])
def test_energies_are_those_of_a_sum_over_pairs_and_images(side, k, r_cut, form):
    count = 1 if r_cut == 64 else 3
    spins = random_spins(np.random.default_rng(side), count, side)
    found = ScreenedCoulomb(k, r_cut, form).energies(spins)
    expected = [energy_by_pairs(s, k, r_cut, form == "sinusoidal") for s in spins]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_images_of_a_site_add_a_constant():
    model = ScreenedCoulomb()
    spins = random_spins(np.random.default_rng(0), 5, 8)
    pairs = model.energies(spins) - 64 * model.kernel(8)[0, 0] / 2
    kernel = model.kernel(8).copy()
    kernel[0, 0] = 0
    x, y = np.divmod(np.arange(64), 8)
    matrix = kernel[(x[:, None] - x) % 8, (y[:, None] - y) % 8]
    flat = spins.reshape(5, 64).astype(float)
    np.testing.assert_allclose(pairs, np.einsum("bi,ij,bj->b", flat, matrix, flat) / 2, rtol=1e-12)
    nearest = sum(4 * np.exp(-r / 2) / r for r in (8.0, 8 * np.sqrt(2)))
    assert nearest < model.kernel(8)[0, 0] < 1.02 * nearest, "eight images around a site, and those beyond"


def test_the_checkerboard_is_the_ground_state_of_the_coulomb_form():
    model, side = ScreenedCoulomb(), 4
    from solvers.spins import all_configurations

    found = model.energies(all_configurations(side))
    checkerboard = 1 - 2 * (np.indices((side, side)).sum(axis=0) % 2)
    assert found.min() == pytest.approx(model.energies(checkerboard)) and np.sum(found < found.min() + 1e-9) == 2
    assert found.argmax() in (0, 2**16 - 1), "all parallel"


def test_fields_are_derivatives():
    model = ScreenedCoulomb(0.2, 20, "sinusoidal", coupling=-2.0)
    spins = random_spins(np.random.default_rng(0), 1, 6)[0]
    flipped = spins.copy()
    flipped[2, 3] *= -1
    change = -2 * spins[2, 3] * (model.fields(spins)[2, 3] + 2.0 * model.kernel(6)[0, 0] * spins[2, 3])
    assert model.energies(flipped) - model.energies(spins) == pytest.approx(change)


def test_distant_images_hardly_matter_with_the_default_screening():
    spins = random_spins(np.random.default_rng(0), 5, 8)
    near, far = ScreenedCoulomb(r_cut=64), ScreenedCoulomb(r_cut=96)
    np.testing.assert_allclose(near.energies(spins), far.energies(spins), atol=1e-9)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("k", {"k": -1.0}),
        ("k", {"k": np.nan}),
        ("r_cut", {"r_cut": 0}),
        ("r_cut", {"r_cut": 2.5}),
        ("form", {"form": "yukawa"}),
        ("coupling", {"coupling": "1"}),
    ],
)
def test_bad_parameters_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        ScreenedCoulomb(**options)


@pytest.mark.parametrize("value", [np.zeros((4, 4)), np.ones((4, 3)), np.ones((1, 1))])
def test_what_is_no_lattice_of_spins_is_refused(value):
    with pytest.raises(ValueError, match="^configurations: expected "):
        ScreenedCoulomb().energies(value)
    with pytest.raises(ValueError, match="^side: expected "):
        ScreenedCoulomb().kernel(1)
