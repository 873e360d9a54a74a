"""Initial weights of a training: those of a trained network, whose settings and scales must be the same.

The optimiser and its schedule start anew. The scales of inputs and outputs are those of the initial network, so that
it predicts before the first step what the initial network predicts.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from qd_pix2pix import networks
from qd_pix2pix.files import conf_folder, sha256
from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.inference.weights import CARD, read_checkpoint, read_weights
from qd_pix2pix.mapping.heads import make_head
from qd_pix2pix.predictor import COUNTER, ERROR_FACTOR, ERROR_SLOPES, NUMBER_ERRORS, SECOND, Card, Predictor, scales_of
from qd_pix2pix.schema import Column
from qd_pix2pix.training.checkpoint import flatten

KEY = "init_from"
NO_MAP = ("chunk", "evaluation", "dropout")
"""Arguments of networks that do not change the map of the same weights."""


@dataclass(frozen=True)
class Initial:
    """The initial weights of a training.

    Attributes:
        name: path or name as given.
        sha256: SHA-256 of the file.
        card: description of the initial network.
        weights: its weights by name.
    """

    name: str
    sha256: str
    card: Card
    weights: dict[str, Tensor]


def read_initial(name: str) -> Initial:
    """Return initial weights by the name of a shipped network, or from a file of weights or a checkpoint.

    Raises:
        FileNotFoundError: there is no such name or file.
        ValueError: the file is damaged or of another kind.
    """
    try:
        path = find_weights(name)
        stat = path.stat() if path.is_file() else None
        return _read(name, path, stat and (stat.st_mtime_ns, stat.st_size))
    except (ValueError, OSError) as error:
        raise type(error)(f"{KEY}: {str(error).removeprefix('checkpoint: ')}") from None


@lru_cache(maxsize=1)
def _read(name: str, path: Path, version: Any) -> Initial:
    """Return the initial weights in a file; ``version`` changes with the file."""
    card, weights = read_weights(path)
    return Initial(name, sha256(path), card, weights)


def adopt(card: Card, name: str | None, ckpt_path: str | None) -> Card:
    """Return the card of a training with the scales of its initial weights; without any, the card itself.

    A resumed run takes them from its own checkpoint: the initial weights are not read again.

    Raises:
        ValueError: the initial network has other settings; the message lists the overrides that match. Or the resumed
            run started from other weights.
    """
    if ckpt_path:
        before = Card.from_dict(read_checkpoint(ckpt_path)[CARD])
        origin = before.provenance.get(KEY)
        if (origin or {}).get("name") != name:
            was = (origin or {}).get("name") or "null"
            raise ValueError(
                f"ckpt_path: a run is resumed with its own settings, but {KEY}={name or 'null'} (was {was}). Start a "
                "new run for that."
            )
        scales = before.scales
    elif name is None:
        return card
    else:
        initial = read_initial(name)
        check_same(initial, card)
        scales, origin = scales_of(initial.card).to_dict(), {"name": name, "sha256": initial.sha256}
    return replace(card, scales=scales, provenance=card.provenance | ({KEY: origin} if origin else {}))


def load_initial(predictor: Predictor, name: str) -> None:
    """Replace the weights of a predictor by the initial ones.

    Raises:
        ValueError: they have other names or shapes.
    """
    weights = read_initial(name).weights
    before = predictor.weights()
    own = (f"{COUNTER}.", f"{NUMBER_ERRORS}.")  # the latter are calibrated anew at the first validation
    weights = {key: value for key, value in weights.items() if not key.startswith(own)}
    weights |= {key: value for key, value in before.items() if key.startswith(own)}
    if any(key.startswith(f"{SECOND}.") for key in {**weights, **before}):  # calibrated anew at the first validation
        weights = {key: value for key, value in weights.items() if not _estimates(key)}
        weights |= {key: value for key, value in before.items() if _estimates(key)}
    shapes = {key: tuple(value.shape) for key, value in before.items()}
    given = {key: tuple(value.shape) for key, value in weights.items()}
    if wrong := sorted({key for key, _ in shapes.items() ^ given.items()}):
        raise ValueError(
            f"{KEY}: {name} holds weights of other shapes than this network: {', '.join(wrong[:5])}; a network such as "
            "mills_cnn takes samples of its training size only"
        )
    predictor.load_weights(weights)


def _estimates(name: str) -> bool:
    """Return whether a weight belongs to the calibration of the estimated error, or to the second network."""
    return name in (ERROR_FACTOR, ERROR_SLOPES) or name.startswith(f"{SECOND}.")


def check_same(initial: Initial, card: Card) -> None:
    """Raise ValueError unless weights of the initial network are the same map with the settings of ``card``."""
    found = [*_mapping(initial.card, card), *_data(initial.card, card)]
    if not any(difference.startswith("mapping") for difference, _ in found):
        found += _model(initial.card, card)
    found += _network(initial.card, card)
    if found:
        listed = "; ".join(difference for difference, _ in found)
        words = " ".join(dict.fromkeys(word for _, word in found if word))
        todo = f". Add {words}" if words else ". Choose other initial weights"
        raise ValueError(f"{KEY}: {initial.name} is another map: {listed}{todo}")


Difference = tuple[str, str]
"""A difference as text, and the override that removes it."""


def _mapping(old: Card, new: Card) -> list[Difference]:
    default: dict[str, Any] = {"source": None, "prior": None, "quantile": None}
    found = []
    for key in ("source", "target", "also", "given", "prior", "quantile"):
        there, here = (card.mapping.get(key) or default.get(key, []) for card in (old, new))
        if there != here:
            found.append(
                (f"mapping.{key} is {_text(there)} there and {_text(here)} here", f"mapping.{key}={_text(there)}")
            )
    return found


def _data(old: Card, new: Card) -> list[Difference]:
    """Return differences of columns and domain, which need other data or other weights."""
    there, here = old.schema, new.schema
    found = []
    for name in {*_names(old)} & {*_names(new)}:
        for what in ("kind", "low", "high", "extensive", "classes", "values"):
            a, b = (getattr(schema[name], what) for schema in (there, here))
            grows = what in ("low", "high") and here[name].extensive  # with the size of the sample
            if a != b and not grows:
                found.append((f"{name} has {what} {a} there and {b} here", ""))
        if there.unit(there[name]) != here.unit(here[name]):
            units = (there.unit(there[name]), here.unit(here[name]))
            found.append(("{} is in {} there and in {} here".format(name, *units), ""))
    for what in ("boundary", "symmetry", "axes"):
        a, b = (getattr(schema.domain, what) for schema in (there, here))
        if a != b:
            found.append((f"the domain has {what} {a} there and {b} here", ""))
    if "shape" in _takes(old.network) and there.domain.shape != here.domain.shape:
        found.append((f"samples have {there.domain.shape} points there and {here.domain.shape} here", ""))
    return found


def _names(card: Card) -> list[str]:
    source = card.mapping.get("source") or []
    sources = [source] if isinstance(source, str) else list(source)
    return [*sources, card.mapping["target"], *(card.mapping.get("also") or []), *(card.mapping.get("given") or [])]


def _model(old: Card, new: Card) -> list[Difference]:
    """Return differences of the heads, and of what else a model decides."""
    target = str(old.model.get("_target_"))
    if (old.logarithm, old.generator) != (new.logarithm, new.generator):
        option = _option("model", target)
        return [(f"the model is {target.rpartition('.')[2]} there", f"model={option}" if option else "")]
    found = []
    for column in (old.schema[name] for name in (old.mapping["target"], *(old.mapping.get("also") or []))):
        there, here = (make_head(column, card.heads) for card in (old, new))
        if type(there) is not type(here):
            name = old.heads.get(column.kind) or _head_name(column, old)
            key = {"class": "classes", "counts": "scalar"}.get(column.kind, column.kind)
            found.append((f"the head of {column.name} is {name} there", f"model.{key}.head={name}"))
    return found


def _head_name(column: Column, card: Card) -> str:
    return type(make_head(column, card.heads)).__name__.removesuffix("Head").lower()


def _network(old: Card, new: Card) -> list[Difference]:
    periodic = new.schema.domain.boundary == "periodic"
    there, here = (flatten(_complete(card.network, periodic)) for card in (old, new))
    changed = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    if not changed:
        return []
    classes = [key for key in changed if key.rpartition(".")[2] in ("class", "module")]
    if not classes:
        texts = [(key, _text(there.get(key)), _text(here.get(key))) for key in changed]
        return [(f"network.{key} is {a} there and {b} here", f"network.{key}={a}") for key, a, b in texts]
    option, rest = _nearest(there, periodic)
    words = [f"network={option}", *(f"network.{key}={_text(value)}" for key, value in rest.items())] if option else []
    names = (there.get("class"), here.get("class"))
    return [("the network is {} there and {} here".format(*names), " ".join(words))]


def _complete(described: Mapping[str, Any], periodic: bool) -> dict[str, Any]:
    """Return the description of a network with its defaults, and without what does not change the map."""
    known = {
        name: p.default
        for name, p in _takes(described).items()
        if p.default is not p.empty and name in _stated(described)
    }
    found = {k: v for k, v in {**known, **described}.items() if k not in NO_MAP}
    if "padding" in found and found["padding"] is None:
        found["padding"] = "circular" if periodic else "zeros"
    return {k: _complete(v, periodic) if isinstance(v, Mapping) and "class" in v else v for k, v in found.items()}


def _takes(described: Mapping[str, Any]) -> Mapping[str, inspect.Parameter]:
    name = str(described.get("class"))
    at_home = "module" not in described and name in networks.__all__
    return inspect.signature(getattr(networks, name)).parameters if at_home else {}


def _stated(described: Mapping[str, Any]) -> set[str]:
    """Return the arguments of a network that a configuration states: all but those of the mapping and the domain."""
    return set(_takes(described)) - {"in_channels", "out_channels", "dims", "shape", "periodic", "symmetry", "labels"}


def _nearest(wanted: Mapping[str, Any], periodic: bool) -> tuple[str, dict[str, Any]]:
    """Return the option of conf/network with the same classes and the fewest differences, and these."""
    best: tuple[str, dict[str, Any]] = ("", {})
    for path in sorted((conf_folder() / "network").glob("*.yaml")):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            found = flatten(_complete(networks.describe(content), periodic))
        except (ValueError, TypeError, AttributeError):
            continue
        rest = {key: value for key, value in wanted.items() if found.get(key) != value}
        same = not any(key.rpartition(".")[2] == "class" for key in rest) and set(found) == set(wanted)
        if same and (not best[0] or len(rest) < len(best[1])):
            best = (path.stem, rest)
    return best


def _option(group: str, target: str) -> str:
    """Return the option of a group with this class; empty if there is none."""
    for path in sorted((conf_folder() / group).glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        node = content.get(group, content)
        if isinstance(node, dict) and node.get("_target_") == target:
            return path.stem
    return ""


def _text(value: Any) -> str:
    """Return a value as in an override; without spaces, at which a shell would divide it."""
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_text, value))}]"
    return "null" if value is None else str(value).replace(", ", ",")  # of a list that ``flatten`` made a text
