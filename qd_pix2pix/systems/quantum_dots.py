"""The system of a few electrons in a quantum dot: random potentials, full configuration interaction.

The dot lies in a square, or in a rectangle whose sides are conditions of their own; so are masses that differ along x
and y. The columns are those of ``solvers.Solution``. The potential of sample i of a split is drawn from (seed, split,
i), so that one seed gives the same potentials for every number of electrons, material and solver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from qd_pix2pix.files import conf_folder
from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.recipe import SPLITS, Columns, Recipe
from solvers import Grid, Material, Solution
from solvers.checks import check_integer

V = Column("V", "field", "f8", "energy", "V", "confinement potential")
DENSITIES = (
    Column("n0", "field", "f4", "density", "n_0", "electron density without interaction", 0.0, integral="n_electrons"),
    Column(
        "n_int", "field", "f4", "density", r"n_\mathrm{int}", "electron density of the interacting ground state", 0.0,
        integral="n_electrons",
    ),
)  # fmt: skip
SCALARS = (
    Column("energy", "scalar", "f8", "energy", "E", "interacting ground-state energy"),
    Column("gap", "scalar", "f8", "energy", r"\Delta E", "gap to the next state of the same S_z block"),
    Column("kinetic", "scalar", "f8", "energy", "T", "kinetic energy of the ground state", 0.0),
    Column("confinement", "scalar", "f8", "energy", r"E_V", "energy of the ground state in the potential V"),
    Column("interaction", "scalar", "f8", "energy", r"E_{ee}", "interaction energy of the ground state", 0.0),
    Column("spin", "scalar", "f8", None, "S", "total spin of the ground state", 0.0),
)
GUARDS = (
    Column("density_error", "error", "f8", None, "", "estimated truncation error of n_int, int |n - n_exact| / N",
           error_of="n_int"),
    Column("energy_error", "error", "f8", "energy", "", "estimated truncation error of the energy", error_of="energy"),
    Column("gap_error", "error", "f8", "energy", "", "estimated truncation error of the gap", error_of="gap"),
    Column("grid_error", "guard", "f8", "energy", "", "estimated error of the energy by the grid"),
    Column("cusp", "guard", "f8", "energy", "", "part of the energy: electron-electron cusp beyond the orbitals"),
    Column("directions", "guard", "i8", None, "", "additional orbitals of estimates and refinements"),
    Column("order_certain", "guard", "i1", None, "", "0 where the next level may be the lowest"),
    Column("trusted", "guard", "i1", None, "", "0 where orbitals or grid do not describe the state"),
    Column("residual", "guard", "f8", "energy", "", "largest norm of H psi - E psi left by the iterations"),
    Column("orbital_energies", "guard", "f8", "energy", "", "single-particle levels", axis="orbital"),
    Column("degeneracy", "guard", "i8", None, "", "states that share the ground-state energy"),
    Column("splits_shell", "guard", "i1", None, "",
           "1 where the orbitals kept are a part of a nearly degenerate shell"),
    Column("fallback", "guard", "i1", None, "", "1 where an iteration failed and LAPACK solved the whole matrix"),
)  # fmt: skip
TINY = 1e-12
"""Lower bound of positive quantities."""
CONDITIONS = (
    Column("n_electrons", "condition", "i8", None, "N", "number of electrons", 1.0),
    Column("m_eff", "condition", "f8", None, "m^*", "effective mass, in free electron masses", TINY),
    Column("eps_r", "condition", "f8", None, r"\varepsilon_r", "relative permittivity", TINY),
    Column("extent", "condition", "f8", "length", "L", "side of the square", TINY),
)


ALONG_AXES = {
    "m_eff": (
        Column("m_x", "condition", "f8", None, "m_x", "effective mass along x, in free electron masses", TINY),
        Column("m_y", "condition", "f8", None, "m_y", "effective mass along y, in free electron masses", TINY),
    ),
    "extent": (
        Column("extent_x", "condition", "f8", "length", "L_x", "side along x", TINY),
        Column("extent_y", "condition", "f8", "length", "L_y", "side along y", TINY),
    ),
}
"""The conditions along x and y in the place of one, where these differ."""


def conditions_of(**values: Any) -> tuple[tuple[Column, ...], dict[str, float]]:
    """Return the conditions of dots and their values, from a number or a pair for some of ``CONDITIONS``."""
    columns: list[Column] = []
    constants: dict[str, float] = {}
    for column in (c for c in CONDITIONS if values.get(c.name) is not None):
        value = values[column.name]
        is_pair = isinstance(value, (tuple, list))
        parts, numbers = (ALONG_AXES[column.name], value) if is_pair else ((column,), (value,))
        columns += parts
        constants |= {part.name: float(number) for part, number in zip(parts, numbers, strict=True)}
    return tuple(columns), constants


def number_or_pair(name: str, conditions: Mapping[str, float]) -> float | list[float]:
    """Return one of ``CONDITIONS`` from the conditions of samples, as a list where it differs along x and y."""
    if name in conditions:
        return float(conditions[name])
    return [float(conditions[part.name]) for part in ALONG_AXES[name]]


class Potential(Protocol):
    """A deterministic potential, a function of the grid."""

    def __call__(self, grid: Grid) -> NDArray[np.float64]:
        """Return the values in the energy unit of the dataset, shape (n_x, n_y)."""


class PotentialFamily(Protocol):
    """A random potential, such as ``RandomX`` of ``solvers.quantum_dots.potentials``."""

    def sample(self, rng: np.random.Generator, grid: Grid) -> Potential:
        """Draw one potential."""


@runtime_checkable
class NumberedPotentials(Protocol):
    """Given potentials with numbers, such as ``FilePotentials``, of which each belongs to one sample."""

    def numbered(self, seed: int, split: str, sample: int, grid: Grid, units: str) -> NDArray[np.float64]:
        """Return potential number ``sample`` of a split, shape (n_x, n_y)."""

    def check(self, sizes: Mapping[str, int], grid: Grid, units: str) -> str:
        """Return a remark, or an empty text; raise ValueError if the splits need more potentials than there are."""


class Solver(Protocol):
    """A solver such as ``functools.partial(solvers.solve, n_orbitals=..., n_modes=...)``."""

    def __call__(self, V: ArrayLike, grid: Grid, n_electrons: int, material: Material) -> Solution:
        """Return the solution of a batch of potentials ``V`` (S, n_x, n_y)."""


@dataclass(frozen=True, kw_only=True)
class QuantumDots(Recipe):
    """The recipe of a dataset of quantum dots.

    Attributes:
        potential: family from which potentials are drawn, or potentials of a file.
        material: effective mass or masses along x and y, permittivity, and the units of all lengths and energies.
        solver: ``solvers.solve`` with its options.
        grid: points and sides of the square or rectangle.
        n_electrons: number of electrons N.
    """

    potential: PotentialFamily | NumberedPotentials
    material: Material
    solver: Solver
    grid: Grid
    n_electrons: int

    RANGES: ClassVar = {
        "n_electrons": ((int,), "[1, 2]"),
        "material": ((str,), "[gaas, si]"),
        "extent": ((int, float), "[25.0, 30.0]"),
    }
    SOLVABLE: ClassVar = ("V",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("data.n_electrons", self.n_electrons, 1)
        kinds: tuple[tuple[str, type], ...] = (("material", Material), ("grid", Grid))
        for name, kind in kinds:
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"data.{name}: expected a {name}, such as {name}=...; got {getattr(self, name)!r}")
        if not (callable(getattr(self.potential, "sample", None)) or isinstance(self.potential, NumberedPotentials)):
            raise ValueError(f"data.potential: expected a family of potentials, got {self.potential!r}")
        if not callable(self.solver):
            raise ValueError(f"data.solver: expected a preset, such as preset=paper; got {self.solver!r}")

    @property
    def name(self) -> str:
        """The family of potentials and the number of electrons."""
        return f"{type(self.potential).__name__}-N{self.n_electrons}"

    @cached_property
    def schema(self) -> Schema:
        """The schema of the dots: columns, domain and conditions."""
        length, energy = self.material.units.split(", ")
        grid, material = self.grid, self.material
        conditions, constants = conditions_of(
            n_electrons=self.n_electrons, m_eff=material.m_eff, eps_r=material.eps_r, extent=grid.extent
        )
        sides = ("extent_x", "extent_y") if isinstance(grid.extent, tuple) else ("extent", "extent")
        is_square, two_masses = grid.is_square, isinstance(material.m_eff, tuple)
        size = " × ".join(f"{side:g} {length}" for side in grid.sides)
        options = getattr(self.solver, "keywords", {})
        orbitals = f"{options.get('n_orbitals', 8)} {'refined' if options.get('refinements') else 'lowest'} orbitals"
        return Schema(
            system="quantum dots",
            sample="dot",
            columns=(V, *DENSITIES, *SCALARS, *GUARDS),
            domain=Domain(
                ("x", "y"), grid.shape, sides, "walls", "square" if is_square and not two_masses else "rectangle"
            ),
            conditions=conditions,
            constants=constants,
            units={"length": length, "energy": energy, "density": f"{length}^-2"},
            presets={"material": presets(material.units, two_masses)},
            hard_by="gap",
            family=getattr(self.potential, "title", type(self.potential).__name__),
            summary=f"N = {self.n_electrons}, {size}, m* = {material.m_eff}, "
            f"ε_r = {material.eps_r}; full configuration interaction in {orbitals}",
        )

    def rehearse(self) -> None:
        """Draw one potential and solve none, which detects every invalid setting of the family and of the solver."""
        if isinstance(self.potential, NumberedPotentials):
            sizes = {split: getattr(self, split) for split in SPLITS}
            if note := self.potential.check(sizes, self.grid, self.material.units):
                print(f"potentials {note}", flush=True)
        self._solved(self.draw("train", 0)[None][:0])

    def draw(self, split: str, sample: int) -> NDArray[np.float64]:
        """Return potential number ``sample`` of a split, (n_x, n_y) in the energy unit of the material."""
        if isinstance(self.potential, NumberedPotentials):
            return self.potential.numbered(self.seed, split, sample, self.grid, self.material.units)
        return self.potential.sample(self.random(split, sample), self.grid)(self.grid)

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``."""
        potentials = np.stack([self.draw(split, i) for i in samples])
        return {"V": potentials} | self.solve({"V": potentials}, [f"{split} {i}" for i in samples])

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """Return the ground states of potentials ``V`` (S, n_x, n_y); see ``Recipe.solve``."""
        solution = self._solved(given["V"], names)
        renamed = {"n0": solution.density_noninteracting, "n_int": solution.density, "spin": solution.spins[:, 0]}
        same = [c.name for c in self.schema.columns if c.name not in renamed and c.name != "V"]
        return renamed | {name: getattr(solution, name) for name in same}

    def _solved(self, potentials: NDArray, names: Sequence[str] = ()) -> Solution:
        found = self.solver(potentials, self.grid, n_electrons=self.n_electrons, material=self.material).to_numpy()
        converged = np.atleast_1d(found.converged)
        if not converged.all():
            bad = int(np.argmin(converged))
            guards = ", ".join(
                f"{name} {np.atleast_1d(getattr(found, name))[bad]:.1e}"
                for name in ("residual", "orthogonality", "charge_error", "imbalance")
            )
            raise ValueError(
                f"solver: system {names[bad] if names else f'{bad} of {converged.size}'} was not solved to full "
                f"accuracy ({guards}); it is neither stored nor shown as a reference. Change n_orbitals, or the "
                "potential."
            )
        return found

    def laws(self, columns: Columns) -> None:
        """Check the laws of the schema, and that the energy is the sum of its parts."""
        super().laws(columns)
        check_parts(columns)

    @classmethod
    def complete(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration; pairs of equal numbers become one: a square has one name."""
        changed = deepcopy(dict(config))
        for part, name in (("grid", "n"), ("grid", "extent"), ("material", "m_eff")):
            value = changed.get(part, {}).get(name) if isinstance(changed.get(part), dict) else None
            if isinstance(value, list) and len(value) == 2 and value[0] == value[1]:
                changed[part][name] = value[0]
        return changed

    @classmethod
    def vary(cls, config: Mapping[str, Any], option: str, value: Any) -> dict[str, Any]:
        """See ``Recipe.vary``."""
        changed = deepcopy(dict(config))
        if option == "extent":
            if any(isinstance(changed["grid"][name], (list, tuple)) for name in ("n", "extent")):
                raise ValueError("range.extent: expected squares, got data.grid of a rectangle; train on one size")
            changed["grid"]["extent"] = float(value)
        elif option == "material":
            known = _materials()
            if value not in known:
                raise ValueError(f"range.material: expected names out of {', '.join(known)}; got {value!r}")
            if isinstance(known[value]["m_eff"], list) != isinstance(changed["material"]["m_eff"], (list, tuple)):
                raise ValueError(
                    f"range.material: expected materials that all have one mass, or all masses along x and y, got "
                    f"{value} beside m_eff = {changed['material']['m_eff']}"
                )
            changed["material"] = known[value]
        else:
            changed[option] = value
        return changed

    @classmethod
    def of_samples(
        cls, config: Mapping[str, Any], shape: Sequence[int], conditions: Mapping[str, float]
    ) -> dict[str, Any]:
        """See ``Recipe.of_samples``."""
        changed = deepcopy(dict(config))
        n = shape[0] if shape[0] == shape[1] else list(shape)
        changed["grid"] |= {"n": n, "extent": number_or_pair("extent", conditions)}
        changed["material"] |= {name: number_or_pair(name, conditions) for name in ("m_eff", "eps_r")}
        changed["n_electrons"] = round(conditions["n_electrons"])
        return changed


def check_parts(columns: Columns) -> None:
    """Raise ValueError unless the energy is the sum of its parts."""
    parts = sum(columns[name] for name in ("kinetic", "confinement", "interaction"))
    if not np.allclose(parts, columns["energy"], rtol=1e-6, atol=1e-9):
        raise ValueError("energy is not the sum of kinetic, confinement and interaction")


def _materials() -> dict[str, dict[str, Any]]:
    """Return the options of conf/material, by name."""
    paths = sorted((conf_folder() / "material").glob("*.yaml"))
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}


def presets(units: str, two_masses: bool = False) -> dict[str, dict[str, float]]:
    """Return effective mass and permittivity of each material of conf/material that has these units.

    With ``two_masses`` these are masses along x and y; without, materials whose masses differ are left out.
    """
    known = {name: material for name, material in _materials().items() if material.get("units", "nm, eV") == units}
    found = {}
    for name, material in known.items():
        mass = material["m_eff"]
        pair = mass if isinstance(mass, list) else [mass, mass]
        if two_masses:
            found[name] = {part.name: float(m) for part, m in zip(ALONG_AXES["m_eff"], pair, strict=True)}
        elif isinstance(mass, list):
            continue
        else:
            found[name] = {"m_eff": float(mass)}
        found[name]["eps_r"] = float(material["eps_r"])
    return found
