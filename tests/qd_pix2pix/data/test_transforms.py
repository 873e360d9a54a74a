"""Augmentation: all columns of a sample change together, and by nothing but the random stream."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from schemas import RINGS

from qd_pix2pix.data.transforms import Jitter, MeasurementNoise, RandomSymmetry
from qd_pix2pix.mapping.symmetry import Symmetry
from qd_pix2pix.schema import Column, Domain, Schema

DOTS = Schema(
    system="dots",
    sample="dot",
    columns=(Column("V", "field"), Column("n", "field"), Column("energy", "scalar")),
    domain=Domain(("x", "y"), (6, 6), (), "walls", "square"),
)


def on_square(n):
    return Symmetry(replace(DOTS, domain=DOTS.domain.resized((n, n))))


def dot(n=6):
    fields = torch.rand(n, n)
    return {"V": fields, "n": 3 * fields, "energy": torch.tensor(0.5)}


def ring():
    """Asymmetric, so that each of its images is another one."""
    spins = torch.tensor([1.0, 1.0, -1.0, 1.0, -1.0, -1.0])
    return {
        "spins": spins,
        "charge": torch.arange(6.0),
        "energy": torch.tensor(2.0),
        "magnetisation": torch.tensor(0.25),
        "phase": torch.tensor(2),
        "coupling": torch.tensor(1.5),
    }


def test_symmetry_turns_all_fields_together_and_no_number():
    row = dot()
    for seed in range(8):
        turned = RandomSymmetry(on_square(6))(row, np.random.default_rng(seed))
        torch.testing.assert_close(turned["n"], 3 * turned["V"], rtol=0, atol=0)
        assert turned["energy"] == 0.5 and turned.keys() == row.keys()


def test_all_elements_of_the_square_are_drawn():
    row, draw = dot(), RandomSymmetry(on_square(6))
    assert len({draw(row, np.random.default_rng(seed))["V"].numpy().tobytes() for seed in range(80)}) == 8


def test_a_flip_changes_the_sign_of_odd_columns_alone():
    row, draw = ring(), RandomSymmetry(Symmetry(RINGS))
    signs = set()
    for seed in range(40):
        found = draw(row, np.random.default_rng(seed))
        sign = 1 if found["magnetisation"] > 0 else -1
        signs.add(sign)
        assert found["magnetisation"] == 0.25 * sign
        # the charge tells where each site has gone
        torch.testing.assert_close(found["spins"], sign * row["spins"][found["charge"].long()], rtol=0, atol=0)
        assert (found["energy"], found["phase"], found["coupling"]) == (2.0, 2, 1.5)
    assert signs == {-1, 1}


def test_all_translations_and_mirror_images_are_drawn():
    draw = RandomSymmetry(Symmetry(RINGS))
    found = {tuple(draw(ring(), np.random.default_rng(s))["charge"].tolist()) for s in range(150)}
    images = {tuple(float((a + b * i) % 6) for i in range(6)) for a in range(6) for b in (1, -1)}
    assert found == images


def test_without_translations_nothing_is_shifted():
    still = replace(RINGS, domain=replace(RINGS.domain, translations=False, flip=False))
    draw = RandomSymmetry(Symmetry(still))
    found = {tuple(draw(ring(), np.random.default_rng(s))["charge"].tolist()) for s in range(20)}
    assert found == {(0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (5.0, 4.0, 3.0, 2.0, 1.0, 0.0)}


def test_jitter_crops_all_fields_alike_and_by_the_grid():
    n, n_resize = 32, 40
    slope = torch.linspace(0, 1, n).repeat(n, 1)
    row = {"V": slope, "n": 2 * slope, "energy": torch.tensor(0.5)}
    out = Jitter(on_square(n), n_resize)(row, np.random.default_rng(0))
    assert out["V"].shape == (n, n) and out["energy"] == 0.5
    torch.testing.assert_close(out["n"], 2 * out["V"])
    # a linear slope stays one, stretched by n_resize / n
    steps = out["V"][5, 6:-6].diff()
    torch.testing.assert_close(steps, torch.full_like(steps, n / n_resize / (n - 1)), atol=1e-5, rtol=0)


def test_jitter_moves_the_crop_about():
    row = dot(16)
    jitter = Jitter(on_square(16), 20)
    assert len({jitter(row, np.random.default_rng(i))["V"].numpy().tobytes() for i in range(40)}) > 10


@pytest.mark.parametrize(
    "transform", [RandomSymmetry(on_square(6)), Jitter(on_square(6), 8)], ids=["symmetry", "jitter"]
)
def test_the_same_stream_gives_the_same_sample_and_leaves_the_old_one(transform):
    row = dot()
    kept = {name: values.clone() for name, values in row.items()}
    torch.testing.assert_close(
        transform(row, np.random.default_rng(4)), transform(row, np.random.default_rng(4)), rtol=0, atol=0
    )
    torch.testing.assert_close(row, kept, rtol=0, atol=0)


def test_noise_changes_the_given_fields_alone_by_a_fraction_of_their_largest_value():
    """The fraction is log-uniform in its range, and negative values become the bound of the column."""
    columns = (Column("V", "field"), Column("n", "field", low=0.0), Column("energy", "scalar"))
    samples = Symmetry(replace(DOTS, columns=columns, domain=DOTS.domain.resized((40, 40))))
    fields = torch.rand(40, 40) + 1
    row = {"V": fields, "n": 3 * fields, "energy": torch.tensor(0.5)}
    fractions = []
    for seed in range(60):
        noisy = MeasurementNoise(samples, ("n",), (1e-3, 1e-1))(row, np.random.default_rng(seed))
        assert noisy["V"] is row["V"] and noisy["energy"] == 0.5 and noisy["n"].dtype == torch.float32
        fractions.append(float((noisy["n"] - row["n"]).std() / row["n"].max()))
    assert 9e-4 < min(fractions) < 2e-3 and 5e-2 < max(fractions) < 0.11
    assert np.mean(np.log10(fractions)) == pytest.approx(-2, abs=0.25)
    empty = MeasurementNoise(samples, ("n",), (0.5, 0.5))({"n": torch.eye(40)}, np.random.default_rng(0))
    assert empty["n"].min() == 0 and 0.3 < (empty["n"] == 0).float().mean() < 0.6


def test_jitter_of_a_rectangle_enlarges_both_sides_in_proportion():
    schema = on_square(32).schema
    long = Symmetry(replace(schema, domain=replace(schema.domain, shape=(32, 16), symmetry="rectangle")))
    ramps = torch.meshgrid(torch.linspace(0, 1, 32), torch.linspace(0, 1, 16), indexing="ij")
    names = [column.name for column in schema.columns if column.is_field][:2]
    out = Jitter(long, 40)(dict(zip(names, ramps, strict=True)), np.random.default_rng(0))
    for axis, (name, n) in enumerate(zip(names, (32, 16), strict=True)):
        assert out[name].shape == (32, 16)
        steps = out[name].diff(dim=axis)
        inner = steps[2:-2, 2:-2]
        torch.testing.assert_close(inner, torch.full_like(inner, 0.8 / (n - 1)), atol=1e-5, rtol=0)
