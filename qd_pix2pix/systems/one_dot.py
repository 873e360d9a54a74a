"""Everything that the solver computes for one dot, as parts of plain numbers and arrays.

A part is an independent calculation: levels of one electron, the ground state, the excitations and the tunnelling of N
electrons, the Hubbard model of the sites. Its result, ``Found``, has rows of numbers with error bars, arrays, and
remarks in complete sentences, so that files and pages need no solver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.systems import dot_in_field, dot_rows
from qd_pix2pix.systems.dot_in_field import Fields, field_text, number_of
from qd_pix2pix.systems.dot_rows import Row, energy_unit
from qd_pix2pix.systems.gated_dot import Gated
from solvers import Grid, Interaction, Material, excitations, hubbard, solve, tunnelling
from solvers.checks import check_integer, check_kind
from solvers.quantum_dots.configuration_interaction import block_size
from solvers.quantum_dots.exchange_points import ExchangeTask
from solvers.quantum_dots.settings import modes_of
from solvers.quantum_dots.site_count import MOST, count_sites

Timer = Callable[[str], Any]
"""See ``solve``: called with the name of a stage, it returns a context manager."""

FEWER_MODES, MISSING = 0.9, 5.0
"""Part of the sine functions of a second calculation of the levels, and their error over the change."""
LEVELS, ORBITALS = 12, 6
"""Levels of one electron, and orbitals among them that are kept."""

IN_FIELD = 4.0
"""Duration of a solution in a magnetic field over that of one without."""
DYSON = 3
"""States of N - 1 electrons to which electron N tunnels."""


class Found(NamedTuple):
    """The result of a part: numbers, arrays by name, and remarks."""

    rows: list[Row]
    arrays: dict[str, NDArray[Any]]
    remarks: list[str]


class Part(NamedTuple):
    """One calculation.

    Attributes:
        label: what is computed.
        settings: plain containers that fix the result, besides those of the dot.
        cost: expected duration, in arbitrary units.
        compute: returns the result; the argument is the timer of the solver.
        needed: True if all else would be meaningless without it.
    """

    label: str
    settings: dict[str, Any]
    cost: float
    compute: Callable[[Timer], Found]
    needed: bool = False


@dataclass(frozen=True)
class OneDot:
    """One dot and what is asked of it.

    Attributes:
        V: potential (n, n) in the unit of energy of the material.
        grid: points and side.
        material: effective mass, permittivity, units.
        options: options of ``solve``.
        n_electrons: numbers of electrons.
        n_excitations: excitations of each number of electrons.
        n_sites: sites of the Hubbard model; None: as many as the potential has, see ``count_sites``.
        fields: magnetic fields.
        gated: gates whose potential V is, and what is asked of them; None: there are none.
    """

    V: NDArray[np.float64]
    grid: Grid
    material: Material
    options: dict[str, Any] = field(default_factory=dict)
    n_electrons: tuple[int, ...] = (1, 2)
    n_excitations: int = 6
    n_sites: int | None = None
    fields: Fields = Fields()
    gated: Gated | None = None

    def check(self) -> None:
        """Raise ValueError for any argument that a calculation would refuse; nothing is computed."""
        check_kind("material", self.material, Material, "Material(m_eff, eps_r)")
        check_kind("grid", self.grid, Grid, "Grid(n, extent)")
        check_integer("n_excitations", self.n_excitations, 1)
        if self.n_sites is not None:
            check_integer("n_sites", self.n_sites, 1, high=MOST)
        if not self.n_electrons:
            raise ValueError("n_electrons: expected a number of electrons, or a list such as [1,2,3]; got none")
        if self.options.get("backend", "auto") not in ("auto", "numpy"):
            raise ValueError("solver.backend: expected auto or numpy, one dot is solved on the processor; got cupy")
        for n_electrons in self.n_electrons:
            check_integer("n_electrons", n_electrons, 1)
            self._rehearse(n_electrons)
        if self.gated is not None:
            self.gated.check()

    def _rehearse(self, n_electrons: int) -> None:
        """Raise ValueError where a solution of ``n_electrons`` would; without potentials there is no work."""
        none = self.V[None][:0]
        solve(none, self.grid, n_electrons, self.material, **self.options)
        for B in self.fields.B:
            self.fields.solve(none, self.grid, n_electrons, self.material, B, self.options)
        states = min(self.n_excitations + 1, block_size(self._orbitals, n_electrons))
        try:
            options = self.options | {"n_states": states, "wavefunction": True}
            solve(none, self.grid, n_electrons, self.material, **options)
        except ValueError as error:
            raise ValueError(f"n_excitations: {self.n_excitations} do not fit into the memory ({error})") from None

    def identity(self) -> dict[str, Any]:
        """Return what all parts have in common, without V, in plain containers."""
        plain = {k: v for k, v in self.options.items() if k not in ("memory", "threads", "backend", "interaction")}
        interaction = asdict(self.options.get("interaction", Interaction()))
        return {
            "grid": asdict(self.grid),
            "material": asdict(self.material),
            "solver": plain,
            "interaction": interaction,
        }

    def stated(self) -> dict[str, Any]:
        """Return what all parts have in common, and the gates, in plain containers."""
        return self.identity() | ({} if self.gated is None else {"gates": self.gated.stated()})

    def parts(self, cache: Path) -> dict[str, Part]:
        """Return all calculations by name, in the order in which they are done; ``cache`` is a folder for points."""
        found = {"levels": Part("levels of one electron", {}, self._cost(1), self._levels, True)}
        for n in self.n_electrons:
            states = {"n_states": self._excited(n)}
            cost = self._cost(n)
            ground = partial(self._ground, n)
            found[f"ground-N{n}"] = Part(f"ground state of N = {n}", {}, cost, ground, True)
            if states["n_states"] > 0:
                light = partial(self._excitations, n, states["n_states"])
                found[f"excitations-N{n}"] = Part(f"excitations of N = {n}", states, 1.4 * cost, light)
            rest = self._left(n)
            leads = partial(self._tunnelling, n, rest)
            cost += self._cost(n - 1) if n > 1 else 0.0
            found[f"tunnelling-N{n}"] = Part(f"tunnelling of N = {n}", {"n_states": rest}, 1.3 * cost, leads)
            for B in self.fields.B:
                name, label = f"field-N{n}-B{field_text(B)}", f"N = {n} at {field_text(B)} T"
                cost, solution = IN_FIELD * self._cost(n), partial(self._field, n, B)
                found[name] = Part(label, self.fields.settings(), cost, solution)
        found["sites"] = Part("sites", {"n_sites": self.n_sites}, self._cost(2), self._sites)
        if self.gated is not None:
            for name, label, settings, cost, compute in self.gated.computations(cache, self._cost):
                found[name] = Part(label, settings, cost, partial(_untimed, compute))
        return found

    def python(self, fields: Any) -> str:
        """Return lines of Python that compute the numbers of all parts; ``fields`` is the .npz file with V."""
        kept = {k: v for k, v in self.options.items() if k not in ("backend", "memory", "threads", "n_states")}
        left = {n: self._left(n) for n in self.n_electrons}
        lines = [
            "import numpy as np",
            "from solvers import Grid, Interaction, MagneticField, Material, solve_in_field",
            "from solvers import excitations, hubbard, solve, tunnelling",
            "",
            f'V = np.load({str(fields)!r})["V"]  # {energy_unit(self.material)}, indexed [ix, iy]',
            f"grid = {self.grid!r}",
            f"material = {self.material!r}",
            f"options = dict({', '.join(f'{k}={v!r}' for k, v in kept.items())})",
            f"for n in {list(self.n_electrons)}:",
            f"    dot = solve(V, grid, n, material, n_states={self.options.get('n_states', 2)}, **options)",
            "    print(n, dot.energy, dot.energy_error + dot.grid_error, dot.gap, dot.gap_error, dot.spins[0])",
            *self._python_of_excitations(),
            f"    leads = tunnelling(V, grid, n, material, n_states={number_of(left)}, **options)",
            "    print(leads.energies, leads.factors, leads.factor_errors)",
        ]
        if self.fields.B:
            lines += self.fields.python(self.n_electrons, self.options)
        number = count_sites(self.V, self.grid, self.material) if self.n_sites is None else self.n_sites
        if number > 1:
            lines.append(f"sites = hubbard(V, grid, material, n_sites={number}, **options)")
            lines.append("print(sites.couplings, sites.errors, sites.J_ci, sites.J_ci_error)")
        if self.gated is not None:
            lines += self.gated.python()
        return "\n".join(lines) + "\n"

    def _python_of_excitations(self) -> list[str]:
        """Return lines inside the loop over ``n``; full shells have no excitation."""
        excited = {n: self._excited(n) for n in self.n_electrons}
        lines = [
            f"light = excitations(V, grid, n, material, n_states={number_of(excited)}, **options)",
            "print(light.energies, light.energy_errors, light.strengths)",
        ]
        if all(excited.values()):
            return [f"    {line}" for line in lines]
        return [f"    if n in {[n for n in excited if excited[n]]}:", *(f"        {line}" for line in lines)]

    def _excited(self, n_electrons: int) -> int:
        """Return the number of excitations that are computed: a few orbitals have few states."""
        return min(self.n_excitations, block_size(self._orbitals, n_electrons) - 1)

    def _left(self, n_electrons: int) -> int:
        """Return the number of states of one electron less to which an electron tunnels."""
        return min(DYSON, block_size(self._orbitals, n_electrons - 1)) if n_electrons > 1 else 1

    @property
    def _orbitals(self) -> int:
        return int(self.options.get("n_orbitals", 8))

    def _cost(self, n_electrons: int) -> float:
        """Return the expected seconds of one solution: orbitals on the grid, and determinants of the larger space."""
        m = self._orbitals + (self._orbitals // 2 if self.options.get("estimate", True) else 0)
        return 0.05 + 1e-5 * self.V.size + 2e-5 * min(block_size(m, n_electrons), 500_000)

    def _levels(self, timer: Timer) -> Found:
        n_modes = self.options.get("n_modes")
        x_modes, y_modes = modes_of(self.grid, n_modes)
        fewer = max(int(FEWER_MODES * x_modes), 2), max(int(FEWER_MODES * y_modes), 2)
        states = min(LEVELS, min(fewer) ** 2)
        options: dict[str, Any] = {
            "n_orbitals": states,
            "n_states": 1,
            "refinements": 0,
            "estimate": False,
            "timer": timer,
        }
        dot = solve(self.V, self.grid, 1, self.material, n_modes=n_modes, wavefunction=True, **options)
        other = solve(self.V, self.grid, 1, self.material, n_modes=fewer, **options)
        assert dot.wavefunction is not None
        levels = np.asarray(dot.orbital_energies)
        errors = float(dot.grid_error) + MISSING * np.abs(levels - np.asarray(other.orbital_energies))
        rows = dot_rows.level_rows(levels, errors, self.material)
        return Found(rows, {"orbitals": np.asarray(dot.wavefunction.orbitals[0, :ORBITALS])}, [])

    def _ground(self, n_electrons: int, timer: Timer) -> Found:
        pair = n_electrons == 2
        options = {**self.options, "timer": timer, "wavefunction": pair}
        found = solve(self.V, self.grid, n_electrons, self.material, **options)
        dot = found.to_numpy()
        arrays = {
            "density": dot.density,
            "spin_density": dot.spin_density,
            "density_noninteracting": dot.density_noninteracting,
            "occupations": dot.occupations,
            "density_error": np.asarray(dot.density_error),
        }
        remarks = dot_rows.remarks_of(dot, n_electrons, self._orbitals, self.material)
        remarks += dot_rows.remark_on_walls(dot.density, n_electrons)
        rows = dot_rows.ground_rows(dot, n_electrons, self.material)
        if pair:
            options = {"n_orbitals": self._orbitals} | self.options
            task = ExchangeTask.of_dot(self.grid, self.material, options)
            rows += dot_rows.exchange_row(task.points(self.V[None], found)[0], self.material)
        return Found(rows, arrays, remarks)

    def _excitations(self, n_electrons: int, n_states: int, timer: Timer) -> Found:
        options = self._options(timer)
        light = excitations(self.V, self.grid, n_electrons, self.material, n_states, **options)
        return Found(*dot_rows.excitation_rows(light, n_electrons, self.material))

    def _field(self, n_electrons: int, B: float, timer: Timer) -> Found:
        with timer("field"):
            found = self.fields.solve(self.V, self.grid, n_electrons, self.material, B, self.options)
        rows = dot_in_field.field_rows(found, n_electrons, B, self.material)
        return Found(rows, dot_in_field.field_arrays(found), dot_in_field.field_remarks(found, n_electrons, B))

    def _tunnelling(self, n_electrons: int, n_states: int, timer: Timer) -> Found:
        leads = tunnelling(self.V, self.grid, n_electrons, self.material, n_states, **self._options(timer))
        rows = dot_rows.tunnelling_rows(leads, n_electrons, self.material)
        return Found(rows, {"dyson_orbitals": leads.orbitals}, [])

    def _sites(self, timer: Timer) -> Found:
        number = count_sites(self.V, self.grid, self.material) if self.n_sites is None else self.n_sites
        if number < 2:
            return Found([], {}, [])
        options = self._options(timer)
        interaction, n_modes = options.pop("interaction", Interaction()), options.pop("n_modes", None)
        found = hubbard(self.V, self.grid, self.material, number, interaction, n_modes, **options)
        rows, remarks = dot_rows.site_rows(found, self.material)
        return Found(rows, {"site_orbitals": found.orbitals, "site_centers": found.centers}, remarks)

    def _options(self, timer: Timer) -> dict[str, Any]:
        return {k: v for k, v in self.options.items() if k != "n_states"} | {"timer": timer}


def _untimed(compute: Callable[[], tuple[list[Row], dict[str, NDArray[Any]], list[str]]], timer: Timer) -> Found:
    """Run a calculation that shows its own progress."""
    return Found(*compute())
