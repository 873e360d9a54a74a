"""The interaction in an isolated two-dimensional system: (ab|cd) = int int phi_a phi_b(r) v(|r - r'|) phi_c phi_d(r').

v is cut at R, the diagonal, the largest distance between two points of the square or rectangle. The cut changes no
integral and makes the Fourier transform smooth (Rozzi et al., Phys. Rev. B 73, 205119 (2006); the two-dimensional
disc): for v = 1/r

    v(k) = 2 pi R [J0(kR) + (pi/2) (J1(kR) H0(kR) - J0(kR) H1(kR))],   v(0) = 2 pi R   (H0, H1: Struve functions),

and for a screened or softened v(r), or one with image charges, it is 2 pi int_0^R v(r) J0(kr) r dr, by quadrature.

It is sampled on a grid padded to 4n, brought to real space, kept for separations -n ... n-1 and transformed again; pair
densities then need a pad of 2n only. The short side of a long rectangle is padded to p n with p L >= L + R, so that the
images of the cut interaction stay apart. By Parseval the integrals take forward transforms and one matrix product:
(ab|cd) = dx^2 dy^2 / (2n_x 2n_y) sum_k rho_ab(k)^* v(k) rho_cd(k).

v(k) is even in k_x and in k_y, so that it does not couple the parts of a density that are even or odd in x and y about
the middle of the square. Each of the four parts has a cosine or sine transform of a quarter of the points, for k >= 0:
small matrix products, faster than an FFT. Effective atomic units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.special import j0, j1, struve

from solvers.backend import Array, namespace, on_host
from solvers.checks import LARGEST, SMALLEST, check_number, check_positive, use_python_numbers
from solvers.grid import along_both, area_of
from solvers.quantum_dots.determinants import orbital_pairs

Floats = NDArray[np.float64]

NODES = 12
"""Nodes of the quadrature in each panel."""
AT_ONCE = 512
"""Wave numbers for which the quadrature is done at once."""
VANISHED = 750.0
"""exp(-r) is 0 in double precision from there on."""


@dataclass(frozen=True)
class Interaction:
    """v(r) = exp(-r / screening) [1 / (r^2 + thickness^2)^1/2 - 1 / (r^2 + thickness^2 + 4 gate_distance^2)^1/2].

    In units of e^2 / (4 pi eps_0 eps_r), with

    ``screening``: length of a Yukawa screening by other electrons (nm); None without.
    ``thickness``: extent of the electrons across the plane (nm), which softens the interaction at short distance.
    ``gate_distance``: distance of a metal plane parallel to that of the electrons (nm), such as a gate that covers the
    dot: each electron also interacts with the image charges of the others. None without. The attraction to its own
    image is the same everywhere, and left out.

    Raises:
        ValueError: a length is out of range.
    """

    screening: float | None = None
    thickness: float = 0.0
    gate_distance: float | None = None

    def __post_init__(self) -> None:
        for name in ("screening", "gate_distance"):
            if getattr(self, name) is not None:
                check_positive(f"interaction.{name}", getattr(self, name))
        check_number("interaction.thickness", self.thickness, 0.0)
        use_python_numbers(self, "screening", "thickness", "gate_distance")

    def in_units(self, bohr: float) -> Interaction:
        """Return the same interaction with lengths in units of ``bohr``, the effective Bohr radius (nm).

        Raises:
            ValueError: a length is too small or too large in these units to be represented.
        """
        found: dict[str, Any] = {}
        for name, low in (("screening", SMALLEST), ("thickness", 0.0), ("gate_distance", SMALLEST)):
            value = getattr(self, name)
            length = found[name] = None if value is None else value / bohr
            if length is not None and not low <= length <= LARGEST:
                raise ValueError(
                    f"interaction.{name}: expected a length in [{low:g}, {LARGEST:g}] effective Bohr radii, got "
                    f"{value:g} = {length:g} radii"
                )
        return replace(self, **found)

    def times_distance(self, r: Floats) -> Floats:
        """Return r v(r), which is finite, at distances ``r`` > 0."""
        near = np.hypot(r, self.thickness)
        found = r / near
        if self.gate_distance is not None:
            image = np.hypot(near, 2 * self.gate_distance)
            # 1 / near - 1 / image without the loss of digits far away, where both are nearly equal
            found = found * (2 * self.gate_distance / image) * (2 * self.gate_distance / (image + near))
        return found if self.screening is None else found * np.exp(-r / self.screening)

    def fourier(self, k: Floats, radius: float) -> Floats:
        """Return the two-dimensional Fourier transform at ``k`` of v(r) for r < ``radius``, 0 beyond."""
        if self == COULOMB:
            return truncated_coulomb(k, radius)
        return self._by_quadrature(k, radius)

    def _by_quadrature(self, k: Floats, radius: float) -> Floats:
        """Return the transform by Gauss-Legendre quadrature on panels.

        Their width doubles from the thickness and the distance of the image on, up to a few oscillations or the
        screening length.
        """
        edges = self._panels(float(np.max(k)), radius)
        x, w = np.polynomial.legendre.leggauss(NODES)
        low, half = np.array(edges[:-1])[:, None], np.diff(edges)[:, None] / 2
        r = (low + half * (1 + x)).ravel()
        weight = (half * w).ravel() * 2 * np.pi * self.times_distance(r)
        distinct, place = np.unique(np.round(k, 12), return_inverse=True)
        values = np.concatenate(
            [j0(np.multiply.outer(part, r)) @ weight for part in np.array_split(distinct, len(distinct) // AT_ONCE + 1)]
        )
        return values[place].reshape(k.shape)

    def _panels(self, k: float, radius: float) -> list[float]:
        """Return the edges of the panels for wave numbers up to ``k``; their number is a few thousand at most."""
        screening = self.screening or math.inf
        radius = min(radius, VANISHED * screening)
        widest = 6 / max(k, 1 / radius)
        image = math.inf if self.gate_distance is None else 2 * self.gate_distance
        edges, width = [0.0], min(self.thickness or radius, image, widest, screening)
        while edges[-1] < radius:
            edges.append(min(edges[-1] + width, radius))
            width = min(2 * width, widest, screening)
        return edges

    def kernel_bytes(self, n: int | tuple[int, int], length: float | tuple[float, float]) -> int:
        """Return the working memory of ``coulomb_kernel`` in bytes."""
        nodes, shape, sides = 0, along_both(n), along_both(length)
        pads = _pads(sides)
        if self != COULOMB:
            highest = np.pi * np.hypot(shape[0] / sides[0], shape[1] / sides[1])
            nodes = NODES * len(self._panels(float(highest), _diagonal(sides)))
        return 50 * pads[0] * shape[0] * pads[1] * shape[1] + 16 * nodes * AT_ONCE


COULOMB = Interaction()


def truncated_coulomb(k: Floats, radius: float) -> Floats:
    """Return the two-dimensional Fourier transform of 1/r for r < ``radius``, 0 beyond; ``k`` in 1/bohr."""
    kr = k * radius
    return 2 * np.pi * radius * (j0(kr) + np.pi / 2 * (j1(kr) * struve(0, kr) - j0(kr) * struve(1, kr)))


def _diagonal(sides: tuple[float, float]) -> float:
    """Return the largest distance of two points of a rectangle."""
    return float(np.sqrt(2) * sides[0]) if sides[0] == sides[1] else float(np.hypot(*sides))


def _pads(sides: tuple[float, float]) -> tuple[int, int]:
    """Return by which even factors the sides are padded, so that images of the cut interaction do not overlap."""
    wanted = [math.ceil(1 + _diagonal(sides) / side) for side in sides]
    x, y = (max(4, pad + pad % 2) for pad in wanted)
    return x, y


@lru_cache(maxsize=16)
def coulomb_kernel(
    n: int | tuple[int, int], length: float | tuple[float, float], interaction: Interaction = COULOMB
) -> Floats:
    """Return v(k) on the half-spectrum (2 n_x, n_y + 1) of the grid padded to 2n, for sides ``length`` (bohr)."""
    shape, sides = along_both(n), along_both(length)
    halves, mirrors, separations = [], [], []
    for points, side, pad in zip(shape, sides, _pads(sides), strict=True):
        half = pad * points // 2
        halves.append(2 * np.pi * scipy.fft.fftfreq(2 * half, side / points)[: half + 1])
        mirrors.append(np.abs(np.r_[0:half, -half:0]))
        separations.append(np.r_[0:points, -points:0])
    area = area_of((sides[0] / shape[0], sides[1] / shape[1]))
    quarter = interaction.fourier(np.hypot.outer(*halves), _diagonal(sides))  # even in both directions
    real_space = scipy.fft.ifft2(quarter[np.ix_(*mirrors)]).real[np.ix_(*separations)] / area
    kernel = scipy.fft.fft2(real_space).real[:, : shape[1] + 1] * area  # even in x and y, hence real
    kernel.flags.writeable = False
    return kernel


def pair_densities(orbitals: Array) -> Array:
    """Return phi_p phi_q in the order of ``determinants.orbital_pairs``: (B, M, n_x, n_y) -> (B, P, n_x, n_y)."""
    xp = namespace(orbitals)
    p, q = (xp.asarray(a, device=orbitals.device) for a in orbital_pairs(orbitals.shape[1]))
    return xp.take(orbitals, p, axis=1) * xp.take(orbitals, q, axis=1)


def coulomb_integrals(pairs: Array, length: float | tuple[float, float], interaction: Interaction = COULOMB) -> Array:
    """Return (P|Q) (B, P, P) in hartree of ``pairs`` (B, P, n_x, n_y) on a rectangle of sides ``length`` (bohr)."""
    xp, (b, n_pairs, *n) = namespace(pairs), pairs.shape
    if b == 0:
        return xp.zeros((0, n_pairs, n_pairs), dtype=pairs.dtype, device=pairs.device)
    kernel = _weighted_kernel(tuple(n), along_both(length), interaction)
    root = xp.asarray(np.sqrt(np.abs(kernel)), dtype=pairs.dtype, device=pairs.device)
    sign = xp.asarray(np.sign(kernel), dtype=pairs.dtype, device=pairs.device)
    positive = bool((kernel >= 0).all())  # a softened interaction has negative v(k), an oscillation from the cut
    step = 1 if on_host(pairs) else b  # one at a time fits the cache
    parts = []
    for first in range(0, b, step):
        total = 0.0
        for spectrum in _spectra(pairs[first : first + step, ...]):
            rows = xp.reshape(spectrum, (*spectrum.shape[:2], -1))
            rows *= root
            total = total + (rows if positive else rows * sign) @ xp.matrix_transpose(rows)
        parts.append(total if positive else (total + xp.matrix_transpose(total)) / 2)
    return xp.concat(parts)


def coulomb_potentials(
    densities: Array, length: float | tuple[float, float], interaction: Interaction = COULOMB
) -> Array:
    """Return int rho(r') v(|r - r'|) d^2r' on the grid, for ``densities`` (B, P, n_x, n_y)."""
    xp, (n_x, n_y), sides = namespace(densities), densities.shape[-2:], along_both(length)
    weighted = _weighted_kernel((n_x, n_y), sides, interaction)
    kernel = xp.asarray(weighted, dtype=densities.dtype, device=densities.device)
    kernel = xp.reshape(kernel, (n_x + 1, n_y + 1)) * area_of((n_x / sides[0], n_y / sides[1]))
    total, spectra = 0.0, iter(_spectra(densities))
    for x, sign_x in zip(_whole_transforms(n_x, densities), (1, -1), strict=True):
        for y, sign_y in zip(_whole_transforms(n_y, densities), (1, -1), strict=True):
            upper = xp.matrix_transpose(x) @ (next(spectra) * kernel) @ y
            total = total + _unfolded(_unfolded(upper, n_y, -1, sign_y), n_x, -2, sign_x)
    return total


