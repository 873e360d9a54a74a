"""Two processes learn what one learns: of the same dots, with the same measures, in one log."""

import csv
import json
import os
import signal
import subprocess
import sys

import pytest
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from small import ROOT, SMALL_DATA, SMALL_NETWORKS, SMALL_REGRESSOR, call, configuration, start, wait_until

from qd_pix2pix.data.sampler import ResumableBatches
from qd_pix2pix.training.distributed import check_devices, is_first, settle_rank, started_elsewhere, world_size

WORDS = [
    *SMALL_DATA,
    "trainer.max_steps=8",
    "trainer.val_check_interval=4",
    "trainer.log_every_n_steps=1",
    "trainer.accelerator=cpu",
    "launcher.workers=1",
    "checkpoint_every=2",
]
KINDS = {
    "pix2pix": ([*SMALL_NETWORKS, "model.optimizer.lr=1e-3"], "ddp"),
    "regressor": ([*SMALL_REGRESSOR, "trainer.precision=32-true", "model.optimizer.lr=1e-2"], "regression_ddp"),
}


def command(data_root, run, *words):
    return [sys.executable, "train.py", *WORDS, f"data_root={data_root}", f"hydra.run.dir={run}", *words]


def train(data_root, run, *words):
    done = subprocess.run(command(data_root, run, *words), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def log(run):
    rows = []
    for version in sorted((run / "csv").iterdir()):
        rows += csv.DictReader((version / "metrics.csv").open())
    return {(name, row["step"]): float(v) for row in rows for name, v in row.items() if v and name not in ("step",)}


def measures(run):
    return json.loads((run / "test" / "metrics.json").read_text())["measures"]


@pytest.fixture(scope="module", params=KINDS)
def runs(request, data_root, small_store, tmp_path_factory):
    """The words of a model, its run in one process, and in two with half a batch each."""
    words, trainer = KINDS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    done = call("train", *command(data_root, folder / "one", *words, "loader.batch_size=4")[2:], cwd=ROOT)
    assert done.returncode == 0, done.stderr
    parallel = [*words, "loader.batch_size=2", f"trainer={trainer}"]
    train(data_root, folder / "two", *parallel)
    return parallel, folder


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(runs):
    _, folder = runs
    one, two = log(folder / "one"), log(folder / "two")
    assert one.keys() == two.keys() and len(one) > 40
    for key, value in one.items():
        if key[0] == "train/dots_per_second":  # of the machine
            assert two[key] > 0
            continue
        assert two[key] == pytest.approx(value, rel=2e-4, abs=1e-6), key
    for name, value in measures(folder / "one").items():
        if name not in ("charge_error", "equivariance_error"):
            assert measures(folder / "two")[name] == pytest.approx(value, rel=1e-4), name


@pytest.mark.slow
def test_two_processes_write_one_log(runs):
    _, folder = runs
    assert [path.name for path in (folder / "two" / "csv").iterdir()] == ["version_0"]
    assert sorted(p.name for p in (folder / "two").iterdir()) == sorted(p.name for p in (folder / "one").iterdir())
    assert len(list((folder / "two" / "snapshots").glob("step-*.npy"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("runs", ["pix2pix"], indirect=True)
def test_two_processes_go_on_after_a_kill(runs, data_root, tmp_path):
    words, folder = runs
    run = tmp_path / "run"
    words = [*words, "checkpoint_every=400", "checkpoint_seconds=1e-3"]  # the first process decides for both
    process = start(command(data_root, run, *words), cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    wait_until((run / "checkpoints" / "last.ckpt").exists, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    train(data_root, run, f"ckpt_path={run / 'checkpoints' / 'last.ckpt'}")
    for name, value in measures(folder / "two").items():
        if name not in ("charge_error", "equivariance_error"):
            assert measures(run)[name] == pytest.approx(value, rel=1e-4), name


def batches_of(size, batch, rank=0, world=1, seed=3):
    return [[index for _, index in keys] for keys in ResumableBatches([range(size)], batch, seed, rank, world)]


@pytest.mark.parametrize(("size", "world", "batch"), [(12, 2, 3), (12, 3, 2), (13, 2, 4), (5, 4, 2)])
def test_processes_share_the_batches_of_one(size, world, batch):
    """Batch k of one process with world times the batch size is the k-th batches of all; only the end may repeat."""
    (one,) = batches_of(size, size)
    shares = [sum(batches_of(size, batch, rank, world), []) for rank in range(world)]
    assert {len(share) for share in shares} == {-(-size // world)}
    assert {len(ResumableBatches([range(size)], batch, 3, rank, world)) for rank in range(world)} == {
        -(-size // (world * batch))
    }
    together = [index for group in zip(*shares, strict=True) for index in group]
    assert together[:size] == one and together[size:] == one[: len(together) - size]
    for k in range(size // (world * batch)):
        whole = one[k * world * batch : (k + 1) * world * batch]
        assert sorted(i for share in shares for i in share[k * batch : (k + 1) * batch]) == sorted(whole)


@pytest.mark.parametrize("groups", [[range(13)], [range(5), range(5, 13)]])
def test_a_share_begins_where_it_was_left(groups):
    whole = list(ResumableBatches(groups, 2, 0, 1, 2))
    batches = ResumableBatches(groups, 2, 0, 1, 2)
    batches.start = 2
    assert list(batches) == whole[2:]


@pytest.mark.parametrize("world", [1, 2, 3])
def test_no_batch_mixes_groups_and_processes_are_at_the_same_group(world):
    """Groups have samples of different sizes; all processes average the gradients of the same step."""
    groups = [range(7), range(7, 12), range(12, 30)]
    of = {index: g for g, group in enumerate(groups) for index in group}
    shares = [list(ResumableBatches(groups, 2, 1, rank, world)) for rank in range(world)]
    assert {len(share) for share in shares} == {len(ResumableBatches(groups, 2, 1, 0, world))}
    for step in zip(*shares, strict=True):
        assert len({of[index] for keys in step for _, index in keys}) == 1
    order = [of[keys[0][1]] for keys in shares[0]]
    assert order != sorted(order), "batches of different groups alternate"
    assert sorted({index for share in shares for keys in share for _, index in keys}) == list(range(30))


@pytest.mark.parametrize(
    ("trainer", "processes"),
    [
        ({"devices": 1}, 1),
        ({"devices": 4, "num_nodes": 2}, 8),
        ({"devices": [0, 2]}, 2),
        ({"devices": "0,3"}, 2),
        ({"devices": "2"}, 2),
    ],
)
def test_number_of_processes(trainer, processes):
    assert world_size(trainer) == processes


DDP = {"_target_": "qd_pix2pix.training.distributed.DataParallel"}


@pytest.mark.parametrize(
    ("gpus", "trainer", "said"),
    [
        (0, {"devices": 4}, "trainer.devices: expected 1 .* got 4; use trainer=ddp trainer.devices=4.*threads=4"),
        (4, {"devices": 4}, "trainer.devices: expected 1 .* got 4; use trainer=ddp trainer.devices=4$"),
        (4, {"devices": [0, 2]}, r"got \[0, 2\]; use trainer=ddp trainer.devices=\[0,2\]$"),
        (2, {"devices": 4}, "trainer.devices: expected at most 2, .* got 4. Use trainer.devices=2, or"),
        (1, {"devices": 4, "strategy": DDP, "num_nodes": 2}, "expected at most 1, .* got 4"),
        (2, {"devices": 4, "accelerator": "cpu"}, "expected 1 .*threads=4"),
        (0, {"devices": 1, "accelerator": "gpu"}, "trainer.accelerator: got gpu, .* use trainer.accelerator=cpu"),
        (0, {"devices": 4, "strategy": DDP}, None),
        (4, {"devices": 2, "strategy": DDP}, None),
        (1, {"devices": 4, "strategy": DDP, "accelerator": "cpu"}, None),
        (4, {"devices": 1}, None),
    ],
)
def test_devices_that_cannot_train_are_one_error(monkeypatch, gpus, trainer, said):
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    trainer = {"accelerator": "auto"} | trainer
    if said is None:
        check_devices(trainer, "trainer=ddp")
        return
    with pytest.raises(ValueError, match=said):
        check_devices(trainer, "trainer=ddp")


@pytest.mark.parametrize("model", ["pix2pix", "regressor", "rugan"])
def test_the_advice_on_several_devices_is_followed(model, tmp_path):
    """The overrides of the message pass, and train as long as those of one device."""
    words = ["data=ising"] if model == "rugan" else []
    done = call("train", f"model={model}", *words, "trainer.devices=4", "data_root=none", cwd=tmp_path)
    assert done.returncode == 2 and "error: trainer.devices: expected 1" in done.stderr
    assert not (tmp_path / "none").exists(), "work was done before"
    advice = done.stderr.partition("; use ")[2].partition(". For")[0].split()
    one = configuration("train", f"model={model}", *words)["trainer"]
    many = configuration("train", f"model={model}", *words, *advice)["trainer"]
    assert many["devices"] == 4 and all(one[name] == many[name] for name in ("max_epochs", "max_steps", "max_time"))


@pytest.mark.parametrize("name", ["SLURM_PROCID", "RANK", "LOCAL_RANK", "JSM_NAMESPACE_RANK"])
def test_a_process_that_trains_alone_is_the_first(monkeypatch, name):
    """As one of four runs of an allocation, ``srun -n 4 python train.py seed=$SLURM_PROCID``."""
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setattr(rank_zero_only, "rank", 1)  # as Lightning sets it when it is imported
    settle_rank({"devices": 2})
    assert not is_first() and os.environ[name] == "1"
    settle_rank({"devices": 1})
    assert is_first() and name not in os.environ and not started_elsewhere()


@pytest.mark.slow
def test_a_run_with_a_foreign_rank_writes_everything(regressor_words, small_store, tmp_path, monkeypatch):
    del small_store
    for name in ("SLURM_PROCID", "SLURM_LOCALID", "RANK", "LOCAL_RANK", "JSM_NAMESPACE_RANK"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_JOB_NAME", "job")
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    done = call("train", *regressor_words, f"hydra.run.dir={tmp_path / 'r'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"overrides.json", "csv", "checkpoints", "test"} <= {path.name for path in (tmp_path / "r").iterdir()}
    assert (tmp_path / "r/csv/version_0/metrics.csv").stat().st_size
