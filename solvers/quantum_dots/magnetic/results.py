"""Observables and error bars of the states of one dot, in effective atomic units."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.quantum_dots.between_points import error_between_points
from solvers.quantum_dots.errors import CERTAIN, MOST_DENSITY_ERROR, MOST_ENERGY_ERROR, MOST_GRID_ERROR, RIPPLES
from solvers.quantum_dots.expectation_values import QUADRATURE, TAIL, outer_quarter
from solvers.quantum_dots.leftover import LEFTOVER_DENSITY
from solvers.quantum_dots.magnetic.dot import Matrices, Solved, State, gauge_error
from solvers.quantum_dots.magnetic.errors import Missing, Rules
from solvers.quantum_dots.magnetic.multiplets import DEGENERACY, Multiplets
from solvers.quantum_dots.magnetic.observables import (
    angular_momentum,
    current,
    density,
    longitudinal_share,
    moment,
)
from solvers.quantum_dots.magnetic.one_electron import Floats, Rectangle, Values
from solvers.quantum_dots.magnetic.space import Enlarged, Space, density_matrices
from solvers.quantum_dots.step_edges import cell_of, sampling_error

TRUSTED_RESIDUAL = 1e-6
"""Largest residual of a converged result, as a part of the dot's scale."""

LEAST_SPAN = 1.5
"""Smallest distance of the first and last orbital of a trusted result, in units of the interaction energy per electron:
where a Landau level has more states than M, electrons would spread over all of them, and no estimate shows it."""

COUPLING = 2.0
"""Error by the multiplets that a gradient does not couple, over the change by the last third of those that it does."""
GRID_MOMENT = 2.0
"""Relative error of currents and moments by the grid, over that of the kinetic energy."""

Columns = dict[str, Any]


def observables(solved: Solved) -> Columns:
    """Return the columns of ``FieldSolution`` by name, with energies from the minimum of V."""
    matrices = solved.ground()
    found = _levels(solved) | _fields(solved, matrices) | _energies(solved, matrices)
    found |= _errors_of_levels(solved, found) | _errors_of_fields(solved, found)
    found |= _guards(solved, found)
    found |= _verdict(solved, found)
    return found | _errors_of_order(solved, found)


def _padded(values: list[float], count: int) -> Floats:
    return np.array([*values, *[np.nan] * max(count - len(values), 0)])[:count]


def _levels(solved: Solved) -> Columns:
    """Return energies, spins and angular momenta of the lowest states."""
    k, states = solved.problem.n_states, solved.states
    turning = angular_momentum(solved.space)
    means = []
    for number in range(min(k, len(states))):
        gamma, pairs = solved.matrices(number)
        means.append(turning.of(gamma.sum(0), pairs))
    above = [s.energy for s in states[solved.degeneracy : solved.degeneracy + 1]]
    return {
        "energies": _padded([s.energy for s in states], k),
        "spins": _padded([s.spin for s in states], k),
        "s_z": _padded([s.s_z for s in states], k),
        "angular_momenta": _padded([m for m, _ in means], k),
        "angular_spreads": _padded([spread for _, spread in means], k),
        "energy": states[0].energy,
        "gap": above[0] - states[0].energy if above else np.nan,
        "degeneracy": solved.degeneracy,
        "orbital_energies": np.sort(solved.orbitals.energies),
        "origin": np.array(solved.problem.origin),
    }


def _fields(solved: Solved, matrices: Matrices) -> Columns:
    """Return densities and currents of the ground level, and the part of dE / db of the currents."""
    space, gamma = solved.space, matrices.gamma
    j = current(space, gamma.sum(0))
    sides = space.h.sides
    return {
        "density": density(space, gamma.sum(0)),
        "spin_density": density(space, gamma[0] - gamma[1]),
        "current": j.total,
        "paramagnetic": j.paramagnetic,
        "diamagnetic": j.diamagnetic,
        "magnetisation": -float(moment(space.h, j.total).sum() * sides.cell_area),
        "divergence": longitudinal_share(j.total, (sides.x.step, sides.y.step)),
    }


def _one_body(space: Space, gamma: Values, images: Values) -> float:
    return float(np.sum(gamma * (space.flat.conj() @ images.T)).real)


