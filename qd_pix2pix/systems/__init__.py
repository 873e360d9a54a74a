"""Systems: the distribution of samples, their solver and their schema. Only this package imports the solvers."""

from qd_pix2pix.fields import checksum as file_checksum
from qd_pix2pix.systems.bose_hubbard import BoseHubbard
from qd_pix2pix.systems.build import build, complete, make_recipe, modules_of, recipe_class, recipes_of
from qd_pix2pix.systems.chain_energies import ChainEnergies
from qd_pix2pix.systems.collages import Collages
from qd_pix2pix.systems.fermion_chains import FermionChains
from qd_pix2pix.systems.file_potentials import FilePotentials
from qd_pix2pix.systems.pairs import Pairs
from qd_pix2pix.systems.quantum_dots import QuantumDots
from qd_pix2pix.systems.recipe import Recipe
from qd_pix2pix.systems.scaled_dots import ScaledDots
from qd_pix2pix.systems.snapshots import Snapshots
from qd_pix2pix.systems.spins import CoulombSpins, Ising, Potts
from qd_pix2pix.systems.taught_dots import TaughtDots

__all__ = [
    "ChainEnergies",
    "Collages",
    "FermionChains",
    "BoseHubbard",
    "FilePotentials",
    "CoulombSpins",
    "Ising",
    "Pairs",
    "Potts",
    "QuantumDots",
    "Recipe",
    "ScaledDots",
    "Snapshots",
    "TaughtDots",
    "build",
    "complete",
    "file_checksum",
    "make_recipe",
    "modules_of",
    "recipe_class",
    "recipes_of",
]
