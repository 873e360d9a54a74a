"""The shipped network of fermion chains: any length, symmetric, near the solver, and strict about its input."""

import warnings

import numpy as np
import pytest
import torch

from qd_pix2pix import from_pretrained
from qd_pix2pix.inference import predict
from qd_pix2pix.inference.own_files import read_samples
from qd_pix2pix.inference.plateau import not_whole
from solvers.lattices import RandomChains, fermion_maps, ground_energies, ground_states


@pytest.fixture(scope="module")
def chain():
    return from_pretrained("chain")


def rings(number, sites, strength=3.0):
    noise = RandomChains({"white": 1.0}, (strength, strength))
    return np.stack([noise.sample(np.random.default_rng(i), sites) for i in range(number)]) - 0.3 * strength


def test_densities_are_near_those_of_the_solver(chain):
    V_mu = rings(12, 10)
    numbers = ground_energies(V_mu, 2.0).argmin(1)
    exact = np.stack(
        [fermion_maps(ground_states(v[None], 2.0, int(n)))["density"][0] for v, n in zip(V_mu, numbers, strict=True)]
    )
    errors = np.abs(chain(V_mu) - exact).sum(1) / exact.sum(1)
    assert np.median(errors) < 0.05


@pytest.mark.slow
def test_the_number_of_fermions_is_that_of_the_lowest_energy(chain):
    """The maps alone have a wrong N in five of these 240 rings."""
    V_mu = np.concatenate([rings(120, 10, strength) for strength in (1.0, 3.0)])
    exact = ground_energies(V_mu, 2.0).argmin(1)
    assert np.count_nonzero(np.abs(chain(V_mu).sum(1) - exact) > 0.5) <= 1


@pytest.mark.parametrize("sites", [11, 13, 15, 16])
def test_flat_rings_hold_the_same_everywhere(chain, sites):
    """A constant is what the norms of a network remove; its density is N / L, and N that of the lowest energy."""
    energies, levels = ground_energies(np.zeros((1, sites)), 2.0)[0], np.linspace(-5.9, 1.9, 14)
    costs = energies + levels[:, None] * np.arange(sites + 1)
    clear = np.ptp(np.sort(costs, axis=1)[:, :2], axis=1) > 0.03
    found = chain(np.repeat(levels[clear, None], sites, axis=1))
    np.testing.assert_allclose(found, costs.argmin(1)[clear, None] / sites + 0 * found, atol=0.1 / sites)
    assert np.ptp(found, axis=1).max() < 1e-6


def test_weak_potentials_are_in_no_other_unit(chain):
    """Energies are in units of the hopping: a weak impurity, or weak disorder at V = mu, is as good as any."""
    for V_mu in (0.12 * np.eye(12)[2], np.linspace(-0.117, -0.023, 13)):
        assert chain(V_mu).sum() == pytest.approx(ground_energies(V_mu[None], 2.0)[0].argmin(), abs=0.05)


def test_a_number_that_is_not_whole_is_remarked(chain, monkeypatch):
    numbers = torch.full((1, 12), 7.38 / 12)
    assert not_whole(chain.predictor, {"n": torch.full((2, 12), 0.5)}) == []
    assert not_whole(chain.predictor, {"n": numbers.numpy()}) == not_whole(chain.predictor, {"n": numbers})
    monkeypatch.setattr(
        predict, "on_plateau", lambda predictor, columns: {n: numbers for n in predictor.mapping.outputs}
    )
    for V_mu in (rings(1, 12), torch.tensor(rings(1, 12))):
        with pytest.warns(
            UserWarning, match=r"number of particles of 1 of 1 \w+ is not whole, such as 7.38; predictions"
        ):
            chain(V_mu)


def test_flags_are_no_potentials_and_text_is_no_flag(chain, tmp_path):
    with pytest.raises(ValueError, match="input: expected V_mu of real numbers, got bool"):
        chain(np.ones(12, dtype=bool))
    for V in (np.zeros(12), torch.zeros(12)):
        with pytest.raises(ValueError, match="symmetrise: expected True or False, got 'yes'"):
            chain(V, symmetrise="yes")
    with pytest.raises(ValueError, match="symmetrise: expected True or False, got 1"):
        chain.export(tmp_path / "chain.pt2", symmetrise=1)


@pytest.mark.parametrize("shape", [(9,), (2, 3, 48), (1, 400)])
def test_any_number_of_sites_is_taken(chain, shape):
    found = chain.predict(rings(int(np.prod(shape[:-1], dtype=int)), shape[-1]).reshape(shape))
    assert {values.shape for values in found.values()} == {shape}
    assert found["n"].min() >= 0 and found["n"].max() <= 1


def test_maps_turn_and_move_with_the_potential(chain):
    V_mu = rings(4, 30)
    maps = chain.predict(V_mu)
    for change in (lambda values: values[..., ::-1], lambda values: np.roll(values, 7, axis=-1)):
        for name, values in chain.predict(change(V_mu).copy()).items():
            np.testing.assert_allclose(values, change(maps[name]), atol=1e-5)


