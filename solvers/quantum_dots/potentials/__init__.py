"""Families of potentials: ``X(...)(grid)`` is a function of the grid, ``RandomX(...).sample(rng, grid)`` draws an X.

All parameters are checked on construction. Lengths and energies are in the units of the material with which a potential
is solved: nm and eV, as in the docstrings, or bohr and hartree.
"""

from solvers.quantum_dots.potentials.anharmonic import Anharmonic, RandomAnharmonic
from solvers.quantum_dots.potentials.disorder import Disorder, RandomDisorder
from solvers.quantum_dots.potentials.double_gaussian import DoubleGaussian, RandomDoubleGaussian
from solvers.quantum_dots.potentials.gates import Gates, RandomGates
from solvers.quantum_dots.potentials.gaussian_wells import GaussianWells, RandomGaussianWell, RandomGaussianWells
from solvers.quantum_dots.potentials.harmonic import Harmonic, RandomHarmonic
from solvers.quantum_dots.potentials.infinite_well import InfiniteWell, RandomBox, RandomInfiniteWell
from solvers.quantum_dots.potentials.masked_noise import MaskedNoise, RandomMaskedNoise
from solvers.quantum_dots.potentials.mixture import RandomMixture
from solvers.quantum_dots.potentials.polygon_gates import PolygonGates
from solvers.quantum_dots.potentials.random_wells import CircularWells, RandomWells
from solvers.quantum_dots.potentials.ring import RandomRing, Ring
from solvers.quantum_dots.potentials.sum import RandomSum, Sum
from solvers.quantum_dots.potentials.wire import RandomWire, Wire

__all__ = [
    "Anharmonic",
    "CircularWells",
    "Disorder",
    "DoubleGaussian",
    "Gates",
    "GaussianWells",
    "Harmonic",
    "InfiniteWell",
    "MaskedNoise",
    "PolygonGates",
    "RandomAnharmonic",
    "RandomBox",
    "RandomDisorder",
    "RandomDoubleGaussian",
    "RandomGates",
    "RandomGaussianWell",
    "RandomGaussianWells",
    "RandomHarmonic",
    "RandomInfiniteWell",
    "RandomMaskedNoise",
    "RandomMixture",
    "RandomRing",
    "RandomSum",
    "RandomWells",
    "RandomWire",
    "Ring",
    "Sum",
    "Wire",
]
