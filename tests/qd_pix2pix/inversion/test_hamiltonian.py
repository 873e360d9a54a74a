"""Couplings and potentials from densities of a map whose identifiability is known in closed form."""

import numpy as np
import pytest
import torch

import qd_pix2pix
from qd_pix2pix.inversion.optimisers import LBFGS

POINTS = 10
TRUE = np.random.default_rng(3).uniform(0.3, 0.7, POINTS)
OPTIONS = {"bounds": (0.0, 1.0), "scale": 0.0, "progress": False, "starts": 3, "steps": 80, "tolerance": 0.01}


def density(V, number, coupling):
    """One electron does not interact, several feel the coupling through the number of the others."""
    return 1 / (1 + V + (coupling * (number - 1))[:, None] * V.flip(1))


def densities(numbers, coupling):
    V = torch.as_tensor(TRUE).expand(len(numbers), POINTS)
    return density(V, torch.tensor(numbers, dtype=torch.float64), torch.full((len(numbers),), coupling)).numpy()


def test_one_and_two_electrons_determine_the_coupling_and_the_potential():
    known = {"number": [1, 2, 3]}
    given = densities([1.0, 2.0, 3.0], 0.8)
    found = qd_pix2pix.learn_hamiltonian(density, given, known=known, unknown={"coupling": (0.1, 5.0)}, **OPTIONS)
    np.testing.assert_allclose(found.best, TRUE, atol=1e-4)
    assert found.couplings["coupling"][0] == pytest.approx(0.8, rel=1e-4)
    assert found.determined["coupling"] and 0 < found.coupling_uncertainty["coupling"] < 0.2
    assert found.predictions["output"].shape == (3, 3, POINTS)
    shown = repr(found).splitlines()
    assert shown[0].startswith(f"Hamiltonian: {len(found.misfits)} potentials of {POINTS}, misfits ")
    assert shown[1].startswith("coupling = 0.8 +- 0.")


def test_one_electron_does_not_determine_the_coupling():
    given = densities([1.0], 0.8)
    found = qd_pix2pix.learn_hamiltonian(
        density, given, known={"number": [1.0]}, unknown={"coupling": (0.1, 5.0)}, **OPTIONS
    )
    np.testing.assert_allclose(found.best, TRUE, atol=1e-4)
    assert not found.determined["coupling"] and found.identified.coupling_shares["coupling"] < 1e-9


def test_the_variance_of_a_coupling_is_that_of_the_normal_equations():
    given = densities([1.0, 2.0], 0.8)
    found = qd_pix2pix.learn_hamiltonian(
        density, given, known={"number": [1.0, 2.0]}, unknown={"coupling": (0.1, 5.0)}, **OPTIONS
    )

    def residual(x):
        V = x[None, :POINTS].expand(2, POINTS)
        coupling = 0.1 * torch.exp(x[POINTS] * np.log(50.0))
        return (density(V, torch.tensor([1.0, 2.0]), coupling.expand(2)) / 0.01 / np.sqrt(2 * POINTS)).flatten()

    share = np.log(found.couplings["coupling"][0] / 0.1) / np.log(50.0)
    x = torch.as_tensor(np.append(found.best, share))
    J = torch.autograd.functional.jacobian(residual, x).numpy()
    variance = np.linalg.inv(J.T @ J + 12 * np.eye(POINTS + 1))[-1, -1]
    slope = found.couplings["coupling"][0] * np.log(50.0)
    assert found.coupling_uncertainty["coupling"] == pytest.approx(slope * np.sqrt(variance), rel=1e-6)


def test_own_potentials_and_shifts():
    """Members with potentials of their own, and one potential at several known offsets."""

    def cube(V):
        return (V + 0.5) ** 3

    others = np.stack([TRUE, TRUE[::-1]])
    own = qd_pix2pix.learn_hamiltonian(cube, cube(others), shared=False, **OPTIONS)
    np.testing.assert_allclose(own.best, others, atol=1e-4)
    shift = np.array([-0.1, 0.2])
    shared = qd_pix2pix.learn_hamiltonian(cube, cube(TRUE + shift[:, None]), shift=shift, **OPTIONS)
    np.testing.assert_allclose(shared.best, TRUE, atol=1e-4)
    solved = shared.verify(solve=lambda V: {"output": cube(V)})["output"]
    np.testing.assert_allclose(solved[0], cube(TRUE + shift[:, None]), atol=1e-4)


@pytest.mark.filterwarnings("error:The given NumPy array")
def test_densities_and_shifts_are_arrays_of_any_strides_and_byte_order():
    shift = np.array([-0.1, 0.2])[::-1]
    given = ((TRUE + shift[:, None]) ** 3)[:, ::-1]
    for densities, offset in ((given, shift), (given.astype(">f8"), shift.astype(">f8"))):
        found = qd_pix2pix.learn_hamiltonian(lambda V: V**3, densities, shift=offset, **OPTIONS)
        np.testing.assert_allclose(found.best, TRUE[::-1], atol=1e-4)


def test_starts_of_lbfgs_are_independent_and_converge():
    """Rosenbrock's function from four starts; alone, a start takes the same steps to rounding."""

    def evaluate(x):
        x = x.clone().requires_grad_(True)
        cost = 100 * (x[:, 1] - x[:, 0] ** 2) ** 2 + (1 - x[:, 0]) ** 2
        return cost.detach(), torch.autograd.grad(cost.sum(), x)[0]

    starts = torch.tensor([[-1.2, 1.0], [0.0, 0.0], [2.0, 2.0], [-1.0, -1.0]], dtype=torch.float64)
    ends = []
    for some in (starts, starts[2:3]):
        optimiser = LBFGS(some, *evaluate(some), 0.1)
        for _ in range(90):
            trial = optimiser.trial()
            optimiser.update(trial, *evaluate(trial))
        ends.append(optimiser.x)
    torch.testing.assert_close(ends[0], torch.ones_like(starts), atol=1e-6, rtol=0)
    torch.testing.assert_close(ends[1][0], ends[0][2], atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"known": {"number": [1.0, 2.0, 3.0]}}, "known: expected number as one value or 2"),
        ({"unknown": ["coupling"]}, "unknown: give the range of coupling"),
        ({"unknown": {"number": (1.0, 2.0)}}, "unknown: number is among the known conditions"),
        ({"unknown": {"coupling": (2.0, 1.0)}}, "unknown: coupling: expected"),
        ({"densities": np.ones(POINTS)}, "densities: expected shape"),
        ({"shift": [1.0]}, "shift: expected"),
        ({"densities": "abc"}, "densities: expected an array of numbers, got 'abc'"),
        ({"known": "abc"}, "known: expected conditions by name, such as .*; got 'abc'"),
        ({"unknown": None}, "unknown: expected names of couplings, such as .*; got None"),
        ({"unknown": [3]}, "unknown: expected names of couplings"),
        ({"identify": 1}, "identify: expected True or False"),
    ],
)
def test_invalid_input_is_one_clear_error(change, message):
    options = {
        "surrogate": density, "densities": densities([1.0, 2.0], 0.8), "known": {"number": [1.0, 2.0]},
        "unknown": {"coupling": (0.1, 5.0)}, **OPTIONS, **change,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        qd_pix2pix.learn_hamiltonian(**options)
