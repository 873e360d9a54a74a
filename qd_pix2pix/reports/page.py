"""Shared components of pages: panels, rows of measures, numbers as text, templates. No import of torch."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure

from qd_pix2pix.evaluation.measures import MEASURES
from qd_pix2pix.reports.alternative import alternative
from qd_pix2pix.schema import Column, Schema

DPI = 170
"""Points of an inch of the fields in a figure; all else in it is vectors."""
MOST_NUMBERS = 3
"""Numbers that describe a sample."""
LONGEST = 48
"""Characters of the name of a file."""
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Panel(NamedTuple):
    """One figure of a page.

    Attributes:
        image: SVG in base64.
        caption: caption.
        wide: True for the full width.
        alt: what the figure shows, for readers who do not see it.
        name: name of the file when it is downloaded.
    """

    image: str
    caption: str
    wide: bool
    alt: str
    name: str


class Row(NamedTuple):
    """One line of a table of measures, as text."""

    name: str
    meaning: str
    mean: str
    median: str
    spread: str


def figure_panel(figure: Figure, caption: str, wide: bool = False, name: str = "") -> Panel:
    """Return a figure for a page; without a name, the file that a reader downloads is named by the caption."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "qd_pix2pix"}):  # the same page for the same results
        figure.savefig(buffer, format="svg", dpi=DPI, metadata={"Date": None})
    image = base64.b64encode(buffer.getvalue()).decode()
    name = name or re.sub(r"[^a-z0-9]+", "_", caption.lower()).strip("_")[:LONGEST].strip("_") or "figure"
    return Panel(image, caption, wide, alternative(figure), name)


def render(template: str, **content: Any) -> str:
    """Return a page from one of the package's templates."""
    loader = PackageLoader("qd_pix2pix.reports")
    environment = Environment(
        loader=loader, autoescape=".html" in template, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template(template).render(**content)


def power_of_ten(value: float, unit: str) -> str:
    """Return a number with three digits and its power of ten: 1.23×10⁻³ nm⁻²."""
    digits, _, power = f"{value:.2e}".partition("e")
    exponent = f"×10{str(int(power)).translate(SUPERSCRIPT)}" if int(power) else ""
    base, _, exponent_of_unit = unit.partition("^")
    return f"{digits}{exponent} {base}{exponent_of_unit.translate(SUPERSCRIPT)}".rstrip()


def number(measure: str, value: float, column: Column, schema: Schema) -> str:
    """Return a value of a measure as text, in percent or with its unit."""
    known = MEASURES[measure]
    if known.percent:
        return f"{100 * value:.3g} %" if abs(value) >= 1e-5 or value == 0 else "< 0.001 %"
    if not known.with_unit:
        return f"{value:.4f}"
    if column.is_field:
        return power_of_ten(value, schema.unit(column))
    factor, unit = schema.small_unit(column)
    return f"{factor * value:.3g} {unit}".rstrip()


def quantity(column: Column, value: float, schema: Schema) -> str:
    """Return a value of a column that is no field as text, with its unit: −8 J, 12."""
    factor, unit = (1.0, "") if column.role == "class" else schema.small_unit(column)
    return f"{factor * value + 0.0:.4g}".replace("-", "−") + f" {unit}".rstrip()


def rows(measures: Mapping[str, Any], column: Column, schema: Schema) -> list[Row]:
    """Return the measures of one output as rows: mean, median, and the interval of the central 90 % of the samples."""
    lines = []
    for name, measure in MEASURES.items():
        value = measures.get(name)
        if isinstance(value, Mapping):
            if measure.share:
                lines.append(Row(measure.label, measure.meaning, number(name, value["mean"], column, schema), "", ""))
                continue
            low, high, mean, median = (number(name, value[k], column, schema) for k in ("p05", "p95", "mean", "median"))
            lines.append(Row(measure.label, measure.meaning, mean, median, f"{low} … {high}"))
        elif value is not None:
            lines.append(Row(measure.label, measure.meaning, number(name, value, column, schema), "", ""))
    return lines


def symbol(column: Column) -> str:
    """Return a column's symbol without TeX, for text."""
    known = {
        "E_{ee}": "E_ee",
        "n_0": "n₀",
        r"n_\mathrm{int}": "n_int",
        r"\Delta E": "ΔE",
        r"\delta": "δ",
        "m^*": "m*",
        r"\varepsilon_r": "ε_r",
        r"V - \mu": "V − μ",
        r"E - \mu N": "E − μN",
        r"\mu_-": "μ₋",
        r"\mu_+": "μ₊",
        r"\Delta n^2": "Δn²",
        r"\langle n n' \rangle": "⟨nn′⟩",
    }
    is_text = column.symbol and not set("\\{}") & set(column.symbol)
    return known.get(column.symbol, column.symbol if is_text else column.name)


def numbers_of(schema: Schema) -> list[Column]:
    """Return the numbers by which samples are described: the first one, the one of difficulty, dimensionless ones."""
    scalars = schema.of_role("scalar")
    hard = [schema[schema.hard_by]] if schema.hard_by else []
    chosen = [*scalars[:1], *hard, *(column for column in scalars if not schema.unit(column))]
    return list({column.name: column for column in chosen}.values())[:MOST_NUMBERS]


def described(columns: Mapping[str, Any], i: int, schema: Schema) -> str:
    """Return the numbers of sample ``i`` that are among ``columns`` (S,): energy, gap, spin; two in a line."""
    known = [column for column in numbers_of(schema) if column.name in columns]
    texts = [f"{symbol(c)} = {quantity(c, float(columns[c.name][i]), schema)}" for c in known]
    return ", ".join(texts) if len(texts) < MOST_NUMBERS else "\n".join((texts[0], ", ".join(texts[1:])))


def sentence(text: str) -> str:
    """Return a phrase with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
