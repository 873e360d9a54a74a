"""Systems: the distribution of samples, their solver and their schema. Only this package imports the solvers."""

from qd_pix2pix.systems.build import build, make_recipe, recipe_class, recipes_of
from qd_pix2pix.systems.quantum_dots import QuantumDots
from qd_pix2pix.systems.recipe import Recipe

__all__ = ["QuantumDots", "Recipe", "build", "make_recipe", "recipe_class", "recipes_of"]
