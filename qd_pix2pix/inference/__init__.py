"""A trained network in place of the solver."""
