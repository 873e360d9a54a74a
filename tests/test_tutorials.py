"""The notebooks of docs/tutorials run as they stand and their assertions hold; each takes less than two minutes."""

import json
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from small import ROOT

NAMES = sorted(path.stem for path in (ROOT / "docs" / "tutorials").glob("*.ipynb"))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function from the name of a tutorial to its variables after execution in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))

    def execute(name):
        notebook = json.loads((ROOT / "docs" / "tutorials" / f"{name}.ipynb").read_text(encoding="utf-8"))
        names = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for i, cell in enumerate(cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
                exec(compile("".join(cell["source"]), f"{name}, cell {i + 1}", "exec"), names)
        return names

    return execute


def test_all_tutorials_are_executed_below():
    assert NAMES == sorted(name.removeprefix("test_").removesuffix("_holds") for name in globals() if "_holds" in name)


@pytest.mark.slow
def test_double_dot_holds(run):
    found = run("double_dot")
    # two electrons in one of two equal wells each: the density is symmetric, and half of it lies on either side
    density = found["dot"].density
    np.testing.assert_allclose(density, density[::-1], atol=1e-6 * density.max())
    assert density[:16].sum() * (120 / 32) ** 2 == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_train_a_surrogate_holds(run):
    found = run("train_a_surrogate")
    assert found["run"].measures["nmae"] == pytest.approx(found["errors"].mean(), rel=0.01)
    assert found["nmae"][-1] < 0.5 * found["nmae"][0]


@pytest.mark.slow
def test_invert_a_density_holds(run):
    found = run("invert_a_density")
    assert found["inside"] < found["outside"] and found["V"].shape == (3, 64, 64)


@pytest.mark.slow
def test_ising_energies_holds(run):
    found = run("ising_energies")
    below, critical, above = (found["energies"](spins) / 128**2 for spins in found["lattices"])
    assert -2 < below < -np.sqrt(2) - 0.2 and above > -np.sqrt(2) + 0.4  # -2 J at T = 0, -sqrt(2) J at T_c
    assert critical == pytest.approx(-np.sqrt(2), abs=0.05)


@pytest.mark.slow
def test_draw_spins_holds(run):
    found = run("draw_spins")
    assert set(np.unique(found["large"])) == {-1, 1} and found["large"].shape == (4, 64, 64)


@pytest.mark.slow
def test_design_a_dot_holds(run):
    found = run("design_a_dot")
    assert 0 <= found["found"].best.min() and found["found"].best.max() <= 0.05
    assert found["solved"].sum() * found["cell"] == pytest.approx(2, abs=1e-4)
