"""Parts of an array on any workers give the bits of one process, whichever slabs have one, two or more values."""

from contextlib import contextmanager
from functools import partial

import h5py
import numpy as np
import pytest
import torch
from exact_ising import exact_predictor

from qd_pix2pix.data.launchers import DaskLauncher, LocalLauncher
from qd_pix2pix.inference import stream as module
from qd_pix2pix.inference import stream_parts as parts_module
from qd_pix2pix.inference.stream import stream
from qd_pix2pix.inference.stream_parts import stream_parts
from qd_pix2pix.networks import EDNN, Window


class Here:
    """Jobs in this process, in reverse order."""

    done = 0

    def check(self):
        pass

    @contextmanager
    def open(self):
        def run(function, jobs):
            for name in reversed(jobs):
                self.done += 1
                yield name, function(*jobs[name])

        yield run


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def ednn():
    torch.manual_seed(0)
    return EDNN(partial(Window, channels=(6, 5)), out_channels=2, padding="circular")


def spins(*shape):
    return (2 * np.random.default_rng(0).integers(0, 2, shape) - 1).astype(np.int8)


def fields():
    """Two values; continuous; one value at first, in the middle, at the end; a third value; another pair."""
    two = spins(48, 32)
    first, later, third, pair = two.copy(), two.copy(), two.copy(), two.copy()
    first[:17], first[30:37] = 1, -1
    later[20:], later[3] = 1, 1
    third[:9], third[9:24] = 1, 3
    pair[:20], pair[20:34] = 1, 2 + (two[20:34] > 0)
    return {
        "two": two, "normal": np.random.default_rng(1).normal(size=(48, 32)), "first": first, "later": later,
        "third": third, "pair": pair, "one": np.ones_like(two),
    }  # fmt: skip


@pytest.mark.parametrize("parts", [1, 3, 5, 64])
@pytest.mark.parametrize("name", fields())
def test_parts_are_one_process_bit_for_bit(name, parts, tmp_path, monkeypatch):
    plan = module.plan
    for place in (module, parts_module):
        monkeypatch.setattr(place, "plan", lambda *given: (plan(*given)[0], 4))
    x, network = fields()[name], ednn()
    np.save(tmp_path / "x.npy", x)
    whole, launcher = stream(network, x, progress=False, device="cpu"), Here()
    found = stream_parts(network, tmp_path / "x.npy", launcher, parts=parts, progress=False)
    assert (found.sums == whole.sums).all() and found.tabulated == whole.tabulated and found.tiles == whole.tiles
    assert launcher.done >= min(parts, 12) // 2 and (name == "normal") <= (whole.tabulated == 0)


def test_datasets_and_predictors(tmp_path):
    predictor, x = exact_predictor()[0], spins(40, 30)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["deep/spins"] = x
    found = stream_parts(predictor, {"spins": f"{tmp_path / 'x.h5'}:deep/spins"}, Here(), progress=False)
    bonds = x * np.roll(x, -1, 0) + x * np.roll(x, -1, 1)
    assert found.outputs == stream(predictor, x, progress=False, device="cpu").outputs
    assert found.outputs["energy"] == pytest.approx(-bonds.sum(dtype=float), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [LocalLauncher(2), DaskLauncher(workers=2)])
def test_processes(launcher, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(3000, 1000)))
    network = ednn()
    whole = stream(network, np.load(tmp_path / "x.npy"), progress=False, device="cpu", memory=2**24)
    found = stream_parts(network, tmp_path / "x.npy", launcher, memory=2**24, parts=6, progress=False)
    assert (found.sums == whole.sums).all()


@pytest.mark.parametrize(("files", "error", "match"), [
    ("x.npz", ValueError, "files: expected a .npy file, or one of HDF5 .*got 'x.npz'"),
    ("none.npy", FileNotFoundError, "files: none.npy is not there"),
    ("x.h5:other", FileNotFoundError, "has no dataset other; it has spins"),
    ("text.npy", ValueError, "files: text.npy is damaged"),
])  # fmt: skip
def test_bad_files_are_named(files, error, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.npy").write_text("no array")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["spins"] = spins(8, 8)
    with pytest.raises(error, match=match):
        stream_parts(ednn(), files, Here())
    with pytest.raises(ValueError, match="parts: expected a whole number of at least 1"):
        stream_parts(ednn(), "x.h5:spins", Here(), parts=0)
