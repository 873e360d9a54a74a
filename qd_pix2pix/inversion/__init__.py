"""Potentials and couplings from densities, gaps and costs, by gradient descent through a trained network."""
