"""Couplings of localised orbitals: identities, closed forms, independent integrals, and the exchange coupling."""

import numpy as np
import pytest
from analytic import ATOMIC, GAAS, SI, SQUARE, gaussian_repulsion
from dots import square_potential, trap
from exact import line

from solvers import Grid, Material, coupling_slopes, exchange_sweep, hubbard, solve
from solvers.quantum_dots.localisation import localising_rotation, positions
from solvers.quantum_dots.sites import has_steps

GRID = Grid(32, 100.0)


def wells(grid, centers=((32.0, 50.0), (68.0, 50.0)), depths=(0.03, 0.03), width=13.0):
    """Gaussian wells (eV, nm)."""
    x, y = grid.mesh()
    return -sum(
        depth * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * width**2))
        for depth, (a, b) in zip(depths, centers, strict=True)
    )


def apart(distance, grid, angle=0.0, width=13.0):
    """Two equal wells at this distance, on a line at this angle."""
    half, middle = distance / 2 * np.array([np.cos(angle), np.sin(angle)]), grid.extent / 2
    return wells(grid, (middle - half, middle + half), width=width)


# Couplings


@pytest.mark.parametrize("distance", [30.0, 50.0])
def test_tunnelling_is_half_the_splitting(distance):
    found = hubbard(apart(distance, GRID), GRID, GAAS, compare=False)
    levels = solve(apart(distance, GRID), GRID, 1, GAAS, n_orbitals=3).orbital_energies
    assert found.couplings.t[0, 1] == pytest.approx((levels[1] - levels[0]) / 2, rel=1e-7)
    np.testing.assert_allclose(found.couplings.site_energy, (levels[1] + levels[0]) / 2, rtol=1e-9)
    assert found.separation == pytest.approx(levels[2] - levels[1], rel=1e-4)


