"""Potential families: values against formulas by hand, laws of the random draws against a count of their own."""

import time

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
from analytic import VACUUM

from solvers import Grid, Material
from solvers.quantum_dots import potentials
from solvers.quantum_dots.potentials import (
    CircularWells,
    DoubleGaussian,
    GaussianWells,
    Harmonic,
    InfiniteWell,
    RandomDoubleGaussian,
    RandomGaussianWell,
    RandomHarmonic,
    RandomInfiniteWell,
    RandomMixture,
    RandomWells,
)

GRID = Grid(64, 30.0)
SMALL = Grid(4, 4.0)  # points at -1.5, -0.5, 0.5, 1.5 from the middle
FAMILIES = [getattr(potentials, name) for name in potentials.__all__ if name.startswith("Random")]
N_DRAWS = 200


@pytest.fixture(scope="module")
def drawn_wells():
    rng = np.random.default_rng(2023)
    return [RandomWells().sample(rng, GRID) for _ in range(N_DRAWS)]


def pixels(circle):
    """Points within a circle, one by one."""
    x, y, radius = circle
    return {
        (i, j) for i, a in enumerate(GRID.x) for j, b in enumerate(GRID.x) if (a - x) ** 2 + (b - y) ** 2 <= radius**2
    }


# Formulas


@pytest.mark.parametrize("material", ["gaas", "si"])
def test_circular_wells_are_those_of_the_reference(reference, material):
    for circles, expected in zip(reference[material]["circles"], reference[material]["V"], strict=True):
        np.testing.assert_array_equal(CircularWells(circles)(GRID), expected)


def test_circular_wells_by_hand():
    v = CircularWells(np.array([[0.5, 0.5, 1.0], [3.0, 0.5, 0.6]]), step=2.0)(SMALL)
    wells = {(0, 0), (1, 0), (0, 1), (2, 0), (3, 0)}  # [ix, iy]; the rim belongs to the well
    assert {tuple(i) for i in np.argwhere(v == 0)} == wells
    assert np.count_nonzero(v == 2.0) == 16 - len(wells)


def test_harmonic_by_hand():
    v = Harmonic(k=(2.0, 4.0), center=(0.5, -0.5))(SMALL)
    assert v[2, 1] == 0
    assert v[0, 3] == pytest.approx(2.0 / 2 * 2.0**2 + 4.0 / 2 * 2.0**2)
    assert v[3, 1] == pytest.approx(2.0 / 2 * 1.0**2)
    assert v[2, 2] == pytest.approx(4.0 / 2 * 1.0**2)


def test_harmonic_is_cut():
    free, cut = Harmonic((2.0, 4.0))(SMALL), Harmonic((2.0, 4.0), v_max=3.0)(SMALL)
    assert free.max() == pytest.approx(6.75)  # 3/2^2 (2 + 4) / 2
    np.testing.assert_array_equal(cut, np.where(free > 3.0, 3.0, free))


def test_infinite_well_by_hand():
    v = InfiniteWell(size=(2.0, 1.0), center=(0.0, 1.0), wall=7.0)(SMALL)
    # |x| < 1 holds the points of index 1 and 2; y from 0.5 to 1.5 holds one point: the wall is open below
    assert {tuple(i) for i in np.argwhere(v == 0)} == {(1, 3), (2, 3)}
    assert set(np.unique(v)) == {0.0, 7.0}


@pytest.mark.parametrize("size", [(15.0, 15.0), (7.5, 22.5), (3.75, 30.0)])
def test_infinite_well_covers_its_area(size):
    well = InfiniteWell(size)(GRID) == 0
    assert np.count_nonzero(well) * GRID.cell_area == pytest.approx(size[0] * size[1])


def test_double_gaussian_by_hand():
    wells = DoubleGaussian(
        depth=np.array([1.0, 2.0]),
        center=np.array([[0.5, 0.5], [-1.5, 0.5]]),
        width=np.array([[1.0, 2.0], [2.0, 1.0]]),
    )
    v = wells(SMALL)
    assert v[2, 2] == pytest.approx(-1 - 2 * np.exp(-1))
    assert v[0, 0] == pytest.approx(-np.exp(-4 - 1) - 2 * np.exp(-4))
    assert v[3, 1] == pytest.approx(-np.exp(-1 - 1 / 4) - 2 * np.exp(-9 / 4 - 1))


