"""The Python of README and docs runs as it stands, and gives what the text says."""

import re
import shlex
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.first_steps.run import blocks
from qd_pix2pix import from_pretrained
from qd_pix2pix.cli.overrides import check_overrides, keep_text, own_network, with_conditions

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ADDING = {"adding.md", "own_system.md", "own_network.md", "own_measure.md"}
"""Pages whose examples are files: test_adding.py runs them."""
EXAMPLES = [
    (path.relative_to(ROOT), text)
    for path in PAGES
    if path.name not in ADDING | {"first_steps.md"}
    for text in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)
]
CHECKED = [
    ("README.md", "from_pretrained"),
    ("docs/any_dot.md", "universal"),
    ("docs/benchmark.md", "def predict("),
    ("docs/bose_hubbard.md", "sample_until("),
    ("docs/counting.md", "contributions("),
    ("docs/datasets.md", "SLURM"),
    ("docs/design.md", "two_regions("),
    ("docs/drawing.md", "confidence("),
    ("docs/drawing.md", "sample_near("),
    ("docs/gates.md", "lever_arms("),
    ("docs/lattices.md", "well("),
    ("docs/magnetic_field.md", "field_sweep("),
    ("docs/own_dots.md", "range"),
    ("docs/python.md", "predict("),
    ("docs/qubits.md", "hubbard("),
    ("docs/rectangles.md", "valley"),
    ("docs/snapshots.md", "add_holes("),
    ("docs/solver.md", "charging("),
    ("docs/spins.md", "kaufman("),
    ("docs/training.md", "rayleigh_quotient("),
]


def run_example(page, containing=""):
    """Variables of the example of a page, the one ``containing`` this where there are several."""
    (example,) = [text for path, text in EXAMPLES if str(path) == page and containing in text]
    variables = {}
    exec(compile(example, page, "exec"), variables)
    return variables


def test_every_example_is_checked_below():
    assert [str(path) for path, _ in EXAMPLES] == [page for page, _ in CHECKED]
    assert all(part in text for (_, text), (_, part) in zip(EXAMPLES, CHECKED, strict=True))


def test_readme_has_at_most_900_words():
    text = re.sub(r"<!-- .*? -->", "", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(text.split()) <= 900


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files(path):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if not link.startswith("http") and not (path.parent / link).exists()]
    assert not missing


