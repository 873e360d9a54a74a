"""Every way of learning of conf/model trains, is evaluated, and keeps weights that predict; each is found by itself."""

import numpy as np
import pytest
import torch
from small import ROOT, SHORT, SMALL_DATA, SMALL_GENERATORS, configuration, generator_words

from qd_pix2pix import from_pretrained, models
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.models import FieldModel, GenerativeModel, Model
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.training.run import train

OPTIONS = sorted(path.stem for path in (ROOT / "conf" / "model").glob("*.yaml"))
NETWORK = ["network=resnet", "network.channels=4", "network.blocks=1"]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_model_trains_and_predicts(option, data_root, tmp_path):
    generates = option in SMALL_GENERATORS
    own = generator_words(option) if generates else [*SMALL_DATA, f"model={option}", *NETWORK]
    words = [*own, *SHORT, f"data_root={data_root}", "launcher.workers=1"]
    run = train(configuration("train", *words, "trainer.precision=32-true"), tmp_path).parent.parent
    history = read_history(run)
    losses = [values for name, (_, values) in history.items() if name.startswith("train/")]
    assert losses and all(np.isfinite(values).all() for values in losses), "no loss is logged under train/"
    assert any(name.startswith("val/") for name in history), "the validation split is not measured"
    assert all(np.isfinite(m["mean"]) for m in Evaluation.read(run / "test").measures.values() if isinstance(m, dict))
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] >= 6 and last["optimizer_states"], "a run that cannot be resumed"
    trained = from_pretrained(run / "checkpoints" / "best.ckpt")
    if generates:
        labels = {"energy": -0.5, "magnetisation": 0.1}
        spins = trained.sample(3, **{name: labels[name] for name in trained.labels})
        assert spins.shape == (3, 8, 8) and set(np.unique(spins)) <= {-1, 1}
    else:
        density = trained(np.zeros((32, 32)))
        assert density.shape == (32, 32) and np.isfinite(density).all()


def test_every_exported_model_has_an_option():
    exported = {name for name in models.__all__ if issubclass(getattr(models, name), Model)}
    exported -= {base.__name__ for base in (Model, FieldModel, GenerativeModel)}
    targets = {configuration("train", f"model={option}")["model"]["_target_"] for option in OPTIONS}
    assert {f"qd_pix2pix.models.{name}" for name in exported} <= targets
