"""A toy system in one file: random spins on a ring, their bond energy (a number), magnetisation, and a class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems import Recipe

YAML = """
_target_: ring.Ring
sites: 16
coupling: 1.0
seed: 0
train: 24
val: 6
test: 6
shard_size: 8
"""


@dataclass(frozen=True, kw_only=True)
class Ring(Recipe):
    """Independent spins s = -1, 1 on a ring of ``sites``, with E = -J sum_i s_i s_(i+1)."""

    sites: int = 16
    coupling: float = 1.0

    RANGES: ClassVar = {"coupling": ((float,), "[0.5, 1.0]")}
    SOLVABLE: ClassVar = ("spins",)

    @property
    def schema(self) -> Schema:
        return Schema(
            system="rings",
            sample="ring",
            columns=(
                Column("spins", "field", "i1", None, "s", "spins", -1.0, 1.0, odd=True),
                Column("energy", "scalar", "f8", "energy", "E", "bond energy", extensive=True),
                Column("magnetisation", "scalar", "f8", None, "m", "magnetisation per site", -1.0, 1.0, odd=True),
                Column("ordered", "class", "i8", None, "", "1 where more bonds are satisfied than not", classes=2),
            ),
            domain=Domain(("x",), (self.sites,), boundary="periodic", symmetry="line", translations=True, flip=True),
            conditions=(Column("coupling", "condition", quantity="energy", symbol="J", description="coupling"),),
            constants={"coupling": self.coupling},
            units={"energy": "J_0"},
            summary=f"{self.sites} sites, J = {self.coupling:g}",
        )

    def columns(self, split: str, samples: range) -> dict:
        spins = np.stack([self.random(split, i).choice([-1.0, 1.0], self.sites) for i in samples])
        return {"spins": spins} | self.solve({"spins": spins})

    def solve(self, given: dict, names: Sequence[str] = ()) -> dict:
        bonds = (given["spins"] * np.roll(given["spins"], 1, axis=1)).sum(1)
        return {"energy": -self.coupling * bonds, "magnetisation": given["spins"].mean(1), "ordered": bonds > 0}
