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

from qd_pix2pix.files import trusted
from qd_pix2pix.networks.blocks import fitted
from qd_pix2pix.networks.ednn import EDNN
from qd_pix2pix.networks.fno import FNO
from qd_pix2pix.networks.foreign import MODULE, describe_foreign, foreign_class
from qd_pix2pix.networks.group_average import GroupAverage
from qd_pix2pix.networks.lattice_resnet import LatticeResNet
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
    "LatticeResNet",
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

    The description of a network of a user's own module has the name of that module too; see ``foreign``.

    Raises:
        ValueError: the network could not be built from a card.
    """
    target = str(config.get("_target_"))
    at_home = target.removeprefix(HOME) in __all__
    if not at_home and (target.startswith("qd_pix2pix.") or "." not in target):
        choices = ", ".join(f"{HOME}{name}" for name in __all__)
        raise ValueError(f"network._target_: expected one of {choices}, or my_module.MyNetwork; got {target!r}")
    rest = {key: value for key, value in config.items() if not key.startswith("_")}
    nested = {k: describe(v) if isinstance(v, Mapping) and "_target_" in v else v for k, v in rest.items()}
    if at_home:
        return {"class": target.removeprefix(HOME), **nested}
    described = {**describe_foreign(target), **nested}
    with trusted(str(described[MODULE])):
        made = factory(described)
    try:
        inspect.signature(made).bind(in_channels=1, out_channels=1)
    except TypeError as error:
        raise ValueError(f"network: {target}: {error}; arguments are given as +network.NAME=VALUE") from None
    return described


def factory(described: Mapping[str, Any]) -> Callable[..., nn.Module]:
    """Return the class with its arguments, from a description by ``describe``: plain names, numbers and lists of them.

    Raises:
        ValueError: the description names no network of this project or of a trusted module, or holds values that are
            not plain.
    """
    name = described.get("class") if isinstance(described, Mapping) else described
    network: type[nn.Module]
    if isinstance(described, Mapping) and MODULE in described:
        network = foreign_class(described)
    elif name in __all__ and name is not described:
        network = globals()[name]
    else:
        raise ValueError(f"checkpoint: its card names the network {name!r}; expected one of {', '.join(__all__)}")
    given = {k: _plain(k, v) for k, v in described.items() if k not in ("class", MODULE)}
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
