"""A dot as text: JSON for files, and the same compressed for a link."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from qd_pix2pix.studio.brush import Stroke
from qd_pix2pix.studio.dot import STORED, Background, Dot, Gate, Well

FORMAT = 1
"""Version of files and links."""
LONGEST = 30_000
"""Characters of a link; servers refuse a first line of 64 kB."""
LARGEST = 2**20
"""Bytes of the text in a link or a file."""
INTEGERS = ("n", "n_electrons")


def to_json(dot: Dot) -> str:
    """Return a dot as JSON, without the values that are the default."""
    plain = {f.name: getattr(dot, f.name) for f in fields(Dot) if getattr(dot, f.name) != f.default}
    for name in ("wells", "gates"):
        if name in plain:
            plain[name] = [list(asdict(item).values()) for item in plain[name]]
    for name in ("strokes", "target"):
        if name in plain:
            plain[name] = [[[v for p in s.points for v in p], s.size, s.height] for s in plain[name]]
    if dot.background is not None:
        b = dot.background
        plain["background"] = [b.name, b.low, b.high, _packed(b.levels)]
    return json.dumps({"format": FORMAT} | plain, separators=(",", ":"), ensure_ascii=False)


def from_json(text: str | bytes) -> Dot:
    """Return the dot of a JSON text.

    Raises:
        ValueError: it is no such text, of another version, or a number is out of range.
    """
    if len(text) > LARGEST:
        raise ValueError(f"dot: expected a text of at most {LARGEST} bytes, got {len(text)}")
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("dot: expected a file that the studio saved, got a text that is not JSON") from None
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        given = plain.get("format") if isinstance(plain, dict) else type(plain).__name__
        raise ValueError(f"dot: expected a file that the studio saved, of format {FORMAT}; got {given!r}")
    del plain["format"]
    if unknown := set(plain) - {f.name for f in fields(Dot)}:
        raise ValueError(f"dot: expected fields of format {FORMAT}, got {', '.join(sorted(unknown))}")
    try:
        return Dot(**{name: _value(name, value) for name, value in plain.items()})
    except (TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(f"dot: expected a file that the studio saved; its numbers are damaged ({error})") from None


def _value(name: str, value: Any) -> Any:
    """Return one field of a dot from JSON."""
    if name == "wells":
        return tuple(Well(*map(_number, item)) for item in value)
    if name == "gates":
        return tuple(Gate(*map(_number, item)) for item in value)
    if name in ("strokes", "target"):
        if any(len(flat) % 2 for flat, _, _ in value):
            raise TypeError("a coordinate of a stroke is missing")
        return tuple(
            Stroke(
                tuple(zip(map(_number, flat[::2]), map(_number, flat[1::2]), strict=True)), _number(size), _number(h)
            )
            for flat, size, h in value
        )
    if name == "background":
        text, low, high, levels = value
        return Background(str(text)[:60], _number(low), _number(high), _unpacked(levels))
    return value if name in INTEGERS else _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _packed(levels: bytes) -> str:
    """Return levels as text: differences along y, low and high bytes apart, compress better."""
    values = np.frombuffer(levels, dtype="<u2").reshape(STORED, STORED)
    change = np.diff(values, axis=1, prepend=values[:, :1] * 0).astype("<u2")
    return base64.b64encode(zlib.compress(_planes(change.ravel()), 9)).decode()


def _planes(values: Any) -> bytes:
    return (values & 255).astype(np.uint8).tobytes() + (values >> 8).astype(np.uint8).tobytes()


def _unpacked(text: str) -> bytes:
    try:
        raw = np.frombuffer(_inflated(base64.b64decode(text, validate=True), 2 * STORED**2), dtype=np.uint8)
        low, high = raw.reshape(2, STORED, STORED).astype(np.uint16)
    except (ValueError, zlib.error):
        raise ValueError("dot: the potential in it is damaged") from None
    return np.cumsum(low + (high << 8), axis=1, dtype=np.uint16).astype("<u2").tobytes()


def _inflated(content: bytes, most: int) -> bytes:
    """Return decompressed bytes, at most ``most`` and one.

    Raises:
        ValueError: the end is missing.
    """
    reader = zlib.decompressobj()
    found = reader.decompress(content, most + 1)
    if len(found) <= most and not reader.eof:
        raise ValueError("the end is missing")
    return found


def to_link(dot: Dot) -> str:
    """Return a dot as the value ``dot`` of a link, of letters, digits, ``-`` and ``_``.

    Raises:
        ValueError: the link would be too long.
    """
    text = base64.urlsafe_b64encode(zlib.compress(to_json(dot).encode(), 9)).decode().rstrip("=")
    if len(text) > LONGEST:
        raise ValueError(
            f"link: expected at most {LONGEST} characters, this drawing needs {len(text)}; save it as a file"
        )
    return text


def from_link(text: str) -> Dot:
    """Return the dot of a link.

    Raises:
        ValueError: the link is damaged, or of another version.
    """
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = _inflated(content, LARGEST)
    except (binascii.Error, zlib.error, ValueError):
        raise ValueError("link: expected the link of a dot, got one that is damaged; copy all of it") from None
    return from_json(found)
