"""Potentials of rings, as pairs of a shape and the distribution that draws it; all in units of the hopping J.

White noise: V_i = W u_i, u_i uniform in [0, 1). Steps: constant between random sites, heights uniform in [0, W), with
weak white noise or none. Smooth noise: normal noise averaged over neighbours with a Gaussian, scaled to the range W.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.checks import check_choice, check_integer, check_kind, check_number, check_range

Floats = NDArray[np.float64]
Generator = np.random.Generator


def well(sites: int, width: int, depth: float, start: int = 0) -> Floats:
    """Return a step well, (sites,): -depth on ``width`` sites from ``start``, 0 on all others; periodic.

    Raises:
        ValueError: the well does not fit the ring, the depth is not a number, or the start no whole number.
    """
    check_integer("sites", sites, 1)
    check_integer("width", width, 0, high=sites)
    check_number("depth", depth)
    check_integer("start", start, -(2**53))
    return np.roll(np.where(np.arange(sites) < width, -float(depth), 0.0), start)


def white_noise(rng: Generator, sites: int, strength: float) -> Floats:
    """Return independent numbers, uniform in [0, strength), (sites,)."""
    return strength * rng.random(sites)


def steps(rng: Generator, sites: int, strength: float) -> Floats:
    """Return two to four constant pieces with heights in [0, strength), half of them with weak noise, (sites,)."""
    edges = np.sort(rng.choice(sites, size=min(int(rng.integers(2, 5)), sites), replace=False))
    heights = strength * rng.random(len(edges))
    pieces = heights[np.searchsorted(edges, np.arange(sites), side="right") - 1]
    weak = strength * 10 ** rng.uniform(-3, -1) * rng.integers(2)
    return pieces + white_noise(rng, sites, weak)


def smooth_noise(rng: Generator, sites: int, strength: float) -> Floats:
    """Return noise averaged with a Gaussian of width 0.7 ... 3 sites, scaled to the range [0, strength], (sites,)."""
    width, k = rng.uniform(0.7, 3), 2 * np.pi * np.fft.rfftfreq(sites)
    field = np.fft.irfft(np.fft.rfft(rng.normal(size=sites)) * np.exp(-((width * k) ** 2) / 2), sites)
    return strength * (field - field.min()) / np.ptp(field)


KINDS: dict[str, Callable[[Generator, int, float], Floats]] = {
    "white": white_noise,
    "steps": steps,
    "smooth": smooth_noise,
}


@dataclass(frozen=True)
class RandomChains:
    """The distribution of a ring's potential: a kind by its share, and a strength W that is log-uniform.

    Attributes:
        shares: share of each kind: white, steps, smooth; their sum is 1.
        strength: lowest and highest W, in J.

    Raises:
        ValueError: a share or a strength is out of range.
    """

    shares: Mapping[str, float]
    strength: tuple[float, float]

    def __post_init__(self) -> None:
        if not isinstance(self.shares, Mapping) or not self.shares:
            raise ValueError(f"shares: expected the share of each kind, such as {{white: 1.0}}, got {self.shares!r}")
        for kind, share in self.shares.items():
            check_choice("shares", kind, KINDS)
            check_number(f"shares.{kind}", share, 0, 1)
        if abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError(f"shares: expected numbers with the sum 1, got {dict(self.shares)}")
        check_range("strength", self.strength, 1e-6, 1e3)

    def sample(self, rng: Generator, sites: int) -> Floats:
        """Draw one potential, (sites,).

        Raises:
            ValueError: ``rng`` is no generator.
        """
        check_kind("rng", rng, Generator, "numpy.random.Generator, such as numpy.random.default_rng(0)")
        kind = str(rng.choice(list(self.shares), p=list(self.shares.values())))
        low, high = np.log(self.strength)
        return KINDS[kind](rng, sites, float(np.exp(rng.uniform(low, high))))
