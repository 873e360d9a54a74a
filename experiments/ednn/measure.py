"""Errors of a trained EDNN on lattices of other sizes, and with parts of its tiles blurred."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from qd_pix2pix import from_pretrained
from qd_pix2pix.data.store import Store
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.inference.stream import stream
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.sweeps.ledger import Record
from solvers.spins import T_C, energies, sample_wolff

SIDES = (8, 16, 32, 64, 128, 256)
LARGE = (512, 1024, 2048, 4096)
"""Sides for tables of tiles only."""
TABULATED = 1
"""Largest context whose tiles are tabulated."""
LATTICES, BURN_IN = 16, 200
"""Number of lattices of each side, and clusters flipped before, from spins that are all up."""
BLURRED, SIGMA = 100, 1.0
"""Number of lattices for the blur test, and standard deviation of the blur in sites."""


def measures(run: Path, record: Record) -> dict[str, Any]:
    """Return the errors of a finished run at T_c on each side, and those with one site of each tile blurred."""
    network = from_pretrained(run / "checkpoints" / "best.ckpt", device="cpu")
    test = next(iter(read_tests(run).values()))
    store = Store(Path("data") / test.model["datasets"][0])
    spins = store.split("test").load(("spins",))["spins"][:BLURRED]
    context = network.predictor.network.context
    whole = record.steps > 1000  # networks of a smoke test need no large lattices
    sides = (*SIDES, *(LARGE if context == TABULATED and whole else ()))
    return {"transfer": {str(side): transfer(network, side) for side in sides}, "blur": blur_map(network, spins)}


def critical(side: int, lattices: int) -> NDArray[np.int8]:
    """Return lattices of the Ising model at T_c (lattices, side, side), of independent chains."""
    return sample_wolff(side, T_C, chains=lattices, burn_in=BURN_IN, start="up", seed=side).last


def transfer(network: Surrogate, side: int) -> dict[str, float]:
    """Return the error of the total energy in J on lattices of this side at T_c: median, largest, and their number."""
    spins = critical(side, LATTICES if side <= 256 else 2)
    found = [stream(network.predictor, s, progress=False).outputs["energy"] for s in spins]
    error = np.abs(np.array(found) - energies(spins))
    return {"median": float(np.median(error)), "max": float(error.max()), "lattices": len(spins)}


def blur_map(network: Surrogate, spins: NDArray[np.int8]) -> list[list[float]]:
    """Return the median error in J where one site of every tile holds the blurred tile's value, by its position.

    Args:
        network: network of the Ising energy with an EDNN.
        spins: lattices (S, L, L).
    """
    predictor, ednn = network.predictor, network.predictor.network
    exact = energies(spins)
    x = ednn.padded(torch.from_numpy(spins.astype(np.float32))[:, None])
    tiles = x.unfold(2, ednn.side, ednn.focus).unfold(3, ednn.side, ednn.focus).flatten(1, 3)  # (S, tiles, side, side)
    blurred = torch.from_numpy(gaussian_filter(tiles.numpy(), SIGMA, axes=(2, 3), mode="nearest"))
    found = np.empty((ednn.side, ednn.side))
    columns = {"spins": torch.from_numpy(spins.astype(np.float32))}
    for i, j in np.ndindex(found.shape):
        hidden = tiles.clone()
        hidden[:, :, i, j] = blurred[:, :, i, j]
        with torch.inference_mode():
            features = predictor.features({"spins": hidden.flatten(0, 1)})
            c = ednn.contributions(features, chunk=4096).reshape(len(spins), 1, -1, 1)
            energy = predictor.interpret({"energy": c}, columns)["energy"].numpy()
        found[i, j] = np.median(np.abs(energy - exact))
    return found.tolist()
