"""Files that are dropped on the page: potentials in the formats of docs/own_dots.md, and dots that the studio saved."""

from __future__ import annotations

import re
import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from qd_pix2pix.fields import FORMATS, Placing, place, read_field
from qd_pix2pix.fields.square import MOST_LOST, other_side
from qd_pix2pix.fields.units import factor
from qd_pix2pix.schema import in_percent
from qd_pix2pix.studio.dot import SIDES, STORED, Background, Dot
from qd_pix2pix.studio.edits import cleared
from qd_pix2pix.studio.link import from_json

MOST_BYTES = 8 * 2**20
"""Largest file."""
TOO_LARGE = f"file: expected at most {MOST_BYTES // 2**20} MiB, got more; save one plane with fewer points"
ENDINGS = (".json", *(ending for ending in FORMATS if ending != ".fld"))
"""Endings of files; .fld of AVS names further files, which a page does not receive."""


@dataclass(frozen=True)
class Dropped:
    """The dot after a file was dropped, and remarks on units, side and resampling."""

    dot: Dot
    notes: tuple[str, ...]


def check_size(size: int) -> None:
    """Raise ValueError unless a file of so many bytes is accepted."""
    if size > MOST_BYTES:
        raise ValueError(TOO_LARGE)


def dropped(dot: Dot, name: str, content: bytes) -> Dropped:
    """Return the dot with a file as its background, or the dot that a .json file holds.

    Without a unit in the file, values are in eV. Without coordinates, the file has the side of the dot.

    Args:
        dot: the dot on the page; its conditions are kept.
        name: name of the file; its ending selects the reader. Nothing else of it is used.
        content: the bytes of the file; no format runs code.

    Raises:
        ValueError: the file is too large, damaged, of another format, or holds no potential of a square.
    """
    check_size(len(content))
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"file: expected a name that ends in {', '.join(ENDINGS)}; got {name[:80]!r}")
    if ending == ".json":
        return Dropped(from_json(content), (f"{name}: a saved dot",))
    title = re.sub(r"[^\w. -]", "_", Path(name).name)[-60:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{ending}"
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _read(dot, title, path)
        except (ModuleNotFoundError, FileNotFoundError) as error:
            raise ValueError(str(error).replace(str(path), title)) from None
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), title)) from None


def _read(dot: Dot, title: str, path: Path) -> Dropped:
    found = read_field(path, preferred=("V", "potential"), argument="file", flags=False)
    values, notes = found.values, [found.note] if found.note else []
    if values.ndim == 3:
        notes.append(f"the first of {len(values)} dots")
        values = values[0] if len(values) else values
    if values.ndim != 2 or min(values.shape) < 4:
        raise ValueError(f"file: expected a potential of shape (n, n), got {found.values.shape} in {path}")
    if not np.isfinite(values).all():
        raise ValueError(f"file: {np.count_nonzero(~np.isfinite(values))} values of {path} are NaN or infinite")
    values = values * (factor("unit", found.unit, "eV", str(path)) if found.unit else 1.0)
    notes.append(f"values in {found.unit or 'eV'}")
    side = dot.side
    if found.x is not None and found.y is not None:
        scale = factor("length_unit", found.length_unit, "nm", str(path)) if found.length_unit else 1.0
        field = replace(found, values=values, x=found.x * scale, y=found.y * scale)
        try:
            placed = place(field, [(dot.side, dot.side)], None, (STORED, STORED), Placing(None, True))
        except ValueError as error:
            raise ValueError(f"file: {path} {error}") from None
        values, side = placed.values, placed.sides[0]
        notes += other_side(field, Placing(), "nm") if placed.nodes and side != dot.side else []
        notes += [f"side {side:g} nm", *([placed.note] if placed.note else []), *_blurred(float(placed.lost))]
    elif values.shape[0] != values.shape[1]:
        raise ValueError(f"file: expected a square, got {values.shape[0]} x {values.shape[1]} points in {path}; cut it")
    elif values.shape[0] != STORED:
        own = (np.arange(values.shape[0]) + 0.5) * (side / values.shape[0])
        notes.append(f"interpolated from {len(own)} x {len(own)} to {STORED} x {STORED} points")
        field = replace(found, values=values, x=own, y=own)
        placed = place(field, [(side, side)], None, (STORED, STORED), Placing("centres", True))
        values = placed.values
        notes += _blurred(float(placed.lost))
    if not SIDES[0] <= side <= SIDES[1]:
        raise ValueError(f"file: expected a side of {SIDES[0]:g} ... {SIDES[1]:g} nm, got {side:g} in {path}")
    made = replace(cleared(dot), side=float(side), background=Background.of(title, values))
    return Dropped(made, tuple(notes))


def _blurred(lost: float) -> list[str]:
    """Return a remark on a potential that resampling changes by a part ``lost`` of its range, if that is much."""
    if lost <= MOST_LOST:
        return []
    return [f"unlike the file by {in_percent(lost)} of the range: solve the file itself"]
