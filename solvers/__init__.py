"""Exact ground states of a few electrons in a two-dimensional quantum dot, in NumPy and SciPy, or in CuPy.

``solve`` is the call to make: any batch of potentials, N electrons, full configuration interaction in M orbitals, with
an estimate of what M leaves out; in nm and eV or, where the ``Material`` says so, in bohr and hartree.
``solve(..., **PRESETS["paper"])`` keeps the paper's eight lowest orbitals, fast; ``PRESETS["converged"]`` finds the
best fourteen, for labels with nothing left to learn below them. The potentials come from
``solvers.quantum_dots.potentials``, from a file, or from a formula. ``charging`` solves for one electron after the
other. For one electron alone, ``finite_difference_levels`` answers the same question on a stencil: slower to converge,
independent, and there to check the sine basis.

Names are imported when they are first asked for, so that ``solvers.checks`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solvers.grid import Grid
    from solvers.quantum_dots.coulomb import Interaction
    from solvers.quantum_dots.finite_difference import finite_difference_levels
    from solvers.quantum_dots.observables import Charging, charging, dipole, quadrupole
    from solvers.quantum_dots.solution import Solution
    from solvers.quantum_dots.solve import PRESETS, solve
    from solvers.quantum_dots.wavefunction import Wavefunction
    from solvers.units import Material

__all__ = [
    "PRESETS",
    "Charging",
    "Grid",
    "Interaction",
    "Material",
    "Solution",
    "Wavefunction",
    "charging",
    "dipole",
    "finite_difference_levels",
    "quadrupole",
    "solve",
]

_HOMES = {
    "Grid": "grid",
    "Interaction": "quantum_dots.coulomb",
    "finite_difference_levels": "quantum_dots.finite_difference",
    "Charging": "quantum_dots.observables",
    "charging": "quantum_dots.observables",
    "dipole": "quantum_dots.observables",
    "quadrupole": "quantum_dots.observables",
    "PRESETS": "quantum_dots.solve",
    "Solution": "quantum_dots.solution",
    "solve": "quantum_dots.solve",
    "Wavefunction": "quantum_dots.wavefunction",
    "Material": "units",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"solvers.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
