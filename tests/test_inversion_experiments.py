"""The studies of designs and of noisy densities: their dots, costs and runs."""

import numpy as np
import pytest
import torch

from experiments.design import studies
from experiments.noise.run import EXPERIMENT
from experiments.noise.tables import levels_figure
from qd_pix2pix.sweeps.plan import resolve


def test_the_cost_of_two_regions_is_zero_for_two_electrons_and_one():
    density = np.zeros((2, 64, 64))
    density[:, 10, 20], density[:, 50, 40] = np.array([2.0, 1.5]) / studies.GRID.dx**2, 1 / studies.GRID.dx**2
    density[1, 32, 32] = 0.5 / studies.GRID.dx**2  # in the strip between them
    np.testing.assert_allclose(studies.charges(density), [[2, 1], [1.5, 1]])
    np.testing.assert_allclose(studies.charges(torch.as_tensor(density)), studies.charges(density))
    cost = studies.two_and_one({"density": torch.as_tensor(density)})
    np.testing.assert_allclose(cost, [0, (0.5 / 0.05) ** 2 / 2], atol=1e-9)


def test_dots_of_the_studies_lie_within_their_bounds():
    for V in (studies.unseen(0), studies.unseen(1), studies.three_wells(), studies.double_well(22.0)):
        assert studies.BOUNDS[0] <= V.min() and V.max() <= studies.BOUNDS[1] and np.ptp(V) > 0.03
    well = studies.double_well(22.0)
    np.testing.assert_allclose(well, well[::-1], atol=1e-12)


@pytest.mark.parametrize("scale", ["laptop", "smoke"])
def test_runs_with_noise_compose_and_differ_by_one_loss(scale):
    configs = [resolve(words) for words in EXPERIMENT.runs(scale).values()]
    assert all(list(config["loader"]["noise"]) == [1e-4, 0.03] for config in configs)
    assert [config["model"]["field"]["loss"]["gradient"] for config in configs] == [0.0, 0.3]


def test_the_figure_of_noise_has_a_curve_for_each_inverse():
    levels = {f"{level:g}": {n: {"nmae": {"mean": 0.01}} for n in "abc"} for level in (0.0, 1e-3, 1e-2)}
    (panel,) = levels_figure(levels).axes
    assert len(panel.lines) == 3 and all(len(line.get_xdata()) == 2 for line in panel.lines)
