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
EXTRAS = {
    "neuralop": "fno",
    "optuna": "search",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "wandb_workspaces": "workspace",
    "xarray": "files",
    "h5netcdf": "files",
    "tifffile": "files",
    "nicegui": "studio",
    "dask": "cluster",
    "distributed": "cluster",
    "submitit": "cluster",
    "onnx": "export",
    "onnxscript": "export",
    "onnxruntime": "export",
}
"""Optional libraries, and the extra of this package that installs each."""


def is_expected(error: BaseException) -> bool:
    """Return True for an error caused by invalid input, of this project, Hydra or Lightning, or by a missing extra."""
    if isinstance(error, EXPECTED) or missing_extra(error):
        return True
    if LIGHTNING not in sys.modules:
        return False
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    return isinstance(error, MisconfigurationException)


def missing_extra(error: BaseException | str) -> str:
    """Return one line that names the extra of a library that is not installed; empty for any other error."""
    cause: BaseException | None = error if isinstance(error, BaseException) else None
    while cause is not None:
        library = (cause.name or "").partition(".")[0] if isinstance(cause, ModuleNotFoundError) else ""
        if library in EXTRAS:
            return f"{library} is not installed; pip install 'qd_pix2pix[{EXTRAS[library]}]'"
        cause = cause.__cause__
    return ""


def first_cause(error: BaseException | str) -> str:
    """Return the text of an error without Hydra's context; errors of constructors are prefixed with the key."""
    if missing := missing_extra(error):
        return missing
    key = ""
    while isinstance(error, InstantiationException) and error.__cause__ is not None:
        key = str(error).rpartition("full_key: ")[2] if "full_key: " in str(error) else key
        error = error.__cause__
    text = str(error).split("\nConfig search path")[0].strip()
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        where = error.filename or "the disk"
        again = "first" if "ckpt_path=" in str(error.strerror) else "and run the same command again"
        return f"{where}: {error.strerror}. All finished files are kept; make room {again}"
    return f"{key}: {text}" if key and isinstance(error, (TypeError, AttributeError)) else text
