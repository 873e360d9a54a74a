"""The number of particles by energies: the lowest E(N) - mu N, from particles and from holes."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from qd_pix2pix.inference.counting import counted
from qd_pix2pix.mapping.symmetry import Symmetry
from qd_pix2pix.schema import Column, Domain, Schema

SITES, U = 4, 3.0
COLUMNS = (Column("V_mu", "field", odd=True, centre=-1.0, centre_of="U"),)
DOMAIN = Domain(("x",), (SITES,), boundary="periodic", flip=True, bipartite=True)
SCHEMA = Schema("chains", "ring", COLUMNS, DOMAIN, (Column("U", "condition"),), {"U": U})
COSTS = [-1.0, 2.0, 4.0, 7.0]
"""E(N) - E(N - 1) at V = 0 of N = 1 ... 4. Holes at -V - 2 U cost as much: the first and the last have the sum 2 U."""
LEVELS, NUMBERS = [-2.0, 0.0, 3.0, 5.0, 8.0], [0.0, 1.0, 2.0, 3.0, 4.0]


def network(error=0.0, holes=True):
    """A network of maps with energies that are too high by ``error``."""

    def energies(columns):
        n, v = columns["particles"].long(), columns["V"].mean(1)
        assert (n >= 1).all() and (n < SITES).all()
        table = torch.tensor(COSTS) + error
        return {"mu_low": table[n - 1] + v, "mu_high": table[n] + v}

    schema = replace(SCHEMA, domain=replace(DOMAIN, flip=holes))
    return SimpleNamespace(
        mapping=SimpleNamespace(sources=("V_mu",)),
        symmetry=Symmetry(schema, ("V_mu",)),
        known=lambda columns, like: {"U": torch.full((len(like),), U)},
        counter=energies,
    )


def given(levels):
    return {"V_mu": -torch.tensor(levels)[:, None].repeat(1, SITES)}


@pytest.mark.parametrize("holes", [True, False])
@pytest.mark.parametrize("start", [0, 1, -1])
def test_it_is_that_of_the_lowest_energy(holes, start):
    exact = torch.tensor(NUMBERS)
    found = counted(network(holes=holes), given(LEVELS), (exact + start).clamp(0, SITES))
    assert found.tolist() == NUMBERS


def test_it_changes_by_two_at_most():
    assert counted(network(), given([8.0]), torch.tensor([1.0])).tolist() == [3.0]
    assert counted(network(), given([-2.0]), torch.tensor([4.0])).tolist() == [1.0]


def test_errors_of_particles_and_of_holes_cancel():
    """All energies too high by 0.3: below 2.3 the particles alone take N = 1, from 2 on the mean takes N = 2."""
    start, between = torch.tensor([1.0]), given([2.1])
    assert counted(network(0.3, holes=False), between, start).tolist() == [1.0]
    assert counted(network(0.3), between, start).tolist() == [2.0]
