"""Make a dataset: ``python generate.py data.n_electrons=4``; or verify one: ``python generate.py check=data/...``."""

from typing import Any

import hydra

from qd_pix2pix.cli import check_words, program


@hydra.main(version_base="1.3", config_path="conf", config_name="generate")
@program
def main(config: dict[str, Any]) -> None:
    """Draw and solve, or check."""
    from qd_pix2pix.data.generate import generate, make_launcher
    from qd_pix2pix.data.store import check

    path = config["check"] or generate(config["data"], config["data_root"], make_launcher(config["launcher"]))
    sizes = ", ".join(f"{size} {split}" for split, size in check(path).items())
    print(f"{path}: whole and unaltered, {sizes}; see {path}/dataset.html")


if __name__ == "__main__":
    check_words("generate")
    main()
