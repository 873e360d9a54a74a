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

The head carries a weight max(n before, n behind)^(1/2), so that all ratios of weights are whole numbers times t.
Averages are over configurations without a worm, one after each attempt to begin one.
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
def make_worms(lines: Any, neighbours: Any, potential: Any, couplings: Any, n_max: int, state: Any, worms: int) -> Any:
    """Make ``worms`` worms; return the length of their paths, or ``FULL``.

    ``lines`` are those of ``worm_lines``; ``couplings`` is (beta, t, U, V).
    """
    near = np.zeros(neighbours.shape[1], dtype=np.int64)
    changes = np.zeros(neighbours.shape[1])
    total = 0.0
    for _ in range(worms):
        if lines[3][0] < 2:
            return FULL
        head, s, direction = _begin(lines, n_max, couplings[0], state)
        if head == NONE:
            continue
        path = _move(lines, neighbours, potential, couplings, n_max, head, s, direction, state, near, changes)
        if path < 0:
            return FULL
        total += path
    return total


@njit(cache=True, nogil=True)
def make_sweeps(
    lines: Any,
    neighbours: Any,
    potential: Any,
    couplings: Any,
    n_max: int,
    state: Any,
    worms: int,
    signs: Any,
    sums: Any,
    series: Any,
) -> Any:
    """Make ``len(series)`` sweeps of ``worms`` worms, and record after each; return False if there was no room.

    n, n^2 and n_i n_j are added to ``sums`` (2 + d, sites). A row of ``series`` is the energy, the number of bosons,
    and the sum of n_i with the ``signs`` of the sublattices.
    """
    found = np.zeros_like(sums)
    tau, nodes, _, counts, _ = lines
    beta, onsite, coupling = couplings[0], couplings[2], couplings[3]
    for i in range(len(series)):
        if make_worms(lines, neighbours, potential, couplings, n_max, state, worms) < 0:
            return False
        found[:] = 0.0
        add_averages(tau, nodes, neighbours, beta, found[0], found[1], found[2:])
        kinks = (len(tau) - counts[0] - len(signs)) // 2
        energy, number, staggered = -kinks / beta, 0.0, 0.0
        for j in range(len(signs)):
            n = found[0, j]
            energy += potential[j] * n + 0.5 * onsite * (found[1, j] - n) + coupling * found[2:, j].sum()
            number += n
            staggered += signs[j] * n
        series[i, 0], series[i, 1], series[i, 2] = energy, number, staggered
        sums += found
    return True


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
def _find_neighbours(lines: Any, neighbours: Any, site: int, t: float, direction: int, near: Any, changes: Any) -> None:
    """Find the node of each neighbour that holds at ``t``, and the time of its next change in this direction.

    Behind the last change the time is infinity, or -1 backwards.
    """
    tau, nodes, _, _, cursor = lines
    for k in range(len(near)):
        near[k] = place(tau, nodes, cursor, neighbours[site, k], t, direction > 0)
        changes[k] = _next_change(tau, nodes, near[k], neighbours[site, k], direction)


@njit(cache=True, nogil=True)
def _next_change(tau: Any, nodes: Any, node: int, root: int, direction: int) -> Any:
    if direction < 0:
        return tau[node] if node != root else -1.0
    following = nodes[node, NEXT]
    return tau[following] if following != root else np.inf


@njit(cache=True, nogil=True)
def _surroundings(nodes: Any, near: Any, hopping: float, n_max: int) -> Any:
    """Return the sum of n_j over the neighbours, and S."""
    total, weight = 0, 0
    for k in range(len(near)):
        m = nodes[near[k], N]
        total += m
        weight += m + (m + 1 if m < n_max else 0)
    return total, hopping * weight


