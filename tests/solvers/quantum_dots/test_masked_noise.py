"""The random class of Mills et al. 2017: each step of appendix B 4 against something that knows nothing of it."""

import numpy as np
import pytest
import scipy.stats
from analytic import VACUUM
from matplotlib.path import Path

from solvers import Grid, solve
from solvers.quantum_dots.potentials import MaskedNoise, RandomMaskedNoise
from solvers.quantum_dots.potentials.masked_noise import _hull_of_random_points, closed_curve, inside

PAPER = Grid(256, 40.0)
ZEROS = np.zeros((16, 16), dtype=bool)
ANGLES = 2 * np.pi * np.arange(24) / 24
CIRCLE = 0.5 + 0.4 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def potential(**settings):
    plain = {
        "coarse": ZEROS,
        "fine": ZEROS,
        "noise_blur": 8.0,
        "outline": CIRCLE,
        "blob_size": 120.0,
        "mask_blur": 12.0,
    }
    return MaskedNoise(**(plain | settings))


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(2017)
    return [RandomMaskedNoise().sample(rng, PAPER) for _ in range(400)]


def moments(field, grid):
    """Mean x, mean y, and variances along both axes, of a field taken as a distribution, in 256ths of the side."""
    x = grid.x * 256 / grid.extent
    weight = field / field.sum()
    means = [weight.sum(1) @ x, weight.sum(0) @ x]
    return *means, weight.sum(1) @ (x - means[0]) ** 2, weight.sum(0) @ (x - means[1]) ** 2


# Noise


def test_grids_are_upscaled_centred_and_subtracted(drawn):
    """As the paper says it, in pixels: 16 x 16 to 256 x 256, 16 x 16 to 128 x 128."""
    for d in drawn[:5]:
        large = -np.kron(d.coarse, np.ones((16, 16)))
        large[64:192, 64:192] += np.kron(d.fine, np.ones((8, 8)))
        sharp = potential(coarse=d.coarse, fine=d.fine, noise_blur=0.0)
        np.testing.assert_allclose(sharp.noise(PAPER), (1 + large) / 2, atol=1e-13)


@pytest.mark.parametrize("n", [64, 250, 256])
def test_noise_is_blurred_by_its_standard_deviation(n):
    fine = ZEROS.copy()
    fine[12, 3] = True  # a block of 8 pixels around x = 64 + 8 * 12.5, y = 64 + 8 * 3.5
    grid = Grid(n, 40.0)
    x, y, along_x, along_y = moments(2 * potential(fine=fine, noise_blur=10.0).noise(grid) - 1, grid)
    assert (x, y) == pytest.approx((164, 92), abs=1)
    assert (along_x, along_y) == pytest.approx((10**2 + 8**2 / 12,) * 2, rel=0.03)


# Mask


def test_curve_is_closed_and_goes_through_its_points():
    corners = np.array([[0.1, 0.2], [0.9, 0.1], [0.7, 0.8]])
    curve = closed_curve(corners, 3000)
    assert np.linalg.norm(curve[:, None] - corners, axis=2).min(axis=0).max() < 1e-3
    step = np.diff(curve, axis=0, append=curve[:1])
    assert np.linalg.norm(step, axis=1).max() < 2e-3  # no gap where it closes
    turn = np.diff(step, axis=0, append=step[:1])
    assert np.linalg.norm(turn, axis=1).max() < 2e-5  # and no kink


def test_curve_through_points_of_a_circle_is_the_circle():
    assert np.linalg.norm(closed_curve(CIRCLE) - 0.5, axis=1) == pytest.approx(0.4, abs=1e-5)


def test_inside_is_what_matplotlib_calls_inside(drawn):
    position = (np.arange(90) + 0.5) / 90 * 1.2 - 0.1
    points = np.stack(np.meshgrid(position, position, indexing="ij"), axis=-1).reshape(-1, 2)
    for d in drawn[:30]:
        curve = closed_curve(d.outline)
        np.testing.assert_array_equal(inside(curve, position).ravel(), Path(curve).contains_points(points))


