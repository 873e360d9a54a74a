"""Deep learning of the maps between confinement potentials and electron densities of quantum dots."""

__version__ = "0.1.0"
