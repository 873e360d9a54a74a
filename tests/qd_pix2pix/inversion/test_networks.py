"""Inversions through shipped networks: what they predict is what the network predicts, and the solver verifies it."""

import numpy as np
import pytest
import torch

from qd_pix2pix import design, from_pretrained, learn_hamiltonian
from qd_pix2pix.inference.pretrained import Surrogate
from qd_pix2pix.inversion.forward import trained_range
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Column, Domain, Schema
from qd_pix2pix.systems import make_recipe
from solvers import Grid
from solvers.lattices import checkerboard, parabola

GAAS = {"n_electrons": 2, "material": "gaas", "extent": 60.0}
OPTIONS = {"steps": 2, "progress": False, "identify": False}


@pytest.fixture(scope="module")
def universal():
    """The network of every dot."""
    return from_pretrained("universal", "cpu")


def well(points=64):
    x, y = Grid(n=points, extent=60.0).mesh()
    return 0.04 * (1 - np.exp(-((x - 25) ** 2 + (y - 33) ** 2) / 300))


def test_dots_of_any_size_by_a_density(universal):
    surrogate = universal
    V = well()
    wanted = surrogate(V, **GAAS).density
    given = {"density": wanted, "gap": 0.004}
    found = design(surrogate, given, start=np.clip(V + 0.004, 0, 0.05), bounds=(0.0, 0.05), **OPTIONS, **GAAS)
    again = surrogate(found.best, **GAAS)
    np.testing.assert_allclose(found.predictions["n_int"][0], again.density, rtol=2e-4, atol=1e-8)
    for name, value in (("energy", again.energy), ("gap", again.gap), ("error", again.density_error)):
        assert found.predictions[name][0] == pytest.approx(float(value), rel=1e-4)
    assert found.trajectory[-1, 0] < found.trajectory[0, 0] and found.best.shape == (64, 64)
    assert ((found.best >= 0) & (found.best <= 0.05)).all()


def test_predictions_of_a_design_at_an_offset_are_those_of_the_network(universal):
    """At 1000 eV single precision has steps of 6e-5 eV, 0.15 % of the depth of this well."""
    V = well() + 1000.0
    wanted = universal(V, **GAAS).density
    found = design(universal, wanted, start=V, bounds=(999.9, 1000.1), **OPTIONS, **GAAS)
    again = universal(found.best, **GAAS)
    assert found.predictions["energy"][0] == pytest.approx(float(again.energy), abs=1e-7)
    assert found.predictions["gap"][0] == pytest.approx(float(again.gap), rel=1e-5)
    np.testing.assert_allclose(found.predictions["n_int"][0], again.density, atol=1e-5 * again.density.max())


def test_the_solver_verifies_a_design():
    surrogate = from_pretrained("gaas-N2", "cpu")
    recipe = make_recipe(surrogate.card.recipes[0])
    V = recipe.draw("test", 0)
    wanted = surrogate(V)
    found = design(surrogate, wanted, start=V, tolerance=1e-3 * wanted.max(), verify=True, **OPTIONS)
    solved = recipe.solve({"V": found.best[None]})["n_int"][0]
    np.testing.assert_allclose(found.verified["n_int"][0], solved, rtol=1e-5, atol=1e-9)
    expected = np.mean(((solved - wanted) / (1e-3 * wanted.max())) ** 2)
    assert found.verified_misfits[0] == pytest.approx(expected, rel=1e-4)
    assert found.remarks == [] or all("unlike training" in remark for remark in found.remarks)


def test_members_have_conditions_of_their_own(universal):
    """Densities of one and two electrons in one potential, and a permittivity that is learned."""
    surrogate = universal
    known = {"n_electrons": [1, 2], "m_eff": 0.067, "extent": 60.0}
    densities = [surrogate(well(), n_electrons=n, m_eff=0.067, eps_r=12.9, extent=60.0).density for n in (1, 2)]
    found = learn_hamiltonian(
        surrogate,
        np.stack(densities),
        known=known,
        unknown=["eps_r"],
        start=well() + 1e-4,
        bounds=(0.0, 0.05),
        **OPTIONS,
    )
    for k, n in enumerate((1, 2)):
        again = surrogate(found.best, n_electrons=n, m_eff=0.067, eps_r=found.couplings["eps_r"][0], extent=60.0)
        np.testing.assert_allclose(found.predictions["n_int"][0, k], again.density, rtol=2e-4, atol=1e-8)
    low, high = 60 * 0.067 / 0.0529177 / 100, 60 * 0.067 / 0.0529177 / 0.3
    assert low < found.couplings["eps_r"][0] < high
    assert found.conditions_of(0, 1)["eps_r"] == found.couplings["eps_r"][0]


