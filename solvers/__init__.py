"""Ground states of a few electrons in a two-dimensional quantum dot, in NumPy and SciPy, or in CuPy.

``solve`` returns the ground states of N electrons in a batch of potentials, by full configuration interaction in M
orbitals, with an estimate of the error of this truncation. Lengths and energies are in nm and eV, or in bohr and
hartree if the ``Material`` is. ``solve(..., **PRESETS["paper"])`` uses the eight lowest orbitals of the paper and is
fast; ``PRESETS["converged"]`` refines fourteen orbitals and yields the reference labels. Potentials come from
``solvers.quantum_dots.potentials``, from a file, or from a formula. ``charging`` adds the electrons one by one.
``finite_difference_levels`` computes the levels of one electron on a stencil: slower to converge, and an independent
check of the sine basis.

``solve_in_field`` returns the states of one to six electrons in a magnetic field, with complex orbitals.

``solvers.spins`` has classical spins on lattices: energies, exact results and samplers.

These names are imported on first use, so that ``import solvers.checks`` imports neither NumPy nor SciPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solvers.grid import Grid
    from solvers.quantum_dots.charge_lines import charge_lines, mutual_charging, triple_points
    from solvers.quantum_dots.constant_interaction import fit_constant_interaction
    from solvers.quantum_dots.coulomb import Interaction
    from solvers.quantum_dots.device_files import load_device, save_device
    from solvers.quantum_dots.devices import Device, Gate
    from solvers.quantum_dots.exchange import exchange_sweep
    from solvers.quantum_dots.exchange_figure import draw_exchange
    from solvers.quantum_dots.exchange_sweep import ExchangeSweep
    from solvers.quantum_dots.finite_difference import finite_difference_levels
    from solvers.quantum_dots.hubbard import Couplings, Hubbard, coupling_slopes, hubbard
    from solvers.quantum_dots.lever_arms import LeverArms, lever_arms
    from solvers.quantum_dots.magnetic.field import MagneticField
    from solvers.quantum_dots.magnetic.solution import FieldSolution
    from solvers.quantum_dots.magnetic.solve import solve_in_field
    from solvers.quantum_dots.magnetic.sweep import FieldSweep, field_sweep
    from solvers.quantum_dots.observables import Charging, charging, dipole, quadrupole
    from solvers.quantum_dots.random_voltages import RandomVoltages
    from solvers.quantum_dots.rayleigh import rayleigh_quotient
    from solvers.quantum_dots.site_count import count_sites
    from solvers.quantum_dots.solution import Solution
    from solvers.quantum_dots.solve import PRESETS, solve
    from solvers.quantum_dots.spectroscopy import Excitations, Tunnelling, excitations, tunnelling
    from solvers.quantum_dots.stability import StabilityDiagram, stability_diagram
    from solvers.quantum_dots.stability_figure import draw_stability
    from solvers.quantum_dots.transitions import dipole_matrix, dyson_amplitudes
    from solvers.quantum_dots.wavefunction import Wavefunction
    from solvers.units import Material

__all__ = [
    "PRESETS",
    "Charging",
    "Couplings",
    "Device",
    "ExchangeSweep",
    "Excitations",
    "Gate",
    "Grid",
    "Hubbard",
    "Interaction",
    "LeverArms",
    "FieldSolution",
    "FieldSweep",
    "Grid",
    "Hubbard",
    "Interaction",
    "MagneticField",
    "Material",
    "RandomVoltages",
    "Solution",
    "StabilityDiagram",
    "Tunnelling",
    "Wavefunction",
    "charge_lines",
    "charging",
    "count_sites",
    "coupling_slopes",
    "dipole",
    "dipole_matrix",
    "draw_exchange",
    "draw_stability",
    "dyson_amplitudes",
    "exchange_sweep",
    "excitations",
    "field_sweep",
    "finite_difference_levels",
    "fit_constant_interaction",
    "hubbard",
    "lever_arms",
    "load_device",
    "mutual_charging",
    "quadrupole",
    "rayleigh_quotient",
    "save_device",
    "solve",
    "solve_in_field",
    "stability_diagram",
    "triple_points",
    "tunnelling",
]

_HOMES = {
    "charge_lines": "quantum_dots.charge_lines",
    "mutual_charging": "quantum_dots.charge_lines",
    "triple_points": "quantum_dots.charge_lines",
    "fit_constant_interaction": "quantum_dots.constant_interaction",
    "StabilityDiagram": "quantum_dots.stability",
    "stability_diagram": "quantum_dots.stability",
    "draw_stability": "quantum_dots.stability_figure",
    "Grid": "grid",
    "Interaction": "quantum_dots.coulomb",
    "finite_difference_levels": "quantum_dots.finite_difference",
    "Couplings": "quantum_dots.hubbard",
    "Hubbard": "quantum_dots.hubbard",
    "coupling_slopes": "quantum_dots.hubbard",
    "hubbard": "quantum_dots.hubbard",
    "LeverArms": "quantum_dots.lever_arms",
    "lever_arms": "quantum_dots.lever_arms",
    "ExchangeSweep": "quantum_dots.exchange_sweep",
    "exchange_sweep": "quantum_dots.exchange",
    "draw_exchange": "quantum_dots.exchange_figure",
    "Device": "quantum_dots.devices",
    "Gate": "quantum_dots.devices",
    "load_device": "quantum_dots.device_files",
    "save_device": "quantum_dots.device_files",
    "RandomVoltages": "quantum_dots.random_voltages",
    "count_sites": "quantum_dots.site_count",
    "MagneticField": "quantum_dots.magnetic.field",
    "FieldSolution": "quantum_dots.magnetic.solution",
    "solve_in_field": "quantum_dots.magnetic.solve",
    "FieldSweep": "quantum_dots.magnetic.sweep",
    "field_sweep": "quantum_dots.magnetic.sweep",
    "Charging": "quantum_dots.observables",
    "charging": "quantum_dots.observables",
    "dipole": "quantum_dots.observables",
    "quadrupole": "quantum_dots.observables",
    "PRESETS": "quantum_dots.solve",
    "rayleigh_quotient": "quantum_dots.rayleigh",
    "Solution": "quantum_dots.solution",
    "solve": "quantum_dots.solve",
    "Excitations": "quantum_dots.spectroscopy",
    "Tunnelling": "quantum_dots.spectroscopy",
    "excitations": "quantum_dots.spectroscopy",
    "tunnelling": "quantum_dots.spectroscopy",
    "dipole_matrix": "quantum_dots.transitions",
    "dyson_amplitudes": "quantum_dots.transitions",
    "Wavefunction": "quantum_dots.wavefunction",
    "Material": "units",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"solvers.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
