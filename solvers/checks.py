"""Checks of arguments: one clear ValueError, which names the argument, what was expected and what came.

Everybody may import this module: it knows no physics and no other module.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real


def check_positive(name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name}: expected a positive number, got {value!r}")


def check_integer(name: str, value: object, low: int, hint: str = "", high: float = math.inf) -> None:
    """Raise ValueError unless ``value`` is a whole number, of Python or NumPy, in ``low`` ... ``high``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        bound = f"of at least {low}" if high == math.inf else f"in {low} ... {high:g}"
        raise ValueError(f"{name}: expected a whole number {bound}, got {value!r}" + (f". {hint}" if hint else ""))


def check_number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise ValueError unless ``value`` is a number in [``low``, ``high``]; NaN is none."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
        raise ValueError(f"{name}: expected a number in [{low:g}, {high:g}], got {value!r}")


def check_range(name: str, value: object, low: float = -math.inf) -> None:
    """Raise ValueError unless ``value`` is a pair (low, high) of ordered, finite numbers, both at least ``low``."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else ()
    numbers = len(pair) == 2 and all(isinstance(v, Real) and not isinstance(v, bool) and math.isfinite(v) for v in pair)
    if not numbers or not low <= pair[0] <= pair[1]:
        bound = "" if low == -math.inf else f", both at least {low:g}"
        raise ValueError(f"{name}: expected [low, high] with low <= high{bound}, got {value!r}")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise ValueError, which lists the choices, unless ``value`` is one of them."""
    choices = list(choices)
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}; got {value!r}")
