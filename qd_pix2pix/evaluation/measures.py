"""Measures of predicted fields, in physical units: pure functions, and one shell that gathers them over a split.

Fields have shape (..., n, n); a measure of single dots has shape (...).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric

from qd_pix2pix.mapping.symmetry import ORDER, square_symmetry

POINTS = (-2, -1)
DOT_MEASURES = ("ssim", "mssim", "l1", "l2", "linf")
CHARGE_MEASURES = ("nmae", "charge_error")
SSIM_K = (0.01, 0.03)
"""K_1 and K_2 of Wang et al., IEEE Trans. Image Process. 13, 600 (2004)."""
Number = float | Tensor
"""One number for all dots, or one for each, (...)."""


def l1(pred: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error (Pantis-Simut et al. 2023, eq. 14), in the unit of the field."""
    return (pred - target).abs().mean(POINTS)


def l2(pred: Tensor, target: Tensor) -> Tensor:
    """Root mean square error (eq. 15), in the unit of the field."""
    return (pred - target).square().mean(POINTS).sqrt()


def linf(pred: Tensor, target: Tensor) -> Tensor:
    """Largest absolute error (eq. 16), in the unit of the field."""
    return (pred - target).abs().amax(POINTS)


def nmae(pred: Tensor, target: Tensor, cell_area: Number, n_electrons: Number) -> Tensor:
    """Int |n - n_ref| / N: the charge in the wrong place per electron (twice the charge displaced)."""
    return (pred - target).abs().sum(POINTS) * (cell_area / n_electrons)


def charge_error(pred: Tensor, cell_area: Number, n_electrons: Number) -> Tensor:
    """|int n - N| / N."""
    return (pred.sum(POINTS) * (cell_area / n_electrons) - 1).abs()


def _similarity(moments: Iterable[Tensor], data_range: float) -> Tensor:
    """SSIM of windows from their first and second moments (Wang et al. 2004, eq. 13)."""
    mean_a, mean_b, aa, bb, ab = moments
    c1, c2 = ((k * data_range) ** 2 for k in SSIM_K)
    var_a, var_b, cov = aa - mean_a**2, bb - mean_b**2, ab - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance * (2 * cov + c2) / (var_a + var_b + c2)


def _moments(pred: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    return pred, target, pred * pred, target * target, pred * target


def ssim(pred: Tensor, target: Tensor, data_range: float) -> Tensor:
    """Structural similarity of whole fields: one window. ``data_range`` belongs to the field, not to the image."""
    return _similarity((m.mean(POINTS) for m in _moments(pred, target)), data_range)


def mssim(pred: Tensor, target: Tensor, data_range: float, window: int = 8) -> Tensor:
    """Mean structural similarity over all uniform ``window`` x ``window`` patches that fit."""
    flat = (m.reshape(-1, 1, *m.shape[-2:]) for m in _moments(pred, target))
    pooled = (F.avg_pool2d(m, window, stride=1) for m in flat)
    return _similarity(pooled, data_range).mean((-3, *POINTS)).reshape(pred.shape[:-2])


def r2(pred: Tensor, target: Tensor) -> Tensor:
    """Coefficient of determination of (B, n, n) against the mean map of ``target`` (eq. 17-19). Scalar.

    Constant targets (a single dot, say) have no variance to explain: the result is NaN.
    """
    residual = (target - pred).square().sum()
    total = (target - target.mean(0)).square().sum()
    return torch.where(total > 0, 1 - residual / total, torch.nan)


def equivariance_error(predict: Callable[[Tensor], Tensor], source: Tensor) -> Tensor:
    """Largest int |G(g a) - g G(a)| / int |G(a)| over the square's symmetries g, for each a of (B, 1, n, n): (B,).

    0 for a map that does not care how the square lies; ``predict`` maps (B, 1, n, n) to the same shape.
    """
    straight = predict(source).double()
    size = straight.abs().sum((1, *POINTS))
    errors = [
        (predict(square_symmetry(source, g)).double() - square_symmetry(straight, g)).abs().sum((1, *POINTS)) / size
        for g in range(1, ORDER)
    ]
    return torch.stack(errors).amax(0)


def dot_measures(
    pred: Tensor, target: Tensor, data_range: float, cell_area: Number, n_electrons: Number | None
) -> dict[str, Tensor]:
    """All measures of single dots, by name, each (...). With ``n_electrons`` (densities) the charges, too."""
    measures = {
        "ssim": ssim(pred, target, data_range),
        "mssim": mssim(pred, target, data_range),
        "l1": l1(pred, target),
        "l2": l2(pred, target),
        "linf": linf(pred, target),
    }
    if n_electrons is not None:
        measures["nmae"] = nmae(pred, target, cell_area, n_electrons)
        measures["charge_error"] = charge_error(pred, cell_area, n_electrons)
    return measures


class FieldMetrics(Metric):
    """R^2 of a split, and the mean over its dots of every other measure; ``compute`` gives them by name.

    Sums run in double precision where the device has it. Charges are measured of densities only.
    """

    full_state_update = False

    def __init__(self, data_range: float, is_density: bool) -> None:
        super().__init__()
        self.data_range, self.is_density = data_range, is_density
        self.names = DOT_MEASURES + CHARGE_MEASURES if is_density else DOT_MEASURES
        for name in ("count", "sum_map", "sum_square", "residual", *(f"sum_{name}" for name in self.names)):
            self.add_state(name, torch.zeros(()), dist_reduce_fx="sum")

    count: Tensor
    sum_map: Tensor
    sum_square: Tensor
    residual: Tensor

    def update(self, pred: Tensor, target: Tensor, cell_area: Number, n_electrons: Number) -> None:
        """Take in predictions and targets (B, n, n), with the cell area and the electrons of each dot."""
        if pred.device.type != "mps":
            pred, target = pred.double(), target.double()
        charge = n_electrons if self.is_density else None
        measures = dot_measures(pred, target, self.data_range, cell_area, charge)
        for name, values in measures.items():
            setattr(self, f"sum_{name}", getattr(self, f"sum_{name}") + values.sum())
        self.count = self.count + len(pred)
        self.sum_map = self.sum_map + target.sum(0)
        self.sum_square = self.sum_square + target.square().sum()
        self.residual = self.residual + (pred - target).square().sum()

    def compute(self) -> dict[str, Tensor]:
        """R^2 and the mean measures."""
        total = self.sum_square - self.sum_map.square().sum() / self.count
        result = {"r2": torch.where(total > 0, 1 - self.residual / total, torch.nan)}
        return result | {name: getattr(self, f"sum_{name}") / self.count for name in self.names}


def mean_and_spread(values: Iterable[float]) -> dict[str, float]:
    """Mean, median, and the central 90 % of a measure over dots."""
    sample = torch.as_tensor(list(values), dtype=torch.float64)
    low, median, high = torch.quantile(sample, torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)).tolist()
    return {"mean": sample.mean().item(), "median": median, "p05": low, "p95": high}
