"""The self-contained HTML page of an evaluation and its run, and a table on the terminal. No import of torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qd_pix2pix.evaluation.measures import MEASURES, RANK
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.files import write_text
from qd_pix2pix.reports import figures
from qd_pix2pix.reports.curve_figures import curves
from qd_pix2pix.reports.drawn_panels import drawn_panels, label_panels, label_rows
from qd_pix2pix.reports.figures import Frame, labelled, tex_unit
from qd_pix2pix.reports.history import read_history, read_reference, read_snapshots, spread
from qd_pix2pix.reports.implied_panels import implied_panels
from qd_pix2pix.reports.page import Panel, Row, figure_panel, render, rows, symbol
from qd_pix2pix.reports.prediction_panels import also_panels, distribution_panels, target_panels
from qd_pix2pix.reports.sample_table import sample_table
from qd_pix2pix.reports.smoke import banner_of_checkpoint
from qd_pix2pix.reports.trained_error import trained_errors
from qd_pix2pix.reports.verification_page import verification_panels, verification_rows
from qd_pix2pix.schema import Schema, in_percent

SAMPLES_SHOWN = 3
MOST_CARDS = 5
SHARES = tuple(name for name, measure in MEASURES.items() if measure.kinds == ("counts",))
"""Measures of further numbers of objects that have rows of their own."""
NEGLIGIBLE = 1e-5
"""Relative errors below which a curve is not drawn: a charge that is conserved by construction."""
TERMS = ("l1", "l2", "huber", "gradient", "likelihood")
LOSSES = (
    (
        {
            "train/g_adversarial": "generator, adversarial",
            "train/d_real": "discriminator, real",
            "train/d_fake": "discriminator, generated",
        },
        "loss", False, "Adversarial losses; thick: running mean.",
    ),
    (
        {"train/labels": "labels"},
        "square error, scaled", True, "Square error of the labels that the discriminator predicts for stored samples.",
    ),
    (
        {"train/critic": "critic, drawn − stored", "train/generator": "generator, − drawn"},
        "score", False, "Scores of the critic. The first, times −1, estimates the Wasserstein distance.",
    ),
    (
        {"train/penalty": "gradient penalty", "train/consistency": "consistency"},
        "term of the loss", True, "Terms of the critic's loss that bound its slope, each before its weight.",
    ),
    (
        {"train/g_reconstruction": "reconstruction"},
        "loss, scaled field", True, "Reconstruction loss of the generator, before its weight λ.",
    ),
    (
        {name: name.removeprefix("train/") for name in ("train/loss", *(f"train/{t}" for t in TERMS))},
        "loss", True, "Loss and its terms, each before its weight; thick: running mean.",
    ),
)  # fmt: skip
"""Curves of the training: names of the log with their labels, the axis, whether it is logarithmic, the caption."""


def label_error(record: Evaluation) -> str:
    """Return the mean estimated error of a test's references, as text; empty without an estimate or an error."""
    found = record.label_error
    return in_percent(found["mean"]) if found and found["mean"] > 0 and _is_relative(record) else ""


def _is_relative(record: Evaluation) -> bool:
    schema = record.of_schema()
    column = schema.error_column(record.model["mapping"]["target"])
    return column is not None and not schema.unit(column)


def also_rows(record: Evaluation) -> list[Row]:
    """Return rows for each further output: the measure that ranks its samples, with R^2 as its meaning, and shares."""
    if record.drawn:
        return label_rows(record)
    schema, lines = record.of_schema(), []
    for name, measures in record.also.items():
        column = schema[name]
        chosen = rows({RANK[column.kind]: measures[RANK[column.kind]]}, column, schema)[0]
        r2 = f"R² {measures['r2']:.4f}" if measures.get("r2") is not None else ""
        lines.append(chosen._replace(name=f"{symbol(column)}, {chosen.name}", meaning=r2))
        others = rows({name: measures.get(name) for name in SHARES}, column, schema) if column.role == "counts" else []
        lines += [row._replace(name=f"{symbol(column)}, {row.name}") for row in others]
    return lines


