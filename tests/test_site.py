"""Documentation: pages have a row in docs/index.md, examples are valid, notebooks complete, links and terms right."""

import ast
import json
import re
import subprocess
import sys

import pytest
import yaml
from omegaconf import OmegaConf
from small import ROOT

from experiments import pages as generated
from qd_pix2pix.cli.comments import groups
from qd_pix2pix.cli.compose import compose_config
from qd_pix2pix.cli.report import OPTIONS

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
NOTEBOOKS = sorted(DOCS.glob("tutorials/*.ipynb"))


@pytest.fixture(scope="module")
def hooks():
    """The hooks of mkdocs.yml by name."""
    pytest.importorskip("mkdocs")
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS / "hooks"))
        import glossary
        import navigation
        import notebooks
        import offline
        import repository

        found = {hook.__name__: hook for hook in (glossary, navigation, notebooks, offline, repository)}
        yield found
    for name in (set(sys.modules) - before) & set(found):
        del sys.modules[name]


def test_every_page_has_a_row_in_the_index():
    rows = re.findall(r"^\| \[[^\]]+\]\(([^)#]+)\)", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    pages = [path.relative_to(DOCS).as_posix() for path in [*DOCS.glob("*.md"), *NOTEBOOKS]]
    assert sorted(row for row in rows if not row.startswith("../")) == sorted(set(pages) - {"index.md"}), (
        "each page has one row in docs/index.md"
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_example_is_valid(path):
    for language, code in re.findall(
        r"^```(\w+)\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        if language in ("python", "py") and not code.startswith("# tests/"):  # a row of a dictionary
            compile(code, path.name, "exec")
        elif language == "bash":
            done = subprocess.run(["bash", "-n"], input=code, text=True, capture_output=True)
            assert not done.stderr, done.stderr
        elif language == "yaml":
            assert yaml.safe_load(code)
        else:
            assert language in ("python", "text"), f"{path.name}: no test for {language}"


def test_the_glossary_has_every_group_and_key_of_the_programs():
    """``report.py`` and the options of ``evaluate.py`` included."""
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    named = {part.partition("=")[0].partition(".")[0] for part in re.findall(r"`([\w.]+)[=`]", text)}
    keys = {str(key) for name in generated.PROGRAMS for key in compose_config(name, [])}
    assert set(generated.PROGRAMS) == {path.stem for path in (ROOT / "conf").glob("*.yaml")}
    wanted = keys | set(groups()) | set(OPTIONS)
    assert not wanted - named


def test_terms_of_the_glossary_are_unique():
    rows = re.findall(r"^\| ([^|`]+) \|", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    terms = [term for row in rows if row not in ("term", "option", "---") for term in row.split(", ")]
    assert len(terms) == len(set(terms)) > 80


def cells(path, kind):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [(c, "".join(c["source"])) for c in notebook["cells"] if c["cell_type"] == kind]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_is_executed_described_and_checks_its_result(path):
    code = cells(path, "code")
    assert "".join(cells(path, "markdown")[0][1]).startswith("# ")
    asserted = [node for _, text in code for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assert)]
    assert asserted, "a tutorial states with an assertion that its result is right"
    counts = [cell["execution_count"] for cell, _ in code]
    assert counts == list(range(1, len(code) + 1)), "run make tutorials"
    figures = [text for cell, text in code for output in cell["outputs"] if "image/png" in output.get("data", {})]
    assert figures and all(re.match(r"# \w.{30,}", text) for text in figures), "the first line describes the figure"
    kinds = {output["output_type"] for cell, _ in code for output in cell["outputs"]}
    assert kinds <= {"stream", "display_data", "execute_result"} and path.stat().st_size < 250_000
    printed = "".join("".join(output.get("text", "")) for cell, _ in code for output in cell["outputs"])
    assert not re.search(r"it/s|/root/|/tmp/|/home/|Warning", printed)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_of_a_tutorial_lead_to_files(path):
    links = [link for _, text in cells(path, "markdown") for link in re.findall(r"\]\(([^)#]+)", text)]
    assert links and not [link for link in links if not (path.parent / link).exists()]


def test_a_figure_without_a_command_is_an_error(tmp_path):
    (tmp_path / "draw.py").write_text('savefig("energies.png")', encoding="utf-8")
    (tmp_path / "other.py").write_text("energies = 3", encoding="utf-8")
    readme = "```bash\npython -m experiments.x.draw quick  # draws\npython -m experiments.x.y a  # levels.png\n```"
    folder = tmp_path.rename(tmp_path.parent / "x")
    assert generated.command_of(folder, readme, "energies.png") == "python -m experiments.x.draw quick"
    assert generated.command_of(folder, readme, "levels.png") == "python -m experiments.x.y a"
    assert generated.command_of(folder, readme, "a/some.png") == "python -m experiments.x.y a"
    with pytest.raises(ValueError, match=r"x/missing\.png: expected a command"):
        generated.command_of(folder, readme, "missing.png")


def test_the_table_of_keys_has_defaults_and_comments():
    keys = generated.content()["options/train"]
    assert "| `checkpoint_seconds` | `120.0` | last.ckpt is written earlier where this time has passed |" in keys
    assert keys.count("\n") > 15 and "`model" not in keys
    solve = generated.content()["options/solve"]
    assert "| `field.g` | `2.0` | g factor of the Zeeman energy" in solve and "`material" not in solve
    assert OmegaConf.is_config(compose_config("train", []).model)


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("solver.md", "[a](training.md#resuming)", "[a](training.md#resuming)"),
        ("solver.md", "[D](../DESIGN.md#solver)", "[D](decisions.md#solver)"),
        ("solver.md", "[x](../experiments/chain)", "[x](experiments/chain.md)"),
        ("solver.md", "![f](../experiments/chain/wells.png)", "![f](experiments/chain/wells.png)"),
        ("solver.md", "[code](../qd_pix2pix/data/shard.py)", "code"),
        ("solver.md", "[gone](../nowhere.md)", "[gone](../nowhere.md)"),
        ("solver.md", "[t](tutorials/double_dot.ipynb)", "[t](tutorials/double_dot.md)"),
        ("solver.md", "[api](../solvers/__init__.py)", "[api](api/solvers.md)"),
        ("solver.md", "[w](https://example.org) `[v](a.md)`", "[w](https://example.org) `[v](a.md)`"),
        ("solver.md", "```py\nx[0](../DESIGN.md)\n```", "```py\nx[0](../DESIGN.md)\n```"),
        ("experiments/quickstart.md", "[c](../../docs/solver.md)", "[c](../solver.md)"),
        ("experiments/chain.md", "![f](wells.png)", "![f](chain/wells.png)"),
        ("decisions.md", "[f](experiments/chain)", "[f](experiments/chain.md)"),
        ("tutorials/double_dot.md", "[q](../qubits.md)", "[q](../qubits.md)"),
        ("format.md", "is <!-- value: a/b -->3 %<!-- end -->.", "is 3 %."),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(hooks, page, text, expected):
    from types import SimpleNamespace

    where = SimpleNamespace(file=SimpleNamespace(src_uri=page))
    assert hooks["repository"].on_page_markdown(text, where, None, None) == expected


def test_the_navigation_follows_the_index(hooks):
    found = hooks["navigation"].sections(
        "# T\n\n## A\n\n| [x](x.md) | see [y](y.md) |\n| [z](z.md#part) | |\n\n## B\ntext\n"
    )
    assert found == {"A": ["x.md"]}


@pytest.mark.parametrize(
    ("html", "fails"),
    [
        ('<script src="https://unpkg.com/x.js">', True),
        ("<link rel=stylesheet href=//fonts.example/a.css>", True),
        ('<img alt="a" src="http://a.b/c.png">', True),
        ('<a href="https://arxiv.org">', False),
        ('<script src="assets/x.js"></script><link href="a.css">', False),
    ],
)
def test_a_page_that_loads_from_another_host_is_an_error(hooks, html, fails):
    from types import SimpleNamespace

    from mkdocs.exceptions import PluginError

    where = SimpleNamespace(file=SimpleNamespace(src_uri="x.md"))
    if fails:
        with pytest.raises(PluginError, match="from another host"):
            hooks["offline"].on_post_page(html, where, None)
    else:
        assert hooks["offline"].on_post_page(html, where, None) == html


def test_a_notebook_becomes_a_page(hooks):
    stream = {"output_type": "stream", "name": "stdout", "text": ["3\n"]}
    picture = {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": ["<Figure>"]}}
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": ["# T\n", "\n", "text"]},
            {"cell_type": "code", "source": ["# A line, rising\n", "draw()"], "outputs": [stream, picture]},
        ]
    }
    text, figures = hooks["notebooks"].as_markdown(notebook, "n")
    assert figures == {"n-1.png": b"hi"}
    expected = (
        "# T\n\ntext\n\n```python\n# A line, rising\ndraw()\n```\n\n```text\n3\n```\n\n![A line, rising](n-1.png)\n"
    )
    assert text == expected


def test_abbreviations_have_their_meaning(hooks):
    text = "| term | meaning |\n| --- | --- |\n| NMAE, MAE | `a` error \\| n |\n| J | coupling |\n| R² | share |\n"
    assert hooks["glossary"].abbreviations(text) == {"NMAE": "a error | n", "MAE": "a error | n"}


def test_entries_of_several_names_are_divided(hooks, tmp_path):
    griffe = pytest.importorskip("griffe")
    from docstrings import Docstrings

    entries = '    """Add.\n\n    Args:\n        a, b: numbers,\n            any.\n    """\n'
    pair = 'class Pair(NamedTuple):\n    """Two."""\n\n    left: int\n    right: int\n'
    code = f"from typing import NamedTuple\n\n\ndef f(a, b):\n{entries}\n\n{pair}"
    (tmp_path / "m.py").write_text(code, encoding="utf-8")
    module = griffe.load("m", search_paths=[str(tmp_path)], extensions=griffe.Extensions(Docstrings()))
    parameters = module["f"].docstring.parse("google")[1].value
    assert [(p.name, p.description) for p in parameters] == [("a", "numbers,\nany."), ("b", "numbers,\nany.")]
    assert module["Pair"].docstring.value == "Two.\n\nFields, in this order: `left`, `right`."


@pytest.mark.slow
def test_the_site_is_built_and_documents_every_public_name(tmp_path):
    pytest.importorskip("mkdocstrings")
    from importlib import import_module

    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for package in ("solvers", "solvers.spins", "solvers.lattices", "qd_pix2pix"):
        page = (tmp_path / "api" / f"{package}.html").read_text(encoding="utf-8")
        names = set(import_module(package).__all__) - {"__version__"}
        assert not [name for name in names if not re.search(rf'id="{package}\.(?:{name}\.)?{name}"', page)]
    assert (tmp_path / "tutorials" / "double_dot-1.png").is_file() and (
        tmp_path / "experiments" / "chain.html"
    ).is_file()
