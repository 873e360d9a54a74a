"""Pages of generators: drawn samples beside stored ones, and their labels."""

import contextlib
import dataclasses
import functools
import re
from concurrent.futures import Future, as_completed

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import wasserstein_distance
from small import ROOT, SHORT, configuration

from qd_pix2pix.data import launchers
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.evaluate import evaluate
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.reports.comparison_page import write_comparison_page
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.reports.model_card import model_card
from qd_pix2pix.reports.number_figures import histograms
from qd_pix2pix.reports.run_page import print_table, write_run_page
from qd_pix2pix.reports.study import FINISHED, Point, Study
from qd_pix2pix.reports.sweep_page import write_sweep_page
from qd_pix2pix.reports.workspace import LOSSES_OF_GENERATORS, STUDIED_OF_GENERATORS
from qd_pix2pix.sweeps.ledger import Record
from qd_pix2pix.training.run import train

SIZES = ["data.train=24", "data.val=8", "data.test=12", "data.shard_size=12", "loader.batch_size=8"]
MODELS = {
    "flow": ["network.channels=4", "network.blocks=1", "model.steps=4"],
    "rugan": ["network.channels=4", "model.critic.channels=[4,4,4]", "model.critic_steps=2"],
    "gan": ["network.channels=[4,4,4,4,4,4]", "model.discriminator.channels=4", "model.discriminator.hidden=4"],
}


@contextlib.contextmanager
def in_this_process(self):
    """A launcher whose worker is this process, which has imported all modules."""

    def submit(function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future

    yield functools.partial(launchers._map, submit, as_completed)


@pytest.fixture(scope="module")
def runs(data_root, tmp_path_factory):
    """The folder of a finished run of each generator; only that of the flow has pictures."""
    folders = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launchers.LocalLauncher, "open", in_this_process)
        for model, words in MODELS.items():
            folders[model] = tmp_path_factory.mktemp(model)
            given = [f"model={model}", "data=ising", *SIZES, *SHORT, *words, f"data_root={data_root}"]
            train(configuration("train", *given, "trainer.max_steps=4", "trainer.val_check_interval=2"), folders[model])
            patch.setattr(Figure, "savefig", lambda *_, **options: None)
    return folders


def text_of(run):
    """The page of a run's test without its pictures."""
    return re.sub(r"base64,[^\"]+", "", (run / "test" / "report.html").read_text())


def energies(spins):
    """The energies of lattices (S, n, n) in J."""
    spins = spins.astype(int)
    return -(spins * (np.roll(spins, 1, 1) + np.roll(spins, 1, 2))).sum((1, 2))


def test_drawn_samples_stand_beside_stored_ones_with_their_labels(runs):
    found = Predictions.read(runs["flow"] / "test" / "predictions.h5")
    assert found.sources == ("spins",) and found.outputs == ("energy", "magnetisation")
    np.testing.assert_array_equal(found.reference["energy"], energies(found.given["spins"]))
    np.testing.assert_array_equal(found.stored["energy"], energies(found.stored["spins"]))
    np.testing.assert_array_equal(found.predicted["energy"], found.stored["energy"])
    assert found.measures["spins"]["label_error"].shape == (12,)


def test_a_generator_has_nothing_to_symmetrise(runs, data_root):
    checkpoint = runs["flow"] / "checkpoints" / "best.ckpt"
    with pytest.raises(ValueError, match="symmetrise: expected false, because a generator draws samples"):
        evaluate(configuration("evaluate", f"checkpoint={checkpoint}", "symmetrise=true", f"data_root={data_root}"))


def test_stored_samples_are_part_of_the_checksum(runs, tmp_path):
    path = tmp_path / "predictions.h5"
    found = Predictions.read(runs["flow"] / "test" / "predictions.h5")
    found.write(path)
    with h5py.File(path, "r+") as file:
        file["stored/spins"][0, 0, 0] *= -1
    with pytest.raises(ValueError, match="checksum"):
        Predictions.read(path)


