"""Matplotlib figures of one number per sample: agreement, errors, distributions. No import of torch."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from qd_pix2pix.reports.colours import COLOURS

CLASSES_IN_WRITING = 16
"""Classes up to which a confusion matrix shows its counts in digits."""
MOST_BARS = 300
"""Different values up to which a distribution has one bar for each of them."""
MOST_VALUES = 40
"""Different references up to which errors have one bin for each of them."""
BINS = 20


def against_reference(
    reference: NDArray, predicted: NDArray, label: str, names: tuple[str, str] = ("reference", "predicted")
) -> Figure:
    """Return a figure of predicted numbers against references, with the diagonal; ``names`` are those of both."""
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    panel = figure.subplots()
    low, high = (float(f([f(reference), f(predicted)])) for f in (np.min, np.max))
    panel.plot([low, high], [low, high], color="0.6", lw=1)
    panel.plot(reference, predicted, ".", color=COLOURS[0], ms=5)
    panel.set_xlabel(f"{names[0]} {label}")
    panel.set_ylabel(f"{names[1]} {label}")
    return figure


def error_by_reference(reference: NDArray, error: NDArray, label: str, error_label: str) -> Figure:
    """Return a figure of the absolute errors (S,) against the references (S,): median and 95 % quantile of each bin.

    Up to ``MOST_VALUES`` different references, such as levels of energy, are one bin each; others are in ``BINS`` bins
    of equal width, of which empty ones are omitted.
    """
    middles, bins = _binned(reference)
    medians, upper = (np.array([np.quantile(np.abs(error)[b], q) for b in bins]) for q in (0.5, 0.95))
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    panel.vlines(middles, medians, upper, color=COLOURS[1], lw=1, alpha=0.5)
    panel.plot(middles, upper, "_", color=COLOURS[1], ms=7, mew=1.5, label="95 %")
    panel.plot(middles, medians, "o", color=COLOURS[0], ms=4, label="median")
    panel.set_ylim(bottom=0)
    panel.set_xlabel(f"reference {label}")
    panel.set_ylabel(error_label)
    panel.legend(fontsize=8)
    return figure


def _binned(values: NDArray) -> tuple[NDArray, list[NDArray]]:
    """Return the middle of each bin that is not empty, and the indices of its samples."""
    known, index = np.unique(values, return_inverse=True)
    if len(known) > MOST_VALUES:
        edges = np.linspace(known[0], known[-1], BINS + 1)
        index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
        known = (edges[1:] + edges[:-1]) / 2
    filled = [i for i in range(len(known)) if (index == i).any()]
    return known[filled], [np.flatnonzero(index == i) for i in filled]


def confusion(reference: NDArray, predicted: NDArray, classes: int, label: str, sample: str = "sample") -> Figure:
    """Return a figure of the confusion matrix: samples of each class (rows) by predicted class (columns).

    Up to ``CLASSES_IN_WRITING`` classes have their counts in digits. Colours are logarithmic, to show single errors.
    """
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (reference.astype(int), predicted.astype(int)), 1)
    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    panel = figure.subplots()
    top = max(int(table.max()), 2)
    image = panel.imshow(table, cmap="cividis", norm=LogNorm(1, top), interpolation="nearest")
    bar = figure.colorbar(image, ax=panel, label=f"{sample}s", pad=0.02)
    ticks = [digit * 10**power for power in range(len(str(top))) for digit in (1, 2, 5) if digit * 10**power <= top]
    bar.set_ticks(ticks, labels=[str(tick) for tick in ticks])
    bar.ax.minorticks_off()
    written = classes <= CLASSES_IN_WRITING
    for (row, column), number in np.ndenumerate(table) if written else ():
        dark = 0 < number < top**0.5
        size = 8 if classes <= 12 else 6.5
        panel.text(column, row, str(number), ha="center", va="center", fontsize=size,
                   color="white" if dark else "black" if number else "0.75")  # fmt: skip
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(classes if written else "auto", integer=True))
        axis.set_tick_params(labelsize=8)
    panel.set_xlabel(f"predicted {label}")
    panel.set_ylabel(f"reference {label}")
    return figure


def histogram(values: NDArray, label: str, sample: str = "dot") -> Figure:
    """Return a histogram over samples, with the median; few different values, such as levels, have one bar each."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    known, counts = np.unique(values, return_counts=True)
    if _are_levels(known, len(values)):
        panel.bar(known, counts, width=0.8 * np.diff(known).min(), color=COLOURS[0], alpha=0.85)
    else:
        panel.hist(values, bins=min(30, max(8, len(values) // 5)), color=COLOURS[0], alpha=0.85)
    median = float(np.median(values))
    panel.axvline(median, color=COLOURS[1], lw=1.5, label=f"median {median:.3g}".replace("-", "−"))
    panel.set_xlabel(label)
    panel.set_ylabel(f"{sample}s")
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(fontsize=8)
    return figure


def histograms(drawn: NDArray, stored: NDArray, label: str, sample: str) -> Figure:
    """Return a histogram of a number of drawn samples (S,) over that of stored ones (S',), with common bins."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    both = np.concatenate([drawn, stored])
    known = np.unique(both)
    bins = np.histogram_bin_edges(both, 30).tolist()
    if _are_levels(known, len(both)):
        step = np.diff(known).min()
        bins = np.arange(known[0] - step / 2, known[-1] + step, step).tolist()
    panel.hist(stored, bins=bins, color="0.75", weights=np.full(len(stored), 1 / len(stored)), label="stored")
    panel.hist(
        drawn, bins=bins, histtype="step", color=COLOURS[0], lw=1.5, weights=np.full(len(drawn), 1 / len(drawn)),
        label="drawn",
    )  # fmt: skip
    panel.set_xlabel(label)
    panel.set_ylabel(f"fraction of the {sample}s")
    panel.legend(fontsize=8)
    return figure


def _are_levels(known: NDArray, samples: int) -> bool:
    """Return True where different values are few, repeated, and far enough apart for bars."""
    few = 1 < len(known) <= min(MOST_BARS, samples // 2)
    return few and bool(np.diff(known).min() > (known[-1] - known[0]) / (2 * MOST_BARS))


def scatter(x: NDArray, xlabel: str, values: NDArray, ylabel: str) -> Figure:
    """Return a scatter plot of one quantity of each sample against another one."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    panel.scatter(x, values, s=14, color=COLOURS[0], alpha=0.7, lw=0)
    panel.set_xlabel(xlabel)
    panel.set_ylabel(ylabel)
    return figure


def with_exact(x: NDArray, values: NDArray, exact: NDArray, xlabel: str, ylabel: str) -> Figure:
    """Return a figure of predicted values (x,), NaN where there are none, over the curve of the exact ones (x,)."""
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    panel = figure.subplots()
    panel.plot(x, exact, color="0.6", lw=1.5, label="exact")
    panel.plot(x, values, ".", color=COLOURS[0], ms=5, label="predicted")
    panel.set_xlabel(xlabel)
    panel.set_ylabel(ylabel)
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=8)
    return figure
