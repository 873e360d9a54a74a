"""All steps for one dot in a field, in effective atomic units: orbitals, full CI of every spin, refinement, levels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from solvers.quantum_dots.coulomb import Interaction
from solvers.quantum_dots.cusp import mean_of_levels
from solvers.quantum_dots.determinants import n_strings
from solvers.quantum_dots.magnetic.coupling import Mixed, bases, mixed
from solvers.quantum_dots.magnetic.multiplets import (
    DEGENERACY,
    Level,
    Multiplets,
    solve_multiplets,
    sort_levels,
)
from solvers.quantum_dots.magnetic.one_electron import Floats, Gauge, OneElectron, Rectangle, Values
from solvers.quantum_dots.magnetic.orbitals import Orbitals, lowest, lowest_orbitals, more_orbitals
from solvers.quantum_dots.magnetic.sectors import pair_matrix
from solvers.quantum_dots.magnetic.space import (
    Enlarged,
    Space,
    Weights,
    cusp_energies,
    density_matrices,
    enlarge,
    leftover,
    natural_orbitals,
)
from solvers.quantum_dots.settings import MOST_DETERMINANTS

STATE_TOLERANCE, ROUGH_TOLERANCE = 1e-8, 1e-5
"""Largest residuals of states, as parts of the dot's scale: of the result, and of states whose orbitals are refined."""
EXCITED_SHARE = 0.5
"""Weight of the excited multiplets in the average for which orbitals are chosen: levels cross as the field grows."""
SMALL_SECTOR = 6_000
"""Determinants of an enlarged space up to which it has more than M / 2 further orbitals."""
GAUGE_SHIFT = 0.25
"""Distance of the origin of the second gauge, in root mean square radii of the occupied orbitals."""


