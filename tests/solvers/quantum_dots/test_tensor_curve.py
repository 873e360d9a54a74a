"""Splines on products of axes: polynomials, derivatives, and error estimates of functions that are no polynomials."""

import numpy as np
import pytest

from solvers.quantum_dots.tensor_curve import TensorCurve

UNEVEN = np.array([0.0, 0.2, 0.5, 0.6, 1.0, 1.3])
PLACES = np.random.default_rng(0).uniform(0.0, 1.3, (50, 2))


def test_cubic_polynomials_are_exact():
    one = TensorCurve((UNEVEN,), 2 - UNEVEN + 3 * UNEVEN**3)
    x = PLACES[:, :1]
    np.testing.assert_allclose(one.at(x), (2 - x + 3 * x**3)[:, 0], atol=1e-12)
    np.testing.assert_allclose(one.at(x, 0), (9 * x**2 - 1)[:, 0], atol=1e-11)
    np.testing.assert_allclose(one.at(x, 0, 2), 18 * x[:, 0], atol=1e-9)
    np.testing.assert_allclose(one.interval_errors(0), 0.0, atol=1e-12)
    two = TensorCurve((UNEVEN, UNEVEN[:4]), np.outer(UNEVEN**3, 1 + UNEVEN[:4] ** 2))
    places = PLACES * [1.0, 0.4]
    x, y = places.T
    np.testing.assert_allclose(two.at(places), x**3 * (1 + y**2), atol=1e-12)
    np.testing.assert_allclose(two.at(places, 0), 3 * x**2 * (1 + y**2), atol=1e-11)
    np.testing.assert_allclose(two.at(places, 1), 2 * x**3 * y, atol=1e-11)
    np.testing.assert_allclose(two.spline_error(places), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    "function",
    [np.exp, np.sin, lambda x: np.tanh(4 * (x - 0.6)), lambda x: 1 / (1 + 4 * x**2), lambda x: np.abs(x - 0.63)],
)
def test_errors_are_estimated_and_not_far_too_large(function):
    nodes = np.linspace(0, 1.3, 14)
    curve = TensorCurve((nodes,), function(nodes))
    fine = np.linspace(0, 1.3, 500)[:, None]
    missed = np.abs(curve.at(fine) - function(fine[:, 0]))
    estimate = curve.spline_error(fine)
    assert (missed <= estimate + 1e-12).mean() > 0.9
    assert missed.max() <= 4 * estimate.max() <= 100 * missed.max()


def test_errors_of_two_parameters_add():
    nodes = np.linspace(0, 1.3, 9)
    curve = TensorCurve((nodes, nodes), np.sin(2 * np.add.outer(nodes, nodes)))
    missed = np.abs(curve.at(PLACES) - np.sin(2 * PLACES.sum(1)))
    assert (missed <= curve.spline_error(PLACES)).mean() > 0.9


def test_two_nodes_are_a_line_of_unknown_error():
    curve = TensorCurve((np.array([0.0, 2.0]),), np.array([1.0, 5.0]))
    assert curve.at(np.array([0.5])) == pytest.approx(2.0)
    assert curve.spline_error(np.array([0.5])) == pytest.approx(4.0)
