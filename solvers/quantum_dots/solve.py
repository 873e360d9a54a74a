"""The public function of the solver: ground states of a batch of potentials."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from solvers.backend import (
    Array,
    blas_threads,
    check_backend,
    namespace,
    on_host,
    systems_at_once,
    to_backend,
)
from solvers.checks import check_flag, check_integer, check_kind, check_number, check_plain, check_positive
from solvers.grid import Grid
from solvers.quantum_dots import configuration_interaction as ci
from solvers.quantum_dots.coulomb import COULOMB, Interaction
from solvers.quantum_dots.ground_state import Batch, joined, solve_batch
from solvers.quantum_dots.settings import MOST_TOGETHER, Settings, Timer, bytes_needed, make_settings, modes_of, untimed
from solvers.quantum_dots.solution import Solution, columns
from solvers.quantum_dots.wavefunction import Wavefunction
from solvers.units import HIGHEST, Material

PRESETS: dict[str, Any] = {
    "paper": {"n_orbitals": 8, "refinements": 0, "cusp": False},
    "converged": {"n_orbitals": 14, "refinements": 1, "cusp": True},
}
"""Arguments of ``solve``: the paper's eight lowest orbitals; densities to 0.5 % (GaAs) and 1 % (Si) for N = 1 ... 4."""
LARGEST_NUMBER = 10**6
"""Limit of every number of electrons, orbitals, states ..., far beyond what can be solved."""
MANY_STATES = 100
"""Where more states than these do not fit into the memory, their number may be the cause."""
MOST_MEMORY = 1e9
"""Limit of ``memory`` in GiB, beyond any machine."""


def solve(
    V: ArrayLike,
    grid: Grid,
    n_electrons: int,
    material: Material,
    n_orbitals: int = 8,
    refinements: int = 0,
    n_states: int = 2,
    interaction: Interaction = COULOMB,
    n_modes: int | tuple[int, int] | None = None,
    estimate: bool = True,
    memory: float = 2.0,
    backend: str = "auto",
    threads: int | None = None,
    wavefunction: bool = False,
    cusp: bool = False,
    degeneracy: float | None = None,
    timer: Timer = untimed,
) -> Solution:
    """Return ground states of ``n_electrons`` by full CI in ``n_orbitals`` orbitals.

    Args:
        V: potentials in eV, shape (..., n_x, n_y) with (n_x, n_y) = ``grid.shape``, hard walls around.
        grid: points and sides (nm) of the square or rectangle.
        n_electrons: number of electrons N, at most 2 n_orbitals.
        material: effective mass, or masses along x and y, and permittivity.
        n_orbitals: M, the orbitals kept.
        refinements: rounds in which the first orbitals, the M lowest single-particle states, are replaced by natural
            orbitals of a larger space; see ``active_space.py``.
        n_states: requested number of lowest states of the block of lowest |S_z|; refined orbitals are an average for
            all of them.
        interaction: bare Coulomb, or screened, softened, or below a metal plane.
        n_modes: sine functions per direction, one number or a pair; by default n / 2, whose products the grid just
            resolves.
        estimate: estimate the errors of the truncation; otherwise they are NaN.
        memory: working memory in GiB; larger batches are solved in pieces.
        backend: "numpy", "cupy" (an NVIDIA GPU), or "auto", the library of V.
        threads: pieces solved at once on a processor; by default as many as BLAS may use. Results do not depend on it.
        wavefunction: keep the orbitals and states; they take M times the memory of the densities.
        cusp: add the energy of the electron-electron cusp that M orbitals miss, so that energies converge faster than
            1 / M; without it they are those of full CI, upper bounds.
        degeneracy: levels closer than this (eV) count as one; by default 1e-7 of the kinetic energy of an electron in
            the dot.
        timer: called with the name of each stage (``settings.STAGES``), by every thread; returns a context manager
            in which the stage runs.

    Raises:
        ValueError: an argument is out of range, or one system would not fit into ``memory``; before any work.
    """
    potential = _checked_potential(V, grid, backend)
    modes = modes_of(grid, n_modes)
    numbers = {
        "n_electrons": n_electrons,
        "n_orbitals": n_orbitals,
        "refinements": refinements,
        "n_states": n_states,
    }
    flags = {"estimate": estimate, "wavefunction": wavefunction, "cusp": cusp}
    _check_arguments(modes, material, interaction, memory, threads, numbers, flags)
    if degeneracy is not None:
        check_number("degeneracy", degeneracy, 0.0)
    if not callable(timer):
        raise ValueError(f"timer: expected a function of a stage that returns a context manager, got {timer!r}")
    _check_height(potential, material)
    units = interaction.in_units(material.bohr)
    memory, sides = float(memory), material.in_bohr(grid.sides)
    close = None if degeneracy is None else float(degeneracy) / material.hartree
    masses = material.inverse_masses
    settings = make_settings(numbers, modes, units, estimate, wavefunction, close, cusp, timer, masses)
    _check_fits(settings, grid.shape, sides, memory)
    if not math.prod(potential.shape):
        return _solution([], potential, grid, material, settings)
    threads = int(threads or blas_threads()) if on_host(potential) else 1
    parts = _in_pieces(potential, grid, material, settings, memory, threads)
    return _solution(parts, potential, grid, material, settings)


