"""Training or test set by a hash of the configuration, so that no configuration is in both.

Mills and Tamblyn (Phys. Rev. E 97, 032119 (2018), appendix): the 12 most significant bits of the SHA3-512 digest, which
are the first three hexadecimal digits, are compared with a threshold; shares have a resolution of 1 / 4096. Duplicates
of a configuration fall into the same set, whatever the order or the number of the samples.

The bytes of a configuration, which the paper does not define, are here one byte per spin, 01 for +1 and ff for -1
(int8), in row-major order from site (0, 0); neither the shape nor the byte order of the machine enters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from solvers.checks import check_integer
from solvers.spins.ising import Integers, as_spins

RESOLUTION = 4096


def leading_bits(configurations: Any) -> Integers:
    """Return the 12 leading bits of the hash, 0 ... 4095, shape (...), of ``configurations`` (..., L, L).

    Raises:
        ValueError: the lattices are not square or hold other values than +1 and -1.
    """
    spins = np.ascontiguousarray(as_spins("configurations", configurations))
    flat = spins.reshape(-1, spins.shape[-1] ** 2)
    bits = [int.from_bytes(hashlib.sha3_512(row.tobytes()).digest()[:2], "big") >> 4 for row in flat]
    return np.array(bits, dtype=np.int64).reshape(spins.shape[:-2])


def split_of(configurations: Any, thresholds: int | Sequence[int]) -> Integers:
    """Return the numbers of the sets, shape (...), of ``configurations`` (..., L, L).

    Set 0 has leading bits below the first of the ``thresholds`` (ascending, in units of 1 / 4096), set 1 below the
    second, and so on: ``split_of(c, 410)`` is 0 for a tenth of all configurations and 1 for the rest.

    Raises:
        ValueError: thresholds are not ascending whole numbers in 0 ... 4096, or as in ``leading_bits``.
    """
    edges: list[Any] = list(thresholds) if isinstance(thresholds, (tuple, list)) else [thresholds]
    for edge in edges:
        check_integer("thresholds", edge, 0, f"A share is a multiple of 1 / {RESOLUTION}", RESOLUTION)
    if not edges or edges != sorted(edges):
        raise ValueError(f"thresholds: expected ascending whole numbers, got {thresholds!r}. Sort them.")
    return np.searchsorted(np.array(edges, dtype=np.int64), leading_bits(configurations), side="right")
