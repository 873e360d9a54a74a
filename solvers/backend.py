"""The array library of the solver, NumPy or CuPy, chosen by its input. The only file that may import CuPy.

The solver is written in the Python array API standard (2024.12). It computes in the library of the potentials and
returns arrays of the same kind; ``tests/solvers/test_backend.py`` runs it on ``array_api_strict``, which implements
the standard and nothing else.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from solvers.checks import check_choice, check_plain

Array = Any
"""An array of NumPy, CuPy, or another library of the standard."""

BACKENDS = ("auto", "numpy", "cupy")
CACHE_SYSTEMS = 8
"""Systems advanced together on a processor: enough to hide Python, few enough for the cache."""
DEVICE_SYSTEMS = 512
"""Systems advanced together on a GPU."""


def namespace(array: Array) -> Any:
    """Return the array library of ``array``, with the names of the standard."""
    return array_api_compat.array_namespace(array)


def as_field(name: str, field: Array, points: tuple[int, int]) -> Array:
    """Return ``field`` as a plain array of its library.

    Raises:
        ValueError: ``field``, the argument ``name``, is not an array (..., n_x, n_y) of these ``points``, or has masked
        values.
    """
    check_plain(name, field)
    shape = getattr(field, "shape", None)
    known = isinstance(shape, tuple) and array_api_compat.is_array_api_obj(field)
    if not known or tuple(field.shape[-2:]) != points or not namespace(field).isdtype(field.dtype, ("bool", "numeric")):
        got = f"{field.dtype} of shape {tuple(field.shape)}" if known else f"{type(field).__name__}"
        size = f"(..., {points[0]}, {points[1]})"
        raise ValueError(f"{name}: expected numbers in an array of shape {size}, that of the grid, got {got}")
    return np.asarray(field) if on_host(field) else field  # a subclass would convert results to its own type


def on_host(array: Array) -> bool:
    """Return True for NumPy arrays."""
    return array_api_compat.is_numpy_array(array)


def to_numpy(array: Array) -> NDArray:
    """Return a copy of an array of any library in main memory; NumPy arrays are returned unchanged."""
    if on_host(array):
        return array
    return array.get() if hasattr(array, "get") else np.asarray(array)


def check_backend(backend: object) -> None:
    """Raise ValueError unless ``backend`` is "auto", "numpy", or "cupy" with CuPy and a GPU to run on."""
    check_choice("backend", backend, BACKENDS)
    if backend == "cupy":
        _cupy()


def to_backend(array: Any, backend: str) -> Array:
    """Return ``array`` in the library ``backend`` (see ``check_backend``); "auto" returns it in its own library."""
    if backend == "auto":
        plain = isinstance(array, np.ndarray) or not array_api_compat.is_array_api_obj(array)
        return np.asarray(array) if plain else array
    if backend == "numpy":
        return np.asarray(to_numpy(array) if array_api_compat.is_array_api_obj(array) else array)
    return _cupy().asarray(array)


def _cupy() -> ModuleType:
    try:
        cupy = import_module("cupy")
        if cupy.cuda.runtime.getDeviceCount() == 0:
            raise RuntimeError("no CUDA device")
    except Exception as error:  # a missing module, driver or device: CuPy has an exception for each
        raise ValueError(
            f"backend: cupy needs an NVIDIA GPU and the package cupy-cuda12x (pip install 'qd_pix2pix[gpu]'), but "
            f"{error}. backend=auto or backend=numpy runs on the processor."
        ) from None
    return cupy


def systems_at_once(array: Array) -> int:
    """Return how many systems are advanced together on the device of ``array``."""
    return CACHE_SYSTEMS if on_host(array) else DEVICE_SYSTEMS


def blas_threads() -> int:
    """Return the number of threads that BLAS may use now: one per core, or the limit set by the user."""
    allowed = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    return max(allowed, default=1)  # other packages bundle a BLAS with one thread: the largest number is that of NumPy