@pytest.mark.parametrize("model", ["flow", "rugan"])
def test_page_of_requested_labels(runs, model):
    page = text_of(runs[model])
    for part in (
        "<h1>E, m → spins</h1>",
        "12 lattices drawn, one at the labels of each of the test split",
        "<h2>Drawn lattices</h2>",
        "<figcaption>Worst lattices by label error: drawn, and below stored at the same labels. E in J per site.",
        "<h2>Labels of the drawn lattices</h2>",
        "<figcaption>Requested E, energy of the lattice, and the value that the solver finds for the drawn lattice.",
        "found − requested",
        "Labels of drawn samples over training",
        "at whose labels it is drawn",
    ):
        assert part in page, part
    for part in ("predict", "where errors are large", "further outputs", "r²", "reference"):
        assert part not in page.split("<h2>Provenance")[0].lower(), part


def test_page_of_a_discriminator_that_reads_off_labels(runs):
    page = text_of(runs["gan"]).split("<h2>Provenance")[0]
    for part in (
        "<h1>noise → spins</h1>",
        "12 lattices drawn, one for each of the test split",
        "Drawn lattices above stored ones, at the 10, 50, 90 % quantiles of E. E in J per site.",
        "read off by the discriminator",
        "Square error of the labels that the discriminator predicts",
    ):
        assert part in page, part
    assert "requested" not in page.lower() and "label error" not in page


@pytest.mark.parametrize("model", MODELS)
def test_distances_are_per_site(runs, model):
    found = Predictions.read(runs[model] / "test" / "predictions.h5")
    distance = wasserstein_distance(found.reference["energy"] / 64, found.stored["energy"] / 64)
    assert f"E of drawn and stored lattices; Wasserstein distance {distance:.3g} J per site." in text_of(runs[model])


def test_table_on_the_terminal_has_labels_per_site(runs, capsys):
    record = Evaluation.read(runs["flow"] / "test")
    print_table(record)
    error = record.also["energy"]["mae"]["mean"] / 64
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("label error") for line in lines)
    assert any(re.match(rf"E, \|error\| +{error:.3g} J per site", line) for line in lines), lines


def test_page_without_a_solved_sample(runs, tmp_path):
    found, record = (kind.read(path) for kind, path in (
        (Predictions, runs["flow"] / "test" / "predictions.h5"), (Evaluation, runs["flow"] / "test"),
    ))  # fmt: skip
    none = {name: {n: v[:0] for n, v in getattr(found, name).items()} for name in ("given", "predicted", "stored")}
    dataclasses.replace(found, **none, sample=found.sample[:0], reference={}, measures={}, conditions={}).write(
        tmp_path / "predictions.h5"
    )
    dataclasses.replace(record, samples=0, also={}, remarks=["12 of 12 lattices drawn could not be solved"]).write(
        tmp_path
    )
    assert "12 of 12 lattices drawn could not be solved" in write_run_page(tmp_path).read_text()


def test_workspace_shows_what_generators_log(runs):
    logged = set().union(*(read_history(run) for run in runs.values()))
    assert {*LOSSES_OF_GENERATORS.values(), "val/label_error", "val/label_distance"} <= logged
    text = sorted(runs["flow"].glob("csv/version_*/hparams.yaml"))[-1].read_text()
    assert all(f"\n{name}:" in text for name in STUDIED_OF_GENERATORS)


def test_histograms_count_every_sample_in_common_bins():
    drawn, stored = np.array([0.0, 4.0, 4.0, 8.0]), np.array([0.0, 0.0, 4.0, 4.0, 8.0, 12.0])
    panel = histograms(drawn, stored, "E (J)", "lattice").axes[0]
    bars = {patch.get_x() + patch.get_width() / 2: patch.get_height() for patch in panel.containers[0]}
    assert bars == pytest.approx({0.0: 2 / 6, 4.0: 2 / 6, 8.0: 1 / 6, 12.0: 1 / 6})


