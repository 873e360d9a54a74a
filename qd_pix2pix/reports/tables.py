"""Markdown tables, and documents with generated tables and values between marks.

    <!-- table: field_regressors/bars -->
    | dots | NMAE |
    ...
    <!-- end -->

A single value is inline: ``<!-- value: field_regressors/gaas-N2 -->0.32 %<!-- end -->``. The caller defines the names;
see ``experiments/tables.py``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

MARK = re.compile(r"<!-- (table|value): (\S+) -->(.*?)<!-- end -->", re.DOTALL)
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def markdown(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; ``|`` within a cell is escaped.

    Raises:
        ValueError: a row has another number of cells than the head.
    """
    lines = [head, ["---"] * len(head)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"row: expected {len(head)} cells, got {len(row)}: {row}")
        lines.append(row)
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def number(value: float, digits: int = 2) -> str:
    """Return a number with ``digits`` significant digits, below 10⁻³ as a power of ten."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if exponent < -3:
        scale = f"10{str(exponent).translate(SUPERSCRIPT)}"
        return scale if float(mantissa) == 1 else f"{float(mantissa):g}·{scale}"
    return f"{float(f'{mantissa}e{power}'):.{max(digits - 1 - exponent, 0)}f}"


def percent(share: float, decimals: int = 2) -> str:
    """Return a fraction in percent."""
    return f"{100 * share:.{decimals}f} %"


def names(text: str) -> set[str]:
    """Return the names of all marks in a document."""
    return {name for _, name, _ in MARK.findall(text)}


def fill(text: str, content: Mapping[str, str]) -> str:
    """Return the document with the content of every mark replaced.

    Args:
        text: a Markdown document.
        content: tables and values by name.

    Raises:
        ValueError: a mark has a name that ``content`` lacks.
    """
    unknown = names(text) - set(content)
    if unknown:
        raise ValueError(f"marks: expected names out of {', '.join(sorted(content))}; got {', '.join(sorted(unknown))}")

    def replacement(mark: re.Match[str]) -> str:
        kind, name, _ = mark.groups()
        line = "\n" if kind == "table" else ""
        return f"<!-- {kind}: {name} -->{line}{content[name]}{line}<!-- end -->"

    return MARK.sub(replacement, text)
