"""Checkpoints: written whole or not at all, and read back as the model that they carry; nothing in them is run.

Checkpoints are read with ``weights_only=True``: tensors, numbers and text, no pickled code. The classes that its card
names are built only if they are networks and models of this package, optimisers of torch, or the solver.
"""

from __future__ import annotations

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_object, instantiate
from pytorch_lightning.plugins.io import TorchCheckpointIO
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.optim import Optimizer

from qd_pix2pix.files import write_whole
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.models import FieldModel
from qd_pix2pix.models.base import CARD

FACTS = {"step": "global_step", "train_seconds": "train_seconds"}
"""What a loaded card tells beside what it was written with."""
MEASURES = "tests"
"""Key of a card under which a .safetensors file keeps the measures of its tests."""
ROOMS = ("qd_pix2pix.networks", "qd_pix2pix.models", "qd_pix2pix.mapping", "qd_pix2pix.models.optimizers", "solvers")
"""Modules whose classes a card may name."""
FOREIGN = ("torch.optim", "torch.nn")
"""Modules of torch whose networks and optimisers a card may name."""
RECIPE = "qd_pix2pix.data.generate.Recipe"


class WholeFileIO(TorchCheckpointIO):
    """Writes beside the checkpoint's name and renames: a kill at any moment leaves the checkpoint before.

    Lightning's own way writes into the system's temporary folder; where that is another disk, the last step is a copy,
    which a kill cuts short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()  # torch makes a RuntimeError of a full disk, and names no file
        torch.save(checkpoint, content)
        with write_whole(path) as temporary:
            temporary.write_bytes(content.getbuffer())


def check_targets(config: Any) -> None:
    """Refuse a configuration that names anything but classes of this project and of torch's networks and optimisers.

    Interpolations are refused, too: what they resolve to is not what was checked.

    Raises:
        ValueError: names what was refused.
    """
    if isinstance(config, dict):
        for key, value in config.items():
            _check_text(key)
            if key == "_target_":
                _check_target(value)
            check_targets(value)
    elif isinstance(config, (list, tuple)):
        for item in config:
            check_targets(item)
    else:
        _check_text(config)


def _check_text(value: Any) -> None:
    if isinstance(value, str) and "${" in value:
        raise ValueError(f"checkpoint: its card holds the interpolation {value!r}; not loaded")
    if not (value is None or isinstance(value, (str, int, float))):
        raise ValueError(f"checkpoint: its card holds a {type(value).__name__}, no plain number or text; not loaded")


def _check_target(target: Any) -> None:
    name, found = str(target), None
    if _is_in(name, (*ROOMS, *FOREIGN, RECIPE)):
        with suppress(Exception):  # there is nothing of that name
            found = get_object(name)
    # a class defined where it is said to be: no way through a module to what that module imports
    home = str(getattr(found, "__module__", ""))
    known = isinstance(found, type) and (
        _is_in(home, ROOMS) or name == RECIPE or (_is_in(home, FOREIGN) and issubclass(found, (nn.Module, Optimizer)))
    )
    if not (known or name == "solvers.solve"):
        raise ValueError(f"checkpoint: it asks for {target!r}, which is no part of qd_pix2pix; not loaded")


def _is_in(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def build_model(card: dict[str, Any]) -> FieldModel:
    """A fresh model from its card: configuration of model and mapping, recipes and statistics of the datasets."""
    mapping: Mapping = instantiate(card["mapping"]).fit(card["statistics"])
    model = instantiate(card["model"], _partial_=True, _convert_="all")(mapping=mapping, recipes=card["recipes"])
    model.card = card
    return model


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """The content of a checkpoint of this project; no code in it is run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no checkpoint of this project, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint: {path} is not there; train.py writes runs/.../checkpoints/best.ckpt")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a stranger's bytes make of the reader
        reason = str(error).splitlines()[0]
        raise ValueError(f"checkpoint: {path} is damaged or holds more than weights; not loaded ({reason})") from None
    if not isinstance(content, dict) or CARD not in content:
        raise ValueError(f"checkpoint: {path} was not written by train.py (it has no {CARD!r} card)")
    return content


def check_resumable(path: Path | str, card: dict[str, Any]) -> int:
    """Refuse to go on from a checkpoint that has no optimisers, or that was trained as something else.

    Returns its step.

    Args:
        path: of the checkpoint.
        card: what shall be trained.

    Raises:
        ValueError: says which settings differ. See also ``read_checkpoint``.
    """
    content = read_checkpoint(path)
    if "optimizer_states" not in content:
        raise ValueError(f"ckpt_path: {path} holds weights only; a run goes on from its last.ckpt")
    parts = ("model", "mapping", "recipes", "loader", "seed")
    before, now = (flatten({part: source[part] for part in parts}) for source in (content[CARD], card))
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if changed:
        told = ", ".join(f"{key}={now.get(key)} (was {before.get(key)})" for key in changed)
        raise ValueError(f"ckpt_path: a run goes on as it began, but {told}. Start a new run for that.")
    return content["global_step"]


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Nested containers as one level of dotted names."""
    if isinstance(config, list) and any(isinstance(value, dict) for value in config):
        config = dict(enumerate(config))
    if isinstance(config, dict):
        return {k: v for key, value in config.items() for k, v in flatten(value, f"{prefix}{key}.").items()}
    return {prefix[:-1]: json.dumps(config) if isinstance(config, list) else config}


def load_model(path: Path | str) -> FieldModel:
    """The trained model of a checkpoint or of a .safetensors file, on the CPU, ready to predict.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no checkpoint of this project, or asks for code that is not part of it.
    """
    if Path(path).suffix == ".safetensors":
        return _load_safetensors(Path(path))
    content = read_checkpoint(path)
    model = _build_trusted(content[CARD])
    model.load_state_dict(content["state_dict"])
    model.card = content[CARD] | {key: content[name] for key, name in FACTS.items()}
    return model.eval()


def _load_safetensors(path: Path) -> FieldModel:
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint: {path} is not there; evaluate.py save=... writes such files")
    try:
        with safe_open(path, framework="pt") as file:
            card = json.loads((file.metadata() or {})[CARD])
            weights = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"checkpoint: {path} is damaged, or not of this project ({error!r})") from None
    model = _build_trusted(card)
    try:
        model.network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"checkpoint: {path} does not fit its own card ({error})") from None
    return model.eval()


def _build_trusted(card: dict[str, Any]) -> FieldModel:
    """The model of a card whose classes were checked before any of them is built."""
    try:
        check_targets([card["model"], card["mapping"], card["recipes"]])
        return build_model(card)
    except (KeyError, TypeError) as error:
        raise ValueError(f"checkpoint: its card is incomplete or of another version ({error!r})") from None
