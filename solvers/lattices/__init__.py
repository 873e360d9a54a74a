"""Quantum particles on periodic lattices; energies are in units of the hopping.

    fermions       ground states of spinless fermions on a ring; fermion_maps: their densities and correlators
    hartree_fock   the mean field of the same
    potentials     random potentials of a ring, wells
    bosons         the extended Bose-Hubbard model
    bosons_exact   its thermal averages on a few sites, by diagonalisation
    worm           its thermal averages with error bars, by a continuous-time worm algorithm
    worm_kernels   the compiled moves, and their balance
    worm_lines     world lines in preallocated arrays
    random_fields  random potentials of any texture, parabola, square well, checkerboard
    random_bosons  distributions of systems, for data sets

Names of bosons are imported on first use: numba is imported with the worm algorithm only, whose kernels are compiled
once and kept on disk.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from solvers.lattices.fermion_maps import fermion_maps
from solvers.lattices.fermions import GroundStates, chemical_potentials, crossings, ground_energies, ground_states
from solvers.lattices.hartree_fock import MeanField, hartree_fock
from solvers.lattices.potentials import RandomChains, well

if TYPE_CHECKING:
    from solvers.lattices.bosons import Bosons
    from solvers.lattices.bosons_exact import ThermalBosons, exact_bosons
    from solvers.lattices.random_bosons import HardCore, SoftCore
    from solvers.lattices.random_fields import checkerboard, parabola, power_law_field, square_well
    from solvers.lattices.worm import NotReached, sample_bosons, sample_until
    from solvers.lattices.worm_averages import Averages

__all__ = [
    "Averages",
    "Bosons",
    "GroundStates",
    "HardCore",
    "MeanField",
    "NotReached",
    "RandomChains",
    "SoftCore",
    "ThermalBosons",
    "checkerboard",
    "chemical_potentials",
    "crossings",
    "exact_bosons",
    "fermion_maps",
    "ground_energies",
    "ground_states",
    "hartree_fock",
    "parabola",
    "power_law_field",
    "sample_bosons",
    "sample_until",
    "square_well",
    "well",
]
_HOMES = {
    **dict.fromkeys(("NotReached", "sample_bosons", "sample_until"), "worm"),
    "Averages": "worm_averages",
    **dict.fromkeys(("ThermalBosons", "exact_bosons"), "bosons_exact"),
    **dict.fromkeys(("HardCore", "SoftCore"), "random_bosons"),
    **dict.fromkeys(("checkerboard", "parabola", "power_law_field", "square_well"), "random_fields"),
    "Bosons": "bosons",
}
"""The module of each name."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"solvers.lattices.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
