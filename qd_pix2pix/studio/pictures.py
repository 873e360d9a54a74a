"""Pictures for the page: fields as PNG, and what lies above them as SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from contourpy import contour_generator
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from qd_pix2pix.studio.dot import Dot
from qd_pix2pix.studio.pointer import Pointer

Floats = NDArray[np.float64]

PIXELS = 256
"""Side of a picture in its own coordinates."""
CONTOURS = 6


@cache
def _palette(colours: str) -> bytes:
    return (colormaps[colours](np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes()


def picture(field: Floats, colours: str, low: float, high: float) -> str:
    """Return a field (n, n), indexed [ix, iy], as the data URL of a PNG between two values; y points upwards."""
    share = (field - low) / (high - low) if high > low else np.zeros(field.shape)
    shown = np.flipud(np.clip(255 * share, 0, 255).T).astype(np.float32)
    smooth = np.asarray(Image.fromarray(shown).resize((PIXELS, PIXELS), Image.Resampling.BILINEAR))
    image = Image.fromarray(smooth.round().astype(np.uint8)).convert("P")
    image.putpalette(_palette(colours))
    content = io.BytesIO()
    image.save(content, format="PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def gradient(colours: str) -> str:
    """Return the colours as a CSS gradient from left to right."""
    stops = ", ".join(
        "rgb({:.0f} {:.0f} {:.0f})".format(*(255 * np.array(colormaps[colours](k / 8)[:3]))) for k in range(9)
    )
    return f"linear-gradient(to right, {stops})"


def contours(V: Floats) -> str:
    """Return contours of a potential (n, n) as SVG."""
    if np.ptp(V) == 0:
        return ""
    n = V.shape[0]
    x = (np.arange(n) + 0.5) / n * PIXELS
    found = contour_generator(x, PIXELS - x, V.T)
    levels = np.linspace(V.min(), V.max(), CONTOURS + 2)[1:-1]
    lines: list[Any] = [line for level in levels for line in found.lines(float(level))]
    paths = ["M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in line) for line in lines]
    return f'<path d="{"".join(paths)}" fill="none" stroke="#fff" stroke-opacity="0.55" stroke-width="0.8"/>'


def objects(dot: Dot, pointer: Pointer, cursor: tuple[float, float] | None) -> str:
    """Return wells, gates and the cursor of the keyboard as SVG."""
    s = PIXELS / dot.side
    parts = []
    for k, gate in enumerate(dot.gates):
        chosen = pointer.tool == "gates" and pointer.selected == k
        x, y = s * (gate.x - gate.width / 2), PIXELS - s * (gate.y + gate.height / 2)
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{s * gate.width:.1f}" height="{s * gate.height:.1f}" '
            f'fill="#fff" fill-opacity="0.15" {_stroke(chosen)}/>' + _number(s * gate.x, PIXELS - s * gate.y, k)
        )
    for k, well in enumerate(dot.wells):
        chosen = pointer.tool == "wells" and pointer.selected == k
        x, y = s * well.x, PIXELS - s * well.y
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="#000" fill-opacity="0.55" {_stroke(chosen)}/>')
        parts.append(_number(x, y, k))
    if cursor is not None:
        x, y = s * cursor[0], PIXELS - s * cursor[1]
        parts.append(
            f'<path d="M{x - 7:.1f} {y:.1f}h14M{x:.1f} {y - 7:.1f}v14" stroke="#000" stroke-width="3"/>'
            f'<path d="M{x - 7:.1f} {y:.1f}h14M{x:.1f} {y - 7:.1f}v14" stroke="#fff" stroke-width="1.2"/>'
        )
    return "".join(parts)


def markers(dot: Dot, places: Sequence[Sequence[float]], electrons: Sequence[float]) -> str:
    """Return the electrons near each of the sites as SVG."""
    s = PIXELS / dot.side
    return "".join(
        f'<text x="{s * x:.1f}" y="{PIXELS - s * y + 26:.1f}" text-anchor="middle" font-size="11" fill="#fff" '
        f'stroke="#000" stroke-width="2.5" paint-order="stroke">{q:.2f}</text>'
        for (x, y), q in zip(places, electrons, strict=True)
    )


def _stroke(chosen: bool) -> str:
    return f'stroke="{"#ffb000" if chosen else "#fff"}" stroke-width="{2.5 if chosen else 1.5}"'


def _number(x: float, y: float, k: int) -> str:
    return f'<text x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle" font-size="10" fill="#fff">{k + 1}</text>'
