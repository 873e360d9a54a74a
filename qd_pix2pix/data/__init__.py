"""Datasets, from potentials and the solver to tensors: generation, storage, loading."""
