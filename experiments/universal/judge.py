"""Let the network that learned from ``universal`` judge it, and calibrate the estimated error again.

    python -m experiments.universal.judge

From the root, with the weights of ``universal`` and the run of the fast network in runs/. This saw no other labels than
predictions of ``universal``: where the two differ, nothing was taught (``predictor.TAUGHT``). It becomes the second
network of the second one, in the weights and in the model card. Estimates are calibrated on the dots of validation of
the training, which are solved once and kept under data/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from experiments.universal.measure import DATA
from experiments.universal.run import EXPERIMENT
from experiments.universal.studies import BOTH
from experiments.weights import WEIGHTS, model_card
from qd_pix2pix.cli import guarded
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.store import Store
from qd_pix2pix.files import write_text
from qd_pix2pix.inference.error_bars import calibrate_on
from qd_pix2pix.inference.weights import load_predictor, save_weights
from qd_pix2pix.predictor import SECOND, Card, Predictor
from qd_pix2pix.sweeps.plan import resolve
from qd_pix2pix.training.settings import recipes_of_run

NAME, JUDGE = "universal", "fast, taught"
PREFIX = f"{SECOND}.{SECOND}."
"""Prefix of the judge's weights among those of the network."""


def judged() -> tuple[Predictor, Card]:
    """Return the network with its judge, not calibrated, and its card."""
    predictor, card = load_predictor(WEIGHTS / f"{NAME}.safetensors")
    judge, its_card = load_predictor(EXPERIMENT.run_folder(JUDGE) / "checkpoints" / "best.ckpt")
    second = replace(Card.from_dict(card.second), second=its_card.to_dict())
    card = replace(card, second=second.to_dict())
    made = Predictor(card)
    kept = {name: value for name, value in predictor.weights().items() if not name.startswith(PREFIX)}
    made.load_weights(kept | {f"{PREFIX}{name}": value for name, value in judge.state_dict().items()})
    return made.eval(), card


def validation(predictor: Predictor) -> Iterator[dict]:
    """Yield the solved dots of the validation of each dataset of the training."""
    names = (*predictor.mapping.sources, *predictor.mapping.outputs, *predictor.conditions.varying)
    for recipe in recipes_of_run(resolve(["experiment=universal", *BOTH["laptop"]])):
        yield Store(generate({**recipe, "train": 1, "test": 1}, DATA)).split("val").load(names)


def main() -> None:
    """Write the weights and the model card."""
    predictor, card = judged()
    assert predictor.second is not None
    for one in (predictor.second, predictor):
        print(f"calibrated on {calibrate_on(one, validation(one))} dots", flush=True)
    save_weights(WEIGHTS / f"{NAME}.safetensors", predictor, card)
    write_text(WEIGHTS / f"{NAME}.md", model_card(NAME))


if __name__ == "__main__":
    guarded(main)