def _training_panels(run: Path | None, record: Evaluation) -> Iterator[Panel]:
    if run is None:
        return
    history = read_history(run)
    for names, label, log, caption in LOSSES:
        if any(name in history for name in names):
            yield figure_panel(curves(history, names, label, log=log), caption)
    yield from _validation_panels(history, record.of_schema(), record.model["mapping"]["target"])
    yield from _evolution_panels(run, record)


def _validation_panels(history: dict[str, Any], schema: Schema, target: str) -> Iterator[Panel]:
    """Yield curves of the validation split's measures: agreement, relative errors, and errors with units."""
    column = schema[target]
    logged = [m for m in MEASURES.values() if f"val/{m.name}" in history]
    drawn, found = ([m for m in logged if (m.kinds == ("drawn",)) == of_drawn] for of_drawn in (True, False))
    unit = tex_unit(schema.unit(column))
    agree = [m for m in found if m.larger_is_better and not m.with_unit]
    relative = [m for m in found if m.percent and not m.larger_is_better]
    relative = [m for m in relative if history[f"val/{m.name}"][1].max() > NEGLIGIBLE]
    errors = [m for m in found if m.with_unit]
    groups = (
        (agree, "validation", False, "Agreement with the validation split."),
        (relative, "validation", True, "Relative errors over training."),
        (errors, labelled("validation error", unit), True, "Errors over training."),
        (drawn, "in units of the range", True, "Labels of drawn samples over training, which the solver computes."),
    )
    for measures, label, log, caption in groups:
        if measures:
            names = {f"val/{m.name}": m.label for m in measures}
            yield figure_panel(curves(history, names, label, log=log), caption)


def _evolution_panels(run: Path, record: Evaluation) -> Iterator[Panel]:
    snapshots = read_snapshots(run)
    if len(snapshots) > 1:
        schema = Schema.from_dict(record.model["schemas"][0])
        column = schema[record.model["mapping"]["target"]]
        steps = spread(sorted(snapshots))
        reference = read_reference(run)
        maps = [snapshots[step][0] for step in steps]
        last, caption = "reference", f"A validation {schema.sample} over the training."
        if record.drawn:
            last, caption = "stored", f"A {schema.sample} drawn from the same random numbers over the training; last: "
            has_labels = record.model["mapping"].get("given")
            caption += f"a {schema.sample} of the validation split{', at whose labels it is drawn' * bool(has_labels)}."
        first = None if reference is None else reference[0]
        yield figure_panel(figures.evolution(Frame(schema), column, steps, maps, first, last), caption, wide=True)


def provenance_lines(record: Evaluation) -> dict[str, str]:
    """Return the lines of the table at the end of a page."""
    card, origin = record.model, record.provenance
    versions, start = origin or card["provenance"], card["provenance"].get("init_from")
    lines = {
        "Checkpoint": record.checkpoint,
        "Dataset": ", ".join(card["datasets"]),
        "Training": f"step {card['step']}, batch {card['loader'].get('batch_size')}, seed {card['seed']}, "
        f"precision {card['trainer'].get('precision')}, {card['train_seconds'] / 60:.1f} minutes",
        "Initial weights": "{name}, SHA-256 {sha256}".format(**start) if start else "",
        "Own modules": ", ".join(
            f"{name}, SHA-256 {found}" for name, found in card["provenance"].get("modules", {}).items()
        ),
        "Trained on": card["provenance"].get("hardware", "unknown"),
        "Training commit": card["provenance"].get("commit", "unknown"),
        "Evaluated": "{time}, commit {commit}, on {hardware}".format(**origin) if origin else "",
        "Versions": ", ".join(f"{k} {v}" for k, v in {"Python": versions["python"], **versions["packages"]}.items()),
    }
    return {name: str(value) for name, value in lines.items() if value}


