"""Priors by the name under which a mapping selects them, ``mapping.prior``."""

from __future__ import annotations

from qd_pix2pix.mapping.kohn_sham import KohnSham
from qd_pix2pix.mapping.mean_field import MeanField

PRIORS: dict[str, MeanField | KohnSham] = {
    "mean_field": MeanField(),
    "coarse_mean_field": MeanField(points=24, steps=30),
    "kohn_sham": KohnSham(),
}
