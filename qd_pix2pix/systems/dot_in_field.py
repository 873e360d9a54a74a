"""The states of one dot in magnetic fields, as rows of numbers and arrays; see ``one_dot.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.systems.dot_rows import Row, energy_unit
from solvers import FieldSolution, Grid, MagneticField, Material, solve_in_field
from solvers.checks import check_integer, check_number

OPTIONS = ("n_orbitals", "refinements", "cusp", "estimate", "interaction", "n_modes")
"""The options of ``solve`` that ``solve_in_field`` has, too."""
MOST = 1000
"""Largest number of fields."""
NAMES = ("field_energy", "field_gap", "field_spin", "field_s_z", "field_l_z")


@dataclass(frozen=True)
class Fields:
    """Perpendicular fields ``B`` (tesla, ascending), with the ``g`` factor and a ``gradient`` in the plane (T/nm).

    ``n_states`` lowest states are computed in each field.

    Raises:
        ValueError: a number is out of range.
    """

    B: tuple[float, ...] = ()
    g: float = 2.0
    gradient: float = 0.0
    n_states: int = 6

    def __post_init__(self) -> None:
        check_integer("field.n_states", self.n_states, 2, high=MOST)
        if len(self.B) > MOST:
            raise ValueError(f"field.B: expected at most {MOST} fields, got {len(self.B)}")
        for B in self.B:
            MagneticField(B, self.g, self.gradient)
        check_number("field.g", self.g)
        changed = [option.name for option in fields(self) if getattr(self, option.name) != option.default]
        if changed and not self.B:
            raise ValueError(f"field.{changed[0]}: expected a field, such as field.B=0, got none")

    def settings(self) -> dict[str, Any]:
        """Return what fixes the states in one of the fields, plain containers."""
        return {"g": self.g, "gradient": self.gradient, "n_states": self.n_states}

    def solve(
        self, V: NDArray[np.float64], grid: Grid, n: int, material: Material, B: float, options: Mapping[str, Any]
    ) -> FieldSolution:
        """Return the states of ``n`` electrons in the field ``B``; ``options`` are those of ``solve``.

        Raises:
            ValueError: an argument is out of range.
        """
        field = MagneticField(B, self.g, self.gradient)
        return solve_in_field(V, grid, n, material, field, n_states=self._states(n, options), **_kept(options))

    def _states(self, n: int, options: Mapping[str, Any]) -> int:
        """Return the number of states of ``n`` electrons: one electron has two in each orbital."""
        most = 2 * int(options.get("n_orbitals", 14))
        return min(self.n_states, most) if n == 1 else self.n_states

    def python(self, n_electrons: Sequence[int], options: Mapping[str, Any]) -> list[str]:
        """Return lines of Python inside a loop over the numbers of electrons ``n``.

        ``options`` are those of ``solve``.
        """
        stated = ", ".join(f"{name}={value!r}" for name, value in _kept(options).items())
        states = number_of({n: self._states(n, options) for n in n_electrons})
        return [
            f"    for B in {list(self.B)}:",
            f"        field = MagneticField(B, g={self.g!r}, gradient={self.gradient!r})",
            f"        found = solve_in_field(V, grid, n, material, field, n_states={states}, {stated})",
            "        print(B, found.energies, found.energy_errors, found.spins, found.s_z, found.magnetisation)",
        ]


def field_text(B: float) -> str:
    """Return a field in tesla with all its digits: two fields have different texts."""
    return repr(B).removesuffix(".0")


def number_of(numbers: Mapping[int, int]) -> str:
    """Return Python for a number that depends on the number of electrons ``n``."""
    values = set(numbers.values())
    return str(*values) if len(values) == 1 else f"{dict(numbers)}[n]"


def _kept(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in OPTIONS if name in options}


def field_rows(found: FieldSolution, n: int, B: float, material: Material) -> list[Row]:
    """Return the states of ``n`` electrons in the field ``B``: label "B, k", and the magnetisation with label "B"."""
    unit, none, rows = energy_unit(material), float("nan"), []
    for k, energy in enumerate(found.energies.tolist()):
        label = f"{field_text(B)}, {k}"
        error = float(found.energy_errors[k] + found.grid_error)
        rows.append(Row("field_energy", n, label, energy, error, unit))
        if k:
            apart = float(found.gap_errors[k])
            rows.append(Row("field_gap", n, label, energy - float(found.energy), apart, unit))
        for name, values in (("spin", found.spins), ("s_z", found.s_z), ("l_z", found.angular_momenta)):
            rows.append(Row(f"field_{name}", n, label, float(values[k]), none, ""))
    moment = float(found.magnetisation), float(found.magnetisation_error)
    rows.append(Row("magnetisation", n, field_text(B), *moment, f"{unit}/T"))
    return rows


def field_arrays(found: FieldSolution) -> dict[str, NDArray[Any]]:
    """Return density, spin density and current of the ground state."""
    return {"density": found.density, "spin_density": found.spin_density, "current": found.current}


def field_remarks(found: FieldSolution, n: int, B: float) -> list[str]:
    """Return the warnings of the solver as sentences."""
    texts = {
        "not converged. Do not use these numbers; change solver.n_orbitals.": not found.converged,
        "not trusted, the orbitals or the grid do not describe the state. Raise solver.n_orbitals or n.": bool(
            found.converged and not found.trusted
        ),
        "the order of the lowest states is uncertain, because the next level is too close for its error.": bool(
            np.isfinite(found.energy_error) and not found.order_certain
        ),
        f"{int(found.degeneracy)} states share the lowest energy, and densities are their average.": found.degeneracy
        > 1,
    }
    return [f"N = {n}, B = {field_text(B)} T: {text}" for text, holds in texts.items() if holds]