@pytest.mark.slow
def test_holes_are_predicted_like_particles(chain):
    """V - mu becomes -(V - mu) - 2 U; at an equal distance from two changes of N neither is preferred."""
    V_mu = rings(120, 14)
    maps, of_holes = chain.predict(V_mu), chain.predict(-V_mu - 4.0)
    np.testing.assert_allclose(of_holes.pop("n"), 1 - maps.pop("n"), atol=1e-4)
    for name, values in of_holes.items():
        np.testing.assert_allclose(values, maps[name], atol=1e-4, err_msg=name)


def test_what_is_far_away_does_not_matter(chain, monkeypatch):
    """A change beyond the reach of the network leaves a density as it is, unlike a norm over the points.

    The average over shifts follows from the number of fermions of the whole ring, and is left out.
    """
    monkeypatch.setattr(chain.predictor, "shifted", False)
    V_mu = rings(1, 120)
    other = V_mu.copy()
    other[:, 55:65] += 1.0
    reach = chain.predictor.network.reach
    assert reach < 45
    a, b = chain(V_mu)[0], chain(other)[0]
    np.testing.assert_allclose(a[: 55 - reach], b[: 55 - reach], atol=1e-6)
    assert np.abs(a - b)[50:70].max() > 0.05


@pytest.mark.slow
def test_an_exported_network_averages_for_any_number_of_rings(chain, tmp_path):
    chain.export(tmp_path / "chain.pt2")
    program = torch.export.load(tmp_path / "chain.pt2").module()
    V_mu = np.concatenate([rings(7, 14), np.full((1, 14), -1.7)])  # the last one is flat
    maps = chain.predict(V_mu)
    for name, values in zip(chain.outputs, program(torch.as_tensor(V_mu, dtype=torch.float32)), strict=True):
        np.testing.assert_allclose(values, maps[name], atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_an_onnx_file_counts_by_loops(chain, tmp_path):
    """The rotations of its Hartree-Fock matrices are loops; unrolled, they took longer than a quarter of an hour."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="extra export")
    pytest.importorskip("onnxscript", reason="extra export")
    chain.export(tmp_path / "chain.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "chain.onnx", providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    V_mu = np.concatenate([rings(6, given.shape[1], strength) for strength in (0.5, 3.0)])
    (found,) = session.run(["n"], {given.name: V_mu.astype(np.float32)})
    np.testing.assert_allclose(found, chain(V_mu), atol=1e-4)


def test_a_length_that_was_not_trained_is_reported(chain):
    with pytest.warns(UserWarning, match=r"the ring has 30 points, in training .* predictions may be wrong"):
        chain(rings(1, 30))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chain(rings(1, 14))


def test_gradients_flow_to_the_potential(chain):
    V_mu = torch.tensor(rings(2, 20), requires_grad=True)
    chain(V_mu)[:, 10].sum().backward()
    assert V_mu.grad[:, 10].max() < 0, "a higher potential repels"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros(6), r"does not take fields of \(6,\).*at least 9 points.* Give lattices of a size that it takes"),
        (np.zeros((2, 0)), r"expected shape \(\.\.\., n_x\), got \(2, 0\)"),
        (np.float64(1.0), r"expected shape \(\.\.\., n_x\)"),
        (np.full(20, np.nan), "finite"),
        (1e6 * rings(1, 20), "another unit"),
    ],
)
def test_bad_potentials_are_one_clear_error(chain, given, said):
    with pytest.raises(ValueError, match=said):
        chain(given)


def test_other_interactions_are_an_error(chain):
    with pytest.raises(ValueError, match="trained for interaction = 2 only, got 3"):
        chain(rings(1, 20), interaction=3.0)


def test_potentials_unlike_training_are_reported(chain):
    with pytest.warns(UserWarning, match="leave the range of V_mu"):
        chain(rings(1, 20, 60.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chain(rings(3, 14))


def test_a_file_has_the_unit_of_the_model(chain, tmp_path):
    """J is the hopping; joule or electronvolts are energies of no model."""
    V_mu = rings(1, 12)[0]
    for unit in ("[J]", ""):
        (tmp_path / "ring.csv").write_text("\n".join([f"V{unit}", *map(repr, V_mu.tolist())]), encoding="utf-8")
        np.testing.assert_array_equal(read_samples(tmp_path / "ring.csv", chain.predictor).fields["V_mu"], V_mu[None])
    (tmp_path / "ring.csv").write_text("\n".join(["V[meV]", *map(repr, V_mu.tolist())]), encoding="utf-8")
    with pytest.raises(ValueError, match="unit: expected J, that of the model; got 'meV'"):
        read_samples(tmp_path / "ring.csv", chain.predictor)
