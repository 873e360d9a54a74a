"""Random numbers of the samplers: xoshiro256++ with one state of 256 bits per chain.

D. Blackman and S. Vigna, ACM Trans. Math. Softw. 47, 36 (2021). The states are outputs of SplitMix64 (Steele, Lea and
Flood, OOPSLA 2014) at counters that no two chains share, from a key that ``numpy.random.SeedSequence`` makes of the
seed. The generator lives in the kernels, so that a chain draws the same numbers in any thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIXERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
TO_UNIT = 2.0**-53


def streams(seed: int, count: int, first: int = 0) -> NDArray[np.uint64]:
    """Return the states (count, 4) of the chains ``first``, ``first`` + 1, ..."""
    key = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    z = np.arange(4 * first + 1, 4 * (first + count) + 1, dtype=np.uint64) * GOLDEN + key
    z = (z ^ (z >> np.uint64(30))) * MIXERS[0]
    z = (z ^ (z >> np.uint64(27))) * MIXERS[1]
    return (z ^ (z >> np.uint64(31))).reshape(count, 4)


@njit(cache=True, nogil=True)
def next_bits(state: Any) -> Any:
    """Return 64 random bits, and advance ``state`` (4,)."""
    a, b, c, d = state[0], state[1], state[2], state[3]
    total = a + d
    found = ((total << np.uint64(23)) | (total >> np.uint64(41))) + a
    c ^= a
    d ^= b
    state[0] = a ^ d
    state[1] = b ^ c
    state[2] = c ^ (b << np.uint64(17))
    state[3] = (d << np.uint64(45)) | (d >> np.uint64(19))
    return found


@njit(cache=True, nogil=True)
def next_unit(state: Any) -> Any:
    """Return a random number in [0, 1) with 53 bits."""
    return float(next_bits(state) >> np.uint64(11)) * TO_UNIT


@njit(cache=True, nogil=True)
def next_below(state: Any, count: int) -> Any:
    """Return a random whole number in 0 ... ``count`` - 1; ``count`` is below 2^32, the bias below ``count`` / 2^32."""
    return np.int64(((next_bits(state) >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))
