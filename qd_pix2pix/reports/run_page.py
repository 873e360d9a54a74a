"""Predictions file, ``metrics.json`` and the run's history -> one self-contained HTML page. No torch here."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.evaluation.predictions import WITH_UNIT, Predictions
from qd_pix2pix.files import write_text
from qd_pix2pix.reports import figures
from qd_pix2pix.reports.history import read_history, read_snapshots, spread
from qd_pix2pix.schema import MILLI, get_field, units_of

DOTS_SHOWN = 3
MEASURES = {
    "r2": "R²",
    "nmae": "NMAE",
    "ssim": "SSIM",
    "mssim": "MSSIM (8×8)",
    "l1": "L₁",
    "l2": "L₂",
    "linf": "L∞",
    "charge_error": "charge error",
    "equivariance_error": "equivariance error",
}
MEANING = {
    "r2": "explained variance against the mean map",
    "nmae": "∫|n − n_exact| / N: charge in the wrong place",
    "ssim": "structural similarity, whole field",
    "mssim": "structural similarity, mean over windows",
    "l1": "mean absolute error",
    "l2": "root mean square error",
    "linf": "largest error",
    "charge_error": "|∫n − N| / N",
    "equivariance_error": "largest change when the square is turned or mirrored",
}
TERMS = ("l1", "l2", "huber", "gradient", "likelihood")
IN_PERCENT = ("nmae", "charge_error", "equivariance_error")
COLUMNS = ("input", "exact", "predicted", "error")
CARDS = ("R²", "NMAE", "SSIM", "MSSIM (8×8)", "charge error", "L∞")
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SYMBOLS = {"V": "V", "n0": "n₀", "n_int": "n_int", "energy": "E", "gap": "ΔE"}


class Panel(NamedTuple):
    """One figure of the page: PNG as base64, caption, and whether it takes the whole width."""

    image: str
    caption: str
    wide: bool = False


class Row(NamedTuple):
    """One line of the table of measures, as text."""

    name: str
    meaning: str
    mean: str
    median: str
    spread: str


def png(figure: Figure) -> str:
    """A figure as PNG in base64, to stand in a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=170)
    return base64.b64encode(buffer.getvalue()).decode()


