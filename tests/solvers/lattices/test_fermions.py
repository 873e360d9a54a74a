"""Rings of fermions against Jordan-Wigner matrices, single particles, symmetries, limits and QuSpin."""

import json
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from solvers.lattices import (
    chemical_potentials,
    crossings,
    fermion_maps,
    fermions,
    ground_energies,
    ground_states,
)
from solvers.lattices.fock_space import sector

STORED = json.loads(Path(__file__).with_name("quspin.json").read_text())
MAPS = ("density", "neighbour_correlator", "coherence", "current_correlator")


def random_rings(rings, sites, strength=3.0, seed=0):
    return np.random.default_rng(seed).uniform(0, strength, (rings, sites))


def annihilators(sites):
    """c_i as dense matrices of the whole Fock space, products of Pauli matrices (Jordan and Wigner 1928)."""
    z, lower = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [0.0, 0.0]])
    strings = [[z] * i + [lower] + [np.eye(2)] * (sites - i - 1) for i in range(sites)]
    return [reduce(np.kron, string) for string in strings]


def whole_space(V, U):
    """H, N and the operators of all maps, from products of c_i alone."""
    sites = len(V)
    c = annihilators(sites)
    n = [a.T @ a for a in c]
    c, n = c + c[:2], n + n[:2]
    hop = [c[i].T @ c[i + 1] for i in range(sites + 1)]
    H = sum(-(hop[i] + hop[i].T) + U * n[i] @ n[i + 1] + V[i] * n[i] for i in range(sites))
    current = [1j * (h - h.T) for h in hop]
    return H, n[:sites], hop, current


@pytest.mark.parametrize("U", [2.0, -0.7])
def test_all_sectors_are_those_of_the_whole_fock_space(U):
    """Energies, gaps and maps of every N, from matrices of 64 states that are built in another way."""
    V = random_rings(1, 6)[0]
    H, n, hop, current = whole_space(V, U)
    particles = np.diag(sum(n)).round().astype(int)
    energies = ground_energies(V[None], U)[0]
    for N in range(7):
        inside = np.flatnonzero(particles == N)
        levels, vectors = np.linalg.eigh(H[np.ix_(inside, inside)])
        psi = np.zeros(64)
        psi[inside] = vectors[:, 0]
        found = ground_states(V[None], U, N)
        assert energies[N] == pytest.approx(levels[0], abs=1e-9) == found.energy[0]
        assert found.gap[0] == pytest.approx(levels[1] - levels[0], abs=1e-8) if len(levels) > 1 else True
        maps = {name: values[0] for name, values in fermion_maps(found).items()}
        density = np.array([psi @ a @ psi for a in n])
        bonds = np.array([psi @ n[i] @ n[(i + 1) % 6] @ psi - density[i] * density[(i + 1) % 6] for i in range(6)])
        coherence = np.array([psi @ h @ psi for h in hop[:6]])
        currents = np.array([psi @ current[i - 1] @ current[i] @ psi for i in range(1, 7)])
        assert np.abs(currents.imag).max() < 1e-10
        assert max(abs(psi @ j @ psi) for j in current) < 1e-10, "a real state has no current"
        np.testing.assert_allclose(maps["density"], density, atol=1e-7)
        np.testing.assert_allclose(maps["neighbour_correlator"], (bonds + np.roll(bonds, 1)) / 2, atol=1e-7)
        np.testing.assert_allclose(maps["coherence"], (coherence + np.roll(coherence, 1)) / 2, atol=1e-7)
        np.testing.assert_allclose(np.roll(maps["current_correlator"], -1), currents.real, atol=1e-7)


@pytest.mark.parametrize("sites", [9, 10])
def test_free_fermions_fill_the_levels_of_one(sites):
    """Of a periodic ring, for even and odd N; a wrong sign at the edge changes every even one."""
    V = random_rings(3, sites)
    one = np.stack([np.diag(v) for v in V])
    here = np.arange(sites)
    one[:, here, here - 1] -= 1
    one[:, here - 1, here] -= 1
    levels, orbitals = np.linalg.eigh(one)
    filled = np.concatenate([np.zeros((3, 1)), np.cumsum(levels, axis=1)], axis=1)
    np.testing.assert_allclose(ground_energies(V, 0.0), filled, atol=1e-8)
    for N in (3, 4):
        maps = fermion_maps(ground_states(V, 0.0, N))
        matrix = orbitals[:, :, :N] @ orbitals[:, :, :N].swapaxes(1, 2)
        density, bond = matrix[:, here, here], matrix[:, here, (here + 1) % sites]
        np.testing.assert_allclose(maps["density"], density, atol=1e-6)
        np.testing.assert_allclose(maps["coherence"], (bond + np.roll(bond, 1, 1)) / 2, atol=1e-6)
        wick = (-(bond**2) - np.roll(bond, 1, 1) ** 2) / 2  # <n_i n_j> - <n_i><n_j> of a determinant
        np.testing.assert_allclose(maps["neighbour_correlator"], wick, atol=1e-6)


