"""Networks of a user's own modules: described by the names of module and class, imported only where they are trusted.

A card may name any module. Importing one runs its code; therefore a card is built with such a network only inside
``files.trusted``, which names the module.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from qd_pix2pix.files import import_here, is_trusted, sha256

MODULE = "module"
"""Key of a network's description that names its module; networks of this project have none."""


def describe_foreign(target: str) -> dict[str, str]:
    """Return module and class of the user's own network ``module.Class``, which must be importable again.

    Raises:
        ValueError: it cannot be imported, or is not a network with ``in_channels`` and ``out_channels``.
    """
    module, _, name = target.rpartition(".")
    found = _find(module, name, "network._target_")
    file = getattr(getattr(sys.modules[module], "__spec__", None), "origin", None)
    if module == "__main__" or file is None:
        raise ValueError(
            f"network._target_: {target} cannot be imported by another process; move it from the notebook or script "
            f"into a file, my_nets.py, and give network._target_=my_nets.{name}"
        )
    takes = inspect.signature(found).parameters
    if not {"in_channels", "out_channels"} <= set(takes):
        raise ValueError(
            f"network._target_: expected a network whose arguments include in_channels and out_channels, which follow "
            f"from the mapping; {target} takes {', '.join(takes) or 'none'}"
        )
    return {MODULE: module, "class": name}


def foreign_class(described: Mapping[str, Any]) -> type[nn.Module]:
    """Return the class of a description that names a module, if that module is trusted.

    Raises:
        ValueError: the module is not trusted, or cannot be imported; nothing is imported in the first case.
    """
    module, name = described.get(MODULE), described.get("class")
    if not isinstance(module, str) or not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"checkpoint: its card names the network {name!r} of {module!r}, which is no name of a class")
    if not is_trusted(module):
        raise ValueError(
            f"checkpoint: its network is {module}.{name}, code outside qd_pix2pix, which loading would run. If you "
            f"trust that module, name it: from_pretrained(..., trust={module!r}), or evaluate.py ... trust={module}"
        )
    return _find(module, name, "checkpoint: its network")


def modules_in(*described: Any) -> tuple[str, ...]:
    """Return the names of all modules of users in descriptions of networks."""
    found: list[str] = []
    for node in described:
        if isinstance(node, Mapping):
            found += [str(node[MODULE])] if MODULE in node else []
            found += modules_in(*node.values())
        elif isinstance(node, (list, tuple)):
            found += modules_in(*node)
    return tuple(dict.fromkeys(found))


def hashes(modules: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of the file of each imported module."""
    files = {name: getattr(sys.modules.get(name), "__file__", None) for name in modules}
    return {name: sha256(file) for name, file in files.items() if file and Path(file).is_file()}


def check_map(network: nn.Module, name: str, given: tuple[int, ...], channels: int, whole: bool) -> None:
    """Raise ValueError unless a network maps zeros of shape ``given`` (B, c, *points) to (B, ``channels``, *points).

    Args:
        network: the network, in any mode.
        name: its name for messages.
        given: shape of the input.
        channels: number of output channels.
        whole: expect the points of the input; otherwise any number of points.
    """
    if any(is_lazy(weight) for weight in network.parameters()):
        raise ValueError(f"network: {name} has lazy layers; give their shapes, which follow from in_channels")
    if not any(weight.requires_grad for weight in network.parameters()):
        raise ValueError(f"network: {name} has no weights to train")
    training = network.training
    try:
        with torch.enable_grad():
            found = network.eval()(torch.zeros(given))
    except Exception as error:  # the code of a user may raise any error
        first = (str(error).splitlines() or [""])[0]
        raise ValueError(
            f"network: {name} does not take fields of shape {given} ({type(error).__name__}: {first})"
        ) from error
    finally:
        network.train(training)
    shape = tuple(getattr(found, "shape", ())) if isinstance(found, torch.Tensor) else type(found).__name__
    fits = len(shape) == len(given) and shape[:2] == (given[0], channels) and (shape[2:] == given[2:] or not whole)
    if not fits:
        points = given[2:] if whole else ("points", "...")
        wanted = ", ".join(map(str, (given[0], channels, *points)))
        few = whole and len(shape) == len(given) and shape[2:] != given[2:]
        hint = ". Networks of numbers, such as ednn, mills_cnn and window, predict no fields" if few else ""
        raise ValueError(f"network: {name} must map shape {given} to ({wanted}); got {shape}{hint}")
    if not found.requires_grad:
        raise ValueError(
            f"network: the output of {name} does not depend on its weights, as after .detach(): no gradient"
        )


def _find(module: str, name: str, what: str) -> type[nn.Module]:
    hint = "; run in the folder of the module, or add that folder to PYTHONPATH"
    found = import_here(module, name, f"{what}: {module}.{name}", hint)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ValueError(f"{what}: expected a class of torch.nn.Module, got {module}.{name}, {found!r}")
    return found
