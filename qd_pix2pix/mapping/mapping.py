"""The mapping from given to predicted columns, and the scaling to the network's range [-1, 1].

    encode: z = 2 (f - low) / (high - low) - 1,    decode: f = low + (z + 1) (high - low) / 2

with one pair (low, high) per quantity: its physical bounds where the schema has them (low = 0 for a density), otherwise
its extremes over the training split. Scaling per image would discard the physics.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from qd_pix2pix.mapping.priors import PRIORS
from qd_pix2pix.schema import Column, Schema
from solvers.checks import check_choice, check_number


class Range(NamedTuple):
    """The lowest and the highest value of a quantity in training, in its unit."""

    low: float
    high: float

    @property
    def span(self) -> float:
        """The difference high - low, the data range of SSIM."""
        return self.high - self.low

    def encode(self, values: Tensor) -> Tensor:
        """Return values in physical units scaled to [-1, 1], any shape."""
        return (values - self.low) * (2 / (self.high - self.low)) - 1

    def decode(self, values: Tensor) -> Tensor:
        """Return values in [-1, 1] in physical units, any shape."""
        return self.low + (values + 1) * ((self.high - self.low) / 2)


@dataclass(frozen=True)
class Mapping:
    """The map ``source`` -> ``target`` and, from the same network, ``also``: names of columns of the system.

    Attributes:
        source: one field, a list of fields, or None where conditions are the only input.
        target: first predicted column, by which models are selected: a field, a number or a class.
        also: further predicted columns.
        given: numbers of a sample at which a generator is asked to draw it, its labels.
        prior: physics from which the network starts, a key of ``priors.PRIORS``, or None. It then provides all
            input channels.
        quantile: the quantile of the target's error that the network estimates beside it, such as 0.9; or None.
        second: a trained network, whose distance from this one enters the estimate of the error; or None.
        average: True to predict the mean of both networks, weighted by the inverse squares of their estimated errors;
            each is trained alone.
        counter: a trained network of energies that chooses the number of particles where predictions are averaged over
            shifts of the source (``inference.plateau``); or None.

    Raises:
        ValueError: a name is given twice.
    """

    source: str | Sequence[str] | None
    target: str
    also: Sequence[str] = ()
    given: Sequence[str] = ()
    prior: str | None = None
    quantile: float | None = None
    second: str | None = None
    average: bool = False
    counter: str | None = None

    def __post_init__(self) -> None:
        for word, names in (("also", self.also), ("given", self.given)):
            if not isinstance(names or (), (list, tuple)):
                raise ValueError(f"mapping.{word}: expected a list of columns, got {names!r}")
        if not isinstance(self.source, (str, list, tuple, type(None))):
            raise ValueError(f"mapping.source: expected a column, a list of them, or null; got {self.source!r}")
        for name, value in (
            ("source", self.sources),
            ("also", tuple(self.also or ())),
            ("given", self.labels),
            ("target", (self.target,)),
        ):
            if not all(isinstance(text, str) and text for text in value):
                raise ValueError(f"mapping.{name}: expected names of columns, got {value!r}")
        if self.prior is not None:
            check_choice("mapping.prior", self.prior, PRIORS)
        self._check_estimate()
        if self.target in self.sources:
            raise ValueError(f"mapping: source and target are both {self.target!r}; choose two quantities")
        names = (*self.sources, *self.labels, *self.outputs)
        if len(set(names)) < len(names):
            given = len(set(self.labels)) < len(self.labels) or {*self.sources, self.target} & set(self.labels)
            option = "given" if given else "also"
            raise ValueError(f"mapping.{option}: expected each quantity once, got {', '.join(names)}")

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the given fields, as a tuple."""
        if self.source is None or isinstance(self.source, str):
            return (self.source,) if self.source else ()
        return tuple(self.source)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, as a tuple."""
        return tuple(self.given or ())

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the predicted columns, the target first."""
        return (self.target, *(self.also or ()))

    def check(self, schema: Schema) -> None:
        """Raise ValueError unless all sources are fields of the system and all outputs can be learned."""
        self._check_prior(schema)
        for name in self.sources:
            if not schema[name].is_field:
                fields = ", ".join(c.name for c in schema.of_role("field"))
                raise ValueError(
                    f"mapping.source: expected fields out of {fields}; got the {schema[name].role} {name!r}"
                )
        for name in self.labels:
            if schema[name].kind not in ("scalar", "counts"):
                numbers = ", ".join(c.name for c in schema.of_role("scalar", "counts"))
                raise ValueError(
                    f"mapping.given: expected numbers out of {numbers}; got the {schema[name].role} {name!r}"
                )
        for name in self.outputs:
            if schema[name].role not in Column.LEARNED:
                learned = ", ".join(c.name for c in schema.of_role(*Column.LEARNED))
                raise ValueError(f"mapping.target: expected one of {learned}; got the {schema[name].role} {name!r}")

    def _check_estimate(self) -> None:
        if self.quantile is not None:
            check_number("mapping.quantile", self.quantile, 0.5, 0.99)
        if self.second is not None and (self.quantile is None or not isinstance(self.second, str)):
            raise ValueError(
                f"mapping.second: expected null, or a trained network beside mapping.quantile=0.9; got {self.second!r}"
            )
        if not isinstance(self.average, bool) or (self.average and self.second is None):
            raise ValueError(f"mapping.average: expected false, or true beside mapping.second; got {self.average!r}")
        if not isinstance(self.counter, (str, type(None))):
            raise ValueError(f"mapping.counter: expected null, or the name or file of weights; got {self.counter!r}")

    def _check_prior(self, schema: Schema) -> None:
        if self.prior is not None:
            prior = PRIORS[self.prior]
            given = [*self.sources, *(column.name for column in schema.given)]
            if missing := [name for name in prior.needs if name not in given]:
                raise ValueError(
                    f"mapping.prior: {self.prior} takes {missing[0]}, but {', '.join(given)} are given; use "
                    f"{prior.data}, or mapping.prior=null"
                )
            for name, bound in prior.largest.items():
                if schema[name].high != bound:
                    raise ValueError(
                        f"mapping.prior: {self.prior} holds for {name} up to {bound:g}, but that of these "
                        f"{schema.system} is up to {schema[name].high:g}; use {prior.data}, or mapping.prior=null"
                    )
        if self.quantile is not None and schema[self.target].kind != "density":
            raise ValueError(
                f"mapping.quantile: expected null, or a density as target; {self.target} is a "
                f"{schema[self.target].kind}"
            )

    def ranges(self, schema: Schema, statistics: Dict[str, Dict[str, float]]) -> dict[str, Range]:
        """Return the range of each quantity except classes, from the statistics of the training split.

        Raises:
            ValueError: a quantity is constant.
        """
        found = {}
        for name in (*self.sources, *self.labels, *self.outputs):
            column = schema[name]
            if column.role == "class":
                continue
            seen = statistics.get(name, {"min": 0.0, "max": 0.0})
            low = seen["min"] if column.low is None else column.low
            high = seen["max"] if column.high is None else column.high
            if not high > low:
                raise ValueError(
                    f"mapping: {name} has the same value {low:g} everywhere in the training split; "
                    "there is nothing to learn. Choose data that vary."
                )
            found[name] = Range(low, high)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping as plain containers, for files."""
        source = self.source if self.source is None or isinstance(self.source, str) else list(self.source)
        labels = {"given": list(self.labels)} if self.labels else {}
        more = {"prior": self.prior, "quantile": self.quantile, "second": self.second, "counter": self.counter}
        more = {name: value for name, value in more.items() if value is not None}
        more |= {"average": True} if self.average else {}
        return {"source": source, "target": self.target, "also": list(self.also or ()), **labels, **more}

    def __str__(self) -> str:
        return f"{', '.join((*self.sources, *self.labels)) or 'conditions'} -> {', '.join(self.outputs)}"