def test_the_surrogate_is_near_the_solver_and_conserves_charge(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    variables = run_example("README.md")
    charge, nmae = map(float, capsys.readouterr().out.split())
    assert charge == pytest.approx(2, abs=2e-6)
    assert nmae < 0.01
    assert variables["density"].min() >= 0


def test_the_first_steps_run_in_order(monkeypatch, tmp_path, capsys):
    """The blocks of Python share one session; a session by hand has the same charge, singlet and picture."""
    monkeypatch.chdir(tmp_path)
    steps = blocks((ROOT / "docs" / "first_steps.md").read_text(encoding="utf-8"))
    names = {}
    for title, language, code in steps:
        if language == "python":
            exec(compile(code, title, "exec"), names)
    assert names["dot"].spins[0] == 0 and names["dot"].density.sum() * names["grid"].cell_area == pytest.approx(2)
    assert names["nmae"] < 0.03 and names["p"].verdict == "like training"
    assert (tmp_path / "first_dot.png").exists() and np.load("first_dot.npy").shape == (64, 64)
    assert [title for title, language, _ in steps if language == "bash"][0] == "Install"


def test_the_dot_in_a_field_changes_to_the_triplet():
    found = run_example("docs/magnetic_field.md")
    levels = found["one"].energies[:2].mean() * 1e3  # hbar (w0^2 + wc^2 / 4)^1/2 of 3 meV at 2 T
    assert levels == pytest.approx(np.hypot(3, 0.1157676 * 2 / 0.067 / 2), abs=1e-3)
    assert found["two"].trusted and found["two"].spins[0] == 1 and round(found["two"].angular_momenta[0]) == -1
    (crossing,) = found["sweep"].crossings
    assert (crossing.before.spin, crossing.after.spin) == (0, 1) and crossing.B == pytest.approx(1.67, abs=0.03)


def test_the_function_of_the_benchmark_has_the_charge_of_its_dots():
    found = run_example("docs/benchmark.md")["predict"](np.zeros((2, 8, 8)), 3, 0.067, 12.9, 30.0)
    assert found["density"].sum((1, 2)) * (30 / 8) ** 2 == pytest.approx(3)


def test_two_electrons_in_a_rectangle_have_a_site_each(capsys):
    """In two parabolas <u^2> is proportional to m^-1/2 along each axis."""
    variables = run_example("docs/rectangles.md")
    grid, density = variables["grid"], variables["dot"].density
    assert density[:32].sum() * grid.cell_area == pytest.approx(1, abs=1e-6)
    spread = [grid.integrate(density * c**2) for c in (abs(variables["x"] - 60) - 22, variables["y"] - 30)]
    assert spread[0] / spread[1] == pytest.approx((0.916 / 0.19) ** 0.5, rel=0.02)
    assert "(64, 32)" in capsys.readouterr().out


def test_a_network_of_a_range_takes_the_kind_of_dot(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    density = run_example("docs/own_dots.md")["density"]
    assert "(64, 64)" in capsys.readouterr().out
    assert density.sum() * (30 / 64) ** 2 == pytest.approx(3, abs=3e-6)


def test_a_dot_of_300_nm_has_its_electrons_and_a_verdict(capsys):
    variables = run_example("docs/any_dot.md")
    p, grid = variables["p"], variables["grid"]
    assert p.density.shape == (100, 100)
    assert p.density.sum() * grid.cell_area == pytest.approx(2, rel=1e-5)
    assert p.density[:50].sum() * grid.cell_area == pytest.approx(1, rel=0.05), (
        "one electron in each of two equal wells"
    )
    assert p.spin == 0 and 0 < p.density_error < 1 and str(p.verdict) in capsys.readouterr().out


def test_the_functions_predict_and_differentiate(capsys):
    variables = run_example("docs/python.md")
    assert capsys.readouterr().out.split("\n")[0] == "(64, 64) torch.Size([64, 64])"
    assert variables["density"].sum() * (60 / 64) ** 2 == pytest.approx(3, abs=3e-5)
    assert float(variables["gradient"].abs().max()) > 0


def test_a_designed_potential_has_the_wanted_density():
    variables = run_example("docs/design.md")
    found, wanted, other = variables["found"], variables["wanted"], variables["other"]
    assert variables["density"].sum() * (60 / 64) ** 2 == pytest.approx(2, abs=1e-4)
    assert variables["density"].shape == wanted.shape
    assert found.trajectory[-1].min() < 0.5 * found.trajectory[0].min() and other.misfits[0] < other.trajectory[0, 0]
    line = variables["line"]
    assert line.known.n_determined == 15 and np.ptp(line.best) < 0.01


def test_the_energy_of_a_solved_density_is_the_level(capsys):
    variables = run_example("docs/training.md")
    assert variables["found"].energy == pytest.approx(variables["solved"].energy, abs=1e-9)
    assert 0 < variables["found"].energy[0] < 1 and len(capsys.readouterr().out.split()) == 2


def test_a_chain_of_any_length_has_its_density(capsys):
    variables = run_example("docs/lattices.md")
    nmae, shapes = capsys.readouterr().out.split("\n")[:2]
    assert float(nmae) < 0.05 and shapes.count("(200,)") == 4
    assert variables["density"].sum() == pytest.approx(variables["reference"].sum(), abs=0.2)


def test_what_the_example_of_counting_imports_exists():
    """It needs a training; the tests of these functions are elsewhere, as is that of the example of docs/drawing.md."""
    (example,) = [text for path, text in EXAMPLES if str(path) == "docs/counting.md"]
    compile(example, "docs/counting.md", "exec")
    exec("\n".join(line for line in example.splitlines() if line.startswith("from ")), {})


@pytest.mark.filterwarnings("ignore:energy is .*in training")
def test_drawn_lattices_have_the_requested_energy(capsys):
    found = run_example("docs/drawing.md", "sample_near(")["found"]
    assert capsys.readouterr().out.startswith("(16, 64, 64)")
    assert np.abs(found.errors["energy"]).max() < 0.1 and np.abs(found.errors["magnetisation"]).max() < 0.1


def test_the_solver_shows_its_result(capsys):
    dot = run_example("docs/solver.md")["dot"]
    shown = capsys.readouterr().out.split()
    assert float(shown[0]) == dot.energy
    # V = c x^2 along each axis: half of sqrt(2 c hbar^2 / m*) for each of two electrons, and their repulsion on top
    alone = 2 * sum(0.5 * (2 * c * 2 * 0.0380998 / 0.067) ** 0.5 for c in (2e-3, 4e-3))
    assert alone < dot.energy < 2 * alone
    assert dot.energy - alone == pytest.approx(dot.interaction, rel=0.5)


def test_couplings_of_the_double_dot_are_those_of_the_text(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    variables = run_example("docs/qubits.md")
    dot, slopes = variables["dot"], variables["slopes"]
    assert dot.J < 0 < dot.J_ci - dot.J_ci_error  # two orbitals give the wrong sign
    assert dot.couplings.U_prime[0, 1] < dot.couplings.U[0] and dot.errors.U[0] < 0.01 * dot.couplings.U[0]
    np.testing.assert_allclose(slopes.site_energy[0], slopes.site_energy[1, ::-1], rtol=1e-3)  # V is symmetric
    assert slopes.t[2, 0, 1] < 0 < slopes.site_energy[2, 0]  # the barrier lowers t and raises both sites
    light, leads = variables["light"], variables["leads"]
    assert light.spins[0] == pytest.approx(1, abs=1e-3) and light.strengths[0].max() < 1e-9  # the triplet is dark
    assert (leads.factors < 1).all() and (leads.factor_errors < 0.5).all()
    assert {(0, 0), (0, 1), (1, 0), (1, 1)} <= set(variables["diagram"].configurations)
    assert variables["model"].charging[0] > variables["model"].mutual[0, 1] > 0 and (tmp_path / "diagram.png").exists()


def test_gates_shift_their_own_site_most_and_set_the_coupling(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    variables = run_example("docs/gates.md")
    arms, sweep, spot = (variables[name] for name in ("arms", "sweep", "spot"))
    assert arms.matrix[0, 0] < arms.matrix[0, 1] < 0 and (arms.errors < 0.05 * np.abs(arms.matrix)).all()
    assert abs(spot.detuning) <= spot.error and (sweep.J > sweep.errors).all()
    assert {(0, 0), (0, 1), (1, 0)} <= set(variables["diagram"].configurations)
    names = variables["load_device"](tmp_path / "corners.yaml").names
    assert names == ("P1", "P2", "B") and (tmp_path / "exchange.png").exists()


def test_strings_have_weaker_correlations_than_sprinkled_holes(capsys):
    variables = run_example("docs/snapshots.md")
    assert variables["energy"] == pytest.approx(-0.525, abs=5 * variables["error"])
    undoped, sprinkled, strings = (float(line.split(",")[0][1:]) for line in capsys.readouterr().out.splitlines())
    assert undoped > sprinkled > strings + 0.02 > 0.1


def test_the_network_of_bosons_is_near_the_worm_algorithm(capsys):
    variables = run_example("docs/bose_hubbard.md")
    assert variables["found"].density_error <= 0.02
    assert float(capsys.readouterr().out.splitlines()[-1]) < 0.06


@pytest.mark.filterwarnings("ignore:the (lattice|ring) has")
def test_networks_of_lattices_take_the_sizes_in_the_documents():
    """The least sizes that README, the pages and the limits state, and none below."""
    for page in ("README.md", "docs/bose_hubbard.md", "docs/index.md", "docs/limits.md"):
        sizes = re.findall(r"even\s+sides from (\d+)", (ROOT / page).read_text(encoding="utf-8"))
        assert set(sizes) == {"6"}, page
    bosons, chain = from_pretrained("bose-hubbard"), from_pretrained("chain")
    for shape in ((6, 6), (6, 14)):
        assert bosons(np.full(shape, -2.0), neighbour=3.0).shape == shape
    for shape in ((4, 4), (4, 12), (7, 7)):
        with pytest.raises(ValueError, match="at least 5 points|even number of points"):
            bosons(np.full(shape, -2.0), neighbour=3.0)
    assert chain(np.linspace(-2, 2, 9)).shape == (9,)
    with pytest.raises(ValueError, match="at least 9 points"):
        chain(np.linspace(-2, 2, 8))


def test_sampled_spins_are_near_the_exact_ones(capsys):
    variables = run_example("docs/spins.md")
    exact = variables["kaufman"](8, [2.0, variables["T_C"], 3.0]).energy
    assert variables["run"].energy.mean(axis=(1, 2)) / 64 == pytest.approx(exact, abs=0.02)
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert variables["chains"].energy.shape == (4, 1)
    charges = variables["charges"]
    assert variables["coulomb"].energies(charges.last) == pytest.approx(charges.energy[:, -1])


def test_the_scheduler_of_a_cluster_starts(monkeypatch, tmp_path):
    dask_jobqueue = pytest.importorskip("dask_jobqueue")
    asked = []
    monkeypatch.setattr(dask_jobqueue.SLURMCluster, "scale", lambda self, n=0, **sizes: asked.append(sizes))
    monkeypatch.setattr(signal, "pause", lambda: None)
    monkeypatch.chdir(tmp_path)
    with run_example("docs/datasets.md")["jobs"] as jobs:
        assert asked[0] == {"jobs": 4}
        assert (tmp_path / "scheduler.json").is_file()
        assert "#SBATCH -p cpu" in jobs.job_script()


def commands():
    """Commands of the programs with a configuration, in README, docs and experiments: (program, arguments)."""
    files = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(path for path in ROOT.glob("docs/*.md") if path.name not in ADDING),
        *ROOT.glob("experiments/*/README.md"),
    ]
    for file in files:
        for program, rest in re.findall(
            r"^\s*(?:srun )?python (train|generate|evaluate|solve)\.py(.*)$", file.read_text(), re.M
        ):
            words = [word for word in shlex.split(rest, comments=True) if not word.startswith("...")]
            yield program, [word for word in words if word != "-m"], "-m" in words


COMMANDS = sorted({(program, tuple(words), many) for program, words, many in commands()})


@pytest.mark.parametrize(("program", "words", "many"), COMMANDS, ids=lambda value: str(value)[:60])
def test_options_of_a_documented_command_exist(program, words, many, tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text("def MyNet(in_channels, out_channels, width): ...\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    given = own_network(keep_text(words)) if program == "train" else keep_text(words)
    if program == "generate" and any(word.startswith("experiment=") for word in words):
        program = "train"  # its datasets follow from its training
    check_overrides(program, with_conditions(given) if program == "evaluate" else given, many=many)


@pytest.mark.parametrize(
    "path", [*PAGES, *sorted(ROOT.glob("experiments/*/README.md"))], ids=lambda path: str(path.relative_to(ROOT))
)
def test_modules_that_a_page_runs_exist(path):
    named = set(re.findall(r"python -m ((?:experiments|qd_pix2pix|solvers)[\w.]*)", path.read_text(encoding="utf-8")))
    found = [ROOT.joinpath(*name.split(".")) for name in named]
    missing = [one for one in found if not (one.with_suffix(".py").is_file() or (one / "__main__.py").is_file())]
    assert not missing


def test_commands_are_found():
    assert len(COMMANDS) > 30
