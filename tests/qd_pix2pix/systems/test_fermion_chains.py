"""Samples of fermion chains: chemical potentials, the grand-canonical ground state, and errors."""

import numpy as np
import pytest
import torch
from small import configuration

from qd_pix2pix.data.transforms import RandomShift
from qd_pix2pix.mapping.symmetry import Symmetry
from qd_pix2pix.systems import make_recipe
from solvers.lattices import ground_energies

WORDS = ["data=chain", "data.sites=8"]


def recipe(*words):
    return make_recipe(configuration("generate", *WORDS, *words)["data"])


@pytest.fixture(scope="module")
def rings():
    made = recipe()
    return made, made.columns("train", range(40))


def test_every_sample_is_the_ground_state_at_its_chemical_potential(rings):
    """Of all N, from energies of all of them; the ends of the interval are those of its neighbours."""
    made, columns = rings
    energies = ground_energies(columns["V_mu"], made.interaction)
    numbers = columns["particles"].astype(int)
    assert energies.argmin(1).tolist() == numbers.tolist()
    np.testing.assert_allclose(columns["n"].sum(1), numbers, atol=1e-6)
    rows = np.arange(40)
    np.testing.assert_allclose(columns["energy"], energies[rows, numbers], atol=1e-7)
    np.testing.assert_allclose(columns["mu_low"], energies[rows, numbers] - energies[rows, numbers - 1], atol=1e-7)
    np.testing.assert_allclose(columns["mu_high"], energies[rows, numbers + 1] - energies[rows, numbers], atol=1e-7)


def test_numbers_and_chemical_potentials_are_uniform(rings):
    made, columns = rings
    many = recipe("data.interaction=0.0").columns("val", range(300))
    assert np.bincount(many["particles"].astype(int), minlength=9)[1:8].min() > 25
    assert set(many["particles"]) == set(range(1, 8))
    share = -many["mu_low"] / (many["mu_high"] - many["mu_low"])
    assert np.quantile(share, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.08)
    potentials = columns["V_mu"] + columns["mu"][:, None]
    np.testing.assert_allclose(potentials.mean(1), 0, atol=1e-12)
    assert np.ptp(potentials, axis=1).max() <= 11


def test_shifted_potentials_have_the_same_maps_within_the_interval_only(rings):
    """Of all samples that ``loader.shift`` makes from one, solved again; beyond either end N is another one."""
    made, columns = rings
    shift = RandomShift(["V_mu"], "mu_low", "mu_high")
    names = ("V_mu", "n", "coherence", "mu_low", "mu_high")
    rows = [{name: torch.as_tensor(columns[name][i]) for name in names} for i in range(40)]
    moved = [shift(row, np.random.default_rng(i)) for i, row in enumerate(rows)]
    assert all(set(row) == {"V_mu", "n", "coherence"} for row in moved)
    again = made.solve({"V_mu": np.stack([row["V_mu"].numpy() for row in moved])})
    for name in ("n", "coherence"):
        np.testing.assert_allclose(again[name], columns[name], atol=1e-8, err_msg=name)
    distance = (columns["V_mu"] - np.stack([row["V_mu"].numpy() for row in moved])).mean(1)
    share = (distance - columns["mu_low"]) / (columns["mu_high"] - columns["mu_low"])
    assert share.min() < 0.1 and share.max() > 0.9 and 0.4 < share.mean() < 0.6
    for end, change in (("mu_low", -1), ("mu_high", 1)):
        beyond = columns[end] + 1e-3 * change
        found = made.solve({"V_mu": columns["V_mu"] - beyond[:, None]})["particles"]
        assert (found - columns["particles"] == change).all()


def test_a_given_potential_has_the_same_maps(rings):
    """Solved again from V - mu alone."""
    made, columns = rings
    again = made.solve({"V_mu": columns["V_mu"]})
    assert set(again) == set(columns) - {"V_mu"}
    for name, values in again.items():
        np.testing.assert_allclose(values, columns[name], atol=1e-9, err_msg=name)
    empty = made.solve({"V_mu": np.full((1, 8), 4.0)})
    assert empty["n"].max() == 0 == empty["particles"][0]
    assert (empty["mu_low"][0], empty["mu_high"][0]) == (-np.inf, pytest.approx(2.0))


