"""Quantum dots in reduced units: number of electrons, size and material vary from dot to dot.

With lengths in the side L of the square and energies in hbar^2 / (m* L^2), the Hamiltonian of a dot is

    H = sum_i [-nabla_i^2 / 2 + v(r_i)] + lambda sum_{i<j} 1 / |r_i - r_j|,    lambda = L / a_0*,

so that a dot is a field v, N and lambda: effective mass and permittivity are no further parameters, and an offset of v
changes nothing. v is stored with its minimum at 0. ``mapping.reduction`` relates these units to nm and eV.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.quantum_dots import (
    CONDITIONS,
    DENSITIES,
    GUARDS,
    SCALARS,
    TINY,
    PotentialFamily,
    Solver,
    V,
    check_parts,
    number_or_pair,
    presets,
)
from qd_pix2pix.systems.recipe import Columns, Recipe
from solvers import Grid, Material, Solution
from solvers.checks import check_array, check_integer, check_range
from solvers.quantum_dots.configuration_interaction import block_size
from solvers.units import UNITS as MATERIAL_UNITS

UNITS_OF_FILES = "nm, eV"
UNITS = {"length": "L", "energy": "ħ²/m*L²", "density": "L^-2"}
N_ELECTRONS = Column("n_electrons", "condition", "i8", None, "N", "number of electrons", 1.0)
COUPLING = Column("coupling", "condition", "f8", None, r"\lambda", "side in effective Bohr radii, L / a_0*", TINY)
EXTENT = Column("extent", "condition", "f8", "length", "L", "side of the square", TINY)
ATOMIC = Material(1.0, 1.0, "bohr, hartree")
"""The material whose units are the effective atomic units of every other one."""
REHEARSED = 8
"""Potentials that are drawn before any dot is solved."""
FLAT = math.pi**2
"""Lowest level of an empty box in hbar^2 / (m* L^2); potentials that vary by less leave the box empty."""
SMALLEST_BASIS = 8
"""Fewest orbitals to which ``most_determinants`` reduces a basis."""


@dataclass(frozen=True, kw_only=True)
class ScaledDots(Recipe):
    """The recipe of a dataset of quantum dots in reduced units.

    Attributes:
        potential: family from which v is drawn, on a square of side 1 and in hbar^2 / (m* L^2).
        solver: ``solvers.solve`` with its options.
        n: points along each side.
        n_electrons: possible numbers of electrons N.
        weights: relative frequency of each N; None for equal ones.
        coupling: lowest and highest lambda, which is drawn log-uniformly.
        most_determinants: dots with more determinants are solved in fewer orbitals.
        attempts: dots drawn for one sample until the solver trusts its solution.
    """

    potential: PotentialFamily
    solver: Solver
    n: int
    n_electrons: Sequence[int]
    weights: Sequence[float] | None
    coupling: tuple[float, float]
    most_determinants: int
    attempts: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("data.n", self.n, 4, "Dots in reduced units are squares; data=dots takes rectangles")
        for name in ("most_determinants", "attempts"):
            check_integer(f"data.{name}", getattr(self, name), 1)
        if not isinstance(self.n_electrons, (list, tuple)) or not self.n_electrons:
            raise ValueError(f"data.n_electrons: expected a list such as [1, 2, 3, 4], got {self.n_electrons!r}")
        for number in self.n_electrons:
            check_integer("data.n_electrons", number, 1)
        if self.weights is not None:
            weights = check_array("data.weights", self.weights, (len(self.n_electrons),), low=0.0)
            if not weights.sum() > 0:
                raise ValueError(f"data.weights: expected a positive sum, got {self.weights!r}")
        check_range("data.coupling", self.coupling, low=TINY)
        if not callable(getattr(self.potential, "sample", None)):
            raise ValueError(f"data.potential: expected a family of potentials, got {self.potential!r}")
        if not callable(self.solver):
            raise ValueError(f"data.solver: expected a preset, such as preset=converged; got {self.solver!r}")

    @cached_property
    def schema(self) -> Schema:
        """The schema of the dots; N and lambda are columns."""
        low, high = self.coupling
        electrons = ", ".join(map(str, self.n_electrons))
        return Schema(
            system="quantum dots in reduced units",
            sample="dot",
            columns=(V, *DENSITIES, *SCALARS, *(c for c in GUARDS if not c.axis), N_ELECTRONS, COUPLING),
            domain=Domain(("x", "y"), (self.n, self.n), ("extent", "extent"), "walls", "square"),
            conditions=(EXTENT,),
            constants={"extent": 1.0},
            units=dict(UNITS),
            hard_by="gap",
            reduction=reduction(),
            family=type(self.potential).__name__,
            summary=f"N = {electrons}; side of {low:g} to {high:g} effective Bohr radii; full configuration "
            f"interaction with at most {self.most_determinants} determinants",
        )

    def rehearse(self) -> None:
        """Draw some potentials and solve none, which detects invalid settings of the family and of the solver.

        Raises:
            ValueError: the potentials are flat, as those of a family in nm and eV are.
        """
        highest = max(float(self._drawn(self.random("train", i))[0].max()) for i in range(REHEARSED))
        if highest < FLAT:
            raise ValueError(
                "data.potential: expected potentials on a square of side 1, in hbar^2 / (m* L^2), as those of "
                f"potential=universal; the first {REHEARSED} vary by at most {highest:.2g}, so that every dot is an "
                "empty box. Families with lengths in nm and energies in eV are for data=dots"
            )
        for number in self.n_electrons:
            self._solved(np.zeros((0, self.n, self.n)), int(number), float(self.coupling[0]))

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``."""
        rows = [self._sample(split, i) for i in samples]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _sample(self, split: str, sample: int) -> Columns:
        """Return the columns of one sample, the first drawn dot whose solution is trusted."""
        rng = self.random(split, sample)
        for _ in range(self.attempts):
            v, n_electrons, coupling = self._drawn(rng)
            solution = self._solved(v, n_electrons, coupling)
            if bool(solution.converged) and bool(solution.trusted):
                given: Columns = {"V": v, "n_electrons": np.asarray(n_electrons), "coupling": np.asarray(coupling)}
                return {**given, **self._columns_of(solution, coupling)}
        raise ValueError(
            f"data.potential: none of {self.attempts} dots drawn for {split} {sample} has a solution that the solver "
            "trusts. Lower data.coupling, or change the potential"
        )

    def _drawn(self, rng: np.random.Generator) -> tuple[NDArray[np.float64], int, float]:
        """Return v (n, n), N and lambda of one dot."""
        weights = np.ones(len(self.n_electrons)) if self.weights is None else np.asarray(self.weights, float)
        n_electrons = int(rng.choice(self.n_electrons, p=weights / weights.sum()))
        coupling = float(math.exp(rng.uniform(*np.log(self.coupling))))
        grid = Grid(self.n, 1.0)
        v = self.potential.sample(rng, grid)(grid)
        return v - v.min(), n_electrons, coupling

    def _solved(self, v: NDArray[np.float64], n_electrons: int, coupling: float) -> Solution:
        """Return the solution of v (..., n, n) in effective atomic units."""
        options = dict(getattr(self.solver, "keywords", {}))
        orbitals = fitting_orbitals(options.get("n_orbitals", SMALLEST_BASIS), n_electrons, self.most_determinants)
        grid = Grid(self.n, coupling)
        return self.solver(v / coupling**2, grid, n_electrons, ATOMIC, n_orbitals=orbitals).to_numpy()  # type: ignore[call-arg]

    def _columns_of(self, solution: Solution, coupling: float) -> Columns:
        """Return the columns of a solution in effective atomic units, in reduced units."""
        renamed = {
            "n0": solution.density_noninteracting,
            "n_int": solution.density,
            "spin": solution.spins[..., 0],
        }
        found: Columns = {}
        for column in (c for c in self.schema.columns if c.name not in ("V", "n_electrons", "coupling")):
            values = renamed[column.name] if column.name in renamed else getattr(solution, column.name)
            power = {"energy": 2, "density": 2}.get(column.quantity or "", 0)
            found[column.name] = values * coupling**power if power else values
        return found

    def laws(self, columns: Columns) -> None:
        """Check the laws of the schema, and that the energy is the sum of its parts."""
        super().laws(columns)
        check_parts(columns)

    @classmethod
    def of_samples(
        cls, config: Mapping[str, Any], shape: Sequence[int], conditions: Mapping[str, float]
    ) -> dict[str, Any]:
        """Return the recipe of ``QuantumDots`` for dots under physical conditions, which then solves them."""
        if "m_eff" not in conditions:
            return super().of_samples(config, shape, conditions)
        kept = deepcopy({name: config[name] for name in ("potential", "seed", "train", "val", "test", "shard_size")})
        n_electrons, solver = round(conditions["n_electrons"]), deepcopy(dict(config["solver"]))
        solver["n_orbitals"] = fitting_orbitals(solver["n_orbitals"], n_electrons, int(config["most_determinants"]))
        material = {name: float(conditions[name]) for name in ("m_eff", "eps_r")}
        return kept | {
            "_target_": "qd_pix2pix.systems.QuantumDots",
            "solver": solver,
            "material": {"_target_": "solvers.Material", **material},
            "grid": {
                "_target_": "solvers.Grid",
                "n": shape[0] if len(set(shape)) == 1 else list(shape),
                "extent": number_or_pair("extent", conditions),
            },
            "n_electrons": n_electrons,
        }


