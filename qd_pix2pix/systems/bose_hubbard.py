"""Bosons on a periodic square lattice, with a random potential at each site; energies are in units of the hopping."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.recipe import Columns, Recipe
from solvers.checks import check_integer, check_positive
from solvers.lattices.bosons import Bosons
from solvers.lattices.random_fields import checkerboard

# hard-core holes at V - mu are bosons at -(V - mu) - 4 V
V_MU = Column(
    "V_mu", "field", "f8", "energy", r"V - \mu", "potential of each site minus the chemical potential",
    odd=True, centre=-2.0, centre_of="neighbour",
)  # fmt: skip
CHECKERBOARD = Column(
    "checkerboard", "field", "i1", None, r"\eta", "+1 on the sublattice with more bosons, -1 on the other", -1.0, 1.0,
    values=(-1.0, 1.0), pattern="checkerboard", odd=True,
)  # fmt: skip
NEIGHBOUR = Column("neighbour", "condition", "f8", "energy", "V", "interaction of bosons on neighbouring sites")
ONSITE = Column("onsite", "condition", "f8", "energy", "U", "interaction of bosons on one site")
GUARDS = (
    Column("sweeps", "guard", "i8", None, "", "sweeps of the worm algorithm", 1.0),
    Column("tau", "guard", "f8", None, r"\tau", "largest autocorrelation time in sweeps", 0.0),
)


class Ensemble(Protocol):
    """A distribution of systems, such as ``solvers.lattices.HardCore``."""

    n_max: int
    beta: float

    def sample(self, rng: np.random.Generator, side: int) -> Bosons:
        """Draw one system."""


@dataclass(frozen=True, kw_only=True)
class BoseHubbard(Recipe):
    """The recipe of a dataset of the extended Bose-Hubbard model, sampled by the worm algorithm.

    Each sample is sampled until the mean error of its density is small enough. One that needs more sweeps is drawn
    again.

    Attributes:
        side: sites along each side, even: the checkerboard must fit.
        ensemble: distribution of the systems.
        density_error: largest mean error of n over the sites.
        sweeps, most_sweeps: fewest and most sweeps of a sample.
        burn_in: sweeps before.
        starts: burn-ins of a sample, of which the one with the lowest energy is continued: a chain stays in the domains
            of a solid in which it was cooled.
        attempts: systems drawn for one sample.
    """

    side: int
    ensemble: Ensemble
    density_error: float
    sweeps: int
    most_sweeps: int
    burn_in: int
    starts: int = 1
    attempts: int = 20

    SOLVABLE: ClassVar = ("V_mu", "neighbour", "onsite")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_even("data.side", self.side)
        check_positive("data.density_error", self.density_error, 1.0)
        for name in ("sweeps", "burn_in"):
            check_integer(f"data.{name}", getattr(self, name), 64)
        check_integer("data.most_sweeps", self.most_sweeps, self.sweeps)
        check_integer("data.starts", self.starts, 1)
        check_integer("data.attempts", self.attempts, 1)
        if not callable(getattr(self.ensemble, "sample", None)):
            raise ValueError(f"data.ensemble: expected a distribution of systems, got {self.ensemble!r}")

    @property
    def name(self) -> str:
        """The side of the lattices and the largest number of bosons on a site."""
        return f"BoseHubbard-L{self.side}-n{self.ensemble.n_max}"

    @cached_property
    def schema(self) -> Schema:
        """Potential, checkerboard, and maps of the bosons."""
        n_max = self.ensemble.n_max
        most = f"at most {n_max} bosons on a site" if n_max > 1 else "hard-core bosons"
        return Schema(
            system="lattices of bosons",
            sample="lattice",
            columns=(V_MU, CHECKERBOARD, *maps(n_max), NEIGHBOUR, ONSITE, *GUARDS),
            domain=Domain(
                ("x", "y"),
                (self.side, self.side),
                boundary="periodic",
                symmetry="square",
                translations=True,
                flip=n_max == 1,
            ),
            units={"energy": "t"},
            family=type(self.ensemble).__name__,
            summary=f"{self.side} × {self.side} sites, periodic, {most}, β = {self.ensemble.beta:g} / t, error of the "
            f"density at most {self.density_error:g}",
        )

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``."""
        rows = [self._sample(split, i) for i in samples]
        return {column.name: np.stack([row[column.name] for row in rows]) for column in self.schema.columns}

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """See ``Recipe.solve``; the random numbers of a sample follow from its values.

        Raises:
            ValueError: an interaction is missing, or a sample needs more than ``most_sweeps``.
        """
        if missing := [name for name in self.SOLVABLE if name not in given]:
            raise ValueError(f"{missing[0]}: expected its values, which the solver takes")
        rows = []
        for i, potential in enumerate(given["V_mu"]):
            onsite, neighbour = (float(given[name][i]) for name in ("onsite", "neighbour"))
            model = Bosons(potential, self.ensemble.beta, onsite, neighbour, self.ensemble.n_max)
            try:
                rows.append(self._solved(model))
            except ValueError as error:
                raise ValueError(f"{names[i] if names else f'sample {i}'}: {error}") from None
        columns = [column.name for column in self.schema.columns if column.name not in self.SOLVABLE]
        return {name: np.stack([row[name] for row in rows]) for name in columns}

    def _sample(self, split: str, sample: int) -> dict[str, Any]:
        """Return the columns of one sample, the first drawn system that reaches the error."""
        from solvers.lattices.worm import NotReached  # numba

        rng = self.random(split, sample)
        for _ in range(self.attempts):
            try:
                return self._solved(self.ensemble.sample(rng, self.side))
            except NotReached:
                continue
        raise ValueError(
            f"data.most_sweeps: none of {self.attempts} systems drawn for {split} {sample} reaches a mean error of "
            f"{self.density_error:g} within {self.most_sweeps} sweeps. Raise data.most_sweeps or data.density_error"
        )

    def _solved(self, model: Bosons) -> dict[str, Any]:
        """Return the columns of a system.

        Raises:
            NotReached: the sweeps are not enough.
        """
        from solvers.lattices.worm import sample_until  # numba

        given = np.append(model.potential.ravel(), [model.neighbour, model.onsite])
        seed = int.from_bytes(hashlib.sha256(given.astype("<f8").tobytes()).digest()[:7], "little")
        limits = self.sweeps, self.most_sweeps, self.burn_in
        found = sample_until(model, self.density_error, *limits, seed=seed, starts=self.starts)
        return {
            "V_mu": model.potential,
            "checkerboard": variant(found.n),
            "n": found.n,
            "variance": found.variance,
            "pairs": around(found.products),
            "sigma": found.n_error,
            "n_error": found.density_error,
            "neighbour": float(model.neighbour),
            "onsite": float(model.onsite),
            "sweeps": found.sweeps,
            "tau": max(found.tau.values()),
        }

    @classmethod
    def of_samples(
        cls, config: Mapping[str, Any], shape: Sequence[int], conditions: Mapping[str, float]
    ) -> dict[str, Any]:
        """See ``Recipe.of_samples``."""
        return super().of_samples(config, shape, conditions) | {"side": shape[0]}


