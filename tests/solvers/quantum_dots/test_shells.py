"""Round dots: more orbitals have one energy than the square explains, and nothing may hang on the rounding of V."""

import numpy as np
import pytest
from analytic import ATOMIC
from dots import trap

from solvers import Grid, Interaction, MagneticField, solve, solve_in_field
from solvers.quantum_dots.active_space import ActiveSpace
from solvers.quantum_dots.cusp import mean_of_levels
from solvers.quantum_dots.leftover import leftover
from solvers.quantum_dots.single_particle import Orbitals
from solvers.quantum_dots.symmetry import choose_shells

ROUNDING = 1 + 1e-13 * np.arange(4)


def perturbed(omega):
    v, grid = trap(omega, n=48)
    return v * ROUNDING[:, None, None], grid


@pytest.mark.parametrize(
    ("n_electrons", "n_orbitals"), [(2, 8), (3, 14), (4, 14), pytest.param(5, 14, marks=pytest.mark.slow)]
)
def test_refined_round_dots_do_not_depend_on_rounding(n_electrons, n_orbitals):
    """M = 8 and 14 end within shells of 4 and of 5; the levels of 3 and 5 electrons are degenerate."""
    solution = solve(*perturbed(0.25), n_electrons, ATOMIC, n_orbitals, refinements=1, cusp=True)
    np.testing.assert_allclose(solution.energy, solution.energy[0], rtol=1e-6)
    np.testing.assert_allclose(solution.energy_error, solution.energy_error[0], rtol=0.1)
    assert (solution.degeneracy == 1 + n_electrons % 2).all()


@pytest.mark.parametrize("n_electrons", [2, 3, 4])
def test_a_part_of_a_shell_brings_nearly_all_of_it(n_electrons):
    """Of the fourth shell, l = 1 and 3, the orbitals of l = 1 are kept: by the variational principle, and by much."""
    v, grid = perturbed(1.0)
    without, part, whole = (solve(v, grid, n_electrons, ATOMIC, m, estimate=False) for m in (6, 8, 10))
    np.testing.assert_allclose(part.energy, part.energy[0], rtol=1e-9)
    assert (whole.energy < part.energy).all() and (part.energy < without.energy).all()
    assert (part.energy - whole.energy < 0.2 * (without.energy - whole.energy)).all()


def test_without_a_field_both_solvers_keep_the_same_orbitals():
    v, grid = trap(1.0, n=32)
    whole = solve(v, grid, 3, ATOMIC, 8, estimate=False)
    in_field = solve_in_field(
        v, grid, 3, ATOMIC, MagneticField(0.0), n_orbitals=8, refinements=0, cusp=False, estimate=False
    )
    assert in_field.energies[..., 0] == pytest.approx(float(whole.energy), rel=1e-7)


def test_states_of_one_level_have_one_cusp():
    energies, cusp = np.array([[1.0, 1.0 + 1e-9, 2.0]]), np.array([[-0.1, -0.3, -0.5]])
    np.testing.assert_allclose(mean_of_levels(cusp, energies, np.array([1e-8])), [[-0.2, -0.2, -0.5]])
    np.testing.assert_allclose(mean_of_levels(cusp, energies, np.array([1e-10])), cusp)


def test_a_shell_that_is_cut_is_cut_by_representation():
    """Two orbitals of one energy and different symmetry: their order is one of rounding."""
    alone, together = np.zeros((1, 3), dtype=int), np.array([[False, True]])
    for kinds, chosen in (([0.0, 1.0, 2.0], [0, 1]), ([0.0, 2.0, 1.0], [0, 2])):
        order, cut = choose_shells(alone, together, np.array([kinds]), 2)
        assert order.tolist() == [chosen] and cut.all()


def test_estimates_include_momenta_that_no_orbital_has():
    """Four electrons in a flat round dot: by the directions alone the bar is a fifth of the error."""
    grid = Grid(48, 45.0)
    x, y = (a - grid.extent / 2 for a in grid.mesh())
    v = 1.86e-4 * (x**2 + y**2) ** 2
    interaction = Interaction(screening=5.0, thickness=0.8)
    options = {"interaction": interaction, "cusp": True}
    found = solve(v, grid, 4, ATOMIC, 14, 1, **options)
    best = solve(v, grid, 4, ATOMIC, 20, 2, estimate=False, memory=8.0, **options)
    assert abs(found.energy - best.energy) < 2 * found.energy_error
    assert grid.integrate(abs(found.density - best.density)) / 4 < 2 * found.density_error


def test_leftover_orbitals_are_orthonormal_and_outside():
    rng = np.random.default_rng(3)
    rows = np.linalg.qr(rng.normal(size=(36, 9)))[0].T.reshape(1, 9, 6, 6)
    kept = np.linalg.qr(np.concatenate([rows[0, :4].reshape(4, 36), rng.normal(size=(2, 36))]).T)[0].T
    space = ActiveSpace(kept.reshape(1, 6, 6, 6), *[np.zeros(1)] * 5)
    lowest = Orbitals(np.arange(9.0)[None], rows, np.zeros((1, 9)), np.zeros(1, dtype=bool), np.ones(1))
    found = leftover(space, lowest, most=7)[0].reshape(-1, 36)
    assert found.shape == (3, 36)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(found @ kept.T, 0, atol=1e-6)
