"""Potential families: ``X(...)(grid)`` is deterministic, ``RandomX(...).sample(rng, grid)`` draws one.

Lengths and energies are in the units of the material that a potential is solved with: nm and eV, as the docstrings say,
or bohr and hartree.
"""

from solvers.quantum_dots.potentials.double_gaussian import DoubleGaussian, RandomDoubleGaussian
from solvers.quantum_dots.potentials.harmonic import Harmonic, RandomHarmonic
from solvers.quantum_dots.potentials.infinite_well import InfiniteWell, RandomInfiniteWell
from solvers.quantum_dots.potentials.masked_noise import MaskedNoise, RandomMaskedNoise
from solvers.quantum_dots.potentials.random_wells import CircularWells, RandomWells

__all__ = [
    "CircularWells",
    "DoubleGaussian",
    "Harmonic",
    "InfiniteWell",
    "MaskedNoise",
    "RandomDoubleGaussian",
    "RandomHarmonic",
    "RandomInfiniteWell",
    "RandomMaskedNoise",
    "RandomWells",
]
