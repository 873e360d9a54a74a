"""The predictor, a map from columns of samples to columns of samples, and the card that describes it.

    z = encode(sources), log10(source densities), conditions     scaled channels, (B, c, *points)
    y = network(z)                                               raw numbers, (B, heads' channels, *points)
    q = head_q(y_q)                                              fields (B, *points), numbers (B,), classes (B,)

A predictor is a plain ``nn.Module``. It is built from plain names and numbers by classes of ``networks`` and
``mapping`` only, and requires neither Lightning nor Hydra.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from qd_pix2pix import networks
from qd_pix2pix.mapping.conditions import Conditions
from qd_pix2pix.mapping.heads import LARGEST_LOGARITHM, Head, Scale, make_head
from qd_pix2pix.mapping.mapping import Mapping, Range
from qd_pix2pix.mapping.mean_field import Prior
from qd_pix2pix.mapping.number_errors import NumberErrors
from qd_pix2pix.mapping.priors import PRIORS
from qd_pix2pix.mapping.scales import Scales
from qd_pix2pix.mapping.symmetry import Symmetry
from qd_pix2pix.schema import Column, Schema, check_types

ERROR, ERROR_FACTOR, ERROR_SLOPES = "error", "error_factor", "error_slopes"
"""Names of the estimated error among raw numbers, and of its calibration among weights."""
ERROR_OF = "{}_error"
"""Name of the estimated error of a number among predictions."""
INPUTS = "inputs"
"""Name of the means of the network's input channels among raw numbers."""
NUMBER_ERRORS = "number_errors"
"""Name of the estimated errors of numbers, and prefix of their weights."""
SECOND, COUNTER = "second", "counter"
"""Names of the second network and of the one that counts particles, and prefixes of their weights."""
DEVIATIONS = 2.0
"""Least estimate of the error of the mean of two networks, in standard deviations of both predictions."""
TAUGHT = 1.2
"""Least estimate over the distance of this mean from a third network that learned from the mean: where nothing was
taught they differ, even if both networks that teach are wrong in the same way."""
SMALLEST_ERROR = 1e-5
"""Errors of densities below this one, relative to the integral, are equal: those of rounding."""
DECADES = 8
"""Orders of magnitude of a density that its logarithm resolves: those of float32, the type in which it is stored."""
LARGER = 1.25
"""Largest size of samples whose particles a network of energies counts, over the largest of its training. On rings of
18 sites after a training on 10 to 16 its N is right about as often as that of the maps, on 98 sites less often."""

Numbers = dict[str, Tensor]
"""Outputs by name."""