def test_two_gaussian_wells_are_a_double_gaussian():
    two = {
        "depth": np.array([0.3, 0.2]),
        "center": np.array([[0.5, 2.5], [-4.0, 1.0]]),
        "width": np.array([[3.0, 4.0], [5.0, 2.0]]),
    }
    np.testing.assert_allclose(GaussianWells(**two)(GRID), DoubleGaussian(**two)(GRID), atol=1e-15)


def test_gaussian_wells_vanish_far_from_their_centres():
    v = GaussianWells(np.ones(3), np.full((3, 2), -10.0), np.full((3, 2), 2.0))(GRID)
    near = v[np.ix_(*[np.abs(GRID.x - 5.0) < 1] * 2)]
    assert near.min() < -2.5 and np.abs(v[GRID.x > 15.0]).max() < 1e-9


# Random wells


def test_number_and_radii_of_the_wells(drawn_wells):
    for wells in drawn_wells:
        assert wells.circles.shape == (25, 3)
        centre, radius = wells.circles[:, :2], wells.circles[:, 2]
        assert ((centre >= 0) & (centre <= 30.0)).all()
        assert ((radius >= 30 / 16) & (radius <= 30 / 8)).all()


def test_every_well_touches_those_before_it_and_covers_little_of_them(drawn_wells):
    overlaps = []
    for wells in drawn_wells[:60]:
        before = pixels(wells.circles[0])
        for circle in wells.circles[1:]:
            disc = pixels(circle)
            overlaps.append(len(disc & before) / len(disc))
            assert len(disc & before) >= 1
            before |= disc
    assert max(overlaps) <= 0.75
    assert max(overlaps) > 0.7 and min(overlaps) < 0.05  # the whole of the allowed range is used


def test_wells_and_step_of_the_map(drawn_wells):
    for wells in drawn_wells[:20]:
        covered = set().union(*(pixels(c) for c in wells.circles))
        v = wells(GRID)
        assert {tuple(i) for i in np.argwhere(v == 0)} == covered
        assert np.count_nonzero(v == 0.5) == 64**2 - len(covered)


def test_wells_are_connected(drawn_wells):
    eight_neighbours = np.ones((3, 3))
    for wells in drawn_wells:
        assert scipy.ndimage.label(wells(GRID) == 0, eight_neighbours)[1] == 1


def test_coverage(drawn_wells):
    coverage = np.array([(wells(GRID) == 0).mean() for wells in drawn_wells])
    assert coverage.max() <= 0.8
    error = coverage.std() / np.sqrt(N_DRAWS)
    assert error < 0.004
    assert abs(coverage.mean() - 0.49) < 4 * error + 0.005  # "about 49 %", known to half a percent


def test_first_well_is_uniform(drawn_wells):
    first = np.array([wells.circles[0] for wells in drawn_wells])
    for column, low, high in ((0, 0, 30), (1, 0, 30), (2, 30 / 16, 30 / 8)):
        assert scipy.stats.kstest(first[:, column], "uniform", (low, high - low)).pvalue > 1e-3


def test_maps_covered_too_much_are_thrown_away():
    rng = np.random.default_rng(0)
    strict = RandomWells(max_coverage=0.45)
    coverage = [(strict.sample(rng, GRID)(GRID) == 0).mean() for _ in range(20)]
    assert max(coverage) <= 0.45


# All random families


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_is_a_potential(family):
    a, b, c = (family().sample(np.random.default_rng(seed), GRID)(GRID) for seed in (7, 7, 8))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    assert a.shape == (64, 64) and np.isfinite(a).all()


def test_random_harmonic_stays_in_range():
    rng, family = np.random.default_rng(0), RandomHarmonic(k=(1e-3, 2e-3), center=(1.0, 3.0), v_max=0.2)
    traps = [family.sample(rng, GRID) for _ in range(N_DRAWS)]
    k, center = np.array([t.k for t in traps]), np.array([t.center for t in traps])
    assert len(np.unique(k)) == k.size and len(np.unique(center)) == center.size  # x and y on their own
    assert scipy.stats.kstest(k.ravel(), "uniform", (1e-3, 1e-3)).pvalue > 1e-3
    assert scipy.stats.kstest(center.ravel(), "uniform", (1.0, 2.0)).pvalue > 1e-3
    assert max(t(GRID).max() for t in traps) == 0.2