def reduction() -> dict[str, Any]:
    """Return the relation of reduced units to nm and eV; see ``mapping.reduction``."""
    hbar2_over_2m0, coulomb = MATERIAL_UNITS[UNITS_OF_FILES]
    length, energy = UNITS_OF_FILES.split(", ")
    return {
        "system": "quantum dots",
        "units": {"length": length, "energy": energy, "density": f"{length}^-2"},
        "conditions": [_plain(column) for column in CONDITIONS],
        "presets": {"material": presets(UNITS_OF_FILES)},
        "scales": {
            "length": {"factor": 1.0, "extent": 1.0},
            "energy": {"factor": 2 * hbar2_over_2m0, "m_eff": -1.0, "extent": -2.0},
            "density": {"factor": 1.0, "extent": -2.0},
        },
        "numbers": {"coupling": {"factor": coulomb / (2 * hbar2_over_2m0), "extent": 1.0, "m_eff": 1.0, "eps_r": -1.0}},
        "from_minimum": ["V"],
        "shifted": {"energy": "n_electrons"},
    }


def _plain(column: Column) -> dict[str, Any]:
    """Return a column as a file keeps it, with lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(column).items()}


def fitting_orbitals(n_orbitals: int, n_electrons: int, most_determinants: int) -> int:
    """Return the largest number of orbitals, at most ``n_orbitals``, with at most ``most_determinants`` determinants.

    At least eight orbitals are kept, and as many as the electrons need.
    """
    fewest = max(min(SMALLEST_BASIS, n_orbitals), (n_electrons + 1) // 2)
    fitting = (m for m in range(n_orbitals, fewest, -1) if block_size(m, n_electrons) <= most_determinants)
    return next(fitting, fewest)
