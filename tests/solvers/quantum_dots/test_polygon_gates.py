"""Gates of polygonal outline against rectangles, quadrature, closed forms and laws of the electrostatics."""

import itertools

import numpy as np
import pytest
from scipy.integrate import dblquad

from solvers import Grid
from solvers.quantum_dots.potentials import Gates, PolygonGates
from solvers.quantum_dots.potentials.overlap import overlap

GRID = Grid(24, 20.0)
SQUARE = [[-3.0, -2.0], [4.0, -2.0], [4.0, 6.0], [-3.0, 6.0]]


def potential(*polygons, depth=2.0, grid=GRID, **more):
    """The energy of an electron below gates at -1 V: the part of the half space that they cover."""
    return PolygonGates(polygons, -np.ones(len(polygons)), depth, **more)(grid)


def star(points=5, outer=7.0, inner=2.5):
    angle, radius = np.arange(2 * points) * np.pi / points + 0.3, np.tile([outer, inner], points)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


@pytest.mark.parametrize("depth", [0.05, 2.0, 300.0])
def test_rectangles_are_those_of_gates(depth):
    expected = Gates(np.array([[-3.0, 4.0, -2.0, 6.0]]), np.array([1.0]), depth)(GRID)
    np.testing.assert_allclose(potential(SQUARE, depth=depth), expected, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(potential(SQUARE[::-1], depth=depth), expected, rtol=1e-10, atol=1e-14)


def test_a_square_is_two_triangles_and_a_star_the_sum_of_its_parts():
    parts = potential([SQUARE[0], SQUARE[1], SQUARE[2]], [SQUARE[2], SQUARE[3], SQUARE[0]])
    np.testing.assert_allclose(parts, potential(SQUARE), atol=1e-15)
    whole, inner = star(), star()[1::2]
    points = [[inner[i - 1], whole[2 * i], inner[i]] for i in range(5)]
    np.testing.assert_allclose(potential(whole), potential(inner, *points), atol=1e-14)


def test_an_outline_that_is_not_convex_is_the_integral_of_the_poisson_kernel():
    """An L, by quadrature over its two rectangles, at points under it and in its notch."""
    corner = [[-4.0, -4.0], [5.0, -4.0], [5.0, -1.0], [0.0, -1.0], [0.0, 3.0], [-4.0, 3.0]]
    found, d = potential(corner, depth=0.7), 0.7
    for i, j in ((12, 12), (8, 9), (20, 3), (14, 14)):
        x, y = GRID.x[i] - 10, GRID.x[j] - 10

        def kernel(b, a, x=x, y=y):
            return d / (2 * np.pi * ((a - x) ** 2 + (b - y) ** 2 + d**2) ** 1.5)

        parts = [dblquad(kernel, *e, epsabs=1e-10)[0] for e in ((-4, 5, -4, -1), (-4, 0, -1, 3))]
        assert found[i, j] == pytest.approx(sum(parts), abs=1e-8)


def test_half_a_plane_is_an_arctangent():
    grid, far = Grid(25, 20.0), 1e8
    edge = [[-far, -far], [0.0, -far], [0.0, far], [-far, far]]
    x = grid.x - 10
    np.testing.assert_allclose(
        potential(edge, grid=grid), np.repeat(0.5 - np.arctan(x / 2)[:, None] / np.pi, 25, axis=1), atol=1e-7
    )


def test_a_disc_on_its_axis():
    """1 - d / (d^2 + r^2)^1/2, with the radius of the circle of the same area as the polygon to second order."""
    angle = np.arange(400) * 2 * np.pi / 400
    circle = 5.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    grid = Grid(5, 5.0)
    for depth in (0.5, 3.0, 40.0):
        found = potential(circle + [2.0, -1.0], depth=depth, grid=grid, center=(2.0, -1.0))[2, 2]
        assert found == pytest.approx(1 - depth / np.hypot(depth, 5.0), rel=2e-4)


def test_gates_that_fill_the_plane_have_the_potential_of_one():
    far, cut = 1e8, 3.0
    quarters = [
        [[a, b], [a, d], [c, d], [c, b]] for a, c in ((-far, cut), (cut, far)) for b, d in ((-far, -1.0), (-1.0, far))
    ]
    np.testing.assert_allclose(potential(*quarters), 1.0, atol=1e-6)


def test_a_ring_that_is_cut_open_is_a_square_with_a_hole():
    hole = [[0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [0.0, 3.0]]
    ring = [*SQUARE, SQUARE[0], hole[0], *hole[:0:-1], hole[0]]
    np.testing.assert_allclose(potential(ring), potential(SQUARE) - potential(hole), atol=1e-14)


def test_the_potential_solves_laplace_equation():
    grid, h = Grid(60, 6.0), 0.1
    low, middle, high = (potential(star() / 5, depth=d, grid=grid) for d in (1.0 - h, 1.0, 1.0 + h))
    plane = np.roll(middle, 1, 0) + np.roll(middle, -1, 0) + np.roll(middle, 1, 1) + np.roll(middle, -1, 1) - 4 * middle
    residual = (plane + low + high - 2 * middle)[1:-1, 1:-1]
    assert np.abs(residual).max() < 0.02 * np.abs(low + high - 2 * middle).max()


def test_voltages_attract_electrons_and_add_to_the_offset():
    v = PolygonGates([SQUARE, star()], np.array([0.2, -0.5]), 2.0, offset=0.03)(GRID)
    np.testing.assert_allclose(v, 0.03 - 0.2 * potential(SQUARE) + 0.5 * potential(star()), atol=1e-15)


def test_coordinates_may_be_those_of_a_chip():
    moved = [[x + 812.5, y - 90.0] for x, y in SQUARE]
    np.testing.assert_allclose(potential(moved, center=(812.5, -90.0)), potential(SQUARE), atol=1e-12)


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ([[0.0, 0.0], [1.0, 1.0]], "expected three corners"),
        ([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]], "expected three corners"),
        ([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], "expected a polygon with an area"),
        (
            [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]],
            "expected a polygon whose edges do not cross, got edges 0 .* and 2",
        ),
        (
            [[0.0, 0.0], [3.0, 1.0], [3.0, -1.0], [0.0, 0.0], [-2.0, 1.0], [-2.0, -1.0]],
            "expected an outline that encloses one area",
        ),
        ([[0.0, 0.0, 1.0]], r"expected an array of numbers of shape \(corners, 2\)"),
    ],
)
def test_what_is_not_a_polygon_is_named(corners, message):
    with pytest.raises(ValueError, match=rf"^potential\.polygons\[1\]: {message}"):
        PolygonGates([SQUARE, corners], np.ones(2), 1.0)


