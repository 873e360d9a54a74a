"""Reference densities of step wells by DMRG, written to dmrg.json; the extra ``references`` installs TeNPy.

    python -m experiments.chain.dmrg          # all wells that dmrg.json does not have

TeNPy (Hauschild, Pollmann, SciPost Phys. Lect. Notes 5 (2018)) optimises a matrix product state of the open chain that
consists of the well and 8 sites of the barrier on either side. Barriers are at least 1 J above the band of empty sites,
so that the density at these ends, and the missing bond between them, do not matter. N is that with the lowest E(N) at
V - mu: E of both neighbours is larger.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.chain.wells import SETS, Well
from qd_pix2pix.files import write_text

FILE = Path(__file__).with_name("dmrg.json")
INTERACTION = 2.0
MOST_STATES = 120
"""Largest bond dimension."""


def ground_state(potential: NDArray, particles: int) -> tuple[float, NDArray]:
    """Return E(N) at V - mu, in J, and the density (L,) of N fermions on an open chain."""
    from tenpy.algorithms.dmrg import TwoSiteDMRGEngine
    from tenpy.models.fermions_spinless import FermionChain
    from tenpy.networks.mps import MPS

    sites = len(potential)
    if particles == 0:
        return 0.0, np.zeros(sites)
    model = FermionChain(
        {"L": sites, "J": 1.0, "V": INTERACTION, "mu": -potential, "bc_MPS": "finite", "conserve": "N"}
    )
    places = np.argsort(np.abs(np.arange(sites) - (sites - 1) / 2), kind="stable")
    inside = np.flatnonzero(potential == potential.min())
    spread = inside[np.unique(np.linspace(0, len(inside) - 1, min(particles, len(inside))).round().astype(int))]
    filled = [*spread, *(p for p in places if p not in spread)][:particles]
    start = ["full" if i in filled else "empty" for i in range(sites)]
    state = MPS.from_product_state(model.lat.mps_sites(), start, bc="finite")
    options = {
        "mixer": True,
        "mixer_params": {"amplitude": 1e-3, "decay": 2.0, "disable_after": 6},
        "max_E_err": 1e-9,
        "max_S_err": 1e-6,
        "max_sweeps": 40,
        "N_sweeps_check": 2,
        "trunc_params": {"chi_max": MOST_STATES, "svd_min": 1e-7},
    }
    energy, state = TwoSiteDMRGEngine(state, model, options).run()
    return float(energy), np.asarray(state.expectation_value("N"))


def levels_below(potential: NDArray) -> int:
    """Return the number of levels of one particle on an open chain below 0, from which the search for N starts."""
    hop = -np.eye(len(potential), k=1)
    return int((np.linalg.eigvalsh(np.diag(potential) + hop + hop.T) < 0).sum())


def solve(well: Well, guess: int) -> dict[str, Any]:
    """Return energies by N and the density of the ground state at V - mu, from a guess of N."""
    started = time.perf_counter()
    chain = well.potential[well.part]
    found: dict[int, tuple[float, NDArray]] = {}
    particles, done = guess, False
    while not done:
        around = [n for n in (particles - 1, particles, particles + 1) if 0 <= n <= len(chain)]
        found |= {n: ground_state(chain, n) for n in around if n not in found}
        lowest = min(around, key=lambda n: found[n][0])
        particles, done = lowest, lowest == particles
    density = np.zeros(well.sites)
    density[well.part] = found[particles][1]
    return {
        "well": vars(well),
        "particles": particles,
        "energies": {n: round(energy, 9) for n, (energy, _) in sorted(found.items())},
        "density": density.round(8).tolist(),
        "seconds": round(time.perf_counter() - started, 2),
    }


def main() -> None:
    """Solve the missing wells; the file is complete after each."""
    warnings.filterwarnings("ignore")
    found = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    for name, wells in SETS.items():
        have = found.setdefault(name, [])
        for well in wells()[len(have) :]:
            have.append(solve(well, levels_below(well.potential[well.part]) * 2 // 3))
            write_text(FILE, json.dumps(found) + "\n")
            print(name, len(have), have[-1]["particles"], have[-1]["seconds"], file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