def maps(n_max: int) -> tuple[Column, ...]:
    """Return the columns of the maps of up to ``n_max`` bosons on a site, and of their errors."""
    return (
        Column("n", "field", "f4", None, "n", "mean number of bosons", 0.0, float(n_max), odd=True, centre=n_max / 2),
        Column("variance", "field", "f4", None, r"\Delta n^2", "variance of the number of bosons", 0.0, n_max**2 / 4),
        Column("pairs", "field", "f4", None, r"\langle n n' \rangle", "mean product of the numbers of bosons on a "
               "site and on its four neighbours", 0.0, float(n_max**2), product_of="n"),
        Column("sigma", "field", "f4", None, r"\sigma", "standard error of n", 0.0),
        Column("n_error", "error", "f8", None, "", "mean standard error of n over the sites", 0.0, error_of="n"),
    )  # fmt: skip


def variant(n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the checkerboard of +1 and -1, (L, L), that correlates positively with ``n``."""
    signs = checkerboard(n.shape)
    return signs if (signs * n).sum() >= 0 else -signs


def around(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of <n_i n_j> over the four neighbours, (L, L), from those of positive directions, (2, L, L)."""
    backwards = [np.roll(products[axis], 1, axis) for axis in (0, 1)]
    found: NDArray[np.float64] = (products.sum(0) + sum(backwards)) / 4
    return found


def check_even(name: str, side: Any) -> None:
    """Raise ValueError unless a side is even and at least 4."""
    check_integer(name, side, 4)
    if side % 2:
        raise ValueError(f"{name}: expected an even number, got {side}; a checkerboard does not fit an odd side")
