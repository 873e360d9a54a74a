"""Trained networks as files of other programs: ONNX, or an exported program of torch.

    surrogate.export("my_network.onnx")      ONNX Runtime, C++, MATLAB, ...
    surrogate.export("my_network.pt2")       torch.export.load

Inputs are the sources (batch, *points), then the conditions (batch,) that vary in training; outputs are all predicted
columns. Both have names and physical units, and any number of samples. Their order is that of the metadata; the shipped
networks of every dot take V, n_electrons, eps_r, m_eff, extent. A file is kept only if it reproduces the
predictor: for every output, on trial samples,

    max |file - predictor| / max |predictor| <= 1e-4.
"""

from __future__ import annotations

import copy
import importlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from qd_pix2pix.files import write_whole
from qd_pix2pix.inference.predict import averaged
from qd_pix2pix.inference.reduced import per_sample
from qd_pix2pix.mapping.occupation import ROTATIONS
from qd_pix2pix.networks.residual_unet import set_bf16
from qd_pix2pix.predictor import ERROR, ERROR_OF, Card, Predictor
from qd_pix2pix.schema import Column
from solvers.checks import check_flag

METADATA = "qd_pix2pix"
"""Key of the metadata, as JSON: of an ONNX model, and among the ``extra_files`` of an exported program."""
LARGEST_DIFFERENCE = 1e-4
"""Largest relative difference from the predictor with which a file is kept."""
LARGEST_BY_ROUNDING = 1e-3
"""The same where the rounding of the inputs changes the predictor's output by as much."""
TRIALS = 4
"""Samples on which a file is compared; tracing takes half of them, so that a fixed batch would be noticed."""
LONG = 1000
"""Most operations of a program that is simplified for ONNX: of longer ones this takes minutes, and ONNX Runtime does it
too, when it reads the file."""
BATCH_AXIS = "batch"
"""Name of the axis of samples."""

Arrays = dict[str, NDArray]
Runner = Callable[[bytes, Mapping[str, Tensor]], Arrays]
"""A function from (content of a file, inputs by name) to outputs by name."""


class Exported(nn.Module):
    """A predictor as a function of tensors in a fixed order to a tuple of tensors.

    Args:
        predictor: the predictor, in physical units.
        symmetrise: average over the symmetries of the samples.

    Attributes:
        inputs, outputs: names in this order.
    """

    def __init__(self, predictor: Predictor, symmetrise: bool = False) -> None:
        super().__init__()
        self.predictor = predictor
        self.inputs = (*predictor.mapping.sources, *predictor.conditions.varying)
        self.outputs = (*predictor.mapping.outputs, *predictor.estimates)
        check_flag("symmetrise", symmetrise)
        self.symmetrise = symmetrise

    def forward(self, *columns: Tensor) -> tuple[Tensor, ...]:
        """Return outputs (B, *points) or (B,), float32 or int64, from inputs (B, *points) and (B,) of float32."""
        found = averaged(self.predictor, dict(zip(self.inputs, columns, strict=True)), self.symmetrise)
        return tuple(found[name].float() if found[name].is_floating_point() else found[name] for name in self.outputs)


