"""Prediction in batches, optionally averaged over the symmetries of the samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from tqdm import tqdm

from qd_pix2pix.inference.batch_threads import on_threads
from qd_pix2pix.inference.inputs import native
from qd_pix2pix.inference.plateau import on_plateau
from qd_pix2pix.mapping.heads import ClassHead, SumHead
from qd_pix2pix.networks import EDNN
from qd_pix2pix.networks.convolution import kernels_kept
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.schema import Column
from solvers.checks import check_flag, check_integer, check_plain

CPU_POINTS, CPU_SAMPLES = 2**17, 64
"""Most points and samples in a batch on a processor. In larger batches the features of a layer leave its cache; in
smaller ones samples do not share calls and weights. Networks of 0.3 to 29 million parameters are fastest with 16 to 32
samples of 64 x 64 points, and with 8 to 16 of 128 x 128; with patches of 4 x 4 points, with 64 and more."""
PATCH = 2
"""Side of the patches that such a network unites; one with larger patches has fewer features."""
FEWEST = 8
"""Samples that are not divided among threads."""
GPU_POINTS, GPU_SAMPLES, GPU_BYTES = 2**20, 4096, 2**12
"""Most points and samples in a batch on a GPU, and the memory of a point: 1024 numbers of its features at once."""
Outputs = dict[str, NDArray]
"""The predicted quantities by name, in physical units: fields (S, *points), numbers (S,), classes (S,)."""
Batch = dict[str, Tensor]


def predict(
    predictor: Predictor,
    columns: Mapping[str, ArrayLike],
    symmetrise: bool = False,
    device: torch.device | str | None = None,
    batch_size: int | None = None,
    progress: bool = True,
) -> Outputs:
    """Return all outputs of the predictor for S samples, in physical units, and the estimated errors if any.

    Args:
        predictor: the predictor, on any device; it is moved to ``device``.
        columns: sources (S, *points) and conditions (S,) or () by name.
        symmetrise: average over the symmetries of the samples, with each prediction transformed back.
        device: device of the prediction; by default the GPU if there is one.
        batch_size: samples per batch; None: see ``choose_batch``.
        progress: show a progress bar if there are several batches.
    """
    check_flag("symmetrise", symmetrise)
    device = _placed(predictor, device)
    with torch.inference_mode(), kernels_kept(predictor):
        some = batches(predictor, columns, device, batch_size, progress)
        parts = list(on_threads(lambda batch: averaged(predictor, batch, symmetrise), some, predictor, device))
    return {name: np.concatenate([part[name].cpu().numpy() for part in parts]) for name in parts[0]}


def summed(predictor: Predictor) -> list[Column]:
    """Return the outputs that are sums over the tiles of an ``EDNN``; none for any other network."""
    if not isinstance(predictor.network, EDNN):
        return []
    return [column for column in predictor.outputs if isinstance(predictor.head(column), SumHead)]


def contributions(
    predictor: Predictor,
    columns: Mapping[str, ArrayLike],
    device: torch.device | str | None = None,
    batch_size: int | None = None,
) -> Outputs:
    """Return the contributions of all tiles (S, *tiles) to the extensive numbers of S samples, by name.

    Their sum is the predicted number. The result is empty unless the network is an ``EDNN`` and the head is ``sum``.
    """
    columns_of_sums = summed(predictor)
    if not columns_of_sums:
        return {}
    parts: list[Batch] = []
    with torch.inference_mode():
        for batch in batches(predictor, columns, device, batch_size, progress=False):
            raw = predictor.raw(batch)
            scales = {c.name: predictor.scale(c, batch, raw[c.name]) for c in columns_of_sums}
            parts.append({name: SumHead.contributions(raw[name], scale) for name, scale in scales.items()})
    return {name: np.concatenate([part[name].cpu().numpy() for part in parts]) for name in parts[0]}


def turned_predictions(
    predictor: Predictor,
    columns: Mapping[str, ArrayLike],
    symmetrise: bool = False,
    device: torch.device | str | None = None,
    batch_size: int | None = None,
) -> Iterator[tuple[NDArray, NDArray]]:
    """Yield G(g a) and g G(a) for each symmetry g except the identity; G is the prediction of the target for samples a.

    Both have shape (S, *points); they are equal if the predictor is equivariant.
    """
    name = predictor.target.name
    straight = predict(predictor, columns, symmetrise, device, batch_size, progress=False)[name]
    samples = {n: torch.as_tensor(native(v)) for n, v in columns.items()}
    for g in tqdm(predictor.symmetry.elements(samples)[1:], desc="turning", unit="symmetry", leave=False):
        images = predictor.symmetry.act(samples, g)
        found = predict(predictor, {n: v.numpy() for n, v in images.items()}, symmetrise, device, batch_size, False)
        yield found[name], predictor.symmetry.act({name: torch.as_tensor(straight)}, g, samples)[name].numpy()


def batches(
    predictor: Predictor,
    columns: Mapping[str, ArrayLike],
    device: torch.device | str | None,
    size: int | None,
    progress: bool,
) -> Iterator[Batch]:
    """Yield batches of samples as tensors on the device."""
    device = _placed(predictor, device)
    precision = precision_on(predictor, device)
    for name, values in columns.items():
        check_plain(name, values)
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    shapes = [arrays[name].shape[1:] for name in predictor.mapping.sources]
    shape = shapes[0] if shapes else predictor.schema.domain.shape
    most = choose_batch(shape, device, size, getattr(predictor.network, "patch", PATCH))
    total = max((len(values) for values in arrays.values() if values.ndim), default=1)
    size = evenly(total, most, torch.get_num_threads()) if size is None and device.type == "cpu" else most
    starts = range(0, total, size)
    for i in tqdm(starts, desc="predicting", unit="batch", leave=False, disable=not progress or len(starts) == 1):
        some = {n: v[i : i + size] if v.ndim else np.full(min(size, total - i), v) for n, v in arrays.items()}
        yield {n: torch.as_tensor(native(v), dtype=precision, device=device) for n, v in some.items()}


def precision_on(predictor: Predictor, device: torch.device) -> torch.dtype:
    """Return the type of the samples on a device; Apple's GPUs have no doubles."""
    return predictor.precision if device.type != "mps" else torch.float32


