"""Scales: what the extremes become, that nothing is lost, and what cannot be asked."""

import pytest
import torch
from schemas import RINGS
from small import configuration

from qd_pix2pix.mapping import Mapping
from qd_pix2pix.mapping.mapping import Range
from qd_pix2pix.schema import Domain, Schema
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.systems.quantum_dots import CONDITIONS, DENSITIES, GUARDS, SCALARS, V

DOTS = Schema(
    system="quantum dots",
    sample="dot",
    columns=(V, *DENSITIES, *SCALARS, *GUARDS),
    domain=Domain(("x", "y"), (8, 8), ("extent", "extent"), "walls", "square"),
    conditions=CONDITIONS,
    constants={"n_electrons": 2.0, "m_eff": 0.067, "eps_r": 12.9, "extent": 30.0},
)
STATISTICS = {
    "V": {"min": -0.2, "max": 0.6},
    "n0": {"min": 1e-9, "max": 0.05},
    "n_int": {"min": 1e-9, "max": 0.03},
    "energy": {"min": -0.05, "max": 0.15},
}


@pytest.fixture
def ranges():
    return Mapping("V", "n_int").ranges(DOTS, STATISTICS)


def test_extremes_become_plus_and_minus_one(ranges):
    assert ranges["V"].encode(torch.tensor([-0.2, 0.2, 0.6])).tolist() == pytest.approx([-1, 0, 1], abs=1e-6)
    # an empty place is 0, whatever the smallest density of the training split was
    assert ranges["n_int"].encode(torch.tensor([0.0, 0.03])).tolist() == pytest.approx([-1, 1])


def test_decode_undoes_encode(ranges):
    field = torch.rand(3, 8, 8, dtype=torch.float64) * 0.05
    torch.testing.assert_close(ranges["n_int"].decode(ranges["n_int"].encode(field)), field)


def test_scales_are_exact_whatever_the_precision(ranges):
    assert ranges == {"V": (-0.2, 0.6), "n_int": (0.0, 0.03)}
    half = ranges["n_int"].decode(ranges["n_int"].encode(torch.tensor([0.015]).bfloat16()))
    assert half.dtype == torch.bfloat16 and ranges["n_int"].high == 0.03


def test_span_is_the_data_range(ranges):
    assert ranges["n_int"].span == pytest.approx(0.03)


def test_range_and_back():
    span = Range(-3.0, 5.0)
    assert span.encode(torch.tensor([-3.0, 1.0, 5.0])).tolist() == [-1.0, 0.0, 1.0]
    values = torch.linspace(-7, 9, 33, dtype=torch.float64)  # also what lies outside
    torch.testing.assert_close(span.decode(span.encode(values)), values)


def test_also_has_scales_of_its_own():
    mapping = Mapping("V", "n_int", ["n0", "energy"])
    mapping.check(DOTS)
    ranges = mapping.ranges(DOTS, STATISTICS)
    assert mapping.outputs == ("n_int", "n0", "energy")
    assert ranges["n0"] == (0.0, 0.05), "a density begins at zero"
    assert ranges["energy"] == (-0.05, 0.15), "a number does not"
    assert ranges["energy"].span == pytest.approx(0.2)
    again = Mapping(**mapping.to_dict())
    assert again.ranges(DOTS, STATISTICS) == ranges and again.to_dict() == mapping.to_dict()


def test_bounds_by_nature_go_before_those_of_training():
    statistics = {"spins": {"min": 1.0, "max": 1.0}, "walls": {"min": 2.0, "max": 6.0}}
    mapping = Mapping("spins", "walls", ["phase"])
    ranges = mapping.ranges(RINGS, statistics)
    assert ranges == {"spins": (-1.0, 1.0), "walls": (0.0, 6.0)}, "a class has no scale"


@pytest.mark.parametrize(
    ("source", "sources", "text"),
    [
        ("V", ("V",), "V -> n_int, energy"),
        (["V", "n0"], ("V", "n0"), "V, n0 -> n_int, energy"),
        (None, (), "conditions -> n_int, energy"),
    ],
)
def test_sources_are_one_several_or_none(source, sources, text):
    mapping = Mapping(source, "n_int", ("energy",))
    mapping.check(DOTS)
    assert mapping.sources == sources and str(mapping) == text
    assert Mapping(**mapping.to_dict()).sources == sources


