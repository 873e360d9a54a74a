"""Two-point functions against sums by hand, the energy, and symmetry."""

import numpy as np
import pytest

from solvers.spins import along_axes, energies, magnetisation, radial, random_spins, two_point


@pytest.mark.parametrize("side", [2, 5, 8])
def test_it_is_the_mean_over_pairs_of_sites(side):
    spins = random_spins(np.random.default_rng(0), 3, side)
    found = two_point(spins)
    for dx in range(side):
        for dy in range(side):
            pairs = [
                spins[:, x, y].astype(int) * spins[:, (x + dx) % side, (y + dy) % side]
                for x in range(side)
                for y in range(side)
            ]
            assert (found[:, dx, dy] == np.mean(pairs, axis=0)).all()


def test_nearest_neighbours_have_the_energy():
    spins = random_spins(np.random.default_rng(1), 40, 16).reshape(4, 10, 16, 16)
    nearest = along_axes(two_point(spins))[..., 1]
    assert (nearest == -energies(spins) / (2 * 256)).all()
    distance, g = radial(two_point(spins))
    assert distance[:4].tolist() == [0, 1, 2**0.5, 2] and g.shape == (4, 10, len(distance))
    np.testing.assert_allclose(g[..., 1], nearest, atol=1e-14)


def test_connected_functions_have_no_sum():
    spins = random_spins(np.random.default_rng(2), 5, 6)
    np.testing.assert_allclose(two_point(spins, connected=True).sum(axis=(1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(two_point(spins).mean(axis=(1, 2)), magnetisation(spins) ** 2)


def test_stripes_by_hand():
    stripes = np.repeat([[1] * 4, [1] * 4, [-1] * 4, [-1] * 4], 1, axis=0)  # two rows up, two rows down
    found = two_point(stripes)
    assert found.tolist() == [[1] * 4, [0] * 4, [-1] * 4, [0] * 4]
    assert along_axes(found).tolist() == [1, 0.5, 0]
    distance, g = radial(found)
    np.testing.assert_allclose(distance**2, [0, 1, 2, 4, 5, 8])
    np.testing.assert_allclose(g, [1, 0.5, 0, 0, -0.5, -1])


def test_parts_do_not_change_the_result(monkeypatch):
    spins = random_spins(np.random.default_rng(3), 7, 6)
    whole = two_point(spins)
    monkeypatch.setattr("solvers.spins.correlations.PART", 80)
    assert (two_point(spins) == whole).all()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="^configurations: expected spins of"):
        two_point(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="^connected: expected"):
        two_point(np.ones((4, 4)), connected=1)
    for function in (along_axes, radial):
        with pytest.raises(ValueError, match="^correlation: expected"):
            function(np.ones((4, 5)))
