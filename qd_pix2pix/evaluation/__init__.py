"""Predictions, measures, and their verification by the solver."""