@pytest.mark.parametrize("case", STORED, ids=lambda case: f"L={len(case['V'])}, U={case['U']:g}")
def test_rings_are_those_of_quspin(case):
    V = np.array([case["V"]])
    energies = ground_energies(V, case["U"])[0]
    for n, ring in case["rings"].items():
        states = ground_states(V, case["U"], int(n))
        assert energies[int(n)] == pytest.approx(ring["energy"], abs=1e-8)
        assert states.gap[0] == pytest.approx(ring["gap"], abs=1e-7)
        maps = fermion_maps(states)
        for name in MAPS[:3]:
            np.testing.assert_allclose(maps[name][0], ring[name], atol=2e-6)


def test_large_sectors_are_those_of_lapack(monkeypatch):
    """The Davidson iterations of nearly degenerate and of localised rings, against whole matrices."""
    V = np.concatenate([random_rings(2, 10, 0.1), random_rings(2, 10, 9.0), np.zeros((1, 10))])
    monkeypatch.setattr(fermions, "DENSE", 20)
    iterated = [ground_states(V, 2.0, n) for n in (3, 4)]
    monkeypatch.setattr(fermions, "DENSE", 1000)
    for found, n in zip(iterated, (3, 4), strict=True):
        whole = ground_states(V, 2.0, n)
        np.testing.assert_allclose(found.energy, whole.energy, atol=1e-9)
        np.testing.assert_allclose(found.gap, whole.gap, atol=1e-7)
        assert found.degeneracy.tolist() == whole.degeneracy.tolist()
        a, b = fermion_maps(found), fermion_maps(whole)
        for name in MAPS:
            np.testing.assert_allclose(a[name], b[name], atol=1e-5)


@pytest.mark.parametrize("U", [-2.5, -4.0, -8.0])
def test_clusters_of_attracted_fermions_are_those_of_lapack(U):
    """A flat ring has a band of L nearly degenerate places of a cluster."""
    V = np.zeros((1, 12))
    energies = ground_energies(V, U)[0]
    for N in (5, 6):
        states = sector(12, N)
        matrix = np.diag(U * states.pairs.sum(1)) - states.hops.times(np.eye(states.dimension))
        levels = np.linalg.eigvalsh(matrix)
        found = ground_states(V, U, N)
        assert energies[N] == pytest.approx(levels[0], abs=1e-9) == found.energy[0]
        assert found.degeneracy[0] == (levels - levels[0] < 1e-6).sum()
        assert found.gap[0] == pytest.approx(levels[found.degeneracy[0]] - levels[0], abs=1e-8)
        np.testing.assert_allclose(fermion_maps(found)["density"], N / 12, atol=1e-6)


@pytest.mark.parametrize(("sites", "U", "N"), [(14, -2.5, 7), (14, -8.0, 7), (14, -5.0, 7), (16, -2.5, 8)])
def test_clusters_on_longer_rings_converge(sites, U, N):
    """Their states have the symmetries of the ring, and energies that obey dE / dU = <pairs> (Feynman, Hellmann)."""
    found = ground_states(np.zeros((1, sites)), U, N)
    np.testing.assert_allclose(fermion_maps(found)["density"], N / sites, atol=1e-6)
    kinetic = -2 * fermion_maps(found)["coherence"].sum()
    pairs = (fermion_maps(found)["neighbour_correlator"] + (N / sites) ** 2).sum()
    assert found.energy[0] == pytest.approx(kinetic + U * pairs, abs=1e-5)
    less = ground_states(np.zeros((1, sites)), U - 1e-3, N).energy[0]
    assert (found.energy[0] - less) / 1e-3 == pytest.approx(pairs, abs=1e-2), "dE / dU"


def test_degenerate_ground_states_are_averaged():
    """Four fermions on an even ring have momenta k and -k: the mean has the symmetries of the ring."""
    states = ground_states(np.zeros((1, 8)), 0.0, 4)
    assert states.degeneracy[0] == 2
    for values in fermion_maps(states).values():
        assert np.ptp(values) < 1e-8
    flat = fermion_maps(ground_states(np.zeros((1, 8)), 1e6 / 1e4, 8))
    np.testing.assert_allclose(flat["density"], 1)


def test_particles_and_holes():
    """c_i -> (-1)^i c+_i: V -> -V, N -> L - N, n -> 1 - n; correlators and coherences keep their values."""
    V, U, L = random_rings(2, 10), 1.3, 10
    straight, turned = ground_energies(V, U), ground_energies(-V, U)
    N = np.arange(L + 1)
    shift = V.sum(1)[:, None] + U * (L - 2 * (L - N))
    np.testing.assert_allclose(straight, turned[:, ::-1] + shift, atol=1e-8)
    a, b = fermion_maps(ground_states(V, U, 4)), fermion_maps(ground_states(-V, U, 6))
    np.testing.assert_allclose(a["density"], 1 - b["density"], atol=1e-6)
    for name in MAPS[1:]:
        np.testing.assert_allclose(a[name], b[name], atol=1e-6)


