"""Numbers with error bars as text. No import of torch."""

from __future__ import annotations

import math

MOST_DIGITS = 7
"""Significant digits of a number with a small error bar."""
SMALLEST = 1e-9
"""Magnitude below which a number and its error bar are zero: a selection rule, and rounding."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def uncertain(value: float, error: float) -> str:
    """Return a number with its error bar, of two digits, and as many decimals: −37.6928 ± 0.0056.

    Very large and very small numbers have one power of ten for both: (1.2346 ± 0.0023)·10⁶.
    Without an error bar the number has four digits; a number that is not defined is a dash.
    """
    if not math.isfinite(value):
        return "—"
    known = math.isfinite(error)
    if max(abs(value), error if known else 0.0) < SMALLEST:
        return "0"
    if not known:
        return _minus(f"{value:.4g}")
    size = math.floor(math.log10(max(abs(value), error)))
    most = MOST_DIGITS - 1 - size
    if error < 10.0**-most:
        return _minus(f"{value:.{MOST_DIGITS}g}")
    decimals = min(1 - math.floor(math.log10(error)), most)
    if decimals < 0 or decimals > MOST_DIGITS:
        power = str(size).translate(SUPERSCRIPTS)
        return f"({uncertain(value / 10.0**size, error / 10.0**size)})·10{power}"
    text = f"{value:.{decimals}f}"
    return f"{_minus(text if float(text) else text.lstrip('-'))} ± {error:.{decimals}f}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
