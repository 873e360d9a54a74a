"""The benchmark: perfect answers have error 0, dots are checked, and whatever cannot serve a split is not an error."""

import html
import json
import shutil
import sys
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from small import configuration

from qd_pix2pix.cli.bench import benchmark, recipes
from qd_pix2pix.cli.functions import evaluated
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.store import Store
from qd_pix2pix.evaluation.bench import evaluate_bench, predicted
from qd_pix2pix.evaluation.bench_dots import check_means, load_dots
from qd_pix2pix.evaluation.bench_entrants import entrant_of, function, network
from qd_pix2pix.evaluation.bench_scores import TASKS, read_scores, score
from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.reports.bench_page import leaderboard, write_bench_page


class Here:
    """A launcher of this process."""

    def check(self):
        pass

    @contextmanager
    def open(self):
        yield lambda task, jobs: [(name, task(*job)) for name, job in jobs.items()]


BENCH = configuration("evaluate", "bench=smoke")["bench"]
RECIPES = recipes(BENCH)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def stores(root):
    return {name: Store(generate(recipe, root, Here())) for name, recipe in RECIPES.items()}


def scored(root, folder, **entrant):
    path = evaluate_bench(BENCH, RECIPES, root, Here(), folder, **entrant)
    return json.loads(path.read_text())


