"""From the points of a file to those of a network: sides, nodes, resampling and its error; units."""

import numpy as np
import pytest
from scipy.constants import e, physical_constants

from qd_pix2pix.fields import Field, Placing, place
from qd_pix2pix.fields.square import interpolate, on_cells
from qd_pix2pix.fields.units import canonical, factor

SIDE = 30.0


def centres(n, side=SIDE):
    return (np.arange(n) + 0.5) * side / n


def smooth(x, y):
    return np.sin(np.pi * x[:, None] / SIDE) * np.cos(2 * np.pi * y / SIDE)


def placed(x, y=None, function=smooth, n=64, fixed=True, shift=0.0, **options):
    y = x if y is None else y
    field = Field("V", function(x, y), x + shift, y + shift)
    return place(field, [(SIDE, SIDE)], (SIDE / n, SIDE / n) if fixed else None, (n, n), Placing(**options))


def test_points_of_the_network_are_kept():
    found = placed(centres(64))
    assert found.sides == (SIDE, SIDE) and not found.note and not found.nodes
    np.testing.assert_array_equal(found.values, smooth(centres(64), centres(64)))


def test_coordinates_of_few_digits_are_those_of_the_network():
    found = placed(np.round(centres(64), 2))
    assert found.sides == (SIDE, SIDE) and not found.note


@pytest.mark.parametrize("shift", [0.0, -15.0, 1e3])
def test_nodes_from_wall_to_wall_are_recognised_by_the_side(shift):
    found = placed(np.linspace(0, SIDE, 61), shift=shift)
    assert found.nodes and found.sides == (SIDE, SIDE) and "from 61 \u00d7 61 to 64 \u00d7 64 points" in found.note
    assert np.abs(found.values - smooth(centres(64), centres(64))).max() < 2e-3


def test_for_several_sides_points_half_a_spacing_from_zero_are_centres():
    found = placed(centres(64, 27.0), fixed=False)
    assert found.sides == (27.0, 27.0) and not found.note and not found.nodes
    for shift in (0.0, -13.5):
        assert placed(np.linspace(0, 27.0, 61), fixed=False, shift=shift).sides == (27.0, 27.0)
    assert placed(np.linspace(0, 27.0, 61), fixed=False, points="centres").sides == pytest.approx((27.45, 27.45))
    x = centres(64, 27.0) - 13.5
    assert place(Field("V", smooth(x, x), x, x, cells=True), [(SIDE, SIDE)], None, (64, 64), Placing()).sides == (
        27.0,
        27.0,
    )


def test_larger_squares_keep_the_spacing():
    found = placed(centres(101, 45.0), n=64)
    assert found.values.shape == (96, 96) and found.sides == (45.0, 45.0)


@pytest.mark.parametrize("n", [32, 48, 101, 200])
def test_resampling_is_close_to_the_function_and_names_its_error(n):
    """The stated error of a round trip is of the size of the true one, which needs the function."""
    found = placed(centres(n))
    truth = smooth(centres(64), centres(64))
    true = 100 * np.sqrt(((found.values - truth) ** 2).mean()) / np.ptp(truth)
    stated = float(found.note.split("round trip ")[1].split(" %")[0])
    assert true < 0.3 and 0.1 * true < stated < 20 * max(true, 0.01)


@pytest.mark.parametrize("n", [32, 101])
def test_resampling_adds_no_extrema_at_steps(n):
    def step(x, y):
        return np.where((x[:, None] > 11.0) & (y > 7.0), 0.0, 0.5)

    values = placed(centres(n), function=step).values
    assert values.min() == 0.0 and values.max() == 0.5


