"""The worm: one open end of a world line that moves until it meets the other one; compiled.

Path integral. exp(-beta H) is expanded in the hopping. A configuration is n_i(tau) with kinks, and its weight is

    W = prod over kinks (t sqrt(n_i (n_j + 1)) dtau) * exp(-int E(n(tau)) dtau),   E: the diagonal part of H

(N. V. Prokof'ev, B. V. Svistunov and I. S. Tupitsyn, JETP 87, 310 (1998)). A worm is a pair of operators b, b+ on it,
the head, which moves, and the tail. s = +1 or -1 is the change of n_i at the head, as tau increases; that at the tail
is -s.

Moves. The head moves along tau with a direction d, as a directed loop in continuous time (O. F. Syljuasen and
A. W. Sandvik, Phys. Rev. E 66, 046701 (2002); L. Pollet, K. Van Houcke and S. M. A. Rombouts, J. Comput. Phys. 225,
2249 (2007)). Every move x -> y has a reverse one from y with opposite direction to x with opposite direction, and both
have the same flow W(x) rate(x -> y) = W(y) rate(y -> x). Let E_L and E_R be the diagonal energies of the states before
and behind the head, and D = E_L - E_R.

1. Free flight. Moving by dtau forwards multiplies W by exp(-D dtau). A head that moves forwards meets events with the
   rate r+, and one that moves backwards with r-. The probability of a flight without events is exp(-int r), so that
   r+ - r- = D.
2. Kinks to a neighbour j with n_j = m. The head leaves a kink and continues on j, after the kink or before it. The new
   weight is W t (m or m + 1) dtau: the square roots of the kink and of both heads combine. Let S be the sum of these
   weights over all neighbours and both sides, x+ + x- = 1. The rates are x+ times each of these weights for a head
   moving forwards, x- times for one moving backwards. Reverse: a head that meets a kink with the opposite change of n
   deletes it with certainty, and continues on the other site: backwards with probability x+, forwards with x-. With

       x+ = (1 + D / S) / 2 within [0, 1]

   r+ - r- = S (x+ - x-) = D wherever |D| <= S. The rest is a rate of turning round, max(|D| - S, 0), of heads that move
   uphill; turning is its own reverse.
3. A head that meets a kink with the same change of n passes: the product of the two square roots is the same.
4. The worm begins at a random place, with the probabilities n and n + 1, divided by their largest sum, of the
   intermediate numbers n - 1 and n + 1, each for both directions. Reverse: a head that meets the tail ends with it.

The head carries a weight max(n before, n behind)^(1/2), so that all ratios of weights are whole numbers times t. Averages
are over configurations without a worm, one after each attempt to begin one.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numba import njit

from solvers.lattices.worm_lines import (
    NEXT,
    NONE,
    PARTNER,
    PREVIOUS,
    SITE,
    TAIL,
    N,
    add_averages,
    insert_after,
    link_after,
    place,
    remove,
    unlink,
)
from solvers.spins.random_numbers import next_below, next_unit

FULL = -1.0
"""Result of a worm that had no room for its nodes; the world lines are then invalid."""


@njit(cache=True, nogil=True)
def sweep(
    lines: Any, neighbours: Any, potential: Any, couplings: Any, n_max: int, state: Any, worms: int, sums: Any
) -> Any:
    """Make ``worms`` worms; return the length of their paths, or ``FULL``. Add the averages to ``sums`` if it has any.

    ``lines`` are those of ``worm_lines``; ``couplings`` is (beta, t, U, V); ``sums`` (2 + d, sites) holds n, n^2 and
    n_i n_j, or has no rows.
    """
    total = 0.0
    for _ in range(worms):
        path = _worm(lines, neighbours, potential, couplings, n_max, state)
        if path < 0:
            return FULL
        total += path
    if len(sums):
        tau, nodes = lines[0], lines[1]
        add_averages(tau, nodes, neighbours, couplings[0], sums[0], sums[1], sums[2:])
    return total


@njit(cache=True, nogil=True)
def _begin(lines: Any, n_max: int, beta: float, state: Any) -> Any:
    """Begin a worm; return the head (``NONE`` without a worm), its change s and its direction."""
    tau, nodes, free, counts, cursor = lines
    site, t = next_below(state, len(cursor)), beta * next_unit(state)
    before = place(tau, nodes, cursor, site, t, True)
    n = nodes[before, N]
    up = n + 1 if n < n_max else 0  # weight of the intermediate number n + 1; that of n - 1 is n
    u = next_unit(state) * 2 * (2 * n_max - 1)
    if u >= 2 * (n + up) or t == tau[before]:
        return NONE, 0, 1
    step = -1 if u < 2 * n else 1  # of the intermediate number
    forward = u < n if step < 0 else u < 2 * n + up
    s = -step if forward else step  # behind the tail, the head returns to n; before it, the head leads away from n
    first, second = (TAIL, NONE) if forward else (NONE, TAIL)
    a = insert_after(tau, nodes, free, counts, before, t, n + step, first)
    b = insert_after(tau, nodes, free, counts, a, t, n, second)
    return (b, s, 1) if forward else (a, s, -1)


@njit(cache=True, nogil=True)
def _surroundings(lines: Any, neighbours: Any, hopping: float, n_max: int, site: int, t: float, direction: int) -> Any:
    """Return the sum of n_j, S, and the time of the next change of a neighbour (-1 or infinity if there is none)."""
    tau, nodes, _, _, cursor = lines
    total, weight = 0, 0
    change = np.inf if direction > 0 else -1.0
    for k in range(neighbours.shape[1]):
        j = neighbours[site, k]
        node = place(tau, nodes, cursor, j, t, direction > 0)
        m = nodes[node, N]
        total += m
        weight += m + (m + 1 if m < n_max else 0)
        if direction > 0:
            node = nodes[node, NEXT]
            if node != j:
                change = min(change, tau[node])
        elif node != j:
            change = max(change, tau[node])
    return total, hopping * weight, change


@njit(cache=True, nogil=True)
def _hop(lines: Any, neighbours: Any, hopping: float, n_max: int, head: int, t: float, s: int, target: float) -> Any:
    """Leave a kink to the neighbour where the sum of weights exceeds ``target``; return the new head, its direction."""
    tau, nodes, free, counts, cursor = lines
    site = nodes[head, SITE]
    k, last = 0, neighbours.shape[1] - 1
    while True:
        before = place(tau, nodes, cursor, neighbours[site, k], t, True)
        m = nodes[before, N]
        up = hopping * (m + 1) if m < n_max else 0.0
        target -= hopping * m
        if target < 0 or (k == last and up == 0.0):
            step = -1
            break
        target -= up
        if target < 0 or k == last:
            step = 1
            break
        k += 1
    # between head and kink there are m + step bosons: the head is behind the kink if the kink's change, -s, is this step
    forward = step == -s
    if forward:
        kink = insert_after(tau, nodes, free, counts, before, t, m + step, head)
        new = insert_after(tau, nodes, free, counts, kink, t, m, NONE)
    else:
        new = insert_after(tau, nodes, free, counts, before, t, m + step, NONE)
        kink = insert_after(tau, nodes, free, counts, new, t, m, head)
    tau[head] = t
    nodes[head, PARTNER] = kink
    return new, 1 if forward else -1


@njit(cache=True, nogil=True)
def _pass(nodes: Any, head: int, met: int, s: int, direction: int) -> None:
    """Exchange the head with the node that it meets."""
    unlink(nodes, head)
    if direction > 0:
        link_after(nodes, met, head)
        nodes[head, N] = nodes[met, N]
        nodes[met, N] -= s
    else:
        before = nodes[met, PREVIOUS]
        nodes[head, N] = nodes[before, N] + s
        nodes[met, N] += s
        link_after(nodes, before, head)


@njit(cache=True, nogil=True)
def _worm(lines: Any, neighbours: Any, potential: Any, couplings: Any, n_max: int, state: Any) -> Any:
    """Make one worm; return the length of its path along imaginary time, or ``FULL``."""
    tau, nodes, free, counts, cursor = lines
    beta, hopping, onsite, coupling = couplings[0], couplings[1], couplings[2], couplings[3]
    if counts[0] < 2:
        return FULL
    head, s, direction = _begin(lines, n_max, beta, state)
    if head == NONE:
        return 0.0
    t, path, landed = tau[head], 0.0, False
    while True:
        site = nodes[head, SITE]
        total, weight, change = _surroundings(lines, neighbours, hopping, n_max, site, t, direction)
        n = nodes[head, N]  # behind the head; n - s before it
        d = -s * (potential[site] + coupling * total + onsite * (n - (1 if s > 0 else 0)))
        if landed:  # x+ is the probability of moving backwards
            landed = False
            if next_unit(state) * 2 * weight < weight + d:
                direction = -1
                continue  # the changes of neighbours behind are others
        uphill = direction * d
        rate = max(uphill, (weight + uphill) / 2 if uphill > -weight else 0.0)
        flight = -log(1.0 - next_unit(state)) / rate if rate > 0 else np.inf
        met = nodes[head, NEXT] if direction > 0 else nodes[head, PREVIOUS]
        end = tau[met] if met != site else (beta if direction > 0 else 0.0)
        stop = min(end, change) if direction > 0 else max(end, change)
        if flight < abs(stop - t):
            t += direction * flight
            path += flight
            if next_unit(state) * rate < uphill - weight:
                direction = -direction
                continue
            if counts[0] < 2:
                return FULL
            head, direction = _hop(lines, neighbours, hopping, n_max, head, t, s, next_unit(state) * weight)
            continue
        path += abs(stop - t)
        t = stop
        if stop != end:
            continue
        if met == site:
            _pass(nodes, head, met, s, direction)
            t = 0.0 if direction > 0 else beta
            continue
        kink = nodes[met, N] - nodes[nodes[met, PREVIOUS], N]
        if kink == s:
            _pass(nodes, head, met, s, direction)
            continue
        partner = nodes[met, PARTNER]
        remove(nodes, free, counts, cursor, head)
        remove(nodes, free, counts, cursor, met)
        if partner == TAIL:
            return path
        head, direction, landed = partner, 1, True
        nodes[head, PARTNER] = NONE