def test_bounds_outside_the_training_are_reported_and_gradients_of_weights_are_not_recorded():
    surrogate = from_pretrained("gaas-N2", "cpu")
    wanted = surrogate(np.zeros((64, 64)))
    with pytest.warns(UserWarning, match=r"bounds -1 \.\.\. 2 eV leave the range of the training, 0 \.\.\. 0.5"):
        found = design(surrogate, wanted, bounds=(-1.0, 2.0), starts=1, **OPTIONS)
    assert found.remarks[0].startswith("bounds -1 ... 2 eV")
    assert all(weight.grad is None and weight.requires_grad for weight in surrogate.predictor.network.parameters())


def rings(sites=12):
    """A random network of rings at several couplings U."""
    torch.manual_seed(0)
    columns = (Column("V_mu", "field"), Column("n", "field", low=0.0, high=1.0), Column("U", "condition"))
    schema = Schema("rings", "ring", columns, Domain(("x",), (sites,), (), "periodic", "line", True))
    ends = {"V_mu": (-2.0, 2.0), "n": (0.0, 1.0), "U": (0.0, 4.0)}
    statistics = {
        n: {"min": a, "max": b, "mean": 0.5, "std": 1.0, "sample_mean_min": a, "sample_mean_max": b}
        for n, (a, b) in ends.items()
    }
    mapping = {"source": "V_mu", "target": "n", "also": []}
    card = Card([schema.to_dict()], mapping, {"class": "ResNet"}, {"field": "bounded"}, False, statistics)
    predictor = Predictor(card)
    for weight in predictor.network.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    return Surrogate(predictor, card, "cpu")


def test_lattices_of_other_sizes_and_chemical_potentials():
    """The target fixes the sites; members at several mu share V, and U is learned in the range of the training."""
    network = rings()
    V = np.random.default_rng(0).uniform(-1, 1, 20)
    found = design(network, network(V, U=1.0), starts=2, **OPTIONS | {"identify": True}, U=1.0)
    assert found.potentials.shape == (2, 20) and found.identifiable.shape == (20,)
    np.testing.assert_allclose(found.predictions["n"], network(found.potentials, U=1.0), atol=1e-5)
    mu = np.array([-0.5, 0.5])
    n = np.stack([network(V - m, U=1.0) for m in mu])
    learned = learn_hamiltonian(network, n, unknown=["U"], shift=-mu, starts=2, **OPTIONS)
    assert learned.best.shape == (20,) and ((learned.couplings["U"] > 0) & (learned.couplings["U"] < 4)).all()
    again = np.stack([network(learned.best - m, U=learned.couplings["U"][0]) for m in mu])
    np.testing.assert_allclose(learned.predictions["n"][0], again, atol=1e-5)
    with pytest.raises(ValueError, match="unknown: expected conditions that vary in the training, U; got 'J'"):
        learn_hamiltonian(network, n, unknown=["J"], **OPTIONS)
    with pytest.raises(ValueError, match="verify: this surrogate has no solver"):
        found.verify()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bounds": None}, r"bounds: give the lowest and the highest potential in eV"),
        ({"n_electrons": None}, "n_electrons: this network serves all of them"),
        (
            {"target": {"spins": 1.0}},
            "target: expected one of n_int, energy, gap, spin, error; got 'spins'",
        ),
        ({"target": {"gap": np.ones(3)}}, r"target: expected gap of shape \(\), got \(3,\)"),
        (
            {"target": np.ones((32, 32)), "shape": (64, 64)},
            r"target: expected n_int of shape \(64, 64\), got \(32, 32\)",
        ),
        ({"target": np.ones((32, 32)), "shape": (8,)}, "shape: expected 2 axes"),
        ({"n_electrons": 9}, "n_electrons: the network was trained for 1 ... 6, got 9"),
        ({"extent": (200.0, 100.0)}, "extent: expected the side of a square, got 200 and 100. Put the rectangle into"),
    ],
)
def test_invalid_input_is_one_clear_error(universal, change, message):
    options = {"target": torch.ones(64, 64), "bounds": (0.0, 0.05), **OPTIONS, **GAAS, **change}
    with pytest.raises(ValueError, match=message):
        design(universal, **options)


def test_couplings_of_the_shipped_network_have_the_range_of_its_training(universal):
    """lambda = L m* / (eps_r a_0): eps_r of lambda from 0.3 to 100, and no whole number is learned."""
    members = [{"n_electrons": 2, "m_eff": 0.067, "extent": 60.0}]
    low, high = trained_range(universal, "eps_r", members)
    bohr = 0.0529177
    np.testing.assert_allclose([60 * 0.067 / bohr / high, 60 * 0.067 / bohr / low], [0.3, 100.0], rtol=2e-3)
    with pytest.raises(ValueError, match="unknown: expected a condition of the coupling"):
        trained_range(universal, "n_electrons", members)