@njit(cache=True, nogil=True)
def _hop(lines: Any, neighbours: Any, hopping: float, n_max: int, head: int, t: float, s: int, target: float) -> Any:
    """Leave a kink to the neighbour where the sum of weights exceeds ``target``; return the new head, its direction.

    The head is ``NONE`` if there is no room.
    """
    tau, nodes, free, counts, cursor = lines
    if counts[0] < 2:
        return NONE, 0
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
    # between head and kink there are m + step bosons: the head is behind the kink if this is the kink's change -s
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
def _move(
    lines: Any,
    neighbours: Any,
    potential: Any,
    couplings: Any,
    n_max: int,
    head: int,
    s: int,
    direction: int,
    state: Any,
    near: Any,
    changes: Any,
) -> Any:
    """Move a head until it meets the tail; return the length of its path along imaginary time, or ``FULL``.

    ``near`` and ``changes`` (2 d,) are room for the nodes of the neighbours and the times of their changes.
    """
    nodes, beta, hopping = lines[1], couplings[0], couplings[1]
    t, path, moved, until = lines[0][head], 0.0, True, -log(1.0 - next_unit(state))
    while True:
        site = nodes[head, SITE]
        if moved:
            _find_neighbours(lines, neighbours, site, t, direction, near, changes)
        total, weight = _surroundings(nodes, near, hopping, n_max)
        d = _difference(potential[site], couplings, total, nodes[head, N], s)
        moved, uphill = False, direction * d
        rate = _rate(uphill, weight)
        met, end, stop = _next_stop(lines, head, beta, direction, changes)
        if until < rate * abs(stop - t):  # an event: the integral of the rate since the last one is ``until``
            t += direction * until / rate
            path += until / rate
            until, moved = -log(1.0 - next_unit(state)), True
            if next_unit(state) * rate < uphill - weight:
                direction = -direction
            else:
                head, direction = _hop(lines, neighbours, hopping, n_max, head, t, s, next_unit(state) * weight)
                if head == NONE:
                    return FULL
            continue
        path += abs(stop - t)
        until -= rate * abs(stop - t)
        t = stop
        _advance_neighbours(lines, neighbours, site, t, direction, near, changes)
        if stop != end:
            continue
        head, landed = _meet(lines, head, met, s, direction)
        if head == TAIL:
            return path
        if landed:
            direction = _land(lines, neighbours, potential, couplings, n_max, head, t, s, state, near, changes)
            moved = direction < 0
        elif met == site:
            t, moved = beta - t, True  # from one end of imaginary time to the other


@njit(cache=True, nogil=True)
def _land(
    lines: Any,
    neighbours: Any,
    potential: Any,
    couplings: Any,
    n_max: int,
    head: int,
    t: float,
    s: int,
    state: Any,
    near: Any,
    changes: Any,
) -> Any:
    """Return the direction of a head that has deleted a kink; ``near`` and ``changes`` are then those of forwards."""
    nodes = lines[1]
    site = nodes[head, SITE]
    _find_neighbours(lines, neighbours, site, t, 1, near, changes)
    total, weight = _surroundings(nodes, near, couplings[1], n_max)
    d = _difference(potential[site], couplings, total, nodes[head, N], s)
    return -1 if next_unit(state) * 2 * weight < weight + d else 1  # x+ is the probability of moving backwards


@njit(cache=True, nogil=True)
def _rate(uphill: float, weight: float) -> Any:
    """Return r of a head that moves uphill by this difference."""
    return max(uphill, (weight + uphill) / 2 if uphill > -weight else 0.0)


@njit(cache=True, nogil=True)
def _difference(potential: float, couplings: Any, total: int, n: int, s: int) -> Any:
    """Return D = E_L - E_R, with n bosons behind the head, n - s before it, and ``total`` on the neighbours."""
    return -s * (potential + couplings[3] * total + couplings[2] * (n - (1 if s > 0 else 0)))


@njit(cache=True, nogil=True)
def _next_stop(lines: Any, head: int, beta: float, direction: int, changes: Any) -> Any:
    """Return the next node of the head's own site, its time, and the time of the first change there or beside it."""
    tau, nodes = lines[0], lines[1]
    met = nodes[head, NEXT] if direction > 0 else nodes[head, PREVIOUS]
    end = tau[met] if met != nodes[head, SITE] else (beta if direction > 0 else 0.0)
    stop = end
    for k in range(len(changes)):
        stop = min(stop, changes[k]) if direction > 0 else max(stop, changes[k])
    return met, end, stop


@njit(cache=True, nogil=True)
def _advance_neighbours(
    lines: Any, neighbours: Any, site: int, t: float, direction: int, near: Any, changes: Any
) -> None:
    """Take the next node of each neighbour that changes at ``t``."""
    tau, nodes = lines[0], lines[1]
    for k in range(len(changes)):
        if changes[k] == t:
            near[k] = nodes[near[k], NEXT] if direction > 0 else nodes[near[k], PREVIOUS]
            changes[k] = _next_change(tau, nodes, near[k], neighbours[site, k], direction)


@njit(cache=True, nogil=True)
def _meet(lines: Any, head: int, met: int, s: int, direction: int) -> Any:
    """Pass the node that the head meets, or delete both; return the new head, or ``TAIL``, and True on another site."""
    _, nodes, free, counts, cursor = lines
    root = met == nodes[head, SITE]
    if root or nodes[met, N] - nodes[nodes[met, PREVIOUS], N] == s:
        _pass(nodes, head, met, s, direction)
        return head, False
    partner = nodes[met, PARTNER]
    remove(nodes, free, counts, cursor, head)
    remove(nodes, free, counts, cursor, met)
    if partner != TAIL:
        nodes[partner, PARTNER] = NONE
    return partner, True
