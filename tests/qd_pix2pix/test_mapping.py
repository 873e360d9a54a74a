import pytest
import torch

from qd_pix2pix.mapping import Mapping

STATISTICS = {"V": {"min": -0.2, "max": 0.6}, "n_int": {"min": 1e-9, "max": 0.03}}


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


@pytest.mark.parametrize(("source", "target", "said"), [("V", "V", "both"), ("V", "rho", "n_int"), ("U", "V", "n0")])
def test_wrong_fields_are_named(source, target, said):
    with pytest.raises(ValueError, match=said):
        Mapping(source, target)


def test_a_field_without_contrast_cannot_be_learned():
    with pytest.raises(ValueError, match="nothing to learn"):
        Mapping("V", "n_int").fit(STATISTICS | {"V": {"min": 0.0, "max": 0.0}})
