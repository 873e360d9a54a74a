"""Batches, memory, threads, and the kinds of numbers that are accepted."""

import importlib
import threading
import tracemalloc

import numpy as np
import pytest
from analytic import GAAS, SI
from dots import GRID, assert_same, at, least_memory, smooth_potential

from solvers import PRESETS, backend, solve
from solvers.quantum_dots.potentials import RandomWells
from solvers.quantum_dots.solution import columns

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
    module, sizes = importlib.import_module("solvers.quantum_dots.ground_state"), []
    orbitals = module.lowest_orbitals

    def watched(potential, *rest):
        sizes.append(len(potential))
        return orbitals(potential, *rest)

    monkeypatch.setattr(module, "lowest_orbitals", watched)
    pieces = solve(v, GRID, 3, GAAS, memory=0.015)
    assert sum(sizes) == 5 and 1 < len(sizes) <= 5
    assert_same(pieces, whole, rtol=1e-8)


def assert_same_bits(first, second):
    for column in columns():
        a, b = getattr(first, column.name), getattr(second, column.name)
        np.testing.assert_array_equal(a, b, err_msg=column.name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_electrons", "n_orbitals", "refinements", "n_systems", "memory", "threads"),
    [
        (2, 8, 0, 12, 0.02, 1),
        (3, 10, 0, 6, 0.03, 1),
        (4, 8, 0, 6, 0.05, 1),
        (4, 10, 0, 2, 0.05, 1),
        (6, 8, 0, 2, 0.2, 1),
        (2, 8, 1, 12, 0.02, 1),
        (3, 8, 2, 6, 0.012, 1),
        (4, 10, 1, 2, 0.05, 1),
        (3, 8, 1, 8, 0.05, 2),
    ],
)
def test_memory_is_what_was_allowed(n_electrons, n_orbitals, refinements, n_systems, memory, threads):
    """Limits little above what one system needs, or one batch, or one for each thread."""
    v = np.stack([smooth_potential(seed) for seed in range(n_systems)])
    options = {"n_orbitals": n_orbitals, "refinements": refinements, "threads": threads, "memory": memory}
    solve(v[:1], GRID, n_electrons, GAAS, **options)  # tables that are kept
    tracemalloc.start()
    solve(v, GRID, n_electrons, GAAS, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < memory * 2**30


@pytest.mark.parametrize("preset", PRESETS)
def test_least_memory_is_enough(preset):
    """What is just not refused is kept to, one system after the other."""
    v = np.stack([smooth_potential(seed) for seed in range(2)])
    memory = least_memory(GRID, 3, **PRESETS[preset])
    solve(v[:1], GRID, 3, GAAS, memory=memory, **PRESETS[preset])
    tracemalloc.start()
    solve(v, GRID, 3, GAAS, memory=memory, **PRESETS[preset])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < memory * 2**30


def watched_pieces(monkeypatch):
    """A list that fills with the sizes of the pieces, and with the threads that solve them."""
    module, seen = importlib.import_module("solvers.quantum_dots.solve"), []
    solve_batch = module.solve_batch

    def watched(potential, *rest):
        seen.append((len(potential), threading.get_ident()))
        return solve_batch(potential, *rest)

    monkeypatch.setattr(module, "solve_batch", watched)
    return seen


def test_large_batches_are_cut_for_the_cache(monkeypatch):
    monkeypatch.setattr(backend, "CACHE_SYSTEMS", 3)
    seen = watched_pieces(monkeypatch)
    solve(np.stack([smooth_potential(seed) for seed in range(7)]), GRID, 1, GAAS, n_orbitals=2, threads=1)
    assert [size for size, _ in seen] == [3, 3, 1]


def test_pieces_are_solved_at_the_same_time(monkeypatch):
    """Two threads meet: neither piece is finished before the other has begun."""
    monkeypatch.setattr(backend, "CACHE_SYSTEMS", 1)
    module, meeting = importlib.import_module("solvers.quantum_dots.solve"), threading.Barrier(2, timeout=20)
    solve_batch = module.solve_batch

    def waiting(*arguments):
        meeting.wait()
        return solve_batch(*arguments)

    monkeypatch.setattr(module, "solve_batch", waiting)
    v = np.stack([smooth_potential(seed) for seed in range(4)])
    together = solve(v, GRID, 1, GAAS, n_orbitals=2, threads=2)
    monkeypatch.setattr(module, "solve_batch", solve_batch)
    for i in range(4):  # in the order of the potentials, whoever came first
        np.testing.assert_array_equal(together.energy[i], solve(v[i], GRID, 1, GAAS, n_orbitals=2).energy)


def test_one_thread_is_the_one_that_calls(monkeypatch):
    monkeypatch.setattr(backend, "CACHE_SYSTEMS", 1)
    seen = watched_pieces(monkeypatch)
    solve(np.stack([smooth_potential(seed) for seed in range(2)]), GRID, 1, GAAS, n_orbitals=2, threads=1)
    assert {thread for _, thread in seen} == {threading.get_ident()}


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n_electrons", N_ELECTRONS)
def test_the_number_of_threads_changes_no_bit(monkeypatch, n_electrons, preset):
    monkeypatch.setattr(backend, "CACHE_SYSTEMS", 2)
    v = np.stack([smooth_potential(seed) for seed in range(3 if n_electrons == 4 else 5)])
    alone, *others = (solve(v, GRID, n_electrons, GAAS, threads=threads, **PRESETS[preset]) for threads in (1, 2, 3))
    for other in others:
        assert_same_bits(other, alone)


@pytest.mark.parametrize(
    ("n_electrons", "preset", "room"),
    [(2, "paper", 8.1), (2, "converged", 4.1), pytest.param(3, "converged", 4.1, marks=pytest.mark.slow)],
)
def test_nor_does_it_where_memory_is_short(n_electrons, preset, room):
    """Sums depend on how many systems are multiplied at once: that is fixed by the memory, not by the threads."""
    rng = np.random.default_rng(0)
    v = np.stack([RandomWells().sample(rng, GRID)(GRID) for _ in range(11)])
    options = PRESETS[preset] | {"memory": room * least_memory(GRID, n_electrons, **PRESETS[preset])}
    alone, together = (solve(v, GRID, n_electrons, GAAS, threads=threads, **options) for threads in (1, 2))
    assert_same_bits(together, alone)


def test_the_same_call_gives_the_same_bits():
    first, second = (solve(smooth_potential(1), GRID, 3, SI) for _ in range(2))
    assert_same_bits(first, second)


def test_potentials_are_left_as_they_were():
    v = smooth_potential()
    v.flags.writeable = False
    assert np.isfinite(solve(v, GRID, 2, GAAS, n_orbitals=4).energy)


@pytest.mark.parametrize("convert", [np.float32, np.ndarray.tolist, np.asfortranarray])
def test_numbers_of_any_kind_are_potentials(convert):
    v = np.round(smooth_potential() * 1024) / 1024  # exact in single precision
    assert_same(solve(convert(v), GRID, 2, GAAS, n_orbitals=4), solve(v, GRID, 2, GAAS, n_orbitals=4))