@pytest.mark.parametrize(("n", "shift"), [(32, 0.0), (40, 0.83), (64, 0.4)])
def test_errors_cover_a_kink_between_points(n, shift):
    """Two parabolas that meet at a barrier: V is separable, and t is half of the splitting of a line."""
    grid, curvature = Grid((n, n // 2), (120.0, 60.0)), 2e-5
    x, y = grid.mesh()
    V = curvature * ((np.abs(x - 60 - shift) - 22) ** 2 + (y - 30) ** 2)
    low, high = line(lambda x: curvature * (np.abs(x - 60 - shift) - 22) ** 2, 120.0, 0.067, 2)
    found = hubbard(V, grid, Material((0.067, 0.1), 12.0), compare=False)
    error = abs(found.couplings.t[0, 1] - (high - low) / 2)
    assert 1e-4 * found.couplings.t[0, 1] < error <= found.errors.t[0, 1] < 0.05 * found.couplings.t[0, 1]


def kinked(grid, distance=46.0, curvature=3e-5, tilt=0.0):
    x, y = grid.mesh()
    nearest = np.minimum((x - 55 - distance / 2) ** 2, (x - 55 + distance / 2) ** 2)
    return curvature * (nearest + (y - 30) ** 2) + tilt * np.tanh((x - 55) / 20)


@pytest.mark.parametrize("material", [GAAS, SI])
def test_errors_of_all_couplings_cover_a_kink_between_points(material):
    """Changes on coarser grids fall fast, the error of a kink as the square of the spacing."""
    grids = [Grid(n, (110.0, 60.0)) for n in ((56, 32), (72, 40), (200, 108))]
    *found, fine = (hubbard(kinked(grid), grid, material, compare=False) for grid in grids)
    for one in found:
        for name in ("site_energy", "t", "U", "U_prime", "exchange", "assisted"):
            value, error, true = (getattr(a, name) for a in (one.couplings, one.errors, fine.couplings))
            assert (np.abs(value - true) <= error).all(), name
        assert (one.errors.U < 1e-3 * one.couplings.U).all()


def test_errors_of_slopes_of_all_couplings_cover_a_kink_between_points():
    grids = [Grid(n, (110.0, 60.0)) for n in ((72, 40), (200, 108))]
    (found, errors), (fine, _) = (
        coupling_slopes(lambda a, grid=grid: kinked(grid, tilt=a), [1e-3], 1e-4, grid, GAAS) for grid in grids
    )
    for name in ("site_energy", "U", "U_prime"):
        value, error, true = (getattr(a, name) for a in (found, errors, fine))
        assert (np.abs(value - true) <= error).all(), name
        assert error.max() < 0.05 * np.abs(true).max(), name


@pytest.mark.parametrize(("n", "shift"), [(32, 0.4), (48, 0.83)])
def test_errors_of_slopes_cover_a_kink_between_points(n, shift):
    """The distance of two parabolas that meet at a barrier; V is separable."""
    grid, curvature, half, step = Grid((n, n // 2), (120.0, 60.0)), 2e-5, 22.0, 0.02
    x, y = grid.mesh()

    def levels(a):
        return line(lambda x: curvature * (np.abs(x - 60 - shift) - a) ** 2, 120.0, 0.067, 2)

    def potential(a):
        return curvature * ((np.abs(x - 60 - shift) - a) ** 2 + (y - 30) ** 2)

    slopes, errors = coupling_slopes(potential, [half], step, grid, Material((0.067, 0.1), 12.0))
    exact = (levels(half + step) - levels(half - step)) / (2 * step)
    for found, error, true in (
        (slopes.t[0, 0, 1], errors.t[0, 0, 1], (exact[1] - exact[0]) / 2),
        (slopes.site_energy[0].mean(), errors.site_energy[0].mean(), exact.mean()),
    ):
        assert 1e-4 * abs(true) < abs(found - true) <= error < 0.3 * abs(true)


def test_many_sites_need_no_full_ci():
    """Eight electrons in 14 orbitals would not fit into the memory; without ``compare`` they are not solved."""
    grid = Grid(32, 120.0)
    centers = ((20, 60), (40, 61), (60, 59), (80, 60.5), (100, 60), (60, 20), (61, 100), (20, 20))
    found = hubbard(wells(grid, centers, [0.05] * 8, width=6.0), grid, GAAS, n_sites=8, compare=False)
    assert found.couplings.t.shape == (8, 8) and (found.errors.t >= 0).all()
    with pytest.raises(ValueError, match="more than memory = 2 GiB"):
        hubbard(wells(grid, centers, [0.05] * 8, width=6.0), grid, GAAS, n_sites=8)


def test_one_site_in_a_parabola():
    """U = (pi omega / 2)^1/2 of the density (omega / pi) exp(-omega r^2)."""
    for omega in (0.5, 2.0):
        v, grid = trap(omega)
        found = hubbard(v, grid, ATOMIC, n_sites=1, compare=False)
        assert found.couplings.U[0] == pytest.approx(np.sqrt(np.pi * omega / 2), abs=1e-6)
        assert abs(found.couplings.U[0] - np.sqrt(np.pi * omega / 2)) < found.errors.U[0] < 5e-3
        assert found.couplings.site_energy[0] == pytest.approx(omega, abs=1e-6)
        np.testing.assert_allclose(found.centers[0], grid.extent / 2, atol=1e-9)
        assert found.spreads[0] == pytest.approx(omega**-0.5, abs=1e-6)


def test_two_parabolas_far_apart():
    """Each site is a Gaussian; U' is the repulsion of two of them, and nothing crosses the barrier."""
    grid = Grid(48, 16.0)
    x, y = (c - 8.0 for c in grid.mesh())
    v = 0.5 * (np.minimum((x - 3) ** 2, (x + 3) ** 2) + y**2)
    found = hubbard(v, grid, ATOMIC, compare=False).couplings
    np.testing.assert_allclose(found.U, gaussian_repulsion(1.0, 0.0), rtol=1e-3)
    assert found.U_prime[0, 1] == pytest.approx(gaussian_repulsion(1.0, 6.0), rel=1e-3)
    assert 0 < found.t[0, 1] < 2e-3 and 0 < found.exchange[0, 1] < 1e-4


def self_energy(density, grid):
    """Repulsion of a charge with itself by a sum over all pairs of points.

    The point r = r' of the sum over a square lattice is replaced by -4 zeta(1/2) beta(1/2) / h, with an error of order
    h^3 (Marin, Runborg, Tornberg, IMA J. Numer. Anal. 34 (2014)).
    """
    x, y = (c.ravel() for c in grid.mesh())
    charge = density.ravel() * grid.cell_area
    with np.errstate(divide="ignore"):
        inverse = 1 / np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(inverse, 3.900264920001956 / grid.dx)
    return charge @ inverse @ charge


def test_onsite_repulsion_against_a_direct_sum():
    v = wells(GRID, depths=(0.03, 0.031))
    found = hubbard(v, GRID, GAAS, compare=False)
    unit = 1.439964548 / GAAS.eps_r
    for site in (0, 1):
        density = found.orbitals[site] ** 2
        assert GRID.integrate(density) == pytest.approx(1.0, abs=1e-10)
        assert found.couplings.U[site] == pytest.approx(unit * self_energy(density, GRID), rel=2e-3)


@pytest.mark.parametrize("name", ["quarter turn", "mirror x", "antidiagonal"])
def test_symmetries_of_the_square_leave_the_couplings(name):
    v = wells(GRID, ((30.0, 40.0), (64.0, 61.0)), (0.03, 0.032))
    here, there = (hubbard(f, GRID, GAAS, compare=False).couplings for f in (v, SQUARE[name](v)))
    if not np.allclose(here.site_energy, there.site_energy, rtol=1e-6):
        there = type(there)(*(a[::-1] if a.ndim == 1 else a[::-1, ::-1] for a in there))
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9)


def test_any_angle_leaves_the_couplings():
    results = [hubbard(apart(36.0, GRID, angle), GRID, GAAS, compare=False) for angle in (0.0, 0.5, 1.2)]
    for other in results[1:]:
        for a, b, error in zip(results[0].couplings, other.couplings, other.errors, strict=True):
            assert (np.abs(a - b) <= 2 * error + 2e-6).all()  # the walls of the square are near
        np.testing.assert_allclose(results[0].spreads, other.spreads, rtol=1e-3)


@pytest.mark.parametrize("kind", ["smooth", "steps"])
@pytest.mark.parametrize("shift", [0.0, 1.3])
def test_errors_cover_a_finer_grid(kind, shift):
    def potential(grid):
        if kind == "smooth":
            return wells(grid, ((31.0 + shift, 44.0), (66.0, 55.0)), (0.03, 0.031))
        x, y = grid.mesh()
        inside = [(x - a) ** 2 + (y - b) ** 2 < 17**2 for a, b in ((31.0 + shift, 44.0), (66.0, 55.0))]
        return np.where(inside[0] | inside[1], 0.0, 0.1)

    fine = Grid(64, 100.0)
    found = hubbard(potential(GRID), GRID, GAAS, compare=False)
    reference = hubbard(potential(fine), fine, GAAS, compare=False)
    for value, exact, error in zip(found.couplings, reference.couplings, found.errors, strict=True):
        assert (np.abs(value - exact) <= error).all()
    assert abs(found.J - reference.J) <= found.J_error
    largest = np.max(found.errors.U / found.couplings.U)
    assert largest < (0.01 if kind == "smooth" else 0.5)


def test_three_sites_in_a_row():
    v = wells(GRID, ((22.0, 50.0), (50.0, 50.0), (78.0, 50.0)), (0.03, 0.028, 0.03), width=8.0)
    found = hubbard(v, GRID, GAAS, n_sites=3, n_orbitals=8)
    c = found.couplings
    np.testing.assert_allclose(found.centers, [[22.0, 50.0], [50.0, 50.0], [78.0, 50.0]], atol=2.0)
    assert c.t[0, 1] == pytest.approx(c.t[1, 2], rel=1e-6) and c.t[0, 1] > 5 * abs(c.t[0, 2])
    assert c.U_prime[0, 1] > c.U_prime[0, 2] > 0 and (c.U > c.U_prime.max()).all()
    assert np.isnan(found.J) and found.relaxed.U.shape == (3,)
    levels = np.linalg.eigvalsh(np.diag(c.site_energy) - c.t)
    np.testing.assert_allclose(levels, solve(v, GRID, 1, GAAS, n_orbitals=3).orbital_energies, rtol=1e-7)


# Exchange


@pytest.mark.parametrize("distance", [28.0, 36.0, 48.0])
def test_exchange_of_two_equal_sites_is_the_closed_form(distance):
    found = hubbard(apart(distance, GRID), GRID, GAAS, compare=False)
    c = found.couplings
    u, hopping = c.U[0] - c.U_prime[0, 1], c.t[0, 1] - c.assisted[0, 1]
    assert found.J == pytest.approx((np.hypot(u, 4 * hopping) - u) / 2 - 2 * c.exchange[0, 1], abs=1e-10)


def test_superexchange_where_the_barrier_is_high():
    """J -> 4 t^2 / (U - U') with weak repulsion and weaker tunnelling, in the model and in full CI.

    With open wells both are far from it. Strong repulsion changes the orbitals and assists the hopping, and the limit
    is never reached: see the next test.
    """
    off, grid = [], Grid(28, 130.0)
    for distance in (28.0, 52.0):
        found = hubbard(apart(distance, grid, width=10.0), grid, Material(0.067, 400.0))
        c = found.couplings
        limit = 4 * c.t[0, 1] ** 2 / (c.U[0] - c.U_prime[0, 1])
        off.append([abs(found.J / limit - 1), abs(found.J_ci / limit - 1)])
    off = np.array(off)
    assert (np.diff(off, axis=0) < -0.2).all()
    assert (off[0] > 0.8).all() and (off[-1] < 0.07).all()


def test_two_orbitals_fail_where_the_repulsion_is_long_ranged():
    """J of two orbitals turns negative, that of full CI does not (Pedersen et al., Phys. Rev. B 76, 125323 (2007))."""
    v = apart(36.0, GRID)
    found = hubbard(v, GRID, GAAS)
    assert found.J + found.J_error < 0 < found.J_ci - found.J_ci_error
    pair = solve(v, GRID, 2, GAAS, n_orbitals=14, refinements=1, cusp=True)
    assert found.J_ci == pytest.approx(pair.gap, rel=1e-9)
    np.testing.assert_allclose(pair.spins, [0, 1], atol=1e-6)


def test_J_of_full_CI_and_its_error_are_those_of_a_sweep():
    v, tilt = apart(36.0, GRID), 1e-5 * GRID.mesh()[0]
    options = {"n_orbitals": 6, "refinements": 0}
    found = hubbard(v, GRID, GAAS, **options)
    swept = exchange_sweep(lambda slope: v + slope * tilt, [-1.0, 0.0, 1.0], GRID, GAAS, **options)
    assert found.J_ci == pytest.approx(float(swept.J[1]), rel=1e-9)
    assert found.J_ci_error == pytest.approx(float(swept.errors[1]), rel=1e-6)
    assert np.isnan(hubbard(v, GRID, GAAS, n_orbitals=1).J_ci), "one orbital has no triplet"


@pytest.mark.slow
def test_error_of_exchange_covers_a_finer_grid_and_more_orbitals():
    """In silicon, where J is a thousandth of what a coarse grid leaves uncertain in the integrals of the model."""

    def exchange(n, m):
        grid = Grid(n, 100.0)
        return hubbard(apart(36.0, grid), grid, SI, n_orbitals=m)

    coarse, fine = exchange(24, 8), exchange(32, 14)
    assert abs(coarse.J_ci - fine.J_ci) <= coarse.J_ci_error
    assert fine.J_ci_error < min(0.5 * fine.J_ci, 0.1 * fine.J_error)


@pytest.mark.slow
def test_orbitals_do_not_relax_without_repulsion():
    found = hubbard(apart(34.0, GRID), GRID, Material(0.067, 1e6))
    for a, b in zip(found.couplings, found.relaxed, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-9)
    strong = hubbard(apart(34.0, GRID), GRID, GAAS)
    assert abs(strong.relaxed.U_prime[0, 1] / strong.couplings.U_prime[0, 1] - 1) > 3e-3


# Slopes


def test_lever_arms_of_a_field_along_the_dots():
    """The sum of the site energies is that of the levels: its slope is sum <x>; each site follows its own centre."""
    x, _ = GRID.mesh()
    v = apart(40.0, GRID)
    slopes, errors = coupling_slopes(lambda f, u: v + f * (x - 50) + u, [2e-5, 0.0], 1e-5, GRID, GAAS)
    centers = hubbard(v + 2e-5 * (x - 50), GRID, GAAS, compare=False).centers[:, 0] - 50
    assert slopes.site_energy[0].sum() == pytest.approx(centers.sum(), abs=0.01)
    np.testing.assert_allclose(slopes.site_energy[0], centers, rtol=0.05)
    np.testing.assert_allclose(slopes.site_energy[1], 1.0, atol=1e-6)  # a constant raises both, and changes no more
    np.testing.assert_allclose(slopes.U[1], 0.0, atol=1e-6)
    assert (errors.site_energy > 0).all() and (errors.site_energy < 0.05 * 20).all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"V_of": None}, "V_of: expected a function"),
        ({"gates": 0.0}, r"gates: expected an array of numbers of shape \(gates,\)"),
        ({"step": 0.0}, "step: expected a positive number"),
        ({"step": 1e-30, "gates": [1.0]}, "step: expected a change that the digits of gates resolve"),
        ({"V_of": lambda f: np.zeros(3)}, r"V_of: expected an array of numbers of shape \(32, 32\)"),
    ],
)
def test_bad_arguments_of_slopes_are_refused(change, match):
    arguments = {"V_of": lambda f: apart(36.0, GRID) + f, "gates": [0.0], "step": 1e-3} | change
    with pytest.raises(ValueError, match=match):
        coupling_slopes(**arguments, grid=GRID, material=GAAS)


