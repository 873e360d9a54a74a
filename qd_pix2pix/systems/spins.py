"""Spins on a periodic square lattice: configurations, energies, magnetisations, levels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.recipe import SPLITS, Columns, Curve, Recipe
from solvers.checks import check_integer
from solvers.spins.coulomb import ScreenedCoulomb
from solvers.spins.exact import kaufman
from solvers.spins.ising import check_side, energies, energy_class, levels, magnetisation
from solvers.spins.level_counts import COVERED, heat_capacity_of_energies
from solvers.spins.potts import potts_energies
from solvers.spins.split import RESOLUTION, split_of

LARGEST_CLASSES = 16
"""Side up to which levels are classes: 255 of them."""
TEMPERATURES = np.linspace(1.0, 4.0, 61)
"""Temperatures of the heat capacity (J)."""
ATTEMPTS = 100_000
"""Configurations drawn for a sample before its split is called empty."""
SPINS = Column("spins", "field", "i1", None, r"\sigma", "spins, +1 or -1", -1.0, 1.0, odd=True, values=(-1.0, 1.0))
ANGLES = Column("angles", "field", "f8", None, r"\sigma", "angles in [0, pi)", 0.0, float(np.pi))
ENERGY = Column("energy", "scalar", "f8", "energy", "E", "energy of the lattice", extensive=True)
MAGNETISATION = Column("magnetisation", "scalar", "f8", None, "m", "mean spin", -1.0, 1.0, odd=True)


class Ensemble(Protocol):
    """A distribution of configurations, such as ``solvers.spins.FlatSpins``."""

    def sample(self, rng: np.random.Generator, side: int) -> NDArray:
        """Draw one configuration (L, L)."""


@dataclass(frozen=True, kw_only=True)
class Lattice(Recipe):
    """The recipe of a dataset of configurations.

    Attributes:
        side: sites along each side, even.
        ensemble: distribution of the configurations.
    """

    side: int
    ensemble: Ensemble

    RANGES: ClassVar = {"side": ((int,), "[4, 6, 8]")}
    SIZES: ClassVar = ("side",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("data.side", self.side, 2)
        check_side("data.side", self.side)
        if not callable(getattr(self.ensemble, "sample", None)):
            raise ValueError(f"data.ensemble: expected a distribution of configurations, got {self.ensemble!r}")

    @property
    def name(self) -> str:
        """The system and the side of its lattices."""
        return f"{type(self).__name__}-L{self.side}"

    @property
    @abstractmethod
    def field(self) -> Column:
        """The column of the configurations."""

    @abstractmethod
    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """See ``Recipe.solve``."""

    def rehearse(self) -> None:
        """Draw and solve one configuration."""
        self.columns("train", range(1))

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``."""
        drawn = np.stack([self.draw(split, i) for i in samples])
        return {self.field.name: drawn} | self.solve({self.field.name: drawn})

    def draw(self, split: str, sample: int) -> NDArray:
        """Return configuration number ``sample`` of a split, (L, L)."""
        return self.ensemble.sample(self.random(split, sample), self.side)

    def _schema(self, system: str, columns: tuple[Column, ...], summary: str, flip: bool) -> Schema:
        return Schema(
            system=system,
            sample="lattice",
            columns=(self.field, *columns),
            domain=Domain(
                ("x", "y"), (self.side, self.side), boundary="periodic", symmetry="square", translations=True, flip=flip
            ),
            units={"energy": "J"},
            family=type(self.ensemble).__name__,
            summary=f"{self.side} × {self.side} sites, periodic; {summary}",
        )


@dataclass(frozen=True, kw_only=True)
class SpinLattice(Lattice):
    """Lattices of spins, divided into splits by a hash of the configuration: no split has one of another.

    Attributes:
        shares: parts of all configurations that belong to training, validation and test; their sum is 1.
    """

    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)

    SOLVABLE: ClassVar = ("spins",)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.shares if isinstance(self.shares, (tuple, list)) else ()
        if (
            len(given) != 3
            or not all(isinstance(s, (int, float)) and s > 0 for s in given)
            or abs(sum(given) - 1) > 1e-9
        ):
            raise ValueError(f"data.shares: expected three positive numbers with the sum 1, got {self.shares!r}")

    @property
    def field(self) -> Column:
        """The spins."""
        return SPINS

    def draw(self, split: str, sample: int) -> NDArray:
        """Return configuration number ``sample`` of a split, (L, L).

        Raises:
            ValueError: the ensemble has no configuration of this split.
        """
        rng, edges = self.random(split, sample), np.round(np.cumsum(self.shares)[:2] * RESOLUTION).astype(int)
        for _ in range(ATTEMPTS):
            spins = self.ensemble.sample(rng, self.side)
            if split_of(spins, [int(e) for e in edges]) == SPLITS.index(split):
                return spins
        raise ValueError(
            f"data.shares: expected configurations of the split {split}, got none in {ATTEMPTS} of side {self.side}. "
            "Enlarge its share or the lattice."
        )


