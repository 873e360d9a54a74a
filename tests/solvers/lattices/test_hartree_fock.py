"""Hartree-Fock on rings: exact without interaction, variational with it, and the lowest of several solutions."""

import numpy as np
import pytest

from solvers.lattices import fermion_maps, ground_energies, ground_states, hartree_fock

V = np.random.default_rng(0).uniform(-3, 2, (3, 9))


def test_without_interaction_the_mean_field_is_exact():
    energies = ground_energies(V, 0.0)
    found = hartree_fock(V, 0.0, starts=1)
    assert found.particles.tolist() == energies.argmin(1).tolist()
    np.testing.assert_allclose(found.energy, energies.min(1), atol=1e-6)
    for v, n, density in zip(V, found.particles, found.density, strict=True):
        exact = fermion_maps(ground_states(v[None], 0.0, int(n)))["density"][0]
        np.testing.assert_allclose(density, exact, atol=1e-5)


def test_with_interaction_it_is_an_upper_bound_and_self_consistent():
    found = hartree_fock(V, 2.0)
    exact = ground_energies(V, 2.0)
    assert (found.energy > exact.min(1)).all()
    assert (found.energy < exact.min(1) + 1.0).all()
    np.testing.assert_allclose(found.density.sum(1), found.particles, atol=1e-6)
    assert found.converged.all()


def test_more_starts_never_raise_the_energy():
    ring = np.full((1, 10), -3.0)  # half filling: a uniform solution, and a lower one with a density wave
    one, several = (hartree_fock(ring, 3.0, starts=n) for n in (1, 3))
    assert several.energy[0] < one.energy[0] - 0.01
    assert np.ptp(several.density) > 0.3 > 1e-3 > np.ptp(one.density)


def test_no_rings_have_no_solutions():
    found = hartree_fock(np.zeros((0, 9)), 1.0)
    assert found.density.shape == (0, 9) and found.energy.shape == found.particles.shape == found.converged.shape == (
        0,
    )


@pytest.mark.parametrize(
    "given",
    [
        np.zeros(9),
        np.zeros((1, 2)),
        np.full((1, 9), np.inf),
        np.full((1, 9), 1e300),
        np.zeros((1, 9), dtype=bool),
        np.zeros((1, 9), dtype=complex),
        [["a"] * 9],
        [[0.0] * 9, [0.0] * 8],
    ],
)
def test_bad_potentials_are_named(given):
    with pytest.raises(ValueError, match=r"potentials.*\(B, L\)"):
        hartree_fock(given, 1.0)