@pytest.mark.slow
def test_averages_over_shifts_are_those_of_predictions():
    """A potential that solves the problem is reported as a solution; misfits are those of what the network predicts."""
    chain = from_pretrained("chain", "cpu")
    V = np.random.default_rng(19).uniform(-4, 2, 14)
    n = chain(V)
    same = design(chain, n, start=V, bounds=(-6.0, 4.0), **OPTIONS | {"steps": 1, "identify": True})
    assert same.trajectory[0, 0] < 1e-6 and same.misfits[0] < 1e-6
    np.testing.assert_allclose(same.best, V, atol=1e-9)
    assert same.identifiable.shape == (14,) and same.known.n_determined > 3
    found = design(chain, n, starts=2, bounds=(-6.0, 4.0), **OPTIONS | {"steps": 12})
    np.testing.assert_allclose(found.predictions["n"], chain(found.potentials), atol=1e-6)
    expected = np.mean(((chain(found.potentials) - n) / (0.01 * n.max())) ** 2, axis=1)
    np.testing.assert_allclose(found.misfits, expected, rtol=1e-4)
    assert (found.misfits <= found.trajectory.min(0) * (1 + 1e-9)).all() and found.misfits[0] < found.trajectory[0, 0]
    learned = learn_hamiltonian(chain, n[None], start=V, bounds=(-6.0, 4.0), **OPTIONS)
    assert learned.trajectory[0, 0] < 1e-6


def test_fields_beside_the_potential_are_given():
    """Bosons at two chemical potentials, whose solids occupy different sublattices; one V, learned with the trap."""
    network = from_pretrained("bose-hubbard", "cpu")
    trap, signs = parabola((8, 8), 4.0), checkerboard((8, 8))
    boards, shift = np.stack([signs, -signs]), [-5.0, -8.0]
    densities = network({"V_mu": np.stack([trap + s for s in shift]), "checkerboard": boards}, neighbour=4.0)
    known = {"checkerboard": boards, "neighbour": 4.0}
    found = learn_hamiltonian(network, densities, known=known, shift=shift, start=trap, bounds=(-1.0, 9.0), **OPTIONS)
    assert found.misfits[0] < 1e-2
    for k in range(2):
        again = network({"V_mu": found.best + shift[k], "checkerboard": boards[k]}, neighbour=4.0)
        np.testing.assert_allclose(found.predictions["n"][0, k], again, atol=1e-5)
    # without a checkerboard it is that of +1 at the first site, as in a prediction
    one = design(network, densities[0], start=trap + shift[0], bounds=(-6.0, 4.0), **OPTIONS, neighbour=4.0)
    assert one.misfits[0] < 1e-2
    for bad, message in ((np.zeros((8, 8)), "of -1 and 1 only"), (signs[:6, :6], "sources of the same shape")):
        with pytest.raises(ValueError, match=message):
            learn_hamiltonian(network, densities, known=known | {"checkerboard": bad}, shift=shift, **OPTIONS)


def test_found_couplings_outside_the_training_are_reported():
    """The range that is asked for has its middle in the training, and the interaction that is found does not."""
    network = from_pretrained("bose-hubbard", "cpu")
    trap = parabola((8, 8), 4.0) - 5.0
    given = {"start": trap, "bounds": (-6.0, 4.0), "tolerance": 1e4, **OPTIONS | {"steps": 1}}
    known = {"checkerboard": checkerboard((8, 8))}
    density = network(trap, neighbour=4.0)[None]
    above = learn_hamiltonian(network, density, known=known, unknown={"neighbour": (0.001, 1e4)}, **given)
    inside = learn_hamiltonian(network, density, known=known, unknown={"neighbour": (3.9, 4.1)}, **given)
    below = learn_hamiltonian(network, density, known=known, unknown={"neighbour": (20.0, 21.0)}, **given)
    for found in (above, inside, below):
        coupling = found.couplings["neighbour"][0]
        assert any("neighbour is" in remark for remark in found.remarks) == (coupling > 5.99 or coupling < 0.02)
    assert above.couplings["neighbour"][0] > 5.99 and not inside.remarks
    assert f"neighbour is {above.couplings['neighbour'][0]:g}" in " ".join(above.remarks)


def test_conditions_of_every_member_are_compared(universal):
    """The second density has an interaction that is weaker than in all dots of training."""
    known = {"n_electrons": [1, 2], "m_eff": 0.067, "extent": 60.0, "eps_r": [12.9, 1000.0]}
    density = universal(well(), **GAAS).density
    with pytest.warns(UserWarning, match=r"in training 0.3 \.\.\. 100; predictions may be wrong"):
        found = learn_hamiltonian(
            universal, np.stack([density] * 2), known=known, start=well(), bounds=(0.0, 0.05), **OPTIONS
        )
    assert sum("in training 0.3 ... 100" in remark for remark in found.remarks) == 1


