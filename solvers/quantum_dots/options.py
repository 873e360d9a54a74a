"""Options of ``solve`` that functions of several dots take and pass on."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from solvers.quantum_dots.solve import solve

OPTIONS = tuple(p.name for p in inspect.signature(solve).parameters.values() if p.default is not p.empty)
"""Names of all arguments of ``solve`` with a default."""


def check_options(given: Mapping[str, Any], own: Iterable[str] = (), caller: str = "function") -> None:
    """Raise ValueError for an argument that is no option of ``solve``, or one of its ``own`` that the caller sets."""
    if taken := [name for name in ("V", "grid", "n_electrons", "material", *own) if name in given]:
        raise ValueError(f"{taken[0]}: expected no such option, because the {caller} sets it, got {given[taken[0]]!r}")
    if unknown := [name for name in given if name not in OPTIONS]:
        raise ValueError(f"{unknown[0]}: expected an option of solve, one of {', '.join(OPTIONS)}; got another name")