def test_random_double_gaussian_stays_in_range():
    rng = np.random.default_rng(0)
    family = RandomDoubleGaussian(depth=(0.1, 0.3), center=(-4.0, 6.0), width=(2.0, 5.0))
    dots = [family.sample(rng, GRID) for _ in range(N_DRAWS)]
    for name, low, high in (("depth", 0.1, 0.3), ("center", -4.0, 6.0), ("width", 2.0, 5.0)):
        drawn = np.array([getattr(dot, name) for dot in dots])
        assert drawn.min() >= low and drawn.max() <= high
        assert len(np.unique(drawn)) == drawn.size  # each number on its own
        assert scipy.stats.kstest(drawn.ravel(), "uniform", (low, high - low)).pvalue > 1e-3


def test_random_gaussian_well_stays_in_range():
    rng = np.random.default_rng(0)
    family = RandomGaussianWell(depth=(0.1, 0.3), center=(-4.0, 6.0), width=(2.0, 5.0))
    dots = [family.sample(rng, GRID) for _ in range(N_DRAWS)]
    for name, low, high in (("depth", 0.1, 0.3), ("center", -4.0, 6.0), ("width", 2.0, 5.0)):
        drawn = np.array([getattr(dot, name) for dot in dots])
        assert len(np.unique(drawn)) == drawn.size  # each number on its own
        assert scipy.stats.kstest(drawn.ravel(), "uniform", (low, high - low)).pvalue > 1e-3


def test_double_gaussian_from_zero_has_its_minimum_there():
    """The same dot, shifted: drawn with the same numbers."""
    plain, shifted = (
        RandomDoubleGaussian(from_zero=zero).sample(np.random.default_rng(5), GRID)(GRID) for zero in (False, True)
    )
    assert shifted.min() == 0
    np.testing.assert_allclose(shifted - plain, -plain.min(), atol=1e-15)


def test_mixture_draws_all_families_equally_often():
    families = [RandomHarmonic(), RandomInfiniteWell(), RandomDoubleGaussian(), RandomWells()]
    rng, mixture = np.random.default_rng(0), RandomMixture(families)
    kinds = [type(mixture.sample(rng, GRID)).__name__ for i in range(N_DRAWS)]
    names, counts = np.unique(kinds, return_counts=True)
    assert set(names) == {"Harmonic", "InfiniteWell", "DoubleGaussian", "CircularWells"}
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_energy_of_a_random_infinite_well_is_the_one_asked():
    settings = {"energy": (0.05, 0.1), "side": (8.0, 20.0), "other_side": (8.0, 20.0)}
    rng, family = np.random.default_rng(0), RandomInfiniteWell(**settings, material=Material(0.1, 5.0))
    wells = [family.sample(rng, GRID) for _ in range(N_DRAWS)]
    sides = np.array([well.size for well in wells])
    energy = 0.0380998212 / 0.1 * np.pi**2 * (sides**-2).sum(axis=1)  # hbar^2 pi^2 / (2 m*) (L_x^-2 + L_y^-2)
    assert energy.min() >= 0.05 and energy.max() <= 0.1
    assert energy.min() < 0.055 and energy.max() > 0.095
    assert sides.min() >= 8.0 and sides.max() <= 20.0
    assert np.abs([well.center for well in wells]).max() <= 3.0


def test_random_infinite_wells_of_mills():
    """In atomic units E = pi^2 / 2 (L_x^-2 + L_y^-2), as eq. B3 has it; one side in [4, 15]; none leaves the square."""
    family = RandomInfiniteWell(
        (0.0, 0.4), side=(4.0, 15.0), other_side=(0.0, 24.0), center=(-8.0, 8.0), wall=20.0, material=VACUUM
    )
    rng = np.random.default_rng(0)
    wells = [family.sample(rng, GRID) for _ in range(N_DRAWS)]
    sides, centers = (np.array([getattr(well, name) for well in wells]) for name in ("size", "center"))
    energy = np.pi**2 / 2 * (sides**-2).sum(axis=1)
    assert energy.max() <= 0.4 and energy.min() < 0.06
    assert abs(np.median(energy) - 0.23) < 0.03  # little above 0.2: low energies admit few sides
    assert ((sides >= 4) & (sides <= 15)).any(axis=1).all()
    assert (np.abs(centers) + sides / 2).max() <= 20
    assert np.abs(centers).max() > 7.5