@dataclass(frozen=True)
class Card:
    """The description stored in a checkpoint or a file of weights, in plain containers only.

    Attributes:
        schemas: schemas of the training datasets.
        mapping: source, target and also; see ``Mapping``.
        network: name of the network's class in ``networks``, and its arguments.
        heads: name of the head for each kind of column.
        logarithm: True if the network also receives the logarithm of densities.
        second, counter: cards of the other networks that ``Mapping`` names; empty without one.
        estimated: numbers whose error is estimated beside that of the target; see ``mapping.number_errors``.
        generator: class of ``generators`` and its arguments, for a predictor that draws samples; otherwise empty.
        seen: for each label of a generator, the intervals that have training samples, [low, high, low, high, ...].
        statistics: statistics of all training splits together, by column.
        scales: scales of the weights from which the training started, see ``Scales``; otherwise empty, and they follow
            from the statistics.
        recipes: configurations of the datasets.
        datasets: names of the datasets.
        model: configuration of the model: loss, optimiser.
        loader, trainer: configurations of the loader and of the trainer.
        seed: seed of the weights, the order of the samples and the augmentation.
        provenance: commit, hardware, versions, time.
        parameters, receptive_field: number of parameters of the network; receptive field of the discriminator, if any.
        step, train_seconds: steps and seconds of the training.
        tests: measures of the test split of each dataset.
    """

    schemas: list[dict[str, Any]]
    mapping: dict[str, Any]
    network: dict[str, Any]
    heads: dict[str, str]
    logarithm: bool
    statistics: dict[str, dict[str, float]]
    scales: dict[str, Any] = field(default_factory=dict)
    second: dict[str, Any] = field(default_factory=dict)
    counter: dict[str, Any] = field(default_factory=dict)
    estimated: list[str] = field(default_factory=list)
    generator: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, list[float]] = field(default_factory=dict)
    recipes: list[dict[str, Any]] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    loader: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    parameters: int = 0
    receptive_field: int | None = None
    step: int = 0
    train_seconds: float = 0.0
    tests: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain containers, for files."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Any) -> Card:
        """The card from plain containers.

        Raises:
            ValueError: it is incomplete, or of another version.
        """
        known = {f.name: f for f in fields(cls)}
        required = {"schemas", "mapping", "network", "heads", "logarithm", "statistics"}
        given = set(content) if isinstance(content, dict) else set()
        if missing := required - given:
            raise ValueError(
                f"checkpoint: its card has no {', '.join(sorted(missing))}; it is incomplete, or of another "
                "version of qd_pix2pix: train again, or use that version"
            )
        card = cls(**{name: value for name, value in content.items() if name in known})
        check_types("checkpoint: its card", card)
        if not card.schemas:
            raise ValueError("checkpoint: its card has no schema of its data")
        return card

    @property
    def schema(self) -> Schema:
        """The schema of the first dataset."""
        return Schema.from_dict(self.schemas[0])

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The different numbers of points of the training samples."""
        return list(dict.fromkeys(Schema.from_dict(content).domain.shape for content in self.schemas))


def _scales(card: Card, mapping: Mapping) -> tuple[Conditions, dict[str, Range], tuple[int, ...]]:
    """Return conditions, ranges and points of a card: those of its training data, or of the weights it started from."""
    schemas = [Schema.from_dict(content) for content in card.schemas]
    ranges = mapping.ranges(schemas[0], card.statistics)
    if not card.scales:
        return Conditions(schemas, card.statistics), ranges, schemas[0].domain.shape
    kept = Scales.from_dict(card.scales)
    if set(kept.ranges) != set(ranges):
        raise ValueError(
            f"checkpoint: expected scales of {', '.join(ranges)} in its card, got {', '.join(kept.ranges)}"
        )
    return Conditions(schemas, card.statistics, kept.conditions), kept.ranges, kept.points


def scales_of(card: Card) -> Scales:
    """Return the scales of the predictor that a card describes, without its network.

    Raises:
        ValueError: the card is inconsistent.
    """
    try:
        conditions, ranges, points = _scales(card, Mapping(**card.mapping))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"checkpoint: its card is incomplete or of another version ({error!r})") from None
    varying = {name: Range(conditions.low[name], conditions.high[name]) for name in conditions.varying}
    return Scales(ranges, varying, points)


class Predictor(nn.Module):
    """The map from sources and conditions of samples to all predicted columns, in physical units.

    Args:
        card: description of the predictor; see ``Card``.

    Attributes:
        schema: schema of the training samples.
        symmetry: symmetries of these samples.
        mapping, conditions, ranges, points: inputs and outputs, and their scales.
        outputs: predicted columns, the target first.
        shifted: True if predictions are averaged over shifts of the sources (``loader.shift``, ``inference.plateau``):
            the target is then a number of particles per site, with the lowest value 0 and no unit.
        second: predictor of the same target, whose distance from this one enters the estimated error, and which is
            averaged with this one if ``mapping.average``; or None.
        counter: predictor of energies that chooses the number of particles in averages over shifts; or None.
        counted: fewest and most points of the samples of its training.
        number_errors: estimated errors of numbers beside the target; or None.

    Raises:
        ValueError: the card is inconsistent.
    """

    precision = torch.float32
    """Type of the samples."""
    error_factor: Tensor
    error_slopes: Tensor

    def __init__(self, card: Card) -> None:
        super().__init__()
        try:
            self.schema = card.schema
            self.mapping = Mapping(**card.mapping)
            self.mapping.check(self.schema)
            self.conditions, self.ranges, self.points = _scales(card, self.mapping)
            self.symmetry = Symmetry(self.schema, (*self.mapping.sources, *self.mapping.outputs))
            self.outputs: tuple[Column, ...] = tuple(self.schema[name] for name in self.mapping.outputs)
            heads = [make_head(column, card.heads) for column in self.outputs]
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"checkpoint: its card is incomplete or of another version ({error!r})") from None
        self.options = dict(card.generator)
        self.channels = [head.channels(column) for head, column in zip(heads, self.outputs, strict=True)]
        self.heads = nn.ModuleList(heads)
        self.prior = PRIORS[self.mapping.prior] if self.mapping.prior else None
        self.logarithm = bool(card.logarithm)
        counted = self.target.low == 0 and self.target.quantity is None  # particles per site, whose sum is whole
        self.shifted = bool(card.loader.get("shift")) and counted
        self.second, self.counter = (
            Predictor(Card.from_dict(other)).requires_grad_(False) if other else None
            for other in (card.second, card.counter)
        )
        sizes = [math.prod(shape) for shape in Card.from_dict(card.counter).shapes] if card.counter else [0]
        self.counted = min(sizes), max(sizes)
        if self.mapping.quantile:
            self.register_buffer(ERROR_FACTOR, torch.ones(()))
            self.register_buffer(ERROR_SLOPES, torch.zeros(4 if self.second else self.n_features))
        self.number_errors = NumberErrors(card.estimated, bool(self.second)) if card.estimated else None
        make = networks.on_domain(networks.factory(card.network), self.schema.domain)
        if not self.n_features:
            raise ValueError("mapping.source: nothing is given: neither a field nor a condition that varies")
        try:
            self.network = make(in_channels=self.n_features, out_channels=self.n_raw)
        except TypeError as error:
            raise ValueError(f"network: {error}") from None

    def counts(self, points: int) -> bool:
        """True if the counter chooses the number of particles of samples with this number of points.

        Errors of energies are sums over the points, and grow with them: samples of its training's sizes, and those that
        are larger by a factor of at most ``LARGER``.
        """
        return self.counter is not None and self.counted[0] <= points <= LARGER * self.counted[1]

    @property
    def target(self) -> Column:
        """The first predicted column."""
        return self.outputs[0]

    @property
    def estimates(self) -> tuple[str, ...]:
        """Names of the estimated errors among predictions: of the target, and of numbers beside it."""
        names = self.number_errors.names if self.number_errors else ()
        return (*([ERROR] if self.mapping.quantile else []), *map(ERROR_OF.format, names))

    @property
    def title(self) -> str:
        """The map as text."""
        return str(self.mapping)

    @property
    def n_raw(self) -> int:
        """The number of output channels of the network, one more for an estimate of the error."""
        return sum(self.channels) + bool(self.mapping.quantile)

    @property
    def n_features(self) -> int:
        """The number of input channels of the network."""
        if self.prior:
            return self.prior.n_channels
        sources = [self.schema[name] for name in self.mapping.sources]
        return len(sources) + sum(map(self._has_logarithm, sources)) + len(self.conditions)

    def _has_logarithm(self, column: Column) -> bool:
        return self.logarithm and column.kind == "density"

    def features(self, columns: Dict[str, Tensor]) -> Tensor:
        """The network's input: sources (B, *points) and conditions (B,) by name -> (B, c, *points) in [-1, 1].

        The logarithm of a density resolves its tails, which depend on the potential far from the centre. A prior
        provides all channels.
        """
        if prior := self._prior(columns):
            return prior.channels
        channels = []
        for name in self.mapping.sources:
            values, span = columns[name], self.ranges[name]
            channels.append(span.encode(values))
            if self._has_logarithm(self.schema[name]):
                digits = torch.log10((values / span.high).clamp(min=10.0**-DECADES)) / DECADES  # -1 ... 0
                channels.append(2 * digits + 1)
        weight = next(self.network.parameters())
        if not channels:
            batch = columns[self.conditions.varying[0]].shape[0]
            empty = torch.empty(batch, 0, *self.schema.domain.shape, dtype=weight.dtype, device=weight.device)
            return self.conditions.channels(columns, empty)
        scaled = torch.stack(channels, dim=1).to(weight.dtype)
        return torch.cat([scaled, self.conditions.channels(columns, scaled)], 1) if len(self.conditions) else scaled

    def weights(self) -> dict[str, Tensor]:
        """Return all weights by name; those of the network without a prefix."""
        return {**self.network.state_dict(), **self.calibration, **self._weights_of_others}

    def load_weights(self, weights: Dict[str, Tensor]) -> None:
        """Replace all weights by those that ``weights`` returned."""
        others = {**self.calibration, **self._weights_of_others}
        with torch.no_grad():
            for name, value in others.items():
                value.copy_(weights[name])
        self.network.load_state_dict({n: value for n, value in weights.items() if n not in others})

    @property
    def calibration(self) -> dict[str, Tensor]:
        """The calibration of estimated errors among the weights, by name."""
        target = {ERROR_FACTOR: self.error_factor, ERROR_SLOPES: self.error_slopes} if self.mapping.quantile else {}
        return target | ({f"{NUMBER_ERRORS}.slopes": self.number_errors.slopes} if self.number_errors else {})

    @property
    def _weights_of_others(self) -> dict[str, Tensor]:
        others = ((SECOND, self.second), (COUNTER, self.counter))
        return {f"{prefix}.{n}": v for prefix, other in others if other for n, v in other.state_dict().items()}

    def raw(self, columns: Dict[str, Tensor]) -> dict[str, Tensor]:
        """The raw network output for each predicted column, by name: (B, channels of its head, *points), float32.

        The estimate of the target's error has the name ``ERROR``, the means of the input channels ``INPUTS``. Outside
        the training those of a second network follow, each with the prefix ``SECOND``.
        """
        prior = self._prior(columns)
        inputs = prior.channels if prior else self.features(columns)
        found = self.network(inputs).float()
        names = [*self.mapping.outputs, *([ERROR] if self.mapping.quantile else [])]
        channels = [*self.channels, *([1] if self.mapping.quantile else [])]
        raw = dict(zip(names, found.split(channels, dim=1), strict=True))
        for column in self.outputs:
            if prior and column.name in prior.starts and column.kind in self.head(column).starts:
                raw[column.name] = raw[column.name] + prior.starts[column.name]
        raw |= {INPUTS: inputs.float().flatten(2).mean(2)} if self.mapping.quantile else {}
        if self.second is None or self.training:
            return raw
        return raw | {f"{SECOND}.{name}": values for name, values in self.second.raw(columns).items()}

    def _raw_of_second(self, raw: Dict[str, Tensor], columns: Dict[str, Tensor]) -> dict[str, Tensor]:
        """The raw numbers of the second network, which ``raw`` holds outside the training."""
        assert self.second is not None
        prefix = f"{SECOND}."
        kept = {name.removeprefix(prefix): values for name, values in raw.items() if name.startswith(prefix)}
        return kept or self.second.raw(columns)

    def _prior(self, columns: Dict[str, Tensor]) -> Prior | None:
        """The prior of these samples, in single precision."""
        if self.prior is None:
            return None
        known = {**self.known(columns, columns[self.mapping.sources[0]][:, None]), **columns}
        if missing := [name for name in self.prior.needs if name not in known]:
            raise ValueError(f"conditions: expected {', '.join(missing)}, for which the network was trained in a range")
        device = next(self.network.parameters()).device.type
        with torch.autocast(device, enabled=False):
            return self.prior(known)

    def error(self, raw: Dict[str, Tensor], columns: Dict[str, Tensor]) -> Tensor:
        """The estimated error of the target (B,), relative to its integral, from the raw numbers of these samples.

        It is the quantile ``mapping.quantile`` of int |n - n_ref| / N, calibrated on the validation split; see
        ``mapping.calibration``. With a second network it is at least the last column of the evidence, times the factor.
        """
        evidence = self.evidence(raw, columns)
        if self.second is None:
            return self.uncalibrated_error(raw) * self.error_factor * torch.exp(evidence @ self.error_slopes)
        regressed = evidence[:, :-1] @ self.error_slopes[:-1] + self.error_slopes[-1]
        found = self.uncalibrated_error(raw) * torch.exp(regressed)
        return torch.maximum(found, evidence[:, -1].exp()) * self.error_factor

    def errors(self, raw: Dict[str, Tensor], columns: Dict[str, Tensor]) -> dict[str, Tensor]:
        """All estimated errors (B,) by name, see ``estimates``; those of numbers in their units."""
        found = {ERROR: self.error(raw, columns)} if self.mapping.quantile else {}
        if self.number_errors is None:
            return found
        numbers = self.number_errors(*self.judged_numbers(raw, columns))
        return found | {ERROR_OF.format(name): values for name, values in numbers.items()}

    def answers(self, columns: Dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """The raw numbers, the quantities, and their estimated errors; see ``raw``, ``interpret`` and ``errors``."""
        raw = self.raw(columns)
        return raw, self.interpret(raw, columns), self.errors(raw, columns)

    def judged_numbers(self, raw: Dict[str, Tensor], columns: Dict[str, Tensor]) -> tuple[Tensor, Numbers, Numbers]:
        """What ``number_errors`` takes: the target's error (B,), outputs of this predictor and of the second one."""
        assert self.number_errors is not None
        error, names = self.uncalibrated_error(raw).clamp(min=SMALLEST_ERROR), self.number_errors.names
        second = self.second.interpret(self._raw_of_second(raw, columns), columns, names) if self.second else {}
        return error, self.interpret(raw, columns, names), second

    def evidence(self, raw: Dict[str, Tensor], columns: Dict[str, Tensor]) -> Tensor:
        """The features (B, k) of samples on which the calibration of the estimated error depends.

        They are the means of the input channels; with a second network the logarithms of both estimates, of the
        distance int |n - n_2| / N, which is larger on samples that are hard for both, and of the least estimate:
        ``DEVIATIONS`` standard deviations of both densities about their weighted mean, and ``TAUGHT`` times the
        distance of this mean from the last one of the second networks of the second one, if it has any.
        """
        if self.second is None:
            return raw[INPUTS]
        theirs = self._raw_of_second(raw, columns)
        distance = self.distance(raw, columns, self.second.target_of(theirs, columns))
        share = self._share(raw, theirs)
        least = DEVIATIONS * (share * (1 - share)).sqrt() * distance
        if self.mapping.average and self.second.second is not None:
            last, numbers = self.second, theirs
            while last.second is not None:
                last, numbers = last.second, last._raw_of_second(numbers, columns)
            least = torch.maximum(least, TAUGHT * self.true_error(raw, columns, last.target_of(numbers, columns)))
        every = self.uncalibrated_error(raw), self.second.error(theirs, columns), distance, least
        return torch.stack([value.clamp(min=SMALLEST_ERROR).log() for value in every], dim=1)

    def target_of(self, raw: Dict[str, Tensor], columns: Dict[str, Tensor]) -> Tensor:
        """The target (B, *points) from the raw numbers of these samples, without the other outputs."""
        return self.heads[0](raw[self.target.name], self.scale(self.target, columns, raw[self.target.name]))

    def distance(self, raw: Dict[str, Tensor], columns: Dict[str, Tensor], density: Tensor) -> Tensor:
        """The distance int |n - n_ref| / N (B,) of the predicted target from ``density`` (B, *points)."""
        scale = self.scale(self.target, columns, raw[self.target.name])
        assert scale.density is not None
        return (self.target_of(raw, columns) - density).abs().flatten(1).mean(1) / scale.density

    def true_error(self, raw: Dict[str, Tensor], columns: Dict[str, Tensor], reference: Tensor) -> Tensor:
        """The error int |n - n_ref| / N (B,) of the predicted target, which may be the mean of two networks."""
        name = self.target.name
        density = self.scale(self.target, columns, raw[name]).density
        assert density is not None
        return (self.interpret(raw, columns, (name,))[name] - reference).abs().flatten(1).mean(1) / density

    def uncalibrated_error(self, raw: Dict[str, Tensor]) -> Tensor:
        """The estimate of the error as trained (B,).

        No error is larger than 2, of densities that do not overlap; estimates are not bounded, so that training
        continues there.
        """
        return 2 * torch.exp(raw[ERROR].flatten(1).mean(1).clamp(max=LARGEST_LOGARITHM))

    def scale(self, column: Column, columns: Dict[str, Tensor], like: Tensor) -> Scale:
        """The scale that the head of an output takes besides the raw numbers ``like`` (B, ...) of these samples.

        A network may return fewer points than the sample has; a sample of training would have fewer by the same factor.
        """
        sample = columns[self.mapping.sources[0]].shape[1:] if self.mapping.sources else self.schema.domain.shape
        points = math.prod(self.points) * math.prod(like.shape[2:]) / math.prod(sample)
        span = self.ranges.get(column.name)
        density = None
        if column.integral:
            known, sides = self.known(columns, like), self.schema.domain.sides
            volume = math.prod(known[side] for side in sides) if sides else math.prod(like.shape[2:])
            density = known[column.integral] / volume
        return Scale(span, density, points, column.classes)  # type: ignore[arg-type]

    def known(self, columns: Dict[str, Tensor], like: Tensor) -> dict[str, Tensor]:
        """The conditions (B,) of samples; by default those of training; sides scale with the number of points."""
        found = {name: like.new_full((like.shape[0],), value) for name, value in self.conditions.usual.items()}
        sides = zip(self.schema.domain.sides, like.shape[2:], self.schema.domain.shape, strict=False)
        for side, n, trained in {side: (side, n, trained) for side, n, trained in sides}.values():
            found[side] = found[side] * (n / trained)
        return found | {column.name: columns[column.name] for column in self.schema.given if column.name in columns}

    def interpret(
        self, raw: Dict[str, Tensor], columns: Dict[str, Tensor], names: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """The quantities of these ``names``, or all, from the raw numbers by name.

        With ``mapping.average`` they are means of both networks, weighted by the inverse squares of their estimates.
        """
        found = {}
        for column, head in zip(self.outputs, self.heads, strict=True):
            if names is None or column.name in names:
                numbers = raw[column.name]
                found[column.name] = head(numbers, self.scale(column, columns, numbers))
        if self.second is None or not self.mapping.average:
            return found
        raw_of_second = self._raw_of_second(raw, columns)
        theirs, share = self.second.interpret(raw_of_second, columns, [*found]), self._share(raw, raw_of_second)
        for name in (c.name for c in self.outputs if c.name in theirs and c.role != "class"):
            weight = share.reshape(-1, *(1,) * (found[name].ndim - 1))
            found[name] = theirs[name] + weight * (found[name] - theirs[name])
        return found

    def _share(self, raw: Dict[str, Tensor], theirs: Dict[str, Tensor]) -> Tensor:
        """The weight (B,) of this network in the mean with the second one."""
        assert self.second is not None
        own, their = self.uncalibrated_error(raw).square(), self.second.uncalibrated_error(theirs).square()
        return their / (own + their).clamp(min=SMALLEST_ERROR**2)

    def forward(self, columns: Dict[str, Tensor]) -> dict[str, Tensor]:
        """Return all outputs by name, from sources (B, *points) and conditions (B,) by name; all in physical units.

        Fields are (B, *points), numbers (B,), classes int64 (B,). Conditions that do not vary in training may be
        omitted.
        """
        return self.interpret(self.raw(columns), columns)

    def head(self, column: Column) -> Head:
        """The head of an output."""
        return self.heads[self.outputs.index(column)]  # type: ignore[return-value]

    def try_on(self, shape: Sequence[int]) -> None:
        """Evaluate the predictor on one sample of zeros of ``shape`` points, on the predictor's device.

        Raises:
            ValueError: the network does not accept fields of this shape.
        """
        weight = next(self.network.parameters())
        empty = {name: torch.zeros(1, *shape, device=weight.device) for name in self.mapping.sources}
        empty |= {
            name: torch.full((1,), self.conditions.low[name], device=weight.device) for name in self.conditions.low
        }
        training = self.training
        try:
            with torch.no_grad():
                self.eval().forward(empty)
        except RuntimeError as error:
            if not any(word in str(error) for word in ("size", "shape", "dimension", "channels")):
                raise  # out of memory or another device: the shape is not the cause
            raise ValueError(f"network: it does not take fields of shape {tuple(shape)} ({error})") from None
        finally:
            self.train(training)
