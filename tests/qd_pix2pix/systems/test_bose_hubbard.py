"""Lattices of bosons as a system: labels, their errors, the checkerboard, refused samples, and networks of any size."""

import numpy as np
import pytest
import torch
from small import configuration

from qd_pix2pix.inference.inputs import with_patterns
from qd_pix2pix.systems import make_recipe
from qd_pix2pix.systems.bose_hubbard import around, variant
from solvers.lattices import Bosons, checkerboard, exact_bosons, power_law_field

SIZES = ["data.train=4", "data.val=2", "data.test=2", "data.shard_size=2"]
QUICK = ["data.side=4", "data.ensemble.beta=2.0", "data.sweeps=64", "data.burn_in=64", "data.density_error=0.05"]


def recipe(*words):
    return make_recipe(configuration("generate", "data=bose_hubbard", *SIZES, *QUICK, *words)["data"])


def test_labels_are_those_of_the_drawn_system():
    """Hard-core bosons: the variance is n (1 - n); density and products as in an independent sample of the system."""
    columns = recipe("data.density_error=0.02").columns("train", range(2))
    assert (columns["n_error"] <= 0.02).all()
    np.testing.assert_allclose(columns["n_error"], columns["sigma"].mean((1, 2)))
    np.testing.assert_allclose(columns["variance"], columns["n"] * (1 - columns["n"]), atol=1e-9)
    from solvers.lattices import sample_bosons

    for i in range(2):
        model = Bosons(columns["V_mu"][i], 2.0, neighbour=float(columns["neighbour"][i]))
        other = sample_bosons(model, 1000, seed=1)
        error = np.hypot(other.n_error, columns["sigma"][i]) + 1e-3
        assert np.abs((other.n - columns["n"][i]) / error).max() < 4.5
        assert np.abs(around(other.products) - columns["pairs"][i]).max() < 0.12


def test_the_checkerboard_is_the_more_occupied_sublattice():
    columns = recipe("data.ensemble.neighbour=[5.0,6.0]").columns("val", range(2))
    for signs, n in zip(columns["checkerboard"], columns["n"], strict=True):
        assert (np.abs(signs) == 1).all() and (signs * n).sum() >= 0
    n = 0.5 + 0.3 * checkerboard((4, 6))
    np.testing.assert_array_equal(variant(n), checkerboard((4, 6)))
    np.testing.assert_array_equal(variant(1 - n), -checkerboard((4, 6)))


def test_products_of_a_site_are_the_mean_over_its_neighbours():
    n = np.random.default_rng(0).uniform(size=(4, 4))
    products = np.stack([n * np.roll(n, -1, axis) for axis in (0, 1)])
    wanted = n * sum(np.roll(n, step, axis) for step in (1, -1) for axis in (0, 1)) / 4
    np.testing.assert_allclose(around(products), wanted)


def test_holes_are_particles_in_the_reflected_potential():
    """Maps of exact diagonalisation; with several bosons on a site there is no such symmetry."""
    from qd_pix2pix.mapping.symmetry import Symmetry

    v, coupling = np.random.default_rng(3).normal(size=(3, 4)) * 3 - 5.0, 2.5

    def columns(potential, signs):
        exact = exact_bosons(Bosons(potential, 2.0, neighbour=coupling))
        maps = {"n": exact.n, "variance": exact.variance, "pairs": around(exact.products)}
        given = {"V_mu": potential, "checkerboard": signs, "neighbour": np.array(coupling)}
        return {name: torch.as_tensor(values)[None] for name, values in {**given, **maps}.items()}

    schema, board = recipe().schema, checkerboard((3, 4))
    particles, holes = columns(v, board), columns(-v - 4 * coupling, -board)
    symmetry = Symmetry(schema, tuple(particles))
    assert symmetry.flips(particles)
    for name, values in symmetry.act(particles, symmetry.group.order).items():
        torch.testing.assert_close(values, holes[name], atol=1e-9, rtol=0)
    assert not Symmetry(schema, ("V_mu", "pairs")).flips(particles)
    soft = make_recipe(configuration("generate", "data=soft_bosons", *SIZES)["data"]).schema
    assert not soft.domain.flip


