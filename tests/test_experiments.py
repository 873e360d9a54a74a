"""Every experiment's configuration runs, minimised; those of Mills et al. give their potentials and energies."""

import importlib
import json
import re
import shutil
import sys
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from scipy.optimize import brentq
from small import ROOT, SHORT, SMALL_DATA, SMALL_REGRESSOR, configuration

from qd_pix2pix import from_pretrained
from qd_pix2pix.inference.pretrained import SHIPPED, shipped
from qd_pix2pix.reports.study import FINISHED
from qd_pix2pix.schema import SMALL
from qd_pix2pix.sweeps.ledger import Record, write_record
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.training.run import train
from qd_pix2pix.training.settings import check_config
from solvers import Material, finite_difference_levels
from solvers.collages import Shapes

EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))


def has(config, word):
    """Whether a configuration has the key of an override: not every system has a grid, not every network levels."""
    for part in word.partition("=")[0].split("."):
        if not isinstance(config, dict) or part not in config:
            return False
        config = config[part]
    return isinstance(config, list) == word.partition("=")[2].startswith("[")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_runs_minimised(name, small_words, tmp_path):
    own = ("potential=", "data.grid.extent=")  # the experiment's own; on its own grid it may have fewer modes
    whole = configuration("train", f"experiment={name}")
    words = [word for word in [*small_words, "solver.n_modes=null"] if not word.startswith(own) and has(whole, word)]
    config = configuration("train", f"experiment={name}", *words)
    best = train(config, tmp_path)
    assert best.is_file()
    pages = (path.read_text() for path in (tmp_path / "test").rglob("report.html"))  # one for each dataset
    page = re.sub(r'src="data:[^"]*"', "", "".join(pages))
    assert make_recipe(config["data"]).schema.summary in page
    if not config["data"]["_target_"].endswith(".QuantumDots") or config["mapping"]["target"] in ("energy", "V"):
        return  # no densities
    units = config["data"]["material"].get("units", "nm, eV").split(", ")
    others = {"nm", "eV", "meV", "bohr", "hartree", "mHa"} - {*units, SMALL[units[1]][1]}
    assert f"{config['data']['grid']['extent']:g} {units[0]} ×" in page and f"{units[0]}⁻²" in page
    assert not re.findall(rf"\b({'|'.join(others)})\b", page)
    with h5py.File(tmp_path / "test" / "predictions.h5") as file:
        shown = [file[name].attrs["units"] for name in ("x", "given/V", "hard_by", "predicted/n_int")]
    assert shown == [units[0], units[1], units[1], f"{units[0]}^-2"]


@pytest.fixture(scope="module")
def mills():
    """Recipes of the four classes, as generate.py makes them."""
    names = ("harmonic", "infinite_well", "double_gaussian", "random")
    return {name: make_recipe(configuration("generate", f"experiment=mills_{name}")["data"]) for name in names}


def drawn(recipe, i):
    return recipe.potential.sample(np.random.default_rng([recipe.seed, 0, i]), recipe.grid)


def test_mills_potentials_live_on_256_points_in_atomic_units(mills):
    for recipe in mills.values():
        assert recipe.material == Material(1.0, 1.0, "bohr, hartree") and recipe.n_electrons == 1
        x = recipe.grid.x - 20
        assert (len(x), x[0], x[-1]) == (256, -20 + 40 / 512, 20 - 40 / 512)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("harmonic", 0, 20), ("infinite_well", 0, 20), ("double_gaussian", -8, 0), ("random", 0, 1)],
)
def test_range_of_the_mills_potentials(mills, name, low, high):
    V = np.array([mills[name].draw("train", i) for i in range(40)])
    assert low <= V.min() < low + 0.35 * (high - low)
    assert high - 0.1 * (high - low) < V.max() <= high


def test_harmonic_energies_are_exact_to_less_than_the_papers_error(mills):
    """eps_0 = (sqrt(k_x) + sqrt(k_y)) / 2, and the median error of the paper's own solver is 0.12 mHa."""
    recipe = mills["harmonic"]
    traps = [drawn(recipe, i) for i in range(8)]
    found = recipe.solve({"V": np.stack([trap(recipe.grid) for trap in traps])})["orbital_energies"]
    exact = np.sqrt([trap.k for trap in traps]).sum(axis=1) / 2
    assert np.median(np.abs(found[:, 0] - exact)) < 1e-7  # those that the square cuts raise the mean
    first = exact + np.sqrt([min(trap.k) for trap in traps])
    assert np.median(np.abs(found[:, 1] - first)) < 1e-6


