"""The alternative text of a figure: what it shows, from its titles, axes and legends. No import of torch."""

from __future__ import annotations

import re
from collections.abc import Iterable

from matplotlib.figure import Figure

MOST = 12
"""Different titles that are listed."""
COLOUR_BAR = "<colorbar>"
"""Label by which Matplotlib marks the axes of a colour bar."""
SYMBOLS = {
    r"\Delta ": "Δ", r"\varphi": "φ", r"\varepsilon": "ε", r"\lambda": "λ", r"\pi": "π", r"\uparrow": "↑",
    r"\downarrow": "↓", r"\psi": "ψ", r"\langle": "⟨", r"\rangle": "⟩",
}  # fmt: skip


def alternative(figure: Figure) -> str:
    """Return the alternative text of a figure: "6 maps: V, reference, predicted, error; x (nm), y (nm)"."""
    axes = [axis for axis in figure.axes if axis.get_label() != COLOUR_BAR and axis.axison]
    bars = [axis for axis in figure.axes if axis.get_label() == COLOUR_BAR]
    kind = "map" if any(axis.images for axis in axes) else "plot"
    titles = _listed(axis.get_title() for axis in axes)
    labels = _listed(label for axis in axes for label in (axis.get_xlabel(), axis.get_ylabel()))
    labels += [f"colours {text}" for text in _listed(axis.get_ylabel() for axis in bars)]
    curves = _listed(text for axis in axes for text in axis.get_legend_handles_labels()[1])
    more = [f"and {len(titles) - MOST} more"] if len(titles) > MOST else []
    parts = [", ".join([*titles[:MOST], *more]), ", ".join(labels), ", ".join(curves)]
    count = f"{len(axes)} {kind}s" if len(axes) > 1 else kind.capitalize()
    return f"{count}: {'; '.join(part for part in parts if part)}".removesuffix(": ")


def _listed(texts: Iterable[str]) -> list[str]:
    """Return each text once, without TeX and line breaks; empty ones are left out."""
    return list(dict.fromkeys(plain for text in texts if (plain := _plain(text))))


def _plain(text: str) -> str:
    for name, symbol in SYMBOLS.items():
        text = text.replace(name, symbol)
    text = re.sub(r"\\[a-zA-Z]+", "", text)
    return " ".join(re.sub(r"[$\\{}]", "", text).replace("_", "").split())
