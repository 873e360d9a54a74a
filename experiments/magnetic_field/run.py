"""Levels, crossings, dipole excitations and gauges of a GaAs dot in a field, beside closed forms and radial solutions.

python -m experiments.magnetic_field.run               (writes results.json)

The radial equation of two electrons in a round parabola is solved here by Legendre polynomials, without orbitals.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import provenance
from solvers import Grid, MagneticField, Material, field_sweep, solve_in_field
from solvers.quantum_dots.magnetic.field import FLUX, cyclotron_energy

RESULTS = Path(__file__).parent / "results.json"
GAAS = Material(0.067, 12.9)
LEVEL = 3e-3
"""hbar omega_0 in eV."""
G = -0.44
GRID = Grid(56, 200.0)
FIELDS = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0]
TESLA = FLUX["nm, eV"] / GAAS.bohr**2
"""Tesla per unit of b."""


def dot(grid: Grid) -> NDArray[np.float64]:
    """Return a round parabola in the middle of the square (eV)."""
    x, y = (a - grid.extent / 2 for a in grid.mesh())
    omega = LEVEL / GAAS.hartree
    return GAAS.hartree * omega**2 / 2 * (x**2 + y**2) / GAAS.bohr**2


def fock_darwin(B: float, n_levels: int) -> NDArray[np.float64]:
    """Return the lowest levels of one electron (eV)."""
    wc = cyclotron_energy(B, GAAS)
    n, m = np.meshgrid(np.arange(12), np.arange(-60, 61), indexing="ij")
    return np.sort(((2 * n + np.abs(m) + 1) * np.hypot(LEVEL, wc / 2) + m * wc / 2).ravel())[:n_levels]


def pair_energy(B: float, m: int) -> float:
    """Return the lowest energy (eV) of two electrons of relative angular momentum ``m``, without their spins."""
    omega, b = LEVEL / GAAS.hartree, B / TESLA
    w = float(np.hypot(omega, b / 2))
    radius = (2 / w**2) ** (1 / 3) + 2 * (abs(m) / w) ** 0.5 + 12 / w**0.5
    count = 60
    nodes, gauss = legendre.leggauss(2 * count)
    r, weight = (nodes + 1) * radius / 2, gauss * radius / 2
    f = legendre.legvander(nodes, count - 1)
    slopes = np.stack([legendre.legval(nodes, legendre.legder(row)) for row in np.eye(count)], 1) * 2 / radius
    if m:
        f, slopes = r[:, None] * f, f + r[:, None] * slopes
    inside = scipy.linalg.null_space(legendre.legvander(np.array([1.0]), count - 1))
    f, slopes = f @ inside, slopes @ inside
    v = m**2 / r**2 + w**2 * r**2 / 4 + b * m / 2 + 1 / r
    h = slopes.T @ (slopes * (weight * r)[:, None]) + f.T @ (f * (weight * r * v)[:, None])
    lowest = scipy.linalg.eigh(h, f.T @ (f * (weight * r)[:, None]), eigvals_only=True)[0]
    return float(lowest + w) * GAAS.hartree


def exact_crossing(first: int, second: int, g: float) -> float:
    """Return the field (T) at which states of two relative angular momenta, with their lowest S_z, cross."""

    def with_spin(B: float, m: int) -> float:
        zeeman = abs(g) * 5.788381806e-5 * B
        return pair_energy(B, m) - zeeman * (abs(m) % 2)

    return float(brentq(lambda B: with_spin(B, first) - with_spin(B, second), 0.05, 30.0, xtol=1e-9))


def levels_of_one() -> dict[str, Any]:
    """Return the levels of one electron against the field, and their largest distance from those of Fock and Darwin."""
    rows = []
    for B in FIELDS:
        found = solve_in_field(dot(GRID), GRID, 1, GAAS, MagneticField(B, 0.0), n_states=20, n_orbitals=15)
        rows.append([float(e) for e in found.energies[::2]])
    exact = [fock_darwin(B, 10) for B in FIELDS]
    return {"B": FIELDS, "levels": rows, "largest_error": float(np.abs(np.array(rows) - exact).max())}


def crossings() -> dict[str, Any]:
    """Return the levels of two electrons, and the crossings beside the exact ones."""
    found = {}
    for g in (0.0, G):
        sweep = field_sweep(dot(GRID), GRID, 2, GAAS, FIELDS, g)
        rows = [
            {
                "B": c.B,
                "error": c.error,
                "before": [c.before.spin, c.before.angular_momentum],
                "after": [c.after.spin, c.after.angular_momentum],
                "exact": exact_crossing(int(c.before.angular_momentum or 0), int(c.after.angular_momentum or 0), g),
            }
            for c in sweep.crossings
        ]
        found[str(g)] = {
            "crossings": rows,
            "B": FIELDS,
            "energies": sweep.energies.tolist(),
            "energy_errors": sweep.energy_errors.tolist(),
            "spins": sweep.spins.tolist(),
            "angular_momenta": np.nan_to_num(sweep.angular_momenta).tolist(),
        }
    return found


def kohn() -> list[dict[str, float]]:
    """Return the distance of the dipole excitation with L_z - 1 from its closed form, by N and M."""
    B = 1.0
    wc = cyclotron_energy(B, GAAS)
    soft = float(np.hypot(LEVEL, wc / 2) - wc / 2)
    rows = []
    for n_electrons, orbitals in ((1, 14), (2, 10), (2, 14), (2, 20), (3, 10), (3, 14)):
        found = solve_in_field(
            dot(GRID), GRID, n_electrons, GAAS, MagneticField(B, 0.0), n_orbitals=orbitals, n_states=20
        )
        step = found.angular_momenta - found.angular_momenta[0]
        near = (np.abs(found.spins - found.spins[0]) < 1e-3) & (np.abs(step + 1) < 0.1)
        distance = np.abs(found.energies - found.energy - soft)
        best = int(np.flatnonzero(near)[np.argmin(distance[near])])
        rows.append(
            {
                "N": n_electrons,
                "M": orbitals,
                "expected": soft,
                "found": float(found.energies[best] - found.energy),
                "error": float(found.gap_errors[best]),
            }
        )
    return rows


def gauges() -> list[dict[str, float]]:
    """Return error, gauge_error and grid_error of one electron, by points in a magnetic length."""
    rows = []
    for n, B in ((40, 3.0), (40, 4.5), (40, 6.0), (64, 6.0), (64, 12.0)):
        grid = Grid(n, 200.0)
        found = solve_in_field(dot(grid), grid, 1, GAAS, MagneticField(B, 0.0), n_states=2)
        length = (FLUX["nm, eV"] / B) ** 0.5
        rows.append(
            {
                "n": n,
                "B": B,
                "points": length / grid.dx,
                "error": float(abs(found.energy - fock_darwin(B, 1)[0])),
                "gauge_error": float(found.gauge_error),
                "grid_error": float(found.grid_error),
            }
        )
    return rows


def main() -> None:
    """Write results.json."""
    with threadpool_limits(1):
        results = {
            "levels": levels_of_one(),
            "crossings": crossings(),
            "kohn": kohn(),
            "gauges": gauges(),
            "provenance": provenance(),
        }
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
