"""Heads: maps from the raw outputs of a network to a quantity that obeys its physical law.

    charge       n = N softmax(y) / cell volume:   n >= 0 and int n = N, whatever the network returns
    positive     f = high softplus(y):             f >= 0
    bounded      f = low + (high - low) S(y):      within the range of training; S is the logistic function
    tanh         f = low + (high - low) (tanh(y) + 1) / 2, the last layer of pix2pix
    free         f = low + (high - low) (y + 1) / 2
    mean         the mean of ``free`` over the points: an intensive number, of a sample of any size
    sum          the sum of ``free`` over the points, per point of training: an extensive number
    total        the sum of y over the points, in the unit of the data: added to the estimate of a prior
    exponential  exp(mean y): a positive number of any size, in the unit of the data
    categorical  the class with the largest mean of its channel
    ordinal      the class nearest to the mean of one channel: for classes in order, such as energy levels

``negative_log_likelihood`` of each is the cross entropy (charge, bounded, categorical, ordinal), the difference of
logarithms (exponential), or half the square error (all others) between prediction and reference: the loss that belongs
to the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qd_pix2pix.mapping.mapping import Range
from qd_pix2pix.schema import Column
from solvers.checks import check_choice

LARGEST_LOGARITHM = 60.0
"""Logarithm of the largest number of an exponential head: float32 represents e^88."""
SMALLEST_LOGARITHM, LEAK = -15.0, 0.01
"""Logarithm below which an exponential head is 0 for its loss, and the slope of the loss there."""


@dataclass(frozen=True)
class Scale:
    """The scale that a head takes in addition to the raw numbers.

    Attributes:
        span: lowest and highest value in training.
        density: for a density, its mean over the domain of each sample, (B,).
        points: number of raw numbers per channel of a training sample: its points, or its tiles.
        classes: for a class, the number of classes.
    """

    span: Range
    density: Tensor | None = None
    points: float = 1
    classes: int = 0


class Head(nn.Module):
    """A map from raw outputs (B, channels, *points) to fields (B, *points), numbers or classes (B,), with units."""

    kinds: tuple[str, ...] = ("density", "field")
    """Kinds of columns that the head supports; see ``Column.kind``."""
    starts: tuple[str, ...] = ()
    """Kinds of columns for which the start of a prior (``mean_field.Prior``) is added to the raw numbers."""

    @staticmethod
    def channels(column: Column) -> int:
        """Return the number of network channels that the head takes."""
        return 1

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return the quantity, from ``raw`` (B, channels, *points)."""
        raise NotImplementedError

    def negative_log_likelihood(self, raw: Tensor, reference: Tensor, scale: Scale) -> Tensor:
        """Return the mean over samples (and points), a scalar; ``reference`` in physical units."""
        return F.mse_loss(self(raw, scale), reference) * (2 / scale.span.span**2)


class ChargeHead(Head):
    """The head of densities whose charge is conserved up to rounding, on any grid."""

    kinds = ("density",)
    starts = ("density",)

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return N softmax / cell volume."""
        raw = raw.squeeze(1)
        # in double precision where the device supports it: on 128 x 128 points floats change the charge by 5e-6
        share = F.softmax(raw.flatten(1), dim=1, dtype=None if raw.device.type == "mps" else torch.float64)
        return (share.reshape(raw.shape) * _per_point(raw, scale)).to(raw.dtype)

    def negative_log_likelihood(self, raw: Tensor, reference: Tensor, scale: Scale) -> Tensor:
        """Return the cross entropy minus the entropy of the reference: the Kullback-Leibler divergence."""
        raw = raw.squeeze(1)
        share = (reference / _per_point(raw, scale)).flatten(1)
        return F.kl_div(F.log_softmax(raw.flatten(1), dim=1), share, reduction="batchmean")


def _per_point(raw: Tensor, scale: Scale) -> Tensor:
    """Return N / cell volume, (B, 1, ...)."""
    assert scale.density is not None
    return (scale.density * raw[0].numel()).reshape(-1, *(1,) * (raw.ndim - 1))


class BoundedHead(Head):
    """The head of fields whose values stay within the range of training."""

    starts = ("field",)

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return low + (high - low) S(raw)."""
        low, high = scale.span
        return low + (high - low) * torch.sigmoid(raw.squeeze(1))

    def negative_log_likelihood(self, raw: Tensor, reference: Tensor, scale: Scale) -> Tensor:
        """Return the cross entropy per point, between the lower and the upper bound."""
        low, high = scale.span
        share = ((reference - low) / (high - low)).clamp(0, 1)
        return F.binary_cross_entropy_with_logits(raw.squeeze(1), share)


class TanhHead(Head):
    """The head of pix2pix: tanh, the last layer of table A1 of Pantis-Simut et al. 2023, on the scaled range."""

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return tanh(raw), decoded from the scaled range."""
        return scale.span.decode(torch.tanh(raw.squeeze(1)))


class FreeHead(Head):
    """The head of fields without a law."""

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return ``raw``, decoded from the scaled range."""
        return scale.span.decode(raw.squeeze(1))


