"""Predictions of whole sets of dots: in batches, told their facts, averaged over the symmetries of the square."""

import numpy as np
import pytest
import torch

from qd_pix2pix.inference.predict import equivariance_errors, predict
from qd_pix2pix.inference.predict import predict as inference
from qd_pix2pix.mapping.conditions import facts_of
from qd_pix2pix.training.checkpoint import load_model


@pytest.fixture(scope="module")
def model(regressor_run):
    """Not equivariant, with every output; disturbed, as after six steps it hardly looks at the potential."""
    model = load_model(regressor_run / "checkpoints" / "best.ckpt")
    torch.manual_seed(0)
    with torch.no_grad():
        for p in model.network.parameters():
            p += 0.3 * torch.randn_like(p)
    return model


@pytest.fixture(scope="module")
def source(small_store):
    return small_store.split("train").load(["V"])["V"]


@pytest.fixture(scope="module")
def facts(small_store):
    return facts_of(small_store.recipe)


def turned(fields, element):
    """The eight symmetries in NumPy: transposed or not, then turned."""
    fields = fields.swapaxes(-2, -1) if element >= 4 else fields
    return np.rot90(fields, element % 4, axes=(-2, -1))


def test_outputs_have_their_shapes_and_laws(model, source, facts):
    found = predict(model, source, facts)
    assert {name: values.shape for name, values in found.items()} == {
        "n_int": (12, 32, 32), "n0": (12, 32, 32), "energy": (12,), "gap": (12,)
    }  # fmt: skip
    for name in ("n_int", "n0"):
        assert (found[name] >= 0).all()
        np.testing.assert_allclose(found[name].mean((1, 2)) * 24.0**2, 2, rtol=1e-6)


@pytest.mark.parametrize("symmetrise", [False, True])
def test_batches_do_not_matter(model, source, facts, symmetrise, monkeypatch):
    whole = predict(model, source, facts, symmetrise)
    monkeypatch.setattr(inference, "BATCH", 5)
    for name, values in predict(model, source, facts, symmetrise).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-5, atol=1e-8)


def test_averages_do_not_care_how_the_square_lies(model, source, facts):
    """A network without the symmetry has it after averaging, in every output."""
    assert equivariance_errors(model, source, facts, symmetrise=False).min() > 1e-2
    assert equivariance_errors(model, source, facts, symmetrise=True).max() < 1e-6
    straight = predict(model, source, facts, symmetrise=True)
    for g in range(8):
        found = predict(model, turned(source, g).copy(), facts, symmetrise=True)
        for name in ("n_int", "n0"):
            np.testing.assert_allclose(found[name], turned(straight[name], g), rtol=1e-4, atol=1e-8)
        for name in ("energy", "gap"):
            np.testing.assert_allclose(found[name], straight[name], rtol=1e-5)


def test_averages_are_over_the_eight_predictions_turned_back(model, source, facts):
    back = [0, 3, 2, 1, 4, 5, 6, 7]  # quarter turns undo each other, mirrorings themselves
    parts = [predict(model, turned(source, g).copy(), facts) for g in range(8)]
    found = predict(model, source, facts, symmetrise=True)
    mean = np.mean([turned(part["n_int"], back[g]) for g, part in enumerate(parts)], axis=0)
    np.testing.assert_allclose(found["n_int"], mean, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found["energy"], np.mean([part["energy"] for part in parts], axis=0), rtol=1e-5)


def test_averages_keep_the_charge(model, source, facts):
    density = predict(model, source, facts, symmetrise=True)["n_int"]
    np.testing.assert_allclose(density.mean((1, 2)) * 24.0**2, 2, rtol=1e-6)
    assert (density >= 0).all()


def test_an_average_costs_nothing_in_an_equivariant_network(regressor_words, small_store, source, facts):
    """It says the same to every way the square can lie."""
    from small import configuration

    from qd_pix2pix.training.checkpoint import build_model
    from qd_pix2pix.training.run import make_card

    torch.manual_seed(0)
    model = build_model(make_card(configuration("train", *regressor_words), [small_store]))
    with torch.no_grad():
        for p in model.network.parameters():
            p += 0.1 * torch.randn_like(p)
    assert equivariance_errors(model, source, facts, symmetrise=False).max() < 1e-5
    alone, averaged = (predict(model, source, facts, s)["n_int"] for s in (False, True))
    np.testing.assert_allclose(averaged, alone, rtol=1e-3, atol=1e-7)


def test_facts_are_told_to_the_network(range_run, source):
    model = load_model(range_run / "checkpoints" / "best.ckpt")
    one, two = (predict(model, source, (n, 0.067, 12.9, 24.0))["n_int"] for n in (1.0, 2.0))
    np.testing.assert_allclose(one.mean((1, 2)) * 24.0**2, 1, rtol=1e-6)
    np.testing.assert_allclose(two.mean((1, 2)) * 24.0**2, 2, rtol=1e-6)
    # not only scaled: another shape
    assert np.abs(two / 2 - one).sum((1, 2)).min() > 1e-5 * one.sum((1, 2)).min()
