"""Glossary of the fields that are stored, learned and shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A function on the grid: ``name`` in files and on the command line, ``symbol`` (TeX), ``unit``, what it is."""

    name: str
    symbol: str
    unit: str
    description: str

    @property
    def is_density(self) -> bool:
        """True for electron densities: non-negative, with a known integral."""
        return self.unit == "nm^-2"


FIELDS = {
    field.name: field
    for field in (
        Field("V", r"V", "eV", "confinement potential"),
        Field("n0", r"n_0", "nm^-2", "electron density without interaction"),
        Field("n_int", r"n_\mathrm{int}", "nm^-2", "electron density of the interacting ground state"),
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
