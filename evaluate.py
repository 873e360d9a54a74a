"""Evaluate a checkpoint on held-out dots, or on your own: ``python evaluate.py checkpoint=... input=my_dots.npy``."""

from qd_pix2pix.cli import evaluate

if __name__ == "__main__":
    evaluate()
