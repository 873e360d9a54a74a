"""A network whose energy is that of the Ising model, with weights from the identity a b = |a + b| - 1 for signs."""

from functools import partial

import torch

from qd_pix2pix.networks import EDNN, Window
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.systems.spins import Ising
from solvers.spins import RandomSpins

NETWORK = {"class": "EDNN", "trunk": {"class": "Window", "channels": [4]}}


def exact_ednn():
    """C_t = -s_0 (s_right + s_below)."""
    return with_bonds(EDNN(partial(Window, channels=(4,)), padding="circular"), 1.0)


def with_bonds(network, scale):
    """The network with contributions ``scale`` (2 - |s_0 + s_right| - |s_0 + s_below|)."""
    first, last = network.trunk.layers
    with torch.no_grad():
        for p in network.parameters():
            p.zero_()
        for row, (place, sign) in enumerate([(5, 1), (5, -1), (7, 1), (7, -1)]):
            first.weight[row, [4, place]] = sign  # the middle of 3 x 3 sites, and its neighbour
        last.weight[:], last.bias[:] = -scale, 2 * scale
    return network


def exact_predictor():
    """A predictor of energies in J, of 8 x 8 sites in training, and its card."""
    schema = Ising(side=8, ensemble=RandomSpins(), train=1, val=1, test=1, seed=0, shard_size=1).schema
    spins = {"min": -1.0, "max": 1.0, "mean": 0.0, "sample_mean_min": -1.0, "sample_mean_max": 1.0}
    statistics = {"spins": spins, "energy": {"min": -128.0, "max": 128.0}}
    mapping = {"source": "spins", "target": "energy", "also": []}
    card = Card([schema.to_dict()], mapping, dict(NETWORK), {}, False, statistics)
    predictor = Predictor(card)
    with_bonds(predictor.network, 0.5)  # E = 128 C / 64 sites
    return predictor.eval(), card