def test_symmetric_images_are_valid_samples(rings):
    """Mirror image, shifts and holes of a stored sample are what the solver returns for the image of its potential."""
    import torch

    made, columns = rings
    symmetry = Symmetry(made.schema)
    names = ("V_mu", "n", "neighbour_correlator", "coherence", "current_correlator")
    tensors = {name: torch.as_tensor(columns[name][:6]) for name in names}
    for image in (symmetry.act(tensors, 1), symmetry.shift(tensors, (3,)), symmetry.act(tensors, 2)):
        solved = made.solve({"V_mu": image["V_mu"].numpy()})
        for name in names[1:]:
            np.testing.assert_allclose(image[name].numpy(), solved[name], atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("data.sites=2", "data.sites"),
        ("data.sites=30", "data.sites"),
        ("data.interaction=nan", "data.interaction"),
        ("data.potential.shares.white=0.9", "sum 1"),
    ],
)
def test_bad_settings_are_named(word, said):
    with pytest.raises(ValueError, match=said):
        recipe(word)


@pytest.mark.parametrize("interaction", [-2.0, -0.5])
def test_attracted_fermions_are_ground_states_of_all_numbers(interaction):
    """Although E(N) need not be convex; all mu between mu_low and mu_high have the same N."""
    made = recipe(f"data.interaction={interaction}")
    columns = made.columns("train", range(60))
    numbers = columns["particles"].astype(int)
    for shift in (0.0, columns["mu_low"] + 1e-6, columns["mu_high"] - 1e-6):
        energies = ground_energies(columns["V_mu"] - np.reshape(shift, (-1, 1)), interaction)
        assert energies.argmin(1).tolist() == numbers.tolist()
    assert "stable" in made.name, "another folder than that of samples that were no ground states"


def test_clusters_of_fermions_are_refused_before_any_ring_is_solved(monkeypatch):
    """Below U = -2 J most N are no ground state; given potentials are solved as ever, and given N too."""
    from qd_pix2pix.systems import fermion_chains

    made = recipe("data.interaction=-4")
    monkeypatch.setattr(fermion_chains, "chemical_potentials", lambda *_: pytest.fail("a ring was solved"))
    with pytest.raises(
        ValueError, match=r"^data.interaction: expected a number in \[-2, 1000\], got -4.*chain_energies$"
    ):
        made.rehearse()
    monkeypatch.undo()
    V = np.random.default_rng(0).uniform(-1, 9, (3, 8))
    assert (made.solve({"V_mu": V})["particles"] == ground_energies(V, -4.0).argmin(1)).all()
    given = make_recipe(configuration("generate", "data=chain_energies", "data.sites=8", "data.interaction=-4")["data"])
    assert np.isfinite(given.columns("train", range(3))["mu_low"]).all()


def test_holes_are_particles_of_rings_with_an_even_number_of_sites(rings):
    """Over the edge of an odd ring holes hop with the other sign. Energies have an image of their own only."""
    made, columns = rings
    tensors = {name: torch.as_tensor(columns[name]) for name in ("V_mu", "n", "gap")}
    symmetry = Symmetry(made.schema, ("V_mu", "n", "gap"))
    assert symmetry.elements(tensors) == range(4) and symmetry.elements({"V_mu": torch.zeros(2, 9)}) == range(2)
    solved = made.solve({"V_mu": symmetry.act(tensors, 2)["V_mu"].numpy()})
    np.testing.assert_allclose(solved["n"], 1 - columns["n"], atol=1e-6)
    np.testing.assert_allclose(solved["particles"], made.sites - columns["particles"])
    np.testing.assert_allclose(solved["mu_low"], -columns["mu_high"], atol=1e-6)
    odd = recipe("data.sites=9").columns("val", range(3))
    images = Symmetry(made.schema).act({"V_mu": torch.as_tensor(odd["V_mu"])}, 2)["V_mu"].numpy()
    assert np.abs(recipe("data.sites=9").solve({"V_mu": images})["n"] - (1 - odd["n"])).max() > 1e-3
    for name in ("energy", "particles", "mu_low", "mu_high"):
        assert Symmetry(made.schema, ("V_mu", name)).elements(tensors) == range(2)
