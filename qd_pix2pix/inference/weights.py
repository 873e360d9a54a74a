"""Predictors on disk: checkpoints of runs, and .safetensors files with weights and a card.

No code in either is executed. Checkpoints are read with ``weights_only=True``: tensors, numbers and text. From a card
only classes of ``networks`` and ``mapping`` are built, with plain names and numbers; networks of other modules only
inside ``files.trusted``. Every file is verified on reading:
checkpoints by the checksums of their zip archive, .safetensors files by a checksum over card and weights.
"""

from __future__ import annotations

import hashlib
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from qd_pix2pix.files import trusted, write_whole
from qd_pix2pix.generators import make_predictor
from qd_pix2pix.networks.foreign import hashes, modules_in
from qd_pix2pix.predictor import Card, Predictor

__all__ = ["CARD", "load_predictor", "read_checkpoint", "read_weights", "save_weights", "trusted", "weights_path"]

CARD = "qd_pix2pix"
"""Key of a checkpoint, and of the metadata of a .safetensors file, under which the card is kept."""
CHECKSUM = "sha256"
"""Key of the metadata under which the checksum of card and weights is kept."""
SEEN = {"min", "max", "mean", "sample_mean_min", "sample_mean_max"}
"""Statistics of the sources with which a user's samples are compared."""
PREFIX, NETWORK = "predictor.", "network."
"""Prefixes of the weights of the predictor, and of its network, in the state of a model."""


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """Return the content of a checkpoint of this project, without executing code in it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a checkpoint of this project, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint: {path} is not there; train.py writes runs/.../checkpoints/best.ckpt")
    try:
        with zipfile.ZipFile(path) as archive:
            if (bad := archive.testzip()) is not None:
                raise ValueError(f"the checksum of {bad} is wrong")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # an untrusted file can cause any error in the reader
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        anew = "; without it ckpt_path=auto starts the run anew" if path.name == "last.ckpt" else ""
        raise ValueError(
            f"checkpoint: {path} is damaged or holds more than weights; not loaded ({reason}){anew}"
        ) from None
    if not isinstance(content, dict) or CARD not in content:
        raise ValueError(f"checkpoint: {path} was not written by train.py (it has no {CARD!r} card)")
    return content


def read_weights(path: Path | str) -> tuple[Card, dict[str, Tensor]]:
    """Return card and weights of a checkpoint or of a .safetensors file, without building the predictor.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is of another kind, damaged, or of another version.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    content = read_checkpoint(path)
    state = content.get("state_dict")
    if not isinstance(state, dict):
        raise ValueError(f"checkpoint: {path} holds no weights")
    card = Card.from_dict(content[CARD])
    return card, {
        n.removeprefix(PREFIX).removeprefix(NETWORK): v for n, v in state.items() if str(n).startswith(PREFIX)
    }


def load_predictor(path: Path | str) -> tuple[Predictor, Card]:
    """Return the trained predictor of a checkpoint or of a .safetensors file, on the CPU, and its card.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is of another kind, damaged, or of another version.
    """
    card, weights = read_weights(path)
    own = modules_in(card.network, card.generator)
    # on "meta" without memory, however large the described network is; the code of a trusted module may need numbers
    with torch.device("cpu" if own else "meta"):
        described = _shapes(make_predictor(card).weights())
    if wrong := described.items() ^ _shapes(weights).items():
        names = ", ".join(sorted({str(name) for name, _ in wrong})[:5])
        raise ValueError(
            f"checkpoint: {path} does not fit its own card: {names} are missing, unknown or of other shapes"
        )
    if broken := [name for name, value in weights.items() if not torch.isfinite(value).all()]:
        raise ValueError(
            f"checkpoint: {path} holds numbers that are NaN or infinite, in {', '.join(broken[:5])}; its training "
            "diverged. Use an earlier checkpoint"
        )
    with torch.device("cpu"):
        predictor = make_predictor(card)
    predictor.load_weights(weights)
    known = card.provenance.get("modules", {})
    for name, found in hashes(own).items():
        if known.get(name) != found:
            warnings.warn(
                f"{name} is not the file that the network was trained with; predictions may differ", stacklevel=2
            )
    for name in predictor.mapping.sources:
        if missing := SEEN - set(card.statistics.get(name, {})):
            raise ValueError(f"checkpoint: the card of {path} has no {', '.join(sorted(missing))} of {name}")
    return predictor.eval(), card


def _shapes(weights: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(getattr(value, "shape", ())) for name, value in weights.items()}


def weights_path(path: Path) -> Path:
    """Return the path of a file of weights, with its ending."""
    return path.with_name(path.name.removesuffix(".safetensors") + ".safetensors")


def save_weights(path: Path, predictor: Predictor, card: Card) -> None:
    """Write the network's weights and the card to a .safetensors file."""
    # copies, because the format has no tensors that share memory
    weights = {name: value.detach().clone().contiguous() for name, value in predictor.weights().items()}
    described = json.dumps(card.to_dict(), sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as temporary:
        save_file(weights, temporary, metadata={CARD: described, CHECKSUM: _checksum(described, weights)})


def _checksum(card: str, weights: dict[str, Tensor]) -> str:
    """Return the hexadecimal SHA-256 of a card and of tensors with their names and types."""
    found = hashlib.sha256(card.encode())
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.view(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")
    return found.hexdigest()


def _read_safetensors(path: Path) -> tuple[Card, dict[str, Tensor]]:
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint: {path} is not there; evaluate.py save=... writes such files")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}
        card = json.loads(metadata[CARD])
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise ValueError(f"checkpoint: {path} is damaged, or not of this project ({error!r})") from None
    if CHECKSUM not in metadata:
        raise ValueError(
            f"checkpoint: {path} was written by an earlier version of qd_pix2pix; use that, or train again"
        )
    if metadata[CHECKSUM] != _checksum(metadata[CARD], weights):
        raise ValueError(f"checkpoint: {path} is damaged: its checksum is not the one that it was written with")
    return Card.from_dict(card), weights