def print_table(record: Evaluation) -> None:
    """Print the measures."""
    schema = record.of_schema()
    shown = rows(record.measures, schema[record.model["mapping"]["target"]], schema) + also_rows(record)
    verified = verification_rows(record)
    if shown or verified:
        print(f"\n{record.mapping}, {schema.count(record.samples)}")
        print(f"{'':20}{'mean':>20}{'median':>20}   90 % of the {schema.sample}s")
    for row in [*shown, *verified]:
        print(f"{row.name:20}{row.mean:>20}{row.median:>20}   {row.spread}")


def show(folder: Path, run: Path | None = None) -> Path:
    """Print the measures of an evaluation, write its page, and print the paths of both; return the page's path."""
    record = Evaluation.read(folder)
    page = write_run_page(folder, run)
    print_table(record)
    print(f"predictions  {folder / 'predictions.h5'}\nreport       {page}", flush=True)
    return page


def _title(record: Evaluation, predictions: Predictions) -> str:
    """Return the mapping in symbols."""
    mapping = record.model["mapping"]
    sources = predictions.sources if not record.drawn else tuple(mapping.get("given", ()))
    outputs = predictions.outputs if not record.drawn else (mapping["target"],)
    left, right = (", ".join(symbol(predictions.schema[name]) for name in names) for names in (sources, outputs))
    return f"{left or ('noise' if record.drawn else 'conditions')} → {right}"


def _parts(record: Evaluation, predictions: Predictions) -> dict[str, list[Panel]]:
    """Return the figures after the measures by their headings."""
    if record.drawn:
        return {f"Labels of the drawn {predictions.schema.sample}s": list(label_panels(predictions))}
    return {
        "Further outputs of the same network": list(also_panels(predictions)),
        "Where errors are large": list(distribution_panels(predictions)),
        "Implied by the predictions": list(implied_panels(record)),
    }


def write_run_page(folder: Path, run: Path | None = None) -> Path:
    """Write ``folder/report.html`` from the results in ``folder``; return its path.

    Args:
        folder: folder of ``predictions.h5`` and ``metrics.json``.
        run: folder of the training run, whose history is drawn.

    Raises:
        FileNotFoundError, ValueError: results are missing or damaged.
    """
    predictions, record = Predictions.read(folder / "predictions.h5"), Evaluation.read(folder)
    card, schema = record.model, predictions.schema
    trained = [Schema.from_dict(content) for content in card["schemas"]]
    lines = rows(record.measures, predictions.target, schema)
    on_card = {measure.label for measure in MEASURES.values() if measure.on_card}
    page = render(
        "run.html.j2",
        title=_title(record, predictions),
        smoke=banner_of_checkpoint(record.checkpoint),
        trained_errors=trained_errors(record),
        record=record,
        schema=schema,
        trained=schema.count(sum(recipe["train"] for recipe in card["recipes"])),
        family=trained[0].family,
        labels=trained[0].summary,
        label_error=label_error(record),
        rows=lines,
        also=also_rows(record),
        cards=[row for row in lines if row.name in on_card][:MOST_CARDS],
        verified=verification_rows(record),
        verification=list(verification_panels(record, folder)),
        heading=f"drawn {schema.sample}s".capitalize() if record.drawn else f"{schema.sample}s".capitalize(),
        samples=list(drawn_panels(predictions) if record.drawn else target_panels(predictions)),
        table=sample_table(predictions) if record.input else ([], []),
        parts=_parts(record, predictions),
        training=list(_training_panels(run, record)),
        provenance=provenance_lines(record),
        configuration=json.dumps(
            {k: card[k] for k in ("mapping", "network", "heads", "model", "loader", "trainer", "recipes")}, indent=2
        ),
    )
    path = folder / "report.html"
    write_text(path, page)
    return path