@pytest.mark.filterwarnings("ignore:.*in training")
def test_example_of_the_documentation(runs, capsys):
    page = (ROOT / "docs" / "drawing.md").read_text()
    (example,) = [text for text in re.findall(r"```python\n(.*?)```", page, re.S) if "runs/flow/" in text]
    for model in ("flow", "gan"):
        example = example.replace(f"runs/{model}/", f"{runs[model]}/")
    variables = {}
    exec(compile(example, "docs/drawing.md", "exec"), variables)
    assert variables["spins"].shape == (4, 16, 16) and set(np.unique(variables["spins"])) <= {-1, 1}
    assert variables["found"].keys() == {"energy", "magnetisation", "confidence"}
    with pytest.raises(ValueError, match="confidence: expected fields of 8 x 8 points"):
        variables["judge"].confidence(variables["spins"])


def test_model_card_of_a_generator(runs, data_root):
    record = Evaluation.read(runs["flow"] / "test")
    card = model_card("spins.safetensors", [record], "model=flow").replace("−", "-")
    assert "energy, magnetisation → spins of Ising lattices" in card
    assert "at requested energy of the lattice (J)" in card
    assert re.search(r'from_pretrained\("spins.safetensors"\).sample\(16, energy=\S+, magnetisation=\S+\)', card)
    (text,) = re.findall(r"energy in (.*?) J per site", card)
    trained = Store(data_root / record.model["datasets"][0]).split("train").load(("energy",))["energy"] / 64
    bounds = [float(number) for number in re.findall(r"[-.\d]+", text)]
    assert (bounds[0], bounds[-1]) == pytest.approx((trained.min(), trained.max()), rel=1e-3)
    assert "noise → spins" in model_card("spins.safetensors", [Evaluation.read(runs["gan"] / "test")], "")


def test_page_of_a_sweep_shows_label_errors_and_drawn_samples(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(Figure, "savefig", lambda *_, **options: None)
    records = []
    for model in ("flow", "rugan"):
        (tmp_path / model).symlink_to(runs[model])
        measures = Evaluation.read(runs[model] / "test").measures
        point = {"model": model}
        records.append(Record(model, FINISHED, point=point, config=point, seconds=60.0, measures=measures))
    points = tuple(Point(record.point, (record,)) for record in records)
    write_sweep_page(Study("models", tmp_path, ("model",), tuple(records), points))
    page = (tmp_path / "report.html").read_text()
    errors = {record.key: record.measures["label_error"]["mean"] for record in records}
    best = min(errors, key=errors.get)
    assert (
        f"Best run: model {best}; label error {100 * errors[best]:.3g} %. A typical and the worst drawn lattice" in page
    )
    assert "<figcaption>label error (%) against model: runs, mean and standard deviation." in page
    assert "<figcaption>label distance (%) of the validation split over the training of all runs." in page


def test_generators_side_by_side(runs, tmp_path):
    """The same labels were requested from both; one that draws without labels has none to compare."""
    page = write_comparison_page([runs["flow"], runs["rugan"]], tmp_path / "both").read_text()
    records = [Evaluation.read(runs[model] / "test") for model in ("flow", "rugan")]
    errors = [record.measures["label_error"]["mean"] for record in records]
    row = re.search(r"<tr><td>label error</td>(.*?)</tr>", page)[1]
    cells = re.findall(r'<td class="(\w*)">([^<]*)</td>', row)[:2]
    assert [text for _, text in cells] == [f"{100 * error:.3g} %" for error in errors]
    assert [mark for mark, _ in cells] == ["best" if e == min(errors) else "" for e in errors]
    row = re.search(r"<tr><td>E, \|error\|</td>(.*?)</tr>", page)[1]
    for record in records:
        assert f">{record.also['energy']['mae']['mean'] / 64:.3g} J per site<" in row
    for part in (
        "The worst lattice by the mean label error: stored, and drawn at its labels. E in J per site.",
        "E, distance of what is drawn from what was requested, of all lattices.",
        "label error of the validation split over the training",
    ):
        assert part in page, part
    other = write_comparison_page([runs["flow"], runs["gan"]], tmp_path / "other").read_text()
    assert "label distance" in other and "requested, of all" not in other and "|error|" not in other
