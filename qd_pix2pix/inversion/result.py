"""Solutions of an inversion: all potentials by cost, what is not identifiable, the solver's verdict, and a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from qd_pix2pix.evaluation import verify as solver
from qd_pix2pix.files import write_whole
from qd_pix2pix.inference.inputs import only_values
from qd_pix2pix.inversion.costs import as_numbers
from qd_pix2pix.inversion.forward import Forward
from qd_pix2pix.inversion.identify import Identifiability
from qd_pix2pix.predictor import ERROR
from solvers.checks import check_integer, check_path, writing

if TYPE_CHECKING:
    from qd_pix2pix.reports.picture import Picture

ALIKE = 0.1
"""Largest distance of two solutions of one group, as a part of the range of the potential."""
Arrays = dict[str, NDArray[Any]]
Solver = Callable[[NDArray[np.float64]], Any]
"""A function from potentials (k, *points) to outputs (k, ...) by name, or to the first output alone."""


@dataclass(repr=False)
class Solutions:
    """The solutions of S starts, in the order of their costs.

    Attributes:
        potentials: potentials, (S, *points); with several members of their own, (S, K, *points).
        misfits: misfit of the target, or the user's cost, of each solution, (S,).
        costs: number by which solutions are ordered, the misfit with regularisers, (S,).
        predictions: predicted outputs of each solution, (S, ...) by name; with several members (S, K, ...).
        trajectory: misfits of all steps, (steps, S).
        good: True for solutions within the tolerance, or else within twice the lowest misfit; of a user's cost for
            those within a thousandth of its decrease from the lowest, (S,).
        groups: number of the group of each solution; solutions of one group agree where they are identifiable, (S,).
        spread: standard deviation of the good solutions, point by point; zero of a single one.
        identified: what the outputs determine at the best solution, see ``Identifiability``; None with identify=False.
        conditions: conditions of each member.
        remarks: remarks on bounds, potentials and conditions outside the training, and on a target that is not
            reproduced.
        interrupted: True if Ctrl-C ended the descent.
        couplings: value of each unknown coupling in all solutions, (S,) by name.
        verified: outputs of the best solutions by the solver, (k, ...) by name; empty before ``verify``.
        verified_misfits: misfit or cost of these outputs, (k,).
        progress: show the progress of the solver in ``verify`` and ``correct``.
        verified_by: solver of ``verified``; None: that of the system of the network.
    """

    potentials: NDArray[np.float64]
    misfits: NDArray[np.float64]
    costs: NDArray[np.float64]
    predictions: Arrays
    trajectory: NDArray[np.float64]
    good: NDArray[np.bool_]
    groups: NDArray[np.int64]
    spread: NDArray[np.float64]
    identified: Identifiability | None
    conditions: tuple[dict[str, float], ...]
    remarks: list[str]
    interrupted: bool
    forward: Forward
    target: Arrays
    cost: Callable[[dict[str, Any]], Any]
    shift: NDArray[np.float64]
    couplings: Arrays = field(default_factory=dict)
    again: Callable[[Arrays, NDArray[np.float64]], Solutions] | None = None
    verified: Arrays = field(default_factory=dict)
    verified_misfits: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    progress: bool = True
    verified_by: Solver | None = None

    def __repr__(self) -> str:
        """What a notebook shows: the misfits, couplings, verified misfits and remarks; not the arrays."""
        count, good = len(self.misfits), self.good
        groups = len(set(self.groups[good].tolist()))
        lines = [
            f"{type(self).__name__}: {_counted(count, 'potential')} of {' x '.join(map(str, self.best.shape))}, "
            f"misfits {self.misfits.min():.3g} ... {self.misfits.max():.3g}; {good.sum()} good, in "
            f"{_counted(groups, 'group')}"
        ]
        for name, values in self.couplings.items():
            error = f" +- {self.identified.couplings[name]:.2g}" if self.identified else ""
            lines.append(f"{name} = {values[0]:.4g}{error}")
        if len(self.verified_misfits):
            lines.append(f"verified: misfits {', '.join(f'{misfit:.3g}' for misfit in self.verified_misfits)}")
        return "\n".join([*lines, *self.remarks])

    @property
    def best(self) -> NDArray[np.float64]:
        """The potential of the lowest cost, (*points) or (K, *points)."""
        return self.potentials[0]

    @property
    def known(self) -> Identifiability:
        """What the outputs determine at the best solution.

        Raises:
            ValueError: it was not calculated.
        """
        if self.identified is None:
            raise ValueError("identify: expected True for what the outputs determine, got False")
        return self.identified

    @property
    def identifiable(self) -> NDArray[np.float64]:
        """The share of the variance of the best potential that the outputs determine, 0 ... 1, point by point."""
        return self.known.identifiable.reshape(self.best.shape)

    @property
    def uncertainty(self) -> NDArray[np.float64]:
        """The standard deviation of the best potential that the outputs do not remove, in its unit."""
        return self.known.uncertainty.reshape(self.best.shape)

    @property
    def directions(self) -> NDArray[np.float64]:
        """Directions of the potential by their singular values, the best determined first, (k, *points)."""
        return self.known.directions.reshape(-1, *self.best.shape)

    def verify(self, number: int = 1, solve: Solver | None = None) -> Arrays:
        """Solve the best potentials, and return and keep the outputs of the solver, (k, ...) by name.

        Args:
            number: number k of solutions, from the lowest cost.
            solve: solver of a surrogate that is a function; by default that of the system of the network.

        Raises:
            ValueError: there is no solver, it starts from another column, or a potential is not solved.
        """
        check_integer("verify", number, 1)
        number = min(number, len(self.potentials))
        rows = [self._solved(i, k, solve) for i in range(number) for k in range(len(self.conditions))]
        names = sorted(set.intersection(*(set(row) for row in rows)))
        shape = (number, len(self.conditions))
        stacked = {name: np.stack([row[name] for row in rows]) for name in names}
        stacked = {name: values.reshape(*shape, *values.shape[1:]) for name, values in stacked.items()}
        tensors = {n: torch.as_tensor(v, dtype=torch.float64, device=self.forward.device) for n, v in stacked.items()}
        self.verified_misfits = self.cost(tensors).cpu().numpy()
        self.verified_by = solve
        self.verified = {name: values[:, 0] if shape[1] == 1 else values for name, values in stacked.items()}
        return self.verified

    def correct(self, rounds: int = 2, solve: Solver | None = None) -> Solutions:
        """Return the design whose solved outputs are nearest to the target after several rounds, maybe this one.

        In each round the target is shifted by the difference of network and solver at the best potential, where the
        next descent starts: what the solver computes then approaches the target, although the network is wrong. The
        misfits of the result are those of the shifted target, ``verified_misfits`` those of the target.

        Args:
            rounds: number of rounds.
            solve: see ``verify``.

        Raises:
            ValueError: the design has a cost in place of a target, or there is no solver.
        """
        check_integer("rounds", rounds, 1)
        if self.again is None:
            raise ValueError("correct: expected a design of a target; a cost has none that could be shifted")
        if not self.verified or self.verified_by is not solve:  # deviations of two solvers are not comparable
            self.verify(solve=solve)
        best = current = self
        for _ in range(rounds):
            shifted = {
                name: values[0] + current.predictions[name][0] - current.verified[name][0]
                for name, values in self.target.items()
            }
            current = self.again(shifted, current.best)
            current.cost, current.target = self.cost, self.target
            current.verify(solve=solve)
            if current.verified_misfits[0] < best.verified_misfits[0]:
                best = current
        return best

    def conditions_of(self, solution: int, member: int) -> dict[str, float]:
        """Return all conditions of a member under one solution."""
        return self.conditions[member] | {name: float(values[solution]) for name, values in self.couplings.items()}

    def _solved(self, solution: int, member: int, solve: Solver | None) -> Arrays:
        """Return the solver's outputs of one potential and member."""
        forward = self.forward
        potential = self.potentials[solution]
        potential = (potential if potential.ndim == len(forward.shape) else potential[member]) + self.shift[member]
        if solve is not None:
            return _outputs_of(solve(potential[None]), forward.target)
        names = tuple(name for name in forward.outputs if name != ERROR)
        given = {forward.source: potential, **self._columns(solution, member)}
        recipe = self._recipe(solution, member, tuple(given), names)
        columns = {name: np.asarray(value)[None] for name, value in given.items()}
        found = solver.solve(recipe, columns, names, self.progress)
        return {name: np.asarray(values)[0] for name, values in found.items()}

    def _columns(self, solution: int, member: int) -> dict[str, float]:
        """Return the conditions that are columns of samples: those of a member, or the only value of the training."""
        card, given = self.forward.card, self.conditions_of(solution, member)
        if card is None:
            return {}
        columns = [column.name for column in card.schema.of_role("condition")]
        return only_values(card) | {name: given[name] for name in columns if name in given}

    def _recipe(self, solution: int, member: int, given: tuple[str, ...], names: tuple[str, ...]) -> dict[str, Any]:
        """Return the configuration of the system that solves a member from the columns ``given``."""
        card, forward = self.forward.card, self.forward
        if card is None or not card.recipes:
            raise ValueError("verify: this surrogate has no solver; give a function of potentials, verify=my_solver")
        recipe = solver.recipe_of_samples(card.recipes[0], forward.shape, self.conditions_of(solution, member))
        if solver.check_verifiable(recipe, given, names):
            raise ValueError(f"verify: the solver does not start from {forward.source}; use verify=False")
        return recipe

    def plot(self) -> Picture:
        """Return a figure: target, density of the best potential (verified where it is), potential, uncertainty."""
        from qd_pix2pix.reports.inversion_figure import Field, inversion_figure

        forward, name = self.forward, self.forward.target
        if len(self.conditions) > 1 or name not in self.predictions or self.predictions[name].ndim < 2:
            name, density = "", np.zeros(0)
        else:
            density = (self.verified or self.predictions)[name][0]
        first = self.best if self.best.ndim == len(forward.shape) else self.best[0]
        fields = [Field("potential of the lowest cost", first, forward.unit_of_source)]
        if name:
            label = "solved" if self.verified else "predicted"
            fields.insert(0, Field(f"{label}: {name}", density, forward.unit(name)))
            if name in self.target:
                fields.insert(0, Field(f"target: {name}", self.target[name][0], forward.unit(name)))
        if self.good.sum() > 1 and self.spread.ndim == len(forward.shape):
            fields += [Field(f"spread of {self.good.sum()} good solutions", self.spread, forward.unit_of_source)]
        if self.identified is not None:
            left = self.uncertainty if self.uncertainty.ndim == len(forward.shape) else self.uncertainty[0]
            fields += [Field("left undetermined", left, forward.unit_of_source)]
        return inversion_figure(fields, forward.lengths(self.conditions[0]), self.trajectory)

    def save(self, path: Path | str) -> None:
        """Write the figure (.png, .pdf, .svg), or all arrays (.npz); the folder is made if it is missing.

        Raises:
            ValueError: the file has another ending, or cannot be written.
        """
        check_path("save", path, "the name of a file")
        path = Path(path)
        if path.suffix in (".png", ".pdf", ".svg"):
            figure = self.plot()
            with writing("save", path):
                figure.savefig(path, dpi=110)
        elif path.suffix == ".npz":
            with writing("save", path), write_whole(path) as temporary, open(temporary, "wb") as file:
                np.savez_compressed(file, **self._arrays())
        else:
            raise ValueError(f"save: expected a name that ends in .png, .pdf, .svg or .npz; got {str(path)!r}")

    def _arrays(self) -> dict[str, Any]:
        names = ("potentials", "misfits", "costs", "trajectory", "good", "groups", "spread", "verified_misfits")
        arrays: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.identified is not None:
            arrays |= {name: getattr(self, name) for name in ("identifiable", "uncertainty", "directions")}
            arrays["singular_values"] = self.identified.singular_values
        arrays |= {f"coupling_{name}": values for name, values in self.couplings.items()}
        arrays |= {f"predicted_{name}": values for name, values in self.predictions.items()}
        return arrays | {f"verified_{name}": values for name, values in self.verified.items()}


