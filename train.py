"""Train a model: ``python train.py model=pix2pix mapping=V_to_nint``. Settings: conf/train.yaml and its groups.

``python train.py -m sweep=discriminator``, or ``-m seed=0,1,2 model.lambda_rec=10,100``, makes many runs; start it
again and what is finished is read back.
"""

import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig

from qd_pix2pix.cli import asks_for_many, check_words, guarded, program, quiet, resume_words


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
@program
def main(config: dict[str, Any]) -> None:
    """One run: dataset, training, evaluation, report."""
    from qd_pix2pix.training.run import train  # here, so that the solver's processes need not import torch

    quiet()

    hydra_config = HydraConfig.get()
    train(config, Path(hydra_config.runtime.output_dir), list(hydra_config.overrides.task))


if __name__ == "__main__":
    resume_words()
    check_words("train")
    if asks_for_many():
        from qd_pix2pix.sweeps.run import sweep

        sys.exit(guarded(lambda: sweep([word for word in sys.argv[1:] if not word.startswith("-")])))
    main()
