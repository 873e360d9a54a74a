"""What the network predicts of a dot while it is drawn."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.studio.dot import Dot
from qd_pix2pix.studio.potential import charges, potential

if TYPE_CHECKING:
    from qd_pix2pix.inference.dots import DotSurrogate

NETWORK = "universal"
"""The shipped network of dots of any size and material."""


@dataclass(frozen=True)
class Prediction:
    """The prediction for one dot.

    Attributes:
        density: density (n, n) in nm^-2.
        density_error: estimated error int |n - n_ref| / N.
        energy, energy_error, gap, gap_error: in eV; spin: total spin.
        verdict: "like training" or "unlike training: verify".
        remarks: reasons why the dot is unlike the training.
        charges: electrons near each of the sites, (k,).
        seconds: time of the prediction.
    """

    density: NDArray[np.float64]
    density_error: float
    energy: float
    energy_error: float
    gap: float
    gap_error: float
    spin: float
    verdict: str
    remarks: tuple[str, ...]
    charges: NDArray[np.float64]
    seconds: float


@cache
def network() -> DotSurrogate:
    """Return the network, loaded once; the first call imports torch and takes seconds."""
    import torch

    from qd_pix2pix.inference.pretrained import from_pretrained

    torch.set_num_threads(1)  # a prediction takes 20 ms, and the other cores belong to the solver
    found = from_pretrained(NETWORK, device="cpu")
    assert hasattr(found, "predictor")
    return found  # type: ignore[return-value]


def predict(dot: Dot) -> Prediction:
    """Return the prediction for a dot.

    Raises:
        ValueError: the network does not take such a dot.
    """
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = network()(
            potential(dot), n_electrons=dot.n_electrons, m_eff=dot.m_eff, eps_r=dot.eps_r, extent=dot.side
        )
    density = np.asarray(found.density, dtype=np.float64)
    return Prediction(
        density=density,
        density_error=float(found.density_error),
        energy=float(found.energy),
        energy_error=float(found.energy_error),
        gap=float(found.gap),
        gap_error=float(found.gap_error),
        spin=float(found.spin),
        verdict=str(found.verdict),
        remarks=tuple(str(w.message).removesuffix("; predictions may be wrong") for w in caught),
        charges=charges(dot, density),
        seconds=time.perf_counter() - began,
    )
