"""The page of a sweep: what it says is what the ledger holds, here with numbers written by hand."""

import json
import re
import shlex
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from schemas import RINGS
from small import ROOT, call

from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.reports import sweep_figures as figures
from qd_pix2pix.reports.study import differences, short, sort_values, value_of
from qd_pix2pix.sweeps.ledger import Record, read_ledger
from qd_pix2pix.sweeps.run import line, summary
from qd_pix2pix.sweeps.study import read_study, write_page

CONFIG = {"seed": 0, "model.lambda_rec": 10, "network.channels": "[2, 3]", "network.padding": "zeros"}
WORDS = ["model.lambda_rec=10,2", "seed=0,1,2", "logger.name='a b'", "network.dropout=tag(log,interval(0.1,1))"]


def write(folder, key, point, **told):
    """A record of a run, and its folder."""
    config = CONFIG | {axis: json.loads(v) if v[0].isdigit() else v for axis, v in point.items()}
    record = {"key": key, "words": [], "point": point, "config": config, "state": "finished", "host": "h"}
    record |= {"began": "2026-01-01T00:00:00+00:00", "seconds": 90.0, **told}
    (folder / key).mkdir(parents=True)
    (folder / key / "record.json").write_text(json.dumps(record))
    return record


def result(nmae, r2, **told):
    measures = {"r2": r2, "nmae": {"mean": nmae, "median": 9.0, "p05": 8.0, "p95": 9.5}}
    found = {"measures": measures, "also": {}, "members": {}, "validation": {}}
    facts = {"steps": 1200, "parameters": 34567, "train_seconds": 60.0, "commit": "abc", "hardware": "cpu"}
    return found | facts | told


RESULTS = {  # of lambda and seed
    ("10", "0"): (0.10, 0.9),
    ("10", "1"): (0.12, 0.8),
    ("10", "2"): (0.17, 0.7),
    ("2", "0"): (0.30, 0.5),
    ("2", "1"): (0.40, 0.5),
}


def begin(folder, name="study", axes=("model.lambda_rec", "seed"), words=WORDS):
    folder.mkdir(exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps({"name": name, "axes": axes, "words": words}))


@pytest.fixture
def study(tmp_path):
    """Five finished runs at two values, one that failed, one that was stopped."""
    folder = tmp_path / "study"
    begin(folder)
    for (size, seed), (nmae, r2) in RESULTS.items():
        write(folder, f"run{size}x{seed}", {"model.lambda_rec": size, "seed": seed}, **result(nmae, r2))
    error = "expected <b>less</b> & more"
    write(folder, "broken", {"model.lambda_rec": "2", "seed": "2"}, state="failed", error=error)
    write(folder, "stopped", {"model.lambda_rec": "30", "seed": "0"}, state="started")
    return folder