@dataclass(frozen=True, kw_only=True)
class Ising(SpinLattice):
    """The Ising model, H = - sum of s_i s_j over bonds, with the number of the level as a class up to L = 16."""

    @cached_property
    def schema(self) -> Schema:
        """The schema of the lattices."""
        classes = () if self.side > LARGEST_CLASSES else (self._level,)
        return self._schema("Ising lattices", (ENERGY, MAGNETISATION, *classes), "Ising model", flip=True)

    @classmethod
    def of_samples(
        cls, config: Mapping[str, Any], shape: Sequence[int], conditions: Mapping[str, float]
    ) -> dict[str, Any]:
        """See ``Recipe.of_samples``; levels and heat capacities are those of the side of the samples."""
        return super().of_samples(config, shape, conditions) | {"side": shape[0]}

    @property
    def _level(self) -> Column:
        return Column("level", "class", "i8", None, "", "number of the energy level", classes=len(levels(self.side)))

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """See ``Recipe.solve``."""
        energy = energies(given["spins"])
        found = {"energy": energy, "magnetisation": magnetisation(given["spins"])}
        return found | ({"level": energy_class(energy, self.side)} if self.side <= LARGEST_CLASSES else {})

    def curves(self, reference: Columns, predicted: Columns) -> list[Curve]:
        """Return the heat capacity of predicted energies, where the levels of the lattices cover temperatures."""
        if self.side > LARGEST_CLASSES or "energy" not in reference or "energy" not in predicted:
            return []
        if not np.isfinite(predicted["energy"]).all():  # the training diverged
            return []
        found = heat_capacity_of_energies(reference["energy"], predicted["energy"], TEMPERATURES, self.side)
        if np.isnan(found).all():
            return []
        return [
            Curve(
                TEMPERATURES.tolist(),
                [None if np.isnan(value) else float(value) for value in found],
                kaufman(self.side, TEMPERATURES).heat_capacity.tolist(),
                "T (J)",
                "C / L²",
                f"Heat capacity of the predicted energies, beside the exact one of {self.side} × {self.side} sites. "
                "All lattices of a level have together the weight of the exact number of its configurations. Absent "
                "levels have their exact energy; there are no values where these hold more than "
                f"{100 * (1 - COVERED):.0f} % of the weight.",
            )
        ]


@dataclass(frozen=True, kw_only=True)
class CoulombSpins(SpinLattice):
    """Spins with a screened Coulomb interaction over all pairs and images.

    Attributes:
        interaction: the interaction.
    """

    interaction: ScreenedCoulomb

    @cached_property
    def schema(self) -> Schema:
        """The schema of the lattices."""
        v = self.interaction
        return self._schema(
            "Coulomb lattices",
            (ENERGY, MAGNETISATION),
            f"{v.form} interaction, k = {v.k:g}, to {v.r_cut} sites",
            flip=True,
        )

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """See ``Recipe.solve``."""
        spins = given["spins"]
        return {"energy": self.interaction.energies(spins), "magnetisation": magnetisation(spins)}


@dataclass(frozen=True, kw_only=True)
class Potts(Lattice):
    """The planar Potts model, H = sum of cos(a_i - a_j) over bonds."""

    SOLVABLE: ClassVar = ("angles",)

    @property
    def field(self) -> Column:
        """The angles."""
        return ANGLES

    @cached_property
    def schema(self) -> Schema:
        """The schema of the lattices."""
        return self._schema("Potts lattices", (ENERGY,), "planar Potts model", flip=False)

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """See ``Recipe.solve``."""
        return {"energy": potts_energies(given["angles"])}