def render(template: str, **content: Any) -> str:
    """A page from one of the package's templates."""
    loader = PackageLoader("qd_pix2pix.reports")
    environment = Environment(
        loader=loader, autoescape=".html" in template, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template(template).render(**content)


def _number(name: str, value: float, unit: str) -> str:
    if name in IN_PERCENT:
        return f"{100 * value:.3g} %"
    if name in WITH_UNIT:
        digits, _, power = f"{value:.2e}".partition("e")
        power_of_ten = f"×10{str(int(power)).translate(SUPERSCRIPT)}" if int(power) else ""
        return f"{digits}{power_of_ten} {unit.replace('^-2', '⁻²')}"
    return f"{value:.4f}"


def table(record: dict[str, Any], unit: str) -> list[Row]:
    """The measures of ``metrics.json`` as lines of text: mean, median, and where the central 90 % of the dots lie."""
    rows = []
    for name, label in MEASURES.items():
        value = record["measures"].get(name)
        if isinstance(value, dict):
            low, high = (_number(name, value[key], unit) for key in ("p05", "p95"))
            mean, median = (_number(name, value[key], unit) for key in ("mean", "median"))
            rows.append(Row(label, MEANING[name], mean, median, f"{low} … {high}"))
        elif value is not None:
            rows.append(Row(label, MEANING[name], _number(name, value, unit), "", ""))
    return rows


def also_table(record: dict[str, Any]) -> list[Row]:
    """One line for each further output: R^2 and NMAE of a field, R^2 and |error| of a number."""
    unit = MILLI[units_of(record["recipe"]).energy]
    rows = []
    for name, found in record["also"].items():
        r2 = f"R² {found['r2']:.4f}" if found["r2"] is not None else ""
        if "error" in found:
            spread, label, shown = found["error"], "|error|", lambda v: f"{1e3 * v:.3g} {unit}"
        else:
            spread, label, shown = found["nmae"], "NMAE", lambda v: f"{100 * v:.3g} %"
        low, high, mean, median = (shown(spread[key]) for key in ("p05", "p95", "mean", "median"))
        rows.append(Row(f"{SYMBOLS[name]}, {label}", r2, mean, median, f"{low} … {high}"))
    return rows


def label_error(record: dict[str, Any]) -> str:
    """Mean error of the labels that a test was held against, as text; empty where nothing is known or none is."""
    mapping, found = record["model"]["mapping"], record.get("label_error")
    concerned = "n_int" in (mapping["source"], mapping["target"], *mapping["also"])
    return f"{100 * found['mean']:.2g} %" if found and found["mean"] > 0 and concerned else ""


def _unit(predictions: Predictions) -> str:
    """Unit of the target."""
    return predictions.units.of(predictions.target_field.quantity)


def _score(predictions: Predictions) -> tuple[str, NDArray]:
    """The measure that ranks the dots: NMAE for densities, L1 else."""
    name = "nmae" if "nmae" in predictions.measures else "l1"
    return name, predictions.measures[name]


def _dot_panels(predictions: Predictions, axes: figures.Axes, inverse: bool) -> Iterator[Panel]:
    """Typical, best and worst dots; where nothing exact is known, simply the first ones."""
    p = predictions
    if p.target is None:
        shown = slice(0, 12)
        titles = [f"dot {i}" for i in p.sample[shown]]
        figure = figures.comparison(axes, p.source[shown], None, p.predicted[shown], titles)
        yield Panel(png(figure), f"The first {len(titles)} of {len(p.sample)} dots.", wide=True)
        return
    name, score = _score(p)
    order = np.argsort(score)
    middle = max(len(order) // 2 - DOTS_SHOWN // 2, 0)
    groups = {"Dots": order[:]} if len(order) < 3 * DOTS_SHOWN else {
        "Typical dots": order[middle : middle + DOTS_SHOWN],
        "Best dots": order[:DOTS_SHOWN],
        "Worst dots": order[::-1][:DOTS_SHOWN],
    }  # fmt: skip
    for group, chosen in groups.items():
        titles = [f"dot {p.sample[i]}: {_number(name, score[i], _unit(p))}" for i in chosen]
        columns = ("proposed V", "given n", "n of the proposed V", "difference") if inverse else COLUMNS
        figure = figures.comparison(axes, p.source[chosen], p.target[chosen], p.predicted[chosen], titles, columns)
        yield Panel(png(figure), f"{group} by {MEASURES[name]}.", wide=True)


def _distribution_panels(predictions: Predictions) -> Iterator[Panel]:
    p = predictions
    if p.target is None or len(p.sample) < 5:
        return
    name, score = _score(p)
    values = 100 * score if name == "nmae" else score
    label = "NMAE (%)" if name == "nmae" else f"L1 ({_unit(p)})"
    yield Panel(png(figures.histogram(values, label)), f"{label} over {len(values)} dots.")
    if p.gap is not None and np.isfinite(p.gap).any():
        figure = figures.against_gap(1e3 * p.gap, MILLI[p.units.energy], values, label)
        yield Panel(png(figure), f"{label} of each dot against the gap above its ground state.")


def _also_panels(predictions: Predictions, axes: figures.Axes) -> Iterator[Panel]:
    """Further outputs: numbers against the exact ones; fields of the typical dot."""
    p = predictions
    for name, (found, exact) in p.also.items():
        field = get_field(name)
        if exact is None:
            continue
        if field.is_scalar:
            unit = MILLI[p.units.energy]
            figure = figures.against_exact(1e3 * exact, 1e3 * found, rf"${field.symbol}$ ({unit})")
            yield Panel(png(figure), f"{SYMBOLS[name]}: {field.description}.")
        else:
            order = np.argsort(_score(p)[1])
            chosen = order[len(order) // 2 : len(order) // 2 + 1]
            figure = figures.comparison(replace(axes, target=field), p.source[chosen], exact[chosen], found[chosen])
            yield Panel(png(figure), f"{SYMBOLS[name]} of the typical dot.", wide=True)


def _training_panels(run: Path | None, axes: figures.Axes, validation: NDArray | None) -> Iterator[Panel]:
    if run is None:
        return
    history = read_history(run)
    losses = {
        "train/g_adversarial": "generator, adversarial",
        "train/d_real": "discriminator, real",
        "train/d_fake": "discriminator, generated",
    }
    if any(name in history for name in losses):
        yield Panel(png(figures.curves(history, losses, "loss")), "Adversarial losses; thick: running mean.")
    if "train/g_reconstruction" in history:
        figure = figures.curves(history, {"train/g_reconstruction": "reconstruction"}, "loss, scaled field", log=True)
        yield Panel(png(figure), "Reconstruction loss of the generator, before its weight λ.")
    terms = {name: name.removeprefix("train/") for name in ("train/loss", *(f"train/{t}" for t in TERMS))}
    if "train/loss" in history:
        figure = figures.curves(history, terms, "loss", log=True)
        yield Panel(png(figure), "Loss and its terms, each before its weight; thick: running mean.")
    similarity = {"val/r2": "R²", "val/ssim": "SSIM", "val/mssim": "MSSIM"}
    if "val/r2" in history:
        yield Panel(png(figures.curves(history, similarity, "validation")), "Agreement with the validation split.")
        if "val/nmae" in history:
            figure = figures.curves(history, {"val/nmae": "NMAE"}, "validation", log=True)
            yield Panel(png(figure), "Charge in the wrong place, over training.")
        unit = axes.units.of(axes.target.quantity).replace("^-2", "$^{-2}$")
        norms = {"val/l1": "$L_1$", "val/l2": "$L_2$", "val/linf": r"$L_\infty$"}
        figure = figures.curves(history, norms, f"validation error ({unit})", log=True)
        yield Panel(png(figure), "Norms of the error over training.")
    snapshots = read_snapshots(run)
    if len(snapshots) > 1:
        steps = spread(sorted(snapshots))
        figure = figures.evolution(axes, steps, [snapshots[s][0] for s in steps], validation)
        yield Panel(png(figure), "A validation dot while the network learns.", wide=True)


def print_table(record: dict[str, Any]) -> None:
    """The measures, on the terminal."""
    judged = record["model"]["mapping"]["source" if record.get("inverse") else "target"]
    unit = units_of(record["recipe"]).of(get_field(judged).quantity)
    rows = table(record, unit)
    if rows:
        print(f"\n{record['mapping']}, {record['dots']} dots")
        print(f"{'':20}{'mean':>16}{'median':>16}   90 % of the dots")
    for row in rows + also_table(record):
        print(f"{row.name:20}{row.mean:>16}{row.median:>16}   {row.spread}")


def model_card(weights: str, records: list[dict[str, Any]], words: str) -> str:
    """What a file of weights is, in Markdown: use, data, configuration, measures with their spread, limits.

    ``words`` of the command line have trained it; empty where they are not known.
    """
    card = records[0]["model"]
    mapping, units = card["mapping"], units_of(card["recipes"][0])
    given, asked = (get_field(mapping[key]) for key in ("source", "target"))
    tests = [
        {
            "record": record,
            "facts": f"N = {record['recipe']['n_electrons']}, m* = {record['recipe']['material']['m_eff']}, "
            f"ε_r = {record['recipe']['material']['eps_r']}, L = {record['recipe']['grid']['extent']:g} {units.length}",
            "rows": table(record, units.of(asked.quantity)) + also_table(record),
            "label_error": label_error(record),
        }
        for record in records
    ]
    return render(
        "model_card.md.j2",
        weights=weights,
        card=card,
        given=given,
        asked=[get_field(name) for name in (mapping["target"], *mapping["also"])],
        units=units,
        unit=units.of,
        tests=tests,
        provenance=_provenance(records[0]),
        words=words,
        configuration=json.dumps({k: card[k] for k in ("model", "mapping", "loader", "trainer", "seed")}, indent=1),
        recipes=json.dumps(card["recipes"], indent=1),
    )


def _provenance(record: dict[str, Any]) -> dict[str, str]:
    """Lines of the table at the end of the page."""
    card, origin = record["model"], record["provenance"]
    facts = {
        "Checkpoint": record["checkpoint"],
        "Dataset": ", ".join(card["datasets"]),
        "Training": f"step {card['step']}, batch {card['loader']['batch_size']}, seed {card['seed']}, "
        f"precision {card['trainer']['precision']}, "
        f"{card['train_seconds'] / 60:.1f} minutes",
        "Trained on": card["provenance"]["hardware"],
        "Training commit": card["provenance"]["commit"],
        "Evaluated": f"{origin['time']}, commit {origin['commit']}, on {origin['hardware']}",
        "Versions": ", ".join(f"{k} {v}" for k, v in {"Python": origin["python"], **origin["packages"]}.items()),
    }
    return {name: str(value) for name, value in facts.items()}


def write_report(folder: Path, run: Path | None = None, validation: NDArray | None = None) -> Path:
    """Write ``folder/report.html`` from the results in ``folder``.

    Args:
        folder: where ``predictions.h5`` and ``metrics.json`` lie.
        run: folder of the training run; its history becomes the curves.
        validation: exact target (n, n) of the first dot in the run's snapshots.
    """
    predictions = Predictions.read(folder / "predictions.h5")
    record = json.loads((folder / "metrics.json").read_text())
    card = record["model"]
    inverse = record.get("inverse", False)
    axes = figures.Axes(predictions.extent, predictions.units, predictions.source_field, predictions.target_field)
    trained = replace(axes, source=get_field(card["mapping"]["source"]), target=get_field(card["mapping"]["target"]))
    rows = table(record, _unit(predictions))
    source, *asked = (
        SYMBOLS[n] for n in (*(card["mapping"][k] for k in ("source", "target")), *card["mapping"]["also"])
    )
    page = render(
        "run.html.j2",
        title=f"{source} → {', '.join(asked)}",
        inverse=inverse,
        record=record,
        recipe=record["recipe"],
        trained=sum(recipe["train"] for recipe in card["recipes"]),
        length=predictions.units.length,
        family=card["recipes"][0]["potential"]["_target_"].rsplit(".", 1)[-1],
        label_error=label_error(record),
        rows=rows,
        also=also_table(record),
        # what the solver finds has its charge for sure
        cards=[row for name in CARDS for row in rows if row.name == name and not (inverse and "charge" in name)][:5],
        dots=list(_dot_panels(predictions, axes, inverse)),
        outputs=list(_also_panels(predictions, axes)) if predictions.target is not None else [],
        distributions=list(_distribution_panels(predictions)),
        training=list(_training_panels(run, trained, validation)),
        provenance=_provenance(record),
        configuration=json.dumps({k: card[k] for k in ("model", "mapping", "loader", "trainer", "recipes")}, indent=2),
    )
    path = folder / "report.html"
    write_text(path, page)
    return path
