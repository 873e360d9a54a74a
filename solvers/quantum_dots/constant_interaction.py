"""The constant-interaction model, fitted to the lines of a charge-stability diagram.

    E(n) = sum_k [E_Ck n_k^2 / 2 + n_k (e_k - sum_i alpha_ki g_i)] + sum_k<l E_kl n_k n_l

has charging energies E_C, mutual charging energies E_kl and lever arms alpha that depend on nothing: its lines are
straight, and all of one kind are parallel (van der Wiel et al., Rev. Mod. Phys. 75, 1 (2003)). Simulators of stability
diagrams assume it. Its parameters follow from the lines of full CI by linear least squares: Omega_a = Omega_b at every
crossing, and the gradient of E_b - E_a there, which fixes the scale of energies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.quantum_dots.charge_lines import Line, checked_lines
from solvers.quantum_dots.stability import Configuration, StabilityDiagram

Floats = NDArray[np.float64]

UNDETERMINED = 1e-8
"""Singular values below this part of the largest belong to parameters that the lines do not determine."""
FREE = 1e-6
"""Smallest part of an undetermined combination that counts."""
UNCERTAIN = 0.1
"""Combinations are undetermined if their error, by that of points at which electrons move between dots, is above this
part of the largest parameter; parameters are energies here, lever arms times the ranges of the gates."""


@dataclass(frozen=True)
class ConstantInteraction:
    """The fitted model of D dots; energies in eV, lever arms in eV per unit of the gates.

    Attributes:
        charging: E_C, (D,), and ``mutual`` E_kl, (D, D), with zeros on the diagonal; NaN where no line determines them,
            or too few points of lines do.
        offset: e_k, (D,).
        lever_arms: alpha, (D, 2); NaN likewise, as of a dot that electrons enter from another dot only.
        deviations: at every crossing of the lines in their order, the energy by which the model misses it, (k,).
        shifts: the same as a distance in gate space, across the line, in parts of the diagram's sides, (k,); NaN for
            electrons that move between dots.
        rms, largest: of the ``deviations``.
        error: mean error of the crossings by full CI, as an energy: smaller deviations mean nothing.
        reference: a configuration of the lines. corners: three corners (3, 2) of the ranges of the gates. free:
            combinations (f, P) of the parameters whose values must be below ``FREE`` in what the lines determine;
            ``least`` (P,) are the parameters with the smallest values of those that they do not determine.
    """

    charging: Floats
    mutual: Floats
    offset: Floats
    lever_arms: Floats
    deviations: Floats
    shifts: Floats
    rms: float
    largest: float
    error: float
    reference: Configuration = ()
    corners: Floats | None = None
    free: Floats | None = None
    least: Floats | None = None

    def energy(self, configuration: Configuration, gates: Floats) -> Floats:
        """Return E(n), (...), at ``gates`` (..., 2), up to a constant if no line leads to the empty dots.

        It is infinite where the lines do not determine it.
        """
        n, d = np.array(configuration, dtype=np.float64), len(self.charging)
        known = vars(self) if self.least is None else _parameters(self.least, d)
        levels = known["offset"] - np.asarray(gates) @ known["lever_arms"].T
        constant = (known["charging"] * n**2).sum() / 2 + n @ known["mutual"] @ n / 2
        return levels @ n + (constant if self._determines(configuration) else np.inf)

    def omega(self, gates: Floats, mu: float, most: int) -> tuple[list[Configuration], Floats]:
        """Return all configurations of ``most`` electrons or fewer, and E - mu N of each at ``gates`` (..., 2)."""
        d = len(self.charging)
        known = [tuple(map(int, n)) for n in np.ndindex(*[most + 1] * d) if sum(n) <= most]
        return known, np.stack([self.energy(n, gates) - mu * sum(n) for n in known], axis=-1)

    def _determines(self, configuration: Configuration) -> bool:
        """Return whether E(n) - E(reference) is the same, in the ranges, for all values of the free combinations."""
        if self.free is None or self.corners is None:
            return True
        rows = [_features(configuration, place) - _features(self.reference, place) for place in self.corners]
        return bool((np.abs(self.free @ np.stack(rows, axis=-1)) < FREE).all())


def fit_constant_interaction(diagram: StabilityDiagram, lines: list[Line] | None = None) -> ConstantInteraction:
    """Return the model fitted to all ``lines`` of a diagram.

    Raises:
        ValueError: the diagram has no line at which an electron enters, or an argument is of another kind.
    """
    lines = checked_lines(diagram, lines)
    entering = [line for line in lines if line.adds]
    if not entering:
        raise ValueError(
            "diagram: expected a line at which an electron enters, got none; use wider ranges of the gates"
        )
    d = diagram.charges.shape[2]
    spans = np.array([diagram.gate1[1] - diagram.gate1[0], diagram.gate2[1] - diagram.gate2[0]])
    crossings = [(line, gates) for line in lines for gates in line.points]
    rows = [_features(line.b, gates) - _features(line.a, gates) for line, gates in crossings]
    values = [diagram.mu * line.adds for line, _ in crossings]
    slopes, gradients = [], []
    for line in entering:
        change = np.array(line.b) - np.array(line.a)
        for gate in (0, 1):
            row = np.zeros(_size(d))
            row[-2 * d :].reshape(d, 2)[:, gate] = -change * spans[gate]
            slopes += [row] * len(line.points)
            gradients += [-line.lever_arms[gate] * line.adds * spans[gate]] * len(line.points)
    scale = np.r_[np.ones(_size(d) - 2 * d), np.tile(spans, d)]  # parameters as energies
    steepness = [np.linalg.norm(line.lever_arms * spans) * line.adds for line, _ in crossings]
    beside = np.concatenate([np.zeros(len(line.points)) if line.adds else line.errors for line in lines])
    noise = np.r_[beside * np.nanmean(steepness), np.zeros(len(slopes))]
    least, free = _solved(np.stack(rows + slopes) / scale, np.array(values + gradients), noise)
    found = least / scale
    deviations = np.stack(rows) @ found - np.array(values)
    errors = [e for line in entering for e in line.errors * np.linalg.norm(line.lever_arms * spans) * line.adds]
    return ConstantInteraction(
        **_parameters(np.where((np.abs(free) > FREE).any(axis=0), np.nan, found), d),
        deviations=deviations,
        shifts=np.abs(deviations) / np.array(steepness),
        rms=float(np.sqrt(np.mean(deviations**2))),
        largest=float(np.abs(deviations).max()),
        error=float(np.mean(errors)),
        reference=lines[0].a,
        corners=diagram.in_gates(diagram.steps * np.array([[0, 0], [1, 0], [0, 1]])),
        free=free / scale,
        least=found,
    )


def _solved(matrix: Floats, values: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Return the parameters (P,) of least squares, the smallest ones, and their free combinations (f, P).

    These are the combinations that no row determines, and all others times their error by the ``noise`` of the rows
    over the largest that is allowed, and times ``FREE``.
    """
    left, sizes, vectors = np.linalg.svd(matrix, full_matrices=True)
    k = int((sizes > UNDETERMINED * sizes[0]).sum())
    rows = left[:, :k] / sizes[:k]
    found = (values @ rows) @ vectors[:k]
    errors = np.sqrt(noise**2 @ rows**2) / (UNCERTAIN * np.abs(found).max())
    return found, np.concatenate([vectors[k:], FREE * errors[:, None] * vectors[:k]])


def _size(d: int) -> int:
    return d + d * (d - 1) // 2 + d + 2 * d


def _features(configuration: Configuration, gates: Floats) -> Floats:
    """Return what E(n) is linear in: n_k^2 / 2, n_k n_l, n_k, -n_k g_i."""
    n = np.array(configuration, dtype=np.float64)
    first, second = np.triu_indices(len(n), 1)
    return np.concatenate([n**2 / 2, n[first] * n[second], n, -np.outer(n, gates).ravel()])


def _parameters(found: Floats, d: int) -> dict[str, Floats]:
    pairs = d * (d - 1) // 2
    charging, mutual, offset, levers = np.split(found, np.cumsum([d, pairs, d]))
    square = np.zeros((d, d))
    square[np.triu_indices(d, 1)] = mutual
    return {
        "charging": charging,
        "mutual": square + square.T,
        "offset": offset,
        "lever_arms": levers.reshape(d, 2),
    }