def _in_pieces(
    potential: Array, grid: Grid, material: Material, settings: Settings, memory: float, threads: int
) -> list[Batch]:
    """Return the solutions of the pieces of a batch, in effective atomic units and in the order of the potentials."""
    xp = namespace(potential)
    flat = xp.reshape(potential, (-1, *grid.shape))
    at_once = int(memory * 2**30 // bytes_needed(grid.shape, settings))
    # the size of a piece must not depend on the number of threads: rounding depends on the shape of a product
    together = 1 if on_host(potential) and settings.largest_space > MOST_TOGETHER else systems_at_once(potential)
    piece = max(1, min(together, at_once))
    threads = max(1, min(threads, at_once // piece))
    sides = material.in_bohr(grid.sides)

    def task(first: int) -> Batch:
        some = flat[first : min(first + piece, flat.shape[0]), :, :]
        return solve_batch(some / material.hartree, sides, settings)

    starts = range(0, flat.shape[0], piece)
    with threadpool_limits(1, "blas"):  # the products are small: more threads would only wait for each other
        if threads == 1:
            return [task(first) for first in starts]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(task, starts))


def _solution(parts: list[Batch], potential: Array, grid: Grid, material: Material, settings: Settings) -> Solution:
    """Return the pieces as one solution, in the units of the material, with the leading shape of the potentials."""
    xp, leading = namespace(potential), potential.shape[:-2]
    sizes = {"x": grid.shape[0], "y": grid.shape[1], "M": settings.n_orbitals, "k": settings.n_states}
    whole = joined(parts) if parts else None
    arrays = {}
    for column in columns():
        name, (energy, length) = column.name, column.metadata["power"]
        shape = tuple(sizes[letter] for letter in column.metadata["shape"])
        found = getattr(whole.solution, name) if whole else xp.zeros((0, *shape), device=potential.device)
        if (energy, length) != (0, 0):
            found = found * (material.hartree**energy * material.bohr**length)
        arrays[name] = xp.reshape(found, (*leading, *shape))
    state = None
    if whole and whole.amplitudes is not None:
        functions, vectors, weights = whole.amplitudes
        n_states = min(settings.n_states, vectors.shape[1])
        state = Wavefunction(grid, settings.n_electrons, functions / material.bohr, vectors, weights, n_states)
    return Solution(**arrays, wavefunction=state)


def _check_fits(settings: Settings, shape: tuple[int, int], sides: tuple[float, float], memory: float) -> None:
    """Raise ValueError if one system does not fit into ``memory`` GiB."""
    kernel = settings.interaction.kernel_bytes(shape, sides)
    if kernel > memory * 2**30:
        raise ValueError(
            f"interaction: expected at most memory = {memory:g} GiB, got about {kernel / 2**30:.3g} for its Fourier "
            f"transform on {_both(shape)} points per side. Lower grid.n, or raise memory."
        )
    needed = bytes_needed(shape, settings)
    if needed > memory * 2**30:
        m, n_electrons, n_states = settings.n_orbitals, settings.n_electrons, settings.n_states
        size = _rounded(ci.block_size(m, n_electrons))
        others = f"{', refinements' if settings.refinements else ''}{', n_states' if n_states > MANY_STATES else ''}"
        without = ", or estimate=False" if settings.estimate and not settings.refined else ""
        raise ValueError(
            f"n_orbitals: one system with N = {n_electrons} in M = {m} orbitals has {size} determinants and needs "
            f"about {_rounded(needed >> 20)} MiB for {n_states} states, more than memory = {memory:g} GiB. "
            f"Lower n_orbitals{others} or n_electrons, or raise memory{without}."
        )


def _both(numbers: tuple[int, int]) -> str:
    """Return the numbers along x and y for a message, one if they are equal."""
    return str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]} x {numbers[1]}"


