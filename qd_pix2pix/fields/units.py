"""Units of energies, lengths and densities, by the names that people and programs write into files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.constants import physical_constants

from qd_pix2pix.fields.axes import axis_of

EV_PER_J = 1.0 / physical_constants["electron volt"][0]
HARTREE = physical_constants["Hartree energy in eV"][0]
BOHR = 1e9 * physical_constants["Bohr radius"][0]

ENERGIES = {"eV": 1.0, "meV": 1e-3, "J": EV_PER_J, "hartree": HARTREE}
"""Energy units in eV."""
VOLTAGES = {"V": -1.0, "mV": -1e-3}
"""Energy of an electron, -e phi in eV, per unit of the electrostatic potential phi."""
LENGTHS = {"nm": 1.0, "um": 1e3, "m": 1e9, "angstrom": 0.1, "bohr": BOHR}
"""Length units in nm."""
DENSITIES = {f"{name}^-2": 1.0 / length**2 for name, length in (LENGTHS | {"cm": 1e7}).items()}
"""Units of densities in the plane in nm^-2."""
QUANTITIES = {"energy": ENERGIES, "length": LENGTHS, "density": DENSITIES}
SPELLINGS = {
    **{"ev": "eV", "mev": "meV", "electronvolt": "eV", "electronvolts": "eV", "electron_volt": "eV"},
    **{"joule": "J", "joules": "J", "ha": "hartree", "eh": "hartree", "a.u.": "hartree", "hartrees": "hartree"},
    **{"millielectronvolt": "meV", "millielectronvolts": "meV", "e_h": "hartree"},
    **{name: name for name in ("hartree", "bohr", "angstrom")},  # Hartree, as most programs write it
    **{"nanometer": "nm", "nanometers": "nm", "nanometre": "nm", "nanometres": "nm", "meter": "m", "meters": "m"},
    **{"metre": "m", "metres": "m", "micron": "um", "microns": "um", "micrometer": "um", "micrometers": "um"},
    **{"micrometre": "um", "\u00b5m": "um", "\u03bcm": "um", "a": "angstrom", "\u00e5": "angstrom", "ang": "angstrom"},
    **{"\u212b": "angstrom", "angstroms": "angstrom", "a0": "bohr", "bohrs": "bohr", "a_0": "bohr"},
    **{"v": "V", "volt": "V", "volts": "V", "mv": "mV", "millivolt": "mV", "millivolts": "mV"},
}
"""Other spellings in lower case."""
BRACKETS = re.compile(r"^(.*?)[\s/]*[\[(]\s*([^\])]*?)\s*[\])](\s*@.*)?$")
"""A name with its unit, as in Gamma[eV], V (meV), or V (V) @ Vg=0.1 of a sweep in COMSOL."""
NAMED = ("Hartree",)
"""Names of people behind a quantity: V_Hartree is a potential, not V in hartree."""
DIVIDED = re.compile(r"^([^\W\d][^/]*?)(?:\s*/\s*|\s+in\s+)(\S.*)$")
"""A name with its unit, as in V / meV or E in meV."""
JOINED = re.compile(r"^(.*[^_\s])[_\s]+([^_\s]+)$")
"""A name with its unit, as in V_meV or V meV, where the last part is a unit."""


def unit_in(attributes: Mapping[str, Any]) -> str:
    """Return the attribute ``units`` or ``unit`` of an array in a file, in capitals or not; empty without one."""
    given = {name.lower(): value for name, value in attributes.items()}
    texts = np.ravel(given.get("units", given.get("unit", "")))  # several programs write arrays of one text
    found = texts[0] if texts.size == 1 else ""
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    return str(found) if isinstance(found, str) else ""


def split_unit(name: str) -> tuple[str, str | None]:
    """Return a name and its unit, None without one: V [meV], V (meV), V / meV, V in meV, V_meV or V meV."""
    text = name.strip()
    if (found := BRACKETS.match(text)) and found[1] and found[2]:
        return " ".join([found[1].strip(), *(found[3] or "").split()]), found[2].strip()
    if (found := DIVIDED.match(text)) and found[1] and found[2]:
        return found[1].strip(), found[2].strip()
    if (found := JOINED.match(text)) and found[2] not in NAMED and is_unit(found[2], found[1]):
        return found[1], found[2]
    return text, None


def is_unit(text: str, name: str = "") -> bool:
    """Return True for the name of a unit; single letters, which are indices too, only where they fit the ``name``."""
    if len(text) == 1 and text.isascii():
        return text in (("m",) if axis_of(name) else ("J", "V") if name else ())
    given = canonical(text)
    return given in VOLTAGES or given == "MeV" or any(given in units for units in QUANTITIES.values())


def canonical(unit: str) -> str:
    """Return the name of a unit in the tables above; a text that is in none of them is returned without spaces.

    Case counts only where it must: meV is not MeV.
    """
    text = unit.strip().replace(" ", "")
    for power in ("^-2", "**-2", "-2", "\u207b\u00b2", "^(-2)"):
        if text.endswith(power) and text != power:
            return f"{canonical(text.removesuffix(power))}^-2"
    if text.startswith("1/") and text.endswith(("^2", "\u00b2")):
        return f"{canonical(text[2:].removesuffix('^2').removesuffix(chr(0xB2)))}^-2"
    if any(text in units for units in QUANTITIES.values()) or text == "MeV":
        return text
    return SPELLINGS.get(text.lower(), text) if text not in ("MEV", "MV") else text


def canonical_length(unit: str) -> str:
    """Return the name of a unit of length; atomic units, a.u., are bohr, where those of energy are hartree."""
    return "bohr" if unit.strip().lower() == "a.u." else canonical(unit)


def factor(argument: str, unit: str, target: str, stated_in: str = "") -> float:
    """Return the number by which values in ``unit`` are multiplied for ``target``.

    Volts are taken for an energy only if an option states them: programs write both V and V / e in volts.

    Args:
        argument: option of the unit, for errors.
        unit, target: units of the same quantity.
        stated_in: file that states the unit; empty if it is given by the option.

    Raises:
        ValueError: ``unit`` is not a unit of the quantity of ``target``.
    """
    given = canonical(unit)
    for units in QUANTITIES.values():
        if target in units and given in units:
            return 1.0 if given == target else units[given] / units[target]
    if given in VOLTAGES and target in ENERGIES and not stated_in:
        return VOLTAGES[given] / ENERGIES[target]
    known = next((units for units in QUANTITIES.values() if target in units), None)
    if known is None and given == target:
        return 1.0
    wanted = ", ".join(known) if known else target or "no unit, because the values are plain numbers"
    hint = ""
    if given in VOLTAGES and target in ENERGIES:
        hint = f". {argument}={given} takes an electrostatic potential phi: electrons have the energy -e phi"
    replaced = f", which {argument}=UNIT replaces" if target and not hint else ""
    origin = f" in {stated_in}{replaced}" if stated_in else ""
    raise ValueError(f"{argument}: expected {wanted}; got {unit!r}{origin}{hint}")
