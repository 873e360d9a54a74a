"""Evaluate a checkpoint on held-out dots, or on your own: ``python evaluate.py checkpoint=... input=my_dots.npy``."""

from typing import Any

import hydra

from qd_pix2pix.cli import check_words, program


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
@program
def main(config: dict[str, Any]) -> None:
    """Predictions, measures, report."""
    from qd_pix2pix.evaluation.evaluate import evaluate

    evaluate(config)


if __name__ == "__main__":
    check_words("evaluate")
    main()
