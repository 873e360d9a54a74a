"""Families of dots: laws that all of them obey, formulas by hand, and the distributions of their draws."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from small import configuration

from solvers import PRESETS, Grid, Material, solve
from solvers.quantum_dots.potentials import (
    Anharmonic,
    Gates,
    InfiniteWell,
    RandomAnharmonic,
    RandomBox,
    RandomDisorder,
    RandomGates,
    RandomGaussianWells,
    RandomHarmonic,
    RandomMixture,
    RandomRing,
    RandomSum,
    RandomWire,
    Ring,
    Sum,
    Wire,
)

GRID = Grid(24, 30.0)
SMALL = Grid(4, 4.0)  # points at -1.5, -0.5, 0.5, 1.5 from the middle
FAMILIES = [RandomAnharmonic, RandomBox, RandomDisorder, RandomGates, RandomGaussianWells, RandomRing, RandomWire]
TOLD = {"ids": lambda value: getattr(value, "__name__", None)}
LENGTHS = ("center", "width", "radius", "period", "size", "gap", "gas_depth", "barrier_width", "side")
ENERGIES = ("depth", "modulation", "std", "energy", "plunger_energy", "wall")
SLOPES = {"k": -2, "along": -2, "across": -2, "quartic": -4, "tilt": -1}
"""Settings in units of the energy times a power of the length."""
N_DRAWS = 400


def drawn(family, n=N_DRAWS):
    rng = np.random.default_rng(2026)
    return [family.sample(rng, GRID) for _ in range(n)]


# Laws


@pytest.mark.parametrize("family", [*FAMILIES, RandomSum], **TOLD)
def test_draws_are_finite_and_follow_from_the_generator(family):
    first, again, other = (family().sample(np.random.default_rng(seed), GRID)(GRID) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (24, 24) and first.dtype == np.float64 and np.isfinite(first).all()
    assert np.ptp(first) > 0 and not np.array_equal(first, other)


@pytest.mark.parametrize("family", [*FAMILIES, RandomSum], **TOLD)
def test_a_potential_is_one_function_on_all_grids(family):
    """Every third point of a grid is a point of the grid with a third of the points."""
    for dot in drawn(family(), 5):
        np.testing.assert_allclose(dot(Grid(72, 30.0))[1::3, 1::3], dot(GRID), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES, **TOLD)
def test_families_have_no_length_or_energy_of_their_own(family):
    """All ranges in other units give the same dots in these units, such as those of a square of side 1."""
    length, energy = 1 / 30, 790.0
    plain, scaled = family(), {}
    for name, value in vars(plain).items():
        power = SLOPES.get(name, int(name in LENGTHS))
        is_energy = name in ENERGIES or name in SLOPES
        factor = length**power * (energy if is_energy else 1.0)
        if factor != 1 and isinstance(value, tuple):
            scaled[name] = tuple(factor * v for v in value)
    assert scaled
    for seed in range(5):
        v = plain.sample(np.random.default_rng(seed), GRID)(GRID)
        unit = Grid(24, 1.0)
        other = replace(plain, **scaled).sample(np.random.default_rng(seed), unit)(unit)
        np.testing.assert_allclose(other, energy * v, rtol=1e-9, atol=1e-9 * energy)


@pytest.mark.parametrize(
    "dot",
    [
        Anharmonic((1e-3, 4e-3), 1e-5, v_max=0.3),
        Ring(6.0, 1e-2, ellipticity=1.3),
        Wire((1e-4, 1e-2), 0.1, 9.0, 0.4),
        InfiniteWell((11.1, 17.3)),
        Gates(np.array([[-9.0, -2.0, -3.0, 8.0], [1.0, 5.0, -40.0, 0.0]]), np.array([0.3, -0.1]), 2.0),
    ],
    ids=lambda dot: type(dot).__name__,
)
def test_angles_turn_a_dot_counter_clockwise(dot):
    def turned(degrees):
        return replace(dot, angle=np.radians(degrees))(GRID)

    np.testing.assert_allclose(turned(90), np.rot90(turned(0)), atol=1e-12)  # [ix, iy] = [iy, -ix] before
    np.testing.assert_allclose(turned(120), np.rot90(turned(30)), atol=1e-12)
    np.testing.assert_allclose(turned(360), turned(0), atol=1e-12)
    assert not np.allclose(turned(30), turned(0))


# Formulas


def test_anharmonic_by_hand():
    v = Anharmonic((2.0, 6.0), quartic=0.5, center=(0.5, -0.5), angle=np.pi / 4)(SMALL)
    for i, x in enumerate((-2.0, -1.0, 0.0, 1.0)):
        for j, y in enumerate((-1.0, 0.0, 1.0, 2.0)):
            along, across = (x + y) ** 2 / 2, (y - x) ** 2 / 2
            assert v[i, j] == pytest.approx(along + 3 * across + 0.5 * (x**2 + y**2) ** 2)
    cut = Anharmonic((2.0, 6.0), 0.5, (0.5, -0.5), np.pi / 4, v_max=4.0)(SMALL)
    np.testing.assert_array_equal(cut, np.where(v < 4, v, 4.0))


def test_rings_are_zero_on_an_ellipse_of_the_same_area():
    grid = Grid(300, 30.0)
    v = Ring(6.0, 1.0, ellipticity=1.44, center=(1.0, -2.0))(grid)
    x = grid.x - 15.0
    ix, iy = np.argmin(v[:, np.argmin(abs(x + 2.0))]), np.argmin(v[np.argmin(abs(x - 1.0))])
    assert abs(x[ix] - 1.0) == pytest.approx(7.2, abs=0.1) and abs(x[iy] + 2.0) == pytest.approx(5.0, abs=0.1)
    area = np.count_nonzero((v < 0.5 * 6.0**2) & (np.hypot(x[:, None] - 1, x + 2) < 15)) * grid.cell_area
    assert area == pytest.approx(4 * np.pi * 36, rel=0.02)  # rho < 12
    assert v[np.argmin(abs(x - 1.0)), np.argmin(abs(x + 2.0))] == pytest.approx(18.0, rel=0.05)


def test_a_tilt_adds_a_plane():
    plain, tilted = (Ring(6.0, 0.1, 1.2, tilt, (2.0, 1.0), 0.3)(GRID) for tilt in ((0.0, 0.0), (0.02, -0.05)))
    x = GRID.x - 15.0
    np.testing.assert_allclose(tilted - plain, np.add.outer(0.02 * (x - 2), -0.05 * (x - 1)), atol=1e-12)


def test_wires_by_hand():
    v = Wire((0.5, 8.0), modulation=3.0, period=2.0, phase=np.pi / 2, center=(0.5, 0.0))(SMALL)
    for i, u in enumerate((-2.0, -1.0, 0.0, 1.0)):
        for j, w in enumerate((-1.5, -0.5, 0.5, 1.5)):
            assert v[i, j] == pytest.approx(0.25 * u**2 + 4 * w**2 + 1.5 * (1 + np.sin(np.pi * u)))


def test_a_modulation_divides_a_wire_into_dots():
    v = Wire((0.0, 1e-2), modulation=0.2, period=7.5)(Grid(240, 30.0)).min(axis=1)
    assert np.count_nonzero((v[1:-1] < v[:-2]) & (v[1:-1] <= v[2:])) == 3 and np.ptp(v) == pytest.approx(0.2, rel=1e-2)


def test_boxes_without_an_angle_have_the_edges_of_earlier_versions():
    x = GRID.x - 15.0
    for size, center in (((7.5, 10.0), (0.0, 0.625)), ((6.1, 20.0), (-3.125, 2.3)), ((1.25, 1.25), (0.625, -0.625))):
        within = [(c - s / 2 < x) & (x <= c + s / 2) for c, s in zip(center, size, strict=True)]
        expected = np.where(np.outer(*within), 0.0, 3.0)
        np.testing.assert_array_equal(InfiniteWell(size, center, 3.0)(GRID), expected)


def test_turned_boxes_keep_their_area_and_centre():
    grid = Grid(400, 30.0)
    inside = InfiniteWell((14.0, 6.0), (2.0, -1.0), 5.0, angle=0.7)(grid) == 0
    x, y = (a[inside] - 15.0 for a in grid.mesh())
    assert inside.sum() * grid.cell_area == pytest.approx(84.0, rel=5e-3)
    assert (x.mean(), y.mean()) == pytest.approx((2.0, -1.0), abs=0.02)
    assert np.hypot(x - 2, y + 1).max() == pytest.approx(np.hypot(7, 3), abs=0.1)
    assert np.degrees(np.arctan2(*np.linalg.eigh(np.cov(x, y))[1][::-1, 1])) % 180 == pytest.approx(
        np.degrees(0.7), abs=1
    )


# Distributions


DRAWN = [
    (RandomAnharmonic(), "k", lambda dot: dot.k[0], "log"),
    (RandomAnharmonic(anharmonic=1.0), "quartic", lambda dot: dot.quartic, "log"),
    (RandomAnharmonic(), "center", lambda dot: dot.center[1], "plain"),
    (RandomRing(), "k", lambda dot: dot.k, "log"),
    (RandomRing(), "radius", lambda dot: dot.radius, "plain"),
    (RandomRing(), "ellipticity", lambda dot: dot.ellipticity, "plain"),
    (RandomRing(), "tilt", lambda dot: np.hypot(*dot.tilt), "plain"),
    (RandomWire(), "along", lambda dot: dot.k[0], "log"),
    (RandomWire(), "across", lambda dot: dot.k[1], "log"),
    (RandomWire(chain=1.0), "modulation", lambda dot: dot.modulation, "log"),
    (RandomWire(), "period", lambda dot: dot.period, "plain"),
    (RandomBox(), "side", lambda dot: dot.size[1], "plain"),
    (RandomBox(), "wall", lambda dot: dot.wall, "log"),
    (RandomGaussianWells(), "depth", lambda dot: dot.depth[0], "log"),
    (RandomGaussianWells(), "center", lambda dot: dot.center[-1, 1], "plain"),
    (RandomGaussianWells(), "width", lambda dot: dot.width[-1, 1], "plain"),
    (RandomGates(), "gas_depth", lambda dot: dot.gas_depth, "plain"),
    (RandomSum(factors=[(0.1, 10.0), (1.0, 1.0)]), "factors", lambda dot: dot.factors[0], "log"),
]


@pytest.mark.parametrize(("family", "name", "value", "scale"), DRAWN)
def test_draws_are_uniform_in_their_range(family, name, value, scale):
    values = np.array([value(dot) for dot in drawn(family)])
    low, high = (0.1, 10.0) if name == "factors" else getattr(family, name)
    assert low <= values.min() and values.max() <= high
    if scale == "log":
        values, low, high = np.log(values), np.log(low), np.log(high)
    assert scipy.stats.kstest(values, "uniform", (low, high - low)).pvalue > 1e-3


def test_draws_have_the_stated_probabilities():
    def p_value(hits, probability):
        return scipy.stats.binomtest(int(sum(hits)), N_DRAWS, probability).pvalue

    dots = drawn(RandomAnharmonic(round=0.2, anharmonic=0.7))
    assert p_value([dot.k[0] == dot.k[1] for dot in dots], 0.2) > 1e-3
    assert p_value([dot.quartic > 0 for dot in dots], 0.7) > 1e-3
    assert p_value([dot.modulation > 0 for dot in drawn(RandomWire(chain=0.3))], 0.3) > 1e-3
    wells = [len(dot.depth) for dot in drawn(RandomGaussianWells(n_wells=(2, 5)))]
    values, counts = np.unique(wells, return_counts=True)
    assert values.tolist() == [2, 3, 4, 5] and scipy.stats.chisquare(counts).pvalue > 1e-3


# Sums and mixtures


def test_sums_add_their_parts_times_the_factors():
    parts = [Ring(6.0, 1e-2), Wire((1e-4, 1e-3)), lambda grid: np.ones((grid.n, grid.n))]
    expected = 2 * parts[0](GRID) - 0.5 * parts[1](GRID) + 3.0
    np.testing.assert_allclose(Sum(parts, [2.0, -0.5, 3.0])(GRID), expected, atol=1e-15)
    np.testing.assert_array_equal(parts[0](GRID), Ring(6.0, 1e-2)(GRID))


def test_random_sums_have_one_part_of_each_family():
    for dot in drawn(RandomSum([RandomRing(), RandomWire()]), 5):
        assert [type(part) for part in dot.parts] == [Ring, Wire] and dot.factors == [1.0, 1.0]


def test_mixtures_without_weights_draw_as_before():
    """Seeds and draws of the version before weights."""
    kinds = [type(RandomMixture().sample(np.random.default_rng(seed), GRID)).__name__[0] for seed in range(12)]
    assert "".join(kinds) == "DHDDDDHDDHDH"
    dot = RandomMixture().sample(np.random.default_rng(3), GRID)
    np.testing.assert_allclose(dot.depth, [0.27104315, 0.44038234], atol=1e-8)
    np.testing.assert_allclose(dot.center[0], [1.1502685, -5.68219901], atol=1e-8)


def test_weights_are_probabilities():
    families = [RandomRing(), RandomWire(), RandomHarmonic(), RandomDisorder()]
    kinds = [type(dot).__name__ for dot in drawn(RandomMixture(families, [3, 0, 1.0, 4]))]
    counts = [kinds.count(name) for name in ("Ring", "Harmonic", "Disorder")]
    assert sum(counts) == N_DRAWS
    assert scipy.stats.chisquare(counts, np.array([3, 1, 4]) / 8 * N_DRAWS).pvalue > 1e-3


# The universal mixture


@pytest.fixture(scope="module")
def universal():
    from hydra.utils import instantiate

    return instantiate(configuration("generate", "potential=universal")["data"]["potential"], _convert_="all")


def test_the_universal_mixture_has_a_weight_for_each_family(universal):
    assert len(universal.weights) == len(universal.families) and sum(universal.weights) == pytest.approx(1.0)
    assert {type(family) for family in universal.families} >= {*FAMILIES, RandomSum}


def test_universal_dots_fit_a_square_of_side_1(universal):
    """The solver trusts them, and more than the zero-point energy of the square holds them together."""
    grid, atomic = Grid(32, 10.0), Material(1.0, 1.0, "bohr, hartree")
    unit = Grid(32, 1.0)
    v = np.stack([f.sample(np.random.default_rng(5), unit)(unit) for f in universal.families])
    solution = solve(v / 100, grid, 2, atomic, **PRESETS["paper"])
    assert np.isfinite(v).all() and solution.trusted.all()
    assert (np.ptp(v, axis=(1, 2)) > np.pi**2).all()


# Settings


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        (RandomAnharmonic, {"k": (0.0, 1.0)}),
        (RandomAnharmonic, {"quartic": (2.0, 1.0)}),
        (RandomAnharmonic, {"round": 1.1}),
        (RandomAnharmonic, {"anharmonic": -0.1}),
        (RandomAnharmonic, {"v_max": 0.0}),
        (RandomBox, {"side": (0.0, 1.0)}),
        (RandomBox, {"wall": 3.0}),
        (RandomDisorder, {"modes": (0, 3)}),
        (RandomDisorder, {"modes": (3, 2)}),
        (RandomDisorder, {"modes": (3.5, 4)}),
        (RandomDisorder, {"std": (0.0, 1.0)}),
        (RandomDisorder, {"exponent": np.nan}),
        (RandomGates, {"size": (-1.0, 1.0)}),
        (RandomGates, {"gas_depth": (0.0, 1.0)}),
        (RandomGates, {"energy": (0.0, 1.0)}),
        (RandomGates, {"spread": 2.0}),
        (RandomGates, {"double": "yes"}),
        (RandomGates, {"barrier": (1.0, 0.5)}),
        (RandomGaussianWells, {"n_wells": (0, 2)}),
        (RandomGaussianWells, {"n_wells": 3}),
        (RandomGaussianWells, {"depth": (0.0, 1.0)}),
        (RandomGaussianWells, {"width": (0.0, 1.0)}),
        (RandomRing, {"radius": (0.0, 1.0)}),
        (RandomRing, {"ellipticity": (0.0, 1.0)}),
        (RandomRing, {"tilt": (-1.0, 1.0)}),
        (RandomWire, {"along": (0.0, 1.0)}),
        (RandomWire, {"period": (0.0, 1.0)}),
        (RandomWire, {"chain": None}),
        (RandomSum, {"families": []}),
        (RandomSum, {"families": [Ring(1.0, 1.0)]}),
        (RandomSum, {"factors": [(1.0, 2.0)]}),
        (RandomSum, {"factors": [(1.0, 2.0), (0.0, 1.0)]}),
        (RandomMixture, {"weights": [1.0]}),
        (RandomMixture, {"weights": [1.0, -1.0]}),
        (RandomMixture, {"weights": [0.0, 0.0]}),
        (RandomMixture, {"weights": 1.0}),
    ],
)
def test_bad_settings_are_named(family, settings):
    with pytest.raises(ValueError, match=rf"^potential\.{next(iter(settings))}.*expected"):
        family(**settings)


def test_sums_need_callable_parts_and_their_factors():
    with pytest.raises(ValueError, match="^potential.parts: expected"):
        Sum([RandomRing()], [1.0])
    with pytest.raises(ValueError, match="^potential.factors: expected"):
        Sum([Ring(1.0, 1.0)], [1.0, 2.0])
