"""Conversion between reduced units, in which a network is trained, and the units of files, pages and Python.

A schema in reduced units has a ``reduction``, in plain containers: each scale is a product of powers of conditions,

    scale = factor prod_c c^power,    physical value = scale * reduced value,

one scale for each quantity (energy: hbar^2 / (m* L^2)), and one for each dimensionless condition of the network
(coupling: L / a_0*). Fields in ``from_minimum`` are measured from their minimum, and energies in ``shifted`` contain it
once per particle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from qd_pix2pix.schema import Column, Schema, check_types


@dataclass(frozen=True)
class Reduction:
    """The relation between reduced and physical units.

    Attributes:
        system: name of the system in physical units.
        units: physical unit of each quantity.
        conditions: columns of the physical conditions, as plain containers.
        presets: sets of physical conditions by name; see ``Schema.presets``.
        scales: for each quantity its scale, {"factor": ..., condition: power}.
        numbers: for each dimensionless condition of the network its scale.
        from_minimum: fields measured from their minimum.
        shifted: for each energy, the condition that is its number of particles.
    """

    system: str
    units: dict[str, str]
    conditions: tuple[Any, ...]
    presets: dict[str, dict[str, dict[str, float]]]
    scales: dict[str, dict[str, float]]
    numbers: dict[str, dict[str, float]]
    from_minimum: tuple[str, ...] = ()
    shifted: dict[str, str] | None = None

    def __post_init__(self) -> None:
        check_types("schema: its reduction", self)

    @classmethod
    def of(cls, schema: Schema) -> Reduction | None:
        """The reduction of a schema; None for a schema in physical units.

        Raises:
            ValueError: the schema holds no valid reduction.
        """
        if not schema.reduction:
            return None
        try:
            content: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in schema.reduction.items()}
            found = cls(**content)
            found.columns()
            return found
        except TypeError as error:
            raise ValueError(f"schema: its reduction is incomplete or of another version ({error})") from None

    def columns(self) -> tuple[Column, ...]:
        """The columns of the physical conditions."""
        plain: list[dict[str, Any]] = [
            {name: tuple(v) if isinstance(v, list) else v for name, v in column.items()} for column in self.conditions
        ]
        return tuple(Column(**column) for column in plain)

    def scale(self, quantity: str | None, conditions: Mapping[str, float]) -> float:
        """The unit of a quantity, in physical units; 1 for a dimensionless one."""
        return _product(self.scales[quantity], conditions) if quantity in self.scales else 1.0

    def network_conditions(self, schema: Schema, conditions: Mapping[str, float]) -> dict[str, float]:
        """The conditions of the network, from physical ones."""
        names = [column.name for column in schema.given]
        found = {name: value for name, value in conditions.items() if name in names and name not in schema.constants}
        return found | {name: _product(powers, conditions) for name, powers in self.numbers.items()}

    def condition_for(self, name: str, value: float, conditions: Mapping[str, float]) -> dict[str, float]:
        """The one condition that is not given, by name, with which a dimensionless number has this value."""
        powers = self.numbers[name]
        (free,) = [other for other in powers if other != "factor" and other not in conditions]
        rest = _product({other: power for other, power in powers.items() if other != free}, conditions)
        return {free: (value / rest) ** (1 / powers[free])}

    def physical_schema(self, schema: Schema, conditions: Mapping[str, float]) -> Schema:
        """The schema of samples in physical units, under these conditions."""
        columns = tuple(column for column in schema.columns if column.role != "condition")
        text = ", ".join(f"{name} = {value:g}" for name, value in conditions.items())
        return replace(
            schema, system=self.system, columns=columns, conditions=self.columns(), constants=dict(conditions),
            units=dict(self.units), presets=self.presets, summary=text, reduction={},
        )  # fmt: skip


def _product(powers: Mapping[str, float], conditions: Mapping[str, float]) -> float:
    factor = float(powers["factor"])
    return factor * math.prod(conditions[name] ** power for name, power in powers.items() if name != "factor")