def finite_well(width, wall):
    """Lowest level between steps of height ``wall``: k tan(k L / 2) = sqrt(2 V - k^2), E = k^2 / 2."""
    k = brentq(lambda k: k * np.tan(k * width / 2) - np.sqrt(2 * wall - k**2), 1e-9, np.pi / width - 1e-9)
    return k**2 / 2


def test_energies_of_wells_are_those_of_a_finite_step(mills):
    """A wall of 20 hartree is no infinite one: the well holds its electron at a tenth less than eq. B3 says."""
    recipe = mills["infinite_well"]
    wells = [drawn(recipe, i) for i in range(3)]
    V = np.array([well(recipe.grid) for well in wells])
    found = recipe.solve({"V": V})["orbital_energies"][:, 0]
    width = recipe.grid.dx * np.stack([(V == 0).any(axis=a).sum(axis=1) for a in (1, 2)], axis=1)
    exact = [finite_well(x, 20) + finite_well(y, 20) for x, y in width]
    np.testing.assert_allclose(found, exact, atol=5e-4)
    ideal = np.array([np.pi**2 / 2 * sum(side**-2 for side in well.size) for well in wells])
    assert (found < 0.97 * ideal).all()


@pytest.mark.parametrize("name", ["double_gaussian", "random"])
def test_energies_agree_with_finite_differences(mills, name):
    """Whose error is -dx^2 / 24 <p_x^4 + p_y^4>, a millihartree and less."""
    recipe = mills[name]
    V = recipe.draw("train", 0)
    levels = finite_difference_levels(V, recipe.grid, recipe.material, 2)
    assert recipe.solve({"V": V[None]})["orbital_energies"][0] == pytest.approx(levels, abs=2e-3)


def script(path):
    return importlib.import_module(f"experiments.{path.replace('/', '.')}")


@pytest.fixture(scope="module")
def regressor_runs():
    return script("field_regressors/run").EXPERIMENT


