"""Shared components of networks: normalisation, initialisation, checks of arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from solvers.checks import check_choice

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    "batch": nn.BatchNorm2d,
    "none": lambda channels: nn.Identity(),
}

INITIALISERS: dict[str, Callable[[Tensor], object]] = {
    "normal": lambda weight: nn.init.normal_(weight, 0.0, 0.02),
    "xavier": lambda weight: nn.init.xavier_normal_(weight, gain=0.02**0.5),
    "kaiming": lambda weight: nn.init.kaiming_normal_(weight, a=0.3),
    "orthogonal": lambda weight: nn.init.orthogonal_(weight),
}

CONVOLUTIONS: dict[int, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
"""Layers by the number of dimensions."""

PADDINGS = ("zeros", "circular")


def padding_of(padding: str | None, periodic: bool) -> str:
    """Return the requested padding, or by default that of the domain: circular if it is periodic, otherwise zeros."""
    if padding is None:
        return "circular" if periodic else "zeros"
    check_choice("network.padding", padding, PADDINGS)
    return padding


def fitted(make: Callable[..., nn.Module], dims: int, **domain: Any) -> Callable[..., nn.Module]:
    """Return a network's factory with those of ``dims`` and of ``domain`` (shape, periodic, symmetry) that it takes.

    Raises:
        ValueError: the network supports two dimensions only, and ``dims`` is another number.
    """
    takes = inspect.signature(make).parameters
    if dims != 2 and not {"dims", "shape"} & set(takes):
        name = getattr(getattr(make, "func", make), "__name__", "it")
        raise ValueError(f"network: {name} takes fields of two dimensions, but the samples have {dims}")
    return partial(make, **{word: value for word, value in {"dims": dims, **domain}.items() if word in takes})


def channels_last(x: Tensor) -> Tensor:
    """Return ``x`` in the memory format in which convolutions in two dimensions are fast."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def multiplies_bf16(device: str) -> bool:
    """Return True if a type of device, cpu or cuda, has units for bfloat16, so that its products are faster."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    units = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # matrix units of Intel; vector units of AMD, Intel
    return device == "cpu" and any(getattr(torch.cpu, unit, bool)() for unit in units)


def initialise_relu(layers: Iterable[nn.Module]) -> None:
    """Draw the weights of layers that ReLU follows, N(0, 2 / fan-in) (He et al. 2015); biases are 0."""
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # type: ignore[arg-type]
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def initialise(network: nn.Module, initialiser: str) -> None:
    """Draw the weights of all convolutions; biases are 0, norms 1. ``normal`` is the paper's N(0, 0.02)."""
    check_choice("initialiser", initialiser, INITIALISERS)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            INITIALISERS[initialiser](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
