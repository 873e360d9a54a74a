"""What all models of fields share: prediction in physical units, measures, checkpoints that stand for themselves."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from qd_pix2pix.mapping import Mapping
from qd_pix2pix.metrics import FieldMetrics

Batch = dict[str, Tensor]
CARD = "qd_pix2pix"
"""Key of a checkpoint under which the model's ``card`` is kept."""


class FieldModel(pl.LightningModule):
    """A map from one field to another, learned in the scaled range and judged in physical units.

    Args:
        mapping: fields and scales, fitted.
        network: scaled source (B, 1, n, n) -> scaled target (B, 1, n, n).
        recipe: configuration of the dataset (plain containers): the grid and N are taken from it.

    Attributes:
        card: plain containers that say what this model is; stored in its checkpoints.
    """

    def __init__(self, mapping: Mapping, network: nn.Module, recipe: dict[str, Any]) -> None:
        super().__init__()
        self.mapping = mapping
        self.network = network
        self.card: dict[str, Any] = {}
        self._rng_state: dict[str, Tensor] | None = None
        self._seconds, self._began = 0.0, time.monotonic()
        settings = {
            "data_range": mapping.span(mapping.target),
            "cell_area": (recipe["grid"]["extent"] / recipe["grid"]["n"]) ** 2,
            "n_electrons": recipe["n_electrons"] if mapping.target.is_density else None,
        }
        self.val_measures, self.test_measures = FieldMetrics(**settings), FieldMetrics(**settings)

    receptive_field: int | None = None
    """Side of the patch that a discriminator judges, in points; None where there is none."""

    def check(self, field: Tensor) -> None:
        """Try all parts with one field (1, 1, n, n): raises what they raise when a setting does not suit them."""
        self(field)

    def forward(self, source: Tensor) -> Tensor:
        """Source field (B, 1, n, n) in its unit -> predicted target field (B, 1, n, n) in its unit."""
        scaled = self.mapping.encode_source(source).to(next(self.network.parameters()).dtype)
        return self.mapping.decode_target(self.network(scaled).float())

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one batch into the measures of the validation split."""
        self._measure(self.val_measures, batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one batch into the measures of the test split."""
        self._measure(self.test_measures, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the measures of the validation split."""
        self._log_measures("val", self.val_measures)

    def on_test_epoch_end(self) -> None:
        """Log the measures of the test split."""
        self._log_measures("test", self.test_measures)

    def _measure(self, measures: FieldMetrics, batch: Batch) -> None:
        measures.update(self(batch["source"]).squeeze(1), batch["target"].squeeze(1))

    def _log_measures(self, split: str, measures: FieldMetrics) -> None:
        for name, value in measures.compute().items():
            self.log(f"{split}/{name}", value.float(), prog_bar=(split, name) == ("val", "r2"))
        measures.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the card, the time spent, and the random streams: a resume does not change what dropout drops."""
        checkpoint[CARD] = self.card
        checkpoint["train_seconds"] = self._seconds + time.monotonic() - self._began
        checkpoint["rng_state"] = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            checkpoint["rng_state"]["cuda"] = torch.cuda.get_rng_state(self.device)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Remember the random streams; they are set when training really begins."""
        self._rng_state = checkpoint.get("rng_state")
        self._seconds = checkpoint["train_seconds"]

    def on_train_start(self) -> None:
        """Start the clock; set the random streams of the checkpoint that is resumed."""
        self._began = time.monotonic()
        if self._rng_state is None:
            return
        torch.set_rng_state(self._rng_state["cpu"].cpu())
        if self.device.type == "cuda" and "cuda" in self._rng_state:
            torch.cuda.set_rng_state(self._rng_state["cuda"].cpu(), self.device)
        self._rng_state = None