def test_a_number_a_count_and_a_class_may_be_the_target():
    for target in ("energy", "phase", "walls"):
        mapping = Mapping("spins", target)
        mapping.check(RINGS)
        assert mapping.outputs == (target,)


@pytest.mark.parametrize(
    ("source", "target", "also", "said"),
    [
        ("V", "n_int", ["n_int"], "mapping.also.*once"),
        ("V", "n_int", ["V"], "mapping.also.*once"),
        ("V", "n_int", ["n0", "n0"], "mapping.also.*once"),
        (["V", "V"], "n_int", [], "mapping.also.*once"),
        ("V", "V", [], "both 'V'"),
        ("V", 3, [], "mapping.target: expected names of columns"),
        ([""], "n_int", [], "mapping.source: expected names of columns"),
        ("V", "n_int", [3], "mapping.also: expected names of columns"),
    ],
)
def test_what_cannot_be_asked_is_named(source, target, also, said):
    with pytest.raises(ValueError, match=said):
        Mapping(source, target, also)


@pytest.mark.parametrize(
    ("source", "target", "also", "said"),
    [
        ("V", "n_int", ["rho"], "energy, gap"),
        ("V", "rho", [], "'rho'; choose from V, n0, n_int"),
        ("U", "V", [], "'U'; choose from V, n0"),
        ("gap", "n_int", [], "mapping.source: expected fields out of V, n0, n_int; got the scalar 'gap'"),
        ("V", "n_electrons", [], "mapping.target: expected one of V, n0.*; got the condition 'n_electrons'"),
        ("V", "n_int", ["residual"], "mapping.target: expected one of V, n0.*; got the guard 'residual'"),
    ],
)
def test_what_the_system_does_not_have_is_named(source, target, also, said):
    with pytest.raises(ValueError, match=said):
        Mapping(source, target, also).check(DOTS)


def test_a_counter_is_the_name_of_a_network():
    with pytest.raises(ValueError, match="mapping.counter: expected null, or the name or file of weights; got 3"):
        Mapping("V", "n_int", counter=3)


def test_a_field_without_contrast_cannot_be_learned():
    flat = STATISTICS | {"V": {"min": 0.1, "max": 0.1}}
    with pytest.raises(ValueError, match="V has the same value 0.1 everywhere.*nothing to learn"):
        Mapping("V", "n_int").ranges(DOTS, flat)
    with pytest.raises(ValueError, match="energy has the same value"):
        Mapping("V", "energy").ranges(DOTS, {"V": STATISTICS["V"]})


@pytest.mark.parametrize(
    ("data", "given", "said"),
    [
        ("scaled_dots", ("n_int", "V", "kohn_sham"), "kohn_sham takes V, but n_int, .*mapping.source=V, or"),
        ("chain", ("V_mu", "n", "mean_field"), "mean_field takes V, but V_mu, interaction are .*scaled_dots"),
        ("bose_hubbard", ("V_mu", "n", "gutzwiller"), r"gutzwiller takes checkerboard, .*source=\[V_mu,checkerboard\]"),
    ],
)
def test_a_prior_starts_from_what_is_given(data, given, said):
    """A network of the inverse map would find its answer among its inputs."""
    source, target, prior = given
    schema = make_recipe(configuration("generate", f"data={data}")["data"]).schema
    Mapping(source, target).check(schema)
    with pytest.raises(ValueError, match=said):
        Mapping(source, target, prior=prior).check(schema)


def test_product_states_are_those_of_hard_core_bosons():
    schemas = [
        make_recipe(configuration("generate", f"data={d}")["data"]).schema for d in ("bose_hubbard", "soft_bosons")
    ]
    mapping = Mapping(["V_mu", "checkerboard"], "n", prior="gutzwiller")
    mapping.check(schemas[0])
    with pytest.raises(ValueError, match="gutzwiller holds for n up to 1, .* up to 3; use data=bose_hubbard"):
        mapping.check(schemas[1])
