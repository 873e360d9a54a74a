"""Families of potentials: ``X(...)(grid)`` is a function of the grid, ``RandomX(...).sample(rng, grid)`` draws an X.

All parameters are checked on construction. Lengths and energies are in the units of the material with which a potential
is solved: nm and eV, as in the docstrings, or bohr and hartree.
"""

from solvers.quantum_dots.potentials.double_gaussian import DoubleGaussian, RandomDoubleGaussian
from solvers.quantum_dots.potentials.gaussian_wells import GaussianWells, RandomGaussianWell
from solvers.quantum_dots.potentials.harmonic import Harmonic, RandomHarmonic
from solvers.quantum_dots.potentials.infinite_well import InfiniteWell, RandomInfiniteWell
from solvers.quantum_dots.potentials.masked_noise import MaskedNoise, RandomMaskedNoise
from solvers.quantum_dots.potentials.mixture import RandomMixture
from solvers.quantum_dots.potentials.random_wells import CircularWells, RandomWells

__all__ = [
    "CircularWells",
    "DoubleGaussian",
    "GaussianWells",
    "Harmonic",
    "InfiniteWell",
    "MaskedNoise",
    "RandomDoubleGaussian",
    "RandomGaussianWell",
    "RandomHarmonic",
    "RandomInfiniteWell",
    "RandomMaskedNoise",
    "RandomMixture",
    "RandomWells",
]
