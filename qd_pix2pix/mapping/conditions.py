"""What else fixes a dot beside its field: N, m*, eps_r and L. For one network that serves a range of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor

from qd_pix2pix.schema import units_of

CONDITIONS = ("n_electrons", "m_eff", "eps_r", "extent")
"""Order of the facts of a dot: electrons, effective mass, relative permittivity, side of the square."""
KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "n_electrons": ((int,), "[1, 2]"),
    "material": ((str,), "[gaas, si]"),
    "extent": ((int, float), "[25.0, 30.0]"),
}
"""What a range may hold, and an example."""
MATERIALS = Path(__file__).parents[2] / "conf" / "material"


def facts_of(recipe: dict[str, Any]) -> tuple[float, ...]:
    """The facts of all dots of a dataset, in the order of ``CONDITIONS``."""
    material = recipe["material"]
    return float(recipe["n_electrons"]), float(material["m_eff"]), float(material["eps_r"]), recipe["grid"]["extent"]


def recipes_of(recipe: dict[str, Any], ranges: dict[str, Sequence[Any] | None]) -> list[dict[str, Any]]:
    """One recipe for each combination of the ranges' values; the recipe itself where there are none.

    Args:
        recipe: plain containers.
        ranges: lists of ``n_electrons``, ``material`` (names of conf/material) and ``extent``, or None.

    Raises:
        ValueError: a range is no list, is empty, holds something else or twice the same, or its materials do not fit.
    """
    for word, (kind, example) in KINDS.items():
        values = ranges[word]
        fine = values is None or (isinstance(values, list) and values and all(type(v) in kind for v in values))
        if not fine:
            raise ValueError(f"range.{word}: expected a list such as {example}, or null; got {values!r}")
        if values and len(set(values)) < len(values):
            raise ValueError(f"range.{word}: expected each value once, got {values!r}")
    choices = [ranges[word] or [None] for word in KINDS]
    recipes = []
    for n_electrons, material, extent in itertools.product(*choices):
        member = deepcopy(recipe)
        if n_electrons is not None:
            member["n_electrons"] = n_electrons
        if material is not None:
            member["material"] = _material(material)
        if extent is not None:
            member["grid"]["extent"] = float(extent)
        recipes.append(member)
    units = {str(units_of(member)) for member in recipes}
    if len(units) > 1:
        raise ValueError(f"range.material: expected materials of the same units, got {' and '.join(sorted(units))}")
    return recipes


def _material(name: str) -> dict[str, Any]:
    known = sorted(path.stem for path in MATERIALS.glob("*.yaml"))
    if name not in known:
        raise ValueError(f"range.material: expected names out of {', '.join(known)}; got {name!r}")
    return OmegaConf.to_container(OmegaConf.load(MATERIALS / f"{name}.yaml"))  # type: ignore[return-value]


class Conditions:
    """Those facts that differ between the dots of training, as constant channels in [-1, 1].

    Args:
        recipes: of all datasets that are trained on.
    """

    def __init__(self, recipes: Sequence[dict[str, Any]]) -> None:
        facts = torch.tensor([facts_of(recipe) for recipe in recipes], dtype=torch.float64)
        self.low, self.high = facts.amin(0), facts.amax(0)
        self.usual = facts[0]
        self.varying = (self.high > self.low).nonzero()[:, 0].tolist()

    def __len__(self) -> int:
        return len(self.varying)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the facts that vary."""
        return tuple(CONDITIONS[i] for i in self.varying)

    def channels(self, facts: Tensor, like: Tensor) -> Tensor:
        """Facts (B, 4) -> channels (B, len(self), n, n) of the kind and shape of ``like`` (B, 1, n, n)."""
        low, high = (bound.to(facts)[self.varying] for bound in (self.low, self.high))
        scaled = 2 * (facts[:, self.varying] - low) / (high - low) - 1
        return scaled.to(like.dtype)[:, :, None, None].expand(-1, -1, *like.shape[-2:])
