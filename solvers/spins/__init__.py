"""Spins on a periodic square lattice: energies, exact results, and samplers of their configurations.

The spins are classical, except those of ``heisenberg``, whose snapshots of all S^z may also have holes, 0.

A configuration is an int8 array (L, L) of +1 and -1, an energy is in units of the coupling J of one bond, the energy of
the whole lattice and not that of a site; Boltzmann's constant is 1. The modules are:

    ising            H = -J sum s_i s_j over bonds: energies, levels, enumeration of small lattices
    exact            Onsager's infinite lattice, Kaufman's finite torus
    level_counts     the exact number of configurations of each energy, and heat capacities of other energies with it
    coulomb          screened Coulomb interaction over all pairs and images
    potts            planar Potts model: angles instead of signs
    chains           records of Markov chains, and the arguments that the samplers share
    random_numbers   generator of the samplers, one stream per chain
    metropolis       Ising, single flips of 64 chains at once
    wolff            Ising, clusters
    potts_metropolis planar Potts, single angles
    targeted         Ising, runs towards a target energy, and data sets with equal counts per level
    plane            Ising, configurations with a given energy and magnetisation
    wang_landau      Ising, the density of states log g(E) or log g(E, m)
    tiles            energies that are sums over tiles, such as those of extensive networks
    tile_metropolis  single flips with such an energy
    tile_kernels     its compiled kernels
    pair_metropolis  single flips with any couplings of pairs
    heisenberg       snapshots of the quantum Heisenberg antiferromagnet, by stochastic series expansion
    heisenberg_exact its thermal averages on 2 x 2 and 4 x 4 sites
    strings          geometric strings: lengths of the paths of a hole
    doping           holes in snapshots, sprinkled or at the ends of strings
    snapshots        observables of snapshots: doping, spin correlators
    string_patterns  string patterns in images of one spin species
    images           images of a microscope, and files of them
    reweighting      thermal averages with errors, and the peak of the heat capacity
    autocorrelation  integrated autocorrelation time, errors of means
    correlations     two-point functions of configurations
    clusters         geometric clusters of equal spins: sizes, wrapping
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
    from solvers.spins.clusters import Clusters, find_clusters
    from solvers.spins.correlations import along_axes, radial, two_point
    from solvers.spins.coulomb import ScreenedCoulomb
    from solvers.spins.doping import add_holes, undoped_correlations
    from solvers.spins.ensembles import FlatSpins, PlaneSpins, RandomAngles, RandomSpins, ThermalSpins
    from solvers.spins.exact import T_C, kaufman, onsager_energy
    from solvers.spins.heisenberg import sample_heisenberg
    from solvers.spins.heisenberg_exact import ThermalHeisenberg, exact_heisenberg
    from solvers.spins.images import Images, images_of, read_images, write_images
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
    from solvers.spins.level_counts import heat_capacity_of_energies, log_number_of_states
    from solvers.spins.metropolis import sample_metropolis
    from solvers.spins.pair_metropolis import sample_pairs
    from solvers.spins.plane import energy_bounds, magnetisations, sample_plane
    from solvers.spins.potts import potts_energies, random_angles
    from solvers.spins.potts_metropolis import sample_potts
    from solvers.spins.snapshots import disc, image_correlator, spin_correlator
    from solvers.spins.split import leading_bits, split_of
    from solvers.spins.string_patterns import StringPatterns, detect_strings
    from solvers.spins.strings import string_lengths, string_potential
    from solvers.spins.targeted import sample_targeted, targeted_dataset
    from solvers.spins.tile_metropolis import sample_tiles
    from solvers.spins.tiles import TileEnergy, tile_energies
    from solvers.spins.wang_landau import DensityOfStates, estimate_log_g
    from solvers.spins.wolff import sample_wolff

__all__ = [
    "T_C",
    "Chains",
    "Clusters",
    "DensityOfStates",
    "FlatSpins",
    "PlaneSpins",
    "Images",
    "RandomAngles",
    "RandomSpins",
    "ScreenedCoulomb",
    "StringPatterns",
    "ThermalHeisenberg",
    "ThermalSpins",
    "TileEnergy",
    "add_holes",
    "all_configurations",
    "along_axes",
    "autocorrelation_time",
    "density_of_states",
    "detect_strings",
    "disc",
    "energies",
    "energy_bounds",
    "energy_class",
    "energy_of_class",
    "estimate_log_g",
    "find_clusters",
    "exact_heisenberg",
    "image_correlator",
    "images_of",
    "heat_capacity_of_energies",
    "kaufman",
    "leading_bits",
    "levels",
    "log_number_of_states",
    "magnetisation",
    "magnetisations",
    "mean_error",
    "onsager_energy",
    "potts_energies",
    "radial",
    "random_angles",
    "random_spins",
    "read_images",
    "sample_heisenberg",
    "sample_metropolis",
    "sample_pairs",
    "sample_plane",
    "sample_potts",
    "sample_targeted",
    "sample_tiles",
    "sample_wolff",
    "spin_correlator",
    "split_of",
    "string_lengths",
    "string_potential",
    "targeted_dataset",
    "tile_energies",
    "two_point",
    "undoped_correlations",
    "write_images",
]

_HOMES = {
    "Chains": "chains",
    "Clusters": "clusters",
    "DensityOfStates": "wang_landau",
    "FlatSpins": "ensembles",
    "PlaneSpins": "ensembles",
    "Images": "images",
    "RandomAngles": "ensembles",
    "RandomSpins": "ensembles",
    "ScreenedCoulomb": "coulomb",
    "StringPatterns": "string_patterns",
    "T_C": "exact",
    "ThermalHeisenberg": "heisenberg_exact",
    "ThermalSpins": "ensembles",
    "TileEnergy": "tiles",
    "add_holes": "doping",
    "all_configurations": "ising",
    "along_axes": "correlations",
    "autocorrelation_time": "autocorrelation",
    "density_of_states": "ising",
    "detect_strings": "string_patterns",
    "disc": "snapshots",
    "energies": "ising",
    "energy_bounds": "plane",
    "energy_class": "ising",
    "energy_of_class": "ising",
    "estimate_log_g": "wang_landau",
    "find_clusters": "clusters",
    "exact_heisenberg": "heisenberg_exact",
    "image_correlator": "snapshots",
    "images_of": "images",
    "heat_capacity_of_energies": "level_counts",
    "kaufman": "exact",
    "leading_bits": "split",
    "levels": "ising",
    "log_number_of_states": "level_counts",
    "magnetisation": "ising",
    "magnetisations": "plane",
    "mean_error": "autocorrelation",
    "onsager_energy": "exact",
    "potts_energies": "potts",
    "radial": "correlations",
    "random_angles": "potts",
    "random_spins": "ising",
    "read_images": "images",
    "sample_heisenberg": "heisenberg",
    "sample_metropolis": "metropolis",
    "sample_pairs": "pair_metropolis",
    "sample_plane": "plane",
    "sample_potts": "potts_metropolis",
    "sample_targeted": "targeted",
    "sample_tiles": "tile_metropolis",
    "sample_wolff": "wolff",
    "spin_correlator": "snapshots",
    "split_of": "split",
    "string_lengths": "strings",
    "string_potential": "strings",
    "targeted_dataset": "targeted",
    "tile_energies": "tiles",
    "two_point": "correlations",
    "undoped_correlations": "doping",
    "write_images": "images",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"solvers.spins.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
