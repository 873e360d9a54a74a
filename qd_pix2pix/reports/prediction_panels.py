"""The figures of predictions on the page of a run: samples, numbers, errors. No import of torch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.evaluation.measures import MEASURES, RANK, larger_is_better
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.reports import figures, number_figures
from qd_pix2pix.reports.figures import Frame, labelled, tex_unit
from qd_pix2pix.reports.location_panels import location_panels
from qd_pix2pix.reports.page import Panel, described, figure_panel, number, quantity, symbol
from qd_pix2pix.schema import Column, Schema, in_percent

SAMPLES_SHOWN = 3


def _ranked(predictions: Predictions) -> tuple[str, NDArray]:
    """Return the name of the measure that ranks the samples, and its values, (S,)."""
    name = RANK[predictions.target.kind]
    return name, predictions.measures[predictions.target.name][name]


def _order(predictions: Predictions) -> NDArray:
    name, values = _ranked(predictions)
    return np.argsort(-values if larger_is_better(name) else values, kind="stable")


def frames_of(predictions: Predictions, chosen: NDArray) -> list[Frame]:
    """Return the frame of each chosen sample."""
    return [Frame(predictions.schema, predictions.of_sample(int(i))) for i in chosen]


def _field_panels(predictions: Predictions) -> Iterator[Panel]:
    """Yield figures of typical, best and worst samples; without references, of the first ones."""
    p, column, word = predictions, predictions.target, predictions.schema.sample
    given = [(p.schema[name], p.given[name]) for name in p.sources]
    if column.name not in p.reference:
        chosen = np.arange(min(12, len(p.sample)))
        estimated = p.measures.get(column.name, {}).get("estimated_error")
        titles = [f"{word} {p.sample[i]}{_estimate(estimated, int(i))}" for i in chosen]
        shown = [(c, v[chosen]) for c, v in given]
        figure = figures.comparison(frames_of(p, chosen), shown, column, None, p.predicted[column.name][chosen], titles)
        total = p.schema.count(len(p.sample))
        caption = f"The first {len(chosen)} of {total}." if len(chosen) < len(p.sample) else f"All {total}."
        yield figure_panel(figure, caption, wide=len(given) > 1)
        return
    name, score = _ranked(p)
    for group, chosen in groups_of(_order(p)).items():
        titles = [
            f"{word} {p.sample[i]}: {number(name, score[i], column, p.schema)}\n"
            f"{described({**p.known, **p.reference}, int(i), p.schema)}".rstrip()
            for i in chosen
        ]
        shown = [(c, v[chosen]) for c, v in given]
        figure = figures.comparison(
            frames_of(p, chosen),
            shown,
            column,
            p.reference[column.name][chosen],
            p.predicted[column.name][chosen],
            titles,
        )
        yield figure_panel(figure, f"{group} {word}s by {MEASURES[name].label}.", wide=True)


def _estimate(estimated: NDArray | None, i: int) -> str:
    """Return the estimated error of a sample for its title; empty without one."""
    return "" if estimated is None else f": estimated error {in_percent(estimated[i])}"


def groups_of(order: NDArray) -> dict[str, NDArray]:
    """Return typical, best and worst samples from their order; of a few samples, all."""
    if len(order) < 3 * SAMPLES_SHOWN:
        return {"All": order}
    middle = max(len(order) // 2 - SAMPLES_SHOWN // 2, 0)
    typical = order[middle : middle + SAMPLES_SHOWN]
    return {"Typical": typical, "Best": order[:SAMPLES_SHOWN], "Worst": order[::-1][:SAMPLES_SHOWN]}


def _source_panels(predictions: Predictions) -> Iterator[Panel]:
    """Yield figures of the fields from which a number or a class was predicted, with its values as titles."""
    p, column = predictions, predictions.target
    for name in p.sources:
        source = p.schema[name]
        if not source.is_field or len(p.shape) > 2:
            continue
        for caption, chosen in _chosen(p).items():
            titles = [_sample_title(p, column, int(i)) for i in chosen]
            figure = figures.strip(frames_of(p, chosen), source, p.given[name][chosen], titles)
            yield figure_panel(figure, f"{caption}: {source.description or name}.")


def _chosen(predictions: Predictions) -> dict[str, NDArray]:
    """Return samples to show by their description; classes have no best or worst sample, but correct and wrong ones."""
    p, column, word = predictions, predictions.target, predictions.schema.sample
    if column.name not in p.reference:
        first = np.arange(min(SAMPLES_SHOWN, len(p.sample)))
        return {f"The first {len(first)} of {p.schema.count(len(p.sample))}": first}
    if column.role == "class":
        correct = p.predicted[column.name] == p.reference[column.name]
        found = {"Correct": np.flatnonzero(correct), "Misclassified": np.flatnonzero(~correct)}
        return {f"{group} {word}s": i[:SAMPLES_SHOWN] for group, i in found.items() if len(i)}
    groups = groups_of(_order(p))
    label = MEASURES[RANK[column.kind]].label
    return {f"{g} {word}s by {label}": i[:SAMPLES_SHOWN] for g, i in groups.items() if g != "Best"}


def _sample_title(predictions: Predictions, column: Column, i: int) -> str:
    """Return the title of a sample: its number, the reference if there is one, the prediction."""
    p = predictions
    lines = [f"{p.schema.sample} {p.sample[i]}"]
    if column.name in p.reference:
        lines.append(f"{symbol(column)} = {quantity(column, p.reference[column.name][i], p.schema)}")
    return "\n".join([*lines, f"predicted {quantity(column, p.predicted[column.name][i], p.schema)}"])


def _number_panel(predictions: Predictions, name: str) -> Panel | None:
    """Return a figure of a number against its reference, or the confusion matrix of classes."""
    p, column = predictions, predictions.schema[name]
    if name not in p.reference:
        return None
    what = f"{symbol(column)}, {column.description}" if column.description else symbol(column)
    if column.role == "class":
        figure = number_figures.confusion(
            p.reference[name], p.predicted[name], column.classes, f"${column.tex}$", p.schema.sample
        )
        return figure_panel(figure, f"Confusion matrix of {what}: {p.schema.sample}s of each reference in rows.")
    factor, unit = p.schema.small_unit(column)
    label = labelled(f"${column.tex}$", tex_unit(unit))
    figure = number_figures.against_reference(factor * p.reference[name], factor * p.predicted[name], label)
    return figure_panel(figure, f"Predicted against reference {what}.")


def _error_panel(predictions: Predictions, name: str) -> Panel | None:
    """Return a figure of the absolute errors of a number against its reference; None for all other columns."""
    p, column = predictions, predictions.schema[name]
    if name not in p.reference or column.role not in ("scalar", "counts") or len(np.unique(p.reference[name])) < 2:
        return None
    factor, unit = p.schema.small_unit(column)
    reference, predicted = (factor * np.asarray(v[name], dtype=np.float64) for v in (p.reference, p.predicted))
    figure = number_figures.error_by_reference(
        reference, predicted - reference, labelled(f"${column.tex}$", tex_unit(unit)), labelled("|error|", unit)
    )
    bins = "each value" if len(np.unique(reference)) <= number_figures.MOST_VALUES else f"{number_figures.BINS} bins"
    return figure_panel(figure, f"Absolute error of {symbol(column)} against its reference: median and 95 % of {bins}.")


def target_panels(predictions: Predictions) -> Iterator[Panel]:
    """Yield figures of the target: fields of chosen samples, or numbers against references and chosen sources."""
    if predictions.target.is_field:
        yield from _field_panels(predictions)
        return
    if predictions.contributions:
        yield from location_panels(predictions, _chosen(predictions))
    else:
        yield from _source_panels(predictions)
    panel = _number_panel(predictions, predictions.target.name)
    if panel:
        yield panel


def also_panels(predictions: Predictions) -> Iterator[Panel]:
    """Yield figures of further outputs: numbers against their references; fields of the typical sample."""
    p = predictions
    for name in p.outputs[1:]:
        column = p.schema[name]
        if name not in p.reference:
            continue
        if not column.is_field:
            yield from filter(None, (_number_panel(p, name), _error_panel(p, name)))
            continue
        order = _order(p)
        chosen = order[len(order) // 2 : len(order) // 2 + 1]
        given = [(p.schema[source], p.given[source][chosen]) for source in p.sources]
        figure = figures.comparison(
            frames_of(p, chosen), given, column, p.reference[name][chosen], p.predicted[name][chosen]
        )
        yield figure_panel(figure, f"{symbol(column)} of the typical {p.schema.sample}.", wide=True)


def distribution_panels(predictions: Predictions) -> Iterator[Panel]:
    """Yield figures of the errors of the target: their distribution, and where they are large."""
    p, column = predictions, predictions.target
    if column.name not in p.reference or len(p.sample) < 5 or column.role == "class":
        return
    name, score = _ranked(p)
    factor, unit = (100.0, "%") if MEASURES[name].percent else _shown_unit(column, p.schema)
    label = labelled(MEASURES[name].label, unit)
    count = p.schema.count(len(score))
    yield figure_panel(number_figures.histogram(factor * score, label, p.schema.sample), f"{label} over {count}.")
    panel = _error_panel(p, column.name)
    if panel:
        yield panel
    if p.hard_by is not None and p.schema.hard_by and np.isfinite(p.hard_by).any():
        hard = p.schema[p.schema.hard_by]
        small, small_unit = p.schema.small_unit(hard)
        figure = number_figures.scatter(small * p.hard_by, labelled(hard.name, small_unit), factor * score, label)
        yield figure_panel(figure, f"{label} of each {p.schema.sample} against the {hard.description}.")


def _shown_unit(column: Column, schema: Schema) -> tuple[float, str]:
    return (1.0, schema.unit(column)) if column.is_field else schema.small_unit(column)
