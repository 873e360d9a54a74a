"""Checks of arguments. Each raises one ValueError with the argument, what was expected and what was given.

These are the only validators of the repository, and every module may use them: this one imports no other module of the
repository, and NumPy only where an array is checked.

Numbers are those of Python or NumPy; True and False are not numbers. Their squares must be representable too: beyond
``LARGEST`` or, where they must be positive, below ``SMALLEST``, products would overflow or vanish in later steps.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST, LARGEST = 1e-100, 1e100
"""Limits of the magnitude of a number, whatever its unit."""
SHOWN = 120
"""Characters of a value that an error message shows."""


def check_positive(name: str, value: object, high: float = math.inf, hint: str = "") -> None:
    """Raise ValueError unless ``value`` is a positive, finite number, at most ``high``."""
    bound = "" if high == math.inf else f" of at most {high:g}"
    number = _number(value)
    if not 0 < number <= high or number == math.inf:  # NaN fails every comparison
        raise ValueError(_message(name, f"a positive number{bound}", value, hint))
    if not SMALLEST <= number <= LARGEST:
        raise ValueError(_message(name, f"a positive number in [{SMALLEST:g}, {LARGEST:g}]", value, hint))


def check_integer(name: str, value: object, low: int, hint: str = "", high: float = math.inf) -> None:
    """Raise ValueError unless ``value`` is a whole number, of Python or NumPy, in ``low`` ... ``high``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        bound = f"of at least {low}" if high == math.inf else f"in {low} ... {high:g}"
        raise ValueError(_message(name, f"a whole number {bound}", value, hint))


def check_number(name: str, value: object, low: float = -math.inf, high: float = math.inf, hint: str = "") -> None:
    """Raise ValueError unless ``value`` is a finite number in [``low``, ``high``]."""
    number = _number(value)
    if not (low <= number <= high and abs(number) <= LARGEST):
        raise ValueError(_message(name, f"a number{_interval(low, high)}", value, hint))


