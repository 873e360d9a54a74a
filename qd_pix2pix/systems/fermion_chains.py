"""Spinless fermions on a ring in random potentials: maps of the ground state at a chemical potential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.recipe import Columns, Recipe
from solvers.checks import check_integer, check_number
from solvers.lattices import chemical_potentials, fermion_maps, ground_energies, ground_states
from solvers.lattices.fermions import CLUSTERS, LONGEST, SHORTEST

# holes at V - mu are fermions at -(V - mu) - 2 U
OF_HOLES: dict[str, Any] = {"odd": True, "centre": -1.0, "centre_of": "interaction"}
V_MU = Column("V_mu", "field", "f8", "energy", r"V - \mu", "potential minus the chemical potential", **OF_HOLES)
MAPS = (
    Column("n", "field", "f4", None, "n", "density", 0.0, 1.0, odd=True, centre=0.5),
    Column("neighbour_correlator", "field", "f4", None, "C", "mean correlator of the density with both neighbours"),
    Column("coherence", "field", "f4", None, "T", "mean coherence with both neighbours"),
    Column("current_correlator", "field", "f4", "current2", "K", "correlator of the currents of both bonds"),
)
NUMBERS = (
    Column(
        "energy",
        "scalar",
        "f8",
        "energy",
        r"E - \mu N",
        "energy at the chemical potential",
        extensive=True,
        paired=False,
    ),
    Column("particles", "scalar", "f8", None, "N", "number of fermions", 0.0, extensive=True, paired=False),
    Column("gap", "scalar", "f8", "energy", r"\Delta E", "distance of the next level of N fermions", 0.0),
    Column(
        "mu_low",
        "scalar",
        "f8",
        "energy",
        r"\mu_-",
        "E(N) - E(N - 1), from the chemical potential",
        high=0.0,
        paired=False,
    ),
    Column(
        "mu_high",
        "scalar",
        "f8",
        "energy",
        r"\mu_+",
        "E(N + 1) - E(N), from the chemical potential",
        low=0.0,
        paired=False,
    ),
    Column("mu", "guard", "f8", "energy", r"\mu", "chemical potential from the mean of V: V = V_mu + mu"),
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

    N is drawn uniformly from 1 ... L - 1, and mu uniformly from the interval in which N fermions are the ground state:
    between E(N) - E(N - 1) and E(N + 1) - E(N) of fermions that repel. All energies are in units of the hopping J.

    Attributes:
        sites: L.
        interaction: U, in units of J; samples are generated for U of at least -2 J.
        potential: distribution of the potentials.
    """

    sites: int
    interaction: float
    potential: Potentials

    RANGES: ClassVar = {"sites": ((int,), "[10, 12, 14]"), "interaction": ((float, int), "[1.0, 2.0]")}
    SIZES: ClassVar = ("sites",)
    SOLVABLE: ClassVar[tuple[str, ...]] = ("V_mu",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("data.sites", self.sites, SHORTEST, "Exact diagonalisation takes short rings only", high=LONGEST)
        check_number("data.interaction", self.interaction, -1e3, 1e3)
        if not callable(getattr(self.potential, "sample", None)):
            raise ValueError(f"data.potential: expected a distribution of potentials, got {self.potential!r}")

    @property
    def name(self) -> str:
        """The number of sites and the interaction.

        Attracted fermions have another ending since all N are compared: shards from before have other samples.
        """
        return f"FermionChains-L{self.sites}-U{self.interaction:g}{'-stable' if self.interaction < 0 else ''}"

    @cached_property
    def schema(self) -> Schema:
        """The schema of the rings."""
        return Schema(
            system="chains of spinless fermions",
            sample="ring",
            columns=(V_MU, *MAPS, *NUMBERS),
            domain=Domain(
                ("x",),
                (self.sites,),
                boundary="periodic",
                symmetry="line",
                translations=True,
                flip=True,
                bipartite=True,
            ),
            conditions=(INTERACTION,),
            constants={"interaction": float(self.interaction)},
            units={"energy": "J", "current2": "J²"},
            hard_by="gap",
            family=type(self.potential).__name__,
            summary=f"{self.sites} sites, periodic, U = {self.interaction:g} J",
        )

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``.

        Raises:
            ValueError: U is below -2 J: few of the N have a chemical potential, and in many rings none has.
        """
        todo = (
            "Below it fermions gather in clusters, and few numbers of them are a ground state: use data=chain_energies"
        )
        check_number("data.interaction", self.interaction, CLUSTERS, 1e3, todo)
        streams = [self.random(split, i) for i in samples]
        potentials = np.stack([self.potential.sample(rng, self.sites) for rng in streams])
        orders = np.stack([rng.permuted(np.arange(1, self.sites)) for rng in streams])
        numbers, low, high = self._intervals(potentials, orders)
        mu = low + (high - low) * np.array([rng.random() for rng in streams])
        v_mu = potentials - mu[:, None]
        return {"V_mu": v_mu} | self._solved(v_mu, numbers)

    def _intervals(self, potentials: NDArray, orders: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Return N (S,), the first of ``orders`` (S, L - 1) with an interval of chemical potentials, and its ends (S,).

        N that are nowhere the ground state, as E(N) is not on the convex hull of all energies, are left out.
        """
        numbers, low, high = orders[:, 0].copy(), *(np.zeros(len(potentials)) for _ in range(2))
        left = np.arange(len(potentials))
        for attempt in range(orders.shape[1]):
            numbers[left] = orders[left, attempt]
            for n in np.unique(numbers[left]):
                rows = left[numbers[left] == n]
                low[rows], high[rows] = chemical_potentials(potentials[rows], self.interaction, int(n))
            left = left[high[left] <= low[left]]
            if not len(left):
                return numbers, low, high
        raise ValueError(
            f"data.potential: {len(left)} rings have no number of fermions with a chemical potential, got U = "
            f"{self.interaction:g}. Use potentials of a larger range, or a larger data.interaction"
        )

    def _solved(self, v_mu: NDArray, numbers: NDArray) -> Columns:
        """Return all columns but V_mu, of the ground states of ``numbers`` (S,) fermions at V - mu (S, L)."""
        found: Columns = {column.name: np.zeros(v_mu.shape) for column in MAPS}
        found |= {column.name: np.zeros(len(v_mu), column.dtype) for column in NUMBERS}
        for n in np.unique(numbers):
            rows = np.flatnonzero(numbers == n)
            states = ground_states(v_mu[rows], self.interaction, int(n))
            low, high = chemical_potentials(v_mu[rows], self.interaction, int(n))
            maps = fermion_maps(states)
            new: Columns = {"n": maps.pop("density"), **maps, "energy": states.energy, "gap": states.gap, "mu_low": low}
            new |= {"mu_high": high, "degeneracy": states.degeneracy, "particles": np.full(len(rows), n)}
            for name, values in new.items():
                found[name][rows] = values
        return found | {"mu": -v_mu.mean(1)}

    @classmethod
    def of_samples(
        cls, config: Mapping[str, Any], shape: Sequence[int], conditions: Mapping[str, float]
    ) -> dict[str, Any]:
        """See ``Recipe.of_samples``."""
        return super().of_samples(config, shape, conditions) | {"sites": shape[0]}

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """See ``Recipe.solve``: the ground state of all N at V - mu."""
        v_mu = np.asarray(given["V_mu"], dtype=np.float64)
        return self._solved(v_mu, ground_energies(v_mu, self.interaction).argmin(1))