class PositiveHead(Head):
    """The head of non-negative fields of any integral, such as densities at a fixed chemical potential."""

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return high softplus(raw)."""
        return scale.span.high * F.softplus(raw.squeeze(1))


class MeanHead(Head):
    """The head of one intensive number per sample."""

    kinds = ("scalar", "counts")

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return the mean over the points, decoded from the scaled range."""
        return scale.span.decode(raw.flatten(1).mean(1))


class SumHead(Head):
    """The head of one extensive number per sample, which is proportional to the size of the sample."""

    kinds = ("scalar", "counts")

    @staticmethod
    def contributions(raw: Tensor, scale: Scale) -> Tensor:
        """Return the contributions of all points, (B, *points), whose sum is the number."""
        return scale.span.decode(raw.squeeze(1)) / scale.points

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return the sum of the contributions of all points."""
        return scale.span.decode(raw.flatten(1)).sum(1) / scale.points


class TotalHead(Head):
    """The head of one number per sample of any sign and size, to which all points contribute."""

    kinds = ("scalar",)
    starts = ("scalar",)

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return the sum over the points."""
        return raw.flatten(1).sum(1)


class ExponentialHead(Head):
    """The head of one non-negative number per sample, whose relative error counts; below 1 the absolute one."""

    kinds = ("scalar",)
    starts = ("scalar",)

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return the exponential of the mean over the points."""
        return torch.exp(raw.flatten(1).mean(1).clamp(max=LARGEST_LOGARITHM))

    def negative_log_likelihood(self, raw: Tensor, reference: Tensor, scale: Scale) -> Tensor:
        """Return the mean of |log((1 + f) / (1 + reference))|, rounded where it is below 0.1.

        Where exp is zero in floats, a small slope leads back.
        """
        logarithm = raw.flatten(1).mean(1)
        difference = F.softplus(logarithm) - torch.log1p(reference.clamp(min=0))
        rounded = 10 * F.huber_loss(difference, torch.zeros_like(difference), delta=0.1)
        return rounded + LEAK * F.relu(SMALLEST_LOGARITHM - logarithm).mean()


class ClassHead(Head):
    """A head of one class per sample."""

    kinds = ("class",)

    def logits(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return unnormalised log probabilities of the classes, (B, classes)."""
        raise NotImplementedError

    def forward(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return the most probable class, int64 (B,)."""
        return self.logits(raw, scale).argmax(1)

    def negative_log_likelihood(self, raw: Tensor, reference: Tensor, scale: Scale) -> Tensor:
        """Return the cross entropy, a scalar."""
        return F.cross_entropy(self.logits(raw, scale), reference.long())


class CategoricalHead(ClassHead):
    """The head of classes without an order, with one channel for each."""

    @staticmethod
    def channels(column: Column) -> int:
        """Return the number of classes."""
        return column.classes

    def logits(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return the means of the channels."""
        return raw.flatten(2).mean(2)


class OrdinalHead(ClassHead):
    """The head of classes in order: class k has the logarithm -2 (x - k)^2, x is a place on their axis.

    An extensive network has this place as a sum over its tiles; a channel for each class would be a line for each.
    """

    def logits(self, raw: Tensor, scale: Scale) -> Tensor:
        """Return -2 (x - k)^2 + 2 x^2 with x = (classes - 1) (mean of the channel + 1) / 2."""
        x = (scale.classes - 1) * (raw.flatten(1).mean(1, keepdim=True) + 1) / 2
        k = torch.arange(scale.classes, dtype=raw.dtype, device=raw.device)
        return 2 * k * (2 * x - k)


HEADS: dict[str, type[Head]] = {
    "charge": ChargeHead,
    "positive": PositiveHead,
    "bounded": BoundedHead,
    "tanh": TanhHead,
    "free": FreeHead,
    "mean": MeanHead,
    "sum": SumHead,
    "total": TotalHead,
    "exponential": ExponentialHead,
    "categorical": CategoricalHead,
    "ordinal": OrdinalHead,
}
TANH = {"density": "tanh", "field": "tanh"}
"""The heads of adversarial training, by kind."""
DEFAULTS = {"density": "charge", "field": "bounded", "class": "categorical"}


def make_head(column: Column, chosen: dict[str, str]) -> Head:
    """Return the head of a column: the one chosen for its kind, or the default of its kind.

    Raises:
        ValueError: there is no such head, or it does not support columns of this kind.
    """
    by_nature = "sum" if column.extensive else "mean"
    name = chosen.get(column.kind) or DEFAULTS.get(column.kind, by_nature)
    check_choice(f"model.{column.kind}.head", name, [n for n, head in HEADS.items() if column.kind in head.kinds])
    return HEADS[name]()
