"""Deep learning of the maps between confinement potentials, densities and energies of quantum systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qd_pix2pix.inference.pretrained import Surrogate

__all__ = ["__version__", "from_pretrained"]
__version__ = "0.2.0"


def from_pretrained(path: Path | str, device: str | None = None) -> Surrogate:
    """Return a trained network by its name or from a file; see ``inference.pretrained``. The call imports torch."""
    from qd_pix2pix.inference.pretrained import from_pretrained

    return from_pretrained(path, device)
