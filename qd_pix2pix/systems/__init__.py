"""Systems: what is drawn, how it is solved, and what its samples are. The only room that imports the solvers."""

from qd_pix2pix.systems.build import build, make_recipe, recipe_class, recipes_of
from qd_pix2pix.systems.quantum_dots import QuantumDots
from qd_pix2pix.systems.recipe import Recipe

__all__ = ["QuantumDots", "Recipe", "build", "make_recipe", "recipe_class", "recipes_of"]