def test_samples_that_miss_their_error_are_refused():
    with pytest.raises(ValueError, match="data.most_sweeps: none of 2 systems drawn for train 0"):
        recipe("data.density_error=0.001", "data.most_sweeps=64", "data.attempts=2").columns("train", range(1))
    given = {"V_mu": np.zeros((1, 4, 4)), "neighbour": np.ones(1), "onsite": np.zeros(1)}
    with pytest.raises(ValueError, match="^lattice 0: most_sweeps: expected a mean error"):
        recipe("data.density_error=0.001", "data.most_sweeps=64").solve(given, ["lattice 0"])
    with pytest.raises(ValueError, match="neighbour: expected its values"):
        recipe().solve({"V_mu": np.zeros((1, 4, 4))})


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("data.side=5", "data.side: expected an even number, got 5; a checkerboard"),
        ("data.side=2", "data.side"),
        ("data.density_error=0", "data.density_error"),
        ("data.sweeps=10", "data.sweeps"),
        ("data.ensemble.neighbour=[2.0,1.0]", "data.ensemble.neighbour"),
        ("data.ensemble.powers=[0.0,1.0]", "data.ensemble.powers"),
        ("data.ensemble.beta=-1", "data.ensemble.beta"),
    ],
)
def test_bad_settings(word, message):
    with pytest.raises(ValueError, match=message):
        recipe(word)


def test_soft_bosons_have_their_ranges():
    words = ["data=soft_bosons", *SIZES, "data.side=4", "data.ensemble.beta=1.0"]
    found = make_recipe(configuration("generate", *words)["data"])
    rng, u, v = np.random.default_rng(0), [], []
    for _ in range(200):
        model = found.ensemble.sample(rng, 4)
        u, v = [*u, model.onsite], [*v, model.neighbour]
        mu = -model.potential.mean()
        assert model.n_max == 3 and -0.5 <= mu / model.onsite <= 3.0
        field = np.abs(model.potential + mu).max()
        assert 0.3 <= field / abs(mu) <= 2.0
    ratios = 4 * np.array(v) / u
    assert 4 <= min(u) and max(u) <= 80 and 0.75 <= ratios.min() < 0.8 and 1.7 < ratios.max() <= 1.75


def test_fields_have_mean_0_and_the_texture_of_their_power():
    rng = np.random.default_rng(0)
    rough, smooth = ([power_law_field(rng, (16, 16), p) for _ in range(20)] for p in (0.0, 6.0))
    for field in (*rough, *smooth):
        assert abs(field.mean()) < 1e-12 and np.abs(field).max() == pytest.approx(1.0)
    steps = [np.mean([np.abs(np.diff(f, axis=0)).mean() for f in fields]) for fields in (rough, smooth)]
    assert steps[0] > 2.5 * steps[1]
    spectrum = np.mean([np.abs(np.fft.fft2(f)) ** 2 / (f**2).sum() for f in rough], axis=0).ravel()[1:]
    assert spectrum.std() < 0.5 * spectrum.mean(), "p = 0 is white"


def test_a_missing_checkerboard_is_filled_in_where_it_fits():
    schema = recipe().schema
    found = with_patterns({"V_mu": np.zeros((3, 4, 6))}, schema, ("V_mu", "checkerboard"))
    assert found["checkerboard"].shape == (3, 4, 6)
    np.testing.assert_array_equal(found["checkerboard"][1], checkerboard((4, 6)))
    tensors = with_patterns({"V_mu": torch.zeros(4, 4)}, schema, ("V_mu", "checkerboard"))
    assert tensors["checkerboard"].dtype == torch.float32 and tensors["checkerboard"][0, 0] == 1
    own = {"V_mu": np.zeros((4, 4)), "checkerboard": -np.ones((4, 4))}
    assert with_patterns(own, schema, ("V_mu", "checkerboard")) == own
    with pytest.raises(ValueError, match="even number of points along each axis, got shape \\(5, 4\\)"):
        with_patterns({"V_mu": np.zeros((5, 4))}, schema, ("V_mu", "checkerboard"))


def test_the_averages_of_a_small_lattice_are_exact():
    given = {"V_mu": np.array([[[-1.0, 0.5], [-2.0, -1.5]]]), "neighbour": np.array([1.0]), "onsite": np.zeros(1)}
    found = recipe("data.density_error=0.01").solve(given)
    exact = exact_bosons(Bosons(given["V_mu"][0], 2.0, neighbour=1.0))
    assert np.abs((found["n"][0] - exact.n) / found["sigma"][0]).max() < 4.5
    assert found["n_error"][0] <= 0.01
