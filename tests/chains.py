"""A system with columns of every kind, periodic and of one dimension, for tests without a solver or a store."""

import torch

from qd_pix2pix.predictor import Card
from qd_pix2pix.schema import Column, Domain, Schema

CHAIN = Schema(
    system="chains",
    sample="chain",
    columns=(
        Column("h", "field"),
        Column("n", "field", low=0.0, integral="particles"),
        Column("m", "field", odd=True, low=-1.0, high=1.0),
        Column("energy", "scalar", extensive=True),
        Column("spacing", "scalar"),
        Column("pairs", "counts", "i8", low=0.0),
        Column("phase", "class", "i8", classes=3),
        Column("coupling", "condition"),
        Column("residual", "guard"),
    ),
    domain=Domain(("i",), (16,), boundary="periodic", symmetry="line", translations=True),
    conditions=(Column("particles", "condition"),),
    constants={"particles": 2.0},
)
NETWORK = {"class": "ResidualUNet", "channels": [4, 6], "blocks": [1, 1], "equivariant": True}


def chains(size=24):
    """Columns of chains, in which everything is to be seen in the field h and the coupling."""
    generator = torch.Generator().manual_seed(0)
    phase = torch.randint(3, (size,), generator=generator)
    coupling = torch.rand(size, generator=generator) + 1.0
    h = 0.2 * torch.randn(size, 16, generator=generator) + phase[:, None] - 1
    columns = {"h": h, "coupling": coupling, "phase": phase, "m": torch.tanh(coupling[:, None] * h)}
    columns |= {"n": 2 * torch.softmax(h, 1), "particles": torch.full((size,), 2.0)}
    return columns | {"energy": h.sum(1), "spacing": coupling * h.mean(1), "pairs": (h > 0.5).sum(1).float()}


def chain_card(source="h", target="m", also=(), network=NETWORK, heads=None, schemas=(CHAIN,), **more):
    """The card of a predictor of chains."""
    statistics = {name: {"min": v.min().item(), "max": v.max().item()} for name, v in chains().items()}
    del statistics["particles"]
    mapping = {"source": source, "target": target, "also": list(also)}
    described = [schema.to_dict() for schema in schemas]
    given = {"schemas": described, "mapping": mapping, "network": network, "heads": heads or {}, "logarithm": False}
    return Card(**given | {"statistics": statistics} | more)
