"""The self-contained HTML page of one solved dot, and its figures as files. No import of torch."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from qd_pix2pix.evaluation.solved_dot import Row, SolvedDot
from qd_pix2pix.files import write_text, write_whole
from qd_pix2pix.reports import dot_figures as figures
from qd_pix2pix.reports import field_panels, gate_panels
from qd_pix2pix.reports.page import Panel, figure_panel, render
from qd_pix2pix.reports.uncertain import uncertain
from qd_pix2pix.schema import SMALL, in_percent

PAGE, FIGURES = "page.html", "figures"
CARDS = ("energy", "gap", "spin", "J")
SYMBOLS = {
    "level": "ε", "energy": "E", "kinetic": "T", "confinement": "E_V", "interaction": "E_ee", "gap": "ΔE", "spin": "S",
    "density_error": "∫|δn| / N", "J": "J", "mu": "μ", "addition": "μ(N + 1) − μ(N)", "site_energy": "ε", "U": "U",
    "t": "t", "U_prime": "U′", "exchange": "K", "assisted": "X", "J_model": "J, two-site model",
    "J_ci": "J, full CI", "separation": "separation",
}  # fmt: skip
"""Symbols of the quantities in tables."""
GROUND = ("energy", "kinetic", "confinement", "interaction", "gap", "spin", "density_error", "J", "mu", "addition")
SITES = ("site_energy", "U", "t", "U_prime", "exchange", "assisted", "J_model", "J_ci", "separation")

WHOLE = 0.01
"""Distance of a spin from a half-integer below which it is one; a gradient mixes spins."""

Named = tuple[str, Figure, str, bool]
"""Name of the file, figure, caption, full width."""


def text_of(row: Row) -> str:
    """Return a number with its error bar and unit; energies in the smaller unit, spins as fractions."""
    if row.name in ("spin", "excitation_spin", "field_spin") and abs(row.value - round(2 * row.value) / 2) < WHOLE:
        spin = round(2 * row.value) / 2
        return f"{round(spin)}" if spin == round(spin) else f"{round(2 * spin)}/2"
    if row.name == "density_error":
        return in_percent(row.value)
    energy, slash, field = row.unit.partition("/")  # eV, or eV/T of a magnetisation
    factor, small = SMALL.get(energy, (1.0, energy))
    unit = f"{small}{slash}{field}"
    return f"{uncertain(factor * row.value, factor * row.error)} {unit}".rstrip()


def _figures(dot: SolvedDot) -> dict[str, list[Named]]:
    """Return the figures by the heading of their section."""
    found: dict[str, list[Named]] = {}
    found["Potential"] = [
        ("potential", figures.maps(dot, [figures.potential_map(dot)]), "Potential V with contours.", False),
        ("levels", figures.ladder(dot), "Potential through its minimum, and the levels of one electron.", False),
    ]
    text = "Electron density for each number of electrons, with contours of V."
    shown = figures.density_maps(dot, "density")
    densities = [("densities", figures.maps(dot, shown), text, len(shown) > 1)]
    if spins := figures.density_maps(dot, "spin_density"):
        text = "Spin density of states with S_z > 0."
        densities.append(("spin_densities", figures.maps(dot, spins), text, len(spins) > 2))
    found["Density"] = densities
    text = "Lowest orbitals of one electron with their energies."
    found["Orbitals"] = [("orbitals", figures.maps(dot, figures.orbital_maps(dot)), text, True)]
    text = "Energy and chemical potential against the number of electrons, with error bars."
    found["Charging"] = [("charging", figures.charging(dot), text, False)] if len(dot.electrons) > 1 else []
    found["Excitations"] = [
        (f"excitations_N{n}", figures.spectrum(dot, n), f"N = {n}: excitations by spin, oscillator strengths.", False)
        for n in dot.electrons
        if dot.of("excitation", n)
    ]
    found["Tunnelling"] = [
        (
            f"tunnelling_N{n}",
            figures.maps(dot, figures.dyson_maps(dot, n)),
            f"N = {n}: where the electron tunnels out, for each state k of N = {n - 1}.",
            True,
        )
        for n in dot.electrons
        if n > 1 and f"dyson_orbitals-tunnelling-N{n}" in dot.arrays
    ]
    found["Magnetic field"] = field_panels.figures(dot)
    found |= gate_panels.figures(dot)
    if "site_orbitals-sites" in dot.arrays:
        sites = figures.maps(dot, figures.site_maps(dot), dot.arrays["site_centers-sites"])
        found["Sites"] = [("sites", sites, "Localised orbitals and their centres.", True)]
    return found


def _table(dot: SolvedDot, names: tuple[str, ...], by: str = "electrons") -> tuple[list[str], list[list[str]]]:
    """Return heads and rows of a table of quantities, one column for each number of electrons, or for each label."""
    rows = [row for row in dot.rows if row.name in names]
    keys = list(dict.fromkeys(getattr(row, by) for row in rows))
    keys = sorted(keys) if by == "electrons" else keys
    lines = []
    for name in names:
        cells = {getattr(row, by): text_of(row) for row in rows if row.name == name}
        if cells:
            lines.append([SYMBOLS[name], *(cells.get(key, "") for key in keys)])
    heads = [f"N = {key}" if by == "electrons" else (f"{key}" if key else "") for key in keys]
    return ["", *heads], lines


def _states(dot: SolvedDot, n: int, names: dict[str, str]) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows of a table with one row for each state of ``n`` electrons."""
    columns = {head: {row.label: text_of(row) for row in dot.of(name, n)} for name, head in names.items()}
    indices = list(next(iter(columns.values())))
    return ["k", *columns], [[k, *(cells.get(k, "") for cells in columns.values())] for k in indices]


