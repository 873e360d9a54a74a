"""The program for one dot: its numbers are those of the functions, parts are kept, wrong input is one line."""

import errno
import json
import os
import re
import signal
import sys

import numpy as np
import pytest
from small import ROOT, call, configuration, start

from qd_pix2pix.cli.solve import solved
from qd_pix2pix.evaluation import solve_dot as parts
from qd_pix2pix.evaluation.solved_dot import SolvedDot
from qd_pix2pix.reports.solve_page import write_solve_page
from qd_pix2pix.systems import one_dot
from qd_pix2pix.systems.dot_in_field import Fields
from qd_pix2pix.systems.one_dot import OneDot
from solvers import (
    Grid,
    Interaction,
    MagneticField,
    Material,
    excitations,
    hubbard,
    solve,
    solve_in_field,
    tunnelling,
)
from solvers.quantum_dots.potentials import RandomDoubleGaussian

GAAS, GRID = Material(0.067, 12.9), Grid(16, 90.0)
FEW = {"n_orbitals": 4, "refinements": 0, "cusp": True}
WORDS = ["V=dot.npy", "extent=90", "preset=paper", "solver.n_orbitals=4", "solver.cusp=true", "n_excitations=2"]


def double_dot():
    x, y = (c - 45.0 for c in GRID.mesh())
    return -sum(0.03 * np.exp(-((x - a) ** 2 + y**2) / 338) for a in (-17, 17))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two electrons in a double dot, solved on the command line."""
    where = tmp_path_factory.mktemp("solve")
    np.save(where / "dot.npy", double_dot())
    done = call("solve", *WORDS, "output=out", "interaction=gated", "interaction.gate_distance=30", cwd=where)
    assert done.returncode == 0, done.stderr
    assert "out/page.html" in done.stdout and "N = 2   energy" in done.stdout
    return where


def test_numbers_are_those_of_the_functions(folder):
    dot, V = SolvedDot.read(folder / "out"), double_dot()
    options = FEW | {"interaction": Interaction(gate_distance=30.0)}
    one, two = (solve(V, GRID, n, GAAS, **options).to_numpy() for n in (1, 2))
    (first, second) = dot.of("energy")
    assert (first.value, second.value) == pytest.approx((float(one.energy), float(two.energy)), rel=1e-12)
    assert second.error == pytest.approx(float(two.energy_error + two.grid_error), rel=1e-9)
    assert dot.of("mu", 2)[0].value == pytest.approx(float(two.energy - one.energy), rel=1e-12)
    assert dot.of("addition", 1)[0].value == pytest.approx(float(two.energy - 2 * one.energy), rel=1e-10)
    assert dot.of("J")[0].value == pytest.approx(float(two.gap), rel=1e-9) and dot.of("spin", 2)[0].value == 0
    light = excitations(V, GRID, 2, GAAS, n_states=2, **options)
    assert [row.value for row in dot.of("excitation", 2)] == pytest.approx(light.energies, rel=1e-9)
    assert [row.error for row in dot.of("strength_x", 2)] == pytest.approx(light.strength_errors[:, 0], abs=1e-9)
    leads = tunnelling(V, GRID, 2, GAAS, n_states=3, **options)
    assert [row.value for row in dot.of("factor", 2)] == pytest.approx(leads.factors, rel=1e-9)
    sites = hubbard(V, GRID, GAAS, 2, **options)
    assert dot.of("t")[0].value == pytest.approx(sites.couplings.t[0, 1], rel=1e-9)
    assert dot.of("U")[1].error == pytest.approx(sites.errors.U[1], rel=1e-6)
    np.testing.assert_allclose(dot.arrays["density-ground-N2"], two.density, rtol=1e-12)
    np.testing.assert_array_equal(dot.arrays["V"], V)


def test_the_table_has_every_number_with_unit_and_meaning(folder):
    lines = (folder / "out/numbers.csv").read_text().splitlines()
    assert lines[0] == "name,electrons,label,value,error,unit,meaning"
    assert len(lines) == 1 + len(SolvedDot.read(folder / "out").rows)
    assert all(line.rpartition(",")[2] for line in lines)
    assert json.loads((folder / "out/numbers.json").read_text())["provenance"]["commit"]


def test_the_lines_of_python_print_the_same_numbers(folder, monkeypatch, capsys):
    dot = SolvedDot.read(folder / "out")
    monkeypatch.chdir(folder)
    exec(compile(dot.python, "page", "exec"), {})
    printed = capsys.readouterr().out
    for row in (*dot.of("energy"), *dot.of("gap")):
        assert f"{row.value:.10g}"[:9] in printed, row


@pytest.mark.parametrize(("numbers", "fields"), [((1, 2), Fields((1.0,))), ((2, 4), Fields())])
def test_the_lines_of_python_compute_as_many_states_as_few_orbitals_have(tmp_path, numbers, fields):
    options = {"n_orbitals": 2, "refinements": 0, "estimate": False}
    dot = OneDot(double_dot(), GRID, GAAS, options, numbers, n_sites=1, fields=fields)
    np.savez(tmp_path / "fields.npz", V=dot.V)
    known = {}
    exec(dot.python(tmp_path / "fields.npz"), known)
    solved = parts.solve_dot(dot, tmp_path / "out", "dot", progress=False)
    assert known["light"].energies == pytest.approx([row.value for row in solved.of("excitation", 2)])
    assert known["leads"].energies == pytest.approx([row.value for row in solved.of("tunnelling", numbers[-1])])
    if fields.B:
        assert known["found"].energies == pytest.approx([row.value for row in solved.of("field_energy", 2)])


@pytest.mark.slow
def test_sine_functions_may_differ_along_x_and_y(tmp_path):
    np.save(tmp_path / "dot.npy", double_dot())
    words = [*WORDS, "solver.n_modes=[6,8]", "n_electrons=1", "n_sites=1", "output=out"]
    done = call("solve", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    levels = [row.value for row in SolvedDot.read(tmp_path / "out").of("level")]
    found = solve(double_dot(), GRID, 1, GAAS, n_orbitals=12, n_states=1, n_modes=(6, 8), estimate=False)
    assert levels == pytest.approx(found.orbital_energies, abs=1e-10)


def test_each_figure_has_alt_text_and_files(folder):
    page = (folder / "out/page.html").read_text()
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) == len(re.findall("<figure", page)) >= 8
    assert all(len(re.search('alt="([^"]*)"', image)[1]) > 15 for image in images)
    names = set(re.findall(r'download="([^"]*)\.svg"', page))
    assert {"potential", "levels", "densities", "orbitals", "charging", "excitations_N2", "sites"} <= names
    for name in names:
        assert (folder / f"out/figures/{name}.png").stat().st_size > 3000
        assert (folder / f"out/figures/{name}.svg").read_text().startswith("<?xml")
    assert "http://" not in re.sub(r"data:image[^\"]*", "", page), "the page needs no network"
    assert "np.load(" in page and "gate_distance" in page


def test_further_electrons_are_added_and_finished_parts_are_read(tmp_path, capsys):
    dots = [OneDot(double_dot(), GRID, GAAS, FEW, numbers, 2) for numbers in ((1, 2), (1, 2, 3))]
    parts.solve_dot(dots[0], tmp_path, "dot")
    before = {path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()}
    found = parts.solve_dot(dots[1], tmp_path, "dot")
    assert "8 of 11 parts are done already" in capsys.readouterr().out
    assert all((tmp_path / "parts" / name).read_bytes() == content for name, content in before.items())
    assert found.electrons == [1, 2, 3] and len(found.of("mu")) == 3
    (tmp_path / "parts/ground-N1.npz").write_bytes(b"damaged")
    assert str(parts.solve_dot(dots[1], tmp_path, "dot").rows) == str(found.rows)
    assert "10 of 11 parts" in capsys.readouterr().out


def test_an_interrupted_calculation_keeps_its_parts(tmp_path, monkeypatch):
    dot = OneDot(double_dot(), GRID, GAAS, FEW, (1, 2), 2)
    keep = parts._keep

    def stop(path, *given):
        if path.stem == "tunnelling-N1":
            raise KeyboardInterrupt
        keep(path, *given)

    monkeypatch.setattr(parts, "_keep", stop)
    with pytest.raises(KeyboardInterrupt):
        parts.solve_dot(dot, tmp_path / "a", "dot", progress=False)
    kept = sorted(path.stem for path in (tmp_path / "a/parts").iterdir())
    assert kept == ["excitations-N1", "ground-N1", "levels"] and not (tmp_path / "a/numbers.json").exists()
    monkeypatch.setattr(parts, "_keep", keep)
    resumed, whole = (parts.solve_dot(dot, tmp_path / name, "dot", progress=False) for name in "ab")
    assert str(resumed.rows) == str(whole.rows)
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values, err_msg=name)


@pytest.mark.slow
def test_ctrl_c_stops_the_program_and_the_same_command_resumes(tmp_path):
    np.save(tmp_path / "dot.npy", double_dot())
    words = ["V=dot.npy", "extent=90", "n_electrons=[1,2,3,4,5]", "output=out", "solver.n_orbitals=10"]
    process = start([sys.executable, str(ROOT / "solve.py"), *words], cwd=tmp_path)
    while not (tmp_path / "out/parts/ground-N2.npz").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    done = call("solve", *words, cwd=tmp_path)
    assert done.returncode == 0 and "parts are done already" in done.stdout


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ("", "V: expected a file with its side, V=my_dot.npy extent=120, a family"),
        ("V=dot.npy", "extent: expected the side of the square in nm, such as extent=120; dot.npy has no coordinates"),
        ("V=none.npy extent=90", "V: none.npy is not there"),
        ("V=dot.npy extent=-1", "extent: expected a positive number"),
        ("V=dot.npy extent=wide", "extent: expected a positive number"),
        ("V=dot.npy extent=90 material=gold", "Could not find 'material/gold'"),
        ("V=dot.npy extent=90 n_electrons=40", "n_electrons: expected a whole number in 1 ... 28"),
        ("V=dot.npy extent=90 n_electrons=[1,0]", "n_electrons: expected a whole number of at least 1, got 0"),
        ("V=dot.npy extent=90 n_electrons=[]", "n_electrons: expected a number of electrons"),
        ("V=dot.npy extent=90 n_excitations=0", "n_excitations: expected a whole number"),
        ("V=dot.npy extent=90 n_sites=9", "n_sites: expected a whole number in 1 ... 6"),
        ("V=dot.npy extent=90 dot=1", "dot: expected a whole number in 0 ... 0"),
        ("V=dot.npy extent=90 length_unit=um", "length_unit: dot.npy has no coordinates"),
        ("V=dot.npy extent=90 unit=K", "unit: expected eV, meV, J, hartree"),
        ("V=dot.npy extnt=90", "Did you mean extent?"),
        ("V=dot.npy potential=ring", "got V and potential"),
        ("V=several.npy extent=90", "dot: several.npy has 3 dots; give the number of one"),
        ("V=line.npy extent=90", "V: line.npy: expected values (nx, ny)"),
        ("V=dot.npy extent=90 solver.memory=1e-9", "memory"),
        ("V=dot.npy extent=90 n_electrons=6", "n_excitations: 6 do not fit into the memory"),
        ("potential=file", "potential: file is for datasets"),
        ("potential=ring seed=-1", "seed: expected a whole number"),
        ("potential=ring dot=1", "dot: is an option of a file"),
    ],
)
def test_wrong_input_is_one_line_before_any_work(tmp_path, words, match):
    np.save(tmp_path / "dot.npy", double_dot())
    np.save(tmp_path / "several.npy", np.zeros((3, 16, 16)))
    np.save(tmp_path / "line.npy", np.zeros(16))
    done = call("solve", *words.split(), cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("error:") == 1
    assert match in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_folder_belongs_to_one_dot(folder):
    done = call("solve", *WORDS, "output=out", "material=si", cwd=folder)
    assert done.returncode == 2 and "another dot, which differs in material, interaction" in done.stderr


@pytest.mark.parametrize("text", ["", '{"a"', "[1]"])
def test_a_folder_with_a_damaged_identity_is_one_error(tmp_path, text):
    np.save(tmp_path / "dot.npy", double_dot())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "dot.json").write_text(text)
    done = call("solve", "V=dot.npy", "extent=90", "output=out", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("error:") == 1
    assert "output: expected a file that states a dot, got out/dot.json, which is damaged" in done.stderr


def test_a_folder_of_results_that_is_read_only_is_one_error(tmp_path, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(parts.FileLock, "acquire", read_only)
    dot = OneDot(double_dot(), GRID, GAAS, FEW, (1,), 2)
    with pytest.raises(ValueError, match="output: no results can be written to .*Read-only file system"):
        parts.solve_dot(dot, tmp_path, "a dot")


def test_a_damaged_result_is_one_error(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="solve.py writes it"):
        write_solve_page(tmp_path)
    for name in ("numbers.json", "fields.npz"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match="damaged or of another version"):
        write_solve_page(tmp_path)


def test_a_family_is_drawn_by_its_seed(tmp_path):
    words = ["potential=double_gaussian", "n=12", "seed=3", "n_electrons=1", "preset=paper", "solver.n_orbitals=3"]
    dot, _ = solved(configuration("solve", *words, f"output={tmp_path}/out", "n_excitations=1"), words)
    grid = Grid(12, 30.0)
    V = RandomDoubleGaussian().sample(np.random.default_rng(3), grid)(grid)
    np.testing.assert_allclose(dot.arrays["V"], V, rtol=1e-12)
    assert dot.title == "RandomDoubleGaussian, seed 3" and dot.electrons == [1]


def test_a_part_that_cannot_be_computed_is_a_remark(tmp_path, monkeypatch):
    def fail(*given, **options):
        raise ValueError("V: too flat")

    for name in ("hubbard", "tunnelling", "excitations"):
        monkeypatch.setattr(one_dot, name, fail)
    dot = OneDot(double_dot(), GRID, GAAS, FEW, (1, 2), 2)
    found = parts.solve_dot(dot, tmp_path, "dot", progress=False)
    assert "The part sites was not computed: V: too flat" in found.remarks and len(found.remarks) >= 5
    assert not list((tmp_path / "parts").glob("tunnelling*")), "it is tried again"
    page = write_solve_page(tmp_path).read_text()
    assert "V: too flat" in page and "<h2>Tunnelling</h2>" not in page
    monkeypatch.setattr(one_dot, "solve", fail)
    with pytest.raises(ValueError, match="too flat"):
        parts.solve_dot(dot, tmp_path / "other", "dot", progress=False)


def test_one_site_has_no_couplings(tmp_path):
    x, y = (c - 45.0 for c in GRID.mesh())
    parts.solve_dot(OneDot(1e-5 * (x**2 + y**2), GRID, GAAS, FEW, (1,), 1), tmp_path, "round dot", progress=False)
    page = write_solve_page(tmp_path).read_text()
    assert "No Hubbard couplings" in page and "Localised orbitals" not in page


def test_warnings_of_the_solver_are_sentences(tmp_path):
    """Four electrons in a round parabola: an open shell, whose states share the lowest energy, and few orbitals."""
    x, y = (c - 45.0 for c in GRID.mesh())
    options = {"n_orbitals": 4, "refinements": 0}
    dot = OneDot(1e-4 * (x**2 + y**2), GRID, GAAS, options, (3,), 1)
    remarks = parts.solve_dot(dot, tmp_path, "dot", progress=False).remarks
    reference = solve(dot.V, GRID, 3, GAAS, **options)
    assert reference.degeneracy == 2 and bool(reference.splits_shell) is any("shell" in text for text in remarks)
    assert any(text.startswith("N = 3: 2 states share the lowest energy") for text in remarks)
    assert all(text.endswith(".") for text in remarks)


def test_states_in_magnetic_fields_are_those_of_the_solver(folder, capsys, monkeypatch):
    words = ["V=dot.npy", "extent=90", "preset=paper", "solver.n_orbitals=4", "n_excitations=1", "n_electrons=2"]
    done = call("solve", *words, "output=fields", "field.B=[2,0.5]", "field.g=-0.44", "field.n_states=3", cwd=folder)
    assert done.returncode == 0, done.stderr
    dot, V = SolvedDot.read(folder / "fields"), double_dot()
    for B in (0.5, 2.0):
        options = {"n_states": 3, "n_orbitals": 4, "refinements": 0, "cusp": False}
        found = solve_in_field(V, GRID, 2, GAAS, MagneticField(B, g=-0.44), **options)
        rows = [row for row in dot.of("field_energy", 2) if row.label.startswith(f"{B:g},")]
        assert [row.value for row in rows] == pytest.approx(found.energies, rel=1e-9)
        assert rows[0].error == pytest.approx(float(found.energy_error + found.grid_error), rel=1e-6)
        np.testing.assert_allclose(dot.arrays[f"current-field-N2-B{B:g}"], found.current, atol=1e-12)
    page = (folder / "fields" / "page.html").read_text(encoding="utf-8")
    assert "Magnetic field" in page and "levels against the field" in page
    assert (folder / "fields/figures/current_N2.svg").exists()
    monkeypatch.chdir(folder)
    exec(dot.python, {})
    assert capsys.readouterr().out.count("\n0.5 [") == 1


def test_fields_that_differ_in_late_digits_are_two(tmp_path):
    fields = Fields((1.0, 1.0000001), n_states=2)
    options = {"n_orbitals": 3, "refinements": 0, "estimate": False}
    dot = OneDot(double_dot(), GRID, GAAS, options, (1,), n_sites=1, fields=fields)
    solved = parts.solve_dot(dot, tmp_path, "dot", progress=False)
    assert [row.label for row in solved.of("field_energy")] == ["1, 0", "1, 1", "1.0000001, 0", "1.0000001, 1"]
    assert (tmp_path / "parts/field-N1-B1.0000001.npz").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["field.B=100"], "field.B: expected at most .* where the magnetic length is 2 points"),
        (["field.B=strong"], "field.B: expected a number, got 'strong'. It is given in tesla"),
        (["field.gradient=0.1"], "field.gradient: expected a field, such as field.B=0, got none"),
        (["field.g=3"], "field.g: expected a field, such as field.B=0, got none"),
        (["field.n_states=4"], "field.n_states: expected a field, such as field.B=0, got none"),
        (["field.B=1", "field.n_states=1"], "field.n_states: expected"),
    ],
)
def test_bad_fields_are_one_error(tmp_path, words, message):
    np.save(tmp_path / "dot.npy", double_dot())
    done = call("solve", "V=dot.npy", "extent=90", *words, cwd=tmp_path)
    assert done.returncode == 2 and re.search(message, done.stderr) and not (tmp_path / "runs").exists()
