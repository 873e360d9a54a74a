"""Calibration of the estimated errors of a trained network on solved samples; see ``mapping.calibration``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qd_pix2pix.inference.predict import batches
from qd_pix2pix.mapping.calibration import calibrate, conformal
from qd_pix2pix.predictor import SMALLEST_ERROR, Predictor

Parts = Iterable[Mapping[str, NDArray]]
"""Columns of samples by name, part by part."""


def evidence_of(predictor: Predictor, raw: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the ratios of true to uncalibrated errors (B,), and the evidence (B, k), from raw numbers of samples."""
    found = predictor.true_error(raw, batch, batch[predictor.target.name])
    return found.clamp(min=SMALLEST_ERROR) / predictor.uncalibrated_error(raw), predictor.evidence(raw, batch)


def evidence_of_numbers(
    predictor: Predictor, raw: Mapping[str, Tensor], batch: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the same of the numbers beside the target: ratios (B, numbers) and features (B, numbers, k)."""
    judge = predictor.number_errors
    assert judge is not None
    error, found, theirs = predictor.judged_numbers(raw, batch)
    return judge.differences(found, batch) / error[:, None], judge.features(error, found, theirs)


def calibrate_numbers(predictor: Predictor, ratios: NDArray, features: NDArray) -> None:
    """Replace the calibration of the errors of numbers by that from these ratios and features of S samples."""
    judge, quantile = predictor.number_errors, predictor.mapping.quantile
    assert judge is not None and quantile is not None
    for i in range(len(judge.names)):
        slopes, factor = calibrate(ratios[:, i], features[:, i], quantile)
        judge.slopes[i].copy_(torch.as_tensor(np.append(slopes, np.log(factor))))


def calibrate_error(predictor: Predictor, ratios: NDArray, evidence: NDArray) -> None:
    """Replace the calibration of a predictor by that from ratios (S,) and evidence (S, k) of samples."""
    quantile = predictor.mapping.quantile
    assert quantile is not None
    if predictor.second is None:
        slopes, factor = calibrate(ratios, evidence, quantile)
    else:
        features, least = evidence[:, :-1], evidence[:, -1] - evidence[:, 0]
        regressed, constant = calibrate(ratios, features, quantile)
        slopes = np.append(regressed, np.log(constant))
        factor = conformal(np.log(ratios) - np.fmax(features @ regressed + slopes[-1], least), quantile)
    predictor.error_slopes.copy_(torch.as_tensor(slopes))
    predictor.error_factor.fill_(factor)


def calibrate_on(
    predictor: Predictor,
    parts: Parts,
    device: torch.device | str | None = None,
    batch_size: int | None = None,
) -> int:
    """Calibrate estimated errors on samples, each part as ``predict`` takes them, with all outputs; return S.

    Raises:
        ValueError: the network has no estimate of its error.
    """
    if not predictor.mapping.quantile:
        raise ValueError("calibrate: expected a network that estimates its error (mapping.quantile), such as universal")
    more = (evidence_of_numbers,) if predictor.number_errors else ()
    ratios, evidence, *numbers = _collected((evidence_of, *more), predictor, parts, device, batch_size)
    calibrate_error(predictor, ratios, evidence)
    if numbers:
        calibrate_numbers(predictor, *numbers)
    return len(ratios)


def calibrate_numbers_on(predictor: Predictor, parts: Parts) -> int:
    """Calibrate the errors of numbers only, likewise."""
    ratios, features = _collected((evidence_of_numbers,), predictor, parts)
    calibrate_numbers(predictor, ratios, features)
    return len(ratios)


def _collected(
    functions: Sequence[Callable[..., tuple[Tensor, Tensor]]],
    predictor: Predictor,
    parts: Parts,
    device: torch.device | str | None = None,
    batch_size: int | None = None,
) -> list[NDArray]:
    """Return the results of functions of (predictor, raw numbers, batch) for all samples."""
    found: list[list[Tensor]] = []
    with torch.inference_mode():
        for columns in parts:
            for batch in batches(predictor, columns, device, batch_size, progress=True):
                raw = predictor.raw(batch)
                found.append([values for function in functions for values in function(predictor, raw, batch)])
    return [torch.cat(values).double().cpu().numpy() for values in zip(*found, strict=True)]
