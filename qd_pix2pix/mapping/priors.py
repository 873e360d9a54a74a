"""Priors by the name under which a mapping selects them, ``mapping.prior``."""

from __future__ import annotations

from qd_pix2pix.mapping.gutzwiller import Gutzwiller
from qd_pix2pix.mapping.kohn_sham import KohnSham
from qd_pix2pix.mapping.mean_field import MeanField
from qd_pix2pix.mapping.ring_orbitals import RingOrbitals

PRIORS: dict[str, MeanField | KohnSham | RingOrbitals | Gutzwiller] = {
    "mean_field": MeanField(),
    "coarse_mean_field": MeanField(points=24, steps=30),
    "kohn_sham": KohnSham(),
    "ring_orbitals": RingOrbitals(),
    "gutzwiller": Gutzwiller(),
}
