"""Packages of the distribution; everything else about it stands in pyproject.toml.

``conf/`` lies at the top of the repository and is installed as ``qd_pix2pix.conf``. A mapping of folders cannot be
combined with automatic discovery in pyproject.toml, so the list is made here.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["solvers*", "qd_pix2pix*"]), "qd_pix2pix.conf"],
    package_dir={"qd_pix2pix.conf": "conf"},
)
