"""Make a dataset: ``python generate.py data.n_electrons=4``; or verify one: ``python generate.py check=data/...``."""

from qd_pix2pix.cli import generate

if __name__ == "__main__":
    generate()
