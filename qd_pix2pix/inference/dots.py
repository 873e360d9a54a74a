"""The surrogate of every dot: potentials in eV on any grid, of any size and material, with an error of each prediction.

from qd_pix2pix import from_pretrained
p = from_pretrained("universal")(V, n_electrons=2, material="gaas", extent=300.0)
p.density, p.density_error, p.energy, p.energy_error, p.gap, p.gap_error, p.spin, p.verdict
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from qd_pix2pix.inference.differentiable import plain_number
from qd_pix2pix.inference.inputs import Fields, check_fields
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.inference.rectangles import of_rectangles
from qd_pix2pix.inference.reduced import PhysicalPredictor, physical_conditions, remarks_on, unlike, verdicts
from qd_pix2pix.predictor import ERROR, ERROR_OF, Card, Predictor
from qd_pix2pix.schema import Schema

OPTIONS = ("symmetrise", "device", "batch_size")
"""Options of a prediction that are no conditions of the dots."""


@dataclass(frozen=True)
class DotPrediction:
    """The predicted ground states of dots; arrays have the leading axes of V.

    Attributes:
        density: electron density (nm^-2), shape (..., n_x, n_y).
        density_error: estimated error int |n - n_ref| / N, which nine of ten dots do not exceed, shape (...).
        energy, energy_error: ground-state energy and its estimated error (eV), likewise, shape (...).
        gap, gap_error: distance of the next state of the same S_z block, and its estimated error (eV), shape (...).
            Errors are NaN for a network without an estimate of them.
        spin: total spin, shape (...).
        verdict: "like training" or "unlike training: verify", text of shape (...).
    """

    density: NDArray
    density_error: NDArray
    energy: NDArray
    energy_error: NDArray
    gap: NDArray
    gap_error: NDArray
    spin: NDArray
    verdict: NDArray


class DotSurrogate(Surrogate):
    """A trained network in reduced units in place of the solver, for dots in nm and eV; see ``Surrogate``."""

    def __call__(self, source: ArrayLike | Mapping[str, ArrayLike], **options: Any) -> Any:
        """Return the ``DotPrediction`` of potentials (..., n_x, n_y) in eV, on any number of points; see ``predict``.

        Args:
            source: potentials, an array or a tensor.
            options: n_electrons; extent in nm, of a rectangle (L_x, L_y); material="gaas", or m_eff and eps_r; and
                options of ``predict``.

        A network without these outputs, or without an estimate of its error, returns its target (...).
        """
        found = self.predict(source, **options)
        if not {"energy", "gap", "spin", ERROR} <= set(found):
            return found[self.target]
        conditions = {name: plain_number(name, value) for name, value in options.items() if name not in OPTIONS}
        known = physical_conditions(self.predictor.schema, conditions)
        unknown = found[ERROR] * np.nan
        return DotPrediction(
            density=found[self.target],
            density_error=found[ERROR],
            energy=found["energy"],
            energy_error=found.get(ERROR_OF.format("energy"), unknown),
            gap=found["gap"],
            gap_error=found.get(ERROR_OF.format("gap"), unknown),
            spin=allowed_spins(found["spin"], round(known["n_electrons"])),
            verdict=verdicts(found[ERROR], self._unlike(source, known).reshape(found[ERROR].shape)),
        )

    @property
    def _given_schema(self) -> Schema:
        """The schema by which sources are checked: squares or rectangles."""
        return of_rectangles(self.predictor.schema)

    def _unlike(self, source: Any, known: Mapping[str, float]) -> NDArray:
        """Return True for potentials that the network was not trained for, (S,)."""
        given = {name: v.detach().cpu() if isinstance(v, Tensor) else v for name, v in self._given(source).items()}
        _, flat = self._flat({name: np.asarray(values) for name, values in given.items()})
        fields = check_fields(flat, self._given_schema)
        shape = next(iter(fields.values())).shape[1:]
        return unlike(PhysicalPredictor(self.predictor, known, shape), self.card, fields)

    @staticmethod
    def _prepared(
        predictor: Predictor, card: Card, fields: Fields, conditions: Mapping[str, Any]
    ) -> tuple[Predictor, dict[str, float], list[str]]:
        """Return the predictor in physical units for these dots, and remarks; conditions are part of it."""
        known = physical_conditions(predictor.schema, conditions)
        physical = PhysicalPredictor(predictor, known, next(iter(fields.values())).shape[1:])
        return physical, {}, remarks_on(physical, card, fields)


def allowed_spins(values: Any, n_electrons: int) -> Any:
    """Return the total spins of ``n_electrons`` electrons that are nearest to ``values``, an array or a tensor."""
    least = n_electrons % 2 / 2
    return ((values - least).round() + least).clip(least, n_electrons / 2)
