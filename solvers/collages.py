"""Collages: pictures of objects at random places, with the number of objects of each class and their centres.

    a(r) = clip(sum_k o_k(r - r_k) + noise, 0, 1)

A picture is an array (n, n) indexed [ix, iy], whose pixel i has its centre at i + 1/2; all lengths are in pixels. An
object o_k is a brightness in [0, 1] as a function of the offset from its centre r_k, and it lies within the picture.
The sum of objects that overlap is clipped (Mills and Tamblyn 2021, section 2). ``Shapes`` and ``Digits`` draw objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from solvers.checks import check_array, check_choice, check_flag, check_integer, check_kind, check_number, check_range

Floats = NDArray[np.float64]
SPLITS = ("train", "val", "test")
PLACES = 100
"""Places drawn for an object before the collage is begun again."""
COLLAGES = 100
"""Beginnings of a collage before its objects are called too many."""


def _polygon(x: Floats, y: Floats, sides: int, radius: float) -> Floats:
    angles = 2 * np.pi / sides * (np.arange(sides) + 0.5)
    planes = [x * math.cos(a) + y * math.sin(a) for a in angles]
    return np.max(planes, axis=0) - radius * math.cos(math.pi / sides)


def _cross(x: Floats, y: Floats, radius: float) -> Floats:
    length = radius / math.hypot(1, 1 / 3)  # half the length of a bar, which is three times as long as wide
    x, y = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(x - length, y - length / 3), np.maximum(y - length, x - length / 3))


SHAPES: dict[str, Callable[[Floats, Floats, float], Floats]] = {
    "disc": lambda x, y, radius: np.hypot(x, y) - radius,
    "square": lambda x, y, radius: _polygon(x, y, 4, radius),
    "triangle": lambda x, y, radius: _polygon(x, y, 3, radius),
    "cross": _cross,
}
"""Distance to the edge, negative inside, of a shape whose circumscribed circle has a radius; outside, of its sides."""


class Item(Protocol):
    """One object: a brightness as a function of the offset from its centre."""

    @property
    def half(self) -> float:
        """Half the side of the square, parallel to the axes, outside which the brightness is 0."""

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Return the brightness in [0, 1] at offsets that broadcast."""


class Objects(Protocol):
    """A distribution of objects of several classes."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes."""

    @property
    def symmetry(self) -> str:
        """The symmetry of the distribution: square, or none."""

    def sample(self, rng: np.random.Generator, number: int, split: str) -> Item:
        """Draw one object of class ``number`` for a split: train, val or test."""


@dataclass(frozen=True)
class Shape:
    """A shape of ``SHAPES``, turned by ``angle``, with smooth edges; ``radius`` is that of its circumscribed circle."""

    kind: str
    radius: float
    angle: float

    @property
    def half(self) -> float:
        """Half the side of its square; the edge of a sharp corner ends one pixel outside the radius."""
        return self.radius + 1

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Return the brightness: the part of a pixel inside a straight edge."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.clip(0.5 - SHAPES[self.kind](cos * x + sin * y, cos * y - sin * x, self.radius), 0, 1)


@dataclass(frozen=True)
class Shapes:
    """Drawn shapes of random size and direction.

    Attributes:
        classes: shapes, of disc, square, triangle and cross.
        radius: smallest and largest radius of the circumscribed circle, in pixels.

    Raises:
        ValueError: a shape is unknown or occurs twice, or the radius is no range.
    """

    classes: tuple[str, ...] = ("disc", "cross")
    radius: tuple[float, float] = (7.0, 9.0)

    symmetry: ClassVar = "square"

    def __post_init__(self) -> None:
        _check_classes(self.classes, "[disc, cross]")
        for kind in self.classes:
            check_choice("objects.classes", kind, SHAPES)
        check_range("objects.radius", self.radius, low=1.0)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes: those of the shapes."""
        return tuple(self.classes)

    def sample(self, rng: np.random.Generator, number: int, split: str) -> Shape:
        """Draw one shape; the distribution is the same for all splits."""
        return Shape(self.classes[number], float(rng.uniform(*self.radius)), float(rng.uniform(0, 2 * np.pi)))


@dataclass(frozen=True)
class Digit:
    """An image of 8 x 8 points (``values`` in [0, 1], columns and rows of the digit) on a square of ``size`` pixels."""

    values: Floats
    size: float

    @property
    def half(self) -> float:
        """Half the side of its square."""
        return self.size / 2

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Return the brightness by cubic splines."""
        points = np.broadcast_arrays(*(np.asarray(r) * (len(self.values) / self.size) + 3.5 for r in (x, y)))
        inside = np.all([np.abs(p - 3.5) < 4 for p in points], axis=0)
        return np.clip(map_coordinates(self.values, points, order=3, mode="constant"), 0, 1) * inside


