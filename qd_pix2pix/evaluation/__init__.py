"""Predictions, measures, and the solver beside them."""
