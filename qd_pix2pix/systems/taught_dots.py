"""Quantum dots in reduced units whose labels of training come from a trained network, much faster than from a solver.

Validation and test are solved, so that errors are those of the physics, and not the distance from the teacher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.schema import Schema
from qd_pix2pix.systems.build import build
from qd_pix2pix.systems.quantum_dots import V
from qd_pix2pix.systems.recipe import Columns, Recipe
from qd_pix2pix.systems.scaled_dots import COUPLING, N_ELECTRONS, ScaledDots

LABELS = {"n_int": "n_int", "energy": "energy", "gap": "gap", "spin": "spin", "density_error": "error"}
"""The columns that the teacher predicts, and their names among its predictions."""


class Labels(Protocol):
    """A trained network, such as ``qd_pix2pix.inference.teacher.Teacher``."""

    sha256: str | None

    @property
    def points(self) -> int | None:
        """The points along each side of dots that it takes in reduced units; None for another network."""

    def __call__(self, columns: Mapping[str, NDArray]) -> Mapping[str, NDArray]:
        """Return the predicted columns of samples with V (S, n, n), n_electrons (S,) and coupling (S,)."""


@dataclass(frozen=True, kw_only=True)
class TaughtDots(ScaledDots):
    """The recipe of a dataset of dots in reduced units with labels of a network.

    Attributes:
        teacher: the network that labels the dots of ``train``; ``solver`` solves those of ``val`` and ``test``.
    """

    teacher: Labels

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.teacher):
            raise ValueError(f"data.teacher: expected a trained network, such as universal; got {self.teacher!r}")

    @cached_property
    def schema(self) -> Schema:
        """The schema of the dots, with the columns that the teacher predicts."""
        whole = super().schema
        names = (V.name, *LABELS, N_ELECTRONS.name, COUPLING.name)
        return replace(
            whole,
            columns=tuple(column for column in whole.columns if column.name in names),
            summary=f"{whole.summary}; of training: by a trained network",
        )

    @classmethod
    def complete(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration with the checksum of the teacher's weights."""
        if not isinstance(config.get("teacher"), Mapping):
            return dict(config)
        teacher = build(config["teacher"], "data.teacher")
        return {**config, "teacher": {**config["teacher"], "sha256": teacher.sha256}}

    def rehearse(self) -> None:
        """Detect invalid settings of the family, of the solver and of the teacher, which labels one dot."""
        points = self.teacher.points
        if points is None:
            raise ValueError("data.teacher: expected a network of dots in reduced units, such as universal")
        if points != self.n:
            raise ValueError(f"data.n: expected {points}, the points of the dots of data.teacher; got {self.n}")
        super().rehearse()
        self.columns("train", range(1))

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``."""
        if split != "train":
            solved = super().columns(split, samples)
            return {column.name: solved[column.name] for column in self.schema.columns}
        drawn = zip(*(self._drawn(self.random(split, i)) for i in samples), strict=True)
        given: Columns = dict(zip((V.name, N_ELECTRONS.name, COUPLING.name), map(np.stack, drawn), strict=True))
        found = self.teacher(given | {name: np.full(len(samples), v) for name, v in self.schema.constants.items()})
        if missing := [name for name in LABELS.values() if name not in found]:
            raise ValueError(f"data.teacher: expected a network that predicts {', '.join(missing)}, such as universal")
        lowest = {column.name: -np.inf if column.low is None else column.low for column in self.schema.columns}
        return given | {name: np.maximum(found[its], lowest[name]) for name, its in LABELS.items()}

    def laws(self, columns: Columns) -> None:
        """Check the laws of the schema."""
        Recipe.laws(self, columns)