def _tables(dot: SolvedDot) -> dict[str, list[tuple[str, list[str], list[list[str]]]]]:
    """Return the tables of each section: title, heads, rows."""
    light = {"excitation": "E_k − E₀", "excitation_spin": "S", "strength_x": "f along x", "strength_y": "f along y"}
    leads = {"tunnelling": "E₀(N) − E_k(N − 1)", "factor": "Z"}
    levels = _states(dot, 1, {"level": "ε"})
    half = -(-len(levels[1]) // 2)
    found = {
        "Energies": [("", *_table(dot, GROUND))],
        "Orbitals": [("", levels[0], levels[1][first : first + half]) for first in (0, half)],
        "Excitations": [(f"N = {n}", *_states(dot, n, light)) for n in dot.electrons if dot.of("excitation", n)],
        "Tunnelling": [(f"N = {n}", *_states(dot, n, leads)) for n in dot.electrons if dot.of("factor", n)],
    }
    found["Magnetic field"] = field_panels.tables(dot, text_of)
    found |= gate_panels.tables(dot, text_of)
    if dot.of("U"):
        found["Sites"] = [("", *_table(dot, SITES, "label"))]
    return found


def _cards(dot: SolvedDot) -> Iterator[tuple[str, str, str]]:
    """Yield title, value and error bar with unit of the main numbers."""
    for name in CARDS:
        for row in dot.of(name):
            text = text_of(row)
            if text.startswith("("):  # one power of ten for both
                value, _, below = text.rpartition(" ")
            else:
                value, _, below = text.partition(" ± " if "±" in text else " ")
                below = f"± {below}" if "±" in text else below
            yield f"{SYMBOLS[name]}, N = {row.electrons}", value, below


def _origin(dot: SolvedDot) -> dict[str, str]:
    """Return the lines of the table of provenance."""
    origin = dot.provenance
    versions = {"Python": origin["python"], **origin["packages"]}
    settings = {k: ", ".join(f"{n} {v}" for n, v in part.items()) for k, part in dot.settings.items()}
    return {
        "Command": dot.command,
        **{name.capitalize(): text for name, text in settings.items()},
        "Time of the calculation": f"{sum(dot.seconds.values()):.1f} s",
        "Solved": f"{origin['time']}, commit {origin['commit']}, on {origin['hardware']}",
        "Versions": ", ".join(f"{k} {v}" for k, v in versions.items()),
    }


def _write_figures(folder: Path, drawn: dict[str, Panel], named: list[Named]) -> None:
    """Write each figure as PNG and SVG."""
    (folder / FIGURES).mkdir(exist_ok=True)
    for name, figure, _, _ in named:
        figure.set_layout_engine("none")  # the page has arranged it
        with write_whole(folder / FIGURES / f"{name}.png") as temporary:
            figure.savefig(temporary, format="png", dpi=200)
        with write_whole(folder / FIGURES / f"{name}.svg") as temporary:
            temporary.write_bytes(base64.b64decode(drawn[name].image))


def write_solve_page(folder: Path) -> Path:
    """Write ``page.html`` and ``figures/`` from the results in ``folder``; return the page's path.

    Raises:
        FileNotFoundError, ValueError: results are missing or damaged.
    """
    dot = SolvedDot.read(folder)
    named = _figures(dot)
    panels = {head: [figure_panel(f, text, wide, name) for name, f, text, wide in some] for head, some in named.items()}
    drawn = {one.name: one for some in panels.values() for one in some}
    _write_figures(folder, drawn, [one for some in named.values() for one in some])
    page = render(
        "solve.html.j2",
        dot=dot,
        cards=list(_cards(dot)),
        panels=panels,
        tables=_tables(dot),
        one_site=not dot.of("U"),
        origin=_origin(dot),
    )
    write_text(folder / PAGE, page)
    return folder / PAGE
