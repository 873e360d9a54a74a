"""What all models of fields share: prediction in physical units, measures, and checkpoints that stand for themselves."""

from __future__ import annotations

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
        settings = {
            "data_range": mapping.span(mapping.target),
            "cell_area": (recipe["grid"]["extent"] / recipe["grid"]["n"]) ** 2,
            "n_electrons": recipe["n_electrons"] if mapping.target.is_density else None,
        }
        self.measures = nn.ModuleDict({split: FieldMetrics(**settings) for split in ("val", "test")})

    receptive_field: int | None = None
    """Side of the patch that a discriminator judges, in points; None where there is none."""

    def check(self, field: Tensor) -> None:
        """Pass one field (1, 1, n, n) through all networks: raises what they raise when the grid does not suit them."""
        self(field)

    def forward(self, source: Tensor) -> Tensor:
        """Source field (B, 1, n, n) in its unit -> predicted target field (B, 1, n, n) in its unit."""
        return self.mapping.decode_target(self.network(self.mapping.encode_source(source)).float())

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one batch into the measures of the validation split."""
        self._measure("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one batch into the measures of the test split."""
        self._measure("test", batch)

    def on_validation_epoch_end(self) -> None:
        """Log the measures of the validation split."""
        self._log_measures("val")

    def on_test_epoch_end(self) -> None:
        """Log the measures of the test split."""
        self._log_measures("test")

    def _measure(self, split: str, batch: Batch) -> None:
        self.measures[split].update(self(batch["source"]).squeeze(1), batch["target"].squeeze(1))

    def _log_measures(self, split: str) -> None:
        for name, value in self.measures[split].compute().items():
            self.log(f"{split}/{name}", value.float(), prog_bar=(split, name) == ("val", "r2"))
        self.measures[split].reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the card, and the random streams: dropout goes on after a resume as if nothing had happened."""
        checkpoint[CARD] = self.card
        checkpoint["rng_state"] = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            checkpoint["rng_state"]["cuda"] = torch.cuda.get_rng_state(self.device)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Remember the random streams; they are set when training really begins."""
        self._rng_state = checkpoint.get("rng_state")

    def on_train_start(self) -> None:
        """Set the random streams of the checkpoint that is resumed."""
        if self._rng_state is None:
            return
        torch.set_rng_state(self._rng_state["cpu"].cpu())
        if self.device.type == "cuda" and "cuda" in self._rng_state:
            torch.cuda.set_rng_state(self._rng_state["cuda"].cpu(), self.device)
        self._rng_state = None
