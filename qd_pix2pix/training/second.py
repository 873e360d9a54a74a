"""The second network of a training (``mapping.second``), whose distance from the first one enters the estimated error.

It is trained already, remains as it is, and becomes part of checkpoints and files of weights.
"""

from __future__ import annotations

from typing import Any

from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.inference.weights import CARD, read_checkpoint, read_weights
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.networks.foreign import modules_in
from qd_pix2pix.predictor import Card, Predictor, scales_of

KEY = "mapping.second"


def card_of_second(card: Card, ckpt_path: str | None) -> dict[str, Any]:
    """Return the card of the second network that ``card.mapping`` names; empty without one.

    A resumed run has it in its own checkpoint: the file is not read again.

    Raises:
        FileNotFoundError: there is no such name or file.
        ValueError: it has no estimate of its error, other inputs or another target, or is damaged.
    """
    name = card.mapping.get("second")
    if name is None:
        return {}
    if ckpt_path:
        return dict(Card.from_dict(read_checkpoint(ckpt_path)[CARD]).second)
    second = read_trained(KEY, name)[0]
    if own := modules_in(second.network):
        raise ValueError(f"{KEY}: expected a network of qd_pix2pix.networks; that of {name} is in {own[0]}")
    if not second.mapping.get("quantile"):
        raise ValueError(f"{KEY}: expected a network that estimates its error (mapping.quantile); {name} does not")
    for key in ("source", "target"):
        there, here = second.mapping.get(key), card.mapping.get(key)
        if there != here:
            raise ValueError(f"{KEY}: expected a network with mapping.{key}={here}; that of {name} is {there}")
    try:
        Mapping(**second.mapping).check(card.schema)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{KEY}: {name} does not suit the data ({error})") from None
    names = [column.name for column in card.schema.given]
    if missing := [condition for condition in scales_of(second).conditions if condition not in names]:
        raise ValueError(f"{KEY}: {name} takes {missing[0]}, which the data do not have")
    return second.to_dict()


def load_second(predictor: Predictor) -> None:
    """Replace the weights of the second network, if there is one, by its trained ones."""
    if predictor.second is not None:
        predictor.second.load_weights(read_trained(KEY, str(predictor.mapping.second))[1])


def read_trained(key: str, name: str) -> tuple[Card, dict[str, Any]]:
    """Return card and weights of the network of this name or file, which the option ``key`` gives.

    Raises:
        FileNotFoundError: there is no such name or file.
        ValueError: it is damaged.
    """
    try:
        return read_weights(find_weights(name))
    except (ValueError, OSError) as error:
        raise type(error)(f"{key}: {str(error).removeprefix('checkpoint: ')}") from None
