"""Lengths of geometric strings are those of an explicit tree; holes move as strings do."""

import numpy as np
import pytest

from solvers.spins import add_holes, exact_heisenberg, string_lengths, string_potential, undoped_correlations

NUMBERS = {"tension": 0.8, "attraction": -0.36, "hopping": 2.025}


def tree(depth):
    """Depth of each node (n,) of a Cayley tree with z = 4, and its adjacency (n, n)."""
    depths, edges, last = [0], [], [0]
    for level in range(1, depth + 1):
        new = []
        for node in last:
            for _ in range(4 if level == 1 else 3):
                edges.append((node, len(depths)))
                new.append(len(depths))
                depths.append(level)
        last = new
    adjacency = np.zeros((len(depths), len(depths)))
    for a, b in edges:
        adjacency[a, b] = adjacency[b, a] = 1
    return np.array(depths), adjacency


@pytest.mark.parametrize("temperature", [0.1, 0.65, 3.0])
def test_lengths_are_those_of_all_nodes_of_a_tree(temperature):
    depths, adjacency = tree(5)
    assert len(depths) == 1 + 4 * (1 + 3 + 9 + 27 + 81)
    potential = NUMBERS["tension"] * depths + NUMBERS["attraction"] * (depths == 0)
    energies, vectors = np.linalg.eigh(np.diag(potential) + NUMBERS["hopping"] * adjacency)
    boltzmann = np.exp(-(energies - energies[0]) / temperature)
    density = vectors**2 @ boltzmann
    expected = np.bincount(depths, density) / density.sum()
    found = string_lengths(**NUMBERS, temperature=temperature, sectors="all", longest=5)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    # states with equal amplitudes at equal depth: the projector sums over the normalised shells of the tree
    shells = np.array([(depths == level) / np.sqrt((depths == level).sum()) for level in range(6)])
    radial = shells @ np.diag(potential) @ shells.T + NUMBERS["hopping"] * shells @ adjacency @ shells.T
    levels, states = np.linalg.eigh(radial)
    density = states**2 @ np.exp(-(levels - levels[0]) / temperature)
    found = string_lengths(**NUMBERS, temperature=temperature, sectors="radial", longest=5)
    np.testing.assert_allclose(found, density / density.sum(), rtol=1e-10)


def test_cold_strings_are_those_of_the_lowest_state_of_the_tree():
    depths, adjacency = tree(5)
    potential = NUMBERS["tension"] * depths + NUMBERS["attraction"] * (depths == 0)
    state = np.linalg.eigh(np.diag(potential) + NUMBERS["hopping"] * adjacency)[1][:, 0]
    for sectors in ("radial", "all"):
        found = string_lengths(**NUMBERS, temperature=0.01, sectors=sectors, longest=5)
        np.testing.assert_allclose(found, np.bincount(depths, state**2), rtol=1e-9)


def test_radial_lengths_do_not_depend_on_the_depth_and_all_of_them_do_above_the_critical_tension():
    short, long = (string_lengths(**NUMBERS, temperature=0.65, longest=n) for n in (15, 60))
    np.testing.assert_allclose(short, long[:16], atol=1e-5)
    hot = {"temperature": NUMBERS["tension"] / np.log(3) * 1.1, "sectors": "all"}
    means = [np.arange(n + 1) @ string_lengths(**NUMBERS, **hot, longest=n) for n in (15, 60)]
    assert means[1] > 3 * means[0]