def _rounded(number: int) -> str:
    """Return the digits of ``number``, or its order of magnitude where it has too many for a message or a float."""
    return str(number) if number < 10**9 else f"1e{math.log10(number):.0f}"


def _checked_potential(V: ArrayLike, grid: Grid, backend: str) -> Array:
    check_kind("grid", grid, Grid, "Grid(n, extent)")
    check_backend(backend)
    check_plain("V", V)
    try:
        given = to_backend(V, backend)
        xp = namespace(given)
        if not xp.isdtype(given.dtype, ("integral", "real floating")):
            raise TypeError(given.dtype)  # NumPy would drop imaginary parts, take True for 1 eV, and parse strings
        potential = xp.astype(given, xp.float64)
    except (TypeError, ValueError):
        raise ValueError(f"V: expected an array of real numbers in eV, got {_kind(V)}") from None
    if potential.ndim < 2 or tuple(potential.shape[-2:]) != grid.shape:
        size = ", ".join(map(str, grid.shape))
        raise ValueError(f"V: expected shape (..., {size}), that of the grid, got {tuple(potential.shape)}")
    bad = int(xp.sum(xp.astype(~xp.isfinite(potential), xp.int64)))
    if bad:
        raise ValueError(
            f"V: expected finite numbers, got {bad} that are NaN or infinite. For a wall, use a step of some hundred "
            "times the lowest level."
        )
    return potential


def _kind(V: object) -> str:
    """Return the type of a potential, and that of its entries."""
    dtype = getattr(V, "dtype", None)
    return type(V).__name__ if dtype is None else f"{type(V).__name__} of {dtype}"


def _check_height(potential: Array, material: Material) -> None:
    """Raise ValueError if a potential (..., n_x, n_y) in eV is too high for the material's unit of energy."""
    xp = namespace(potential)
    highest = float(xp.max(xp.abs(potential))) if math.prod(potential.shape) else 0.0
    if highest > HIGHEST * material.hartree:
        raise ValueError(
            f"V: expected at most {HIGHEST:g} effective Hartree energies of {material.hartree:g} ({material.units}), "
            f"got {highest:g}. For a wall, use a step of some hundred times the lowest level."
        )


def _check_arguments(
    modes: tuple[int, int],
    material: Material,
    interaction: Interaction,
    memory: float,
    threads: int | None,
    given: dict[str, int],
    flags: dict[str, bool],
) -> None:
    """Raise ValueError for a bad argument; ``given`` are the whole numbers, ``flags`` the switches."""
    check_kind("material", material, Material, "Material(m_eff, eps_r)")
    check_kind("interaction", interaction, Interaction, "Interaction(screening, thickness)")
    for name, value in given.items():
        low = 0 if name == "refinements" else 1
        check_integer(name, value, low)
        check_integer(name, value, low, high=LARGEST_NUMBER)
    for name, flag in flags.items():
        check_flag(name, flag)
    if threads is not None:
        check_integer("threads", threads, 1)
    check_positive("memory", memory, MOST_MEMORY, "It is given in GiB")
    n_electrons, n_orbitals = (int(given[name]) for name in ("n_electrons", "n_orbitals"))
    functions = f"{modes[0]}^2" if modes[0] == modes[1] else _both(modes)
    hint = f"There are {functions} sine functions; raise n_modes"
    check_integer("n_orbitals", n_orbitals, 1, hint, high=math.prod(modes))
    hint = f"n_orbitals = {n_orbitals} hold two electrons each; at least {(n_electrons + 1) // 2} orbitals are needed"
    check_integer("n_electrons", n_electrons, 1, hint, high=2 * n_orbitals)
    size = ci.block_size(n_orbitals, n_electrons)
    hint = f"N = {n_electrons} in M = {n_orbitals} orbitals has {_rounded(size)} states of the lowest |S_z|"
    check_integer("n_states", int(given["n_states"]), 1, hint, high=max(size, 2))
