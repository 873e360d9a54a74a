"""Measures of drawn samples against SciPy and by hand, and the labels that the solver finds."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from qd_pix2pix.evaluation import drawn
from qd_pix2pix.evaluation.drawn import label_distance, label_error, label_errors, solve_drawn

NAN = float("nan")


def test_errors_of_labels_by_hand():
    """In units of the spans 10 and 2; a sample without a solution is one span away."""
    found = {"e": np.array([1.0, NAN, 3.0, 4.0]), "m": np.array([0.0, NAN, 0.5, 1.0])}
    asked = {"e": np.array([0.0, 5.0, 3.0, 6.0]), "m": np.array([0.0, 0.0, 0.0, 0.0])}
    spans = {"e": 10.0, "m": 2.0}
    assert label_error(found, asked, spans) == pytest.approx(((0.1 + 1 + 0 + 0.2) / 4 + (0 + 1 + 0.25 + 0.5) / 4) / 2)
    solved = [wasserstein_distance([1, 3, 4], asked["e"]) / 10, wasserstein_distance([0, 0.5, 1], asked["m"]) / 2]
    assert label_distance(found, asked, spans) == pytest.approx(np.mean([0.75 * d + 0.25 for d in solved]))
    np.testing.assert_allclose(label_errors(found, asked, spans), [0.05, 1, 0.125, 0.35])
    none = {name: np.full(4, NAN) for name in found}
    assert label_error(none, asked, spans) == label_distance(none, asked, spans) == 1


@pytest.mark.slow
def test_the_solver_finds_the_stored_labels(ising_store):
    stored = ising_store.split("test").load(("spins", "energy", "magnetisation"))
    found = solve_drawn(ising_store.recipe, {"spins": stored["spins"]}, ("energy", "magnetisation"))
    for name, values in found.items():
        np.testing.assert_array_equal(values, stored[name])


def test_a_sample_without_a_solution_is_left_alone(ising_store, monkeypatch):
    """The others of its batch are solved, each as often as needed; their order stays."""

    class Fragile:
        SOLVABLE, name = ("spins",), "Fragile"

        def solve(self, given):
            if any(values.sum() < 0 for values in given["spins"]):
                raise ValueError("not solved")
            return {"energy": given["spins"].sum((1, 2))}

    monkeypatch.setattr(drawn, "make_recipe", lambda *_, **__: Fragile())
    spins = np.ones((60, 2, 2))
    spins[:, 0] = np.arange(60)[:, None]
    spins[[3, 59]] = -1
    found = solve_drawn({}, {"spins": spins}, ("energy",))["energy"]
    expected = spins.sum((1, 2))
    expected[[3, 59]] = NAN
    np.testing.assert_array_equal(found, expected)


def test_a_target_that_no_solver_starts_from_is_named(ising_store):
    with pytest.raises(ValueError, match=r"mapping.target: the solver of Ising-L8 starts from spins, not V"):
        solve_drawn(ising_store.recipe, {"V": np.zeros((1, 8, 8))}, ("energy",))
