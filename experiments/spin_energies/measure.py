"""Further measures of the trained networks: all 4 x 4 lattices, and how evenly the levels are represented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix import from_pretrained
from qd_pix2pix.data.store import Store
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.reports.history import read_tests
from qd_pix2pix.sweeps.ledger import Record
from solvers.spins import energies, energy_class, levels

HIGH = 16
"""|E| in J beyond which the network that was trained on random lattices errs, in the paper."""


def measures(run: Path, record: Record) -> dict[str, Any]:
    """Return further measures of a finished run of levels; nothing for the others."""
    if "levels" not in record.point["run"]:
        return {}
    test = next(iter(read_tests(run).values()))
    store = Store(Path("data") / test.model["datasets"][0])
    found: dict[str, Any] = {"counts": counts(store)}
    if store.schema.domain.shape == (4, 4):
        found["all"] = on_all(from_pretrained(run / "checkpoints" / "best.ckpt", device="cpu"))
    return found


def counts(store: Store) -> list[int]:
    """Return the number of training lattices in each level."""
    level = store.split("train").load(("level",))["level"]
    return np.bincount(level, minlength=store.schema["level"].classes).tolist()


def all_lattices() -> NDArray[np.int8]:
    """Return all 65 536 lattices of 4 x 4 spins, (65536, 4, 4)."""
    bits = (np.arange(2**16)[:, None] >> np.arange(16)) & 1
    return (2 * bits - 1).astype(np.int8).reshape(-1, 4, 4)


def on_all(network: Surrogate) -> dict[str, float]:
    """Return the accuracy of levels over all 4 x 4 lattices, the errors, and those of high |E|, as shares of these."""
    spins = all_lattices()
    energy = energies(spins)
    wrong = np.abs(network(spins, batch_size=4096).astype(int) - energy_class(energy, 4))
    high = np.abs(energy) > HIGH
    return {
        "accuracy": float((wrong == 0).mean()),
        "errors": int((wrong > 0).sum()),
        "largest": int(wrong.max()),
        "high": float((wrong[high] > 0).mean()),
        "levels": len(levels(4)),
    }
