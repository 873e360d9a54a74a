"""Trained networks in place of the solver, in three lines.

from qd_pix2pix import from_pretrained
surrogate = from_pretrained("gaas-N2")  # or a .safetensors file, or a checkpoint
density = surrogate(V)  # eV -> nm^-2
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qd_pix2pix.inference.inputs import check_fields, compare_with_training, conditions_of
from qd_pix2pix.inference.predict import BATCH, Outputs, check_device, predict
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.predictor import Card, Predictor

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the networks that are shipped with the package."""


class Surrogate:
    """A trained network in place of the solver, with NumPy arrays in physical units as input and output.

    Args:
        predictor, card: the predictor and its description.
        device: device of the prediction; by default the GPU if there is one.

    Attributes:
        predictor: an ``nn.Module`` from tensors to tensors; see ``Predictor.forward``.
        card: data, configuration and measures of the training.
        sources, target, outputs: names of the given columns, of the first predicted column, and of all outputs.
        shape: points of the training samples.
        measures: measures of the test split of each training dataset; empty for a checkpoint.
    """

    def __init__(self, predictor: Predictor, card: Card, device: str | None = None) -> None:
        self.predictor, self.card = predictor, card
        self.sources, self.outputs = predictor.mapping.sources, predictor.mapping.outputs
        self.target = predictor.target.name
        self.shape = predictor.schema.domain.shape
        self.measures: list[dict[str, Any]] = card.tests
        self.device = check_device(device)

    def __call__(self, source: ArrayLike | Mapping[str, ArrayLike], **options: Any) -> NDArray:
        """Return the target (...) or (..., *points) of samples (..., *points); see ``predict``."""
        return self.predict(source, **options)[self.target]

    def predict(
        self,
        source: ArrayLike | Mapping[str, ArrayLike],
        symmetrise: bool = False,
        device: str | None = None,
        batch_size: int = BATCH,
        **conditions: Any,
    ) -> Outputs:
        """Return all outputs by name: fields (..., *points), numbers and classes (...).

        Args:
            source: fields (..., *points) in the units of the training; for several sources a dictionary by name. On
                more points than in training, with the same spacing, the domain is larger.
            symmetrise: average over the symmetries of the samples.
            device, batch_size: device of the prediction, and samples per batch.
            conditions: conditions of these samples, by name or by a preset: n_electrons=3, material="si", extent=30.0;
                for a network that was trained on a range.

        Raises:
            ValueError: wrong shape or unit, or conditions for which the network was not trained. Other inputs outside
                the training data cause a warning.
        """
        given = source if isinstance(source, Mapping) else {self.sources[0]: source}
        if set(given) != set(self.sources):
            raise ValueError(f"input: expected {', '.join(self.sources)}; got {', '.join(given)}")
        arrays = {name: v if isinstance(v, np.ma.MaskedArray) else np.asarray(v) for name, v in given.items()}
        dims = len(self.shape)
        leading = next(iter(arrays.values())).shape[:-dims]
        points = ", ".join(f"n_{axis}" for axis in self.predictor.schema.domain.axes)
        if any(array.ndim < dims for array in arrays.values()):
            shapes = ", ".join(str(array.shape) for array in arrays.values())
            raise ValueError(f"input: expected shape (..., {points}), got {shapes}")
        flat = {name: array.reshape(-1, *array.shape[array.ndim - dims :]) for name, array in arrays.items()}
        fields = check_fields(flat, self.predictor.schema)
        shape = next(iter(fields.values())).shape[1:]
        known = conditions_of(self.predictor, shape, conditions)
        for remark in compare_with_training(fields, self.card, known):
            warnings.warn(f"{remark}; predictions may be wrong", stacklevel=2)
        chosen = check_device(device) if device else self.device
        found = predict(self.predictor, {**fields, **known}, symmetrise, chosen, batch_size)
        return {name: result.reshape(leading + result.shape[1:]) for name, result in found.items()}

    def __repr__(self) -> str:
        schema = self.predictor.schema
        return f"Surrogate({self.predictor.mapping}; {schema.system}, {schema.summary}, {self.shape} points)"


def shipped() -> list[str]:
    """Return the names of the networks that are shipped with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def from_pretrained(path: Path | str, device: str | None = None) -> Surrogate:
    """Return a trained network, by the name of a shipped one or from a file.

    Args:
        path: a name of ``shipped()``; a .safetensors file that ``evaluate.py save=`` wrote; or a checkpoint of a run.
        device: device of the prediction, such as "cpu" or "cuda:1"; by default the GPU if there is one.

    Raises:
        FileNotFoundError: there is no such name or file.
        ValueError: the file is of another kind, or damaged.
    """
    named = SHIPPED / f"{path}.safetensors"
    if not Path(path).is_file() and not Path(path).suffix and not named.is_file():
        raise FileNotFoundError(f"checkpoint: expected a file, or one of {', '.join(shipped())}; got {str(path)!r}")
    return Surrogate(*load_predictor(named if named.is_file() and not Path(path).is_file() else path), device)
