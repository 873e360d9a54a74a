"""Architectures: plain ``nn.Module``s, one a file, without physics, data or training.

A network maps fields (B, in_channels, *points) to (B, out_channels, *points) without bounds: heads give its numbers a
meaning. It takes ``in_channels`` and ``out_channels``; where it has the words ``dims``, ``periodic`` and ``symmetry``,
they are those of the domain.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from qd_pix2pix.networks.blocks import fitted
from qd_pix2pix.networks.fno import FNO
from qd_pix2pix.networks.group_average import GroupAverage
from qd_pix2pix.networks.patchgan import PatchGAN
from qd_pix2pix.networks.residual_unet import ResidualUNet
from qd_pix2pix.networks.resnet import ResNet
from qd_pix2pix.networks.unet import UNet
from qd_pix2pix.schema import Domain

__all__ = ["FNO", "GroupAverage", "PatchGAN", "ResNet", "ResidualUNet", "UNet"]

HOME = "qd_pix2pix.networks."
LARGEST = 4096
"""Of the numbers in a network's description."""
PLAIN = (str, int, float, bool, type(None))


def describe(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network of the configuration as cards keep it: the name of its class, and its arguments.

    Raises:
        ValueError: it is none of this project: a card could not build it again.
    """
    target = str(config.get("_target_"))
    if target.removeprefix(HOME) not in __all__:
        choices = ", ".join(f"{HOME}{name}" for name in __all__)
        raise ValueError(f"network._target_: expected one of {choices}; got {target!r}")
    rest = {key: value for key, value in config.items() if not key.startswith("_")}
    nested = {k: describe(v) if isinstance(v, Mapping) and "_target_" in v else v for k, v in rest.items()}
    return {"class": target.removeprefix(HOME), **nested}


def factory(described: Mapping[str, Any]) -> Callable[..., nn.Module]:
    """Return the class with its arguments, from what ``describe`` gave: plain names, numbers and lists of them.

    Raises:
        ValueError: it names no network of this project, or holds anything but plain values.
    """
    name = described.get("class") if isinstance(described, Mapping) else described
    if name not in __all__ or name is described:
        raise ValueError(f"checkpoint: its card names the network {name!r}; expected one of {', '.join(__all__)}")
    given = {k: _plain(k, v) for k, v in described.items() if k != "class"}
    network: type[nn.Module] = globals()[name]
    takes = inspect.signature(network).parameters
    if unknown := [str(key) for key in given if key not in takes]:
        raise ValueError(f"network: {name} takes no {', '.join(unknown)}; it takes {', '.join(takes)}")
    return partial(network, **given)


def _plain(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return factory(value)
    if isinstance(value, (list, tuple)):
        return [_plain(key, item) for item in value]
    if not isinstance(value, PLAIN):
        raise ValueError(f"network.{key}: expected a plain value, got {type(value).__name__}")
    if isinstance(value, (int, float)) and not abs(value) <= LARGEST:
        raise ValueError(f"network.{key}: expected a number of at most {LARGEST}, got {value!r}")
    return value


def on_domain(make: Callable[..., nn.Module], domain: Domain) -> Callable[..., nn.Module]:
    """Return the factory with what it takes of the domain: ``dims``, ``periodic`` and ``symmetry``.

    Raises:
        ValueError: the network has two dimensions only, and the domain has not.
    """
    return fitted(make, len(domain.shape), periodic=domain.boundary == "periodic", symmetry=domain.symmetry)
