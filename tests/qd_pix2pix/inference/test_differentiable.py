"""Tensors through a surrogate: the same numbers as arrays, the gradient of finite differences, weights untouched."""

import warnings

import numpy as np
import pandas
import pytest
import torch

from qd_pix2pix import from_pretrained, predict


@pytest.fixture(scope="module")
def surrogate(regressor_run):
    return from_pretrained(regressor_run / "checkpoints" / "best.ckpt", device="cpu")


@pytest.fixture(scope="module")
def V(small_store):
    return small_store.split("test").load(["V"])["V"]


def test_tensors_give_the_numbers_of_arrays(surrogate, V):
    expected, found = surrogate.predict(V), surrogate.predict(torch.tensor(V))
    assert found.keys() == expected.keys() and not any(values.requires_grad for values in found.values())
    for name, values in found.items():
        assert values.dtype == torch.float64 and values.device.type == "cpu"
        np.testing.assert_allclose(values.numpy(), expected[name], rtol=1e-6, atol=1e-9)
    single = surrogate(torch.tensor(V[0]).float(), symmetrise=True)
    assert single.dtype == torch.float32 and single.shape == (32, 32)
    np.testing.assert_allclose(single.numpy(), surrogate(V[0], symmetrise=True), rtol=1e-5, atol=1e-8)
    shaped = surrogate.predict(torch.tensor(V[:4]).reshape(2, 2, 32, 32), batch_size=3)
    assert shaped["energy"].shape == (2, 2) and shaped["n0"].shape == (2, 2, 32, 32)


@pytest.mark.parametrize("symmetrise", [False, True])
def test_the_gradient_is_that_of_finite_differences(surrogate, V, symmetrise):
    """Along random directions, of a functional of the density and the energy."""
    rng = np.random.default_rng(0)
    weight = torch.tensor(rng.normal(size=(2, 32, 32)))

    def functional(potentials):
        found = surrogate.predict(potentials, symmetrise=symmetrise, batch_size=1)
        return (found["n_int"] * weight).sum() * 100 + found["energy"].sum()

    given = torch.tensor(V[:2], requires_grad=True)
    functional(given).backward()
    for _ in range(3):
        direction = torch.tensor(rng.normal(size=(2, 32, 32)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a step may leave the range of training
            ends = [float(functional(given.detach() + sign * 1e-3 * direction)) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / 2e-3
        assert slope == pytest.approx(float((given.grad * direction).sum()), rel=2e-2, abs=2e-3)
    assert float(given.grad.abs().max()) > 0


def test_weights_are_constants_of_the_graph_and_stay_trainable(surrogate, V):
    given = torch.tensor(V[0], requires_grad=True)
    surrogate(given).square().sum().backward()
    weights = list(surrogate.predictor.parameters())
    assert all(weight.grad is None and weight.requires_grad for weight in weights)
    assert given.grad.shape == (32, 32)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda V: V.int(), "float32 or float64, got torch.int32"),
        (lambda V: V[0], r"\(..., n_x, n_y\), got \(32,\)"),
        (lambda V: V * 1000, "another unit"),
        (lambda V: V * float("nan"), "NaN"),
        (lambda V: [V, V], "torch.stack"),
        (lambda V: V[:0], "shape"),
        (lambda V: V[:, :16], "as many points"),
    ],
)
def test_tensors_that_it_does_not_take_are_refused(surrogate, V, source, message):
    with pytest.raises(ValueError, match=f"input: .*{message}"):
        surrogate(source(torch.tensor(V[0])))


def test_conditions_of_other_types(surrogate, V):
    given = torch.tensor(V[0])
    expected = surrogate(given)
    for two in (torch.tensor(2), np.int64(2), np.uint8(2)):
        assert torch.equal(surrogate(given, n_electrons=two), expected)
    for bad in (torch.tensor([2, 2]), torch.tensor(2.0, requires_grad=True), 2.0, pandas.NA, "2"):
        with pytest.raises(ValueError, match="n_electrons: expected"):
            surrogate(given, n_electrons=bad)
    with pytest.raises(ValueError, match="device: tensors stay"):
        surrogate(given, device="cpu")


def test_frames_of_pandas_are_arrays(surrogate, V):
    np.testing.assert_array_equal(surrogate(pandas.DataFrame(V[0])), surrogate(V[0]))
    with pytest.raises(ValueError, match="input: expected V of real numbers, got object"):
        surrogate(pandas.DataFrame(V[0]).astype(object))


def test_predict_loads_and_calls(regressor_run, surrogate, V):
    path = regressor_run / "checkpoints" / "best.ckpt"
    np.testing.assert_array_equal(predict(path, V[0], n_electrons=2, device="cpu"), surrogate(V[0]))
    with pytest.raises(FileNotFoundError, match="one of .*gaas-N2"):
        predict("gaas-N9", V[0])


@pytest.mark.slow
def test_a_predictor_is_exported_with_the_same_numbers(surrogate, V):
    given = {"V": torch.tensor(V[:1]).float()}
    program = torch.export.export(surrogate.predictor, (given,))
    with torch.no_grad():
        found, expected = program.module()(given), surrogate.predictor(given)
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=1e-6, atol=1e-9)
