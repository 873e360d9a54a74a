"""The interface of all systems: a recipe determines a dataset bit for bit and provides the schema of its samples."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import Column, Schema
from solvers.checks import check_integer

SPLITS = ("train", "val", "test")

Columns = dict[str, NDArray[Any]]
"""The values of columns by name; the first axis is that of the samples."""


@dataclass(frozen=True)
class Curve:
    """What predictions of a whole split imply, beside the exact result.

    Attributes:
        x: abscissas.
        predicted: values from the predictions at each x; None where there is none.
        exact: exact values at each x.
        xlabel, ylabel: labels of the axes.
        caption: what is compared, as a sentence.
    """

    x: list[float]
    predicted: list[float | None]
    exact: list[float]
    xlabel: str
    ylabel: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """The complete definition of a dataset: distribution of the samples, solver and number of samples.

    A system is a subclass with a ``schema`` and with ``columns`` that depend on its arguments only. The constructor
    does no work; ``rehearse`` detects invalid settings that only a calculation reveals.

    Attributes:
        seed: seed of all random streams.
        train, val, test: number of samples of each split.
        shard_size: samples per file. A shard is the unit of work, and at most one shard per process is recomputed
            after an interruption. Where samples come from a Markov chain, a shard is one chain.
    """

    seed: int
    train: int
    val: int
    test: int
    shard_size: int

    RANGES: ClassVar[dict[str, tuple[tuple[type, ...], str]]] = {}
    """The options that a range may list, each with its allowed types and an example of a list."""
    SIZES: ClassVar[tuple[str, ...]] = ()
    """The options among them that change the number of points."""
    SOLVABLE: ClassVar[tuple[str, ...]] = ()
    """The columns from which ``solve`` computes all others; empty where given samples cannot be solved."""

    def __post_init__(self) -> None:
        for name, low in (("seed", 0), ("train", 1), ("val", 1), ("test", 1), ("shard_size", 1)):
            check_integer(f"data.{name}", getattr(self, name), low)

    @property
    def name(self) -> str:
        """The prefix of the dataset's name."""
        return type(self).__name__

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """The schema of the samples."""

    @abstractmethod
    def columns(self, split: str, samples: range) -> Columns:
        """Return all columns of the schema except the key ``sample``, for these samples of a split.

        Raises:
            ValueError: a sample cannot be generated.
        """

    @classmethod
    def complete(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration with all that determines the dataset; of systems without files it is the same."""
        return dict(config)

    @property
    def integral_tolerance(self) -> float:
        """The largest relative error of integrals of densities."""
        return 1e-5

    def random(self, split: str, number: int) -> np.random.Generator:
        """Return the random stream (seed, split, number) of a sample, or of a shard that is one chain."""
        return np.random.default_rng([self.seed, SPLITS.index(split), number])

    def rehearse(self) -> None:
        """Detect every invalid setting before any long calculation; by default, generate one sample.

        Raises:
            ValueError: a setting is invalid; the message names it.
        """
        self.columns("train", range(1))

    def laws(self, columns: Columns) -> None:
        """Check the physics of stored columns: finite fields, physical bounds, classes, and integrals of densities.

        Raises:
            ValueError: a column violates a law; the message names both.
        """
        for column in self.schema.columns:
            self._check_bounds(column, columns)
        for column in self.schema.columns:
            if column.integral:
                self._check_integral(column, columns)

    def _check_bounds(self, column: Column, columns: Columns) -> None:
        values = np.asarray(columns[column.name], dtype=np.float64)
        known = values[np.isfinite(values)]
        if column.role == "field" and known.size < values.size:  # an unknown number is NaN; a field has no such values
            raise ValueError(f"{column.name} is not finite in {values.size - known.size} of {values.size} values")
        low, high = (column.low, column.high) if column.role != "class" else (0, column.classes - 1)
        low, high = (-math.inf if low is None else low, math.inf if high is None else high)
        slack = 1e-6 * np.abs(known).max(initial=0.0) + 1e-12  # rounding error of values that are zero
        if known.size and not low - slack <= known.min() <= known.max() <= high + slack:
            raise ValueError(f"{column.name} leaves its bounds: {known.min():.6g} ... {known.max():.6g}")

    def _check_integral(self, column: Column, columns: Columns) -> None:
        constants = self.schema.constants
        wanted = np.asarray(columns.get(str(column.integral), constants.get(str(column.integral))), dtype=np.float64)
        values = np.asarray(columns[column.name], dtype=np.float64)
        held = values.reshape(len(values), -1).mean(1) * math.prod(self.schema.domain.lengths(constants))
        if not np.allclose(held, wanted, rtol=self.integral_tolerance):
            worst = held[np.argmax(np.abs(held - wanted))]
            raise ValueError(f"{column.name} holds {worst:.6g} instead of {column.integral} = {wanted.max():g}")

    def solve(self, given: Columns, names: Sequence[str] = ()) -> Columns:
        """Return all other columns of samples whose ``SOLVABLE`` columns are given.

        Args:
            given: values by name; the first axis is that of the samples.
            names: names of the samples, for error messages.

        Raises:
            ValueError: the system cannot solve given samples, or a sample is not solved to full accuracy.
        """
        raise ValueError(f"verify: {self.schema.system} have no solver for given samples; use verify=false")

    def curves(self, reference: Columns, predicted: Columns) -> list[Curve]:
        """Return what the predictions of a split imply: curves for its page. Most systems have none.

        Args:
            reference, predicted: references and predictions of the outputs by name, (S, ...).
        """
        return []

    @classmethod
    def vary(cls, config: Mapping[str, Any], option: str, value: Any) -> dict[str, Any]:
        """Return the configuration of a recipe with another value of one of the options of ``RANGES``."""
        return {**deepcopy(dict(config)), option: value}

    @classmethod
    def of_samples(
        cls, config: Mapping[str, Any], shape: Sequence[int], conditions: Mapping[str, float]
    ) -> dict[str, Any]:
        """Return the configuration of a recipe for samples on ``shape`` points under these conditions."""
        return {**deepcopy(dict(config)), **{name: conditions[name] for name in conditions if name in config}}
