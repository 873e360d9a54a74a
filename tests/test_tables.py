"""Tables and values of README, docs and experiments are those that the results give."""

import pytest

from experiments import tables as experiments
from qd_pix2pix.reports.tables import fill, markdown, names, number

NEEDED = sorted(path.parent for path in experiments.HERE.glob("*/README.md"))


@pytest.fixture(scope="module")
def content():
    return experiments.content()


@pytest.mark.parametrize("path", experiments.documents(), ids=lambda path: str(path.relative_to(experiments.ROOT)))
def test_documents_are_as_generated(path, content):
    text = path.read_text(encoding="utf-8")
    assert text == fill(text, content), "run python -m experiments.tables"
    assert text.count("<!-- end -->") == text.count("<!-- table:") + text.count("<!-- value:"), "a mark has no end"


@pytest.mark.parametrize("folder", NEEDED, ids=lambda folder: folder.name)
def test_an_experiment_shows_all_its_tables(folder, content):
    own = {name for name, text in content.items() if name.startswith(f"{folder.name}/") and text.startswith("|")}
    assert own, f"experiments/{folder.name}/tables.py returns no table"
    shown = set().union(*(names(path.read_text(encoding="utf-8")) for path in experiments.documents()))
    assert own <= shown
    assert names((folder / "README.md").read_text(encoding="utf-8")) & own


def test_a_document_that_differs_is_rewritten_or_reported(tmp_path, monkeypatch, capsys):
    page = tmp_path / "README.md"
    page.write_text("a <!-- value: x/one -->0<!-- end --> b\n<!-- table: x/two -->\n<!-- end -->\n", encoding="utf-8")
    monkeypatch.setattr(experiments, "ROOT", tmp_path)
    monkeypatch.setattr(experiments, "HERE", tmp_path / "experiments")
    monkeypatch.setattr(experiments, "content", lambda: {"x/one": "1", "x/two": markdown(["|a|"], [[2]])})
    with pytest.raises(SystemExit, match="not as generated: README.md"):
        experiments.main(["--check"])
    experiments.main([])
    table = "| \\|a\\| |\n| --- |\n| 2 |"
    expected = f"a <!-- value: x/one -->1<!-- end --> b\n<!-- table: x/two -->\n{table}\n<!-- end -->\n"
    assert page.read_text(encoding="utf-8") == expected
    experiments.main(["--check"])
    assert "as generated" in capsys.readouterr().out


def test_an_unknown_mark_and_a_ragged_row_are_errors():
    with pytest.raises(ValueError, match="expected names out of x/one; got x/other"):
        fill("<!-- value: x/other --><!-- end -->", {"x/one": "1"})
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        markdown(["a", "b"], [[1]])


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.72e-6, "3.7·10⁻⁶"), (1e-5, "10⁻⁵"), (1.61, "1.6"), (113.4, "110"), (0.0483, "0.048"), (0, "0"), (9.96, "10")],
)
def test_numbers_have_two_digits(value, text):
    assert number(value) == text
