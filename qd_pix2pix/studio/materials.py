"""The materials of conf/material that have lengths in nm, energies in eV, and one effective mass."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

import yaml

from qd_pix2pix.files import conf_folder

OTHER = "other"
"""Name of a material that is given by its numbers."""


@cache
def materials() -> MappingProxyType[str, tuple[float, float]]:
    """Return effective mass (free electron masses) and permittivity of each material, by name."""
    found = {}
    for path in sorted((conf_folder() / "material").glob("*.yaml")):
        numbers = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "units" not in numbers and not isinstance(numbers["m_eff"], list):
            found[path.stem] = (float(numbers["m_eff"]), float(numbers["eps_r"]))
    return MappingProxyType(found)


def name_of(m_eff: float, eps_r: float) -> str:
    """Return the name of the material with these numbers, or ``OTHER``."""
    return next((name for name, numbers in materials().items() if numbers == (m_eff, eps_r)), OTHER)
