"""Samples drawn by a generator, in batches, from a seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from qd_pix2pix.generators import ConfidentGenerator, Generator
from qd_pix2pix.predictor import Card
from qd_pix2pix.schema import Schema

POINTS = 2**18
"""Points of all samples of a batch."""
MOST_POINTS = 2**26
"""Most points of a sample, 8192 x 8192: 32 channels of features are 8 GiB."""
MOST_BYTES = 2**34
"""Most memory of all samples of a call, 16 GiB."""
FARTHEST = 10.0
"""Largest distance of a label from those of the training, over the largest of these; others are errors."""


def draw(
    generator: Generator,
    columns: Mapping[str, ArrayLike],
    n: int,
    shape: Sequence[int],
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
) -> NDArray:
    """Return samples (n, *points) of the generator's target, in physical units.

    Args:
        generator: the generator, on any device; it is moved to ``device``.
        columns: labels and conditions by name, (n,) or () each; extensive ones are those of the whole sample.
        n: number of samples.
        shape: points of a sample.
        seed: seed of all random numbers. The same seed, n and shape give the same samples on one kind of device.
        device: device of the network; by default its own.
        progress: show a progress bar if there are several batches.

    Raises:
        ValueError: the network does not draw samples of this shape.
    """
    generator.check_shape(shape)
    generator = generator.to(device) if device is not None else generator
    at = next(generator.network.parameters()).device
    known = {name: np.broadcast_to(np.asarray(v, dtype=np.float64), (n,)) for name, v in columns.items()}
    random = torch.Generator().manual_seed(int(seed))
    size = max(1, POINTS // math.prod(shape))
    parts = []
    with torch.inference_mode(), tqdm(total=n, desc="drawing", unit="sample", disable=not progress or n <= size) as bar:
        for first in range(0, n, size):
            last = min(first + size, n)
            batch = {k: torch.as_tensor(v[first:last].copy(), dtype=torch.float32).to(at) for k, v in known.items()}
            batch |= {"count": torch.zeros(last - first, device=at)}
            parts.append(generator.sample(batch, shape, random).cpu().numpy().astype(_kept(generator)))
            bar.update(last - first)
    return np.concatenate(parts)


def check_memory(generator: Generator, n: int, shape: Sequence[int]) -> None:
    """Raise ValueError if ``n`` samples of ``shape`` do not fit into memory."""
    most = MOST_BYTES // (_kept(generator).itemsize * math.prod(shape))
    if n > most:
        raise ValueError(
            f"n: expected at most {most} samples of {' x '.join(map(str, shape))} points in a call, "
            f"{MOST_BYTES / 2**30:g} GiB; got {n}. Draw them in several calls with different seeds"
        )


def _kept(generator: Generator) -> np.dtype[Any]:
    """Return the type of drawn samples."""
    return np.dtype(np.int8 if generator.target.values else np.float64)


def read_off(
    generator: ConfidentGenerator, fields: NDArray, device: torch.device | str | None = None
) -> dict[str, NDArray]:
    """Return the numbers (S,) that the discriminator predicts of fields (S, *points), and its ``confidence``.

    Args:
        generator: the generator; it is moved to ``device``.
        fields: values of the target, on the points of training.
        device: device of the network; by default its own.
    """
    generator = generator.to(device) if device is not None else generator
    at = next(generator.network.parameters()).device
    size = max(1, POINTS // math.prod(fields.shape[1:]))
    parts = []
    with torch.inference_mode():
        for first in range(0, len(fields), size):
            batch = torch.as_tensor(fields[first : first + size], dtype=torch.float32).to(at)
            parts.append(generator.confidence({generator.target.name: batch}))
    return {name: np.concatenate([part[name].double().cpu().numpy() for part in parts]) for name in parts[0]}


def smaller_sizes(card: Card, shape: Sequence[int]) -> list[str]:
    """Return a remark on samples of fewer points along an axis than all those of the training.

    A generator combines neighbourhoods as large as the samples of the training, of which larger samples have many. In a
    smaller periodic sample a neighbourhood meets itself, and the labels are others than requested.

    Args:
        card: card of the generator.
        shape: points of a sample.
    """
    schemas = [Schema.from_dict(content) for content in card.schemas]
    sides = sorted(side for schema in schemas for side in schema.domain.shape)
    if min(shape) >= sides[0]:
        return []
    known = " ... ".join(map(str, sorted({sides[0], sides[-1]}))) + (" along each axis" if len(shape) > 1 else "")
    return [f"the {schemas[0].sample} has {' × '.join(map(str, shape))} points, in training {known}"]


def check_near_training(card: Card, labels: Mapping[str, NDArray], points: int) -> None:
    """Raise ValueError if a label is farther from those of the training than ``FARTHEST`` times the largest of them.

    Arguments are those of ``unseen_labels``.
    """
    trained = math.prod(card.schema.domain.shape)
    for name, values in labels.items():
        seen = np.asarray(card.seen.get(name, []))
        if not seen.any():
            continue
        at = values * (trained / points if card.schema[name].extensive else 1)
        away = np.maximum(at - seen.max(), seen.min() - at).max() / np.abs(seen).max()
        if away > FARTHEST:
            raise ValueError(
                f"{name}: expected a value near those of the training, got one that is {float(away):.3g} times the "
                "largest of them away. Use the unit of the training"
            )


def unseen_labels(card: Card, labels: Mapping[str, NDArray], points: int) -> list[str]:
    """Return a remark for each label with values that no training sample has.

    Args:
        card: card of the generator.
        labels: labels of whole samples by name, (n,) each.
        points: points of a sample; extensive labels are compared per point.
    """
    schema, remarks = card.schema, []
    trained = math.prod(schema.domain.shape)
    for name, values in labels.items():
        column, unit = schema[name], schema.unit(schema[name])
        own, known = (points, trained) if column.extensive else (1, 1)
        unit = f" {unit} per point" if unit and column.extensive else f" {unit}" if unit else ""
        bounds = np.reshape(card.seen.get(name, []), (-1, 2)) / known
        slack = 1e-6 * np.ptp(bounds) if bounds.size else 0.0
        at = np.asarray(values, dtype=np.float64)[:, None] / own
        outside = ~((at >= bounds[:, 0] - slack) & (at <= bounds[:, 1] + slack)).any(1)
        if bounds.size and outside.any():
            seen = " and ".join(f"{low:.4g} ... {high:.4g}" for low, high in bounds)
            asked = at[outside, 0]
            shown = f"{asked.min():.4g}" + (f" ... {asked.max():.4g}" if np.ptp(asked) else "")
            remarks.append(f"{name} is {shown}{unit}, in training {seen}")
    return remarks
