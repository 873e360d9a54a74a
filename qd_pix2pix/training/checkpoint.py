"""Checkpoints of a training: written whole or not at all, resumed only as what they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from pytorch_lightning.plugins.io import TorchCheckpointIO

from qd_pix2pix.files import write_whole
from qd_pix2pix.inference.weights import CARD, read_checkpoint
from qd_pix2pix.models import Model
from qd_pix2pix.predictor import Card, Predictor

SAME = ("model", "mapping", "network", "recipes", "loader", "seed")
"""Parts of a card that a resumed run shares with its beginning."""


class WholeFileIO(TorchCheckpointIO):
    """Writes beside the checkpoint's name and renames: a kill at any moment leaves the checkpoint before.

    Lightning's own way writes into the system's temporary folder; where that is another disk, the last step is a copy,
    which a kill cuts short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as temporary:
            torch.save(checkpoint, temporary)


def build_model(config: Mapping[str, Any], card: Card) -> Model:
    """Return a fresh model of a configuration of ``conf/model``, with the predictor of a card.

    Raises:
        ValueError: a setting is bad.
    """
    return instantiate(dict(config), _partial_=True, _convert_="all")(predictor=Predictor(card), card=card)


def check_resumable(path: Path | str, card: Card) -> int:
    """Refuse to resume from a checkpoint that has no optimisers, or that was trained as something else.

    Args:
        path: of the checkpoint.
        card: what shall be trained.

    Returns:
        The checkpoint's step.

    Raises:
        ValueError: says which settings differ. See also ``read_checkpoint``.
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
    """Nested containers as one level of dotted names."""
    if isinstance(config, list) and any(isinstance(value, dict) for value in config):
        config = dict(enumerate(config))
    if isinstance(config, dict):
        return {k: v for key, value in config.items() for k, v in flatten(value, f"{prefix}{key}.").items()}
    return {prefix[:-1]: json.dumps(config) if isinstance(config, (list, tuple)) else config}
