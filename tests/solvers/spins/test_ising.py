"""Energies, levels and densities of states, compared with loops over sites and with Beale's counts."""

import numpy as np
import pytest

from solvers.spins import (
    all_configurations,
    density_of_states,
    energies,
    energy_class,
    energy_of_class,
    levels,
    magnetisation,
    random_spins,
)

COUNTS = [2, 32, 64, 424, 1728, 6688, 13568, 20524, 13568, 6688, 1728, 424, 64, 32, 2]
"""g(E) of the 4 x 4 torus (Beale, Phys. Rev. Lett. 76, 78 (1996), gives the same polynomial)."""


def energy_by_loops(spins):
    side, energy = len(spins), 0
    for x in range(side):
        for y in range(side):
            energy -= int(spins[x][y]) * (int(spins[(x + 1) % side][y]) + int(spins[x][(y + 1) % side]))
    return energy


@pytest.mark.parametrize("side", [2, 3, 4, 8, 9])
def test_energies_are_those_of_a_loop_over_bonds(side):
    spins = random_spins(np.random.default_rng(side), 20, side)
    assert energies(spins).tolist() == [energy_by_loops(s) for s in spins]
    assert energies(spins.reshape(4, 5, side, side)).tolist() == energies(spins).reshape(4, 5).tolist()
    assert energies(spins[0].astype(float)) == energies(spins[0])


@pytest.mark.parametrize("side", [2, 4, 8, 16])
def test_extremes_and_signs(side):
    up = np.ones((side, side), dtype=np.int8)
    checkerboard = 1 - 2 * (np.indices((side, side)).sum(axis=0) % 2)
    assert (energies(up), energies(checkerboard)) == (-2 * side**2, 2 * side**2)
    assert (magnetisation(up), magnetisation(-up), magnetisation(checkerboard)) == (1, -1, 0)


def test_a_flip_of_the_signs_and_shifts_keep_the_energy():
    spins = random_spins(np.random.default_rng(1), 30, 6)
    for other in (-spins, np.roll(spins, 2, axis=1), np.rot90(spins, axes=(1, 2))):
        assert (energies(other) == energies(spins)).all()


def test_every_configuration_of_four_by_four():
    every = all_configurations(4)
    assert len(np.unique(every.reshape(65536, 16), axis=0)) == 65536 and every.dtype == np.int8
    assert every[1].ravel().tolist() == [1] + 15 * [-1]
    found, counts = np.unique(energies(every), return_counts=True)
    assert found.tolist() == levels(4).tolist() and counts.tolist() == COUNTS
    assert len(levels(8)) == 63 and levels(8)[[0, 1, -1]].tolist() == [-128, -120, 128]


@pytest.mark.parametrize("side", [2, 4])
def test_density_of_states_by_magnetisation(side):
    g = density_of_states(side)
    binomial = [1]
    for k in range(side**2):
        binomial.append(binomial[-1] * (side**2 - k) // (k + 1))
    assert g.sum(axis=0).tolist() == binomial, "each number of up spins"
    assert (g == g[:, ::-1]).all() and (side == 2 or g.sum(axis=1).tolist() == COUNTS)


@pytest.mark.parametrize("side", [2, 4, 8])
def test_classes_number_the_levels(side):
    assert energy_class(levels(side), side).tolist() == list(range(side**2 - 1))
    spins = random_spins(np.random.default_rng(0), 50, side).reshape(5, 10, side, side)
    assert (energy_of_class(energy_class(energies(spins), side), side) == energies(spins)).all()


BAD = [
    (np.zeros((4, 4)), "expected spins of"),
    (np.ones((4, 4), dtype=bool), "expected spins of"),
    (np.full((4, 4), np.nan), "expected spins of"),
    (np.ones((4, 5)), "expected square lattices"),
    (np.ones(4), "expected square lattices"),
    (np.ones((3, 1, 1)), "expected square lattices"),
    ("up", "expected square lattices"),
    (np.ma.masked_all((4, 4)), "masked"),
]


@pytest.mark.parametrize(("value", "message"), BAD)
def test_what_is_no_lattice_of_spins_is_refused(value, message):
    for function in (energies, magnetisation):
        with pytest.raises(ValueError, match=f"configurations: .*{message}"):
            function(value)


@pytest.mark.parametrize("side", [0, 1, 3, 7, -2, 4.0, "4", True])
def test_odd_and_small_sides_are_refused(side):
    for function in (levels, lambda side: energy_class([0], side), lambda side: energy_of_class([0], side)):
        with pytest.raises(ValueError, match="^side: expected "):
            function(side)


def test_what_is_no_level_is_refused():
    for energy in (-28, 1, 36, 1e9, np.nan):
        with pytest.raises(ValueError, match="^energy: expected levels"):
            energy_class([0, energy], 4)
    for number in (-1, 15, 0.0):
        with pytest.raises(ValueError, match=r"^number: expected whole numbers in 0 \.\.\. 14"):
            energy_of_class(number, 4)
    for side in (3, 6, True):
        with pytest.raises(ValueError, match="^side: expected 2 or 4"):
            all_configurations(side)
