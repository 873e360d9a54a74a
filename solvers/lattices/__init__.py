"""Ground states of particles on lattices, in units of the hopping."""

from solvers.lattices.fermion_maps import fermion_maps
from solvers.lattices.fermions import Crossings, GroundStates, crossings, ground_energies, ground_states
from solvers.lattices.hartree_fock import MeanField, hartree_fock
from solvers.lattices.potentials import RandomChains, well

__all__ = [
    "Crossings",
    "GroundStates",
    "MeanField",
    "RandomChains",
    "crossings",
    "fermion_maps",
    "ground_energies",
    "ground_states",
    "hartree_fock",
    "well",
]
