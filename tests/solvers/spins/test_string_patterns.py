"""String patterns counted by hand, windows by all of their sums, and a motion that leaves one pattern."""

import time

import numpy as np
import pytest

from solvers.spins import add_holes
from solvers.spins.images import images_of
from solvers.spins.string_patterns import detect_strings

BOARD = (np.add.outer(np.arange(7), np.arange(7)) + 1) % 2
"""Sites 1 where x + y is even, 7 x 7."""
DISC = (np.square(np.arange(7) - 3)[:, None] + np.square(np.arange(7) - 3)) <= 12


def with_deviations(*sites):
    image = BOARD.copy()
    for site in sites:
        image[site] = 1 - image[site]
    return image


def test_patterns_are_those_counted_by_hand():
    images = np.stack(
        [
            BOARD,
            1 - BOARD,
            with_deviations((3, 3)),
            with_deviations((2, 2), (2, 3), (3, 3), (5, 5), (4, 4), (0, 0)),  # an angle, two alone, one outside
            1 - with_deviations((1, 1), (1, 2), (1, 3), (1, 4), (3, 5)),
        ]
    )
    found = detect_strings(images, keep=1.0, periodic=False)
    assert found.histogram.shape == (5, 38) and found.kept.tolist() == [0, 1, 2, 3, 4]
    lengths = [{int(i): int(n) for i, n in enumerate(row) if n} for row in found.histogram]
    assert lengths == [{}, {}, {1: 1}, {1: 2, 3: 1}, {1: 1, 4: 1}]
    np.testing.assert_allclose(found.magnetisation, [1, -1, 35 / 37, 27 / 37, -27 / 37])
    assert found.count[0] == pytest.approx(2 / (5 * 37))
    assert found.mean_length[0] == pytest.approx((4 * 1 + 3 + 4) / 6)


def test_corners_are_outside_the_window():
    assert DISC.sum() == 37
    image = np.where(DISC, BOARD, 1 - BOARD)
    found = detect_strings(np.stack([image, image]), periodic=False)
    assert not found.histogram.any() and (found.magnetisation == 1).all()


def test_the_best_images_are_kept():
    images = np.stack([with_deviations(*[(3, y) for y in range(1, 1 + n)]) for n in (3, 0, 1, 2, 4)])
    found = detect_strings(images, periodic=False)
    assert found.kept.tolist() == [1, 2, 3]
    assert found.histogram.argmax(1).tolist() == [0, 1, 2] and found.count == (0, 0)
    assert found.mean_length[0] == pytest.approx(1.5)


@pytest.mark.parametrize("periodic", [True, False])
def test_windows_have_the_highest_staggered_magnetisation(periodic):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 2, (5, 10, 12))
    found = detect_strings(images, keep=1.0, periodic=periodic).magnetisation
    signs = (-1.0) ** np.add.outer(np.arange(10), np.arange(12)) * (2 * images - 1)
    for field, m in zip(signs, found, strict=True):
        sums = [
            sum(field[(x + i) % 10, (y + j) % 12] for i, j in np.argwhere(DISC))
            for x in range(10 if periodic else 4)
            for y in range(12 if periodic else 6)
        ]
        assert abs(m) == pytest.approx(np.abs(sums).max() / 37)


def test_a_hole_leaves_one_pattern_as_long_as_its_path():
    """In a Néel state, each displaced spin deviates, and the hole does where its site would be visible."""
    neel = (1 - 2 * (np.add.outer(np.arange(8), np.arange(8)) % 2)).astype(np.int8)[None].repeat(400, 0)
    moved = add_holes(neel, np.ones(400), [0, 0, 0, 1.0], seed=0)
    inside = np.zeros((8, 8), bool)
    inside[:7, :7] = DISC
    moved = moved[~((moved != neel) & ~inside).any((1, 2))]
    assert len(moved) > 20
    found = detect_strings(images_of(moved, -1), keep=1.0, mask=inside, periodic=False)
    (hole_visible,) = np.array([[(np.argwhere(s == 0)[0].sum() % 2 == 0) for s in moved]])
    assert (found.histogram.sum(1) == 1).all()
    assert (found.histogram.argmax(1) == 3 + hole_visible).all()
    assert found.count == pytest.approx((1 / 37, 0))


def test_masks_hold_the_windows():
    mask = np.zeros((16, 16), bool)
    mask[4:11, 5:12] = DISC
    board = (np.add.outer(np.arange(16), np.arange(16)) + 1) % 2
    image = np.where(mask, board, 0)
    image[7, 8] ^= 1
    found = detect_strings(np.stack([image, image]), keep=1.0, mask=mask, periodic=False)
    assert found.histogram[:, 1].tolist() == [1, 1] and found.histogram.sum() == 2


@pytest.mark.slow
def test_a_thousand_snapshots_take_less_than_seconds():
    images = np.random.default_rng(2).integers(0, 2, (1000, 16, 16))
    detect_strings(images[:2])
    start = time.perf_counter()
    detect_strings(images)
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("images", {"images": np.full((2, 8, 8), 2)}),
        ("images", {"images": np.zeros((8, 8))}),
        ("images", {"images": np.zeros((2, 9, 9))}),
        ("diameter", {"diameter": 6}),
        ("diameter", {"diameter": 9}),
        ("diameter", {"mask": np.eye(8)}),
        ("keep", {"keep": 1.5}),
        ("periodic", {"periodic": 2}),
        ("mask", {"mask": np.ones((3, 3))}),
    ],
)
def test_bad_arguments_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        detect_strings(**{"images": np.zeros((2, 8, 8))} | options)
