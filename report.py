"""Write the page of a sweep from what its runs have left: ``python report.py sweep=discriminator``."""

from qd_pix2pix.cli import report

if __name__ == "__main__":
    report()