@pytest.mark.parametrize("n", [96, 255])
def test_mask_is_the_blurred_blob(n):
    """A disc of radius r under a Gaussian: its area stays, its variance grows, its middle is 1 - exp(-r^2 / 2 s^2)."""
    grid, r, sigma = Grid(n, 40.0), 0.4 * 100, 14.0
    mask = potential(blob_size=100.0, mask_blur=sigma).mask(grid)
    assert mask.mean() * 256**2 == pytest.approx(np.pi * r**2, rel=0.02)
    x, y, along_x, along_y = moments(mask, grid)
    assert (x, y) == pytest.approx((128, 128), abs=1e-6)
    assert (along_x, along_y) == pytest.approx((r**2 / 4 + sigma**2,) * 2, rel=0.02)
    assert mask[n // 2, n // 2] == pytest.approx(1 - np.exp(-(r**2) / (2 * sigma**2)), abs=2e-3)
    assert mask[n // 2, 0] == mask[0, n // 2] == 0


def test_what_lies_beyond_the_blobs_square_is_cut():
    wide = potential(outline=CIRCLE * 3 - 1, blob_size=100.0, mask_blur=0.0).mask(PAPER)  # radius 1.2 around the middle
    assert wide.sum() == 100**2 and wide[78:178, 78:178].all()


def test_first_index_of_the_mask_is_x():
    _, _, along_x, along_y = moments(potential(outline=CIRCLE * [1, 0.5] + [0, 0.25]).mask(PAPER), PAPER)
    assert along_x > 2 * along_y


def monotone_chain(points):
    """Convex hull, counter-clockwise (Andrew 1979)."""
    points = sorted(map(tuple, points))
    hull = []
    for part in (points, points[::-1]):
        chain = []
        for p in part:
            while len(chain) > 1 and np.cross(np.subtract(chain[-1], chain[-2]), np.subtract(p, chain[-2])) <= 0:
                chain.pop()
            chain.append(p)
        hull += chain[:-1]
    return hull


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
@pytest.mark.parametrize("k", [2, 3, 7])
def test_blob_keeps_the_points_of_the_hull_only(k):
    for seed in range(20):
        corners = _hull_of_random_points(np.random.default_rng(seed), k**2) * 200 - 0.5
        expected = monotone_chain(np.random.default_rng(seed).integers(200, size=(k**2, 2)))
        start = expected.index(tuple(np.rint(corners[0])))
        np.testing.assert_allclose(corners, np.roll(expected, -start, axis=0), atol=1e-9)


# The potential


def test_potential_is_the_masked_power_less_than_its_maximum(drawn):
    for d in drawn[:12]:
        mask, v = d.mask(PAPER), d(PAPER)
        middle = mask > 0.1
        root = ((v.max() - v)[middle] / mask[middle]) ** (1 / d.exponent)
        np.testing.assert_allclose(root, d.noise(PAPER)[middle], atol=1e-9)
        assert v.min() == 0


def test_potential_is_largest_at_the_boundary(drawn):
    for d in drawn[:60]:
        v = d(PAPER)
        edge = np.concatenate([v[0], v[-1], v[:, 0], v[:, -1]])
        assert edge.min() > 0.97 * v.max()
        assert 0.1 < v.max() <= 1


def test_maximum_can_be_asked_for(drawn):
    rng = np.random.default_rng(0)
    v = RandomMaskedNoise(v_max=20.0).sample(rng, PAPER)(PAPER)
    assert v.max() == pytest.approx(20.0, rel=1e-12) and v.min() == 0


def test_potential_is_smooth(drawn):
    """No step between neighbouring pixels: the sharpest blur is 6 pixels wide."""
    for d in drawn[:30]:
        v = d(PAPER)
        assert np.abs(np.diff(v, axis=0)).max() < 0.1 * v.max()


@pytest.mark.parametrize("n", [64, 100, 128])
def test_grid_only_samples_the_potential(drawn, n):
    x = (Grid(n, 40.0).x / 40.0 * 256 - 0.5).round().astype(int).clip(0, 255)
    for d in drawn[:10]:
        fine, coarse = d(PAPER), d(Grid(n, 40.0))
        assert np.abs(coarse - fine[np.ix_(x, x)]).mean() < 0.03 * fine.max()


def test_energies_are_those_of_the_paper(drawn):
    """0 to 400 mHa."""
    grid = Grid(64, 40.0)
    dots = solve([d(grid) for d in drawn[:40]], grid, 1, VACUUM, n_orbitals=1, n_modes=24)
    assert dots.energy.min() > 0.02 and dots.energy.max() < 0.4
    assert np.ptp(dots.energy) > 0.15


# Table III


@pytest.mark.parametrize(
    ("name", "low", "high"), [("noise_blur", 6, 10), ("blob_size", 80, 180), ("mask_blur", 10, 16)]
)
def test_ranges_of_table_three(drawn, name, low, high):
    values = [getattr(d, name) for d in drawn]
    assert scipy.stats.kstest(values, "uniform", (low, high - low)).pvalue > 1e-3


def test_exponents_are_equally_likely(drawn):
    counts = [sum(d.exponent == e for d in drawn) for e in (0.1, 0.5, 1.0, 2.0)]
    assert sum(counts) == len(drawn) and scipy.stats.chisquare(counts).pvalue > 1e-3


def test_grids_are_fair_coins(drawn):
    for name in ("coarse", "fine"):
        ones = sum(getattr(d, name).sum() for d in drawn)
        assert scipy.stats.binomtest(int(ones), 256 * len(drawn)).pvalue > 1e-3
    assert not np.array_equal(drawn[0].coarse, drawn[0].fine)


def test_outlines_lie_on_the_grid_of_the_paper(drawn):
    corners = np.concatenate([d.outline for d in drawn]) * 200 - 0.5
    np.testing.assert_allclose(corners, corners.round(), atol=1e-9)
    assert corners.min() > -0.5 and corners.max() < 199.5
    assert {len(d.outline) for d in drawn} >= set(range(3, 11))  # from k = 2 to k = 7


def test_four_points_have_three_or_four_corners():
    rng, family = np.random.default_rng(0), RandomMaskedNoise(blob_points=(2, 2))
    assert {len(family.sample(rng, PAPER).outline) for _ in range(40)} == {3, 4}


@pytest.mark.parametrize(
    "settings",
    [
        {"noise_blur": (-1.0, 8.0)},
        {"noise_blur": 8.0},
        {"blob_points": (1, 7)},
        {"blob_points": (2.5, 7)},
        {"blob_points": (7, 2)},
        {"blob_size": (0.0, 100.0)},
        {"mask_blur": (16.0, 10.0)},
        {"exponent": ()},
        {"exponent": 1.0},
        {"exponent": (0.0, 1.0)},
        {"exponent": ("a",)},
        {"v_max": 0.0},
        {"v_max": "20"},
    ],
)
def test_bad_settings_are_named(settings):
    with pytest.raises(ValueError, match=rf"potential\.{next(iter(settings))}.*expected"):
        RandomMaskedNoise(**settings)
