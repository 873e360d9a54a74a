"""Problems with exact answers, and the symmetries of the square. Effective atomic units unless a name says nm or eV."""

import numpy as np
from scipy.special import i0e

from solvers import Material

GAAS = Material(m_eff=0.067, eps_r=12.9)
SI = Material(m_eff=0.19, eps_r=11.7)
INAS = Material(m_eff=0.023, eps_r=15.15)
ATOMIC = Material(m_eff=2 * 0.0380998212, eps_r=1.439964548)
"""Bohr radius 1 nm, hartree 1 eV: with it, nm and eV are the atomic units of the textbooks."""

VACUUM = Material(m_eff=1.0, eps_r=1.0, units="bohr, hartree")

MATERIALS = {"gaas": GAAS, "si": SI, "inas": INAS}

SQUARE = {
    "identity": lambda f: f,
    "quarter turn": lambda f: np.rot90(f, 1, (-2, -1)),
    "half turn": lambda f: np.rot90(f, 2, (-2, -1)),
    "three quarter turn": lambda f: np.rot90(f, 3, (-2, -1)),
    "mirror x": lambda f: f[..., ::-1, :],
    "mirror y": lambda f: f[..., ::-1],
    "diagonal": lambda f: np.swapaxes(f, -2, -1),
    "antidiagonal": lambda f: np.rot90(np.swapaxes(f, -2, -1), 2, (-2, -1)),
}
"""The eight operations that map the square onto itself, acting on fields (..., n, n)."""


def nmae(density, reference, n_electrons, grid):
    """Integral of |n - n_ref| over the square, per electron."""
    return np.max(grid.integrate(np.abs(density - reference))) / n_electrons


def box_levels(length, n_levels):
    """Lowest levels of one electron in an empty square with hard walls: pi^2 (l^2 + m^2) / (2 L^2)."""
    quanta = np.arange(1, 20) ** 2
    return np.sort(np.add.outer(quanta, quanta).ravel())[:n_levels] * np.pi**2 / (2 * length**2)


def box_orbital(m, n, grid):
    """(2/L) sin(m pi x / L) sin(n pi y / L) on the grid, in nm^-1."""
    x = np.pi * grid.x / grid.extent
    return 2 / grid.extent * np.outer(np.sin(m * x), np.sin(n * x))


def oscillator_levels(omega_x, omega_y, n_levels):
    """Lowest levels of the two-dimensional oscillator: (l + 1/2) omega_x + (m + 1/2) omega_y."""
    quanta = np.arange(20) + 0.5
    return np.sort(np.add.outer(quanta * omega_x, quanta * omega_y).ravel())[:n_levels]


def oscillator_orbitals(omega, grid):
    """phi_00, phi_10 and phi_01 of the isotropic oscillator around the middle of the square, (3, n, n)."""
    x = grid.x - grid.extent / 2
    ground = np.sqrt(omega / np.pi) * np.exp(-omega / 2 * np.add.outer(x**2, x**2))
    return np.stack([ground, np.sqrt(2 * omega) * x[:, None] * ground, np.sqrt(2 * omega) * x * ground])


def gaussian_charge(omega, center, grid):
    """Unit charge (omega / pi) exp(-omega |r - center|^2) on the grid."""
    return omega / np.pi * np.outer(*(np.exp(-omega * (grid.x - c) ** 2) for c in center))


def gaussian_repulsion(omega, distance):
    """Coulomb energy of two unit charges (omega / pi) exp(-omega r^2), their centres ``distance`` apart.

    Their separation is distributed as (omega / 2 pi) exp(-omega |r - d|^2 / 2), over which 1/r averages to
    sqrt(pi omega / 2) exp(-t) I_0(t) with t = omega d^2 / 4.
    """
    return np.sqrt(np.pi * omega / 2) * i0e(omega * distance**2 / 4)


def one_dimensional_levels(potential, length, n_levels, n_points=80):
    """Levels of -1/2 d^2/dx^2 + potential(x) between hard walls, by Chebyshev collocation."""
    j = np.arange(n_points + 1)
    t = np.cos(np.pi * j / n_points)
    c = np.where((j == 0) | (j == n_points), 2.0, 1.0) * (-1.0) ** j
    difference = t[:, None] - t + np.eye(n_points + 1)
    derivative = np.outer(c, 1 / c) / difference
    derivative -= np.diag(derivative.sum(axis=1))
    second = (derivative @ derivative)[1:-1, 1:-1] * (2 / length) ** 2
    x = (t[1:-1] + 1) * length / 2
    return np.sort(np.linalg.eigvals(-second / 2 + np.diag(potential(x))).real)[:n_levels]


def taut_density(grid):
    """Two electrons in the trap omega = 1 (Taut 1993), where E = 3 exactly.

    |psi|^2 = A (1 + r_12)^2 exp(-r_1^2 - r_2^2), and n(r) = 2 int |psi|^2 d^2r_2.
    """
    x = grid.x - grid.extent / 2
    weight = np.exp(-(x**2))
    density = np.empty((grid.n, grid.n))
    for i in range(grid.n):
        for j in range(grid.n):
            r12 = np.hypot.outer(x - x[i], x - x[j])
            density[i, j] = weight[i] * weight[j] * (weight @ (1 + r12) ** 2 @ weight)
    return 2 * density / (density.sum() * grid.dx**2)
