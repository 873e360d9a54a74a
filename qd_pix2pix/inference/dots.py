"""The surrogate of every dot: potentials in eV on any grid, of any size and material, with an error of each prediction.

from qd_pix2pix import from_pretrained
p = from_pretrained("universal")(V, n_electrons=2, material="gaas", extent=300.0)
p.density, p.density_error, p.energy, p.gap, p.spin, p.verdict
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qd_pix2pix.inference.inputs import check_fields
from qd_pix2pix.inference.predict import BATCH, Outputs, check_device, predict
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.inference.reduced import PhysicalPredictor, physical_conditions, remarks_on, verdicts
from qd_pix2pix.predictor import ERROR


@dataclass(frozen=True)
class DotPrediction:
    """The predicted ground states of dots; arrays have the leading axes of V.

    Attributes:
        density: electron density (nm^-2), shape (..., n, n).
        density_error: estimated error int |n - n_ref| / N, which nine of ten dots do not exceed, shape (...).
        energy: ground-state energy (eV), shape (...).
        gap: distance of the next state of the same S_z block (eV), shape (...).
        spin: total spin, shape (...).
        verdict: "like training" or "unlike training: verify", text of shape (...).
    """

    density: NDArray
    density_error: NDArray
    energy: NDArray
    gap: NDArray
    spin: NDArray
    verdict: NDArray


class DotSurrogate(Surrogate):
    """A trained network in reduced units in place of the solver, for dots in nm and eV; see ``Surrogate``."""

    def __call__(self, source: ArrayLike | Mapping[str, ArrayLike], **options: Any) -> Any:
        """Return the ``DotPrediction`` of potentials (..., n, n) in eV; see ``predict``.

        A network without these outputs, or without an estimate of its error, returns its target (...).
        """
        found = self.predict(source, **options)
        if not {"energy", "gap", "spin", ERROR} <= set(found):
            return found[self.target]
        return DotPrediction(
            density=found[self.target],
            density_error=found[ERROR],
            energy=found["energy"],
            gap=found["gap"],
            spin=allowed_spins(found["spin"], round(options["n_electrons"])),
            verdict=verdicts(found[ERROR], inside=bool(found["inside"].all())),
        )

    def predict(
        self,
        source: ArrayLike | Mapping[str, ArrayLike],
        symmetrise: bool = False,
        device: str | None = None,
        batch_size: int = BATCH,
        **conditions: Any,
    ) -> Outputs:
        """Return all outputs by name: fields (..., n, n), numbers (...), and ``error``, the estimated density error.

        Args:
            source: potentials (..., n, n) in eV, on any number of points.
            symmetrise, device, batch_size: see ``Surrogate.predict``.
            conditions: n_electrons, extent in nm, and material="gaas" or m_eff and eps_r.

        Raises:
            ValueError: wrong shape, a missing condition, or more electrons than in training. Other inputs outside the
                training data cause a warning.
        """
        leading, flat = self._flat(source)
        fields = check_fields(flat, self.predictor.schema)
        shape = next(iter(fields.values())).shape[1:]
        known = physical_conditions(self.predictor.schema, conditions)
        physical = PhysicalPredictor(self.predictor, known, shape)
        for remark in remarks_on(physical, self.card, fields):
            warnings.warn(remark, stacklevel=3)
        chosen = check_device(device) if device else self.device
        found = predict(physical, fields, symmetrise, chosen, batch_size)
        found["inside"] = np.full(len(next(iter(fields.values()))), physical.inside(self.card))
        return {name: values.reshape(leading + values.shape[1:]) for name, values in found.items()}


def allowed_spins(values: NDArray, n_electrons: int) -> NDArray:
    """Return the total spins of ``n_electrons`` electrons that are nearest to ``values``, of the same shape."""
    least = n_electrons % 2 / 2
    return np.clip(np.round(values - least) + least, least, n_electrons / 2)