@dataclass(frozen=True)
class Problem:
    """A dot in a field, in effective atomic units.

    Attributes:
        sides: the rectangle.
        potential: V from its minimum, (nx, ny).
        strength, zeeman, slope: b, g mu_B B, and g mu_B times the gradient along x.
        origin: of the gauge and of L_z.
        zero: x at which the field of the gradient is zero.
        interaction: in effective Bohr radii.
        n_electrons, n_orbitals, refinements, n_states, coupled: as in ``solve_in_field``.
        cusp, estimate: likewise.
    """

    sides: Rectangle
    potential: Floats
    strength: float
    zeeman: float
    slope: float
    origin: tuple[float, float]
    zero: float
    interaction: Interaction
    n_electrons: int
    n_orbitals: int
    refinements: int
    n_states: int
    coupled: int
    cusp: bool
    estimate: bool

    @property
    def correlated(self) -> bool:
        """True if the result depends on the choice of orbitals."""
        return self.n_electrons > 1 and self.n_orbitals < math.prod(self.sides.modes)

    @property
    def rounds(self) -> int:
        """Rounds of refinement that are done."""
        return self.refinements if self.correlated else 0

    @property
    def n_directions(self) -> int:
        """Orbitals by which the space is enlarged: M in small sectors, M / 2 in larger ones, fewer in the largest."""
        m, up, down = self.n_orbitals, (self.n_electrons + 1) // 2, self.n_electrons // 2
        sizes = {k: n_strings(m + k, up) * n_strings(m + k, down) for k in range(1, m + 1)}
        half = [k for k, size in sizes.items() if k <= max(m // 2, 1) and size <= MOST_DETERMINANTS]
        small = [k for k, size in sizes.items() if size <= SMALL_SECTOR]
        return min(max([1, *half, *small]), math.prod(self.sides.modes) - m)

    def one_electron(self, gauge: Gauge | None = None) -> OneElectron:
        """Return H of one electron, by default in the symmetric gauge about the origin."""
        return OneElectron(self.sides, self.potential, self.strength, gauge or Gauge(self.origin))


class Matrices(NamedTuple):
    """``gamma`` (2, M, M) of up and down electrons, and Gamma ``pairs`` (M, M, M, M), of a state or of an average."""

    gamma: Values
    pairs: Values


class State(NamedTuple):
    """One of the lowest states: its energy, <S^2> as S, <S_z>, and the weights of multiplets, by spin and number."""

    energy: float
    spin: float
    s_z: float
    multiplets: dict[tuple[float, int], float]


@dataclass(frozen=True)
class Solved:
    """The states of a ``Problem``.

    Attributes:
        problem: the problem.
        orbitals: the lowest orbitals of one electron.
        space: the orbitals of full CI.
        multiplets: by spin; their energies include that of the cusp if requested.
        cusps: the energies of the cusps, by spin.
        enlarged: the estimate, or None.
        second: the same by the orbitals that the space leaves over, or None.
        mixed: eigenstates in the gradient, with two numbers of coupled multiplets, or None.
    """

    problem: Problem
    orbitals: Orbitals
    space: Space
    multiplets: dict[float, Multiplets]
    cusps: dict[float, Floats]
    enlarged: Enlarged | None
    second: Enlarged | None
    mixed: tuple[Mixed, Mixed] | None

    @cached_property
    def states(self) -> list[State]:
        """The lowest states, at least ``n_states`` and all of the ground level."""
        if self.mixed is None:
            return [_pure(level) for level in sort_levels(self.multiplets, self.problem.zeeman)]
        found = self.mixed[0]
        return [
            State(float(energy), found.spin(i), found.s_z(i), found.weights(i))
            for i, energy in enumerate(found.energies)
        ]

    @cached_property
    def degeneracy(self) -> int:
        """The number of states of the ground level."""
        close = DEGENERACY * self.space.h.scale
        return sum(s.energy - self.states[0].energy <= close for s in self.states)

    def matrices(self, number: int) -> Matrices:
        """Return the density matrices of a state."""
        if self.mixed is not None:
            return Matrices(self.mixed[0].density_matrices(number), self.mixed[0].pair_matrix(number))
        state = self.states[number]
        ((spin, place),) = state.multiplets
        some = self.multiplets[spin]
        vectors = some.vectors[place : place + 1]
        return Matrices(_turned(density_matrices(some, vectors), spin, state.s_z), pair_matrix(some.block, vectors))

    def coupling_energy(self) -> float:
        """Return the energy of the field in the plane in the ground level."""
        if self.mixed is None:
            return 0.0
        return sum(self.mixed[0].coupling_energy(i) for i in range(self.degeneracy)) / self.degeneracy

    def ground(self) -> Matrices:
        """Return the density matrices of the ground level, the mean over its states."""
        each = [self.matrices(i) for i in range(self.degeneracy)]
        return Matrices(*(sum(parts) / self.degeneracy for parts in zip(*each, strict=True)))

    def multiplet_weights(self) -> dict[tuple[float, int], float]:
        """Return the weight of each multiplet in the ground level, by spin and number."""
        total: dict[tuple[float, int], float] = {}
        for state in self.states[: self.degeneracy]:
            for key, weight in state.multiplets.items():
                total[key] = total.get(key, 0.0) + weight / self.degeneracy
        return total


def _pure(level: Level) -> State:
    return State(level.energy, level.spin, level.s_z, {(level.spin, level.number): 1.0})


def _turned(gamma: Values, spin: float, s_z: float) -> Values:
    """Return the density matrices of up and down electrons at ``s_z`` from those at S_z = S (Wigner and Eckart)."""
    total, difference = gamma[0] + gamma[1], gamma[0] - gamma[1]
    difference = difference * (s_z / spin if spin else 0.0)
    return np.stack([total + difference, total - difference]) / 2


def solve_dot(problem: Problem) -> Solved:
    """Return the lowest states of a dot."""
    h = problem.one_electron()
    orbitals = lowest_orbitals(h, problem.n_orbitals, problem.rounds > 0, problem.n_electrons, problem.interaction)
    space = Space(orbitals.coefficients, h, problem.interaction)
    for _ in range(problem.rounds):
        multiplets, _ = _multiplets(problem, space, ROUGH_TOLERANCE)
        weights = _average(problem, multiplets, h.scale)
        enlarged = enlarge(space, multiplets, weights, problem.n_directions)
        space = Space(natural_orbitals(enlarged, weights, problem.n_orbitals), h, problem.interaction)
    multiplets, cusps = _multiplets(problem, space, STATE_TOLERANCE)
    estimate = second = None
    if problem.correlated and problem.estimate:
        weights = _average(problem, multiplets, h.scale, equal=True)
        estimate = enlarge(space, multiplets, weights, problem.n_directions)
        symmetric = h.group is None or not h.group.trivial
        if symmetric if problem.rounds else problem.n_electrons > 2:
            more = leftover(space, more_orbitals(h, orbitals), problem.n_directions)
            second = enlarge(space, multiplets, weights, len(more), more)
    return Solved(problem, orbitals, space, multiplets, cusps, estimate, second, _mixed(problem, space, multiplets))


def _multiplets(
    problem: Problem, space: Space, tolerance: float
) -> tuple[dict[float, Multiplets], dict[float, Floats]]:
    """Return the multiplets and the energies of their cusps, which the energies of the first include if requested."""
    cusps: dict[float, Floats] = {}

    def with_cusp(some: Multiplets) -> Multiplets:
        missing = cusp_energies(space, some) if problem.correlated else np.zeros(len(some.energies))
        close = np.array([DEGENERACY * space.h.scale])
        missing = mean_of_levels(missing[None], some.energies[None], close)[0]
        energies = some.energies + missing if problem.cusp else some.energies
        order = np.argsort(energies, kind="stable")
        cusps[some.spin] = missing[order]
        return some._replace(energies=energies[order], vectors=some.vectors[order], residuals=some.residuals[order])

    least = problem.coupled if problem.slope else 1
    found = solve_multiplets(
        space.integrals,
        problem.n_electrons,
        problem.n_states,
        problem.zeeman,
        space.h.scale,
        tolerance,
        with_cusp,
        least,
    )
    return found, cusps


def _average(problem: Problem, multiplets: Mapping[float, Multiplets], scale: float, equal: bool = False) -> Weights:
    """Return the weights of the multiplets for which orbitals are chosen.

    The ground level has ``1 - EXCITED_SHARE``; the multiplets of the other requested levels share the rest. All have
    the same weight if ``equal``.
    """
    levels = sort_levels(multiplets, problem.zeeman)
    close = DEGENERACY * scale
    requested = levels[: problem.n_states]
    requested = [level for level in levels if level.energy <= requested[-1].energy + close]
    ground = {(s.spin, s.number) for s in requested if s.energy <= levels[0].energy + close}
    others = {(s.spin, s.number) for s in requested} - ground
    weights = {spin: np.zeros(len(some.energies)) for spin, some in multiplets.items()}
    share = len(others) / len(ground | others) if equal else EXCITED_SHARE * bool(others)
    for chosen, total in ((ground, 1 - share), (others, share)):
        for spin, number in chosen:
            weights[spin][number] = total / len(chosen)
    return weights


def _mixed(problem: Problem, space: Space, multiplets: Mapping[float, Multiplets]) -> tuple[Mixed, Mixed] | None:
    """Return the eigenstates in a gradient among ``coupled`` multiplets of each spin, and among two thirds of them."""
    if not problem.slope:
        return None
    x = space.flat.conj() @ (problem.sides.x.position(problem.zero) @ space.coefficients).reshape(space.flat.shape).T
    fewer = max(2 * problem.coupled // 3, 1)
    both = [
        mixed(bases(multiplets, problem.n_electrons, most), x, problem.zeeman, problem.slope)
        for most in (max(len(some.energies) for some in multiplets.values()), fewer)
    ]
    return both[0], both[1]


def gauge_error(problem: Problem, orbitals: Orbitals, occupied: int) -> float:
    """Return the change of the energy of the lowest orbitals in another gauge, per electron.

    The exact levels do not depend on the gauge: the change is what the sine functions leave out.
    """
    if not problem.strength:
        return 0.0
    n = (np.abs(problem.sides.to_grid(orbitals.coefficients[:occupied])) ** 2).mean(0) * problem.sides.cell_area
    x, y = problem.sides.x.points - problem.origin[0], problem.sides.y.points - problem.origin[1]
    radius = float(np.sqrt(n.sum(1) @ x**2 + n.sum(0) @ y**2))
    shift = GAUGE_SHIFT * radius / 2**0.5
    other = Gauge((problem.origin[0] + shift, problem.origin[1] - shift))
    levels, count = lowest(problem.one_electron(other), occupied).values, occupied
    return float(np.abs(levels[:count] - np.sort(orbitals.energies)[:count]).max())