class Tables(HTMLParser):
    """Text of the cells of all tables, by heading."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.heading, self.into = {}, "", None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "h2":
            self.heading, self.into = "", "heading"
        elif tag == "tr":
            self.tables.setdefault(self.heading, []).append([])
        elif tag in ("td", "th"):
            self.tables[self.heading][-1].append("")
            self.into = "cell"

    def handle_endtag(self, tag):
        if tag in ("td", "th", "h2"):
            self.into = None

    def handle_data(self, data):
        if self.into == "heading":
            self.heading += data
        elif self.into == "cell":
            self.tables[self.heading][-1][-1] += data


def tables(folder):
    return Tables(write_page(folder).read_text()).tables


def test_points_are_means_and_deviations_over_the_seeds(study):
    head, *rows = tables(study)["Points"]
    column = {name: head.index(name) for name in ("lambda_rec", "runs", "NMAE", "R²", "steps", "parameters", "minutes")}
    assert [[row[i] for i in column.values()] for row in rows] == [
        ["2", "2", "35 ± 7.1 %", "0.5000", "1\u202f200", "34\u202f567", "1.5"],
        # (10 + 12 + 17) / 3; sqrt((9 + 1 + 16) / 2)
        ["10", "3", "13 ± 3.6 %", "0.8000 ± 0.1", "1\u202f200", "34\u202f567", "1.5"],
    ]


def test_the_terminal_says_the_same(study):
    told = summary("study", read_study(study).records)
    assert "10: R² 0.8 ± 0.1, NMAE 13 ± 3.6 % (runs: 3)" in told
    assert "2: R² 0.5 ± 0, NMAE 35 ± 7.1 % (runs: 2)" in told
    assert "30: nothing yet (runs: 0)" in told


def test_every_run_has_its_row(study):
    head, *rows = tables(study)["Runs"]
    by_key = {row[0]: dict(zip(head, row, strict=False)) for row in rows}
    assert len(rows) == len(by_key) == 7
    run = by_key["run10x2"]
    assert (run["lambda_rec"], run["seed"], run["state"], run["NMAE"]) == ("10", "2", "finished", "17 %")
    assert by_key["stopped"]["state"] == "started"


def test_why_a_run_failed_stands_on_the_page(study):
    row = next(row for row in tables(study)["Runs"] if row[0] == "broken")
    assert row[-2:] == ["failed", "expected <b>less</b> & more"]
    assert "expected &lt;b&gt;less&lt;/b&gt; &amp; more" in (study / "report.html").read_text()


def test_the_page_counts_runs_and_hours(study):
    page = write_page(study).read_text()
    assert "7 runs: 5 finished, 1 started, 1 failed" in page
    assert "0.2 hours" in page  # 7 x 90 s


def test_the_page_says_how_to_go_on(study):
    """As it can be given to a shell."""
    command = re.search(r"<code>(.*?)</code>", write_page(study).read_text())[1]
    command = unescape(command)
    assert shlex.split(command) == ["python", "train.py", "-m", *WORDS]
    checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_the_page_loads_nothing(study):
    page = write_page(study).read_text()
    assert page.count('src="data:image/svg+xml;base64,') >= 2
    loaded = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)|url\(([^)]*)\)|@import\s+(\S+)""", page)
    assert all(any(part.startswith("data:") for part in found) for found in loaded)
    assert "http" not in re.sub(r"base64,[^\"]*", "", page) and "<link" not in page


def test_reports_of_runs_are_linked(study):
    (study / "run2x1/test").mkdir()
    (study / "run2x1/test/report.html").write_text("here")
    links = re.findall(r'href="([^"]*)"', write_page(study).read_text())
    assert links == ["run2x1/test/report.html"] and (study / links[0]).is_file()


def test_values_are_in_the_order_of_their_size():
    values = {"10", "2", "null", "1e-3", "fno", "-1", "2.5"}
    assert sort_values(values) == ["-1", "1e-3", "2", "2.5", "10", "fno", "null"]


def test_a_study_knows_its_axes(study):
    found = read_study(study)
    assert found.axes == ("model.lambda_rec",) and found.values("model.lambda_rec") == ["2", "10"]
    assert [len(point.records) for point in found.points] == [2, 3]
    assert sorted(found.points[1].of("nmae")) == [0.10, 0.12, 0.17]
    assert len(found.points[0].of("charge_error")) == 0


def test_an_axis_that_came_later_is_an_axis(study):
    point = {"model.lambda_rec": "10", "seed": "0", "network.padding": "circular"}
    write(study, "late", point, **result(0.2, 0.6))
    assert read_study(study).axes == ("model.lambda_rec", "network.padding")
    rows = tables(study)["Points"][1:]
    assert [row[:3] for row in rows] == [["2", "", "2"], ["10", "", "3"], ["10", "circular", "1"]]


def test_differences_are_the_keys_that_changed(study):
    one, two = (
        Record("k", "finished", config=CONFIG | changed)
        for changed in ({"a": 1}, {"seed": 5, "network.padding": "circular"})
    )
    assert differences([one, two]) == {"seed": [0, 5], "network.padding": ["zeros", "circular"], "a": [1, None]}
    assert differences([one, one]) == {}
    table = tables(study)["Differences between the configurations"]
    assert table == [["", "2", "10"], ["model.lambda_rec", "2", "10"]]


def test_a_measure_is_the_mean_over_the_dots():
    record = Record("k", "finished", **result(0.1, 0.9))
    assert (value_of(record, "nmae"), value_of(record, "r2"), value_of(record, "steps")) == (0.1, 0.9, 1200)
    assert value_of(record, "ssim") is None and value_of(Record("k", "finished", measures={"r2": None}), "r2") is None


