"""The schema of a system's samples: their columns, the domain of their fields, their conditions and units. Types only.

Every recipe provides a schema. It is written into the manifest and the shards of a dataset and into the card of every
trained network, so that each of these files is self-contained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from numbers import Integral, Real
from types import UnionType
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

SMALL = {"eV": (1e3, "meV"), "hartree": (1e3, "mHa")}
"""Conversion factor and name of the unit in which small values of a quantity are shown."""

LARGEST_ERROR = 0.05
"""Estimated error of a density, int |n - n_ref| / N, above which a prediction should be verified."""
LIKE, UNLIKE = "like training", "unlike training: verify"
"""The two verdicts on a prediction."""
HUGE = 3e38
"""Largest number that is accepted: networks calculate in float32, which cannot represent larger ones."""

T = TypeVar("T", "Column", "Domain")


@dataclass(frozen=True)
class Column:
    """One quantity of every sample.

    Attributes:
        name: name in files, in Python and on the command line.
        role: field (a function on the domain), scalar, class (0 ... classes - 1), counts (a whole number), condition
            (an input other than the fields), error (estimate of the error of another column), guard (diagnostic of
            the solver), key (identifies the sample).
        dtype: NumPy type in files.
        quantity: physical quantity, a key of ``Schema.units``; None for a dimensionless number.
        symbol: symbol in TeX, for figures; by default the name.
        description: a phrase without an article.
        low, high: physical bounds; None where only the training data bound the values.
        extensive: True for a sum over the domain, which doubles with the domain.
        odd: True for a quantity x that the flip turns into 2 c - x, such as spins, whose c is 0.
        centre: this c, in the unit of ``centre_of`` where that is given.
        centre_of: condition in whose unit the centre is given.
        paired: False for a quantity whose image under the flip takes more than its own value; where it is learned, the
            flip is no symmetry.
        product_of: for the mean product of the values of an odd field at a point and at its neighbours, the name of
            this field, which the flip takes too.
        integral: for a density, the name of the condition that equals its integral over the domain.
        classes: number of classes.
        error_of: name of the column whose error this one estimates.
        axis: name of a second axis after the samples, such as "orbital".
        values: all values that occur, such as -1 and 1 of spins; empty for a continuous range.
        marked_in: for a number of objects, name of the field that has the value ``mark`` at the place of each object.
        mark: this value.
        gauge: True for a potential to which any constant may be added: samples are compared with those of training
            from their minimum.
        pattern: for a field that a user may leave out, the pattern that takes its place; see ``inference.inputs``.
    """

    name: str
    role: str
    dtype: str = "f8"
    quantity: str | None = None
    symbol: str = ""
    description: str = ""
    low: float | None = None
    high: float | None = None
    extensive: bool = False
    odd: bool = False
    centre: float = 0.0
    centre_of: str = ""
    paired: bool = True
    product_of: str | None = None
    integral: str | None = None
    classes: int = 0
    error_of: str | None = None
    axis: str | None = None
    values: tuple[float, ...] = ()
    marked_in: str | None = None
    mark: int = 0
    gauge: bool = False
    pattern: str = ""

    ROLES: ClassVar = ("field", "scalar", "class", "counts", "condition", "error", "guard", "key")
    LEARNED: ClassVar = ("field", "scalar", "class", "counts")
    """Roles of the columns that a network may take or predict."""

    def __post_init__(self) -> None:
        check_types("schema", self)
        if self.role not in self.ROLES:
            raise ValueError(f"schema: {self.name} has the role {self.role!r}; expected one of {', '.join(self.ROLES)}")
        if self.role == "class" and self.classes < 2:
            raise ValueError(f"schema: {self.name} is a class; expected classes of at least 2, got {self.classes}")

    @property
    def kind(self) -> str:
        """The kind that selects measures, losses and heads: density, field, scalar, counts or class."""
        return "density" if self.role == "field" and self.integral else self.role

    @property
    def is_field(self) -> bool:
        """True for functions on the domain."""
        return self.role == "field"

    @property
    def tex(self) -> str:
        """The symbol in TeX."""
        return self.symbol or rf"\mathrm{{{self.name}}}".replace("_", r"\_")


@dataclass(frozen=True)
class Domain:
    """The domain on which the fields of a sample are defined.

    Attributes:
        axes: names of the axes.
        shape: number of points along each axis.
        sides: for each axis the condition that is its length; empty for a lattice with unit spacing.
        boundary: walls (points at the cell centres) or periodic (points at 0, 1, ...).
        symmetry: symmetry group of the physics, see ``mapping.symmetry``: none, line, rectangle or square.
        translations: True if translated samples are valid samples.
        flip: True if samples with all spins flipped, or with particles and holes exchanged, are valid samples; see
            ``Column.odd``.
        bipartite: True if this takes an even number of points along each axis.
    """

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    sides: tuple[str, ...] = ()
    boundary: str = "walls"
    symmetry: str = "none"
    translations: bool = False
    flip: bool = False
    bipartite: bool = False

    def __post_init__(self) -> None:
        check_types("schema", self)
        fits = 1 <= len(self.axes) == len(self.shape) and (not self.sides or len(self.sides) == len(self.axes))
        if not fits or min(self.shape) < 1:
            raise ValueError(f"schema: expected a number of points for each axis, got {self.shape} for {self.axes}")
        if self.boundary not in ("walls", "periodic"):
            raise ValueError(f"schema: expected a boundary of walls or periodic, got {self.boundary!r}")

    def resized(self, shape: Sequence[int]) -> Domain:
        """The same domain with another number of points."""
        return Domain(**{**vars(self), "shape": tuple(shape)})

    def lengths(self, conditions: Mapping[str, float]) -> tuple[float, ...]:
        """The length of each axis, from the conditions of the samples."""
        return tuple(float(conditions[side]) for side in self.sides) or tuple(map(float, self.shape))

    def coordinates(self, conditions: Mapping[str, float]) -> dict[str, list[float]]:
        """The coordinates of the points along each axis."""
        start = 0.5 if self.boundary == "walls" else 0.0
        lengths = self.lengths(conditions)
        each = zip(self.axes, self.shape, lengths, strict=True)
        return {axis: [(i + start) * (length / n) for i in range(n)] for axis, n, length in each}


@dataclass(frozen=True)
class Schema:
    """The schema of a dataset's samples.

    Attributes:
        system: name of the system in the plural, such as quantum dots.
        sample: noun for one sample, such as dot.
        columns: columns of each sample, in the order of the file.
        domain: domain of the fields.
        conditions: columns that are constant over the dataset; ``constants`` holds their values.
        constants: value of each condition.
        units: unit of each quantity.
        presets: names of sets of conditions: {"material": {"gaas": {"m_eff": 0.067, "eps_r": 12.9}}}.
        hard_by: column that measures the difficulty of a sample, such as the gap.
        family: family of potentials or distribution from which samples are drawn.
        summary: a one-sentence description.
        reduction: for samples in reduced units, their relation to physical ones; see ``mapping.reduction``.
    """

    system: str
    sample: str
    columns: tuple[Column, ...]
    domain: Domain
    conditions: tuple[Column, ...] = ()
    constants: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    presets: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    hard_by: str | None = None
    family: str = ""
    summary: str = ""
    reduction: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_types("schema", self)
        names = [column.name for column in (*self.columns, *self.conditions)]
        if len(set(names)) < len(names):
            raise ValueError(f"schema: expected each column once, got {', '.join(names)}")
        if {c.name for c in self.conditions} != set(self.constants):
            raise ValueError(f"schema: expected a constant for each condition, got {sorted(self.constants)}")
        given = {c.name for c in self.given}
        for part, wanted, known in (
            ("sides", self.domain.sides, given),
            ("integral", [c.integral for c in self.columns if c.integral], given),
            ("error_of", [c.error_of for c in self.columns if c.error_of], names),
            ("marked_in", [c.marked_in for c in self.columns if c.marked_in], names),
            ("hard_by", [self.hard_by] if self.hard_by else [], names),
        ):
            if unknown := [name for name in wanted if name not in known]:
                kind = "a condition" if known is given else "a column"
                raise ValueError(f"schema: expected {part} to name {kind}, got {unknown[0]!r}")

    def __getitem__(self, name: str) -> Column:
        found = {column.name: column for column in (*self.columns, *self.conditions)}
        if name not in found:
            learned = [column.name for column in self.columns if column.role in Column.LEARNED]
            raise ValueError(f"mapping: {self.system} have no {name!r}; choose from {', '.join(learned)}")
        return found[name]

    def of_role(self, *roles: str) -> tuple[Column, ...]:
        """The stored columns that have one of these roles."""
        return tuple(column for column in self.columns if column.role in roles)

    @property
    def given(self) -> tuple[Column, ...]:
        """All conditions: constants of the dataset first, then those that vary between samples."""
        return (*self.conditions, *self.of_role("condition"))

    def shape(self, column: Column) -> tuple[int, ...]:
        """The shape of one sample's value; -1 for the column's additional axis."""
        return self.domain.shape if column.is_field else (-1,) if column.axis else ()

    def unit(self, column: Column) -> str:
        """The unit of a column; empty for a dimensionless number."""
        return self.units.get(column.quantity, "") if column.quantity else ""

    def small_unit(self, column: Column) -> tuple[float, str]:
        """The conversion factor and the unit in which values of a scalar are shown."""
        return SMALL.get(self.unit(column), (1.0, self.unit(column)))

    def count(self, number: int) -> str:
        """The number of samples with its noun: 1 dot, 2 dots."""
        return f"{number} {self.sample}" + "s" * (number != 1)

    def error_column(self, name: str) -> Column | None:
        """The column that estimates the error of another one; None if there is none."""
        return next((column for column in self.columns if column.error_of == name), None)

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain containers, for files."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Schema:
        """The schema from plain containers.

        Raises:
            ValueError: they do not hold a valid schema.
        """
        try:
            parts = {name: tuple(_plain(Column, c) for c in content[name]) for name in ("columns", "conditions")}
            return cls(**{**content, **parts, "domain": _plain(Domain, content["domain"])})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"schema: incomplete or of another version ({error!r})") from None


def in_percent(share: float) -> str:
    """Return a fraction in percent with two digits, 120 % and not 1.2e+02 %."""
    text = f"{100 * share:.2g}"
    return f"{float(text):.0f} %" if "e+" in text else f"{text} %"


def check_types(what: str, held: Any) -> None:
    """Raise ValueError unless each attribute of a dataclass has its declared type; numbers must be below ``HUGE``."""
    hints = _hints(held.__class__)
    for part in fields(held):
        value = getattr(held, part.name)
        if not _fits(value, hints[part.name]):
            shown = repr(value) if len(repr(value)) < 60 else type(value).__name__
            raise ValueError(f"{what}: expected {part.name} of the type {part.type}, got {shown}")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _fits(value: Any, hint: Any) -> bool:
    """Return True where a value has a type such as ``dict[str, float]`` or ``str | None``."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is UnionType:
        return any(_fits(value, one) for one in inner)
    if origin in (list, tuple):
        return isinstance(value, origin) and all(_fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
    if hint in (int, float):
        kind = Integral if hint is int else Real
        return isinstance(value, kind) and not isinstance(value, bool) and abs(value) < HUGE  # type: ignore[operator]
    return isinstance(value, hint)


def _plain(cls: type[T], content: Mapping[str, Any]) -> T:
    """Return a column or a domain from plain containers; lists become tuples again."""
    given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in content.items()}
    return cls(**given)
