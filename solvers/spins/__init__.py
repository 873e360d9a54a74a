"""Classical spins on a periodic square lattice: energies, exact results, and samplers of their configurations.

A configuration is an int8 array (L, L) of +1 and -1, an energy is in units of the coupling J of one bond, the energy of
the whole lattice and not that of a site; Boltzmann's constant is 1. The modules are:

    ising            H = -J sum s_i s_j over bonds: energies, levels, enumeration of small lattices
    exact            Onsager's infinite lattice, Kaufman's finite torus
    coulomb          screened Coulomb interaction over all pairs and images
    potts            planar Potts model: angles instead of signs
    chains           records of Markov chains, and the arguments that the samplers share
    random_numbers   generator of the samplers, one stream per chain
    metropolis       Ising, single flips of 64 chains at once
    wolff            Ising, clusters
    potts_metropolis planar Potts, single angles
    targeted         Ising, runs towards a target energy, and data sets with equal counts per level
    wang_landau      Ising, the density of states log g(E) or log g(E, m)
    tiles            energies that are sums over tiles, such as those of extensive networks
    tile_metropolis  single flips with such an energy
    tile_kernels     its compiled kernels
    pair_metropolis  single flips with any couplings of pairs
    reweighting      thermal averages with errors, and the peak of the heat capacity
    autocorrelation  integrated autocorrelation time, errors of means
    ensembles        distributions of single configurations, for data sets
    split            training or test set by a hash of the configuration

Public names are imported on first use: numba is imported with the first sampler only, whose kernels are compiled once
and kept on disk.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from solvers.spins.autocorrelation import autocorrelation_time, mean_error
    from solvers.spins.chains import Chains
    from solvers.spins.coulomb import ScreenedCoulomb
    from solvers.spins.ensembles import FlatSpins, RandomAngles, RandomSpins, ThermalSpins
    from solvers.spins.exact import T_C, kaufman, onsager_energy
    from solvers.spins.ising import (
        all_configurations,
        density_of_states,
        energies,
        energy_class,
        energy_of_class,
        levels,
        magnetisation,
        random_spins,
    )
    from solvers.spins.metropolis import sample_metropolis
    from solvers.spins.pair_metropolis import sample_pairs
    from solvers.spins.potts import potts_energies, random_angles
    from solvers.spins.potts_metropolis import sample_potts
    from solvers.spins.split import leading_bits, split_of
    from solvers.spins.targeted import sample_targeted, targeted_dataset
    from solvers.spins.tile_metropolis import sample_tiles
    from solvers.spins.tiles import TileEnergy, tile_energies
    from solvers.spins.wang_landau import DensityOfStates, estimate_log_g
    from solvers.spins.wolff import sample_wolff

__all__ = [
    "T_C",
    "Chains",
    "DensityOfStates",
    "FlatSpins",
    "RandomAngles",
    "RandomSpins",
    "ScreenedCoulomb",
    "ThermalSpins",
    "TileEnergy",
    "all_configurations",
    "autocorrelation_time",
    "density_of_states",
    "energies",
    "energy_class",
    "energy_of_class",
    "estimate_log_g",
    "kaufman",
    "leading_bits",
    "levels",
    "magnetisation",
    "mean_error",
    "onsager_energy",
    "potts_energies",
    "random_angles",
    "random_spins",
    "sample_metropolis",
    "sample_pairs",
    "sample_potts",
    "sample_targeted",
    "sample_tiles",
    "sample_wolff",
    "split_of",
    "targeted_dataset",
    "tile_energies",
]

_HOMES = {
    "Chains": "chains",
    "DensityOfStates": "wang_landau",
    "FlatSpins": "ensembles",
    "RandomAngles": "ensembles",
    "RandomSpins": "ensembles",
    "ScreenedCoulomb": "coulomb",
    "T_C": "exact",
    "ThermalSpins": "ensembles",
    "TileEnergy": "tiles",
    "all_configurations": "ising",
    "autocorrelation_time": "autocorrelation",
    "density_of_states": "ising",
    "energies": "ising",
    "energy_class": "ising",
    "energy_of_class": "ising",
    "estimate_log_g": "wang_landau",
    "kaufman": "exact",
    "leading_bits": "split",
    "levels": "ising",
    "magnetisation": "ising",
    "mean_error": "autocorrelation",
    "onsager_energy": "exact",
    "potts_energies": "potts",
    "random_angles": "potts",
    "random_spins": "ising",
    "sample_metropolis": "metropolis",
    "sample_pairs": "pair_metropolis",
    "sample_potts": "potts_metropolis",
    "sample_targeted": "targeted",
    "sample_tiles": "tile_metropolis",
    "sample_wolff": "wolff",
    "split_of": "split",
    "targeted_dataset": "targeted",
    "tile_energies": "tiles",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"solvers.spins.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
