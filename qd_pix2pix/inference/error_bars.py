"""Calibration of the estimated error of a trained network on solved samples; see ``mapping.calibration``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qd_pix2pix.inference.predict import batches
from qd_pix2pix.mapping.calibration import calibrate, conformal
from qd_pix2pix.predictor import SMALLEST_ERROR, Predictor


def evidence_of(predictor: Predictor, raw: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the ratios of true to uncalibrated errors (B,), and the evidence (B, k), from raw numbers of samples."""
    found = predictor.true_error(raw, batch, batch[predictor.target.name])
    return found.clamp(min=SMALLEST_ERROR) / predictor.uncalibrated_error(raw), predictor.evidence(raw, batch)


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
    parts: Iterable[Mapping[str, NDArray]],
    device: torch.device | str | None = None,
    batch_size: int | None = None,
) -> int:
    """Calibrate the estimated error on samples, each part as ``predict`` takes them, with the target; return S.

    Raises:
        ValueError: the network has no estimate of its error.
    """
    if not predictor.mapping.quantile:
        raise ValueError("calibrate: expected a network that estimates its error (mapping.quantile), such as universal")
    found: list[tuple[Tensor, Tensor]] = []
    with torch.inference_mode():
        for columns in parts:
            for batch in batches(predictor, columns, device, batch_size, progress=True):
                found.append(evidence_of(predictor, predictor.raw(batch), batch))
    ratios, evidence = (torch.cat(values).double().cpu().numpy() for values in zip(*found, strict=True))
    calibrate_error(predictor, ratios, evidence)
    return len(ratios)
