"""The self-contained HTML page of a dataset: its samples and the errors of its labels. No import of torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.data.store import SPLITS, Split, Store
from qd_pix2pix.files import write_text
from qd_pix2pix.reports import figures, number_figures
from qd_pix2pix.reports.figures import Frame, labelled
from qd_pix2pix.reports.page import Panel, described, figure_panel, numbers_of, quantity, render, sentence, symbol
from qd_pix2pix.reports.smoke import banner_of_dataset
from qd_pix2pix.schema import Column, Schema

PAGE = "dataset.html"
SAMPLES_SHOWN = 4
NUMBERS_SHOWN = 2
"""Numbers in the title of a sample."""
MOST_CARDS = 6


def ensure_dataset_page(path: Path | str) -> Path:
    """Write the page of a complete dataset unless it exists; return its path."""
    page = Path(path) / PAGE
    return page if page.is_file() else write_dataset_page(path)


def _shown_samples(split: Split, schema: Schema) -> Iterator[Panel]:
    """Yield a figure of all fields of the first samples; a field that is equal to another one is omitted.

    Samples with a single field are side by side, with their first numbers as titles.
    """
    fields = schema.of_role("field")
    numbers = numbers_of(schema) or list(schema.of_role("counts", "class")[:NUMBERS_SHOWN])
    size = min(SAMPLES_SHOWN, len(split))
    if not fields:
        return
    samples = [split.read(i, [c.name for c in (*fields, *numbers)]) for i in range(size)]
    values = {column: np.stack([sample[column.name] for sample in samples]) for column in fields}
    shown: list[tuple[Column, NDArray]] = []
    for column, array in values.items():
        if not any(np.array_equal(array, other) for _, other in shown):
            shown.append((column, array))
    titles, frames = [f"{schema.sample} {i}" for i in range(size)], [Frame(schema)] * size
    known = {column.name: np.array([sample[column.name] for sample in samples]) for column in numbers}
    for i in range(size):
        about = described(known, i, schema) or ", ".join(
            f"{symbol(column)} = {quantity(column, float(known[column.name][i]), schema)}" for column in numbers
        )
        titles[i] += "\n" * bool(about) + about
    caption = f"The first {schema.count(size)}" if size > 1 else f"The first {schema.sample}"
    caption += " of the training split."
    if len(shown) > 1:
        yield figure_panel(figures.gallery(frames, shown, titles), caption, wide=len(shown) > 2)
        return
    yield figure_panel(figures.strip(frames, *shown[0], titles), caption, wide=True)


def _distributions(columns: dict[str, NDArray], schema: Schema) -> Iterator[Panel]:
    """Yield histograms of labels and of estimated errors."""
    for column in schema.of_role("error", "scalar", "counts", "class", "condition"):
        values = columns[column.name][np.isfinite(columns[column.name])]
        if not len(values) or np.ptp(values) == 0:
            continue
        factor, unit = _shown(column, schema)
        label = labelled(column.name.replace("_", " "), unit)
        figure = number_figures.histogram(factor * values, label, schema.sample)
        yield figure_panel(figure, sentence(column.description or column.name))


def _shown(column: Column, schema: Schema) -> tuple[float, str]:
    """Return the conversion factor and the unit of a column; dimensionless errors are shown in percent."""
    return (100.0, "%") if column.role == "error" and not schema.unit(column) else schema.small_unit(column)


def _cards(columns: dict[str, NDArray], schema: Schema) -> dict[str, str]:
    """Return the key numbers: mean errors of the labels and medians of the scalars."""
    cards = {}
    for column in (*schema.of_role("error"), *schema.of_role("scalar", "counts")):
        values = columns[column.name][np.isfinite(columns[column.name])]
        if not len(values) or (column.role == "error" and not values.any()):
            continue
        factor, unit = _shown(column, schema)
        is_error = column.role == "error"
        value = round(float(factor * (values.mean() if is_error else np.median(values))), 12) + 0.0  # not -7e-15
        name = column.name.replace("_", " ") if is_error else symbol(column)
        cards[f"{name}, {'mean' if is_error else 'median'}"] = f"{value:.3g}".replace("-", "−") + f" {unit}".rstrip()
    return dict(list(cards.items())[:MOST_CARDS])


def _guards(columns: dict[str, NDArray], schema: Schema) -> dict[str, str]:
    """Return one line for each guard of the solver: its maximum, or the number of samples with an unusual value."""
    lines = {}
    for column in schema.of_role("guard"):
        if column.axis:
            continue
        values = columns[column.name]
        whole = np.issubdtype(values.dtype, np.integer)
        usual = np.median(values) if whole else 0
        found = (
            f"{schema.count(int((values != usual).sum()))} unlike {usual:g}" if whole else f"at most {values.max():.2g}"
        )
        unit = schema.unit(column)
        lines[column.name.replace("_", " ")] = f"{found} {unit}".rstrip() + f": {column.description}"
    return lines


def write_dataset_page(path: Path | str) -> Path:
    """Write ``dataset.html`` into the folder of a complete dataset; return its path.

    Raises:
        StoreError: the dataset is missing, incomplete, or damaged.
    """
    whole = Store(path)
    stores = {split: whole.split(split) for split in SPLITS}
    schema = whole.schema
    names = [c.name for c in schema.columns if not c.is_field and not c.axis]
    parts = [split.load(names) for split in stores.values()]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
    lines: dict[str, Any] = {**_guards(columns, schema), "seed": whole.recipe["seed"]}
    page = render(
        "dataset.html.j2",
        name=Path(path).name,
        schema=schema,
        smoke=banner_of_dataset(len(stores["train"]), schema.count(len(stores["train"]))),
        total=schema.count(sum(len(split) for split in stores.values())),
        sizes=", ".join(f"{len(split)} {name}" for name, split in stores.items()),
        cards=_cards(columns, schema),
        samples=list(_shown_samples(stores["train"], schema)),
        distributions=list(_distributions(columns, schema)),
        lines=lines,
        configuration=json.dumps(whole.recipe, indent=2),
    )
    write_text(Path(path) / PAGE, page)
    return Path(path) / PAGE
