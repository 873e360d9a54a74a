"""Scales: what the extremes become, that nothing is lost, and what cannot be asked."""

import pytest
import torch

from qd_pix2pix.mapping.mapping import Mapping, Range

STATISTICS = {
    "V": {"min": -0.2, "max": 0.6},
    "n0": {"min": 1e-9, "max": 0.05},
    "n_int": {"min": 1e-9, "max": 0.03},
    "energy": {"min": -0.05, "max": 0.15},
}


@pytest.fixture
def mapping():
    return Mapping("V", "n_int").fit(STATISTICS)


def test_extremes_become_plus_and_minus_one(mapping):
    assert mapping.encode_source(torch.tensor([-0.2, 0.2, 0.6])).tolist() == pytest.approx([-1, 0, 1], abs=1e-6)
    # an empty place is 0, whatever the smallest density of the training split was
    assert mapping.encode_target(torch.tensor([0.0, 0.03])).tolist() == pytest.approx([-1, 1])


def test_decode_undoes_encode(mapping):
    field = torch.rand(3, 1, 8, 8, dtype=torch.float64) * 0.05
    torch.testing.assert_close(mapping.decode_target(mapping.encode_target(field)), field)


def test_scales_are_exact_in_the_state_whatever_the_precision(mapping):
    other = Mapping("V", "n_int")
    other.load_state_dict(mapping.bfloat16().state_dict())
    assert other.ranges == {"V": (-0.2, 0.6), "n_int": (0.0, 0.03)}


def test_span_is_the_data_range(mapping):
    assert mapping.span(mapping.target) == pytest.approx(0.03)


def test_range_and_back():
    span = Range(-3.0, 5.0)
    assert span.encode(torch.tensor([-3.0, 1.0, 5.0])).tolist() == [-1.0, 0.0, 1.0]
    values = torch.linspace(-7, 9, 33, dtype=torch.float64)  # also what lies outside
    torch.testing.assert_close(span.decode(span.encode(values)), values)


def test_also_has_scales_of_its_own():
    mapping = Mapping("V", "n_int", ["n0", "energy"]).fit(STATISTICS)
    assert [field.name for field in mapping.outputs] == ["n_int", "n0", "energy"]
    assert mapping.ranges["n0"] == (0.0, 0.05), "a density begins at zero"
    assert mapping.ranges["energy"] == (-0.05, 0.15), "a number does not"
    assert mapping.span(mapping.outputs[2]) == pytest.approx(0.2)
    again = Mapping("V", "n_int", ["n0", "energy"])
    again.load_state_dict(mapping.state_dict())
    assert again.ranges == mapping.ranges


@pytest.mark.parametrize(
    ("source", "target", "also", "said"),
    [
        ("V", "n_int", ["n_int"], "mapping.also.*once"),
        ("V", "n_int", ["V"], "mapping.also.*once"),
        ("V", "n_int", ["n0", "n0"], "mapping.also.*once"),
        ("V", "n_int", ["rho"], "energy, gap"),
        ("V", "energy", [], "mapping.target.*'energy'.*also"),
        ("gap", "n_int", [], "mapping.source.*'gap'"),
    ],
)
def test_what_cannot_be_asked_is_named(source, target, also, said):
    with pytest.raises(ValueError, match=said):
        Mapping(source, target, also)


def test_scales_are_asked_for_before_use():
    with pytest.raises(RuntimeError, match="fit"):
        Mapping("V", "n_int").encode_source(torch.zeros(2))


@pytest.mark.parametrize(("source", "target", "said"), [("V", "V", "both"), ("V", "rho", "n_int"), ("U", "V", "n0")])
def test_wrong_fields_are_named(source, target, said):
    with pytest.raises(ValueError, match=said):
        Mapping(source, target)


def test_a_field_without_contrast_cannot_be_learned():
    with pytest.raises(ValueError, match="nothing to learn"):
        Mapping("V", "n_int").fit(STATISTICS | {"V": {"min": 0.0, "max": 0.0}})
