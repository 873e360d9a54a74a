"""Estimated errors can be calibrated anew: on the validation split of any dataset that suits the network."""

import numpy as np
import pytest
from small import call, configuration

from qd_pix2pix import from_pretrained
from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.store import Store
from qd_pix2pix.inference.error_bars import calibrate_on
from qd_pix2pix.inference.predict import predict
from qd_pix2pix.inference.pretrained import find_weights
from qd_pix2pix.inference.weights import load_predictor

BOXES = [
    "data=scaled_dots", "potential=box", "potential.side=[0.4,0.9]", "potential.wall=[1000.0,3000.0]",
    "potential.center=[-0.05,0.05]", "preset=paper", "data.n_electrons=[2]", "data.weights=null",
    "data.coupling=[1.0,9.0]",
    "data.train=1", "data.val=30", "data.test=4", "solver.n_orbitals=6", "data.shard_size=10",
]  # fmt: skip


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """A dataset of dots of one kind, two electrons in a box."""
    return generate(configuration("generate", *BOXES)["data"], tmp_path_factory.mktemp("boxes"))


def part(boxes, split):
    return Store(boxes).split(split).load(("V", "n_electrons", "coupling", "n_int", "energy", "gap"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["universal", "universal-fast"])
def test_a_calibrated_network_covers_its_part_of_the_samples(boxes, name):
    predictor, _ = load_predictor(find_weights(name))
    columns = part(boxes, "val")
    before = predictor.error_factor.clone()
    assert calibrate_on(predictor, [columns], device="cpu") == 30
    assert predictor.error_factor != before
    given = {n: columns[n] for n in ("V", "n_electrons", "coupling")}
    found = predict(predictor, given, progress=False, device="cpu")
    errors = np.abs(found["n_int"] - columns["n_int"]).mean((1, 2)) / columns["n_electrons"]
    assert np.sum(errors <= found["error"] * (1 + 1e-5)) == 28, "ceil(0.9 (30 + 1)) of 30"


@pytest.mark.slow
def test_a_network_is_calibrated_and_evaluated_on_another_dataset(boxes, tmp_path):
    words = ["checkpoint=universal-fast", f"dataset={boxes}", "device=cpu"]
    found = call("evaluate", *words, "calibrate=true", "save=mine", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "estimated error calibrated on 30 dots" in found.stdout
    assert (tmp_path / "runs/mine" / boxes.name / "test/metrics.json").is_file()
    mine, shipped = (from_pretrained(name, device="cpu") for name in (tmp_path / "mine.safetensors", "universal-fast"))
    v = np.zeros((64, 64))
    given = {"n_electrons": 2, "material": "gaas", "extent": 30.0}
    assert np.array_equal(mine(v, **given).density, shipped(v, **given).density)
    assert mine(v, **given).density_error != shipped(v, **given).density_error
    assert mine.card.provenance["calibrated"] == [boxes.name]
    assert mine.card.tests[0]["samples"] == 4 and mine.card.statistics == shipped.card.statistics
    again = call("evaluate", *words, cwd=tmp_path)
    assert again.returncode == 0 and (tmp_path / "runs/universal-fast" / boxes.name / "test").is_dir()


@pytest.mark.parametrize(
    "words, expected",
    [
        (["checkpoint=universal", "calibrate=true"], "calibrate: expected save="),
        (["checkpoint=universal", "calibrate=mine", "save=mine"], "calibrate: expected true or false"),
        (["checkpoint=universal", "calibrate=true", "export=mine.pt2"], "leave calibrate out"),
        (["checkpoint=universal", "calibrate=true", "save=mine", "input=dots.npy"], "calibrate: expected save="),
        (["calibrate=true", "save=mine"], "checkpoint: give a path"),
        (["checkpoint=gaas-N2", "dataset={boxes}"], "dataset: expected quantum dots of 64 x 64 points in"),
        (["checkpoint=universal", "dataset=nowhere"], "nowhere"),
        (["checkpoint=universal", "dataset={boxes}", "input=dots.npy"], "dataset: input has other samples"),
        (["checkpoint=universal", "bench=smoke", "dataset={boxes}"], "dataset: not with bench="),
    ],
)
def test_unsuitable_requests_are_refused(boxes, words, expected, tmp_path):
    found = call("evaluate", *(word.format(boxes=boxes) for word in words), cwd=tmp_path)
    assert found.returncode == 2 and expected in found.stderr, found.stderr
    assert not (tmp_path / "mine.safetensors").exists()