def _outputs_of(found: Any, first: str) -> Arrays:
    """Return the outputs of one potential from what a user's solver returns: outputs (1, ...), or the ``first`` one."""
    outputs = {}
    for name, values in (found if isinstance(found, Mapping) else {first: found}).items():
        array = as_numbers("verify", values, f"numbers of {name} from the function")
        if array.shape[:1] != (1,):
            raise ValueError(f"verify: expected {name} of shape (1, ...) from the function, got {array.shape}")
        outputs[name] = array[0]
    return outputs


def groups_of(potentials: NDArray, identified: Identifiability | None, span: float) -> NDArray[np.int64]:
    """Return the number of the group of each potential (S, *points), in order; see ``Solutions.groups``."""
    identifiable = np.ones(potentials.shape[1:])
    if identified is not None:
        identifiable = identified.identifiable.reshape(identifiable.shape)
    weights = identifiable / max(float(identifiable.mean()), np.finfo(float).tiny)
    leaders: list[int] = []
    found = []
    for i, potential in enumerate(potentials):
        distances = [np.sqrt((weights * (potential - potentials[j]) ** 2).mean()) / span for j in leaders]
        alike = [k for k, distance in enumerate(distances) if distance < ALIKE]
        if not alike:
            leaders.append(i)
        found.append(alike[0] if alike else len(leaders) - 1)
    return np.array(found, dtype=np.int64)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