def test_the_potential_is_that_of_bonds_along_a_straight_string():
    """Energies of a frozen lattice with a hole that has moved l sites, bond by bond, with correlations by distance."""
    nearest, diagonal, second = -0.26, 0.13, 0.09
    by_distance = {1: nearest, 2: diagonal, 4: second}
    tension, attraction = string_potential(nearest, diagonal, second)
    energies = []
    for length in range(5):
        origin = {(x, y): (x, y) for x in range(-3, 9) for y in range(-3, 4)}  # place: the place where its spin was
        for x in range(length):
            origin[x, 0] = (x + 1, 0)
        del origin[length, 0]
        total = 0.0
        for (x, y), a in origin.items():
            for place in ((x + 1, y), (x, y + 1)):
                if place in origin:
                    b = origin[place]
                    total += by_distance[(a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2]
        energies.append(total)
    steps = [tension * n + attraction * (n == 0) for n in range(5)]
    np.testing.assert_allclose(np.diff(energies), np.diff(steps), atol=1e-12)


def test_a_hole_that_moves_one_site_exchanges_its_place_with_a_spin():
    rng = np.random.default_rng(0)
    before = rng.choice(np.array([-1, 1], np.int8), (50, 6, 6))
    sprinkled = add_holes(before, np.ones(50), [1.0], seed=1)
    moved = add_holes(before, np.ones(50), [0.0, 1.0], seed=1)  # the same first site
    for old, still, new in zip(before, sprinkled, moved, strict=True):
        (origin,), (end,) = np.argwhere(still == 0), np.argwhere(new == 0)
        assert sorted(np.minimum((end - origin) % 6, (origin - end) % 6)) == [0, 1]
        assert new[tuple(origin)] == old[tuple(end)]
        same = np.ones((6, 6), bool)
        same[tuple(origin)] = same[tuple(end)] = False
        assert (new[same] == old[same]).all() and (still[same] == old[same]).all()


def test_paths_do_not_return_and_all_their_directions_are_equally_likely():
    before = np.ones((6000, 8, 8), np.int8)
    ends = {}
    for length in (1, 2):
        p = np.eye(3)[length]
        starts = np.argwhere(add_holes(before, np.ones(6000), [1.0], seed=2) == 0)[:, 1:]
        stops = np.argwhere(add_holes(before, np.ones(6000), p, seed=2) == 0)[:, 1:]
        found, counts = np.unique((stops - starts + 4) % 8 - 4, axis=0, return_counts=True)
        ends[length] = {tuple(map(int, d)): int(n) for d, n in zip(found, counts, strict=True)}
    assert ends[1].keys() == {(0, 1), (1, 0), (0, -1), (-1, 0)}
    assert all(abs(n - 1500) < 5 * 1500**0.5 for n in ends[1].values())
    assert (0, 0) not in ends[2] and len(ends[2]) == 8
    for (x, y), n in ends[2].items():  # two paths of 12 lead to a diagonal neighbour, one to a site at distance 2
        assert abs(n - (1000 if x * y else 500)) < 5 * 1000**0.5


def test_lengths_are_drawn_from_their_distribution():
    """By the final distance: 3 or, round a square, 1 for three steps."""
    before = np.ones((8000, 16, 16), np.int8)
    p = [0.5, 0.2, 0.0, 0.3]
    starts = np.argwhere(add_holes(before, np.ones(8000), [1.0], seed=4) == 0)[:, 1:]
    stops = np.argwhere(add_holes(before, np.ones(8000), p, seed=4) == 0)[:, 1:]
    distance = np.abs((stops - starts + 8) % 16 - 8).sum(1)
    assert abs((distance == 0).mean() - 0.5) < 0.03
    three = (distance == 3).mean() + (distance == 1).mean() - 0.2
    assert abs(three - 0.3) < 0.03 and not (distance == 2).any()


def test_numbers_of_holes_are_those_asked_for_up_to_a_full_lattice():
    spins = np.random.default_rng(1).choice(np.array([-1, 1], np.int8), (20, 4, 4))
    holes = np.arange(20) % 17
    for p in ([1.0], [0.2, 0.3, 0.5]):
        found = add_holes(spins, holes, p, seed=3)
        assert ((found == 0).sum((1, 2)) == holes).all() and set(np.unique(found)) <= {-1, 0, 1}
    assert (spins != 0).all(), "the given snapshots are not changed"
    assert (add_holes(spins, holes.astype(float), p, seed=3) == found).all(), "whole numbers of any type"
    alone = add_holes(spins[5:6], holes[5:6], [0.2, 0.3, 0.5], seed=3, first=5)
    assert (alone[0] == found[5]).all()


def test_correlations_of_the_undoped_lattice_are_exact():
    exact = 3 * exact_heisenberg(2, 0.65).correlations
    found = undoped_correlations(2, 0.65)
    np.testing.assert_allclose(found, [exact[0, 1], exact[1, 1], exact[0, 0]], atol=0.01)  # two steps lead back


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("nearest", lambda: string_potential(-1.0, 0.1, 0.1)),
        ("tension", lambda: string_lengths(-1.0, 0.0, 2.0, 0.65)),
        ("sectors", lambda: string_lengths(1.0, 0.0, 2.0, 0.65, "some")),
        ("longest", lambda: string_lengths(1.0, 0.0, 2.0, 0.65, longest=0)),
        ("snapshots", lambda: add_holes(np.zeros((1, 4, 4)), [1], [1.0], 0)),
        ("snapshots", lambda: add_holes(np.ones((4, 4)), [1], [1.0], 0)),
        ("holes", lambda: add_holes(np.ones((1, 4, 4)), [17], [1.0], 0)),
        ("holes", lambda: add_holes(np.ones((2, 4, 4)), [1.9, 2.9], [1.0], 0)),
        ("lengths", lambda: add_holes(np.ones((1, 4, 4)), [1], [0.5], 0)),
        ("lengths", lambda: add_holes(np.ones((1, 4, 4)), [1], "a", 0)),
        ("lengths", lambda: add_holes(np.ones((1, 4, 4)), [1], [1.5, -0.5], 0)),
        ("seed", lambda: add_holes(np.ones((1, 4, 4)), [1], [1.0], -1)),
    ],
)
def test_bad_arguments_are_refused(name, call):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        call()
