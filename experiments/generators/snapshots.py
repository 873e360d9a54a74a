"""Drawn snapshots of doped antiferromagnets against those of the model that they are to represent."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.snapshots.measure import observables, recipe
from qd_pix2pix import sample_near
from qd_pix2pix.inference.sampler import Sampler

DOPINGS = (0.05, 0.12, 0.16, 0.2, 0.28)
"""Dopings at which snapshots are compared."""
DRAWN = {1: 600, 2: 150}
"""Snapshots drawn at each doping, by the factor of the side."""
NEAREST = 3
"""Attempts at each snapshot of a doping beyond those of the training, see ``qd_pix2pix.sample_near``."""
TRUE = 4
"""Snapshots of the model for each drawn one."""

Observables = dict[str, tuple[float, float]]


def of_snapshots(sampler: Sampler) -> list[dict[str, Any]]:
    """Return observables and their errors of drawn snapshots, of the model with strings, and of sprinkled holes."""
    found = []
    for factor, n in DRAWN.items():
        side = factor * sampler.shape[0]
        for doping in DOPINGS:
            beyond = doping > sampler.card.seen["doping"][-1]
            for attempts in (1, NEAREST) if beyond else (1,):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # dopings that were not seen are the question
                    seed = round(1000 * doping)
                    drawn = sample_near(sampler, n, size=side, seed=seed, attempts=attempts, doping=doping).samples
                found.append({"side": side, "doping": doping, "attempts": attempts, **_compared(drawn, doping)})
    return found


def _compared(drawn: NDArray[np.int8], doping: float) -> dict[str, Any]:
    """Return observables of drawn snapshots (S, L, L), and their deviations from those of the model."""
    n, side = drawn.shape[:2]
    kinds = {"drawn": drawn, **{holes: _model(side, doping, n, holes) for holes in ("strings", "sprinkled")}}
    measured = {kind: observables(snapshots) for kind, snapshots in kinds.items()}
    deviation = {kind: deviations(measured["drawn"], measured[kind]) for kind in list(kinds)[1:]}
    holes = float((drawn == 0).mean())
    deviation["strings, as drawn"] = as_drawn(measured["drawn"], side, holes, n)
    return {"holes": holes, **measured, "deviation": deviation}


def as_drawn(drawn: Observables, side: int, holes: float, n: int) -> dict[str, float]:
    """Return the deviations of ``n`` snapshots from the model with strings at the doping that they have."""
    return deviations(drawn, observables(_model(side, holes, n, "strings")))


def _model(side: int, doping: float, n: int, holes: str) -> NDArray[np.int8]:
    return recipe(TRUE * n, (doping,), side=side, holes=holes).columns("test", range(TRUE * n))["occupation"]


def deviations(own: Observables, other: Observables) -> dict[str, float]:
    """Return the differences of observables in standard errors of the difference."""
    return {name: (own[name][0] - other[name][0]) / float(np.hypot(own[name][1], other[name][1])) for name in own}
