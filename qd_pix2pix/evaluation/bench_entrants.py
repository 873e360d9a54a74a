"""What a benchmark evaluates: trained networks, Python functions and baselines, behind one call.

An entrant takes dots with the same conditions and returns predictions by the names of the attributes of ``Dots``. It
raises ``NotServed`` for dots that it does not accept.
"""

from __future__ import annotations

import inspect
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qd_pix2pix.evaluation.bench_dots import Array, Dots
from qd_pix2pix.evaluation.bench_scores import Answers
from qd_pix2pix.files import checksum, import_here, sha256
from qd_pix2pix.inference.pretrained import Surrogate, find_weights, from_pretrained, shipped
from qd_pix2pix.mapping.priors import PRIORS

NAMES = {"n_int": "density", "V": "V", "energy": "energy", "gap": "gap"}
"""Attributes of ``Dots`` by the columns of networks."""
HALF = 100.0
"""Energy in hbar^2 / (m* L^2) at which the distance of potentials is half saturated, so that walls do not dominate."""


class NotServed(ValueError):  # noqa: N818 - no error of the user
    """The entrant does not accept these dots."""


@dataclass(frozen=True)
class Entrant:
    """A network, function or baseline.

    Attributes:
        name: name of its score.
        kind: "network", "function" or "baseline".
        digest: SHA-256 of its weights, or of the file of its code.
        given: the attribute of ``Dots`` that it takes, "V" or "density"; baselines have both, in two entrants.
        predict: function from dots with the same conditions to predictions by name.
    """

    name: str
    kind: str
    digest: str
    given: str
    predict: Callable[[Dots], Answers]


def network(checkpoint: str, device: str | None, trust: Any) -> list[Entrant]:
    """Return the entrant of a shipped network, file or checkpoint.

    Raises:
        ValueError: its samples are no quantum dots, or it takes other fields than V or n_int.
    """
    surrogate = from_pretrained(checkpoint, device, trust or ())
    sources = tuple(getattr(surrogate, "sources", ()))
    known = isinstance(surrogate, Surrogate) and "quantum dots" in surrogate.predictor.schema.system
    if not known or sources not in (("V",), ("n_int",)):
        of = surrogate.predictor.schema.system if isinstance(surrogate, Surrogate) else "a generator"
        raise ValueError(
            f"checkpoint: the benchmark takes networks of quantum dots from V or n_int; {checkpoint} is one of {of} "
            f"from {', '.join(sources) or 'labels'}. Give another checkpoint"
        )
    path = find_weights(checkpoint)
    name = checkpoint if checkpoint in shipped() and not Path(checkpoint).is_file() else _stem(path)

    def predict(dots: Dots) -> Answers:
        field = getattr(dots, NAMES[sources[0]])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of dots unlike training, which the score measures
                found = surrogate.predict({sources[0]: field}, **dots.conditions)
        except ValueError as error:
            raise NotServed(str(error)) from error
        return {NAMES[column]: values for column, values in found.items() if column in NAMES}

    return [Entrant(name, "network", sha256(path), NAMES[sources[0]], predict)]


def _stem(path: Path) -> str:
    """Return the name of a file of weights, of a checkpoint that of its run; never that of a shipped network."""
    if path.suffix != ".safetensors":
        return f"{path.absolute().parent.parent.name}-{path.stem}"
    return f"{path.stem}-{sha256(path)[:8]}" if path.stem in shipped() else path.stem


def function(target: str) -> list[Entrant]:
    """Return the entrant of ``module:name``, a Python function whose code is imported and run.

    It is called with V (S, n, n) in eV, n_electrons, m_eff, eps_r and extent in nm, and returns the density (S, n, n)
    in nm^-2, or a dictionary with some of density, energy and gap (S,) in eV. If its first parameter is called density,
    it takes that and returns V.

    Raises:
        ValueError: it cannot be imported or is no function.
    """
    module, _, name = target.partition(":")
    hint = (
        f". Expected a baseline, {', '.join(BASELINES)}, or module:name of a function; run in the folder of the module"
    )
    found = import_here(module, name, f"function: {target}", hint)
    if not callable(found):
        raise ValueError(f"function: expected a function, {target} is {found!r}")
    signature = inspect.signature(found)
    given = "density" if next(iter(signature.parameters), "V") == "density" else "V"
    try:
        signature.bind(given, n_electrons=1, m_eff=1.0, eps_r=1.0, extent=1.0)
    except TypeError as error:
        expected = f"({given}, n_electrons, m_eff, eps_r, extent)"
        raise ValueError(f"function: expected {target}{expected}, got {signature} ({error})") from None

    def predict(dots: Dots) -> Answers:
        try:
            answer = found(getattr(dots, given), **dots.conditions)
        except NotServed:
            raise
        except (Exception, SystemExit) as error:  # of code that is not ours
            line = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(line.filename).name}, line {line.lineno}"
            raise ValueError(f"function: {target} raised {type(error).__name__} in {where}: {error}") from error
        if answer is NotImplemented:
            raise NotServed("the function returned NotImplemented")
        answer = answer if isinstance(answer, dict) else {"V" if given == "density" else "density": answer}
        if unknown := set(answer) - set(NAMES.values()) - {given}:
            given_names = ", ".join(sorted(map(str, unknown)))
            raise ValueError(f"function: expected some of density, energy, gap, V; {target} returned {given_names}")
        if not set(answer) - {given}:
            wanted = "V" if given == "density" else "density, energy or gap"
            raise ValueError(f"function: expected {wanted}; {target} returned {', '.join(answer) or 'nothing'}")
        return {name: v.detach().cpu().numpy() if isinstance(v, torch.Tensor) else v for name, v in answer.items()}

    file = getattr(sys.modules[module], "__file__", None)
    digest = sha256(file) if file else checksum(target, {})
    return [Entrant(target.replace(":", "."), "function", digest, given, predict)]


