"""Architectures: plain ``nn.Module``s, one per file, without physics, data or training.

A network maps fields (B, in_channels, *points) to unbounded numbers (B, out_channels, *points), which heads interpret.
For numbers and classes it may return fewer points: one per tile, or one per sample. Its constructor takes
``in_channels`` and ``out_channels``; the optional arguments ``dims``, ``shape``, ``periodic`` and ``symmetry`` are
those of the domain.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from qd_pix2pix.networks.blocks import fitted
from qd_pix2pix.networks.ednn import EDNN
from qd_pix2pix.networks.fno import FNO
from qd_pix2pix.networks.group_average import GroupAverage
from qd_pix2pix.networks.mills_cnn import MillsCNN
from qd_pix2pix.networks.mills_gan import MillsDiscriminator, MillsGenerator
from qd_pix2pix.networks.patchgan import PatchGAN
from qd_pix2pix.networks.residual_critic import ResidualCritic
from qd_pix2pix.networks.residual_generator import ResidualGenerator
from qd_pix2pix.networks.residual_unet import ResidualUNet
from qd_pix2pix.networks.resnet import ResNet
from qd_pix2pix.networks.sliding_cnn import SlidingCNN
from qd_pix2pix.networks.unet import UNet
from qd_pix2pix.networks.window import Window
from qd_pix2pix.schema import Domain

__all__ = [
    "EDNN",
    "FNO",
    "GroupAverage",
    "MillsCNN",
    "MillsDiscriminator",
    "MillsGenerator",
    "PatchGAN",
    "ResNet",
    "ResidualCritic",
    "ResidualGenerator",
    "ResidualUNet",
    "SlidingCNN",
    "UNet",
    "Window",
]

HOME = "qd_pix2pix.networks."
LARGEST = 4096
"""Largest absolute value of a number in a network's description."""
PLAIN = (str, int, float, bool, type(None))


def describe(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a network for cards, from its configuration: the name of its class and its arguments.

    Raises:
        ValueError: the network is not one of this project, so that it could not be built from a card.
    """
    target = str(config.get("_target_"))
    if target.removeprefix(HOME) not in __all__:
        choices = ", ".join(f"{HOME}{name}" for name in __all__)
        raise ValueError(f"network._target_: expected one of {choices}; got {target!r}")
    rest = {key: value for key, value in config.items() if not key.startswith("_")}
    nested = {k: describe(v) if isinstance(v, Mapping) and "_target_" in v else v for k, v in rest.items()}
    return {"class": target.removeprefix(HOME), **nested}


def factory(described: Mapping[str, Any]) -> Callable[..., nn.Module]:
    """Return the class with its arguments, from a description by ``describe``: plain names, numbers and lists of them.

    Raises:
        ValueError: the description names no network of this project, or holds values that are not plain.
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
    """Return the factory with those of the domain's ``dims``, ``shape``, ``periodic`` and ``symmetry`` that it takes.

    Raises:
        ValueError: the network supports two dimensions only, and the domain has another number.
    """
    periodic = domain.boundary == "periodic"
    return fitted(make, len(domain.shape), shape=domain.shape, periodic=periodic, symmetry=domain.symmetry)