@pytest.mark.parametrize("n", [101, 200, 256])
def test_a_thin_barrier_keeps_its_area_on_fewer_points(n):
    """Between the new points a barrier of one point would vanish, and on one of them it would be too wide."""
    for at in range(n // 3, n // 3 + 4):
        barrier = np.zeros((n, n))
        barrier[at] = barrier[:, 2 * at] = 1.0
        found = on_cells(barrier, (centres(n), centres(n)), (SIDE, SIDE), (64, 64))
        assert found.sum(0)[1] * SIDE / 64 == pytest.approx(SIDE / n, rel=1e-9)
        assert found.mean() == pytest.approx(barrier.mean(), rel=1e-9) and 0 <= found.min() <= found.max() <= 1


def test_waves_shorter_than_the_new_points_become_no_long_ones():
    """Waves of 63 periods, sampled at 64 points, would be one period of full height."""
    x = centres(200)
    wave = placed(x, function=lambda x, y: np.cos(2 * np.pi * 63 * x[:, None] / SIDE) + 0 * y).values
    assert np.abs(wave).max() < 0.05 and np.abs(wave.mean()) < 0.005


@pytest.mark.parametrize("n", [66, 101, 200])
def test_smooth_fields_on_fewer_points_are_those_of_the_interpolation(n):
    x, new = centres(n), centres(64)
    found = on_cells(smooth(x, x), (x, x), (SIDE, SIDE), (64, 64))
    np.testing.assert_allclose(
        found,
        smooth(new, new),
        atol=1.5 * np.abs(interpolate(smooth(x, x), (x, x), (new, new)) - smooth(new, new)).max(),
    )


def test_the_change_of_each_dot_is_stated():
    x = centres(200)
    rough = np.cos(2 * np.pi * 63 * x[:, None] / SIDE) + 0 * x
    found = place(Field("V", np.stack([smooth(x, x), rough]), x, x), [(SIDE, SIDE)], None, (64, 64), Placing())
    assert found.lost[0] < 1e-3 and found.lost[1] == pytest.approx(np.abs(rough).mean() / 2, rel=0.1)
    assert placed(centres(64)).lost == 0


def test_interpolation_is_exact_for_planes():
    x = np.sort(np.random.default_rng(0).uniform(0, 1, 20))
    plane = 2 * x[:, None] - 3 * x
    inside = np.linspace(x[0], x[-1], 33)
    np.testing.assert_allclose(
        interpolate(plane, (x, x), (inside, inside)), 2 * inside[:, None] - 3 * inside, atol=1e-12
    )


def test_all_dots_are_resampled_alike():
    many = np.stack([smooth(centres(48), centres(48)) * scale for scale in (1.0, -2.0)])
    found = place(Field("V", many, centres(48), centres(48)), [(SIDE, SIDE)], None, (64, 64), Placing())
    np.testing.assert_allclose(found.values[1], -2 * found.values[0], atol=1e-12)


def test_unequal_spacings_are_resampled_on_request_only():
    x = np.concatenate([np.linspace(0, 10, 21), np.linspace(10.2, 20, 50), np.linspace(20.5, 30, 20)])
    with pytest.raises(ValueError, match=r"has 91 × 91 nodes of unequal spacing instead of 64 × 64 .*resample=true"):
        placed(x)
    found = placed(x, resample=True)
    assert np.abs(found.values - smooth(centres(64), centres(64))).max() < 5e-3


def test_grids_of_unequal_sizes_are_resampled_on_request_only():
    with pytest.raises(ValueError, match="has 64 × 32 cells instead"):
        placed(centres(64), centres(32))
    assert placed(centres(64), centres(32), resample=True).values.shape == (64, 64)
    with pytest.raises(ValueError, match="has 32 × 32 cells instead"):
        placed(centres(32), resample=False)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (centres(64), centres(64, 20.0), "points of a square, got sides of 30 and 20; cut out a square"),
        (centres(64, 3e-8), None, "side of 3e-08, in training 30. Is length_unit another one?"),
        (centres(64, 3e4), None, "Is length_unit another one?"),
        (centres(64, 29.85), None, r"side of 29.85; points 0.4688 apart need 29.53 or 30. Cut or extend"),
        (centres(3), None, "at least 4 points"),
    ],
)
def test_what_is_no_square_of_the_network_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        placed(x, y)


@pytest.mark.parametrize(("option", "value"), [("points", "corners"), ("resample", "yes")])
def test_options_are_checked(option, value):
    with pytest.raises(ValueError, match=f"{option}: expected"):
        Placing(**{option: value})


