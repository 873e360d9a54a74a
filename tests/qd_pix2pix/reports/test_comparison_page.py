"""Several runs side by side: the measures are those of the runs, the better one is marked, others are refused."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from small import call

from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.provenance import write_overrides
from qd_pix2pix.reports.comparison_page import read_runs, write_comparison_page
from qd_pix2pix.reports.page import number
from qd_pix2pix.reports.sweep_figures import learning_curves


@pytest.fixture
def runs(small_run, tmp_path):
    """A run, and a copy that predicts its references."""
    for name in ("a", "b"):
        shutil.copytree(small_run, tmp_path / name, ignore=shutil.ignore_patterns("*.ckpt"))
    folder = tmp_path / "b/test"
    found, record = Predictions.read(folder / "predictions.h5"), Evaluation.read(folder)
    target = found.target.name
    scores = {name: np.zeros_like(values) for name, values in found.measures[target].items()}
    perfect = replace(found, predicted=dict(found.reference), measures={target: scores})
    perfect.write(folder / "predictions.h5")
    zero = dict.fromkeys(("mean", "median", "p05", "p95"), 0.0)
    replace(record, measures=record.measures | {"nmae": zero}).write(folder)
    return [tmp_path / "a", tmp_path / "b"]


def test_measures_of_all_runs_are_in_one_table(runs):
    page = write_comparison_page(runs, runs[0].parent / "out").read_text()
    row = re.search(r"<tr><td>NMAE</td>(.*?)</tr>", page)[1]
    cells = re.findall(r'<td class="(\w*)">([^<]*)</td>', row)[:2]
    record = Evaluation.read(runs[0] / "test")
    schema = record.of_schema()
    expected = number("nmae", record.measures["nmae"]["mean"], schema[record.model["mapping"]["target"]], schema)
    assert cells == [("", expected), ("best", "0 %")]
    assert "A typical dot, and the worst one" in page and "NMAE of all dots" in page
    assert "of the validation split over the training" in page and "different samples" not in page
    images = re.findall(r"<img [^>]*>", page)
    assert images and all(len(re.search('alt="([^"]*)"', image)[1]) > 10 for image in images)


def test_the_program_writes_the_page(runs):
    done = call("report", "runs=[a,b/test]", "output=side", cwd=runs[0].parent)
    assert (done.returncode, done.stdout) == (0, "report  side/report.html\n"), done.stderr
    assert "<h1>2 runs side by side</h1>" in (runs[0].parent / "side/report.html").read_text()


def test_runs_are_named_by_their_models_where_these_differ(runs):
    places = [runs[0].parent / f"{model}/2026-01-01_10-00-0{i}" for i, model in enumerate(("pix2pix", "resnet"))]
    for run, place in zip(runs, places, strict=True):
        shutil.copytree(run, place)
    assert [run.name for run in read_runs(places)] == ["pix2pix", "resnet"]
    again = shutil.copytree(places[0], places[0].with_name("2026-01-01_10-00-09"))
    assert [run.name for run in read_runs([places[0], again])] == ["2026-01-01_10-00-00", "2026-01-01_10-00-09"]


def test_other_samples_are_remarked_and_smoke_tests_have_a_banner(runs):
    record = Evaluation.read(runs[1] / "test")
    replace(record, split="val").write(runs[1] / "test")
    run = runs[0].parent / "smoke"
    trained = replace(Evaluation.read(runs[0] / "test"), checkpoint=str(run / "checkpoints/best.ckpt"))
    trained.write(runs[0] / "test")
    run.mkdir()
    write_overrides(run, ["scale=smoke", "model=regressor"])
    page = write_comparison_page(runs, runs[0].parent / "out").read_text()
    assert "their measures cannot be compared" in page and "A typical dot" not in page
    assert 'class="best"' not in page and "is shaded" not in page
    assert '<p class="smoke" role="note">Smoke test' in page


def test_a_curve_of_one_validation_is_visible():
    one, many = (np.array([5]), np.array([0.5])), (np.arange(40), np.linspace(0, 1, 40))
    lines = learning_curves([("a", one), ("b", many)], "R²", 1.0, log=False).axes[0].lines
    assert [line.get_marker() for line in lines] == ["o", "None"]


def test_runs_that_do_not_compare_are_one_error(runs, tmp_path):
    with pytest.raises(ValueError, match="runs: expected 2 ... 6 different folders"):
        read_runs([runs[0], runs[0]])
    with pytest.raises(FileNotFoundError, match="none has no results"):
        read_runs([runs[0], tmp_path / "none"])
    record = Evaluation.read(runs[1] / "test")
    replace(record, measures={}).write(runs[1] / "test")
    with pytest.raises(ValueError, match="expected predictions with references; b has none"):
        read_runs(runs)
    replace(record, drawn=True).write(runs[1] / "test")
    with pytest.raises(ValueError, match="expected generators only, or none; b draws samples, a predicts them"):
        read_runs(runs)
    done = call("report", "sweep=x", "runs=[a,b]", cwd=tmp_path)
    assert done.returncode == 2 and "or python report.py runs=" in done.stderr
