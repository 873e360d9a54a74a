"""Closed forms and radial solutions of parabolas in a perpendicular field. Effective atomic units, b = omega_c.

In the symmetric gauge a round parabola of one electron has the levels of Fock (Z. Phys. 47, 446 (1928)) and Darwin
(Proc. Cambridge Philos. Soc. 27, 86 (1931)); an elliptic one has two normal modes (Madhav, Chakraborty, Phys. Rev. B
49, 8163 (1994)).
Two electrons separate into the centre of mass, a Fock-Darwin oscillator, and the relative motion of angular momentum m,

    [-(1/r) d/dr r d/dr + m^2 / r^2 + W^2 r^2 / 4 + b m / 2 + 1 / r] f = e f,    W^2 = w^2 + b^2 / 4,

singlets for even and triplets for odd m (Merkt, Huser, Wagner, Phys. Rev. B 43, 7320 (1991)).
"""

import numpy as np
import scipy.linalg
from numpy.polynomial import legendre
from scipy.optimize import brentq


def fock_darwin(omega, b, n_levels):
    """The lowest levels of one electron and their L_z, ascending."""
    w = np.hypot(omega, b / 2)
    n, m = np.meshgrid(np.arange(40), np.arange(-80, 81), indexing="ij")
    energies = (2 * n + np.abs(m) + 1) * w + b * m / 2
    order = np.argsort(energies.ravel())[:n_levels]
    return energies.ravel()[order], m.ravel()[order]


def elliptic_modes(omega_x, omega_y, b, masses=(1.0, 1.0)):
    """The frequencies of the two normal modes of 1/2 (m_x w_x^2 x^2 + m_y w_y^2 y^2) in a field of e B = b."""
    squared = b**2 / (masses[0] * masses[1])
    total, product = omega_x**2 + omega_y**2 + squared, (omega_x * omega_y) ** 2
    high = (total + np.sqrt(total**2 - 4 * product)) / 2
    return np.sqrt(product / high), np.sqrt(high)


def elliptic_levels(omega_x, omega_y, b, n_levels):
    """The lowest levels of one electron in an elliptic parabola, ascending."""
    low, high = elliptic_modes(omega_x, omega_y, b)
    return np.sort(np.add.outer((np.arange(200) + 0.5) * low, (np.arange(40) + 0.5) * high).ravel())[:n_levels]


def relative_level(omega, b, m, n_radial=60, number=0):
    """The level ``number`` of the relative motion of two electrons with angular momentum ``m``."""
    w = np.hypot(omega, b / 2)
    radius = (2 / w**2) ** (1 / 3) + 2 * np.sqrt(abs(m) / w) + 12 / np.sqrt(w)
    nodes, gauss = legendre.leggauss(2 * n_radial)
    r, weight = (nodes + 1) * radius / 2, gauss * radius / 2
    # f = r^min(|m|, 1) times polynomials that vanish at the end
    polynomials = np.stack([legendre.legval(nodes, np.eye(n_radial)[k]) for k in range(n_radial)], 1)
    slopes = np.stack([legendre.legval(nodes, legendre.legder(np.eye(n_radial)[k])) for k in range(n_radial)], 1)
    slopes *= 2 / radius
    if m:
        polynomials, slopes = r[:, None] * polynomials, polynomials + r[:, None] * slopes
    inside = scipy.linalg.null_space(legendre.legvander(np.array([1.0]), n_radial - 1))
    f, df = polynomials @ inside, slopes @ inside
    potential = m**2 / r**2 + w**2 * r**2 / 4 + b * m / 2 + 1 / r
    h = df.T @ (df * (weight * r)[:, None]) + f.T @ (f * (weight * r * potential)[:, None])
    return float(scipy.linalg.eigh(h, f.T @ (f * (weight * r)[:, None]), eigvals_only=True)[number])


def two_electrons(omega, b, m):
    """The lowest energy of two electrons in a round parabola with relative angular momentum ``m``, without spin."""
    return relative_level(omega, b, m) + float(np.hypot(omega, b / 2))


def crossing(omega, first, second, low, high):
    """The field b in [low, high] at which the lowest states of two relative angular momenta have the same energy."""
    return brentq(lambda b: two_electrons(omega, b, first) - two_electrons(omega, b, second), low, high, xtol=1e-12)
