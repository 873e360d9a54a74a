"""Solve one dot and write its page: ``python solve.py V=my_dot.npy extent=120``. Settings: conf/solve.yaml."""

from qd_pix2pix.cli import solve

if __name__ == "__main__":
    solve()
