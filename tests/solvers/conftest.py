"""Fixtures shared by the tests of the solver."""

from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="session")
def reference():
    """Random wells solved by dense diagonalisation and PySCF's full CI, per material; lengths in nm, energies in eV."""
    return {name: dict(np.load(DATA / f"random_wells_{name}.npz")) for name in ("gaas", "si")}
