"""Potential families: ``X(...)(grid)`` is deterministic, ``RandomX(...).sample(rng, grid)`` draws one."""

from solvers.potentials.double_gaussian import DoubleGaussian, RandomDoubleGaussian
from solvers.potentials.harmonic import Harmonic, RandomHarmonic
from solvers.potentials.infinite_well import InfiniteWell, RandomInfiniteWell
from solvers.potentials.random_wells import CircularWells, RandomWells

__all__ = [
    "CircularWells",
    "DoubleGaussian",
    "Harmonic",
    "InfiniteWell",
    "RandomDoubleGaussian",
    "RandomHarmonic",
    "RandomInfiniteWell",
    "RandomWells",
]