def mean_density(learned: Dots) -> list[Entrant]:
    """Return the mean over the learned dots, per electron and in reduced units, of every quantity."""
    numbers = learned.n_electrons
    share = (_reduced_density(learned) / numbers[:, None, None]).mean(0)
    energy, gap = (learned.energy / learned.unit / numbers).mean(), (learned.gap / learned.unit).mean()
    mean = (learned.V / learned.unit[:, None, None]).mean(0)

    def forward(dots: Dots) -> Answers:
        _same_points(dots, learned)
        density = share * (dots.n_electrons / dots.extent**2)[:, None, None]
        return {"density": density, "energy": energy * dots.n_electrons * dots.unit, "gap": gap * dots.unit}

    def inverse(dots: Dots) -> Answers:
        _same_points(dots, learned)
        return {"V": mean * dots.unit[:, None, None]}

    return _baseline("mean_density", learned, forward, inverse)


def nearest(learned: Dots) -> list[Entrant]:
    """Return the learned dot with the nearest V, or for n -> V the nearest density, among those with the same N if any.

    The distance is the root mean square of v / (v + 100), v in hbar^2 / (m* L^2), or of n L^2 / N.
    """
    shape = {"V": _saturated(learned), "density": _reduced_density(learned) / learned.n_electrons[:, None, None]}

    def row(field: Array, n_electrons: float, name: str) -> int:
        distance = ((shape[name] - field) ** 2).mean((1, 2))
        same = learned.n_electrons == n_electrons
        return int(np.where(same, distance, np.inf).argmin() if same.any() else distance.argmin())

    def forward(dots: Dots) -> Answers:
        _same_points(dots, learned)
        rows = [row(f, n, "V") for f, n in zip(_saturated(dots), dots.n_electrons, strict=True)]
        density = shape["density"][rows] * (dots.n_electrons / dots.extent**2)[:, None, None]
        per_electron = learned.energy / learned.unit / learned.n_electrons
        energy = per_electron[rows] * dots.n_electrons * dots.unit
        return {"density": density, "energy": energy, "gap": (learned.gap / learned.unit)[rows] * dots.unit}

    def inverse(dots: Dots) -> Answers:
        _same_points(dots, learned)
        shares = _reduced_density(dots) / dots.n_electrons[:, None, None]
        rows = [row(f, n, "density") for f, n in zip(shares, dots.n_electrons, strict=True)]
        return {"V": (learned.V / learned.unit[:, None, None])[rows] * dots.unit[:, None, None]}

    return _baseline("nearest", learned, forward, inverse)


def _unlearned(prior: str, learned: Dots) -> list[Entrant]:
    """Return the physics from which networks of every dot start, without a gap and without an inverse."""

    def forward(dots: Dots) -> Answers:
        v = dots.V - dots.V.min((1, 2), keepdims=True)
        columns = {"V": v / dots.unit[:, None, None], "n_electrons": dots.n_electrons, "coupling": dots.coupling}
        start = PRIORS[prior]({name: torch.as_tensor(values) for name, values in columns.items()})
        share = start.starts["n_int"][:, 0].exp().double().numpy()
        share = share / share.mean((1, 2), keepdims=True)
        energy = start.starts["energy"][:, 0, 0, 0].exp().double().numpy() * dots.unit
        density = share * (dots.n_electrons / dots.extent**2)[:, None, None]
        return {"density": density, "energy": energy + dots.n_electrons * dots.V.min((1, 2))}

    return _baseline(prior, learned, forward)


BASELINES: dict[str, Callable[[Dots], list[Entrant]]] = {
    "mean_density": mean_density,
    "nearest": nearest,
    "mean_field": partial(_unlearned, "mean_field"),
    "kohn_sham": partial(_unlearned, "kohn_sham"),
}
"""Baselines by name, from the learned dots."""


def _baseline(name: str, learned: Dots, forward: Callable, inverse: Callable | None = None) -> list[Entrant]:
    digest = checksum(name, {"V": learned.V, "density": learned.density})
    found = [Entrant(name, "baseline", digest, "V", forward)]
    return [*found, Entrant(name, "baseline", digest, "density", inverse)] if inverse else found


def _reduced_density(dots: Dots) -> Array:
    return dots.density * (dots.extent**2)[:, None, None]


def _saturated(dots: Dots) -> Array:
    v = (dots.V - dots.V.min((1, 2), keepdims=True)) / dots.unit[:, None, None]
    return v / (v + HALF)


def _same_points(dots: Dots, learned: Dots) -> None:
    if dots.V.shape[1:] != learned.V.shape[1:]:
        raise NotServed(f"learned on {learned.V.shape[1:]} points, got {dots.V.shape[1:]}")


def entrant_of(checkpoint: str | None, target: str | None, **options: Any) -> Callable[[Dots], list[Entrant]]:
    """Return what ``checkpoint=`` or ``function=`` selects, as a function of the dots from which baselines learn.

    Raises:
        ValueError: both or none are given, or the selected one does not exist.
    """
    if bool(checkpoint) == bool(target):
        raise ValueError(
            "bench: expected either checkpoint=, a network, or function=, module:name or one of the baselines "
            f"{', '.join(BASELINES)}; got {'both' if checkpoint else 'neither'}"
        )
    if target in BASELINES:
        return BASELINES[str(target)]
    found = network(checkpoint, options.get("device"), options.get("trust")) if checkpoint else function(str(target))
    return lambda _: found
