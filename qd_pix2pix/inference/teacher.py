"""A trained network in the place of a solver, from which a smaller one learns (Hinton, Vinyals, Dean 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from numpy.typing import NDArray

from qd_pix2pix.files import sha256
from qd_pix2pix.generators import Generator
from qd_pix2pix.inference.predict import Outputs, predict
from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.predictor import Predictor


@dataclass(frozen=True)
class Teacher:
    """A trained network that labels samples.

    Attributes:
        weights: a name of ``shipped()``, a file of weights or a checkpoint.
        sha256: checksum of the file, so that other weights make another dataset; None: that of the present file.

    Raises:
        FileNotFoundError: there is no such name or file.
        ValueError: the file has another checksum, or is no file of weights.
    """

    weights: str
    sha256: str | None = None

    def __post_init__(self) -> None:
        found = sha256(find_weights(self.weights))
        if self.sha256 not in (None, found):
            raise ValueError(
                f"data.teacher.sha256: {self.weights} has changed: expected {self.sha256}, got {found}; null takes it "
                "as it is, and makes another dataset"
            )
        object.__setattr__(self, "sha256", found)

    @property
    def predictor(self) -> Predictor:
        """The network, which is read once."""
        return _loaded(self.weights, str(self.sha256))

    @property
    def points(self) -> int | None:
        """The points along each side of dots that it takes in reduced units; None for another network."""
        predictor = self.predictor
        reduced = not isinstance(predictor, Generator) and predictor.schema.reduction
        return predictor.points[0] if reduced else None

    def __call__(self, columns: Mapping[str, NDArray]) -> Outputs:
        """Return all that the network predicts for S samples, in the units of its training; see ``predict``."""
        return predict(self.predictor, columns, batch_size=1, progress=False)


@lru_cache(maxsize=2)
def _loaded(weights: str, checksum: str) -> Predictor:
    return load_predictor(find_weights(weights))[0]
