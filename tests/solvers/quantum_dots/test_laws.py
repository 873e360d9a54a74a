"""Laws that hold for any dot: random potentials, sizes, and materials."""

import numpy as np
import pytest
from analytic import SQUARE, nmae
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import PRESETS, Grid, Interaction, Material, solve
from solvers.quantum_dots.configuration_interaction import block_size
from solvers.quantum_dots.ground_state import DEGENERACY, ORBITAL_TOLERANCE

# densities are unique to the accuracy of the solver where no other state is near
UNIQUE = 1e-3

quick = settings(max_examples=20, deadline=None, derandomize=True)


@st.composite
def dots(draw):
    """Potential (eV), grid and material: a box of 1 to 12 bohr, rough or smooth, deep or shallow."""
    n = draw(st.integers(8, 18))
    material = Material(draw(st.floats(0.01, 1.5)), draw(st.floats(1.0, 30.0)))
    grid = Grid(n, material.bohr * draw(st.floats(1.0, 12.0)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    depth = material.hartree * draw(st.floats(0.0, 30.0))
    rough = rng.uniform(-depth, depth, size=(n, n))
    x, y = grid.mesh()
    smooth = depth * np.cos(rng.normal(scale=3.0) * x / grid.extent + rng.normal(scale=3.0) * y / grid.extent)
    return draw(st.sampled_from([rough, smooth])), grid, material


electrons = st.integers(1, 4)


@quick
@given(dots(), st.integers(1, 8))
def test_all_electrons_are_there(dot, n_electrons):
    v, grid, material = dot
    n_states = min(3, max(2, block_size(4, n_electrons)))
    check(solve(v, grid, n_electrons, material, n_orbitals=4, n_states=n_states), grid, n_electrons, material, v)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(dots(), st.integers(1, 3))
def test_so_they_are_in_better_orbitals(dot, n_electrons):
    v, grid, material = dot
    solution = solve(v, grid, n_electrons, material, **PRESETS["converged"])
    check(solution, grid, n_electrons, material, v)
    plain = solve(v, grid, n_electrons, material, PRESETS["converged"]["n_orbitals"], estimate=False)
    scale = 1e-9 * material.hartree + 1e-12 * np.abs(v).max()
    if n_electrons == 1:
        assert solution.energy == pytest.approx(plain.energy, abs=scale)
    else:
        # an average over states is lowered: the ground state alone may pay for the others, but not much
        assert solution.energy <= plain.energy + 0.1 * abs(float(plain.gap)) + scale


@quick
@given(dots(), st.integers(2, 4), st.floats(0.1, 10.0), st.floats(0.0, 2.0))
def test_screened_electrons_obey_the_same_laws(dot, n_electrons, screening, thickness):
    v, grid, material = dot
    interaction = Interaction(screening * material.bohr, thickness * material.bohr)
    screened = solve(v, grid, n_electrons, material, n_orbitals=4, interaction=interaction)
    check(screened, grid, n_electrons, material, v)
    bare = solve(v, grid, n_electrons, material, n_orbitals=4, estimate=False)
    assert screened.energy <= bare.energy + 1e-9 * material.hartree + 1e-12 * np.abs(v).max()


def check(solution, grid, n_electrons, material, v):
    """What holds for every solution."""
    size = np.abs(v).max() * n_electrons + solution.kinetic + solution.interaction + material.hartree
    for density in (solution.density, solution.density_noninteracting):
        np.testing.assert_allclose(grid.integrate(density), n_electrons, rtol=1e-11)
        assert density.min() >= -1e-13 * density.max()
    assert grid.integrate(solution.spin_density) == pytest.approx(n_electrons % 2, abs=1e-11)
    assert (np.abs(solution.spin_density) <= solution.density + 1e-12 * solution.density.max()).all()
    assert solution.residual <= ORBITAL_TOLERANCE * size
    assert solution.converged
    parts = solution.kinetic + solution.confinement + solution.interaction
    if solution.degeneracy == 1:
        assert parts == pytest.approx(solution.energy, abs=1e-10 * size)
    else:  # the parts are those of an average
        assert parts == pytest.approx(solution.energy, abs=DEGENERACY * size)
    assert solution.kinetic > 0
    assert solution.interaction > 0 if n_electrons > 1 else abs(solution.interaction) < 1e-10 * material.hartree
    assert n_electrons * v.min() <= solution.confinement <= n_electrons * v.max() + 1e-10 * size
    assert solution.density_error >= 0 and solution.energy_error >= -1e-9 * size
    assert solution.occupations.sum() == pytest.approx(n_electrons, abs=1e-10)
    assert solution.occupations.min() > -1e-10 and solution.occupations.max() < 2 + 1e-10
    assert (np.diff(solution.occupations) <= 1e-12).all()
    there = np.isfinite(solution.energies)
    assert there[0] and (np.diff(solution.energies[there]) >= -1e-12 * size).all()
    assert (np.isfinite(solution.spins) == there).all()
    # the lowest |S_z| of N electrons: S = 0, 1, ... or 1/2, 3/2, ..., up to N/2; sharp where no level is near
    apart = np.diff(np.r_[-np.inf, solution.energies[there], np.inf]) > UNIQUE * material.hartree
    sharp = apart[:-1] & apart[1:]
    sharp[-1] = False  # its upper neighbour is not known
    for spin in solution.spins[there][sharp]:
        nearest = round(float(spin) - n_electrons % 2 / 2) + n_electrons % 2 / 2
        assert spin == pytest.approx(nearest, abs=1e-4)
        assert n_electrons % 2 / 2 <= nearest <= n_electrons / 2


@quick
@given(dots(), electrons, st.sampled_from(sorted(SQUARE)))
def test_the_square_has_no_preferred_side(dot, n_electrons, symmetry):
    v, grid, material = dot
    act = SQUARE[symmetry]
    solution, moved = (solve(w, grid, n_electrons, material, n_orbitals=4) for w in (v, act(v)))
    if solution.splits_shell:
        return
    np.testing.assert_allclose(moved.energy, solution.energy, rtol=1e-9, atol=1e-9 * material.hartree)
    np.testing.assert_allclose(moved.orbital_energies, solution.orbital_energies, rtol=1e-9)
    if solution.gap > UNIQUE * material.hartree:
        assert nmae(moved.density, act(solution.density), n_electrons, grid) < 1e-4


@quick
@given(dots(), electrons, st.floats(-100.0, 100.0))
def test_the_zero_of_energy_is_free(dot, n_electrons, hartrees):
    v, grid, material = dot
    shift = hartrees * material.hartree
    solution, shifted = (solve(w, grid, n_electrons, material, n_orbitals=4) for w in (v, v + shift))
    np.testing.assert_allclose(
        shifted.energy, solution.energy + n_electrons * shift, rtol=1e-9, atol=1e-9 * material.hartree
    )
    if solution.gap > UNIQUE * material.hartree and not solution.splits_shell:
        assert nmae(shifted.density, solution.density, n_electrons, grid) < 1e-4


@quick
@given(dots(), electrons)
def test_more_orbitals_lower_the_energy(dot, n_electrons):
    v, grid, material = dot
    energies = [solve(v, grid, n_electrons, material, n_orbitals=m).energy for m in (2, 3, 5, 8)]
    assert (np.diff(energies) <= 1e-10 * material.hartree + 1e-12 * np.abs(energies[0])).all()


@quick
@given(dots(), st.integers(2, 4))
def test_repulsion_costs_energy(dot, n_electrons):
    """sum epsilon < E, and less repulsion costs less: E is concave and rising in 1 / eps_r."""
    v, grid, material = dot
    strengths = np.array([1.0, 0.75, 0.5])
    energies = []
    for strength in strengths:
        solution = solve(v, grid, n_electrons, Material(material.m_eff, material.eps_r / strength), n_orbitals=4)
        energies.append(float(solution.energy))
    filled = np.repeat(solution.orbital_energies, 2)[:n_electrons].sum()
    small = 1e-9 * material.hartree + 1e-12 * np.abs(v).max()
    assert filled < energies[2] < energies[1] < energies[0]
    assert energies[1] >= (energies[0] + energies[2]) / 2 - small


@quick
@given(dots(), electrons, st.floats(0.02, 1.0), st.floats(1.0, 20.0))
def test_effective_units_are_all_there_is(dot, n_electrons, m_eff, eps_r):
    v, grid, first = dot
    second = Material(m_eff, eps_r)
    scale, stretch = second.hartree / first.hartree, second.bohr / first.bohr
    a = solve(v, grid, n_electrons, first, n_orbitals=4)
    b = solve(v * scale, Grid(grid.n, grid.extent * stretch), n_electrons, second, n_orbitals=4)
    np.testing.assert_allclose(b.energy / scale, a.energy, rtol=1e-9, atol=1e-9 * first.hartree)
    if a.gap > UNIQUE * first.hartree and not a.splits_shell:
        assert nmae(b.density * stretch**2, a.density, n_electrons, grid) < 1e-4


@quick
@given(dots(), electrons, st.integers(2, 4))
def test_a_batch_is_a_loop(dot, n_electrons, n_systems):
    v, grid, material = dot
    batch = v * np.linspace(0.5, 1.0, n_systems)[:, None, None]
    together = solve(batch, grid, n_electrons, material, n_orbitals=4)
    for i in range(n_systems):
        alone = solve(batch[i], grid, n_electrons, material, n_orbitals=4)
        np.testing.assert_allclose(together.energy[i], alone.energy, rtol=1e-10, atol=1e-10 * material.hartree)
        if alone.gap > UNIQUE * material.hartree and not alone.splits_shell:
            assert nmae(together.density[i], alone.density, n_electrons, grid) < 1e-4
