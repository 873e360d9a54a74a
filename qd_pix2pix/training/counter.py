"""The network of energies that chooses the number of particles (``mapping.counter``) beside a training.

It is trained already, remains as it is, and becomes part of checkpoints and files of weights. The training does not
depend on it.
"""

from __future__ import annotations

from typing import Any

from qd_pix2pix.inference.weights import CARD, read_checkpoint
from qd_pix2pix.networks.foreign import modules_in
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Schema
from qd_pix2pix.training.second import read_trained

KEY = "mapping.counter"


def card_of_counter(card: Card, ckpt_path: str | None) -> dict[str, Any]:
    """Return the card of the network that ``card.mapping`` names as counter; empty without one.

    A resumed run has it in its own checkpoint: the file is not read again.

    Raises:
        FileNotFoundError: there is no such name or file.
        ValueError: it is no network of energies of these systems, or damaged; or predictions are no averages.
    """
    name = card.mapping.get("counter")
    if name is None:
        return {}
    if not card.loader.get("shift"):
        raise ValueError(f"{KEY}: expected null, as loader.shift is null: predictions are no averages over shifts")
    if ckpt_path:
        return dict(Card.from_dict(read_checkpoint(ckpt_path)[CARD]).counter)
    counter = read_trained(KEY, name)[0]
    if own := modules_in(counter.network):
        raise ValueError(f"{KEY}: expected a network of qd_pix2pix.networks; that of {name} is in {own[0]}")
    mapping = counter.mapping
    outputs = {mapping.get("target"), *mapping.get("also", ())}
    if mapping.get("source") != "V" or not {"mu_low", "mu_high"} <= outputs or counter.mapping.get("prior") is None:
        raise ValueError(f"{KEY}: expected a network of experiment=chain_energies; that of {name} is another one")
    for key in counter.schema.constants:
        there, here = (_values(c, key) for c in (counter, card))
        if not here or min(here) < min(there) or max(here) > max(there):
            raise ValueError(f"{KEY}: expected a network for {key} = {_text(here)}, of the data; got {_text(there)}")
    return counter.to_dict()


def _values(card: Card, key: str) -> list[float]:
    """Return the values of a condition in all training datasets."""
    found = (Schema.from_dict(content).constants.get(key) for content in card.schemas)
    return sorted({float(value) for value in found if value is not None})


def _text(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "nothing"


def load_counter(predictor: Predictor) -> None:
    """Replace the weights of the counter, if there is one, by its trained ones."""
    if predictor.counter is not None:
        predictor.counter.load_weights(read_trained(KEY, str(predictor.mapping.counter))[1])