@pytest.mark.slow
@pytest.mark.parametrize("study", ["bars", "converged", "networks", "choices", "wide", "curves"])
def test_runs_of_field_regressors_differ_and_compose(regressor_runs, study):
    runs = regressor_runs.studies[study]("laptop")
    assert len({regressor_runs.run_folder(name) for name in runs}) == len(runs) == len(set(runs.values()))
    for words in list(runs.values())[:: max(len(runs) // 6, 1)]:
        check_config(configuration("train", *words))


def test_runs_of_counting_have_objects_in_proportion_to_the_area():
    studies = script("counting/studies")
    limits = {name: [task.limit(side) for side in (128, 256)] for name, task in studies.TASKS.items()}
    assert limits["digits-1"] == [7, 25] and limits["digits-10"] == [2, 6] and limits["shapes-2"] == [5, 5]
    for scale in ("laptop", "paper"):
        config = configuration("train", *studies.table(scale)["digits-2-occ-vs"])
        check_config(config)
        assert config["data"]["overlap"] and config["data"]["most"] == (4 if scale == "laptop" else 15)


def test_one_large_picture_is_measured(monkeypatch):
    transfer = script("counting/transfer")
    recipe = SimpleNamespace(objects=Shapes(), most=4, side=128, seed=0, overlap=False, noise=0.0)
    drawn = transfer.picture(recipe, (256, 192))
    assert drawn.picture.shape == (256, 192) and drawn.counts.tolist() == [6, 6]
    found = {name: np.zeros((1, 32, 24), np.float32) for name in ("disc", "cross")}
    for (x, y), number in zip(drawn.centres, drawn.classes, strict=True):
        found[("disc", "cross")[number]][0, int(x) // 8, int(y) // 8] += 1
    monkeypatch.setattr(transfer, "contributions", lambda *given: found)
    streamed = SimpleNamespace(outputs={"disc": 6.5, "cross": 6.0}, seconds=1.0)
    monkeypatch.setattr(transfer, "stream", lambda *given, **options: streamed)
    record, maps = transfer.measure(None, drawn)
    assert record["classes"]["disc"] == {"true": 6, "predicted": 6.5, "recall": 1.0, "precision": 1.0}
    assert transfer.draw(drawn, maps, (256, 192)).axes[0].get_title().startswith("disc: 6 objects")


def test_results_are_json_that_every_program_reads():
    """NaN and Infinity are no JSON: what is not there is null."""

    def refuse(word):
        raise AssertionError(f"{path} holds {word}")

    for path in ROOT.glob("experiments/*/*.json"):
        json.loads(path.read_text(), parse_constant=refuse)


def test_results_belong_to_the_current_commands():
    """A result whose overrides have changed since is not shown as that of the current command."""
    lasting = script("trained").lasting
    trained = [script(path.parent.name + "/run") for path in ROOT.glob("experiments/*/run.py")]
    experiments = [module.EXPERIMENT for module in trained if hasattr(module, "EXPERIMENT")]
    assert experiments
    for experiment in experiments:
        today = {name: lasting(" ".join(words)) for name, words in experiment.runs().items()}
        assert {name: lasting(kept["words"]) for name, kept in experiment.results().items()}.items() <= today.items()


def test_the_hash_of_a_run_whose_weights_are_used_is_no_part_of_a_command():
    lasting = script("trained").lasting
    given = "experiment=chain init_from=runs/chain/0123456789ab/checkpoints/best.ckpt seed=1"
    assert lasting(given) == "experiment=chain init_from=runs/chain/*/checkpoints/best.ckpt seed=1"
    assert lasting("init_from=runs/mine/best.ckpt") == "init_from=runs/mine/best.ckpt"


@pytest.mark.slow
def test_runs_of_an_experiment_are_trained_once_and_kept(regressor_runs, tmp_path, monkeypatch):
    """Two names of one configuration share a run; kept runs are not trained again, failed ones are reported."""
    small = (*SMALL_DATA, *SMALL_REGRESSOR, *SHORT, "network.equivariant=false", "launcher.workers=1")
    study = {"network a": small, "network b": (*small, "seed=0"), "network c": (*small, "seed=-1")}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script("trained"), "HERE", tmp_path)
    experiment = replace(regressor_runs, studies={"bars": lambda scale: study})
    with pytest.raises(SystemExit, match="run=network c: failed, seed"):
        experiment.main("Train.", ["bars"])
    kept = json.loads((tmp_path / "field_regressors" / "results.json").read_text())
    assert list(kept) == ["network a", "network b"] and kept["network a"]["words"] == " ".join(small)
    assert kept["network a"]["measures"] == kept["network b"]["measures"]
    assert 0 < kept["network a"]["averaged_nmae"] != kept["network a"]["measures"]["nmae"]["mean"]
    assert len(list((tmp_path / "runs/field_regressors").glob("*/checkpoints/best.ckpt"))) == 1
    log = tmp_path / experiment.run_folder("network a") / "log.txt"
    before = log.stat().st_mtime_ns
    with pytest.raises(SystemExit, match="network c"):
        experiment.main("Train.", ["bars"])
    assert log.stat().st_mtime_ns == before


@pytest.mark.slow
def test_networks_are_evaluated_against_other_labels_of_the_same_dots(regressor_run, small_store, single_store):
    against = script("field_regressors/truth").against
    network = regressor_run / "checkpoints" / "best.ckpt"
    for truth, n_electrons in ((small_store, 2), (single_store, 1)):
        dots = truth.split("test").load(("V", "n_int"))
        density = from_pretrained(network)(dots["V"])
        error = np.abs(density - dots["n_int"]).sum((1, 2)).mean() * (24 / 32) ** 2 / n_electrons
        labels = small_store.split("test").load(("n_int",))["n_int"]
        distance = np.abs(labels - dots["n_int"]).sum((1, 2)).mean() * (24 / 32) ** 2 / n_electrons
        assert against(network, small_store, truth) == pytest.approx((error, distance))
    others = SimpleNamespace(load=lambda columns: {column: dots[column] + 1e-3 for column in columns})
    with pytest.raises(ValueError, match="use the same data.seed"):
        against(network, small_store, SimpleNamespace(name="others", split=lambda split: others))


@pytest.mark.slow
def test_the_inverse_gives_potentials_of_these_densities(tmp_path, monkeypatch, capsys):
    inverse = script("field_regressors/inverse")
    monkeypatch.setattr(sys, "argv", ["inverse.py", "--dots", "4", "--noise", "0", "1e-3"])
    monkeypatch.setattr(inverse, "HERE", tmp_path)
    inverse.main()
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    (r2, exact), (_, noisy) = [(float(row[1]), float(row[3].removesuffix(" %"))) for row in rows]
    assert r2 > 0.99 and exact < 1 < noisy, "percent of the charge in the wrong place"
    assert (tmp_path / "inverse.png").stat().st_size > 20_000
    assert json.loads((tmp_path / "inverse.json").read_text())["dots"] == 4


@pytest.mark.slow
def test_networks_are_compared_on_larger_squares(tmp_path, monkeypatch, capsys):
    larger = script("field_regressors/larger")
    monkeypatch.setattr(sys, "argv", ["larger.py", "--dots", "1"])
    monkeypatch.setattr(larger, "HERE", tmp_path)
    larger.main()
    found = json.loads((tmp_path / "larger.json").read_text())["kinds"]
    assert list(found) == ["more space", "more wells", "twice as large wells"]
    assert all(kind["charge_error"] < 1e-6 and 0 < kind["nmae"]["mean"] < 2 for kind in found.values())
    assert capsys.readouterr().out.count("\n|") >= 4 and (tmp_path / "larger.png").stat().st_size > 20_000


@pytest.mark.slow
def test_error_bars_of_the_exchange_coupling_are_measured(tmp_path, monkeypatch):
    bars = script("exchange/bars")
    for name, value in {"FAMILIES": ("quartic", "circles"), "DOTS": 1, "MOST": 18, "MANY": 16, "FINER": (2, 2)}.items():
        monkeypatch.setattr(bars, name, value)
    monkeypatch.setattr(bars, "RESULTS", tmp_path / "bars.json")
    bars.main()
    kept = (tmp_path / "bars.json").read_text()
    rows = json.loads(kept)["rows"]
    assert [row["family"] for row in rows] == ["quartic", "circles"]
    assert all(0 < abs(row["J"] - row["reference"]) < 2 * row["bar"] and row["trusted"] for row in rows)
    bars.main()
    assert (tmp_path / "bars.json").read_text() == kept, "a run that ended is resumed"


@pytest.mark.slow
def test_rectangles_are_compared_with_squares(tmp_path, monkeypatch):
    rectangles = script("universal/rectangles")
    monkeypatch.setattr(rectangles, "SHAPES", {"1 : 1": (64, 64), "2 : 1": (64, 32)})
    for name, value in {"FAMILIES": ("ellipse",), "ELECTRONS": (1,), "DOTS": 2, "HERE": tmp_path}.items():
        monkeypatch.setattr(rectangles, name, value)
    rectangles.main()
    rows = json.loads((tmp_path / "rectangles.json").read_text())["rows"]
    assert [row["shape"] for row in rows] == 4 * ["1 : 1"] + 4 * ["2 : 1"]
    assert [row["network"] for row in rows] == 4 * ["universal", "universal-fast"]
    assert all(0 < row["nmae"] < 0.05 and row["estimated"] > 0 for row in rows)


@pytest.mark.parametrize("name", shipped())
def test_model_cards_are_those_of_the_weights(name):
    card = script("weights").model_card(name)
    assert (SHIPPED / f"{name}.md").read_text() == card
    assert f'from_pretrained("{name}")' in card and "To reproduce: `python train.py" in card
    if name == "range":
        assert "for the 8 kinds of dots" in card and card.count("Estimated error of the reference labels") == 6


def test_the_picture_of_the_quickstart_is_drawn_from_its_runs(small_run, tmp_path, monkeypatch):
    figures = script("quickstart/figures")
    sweep, models = tmp_path / "quickstart", ("pix2pix", "regressor")
    for key, model in zip("ab", models, strict=True):
        shutil.copytree(small_run, sweep / key)
        write_record(sweep / key, Record(key, FINISHED, point={"model": model}))
    (sweep / "sweep.json").write_text(json.dumps({"name": "quickstart", "axes": ["model"], "overrides": []}))
    monkeypatch.setattr(sys, "argv", ["figures.py", str(sweep), "--minutes", "9.5"])
    monkeypatch.setattr(figures, "HERE", tmp_path)
    figures.main()
    found = json.loads((tmp_path / "results.json").read_text())
    assert (found["dots"], found["minutes"]) == (5, 9.5) and list(found["measures"]) == ["pix2pix", "regressor"]
    assert (tmp_path / "dots.png").stat().st_size > 20_000
    assert script("quickstart/tables").measures_table(found["measures"], 5).count("%") == 8


@pytest.mark.slow
def test_classes_of_mills_are_measured(monkeypatch):
    figures = script("mills_potentials/figures")
    monkeypatch.setattr(figures, "MODES", (24,))
    record, dots = figures.measure("harmonic", 2, 1)
    assert record["error"]["median"] < 1 and record["error_of_modes"][24]["max"] < 10, "millihartree"
    assert dots["V"].shape == (2, 256, 256)


def test_density_errors_of_the_solver_are_of_charge():
    measure = script("solver_accuracy/measure")
    n = np.ones((2, 64, 64)) * 2 / 900
    found = measure.nmae(SimpleNamespace(density=1.01 * n), SimpleNamespace(density=n), 2)
    assert found == pytest.approx([0.01, 0.01])


@pytest.fixture(scope="module")
def paper_figures():
    return script("paper_figures/run")


NARROW = {
    "mappings": ["mapping=V_to_nint,nint_to_V"],
    "discriminator": ["model.discriminator.layers=1,5", "model.discriminator.kernel_size=4"],
    "training_size": ["data.train=6,12"],
    "jitter": ["loader.jitter=64,72"],
    "electrons": ["data.n_electrons=1,2"],
    "lambda": ["model.lambda_rec=1,100"],
    "why": ["material=gaas", "network.dropout=0.0"],
}
"""Two runs of each study of the paper."""


@pytest.mark.slow
@pytest.mark.parametrize("study", NARROW)
def test_studies_of_the_paper_run_minimised(paper_figures, study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["network.channels=4", "model.discriminator.channels=4", "solver.n_orbitals=4", "launcher.workers=1"]
    paper_figures.main([study, "scale=smoke", *small, *NARROW[study]])
    folder = tmp_path / "runs/paper_figures" / study
    kept = json.loads((folder / "results.json").read_text())
    assert len(kept["runs"]) == 2 and all(run["measures"]["r2"] < 1 for run in kept["runs"])
    pictures = [*folder.glob("*.png")]
    assert pictures and all(path.stat().st_size > 5000 for path in pictures)
    tables = script("paper_figures/tables")
    rows = tables.study_table(kept, tables.MEASURES, more=["seeds"]).splitlines()[2:]
    assert len(rows) == 2 and all(row.endswith("| 1 |") for row in rows), "one seed at each of two points"
    told = {run["point"].get("mapping", ""): run["measures"] for run in kept["runs"]}
    if study == "mappings":
        assert kept["found"]["ssim_own"] == pytest.approx(told["V_to_nint"]["ssim"], abs=1e-5)
        inverse = kept["found"]["inverse"]
        assert inverse["charge_error"]["mean"] < 1e-6, "densities of the solver hold their electrons"
        assert 0 <= inverse["charge_there"] <= 1 and 0 <= inverse["points_wrong"] <= 1
    if study == "discriminator":
        assert sorted(run["receptive_field"] for run in kept["runs"]) == [4, 70]
    if study == "why":
        fields = sorted(numbers["fields"] for numbers in kept["found"]["r2"].values())
        assert fields == pytest.approx(sorted(run["measures"]["r2"] for run in kept["runs"]), abs=1e-5)


@pytest.mark.parametrize("study", NARROW)
@pytest.mark.parametrize("scale", ["laptop", pytest.param("paper", marks=pytest.mark.slow)])
def test_studies_of_the_paper_compose(paper_figures, study, scale):
    plan = paper_figures.make_plan(paper_figures.overrides_of(study, scale, []))
    runs = plan.runs()
    assert plan.name == f"{study}-{scale}" and len(runs) == len({run.key for run in runs}) >= 4
    assert {run.config["seed"] for run in runs} == ({0, 1, 2} if scale == "paper" else {0})
    check_config(runs[-1].config)


def test_a_picture_has_neither_zero_nor_scale(paper_figures):
    fields = np.array([[[2.0, 4.0], [3.0, 2.0]], [[0.0, 0.1], [0.051, 0.0]]])
    expected = [[[0, 1], [128 / 255, 0]], [[0, 1], [130 / 255, 0]]]
    np.testing.assert_allclose(paper_figures.studies.as_images(fields), expected)


def test_r2_without_squares_is_of_lengths(paper_figures):
    exact = np.array([[[3.0, 0.0], [0.0, 4.0]], [[-3.0, 0.0], [0.0, -4.0]]])  # mean 0, lengths 5 and 5
    predicted = exact + np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert paper_figures.studies.r2_of_norms(predicted, exact) == pytest.approx(1 - 1 / 10)


def test_groups_of_discriminators(paper_figures):
    sizes = {1: "PixelGAN", 4: "PatchGAN", 34: "PatchGAN", 70: "ImageGAN"}
    assert {size: paper_figures.studies.group_of(size) for size in sizes} == sizes


@pytest.mark.slow
def test_throughput_is_measured(tmp_path):
    benchmark, results = script("throughput/benchmark"), tmp_path / "results.json"
    few = ["--models", "pix2pix", "--blocks", "1", "--output", str(results)]
    benchmark.main(["training", *few, "--batches", "1"])
    benchmark.main(["inference", *few, "--kinds", "GaAs, N = 2, paper"])
    found = json.loads(results.read_text())
    assert found["training"]["pix2pix"]["1"].keys() >= {"lightning_to_bare", "plain_to_fused"}
    assert 0 < found["training"]["pix2pix"]["1"]["seconds_per_step"]["Lightning"] < 60
    solver = found["inference"]["solver"]["GaAs, N = 2, paper"]
    seconds = 1 / solver["dots_per_second"], 1 / found["inference"]["networks"]["pix2pix"]
    assert solver["break_even"]["pix2pix"] == benchmark.break_even(*seconds)


@pytest.mark.parametrize(
    ("solving", "answering", "expected"), [(1.0, 0.5, 2 * (10 + 20)), (2.0, 0.0, 10 + 10), (1, 1, np.inf)]
)
def test_break_even(solving, answering, expected):
    """After D dots: data and training and D answers take as long as D solutions."""
    assert script("throughput/benchmark").break_even(solving, answering, trained=20, data=10) == expected


def test_speeds_beside_neighbours_are_ratios_of_the_same_block():
    found = script("threads/benchmark").summary([1.0, 2.0, 4.0], [0.5, 4.0, 4.0])
    assert found == {"steps_per_second": 1 / 4.0, "speed": {"median": 1.0, "low": 0.5, "high": 2.0}}


@pytest.mark.slow
def test_threads_are_measured(tmp_path, monkeypatch):
    """Without the priority of the session, which only root may raise."""
    benchmark = script("threads/benchmark")
    words = ("model=regressor", "data.grid.n=32", "loader.batch_size=2")
    monkeypatch.setattr(benchmark, "MODELS", {"regressor": words})
    monkeypatch.setattr(benchmark, "NEIGHBOURS", (0,))
    benchmark.main(["--blocks", "1", "--seconds", "0.1", "--output", str(tmp_path / "results.json")])
    found = json.loads((tmp_path / "results.json").read_text())["regressor"]["0"]
    assert list(found) == list(benchmark.WAYS) and all(way["steps_per_second"] > 0 for way in found.values())
    assert found["1 thread"]["speed"] == {"median": 1.0, "low": 1.0, "high": 1.0}


def test_samplers_of_spins_are_measured(monkeypatch, capsys):
    benchmark = script("spin_samplers/benchmark")
    kept = (benchmark.HERE / "table.json").read_bytes()
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "quick"])
    benchmark.main()
    speed, variety, others = capsys.readouterr().out.split("\n\n")
    rates = [[float(cell) for cell in row.split("|")[2:4]] for row in speed.splitlines()[2:]]
    assert len(rates) == len(benchmark.tasks(1.0)) == 7 and all(rate > 0 for row in rates for rate in row)
    every, *found = [[int(cell) for cell in row.split("|")[2:-2]] for row in variety.splitlines()[2:]]
    tau, accuracy = map(json.loads, others.splitlines())
    assert tau["sweeps"] > 0 < tau["clusters"] and 0 < accuracy["error"] < 1
    assert len(every) == 8 and len(found) == len(benchmark.KT)
    assert all(0 < distinct <= min(count, 20) for row in found for distinct, count in zip(row, every, strict=True))
    assert (benchmark.HERE / "table.json").read_bytes() == kept


def test_configurations_of_the_plane_are_measured(monkeypatch, capsys):
    plane = script("spin_samplers/plane")
    monkeypatch.setattr(plane, "FILE", None)  # quick writes nothing
    monkeypatch.setattr(sys, "argv", ["plane.py", "quick"])
    plane.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    assert len(rows) == 6 and all(float(row.split("|")[4].removesuffix(" ms ")) > 0 for row in rows)


def test_energies_of_predicted_densities_are_rayleigh_quotients():
    """A network that predicts the solver's density has the solver's energy, also where V is cut to its range."""
    energies = script("one_electron/energies")
    words = ["experiment=mills_random", "data.grid.n=32", "solver.n_modes=31"]
    recipe = make_recipe(configuration("generate", *words)["data"])
    V = np.array([recipe.draw("test", i) for i in range(3)])
    solved, seen = recipe.solve({"V": V}), []

    def predict(given):
        seen.append(given)
        return {"n_int": solved["n_int"].astype(np.float32)}

    predictor = SimpleNamespace(ranges={"V": SimpleNamespace(low=0.0, high=0.5)})
    network = SimpleNamespace(predictor=predictor, target="n_int", predict=predict)
    found = energies.predicted(network, V, recipe)
    np.testing.assert_array_equal(seen[0], V.clip(0, 0.5))
    for name in ("energy", "kinetic"):
        np.testing.assert_allclose(found[name], solved[name], atol=1e-6)
    measured = energies.errors(found["energy"] + [0.001, -0.002, 0.004], found["energy"])
    assert measured["median"] == pytest.approx(2.0) and measured["lowest"] == pytest.approx(-2.0)
    assert measured["accurate"] == pytest.approx(1 / 3)


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["laptop", "smoke", "paper"])
def test_runs_of_one_electron_differ_and_compose(scale):
    experiment = script("one_electron/run").EXPERIMENT
    runs = experiment.runs(scale)
    assert len({experiment.run_folder(name, scale) for name in runs}) == len(runs) == len(set(runs.values()))
    for words in runs.values():
        check_config(configuration("train", *words))


