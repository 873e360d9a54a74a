"""Devices in files: YAML with the corners of the gates, or with layers and labels of a GDS layout.

    gas_depth: 60.0                                # nm
    window: {origin: [-100, -100], extent: 200}    # nm, coordinates of the chip
    offset: 0.0                                    # eV; optional, as are carriers and gds
    carriers: electrons
    gds: {path: chip.gds, cell: TOP}               # path from the folder of this file
    gates:
      - {name: P1, voltage: 0.1, rectangle: [-60, -10, -30, 30]}          # left, right, bottom, top
      - {name: P2, voltage: 0.1, polygon: [[10, -30], [60, -30], [60, 30]]}
      - {name: S, voltage: -0.2, polygons: [[[...], ...], [[...], ...]]}
      - {name: B, voltage: 0.0, layer: [5, 0], label: B, level: 1}        # of the GDS layout, above the others

A ``level`` is 0 by default, next to the gas; gates screen those of higher levels (``gate_levels``). A ``layer`` is its
number, or number and data type. With a ``label``, a gate consists of the polygons of the layer in which a text of the
layout with this content lies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_array, check_integer, check_path, check_positive, writing
from solvers.quantum_dots.devices import Device, Gate
from solvers.quantum_dots.gate_levels import visible
from solvers.quantum_dots.potentials.axes import FARTHEST

Floats = NDArray[np.float64]

NM = 1e-9
"""Unit of a layout in metres."""
PRECISION = 1e-3
"""Distance (nm) at which the union of the polygons of a layout joins corners."""
EXPONENT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$")
"""Numbers with a power of ten."""
OTHER_BASE = re.compile(r"[-+]?0[0-9_]+|.*:.*")
"""Whole numbers that plain YAML reads to the base 8, and numbers that it reads to the base 60."""
OUTLINES = ("rectangle", "polygon", "polygons", "layer")
KEYS = ("gas_depth", "window", "gates", "offset", "carriers", "gds")


def load_device(source: str | os.PathLike[str] | Mapping[str, Any]) -> Device:
    """Return the device of a YAML file, or of a mapping with the same keys.

    Raises:
        ValueError: the file cannot be read; a key is missing, unknown or out of range; a gate has not one outline, or
            is below others; the layout has not the cell, layer or label.
        ModuleNotFoundError: a layout is named, or gates of two levels overlap, and gdstk (extra ``gds``) is not
            installed.
    """
    content, folder = _content(source)
    _check_keys("device", content, ("gas_depth", "window", "gates"), KEYS)
    window = _mapping("window", content["window"])
    _check_keys("window", window, ("origin", "extent"), ("origin", "extent"))
    layout = _layout(content.get("gds"), folder)
    if not isinstance(content["gates"], list) or not content["gates"]:
        raise ValueError(f"gates: expected a list of gates, got {content['gates']!r}")
    sides = _sides(window["extent"])
    origin = check_array("window.origin", window["origin"], (2,), -FARTHEST, FARTHEST)
    return Device(
        gates=_gates(content["gates"], layout),
        gas_depth=content["gas_depth"],
        origin=(float(origin[0]), float(origin[1])),
        extent=sides,
        offset=content.get("offset", 0.0),
        carriers=content.get("carriers", "electrons"),
    )


def save_device(device: Device, path: str | os.PathLike[str]) -> Path:
    """Write a device to YAML with the corners of all gates, those of a layout included, and return the path.

    The folder is made if it is missing.

    Raises:
        ValueError: ``device`` is not one, ``path`` is no path, or the file cannot be written.
    """
    import yaml

    if not isinstance(device, Device):
        raise ValueError(f"device: expected a Device, such as load_device(path), got {device!r}")
    check_path("path", path, "a file")
    gates = [
        {"name": g.name, "voltage": float(g.voltage), "polygons": [np.asarray(p).tolist() for p in g.polygons]}
        for g in device.gates
    ]
    content = {
        "gas_depth": float(device.gas_depth),
        "window": {"origin": [float(v) for v in device.origin], "extent": [float(v) for v in device.extent]},
        "offset": float(device.offset),
        "carriers": device.carriers,
        "gates": gates,
    }
    path = Path(path)
    with writing("path", path):
        path.write_text(yaml.safe_dump(content, sort_keys=False, default_flow_style=None), encoding="utf-8")
    return path


def _content(source: object) -> tuple[Mapping[str, Any], Path]:
    """Return the keys of a device, and the folder from which it names files."""
    if isinstance(source, Mapping):
        return source, Path()
    check_path("device", source, "the path of a YAML file, or a mapping with its keys")
    import yaml

    path = Path(source)  # type: ignore[arg-type]
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _loader())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"device: expected a YAML file that can be read, got {path}: {text}") from None
    return _mapping(f"device: {path}", content), path.parent


@lru_cache(maxsize=1)
def _loader() -> Any:
    """Return a loader of plain YAML that reads 5e-2 as a number, and refuses two equal keys and numbers like 0200."""
    import yaml

    class Loader(yaml.SafeLoader):
        """``yaml.SafeLoader`` leaves 5e-2 a text, takes the last of two equal keys, and reads 0200 as 128."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [key.value for key, _ in node.value]
            if twice := [key for key in keys if keys.count(key) > 1]:
                raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]} twice", node.start_mark)
            return super().construct_mapping(node, deep)

        def decimal(self, node: Any) -> Any:
            if OTHER_BASE.fullmatch(node.value):
                problem = f"expected a decimal number, got {node.value}"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            return self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)

    for kind in ("int", "float"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", Loader.decimal)
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))
    return Loader


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: expected keys and values, got {value!r}")
    return value