def _energies(solved: Solved, matrices: Matrices) -> Columns:
    """Return the parts of the energy of the ground level, and the error of the grid."""
    space, problem, gamma = solved.space, solved.problem, matrices.gamma.sum(0)
    sides, n_electrons = space.h.sides, problem.n_electrons
    weights = solved.multiplet_weights()
    cusp = sum(w * float(solved.cusps[s][i]) for (s, i), w in weights.items()) if problem.cusp else 0.0
    n = density(space, gamma)
    confinement = float((n * problem.potential).sum() * sides.cell_area)
    kinetic = _one_body(space, gamma, space.images) - confinement - cusp
    interaction = float(np.einsum("prqs,pqrs->", matrices.pairs, space.integrals.two_body).real) / 2 + 2 * cusp
    moved = n_electrons * gauge_error(problem, solved.orbitals, (n_electrons + 1) // 2)
    coarsest = max(side.step**2 * side.mass for side in sides)
    grid_error = TAIL * _tail(space, gamma) + QUADRATURE * interaction * (kinetic / n_electrons * coarsest) ** 2
    grid_error += float(error_between_points(n[None], problem.potential[None], *_steps_and_masses(sides))[0])
    return {
        "kinetic": kinetic,
        "confinement": confinement,
        "interaction": interaction,
        "cusp": cusp,
        "gauge_error": moved,
        "grid_error": grid_error + moved,
    }


def _steps_and_masses(sides: Rectangle) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the distances of the points along x and y, and the inverse masses."""
    return (sides.x.step, sides.y.step), (1 / sides.x.mass, 1 / sides.y.mass)


def _errors_of_levels(solved: Solved, found: Columns) -> Columns:
    """Return the error bars of the energies of the lowest states and of their distances from the ground state.

    The distance between two states of one multiplet is their Zeeman energy, and has none. ``rivals`` are the states
    that may be below the ground level, see ``_rivals``.
    """
    problem, states = solved.problem, _judged(solved)
    close = DEGENERACY * solved.space.h.scale
    rules = Rules(problem.rounds, problem.n_electrons, problem.n_orbitals, problem.interaction, problem.cusp)
    missing = [_missing(solved, state.multiplets) for state in states]
    coupling = _coupling_errors(solved, len(states))
    above = [state.energy - states[0].energy > close for state in states]
    energy = [rules.energy_error(m, up) + c for m, up, c in zip(missing, above, coupling, strict=True)]
    apart = [up and state.multiplets != states[0].multiplets for up, state in zip(above, states, strict=True)]
    truncated = [rules.gap_error(missing[0], m) if problem.correlated else 0.0 for m in missing]
    gaps = [
        t + c + coupling[0] + g if other else 0.0
        for t, c, g, other in zip(truncated, coupling, _grid_errors(solved, found, len(states)), apart, strict=True)
    ]
    if not problem.correlated:
        energy = coupling
    next_level, rivals = min(solved.degeneracy, len(gaps) - 1), _rivals(solved, gaps)
    return {
        "energy_errors": _padded(energy, problem.n_states),
        "gap_errors": _padded(gaps, problem.n_states),
        "energy_error": energy[0],
        "gap_error": gaps[next_level] if next_level >= solved.degeneracy else np.nan,
        "order_certain": not rivals and not np.isnan(energy[0]),
        "rivals": rivals,
    }


def _judged(solved: Solved) -> list[State]:
    """Return the requested states, and at least one above the ground level, if any."""
    return solved.states[: max(solved.problem.n_states, solved.degeneracy + 1)]


def _rivals(solved: Solved, gap_errors: list[float]) -> dict[int, float]:
    """Return by how much states above the ground level may be below it, by number; NaN without an estimate."""
    states, close = _judged(solved), DEGENERACY * solved.space.h.scale
    distance = CERTAIN[min(solved.problem.rounds, 2)]
    above = [state.energy - states[0].energy for state in states]
    lower = {i: distance * gap_errors[i] - gap for i, gap in enumerate(above) if gap > close}
    return {i: energy for i, energy in lower.items() if not energy < 0}


def _grid_errors(solved: Solved, found: Columns, count: int) -> list[float]:
    """Return the errors of the distances of ``count`` states from the ground level by the grid.

    That of the energy, as far as the charge of both is in other places, what a state lacks of sine functions beyond the
    ground level, what V may be between its points, and ripples.
    """
    problem, space, errors = solved.problem, solved.space, []
    cell = cell_of(*_steps_and_masses(space.h.sides))
    ground = _tail(space, solved.ground().gamma.sum(0))
    ripples = RIPPLES * (TAIL * ground) ** 2 / found["kinetic"]
    for number in range(count):
        gamma = solved.matrices(number).gamma.sum(0)
        moved = density(space, gamma) - found["density"]
        share = min(float(np.abs(moved).sum()) * cell.area / (2 * problem.n_electrons), 1.0)
        tail = TAIL * abs(_tail(space, gamma) - ground)
        errors.append(share * found["grid_error"] + tail + sampling_error(problem.potential, moved, cell) + ripples)
    return errors


def _tail(space: Space, gamma: Values) -> float:
    """Return the kinetic energy in the outer quarter of the sine functions."""
    return _one_body(space, gamma, space.flat * outer_quarter(space.h.sides.kinetic).ravel())


def _missing(solved: Solved, weights: dict[tuple[float, int], float]) -> Missing:
    """Return what the multiplets of a state miss; NaN without an estimate.

    A multiplet that was not enlarged has a small part, mixed in by a gradient: it counts as the worst of the others.
    """
    cusp = -sum(weight * float(solved.cusps[spin][number]) for (spin, number), weight in weights.items())
    left = _change(solved.second, weights) if solved.second else 0.0
    return Missing(_change(solved.enlarged, weights), cusp, left)


def _change(enlarged: Enlarged | None, weights: dict[tuple[float, int], float]) -> float:
    """Return the mean change of the energies of multiplets in an enlarged space, positive."""
    known = enlarged.changes if enlarged else {}
    worst = max((-float(c.min()) for c in known.values()), default=np.nan)
    total = 0.0
    for (spin, number), weight in weights.items():
        changes = known.get(spin, np.zeros(0))
        total += weight * (-float(changes[number]) if number < len(changes) else worst)
    return total


def _coupling_errors(solved: Solved, count: int) -> list[float]:
    """Return the changes of the energies by the number of coupled multiplets, in a gradient."""
    if solved.mixed is None:
        return [0.0] * count
    more, fewer = (m.energies[:count] for m in solved.mixed)
    return list(COUPLING * np.abs(_padded(list(fewer), count) - more))


def _errors_of_fields(solved: Solved, found: Columns) -> Columns:
    """Return the error bars of density, current and magnetisation.

    They are those of the orbitals, of the multiplets that a gradient couples, and, but for the density, of the grid.
    """
    errors, grid = _truncation_of_fields(solved, found), GRID_MOMENT * found["grid_error"] / found["kinetic"]
    if solved.mixed is not None:
        states = range(min(solved.degeneracy, len(solved.mixed[1].energies)))
        fewer = sum(solved.mixed[1].density_matrices(i).sum(0) for i in states) / len(states)
        change = _change_of_fields(solved, found, solved.space, solved.ground().gamma.sum(0), fewer)
        errors = {name: error + COUPLING * change[name] for name, error in errors.items()}
    has_current = bool(np.any(found["current"]))
    return errors | {
        "current_error": errors["current_error"] + (grid if has_current else 0.0),
        "magnetisation_error": errors["magnetisation_error"] + grid * abs(found["magnetisation"]),
    }


def _errors_of_order(solved: Solved, found: Columns) -> Columns:
    """Return the error bars where another level may be the lowest.

    The energy is then lower by what the error of the gap exceeds it; fields are as far away as those of that level.
    ``s_z_error`` is the same for the mean S_z, 0 where the order is certain.
    """
    errors = {name: found[name] for name in ("density_error", "current_error", "magnetisation_error")}
    errors["s_z_error"] = 0.0
    if solved.enlarged is None:
        return errors
    before, lower = solved.ground().gamma, max(found["rivals"].values(), default=0.0)
    for number in found["rivals"]:
        after = solved.matrices(number).gamma
        change = _change_of_fields(solved, found, solved.space, before.sum(0), after.sum(0))
        up, down = np.trace(after - before, axis1=1, axis2=2).real
        change["s_z_error"] = abs(float(up - down)) / 2
        errors = {name: max(error, change[name]) for name, error in errors.items()}
    of_level = np.arange(solved.problem.n_states) < solved.degeneracy
    energies = {name: found[name] + lower * share for name, share in (("energy_error", 1), ("energy_errors", of_level))}
    return errors | energies


def _truncation_of_fields(solved: Solved, found: Columns) -> Columns:
    """Return the errors of the fields by the orbitals, from the change of the enlarged multiplets."""
    problem, larger = solved.problem, solved.enlarged
    if larger is None:
        names = ("density_error", "current_error", "magnetisation_error")
        return dict.fromkeys(names, np.nan if problem.correlated else 0.0)
    rules = Rules(problem.rounds, problem.n_electrons, problem.n_orbitals, problem.interaction, problem.cusp)
    weights = solved.multiplet_weights()
    known = {key: w for key, w in weights.items() if key[1] < len(larger.changes.get(key[0], ()))}
    before, after = (_mean(some, known) for some in (solved.multiplets, larger.multiplets))
    change = _change_of_fields(solved, found, larger.space, before, after)
    moved = change["density_error"]
    missing = _missing(solved, weights)
    error = rules.density_error(moved * problem.n_electrons, missing, found["interaction"], found["kinetic"])
    if solved.second:
        further = _mean(solved.second.multiplets, known)
        left = _change_of_fields(solved, found, solved.second.space, before, further)["density_error"]
        error = max(error, LEFTOVER_DENSITY[min(problem.rounds, 1)] * left)
    ratio = error / max(moved, 1e-300)
    return {name: ratio * value for name, value in change.items()} | {"density_error": error}


def _change_of_fields(solved: Solved, found: Columns, larger: Space, before: Values, after: Values) -> Columns:
    """Return how the fields change from a density matrix in the orbitals to one in those of a ``larger`` space.

    The names are those of their errors: int |dn| / N, int |dj| / int |j|, and the change of the magnetisation.
    """
    space, area = solved.space, solved.space.h.sides.cell_area
    moved = np.abs(density(larger, after) - density(space, before)).sum() * area / solved.problem.n_electrons
    change = current(larger, after).total - current(space, before).total
    size = np.hypot(*found["current"]).sum()
    return {
        "density_error": float(moved),
        "current_error": float(np.hypot(*change).sum() / size) if size > 0 else 0.0,
        "magnetisation_error": float(np.abs(moment(space.h, change)).sum() * area),
    }


def _mean(multiplets: dict[float, Multiplets], weights: dict[tuple[float, int], float]) -> Values:
    """Return <a+_p a_q> (M, M), the mean over multiplets by spin and number."""
    total = sum(weights.values())
    each = [
        weight / total * density_matrices(multiplets[spin], multiplets[spin].vectors[number : number + 1]).sum(0)
        for (spin, number), weight in weights.items()
    ]
    return np.sum(each, axis=0)


def _guards(solved: Solved, found: Columns) -> Columns:
    """Return residual, error of the charge and imbalance of the energy."""
    problem, n_electrons = solved.problem, solved.problem.n_electrons
    used = [(s, i) for state in solved.states[: problem.n_states] for (s, i) in state.multiplets]
    residual = max([solved.orbitals.residual, *(float(solved.multiplets[s].residuals[i]) for s, i in used)])
    charge = found["density"].sum() * solved.space.h.sides.cell_area
    mean_spin = float(found["spin_density"].sum()) * solved.space.h.sides.cell_area / 2
    total = found["kinetic"] + found["confinement"] + found["interaction"] + problem.zeeman * mean_spin
    total += solved.coupling_energy()
    mean = np.mean([s.energy for s in solved.states[: solved.degeneracy]])
    return {
        "residual": residual,
        "charge_error": abs(charge - n_electrons) / n_electrons,
        "imbalance": abs(mean - total),
    }


def _verdict(solved: Solved, found: Columns) -> Columns:
    """Return whether the result is converged, and trusted."""
    scale, kinetic = solved.space.h.scale, found["kinetic"]
    size = scale + kinetic + found["interaction"] + abs(found["confinement"])
    converged = (
        found["residual"] <= TRUSTED_RESIDUAL * scale
        and found["charge_error"] <= 1e-8
        and found["imbalance"] <= 1e-9 * size
    )
    trusted = converged and found["grid_error"] <= MOST_GRID_ERROR * kinetic
    if solved.problem.correlated and solved.problem.strength:
        span = float(np.ptp(solved.orbitals.energies))
        trusted = trusted and span >= LEAST_SPAN * found["interaction"] / solved.problem.n_electrons
    if solved.problem.correlated and solved.problem.estimate:
        small = found["energy_error"] <= MOST_ENERGY_ERROR * kinetic and found["density_error"] <= MOST_DENSITY_ERROR
        trusted = trusted and small
    if solved.mixed is not None:
        trusted = trusted and _coupling_errors(solved, 1)[0] <= MOST_ENERGY_ERROR * kinetic
    return {"converged": bool(converged), "trusted": bool(trusted)}
