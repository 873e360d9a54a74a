"""How long one pix2pix step takes: plain against fused Adam, and Lightning's loop against a bare one.

All loops run the same networks in the reference configuration, side by side in one process, in blocks that take turns,
so that a change of the machine's speed meets all of them. Printed: medians over blocks, and ratios block by block.

    python experiments/training_step/benchmark.py [--blocks 20] [--steps 10]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader

from qd_pix2pix.callbacks import Progress
from qd_pix2pix.checkpoint import build_model
from qd_pix2pix.models import Pix2Pix
from qd_pix2pix.models.pix2pix import build_optimizer
from qd_pix2pix.provenance import processor
from qd_pix2pix.train import make_card

CONF = Path(__file__).parents[2] / "conf"
Step = Callable[[], None]


def reference_model() -> Pix2Pix:
    """pix2pix as conf/model/pix2pix.yaml has it, with scales from nowhere."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose("train"), resolve=True)
    statistics_ = {name: {"min": 0.0, "max": 1.0} for name in ("V", "n0", "n_int")}
    torch.manual_seed(0)
    return build_model(make_card(config, config["data"], statistics_, "random numbers"))  # type: ignore[return-value]


def random_batches(steps: int) -> list[dict[str, torch.Tensor]]:
    """Fields of the right shape; what is in them does not change the time."""
    rng = np.random.default_rng(0)
    fields = torch.as_tensor(rng.random((steps, 2, 1, 1, 64, 64)), dtype=torch.float32)
    return [{"source": source, "target": target} for source, target in fields]


def bare_loop(model: Pix2Pix, fused: bool, batches: list[dict[str, torch.Tensor]]) -> Callable[[], None]:
    """The step written out, without Lightning."""
    optimizers = [
        build_optimizer(model.optimizer, network.parameters(), may_fuse=fused)
        for network in (model.network, model.discriminator)
    ]

    def run() -> None:
        for batch in batches:
            source = model.mapping.encode_source(batch["source"])
            target = model.mapping.encode_target(batch["target"])
            fake = model.network(source)
            _apply(optimizers[1], sum(model.discriminator_loss(source, target, fake)))
            adversarial, reconstruction = model.generator_loss(source, target, fake)
            _apply(optimizers[0], adversarial + model.lambda_rec * reconstruction)

    return run


def _apply(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


class BlockClock(pl.Callback):
    """Runs the rival loops between blocks of Lightning's steps, and times all of them."""

    def __init__(self, rivals: dict[str, Callable[[], None]], steps: int) -> None:
        self.rivals, self.steps = rivals, steps
        self.seconds: dict[str, list[float]] = {name: [] for name in (*rivals, "Lightning, fused")}
        self._began = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, model: pl.LightningModule, batch: object, index: int) -> None:
        """Between two blocks: the others' turn."""
        if index % self.steps == 0:
            if index:
                self.seconds["Lightning, fused"].append(time.perf_counter() - self._began)
            for name, rival in self.rivals.items():
                began = time.perf_counter()
                rival()
                self.seconds[name].append(time.perf_counter() - began)
            self._began = time.perf_counter()

    def on_train_end(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """The last block."""
        self.seconds["Lightning, fused"].append(time.perf_counter() - self._began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    batches = random_batches(arguments.steps)
    rivals = {
        "bare, plain Adam": bare_loop(reference_model(), False, batches),
        "bare, fused Adam": bare_loop(reference_model(), True, batches),
    }
    clock = BlockClock(rivals, arguments.steps)
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_epochs=1, accelerator="cpu", logger=CSVLogger(folder), log_every_n_steps=10, enable_checkpointing=False,
            callbacks=[Progress(refresh_rate=20), clock], enable_model_summary=False, limit_val_batches=0,
        )  # fmt: skip
        # one block more, for warming up; it is left out below
        trainer.fit(reference_model(), DataLoader(batches * (arguments.blocks + 1), batch_size=None))
    print(f"\n{processor()}; torch {torch.__version__}, {torch.get_num_threads()} threads; batch 1")
    per_step = {name: [1e3 * s / arguments.steps for s in seconds[1:]] for name, seconds in clock.seconds.items()}
    for name, times in per_step.items():
        print(f"{name:18} {statistics.median(times):7.1f} ms a step ({min(times):.1f} ... {max(times):.1f})")
    for above, below in (("bare, plain Adam", "bare, fused Adam"), ("Lightning, fused", "bare, fused Adam")):
        ratios = [a / b for a, b in zip(per_step[above], per_step[below], strict=True)]
        print(f"{above} / {below}: {statistics.median(ratios):.3f} ({min(ratios):.3f} ... {max(ratios):.3f})")


if __name__ == "__main__":
    main()
