"""Checkpoints of a training: written atomically, and resumed only with the same settings."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from pytorch_lightning.plugins.io import TorchCheckpointIO

from qd_pix2pix.files import trusted, write_whole
from qd_pix2pix.generators import Generator, make_predictor
from qd_pix2pix.inference.weights import CARD, read_checkpoint
from qd_pix2pix.models import Model
from qd_pix2pix.networks.foreign import MODULE, check_map, modules_in
from qd_pix2pix.predictor import Card

SAME = ("model", "mapping", "network", "recipes", "loader", "seed")
"""Parts of a card that may not change when a run is resumed."""


class WholeFileIO(TorchCheckpointIO):
    """A checkpoint writer that writes beside the final path and renames: a kill leaves the previous checkpoint intact.

    Lightning's own writer uses the system's temporary folder; if that is on another disk, the last step is a copy,
    which a kill would truncate.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()  # on a full disk torch raises a RuntimeError without a file name
        torch.save(checkpoint, content)
        with write_whole(path) as temporary:
            temporary.write_bytes(content.getbuffer())


def build_model(config: Mapping[str, Any], card: Card) -> Model:
    """Return a fresh model of a configuration of ``conf/model``, with the predictor of a card.

    Raises:
        ValueError: a setting is invalid.
    """
    with trusted(modules_in(card.network, card.generator)):  # the configuration of the user names them
        predictor = make_predictor(card)
    return instantiate(dict(config), _partial_=True, _convert_="all")(predictor=predictor, card=card)


def check_network(model: Model) -> None:
    """Refuse a network that does not map fields as the mapping requires: of a user's module, or one for numbers only.

    Raises:
        ValueError: the network cannot be trained, or returns another shape, such as one number for a field.
    """
    predictor, network = model.predictor, model.card.network
    whole = any(column.is_field for column in predictor.outputs)
    is_own = MODULE in network
    if isinstance(predictor, Generator) or not (is_own or whole):  # generators check the points themselves
        return
    name, points = network["class"], predictor.schema.domain.shape
    name = f"{network[MODULE]}.{name}" if is_own else name
    check_map(predictor.network, name, (2, predictor.n_features, *points), predictor.n_raw, whole)


def check_resumable(path: Path | str, card: Card) -> int:
    """Refuse to resume from a checkpoint without optimisers or with other settings.

    Args:
        path: path of the checkpoint.
        card: card of the model to be trained.

    Returns:
        The checkpoint's step.

    Raises:
        ValueError: the checkpoint cannot be resumed; the message lists the settings that differ. See also
            ``read_checkpoint``.
    """
    content = read_checkpoint(path)
    if "optimizer_states" not in content:
        raise ValueError(f"ckpt_path: {path} holds weights only; a run is resumed from its last.ckpt")
    stored = Card.from_dict(content[CARD])
    before, now = (flatten({part: getattr(source, part) for part in SAME}) for source in (stored, card))
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if changed:
        listed = ", ".join(f"{key}={now.get(key)} (was {before.get(key)})" for key in changed)
        raise ValueError(f"ckpt_path: a run is resumed with its own settings, but {listed}. Start a new run for that.")
    return int(content["global_step"])


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested containers as one level of dotted names."""
    if isinstance(config, list) and any(isinstance(value, dict) for value in config):
        config = dict(enumerate(config))
    if isinstance(config, dict):
        return {k: v for key, value in config.items() for k, v in flatten(value, f"{prefix}{key}.").items()}
    return {prefix[:-1]: json.dumps(config) if isinstance(config, (list, tuple)) else config}
