"""Lever arms of gates: how far each voltage shifts the energy of each site, and the virtual gates that undo this.

With e_p the site energies of ``hubbard``, alpha_pg = d e_p / d V_g in eV / V is negative for electrons: a positive
voltage attracts them. Virtual gates are the columns of the smallest matrix G with alpha G = 1: column p shifts e_p
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.checks import check_array, check_function, check_kind
from solvers.grid import Grid
from solvers.quantum_dots.coulomb import COULOMB, Interaction
from solvers.quantum_dots.devices import Device, check_family
from solvers.quantum_dots.hubbard import coupling_slopes
from solvers.quantum_dots.sites import Couplings
from solvers.units import Material

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LeverArms:
    """Lever arms of G gates on k sites.

    Attributes:
        names: of the gates.
        matrix, errors: alpha (k, G) in eV / V and its error bars: those of the grid, and of the finite step.
        slopes, slope_errors: derivatives of all couplings, each with a leading axis of the gates, in eV / V.
    """

    names: tuple[str, ...]
    matrix: Floats
    errors: Floats
    slopes: Couplings
    slope_errors: Couplings

    @cached_property
    def virtual(self) -> Floats:
        """Voltages (G, k) in V / eV of the virtual gates; with fewer gates than sites, the nearest ones."""
        return np.asarray(np.linalg.pinv(self.matrix), dtype=np.float64)

    @cached_property
    def virtual_errors(self) -> Floats:
        """Error bars (G, k) of ``virtual``: the sum of its changes with each lever arm by its error bar."""
        total = np.zeros_like(self.virtual)
        for p, g in np.ndindex(*self.matrix.shape):
            changed = self.matrix.copy()
            changed[p, g] += self.errors[p, g]
            total += np.abs(np.linalg.pinv(changed) - self.virtual)
        return total

    def knob(self, *shifts: float) -> dict[str, float]:
        """Return the voltages, in V by the names of the gates, that shift each site by its number of ``shifts``.

        With shifts in units of 1 eV this is a knob of ``Device.V_of`` whose number is an energy: ``knob(0.5, -0.5)`` is
        the difference of the energies of two sites.

        Raises:
            ValueError: there is not one number for each site.
        """
        wanted = check_array("shifts", list(shifts), (len(self.matrix),))
        return dict(zip(self.names, (self.virtual @ wanted).tolist(), strict=True))


def lever_arms(
    V_of: Device | Callable[..., ArrayLike],
    voltages: Mapping[str, float] | ArrayLike | None,
    grid: Grid,
    material: Material,
    n_sites: int = 2,
    step: float = 1e-3,
    interaction: Interaction = COULOMB,
    n_modes: int | None = None,
) -> LeverArms:
    """Return the lever arms of gates by central differences.

    Args:
        V_of: a device; or a function of one voltage for each gate that returns a potential in eV.
        voltages: voltages (V) at which derivatives are taken: those of a function (gates,); for a device, voltages by
            the names of the gates, whose lever arms are returned. None: all gates of the device, at its own voltages.
        grid: as in ``hubbard``, like the arguments after ``step``.
        material: effective mass and permittivity.
        n_sites: number of sites k.
        step: change of a voltage, in V.
        interaction: interaction of the electrons.
        n_modes: sine functions per direction.

    Raises:
        ValueError: an argument is out of range, there is no such gate, or the sites change within ``step``.
    """
    family: Any = V_of
    if isinstance(V_of, Device):
        at = V_of.voltages if voltages is None else voltages
        check_kind("voltages", at, Mapping, "mapping of gates to voltages, such as {'P1': 0.1}")
        assert isinstance(at, Mapping)
        family, names = V_of.V_of(*at, grid=grid, voltages=at), tuple(at)
        places: Any = [float(value) for value in at.values()]
    else:
        check_function("V_of", V_of)
        check_family(V_of, grid)
        places = check_array("voltages", voltages, ("gates",))
        names = tuple(f"gate {i + 1}" for i in range(len(places)))
    slopes, errors = coupling_slopes(family, places, step, grid, material, n_sites, interaction, n_modes)
    return LeverArms(names, slopes.site_energy.T, errors.site_energy.T, slopes, errors)
