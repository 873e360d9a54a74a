"""A model and fields -> predictions: on the best device, in batches, averaged over the square's symmetries if asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from qd_pix2pix.evaluation import measures as metrics
from qd_pix2pix.mapping.symmetry import INVERSE, ORDER, square_symmetry
from qd_pix2pix.models import FieldModel

BATCH = 25
Outputs = dict[str, NDArray]
"""Quantities by name, in physical units: fields (S, n, n), scalars (S,)."""


def predict(model: FieldModel, source: NDArray, facts: Sequence[float], symmetrise: bool = False) -> Outputs:
    """Everything that the model asks, for source fields (S, n, n), in physical units: fields (S, n, n), scalars (S,).

    Args:
        model: on any device; it is moved to the best one.
        source: (S, n, n).
        facts: of these dots, in the order of ``conditions.CONDITIONS``.
        symmetrise: average over the eight symmetries of the square, each prediction turned back.
    """
    device = best_device()
    model = model.to(device).eval()
    elements = range(ORDER if symmetrise else 1)
    scalars = {field.name for field in model.mapping.outputs if field.is_scalar}
    parts: dict[str, list[NDArray]] = {field.name: [] for field in model.mapping.outputs}
    with torch.inference_mode():
        starts = range(0, len(source), BATCH)
        for i in tqdm(starts, desc="predicting", unit="batch", leave=False, disable=len(starts) == 1):
            batch = torch.as_tensor(source[i : i + BATCH], dtype=torch.float32, device=device)[:, None]
            told = torch.tensor(facts, dtype=torch.float32, device=device).repeat(len(batch), 1)
            # contiguous: other strides go through other kernels, with other roundings
            images = [model.outputs(square_symmetry(batch, g).contiguous(), told) for g in elements]
            for name, values in parts.items():
                turned = [
                    image[name] if name in scalars else square_symmetry(image[name], INVERSE[g])[:, 0]
                    for g, image in zip(elements, images, strict=True)
                ]
                values.append(torch.stack(turned).double().mean(0).cpu().numpy())
    return {name: np.concatenate(values) for name, values in parts.items()}


def equivariance_errors(model: FieldModel, source: NDArray, facts: Sequence[float], symmetrise: bool) -> NDArray:
    """Of the target's prediction for each field of (S, n, n): (S,)."""
    target = model.mapping.target.name

    def predicted(fields: Tensor) -> Tensor:
        return torch.as_tensor(predict(model, fields[:, 0].numpy(), facts, symmetrise)[target])[:, None]

    return metrics.equivariance_error(predicted, torch.as_tensor(source)[:, None]).numpy()


def best_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """CPU, or the name of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