@pytest.mark.parametrize(
    ("unit", "target", "expected"),
    [
        ("meV", "eV", 1e-3),
        ("J", "eV", 1 / e),
        ("Ha", "eV", physical_constants["Hartree energy in eV"][0]),
        ("Hartree", "eV", physical_constants["Hartree energy in eV"][0]),
        ("Angstrom", "nm", 0.1),
        ("Bohr", "nm", physical_constants["atomic unit of length"][0] * 1e9),
        ("Bohr^-2", "nm^-2", (physical_constants["atomic unit of length"][0] * 1e9) ** -2),
        ("millielectronvolt", "eV", 1e-3),
        ("eV", "hartree", physical_constants["electron volt-hartree relationship"][0]),
        ("um", "nm", 1e3),
        ("\u00b5m", "nm", 1e3),
        ("m", "nm", 1e9),
        ("\u00c5", "nm", 0.1),
        ("nm", "bohr", 1e-9 / physical_constants["atomic unit of length"][0]),
        ("cm^-2", "nm^-2", 1e-14),
        ("1/cm^2", "nm^-2", 1e-14),
        ("um**-2", "nm^-2", 1e-6),
        ("nm\u207b\u00b2", "bohr^-2", (physical_constants["atomic unit of length"][0] * 1e9) ** 2),
        (" eV ", "eV", 1.0),
        ("V", "eV", -1.0),
        ("mV", "hartree", -1e-3 / physical_constants["Hartree energy in eV"][0]),
    ],
)
def test_units_are_those_of_codata(unit, target, expected):
    assert factor("unit", unit, target) == pytest.approx(expected, rel=1e-8)


def test_volts_in_a_file_are_no_energy_unless_an_option_states_them():
    with pytest.raises(
        ValueError, match=r"got 'V' in dot.vtr\. unit=V takes an electrostatic potential phi: .* -e phi"
    ):
        factor("unit", "V", "eV", "dot.vtr")
    assert canonical("volts") == "V" and canonical("mV") == "mV"


def test_prefixes_differ_by_case():
    assert canonical("MeV") == "MeV" and canonical("mev") == "meV"
    with pytest.raises(ValueError, match="unit: expected eV, meV, J, hartree; got 'MeV'"):
        factor("unit", "MeV", "eV")


@pytest.mark.parametrize(
    ("unit", "target", "message"),
    [
        ("nm", "eV", "unit: expected eV, meV, J, hartree; got 'nm'"),
        ("MV", "eV", "got 'MV'"),
        ("eV", "", "no unit, because the values are plain numbers; got 'eV'"),
    ],
)
def test_units_of_other_quantities_are_refused(unit, target, message):
    with pytest.raises(ValueError, match=message):
        factor("unit", unit, target)


def test_points_of_a_rectangle():
    """Each axis has its own side and spacing; a transposed or a square file does not fit where both are fixed."""
    x, y = (np.arange(40) + 0.5) * 1.5, (np.arange(20) + 0.5) * 1.5
    field = Field("V", smooth(x, y), x, y)
    found = place(field, [(60.0, 30.0)], None, (32, 16), Placing())
    assert found.sides == (60.0, 30.0) and found.values.shape == (32, 16) and "40 × 20 to 32 × 16" in found.note
    same = place(field, [(60.0, 30.0)], (1.5, 1.5), (40, 20), Placing())
    assert same.values is field.values and not same.note
    nodes = np.linspace(0, 60.0, 41), np.linspace(0, 30.0, 21)
    assert place(Field("V", smooth(*nodes), *nodes), [(60.0, 30.0)], None, (32, 16), Placing()).nodes
    with pytest.raises(ValueError, match="has 40 × 20 cells instead of 32 × 20 equal cells"):
        place(field, [(60.0, 30.0)], None, (32, 20), Placing())
    with pytest.raises(ValueError, match="expected points of a square, got sides of 60 and 30"):
        place(field, [(60.0, 60.0)], None, (32, 32), Placing())
