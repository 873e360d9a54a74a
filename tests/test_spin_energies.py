"""Chains with a network whose bonds are exact have Kaufman's energies, heat capacities and peak."""

import json

import numpy as np
import pytest
from exact_ising import exact_predictor

from experiments.spin_energies.heat_capacity import exact_peak_of, main
from qd_pix2pix.inference.weights import save_weights
from solvers.spins import estimate_log_g, kaufman, log_number_of_states, sample_metropolis
from solvers.spins.reweighting import heat_capacity_peak, thermal_averages

SHORT = ["--side=4", "--chains=24", "--records=400", "--interval=3", "--burn_in=100", "--threads=1"]


@pytest.mark.slow
def test_the_measured_curve_is_the_exact_one(tmp_path, capsys):
    save_weights(tmp_path / "exact.safetensors", *exact_predictor())
    main([f"--weights={tmp_path / 'exact.safetensors'}", f"--output={tmp_path}", *SHORT])
    found = json.loads((tmp_path / "heat_capacity.json").read_text())
    for name in ("energy", "heat_capacity"):
        curve = getattr(kaufman(4, found["temperature"]), name)
        pulls = (np.array(found[name]) - curve) / np.array(found[f"{name}_error"])
        assert 0.4 < np.sqrt(np.mean(pulls**2)) < 1.9 and np.abs(pulls).max() < 5, name
    for name in ("temperature", "height"):
        error = found["peak"][f"{name}_error"]
        assert abs(found["peak"][name] - found["exact_peak"][name]) < 4 * error
        assert 0 < error < 0.02 * found["peak"][name]
    assert (tmp_path / "heat_capacity.png").stat().st_size > 10_000
    assert "peak of C, L = 4: temperature 2.4" in capsys.readouterr().out


@pytest.mark.parametrize("side", [4, 16, 64])
def test_the_exact_peak_is_a_maximum(side):
    """It moves towards T_c as 1 / L, and the curve falls on both sides."""
    peak = exact_peak_of(side)
    around = kaufman(side, peak.temperature + np.array([-1e-3, 0, 1e-3])).heat_capacity
    assert around[1] == pytest.approx(peak.height) and max(around[0], around[2]) < around[1]
    assert 0.2 < (peak.temperature - 2.269185) * side < 1.2


def test_a_peak_outside_the_temperatures_is_named():
    energy = np.random.default_rng(0).normal(size=(2, 4, 50))
    with pytest.raises(ValueError, match="on both sides of the peak of the heat capacity; it lies at"):
        heat_capacity_peak(energy, [3.0, 3.1], 8)
    with pytest.raises(ValueError, match="at least 2 independent chains"):
        thermal_averages(energy[:, :1], np.zeros((2, 1, 50)), [3.0, 3.1], 8)
    with pytest.raises(ValueError, match="magnetisation"):
        thermal_averages(energy, np.zeros((2, 4, 49)), [3.0, 3.1], 8)


@pytest.mark.parametrize("chains", [2, 4])
def test_errors_of_few_chains_hold(chains):
    """In 68 % of all cases the exact value is within one error, also where the chains are few."""
    t, inside = np.array([2.0, 2.5, 4.0]), []
    for seed in range(150):
        run = sample_metropolis(4, t, chains, records=60, interval=3, burn_in=60, seed=seed, threads=1)
        found = thermal_averages(run.energy, run.magnetisation, t, 4)
        inside.append(np.abs(found.energy - kaufman(4, t).energy) < found.energy_error)
    assert 0.62 < np.mean(inside) < 0.75


def test_errors_of_few_walkers_hold():
    exact = log_number_of_states(4)[1]
    found = [estimate_log_g(4, walkers=3, final=1e-3, seed=seed, threads=1) for seed in range(60)]
    inside = [np.abs(one.log_g - exact) < one.error for one in found]
    assert 0.6 < np.mean(inside) < 0.77
