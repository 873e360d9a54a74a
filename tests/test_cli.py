"""The programs as a user meets them: every wrong override is one clear error that names the choices."""

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from small import ROOT, call

from qd_pix2pix import cli, files
from qd_pix2pix.cli import folders, guarded, overrides, split_arguments
from qd_pix2pix.cli.__main__ import main
from qd_pix2pix.cli.compose import compose_config
from qd_pix2pix.cli.errors import EXTRAS, first_cause, missing_extra
from qd_pix2pix.cli.folders import claimed, resumed
from qd_pix2pix.cli.overrides import check_overrides, keep_text, quoted, run_folder
from qd_pix2pix.files import conf_folder
from qd_pix2pix.provenance import read_overrides, write_overrides
from qd_pix2pix.training.checkpoint import read_checkpoint

MISSING = [
    ("optuna", ["-m", "search=optuna", "seed=0,1"], "search"),
    ("submitit", ["-m", "jobs=submitit", "seed=0,1"], "cluster"),
    ("wandb", ["logger=wandb"], "wandb"),
    ("tensorboard", ["logger=tensorboard"], "tensorboard"),
    ("neuralop", ["model=regressor", "network=fno"], "fno"),
]


@pytest.mark.parametrize(("library", "words", "extra"), MISSING, ids=[library for library, *_ in MISSING])
def test_a_library_that_is_not_installed_is_one_line_with_its_extra(library, words, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)  # its import raises ModuleNotFoundError
    monkeypatch.setitem(sys.modules, f"{library}.models", None)
    monkeypatch.delitem(sys.modules, "qd_pix2pix.sweeps.search", raising=False)
    done = call("train", *words, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ") and f"pip install 'qd_pix2pix[{extra}]'" in done.stderr
    assert not [*tmp_path.rglob("*.h5")] and not [*tmp_path.rglob("*.ckpt")], "work was done before"


def test_extras_are_those_of_the_package():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS.values()) <= set(extras)
    own = ModuleNotFoundError("No module named 'qd_pix2pix.nothing'", name="qd_pix2pix.nothing")
    assert not missing_extra(own) and not missing_extra(ImportError("optuna")) and not missing_extra("optuna")


def run(program, *words, cwd, **options):
    command = [sys.executable, str(ROOT / f"{program}.py"), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, **options)


