"""Energies that are updated with each flip are bit for bit those of all tiles, and those of the network."""

from functools import partial

import numpy as np
import pytest
import torch
from chains import chain_card
from exact_ising import exact_ednn, exact_predictor

from qd_pix2pix.inference.tile_energy import NetworkEnergy
from qd_pix2pix.networks import EDNN, MillsCNN, ResidualUNet, Window
from qd_pix2pix.predictor import Predictor
from solvers.spins import energies, kaufman, mean_error, sample_tiles, tile_energies
from solvers.spins.tiles import UNIT

LOCAL = partial(Window, channels=(6, 5))
DEEP = partial(ResidualUNet, channels=(3,), blocks=(1,))


def ednn(trunk=LOCAL, **options):
    torch.manual_seed(0)
    network = EDNN(trunk, **options)
    for p in network.parameters():
        p.data += 0.3 * torch.randn_like(p)
    return network


def whole(network, spins):
    """Energies of the network itself, evaluated as a whole in double precision."""
    with torch.no_grad():
        return network.double()(torch.tensor(spins, dtype=torch.float64)[:, None]).sum((1, 2, 3)).numpy()


@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize(("trunk", "focus", "context", "side"), [
    (LOCAL, 1, 0, 4), (LOCAL, 1, 1, 4), (LOCAL, 1, 2, 4), (LOCAL, 1, 3, 4), (LOCAL, 2, 0, 4), (LOCAL, 2, 1, 4),
    (LOCAL, 2, 3, 6), (LOCAL, 3, 1, 6), (LOCAL, 3, 2, 6), (LOCAL, 4, 0, 4), (LOCAL, 1, 1, 2), (DEEP, 2, 2, 4),
])  # fmt: skip
def test_energies_are_those_of_all_tiles(padding, trunk, focus, context, side):
    """Recorded by flips = the sum over all tiles, in every bit; the same by tables; and that of the network."""
    network = ednn(trunk, focus=focus, context=context, padding=padding)
    energy = NetworkEnergy(network, batch=16)
    run = partial(sample_tiles, side, [0.5, 3.0], energy, chains=5, records=3, interval=2, keep=True, seed=1)
    found, other = run(table=False), run()
    assert found.energy.dtype == np.float64 and len(np.unique(found.energy)) > 3
    assert (found.energy == tile_energies(found.configurations, energy)).all()
    flat = found.configurations.reshape(-1, side, side)
    np.testing.assert_allclose(found.energy.ravel(), whole(network, flat), rtol=0, atol=UNIT * side**2)
    for name in ("energy", "magnetisation", "configurations", "last"):
        assert (getattr(found, name) == getattr(other, name)).all(), name
    assert (found.magnetisation == found.configurations.mean((-1, -2))).all()
    assert (found.last == found.configurations[..., -1, :, :]).all()


def test_equal_tiles_are_equal_in_any_batch():
    energy = NetworkEnergy(ednn(Window, context=2, padding="circular"))
    tiles = (2 * np.random.default_rng(0).integers(0, 2, (700, 5, 5)) - 1).astype(np.int8)
    found, order = energy.contributions(tiles), np.random.default_rng(1).permutation(700)
    assert (energy.contributions(tiles[order]) == found[order]).all()
    assert (energy.contributions(tiles[3:4]) == found[3]).all()


def test_only_touched_tiles_are_evaluated():
    energy = NetworkEnergy(ednn(context=2, padding="circular"))
    inner, seen = energy.contributions, []
    energy.contributions = lambda tiles: (seen.append(len(tiles)), inner(tiles))[1]
    sample_tiles(8, 2.0, energy, chains=3)
    assert seen == [64] * 3 + [3 * 25] * 64


