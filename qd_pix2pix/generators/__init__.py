"""Predictors that draw samples at requested labels. Plain ``nn.Module``s, built from the card as all predictors are."""

from __future__ import annotations

from collections.abc import Callable

from qd_pix2pix.generators.base import Generator
from qd_pix2pix.generators.flow import ContinuousFlow, DiscreteFlow
from qd_pix2pix.generators.latent import ConfidentGenerator, LatentGenerator
from qd_pix2pix.predictor import Card, Predictor
from solvers.checks import check_choice

__all__ = ["ConfidentGenerator", "ContinuousFlow", "DiscreteFlow", "Generator", "LatentGenerator", "make_predictor"]


def _flow(card: Card) -> Generator:
    discrete = card.schema[str(card.mapping.get("target"))].values
    return DiscreteFlow(card) if discrete else ContinuousFlow(card)


CLASSES: dict[str, Callable[[Card], Generator]] = {
    "LatentGenerator": LatentGenerator,
    "ConfidentGenerator": ConfidentGenerator,
    "Flow": _flow,
}


def make_predictor(card: Card) -> Predictor:
    """Return the predictor that a card describes, with fresh weights.

    Raises:
        ValueError: the card is inconsistent.
    """
    if not card.generator:
        if card.mapping.get("given"):
            raise ValueError(
                f"mapping.given: this model predicts and draws nothing, got {card.mapping['given']!r}; use "
                "model=rugan or model=flow to draw samples at labels, or mapping.given=[]"
            )
        return Predictor(card)
    name = card.generator.get("class")
    check_choice("checkpoint: the generator of its card", name, CLASSES)
    return CLASSES[str(name)](card)