def test_a_step_that_moves_the_sites_is_refused():
    """Where one well is filled, both of the lowest states lie in the other: these are not the same two sites."""
    x, y = GRID.mesh()
    left, right = (np.exp(-((x - a) ** 2 + (y - 50) ** 2) / 288) for a in (32, 68))
    arguments = lambda a, b: -a * left - b * right, [0.05, 0.05]
    slopes, _ = coupling_slopes(*arguments, 1e-3, GRID, GAAS)
    assert (np.diagonal(slopes.site_energy) < -0.5).all()
    with pytest.raises(ValueError, match="^step: expected a change within which the sites stay the same, got 0.04"):
        coupling_slopes(*arguments, 0.04, GRID, GAAS)


def test_an_offset_and_other_units_change_no_coupling():
    v = apart(36.0, GRID)
    here, moved = (hubbard(f, GRID, GAAS, compare=False) for f in (v, v + 0.4))
    np.testing.assert_allclose(moved.couplings.site_energy - 0.4, here.couplings.site_energy, atol=1e-10)
    bohr, hartree = 0.0529177, 27.2114
    atomic = Material(0.067, 12.9, "bohr, hartree")
    other = hubbard(v / hartree, Grid(32, 100.0 / bohr), atomic, compare=False)
    for a, b, c in zip(here.couplings[1:], moved.couplings[1:], other.couplings[1:], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(c * hartree, a, rtol=1e-3, atol=1e-9)


# Localisation


@pytest.mark.parametrize("k", [2, 3, 5])
def test_rotations_find_the_smallest_orbitals(k):
    rng = np.random.default_rng(k)
    hidden = np.linalg.qr(rng.normal(size=(k, k)))[0]
    matrices = np.stack([hidden.T @ np.diag(rng.normal(size=k)) @ hidden for _ in range(2)])
    noise = rng.normal(size=matrices.shape) * 0.02
    matrices = matrices + noise + noise.swapaxes(1, 2)
    found = localising_rotation(matrices)
    np.testing.assert_allclose(found @ found.T, np.eye(k), atol=1e-12)

    def concentration(rotation):
        return (np.einsum("pa,kab,pb->kp", rotation, matrices, rotation) ** 2).sum()

    assert concentration(found) >= concentration(hidden) - 1e-12
    for _ in range(40):
        step = rng.normal(size=(k, k)) * 10 ** rng.uniform(-5, 0)
        other = np.linalg.qr(np.eye(k) + step - step.T)[0] @ found
        assert concentration(other) <= concentration(found) + 1e-12


def test_positions_of_standing_waves():
    """<1|x|2> = -16 L / (9 pi^2) between the two lowest states of a box."""
    grid = Grid(32, 7.0)
    s = [np.sqrt(2 / 7) * np.sin(m * np.pi * grid.x / 7) for m in (1, 2)]
    found = positions(np.stack([np.outer(a, s[0]) for a in s]), grid.x, grid.y, grid.cell_area)
    np.testing.assert_allclose(found[0], [[3.5, -16 * 7 / (9 * np.pi**2)], [-16 * 7 / (9 * np.pi**2), 3.5]], rtol=1e-5)
    np.testing.assert_allclose(found[1], 3.5 * np.eye(2), atol=1e-5)


# Bad input


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"V": np.zeros((3, 32, 32))}, r"V: expected an array of numbers of shape \(32, 32\)"),
        ({"grid": 30.0}, "grid: expected a Grid"),
        ({"material": None}, "material: expected a Material"),
        ({"n_sites": 0}, "n_sites: expected a whole number"),
        ({"n_sites": 9}, "n_sites: expected a whole number"),
        ({"n_modes": 3}, "n_modes: expected a whole number of at least 5"),
        ({"interaction": 1.0}, "interaction: expected an Interaction"),
        ({"n_electrons": 3}, "n_electrons: expected no such option, because the number of sites sets it, got 3"),
        ({"n_orbital": 8}, "n_orbital: expected an option of solve, one of n_orbitals, .*; got another name"),
        ({"V": square_potential(GRID)}, "n_sites: expected a number that keeps shells.*Use another number"),
    ],
)
def test_bad_arguments_are_refused(change, match):
    arguments = {"V": apart(36.0, GRID), "grid": GRID, "material": GAAS, "compare": False} | change
    with pytest.raises(ValueError, match=match):
        hubbard(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_errors_of_wells_with_walls_cover_where_the_walls_are(seed):
    """Two square wells whose walls lie anywhere between the points: twice the points move them by up to half a step."""
    rng = np.random.default_rng([seed, 5])
    depth, a, w = rng.uniform(0.02, 0.2), rng.uniform(12, 16), rng.uniform(7, 9)

    def dot(n):
        grid = Grid(n, 70.0)
        x, y = (c - 35.0 for c in grid.mesh())
        V = np.where((abs(abs(x) - a) < w) & (abs(y) < w), 0.0, depth)
        assert has_steps(V) and not has_steps(depth * np.exp(-(x**2 + y**2) / 100))
        return hubbard(V, grid, GAAS, compare=False)

    coarse, fine = dot(32), dot(64)
    for name in ("site_energy", "U", "t"):
        change = np.abs(np.abs(getattr(coarse.couplings, name)) - np.abs(getattr(fine.couplings, name)))
        assert (change <= 2 * getattr(coarse.errors, name) + 1e-12).all(), name