def test_each_gate_needs_a_voltage():
    with pytest.raises(ValueError, match="^potential.voltage: expected"):
        PolygonGates([SQUARE], np.ones(2), 1.0)


RNG = np.random.default_rng(3)
STARS = [
    (c + np.stack([r * np.cos(a), r * np.sin(a)], axis=1))
    for c, r, a in (
        (RNG.uniform(-60, 60, 2), RNG.uniform(5, 40, n), np.sort(RNG.uniform(0, 2 * np.pi, n))) for n in 6 * (4, 5, 9)
    )
]


def test_polygons_overlap_where_they_share_an_area():
    gdstk = pytest.importorskip("gdstk")
    found = []
    for p, q in itertools.combinations(STARS, 2):
        shared = sum(polygon.area() for polygon in gdstk.boolean(gdstk.Polygon(p), gdstk.Polygon(q), "and"))
        assert overlap(p, q) == overlap(q, p) == (shared > 0)
        found.append(shared > 0)
    assert 0.2 < np.mean(found) < 0.8


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ([[0, 0], [4, 0], [4, 2], [0, 2]], True),  # the same
        ([[1, 0.5], [2, 0.5], [2, 1], [1, 1]], True),  # within
        ([[1, -3], [2, -3], [2, 5], [1, 5]], True),  # across
        ([[4, 0], [9, 0], [9, 2], [4, 2]], False),  # beside
        ([[4 - 1e-9, 1], [9, 1], [9, 9], [4 - 1e-9, 9]], False),  # beside, up to rounding
        ([[4, 2], [9, 2], [9, 9], [4, 9]], False),  # at a corner
        ([[-3, -3], [8, -3], [8, 5], [-3, 5], [-3, 2], [5, 2], [5, 0], [-3, 0]], False),  # in a gap of the other
        ([[-3, -3], [8, -3], [8, 5], [-3, 5], [-3, 2], [3, 2], [3, 0], [-3, 0]], True),
    ],
)
def test_polygons_that_touch_do_not_overlap(q, expected):
    p, q = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [0.0, 2.0]]), np.array(q, dtype=float)
    chip = np.array([1e6, -2e6])
    for a, b in ((p, q), (q, p), (p[::-1], q), (p + chip, q + chip)):
        assert overlap(a, b) == expected


def test_oblique_edges_that_touch_up_to_rounding_do_not_overlap():
    """A point inside an edge near a sharp corner lies outside of its own polygon, and may lie in the other one."""
    plane = np.array([[0.0, 150.0], [240.0, 170.0], [240.0, 240.0], [0.0, 240.0]])
    below = np.array([[160.0, 80.0], [230.0, 80.0], [230.0, 169.1666667], [160.0, 163.3333333]])
    for p, q in ((below, plane), (plane, below), (below[::-1], plane)):
        assert not overlap(p, q)
    raised = below + [[0.0, 0.0], [0.0, 0.0], [0.0, 0.01], [0.0, 0.01]]
    assert overlap(raised, plane) and overlap(plane, raised)
