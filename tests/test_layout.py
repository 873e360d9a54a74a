"""The import rule of the house, read from the syntax tree: left may import right, nothing else."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYTHON = sorted(p for folder in ("solvers", "qd_pix2pix", "experiments") for p in (ROOT / folder).rglob("*.py"))
PYTHON += [ROOT / name for name in ("train.py", "generate.py", "evaluate.py", "report.py")]
TOP = {"solvers", "qd_pix2pix", "experiments", "tests", "conf", "train", "generate", "evaluate", "report"}


def imported(path):
    """Dotted names of all modules that a file imports, wherever in the file; ``solvers.checks`` is everybody's."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if not name.startswith("solvers.checks.")}


def heads(path):
    return {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_rule(path):
    relative = path.relative_to(ROOT)
    found = heads(path)
    programs = {"tests", "conf", "train", "generate", "evaluate", "report"}
    programs |= {"experiments"} if relative.parts[0] != "experiments" else set()
    assert not found & programs, f"{relative} imports a program"
    if relative.parts[0] == "solvers":
        assert not found & {"torch", "hydra", "omegaconf", "qd_pix2pix", "pytorch_lightning"}, (
            f"{relative}: physics only"
        )
        assert "cupy" not in found or relative.name == "backend.py", f"{relative}: only backend.py imports cupy"
    if relative.parts[0] == "qd_pix2pix" and relative.parts != ("qd_pix2pix", "data", "generate.py"):
        assert "solvers" not in found, f"{relative}: only data/generate.py knows the solver"


def test_networks_know_only_torch_and_their_blocks():
    allowed = ("qd_pix2pix.networks.blocks.", "qd_pix2pix.networks.convolution.", "qd_pix2pix.mapping.symmetry.")
    for path in (ROOT / "qd_pix2pix/networks").glob("*.py"):
        own = {name for name in imported(path) if name.startswith("qd_pix2pix") and path.name != "__init__.py"}
        assert all(name.startswith(allowed) for name in own), f"{path.name} imports {own}"


READERS = ["schema.py", "data/store.py", "evaluation/predictions.py", "sweeps/study.py", "sweeps/ledger.py"]
READERS += [
    f"reports/{name}.py" for name in ("run_page", "dataset_page", "sweep_page", "sweep_figures", "figures", "history")
]


@pytest.mark.parametrize("name", READERS)
def test_reading_results_needs_no_torch(name):
    found = imported(ROOT / "qd_pix2pix" / name)
    bad = [n for n in found if n.startswith(("torch", "pytorch_lightning", "qd_pix2pix.models", "qd_pix2pix.networks"))]
    assert not bad, f"{name} imports {bad}"


def test_models_import_no_network():
    for path in (ROOT / "qd_pix2pix/models").glob("*.py"):
        bad = [n for n in imported(path) if n.startswith("qd_pix2pix.networks") and "blocks" not in n]
        assert not bad, f"{path.name} imports {bad}"
