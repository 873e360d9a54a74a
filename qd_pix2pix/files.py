"""Files that are there whole or not at all, their checksums, and JSON as it stands in all of them.

Imports nothing of ours. Text is UTF-8 whatever the terminal says, and permissions are those that the umask leaves.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

EXACT = 2**53
"""Whole numbers up to this size are floats without loss."""


@contextmanager
def write_whole(path: Path | str) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; on success it takes the place of ``path`` in one step.

    Its name is used by no other process, on whatever machine. After an error nothing of it is left, and what stood at
    ``path`` stays.

    Raises:
        OSError: of the system, with ``path`` as its file.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            mode = os.fstat(file.fileno()).st_mode
        yield temporary
        with temporary.open("rb+") as file:
            os.fchmod(file.fileno(), mode & 0o777)  # some writers make a file for their owner's eyes only
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        text = error.strerror or str(error)
        raise OSError(error.errno or 0, f"{text}; what was there before is kept", str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file whole or not at all."""
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def to_json(content: Any) -> str:
    """JSON as it stands in every file: sorted, indented, without NaN."""
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def digest(content: Any, salt: str = "") -> str:
    """Twelve hexadecimal digits that name plain containers; 30 and 30.0 are the same number, 2**53 + 1 is its own."""
    return hashlib.sha256((to_json(_canonical(content)) + salt).encode()).hexdigest()[:12]


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(v) for v in value]
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) <= EXACT else value


def checksum(text: str, arrays: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of a text and of NumPy arrays with their names, types and shapes."""
    found = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def sha256(path: Path | str) -> str:
    """Hexadecimal SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def conf_folder() -> Path:
    """The folder of the configuration: inside the installed package, or beside the package in a checkout.

    Raises:
        FileNotFoundError: it is in neither place.
    """
    package = Path(__file__).parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise FileNotFoundError(f"conf: neither {package} nor {package.parent} holds it; install qd_pix2pix again")
