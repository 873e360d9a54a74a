"""Deep learning of the maps between confinement potentials and electron densities of quantum dots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qd_pix2pix.inference.pretrained import Surrogate

__version__ = "0.2.0"


def from_pretrained(path: Path | str) -> Surrogate:
    """A trained network, see ``pretrained.from_pretrained``; torch is loaded here, not with the package."""
    from qd_pix2pix.inference.pretrained import from_pretrained

    return from_pretrained(path)
