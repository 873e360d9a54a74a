"""A given number of spinless fermions on a ring in random potentials: the energies of one more and of one fewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.fermion_chains import INTERACTION, FermionChains
from qd_pix2pix.systems.recipe import Columns
from solvers.checks import check_whole
from solvers.lattices import crossings

V = Column("V", "field", "f8", "energy", "V", "potential", gauge=True)
NUMBERS = (
    Column("mu_high", "scalar", "f8", "energy", r"\mu_+", "E(N + 1) - E(N)"),
    Column("mu_low", "scalar", "f8", "energy", r"\mu_-", "E(N) - E(N - 1)"),
)
PARTICLES = Column("particles", "condition", "i8", None, "N", "number of fermions", 1.0)


@dataclass(frozen=True, kw_only=True)
class ChainEnergies(FermionChains):
    """Chemical potentials between which N spinless fermions on a ring are the ground state, by exact diagonalisation.

    N is drawn uniformly from 1 ... L - 1. All energies are in units of the hopping J.
    """

    SOLVABLE: ClassVar = ("V", "particles")

    @property
    def name(self) -> str:
        """The number of sites and the interaction."""
        return f"ChainEnergies-L{self.sites}-U{self.interaction:g}"

    @cached_property
    def schema(self) -> Schema:
        """The schema of the rings."""
        return Schema(
            system="numbers of spinless fermions on a chain",
            sample="ring",
            columns=(V, PARTICLES, *NUMBERS),
            domain=Domain(("x",), (self.sites,), boundary="periodic", symmetry="line", translations=True),
            conditions=(INTERACTION,),
            constants={"interaction": float(self.interaction)},
            units={"energy": "J"},
            family=type(self.potential).__name__,
            summary=f"{self.sites} sites, periodic, U = {self.interaction:g} J",
        )

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``."""
        streams = [self.random(split, i) for i in samples]
        potentials = np.stack([self.potential.sample(rng, self.sites) for rng in streams])
        particles = np.array([rng.integers(1, self.sites) for rng in streams])
        return {"V": potentials, "particles": particles, **self._crossings(potentials, particles)}

    def _crossings(self, potentials: NDArray, particles: NDArray) -> Columns:
        """Return mu_high and mu_low of ``particles`` (S,) fermions in potentials (S, L)."""
        found = {column.name: np.zeros(len(potentials)) for column in NUMBERS}
        for n in np.unique(particles):
            rows = np.flatnonzero(particles == n)
            found["mu_low"][rows], found["mu_high"][rows] = crossings(potentials[rows], self.interaction, int(n))
        return found

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """See ``Recipe.solve``.

        Raises:
            ValueError: the number of fermions is missing, out of range, or no whole number.
        """
        if missing := [name for name in self.SOLVABLE if name not in given]:
            raise ValueError(f"{missing[0]}: expected its values, which the solver takes")
        potentials = np.asarray(given["V"], dtype=np.float64)
        particles = check_whole("particles", given["particles"], (len(potentials),), 1, potentials.shape[1] - 1)
        return self._crossings(potentials, particles)