def _check_keys(name: str, found: Mapping[str, Any], needed: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raise ValueError, with the key, for one that is missing or unknown."""
    if missing := [key for key in needed if found.get(key) is None]:
        unit = " (nm)" if missing[0] == "gas_depth" else ""
        raise ValueError(f"{name}: expected the key {missing[0]}{unit}, got {', '.join(map(str, found)) or 'no key'}")
    if unknown := [key for key in found if key not in known]:
        raise ValueError(f"{name}: expected keys out of {', '.join(known)}; got {unknown[0]!r}")


def _sides(extent: object) -> tuple[float, float]:
    """Return the sides of the window from one number, or from two."""
    if isinstance(extent, (list, tuple, np.ndarray)):
        x, y = check_array("window.extent", extent, (2,), 0.0).tolist()
        return float(x), float(y)
    check_positive("window.extent", extent, hint="It is a side in nm, or [side along x, side along y]")
    return float(extent), float(extent)  # type: ignore[arg-type]


def _gates(entries: list[Any], layout: Layout | None) -> tuple[Gate, ...]:
    """Return the gates of the list, cut where gates of lower levels screen them."""
    whole = [_gate(number, entry, layout) for number, entry in enumerate(entries)]
    levels = [entry.get("level", 0) for entry in entries]
    for gate, level in zip(whole, levels, strict=True):
        check_integer(f"gates.{gate.name}.level", level, 0, "0 is next to the gas")
    parts = visible([gate.polygons for gate in whole], levels, [gate.name for gate in whole])
    return tuple(Gate(gate.name, polygons, gate.voltage) for gate, polygons in zip(whole, parts, strict=True))


def _gate(number: int, entry: object, layout: Layout | None) -> Gate:
    """Return one gate of the list, with its whole outline."""
    given = _mapping(f"gates[{number}]", entry)
    _check_keys(f"gates[{number}]", given, ("name",), ("name", "voltage", *OUTLINES, "label", "level"))
    name = given["name"]
    stated = [key for key in OUTLINES if given.get(key) is not None]
    if len(stated) != 1:
        got = ", ".join(stated) or "none"
        raise ValueError(f"gates.{name}: expected one outline out of {', '.join(OUTLINES)}; got {got}")
    if "label" in given and stated != ["layer"]:
        raise ValueError(f"gates.{name}.label: expected a layer beside the label, got {stated[0]}")
    return Gate(name, _outline(f"gates.{name}", stated[0], given, layout), given.get("voltage", 0.0))


def _outline(name: str, kind: str, given: Mapping[str, Any], layout: Layout | None) -> list[Any]:
    """Return the polygons of a gate."""
    value = given[kind]
    if kind == "rectangle":
        left, right, bottom, top = check_array(f"{name}.rectangle", value, (4,), -FARTHEST, FARTHEST).tolist()
        if not (left < right and bottom < top):
            raise ValueError(
                f"{name}.rectangle: expected [left, right, bottom, top] with left < right and bottom < top, got {value}"
            )
        return [[[left, bottom], [right, bottom], [right, top], [left, top]]]
    if kind == "polygon":
        return [value]
    if kind == "polygons":
        return value
    if layout is None:
        raise ValueError(f"{name}.layer: expected the key gds with the path of a layout, got none")
    return layout.polygons(name, value, given.get("label"))


def _layout(given: object, folder: Path) -> Layout | None:
    if given is None:
        return None
    named = {"path": given} if isinstance(given, str) else _mapping("gds", given)
    _check_keys("gds", named, ("path",), ("path", "cell"))
    check_path("gds.path", named["path"], "the path of a GDS file")
    return Layout(folder / named["path"], named.get("cell"))


class Layout:
    """One cell of a GDS file, with the cells that it refers to; coordinates in nm.

    Raises:
        ValueError: the file cannot be read, or has no such cell.
        ModuleNotFoundError: gdstk is not installed.
    """

    def __init__(self, path: Path, cell: str | None) -> None:
        cells, top = _cells(path)
        if cell is None and len(top) != 1:
            raise ValueError(
                f"gds.cell: expected one of {', '.join(sorted(cells))}; got none, and {path} has {len(top)} top cells"
            )
        name = top[0] if cell is None else cell
        if name not in cells:
            raise ValueError(f"gds.cell: expected one of {', '.join(sorted(cells))}; got {cell!r}")
        self.path, self.cell = path, cells[name]

    def polygons(self, name: str, layer: object, label: object) -> list[Floats]:
        """Return the union of the polygons of a layer, or of those at a label."""
        import gdstk

        number, datatype = _layer(f"{name}.layer", layer)
        every = self.cell.get_polygons()
        found = [p for p in every if p.layer == number and datatype in (None, p.datatype)]
        if not found:
            known = sorted({(p.layer, p.datatype) for p in every})
            raise ValueError(
                f"{name}.layer: expected a layer of {self.path} out of {', '.join(f'[{a}, {b}]' for a, b in known)}; "
                f"got {layer}"
            )
        found = gdstk.boolean(found, [], "or", precision=PRECISION)
        if label is not None:
            if not isinstance(label, str):
                raise ValueError(
                    f"{name}.label: expected a text, in quotes where YAML reads another kind, got {label!r}"
                )
            texts = self.cell.get_labels()
            places = [text.origin for text in texts if text.text == label]
            if not places:
                listed = ", ".join(sorted({text.text for text in texts})) or "none"
                raise ValueError(f"{name}.label: expected a text of {self.path}, which has {listed}; got {label!r}")
            found = [polygon for polygon in found if any(polygon.contain(place) for place in places)]
            if not found:
                raise ValueError(f"{name}.label: expected {label!r} in a polygon of layer {layer}, got it in none")
        return [np.asarray(polygon.points, dtype=np.float64) for polygon in found]


def _layer(name: str, layer: object) -> tuple[int, int | None]:
    """Return the number of a layer, and its data type or None for any."""
    pair: list[Any] = list(layer) if isinstance(layer, (list, tuple)) else [layer]
    if len(pair) not in (1, 2):
        raise ValueError(f"{name}: expected a number, or [number, data type], got {layer!r}")
    for value in pair:
        check_integer(name, value, 0, "A layer is a number, or [number, data type]")
    return int(pair[0]), int(pair[1]) if len(pair) == 2 else None


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> Any:
    import gdstk

    return gdstk.read_gds(str(path), unit=NM)


def _cells(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the cells of a file by name, and the names of those that no other one refers to."""
    try:
        import gdstk  # noqa: F401
    except ImportError:
        raise ModuleNotFoundError("gds: layouts need gdstk; pip install 'qd_pix2pix[gds]'") from None
    try:
        library = _read(path, path.stat().st_mtime_ns)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"gds.path: expected a GDS file that can be read, got {path}: {error}") from None
    cells = {cell.name: cell for cell in library.cells if hasattr(cell, "get_polygons")}
    return cells, [cell.name for cell in library.top_level() if cell.name in cells]
