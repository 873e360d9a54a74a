"""Spinless fermions on a ring in random potentials: maps of the ground state at a chemical potential."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.recipe import Columns, Recipe
from solvers.checks import check_integer, check_number
from solvers.lattices import GroundStates, crossings, fermion_maps, ground_energies, ground_states
from solvers.lattices.fermions import LONGEST, SHORTEST

V_MU = Column("V_mu", "field", "f8", "energy", r"V - \mu", "potential minus the chemical potential")
MAPS = (
    Column("n", "field", "f4", None, "n", "density", 0.0, 1.0),
    Column("neighbour_correlator", "field", "f4", None, "C", "correlator of the density with both neighbours, mean"),
    Column("coherence", "field", "f4", None, "T", "coherence with both neighbours, mean"),
    Column("current_correlator", "field", "f4", "current2", "K", "correlator of the currents of both bonds"),
)
NUMBERS = (
    Column("energy", "scalar", "f8", "energy", r"E - \mu N", "energy at the chemical potential", extensive=True),
    Column("particles", "scalar", "f8", None, "N", "number of fermions", 0.0, extensive=True),
    Column("gap", "scalar", "f8", "energy", r"\Delta E", "distance of the next level of N fermions", 0.0),
    Column("mu_low", "scalar", "f8", "energy", r"\mu_-", "E(N) - E(N - 1), from the chemical potential", high=0.0),
    Column("mu_high", "scalar", "f8", "energy", r"\mu_+", "E(N + 1) - E(N), from the chemical potential", low=0.0),
    Column("mu", "guard", "f8", "energy", r"\mu", "chemical potential; V = V_mu + mu"),
    Column("degeneracy", "guard", "i8", None, "", "states that share the ground-state energy"),
)
INTERACTION = Column("interaction", "condition", "f8", "energy", "U", "interaction of neighbours")


class Potentials(Protocol):
    """A distribution of potentials, such as ``solvers.lattices.RandomChains``."""

    def sample(self, rng: np.random.Generator, sites: int) -> NDArray:
        """Draw one potential (L,), in units of the hopping."""


@dataclass(frozen=True, kw_only=True)
class FermionChains(Recipe):
    """Ground states of spinless fermions on a ring with an interaction of neighbours, by exact diagonalisation.

    N is drawn uniformly from 1 ... L - 1, and mu uniformly between E(N) - E(N - 1) and E(N + 1) - E(N). All energies
    are in units of the hopping J.

    Attributes:
        sites: L.
        interaction: U, in units of J.
        potential: distribution of the potentials.
    """

    sites: int
    interaction: float
    potential: Potentials

    RANGES: ClassVar = {"interaction": ((float, int), "[1.0, 2.0]")}
    SOLVABLE: ClassVar = ("V_mu",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("data.sites", self.sites, SHORTEST, high=LONGEST)
        check_number("data.interaction", self.interaction, -1e3, 1e3)
        if not callable(getattr(self.potential, "sample", None)):
            raise ValueError(f"data.potential: expected a distribution of potentials, got {self.potential!r}")

    @property
    def name(self) -> str:
        """The number of sites and the interaction."""
        return f"FermionChains-L{self.sites}-U{self.interaction:g}"

    @cached_property
    def schema(self) -> Schema:
        """The schema of the rings."""
        return Schema(
            system="chains of spinless fermions",
            sample="ring",
            columns=(V_MU, *MAPS, *NUMBERS),
            domain=Domain(("x",), (self.sites,), boundary="periodic", symmetry="line", translations=True),
            conditions=(INTERACTION,),
            constants={"interaction": float(self.interaction)},
            units={"energy": "J", "current2": "J²"},
            hard_by="gap",
            family=type(self.potential).__name__,
            summary=f"{self.sites} sites, periodic, U = {self.interaction:g} J",
        )

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``."""
        streams = [self.random(split, i) for i in samples]
        potentials = np.stack([self.potential.sample(rng, self.sites) for rng in streams])
        orders = np.stack([rng.permuted(np.arange(1, self.sites)) for rng in streams])
        found = self._empty(potentials)
        left = np.arange(len(potentials))
        for attempt in range(orders.shape[1]):
            for n in np.unique(orders[left, attempt]):
                rows = left[orders[left, attempt] == n]
                around = crossings(potentials[rows], self.interaction, int(n))
                self._fill(found, rows, around.states, around.low, around.high)
            left = left[found["mu_high"][left] <= found["mu_low"][left]]  # such an N is nowhere the ground state
        if len(left):
            raise ValueError(f"data.potential: {len(left)} rings have no number of fermions with a chemical potential")
        return self._at(found, np.array([rng.random() for rng in streams]))

    def _empty(self, v_mu: NDArray) -> Columns:
        """Return columns of the right shapes for potentials (S, L)."""
        numbers = {column.name: np.zeros(len(v_mu), column.dtype) for column in NUMBERS}
        return {"V_mu": v_mu} | {column.name: np.zeros(v_mu.shape) for column in MAPS} | numbers

    @staticmethod
    def _fill(found: Columns, rows: NDArray, states: GroundStates, low: NDArray, high: NDArray) -> None:
        """Write ground states and their chemical potentials into the ``rows`` of all columns."""
        maps = fermion_maps(states)
        numbers: Columns = {"energy": states.energy, "gap": states.gap, "degeneracy": states.degeneracy}
        numbers |= {"particles": np.full(len(rows), states.sector.particles), "mu_low": low, "mu_high": high}
        for name, values in (numbers | {"n": maps.pop("density")} | maps).items():
            found[name][rows] = values

    @staticmethod
    def _at(found: Columns, share: NDArray) -> Columns:
        """Return the columns from a chemical potential, at this ``share`` (S,) of its interval."""
        mu = found["mu_low"] + (found["mu_high"] - found["mu_low"]) * share
        moved = {name: found[name] - mu for name in ("mu_low", "mu_high")}
        energy = found["energy"] - mu * found["particles"]
        return found | moved | {"mu": mu, "energy": energy, "V_mu": found["V_mu"] - mu[:, None]}

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """See ``Recipe.solve``: the ground state of all N at V - mu; the chemical potential is 0."""
        v_mu = np.asarray(given["V_mu"], dtype=np.float64)
        energies = np.pad(ground_energies(v_mu, self.interaction), ((0, 0), (1, 1)), constant_values=np.inf)
        numbers, found = energies.argmin(1) - 1, self._empty(v_mu)
        for n in np.unique(numbers):
            rows = np.flatnonzero(numbers == n)
            below, here, above = energies[rows, n : n + 3].T
            states = ground_states(v_mu[rows], self.interaction, int(n))
            self._fill(found, rows, states, here - below, above - here)
        return {name: values for name, values in found.items() if name != "V_mu"}