def test_figures_show_the_numbers(study):
    panel = figures.against_axis(read_study(study), "model.lambda_rec", None, "nmae", "NMAE (%)", 100.0).axes[0]
    x, y = panel.containers[0].lines[0].get_data()
    np.testing.assert_allclose(x.astype(float), [2, 10])
    np.testing.assert_allclose(y.astype(float), [35, 13])
    bars = [segment[:, 1] for segment in panel.containers[0].lines[2][0].get_segments()]
    np.testing.assert_allclose([(high - low) / 2 for low, high in bars], [50**0.5, 13**0.5])
    dots = sorted(float(y) for line in panel.lines if line.get_marker() == "." for y in line.get_ydata())
    np.testing.assert_allclose(dots, [10, 12, 17, 30, 40])


@pytest.fixture
def two_axes(tmp_path):
    """Layers and channels; one corner is missing."""
    folder = tmp_path / "two"
    begin(folder, "two", ["layers", "network.channels"])
    for layers, channels, nmae in (("1", "8", 0.4), ("1", "16", 0.3), ("2", "8", 0.2)):
        point = {"layers": layers, "network.channels": channels}
        write(folder, f"r{layers}x{channels}", point, **result(nmae, 0.5))
    return folder


def test_a_map_of_two_axes(two_axes):
    study = read_study(two_axes)
    panel = figures.heat_map(study, "layers", "network.channels", "nmae", "NMAE (%)", 100.0).axes[0]
    np.testing.assert_allclose(np.ma.filled(panel.images[0].get_array(), np.nan), [[40, 20], [30, np.nan]])
    assert [text.get_text() for text in panel.get_xticklabels()] == ["1", "2"]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["8", "16"]
    captions = re.findall("<figcaption>([^<]*)", write_page(two_axes).read_text())
    assert any("at each layers and channels" in caption for caption in captions)


@pytest.mark.parametrize(
    ("axis", "among", "name"),
    [
        ("model.discriminator.layers", ["network.channels"], "layers"),
        ("model.discriminator.norm", ["network.norm", "seed"], "discriminator.norm"),
        ("network.norm", ["model.discriminator.norm", "network.norm"], "network.norm"),
        ("norm", ["network.norm"], "norm"),
        ("network.norm", ["norm"], "network.norm"),
        ("a.b.c", ["d.b.c"], "a.b.c"),
        ("hydra/launcher", [], "launcher"),
    ],
)
def test_axes_have_names_that_tell_them_apart(axis, among, name):
    assert short(axis, among) == name


def test_two_axes_of_one_last_part_are_told_apart(tmp_path):
    axes = ["network.norm", "model.discriminator.norm"]
    begin(tmp_path / "norms", "norms", axes)
    for i, point in enumerate([("batch", "batch"), ("batch", "instance"), ("instance", "batch")]):
        write(tmp_path / "norms", f"r{i}", dict(zip(axes, point, strict=True)), **result(0.2, 0.5 + i / 10))
    assert tables(tmp_path / "norms")["Points"][0][:2] == ["network.norm", "discriminator.norm"]
    assert "discriminator.norm=instance" in line(read_ledger(tmp_path / "norms")["r1"])


def test_words_and_numbers_on_one_axis_stand_side_by_side(tmp_path):
    begin(tmp_path, axes=["jitter"])
    for i, value in enumerate(("null", "80", "66")):
        write(tmp_path, f"r{i}", {"jitter": value}, **result(0.1 * (i + 1), 0.5))
    panel = figures.against_axis(read_study(tmp_path), "jitter", None, "nmae", "NMAE (%)", 100.0).axes[0]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["66", "80", "null"]
    np.testing.assert_allclose(panel.containers[0].lines[0].get_ydata().astype(float), [30, 20, 10])
    write_page(tmp_path)


