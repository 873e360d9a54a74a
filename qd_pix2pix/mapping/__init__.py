"""Inputs and outputs of a predictor, and the heads that interpret the numbers of a network."""

from qd_pix2pix.mapping.mapping import Mapping

__all__ = ["Mapping"]
