"""Measures of generated configurations, by hand and against independent packages."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, wasserstein_distance

from qd_pix2pix.evaluation.generated import auroc, diversity, nearest_neighbours, seam, wasserstein
from solvers.spins import random_spins

RNG = np.random.default_rng


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 5), (40, 17)])
def test_wasserstein_is_that_of_scipy(n, m):
    a, b = RNG(n).normal(size=n), RNG(m).integers(-2, 3, size=m)
    assert wasserstein(a, b) == pytest.approx(wasserstein_distance(a, b), rel=1e-12)
    assert wasserstein(a, b) == wasserstein(b, a) and wasserstein(a, a) == 0


def test_wasserstein_by_hand():
    assert wasserstein([0, 1, 3], [5, 6, 8]) == 5
    assert wasserstein([0, 0], [0, 1, 1, 0]) == 0.5


def test_auroc_by_hand_and_by_ranks():
    assert auroc([2, 3], [0, 1]) == 1 and auroc([0, 1], [2, 3]) == 0 and auroc([1, 1], [1]) == 0.5
    assert auroc([1, 3], [2, 0]) == 0.75
    high, low = RNG(0).integers(0, 20, size=60), RNG(1).integers(-3, 17, size=41)
    assert auroc(high, low) == pytest.approx(mannwhitneyu(high, low).statistic / (60 * 41), rel=1e-12)


def test_auroc_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    high, low = RNG(0).normal(0.5, size=60).round(1), RNG(1).normal(size=41).round(1)
    expected = metrics.roc_auc_score([1] * 60 + [0] * 41, np.concatenate([high, low]))
    assert auroc(high, low) == pytest.approx(expected, rel=1e-12)


def copies(spins):
    """All symmetric copies of a lattice (L, L), one by one."""
    for turned in (np.rot90(m, k) for m in (spins, spins.T) for k in range(4)):
        for x in range(len(spins)):
            for y in range(len(spins)):
                yield from (np.roll(turned, (x, y), (0, 1)), -np.roll(turned, (x, y), (0, 1)))


def test_nearest_neighbours_are_those_of_all_copies(monkeypatch):
    monkeypatch.setattr("qd_pix2pix.evaluation.generated.PART", 4)
    generated, training = random_spins(RNG(0), 6, 5), random_spins(RNG(1), 9, 5)
    training[7] = np.roll(-np.rot90(generated[2]).T, (1, 3), (0, 1))
    expected = [min((copy != t).mean() for copy in copies(g) for t in training) for g in generated]
    found = nearest_neighbours(generated, training)
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert found[2] == 0 and (found > 0).sum() == 5


def test_neighbours_without_translations_or_flips():
    base = np.where(RNG(2).random((6, 6)) < 0.3, 1, -1)
    changed = np.rot90(base).copy()
    changed[0, 0] *= -1
    assert nearest_neighbours(changed[None], base[None], translations=False)[0] == pytest.approx(1 / 36)
    shifted = np.roll(changed, 2, axis=0)[None]
    assert nearest_neighbours(shifted, base[None])[0] == pytest.approx(1 / 36)
    assert nearest_neighbours(shifted, base[None], translations=False)[0] > 0.1
    assert nearest_neighbours(-shifted, base[None])[0] == pytest.approx(1 / 36)
    assert nearest_neighbours(-shifted, base[None], flip=False)[0] > 0.1


def test_diversity_is_the_mean_over_pairs():
    samples, reference = random_spins(RNG(3), 7, 4), random_spins(RNG(4), 30, 4)
    samples[3] = samples[5] = samples[0]
    found = diversity(samples, reference)
    pairs = [(a != b).mean() for i, a in enumerate(samples) for b in samples[:i]]
    assert found.distance == pytest.approx(np.mean(pairs)) and found.duplicates == 2
    assert found.ratio == pytest.approx(found.distance / found.reference) and found.distance < found.reference
    assert diversity(np.repeat(samples[:1], 4, axis=0), reference).ratio == 0


def test_errors_of_the_diversity_cover_its_scatter():
    """Independent spins of mean m: the mean distance is (1 - m^2) / 2."""
    m, rng = 0.4, RNG(5)
    sets = [np.where(rng.random((40, 6, 6)) < (1 + m) / 2, 1, -1) for _ in range(300)]
    found = [diversity(spins, sets[0]) for spins in sets]
    distance, error = np.mean([f.distance for f in found]), np.std([f.distance for f in found])
    assert distance == pytest.approx((1 - m**2) / 2, abs=4 * error / 300**0.5)
    assert np.mean([f.error for f in found]) == pytest.approx(error, rel=0.15)


def test_a_seam_by_hand():
    up, striped = np.ones((4, 4)), np.repeat([[1.0], [1.0], [-1.0], [-1.0]], 4, axis=1)
    found = seam([up, striped])
    # stripes: 4 of the 8 bonds across the boundary, and 4 of the 24 inside, are antiparallel
    assert found.across == -0.5 and found.inside == pytest.approx(-(1 + 16 / 24) / 2)
    assert found.error == pytest.approx(np.std([0, 2 / 3], ddof=1) / 2**0.5)
    assert found.deviation == pytest.approx((found.across - found.inside) / found.error)
    assert seam([up, up]).deviation == 0 and seam([striped, striped]).deviation == np.inf


def test_only_lattices_with_a_seam_have_one():
    """Rows of a random walk of spins do not close; random shifts of them have no preferred place."""
    rng = RNG(6)
    walks = np.cumprod(np.where(rng.random((200, 8, 8)) < 0.15, -1, 1), axis=2)
    moved = np.array([np.roll(spins, rng.integers(8, size=2), (0, 1)) for spins in walks])
    assert seam(walks).deviation > 5 and abs(seam(moved).deviation) < 4


def test_a_grain_is_no_seam():
    """Blocks of 4 x 4 equal spins: bonds between blocks differ from those within, at the boundary as everywhere."""
    blocks = np.where(RNG(7).random((300, 4, 4)) < 0.5, -1, 1).repeat(4, axis=1).repeat(4, axis=2)
    assert seam(blocks).deviation > 20 and abs(seam(blocks, period=4).deviation) < 4
    blocks[:, -1] = blocks[:, 0]  # antiparallel bonds move from the boundary to the row before
    assert abs(seam(blocks, period=4).deviation) > 10
    with pytest.raises(ValueError, match="period: expected a divisor of the side 16, got 3"):
        seam(blocks, period=3)


SPINS = np.ones((3, 4, 4))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: wasserstein([], [1.0]), "a"),
        (lambda: wasserstein([1.0], [np.nan]), "b"),
        (lambda: auroc([[1.0]], [1.0]), "positive"),
        (lambda: nearest_neighbours(np.zeros((2, 4, 4)), SPINS), "generated"),
        (lambda: nearest_neighbours(SPINS, np.ones((3, 6, 6))), "training"),
        (lambda: nearest_neighbours(SPINS, SPINS[0]), "training"),
        (lambda: nearest_neighbours(SPINS, SPINS, flip="no"), "flip"),
        (lambda: diversity(SPINS[:1], SPINS), "samples"),
        (lambda: diversity(SPINS, np.ones((3, 6, 6))), "reference"),
        (lambda: seam(SPINS[:1]), "samples"),
        (lambda: seam(np.ones((3, 2, 2))), "samples"),
    ],
)
def test_bad_arguments_are_refused(call, name):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        call()