@dataclass(frozen=True)
class Digits:
    """Handwritten digits of scikit-learn, about 180 of each class, scaled up; no image belongs to two splits.

    Every tenth image of a class belongs to the test, every tenth to the validation.

    Attributes:
        classes: digits, of 0 ... 9.
        size: smallest and largest side of a digit's square, in pixels.

    Raises:
        ValueError: a digit is unknown or occurs twice, the size is no range, or (in ``sample``) scikit-learn is not
            installed.
    """

    classes: tuple[int, ...] = (4, 8)
    size: tuple[float, float] = (24.0, 24.0)

    symmetry: ClassVar = "none"

    def __post_init__(self) -> None:
        _check_classes(self.classes, "[4, 8]")
        for digit in self.classes:
            check_integer("objects.classes", digit, 0, high=9)
        check_range("objects.size", self.size, low=8.0)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, such as digit_4."""
        return tuple(f"digit_{digit}" for digit in self.classes)

    def sample(self, rng: np.random.Generator, number: int, split: str) -> Digit:
        """Draw one digit from the images of a split."""
        check_choice("split", split, SPLITS)
        images = _images(int(self.classes[number]))
        rest = np.arange(len(images)) % 10
        own = images[rest < 8 if split == "train" else rest == (8 if split == "val" else 9)]
        return Digit(own[rng.integers(len(own))], float(rng.uniform(*self.size)))


@cache
def _images(digit: int) -> Floats:
    """Return all images of a digit, (images, 8, 8) in [0, 1], indexed [image, ix, iy] with iy upwards."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise ValueError(
            "objects: Digits need scikit-learn, which is not installed; pip install 'qd_pix2pix[counting]'"
        ) from None
    found = load_digits()
    return found.images[found.target == digit][:, ::-1].swapaxes(1, 2) / 16


@dataclass(frozen=True)
class Collage:
    """A picture with its objects.

    Attributes:
        picture: brightness in [0, 1], (n, n) or (n, m).
        counts: number of objects of each class, (classes,).
        centres: centres of the k objects in pixels, (k, 2); no pixel contains two of them.
        classes: their classes, (k,).
    """

    picture: Floats
    counts: NDArray[np.int64]
    centres: Floats
    classes: NDArray[np.int64]


def collage(
    rng: np.random.Generator,
    side: int | tuple[int, int],
    objects: Objects,
    counts: Sequence[int] | NDArray[np.int64],
    overlap: bool = False,
    noise: float = 0.0,
    split: str = "train",
) -> Collage:
    """Return a picture of so many objects of each class at uniform places.

    Args:
        rng: source of all randomness.
        side: pixels n per side, or (n, m) along each axis.
        objects: distribution of the objects.
        counts: number of objects of each class.
        overlap: allow squares of objects to overlap.
        noise: standard deviation of Gaussian noise, before the brightness is clipped.
        split: train, val or test.

    Raises:
        ValueError: an argument is invalid, an object exceeds the picture, or the objects do not fit without overlap.
    """
    check_kind("rng", rng, np.random.Generator)
    sides = (side, side) if not isinstance(side, (tuple, list)) else tuple(side)
    if len(sides) != 2:
        raise ValueError(f"side: expected one number of pixels, or one for each axis, got {side!r}")
    for n in sides:
        check_integer("side", n, 1)
    check_flag("overlap", overlap)
    check_number("noise", noise, 0.0)
    numbers = check_array("counts", counts, (len(objects.names),), low=0)
    if numbers.dtype.kind == "f":
        raise ValueError(f"counts: expected whole numbers, got {counts!r}")
    classes = rng.permutation(np.repeat(np.arange(len(numbers)), numbers))
    items = [objects.sample(rng, int(number), split) for number in classes]
    centres = _places(rng, sides, np.array([item.half for item in items]), overlap)
    picture = noise * rng.standard_normal(sides) if noise else np.zeros(sides)
    points = np.arange(max(sides)) + 0.5
    for item, (x, y) in zip(items, centres, strict=True):
        rows, columns = (
            slice(max(0, int(r - item.half)), min(n, int(r + item.half) + 1))
            for r, n in zip((x, y), sides, strict=True)
        )
        picture[rows, columns] += item((points[rows] - x)[:, None], points[columns] - y)
    return Collage(np.clip(picture, 0, 1), numbers.astype(np.int64), centres, classes)


def _places(rng: np.random.Generator, sides: tuple[int, int], halves: Floats, overlap: bool) -> Floats:
    """Return uniform centres (k, 2) of squares with these half sides, one after the other."""
    if len(halves) and 2 * halves.max() > min(sides):
        raise ValueError(f"side: expected at least {2 * halves.max():.3g} pixels, the largest object; got {min(sides)}")
    for _ in range(COLLAGES):
        centres = np.empty((0, 2))
        for half in halves:
            tried = rng.uniform(half, np.array(sides) - half, (PLACES, 1, 2))
            apart = np.abs(tried - centres).max(2)
            free = apart >= half + halves[: len(centres)] if not overlap else apart >= 1.0
            fitting = np.flatnonzero(free.all(1))
            if not len(fitting):
                break
            centres = np.concatenate([centres, tried[fitting[0]]])
        else:
            return centres
    area = 4 * np.sum(halves**2) / math.prod(sides)
    raise ValueError(
        f"counts: {len(halves)} objects, whose squares cover {area:.0%} of {sides[0]} x {sides[1]} pixels, found no "
        f"place in {COLLAGES} collages; use fewer or smaller objects, a larger side, or overlap=true"
    )


def _check_classes(classes: object, example: str) -> None:
    if not isinstance(classes, (tuple, list)) or not classes or len({*map(str, classes)}) < len(classes):
        raise ValueError(f"objects.classes: expected different classes such as {example}, got {classes!r}")