def export(predictor: Predictor, card: Card, path: Path | str, symmetrise: bool = False) -> dict[str, float]:
    """Write a predictor to an .onnx or .pt2 file; return the largest relative difference of each output from it.

    Args:
        predictor, card: the predictor and its description. One in reduced units is written in physical ones.
        path: the file; fields have the points of the training.
        symmetrise: average over the symmetries of the samples.

    Raises:
        ValueError: the file is of another kind, torch cannot write this network, or the file predicts other numbers.
        ModuleNotFoundError: a library for ONNX is missing.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(f"export: expected a file {' or '.join(FORMATS)}, got {str(path)!r}")
    write, run, libraries = FORMATS[path.suffix]
    _require(path, libraries)
    predictor = copy.deepcopy(predictor).cpu().eval().requires_grad_(False)
    set_bf16(predictor, False)  # files are of float32
    if predictor.schema.reduction:
        predictor = per_sample(predictor, card)
    module = Exported(predictor, symmetrise).eval()
    trials = trial_samples(predictor, TRIALS)
    with torch.no_grad():
        expected = _named(module.outputs, module(*trials.values()))
    try:
        with _quiet():
            content = write(module, trials, json.dumps(description(module, card, symmetrise), sort_keys=True))
            found = run(content, trials)
    except Exception as error:  # the exporters of torch raise any error
        reason = (str(error.__cause__ or error).splitlines() or [type(error).__name__])[0]
        hint = f"use export={path.with_suffix('.pt2').name}" if path.suffix == ".onnx" else "use the network in Python"
        raise ValueError(f"export: torch cannot write this network as {path.suffix}; {hint} ({reason})") from error
    differences = {name: _difference(found[name], values) for name, values in expected.items()}
    _check(differences, _sensitivity(module, trials, expected))
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as temporary:
        temporary.write_bytes(content)
    return differences


def description(module: Exported, card: Card, symmetrise: bool) -> dict[str, Any]:
    """Return inputs, outputs, units, points, fixed conditions and origin of a file, as plain containers."""
    predictor = module.predictor
    spans = {name: list(span) for name, span in predictor.ranges.items()}
    spans |= {n: [predictor.conditions.low[n], predictor.conditions.high[n]] for n in predictor.conditions.varying}
    inputs = [_about(predictor, predictor.schema[name]) for name in module.inputs]
    if not card.schema.reduction:  # otherwise only the reduced numbers have a range
        inputs = [about | {"training": spans[about["name"]]} for about in inputs]
    schema, conditions = predictor.schema, predictor.conditions
    fixed = [column for column in schema.given if column.name not in module.inputs and column.name in conditions.usual]
    outputs = [_about(predictor, column) for column in predictor.outputs]
    if ERROR in module.outputs:
        text = f"estimated error of {predictor.target.name}, relative to its integral"
        outputs.append({"name": ERROR, "description": text, "unit": "", "shape": [BATCH_AXIS]})
    for column in (c for c in predictor.outputs if ERROR_OF.format(c.name) in module.outputs):
        about = {"name": ERROR_OF.format(column.name), "description": f"estimated error of {column.name}"}
        outputs.append({**about, "unit": schema.unit(column), "shape": [BATCH_AXIS]})
    return {
        "version": _version(),
        "map": predictor.title,
        "system": schema.system,
        "inputs": inputs,
        "outputs": outputs,
        "conditions": {c.name: {"value": conditions.usual[c.name], "unit": schema.unit(c)} for c in fixed},
        "points": list(schema.domain.shape),
        "axes": list(schema.domain.axes),
        "boundary": schema.domain.boundary,
        "symmetrised": symmetrise,
        "training": {
            "summary": card.schema.summary,
            "family": card.schema.family,
            "datasets": list(card.datasets),
            "commit": card.provenance.get("commit", ""),
        },
    }


def _version() -> str:
    """Return the version of this package; empty in a checkout that is not installed."""
    try:
        return version("qd_pix2pix")
    except PackageNotFoundError:
        return ""


def _about(predictor: Predictor, column: Column) -> dict[str, Any]:
    shape = [BATCH_AXIS, *(predictor.schema.domain.shape if column.is_field else ())]
    unit = predictor.schema.unit(column)
    found: dict[str, Any] = {"name": column.name, "description": column.description, "unit": unit, "shape": shape}
    return found | ({"classes": column.classes} if column.classes else {})


def trial_samples(predictor: Predictor, number: int) -> dict[str, Tensor]:
    """Return smooth random sources (number, *points) in the range of training, and conditions (number,) that vary."""
    generator = torch.Generator().manual_seed(0)
    shape, found = predictor.schema.domain.shape, {}
    for name in predictor.mapping.sources:
        column, span = predictor.schema[name], predictor.ranges[name]
        if column.values:
            drawn = torch.randint(len(column.values), (number, *shape), generator=generator)
            found[name] = torch.tensor(column.values)[drawn].float()
            continue
        coarse = torch.rand(number, 1, *(max(2, n // 8) for n in shape), generator=generator)
        mode = ("linear", "bilinear", "trilinear")[len(shape) - 1]
        found[name] = span.low + span.span * F.interpolate(coarse, size=shape, mode=mode)[:, 0]
    for name in predictor.conditions.varying:
        low, high = predictor.conditions.low[name], predictor.conditions.high[name]
        values = low + (high - low) * torch.rand(number, generator=generator)
        found[name] = values.round() if np.dtype(predictor.schema[name].dtype).kind == "i" else values
    return found


def _traced(module: Exported, trials: Mapping[str, Tensor]) -> torch.export.ExportedProgram:
    """Return the program of a module for any number of samples."""
    some = tuple(values[: TRIALS // 2] for values in trials.values())
    with torch.enable_grad():  # networks of tiles otherwise divide them into parts, whose number would be fixed
        return torch.export.export(module, some, dynamic_shapes=_any_number(trials))


def _any_number(trials: Mapping[str, Tensor]) -> tuple[tuple[dict[int, Any], ...]]:
    axis = torch.export.Dim(BATCH_AXIS, min=1)
    return (tuple({0: axis} for _ in trials),)


def _write_onnx(module: Exported, trials: Mapping[str, Tensor], metadata: str) -> bytes:
    """Return the content of an ONNX file."""
    token = ROTATIONS.set(True)
    try:
        traced = _traced(module, trials)
    finally:
        ROTATIONS.reset(token)
    program = torch.onnx.export(
        traced, dynamo=True, verbose=False, optimize=len(traced.graph.nodes) <= LONG,
        input_names=module.inputs, output_names=module.outputs, dynamic_shapes=_any_number(trials),
    )  # fmt: skip
    assert program is not None
    model = program.model
    model.metadata_props[METADATA] = metadata
    model.producer_name, model.producer_version = METADATA, _version()
    return cast(bytes, program.model_proto.SerializeToString())


def _run_onnx(content: bytes, given: Mapping[str, Tensor]) -> Arrays:
    """Return the outputs of an ONNX file in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {name: v.numpy() for name, v in given.items()}), strict=True))


