"""Learn the potential and the permittivity of a dot from densities of one to three electrons, at several noise levels.

    python -m experiments.design.hamiltonian     # 10 minutes on one core

From the root. Densities are those of the solver, with normal noise relative to the largest value of each. Writes
hamiltonian.json beside this program; finished cases are read back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.design import studies
from qd_pix2pix import from_pretrained, learn_hamiltonian
from qd_pix2pix.cli import guarded
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance

HERE = Path(__file__).parent
RESULTS = HERE / "hamiltonian.json"
RANGE = (4.0, 40.0)
"""Range of the unknown permittivity."""
CASES: dict[str, tuple[str, tuple[int, ...], float]] = {
    "network, N = 1, 2, 3": ("network", (1, 2, 3), 0.0),
    "solver, N = 1, 2, 3": ("solver", (1, 2, 3), 0.0),
    "solver, N = 1, 2, 3, noise 1 %": ("solver", (1, 2, 3), 0.01),
    "solver, N = 1, 2, 3, noise 5 %": ("solver", (1, 2, 3), 0.05),
    "solver, N = 1": ("solver", (1,), 0.0),
    "solver, N = 2": ("solver", (2,), 0.0),
}
"""Origin of the densities, numbers of electrons, and noise."""
LEAST = 0.01
"""Tolerance of densities without noise, relative to the largest value: about the error of the network."""


def densities(origin: str, electrons: Sequence[int], noise: float) -> NDArray[np.float64]:
    """Return densities (K, n, n) in nm^-2 of the dot of this study."""
    V = studies.three_wells()
    if origin == "network":
        network = from_pretrained("universal")
        found = [network(V, n_electrons=n, extent=studies.SIDE, **studies.MATERIAL).density for n in electrons]
    else:
        found = [studies.solved(V, n).density for n in electrons]
    n = np.stack(found)
    normal = np.random.default_rng(0).standard_normal(n.shape)
    return n + noise * n.max((1, 2), keepdims=True) * normal


def learned(origin: str, electrons: tuple[int, ...], noise: float) -> dict[str, Any]:
    """Return what is learned from these densities."""
    n = densities(origin, electrons, noise)
    begin = perf_counter()
    found = learn_hamiltonian(
        "universal", n, known={"n_electrons": electrons, "m_eff": studies.MATERIAL["m_eff"], "extent": studies.SIDE},
        unknown={"eps_r": RANGE}, bounds=studies.BOUNDS, starts=4, steps=150,
        tolerance=max(noise, LEAST) * float(n.max()),
    )  # fmt: skip
    weights = found.identifiable / found.identifiable.sum()
    errors = found.best - studies.three_wells()
    errors = errors - (weights * errors).sum()
    return {
        "eps_r": float(found.couplings["eps_r"][0]), "all": found.couplings["eps_r"].tolist(),
        "uncertainty": found.coupling_uncertainty["eps_r"], "determined": found.determined["eps_r"],
        "share": found.known.coupling_shares["eps_r"], "misfits": found.misfits.tolist(),
        "V_rms": float(np.sqrt((weights * errors**2).sum())), "seconds": perf_counter() - begin,
    }  # fmt: skip


def main() -> None:
    """Calculate what is missing in hamiltonian.json."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name, case in CASES.items():
        if name not in results:
            results[name] = learned(*case) | {"provenance": provenance()}
            write_text(RESULTS, json.dumps(results, indent=1) + "\n")
            print(name, {key: v for key, v in results[name].items() if key != "provenance"}, flush=True)


if __name__ == "__main__":
    guarded(main)
