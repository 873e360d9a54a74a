"""A dataset as one self-contained HTML page: its dots, and how exact their labels are. No torch here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.data.store import SPLITS, Split, Store
from qd_pix2pix.files import write_text
from qd_pix2pix.reports import figures
from qd_pix2pix.reports.run_page import Panel, png, render
from qd_pix2pix.schema import MILLI, Units, get_field, units_of

PAGE = "dataset.html"
DOTS_SHOWN = 4
SCALARS = (
    "density_error",
    "energy_error",
    "energy",
    "kinetic",
    "gap",
    "spin",
    "degeneracy",
    "fallback",
    "splits_shell",
)


def _shown_dots(split: Split, extent: float, units: Units) -> Iterator[Panel]:
    """The first dots: potential, both densities, and what the interaction moves."""
    samples = [split.read(i, ("V", "n0", "n_int")) for i in range(min(DOTS_SHOWN, len(split)))]
    potential, without, with_interaction = (np.stack([s[name] for s in samples]) for name in ("V", "n0", "n_int"))
    axes = figures.Axes(extent, units, get_field("V"), get_field("n_int"))
    titles = [f"dot {i}" for i in range(len(samples))]
    alone = np.array_equal(without, with_interaction)  # one electron: one density to show
    columns = ("potential", "without interaction", "density" if alone else "with interaction", "difference")
    figure = figures.comparison(axes, potential, None if alone else without, with_interaction, titles, columns)
    yield Panel(png(figure), f"The first {len(samples)} dots of the training split.", wide=not alone)


def _distributions(columns: dict[str, NDArray], units: Units) -> Iterator[Panel]:
    """Histograms of the error estimates, and of what makes a dot hard."""
    small = MILLI[units.energy]
    shown = (
        (
            "density_error",
            100.0,
            "density error (%)",
            "Estimated truncation error ∫|n − n_exact| / N of the densities.",
        ),
        ("energy_error", 1e3, f"energy error ({small})", "Estimated truncation error of the energies."),
        ("gap", 1e3, f"gap ({small})", "Distance of the next state of the same S_z."),
        ("energy", 1e3, f"energy ({small})", "Ground-state energies."),
        ("kinetic", 1e3, f"kinetic energy ({small})", "Kinetic energies of the ground states."),
    )
    for name, factor, label, caption in shown:
        values = factor * columns[name][np.isfinite(columns[name])]
        if len(values) and np.ptp(values) > 0:
            yield Panel(png(figures.histogram(values, label)), caption)


def _cards(columns: dict[str, NDArray], units: Units) -> dict[str, str]:
    """The numbers to know."""
    error = columns["density_error"]
    known = error[np.isfinite(error)]
    spins, counts = np.unique(np.round(2 * columns["spin"]).astype(int), return_counts=True)
    names = {0: "S=0", 2: "S=1"}
    spin = ", ".join(
        f"{100 * c / len(error):.0f}\u00a0% {names.get(s, f'S={s}/2')}" for s, c in zip(spins, counts, strict=True)
    )
    small = MILLI[units.energy]
    errors = {
        "density error, mean": f"{100 * known.mean():.2g} %",
        "energy error, mean": f"{1e3 * np.nanmean(columns['energy_error']):.2g} {small}",
    }
    return (errors if len(known) and known.any() else {}) | {
        "energy, median": f"{1e3 * np.median(columns['energy']):.4g} {small}",
        "gap, median": f"{1e3 * np.nanmedian(columns['gap']):.3g} {small}",
        "total spin": spin,
        "degenerate": f"{int((columns['degeneracy'] > 1).sum())} dots",
    }


def write_dataset_page(path: Path | str) -> Path:
    """Write ``dataset.html`` into the folder of a whole dataset.

    Raises:
        StoreError: the dataset is missing, incomplete, or damaged.
    """
    whole = Store(path)
    stores = {split: whole.split(split) for split in SPLITS}
    recipe = whole.recipe
    units = units_of(recipe)
    parts = [store.load(SCALARS) for store in stores.values()]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in SCALARS}
    fallback, split_shells = (int(columns[name].sum()) for name in ("fallback", "splits_shell"))
    lines: dict[str, Any] = {
        "Solver": ", ".join(f"{key} {value}" for key, value in recipe["solver"].items() if _plain(key, value)),
        "Solved by LAPACK": f"{fallback} dots, which the iteration did not converge",
        "Split shells": f"{split_shells} dots whose last orbital is degenerate with the first left out",
        "Seed": recipe["seed"],
    }
    page = render(
        "dataset.html.j2",
        name=Path(path).name,
        recipe=recipe,
        family=recipe["potential"]["_target_"].rsplit(".", 1)[-1],
        length=units.length,
        total=len(columns["energy"]),
        sizes=", ".join(f"{len(store)} {split}" for split, store in stores.items()),
        cards=_cards(columns, units),
        dots=list(_shown_dots(stores["train"], recipe["grid"]["extent"], units)),
        distributions=list(_distributions(columns, units)),
        lines=lines,
        configuration=json.dumps(recipe, indent=2),
    )
    write_text(Path(path) / PAGE, page)
    return Path(path) / PAGE


def _plain(key: str, value: Any) -> bool:
    return not key.startswith("_") and not isinstance(value, dict) and value is not None
