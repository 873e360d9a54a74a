"""Trained networks in place of the solver, in three lines.

from qd_pix2pix import from_pretrained
surrogate = from_pretrained("gaas-N2")  # or a .safetensors file, or a checkpoint
density = surrogate(V)  # eV -> nm^-2
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike, NDArray

from qd_pix2pix.files import trusted
from qd_pix2pix.generators import Generator
from qd_pix2pix.inference.differentiable import has_tensors, predict_tensors
from qd_pix2pix.inference.inputs import (
    Fields,
    array_of,
    check_fields,
    compare_with_training,
    conditions_of,
    with_patterns,
)
from qd_pix2pix.inference.plateau import not_whole
from qd_pix2pix.inference.predict import check_device, predict
from qd_pix2pix.inference.sampler import Sampler
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.networks.residual_unet import set_bf16
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Schema
from solvers.checks import check_flag, check_path

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

    def __call__(self, source: Any, **options: Any) -> Any:
        """Return the target (...) or (..., *points) of samples (..., *points); see ``predict``."""
        return self.predict(source, **options)[self.target]

    def predict(
        self,
        source: Any,
        symmetrise: bool = False,
        device: str | None = None,
        batch_size: int | None = None,
        **conditions: Any,
    ) -> Any:
        """Return all outputs by name: fields (..., *points), numbers and classes (...).

        Args:
            source: fields (..., *points) in the units of the training; for several sources a dictionary by name, in
                which a checkerboard may be missing: it is then +1 at the first site. On more points than in training,
                with the same spacing, the domain is larger. Tensors give tensors on their device, with the gradient
                with respect to them.
            symmetrise: average over the symmetries of the samples.
            device, batch_size: device of the prediction, and samples per batch; by default those of ``choose_batch``.
            conditions: conditions of these samples, by name or by a preset: n_electrons=3, material="si", extent=30.0;
                for a network that was trained on a range.

        Raises:
            ValueError: wrong shape or unit, or conditions for which the network was not trained. Other inputs outside
                the training data cause a warning.
        """
        given = self._given(source)
        if has_tensors(given):
            return self._tensors(given, symmetrise, device, batch_size, conditions)
        leading, flat = self._flat(given)
        fields = check_fields(flat, self._given_schema)
        predictor, known, remarks = self._prepared(self.predictor, self.card, fields, conditions)
        for remark in remarks:
            warnings.warn(f"{remark}; predictions may be wrong", stacklevel=2)
        chosen = check_device(device) if device else self.device
        found = predict(predictor, {**fields, **known}, symmetrise, chosen, batch_size)
        for remark in not_whole(predictor, found):
            warnings.warn(f"{remark}; predictions may be wrong", stacklevel=2)
        return {name: result.reshape(leading + result.shape[1:]) for name, result in found.items()}

    def export(self, path: Path | str, symmetrise: bool = False) -> dict[str, float]:
        """Write the network to an .onnx or .pt2 file; return the largest relative difference of each output.

        Raises:
            ValueError: the file cannot be written, or would predict other numbers; see ``inference.export``.
        """
        from qd_pix2pix.inference.export import export

        return export(self.predictor, self.card, path, symmetrise)

    @property
    def _given_schema(self) -> Schema:
        """The schema by which sources are checked."""
        return self.predictor.schema

    def _given(self, source: ArrayLike | Mapping[str, ArrayLike]) -> Mapping[str, Any]:
        """Return the sources by name."""
        given = source if isinstance(source, Mapping) else {self.sources[0]: source}
        given = with_patterns(given, self.predictor.schema, self.sources)
        if set(given) != set(self.sources):
            raise ValueError(f"input: expected {', '.join(self.sources)}; got {', '.join(given)}")
        return given

    def _flat(self, given: Mapping[str, Any]) -> tuple[tuple[int, ...], dict[str, NDArray]]:
        """Return the leading shape of the sources, and sources (S, *points) by name."""
        arrays = {name: array_of(f"input: {name}", v) for name, v in given.items()}
        dims = len(self.shape)
        leading = next(iter(arrays.values())).shape[:-dims]
        points = ", ".join(f"n_{axis}" for axis in self.predictor.schema.domain.axes)
        if any(array.ndim < dims or 0 in array.shape[-dims:] for array in arrays.values()):
            shapes = ", ".join(str(array.shape) for array in arrays.values())
            raise ValueError(f"input: expected shape (..., {points}), got {shapes}")
        flat = {name: array.reshape(-1, *array.shape[array.ndim - dims :]) for name, array in arrays.items()}
        return leading, flat

    def _tensors(
        self, given: Mapping[str, Any], symmetrise: bool, device: str | None, batch_size: int | None, conditions: Any
    ) -> dict[str, Any]:
        """Return all outputs by name as tensors; see ``differentiable``."""
        if device:
            raise ValueError("device: tensors stay on their device; use V.to(device), or an array")
        found, remarks = predict_tensors(
            self.predictor, self.card, given, conditions, symmetrise, batch_size, self._prepared, self._given_schema
        )
        for remark in remarks:
            warnings.warn(f"{remark}; predictions may be wrong", stacklevel=3)
        return found

    @staticmethod
    def _prepared(
        predictor: Predictor, card: Card, fields: Fields, conditions: Mapping[str, Any]
    ) -> tuple[Predictor, dict[str, float], list[str]]:
        """Return the predictor for samples, their conditions, and remarks on inputs outside the training data."""
        known = conditions_of(predictor, next(iter(fields.values())).shape[1:], conditions)
        return predictor, known, compare_with_training(fields, card, known)

    def __repr__(self) -> str:
        schema = self.predictor.schema
        return f"{type(self).__name__}({self.predictor.title}; {schema.system}, {schema.summary}, {self.shape} points)"


def shipped() -> list[str]:
    """Return the names of the networks that are shipped with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def find_weights(path: Path | str) -> Path:
    """Return the file of weights with this path, or of a shipped network with this name.

    Raises:
        FileNotFoundError: there is neither.
    """
    named = SHIPPED / f"{path}.safetensors"
    if not Path(path).is_file() and not Path(path).suffix and not named.is_file():
        raise FileNotFoundError(f"checkpoint: expected a file, or one of {', '.join(shipped())}; got {str(path)!r}")
    return named if named.is_file() and not Path(path).is_file() else Path(path)