@pytest.fixture
def module(stores, tmp_path, monkeypatch):
    """A module of a user: answers looked up in the stored dots, the mean, an inverse, and wrong shapes."""
    dots = [load_dots(store, "test") for store in stores.values()]
    code = """
DOTS = []
def find(field, name):
    for dots in DOTS:
        for row, known in enumerate(getattr(dots, name)):
            if known.tobytes() == field.tobytes():
                return dots[[row]]
def perfect(V, n_electrons, m_eff, eps_r, extent):
    import numpy as np
    found = [find(v, "V") for v in V]
    assert all(d.n_electrons[0] == n_electrons and d.extent[0] == extent for d in found)
    return {name: np.concatenate([getattr(d, name) for d in found]) for name in ("density", "energy", "gap")}
def uniform(V, n_electrons, extent, **rest):
    return 0 * V + n_electrons / extent**2
def invert(density, **conditions):
    import numpy as np
    return np.concatenate([find(n, "density").V for n in density]) + 1.5
def wrong(V, **conditions):
    return V[..., 0]
def unfit(V, **conditions):
    return NotImplemented
def mass(V, n_electrons, mass, eps_r, extent):
    return V
def raising(V, **conditions):
    raise KeyError("stop")
def leaving(V, **conditions):
    raise SystemExit
def complex(V, **conditions):
    return V + 1j
def masked(V, **conditions):
    import numpy as np
    return np.ma.masked_array(V, np.ones_like(V))
def empty(V, **conditions):
    return {}
def given(V, **conditions):
    return {"V": V}
def numbered(V, **conditions):
    return {0: V, "n": V}
def some(V, n_electrons, **conditions):
    return {"density": V} | ({"energy": V[:, 0, 0]} if n_electrons == 2 else {})
def tensor(V, n_electrons, extent, **rest):
    import torch
    return torch.full(V.shape, n_electrons / extent**2, requires_grad=True)
"""
    (tmp_path / "bench_answers.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "bench_answers", raising=False)
    import bench_answers

    bench_answers.DOTS[:] = dots
    return "bench_answers"


def test_perfect_answers_have_error_zero_and_lead(root, module, tmp_path):
    found = scored(root, tmp_path, function=f"{module}:perfect")
    for split in found["splits"].values():
        assert set(split["tasks"]) == {"V_to_n", "V_to_E", "V_to_gap"}
        assert all(task["error"] == 0 for task in split["tasks"].values())
    inverse = scored(root, tmp_path, function=f"{module}:invert")
    assert [s["tasks"]["n_to_V"]["error"] < 1e-10 for s in inverse["splits"].values()] == [True, True]  # offset is free
    scored(root, tmp_path, function=f"{module}:uniform")
    scored(root, tmp_path, function="nearest")
    page = write_bench_page(tmp_path).read_text()
    assert page.index("bench_answers.perfect") < page.index("bench_answers.uniform")
    assert "not served" not in page.split("V → E")[0]


def test_a_uniform_density_has_the_error_of_its_definition(root, module, stores, tmp_path):
    found = scored(root, tmp_path, function=f"{module}:uniform")["splits"]["gaas_wells"]
    density = stores["gaas_wells"].split("test").load(("n_int",))["n_int"]
    by_hand = np.abs(2 / 900 - density).sum((1, 2)) * (30 / 16) ** 2 / 2
    assert found["tasks"]["V_to_n"]["error"] == pytest.approx(by_hand.mean(), rel=1e-6)
    assert found["seed"] == 7006 and found["dots"] == 2 and set(found["tasks"]) == {"V_to_n"}


def test_scores_do_not_depend_on_material_offset_or_constant(stores):
    dots = load_dots(stores["mixture"], "test")
    assert dots.coupling == pytest.approx(stores["mixture"].split("test").load(("coupling",))["coupling"])
    assert (dots.density.mean((1, 2)) * dots.extent**2) == pytest.approx(dots.n_electrons, rel=1e-5)
    shifted = replace(dots, V=dots.V + 0.3, energy=dots.energy + 0.3 * dots.n_electrons)
    assert score("V_to_E", 1.1 * dots.energy, dots)["error"] == pytest.approx(0.1)
    assert score("V_to_E", shifted.energy + 0.1 * dots.energy, shifted)["error"] == pytest.approx(0.1)
    assert score("n_to_V", 0 * dots.V, dots)["error"] == pytest.approx(1)
    assert score("V_to_gap", 0 * dots.gap, dots)["error"] == pytest.approx(1)


def test_baselines_serve_their_tasks(stores):
    learned, dots = load_dots(stores["mixture"], "train"), load_dots(stores["mixture"], "test")
    near, back = entrant_of(None, "nearest")(learned)
    answer = near.predict(learned)
    assert answer["density"] == pytest.approx(learned.density) and answer["gap"] == pytest.approx(learned.gap)
    assert back.predict(learned)["V"] == pytest.approx(learned.V)
    single = dots[dots.n_electrons == 1] if (dots.n_electrons == 1).any() else learned[learned.n_electrons == 1]
    for name in ("mean_field", "kohn_sham"):
        start = entrant_of(None, name)(learned)[0].predict(single)
        assert score("V_to_n", start["density"], single)["error"] < 0.05  # exact for one electron, up to its steps
        assert score("V_to_E", start["energy"], single)["error"] < 0.05


def test_a_network_of_other_dots_is_not_served(root, tmp_path):
    content = scored(root, tmp_path, checkpoint="gaas-N2")
    found = content["splits"]
    assert found["mixture"]["tasks"] == {} and found["gaas_wells"]["tasks"] == {}
    assert "30 nm" in found["mixture"]["not_served"] or "apart" in found["mixture"]["not_served"]
    splits, lines = leaderboard([content], "V_to_n")
    assert splits == ["mixture", "gaas_wells"] and lines == []
    page = write_bench_page(tmp_path).read_text()
    assert "<h2>Not served</h2>" in page and html.escape(found["mixture"]["not_served"], quote=False) in page


def test_other_dots_are_refused(root, stores):
    for split, name in (("mixture", "energy"), ("gaas_wells", "density")):
        changed = json.loads(json.dumps(BENCH))
        changed["splits"][split]["means"][name] *= 1.001
        with pytest.raises(ValueError, match=f"{split} are not those of smoke: mean {name} is .* expected"):
            evaluate_bench(changed, RECIPES, root, Here(), root, function="mean_density")


@pytest.mark.parametrize(
    ("entrant", "message"),
    [
        ({}, "got neither"),
        ({"checkpoint": "gaas-N2", "function": "nearest"}, "got both"),
        ({"function": "nearst"}, "nearst cannot be imported.*mean_density, nearest, mean_field, kohn_sham"),
        ({"function": "math:pi"}, "expected a function"),
        ({"checkpoint": "gaas-N9"}, "expected a file, or one of bose-hubbard"),
        ({"checkpoint": "ising-ednn"}, "takes networks of quantum dots"),
        (
            {"function": "bench_answers:mass"},
            r"expected bench_answers:mass\(V, n_electrons, m_eff, .*required argument: 'mass'",
        ),
        (
            {"function": "bench_answers:raising"},
            r"bench_answers:raising raised KeyError in bench_answers.py, line \d+: 'stop'",
        ),
        ({"function": "bench_answers:leaving"}, "bench_answers:leaving raised SystemExit in bench_answers.py"),
        ({"function": "bench_answers:complex"}, "expected density as an array of numbers"),
        ({"function": "bench_answers:masked"}, "density: expected .*masked values"),
        ({"function": "bench_answers:empty"}, "expected density, energy or gap; bench_answers:empty returned nothing"),
        ({"function": "bench_answers:given"}, "expected density, energy or gap; bench_answers:given returned V"),
        ({"function": "bench_answers:numbered"}, "expected some of .*; bench_answers:numbered returned 0, n"),
        ({"function": "bench_answers:wrong"}, r"expected density of shape \(1, 16, 16\), got \(1, 16\)"),
    ],
)
def test_errors(root, module, tmp_path, entrant, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        scored(root, tmp_path, **entrant)


def test_a_function_predicts_the_same_of_all_dots_of_a_split(root, stores, module):
    dots = load_dots(next(iter(stores.values())), "test")
    mixed = replace(dots[[0, 0]], n_electrons=np.array([1.0, 2.0]))
    (entrant,) = function("bench_answers:some")
    message = "bench_answers.some: expected the same .* of a split, got density and density, energy"
    with pytest.raises(ValueError, match=message):
        predicted(entrant, mixed)


def test_a_function_may_decline(root, module, tmp_path):
    found = scored(root, tmp_path, function=f"{module}:unfit")["splits"]
    assert all(split["tasks"] == {} and split["not_served"] for split in found.values())


def test_a_tensor_with_a_gradient_is_an_answer(root, module, tmp_path):
    found = scored(root, tmp_path, function=f"{module}:tensor")["splits"]
    assert all(split["tasks"]["V_to_n"]["error"] >= 0 for split in found.values())


def test_a_file_never_takes_the_name_of_a_shipped_network(tmp_path):
    shutil.copy(find_weights("gaas-N2-paper"), tmp_path / "gaas-N2.safetensors")
    (entrant,) = network(str(tmp_path / "gaas-N2.safetensors"), "cpu", None)
    assert entrant.name == f"gaas-N2-{entrant.digest[:8]}"
    assert network("gaas-N2", "cpu", None)[0].name == "gaas-N2"


@pytest.mark.parametrize("content", ['{"format": 1}', "[1]", "{"])
def test_a_damaged_score_is_one_error(content, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "score.json").write_text(content)
    with pytest.raises(ValueError, match="score.json: .*remove it, and evaluate again"):
        read_scores(tmp_path)


def test_options_of_samples_are_refused():
    with pytest.raises(ValueError, match="expected together on the command line.*bench=qdot"):
        evaluated(configuration("evaluate", "function=nearest"))
    config = configuration("evaluate", "bench=smoke", "function=nearest", "input=dots.npy")
    with pytest.raises(ValueError, match="input: not with bench="):
        benchmark(config)


def test_versions_have_every_task_and_their_means():
    bench = configuration("evaluate", "bench=qdot")["bench"]
    assert bench["check"] and all(
        set(s["means"]) == {"V", "density", "energy", "gap"} for s in bench["splits"].values()
    )
    seeds = [recipe["seed"] for recipe in recipes(bench).values()]
    assert len(set(seeds)) == len(seeds) and {recipe["test"] for recipe in recipes(bench).values()} == {bench["dots"]}
    assert list(TASKS) == ["V_to_n", "V_to_E", "V_to_gap", "n_to_V"]


@pytest.mark.slow
def test_labels_of_the_benchmark_are_those_of_this_solver(tmp_path):
    """The strongest correlation, where changes of the solver show first. Labels that move make another version."""
    bench = configuration("evaluate", "bench=qdot")["bench"]
    dots = load_dots(Store(generate(recipes(bench)["large"], tmp_path, Here())), "test")
    check_means(bench["name"], "large", dots, bench["splits"]["large"]["means"], bench["tolerance"])
