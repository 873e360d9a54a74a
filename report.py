"""Write the page of a sweep, ``python report.py sweep=discriminator``, or of several runs, ``runs=[A,B]``."""

from qd_pix2pix.cli import report

if __name__ == "__main__":
    report()