def _placed(predictor: Predictor, device: torch.device | str | None) -> torch.device:
    """Move a predictor to a device for predictions, and return it."""
    found = torch.device(device or best_device())
    predictor.to(found).eval()
    return found


def averaged(predictor: Predictor, batch: Batch, symmetrise: bool = False) -> Batch:
    """Return the predictions of a batch, of all images of its samples on average if ``symmetrise``.

    For classes this is the average of probabilities.
    """
    images = []
    for g in predictor.symmetry.elements(batch) if symmetrise else range(1):
        # contiguous: for other strides other kernels are used, with other rounding errors
        turned = {name: values.contiguous() for name, values in predictor.symmetry.act(batch, g).items()}
        if predictor.shifted:
            images.append(predictor.symmetry.act(on_plateau(predictor, turned), predictor.symmetry.inverse(g), batch))
            continue
        found = unshifted(predictor, turned)
        invariant = {c.name: found.pop(c.name) for c in predictor.outputs if c.role == "class"}
        invariant |= {name: found.pop(name) for name in predictor.estimates}
        images.append(predictor.symmetry.act(found, predictor.symmetry.inverse(g), batch) | invariant)
    if len(images) > 1:
        means = {name: torch.stack([image[name] for image in images]).double().mean(0) for name in images[0]}
    else:
        means = {name: values.double() for name, values in images[0].items()}
    is_class = {c.name: c.role == "class" for c in predictor.outputs}
    return {name: values.argmax(1) if is_class.get(name) else values for name, values in means.items()}


def unshifted(predictor: Predictor, batch: Batch) -> Batch:
    """Return the predictions of a batch without an average, probabilities of classes, and the estimated errors."""
    raw, found, errors = predictor.answers(batch)
    classes = {c.name: _probabilities(predictor, c, raw, batch) for c in predictor.outputs if c.role == "class"}
    return found | classes | errors


def _probabilities(predictor: Predictor, column: Column, raw: Batch, batch: Batch) -> Tensor:
    scale = predictor.scale(column, batch, raw[column.name])
    return cast(ClassHead, predictor.head(column)).logits(raw[column.name], scale).softmax(1)


def choose_batch(shape: Sequence[int], device: torch.device, asked: int | None = None, patch: int = PATCH) -> int:
    """Return the samples per batch: those asked for, otherwise the number that is fast for such samples.

    Predictions depend on it by rounding only. On a GPU a batch takes at most half of the memory that is free now.

    Args:
        shape: points of a sample.
        device: device of the prediction.
        asked: number chosen by the user.
        patch: points per side that the network unites first.

    Raises:
        ValueError: ``asked`` is no positive whole number.
    """
    if asked is not None:
        check_integer("batch_size", asked, 1)
        return asked
    points, samples = CPU_POINTS, CPU_SAMPLES
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        points, samples = min(GPU_POINTS, free // (2 * GPU_BYTES)), GPU_SAMPLES
    return max(1, min(samples, points // math.prod(max(1, PATCH * n // max(patch, PATCH)) for n in shape)))


def evenly(total: int, most: int, threads: int) -> int:
    """Return the samples per batch, at most ``most``, of which all threads have equally many; few are not divided."""
    rounds = math.ceil(total / (most * threads))
    return max(min(most, FEWEST), math.ceil(total / max(rounds * threads, 1)))


def best_device() -> torch.device:
    """Return the GPU if there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def check_device(device: str | None) -> torch.device:
    """Return the device of this name, or the best one.

    Raises:
        ValueError: this machine has no such device.
    """
    if device is None:
        return best_device()
    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device: expected cpu, cuda, cuda:1 ... as this machine has; got {device!r} ({reason})"
        ) from None
    return found


def device_name(device: torch.device) -> str:
    """Return the name of the GPU, or CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