def test_maps_move_and_turn_with_the_potential():
    V = random_rings(2, 9)
    maps = fermion_maps(ground_states(V, 2.0, 4))
    for change in (lambda values: np.roll(values, 3, axis=-1), lambda values: values[..., ::-1]):
        changed = fermion_maps(ground_states(change(V), 2.0, 4))
        for name in MAPS:
            np.testing.assert_allclose(changed[name], change(maps[name]), atol=1e-6)


def test_a_strong_interaction_leaves_no_neighbours():
    """Up to half filling no two are neighbours; the energy is that of V where nothing can hop."""
    maps = fermion_maps(ground_states(random_rings(1, 8), 900.0, 3))
    pairs = (
        maps["neighbour_correlator"][0]
        + (maps["density"] * (np.roll(maps["density"], 1) + np.roll(maps["density"], -1)))[0] / 2
    )
    assert np.abs(pairs).max() < 1e-4
    V = random_rings(1, 8)
    staggered = ground_energies(V, 900.0)[0, 4]
    lowest = min(V[0, ::2].sum(), V[0, 1::2].sum())
    assert lowest - 8 / 900 * 2 < staggered < lowest
    attracted = ground_states(V, -900.0, 3).energy[0]
    triples = V[0] + np.roll(V[0], -1) + np.roll(V[0], -2)
    assert attracted == pytest.approx(triples.min() - 1800, abs=0.02)


def test_energies_of_all_numbers_are_convex_where_fermions_repel():
    """E(N + 1) - E(N) rises, so that each N is the ground state at some chemical potential."""
    V = random_rings(6, 10, 4.0)
    energies = ground_energies(V, 2.0)
    assert (np.diff(energies, 2, axis=1) > 0).all()
    low, high = crossings(V, 2.0, 4)
    np.testing.assert_allclose(low, energies[:, 4] - energies[:, 3], atol=1e-7)
    np.testing.assert_allclose(high, energies[:, 5] - energies[:, 4], atol=1e-7)
    mu = (low + high) / 2
    at_mu = energies - mu[:, None] * np.arange(11)
    assert (at_mu.argmin(1) == 4).all()
    assert (np.diff(ground_energies(np.zeros((1, 8)), -3.0), 2, axis=1) < 0).any(), "attracted fermions come together"


@pytest.mark.parametrize("U", [2.0, 0.0, -1.0, -2.0])
def test_chemical_potentials_are_those_at_which_a_number_is_the_lowest(U):
    """Against the lowest E(N) - mu N on a fine grid of mu."""
    V = random_rings(4, 8, 2.0)
    energies, mu = ground_energies(V, U), np.linspace(-8, 12, 20_001)
    lowest = (energies[:, :, None] - mu * np.arange(9)[:, None]).argmin(1)
    for N in range(9):
        low, high = chemical_potentials(V, U, N)
        for ring in range(4):
            found = mu[lowest[ring] == N]
            if len(found):
                assert low[ring] == pytest.approx(found[0], abs=2e-3) or N == 0
                assert high[ring] == pytest.approx(found[-1], abs=2e-3) or N == 8
            else:
                assert high[ring] - low[ring] < 2e-3
    assert np.isneginf(chemical_potentials(V, U, 0)[0]).all() and np.isposinf(chemical_potentials(V, U, 8)[1]).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros(8), r"potentials.*\(B, L\)"),
        (np.zeros((1, 2)), r"3 \.\.\. 20 sites"),
        (np.zeros((1, 40)), r"3 \.\.\. 20 sites"),
        (np.full((1, 8), np.nan), "finite"),
        (np.zeros((1, 8), complex), "complex"),
        (np.ma.masked_all((1, 8)), "masked"),
    ],
)
def test_bad_potentials_are_named(given, said):
    with pytest.raises(ValueError, match=said):
        ground_energies(given, 2.0)


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match="interaction"):
        ground_energies(np.zeros((1, 8)), np.inf)
    with pytest.raises(ValueError, match=r"particles.*0 \.\.\. 8"):
        ground_states(np.zeros((1, 8)), 1.0, 9)
    with pytest.raises(ValueError, match=r"particles.*0 \.\.\. 8"):
        crossings(np.zeros((1, 8)), 1.0, -1)


@pytest.mark.parametrize("n", [0, -2, "a", 1.5, True])
def test_a_number_of_states_is_whole_and_positive(n):
    with pytest.raises(ValueError, match="^n: expected a whole number of at least 1, got "):
        ground_states(np.zeros((1, 8)), 2.0, 3, n=n)


def test_maps_are_those_of_ground_states():
    with pytest.raises(ValueError, match=r"^states: expected a.* result of ground_states\(.*\), got 3"):
        fermion_maps(3)


def test_states_that_do_not_converge_are_an_error(monkeypatch):
    monkeypatch.setattr(fermions, "ITERATIONS", 2)
    with pytest.raises(ValueError, match="did not converge"):
        ground_states(random_rings(1, 12), 2.0, 6)