def from_pretrained(
    path: Path | str, device: str | None = None, trust: str | Sequence[str] = (), bf16: bool = False
) -> Any:
    """Return a trained network, by the name of a shipped one or from a file: a ``Surrogate``, of a network in
    reduced units a ``DotSurrogate``, of a generator a ``Sampler``.

    Args:
        path: a name of ``shipped()``; a .safetensors file that ``evaluate.py save=`` wrote; or a checkpoint of a run.
        device: device of the prediction, such as "cpu" or "cuda:1"; by default the GPU if there is one.
        trust: modules outside this project whose networks may be imported, which runs their code.
        bf16: multiply in bfloat16 where the processor has units for it and no gradients are needed, in the residual
            U-Nets of dots. Faster; predictions change by about a thousandth, as do those of two potentials that differ
            less.

    Raises:
        FileNotFoundError: there is no such name or file.
        ValueError: the network is of a module that is not trusted, or the file is of another kind, or damaged; or
            ``bf16`` with another network.
    """
    check_path("path", path, "the name of a shipped network, or a file")
    check_flag("bf16", bf16)
    with trusted(trust):
        predictor, card = load_predictor(find_weights(path))
    if not set_bf16(predictor, bf16) and bf16:
        raise ValueError("bf16: expected False, because this network has products of float32 only, got True")
    if isinstance(predictor, Generator):
        return Sampler(predictor, card, device)
    if predictor.schema.reduction:
        from qd_pix2pix.inference.dots import DotSurrogate

        return DotSurrogate(predictor, card, device)
    return Surrogate(predictor, card, device)