def test_learning_curves_and_the_best_and_the_worst_run(study):
    dots = np.random.default_rng(0).random((2, 3, 6))
    for size, seed in RESULTS:
        run = study / f"run{size}x{seed}"
        (run / "csv/version_0").mkdir(parents=True)
        (run / "csv/version_0/metrics.csv").write_text("step,val/nmae,val/r2\n9,0.5,0.1\n19,0.25,0.2\n")
        (run / "test").mkdir()
        measures = {"charge": {"nmae": np.array([0.3, 0.1, 0.2]), "l1": np.array([0.3, 0.1, 0.2])}}
        fields = {"given": {"spins": dots[0]}, "predicted": {"charge": dots[1]}, "reference": {"charge": dots[0]}}
        Predictions(RINGS, ("spins",), ("charge",), sample=np.arange(3), measures=measures, **fields).write(
            run / "test/predictions.h5"
        )
    captions = re.findall("<figcaption>([^<]*)", write_page(study).read_text())
    assert "Best run: lambda_rec 10, seed 0; NMAE 10 %." in captions
    assert "Worst run: lambda_rec 2, seed 1; NMAE 40 %." in captions
    assert sum("over the training" in caption for caption in captions) == 2


def test_a_sweep_of_which_nothing_is_finished_has_a_page(tmp_path):
    begin(tmp_path)
    write(tmp_path, "broken", {"seed": "0"}, state="failed", error="no memory")
    found = tables(tmp_path)
    assert found["Runs"][1][-1] == "no memory" and len(found["Points"]) == 1


def test_without_measures_of_charge_there_is_a_page(tmp_path):
    """Potentials are asked for: no density, no charge in the wrong place."""
    begin(tmp_path)
    for seed, r2 in (("0", 0.5), ("1", None)):
        told = result(0.0, r2)
        del told["measures"]["nmae"]
        write(tmp_path, f"r{seed}", {"seed": seed}, **told)
    head, row = tables(tmp_path)["Points"]
    assert "NMAE" not in head and row[head.index("R²")] == "0.5000"


def report(folder, *words):
    return call("report", *words, cwd=folder)


def test_report_writes_the_page(study, tmp_path):
    for words in (["sweep=study", f"folder={tmp_path}"], [f"sweep={study}"]):
        (study / "report.html").unlink(missing_ok=True)
        done = report(tmp_path, *words)
        assert done.returncode == 0, done.stderr
        assert str(study / "report.html") in done.stdout
        assert "13 ± 3.6 %" in (study / "report.html").read_text()


def test_report_needs_no_torch(study):
    program = "import runpy, sys; sys.modules['torch'] = None; runpy.run_path('report.py', None, '__main__')"
    done = subprocess.run([sys.executable, "-c", program, f"sweep={study}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (study / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep=studdy"], "there are other, study\n"),
        (["sweep=studdy", "folder=elsewhere"], "there are third\n"),
        (["sweep=studdy", "folder=nowhere"], "no sweeps yet"),
        (["swep=study"], "swep: expected python report.py sweep=NAME"),
        ([], "sweep: expected python report.py sweep=NAME"),
    ],
)
def test_an_unknown_sweep_is_one_clear_error(tmp_path, words, said):
    """It names those that are there."""
    for name in ("runs/sweeps/study", "runs/sweeps/other", "elsewhere/third", "fourth"):
        (tmp_path / name).mkdir(parents=True)
        begin(tmp_path / name)
    done = report(tmp_path, *words)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ") and said in done.stderr


AWKWARD = [r"$\\frac$", "$", "a$b", r"\\$x$", "{x}", "inf", "nan", "10", "$10"]


@pytest.mark.parametrize("axes", [("x",), ("x", "y")])
def test_any_text_on_an_axis_has_a_page(tmp_path, axes):
    """Dollars would begin a formula of Matplotlib, which fails after all runs; infinity has no place on an axis."""
    begin(tmp_path, axes=axes)
    for i, value in enumerate(AWKWARD):
        for other in AWKWARD[:2] if len(axes) > 1 else [""]:
            point = dict(zip(axes, (value, other), strict=False))
            write(tmp_path, f"r{i}{AWKWARD.index(other) if other else ''}", point, **result(0.1 * (i + 1), 0.5))
    assert write_page(tmp_path).is_file()


@pytest.mark.parametrize("text", AWKWARD)
def test_a_text_is_shown_as_it_is(text):
    figure = Figure()
    panel = figure.subplots()
    panel.set_xlabel(figures.plain(text))
    figure.canvas.draw()
    shown, math = panel.xaxis.label._preprocess_math(panel.xaxis.label.get_text())
    assert (shown, math) == (text, False)
