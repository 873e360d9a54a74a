"""Atomic writing of files, checksums, the common JSON format, and modules of users.

This module imports nothing else of this project. Text is UTF-8 independently of the locale; permissions follow the
umask.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    import h5py

EXACT = 2**53
"""Largest whole number up to which all are represented exactly as floats."""
_TRUSTED: ContextVar[tuple[str, ...]] = ContextVar("trusted", default=())


@contextmanager
def write_whole(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to; on success it replaces ``path`` in one step.

    The temporary name is unique across processes and machines. After an error the temporary file is removed, and an
    existing file at ``path`` is unchanged.

    Raises:
        OSError: the error of the operating system, with ``path`` as its file.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            mode = os.fstat(file.fileno()).st_mode
        yield temporary
        with temporary.open("rb+") as file:
            os.fchmod(file.fileno(), mode & 0o777)  # some writers create files that only their owner may read
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        number, text = _cause(error)
        if isinstance(error, RuntimeError) and not number:
            raise
        raise OSError(number, f"{text}; what was there before is kept", str(path)) from error
    finally:
        with suppress(OSError):  # it or its folder does not exist: the first error is the one to report
            temporary.unlink()


@contextmanager
def write_hdf5(path: Path | str) -> Iterator[h5py.File]:
    """Yield an HDF5 file to fill; on success it replaces ``path`` as in ``write_whole``.

    It is filled in memory: where HDF5 meets a full disk as it closes a file, the process ends with a segmentation
    fault.

    Raises:
        OSError: see ``write_whole``.
    """
    import h5py  # most programs read and write no such file

    with h5py.File(uuid4().hex, "w", driver="core", backing_store=False) as file:
        yield file
        file.flush()
        content = file.id.get_file_image()
    with write_whole(path) as temporary:
        temporary.write_bytes(content)


def _cause(error: OSError | RuntimeError) -> tuple[int, str]:
    """Return the number and the text of an error of the operating system; HDF5 has both in its own text only."""
    if isinstance(error, OSError) and error.errno and error.strerror and "errno = " not in error.strerror:
        return error.errno, error.strerror
    known = re.search(r"errno = (\d+)", str(error))
    return (int(known[1]), os.strerror(int(known[1]))) if known else (getattr(error, "errno", 0) or 0, str(error))


def write_text(path: Path | str, text: str) -> None:
    """Write a text file atomically."""
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def to_json(content: Any) -> str:
    """Return JSON in the format of all files: sorted, indented, without NaN."""
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def digest(content: Any, salt: str = "") -> str:
    """Return twelve hexadecimal digits that identify plain containers; 30 and 30.0 are equal, 2**53 + 1 is distinct."""
    return hashlib.sha256((to_json(_canonical(content)) + salt).encode()).hexdigest()[:12]


def _canonical(value: Any, path: str = "") -> Any:
    """Return plain containers with numbers as floats where these are exact; ``path`` is the key, for errors."""
    if isinstance(value, dict):
        return {key: _canonical(v, f"{path}.{key}".lstrip(".")) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(v, path) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path or 'value'}: expected a finite number, got {value}")
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
    """Return the hexadecimal SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def search_here() -> None:
    """Let modules in the working directory be imported, after all others; ``python train.py`` has only its own folder.

    Where Python searches the working directory already, nothing changes.
    """
    here = os.getcwd()
    if "" not in sys.path and here not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()


@contextmanager
def trusted(modules: str | Sequence[str] | None) -> Iterator[None]:
    """Allow cards to name networks and systems of these modules, and of modules inside them, until the block ends.

    Raises:
        ValueError: a name is not the name of a module.
    """
    names = tuple(modules or ()) if isinstance(modules, (list, tuple, type(None))) else (modules,)
    for name in names:
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"trust: expected the name of a module, such as my_nets; got {name!r}")
    token = _TRUSTED.set((*_TRUSTED.get(), *names))
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def is_trusted(module: str) -> bool:
    """Return whether cards may name objects of a module; see ``trusted``."""
    return any(f"{module}.".startswith(f"{known}.") for known in _TRUSTED.get())


def import_here(module: str, name: str, what: str, hint: str) -> Any:
    """Return an object of a module, which may be in the working directory; its code is run.

    Args:
        module, name: module, and name of the object in it.
        what: beginning of the error message: option and name of the object.
        hint: end of the error message.

    Raises:
        ValueError: it cannot be imported.
    """
    search_here()
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # the code of a user may raise any error
        raise ValueError(f"{what} cannot be imported ({type(error).__name__}: {error}){hint}") from None


def conf_folder() -> Path:
    """Return the folder of the configuration: inside an installed package, beside the package in a checkout.

    Raises:
        FileNotFoundError: the folder is in neither place.
    """
    package = Path(__file__).parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise FileNotFoundError(
        f"conf: expected the configuration in {package / 'conf'} or {package.parent / 'conf'}, but neither is there; "
        "install the package again, or run it from a complete checkout"
    )
