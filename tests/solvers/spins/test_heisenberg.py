"""Snapshots of the Heisenberg antiferromagnet: averages of a diagonalisation that is checked by matrices."""

import itertools

import numpy as np
import pytest

from solvers.spins import autocorrelation_time, exact_heisenberg, mean_error, sample_heisenberg

TEMPERATURE = 0.65


def dense(side):
    """Hamiltonian (2^N, 2^N) and S^z of each site (N, 2^N), of products of 2 x 2 matrices."""
    sites = side**2
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]) / 2

    def at(matrix, i):
        return np.kron(np.kron(np.eye(2**i), matrix), np.eye(2 ** (sites - 1 - i)))

    h = np.zeros((2**sites, 2**sites), complex)
    for x, y in itertools.product(range(side), repeat=2):
        for other in (((x + 1) % side) * side + y, x * side + (y + 1) % side):
            h += sum(at(s, x * side + y) @ at(s, other) for s in pauli)
    return h, np.array([at(pauli[2], i).diagonal().real for i in range(sites)])


def deviations(found, exact):
    """Deviations of energy, C_s(1), C_s(sqrt 2) and C_s(2) of snapshots from exact ones, in standard errors."""
    mean, error = mean_error(found.energy)
    yield (mean - exact.energy) / error
    s = found.configurations.astype(float)
    for d in ((0, 1), (1, 0), (1, 1), (0, 2)):
        if max(d) < s.shape[-1]:
            mean, error = mean_error((s * np.roll(s, d, (2, 3))).mean((2, 3)))
            yield (mean - 4 * exact.correlations[d]) / error


def test_diagonalisation_is_that_of_the_whole_matrix():
    h, sz = dense(2)
    energies, vectors = np.linalg.eigh(h)
    p = np.exp(-(energies - energies[0]) / TEMPERATURE)
    p /= p.sum()
    state = (np.abs(vectors) ** 2) @ p
    exact = exact_heisenberg(2, TEMPERATURE)
    assert exact.energy == pytest.approx(p @ energies)
    expected = [[sz[0] ** 2 @ state, sz[0] * sz[1] @ state], [sz[0] * sz[2] @ state, sz[0] * sz[3] @ state]]
    np.testing.assert_allclose(exact.correlations, expected, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.3, TEMPERATURE, 3.0])
def test_averages_of_2_x_2_sites_are_exact(temperature):
    found = sample_heisenberg(2, temperature, chains=4, records=10_000, interval=2, seed=1)
    worst = max(np.abs([*deviations(found, exact_heisenberg(2, temperature))]))
    assert worst < 3.5
    mean, error = mean_error(found.energy)
    assert error < 0.03 * abs(mean)


@pytest.mark.slow
def test_averages_of_4_x_4_sites_are_exact():
    exact = exact_heisenberg(4, 0.01)
    assert exact.energy / 16 == pytest.approx(-0.7017802, abs=1e-7)  # ground state, H. J. Schulz et al. (1996)
    for temperature in (0.3, TEMPERATURE, 2.0):
        exact = exact_heisenberg(4, temperature)
        assert exact.energy == pytest.approx(3 * 32 * exact.correlations[0, 1])  # bonds and three directions
        found = sample_heisenberg(4, temperature, chains=4, records=25_000, interval=3, seed=2)
        assert max(np.abs([*deviations(found, exact)])) < 3.5
        assert mean_error(found.energy)[1] < 0.01 * abs(exact.energy)


def test_energy_and_correlations_of_16_x_16_sites_agree():
    """E = 3 N_bonds <S^z S^z> of neighbours: two estimators that share no number."""
    found = sample_heisenberg(16, TEMPERATURE, chains=1, records=4000, interval=5, seed=3)
    s = found.configurations.astype(float)
    products = (s * np.roll(s, 1, 2)).mean((2, 3)) + (s * np.roll(s, 1, 3)).mean((2, 3))
    (a, da), (b, db) = mean_error(found.energy / 256), mean_error(0.75 * products)
    assert abs(a - b) < 3.5 * np.hypot(da, db) and max(da, db) < 0.003
    signs = (-1.0) ** np.add.outer(np.arange(16), np.arange(16))
    assert autocorrelation_time((s * signs).mean((2, 3)) ** 2) < 0.7, "snapshots are independent"
    mean, error = mean_error(found.magnetisation)
    assert abs(mean) < 3.5 * error and np.unique(found.magnetisation).size > 5, "all S^z occur"


@pytest.mark.slow
@pytest.mark.parametrize("burn_in", [0, 5])
def test_a_short_burn_in_does_not_limit_the_energy(burn_in):
    """Of cold spins, whose string outgrows its first length many times, against the diagonalisation."""
    options = {"chains": 4, "records": 3000, "interval": 2, "burn_in": burn_in, "seed": 4}
    found = sample_heisenberg(4, 0.1, **options)
    later = found.energy[:, 200:]
    mean, error = mean_error(later)
    assert abs(mean - exact_heisenberg(4, 0.1).energy) < 3.5 * error and error < 0.01 * abs(mean)
    assert (sample_heisenberg(4, 0.1, **options | {"records": 50}).energy == found.energy[:, :50]).all()


def test_hot_spins_are_independent():
    found = sample_heisenberg(4, 1e4, chains=2, records=4000, interval=1, burn_in=10)
    products = [(found.configurations * np.roll(found.configurations, d, (2, 3))).mean() for d in ((0, 1), (1, 1))]
    assert np.abs(products).max() < 0.01 and abs(found.magnetisation.mean()) < 0.01


def test_chains_repeat_and_do_not_depend_on_threads_or_other_chains():
    options = {"records": 3, "interval": 2, "burn_in": 50, "seed": 11}
    many, few, one = (
        sample_heisenberg(4, TEMPERATURE, chains=chains, threads=threads, **options)
        for chains, threads in ((40, None), (7, 3), (40, 1))
    )
    assert (many.configurations == one.configurations).all() and (many.energy == one.energy).all()
    assert (many.configurations[:7] == few.configurations).all()
    assert (sample_heisenberg(4, TEMPERATURE, 7, **options | {"seed": 12}).last != few.last).any()
    shorter = sample_heisenberg(4, TEMPERATURE, 7, **options | {"records": 2})
    assert (shorter.configurations == few.configurations[:, :2]).all()
    assert (few.last == few.configurations[:, -1]).all() and few.configurations.dtype == np.int8
    assert (few.magnetisation == few.configurations.mean((2, 3))).all()
    assert sample_heisenberg(4, TEMPERATURE, keep=False).configurations is None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("side", {"side": 3}),
        ("temperature", {"temperature": 0.0}),
        ("chains", {"chains": 0}),
        ("interval", {"interval": 0}),
        ("burn_in", {"burn_in": -1}),
        ("seed", {"seed": -1}),
        ("keep", {"keep": 1}),
    ],
)
def test_bad_arguments_are_refused(name, options):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        sample_heisenberg(**{"side": 4, "temperature": 0.65} | options)


def test_other_sides_are_not_diagonalised():
    with pytest.raises(ValueError, match="^side: expected one of 2, 4"):
        exact_heisenberg(6, 0.65)
