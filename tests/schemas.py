"""A schema that is no quantum dot's, with a column of every role, and samples of it: rings of coupled spins."""

from dataclasses import replace

import numpy as np

from qd_pix2pix.schema import Column, Domain, Schema

RINGS = Schema(
    system="spin rings",
    sample="ring",
    columns=(
        Column("spins", "field", "i1", None, "s", "spin of each site", -1.0, 1.0, odd=True),
        Column("charge", "field", "f4", None, r"\rho", "charge of each site", 0.0, integral="particles"),
        Column("energy", "scalar", "f8", "energy", "E", "energy of the ring", extensive=True),
        Column("magnetisation", "scalar", "f8", None, "m", "mean spin", -1.0, 1.0, odd=True),
        Column("phase", "class", "i8", None, "", "phase of the ring", classes=3),
        Column("walls", "counts", "i8", None, "", "number of domain walls", 0.0),
        Column("coupling", "condition", "f8", "energy", "J", "coupling of neighbours"),
        Column("energy_error", "error", "f8", "energy", "", "error of the energy", error_of="energy"),
        Column("levels", "guard", "f8", "energy", "", "lowest levels", axis="level"),
    ),
    domain=Domain(("site",), (6,), (), "periodic", "line", translations=True, flip=True),
    conditions=(Column("particles", "condition", "i8", None, "N", "particles in the ring"),),
    constants={"particles": 3.0},
    units={"energy": "eV"},
    family="Ring",
    summary="Rings of six spins.",
)


def rings(n=4, seed=0):
    """Columns of n rings."""
    rng = np.random.default_rng(seed)
    spins = rng.choice([-1, 1], (n, 6))
    charge = rng.random((n, 6))
    walls = (spins != np.roll(spins, 1, 1)).sum(1)
    coupling = rng.uniform(0.5, 2.0, n)
    return {
        "spins": spins,
        "charge": 3 * charge / charge.sum(1, keepdims=True),
        "energy": coupling * (2.0 * walls - 6),
        "magnetisation": spins.mean(1),
        "phase": walls // 2 % 3,
        "walls": walls,
        "coupling": coupling,
        "energy_error": np.zeros(n),
        "levels": rng.random((n, 2)),
        "sample": np.arange(n),
    }


def with_column(schema, name, **changes):
    """The schema with one column changed."""
    columns = [replace(c, **changes) if c.name == name else c for c in schema.columns]
    return replace(schema, columns=tuple(columns))
