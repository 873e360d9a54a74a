"""Errors caused by invalid input, and the line that reports them."""

from __future__ import annotations

import errno
import sys

from hydra.errors import HydraException, InstantiationException
from omegaconf.errors import OmegaConfBaseException

EXPECTED = (ValueError, OSError, HydraException, OmegaConfBaseException)
"""Errors caused by invalid input; all others are defects and keep their traceback. Workers import this: no torch."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LIGHTNING = "pytorch_lightning.utilities.exceptions"


def is_expected(error: BaseException) -> bool:
    """Return True for an error caused by invalid input: of this project, of Hydra, or of Lightning for its settings."""
    if isinstance(error, EXPECTED):
        return True
    if LIGHTNING not in sys.modules:
        return False
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    return isinstance(error, MisconfigurationException)


def first_cause(error: BaseException | str) -> str:
    """Return the text of an error without Hydra's context; errors of constructors are prefixed with the key."""
    key = ""
    while isinstance(error, InstantiationException) and error.__cause__ is not None:
        key = str(error).rpartition("full_key: ")[2] if "full_key: " in str(error) else key
        error = error.__cause__
    text = str(error).split("\nConfig search path")[0].strip()
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        where = error.filename or "the disk"
        return f"{where}: {error.strerror}. All finished files are kept; make room and run the same command again"
    return f"{key}: {text}" if key and isinstance(error, (TypeError, AttributeError)) else text