@pytest.fixture(scope="module")
def far_dots():
    """The measurements of far_dots with a recipe of its dots, and the solver for each tile as the network."""
    arrays = script("far_dots/arrays")
    recipe = make_recipe(configuration("generate", "potential=gaussian_well", "data.grid.n=32", "data.grid.extent=32",
                                       "data.n_electrons=1", "solver.n_orbitals=2")["data"])  # fmt: skip

    def tiles(predictor, V):
        side = V.shape[1] // 32
        own = V.reshape(-1, side, 32, side, 32).swapaxes(2, 3).reshape(-1, 32, 32)
        return 1e3 * recipe.solve({"V": own})["energy"].reshape(-1, side, side)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "tiles", tiles)
        yield arrays, recipe


@pytest.mark.parametrize("side", [1, 2])
def test_levels_of_a_far_array_are_those_of_its_tiles(far_dots, side):
    arrays, recipe = far_dots
    found = arrays.arrays(None, recipe, side, 2)
    np.testing.assert_allclose(found["tiles"], found["levels"], atol=0.5)  # meV, of -100 meV and more for each dot
    assert found["tried"] >= 2 and max(found["levels"]) < -50 * side**2


def test_far_dots_miss_the_law_of_coulomb_and_near_dots_tunnel(far_dots):
    arrays, recipe = far_dots
    near, far = arrays.sweep(None, recipe, (10, 32))
    law = 1.439964548e3 / 12.9 / 32  # meV
    assert far["coulomb"] == pytest.approx(law)
    assert far["interacting"] - far["tiles"] == pytest.approx(law, abs=0.05)
    assert far["interacting"] - far["singles"] == pytest.approx(far["densities"], abs=1e-3)
    assert abs(far["levels"] - far["singles"]) < 1e-3 < 1 < near["singles"] - near["paired"]
    assert "tiles" not in near and far["left"] == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["laptop", "smoke"])
def test_the_run_of_far_dots_composes(scale):
    for words in script("far_dots/run").EXPERIMENT.runs(scale).values():
        check_config(configuration("train", *words))
