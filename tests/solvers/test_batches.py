"""Batches, memory, and the kinds of numbers that are accepted."""

import importlib
import tracemalloc
from dataclasses import fields

import numpy as np
import pytest
from analytic import GAAS, SI
from dots import GRID, assert_same, at, smooth_potential

from solvers import Solution, solve
from solvers.potentials import RandomWells

N_ELECTRONS = [1, 2, 3, 4]


@pytest.mark.parametrize("n_electrons", N_ELECTRONS)
def test_a_batch_is_its_systems_one_by_one(n_electrons):
    rng = np.random.default_rng(n_electrons)
    v = np.stack([RandomWells().sample(rng, GRID)(GRID) for _ in range(6)]).reshape(2, 3, 32, 32)
    together = solve(v, GRID, n_electrons, GAAS, n_orbitals=6)
    assert together.energy.shape == together.gap.shape == together.degeneracy.shape == (2, 3)
    assert together.splits_shell.shape == together.residual.shape == (2, 3)
    assert together.density.shape == together.density_noninteracting.shape == (2, 3, 32, 32)
    assert together.orbital_energies.shape == (2, 3, 6)
    for index in np.ndindex(2, 3):
        assert_same(at(together, index), solve(v[index], GRID, n_electrons, GAAS, n_orbitals=6), rtol=1e-8)


def test_one_potential_gives_arrays_without_leading_shape():
    solution = solve(smooth_potential(), GRID, 2, GAAS, n_orbitals=4)
    assert solution.energy.shape == ()
    assert solution.density.shape == (32, 32)


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
@pytest.mark.parametrize("n_electrons", [1, 4])
def test_an_empty_batch_is_an_empty_solution(shape, n_electrons):
    solution = solve(np.zeros((*shape, 32, 32)), GRID, n_electrons, GAAS, n_orbitals=8)
    assert solution.energy.shape == shape
    assert solution.density.shape == (*shape, 32, 32)
    assert solution.orbital_energies.shape == (*shape, 8)


def test_pieces_are_the_whole(monkeypatch):
    v = np.stack([smooth_potential(seed) for seed in range(5)])
    whole = solve(v, GRID, 3, GAAS)
    module, sizes = importlib.import_module("solvers.solve"), []
    orbitals = module.lowest_orbitals

    def watched(potential, *rest):
        sizes.append(len(potential))
        return orbitals(potential, *rest)

    monkeypatch.setattr(module, "lowest_orbitals", watched)
    pieces = solve(v, GRID, 3, GAAS, memory=0.015)
    assert sum(sizes) == 5 and 1 < len(sizes) <= 5
    assert_same(pieces, whole, rtol=1e-8)


@pytest.mark.parametrize(
    ("n_electrons", "n_orbitals", "n_systems", "memory"),
    [(2, 8, 12, 0.02), (3, 10, 6, 0.03), (4, 8, 6, 0.05), (4, 10, 2, 0.05), (6, 8, 2, 0.08)],
)
def test_memory_is_what_was_allowed(n_electrons, n_orbitals, n_systems, memory):
    """Limits little above what one system needs, or one batch: with and without the stored matrix."""
    v = np.stack([smooth_potential(seed) for seed in range(n_systems)])
    solve(v[:1], GRID, n_electrons, GAAS, n_orbitals=n_orbitals)  # tables that are kept
    tracemalloc.start()
    solve(v, GRID, n_electrons, GAAS, n_orbitals=n_orbitals, memory=memory)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < memory * 2**30


def test_the_same_call_gives_the_same_bits():
    first, second = (solve(smooth_potential(1), GRID, 3, SI) for _ in range(2))
    for field in fields(Solution):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_potentials_are_left_as_they_were():
    v = smooth_potential()
    v.flags.writeable = False
    assert np.isfinite(solve(v, GRID, 2, GAAS, n_orbitals=4).energy)


@pytest.mark.parametrize("convert", [np.float32, np.ndarray.tolist, np.asfortranarray])
def test_numbers_of_any_kind_are_potentials(convert):
    v = np.round(smooth_potential() * 1024) / 1024  # exact in single precision
    assert_same(solve(convert(v), GRID, 2, GAAS, n_orbitals=4), solve(v, GRID, 2, GAAS, n_orbitals=4))
