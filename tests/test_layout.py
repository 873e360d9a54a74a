"""The import rule of the house, read from the syntax tree: left may import right, nothing else."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "qd_pix2pix"
PROGRAMS = {"train", "generate", "evaluate", "solve", "report", "studio"}
PYTHON = sorted(p for folder in ("solvers", "qd_pix2pix", "experiments") for p in (ROOT / folder).rglob("*.py"))
PYTHON += [ROOT / f"{name}.py" for name in sorted(PROGRAMS)]

MODULES = {"__init__", "files", "predictor", "provenance", "schema"}
"""Modules of the package outside a room."""
MAY_IMPORT = {
    "files": "",
    "schema": "",
    "provenance": "files",
    "mapping": "schema files",
    "fields": "files",
    "networks": "schema mapping files",
    "predictor": "mapping networks schema files",
    "systems": "fields schema files",
    "generators": "predictor networks schema files",
    "data": "systems provenance mapping predictor schema files",
    "inference": "generators predictor mapping networks fields schema files",
    "evaluation": "inference generators data systems predictor mapping provenance schema files",
    "models": "evaluation data inference generators predictor mapping schema files",
    "reports": "evaluation data provenance schema files",
    "inversion": "reports evaluation inference predictor mapping schema files",
    "training": "models reports evaluation data inference generators systems predictor networks mapping provenance "
    "schema files",
    "sweeps": "cli training reports evaluation models inference data systems predictor provenance schema files",
    "studio": "inversion sweeps training models reports evaluation inference generators predictor networks mapping "
    "data systems fields provenance schema files",
    "cli": "studio sweeps training reports evaluation data inference systems fields provenance schema files",
    "__init__": "cli inference inversion reports",
}
"""Rooms, and the rooms that each may import. Sweeps and cli share overrides: cli/overrides.py, cli/compose.py."""


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


def room(name):
    """The room or module of the package in a dotted name."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and (PACKAGE / parts[1]).is_dir() or parts[1] in MODULES else "__init__"


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_rule(path):
    relative = path.relative_to(ROOT)
    found = heads(path)
    assert not found & {"tests", "conf", *PROGRAMS}, f"{relative} imports a program"
    assert "experiments" not in found or relative.parts[0] == "experiments", f"{relative} imports an experiment"
    if relative.parts[0] == "solvers":
        foreign = {"torch", "hydra", "omegaconf", "qd_pix2pix", "pytorch_lightning"}
        assert not found & foreign, f"{relative}: physics only"
        assert "cupy" not in found or relative.name == "backend.py", f"{relative}: only backend.py imports cupy"
    if relative.parts[0] == "qd_pix2pix":
        own = relative.parts[1].removesuffix(".py")
        assert "solvers" not in found or own in ("systems", "studio"), f"{relative}: must not import the solvers"
        rooms = {room(name) for name in imported(path) if name.startswith("qd_pix2pix.")} - {own}
        assert not (bad := rooms - set(MAY_IMPORT[own].split())), f"{relative} must not import {sorted(bad)}"


def test_nothing_lies_outside_a_room():
    assert {path.stem for path in PACKAGE.glob("*.py")} == MODULES
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - {"conf"} == set(MAY_IMPORT) - MODULES


LIGHT = ("predictor.py", "schema.py", "files.py", "mapping", "networks", "inference", "systems")
HEAVY = ("pytorch_lightning", "hydra", "omegaconf", "torchmetrics", "matplotlib")


@pytest.mark.parametrize("name", LIGHT)
def test_a_prediction_needs_neither_lightning_nor_hydra(name):
    files = [PACKAGE / name] if name.endswith(".py") else sorted((PACKAGE / name).rglob("*.py"))
    for path in files:
        bad = [n for n in imported(path) if n.startswith(HEAVY)]
        assert not bad, f"{path.relative_to(ROOT)} imports {bad}"


READERS = ["schema.py", "files.py", *(f"data/{n}.py" for n in ("shard", "manifest", "store"))]
READERS += [f"evaluation/{n}.py" for n in ("predictions", "verification", "record", "measures", "solved_dot")]
READERS += [f"sweeps/{n}.py" for n in ("study", "ledger")]
READERS += [str(path.relative_to(PACKAGE)) for path in sorted((PACKAGE / "reports").glob("*.py"))]


@pytest.mark.parametrize("name", READERS)
def test_reading_results_needs_no_torch(name):
    found = imported(PACKAGE / name)
    rooms = tuple(f"qd_pix2pix.{room}" for room in ("models", "networks", "training", "inference", "predictor"))
    bad = [n for n in found if n.startswith(("torch", "pytorch_lightning", *rooms))]
    assert not bad, f"{name} imports {bad}"
