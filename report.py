"""One page of a sweep, from what its runs have left: ``python report.py sweep=discriminator``."""

from pathlib import Path

from omegaconf import OmegaConf

from qd_pix2pix.cli import guarded

DEFAULTS = {"sweep": None, "folder": "runs/sweeps"}
"""Name of a sweep, or its folder; folder of all sweeps."""


def main() -> None:
    """Ledger to page.

    Raises:
        ValueError: a word is unknown, or no sweep lies there.
    """
    from qd_pix2pix.reports.sweep_page import write_page

    words = {str(key): value for key, value in OmegaConf.from_cli().items()}
    unknown = set(words) - set(DEFAULTS)
    if unknown or not words.get("sweep"):
        raise ValueError(f"{', '.join(unknown) or 'sweep'}: expected python report.py sweep=NAME [folder=runs/sweeps]")
    name, folder = str(words["sweep"]), Path(str(words.get("folder", DEFAULTS["folder"])))
    elsewhere = Path(name).is_dir() and not (folder / name).is_dir()
    print(f"report  {write_page(Path(name) if elsewhere else folder / name)}")


if __name__ == "__main__":
    guarded(main)