@pytest.mark.parametrize("temperature", [1.5, 2.3, 4.0])
def test_a_network_with_exact_bonds_is_the_ising_model(temperature):
    found = sample_tiles(4, temperature, NetworkEnergy(exact_ednn()), 64, 2000, 2, burn_in=200, seed=2, keep=True)
    assert (found.energy == energies(found.configurations)).all()
    exact = kaufman(4, temperature)
    mean, error = mean_error(found.energy)
    square, square_error = mean_error((found.energy - 16 * exact.energy) ** 2)
    assert abs(mean - 16 * exact.energy) < 4 * error
    assert abs(square - 16 * temperature**2 * exact.heat_capacity) < 4 * square_error


def test_a_predictor_gives_joules_of_bonds():
    """Weights for 8 x 8 sites give the energies of another lattice, and chains do not depend on one another."""
    energy = NetworkEnergy(exact_predictor()[0])
    found = sample_tiles(6, [2.0, 2.5], energy, chains=4, records=2, keep=True, threads=2)
    assert (found.energy == energies(found.configurations)).all()
    alone = sample_tiles(6, 2.0, energy, chains=1, records=2, start=found.configurations[0, 0, 0])
    done = []
    more = sample_tiles(6, 2.0, energy, 3, 2, start=found.configurations[0, 0, 0], progress=done.append)
    assert (alone.energy[0] == more.energy[0]).all() and alone.last.shape == (1, 6, 6) and sum(done) == 3 * 2 * 36


def test_zero_beyond_the_edge_is_zero_in_the_network():
    """A field whose range in training is not symmetric is scaled before it is padded."""
    predictor, card = exact_predictor()
    card.network["padding"] = "zeros"
    torch.manual_seed(3)
    predictor = Predictor(card).eval()
    predictor.ranges["spins"] = predictor.ranges["spins"]._replace(high=2.0)
    energy = NetworkEnergy(predictor)
    found = sample_tiles(4, 2.0, energy, chains=6)
    with torch.no_grad():
        expected = predictor.double()({"spins": torch.tensor(found.last, dtype=torch.float64)})["energy"].numpy()
    np.testing.assert_allclose(found.energy[:, 0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("network", "match"), [
    (lambda: MillsCNN(shape=(8, 8)), "expected an EDNN.*got MillsCNN, which would be evaluated as a whole"),
    (lambda: Predictor(chain_card(target="energy")), "got ResidualUNet.*Train with network=ednn"),
    (lambda: ednn(out_channels=2), "one channel in and out, got 1 in and 2 out"),
    (lambda: ednn(dims=1), "two dimensions, got 1"),
])  # fmt: skip
def test_networks_without_tiles_of_energy_are_named(network, match):
    with pytest.raises(ValueError, match=match):
        NetworkEnergy(network())


@pytest.mark.parametrize(("call", "match"), [
    (lambda: NetworkEnergy(ednn(), {"T": 1.0}), "conditions: expected values of none.*got T"),
    (lambda: NetworkEnergy(ednn(), batch=0), "batch"),
    (lambda: sample_tiles(8, 2.0, ednn(padding="circular")), "energy: expected a sum.* with periodic, got EDNN"),
    (lambda: sample_tiles(8, 2.0, NetworkEnergy(ednn(focus=3))), "side: expected a multiple of the focus 3.*got 8"),
    (lambda: sample_tiles(7, 2.0, NetworkEnergy(ednn())), "side: expected an even number"),
    (lambda: sample_tiles(2, 2.0, NetworkEnergy(ednn(context=3, padding="circular"))), "at least the context 3"),
    (lambda: sample_tiles(8, 0.0, NetworkEnergy(ednn())), "temperature"),
    (lambda: sample_tiles(8, 2.0, NetworkEnergy(ednn()), table=1), "table"),
    (lambda: tile_energies(np.ones((4, 4)), NetworkEnergy(nan())), "contributions of tiles below .* got nan J"),
])  # fmt: skip
def test_bad_arguments_are_named(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def nan():
    network = ednn()
    network.trunk.layers[0].weight.data[0, 0] = torch.nan
    return network
