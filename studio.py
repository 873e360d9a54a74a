"""Serve the studio, a local web page on which dots are drawn and solved: ``python studio.py port=8080``."""

from qd_pix2pix.cli import studio

if __name__ == "__main__":
    studio()
