"""Collages: pictures of objects at random places, whose numbers by class are the labels (Mills and Tamblyn 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems.recipe import Columns, Recipe
from solvers.checks import check_flag, check_integer, check_number
from solvers.collages import Collage, Objects, collage

PICTURE = Column("picture", "field", "f4", None, "a", "brightness", 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Collages(Recipe):
    """Pictures with 0 ... ``most`` objects of each class, all numbers equally likely.

    The field ``centres`` is 1 + the number of the class in the pixel of an object's centre and 0 elsewhere; it serves
    the evaluation of positions.

    Attributes:
        side: pixels per side.
        objects: distribution of the objects, such as ``solvers.collages.Shapes``; its classes name the columns.
        most: largest number of objects of a class.
        overlap: allow objects to overlap.
        noise: standard deviation of the noise of the brightness.
    """

    side: int
    objects: Objects
    most: int
    overlap: bool
    noise: float

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("data.side", self.side, 1)
        if not callable(getattr(self.objects, "sample", None)):
            raise ValueError(f"data.objects: expected a distribution of objects, got {self.objects!r}")
        check_integer("data.most", self.most, 1)
        check_flag("data.overlap", self.overlap)
        check_number("data.noise", self.noise, 0.0)

    @property
    def name(self) -> str:
        """The objects and the side of the pictures."""
        return f"Collages-{type(self.objects).__name__}-{self.side}"

    @cached_property
    def schema(self) -> Schema:
        """Picture, centres, and the number of objects of each class."""
        names = self.objects.names
        centres = Column("centres", "field", "i1", None, "c", "class at each centre", 0.0, float(len(names)))
        counts = (
            Column(
                name,
                "counts",
                "i8",
                description=f"number of objects {name}",
                low=0.0,
                high=float(self.most),
                extensive=True,
                marked_in=centres.name,
                mark=i + 1,
            )
            for i, name in enumerate(names)
        )
        overlap = "may overlap" if self.overlap else "do not overlap"
        return Schema(
            system="collages",
            sample="collage",
            columns=(PICTURE, centres, *counts),
            domain=Domain(("x", "y"), (self.side, self.side), boundary="walls", symmetry=self.objects.symmetry),
            family=type(self.objects).__name__,
            summary=f"{self.side} × {self.side} pixels, up to {self.most} objects each of {', '.join(names)}; they "
            f"{overlap}; noise {self.noise:g}",
        )

    def rehearse(self) -> None:
        """Draw the fullest collage, in which objects find their places last."""
        self._collage("train", 0, np.full(len(self.objects.names), self.most))

    def columns(self, split: str, samples: range) -> Columns:
        """See ``Recipe.columns``."""
        drawn = [self._collage(split, i) for i in samples]
        counts = np.stack([found.counts for found in drawn])
        fields = {"picture": np.stack([found.picture for found in drawn]), "centres": np.stack([*map(_marks, drawn)])}
        return fields | {name: counts[:, i] for i, name in enumerate(self.objects.names)}

    def _collage(self, split: str, sample: int, counts: np.ndarray | None = None) -> Collage:
        rng = self.random(split, sample)
        drawn = rng.integers(self.most + 1, size=len(self.objects.names)) if counts is None else counts
        try:
            return collage(rng, self.side, self.objects, drawn, self.overlap, self.noise, split)
        except ValueError as error:
            option = str(error).replace("counts:", "most:", 1)  # the option that determines them
            raise ValueError(f"data.{option}") from None


def _marks(found: Collage) -> np.ndarray:
    """Return the field of centres, (n, n)."""
    marks = np.zeros(found.picture.shape, dtype=np.int8)
    marks[tuple(found.centres.astype(int).T)] = found.classes + 1
    return marks
