"""Docstrings as the reference of the API shows them: one entry for each name, and the fields of named tuples."""

import re
from typing import Any

import griffe

SHARED = re.compile(r"^( +)(\w+(?:, \w+)+): (.*(?:\n\1 +\S.*)*)", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Entries such as ``energies, energy_errors: ...`` belong to several names; griffe would take one for a type."""

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Divide entries of several arguments."""
        _divide(func)

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Divide entries of several attributes, and list the fields of a named tuple."""
        _divide(cls)
        if cls.docstring and any(str(base) == "NamedTuple" for base in cls.bases):
            fields = ", ".join(f"`{name}`" for name, member in cls.members.items() if member.is_attribute)
            cls.docstring.value += f"\n\nFields, in this order: {fields}."


def _divide(thing: griffe.Object) -> None:
    if thing.docstring:
        thing.docstring.value = SHARED.sub(_entries, thing.docstring.value)


def _entries(match: re.Match[str]) -> str:
    indent, names, text = match.groups()
    return "\n".join(f"{indent}{name}: {text}" for name in names.split(", "))
