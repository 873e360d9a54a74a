"""The numbers of one dot as rows with error bars and units, and the solver's warnings in complete sentences."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import in_percent
from solvers import Excitations, Hubbard, Material, Solution, Tunnelling
from solvers.quantum_dots.exchange_points import ExchangePoint

EDGE = 1 / 16
"""Part of a side at each wall whose charge is stated."""
MUCH = 0.01
"""Part of the charge at the walls, and of the kinetic energy as error of the grid, from which there is a remark."""


class Row(NamedTuple):
    """One number.

    Attributes:
        name: name of the quantity, a key of ``QUANTITIES``.
        electrons: number of electrons that it belongs to; 0 for the dot itself.
        label: number of the state, or of the site, or of two sites as "1,2"; empty where there is one value only.
        value: value; NaN where it is not defined.
        error: error bar; NaN where there is no estimate.
        unit: unit; empty for plain numbers.
    """

    name: str
    electrons: int
    label: str
    value: float
    error: float
    unit: str


QUANTITIES = {
    "level": "energy of a state of one electron",
    "energy": "ground-state energy",
    "kinetic": "kinetic energy",
    "confinement": "energy in the potential V",
    "interaction": "interaction energy",
    "gap": "gap to the next state of the same S_z block",
    "spin": "total spin of the ground state",
    "density_error": "estimated ∫|δn| / N of the density",
    "J": "exchange coupling, triplet minus singlet",
    "mu": "chemical potential E(N) − E(N − 1)",
    "addition": "addition energy μ(N + 1) − μ(N)",
    "excitation": "energy above the ground state",
    "excitation_spin": "total spin of the excited state",
    "strength_x": "oscillator strength along x",
    "strength_y": "oscillator strength along y",
    "tunnelling": "energy E₀(N) − E_k(N − 1) at which electron N tunnels",
    "factor": "spectroscopic factor",
    "field_energy": "energy of state k in the magnetic field B (tesla), label B, k",
    "field_gap": "the same above the ground state",
    "field_spin": "total spin in the field",
    "field_s_z": "S_z in the field",
    "field_l_z": "angular momentum ⟨L_z⟩ in the field, in ħ",
    "magnetisation": "magnetisation −dE/dB in the field",
    "site_energy": "energy of a site",
    "U": "repulsion on a site",
    "t": "tunnel coupling",
    "U_prime": "repulsion between sites",
    "exchange": "direct exchange",
    "assisted": "assisted hopping",
    "J_model": "J of the two-site model",
    "J_ci": "J of full CI",
    "separation": "distance from the states of the sites to the next",
    "lever_arm": "change of the energy of a site with the voltage of a gate, label site, gate",
    "virtual_gate": "change of the voltage of a gate that shifts one site alone, label site, gate",
    "triple_point": "voltage at which three configurations meet, label configurations, gate",
    "line_slope": "slope of the line between two configurations, gate 2 over gate 1",
    "line_lever_arm": "lever arm of a line, label configurations, gate",
    "mutual_charging": "energy by which an electron shifts the other dot, label dots, configuration",
    "model_charging": "charging energy of the constant-interaction model",
    "model_lever_arm": "lever arm of the constant-interaction model, label dot, gate",
    "model_distance": "distance of the constant-interaction model from full CI (rms); the error is that of full CI",
    "J_sweep": "exchange coupling at a detuning, label detuning or detuning, barrier",
    "detuning_lever_arm": "change of the difference of two site energies with the detuning, label sites",
    "sweet_spot": "detuning at which dJ/dε = 0",
    "sweet_spot_J": "exchange coupling there",
}
"""Meaning of the quantities."""


def level_rows(levels: NDArray[np.float64], errors: NDArray[np.float64], material: Material) -> list[Row]:
    """Return the levels of one electron with their errors, (k,) each."""
    unit = energy_unit(material)
    pairs = zip(levels.tolist(), errors.tolist(), strict=True)
    return [Row("level", 1, str(k + 1), level, error, unit) for k, (level, error) in enumerate(pairs)]


def ground_rows(dot: Solution, n: int, material: Material) -> list[Row]:
    """Return energies, spin and error of the density of the ground state of ``n`` electrons."""
    unit, none = energy_unit(material), float("nan")
    rows = [Row("energy", n, "", float(dot.energy), float(dot.energy_error + dot.grid_error), unit)]
    rows += [Row(name, n, "", float(getattr(dot, name)), none, unit) for name in ("kinetic", "confinement")]
    if n > 1:
        rows.append(Row("interaction", n, "", float(dot.interaction), none, unit))
    # gap_error is that of the truncation: one electron has only that of the grid, twice that of a level
    rows.append(Row("gap", n, "", float(dot.gap), float(dot.gap_error if n > 1 else 2 * dot.grid_error), unit))
    rows.append(Row("spin", n, "", _spin(dot.spins[0]), none, ""))
    rows.append(Row("density_error", n, "", float(dot.density_error), none, ""))
    return rows


def exchange_row(found: ExchangePoint, material: Material) -> list[Row]:
    """Return the exchange coupling of two electrons, if there is a triplet."""
    J, error = float(found.J), float(found.error)
    return [Row("J", 2, "", J, error, energy_unit(material))] if np.isfinite(J) else []


def charging_rows(rows: list[Row]) -> list[Row]:
    """Return chemical potentials and addition energies from the energies among ``rows``; E(0) = 0."""
    energies = {row.electrons: row for row in rows if row.name == "energy"}
    unit = next((row.unit for row in energies.values()), "")
    energies[0] = Row("energy", 0, "", 0.0, 0.0, unit)
    found = []
    for n in sorted(energies):
        if n - 1 in energies:
            error = energies[n].error + energies[n - 1].error
            found.append(Row("mu", n, "", energies[n].value - energies[n - 1].value, error, unit))
        if n > 1 and {n - 1, n - 2} <= set(energies):
            value = energies[n].value - 2 * energies[n - 1].value + energies[n - 2].value
            error = energies[n].error + 2 * energies[n - 1].error + energies[n - 2].error
            found.append(Row("addition", n - 1, "", value, error, unit))
    return found


def widened(rows: list[Row]) -> list[Row]:
    """Return ``rows`` with error bars of gaps that are at least that of the first excitation: the grid counts."""
    first = {row.electrons: row.error for row in rows if row.name == "excitation" and row.label == "1"}
    return [
        row._replace(error=float(np.fmax(row.error, first.get(row.electrons, np.nan)))) if row.name == "gap" else row
        for row in rows
    ]


def excitation_rows(
    light: Excitations, n: int, material: Material
) -> tuple[list[Row], dict[str, NDArray[Any]], list[str]]:
    """Return rows, arrays and remarks of the excitations of ``n`` electrons."""
    unit, rows = energy_unit(material), []
    for k, energy in enumerate(light.energies):
        index = str(k + 1)
        rows.append(Row("excitation", n, index, float(energy), float(light.energy_errors[k]), unit))
        rows.append(Row("excitation_spin", n, index, _spin(light.spins[k]), float("nan"), ""))
        for axis, name in enumerate(("strength_x", "strength_y")):
            value, error = float(light.strengths[k, axis]), float(light.strength_errors[k, axis])
            rows.append(Row(name, n, index, value, error, ""))
    without = int(np.isnan(light.energy_errors).sum())
    remarks = [f"N = {n}: {without} of the excitations have no error bar; smaller n_excitations have one."]
    return rows, {"dipoles": light.dipoles}, remarks if without else []


def tunnelling_rows(leads: Tunnelling, n: int, material: Material) -> list[Row]:
    """Return the energies and spectroscopic factors of the last of ``n`` electrons."""
    unit, rows = energy_unit(material), []
    for k, energy in enumerate(leads.energies):
        rows.append(Row("tunnelling", n, str(k), float(energy), float(leads.energy_errors[k]), unit))
        rows.append(Row("factor", n, str(k), float(leads.factors[k]), float(leads.factor_errors[k]), ""))
    return rows


def site_rows(found: Hubbard, material: Material) -> tuple[list[Row], list[str]]:
    """Return the couplings of the sites with their errors by the grid, and remarks."""
    unit, c, e = energy_unit(material), found.couplings, found.errors
    k = len(c.U)
    rows = [
        Row(name, 0, str(p + 1), float(getattr(c, name)[p]), float(getattr(e, name)[p]), unit)
        for name in ("site_energy", "U")
        for p in range(k)
    ]
    rows += [
        Row(name, 0, f"{p + 1},{q + 1}", float(getattr(c, name)[p, q]), float(getattr(e, name)[p, q]), unit)
        for p in range(k)
        for q in range(p + 1, k)
        for name in ("t", "U_prime", "exchange", "assisted")
    ]
    rows.append(Row("separation", 0, "", found.separation, float("nan"), unit))
    if k != 2:
        return rows, []
    rows.append(Row("J_model", 2, "", found.J, found.J_error, unit))
    rows.append(Row("J_ci", 2, "", found.J_ci, found.J_ci_error, unit))
    unlike = np.isfinite(found.J_ci) and abs(found.J - found.J_ci) > 0.2 * abs(found.J_ci)
    text = "J of the two-site model differs from J of full CI by more than 20 %, because two orbitals are too few."
    return rows, [text] if unlike else []


def remarks_of(dot: Solution, n: int, orbitals: int, material: Material) -> list[str]:
    """Return the warnings of the solver for ``n`` electrons in ``orbitals`` orbitals as sentences."""
    unit, kept = energy_unit(material), f"n_orbitals = {orbitals}"
    coarse = float(dot.grid_error) > MUCH * float(dot.kinetic)
    uncertain = bool(np.isfinite(dot.gap_error)) and not dot.order_certain
    texts = [
        (not dot.converged, f"not converged, the iterations left {float(dot.residual):.1e} {unit}. Do not use these "
         "numbers; change solver.n_orbitals."),
        (dot.converged and not dot.trusted, f"not trusted, because {kept} or the grid does not describe the state. "
         "Raise solver.n_orbitals or n."),
        (uncertain, "the order of the lowest states is uncertain, because the next level is too close for the error of "
         "the gap. Spin and density may be those of the other state."),
        (dot.splits_shell, f"{kept} keeps a part of a nearly degenerate shell, so that the result is not unique. "
         "Change solver.n_orbitals."),
        (dot.fallback, "an iteration failed, and the whole matrix was diagonalised instead. The result is valid."),
        (dot.degeneracy > 1, f"{int(dot.degeneracy)} states share the lowest energy, and densities are their average."),
        (coarse, f"the grid alone has an error of {float(dot.grid_error):.2g} {unit}. Raise n, or lower steep "
         "walls."),
    ]  # fmt: skip
    return [f"N = {n}: {text}" for holds, text in texts if holds]


def remark_on_walls(density: NDArray[np.float64], n: int) -> list[str]:
    """Return a sentence where the hard walls around the square hold back a considerable part of the charge."""
    inner = tuple(slice(round(EDGE * points), points - round(EDGE * points)) for points in density.shape)
    outside = 1 - float(density[inner].sum() / density.sum())
    if outside < MUCH:
        return []
    return [f"N = {n}: {in_percent(outside)} of the charge lies within 1/16 of the walls, which confine it."]


def energy_unit(material: Material) -> str:
    """Return the unit of energies of a material."""
    return material.units.split(", ")[1]


def _spin(value: Any) -> float:
    """Return a total spin, without rounding errors of multiples of 1/2."""
    nearest = round(2 * float(value)) / 2
    return nearest if abs(nearest - float(value)) < 1e-6 else float(value)