def test_a_well_is_the_same_in_both_units():
    bohr, hartree = 0.0529177210903, 27.211386246
    settings = {"energy": (0.05, 0.3), "side": (4.0, 15.0), "other_side": (4.0, 15.0), "center": (-2.0, 2.0)}
    scale = {"energy": hartree}
    metric = {name: tuple(scale.get(name, bohr) * v for v in pair) for name, pair in settings.items()}
    atomic = RandomInfiniteWell(**settings, material=VACUUM).sample(np.random.default_rng(5), GRID)
    other = RandomInfiniteWell(**metric, material=Material(1.0, 1.0)).sample(np.random.default_rng(5), GRID)
    assert other.size == pytest.approx(bohr * np.array(atomic.size), rel=1e-6)
    assert other.center == pytest.approx(bohr * np.array(atomic.center), rel=1e-6)


def test_random_infinite_wells_are_as_often_wide_as_tall():
    rng, family = np.random.default_rng(1), RandomInfiniteWell()
    sides = np.array([family.sample(rng, GRID).size for _ in range(1000)])
    assert scipy.stats.binomtest(int(np.sum(sides[:, 0] > sides[:, 1])), 1000).pvalue > 1e-3


# Settings


@pytest.mark.parametrize(
    ("family", "setting"),
    [
        (RandomWells(max_overlap=1e-3, radius=(0.3, 0.4)), "max_overlap"),
        (RandomWells(radius=(5.0, 6.0)), "max_overlap"),
        (RandomWells(n_wells=500), "max_overlap"),
        (RandomWells(n_wells=3, max_coverage=1e-3, max_draws=500), "max_coverage"),
        (RandomWells(n_wells=1, radius=(0.6, 0.7), max_coverage=0.2), "max_coverage"),
        (RandomWells(radius=(1e-4, 1e-4)), "radius"),
        (RandomInfiniteWell(energy=(5.0, 6.0)), "energy"),
        (RandomInfiniteWell(energy=(0.0, 0.0)), "energy"),
        (RandomInfiniteWell(side=(2.0, 2.1)), "energy"),
        (RandomInfiniteWell(other_side=(0.0, 1.0)), "energy"),
    ],
)
def test_unsatisfiable_settings_are_named_at_once(family, setting):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=rf"potential\.{setting}"):
        family.sample(np.random.default_rng(0), GRID)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        (RandomWells, {"n_wells": 0}),
        (RandomWells, {"n_wells": 2.5}),
        (RandomWells, {"radius": (0.2, 0.1)}),
        (RandomWells, {"radius": (-0.1, 0.1)}),
        (RandomWells, {"radius": (0.1, float("nan"))}),
        (RandomWells, {"radius": (0, 0)}),
        (RandomWells, {"radius": 0.1}),
        (RandomWells, {"radius": ("a", "b")}),
        (RandomWells, {"step": 0.0}),
        (RandomWells, {"step": float("inf")}),
        (RandomWells, {"max_overlap": 0.0}),
        (RandomWells, {"max_overlap": 1.1}),
        (RandomWells, {"max_overlap": "0.75"}),
        (RandomWells, {"max_coverage": float("nan")}),
        (RandomWells, {"max_coverage": None}),
        (RandomWells, {"max_draws": 0}),
        (RandomHarmonic, {"k": (-1e-3, 1e-3)}),
        (RandomHarmonic, {"center": (3.0, -3.0)}),
        (RandomHarmonic, {"v_max": 0.0}),
        (RandomInfiniteWell, {"energy": (-0.1, 0.1)}),
        (RandomInfiniteWell, {"side": (0.0, 10.0)}),
        (RandomInfiniteWell, {"center": (1.0,)}),
        (RandomInfiniteWell, {"wall": -1.0}),
        (RandomInfiniteWell, {"other_side": (24.0, 6.0)}),
        (RandomInfiniteWell, {"max_draws": 1.5}),
        (RandomDoubleGaussian, {"depth": (0.5, 0.2)}),
        (RandomDoubleGaussian, {"center": 7.0}),
        (RandomDoubleGaussian, {"width": (0.0, 7.0)}),
        (RandomDoubleGaussian, {"from_zero": 1}),
        (RandomMixture, {"families": []}),
        (RandomMixture, {"families": [Harmonic((1.0, 1.0))]}),
    ],
)
def test_bad_settings_are_named(family, settings):
    with pytest.raises(ValueError, match=rf"potential\.{next(iter(settings))}.*expected"):
        family(**settings)
