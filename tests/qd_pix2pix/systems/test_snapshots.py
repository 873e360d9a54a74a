"""Snapshots as a system: chains per shard, dopings by intervals, strings that differ from sprinkled holes."""

import numpy as np
import pytest

from qd_pix2pix.inference.inputs import check_values
from qd_pix2pix.systems import Snapshots
from solvers.spins import add_holes, sample_heisenberg

SIZES = {"seed": 3, "train": 9, "val": 3, "test": 3, "shard_size": 4}
DEFAULTS = {"side": 6, "temperature": 0.65, "holes": "strings", "hopping": 2.025, "sectors": "radial", "longest": 20}
DEFAULTS |= {"dopings": [[0.0, 0.3]], "t_corr": 10, "burn_in": 200}


def snapshots(**changes):
    return Snapshots(**SIZES | DEFAULTS | changes)


def test_a_shard_is_one_chain_with_holes():
    recipe = snapshots(holes="sprinkled")
    columns = recipe.columns("val", range(4, 8))
    rng = recipe.random("val", 1)
    seeds, holes = rng.integers(2**63, size=2), rng.choice(recipe.counts, 4)
    chain = sample_heisenberg(6, 0.65, 1, 4, 10, 200, int(seeds[0])).configurations[0]
    np.testing.assert_array_equal(columns["occupation"], add_holes(chain, holes, [1.0], int(seeds[1])))
    np.testing.assert_array_equal(columns["doping"], holes / 36)
    kept = columns["occupation"] != 0
    assert (columns["occupation"][kept] == chain[kept]).all(), "sprinkled holes displace nothing"
    across = recipe.columns("val", range(2, 7))["occupation"]
    np.testing.assert_array_equal(across[2:], columns["occupation"][:3])


def test_dopings_are_all_numbers_of_holes_in_the_intervals():
    assert snapshots(dopings=[[0.0, 0.09], [0.23, 0.3]]).counts.tolist() == [0, 1, 2, 3, 9, 10]
    assert snapshots(dopings=[0.0, 0.1, 0.25]).counts.tolist() == [0, 4, 9]
    assert snapshots(dopings=[[0.25, 0.25], 0.25]).counts.tolist() == [9]
    drawn = snapshots(dopings=[[0.0, 0.09], 0.25], train=400, shard_size=400, side=4, burn_in=50)
    counts = np.unique(np.round(16 * drawn.columns("train", range(400))["doping"]), return_counts=True)
    assert counts[0].tolist() == [0, 1, 4] and (np.abs(counts[1] - 400 / 3) < 45).all()


def neighbours(occupation):
    spins = occupation.astype(float)
    return np.mean([(spins * np.roll(spins, 1, axis)).mean() for axis in (1, 2)])


def test_strings_hide_more_correlations_than_sprinkled_holes():
    sizes = {"train": 300, "shard_size": 300, "side": 8, "dopings": [0.2], "t_corr": 5}
    undoped, sprinkled, strings = (
        neighbours(snapshots(**sizes | change).columns("train", range(300))["occupation"])
        for change in ({"dopings": [0.0]}, {"holes": "sprinkled"}, {"holes": "strings"})
    )
    pairs = (51 / 64) * (50 / 63)  # probability that both sites are occupied; 13 of 64 are holes
    assert sprinkled == pytest.approx(pairs * undoped, rel=0.1)
    assert abs(strings) < 0.7 * abs(sprinkled)


def test_lengths_follow_from_the_undoped_lattice():
    assert snapshots(holes="sprinkled").lengths.tolist() == [1.0]
    p = snapshots().lengths
    assert len(p) == 21 and p.sum() == pytest.approx(1) and 1.0 < p @ np.arange(21) < 1.6
    assert snapshots(sectors="all").lengths @ np.arange(21) > 3


def test_correlated_snapshots_are_refused_before_generation():
    snapshots().rehearse()
    with pytest.raises(ValueError, match="^data.t_corr: expected at least .* sweeps"):
        snapshots(t_corr=1).rehearse()


def test_values_that_do_not_occur_are_named():
    with pytest.raises(ValueError, match="occupation of -1, 0 and 1 only, got 2"):
        check_values(snapshots().schema["occupation"], np.array([0, 2]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": 5}, "data.side: expected an even number"),
        ({"temperature": 0.0}, "data.temperature: expected"),
        ({"holes": "none"}, "data.holes: expected one of strings, sprinkled"),
        ({"hopping": 0.0}, "data.hopping: expected"),
        ({"sectors": "some"}, "data.sectors: expected"),
        ({"longest": 0}, "data.longest: expected"),
        ({"dopings": []}, "data.dopings: expected a multiple of 1 / 36"),
        ({"dopings": [[0.01, 0.02]]}, "data.dopings: expected a multiple of 1 / 36"),
        ({"dopings": 0.1}, "data.dopings: expected numbers or pairs"),
        ({"dopings": [[0.2, 0.1]]}, "data.dopings: expected numbers or pairs"),
        ({"dopings": [0.9]}, "data.dopings: expected numbers or pairs"),
        ({"t_corr": 0}, "data.t_corr: expected"),
        ({"burn_in": -1}, "data.burn_in: expected"),
    ],
)
def test_bad_settings_get_one_clear_error(change, message):
    with pytest.raises(ValueError, match=message):
        snapshots(**change)
