"""Glossary of the fields that are stored, learned and shown, and the units in which a dataset holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MILLI = {"eV": "meV", "hartree": "mHa"}
"""How a thousandth of an energy unit is written."""


@dataclass(frozen=True)
class Units:
    """Units of ``length`` and ``energy``; as text "nm, eV" or "bohr, hartree", as a ``Material`` calls them."""

    length: str
    energy: str

    @classmethod
    def parse(cls, text: str) -> Units:
        """Units from their text."""
        length, energy = text.split(", ")
        return cls(length, energy)

    def __str__(self) -> str:
        return f"{self.length}, {self.energy}"

    def of(self, quantity: str) -> str:
        """The unit of a quantity: length, energy or density."""
        return {"length": self.length, "energy": self.energy, "density": f"{self.length}^-2"}[quantity]


NM_EV = Units("nm", "eV")


def units_of(recipe: dict[str, Any]) -> Units:
    """The units of a dataset: those of its material; a material that names none is in nm and eV."""
    return Units.parse(recipe["material"].get("units", str(NM_EV)))


@dataclass(frozen=True)
class Field:
    """A function on the grid, or a number of a dot: ``name`` in files and on the command line, ``symbol`` (TeX),
    ``quantity``, meaning, and whether it is one number instead of (n, n).
    """

    name: str
    symbol: str
    quantity: str
    description: str
    is_scalar: bool = False

    @property
    def is_density(self) -> bool:
        """True for electron densities: non-negative, with a known integral."""
        return self.quantity == "density"


FIELDS = {
    field.name: field
    for field in (
        Field("V", r"V", "energy", "confinement potential"),
        Field("n0", r"n_0", "density", "electron density without interaction"),
        Field("n_int", r"n_\mathrm{int}", "density", "electron density of the interacting ground state"),
        Field("energy", r"E", "energy", "interacting ground-state energy", is_scalar=True),
        Field("gap", r"\Delta E", "energy", "gap to the next state", is_scalar=True),
    )
}


def get_field(name: str) -> Field:
    """The field of this name.

    Raises:
        ValueError: there is no such field; the choices are named.
    """
    if name not in FIELDS:
        raise ValueError(f"field: expected one of {', '.join(FIELDS)}; got {name!r}")
    return FIELDS[name]
