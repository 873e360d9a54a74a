"""The solved dots of a benchmark, in nm and eV, and the check that they are those of its version.

Dots in reduced units are shown as dots in GaAs, whose side follows from lambda. A dot in any other material with the
same lambda has the same density per side squared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.data.store import Store
from qd_pix2pix.systems.scaled_dots import reduction

SHOWN_IN = "gaas"
"""Material in which dots in reduced units are shown."""
COLUMNS = ("V", "n_int", "energy", "gap")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Dots:
    """Dots with reference values; all arrays have the dots along the first axis.

    Attributes:
        V: potentials (eV), (S, n, n).
        density: electron densities (nm^-2), (S, n, n).
        energy, gap: ground-state energies and gaps (eV), (S,).
        n_electrons: numbers of electrons, (S,).
        extent: sides of the squares (nm), (S,).
        m_eff, eps_r: effective masses (free electron masses) and permittivities, (S,).
    """

    V: Array
    density: Array
    energy: Array
    gap: Array
    n_electrons: Array
    extent: Array
    m_eff: Array
    eps_r: Array

    def __len__(self) -> int:
        return len(self.V)

    def __getitem__(self, rows: Any) -> Dots:
        """Return some of the dots."""
        return Dots(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def unit(self) -> Array:
        """The unit of energy hbar^2 / (m* L^2) of each dot (eV), (S,)."""
        powers = reduction()["scales"]["energy"]
        return powers["factor"] * self.m_eff ** powers["m_eff"] * self.extent ** powers["extent"]

    @property
    def coupling(self) -> Array:
        """The coupling lambda = L / a_0* of each dot, (S,)."""
        powers = reduction()["numbers"]["coupling"]
        return powers["factor"] * self.extent * self.m_eff / self.eps_r

    @property
    def conditions(self) -> dict[str, float]:
        """The conditions of dots that have the same ones, by name."""
        first = {name: float(getattr(self, name)[0]) for name in ("m_eff", "eps_r", "extent")}
        return {"n_electrons": int(self.n_electrons[0]), **first}

    def alike(self) -> Iterator[NDArray[np.int64]]:
        """Yield the rows of dots that have the same conditions."""
        given = np.stack([self.n_electrons, self.extent, self.m_eff, self.eps_r], axis=1)
        _, labels = np.unique(given, axis=0, return_inverse=True)
        labels = labels.reshape(-1)
        for label in range(labels.max() + 1):
            yield np.flatnonzero(labels == label)


def load_dots(store: Store, split: str) -> Dots:
    """Return the dots of a split of a dataset of ``data=scaled_dots`` or ``data=dots``."""
    reduced = bool(store.schema.reduction)
    names = (*COLUMNS, "n_electrons", "coupling") if reduced else COLUMNS
    found = {name: np.asarray(v, float) for name, v in store.split(split).load(names).items()}
    size = len(found["V"])
    if reduced:
        found |= _shown(found["coupling"])
    else:
        constants = store.schema.constants
        found |= {name: np.full(size, constants[name]) for name in ("n_electrons", "extent", "m_eff", "eps_r")}
    found["density"] = found["n_int"]
    kept = {field.name: found[field.name] for field in fields(Dots)}
    dots = Dots(**kept)
    if not reduced:
        return dots
    energy, area = dots.unit, dots.extent**2
    return Dots(
        **{
            **kept,
            "V": dots.V * energy[:, None, None],
            "density": dots.density / area[:, None, None],
            "energy": dots.energy * energy,
            "gap": dots.gap * energy,
        }
    )


def _shown(coupling: Array) -> dict[str, Array]:
    """Return side and material of dots in reduced units, (S,) each."""
    known = reduction()
    material = known["presets"]["material"][SHOWN_IN]
    scale = known["numbers"]["coupling"]["factor"] * material["m_eff"] / material["eps_r"]
    constant = {name: np.full(len(coupling), material[name]) for name in ("m_eff", "eps_r")}
    return {"extent": coupling / scale, **constant}


def means(dots: Dots) -> dict[str, float]:
    """Return means over dots, in reduced units, that identify them: of V, density squared, energy and gap."""
    unit = dots.unit
    return {
        "V": float((dots.V.mean((1, 2)) / unit).mean()),
        "density": float(((dots.density * (dots.extent**2)[:, None, None]) ** 2).mean()),
        "energy": float((dots.energy / unit).mean()),
        "gap": float((dots.gap / unit).mean()),
    }


def check_means(bench: str, split: str, dots: Dots, expected: Mapping[str, float], tolerance: float) -> None:
    """Raise ValueError where dots are not those of a version of a benchmark.

    Means, not bits, are compared: bits of a label depend on the processor.
    """
    for name, value in means(dots).items():
        if not np.isclose(value, expected[name], rtol=tolerance, atol=0.0):
            raise ValueError(
                f"bench: the dots of {split} are not those of {bench}: mean {name} is {value:.8g} in reduced units, "
                f"expected {expected[name]:.8g}. Options that change dots, such as bench.dots, need bench.check=false, "
                "whose scores have another name; otherwise remove the dataset from data_root, and compare versions"
            )