@pytest.mark.parametrize(
    ("program", "word", "choices"),
    [
        ("train", "model=pix3pix", ["pix2pix"]),
        ("train", "mapping=V_to_rho", ["V_to_nint", "nint_to_V"]),
        ("train", "modle=pix2pix", ["Did you mean model?", "mapping"]),
        ("train", "model.discriminator.layer=3", ["Did you mean layers?", "kernel_size"]),
        ("train", "model.network.levels=3", ["write network.levels="]),
        ("train", "seed.x=3", ["single value"]),
        ("train", "trainer.max_step=3", ["Did you mean max_steps?"]),
        ("train", "network.norm=layer", ["instance, batch, none"]),
        ("train", "model.adversarial_loss=wgan", ["bce, least_squares"]),
        ("train", "trainer.precision=17", ["bf16"]),
        ("train", "trainer.gradient_clip_val=1", ["no such option"]),
        ("train", "+trainer.gradient_clip_val=1", ["model.gradient_clip"]),
        ("train", "trainer.max_epochs=0", ["at least one step"]),
        ("train", "loader.jitter=10", ["64"]),
        ("train", "loader.batch_size=0", ["at least 1"]),
        ("train", "loader.batch_size=two", ["whole number"]),
        ("train", "loader.symmetry=maybe", ["true or false"]),
        ("train", "loader.shift=5", ["loader.shift", "mu_high"]),
        ("train", "loader.shift=[mu_low,mu_high]", ["loader.shift: expected columns out of", "got 'mu_low'"]),
        ("train", "experiment=chain mapping.also=[energy]", ["loader.shift", "energy does"]),
        ("train", "loader.cache_gib=-1", ["at least 0"]),
        ("train", "model.optimizer.lr=fast", ["a number"]),
        ("train", "model.gradient_clip=tight", ["expected a positive number"]),
        ("train", "trainer.max_steps=0", ["trainer.max_steps"]),
        ("train", "trainer.val_check_interval=0", ["trainer.val_check_interval"]),
        ("train", "checkpoint_every=0", ["checkpoint_every"]),
        ("train", "seed=-1", ["seed"]),
        ("train", "data_root=null", ["data_root"]),
        ("train", "network.in_channels=2", ["channels"]),
        ("train", "mapping.also=[n0]", ["mapping.also", "model=regressor"]),
        ("train", "range.n_electrons=[1,2]", ["range", "model=regressor"]),
        (
            "train",
            "model=regressor range.n_electrons=[1,2] data.n_electrons=3",
            ["data.n_electrons: expected no single value beside range.n_electrons=[1,2]", "range.n_electrons=null"],
        ),
        ("train", "experiment=chain data.sites=12", ["data.sites", "range.sites=null"]),
        ("train", "model=regressor range.material=[gaas,si] material=si", ["material", "range.material=null"]),
        ("train", "range.n_electrons=two", ["range.n_electrons", "[1, 2]"]),
        ("train", "model=regressor model.density.loss.l3=1", ["Choices", "likelihood"]),
        ("train", "model=regressor model.density.head=softmax", ["charge, positive, bounded"]),
        ("train", "model=regressor range.material=[gaas,gold]", ["gaas, gan, germanium", "inas, insb", "si, si_mos"]),
        ("train", "model=regressor network.padding=mirror", ["zeros, circular"]),
        ("train", "model=regressor data.grid.n=40", ["multiple of 16"]),
        ("train", "model.optimizer.lr=-1", ["model.optimizer"]),
        ("generate", f"check={ROOT / 'README.md'}", ["no dataset is there"]),
        ("train", "data.grid.n=60", ["multiple of 64"]),
        ("train", "ckpt_path=none.ckpt", ["none.ckpt"]),
        ("generate", "material=gold", ["gaas", "si"]),
        ("generate", "experiment=chain -m", ["-m", "a dataset each"]),
        ("generate", "data.n_electrons=two", ["n_electrons"]),
        ("generate", "check=nowhere", ["nowhere"]),
        ("evaluate", "chekpoint=x", ["Did you mean checkpoint?"]),
        ("evaluate", "checkpoint=x", ["checkpoint: expected a file, or one of bose-hubbard", "got 'x'"]),
        ("evaluate", "checkpoint=x.safetensors", ["x.safetensors is not there", "save="]),
        # a part is replaced by a value, an option by a list
        ("train", "data.material=5", ["data.material: expected its parts"]),
        ("train", "model.network=inf", ["model.network: ", "write network="]),
        ("train", "network=inf", ["conf/network/NAME.yaml"]),
        ("train", "trainer=[1]", ["conf/trainer/NAME.yaml"]),
        ("train", "data_root=[a]", ["data_root: expected a text"]),
        ("train", "trainer.max_time=True", ["trainer.max_time: expected days:hours:minutes:seconds"]),
        # what a class does not know
        ("train", "+model.foo=1", ["model.foo: Pix2Pix has no such option", "lambda_rec"]),
        ("train", "+trainer.overfit_batch=1", ["Did you mean overfit_batches?"]),
        ("train", "+model.optimizer.learning=1", ["model.optimizer.learning"]),
        ("train", "++network.level=1", ["network.level", "Did you mean levels?"]),
        # several values, and flags
        ("train", "seed=0,1", ["python train.py -m seed=0,1", "\"seed='0,1'\""]),
        ("generate", "data.n_electrons=range(1,3)", ["expected one value"]),
        ("evaluate", "checkpoint=a,b", ["expected one value", "\"checkpoint='a,b'\""]),
        ("train", "-m --dry seed=0", ["--dry: no such flag", "dry=..."]),
        ("generate", "--workers=3", ["--workers=3: no such flag", "workers=..."]),
        ("train", "--cfg=jobs", ["--cfg"]),
        ("train", "-m --config-dir=x seed=0,1", ["hydra.searchpath"]),
        ("report", "--sweep=x", ["sweep=NAME"]),
        ("report", "sweep=%s", ["%s holds no runs"]),
        # folders
        ("train", "hydra.searchpath=[file://nowhere]", ["hydra.searchpath", "nowhere is not there"]),
        ("train", "hydra.run.dir=/proc/run", ["hydra.run.dir: no run can be written to /proc/run", "another folder"]),
        ("train", "-m seed=0,1 sweep.name=../..", ["sweep.name", "without slashes", "sweep.folder"]),
        ("train", "-m seed=0,1 sweep.name=/tmp/x", ["sweep.name"]),
        ("train", "-m seed=0,1 sweep.name=a/b", ["sweep.name"]),
        ("train", "-m seed=0,1 sweep.name=..", ["sweep.name"]),
        ("evaluate", "checkpoint=x conditions=3", ["conditions"]),
    ],
)
def test_wrong_overrides_are_one_clear_error(tmp_path, program, word, choices):
    done = call(program, *word.split(), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("error:") == 1
    for choice in choices:
        assert choice in done.stderr
    assert not (tmp_path / "data").exists() and not list(tmp_path.rglob("record.json")), "work was begun"


@pytest.mark.parametrize("program", cli.PROGRAMS)
def test_a_program_is_a_file_of_the_root_and_a_command_of_the_package(tmp_path, program):
    """One process each, in another folder: the error goes to stderr alone, and the status is 2."""
    wrong = "swep=x" if program == "report" else "data_root=null"
    as_module = [sys.executable, "-m", "qd_pix2pix.cli", program, wrong]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(as_module, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == call(program, wrong, cwd=tmp_path).stderr
    text = (ROOT / f"{program}.py").read_text()
    assert f"import {program}\n" in text and f"    {program}()\n" in text


def test_the_module_without_a_program_names_them(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cli", "tain"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "train,generate,evaluate,solve,report" in capsys.readouterr().err


def test_help_and_configuration_are_shown(tmp_path):
    done = run("train", "--cfg", "job", "mapping=nint_to_V", cwd=tmp_path)
    assert done.returncode == 0
    assert "source: n_int" in done.stdout


@pytest.mark.parametrize(
    ("program", "words", "shown"),
    [
        ("train", "-m --help", "Groups: GROUP=OPTION"),
        ("train", "--help", "Groups: GROUP=OPTION"),
        ("evaluate", "--help", "checkpoint=null"),
        ("train", "-m seed=3,4 --cfg=job", "seed: 3"),
        ("train", "seed=5 -m --cfg job", "seed: 5"),
        ("train", "--multirun --info=searchpath", "Config search path"),
        ("generate", "-c job material=si", "eps_r: 11.7"),
        ("solve", "--help", "V=null"),
        ("solve", "-h", "field.B=null"),
        ("report", "--help", "python report.py sweep=NAME"),
        ("report", "-h", "python report.py sweep=NAME"),
    ],
)
def test_flags_of_hydra_reach_hydra(tmp_path, program, words, shown):
    done = call(program, *words.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout
    assert not list(tmp_path.iterdir()), "work was begun"


def test_flags_and_overrides_may_be_mixed():
    assert split_arguments(["a=1", "-m", "b=2", "--cfg", "job", "c=3"]) == (
        ["--cfg=job", "--multirun"],
        ["a=1", "b=2", "c=3"],
    )


def test_added_overrides_reach_the_trainer(tmp_path):
    """What Hydra lets a user add is Lightning's to judge."""
    done = call("train", "+trainer.limit_val_batches=2.5", cwd=tmp_path)
    assert done.returncode == 2 and "limit_val_batches" in done.stderr


# --- text that looks like something else


PATHS = {
    "train": ("data_root", "ckpt_path", "sweep.name", "sweep.folder", "hydra.run.dir"),
    "evaluate": ("checkpoint", "input", "output", "save", "export", "data_root"),
    "generate": ("check", "data_root"),
}


@pytest.mark.parametrize("text", ["20261125", "1_000", "007", "1e3", "on", "True", ".5", "inf", "-3"])
@pytest.mark.parametrize("name", PATHS)
def test_paths_and_names_keep_their_text(name, text):
    config = check_overrides(name, keep_text([f"{key}={text}" for key in PATHS[name]]))
    assert {OmegaConf.select(config, key) for key in PATHS[name]} == {text}


@pytest.mark.parametrize(
    "text",
    ["V (1).npy", "/home/jürgen/V.npy", "/家/V.npy", "epoch=3-step=20.ckpt", "Gamma[eV]", "it's.npy", "~/a#b;c&d"],
)
@pytest.mark.parametrize("name", PATHS)
def test_paths_may_have_all_letters_and_signs(name, text):
    config = check_overrides(name, keep_text([f"{key}={text}" for key in PATHS[name]]))
    assert {OmegaConf.select(config, key) for key in PATHS[name]} == {text}


@pytest.mark.parametrize("text", ["2026", "labels (1).npz"])
def test_paths_of_pairs_and_devices_keep_their_text(text):
    config = check_overrides("train", keep_text(["data=pairs", f"data.path={text}"]))
    assert config.data.path == text
    assert check_overrides("solve", keep_text([f"device={text}", f"V={text}"])).device == text


@pytest.mark.parametrize("word", ["logger.project=1_000", "launcher.scheduler=007", "+logger.name=1e3"])
def test_names_of_options_keep_their_text(word):
    key, _, text = word.lstrip("+").partition("=")
    config = check_overrides("train", keep_text(["logger=wandb", "launcher=dask", word]))
    assert OmegaConf.select(config, key) == text


@pytest.mark.parametrize(
    "word",
    [
        "data_root=a b",
        "data_root='007'",
        "ckpt_path=null",
        "seed=007",
        "sweep.name=1,2",
        "+x=5",
        "data_root=${x}",
        "data_root='a",
    ],
)
def test_other_overrides_are_left_as_they_are(word):
    assert keep_text([word]) == [word]


def test_null_is_no_text_where_one_is_needed(tmp_path):
    assert "data_root: expected a text" in call("generate", "data_root=null", cwd=tmp_path).stderr
    assert check_overrides("train", ["ckpt_path=null"]).ckpt_path is None
    config = check_overrides("train", ["experiment=universal", "mapping.quantile=null", "mapping.prior=null"])
    assert config.mapping.quantile is None and config.mapping.prior is None, "both are optional"


# --- conditions of evaluate.py


def test_unknown_options_of_evaluate_are_conditions():
    given = overrides.with_conditions(["checkpoint=x", "coupling=0.5", "material=gaas", "n_electrons=2", "coupling=1"])
    assert OmegaConf.to_container(check_overrides("evaluate", given).conditions) == {
        "coupling": 1,
        "material": "gaas",
        "n_electrons": 2,
    }


@pytest.mark.parametrize("word", ["inptu=x", "launchr=dask", "launcher=local", "+a=1", "launcher.workers=2", "~input"])
def test_what_resembles_an_option_is_no_condition(word):
    assert overrides.with_conditions([word]) == [word]


@pytest.mark.slow
def test_an_experiment_makes_its_datasets_one_for_each_value_of_its_ranges(tmp_path):
    sizes = ["data.train=2", "data.val=1", "data.test=1"]
    call("generate", "experiment=chain", "range.sites=[4,6]", *sizes, f"data_root={tmp_path}")
    recipes = [json.loads(path.read_text()) for path in tmp_path.glob("*/recipe.json")]
    assert sorted(recipe["sites"] for recipe in recipes) == [4, 6]


# --- options of a user's own folder


def test_a_folder_of_own_options_is_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "my/conf"
    (own / "network").mkdir(parents=True)
    text = (ROOT / "conf/network/unet.yaml").read_text()
    (own / "network/mine.yaml").write_text(text + "\n")
    (own / "experiment").mkdir()
    (own / "experiment/first.yaml").write_text("# @package _global_\nseed: 77\n")
    search = "hydra.searchpath=[file://my/conf]"
    config = check_overrides("train", [search, "network=mine", "experiment=first", "network.levels=5"])
    assert (config.seed, config.network.levels) == (77, 5)
    assert "seed: 77" in call("train", search, "experiment=first", "--cfg=job").stdout
    assert "seed: 77" in call("generate", search, "experiment=first", "--cfg=job").stdout
    with pytest.raises(ValueError, match="Did you mean levels?"):
        check_overrides("train", [search, "network=mine", "network.level=5"])
    from qd_pix2pix.sweeps.plan import make_plan

    runs = make_plan([search, "network=mine,unet", "experiment=first", "network.levels=5,6"]).runs()
    assert all(search in made.overrides for made in runs) and {made.config["seed"] for made in runs} == {77}


def test_the_configuration_is_part_of_the_package_or_beside_it(tmp_path, monkeypatch):
    assert conf_folder() == ROOT / "conf"
    monkeypatch.setattr(files, "__file__", str(tmp_path / "site-packages/qd_pix2pix/files.py"))
    with pytest.raises(FileNotFoundError, match="conf: .*neither is there; install the package again"):
        conf_folder()
    inside = tmp_path / "site-packages/qd_pix2pix/conf"
    inside.mkdir(parents=True)
    (inside / "train.yaml").touch()
    assert conf_folder() == inside


# --- errors, the terminal, Ctrl-C


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ({"_target_": "pathlib.Path.home", "x": 1}, "inner: .*unexpected keyword argument 'x'"),
        ({"_target_": "email.utils.parsedate_tz", "data": 3}, "inner: 'int' object has no attribute 'split'"),
        ({"_target_": "solvers.Grid", "n": -1, "extent": 1.0}, "^(?!inner)"),  # ours name the key themselves
    ],
)
def test_a_class_that_refuses_its_settings_is_named_by_their_key(inner, said):
    with pytest.raises(InstantiationException) as caught:
        instantiate({"_target_": "builtins.dict", "inner": inner})
    assert re.search(said, first_cause(caught.value))


def leave(task):
    with pytest.raises(SystemExit) as left:
        guarded(task)
    return left.value.code


def raise_(error):
    raise error


def test_ctrl_c_is_status_130_without_a_traceback(capsys):
    assert leave(lambda: raise_(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "\nstopped\n"


def test_a_defect_keeps_its_traceback():
    with pytest.raises(TypeError):
        guarded(lambda: raise_(TypeError("defect")))


def test_lightning_s_word_for_bad_settings_is_expected(capsys):
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    assert leave(lambda: raise_(MisconfigurationException("no such thing"))) == 2
    assert capsys.readouterr().err == "error: no such thing\n"

    class MisconfigurationException(Exception):  # noqa: F811
        pass

    with pytest.raises(MisconfigurationException):
        guarded(lambda: raise_(MisconfigurationException("a stranger of the same name")))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_reported_with_the_file_and_what_is_kept(capsys, number):
    assert leave(lambda: raise_(OSError(number, os.strerror(number), "runs/x/last.ckpt"))) == 2
    told = capsys.readouterr().err
    assert f"runs/x/last.ckpt: {os.strerror(number)}" in told and "kept" in told and "same command" in told


def test_a_terminal_that_is_not_utf_8_fails_no_finished_work(monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    for name, stream in zip(("stdout", "stderr"), streams, strict=True):
        monkeypatch.setattr(sys, name, stream)
    guarded(lambda: (print("R² 0.9, 10⁻³ nm⁻²"), print("−7", file=sys.stderr)))
    monkeypatch.undo()
    for stream, text in zip(streams, (b"R? 0.9, 10?? nm??\n", b"?7\n"), strict=True):
        stream.flush()
        assert stream.buffer.getvalue() == text


@pytest.mark.slow
@pytest.mark.parametrize(("module", "words"), [("hydra", []), ("torch", ["seed=1"])])
def test_ctrl_c_while_modules_are_imported_ends_at_once(tmp_path, module, words):
    """The module makes something else of the interruption, as C extensions do."""
    (tmp_path / module).mkdir()
    (tmp_path / module / "__init__.py").write_text(
        "import os, signal, time\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(30)\n"
        "except BaseException:\n    raise ImportError('cannot import')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    listen = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    done = run("train", *words, cwd=tmp_path, env=environment, **listen)
    assert (done.returncode, done.stderr.strip()) == (130, "stopped")


# --- folders of runs


def test_two_runs_of_the_same_second_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = check_overrides("train", [])
    found = [claimed(config, []) for _ in range(3)]
    names = [word.removeprefix("hydra.run.dir=").strip("'") for (word,) in found]
    assert names == [str(run_folder(config)), f"{run_folder(config)}-2", f"{run_folder(config)}-3"]
    assert all(Path(name).is_dir() for name in names)


def test_processes_of_one_run_need_one_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_NTASKS", "2")
    config = check_overrides("train", ["trainer=ddp"])
    with pytest.raises(ValueError, match="hydra.run.dir=FOLDER or ckpt_path=auto"):
        claimed(config, [])
    config = check_overrides("train", ["trainer=ddp", "hydra.run.dir=x"])
    assert claimed(config, ["hydra.run.dir=x"]) == [] == claimed(config, ["hydra.run.dir=x"])
    assert claimed(check_overrides("train", []), []) != []  # four runs in one allocation


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    monkeypatch.setattr(folders.tempfile, "TemporaryFile", deny)
    done = call("train", "hydra.run.dir=there")
    assert done.returncode == 2 and "no run can be written to there (Permission denied)" in done.stderr
    monkeypatch.setattr(Path, "mkdir", deny)
    assert "Permission denied" in call("train").stderr


def made(run, *words, checkpoint="last.ckpt"):
    """A run's folder with a checkpoint and the overrides it was trained with."""
    (run / "checkpoints").mkdir(parents=True)
    path = run / "checkpoints" / checkpoint
    path.touch()
    write_overrides(run, words)
    return path


def test_a_resumed_run_has_the_overrides_it_was_trained_with(tmp_path):
    last = made(tmp_path / "r", "seed=3", "model=regressor", "data_root='007'", "ckpt_path=x")
    assert read_overrides(tmp_path / "r") == ["seed=3", "model=regressor", "data_root='007'"]
    given = [f"ckpt_path={last}", "seed=4"]
    folder = f"hydra.run.dir={quoted(tmp_path / 'r')}"
    assert resumed(given) == ["model=regressor", "data_root='007'", folder, *given]
    assert resumed([*given, "hydra.run.dir=x"]) == ["model=regressor", "data_root='007'", *given, "hydra.run.dir=x"]


def test_the_overrides_of_older_runs_are_read(tmp_path):
    last = made(tmp_path / "r", "seed=3")
    (tmp_path / "r/overrides.json").rename(tmp_path / "r/words.json")
    assert "seed=3" in resumed([f"ckpt_path={last}"])


def test_checkpoints_behind_a_link_belong_to_the_run_that_has_the_link(tmp_path, monkeypatch):
    """Checkpoints on another disk; and a run that is linked as a whole, or named with dots."""
    run = tmp_path / "w/r1"
    made(run, "seed=3")
    (tmp_path / "scratch").mkdir()
    (run / "checkpoints").rename(tmp_path / "scratch/ck")
    (run / "checkpoints").symlink_to(tmp_path / "scratch/ck")
    assert resumed([f"ckpt_path={run}/checkpoints/last.ckpt"])[:2] == ["seed=3", f"hydra.run.dir={quoted(run)}"]
    (tmp_path / "direct").symlink_to(tmp_path / "w/r1/checkpoints/last.ckpt")
    made(tmp_path / "z", "seed=9")
    (tmp_path / "link.ckpt").symlink_to(tmp_path / "z/checkpoints/last.ckpt")
    assert resumed([f"ckpt_path={tmp_path}/link.ckpt"])[0] == "seed=9"
    monkeypatch.chdir(run / "checkpoints")
    dotted = f"ckpt_path={run}/../r1/checkpoints/last.ckpt"
    assert resumed([dotted])[1] == f"hydra.run.dir={quoted(run)}"


# --- ckpt_path=auto: the same command again


SHORT = ["model=regressor", "trainer.max_steps=7"]


def folder_of(words):
    return Path(overrides.value_of(overrides.by_key(words)["hydra.run.dir"]))


def test_auto_names_the_folder_by_what_the_run_finds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = resumed([*SHORT, "ckpt_path=auto"])
    assert first == [*SHORT, first[-1]] and first[-1].startswith("hydra.run.dir=")
    folder = folder_of(first)
    assert folder.parent == Path("runs/V_to_nint-regressor") and len(folder.name) == 12
    assert resumed(["ckpt_path=auto", *SHORT[::-1], "launcher.workers=1", "logger=wandb"])[-1] == first[-1]
    assert folder_of(resumed([*SHORT, "seed=1", "ckpt_path=auto"])) != folder


def test_auto_resumes_from_the_last_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = folder_of(resumed([*SHORT, "ckpt_path=auto"]))
    last = made(folder, *SHORT)
    again = resumed([*SHORT, "ckpt_path=auto"])
    assert overrides.by_key(again) == overrides.by_key([*SHORT, f"hydra.run.dir={quoted(folder)}"]) | {
        "ckpt_path": f"ckpt_path={quoted(last)}"
    }


def test_auto_takes_the_folder_that_is_given(tmp_path):
    where = f"hydra.run.dir={quoted(tmp_path / 'my (run)')}"
    assert resumed([where, "ckpt_path=auto", *SHORT]) == [*SHORT, where]
    last = made(tmp_path / "my (run)", *SHORT, "seed=5")
    assert resumed([where, "ckpt_path=auto"]) == [*SHORT, "seed=5", where, f"ckpt_path={quoted(last)}"]


def test_auto_starts_anew_where_no_checkpoint_can_be_resumed(tmp_path, monkeypatch):
    """Killed between its first validation and its first checkpoint; but never from under a run that is alive."""
    from filelock import FileLock

    best = made(tmp_path / "r", checkpoint="best.ckpt")
    given = [f"hydra.run.dir={quoted(tmp_path / 'r')}", "ckpt_path=auto"]
    with FileLock(tmp_path / "r/.lock"), pytest.raises(ValueError, match="another process is training"):
        resumed(given)
    monkeypatch.setenv("SLURM_PROCID", "1")
    resumed(given)
    assert best.exists(), "not the first of its processes"
    monkeypatch.delenv("SLURM_PROCID")
    assert resumed(given) == given[:1] and not best.exists()


def test_the_same_command_again_goes_on(regressor_words, small_store, tmp_path, monkeypatch):
    """Three steps are trained, then the same command makes the other three."""
    del small_store
    for name in ("evaluate_split", "overall"):
        monkeypatch.setattr(f"qd_pix2pix.training.run.{name}", lambda *_: {})
    words = [*regressor_words, "trainer.max_epochs=-1", f"hydra.run.dir={tmp_path / 'r'}", "ckpt_path=auto"]
    for steps in (3, 6):
        done = call("train", *words, f"trainer.max_steps={steps}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert read_checkpoint(tmp_path / "r/checkpoints/last.ckpt")["global_step"] == steps
    assert (tmp_path / "r/csv/version_1").is_dir()


def test_hydra_is_left_as_it_was():
    from hydra.core.hydra_config import HydraConfig

    before = HydraConfig.instance().cfg
    run_folder(compose_config("train", [], with_hydra=True))
    assert HydraConfig.instance().cfg is before
