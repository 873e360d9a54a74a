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
    for _ in range(STEPS):
        inside = number.clamp(1, sites - 1)
        found = [_costs(predictor, image, inside, holes) for holes, image in enumerate(images)]
        low, high = torch.stack(found).mean(0)
        number = inside + (high < 0).to(inside) - (low > 0).to(inside)
    return number


def _costs(predictor: Predictor, columns: dict[str, Tensor], number: Tensor, holes: int) -> Tensor:
    """Return E(N) - E(N - 1) and E(N + 1) - E(N), (2, B), from the columns of particles or of holes."""
    assert predictor.counter is not None
    field = columns[predictor.mapping.sources[0]]
    given = {**predictor.known(columns, field[:, None]), **columns, "V": field}
    found = predictor.counter({**given, "particles": field.shape[1] - number if holes else number})
    low, high = found["mu_low"], found["mu_high"]
    return torch.stack((-high, -low) if holes else (low, high))
