"""Snapshots of doped antiferromagnets: one image of all sites, with the fraction of holes as its label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.recipe import SPLITS, Columns, Recipe
from solvers.checks import check_choice, check_integer, check_number, check_positive
from solvers.spins.autocorrelation import autocorrelation_time
from solvers.spins.ising import check_side
from solvers.spins.strings import SECTORS, string_lengths, string_potential

HOLES = ("strings", "sprinkled")
MOST_DOPING = 0.5
OCCUPATION = Column(
    "occupation", "field", "i1", None, "n", "spins +1 and -1, holes 0", -1.0, 1.0, odd=True, values=(-1.0, 0.0, 1.0)
)
DOPING = Column("doping", "scalar", "f8", None, r"\delta", "fraction of sites that are holes", 0.0, 1.0)
MAGNETISATION = Column("magnetisation", "scalar", "f8", None, "m", "sum of spins per site", -1.0, 1.0, odd=True)
TEMPERATURE = Column("temperature", "condition", "f8", "energy", "T", "temperature")


@dataclass(frozen=True, kw_only=True)
class Snapshots(Recipe):
    """Snapshots of the Heisenberg antiferromagnet with holes: geometric strings or sprinkled holes.

    The undoped snapshots of a shard are one Markov chain, and sample i is record i % shard_size of chain
    i // shard_size.

    Attributes:
        side: sites along each side, even.
        temperature: T, in units of J.
        holes: "strings", holes at the ends of strings of thermal length, or "sprinkled", at random sites.
        hopping: t, in units of J.
        sectors: states of a string that are averaged over, see ``solvers.spins.string_lengths``.
        longest: greatest length of a string.
        dopings: fractions of holes, numbers or pairs [low, high]. All numbers of holes that they contain are equally
            likely; a single number means the closest number of holes.
        t_corr: sweeps between two snapshots of a chain, at least twice its integrated autocorrelation time.
        burn_in: sweeps before the first interval of a chain.
    """

    side: int
    temperature: float
    holes: str
    hopping: float
    sectors: str
    longest: int
    dopings: Sequence[Any]
    t_corr: int
    burn_in: int

    RANGES: ClassVar = {"temperature": ((float,), "[0.5, 1.0]")}
    SOLVABLE: ClassVar = ("occupation",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("data.side", self.side, 2)
        check_side("data.side", self.side)
        check_number("data.temperature", self.temperature, 0.05, 1e6)
        check_choice("data.holes", self.holes, HOLES)
        check_positive("data.hopping", self.hopping, 1e3)
        check_choice("data.sectors", self.sectors, SECTORS)
        check_integer("data.longest", self.longest, 1, high=300)
        check_integer("data.t_corr", self.t_corr, 1)
        check_integer("data.burn_in", self.burn_in, 0)
        _ = self.counts

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """All numbers of holes that occur, ascending."""
        sites, found = self.side**2, set()
        for entry in self.dopings if isinstance(self.dopings, (tuple, list)) else [None]:
            ends = entry if isinstance(entry, (tuple, list)) else (entry, entry)
            known = [isinstance(v, (int, float)) and not isinstance(v, bool) for v in ends]
            if len(ends) != 2 or not all(known) or not 0 <= ends[0] <= ends[1] <= MOST_DOPING:
                raise ValueError(
                    f"data.dopings: expected numbers or pairs [low, high] in [0, {MOST_DOPING}], such as "
                    f"[[0.0, 0.09], 0.2], got {self.dopings!r}"
                )
            low, high = (v * sites for v in ends)
            single = [round(low)] if ends[0] == ends[1] else []
            found |= {*range(int(np.ceil(low - 1e-9)), int(high + 1e-9) + 1), *single}
        if not found:
            raise ValueError(
                f"data.dopings: expected a multiple of 1 / {sites} in one of them, got {self.dopings!r}. Widen a pair."
            )
        return np.array(sorted(found), dtype=np.int64)

    @property
    def name(self) -> str:
        """The holes and the side of the lattices."""
        return f"Snapshots-{self.holes}-L{self.side}"

    @cached_property
    def schema(self) -> Schema:
        """Occupation, doping and magnetisation."""
        strings = f"strings ({self.sectors} states), t = {self.hopping:g} J"
        return Schema(
            system="snapshots of doped antiferromagnets",
            sample="snapshot",
            columns=(OCCUPATION, DOPING, MAGNETISATION),
            domain=Domain(
                ("x", "y"), (self.side, self.side), boundary="periodic", symmetry="square", translations=True, flip=True
            ),
            conditions=(TEMPERATURE,),
            constants={"temperature": float(self.temperature)},
            units={"energy": "J"},
            family=self.holes,
            summary=f"{self.side} × {self.side} sites, periodic, T = {self.temperature:g} J; "
            + (strings if self.holes == "strings" else "sprinkled holes"),
        )

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """The distribution p(l) of the lengths of strings; all holes have length 0 where they are sprinkled."""
        from solvers.spins.doping import undoped_correlations  # numba

        if self.holes == "sprinkled":
            return np.ones(1)
        tension, attraction = string_potential(*undoped_correlations(self.side, float(self.temperature)))
        return string_lengths(tension, attraction, self.hopping, self.temperature, self.sectors, self.longest)

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``."""
        size = self.shard_size
        parts = []
        for chain in range(samples.start // size, (samples.stop - 1) // size + 1):
            first, stop = max(samples.start - chain * size, 0), min(samples.stop - chain * size, size)
            parts.append(self._chain(split, chain, stop)[first:])
        occupation = np.concatenate(parts)
        return {"occupation": occupation} | self.solve({"occupation": occupation})

    def _chain(self, split: str, chain: int, records: int) -> NDArray[np.int8]:
        """Return the first ``records`` snapshots of a chain, (records, L, L)."""
        from solvers.spins.doping import add_holes  # numba
        from solvers.spins.heisenberg import sample_heisenberg

        rng = self.random(split, chain)
        seeds, holes = rng.integers(2**63, size=2), rng.choice(self.counts, self.shard_size)[:records]
        run = sample_heisenberg(
            self.side, self.temperature, 1, records, self.t_corr, self.burn_in, int(seeds[0]), threads=1
        )
        return add_holes(np.asarray(run.configurations)[0], holes, self.lengths, int(seeds[1]))

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """See ``Recipe.solve``."""
        occupation = np.asarray(given["occupation"])
        return {
            "doping": (occupation == 0).mean((1, 2)),
            "magnetisation": occupation.mean((1, 2), dtype=np.float64),
        }

    def rehearse(self) -> None:
        """Draw one snapshot, and compare ``t_corr`` with the autocorrelation times of a short run.

        Raises:
            ValueError: snapshots of a chain would be correlated.
        """
        self.columns("train", range(1))
        tau = self.correlation_time()
        if self.t_corr < 2 * tau:
            raise ValueError(
                f"data.t_corr: expected at least {2 * tau:.1f} sweeps, twice the autocorrelation time, "
                f"got {self.t_corr}"
            )

    def correlation_time(self) -> float:
        """Return the greater of the autocorrelation times of energy and squared staggered magnetisation, in sweeps."""
        from solvers.spins.heisenberg import sample_heisenberg  # numba

        run = sample_heisenberg(self.side, self.temperature, 4, 1000, 1, self.burn_in, seed=SPLITS.index("test"))
        signs = (-1.0) ** np.add.outer(np.arange(self.side), np.arange(self.side))
        staggered = (np.asarray(run.configurations) * signs).mean((2, 3)) ** 2
        return max(autocorrelation_time(run.energy), autocorrelation_time(staggered))
