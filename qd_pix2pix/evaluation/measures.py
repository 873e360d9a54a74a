"""Measures of predictions in physical units: pure functions of NumPy arrays or tensors, and the table of all measures.

The first axis is that of the samples: fields have shape (S, *points), numbers (S,), measures of single samples (S,).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

SSIM_K = (0.01, 0.03)
"""K_1 and K_2 of Wang et al., IEEE Trans. Image Process. 13, 600 (2004)."""
RADIUS = 8.0
"""Distance of a found from a true position up to which they are the same object, in points."""
WINDOW = 8
"""Side of the windows of MSSIM, in points."""
TINY = float(np.finfo(np.float32).tiny)
Array = Any


def _points(field: Array) -> tuple[int, ...]:
    return tuple(range(1, field.ndim))


def l1(pred: Array, target: Array) -> Array:
    """Return the mean absolute error (Pantis-Simut et al. 2023, eq. 14), (S,), in the unit of the field."""
    xp = array_namespace(pred)
    return xp.mean(xp.abs(pred - target), axis=_points(pred))


def l2(pred: Array, target: Array) -> Array:
    """Return the root mean square error (eq. 15), (S,), in the unit of the field."""
    xp = array_namespace(pred)
    return xp.sqrt(xp.mean((pred - target) ** 2, axis=_points(pred)))


def linf(pred: Array, target: Array) -> Array:
    """Return the largest absolute error (eq. 16), (S,), in the unit of the field."""
    xp = array_namespace(pred)
    return xp.max(xp.abs(pred - target), axis=_points(pred))


def nmae(pred: Array, target: Array, mean_density: Array = None) -> Array:
    """Return int |n - n_ref| / N, (S,), misplaced charge per electron; ``mean_density`` is N / volume, () or (S,).

    Without it, of a field of any integral, the result is the sum of |f - f_ref| over the points / that of |f_ref|.
    """
    if mean_density is None:
        xp = array_namespace(pred)
        mean_density = xp.clip(xp.mean(xp.abs(target), axis=_points(target)), TINY)
    return l1(pred, target) / mean_density


def charge_error(pred: Array, mean_density: Array) -> Array:
    """Return |int n - N| / N, (S,)."""
    xp = array_namespace(pred)
    return xp.abs(xp.mean(pred, axis=_points(pred)) / mean_density - 1)


def _similarity(moments: Iterable[Array], data_range: float) -> Array:
    """Return the SSIM of windows from their first and second moments (Wang et al. 2004, eq. 13)."""
    mean_a, mean_b, aa, bb, ab = moments
    c1, c2 = ((k * data_range) ** 2 for k in SSIM_K)
    var_a, var_b, cov = aa - mean_a**2, bb - mean_b**2, ab - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance * (2 * cov + c2) / (var_a + var_b + c2)


def _moments(pred: Array, target: Array) -> tuple[Array, ...]:
    return pred, target, pred * pred, target * target, pred * target


def ssim(pred: Array, target: Array, data_range: float) -> Array:
    """Return the SSIM of whole fields, (S,), in one window; ``data_range`` is that of the dataset, not of a sample."""
    xp = array_namespace(pred)
    return _similarity((xp.mean(m, axis=_points(pred)) for m in _moments(pred, target)), data_range)


def mssim(pred: Array, target: Array, data_range: float, window: int = WINDOW) -> Array:
    """Return the mean SSIM over all uniform windows of ``window`` points along each axis within the field, (S,)."""
    xp = array_namespace(pred)
    windows = _similarity((_window_means(m, window) for m in _moments(pred, target)), data_range)
    return xp.mean(windows, axis=_points(pred))


def _window_means(values: Array, window: int) -> Array:
    for axis in _points(values):
        width = min(window, values.shape[axis])
        before = (slice(None),) * axis
        last = values.shape[axis] - width + 1
        values = sum(values[(*before, slice(i, i + last))] for i in range(width)) / width
    return values


def r2(pred: Array, target: Array) -> Array:
    """Return the coefficient of determination relative to the mean of ``target`` over the samples (eq. 17-19).

    Constant targets, such as a single sample, have no variance: the result is NaN.
    """
    xp = array_namespace(pred)
    total = xp.sum((target - xp.mean(target, axis=0)) ** 2)
    return 1 - xp.sum((target - pred) ** 2) / total if total > 0 else total * math.nan


def mae(pred: Array, target: Array) -> Array:
    """Return |error| of each number, in its unit."""
    return array_namespace(pred).abs(pred - target)


def accuracy(pred: Array, target: Array) -> Array:
    """Return 1 where the class is correct, 0 elsewhere, (S,)."""
    return (pred == target) * 1.0


def exact_share(pred: Array, target: Array) -> Array:
    """Return 1 where a count is correct after rounding, |error| < 1/2, and 0 elsewhere, (S,)."""
    return (mae(pred, target) < 0.5) * 1.0


def equivariance_error(of_turned: Iterable[Array], turned: Iterable[Array]) -> Array:
    """Return the largest int |G(g a) - g G(a)| / int |G(a)| over symmetries g, for each sample, (S,).

    Args:
        of_turned: G(g a), the predictions (S, *points) for transformed samples, for each g.
        turned: g G(a), the transformed predictions of the samples, in the same order.
    """
    errors = []
    for a, b in zip(of_turned, turned, strict=True):
        flat = np.abs(a - b).reshape(len(a), -1).sum(1)
        errors.append(flat / np.maximum(np.abs(b).reshape(len(b), -1).sum(1), np.finfo(float).tiny))
    return np.max(errors, axis=0) if errors else np.zeros(0)


@dataclass(frozen=True)
class Context:
    """The further arguments of measures besides prediction and reference.

    Attributes:
        data_range: high - low of the quantity in training.
        mean_density: for a density, N / volume, () or (S,).
    """

    data_range: float
    mean_density: Array = None


@dataclass(frozen=True)
class Measure:
    """One row of the table of measures.

    Attributes:
        name: name in files and logs.
        label: label on pages and terminals.
        meaning: description in a phrase.
        kinds: kinds of columns to which it applies; see ``Column.kind``.
        of_sample: function from (prediction, reference, context) to (S,); None for a measure of a whole split, or one
            that is computed elsewhere.
        percent: True if the measure is shown in percent.
        with_unit: True if it has the unit of the column; all others are dimensionless.
        larger_is_better: True if the largest value is the best.
        on_card: True if it is shown at the top of a page.
        share: True if it is 0 or 1 for each sample; only its mean is shown.
        in_sweeps: True if it is drawn on the page of a sweep and shown in the sweep's table on the terminal.
    """

    name: str
    label: str
    meaning: str
    kinds: tuple[str, ...]
    of_sample: Callable[[Array, Array, Context], Array] | None = None
    percent: bool = False
    with_unit: bool = False
    larger_is_better: bool = False
    on_card: bool = False
    share: bool = False
    in_sweeps: bool = False


FIELDS = ("density", "field")
NUMBERS = ("scalar", "counts")
MEASURES = {
    measure.name: measure
    for measure in (
        Measure("r2", "R²", "explained variance against the mean of the split", (*FIELDS, *NUMBERS),
                larger_is_better=True, on_card=True, in_sweeps=True),
        Measure("nmae", "NMAE",
                "∫|n − n_ref| / N: charge in the wrong place; of other fields ∑|f − f_ref| / ∑|f_ref|", FIELDS,
                lambda p, t, c: nmae(p, t, c.mean_density), percent=True, on_card=True, in_sweeps=True),
        Measure("accuracy", "accuracy", "fraction of samples with the correct class", ("class",),
                lambda p, t, c: accuracy(p, t), percent=True, larger_is_better=True, on_card=True, share=True,
                in_sweeps=True),
        Measure("mae", "|error|", "absolute error", NUMBERS,
                lambda p, t, c: mae(p, t), with_unit=True, on_card=True, in_sweeps=True),
        Measure("exact", "exact", "fraction of samples with the correct count", ("counts",),
                lambda p, t, c: exact_share(p, t), percent=True, larger_is_better=True, on_card=True, share=True,
                in_sweeps=True),
        Measure("recall", "recall", f"fraction of the objects found within {RADIUS:g} points", ("counts",),
                percent=True, larger_is_better=True, on_card=True),
        Measure("precision", "precision", f"fraction of the positions found within {RADIUS:g} points of an object",
                ("counts",), percent=True, larger_is_better=True, on_card=True),
        Measure("ssim", "SSIM", "structural similarity, whole field", FIELDS,
                lambda p, t, c: ssim(p, t, c.data_range), larger_is_better=True, on_card=True, in_sweeps=True),
        Measure("mssim", "MSSIM (8×8)", "structural similarity, mean over windows", FIELDS,
                lambda p, t, c: mssim(p, t, c.data_range), larger_is_better=True, on_card=True),
        Measure("l1", "L₁", "mean absolute error", FIELDS, lambda p, t, c: l1(p, t), with_unit=True),
        Measure("l2", "L₂", "root mean square error", FIELDS, lambda p, t, c: l2(p, t), with_unit=True),
        Measure("linf", "L∞", "largest error", FIELDS, lambda p, t, c: linf(p, t), with_unit=True, on_card=True),
        Measure("charge_error", "charge error", "|∫n − N| / N", ("density",),
                lambda p, t, c: charge_error(p, c.mean_density), percent=True, on_card=True),
        Measure("label_error", "label error", "distance of the labels from the requested ones, part of their range",
                ("drawn",), percent=True, on_card=True, in_sweeps=True),
        Measure("label_distance", "label distance",
                "Wasserstein distance of the labels' distribution from that of the split, part of their range",
                ("drawn",), percent=True, on_card=True, in_sweeps=True),
        Measure("estimated_error", "estimated error", "the network's estimate of its NMAE, a quantile", ("density",),
                percent=True, on_card=True),
        Measure("error_bar", "error bar", "the network's estimate of its error, a quantile", ("scalar",),
                with_unit=True),
        Measure("covered", "covered", "fraction of samples whose error is at most the estimated one",
                ("density", "scalar"), percent=True, on_card=True, share=True, larger_is_better=True),
        Measure("to_verify", "to verify", "fraction of samples unlike training, or with a large estimated error",
                ("density",), percent=True, share=True),
        Measure("equivariance_error", "equivariance error", "largest change under the symmetries of the domain",
                FIELDS, percent=True),
    )
}  # fmt: skip
"""All measures, in the order of their display."""
JUDGE = {"density": "r2", "field": "r2", "scalar": "r2", "counts": "r2", "class": "accuracy"}
"""The measure of the validation split that selects the best checkpoint, by kind of the target."""
RANK = {"density": "nmae", "field": "l1", "scalar": "mae", "counts": "mae", "class": "accuracy"}
"""The measure that orders single samples from the best to the worst, by kind."""


def measures_of(kind: str) -> tuple[Measure, ...]:
    """Return the measures of single samples for a kind of column."""
    return tuple(m for m in MEASURES.values() if kind in m.kinds and m.of_sample)


def has_r2(kind: str) -> bool:
    """Return True where R^2 is a measure of this kind."""
    return kind in MEASURES["r2"].kinds


def is_better(measure: str, value: float, than: float) -> bool:
    """Return True where a value of a measure, also of an output (energy/mae), is better than another one."""
    return value > than if larger_is_better(measure) else value < than


def larger_is_better(measure: str) -> bool:
    """Return True where the best value of a measure, also of an output (energy/mae), is the largest."""
    known = MEASURES.get(measure.rsplit("/", 1)[-1])
    return bool(known and known.larger_is_better)


def sample_measures(kind: str, pred: Array, target: Array, context: Context) -> dict[str, Array]:
    """Return all measures of single samples for a kind of column, by name, (S,) each."""
    return {m.name: m.of_sample(pred, target, context) for m in measures_of(kind) if m.of_sample}


def mean_and_spread(values: Iterable[float]) -> dict[str, float]:
    """Return mean, median and the central 90 % of a measure over samples."""
    sample = np.asarray(list(values), dtype=np.float64)
    low, median, high = np.quantile(sample, [0.05, 0.5, 0.95]).tolist()
    return {"mean": float(sample.mean()), "median": median, "p05": low, "p95": high}


def with_coverage(of_samples: dict[str, Array]) -> dict[str, Array]:
    """Return measures of single samples; with ``covered`` where there is an estimated error."""
    for error, estimate in (("nmae", "estimated_error"), ("mae", "error_bar")):
        if estimate in of_samples:
            covered = of_samples[error] <= of_samples[estimate]
            return of_samples | {"covered": np.asarray(covered, dtype=np.float64)}
    return of_samples


def summarise(kind: str, pred: Array, target: Array, of_samples: Mapping[str, Array]) -> dict[str, Any]:
    """Return R^2 of a split for kinds that have it, None where undefined, and the spread of all other measures."""
    summary: dict[str, Any] = {}
    if has_r2(kind):
        value = float(r2(np.asarray(pred, dtype=np.float64), np.asarray(target, dtype=np.float64)))
        summary["r2"] = value if math.isfinite(value) else None
    return summary | {name: mean_and_spread(values) for name, values in of_samples.items()}
