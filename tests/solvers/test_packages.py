"""What the packages export, and what an import of them costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import solvers
from solvers import quantum_dots, spins
from solvers.quantum_dots import potentials

FOLDER = Path(solvers.__file__).parent


def test_every_public_name_is_there():
    for package in (solvers, potentials, spins):
        assert set(package.__all__) <= set(dir(package))
        for name in package.__all__:
            assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="module 'solvers' has no attribute 'slove'"):
        solvers.slove  # noqa: B018


def test_public_names_are_the_objects_and_not_their_modules():
    from solvers import PRESETS, Grid, Interaction, Material, Wavefunction, charging, solve
    from solvers.quantum_dots.solve import solve as the_same

    assert solve is the_same and callable(charging) and "paper" in PRESETS
    assert all(isinstance(name, type) for name in (Grid, Interaction, Material, Wavefunction))


def test_modules_are_listed():
    modules = {path.stem for path in (FOLDER / "quantum_dots").glob("*.py")} - {"__init__", "__main__"}
    modules |= {"potentials", "magnetic"}
    assert quantum_dots.__all__ == sorted(modules)
    assert all(name in quantum_dots.__doc__ for name in modules)


def test_modules_of_the_magnetic_field_are_listed():
    from solvers.quantum_dots import magnetic

    modules = {path.stem for path in (FOLDER / "quantum_dots" / "magnetic").glob("*.py")} - {"__init__"}
    listed = {name.strip(",") for line in magnetic.__doc__.splitlines() for name in line[:30].split()}
    assert modules <= listed


def test_modules_of_spins_are_listed_and_their_names_are_no_modules():
    modules = {path.stem for path in (FOLDER / "spins").glob("*.py")} - {"__init__"}
    assert all(f"    {name} " in spins.__doc__ for name in modules)
    assert not modules & set(spins.__all__), "an import of the module would replace the function"


def test_spins_import_numba_with_a_sampler_only():
    code = (
        "import sys\n"
        "from solvers.spins import ScreenedCoulomb, energies, kaufman, mean_error, potts_energies, split_of\n"
        "before = 'numba' in sys.modules\n"
        "from solvers.spins import sample_wolff\n"
        "print(before, 'numba' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parent)
    assert run.stdout == "False True\n"


def test_families_are_pairs():
    """Every random family draws a deterministic one that is exported as well; a mixture draws those of its families.

    Polygons are those of a device, of which ``solvers.RandomVoltages`` draws the voltages.
    """
    shared = {"GaussianWell": "GaussianWells", "Box": "InfiniteWell"}
    random = {name.removeprefix("Random") for name in potentials.__all__ if name.startswith("Random")} - {"Mixture"}
    others = {name.removeprefix("Circular") for name in potentials.__all__ if not name.startswith("Random")}
    assert {shared.get(name, name) for name in random} == others - {"PolygonGates"}


def test_checks_and_the_package_import_nothing_heavy():
    """Networks use the checks, and need neither the solver nor its libraries."""
    code = (
        "import sys, solvers, solvers.checks, solvers.quantum_dots, solvers.spins\n"
        "heavy = ('numpy', 'scipy', 'array_api_compat', 'threadpoolctl', 'numba')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parent)
    assert run.stdout == "[]\n"
