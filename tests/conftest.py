"""A dataset and runs of seconds, made once by all processes of a session."""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

# small networks on one thread: faster than two, and no two tests' threads wait for each other
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"

import pytest  # noqa: E402
from filelock import FileLock  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from small import ROOT, SHORT, SMALL_DATA, SMALL_ISING, SMALL_NETWORKS, SMALL_REGRESSOR, configuration, wait_until  # noqa: E402

ZYGOTE = ROOT / "tests" / "zygote.py"


@pytest.fixture(scope="session", autouse=True)
def coarse_pictures():
    """Pages have coarse pictures, drawn without the search for a layout; the folder reports/ sees those of users."""
    fine = Figure.savefig

    def coarse(figure, target, **options):
        if isinstance(target, io.BytesIO):
            figure.set_layout_engine("none")
            options["dpi"] = 20
        fine(figure, target, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", coarse)
        yield fine


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    """The folder of the datasets of all test processes: what one has generated, the others read."""
    root = common(tmp_path_factory) / "data"
    root.mkdir(exist_ok=True)
    return root


def common(factory):
    """The folder of the session that all test processes share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def copy_of(factory, name, make):
    """This process's copy of a folder that the first process to need it has made with ``make(folder)``."""
    folder, done = (common(factory) / f"{name}{part}" for part in ("", ".done"))
    with FileLock(common(factory) / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return Path(shutil.copytree(folder, factory.mktemp(name) / "run"))


def copy_of_run(factory, name, words):
    """This process's copy of the folder of a run."""
    from qd_pix2pix.training.run import train

    return copy_of(factory, name, lambda run: train(configuration("train", *words), run))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """Function of a name and of ``make(folder)`` that returns a copy of the folder, made once by all processes."""
    return partial(copy_of, tmp_path_factory)


@pytest.fixture(scope="session")
def small_words(data_root):
    """Words of a training run of seconds; its dataset is made once a session."""
    return [*SMALL_DATA, *SMALL_NETWORKS, *SHORT, f"data_root={data_root}", "launcher.workers=1", "checkpoint_every=3"]


@pytest.fixture(scope="session")
def regressor_words(small_words):
    """The same with the regressor, in batches of four and in single precision."""
    kept = [word for word in small_words if word not in SMALL_NETWORKS]
    return [*kept, *SMALL_REGRESSOR, "loader.batch_size=4", "trainer.precision=32-true"]


def stored(data_root, *words):
    from qd_pix2pix.data.generate import generate
    from qd_pix2pix.data.launchers import LocalLauncher
    from qd_pix2pix.data.store import Store

    return Store(generate(configuration("generate", *SMALL_DATA, *words)["data"], data_root, LocalLauncher(1)))


@pytest.fixture(scope="session")
def ising_store(data_root):
    """Lattices of 8 x 8 spins."""
    from qd_pix2pix.data.generate import generate
    from qd_pix2pix.data.launchers import LocalLauncher
    from qd_pix2pix.data.store import Store

    return Store(generate(configuration("generate", *SMALL_ISING)["data"], data_root, LocalLauncher(1)))


@pytest.fixture(scope="session")
def small_store(data_root):
    """Dots of two electrons."""
    return stored(data_root)


@pytest.fixture(scope="session")
def single_store(data_root):
    """The same potentials with one electron."""
    return stored(data_root, "data.n_electrons=1")


@pytest.fixture(scope="session")
def small_run(small_words, tmp_path_factory):
    """The folder of a finished run."""
    return copy_of_run(tmp_path_factory, "small", small_words)


@pytest.fixture(scope="session")
def regressor_run(regressor_words, tmp_path_factory):
    """The folder of a finished run of a regressor that is not equivariant, with every output."""
    words = [*regressor_words, "network.equivariant=false", "mapping=V_to_all"]
    return copy_of_run(tmp_path_factory, "regressor", words)


@pytest.fixture(scope="session")
def range_run(regressor_words, tmp_path_factory):
    """The folder of a finished run of a regressor for one and two electrons."""
    words = [*regressor_words, "range.n_electrons=[1,2]", "trainer.max_steps=12"]
    return copy_of_run(tmp_path_factory, "range", words)


@pytest.fixture(scope="session")
def zygote():
    """The command that stands for the training program: it forks a process that has imported torch once."""
    with tempfile.TemporaryDirectory(prefix="zygote") as folder:  # the name of a socket is short
        path = Path(folder) / "s"
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, str(ZYGOTE), str(path)], env=environment, stdin=subprocess.DEVNULL)
        try:
            wait_until(path.exists, process)
            yield (sys.executable, str(ZYGOTE), str(path))
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def forked(zygote, monkeypatch):
    """Sweeps of this process fork their trainings."""
    from qd_pix2pix.sweeps import work

    monkeypatch.setattr(work, "COMMAND", zygote)


@pytest.fixture(scope="module")
def forked_here(zygote):
    """The same, for fixtures of a module."""
    from qd_pix2pix.sweeps import work

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "COMMAND", zygote)
        yield
