"""Designs by gradient descent, on linear maps whose solutions, and what they determine, are known in closed form."""

import matplotlib.image
import numpy as np
import pytest
import torch

import qd_pix2pix

RNG = np.random.default_rng(0)
POINTS = 12
MATRIX = torch.as_tensor(RNG.standard_normal((POINTS, POINTS)) + 4 * np.eye(POINTS))
TRUE = RNG.uniform(0.3, 0.7, POINTS)
FREE = {"bounds": (0.0, 1.0), "scale": 0.0, "progress": False, "shape": (POINTS,)}


def linear(V):
    return V @ MATRIX.T


def half(V):
    """A map that does not depend on the last half of the points."""
    return V[:, : POINTS // 2] @ MATRIX[:8, : POINTS // 2].T


def test_all_starts_find_the_solution_of_a_linear_map():
    found = qd_pix2pix.design(linear, linear(torch.as_tensor(TRUE)), starts=5, steps=80, **FREE)
    np.testing.assert_allclose(found.best, TRUE, atol=1e-6)
    assert found.good.all() and set(found.groups) == {0} and found.trajectory.shape == (80, 5)
    assert (np.diff(found.costs) >= 0).all() and found.misfits[0] < 1e-8
    np.testing.assert_allclose(found.predictions["output"], linear(torch.as_tensor(found.potentials)), atol=1e-12)


def test_what_is_identifiable_is_that_of_the_singular_values():
    """Posterior of a linear map with a white prior of variance 1 / 12, by the normal equations."""
    target = half(torch.as_tensor(TRUE)[None])[0]
    found = qd_pix2pix.design(half, target, tolerance=0.5, starts=4, steps=80, **FREE)
    A = np.zeros((8, POINTS))
    A[:, : POINTS // 2] = MATRIX[:8, : POINTS // 2] / 0.5 / np.sqrt(8)
    covariance = np.linalg.inv(A.T @ A + 12 * np.eye(POINTS))
    np.testing.assert_allclose(found.identifiable, 1 - 12 * np.diag(covariance), atol=1e-9)
    np.testing.assert_allclose(found.uncertainty**2, np.diag(covariance), atol=1e-9)
    singular = np.linalg.svd(A / np.sqrt(12), compute_uv=False)
    np.testing.assert_allclose(found.identified.singular_values, singular, atol=1e-9)
    assert found.identified.n_determined == (singular > 1).sum()
    moved = found.best + found.directions[6]  # of the null space: sigma = 0
    np.testing.assert_allclose(half(torch.as_tensor(moved)[None]), half(torch.as_tensor(found.best)[None]), atol=1e-9)
    assert found.identifiable[POINTS // 2 :].max() < 1e-9 and found.identifiable[: POINTS // 2].min() > 0.3
    assert found.spread[POINTS // 2 :].mean() > 2 * found.spread[: POINTS // 2].mean()  # starts differ where free


def test_the_null_direction_of_a_blurred_potential_is_seen_through_the_blur():
    """With a blur the prior is correlated: points that no output contains are known from their neighbours."""
    sharp = qd_pix2pix.design(half, half(torch.as_tensor(TRUE)[None])[0], starts=1, steps=1, **FREE)
    smooth = qd_pix2pix.design(half, half(torch.as_tensor(TRUE)[None])[0], starts=1, steps=1, **{**FREE, "scale": 2.0})
    assert sharp.identifiable[POINTS // 2] < 1e-9 < 0.3 < smooth.identifiable[POINTS // 2]
    assert ((smooth.identifiable >= 0) & (smooth.identifiable <= 1)).all()


def test_costs_start_and_fixed_points():
    low, high = np.zeros(POINTS), np.ones(POINTS)
    low[3] = high[3] = 0.25  # a known point

    def cost(outputs):
        return (outputs["sum"] - 7.0) ** 2

    def total(V):
        return {"sum": V.sum(1), "field": V}

    options = {"bounds": (low, high), "scale": 0.0, "progress": False, "steps": 80, "shape": (POINTS,)}
    found = qd_pix2pix.design(
        total, cost=cost, start=np.full((2, POINTS), low + 0.5 * (high - low)), starts=1, **options
    )
    assert found.potentials.shape == (3, POINTS) and found.misfits.max() < 1e-4 and found.good.all()
    assert (found.potentials[:, 3] == 0.25).all() and found.best.sum() == pytest.approx(7, abs=0.01)
    near = found.potentials[np.abs(found.potentials - found.potentials.mean(1, keepdims=True)).max(1).argmin()]
    np.testing.assert_allclose(np.delete(near, 3), np.delete(near, 3).mean(), atol=1e-6)  # uniform starts stay uniform


@pytest.mark.filterwarnings("error:The given NumPy array")
@pytest.mark.parametrize("view", [lambda a: a[::-1][::-1].astype(">f8"), lambda a: a[::-1].copy()[::-1]])
def test_target_start_mask_and_bounds_are_arrays_of_any_strides_and_byte_order(view):
    ends = tuple(view(np.full(POINTS, value)) for value in (0.0, 1.0))
    mask = view(np.ones(POINTS))
    options = {**FREE, "bounds": ends, "mask": mask, "start": view(np.full(POINTS, 0.5)), "steps": 80}
    found = qd_pix2pix.design(linear, view(linear(torch.as_tensor(TRUE)).numpy()), **options)
    np.testing.assert_allclose(found.best, TRUE, atol=1e-6)


def test_tensors_with_a_gradient_or_of_another_type_are_arrays():
    """A target, mask, start and bounds may come from other networks."""
    ones = torch.ones(POINTS, dtype=torch.float64, requires_grad=True)
    given = {"mask": ones, "start": (0.5 * ones).float(), "bounds": (0 * ones, ones), "starts": 1, "steps": 3}
    options = {**FREE, **given}
    expected = qd_pix2pix.design(linear, np.ones(POINTS), **options)
    for target in (ones, ones.to(torch.bfloat16)):
        np.testing.assert_array_equal(qd_pix2pix.design(linear, target, **options).best, expected.best)


def test_a_cost_that_does_not_depend_on_the_potential_is_refused():
    constant = torch.ones((), dtype=torch.float64, requires_grad=True)
    with pytest.raises(ValueError, match="cost: its gradient with respect to the potential is not defined"):
        qd_pix2pix.design(linear, cost=lambda o: constant * torch.ones(2), starts=2, steps=2, **FREE)


def test_numbers_and_masks_are_targets():
    def outputs(V):
        return {"density": V**2, "energy": V.sum(1)}

    mask = np.arange(POINTS) < 6
    target = {"density": np.full(POINTS, 0.25), "energy": 8.0}
    found = qd_pix2pix.design(outputs, target, mask=mask, starts=2, steps=100, tolerance={"density": 1e-2}, **FREE)
    np.testing.assert_allclose(found.best[:6], 0.5, atol=2e-3)
    assert found.best.sum() == pytest.approx(8.0, abs=0.02)
    assert found.best[6:].mean() > 0.7  # masked points make up for the sum


@pytest.mark.parametrize("name", ["smoothness", "variation"])
def test_the_discrepancy_principle_stops_at_the_noise(name):
    """A step with noise: free points reproduce the noise, adapted ones deviate by the noise and are simpler."""
    rng = np.random.default_rng(1)
    step = np.where(np.arange(32) < 16, 0.3, 0.7)
    noisy = step + rng.normal(scale=0.05, size=32)
    options = {"bounds": (0.0, 1.0), "scale": 0.0, "progress": False, "start": np.full(32, 0.5), "steps": 200}
    plain = qd_pix2pix.design(lambda V: V, noisy, tolerance=0.05, **options)
    adapted = qd_pix2pix.design(lambda V: V, noisy, tolerance=0.05, **options, **{name: "discrepancy"})
    assert plain.misfits[0] < 0.05 and 0.8 < adapted.misfits[0] <= 1.05
    kink = np.abs(np.diff(adapted.best)).sum() / np.abs(np.diff(plain.best)).sum()
    assert kink < 0.4 and np.abs(adapted.best - step).mean() < np.abs(plain.best - step).mean()


def test_ctrl_c_returns_the_best_so_far():
    calls = []

    def slow(V):
        calls.append(1)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return linear(V)

    found = qd_pix2pix.design(slow, linear(torch.as_tensor(TRUE)), starts=2, steps=400, **FREE)
    assert found.interrupted and found.trajectory.shape == (29, 2)
    np.testing.assert_allclose(np.sort(found.misfits), np.sort(found.trajectory.min(0)))


def test_a_target_that_is_not_reproduced_is_reported():
    """No output of the map is below 0; a misfit near 1 is none."""
    wanted = np.full(POINTS, -1.0)
    with pytest.warns(UserWarning, match="the lowest misfit is 1e.04: the target is not reproduced, and uncertainties"):
        found = qd_pix2pix.design(lambda V: V, wanted, starts=1, steps=80, **FREE)
    assert found.misfits[0] == pytest.approx(1e4, rel=0.05) and len(found.remarks) == 1
    near = qd_pix2pix.design(lambda V: V, wanted, starts=1, steps=80, tolerance=1.0, **FREE)
    assert near.misfits[0] == pytest.approx(1, rel=0.05) and near.remarks == []


def test_corrections_reach_the_target_of_the_solver_though_the_map_is_wrong():
    """The solver has another offset and slope; without a correction the target is missed by the difference."""

    def solver(V):
        return {"output": 1.1 * (V @ MATRIX.numpy().T) + 0.2}

    target = solver(TRUE[None])["output"][0]
    found = qd_pix2pix.design(linear, target, starts=1, steps=80, tolerance=0.01, **FREE)
    corrected = found.correct(4, solver)
    assert found.verified_misfits[0] > 100 and corrected.verified_misfits[0] < 0.1
    np.testing.assert_allclose(corrected.verified["output"][0], target, atol=0.01)
    other = qd_pix2pix.design(linear, cost=lambda o: o["output"].square().sum(1), starts=1, steps=2, **FREE)
    with pytest.raises(ValueError, match="correct: expected a design of a target"):
        other.correct()


def test_a_correction_compares_outputs_of_one_solver():
    """The design was verified by another solver than that of the correction."""

    def offset(by):
        return lambda V: V @ MATRIX.numpy().T + by  # the first output alone

    target = linear(torch.as_tensor(TRUE)).numpy()
    found = qd_pix2pix.design(linear, target, starts=1, steps=80, tolerance=0.01, verify=offset(0.0), **FREE)
    assert found.verified_misfits[0] < 1e-6
    corrected = found.correct(1, offset(0.2))
    assert corrected is not found and corrected.verified_misfits[0] < 0.1
    assert found.verified_misfits[0] == pytest.approx(400, rel=1e-3)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "verify: expected numbers of output from the function, got None"),
        (np.ones(POINTS), r"verify: expected output of shape \(1, \.\.\.\) from the function, got \(12,\)"),
        (np.ones((1, 3)), r"target: expected output of shape \(3,\), got \(12,\)"),
    ],
)
def test_what_a_solver_returns_is_checked(result, message):
    found = qd_pix2pix.design(linear, np.ones(POINTS), starts=1, steps=2, **FREE)
    with pytest.raises(ValueError, match=message):
        found.verify(solve=lambda V: result)


def test_verification_figure_and_files(tmp_path):
    def solver(V):
        return {"output": V @ MATRIX.numpy().T + 0.1}

    target = linear(torch.as_tensor(TRUE)).numpy()
    found = qd_pix2pix.design(linear, target, starts=2, steps=80, tolerance=0.1, verify=solver, **FREE)
    np.testing.assert_allclose(found.verified["output"][0], found.predictions["output"][0] + 0.1)
    assert found.verified_misfits[0] == pytest.approx(1.0) and found.misfits[0] < 1e-8
    found.save(tmp_path / "design.png")
    assert matplotlib.image.imread(tmp_path / "design.png").std() > 0.05
    found.save(tmp_path / "new" / "design.npz")
    with np.load(tmp_path / "new" / "design.npz") as kept:
        np.testing.assert_array_equal(kept["potentials"], found.potentials)
    with pytest.raises(ValueError, match=r"save: expected a name that ends in"):
        found.save(tmp_path / "design.txt")
    with pytest.raises(ValueError, match=r"save: expected the name of a file, got None"):
        found.save(None)
    with pytest.raises(ValueError, match="verify: this surrogate has no solver"):
        found.verify()


GIVEN = {"target": np.zeros(POINTS) + 1, "steps": 2, **FREE}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bounds": (1.0, 0.0)}, "bounds: expected low < high"),
        ({"bounds": (0.0, np.ones(3))}, "bounds: expected finite numbers or fields of shape"),
        ({"bounds": None}, "bounds: give the lowest and the highest potential"),
        ({"target": np.ones(5)}, r"target: expected output of shape \(12,\), got \(5,\)"),
        ({"target": {"gap": 1.0}}, "target: expected one of output; got 'gap'"),
        ({"target": np.full(POINTS, np.nan)}, "target: 12 values of output are NaN"),
        ({"target": np.zeros(POINTS)}, "tolerance: give that of output"),
        ({"cost": lambda outputs: 0.0}, "target, cost: give one of them"),
        ({"target": None, "cost": lambda o: o["output"]}, "cost: expected one number for each of 8 potentials"),
        ({"target": None, "cost": lambda o: o["gap"]}, "cost: there is no output 'gap'; there are output"),
        ({"target": None, "cost": lambda o: o["output"].detach().sum(1)}, "cost: its gradient"),
        ({"start": np.full(POINTS, 2.0)}, r"start: expected potentials within the bounds, got 2 \.\.\. 2"),
        ({"start": np.full((2, 3), 0.5)}, "start: expected shape"),
        ({"variation": "best"}, "variation: expected a number, or 'discrepancy'"),
        ({"tolerance": -1.0}, "tolerance: expected"),
        ({"mask": np.zeros(POINTS)}, "mask: expected at least one point"),
        ({"mask": "abc"}, "mask: expected an array of numbers of shape"),
        ({"shape": None}, "shape: give the points"),
        ({"shape": 12}, r"shape: expected the points along each axis, such as \(64, 64\) or \(12,\); got 12"),
        ({"shape": (12.0,)}, "shape: expected a whole number of at least 1, got 12.0"),
        ({"start": np.full(11, 0.5)}, r"start: expected shape \(12,\)"),
        ({"start": "a"}, "start: expected an array of numbers, got 'a'"),
        ({"verify": 3}, "verify: expected True or False, got 3"),
        ({"verify": "yes"}, "verify: expected True or False, got 'yes'"),
        ({"identify": "no"}, "identify: expected True or False, got 'no'"),
        ({"surrogate": "ising-flow"}, "surrogate: expected a network that predicts, got a generator"),
        ({"bounds": ({}, 1.0)}, "bounds: expected finite numbers or fields of shape .*, got {}"),
        ({"bounds": (0.0, 1j)}, "bounds: expected finite numbers or fields"),
        ({"bounds": ([[0.0], [1.0, 2.0]], 1.0)}, "bounds: expected finite numbers or fields"),
        ({"target": np.ones(POINTS) + 1j}, "target: expected numbers of output, got array"),
        ({"start": np.zeros((0, POINTS))}, r"start: expected shape \(12,\) or \(starts, 12\), got \(0, 12\)"),
        ({"tolerance": {"densty": 0.1}}, "tolerance: expected names of the target, output; got 'densty'"),
        ({"number": "two"}, "number: expected a number, got 'two'"),
        ({"number": None}, "number: expected a number, got None"),
        ({"progress": "no"}, "progress: expected True or False, got 'no'"),
    ],
)
def test_invalid_input_is_one_clear_error(change, message):
    def never(V):
        raise AssertionError("invalid input is refused before the descent")

    late = any(name in str(change) for name in ("cost", "gap", "np.ones(5)")) or np.shape(change.get("target")) == (5,)
    options = {"surrogate": linear if late else never, **GIVEN, **change}
    with pytest.raises(ValueError, match=message):
        qd_pix2pix.design(**options)
