"""Sweeps: many runs from one command, planned, recorded, resumed, searched, and shown on one page."""
