"""The number of particles by a network of energies, ``mapping.counter``.

N is the ground state at V - mu where E(N) - E(N - 1) <= 0 <= E(N + 1) - E(N), both measured from mu. Where the exchange
of particles and holes is a symmetry, both differences are means over particles and holes, whose errors differ:

    E(N + 1) - E(N) = -[E_h(L - N) - E_h(L - N - 1)].
"""

from __future__ import annotations

import torch
from torch import Tensor

from qd_pix2pix.predictor import Predictor

STEPS = 2
"""Largest change of N."""


def counted(predictor: Predictor, columns: dict[str, Tensor], number: Tensor) -> Tensor:
    """Return the N (B,) with the lowest E(N) - mu N near ``number`` (B,).

    Args:
        predictor: a predictor with a counter, whose source is V - mu.
        columns: source (B, L) and conditions (B,) by name.
        number: N from which the search starts.
    """
    symmetry, source = predictor.symmetry, predictor.mapping.sources[0]
    sites = columns[source].shape[1]
    images = [columns]
    if symmetry.flips(columns):
        images.append(symmetry.act(columns, symmetry.group.order))
    given = {name: torch.cat([image[name] for image in images]) for name in columns}
    field = given[source]
    given = {**predictor.known(given, field[:, None]), **given, "V": field}
    for _ in range(STEPS):
        inside = number.clamp(1, sites - 1)
        particles = torch.cat([inside, sites - inside][: len(images)])
        low, high = _costs(predictor, given, particles, len(images))
        number = inside + (high < 0).to(inside) - (low > 0).to(inside)
    return number


def _costs(predictor: Predictor, given: dict[str, Tensor], particles: Tensor, images: int) -> tuple[Tensor, Tensor]:
    """Return E(N) - E(N - 1) and E(N + 1) - E(N), (B,) each, from columns of particles and, with two images, holes."""
    assert predictor.counter is not None
    found = predictor.counter({**given, "particles": particles})
    low, high = (found[name].reshape(images, -1) for name in ("mu_low", "mu_high"))
    if images == 1:
        return low[0], high[0]
    return (low[0] - high[1]) / 2, (high[0] - low[1]) / 2
