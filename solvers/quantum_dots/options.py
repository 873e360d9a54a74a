"""Options of ``solve`` and its like that functions of several dots take and pass on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from solvers.quantum_dots.solve import solve


def check_options(
    given: Mapping[str, Any],
    own: Iterable[str] = (),
    caller: str = "function",
    function: Callable[..., Any] = solve,
) -> None:
    """Raise ValueError for an argument that is no option of a function, or one of its ``own`` that the caller sets."""
    if taken := [name for name in ("V", "grid", "n_electrons", "material", *own) if name in given]:
        raise ValueError(f"{taken[0]}: expected no such option, because the {caller} sets it, got {given[taken[0]]!r}")
    known = [p.name for p in inspect.signature(function).parameters.values() if p.default is not p.empty]
    if unknown := [name for name in given if name not in known]:
        raise ValueError(
            f"{unknown[0]}: expected an option of {function.__name__}, one of {', '.join(known)}; got another name"
        )
