"""The Python of the README runs as it stands, and says what the README says of it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


def run_example(word, monkeypatch):
    """Variables of the one example that contains the word."""
    (example,) = [text for text in EXAMPLES if word in text]
    monkeypatch.chdir(ROOT)
    variables = {}
    exec(compile(example, "README.md", "exec"), variables)
    return variables


def test_the_surrogate_is_near_the_solver_and_keeps_the_charge(monkeypatch, capsys):
    variables = run_example("from_pretrained", monkeypatch)
    charge, nmae = map(float, capsys.readouterr().out.split())
    assert charge == pytest.approx(2, abs=2e-6)
    assert nmae < 0.01
    assert variables["density"].min() >= 0


def test_the_solver_shows_its_result(monkeypatch, capsys):
    dot = run_example("charging(", monkeypatch)["dot"]
    shown = capsys.readouterr().out.split()
    assert float(shown[0]) == dot.energy
    # V = c x^2 along each axis: half of sqrt(2 c hbar^2 / m*) for each of two electrons, and their repulsion on top
    alone = 2 * sum(0.5 * (2 * c * 2 * 0.0380998 / 0.067) ** 0.5 for c in (2e-3, 4e-3))
    assert alone < dot.energy < 2 * alone
    assert dot.energy - alone == pytest.approx(dot.interaction, rel=0.5)
