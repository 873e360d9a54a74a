"""Files of a dot: arrays, a table, figures, the dot itself, and its Python lines."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qd_pix2pix.studio.dot import Dot
from qd_pix2pix.studio.lines import python_lines
from qd_pix2pix.studio.link import to_json
from qd_pix2pix.studio.potential import potential

Floats = NDArray[np.float64]
LEVELS = 7
"""Contours of V over the density."""


def npy(dot: Dot, density: Floats) -> bytes:
    """Return the potential (n, n) in eV as .npy, as ``evaluate.py input=`` reads it."""
    content = io.BytesIO()
    np.save(content, potential(dot), allow_pickle=False)
    return content.getvalue()


def npy_density(dot: Dot, density: Floats) -> bytes:
    """Return the density (n, n) in nm^-2 as .npy."""
    content = io.BytesIO()
    np.save(content, density, allow_pickle=False)
    return content.getvalue()


def csv(dot: Dot, density: Floats) -> bytes:
    """Return a table with the columns x and y in nm, V in eV and the density in nm^-2, with all digits."""
    x, y = dot.grid.mesh()
    columns = np.stack([x.ravel(), y.ravel(), potential(dot).ravel(), density.ravel()], axis=1)
    rows = "\n".join(",".join(map(repr, row)) for row in columns.tolist())
    return f"x[nm],y[nm],V[eV],n_int[nm^-2]\n{rows}\n".encode()


def figure(dot: Dot, density: Floats, caption: str = "") -> Figure:
    """Return a figure of the potential, and of the density with contours of V over it."""
    V = 1e3 * potential(dot)
    made = Figure(figsize=(8.4, 4.0), layout="constrained")
    left, right = made.subplots(1, 2, sharex=True, sharey=True)
    frame = (0.0, dot.side, 0.0, dot.side)
    for axes, values, colours, label in (
        (left, V, "cividis", "V (meV)"),
        (right, density, "magma", "n (nm$^{-2}$)"),
    ):
        image = axes.imshow(values.T, origin="lower", extent=frame, cmap=colours, interpolation="nearest")
        made.colorbar(image, ax=axes, label=label, shrink=0.85)
        axes.set_xlabel("x (nm)")
    left.set_ylabel("y (nm)")
    if np.ptp(V) > 0:
        right.contour(dot.grid.x, dot.grid.x, V.T, levels=LEVELS, colors="0.8", linewidths=0.7)
    if caption:
        made.suptitle(caption, fontsize=9)
    return made


def _drawn(dot: Dot, density: Floats, caption: str, ending: str) -> bytes:
    content = io.BytesIO()
    figure(dot, density, caption).savefig(content, format=ending, dpi=200)
    return content.getvalue()


def png(dot: Dot, density: Floats, caption: str = "") -> bytes:
    """Return the figure as PNG."""
    return _drawn(dot, density, caption, "png")


def svg(dot: Dot, density: Floats, caption: str = "") -> bytes:
    """Return the figure as SVG."""
    return _drawn(dot, density, caption, "svg")


EXPORTS: dict[str, tuple[str, str, Callable[..., bytes]]] = {
    "npy": ("Potential, .npy", "potential.npy", npy),
    "npy_density": ("Density, .npy", "density.npy", npy_density),
    "csv": ("Both, .csv", "dot.csv", csv),
    "png": ("Figure, PNG", "dot.png", png),
    "svg": ("Figure, SVG", "dot.svg", svg),
    "json": ("Dot, .json", "dot.json", lambda dot, density: to_json(dot).encode()),
    "py": ("Python lines, .txt", "dot_py.txt", lambda dot, density: python_lines(dot).encode()),
}
"""Labels, file names and functions of all exports; browsers hold back files that end in .py."""


def exported(kind: str, dot: Dot, density: Floats, caption: str = "") -> tuple[str, bytes]:
    """Return the name and the content of one of ``EXPORTS``."""
    _, name, made = EXPORTS[kind]
    options: dict[str, Any] = {"caption": caption} if kind in ("png", "svg") else {}
    return name, made(dot, density, **options)