def check_range(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise ValueError unless ``value`` is a pair of ordered, finite numbers, both in [``low``, ``high``]."""
    pair = [_number(v) for v in value] if isinstance(value, (tuple, list)) else []
    if len(pair) != 2 or not low <= pair[0] <= pair[1] <= high or not all(abs(v) <= LARGEST for v in pair):
        bound = _interval(low, high)
        raise ValueError(_message(name, f"[low, high] with low <= high{bound and ', both' + bound}", value))


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise ValueError, which lists the ``choices``, unless ``value`` is one of them."""
    choices = list(choices)
    if not isinstance(value, str) or value not in choices:
        listed = map(repr, choices) if any("," in choice for choice in choices) else choices
        raise ValueError(f"{name}: expected one of {', '.join(listed)}; got {_shown(value)}")


def check_flag(name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is True or False, of Python or NumPy."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
        raise ValueError(_message(name, "True or False", value))


def check_kind(name: str, value: object, kind: type, example: str = "") -> None:
    """Raise ValueError unless ``value`` is an instance of ``kind``; ``example`` is a call that makes one."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        raise ValueError(_message(name, f"{article} {example or kind.__name__}", value))


def check_function(name: str, value: object) -> None:
    """Raise ValueError unless ``value`` can be called."""
    if not callable(value):
        raise ValueError(_message(name, "a function", value))


def check_path(name: str, value: object, what: str = "a path") -> None:
    """Raise ValueError unless ``value`` is a path: a string that is not empty, or a ``pathlib.Path``."""
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ValueError(_message(name, what, value))


@contextmanager
def writing(name: str, path: Path) -> Iterator[None]:
    """Make the folder of ``path``; raise ValueError if this, or what writes the file within the context, fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        expected = f"{name}: expected a file that can be written, got {path} ({error.strerror or error})"
        raise ValueError(f"{expected}. Use another folder or name") from None


def check_plain(name: str, value: object) -> None:
    """Raise ValueError if ``value``, or a member of a nested list, is an array that a plain array cannot represent.

    Conversion to a plain array drops the mask of a masked array, and the unit or the algebra of other subclasses of
    ``numpy.ndarray``. Masked arrays without a masked entry pass, and so do memory maps.
    """
    for array in _arrays(value):
        kind = type(array).__name__
        if any(base.__name__ == "MaskedArray" for base in type(array).__mro__):
            if array.mask.any():
                what, todo = "a masked array with masked values", "Give these a value, for example with array.filled"
                raise ValueError(f"{name}: expected plain numbers, got {what}. {todo}.")
        elif kind not in ("ndarray", "memmap"):
            raise ValueError(f"{name}: expected a plain array, got a {kind}. Convert it with numpy.asarray.")


def use_python_numbers(instance: object, *names: str) -> None:
    """Replace NumPy scalars among these attributes of a frozen dataclass: those of 8 or 32 bits overflow easily."""
    for name in names:
        value = getattr(instance, name)
        if isinstance(value, Real) and hasattr(value, "item"):
            object.__setattr__(instance, name, value.item())


def number_of(value: Any) -> Any:
    """Return the number that an array without axes holds, as of ``numpy.array(100.0)``; anything else as it is."""
    return value.item() if type(value).__name__ == "ndarray" and value.ndim == 0 else value


def check_array(
    name: str,
    value: object,
    shape: tuple[int | str, ...],
    low: float = -math.inf,
    high: float = math.inf,
    flags: bool = False,
) -> NDArray[Any]:
    """Return ``value`` as a plain array, or raise ValueError unless it has this ``shape`` and finite numbers.

    Letters in ``shape`` stand for any length of at least 1, equal letters for the same length. The numbers must lie in
    [``low``, ``high``]. With ``flags`` the array holds True and False instead, or zeros and ones.
    """
    import numpy as np

    size = ", ".join(str(length) for length in shape) + ("," if len(shape) == 1 else "")
    expected = f"an array of {'zeros and ones' if flags else 'numbers'} of shape ({size})"
    array = as_plain(name, value, expected)
    if not _fits(array.shape, shape):
        raise ValueError(_message(name, expected, value))
    if array.dtype.kind not in ("biuf" if flags else "iuf"):
        raise ValueError(_message(name, expected, value))
    if flags and not np.isin(array, (0, 1)).all():
        raise ValueError(_message(name, expected, value))
    largest = np.float64(LARGEST)  # a number of Python would become one of the array's type, and overflow
    if not flags and not ((array >= low) & (array <= high) & (np.abs(array) <= largest)).all():
        bound = _interval(low, high)
        raise ValueError(_message(name, f"{expected}, finite{bound and ', each' + bound}", value))
    return array


def check_whole(
    name: str, value: object, shape: tuple[int | str, ...], low: float = -math.inf, high: float = math.inf
) -> NDArray[Any]:
    """Return ``value`` as an array of int64, or raise ValueError unless it holds whole numbers; see ``check_array``."""
    import numpy as np

    array = check_array(name, value, shape, low, high)
    if (array != np.rint(array)).any():
        other = array[array != np.rint(array)][0]
        raise ValueError(f"{name}: expected whole numbers, got {other:g} among them. Round them, as by numpy.rint.")
    return array.astype(np.int64)


def _number(value: object) -> float:
    """Return ``value`` as a float, NaN if it is not a number; integers too large for a float are infinite."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf


def _interval(low: float, high: float) -> str:
    if low == -math.inf and high == math.inf:
        return ""
    if high == math.inf:
        return f" of at least {low:g}"
    return f" of at most {high:g}" if low == -math.inf else f" in [{low:g}, {high:g}]"


def as_plain(name: str, value: object, expected: str = "plain numbers") -> NDArray[Any]:
    """Return ``value`` as a plain array, or raise ValueError if there is none, as of a tensor with a gradient."""
    import numpy as np

    check_plain(name, value)
    try:
        return np.asarray(value)
    except RuntimeError:  # of torch
        raise ValueError(_message(name, expected, value, "Drop the gradient of a tensor by tensor.detach()")) from None
    except (TypeError, ValueError):  # a ragged list, an array on another device, numbers that NumPy has not
        raise ValueError(_message(name, expected, value)) from None


def _arrays(value: object) -> Iterator[Any]:
    """Yield ``value`` and the members of nested lists and tuples that derive from ``numpy.ndarray``."""
    if isinstance(value, (list, tuple)):
        for member in value:
            if not isinstance(member, (float, int)):  # a long list of numbers costs little
                yield from _arrays(member)
    elif any(base.__name__ == "ndarray" and base.__module__ == "numpy" for base in type(value).__mro__):
        yield value


def _fits(given: tuple[int, ...], wanted: tuple[int | str, ...]) -> bool:
    lengths: dict[int | str, int] = {}
    return len(given) == len(wanted) and all(
        length == want if isinstance(want, int) else length > 0 and lengths.setdefault(want, length) == length
        for length, want in zip(given, wanted, strict=True)
    )


def _message(name: str, expected: str, value: object, hint: str = "") -> str:
    return f"{name}: expected {expected}, got {_shown(value)}" + (f". {hint}" if hint else "")


def _shown(value: object) -> str:
    """Return the representation of ``value``, shortened; its kind and shape if it is an array."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and shape and dtype is not None:
        return f"an array of {dtype} of shape {shape}"
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        text = f"an {type(value).__name__} of thousands of digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."
