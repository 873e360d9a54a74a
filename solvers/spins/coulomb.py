"""Screened Coulomb interaction of spins on a periodic square lattice.

    H = J sum_{i<j} s_i s_j f(r_ij),   f(r) = exp(-k r) / r,   or exp(-k r) sin(r) / r in the sinusoidal form

over all pairs of sites and all their periodic images up to r_cut (Mills and Tamblyn, Phys. Rev. E 97, 032119 (2018),
equation 1). J = 1 is antiferromagnetic. The distances between the sites of a lattice of side L form a torus, so that
the sum over images is a kernel v(d) of L x L displacements, made once, and the energy is a circular convolution:

    H = J / 2 sum_i sum_j s_i s_j v(i - j),   v(d) = sum over images of f(r), 0 < r <= r_cut

v(0) holds the images of a site itself. They add the constant J L^2 v(0) / 2, which is part of the energy here.
The convolution costs L^2 log L by a fast Fourier transform, whatever r_cut is.

The paper gives J = 1 and r_cut = 64 sites, but not the screening k. The default of 0.5 per site is a choice: images at
64 sites contribute exp(-32), and neighbours at one site 0.6 J.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft

from solvers.checks import check_choice, check_integer, check_number, use_python_numbers
from solvers.spins.ising import Floats, as_spins

FORMS = ("coulomb", "sinusoidal")


@dataclass(frozen=True)
class ScreenedCoulomb:
    """The interaction and its energies.

    Attributes:
        k: screening, per site; the paper does not give it.
        r_cut: largest distance of a pair, in sites.
        form: "coulomb", or "sinusoidal" with a factor sin r.
        coupling: J; positive is antiferromagnetic in the Coulomb form.

    Raises:
        ValueError: a parameter is out of range.
    """

    k: float = 0.5
    r_cut: int = 64
    form: str = "coulomb"
    coupling: float = 1.0

    def __post_init__(self) -> None:
        check_number("k", self.k, 0.0, 700.0)
        check_integer("r_cut", self.r_cut, 1, high=4096)
        check_choice("form", self.form, FORMS)
        check_number("coupling", self.coupling)
        use_python_numbers(self, "k", "r_cut", "coupling")

    def kernel(self, side: int) -> Floats:
        """Return v(d), (L, L), for displacements d = 0 ... L - 1 along both axes; read-only, J not included.

        Raises:
            ValueError: the side is below 2.
        """
        check_integer("side", side, 2)
        return _kernel(int(side), self.k, self.r_cut, self.form)

    def couplings(self, side: int) -> Floats:
        """Return J v(d), (L, L), as ``kernel``: the argument of ``sample_pairs``.

        Raises:
            ValueError: the side is below 2.
        """
        return self.coupling * self.kernel(side)

    def energies(self, configurations: Any) -> Floats:
        """Return the energies (...) of ``configurations`` (..., L, L), spins of +1 and -1.

        Raises:
            ValueError: the lattices are not square, have a side below 2, or hold other values.
        """
        spins = as_spins("configurations", configurations)
        return (spins * self.fields(spins)).sum(axis=(-1, -2)) / 2

    def fields(self, configurations: Any) -> Floats:
        """Return dH / ds_i = J sum_j v(i - j) s_j, (..., L, L), the field at each site.

        Raises:
            ValueError: as in ``energies``.
        """
        spins = as_spins("configurations", configurations)
        shape = spins.shape[-2:]
        spectrum = scipy.fft.rfft2(self.couplings(shape[0]))
        return scipy.fft.irfft2(scipy.fft.rfft2(spins.astype(np.float64)) * spectrum, s=shape)


@lru_cache(maxsize=32)
def _kernel(side: int, k: float, r_cut: int, form: str) -> Floats:
    x = np.arange(-r_cut, r_cut + 1)
    r = np.hypot(x[:, None], x)
    r[(r == 0) | (r > r_cut)] = np.inf
    f = np.exp(-k * r) / r if k else 1 / r
    if form == "sinusoidal":
        f *= np.sin(np.where(np.isinf(r), 0.0, r))
    kernel = np.zeros((side, side))
    np.add.at(kernel, (x[:, None] % side, x % side), f)
    kernel.flags.writeable = False
    return kernel