def _write_program(module: Exported, trials: Mapping[str, Tensor], metadata: str) -> bytes:
    """Return the content of a file of ``torch.export``."""
    buffer = io.BytesIO()
    torch.export.save(_traced(module, trials), buffer, extra_files={METADATA: metadata})
    return buffer.getvalue()


def _run_program(content: bytes, given: Mapping[str, Tensor]) -> Arrays:
    """Return the outputs of a file of ``torch.export``."""
    extra = {METADATA: ""}
    program = torch.export.load(io.BytesIO(content), extra_files=extra)
    with torch.no_grad():
        names = [output["name"] for output in json.loads(extra[METADATA])["outputs"]]
        return _named(names, program.module()(*given.values()))


FORMATS: dict[str, tuple[Callable[[Exported, Mapping[str, Tensor], str], bytes], Runner, tuple[str, ...]]] = {
    ".onnx": (_write_onnx, _run_onnx, ("onnx", "onnxscript", "onnxruntime")),
    ".pt2": (_write_program, _run_program, ()),
}
"""For each suffix the functions that write and run a file, and the libraries of the extra ``export`` they need."""


def _named(names: Any, values: tuple[Tensor, ...]) -> Arrays:
    return {name: value.numpy() for name, value in zip(names, values, strict=True)}


def _difference(found: NDArray, expected: NDArray) -> float:
    """Return max |found - expected| / max |expected|; inf for another shape; 1 where classes differ."""
    if found.shape != expected.shape:
        return float("inf")
    if expected.dtype.kind in "iu":
        return float((found != expected).any())
    largest = max(float(np.abs(expected).max()), float(np.finfo(np.float32).tiny))
    return float(np.abs(found - expected).max()) / largest


def _sensitivity(module: Exported, trials: Mapping[str, Tensor], expected: Arrays) -> dict[str, float]:
    """Return the relative difference of each output if fields are changed by the rounding of single precision."""
    generator = torch.Generator().manual_seed(1)

    def rounded(values: Tensor) -> Tensor:
        if values.ndim < 2 or not values.is_floating_point():
            return values
        signs = torch.randint(2, values.shape, generator=generator) * 2 - 1
        return values * (1 + torch.finfo(values.dtype).eps * signs)

    with torch.no_grad():
        found = _named(module.outputs, module(*map(rounded, trials.values())))
    return {name: _difference(found[name], values) for name, values in expected.items()}


def _check(differences: Mapping[str, float], sensitivity: Mapping[str, float]) -> None:
    """Raise ValueError if a difference is NaN, or larger than the rounding of the inputs explains."""
    most = {name: max(LARGEST_DIFFERENCE, min(s, LARGEST_BY_ROUNDING)) for name, s in sensitivity.items()}
    if all(value <= most[name] for name, value in differences.items()):
        return
    listed = ", ".join(f"{name} {value:.2g}" for name, value in differences.items())
    raise ValueError(
        f"export: the file would predict other numbers, relative differences {listed}; expected at most "
        f"{LARGEST_DIFFERENCE:g}. Nothing is written; use the network in Python"
    )


def _require(path: Path, libraries: tuple[str, ...]) -> None:
    for library in libraries:
        try:
            importlib.import_module(library)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"export: {path} needs {error.name}; pip install 'qd_pix2pix[export]', or use "
                f"{path.with_suffix('.pt2').name}", name=error.name,
            ) from None  # fmt: skip


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the reports of the exporters on their steps; the programs log all of them."""
    level = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(level)
