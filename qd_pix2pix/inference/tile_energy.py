"""The energy of an extensive network, tile by tile, for samplers that flip single sites.

from qd_pix2pix import from_pretrained
from qd_pix2pix.inference.tile_energy import NetworkEnergy
from solvers.spins import sample_tiles

energy = NetworkEnergy(from_pretrained("ising.safetensors"))  # J
chains = sample_tiles(side=32, temperature=[2.0, 2.269, 2.5], energy=energy, burn_in=500, records=100, interval=10)
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qd_pix2pix.inference.predict import check_device
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.mapping.heads import SumHead
from qd_pix2pix.networks import EDNN
from qd_pix2pix.predictor import Predictor
from solvers.checks import check_array, check_integer, check_number

BATCH = 256
"""Default number of tiles in a batch."""


class NetworkEnergy:
    """The contributions of tiles of spins to the energy that a network predicts.

    Networks are evaluated in double precision and in batches of one size, so that equal tiles have equal contributions
    whichever tiles are evaluated with them.

    Args:
        network: an ``EDNN`` with one channel in and out, whose sum is the energy in J; or a predictor or ``Surrogate``
            of one extensive number from one field with such a network. Its weights are copied.
        conditions: values of the conditions that vary, by name.
        device: device of the evaluation; by default the GPU if there is one.
        batch: tiles in a batch.

    Attributes:
        focus, context: points f of a tile per side, and c more on every side.
        periodic: True if tiles extend through the boundary; otherwise the network's input is 0 beyond it.

    Raises:
        ValueError: the network is not extensive, or an argument has another type.
    """

    def __init__(
        self,
        network: EDNN | Predictor | Surrogate,
        conditions: Mapping[str, float] | None = None,
        device: str | None = None,
        batch: int = BATCH,
    ) -> None:
        check_integer("batch", batch, 1)
        given = network.predictor if isinstance(network, Surrogate) else network
        ednn = _check_network(given)
        self.focus, self.context, self.periodic = ednn.focus, ednn.context, ednn.circular
        self.device, self.batch = check_device(device), batch
        copied = deepcopy(given).to(self.device).double().eval()
        self._predictor = copied if isinstance(copied, Predictor) else None
        self._ednn: EDNN = copied.network if isinstance(copied, Predictor) else copied  # type: ignore[assignment]
        self._conditions = _check_conditions(self._predictor, conditions or {})

    def contributions(self, tiles: NDArray) -> NDArray[np.float64]:
        """Return the contributions (n,) in J of ``tiles`` (n, f + 2c, f + 2c) of +1 and -1, and of 0 beyond the edge.

        Raises:
            ValueError: the tiles have another shape.
        """
        values = check_array("tiles", tiles, ("n", self._ednn.side, self._ednn.side), -1, 1)
        whole = np.ones((-(-len(values) // self.batch) * self.batch, *values.shape[1:]), dtype=np.float64)
        whole[: len(values)] = values
        given = torch.from_numpy(whole).to(self.device)
        with torch.inference_mode():
            found = torch.cat([self._of_batch(part) for part in given.split(self.batch)])
        return found[: len(values)].cpu().numpy()

    def _of_batch(self, tiles: Tensor) -> Tensor:
        """Return the contributions (n,) of tiles (n, side, side)."""
        if self._predictor is None:
            return self._ednn.contributions(tiles[:, None], len(tiles)).flatten()
        (name,), (column,) = self._predictor.mapping.sources, self._predictor.outputs
        columns = {n: tiles.new_full((len(tiles),), value) for n, value in self._conditions.items()}
        features = self._predictor.features(columns | {name: tiles})
        features = features * (tiles != 0)[:, None]  # the network pads its scaled input
        raw = self._ednn.contributions(features, len(tiles))
        focus = tiles.new_zeros(1).expand(len(tiles), self.focus, self.focus)  # each tile is a sample of its focus
        return self._predictor.head(column)(raw, self._predictor.scale(column, columns | {name: focus}, raw))


def _check_network(given: object) -> EDNN:
    """Return the network of tiles."""
    ednn = given.network if isinstance(given, Predictor) else given
    if not isinstance(ednn, EDNN):
        raise ValueError(
            f"network: expected an EDNN, or a predictor with one, of whose tiles a flip changes a few; got "
            f"{type(ednn).__name__}, which would be evaluated as a whole for each flip. Train with network=ednn"
        )
    if ednn.dims != 2:
        raise ValueError(f"network: expected one of two dimensions, got {ednn.dims}")
    if isinstance(given, Predictor):
        if len(given.mapping.sources) != 1 or len(given.outputs) != 1 or not isinstance(given.heads[0], SumHead):
            raise ValueError(
                f"network: expected a predictor of one extensive number from one field; got {given.mapping} with "
                f"{', '.join(type(head).__name__ for head in given.heads)}"
            )
    elif (ednn.in_channels, ednn.out_channels) != (1, 1):
        raise ValueError(
            f"network: expected one channel in and out, got {ednn.in_channels} in and {ednn.out_channels} out"
        )
    return ednn


def _check_conditions(predictor: Predictor | None, given: Mapping[str, float]) -> dict[str, float]:
    varying = predictor.conditions.varying if predictor else ()
    if set(given) != set(varying):
        raise ValueError(
            f"conditions: expected values of {', '.join(varying) or 'none'}, which varied in training; got "
            f"{', '.join(map(str, given)) or 'none'}"
        )
    for name, value in given.items():
        check_number(f"conditions.{name}", value)
    return {name: float(value) for name, value in given.items()}
