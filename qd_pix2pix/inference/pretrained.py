"""Trained networks in place of the solver, in three lines.

from qd_pix2pix import from_pretrained
surrogate = from_pretrained("gaas-N2")  # or a .safetensors file, or a checkpoint
density = surrogate(V)  # eV -> nm^-2
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qd_pix2pix.generators import ConfidentGenerator, Generator
from qd_pix2pix.inference.differentiable import has_tensors, predict_tensors
from qd_pix2pix.inference.inputs import Fields, check_fields, compare_with_training, conditions_of, with_patterns
from qd_pix2pix.inference.predict import check_device, predict
from qd_pix2pix.inference.sample import MOST_POINTS, draw, read_off, smaller_sizes, unseen_labels
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.networks.foreign import trusted
from qd_pix2pix.networks.residual_unet import set_bf16
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Column, Schema
from solvers.checks import check_flag, check_integer, check_number, check_path, check_plain

FARTHEST = 10.0
"""Largest distance of a label from those of the training, in units of their range; others are errors."""
SHIPPED = Path(__file__).parent / "weights"
"""Folder of the networks that are shipped with the package."""


class Sampler:
    """A trained generator, with NumPy arrays in physical units as output.

    Args:
        predictor, card: the generator and its description.
        device: device of the network; by default the GPU if there is one.

    Attributes:
        generator: the ``nn.Module``; see ``generators``.
        card: data, configuration and measures of the training.
        target: name of the drawn column.
        labels: names of the numbers at which samples are requested.
        shape: points of the training samples.
        measures: measures of the test split of each training dataset; empty for a checkpoint.
    """

    def __init__(self, predictor: Generator, card: Card, device: str | None = None) -> None:
        self.generator, self.card = predictor, card
        self.target, self.labels = predictor.target.name, predictor.mapping.labels
        self.shape = predictor.schema.domain.shape
        self.measures: list[dict[str, Any]] = card.tests
        self.device = check_device(device)

    def sample(
        self, n: int = 1, size: int | Sequence[int] | None = None, seed: int = 0, **labels: ArrayLike | str
    ) -> NDArray:
        """Return samples (n, *points) that have the requested labels.

        Args:
            n: number of samples.
            size: points per side, a number or one for each axis; by default those of training. Larger samples are
                drawn as well; smaller ones have other labels, which a warning states.
            seed: seed of all random numbers.
            labels: numbers or arrays (n,) by name, extensive ones per point: energy=-1.2 is -1.2 J per site. Conditions
                are given alike, for a generator that was trained on a range.

        Raises:
            ValueError: a label is missing, unknown or impossible, or no sample of this size can be drawn. Labels that
                no training sample has, and sizes below those of training, cause a warning.
        """
        check_integer("n", n, 1)
        check_integer("seed", seed, 0, high=2**63 - 1)
        shape = self._shape(size)
        self.generator.check_shape(shape)
        columns = self._columns(labels, n, shape)
        asked = {name: columns[name] for name in self.labels}
        for remark in smaller_sizes(self.card, shape) + unseen_labels(self.card, asked, math.prod(shape)):
            warnings.warn(f"{remark}; samples may have other labels", stacklevel=2)
        return draw(self.generator, columns, n, shape, seed, self.device)

    def confidence(self, fields: ArrayLike) -> dict[str, NDArray]:
        """Return numbers (S,) that the discriminator predicts of fields (S, *points), and its ``confidence``, 0 ... 1.

        Numbers are those of whole samples, also extensive ones.

        Raises:
            ValueError: the generator was trained without such a discriminator, or the fields are not valid.
        """
        if not isinstance(self.generator, ConfidentGenerator):
            raise ValueError("confidence: expected a generator of model=gan; this one has no discriminator")
        checked = check_fields({self.target: _array(self.target, fields)}, self.generator.schema)
        if checked[self.target].shape[1:] != self.shape:
            points, got = (" x ".join(map(str, shape)) for shape in (self.shape, np.shape(fields)[1:]))
            raise ValueError(f"confidence: expected fields of {points} points, those of training; got {got}")
        return read_off(self.generator, checked[self.target], self.device)

    def _shape(self, size: int | Sequence[int] | None) -> tuple[int, ...]:
        given: tuple[Any, ...] = self.shape if size is None else (size,) * len(self.shape)
        if isinstance(size, (tuple, list)) or np.ndim(size) == 1:  # type: ignore[arg-type]
            given = tuple(size)  # type: ignore[arg-type]
        if len(given) != len(self.shape):
            raise ValueError(f"size: expected a whole number, or one for each of {len(self.shape)} axes; got {size!r}")
        for n in given:
            check_integer("size", n, 1)
        if math.prod(map(int, given)) > MOST_POINTS:
            raise ValueError(
                f"size: expected at most {MOST_POINTS} points in a sample, got {' x '.join(map(str, given))}; draw "
                "several smaller ones, n=..."
            )
        if self.generator.schema.domain.boundary == "walls" and given != self.shape:
            raise ValueError(
                f"size: these samples end at walls and have {' x '.join(map(str, self.shape))} points; got {size!r}"
            )
        return tuple(map(int, given))

    def _columns(self, labels: Mapping[str, Any], n: int, shape: tuple[int, ...]) -> dict[str, NDArray]:
        """Return labels of whole samples and conditions, (n,) each."""
        schema = self.generator.schema
        known = {name: value for name, value in labels.items() if name not in self.labels}
        if missing := [name for name in self.labels if name not in labels]:
            raise ValueError(
                f"{missing[0]}: expected a number, or one for each sample; it is a label of this generator"
            )
        found: dict[str, NDArray] = {}
        for name in self.labels:
            check_plain(name, labels[name])
            values, column = _numbers(labels[name]), schema[name]
            if values.shape not in ((), (n,)) or not np.isfinite(values).all():
                raise ValueError(f"{name}: expected a finite number, or n = {n} of them; got {labels[name]!r}")
            _check_bounds(column, values, math.prod(self.shape))
            _check_distance(
                name, values * (math.prod(self.shape) if column.extensive else 1), self.card.seen.get(name, [])
            )
            found[name] = np.broadcast_to(values * (math.prod(shape) if column.extensive else 1), (n,))
        conditions = conditions_of(self.generator, shape, known)
        return found | {name: np.full(n, value) for name, value in conditions.items()}

    def __repr__(self) -> str:
        schema = self.generator.schema
        return f"Sampler({self.generator.title}; {schema.system}, {schema.summary}, {self.shape} points)"


def _array(name: str, values: ArrayLike) -> NDArray:
    """Return values as an array; masked arrays, which ``check_fields`` refuses by name, as they are."""
    if isinstance(values, np.ma.MaskedArray):
        return values
    check_plain(name, values)
    return np.asarray(values)


def _numbers(values: Any) -> NDArray:
    """Return values as an array of numbers; NaN if they are none, as True and text."""
    try:
        found = np.asarray(values)
    except (TypeError, ValueError):
        return np.asarray(np.nan)
    return found.astype(np.float64) if found.dtype.kind in "iuf" else np.asarray(np.nan)


def _check_bounds(column: Column, values: NDArray, points: int) -> None:
    """Raise ValueError if a label, per point where it is extensive, is outside the bounds of samples of ``points``."""
    share = points if column.extensive else 1
    low, high = (
        bound / share if bound is not None else limit for bound, limit in ((column.low, -np.inf), (column.high, np.inf))
    )
    for value in (values.min(), values.max()):
        check_number(column.name, float(value), low, high, "No sample has such a label.")


def _check_distance(name: str, values: NDArray, seen: Sequence[float]) -> None:
    """Raise ValueError if a label is farther from those of the training than ``FARTHEST`` of their ranges."""
    if not len(seen) or not np.ptp(seen):
        return
    away = np.maximum(values - max(seen), min(seen) - values) / np.ptp(seen)
    if away.max() > FARTHEST:
        raise ValueError(
            f"{name}: expected a value near those of the training, got one {float(away.max()):.3g} times their range "
            "away. Is it in another unit?"
        )


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
        arrays = {name: _array(f"input: {name}", v) for name, v in given.items()}
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
            U-Nets of dots. Faster; densities change by about a thousandth, and so do differences of close potentials.

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