@pytest.mark.filterwarnings("ignore")
def test_progress_is_that_of_the_solver_too(capfd):
    """A design without a bar has none in its verification and corrections either; otherwise they have one."""
    chain = from_pretrained("chain", "cpu")
    n, given = np.full(10, 0.5), {"starts": 1, "steps": 2, "identify": False}
    found = design(chain, n, verify=True, progress=False, **given)
    found.correct(1)
    learned = learn_hamiltonian(chain, n[None], progress=False, **given)
    learned.verify()
    assert capfd.readouterr() == ("", "")
    design(chain, n, progress=True, **given).verify()
    assert "solving rings" in capfd.readouterr().err


def test_spins_have_no_gradient():
    """Neither with a start nor without one; a network of potentials is named."""
    message = r"^surrogate: expected a network of potentials, got one of spins, whose values -1 and 1 .* Use chain, "
    for more in ({}, {"start": np.ones((8, 8)), "bounds": (-1.0, 1.0)}):
        with pytest.raises(ValueError, match=message):
            design("ising-ednn", -40.0, shape=(8, 8), **OPTIONS, **more)
    with pytest.raises(ValueError, match=message):
        learn_hamiltonian("ising-ednn", {"energy": np.zeros((1, 8, 8))}, **OPTIONS)


@pytest.mark.parametrize("name", ["bose-hubbard", "gaas-N2"])
def test_one_density_needs_an_axis_of_densities(name):
    """Of a network on two axes, whose density of two axes alone reads as several on one axis."""
    network = from_pretrained(name, "cpu")
    for one in (np.full(network.shape, 0.5), {network.target: np.full(network.shape, 0.5)}):
        with pytest.raises(ValueError, match=r"^densities: expected shape .* 2 axes of points.* use n\[None\]"):
            learn_hamiltonian(network, one, unknown=["neighbour"], **OPTIONS)


def test_points_of_a_start_are_those_of_the_target():
    chain = from_pretrained("chain", "cpu")
    n = np.full(12, 0.5)
    with pytest.raises(ValueError, match=r"start: expected the points of the target, \(12,\), got \(11,\)"):
        design(chain, n, start=np.zeros(11), **OPTIONS)
    with pytest.raises(ValueError, match="start: expected an array of numbers, got 'a'"):
        design(chain, n, start="a", **OPTIONS)


def test_targets_that_no_potential_has_are_reported():
    """At most one fermion is on a site; noise of the tolerance leaves this range, too, and causes no remark."""
    chain = from_pretrained("chain", "cpu")
    V = np.random.default_rng(3).uniform(-4, 2, 12)
    with pytest.warns(UserWarning, match=r"the target n is -0.3 \.\.\. 1.7, beyond 0 \.\.\. 1; no potential has it"):
        found = design(chain, np.array([1.7, -0.3] * 6), starts=1, **OPTIONS)
    assert any(remark.startswith("the target n is -0.3") for remark in found.remarks)
    noisy = chain(V) + 0.05 * np.random.default_rng(0).standard_normal(12)
    noisy[0] = 1.1
    assert not any(
        "the target" in remark for remark in design(chain, noisy, start=V, tolerance=0.05, **OPTIONS).remarks
    )


def test_a_checkerboard_of_a_design_is_compared_with_the_pattern():
    network = from_pretrained("bose-hubbard", "cpu")
    trap, stripes = parabola((8, 8), 4.0) - 5.0, np.broadcast_to((-1.0) ** np.arange(8), (8, 8))
    given = {"start": trap, "bounds": (-6.0, 4.0), "neighbour": 4.0, **OPTIONS}
    density = network(trap, neighbour=4.0)
    with pytest.warns(UserWarning, match="checkerboard of 1 of 1 lattice is no checkerboard"):
        design(network, density, checkerboard=stripes, **given)
    other = design(network, density, checkerboard=-checkerboard((8, 8)), **given)
    assert not any("no checkerboard" in remark for remark in other.remarks)


@pytest.mark.slow
def test_bosons_are_verified_at_their_own_interaction():
    network = from_pretrained("bose-hubbard", "cpu")
    v_mu = parabola((8, 8), 10.0) - 3.0
    found = design(network, network(v_mu, neighbour=1.0), start=v_mu, bounds=(-4.0, 14.0), **OPTIONS, neighbour=1.0)
    recipe = make_recipe(network.card.recipes[0])
    solved = recipe.solve({"V_mu": found.best[None], "neighbour": np.ones(1), "onsite": np.zeros(1)})["n"][0]
    np.testing.assert_array_equal(found.verify()["n"][0], solved)
    assert np.abs(solved - found.predictions["n"][0]).mean() < 0.06
