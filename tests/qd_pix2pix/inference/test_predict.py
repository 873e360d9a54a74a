"""Predictions of whole sets of samples: in batches, with their conditions, averaged over the symmetries."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import configuration

from qd_pix2pix.evaluation.measures import equivariance_error
from qd_pix2pix.inference.predict import check_device, choose_batch, predict, turned_predictions
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.predictor import Predictor
from qd_pix2pix.schema import Column


def disturbed(predictor, size):
    """After a few steps a network hardly depends on the potential."""
    torch.manual_seed(0)
    with torch.no_grad():
        for p in predictor.network.parameters():
            p += size * torch.randn_like(p)
    return predictor.eval()


@pytest.fixture(scope="module")
def predictor(regressor_run):
    """Not equivariant, with every output."""
    return disturbed(load_predictor(regressor_run / "checkpoints" / "best.ckpt")[0], 0.3)


@pytest.fixture(scope="module")
def V(small_store):
    return small_store.split("train").load(["V"])["V"]


@pytest.fixture(scope="module")
def given(small_store, V):
    return {"V": V, **small_store.schema.constants}


def turned(fields, element):
    """The eight symmetries in NumPy: transposed or not, then turned."""
    fields = fields.swapaxes(-2, -1) if element >= 4 else fields
    return np.rot90(fields, element % 4, axes=(-2, -1)).copy()


def equivariance_errors(predictor, given, symmetrise):
    return equivariance_error(*zip(*turned_predictions(predictor, given, symmetrise), strict=True))


def test_outputs_have_their_shapes_and_laws(predictor, given):
    found = predict(predictor, given)
    assert {name: values.shape for name, values in found.items()} == {
        "n_int": (12, 32, 32), "n0": (12, 32, 32), "energy": (12,), "gap": (12,)
    }  # fmt: skip
    for name in ("n_int", "n0"):
        assert (found[name] >= 0).all()
        np.testing.assert_allclose(found[name].mean((1, 2)) * 24.0**2, 2, rtol=1e-6)


@pytest.mark.parametrize("symmetrise", [False, True])
def test_batches_do_not_matter(predictor, given, symmetrise):
    whole = predict(predictor, given, symmetrise)
    for name, values in predict(predictor, given, symmetrise, batch_size=5).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-5, atol=1e-8)


def test_threads_do_not_matter(predictor, given):
    before, many = torch.get_num_threads(), {n: v[:1].repeat(30, 0) if np.ndim(v) else v for n, v in given.items()}
    many["V"] = many["V"] * np.linspace(0.5, 1, 30)[:, None, None]
    try:
        torch.set_num_threads(1)
        alone = predict(predictor, many, progress=False)
        torch.set_num_threads(3)
        divided = predict(predictor, many, progress=False)
    finally:
        torch.set_num_threads(before)
    for name, values in alone.items():
        np.testing.assert_allclose(divided[name], values, rtol=1e-4, atol=1e-6 * np.abs(values).max())


def test_averages_do_not_depend_on_how_the_square_lies(predictor, given, V):
    """A network without the symmetry has it after averaging, in every output."""
    assert equivariance_errors(predictor, given, symmetrise=False).min() > 1e-2
    assert equivariance_errors(predictor, given, symmetrise=True).max() < 1e-6
    straight = predict(predictor, given, symmetrise=True)
    for g in range(8):
        found = predict(predictor, given | {"V": turned(V, g)}, symmetrise=True)
        for name in ("n_int", "n0"):
            np.testing.assert_allclose(found[name], turned(straight[name], g), rtol=1e-4, atol=1e-8)
        for name in ("energy", "gap"):
            np.testing.assert_allclose(found[name], straight[name], rtol=1e-5)


def test_averages_are_over_the_eight_predictions_turned_back(predictor, given, V):
    back = [0, 3, 2, 1, 4, 5, 6, 7]  # quarter turns undo each other, mirrorings themselves
    parts = [predict(predictor, given | {"V": turned(V, g)}) for g in range(8)]
    found = predict(predictor, given, symmetrise=True)
    mean = np.mean([turned(part["n_int"], back[g]) for g, part in enumerate(parts)], axis=0)
    np.testing.assert_allclose(found["n_int"], mean, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found["energy"], np.mean([part["energy"] for part in parts], axis=0), rtol=1e-5)


def test_averages_keep_the_charge(predictor, given):
    density = predict(predictor, given, symmetrise=True)["n_int"]
    np.testing.assert_allclose(density.mean((1, 2)) * 24.0**2, 2, rtol=1e-6)
    assert (density >= 0).all()


def test_an_average_changes_nothing_in_an_equivariant_network(regressor_words, small_store, given):
    """It predicts the same for every way the square can lie."""
    from qd_pix2pix.training.settings import make_card

    card = make_card(configuration("train", *regressor_words), [small_store])
    torch.manual_seed(0)
    predictor = disturbed(Predictor(card), 0.1)
    assert equivariance_errors(predictor, given, symmetrise=False).max() < 1e-5
    alone, averaged = (predict(predictor, given, s)["n_int"] for s in (False, True))
    np.testing.assert_allclose(averaged, alone, rtol=1e-3, atol=1e-7)


def test_conditions_reach_the_network(range_run, given):
    predictor, _ = load_predictor(range_run / "checkpoints" / "best.ckpt")
    one, two = (predict(predictor, given | {"n_electrons": n})["n_int"] for n in (1.0, 2.0))
    np.testing.assert_allclose(one.mean((1, 2)) * 24.0**2, 1, rtol=1e-6)
    np.testing.assert_allclose(two.mean((1, 2)) * 24.0**2, 2, rtol=1e-6)
    # not only scaled: another shape
    assert np.abs(two / 2 - one).sum((1, 2)).min() > 1e-5 * one.sum((1, 2)).min()


def test_conditions_may_differ_from_sample_to_sample(range_run, given, V):
    predictor, _ = load_predictor(range_run / "checkpoints" / "best.ckpt")
    mixed = predict(predictor, given | {"n_electrons": np.resize([1.0, 2.0], len(V))})["n_int"]
    one, two = (predict(predictor, given | {"n_electrons": n})["n_int"] for n in (1.0, 2.0))
    np.testing.assert_allclose(mixed[::2], one[::2], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(mixed[1::2], two[1::2], rtol=1e-5, atol=1e-9)


def test_classes_are_averaged_as_probabilities(regressor_words, small_store, given, V):
    """A class for every sample, the same for all its images."""
    from qd_pix2pix.training.settings import make_card

    words = [*regressor_words, "network.equivariant=false"]
    card = make_card(configuration("train", *words), [small_store])
    schema = card.schemas[0]
    phase = Column("phase", "class", "i8", classes=3)
    schema = schema | {"columns": [*schema["columns"], {**vars(phase)}]}
    card = replace(card, schemas=[schema], mapping={"source": "V", "target": "phase", "also": ["energy"]})
    predictor = disturbed(Predictor(card), 0.5)
    found = predict(predictor, given, symmetrise=True)
    assert found["phase"].dtype == np.int64 and found["phase"].shape == (12,) and found["energy"].shape == (12,)
    assert set(found["phase"]) <= {0, 1, 2}
    for g in (1, 6):
        again = predict(predictor, given | {"V": turned(V, g)}, symmetrise=True)
        np.testing.assert_array_equal(again["phase"], found["phase"])


def test_devices_that_are_not_there_are_refused():
    assert check_device("cpu") == torch.device("cpu") and isinstance(check_device(None), torch.device)
    for name in ("nope", "cuda:99", "cpu:x", ""):
        with pytest.raises(ValueError, match=f"^device: expected cpu, cuda, cuda:1 .* got '{name}'") as caught:
            check_device(name)
        assert "\n" not in str(caught.value)


def test_batches_follow_points_and_device(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [choose_batch((n, n), cpu) for n in (8, 64, 128, 1000)] == [64, 32, 8, 1]
    assert [choose_batch((n, n), cpu, patch=4) for n in (8, 64, 128, 1000)] == [64, 64, 32, 1]
    assert choose_batch((64, 64), cpu, asked=7) == 7
    sizes = []
    for free in (80e9, 4e9, 1e6):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (int(free), int(free)))
        sizes.append(choose_batch((64, 64), gpu))
    assert sizes[0] > sizes[1] > sizes[2] == 1 and sizes[1] * 64**2 * 4096 <= 2e9


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_a_batch_is_a_number_of_samples(predictor, given, size):
    with pytest.raises(ValueError, match="batch_size"):
        predict(predictor, given, batch_size=size)