def _spectra(densities: Array) -> list[Array]:
    """Return the transforms, k >= 0, of the parts even-even, even-odd, odd-even, odd-odd: each (B, P, n_x+1, n_y+1)."""
    xp, (b, n_pairs, n_x, n_y) = namespace(densities), densities.shape
    of_x, of_y = (_half_transforms(n, densities) for n in (n_x, n_y))
    half_x, half_y, spectra = (n_x + 1) // 2, (n_y + 1) // 2, []
    for along_x, transform_x in zip(_parities(densities, -2), of_x, strict=True):
        for part, transform_y in zip(_parities(along_x, -1), of_y, strict=True):
            rows = xp.reshape(part, (b * n_pairs * half_x, half_y)) @ xp.matrix_transpose(transform_y)
            spectra.append(transform_x @ xp.reshape(rows, (b, n_pairs, half_x, n_y + 1)))
    return spectra


def _parities(fields: Array, axis: int) -> tuple[Array, Array]:
    """Return twice the even and twice the odd part about the middle of ``axis``, on the upper half of its points."""
    xp, n = namespace(fields), fields.shape[axis]
    upper, lower = (slice(n // 2, n), slice(0, (n + 1) // 2))
    if axis == -2:
        upper, lower = fields[..., upper, :], fields[..., lower, :]
    else:
        upper, lower = fields[..., upper], fields[..., lower]
    lower = xp.flip(lower, axis=axis)
    return upper + lower, upper - lower


def _unfolded(upper: Array, n: int, axis: int, sign: int) -> Array:
    """Return a whole field, even (``sign`` 1) or odd (-1), from its upper half."""
    xp = namespace(upper)
    lower = sign * xp.flip(upper, axis=axis)
    if n % 2:
        lower = lower[..., :-1, :] if axis == -2 else lower[..., :-1]
    return xp.concat([lower, upper], axis=axis)


def _half_transforms(n: int, like: Array) -> tuple[Array, Array]:
    xp = namespace(like)
    cosines, sines = _half_transforms_of(n)
    kind = {"dtype": like.dtype, "device": like.device}
    return xp.asarray(cosines, **kind), xp.asarray(sines, **kind)


def _whole_transforms(n: int, like: Array) -> list[Array]:
    """Return the transforms with the whole weight of the middle point, which counts half in ``_half_transforms``."""
    xp, weights = namespace(like), np.ones((n + 1) // 2)
    weights[0] = 2.0 if n % 2 else 1.0
    restored = xp.asarray(weights, dtype=like.dtype, device=like.device)
    return [t * restored for t in _half_transforms(n, like)]


@lru_cache(maxsize=8)
def _half_transforms_of(n: int) -> tuple[Floats, Floats]:
    """Return cos(k x) and sin(k x), (n + 1, (n + 1) // 2), at the k of the padded grid and the x above the middle."""
    x = np.arange((n + 1) // 2) + (0.0 if n % 2 else 0.5)
    phase = np.pi / n * np.outer(np.arange(n + 1), x)
    cosines, sines = np.cos(phase), np.sin(phase)
    if n % 2:
        cosines[:, 0] /= 2  # the middle point coincides with its mirror image
    return cosines, sines


@lru_cache(maxsize=16)
def _weighted_kernel(shape: tuple[int, int], sides: tuple[float, float], interaction: Interaction) -> Floats:
    """Return v(k) dx^2 dy^2 / (2n_x 2n_y) for k_x, k_y >= 0, flat; all k but the first and last count twice."""
    weights = []
    for n in shape:
        weights.append(np.full(n + 1, 2.0))
        weights[-1][[0, n]] = 1.0
    area = area_of((sides[0] / shape[0], sides[1] / shape[1]))
    kernel = coulomb_kernel(shape, sides, interaction)[: shape[0] + 1]
    return (kernel * np.outer(*weights)).ravel() * (area / (4 * shape[0] * shape[1]))
