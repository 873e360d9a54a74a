"""The validators: numbers of Python and NumPy pass, everything else is one ValueError that names the argument."""

from fractions import Fraction

import numpy as np
import pytest

from solvers import lattices, spins
from solvers.checks import (
    as_plain,
    check_array,
    check_choice,
    check_flag,
    check_integer,
    check_kind,
    check_number,
    check_plain,
    check_positive,
    check_range,
    check_whole,
    writing,
)

NO_NUMBERS = [None, "1", b"1", [1], (1.0,), {}, 1j, True, False, np.True_, np.nan, np.array([1.0]), object(), int]
NOT_FINITE = [np.nan, np.inf, -np.inf, np.float32(np.inf), 10**400, -(10**400)]
WHOLE = [1, np.int8(1), np.int64(1), np.uint16(1)]
REAL = [*WHOLE, 1.0, np.float32(1), np.float64(1), Fraction(1)]


@pytest.mark.parametrize("value", REAL)
def test_numbers_of_python_and_numpy_pass(value):
    check_positive("x", value)
    check_number("x", value, 0, 1)
    check_range("x", [value, value], low=1)
    check_range("x", (value, value), high=1)


@pytest.mark.parametrize("value", WHOLE)
def test_whole_numbers_of_python_and_numpy_pass(value):
    check_integer("x", value, 1, high=1)


@pytest.mark.parametrize("value", NO_NUMBERS + NOT_FINITE, ids=lambda value: repr(value)[:20])
def test_what_is_no_finite_number_is_refused(value):
    for check in (lambda: check_positive("a.x", value), lambda: check_number("a.x", value)):
        with pytest.raises(ValueError, match=r"^a\.x: expected a (positive )?number, got "):
            check()
    for pair in ((value, 1.0), [0.0, value]):
        with pytest.raises(ValueError, match=r"^a\.x: expected \[low, high\] with low <= high, got "):
            check_range("a.x", pair)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 1.0, 2.5, np.float64(1), Fraction(1), np.inf])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=r"^a\.x: expected a whole number of at least 0, got "):
        check_integer("a.x", value, 0)


@pytest.mark.parametrize("value", [0, 0.0, -1, -1e-30])
def test_positive_numbers_are_above_zero(value):
    with pytest.raises(ValueError, match=rf"^x: expected a positive number, got {value}$"):
        check_positive("x", value)


@pytest.mark.parametrize("value", [5e-324, 1e-101, 1e101, 1e308])
def test_squares_must_be_representable(value):
    with pytest.raises(ValueError, match=r"^x: expected a positive number in \[1e-100, 1e\+100\], got "):
        check_positive("x", value)


def test_bounds_are_part_of_the_interval_and_of_the_message():
    check_positive("x", 2.0, high=2.0)
    check_number("x", -1.0, -1.0, 2.0)
    check_range("x", (-1, 2), -1, 2)
    for call, text in {
        (
            lambda: check_positive("x", 2.1, high=2.0, hint="Lower x")
        ): "a positive number of at most 2, got 2.1. Lower x",
        (lambda: check_number("x", -1.1, -1.0)): "a number of at least -1, got -1.1",
        (lambda: check_number("x", 3, high=2.0)): "a number of at most 2, got 3",
        (lambda: check_number("x", 3, 1, 2, "Lower x")): "a number in [1, 2], got 3. Lower x",
        (lambda: check_range("x", (-1, 2), 0)): "[low, high] with low <= high, both of at least 0, got (-1, 2)",
        (lambda: check_range("x", (0, 2), 0, 1)): "[low, high] with low <= high, both in [0, 1], got (0, 2)",
        (lambda: check_integer("x", 0, 1)): "a whole number of at least 1, got 0",
        (lambda: check_integer("x", 9, 1, "Lower x", 8)): "a whole number in 1 ... 8, got 9. Lower x",
    }.items():
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == f"x: expected {text}"


@pytest.mark.parametrize("value", [None, 1.0, (), (1.0,), (1.0, 2.0, 3.0), (2.0, 1.0), "12", {1.0, 2.0}, range(2)])
def test_ranges_are_two_numbers_in_order(value):
    with pytest.raises(ValueError, match=r"^x: expected \[low, high\]"):
        check_range("x", value)


def test_choices_are_listed():
    check_choice("x", "b", {"a": 1, "b": 2})
    for value in ("c", "", None, 1, ["a"], np.array(["a", "b"])):
        with pytest.raises(ValueError, match="^x: expected one of a, b; got "):
            check_choice("x", value, ("a", "b"))
    with pytest.raises(ValueError, match="^x: expected one of 'a, b', 'c'; got 'a'"):
        check_choice("x", "a", ("a, b", "c"))


def test_switches_are_true_or_false():
    for value in (True, False, np.True_, np.False_):
        check_flag("x", value)
    for value in (None, 0, 1, "yes", "False", [], np.array(True), np.array([True])):
        with pytest.raises(ValueError, match="^x: expected True or False, got "):
            check_flag("x", value)


def test_kinds_are_named_with_an_example():
    check_kind("x", {}, dict)
    with pytest.raises(ValueError, match=r"^x: expected a dict, got \[\]"):
        check_kind("x", [], dict)
    with pytest.raises(ValueError, match=r"^x: expected an Example\(n\), got None"):
        check_kind("x", None, type("Example", (), {}), "Example(n)")


def test_messages_stay_short():
    for value in (np.zeros((1000, 1000)), list(range(10000)), "x" * 10000, 10**4000, -(10**10000)):
        with pytest.raises(ValueError, match="^x: expected") as error:
            check_positive("x", value)
        assert len(str(error.value)) < 250


# Arrays

MASKED = np.ma.masked_array([1.0, 2.0], [False, True])


class WithUnit(np.ndarray):
    """A subclass of ndarray whose meaning plain data would lose."""


@pytest.mark.parametrize("value", [MASKED, [MASKED, MASKED], ([1.0, np.ma.masked],), [[[MASKED]]]])
def test_masked_values_are_refused(value):
    for check in (check_plain, lambda name, v: check_array(name, v, ("k", 2))):
        with pytest.raises(ValueError, match="^x: expected plain numbers, got a masked array"):
            check("x", value)


@pytest.mark.parametrize("kind", [np.matrix, WithUnit])
def test_other_subclasses_of_arrays_are_refused(kind):
    array = np.ones((2, 2)).view(kind)
    for value in (array, [array, array]):
        with pytest.raises(ValueError, match=f"^x: expected a plain array, got a {kind.__name__}.*asarray"):
            check_plain("x", value)


def test_what_numpy_cannot_hold_is_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=r"^x: expected plain numbers, got an array .*tensor\.detach\(\)"):
        as_plain("x", torch.ones(2, requires_grad=True))
    for value in (torch.ones(2, dtype=torch.bfloat16), [[1.0], [1.0, 2.0]]):
        with pytest.raises(ValueError, match="^x: expected plain numbers, got"):
            as_plain("x", value)


def test_tensors_with_a_gradient_are_named_by_spins_and_lattices():
    torch = pytest.importorskip("torch")
    field = torch.ones(4, 4, requires_grad=True)
    calls = {
        "potential": lambda: lattices.Bosons(field, beta=1.0),
        "potentials": lambda: lattices.ground_energies(field, 1.0),
        "configurations": lambda: spins.energies(field),
        "snapshots": lambda: spins.spin_correlator(field[None], (1, 0)),
        "temperature": lambda: spins.sample_metropolis(4, field),
        "series": lambda: spins.autocorrelation_time(field),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=rf"^{name}: expected .*tensor\.detach\(\)"):
            call()


def test_plain_data_pass(tmp_path):
    unmasked = np.ma.masked_array([1.0, 2.0], [False, False])
    on_disk = np.memmap(tmp_path / "x", dtype=float, mode="w+", shape=2)
    for value in (unmasked, np.ma.masked_array([1.0, 2.0]), on_disk, np.ones(2), [1, 2], None, "1", np.float64(1)):
        check_plain("x", value)
    found = check_array("x", unmasked, (2,))
    assert type(found) is np.ndarray and found.tolist() == [1.0, 2.0]


def test_shapes_may_have_letters():
    for value, shape in (([1, 2], (2,)), (np.ones((3, 2)), ("k", 2)), (np.ones((3, 3)), ("k", "k"))):
        np.testing.assert_array_equal(check_array("x", value, shape), value)
    for value, shape in ((1.0, (2,)), ([], ("k",)), (np.ones((3, 2)), ("k", "k")), (np.ones((0, 2)), ("k", 2))):
        with pytest.raises(ValueError, match=r"^x: expected an array of numbers of shape \("):
            check_array("x", value, shape)


@pytest.mark.parametrize(
    "value",
    [None, "12", ["1", "2"], [1, None], [1j, 1], [[1], [1, 2]], [True, False], [1, np.nan], [1, np.inf], [1, 1e200]],
)
def test_arrays_hold_finite_numbers(value):
    with pytest.raises(ValueError, match=r"^x: expected an array of numbers of shape \(2,\)"):
        check_array("x", value, (2,))


def test_entries_lie_in_an_interval():
    check_array("x", [0, 1], (2,), 0, 1)
    with pytest.raises(ValueError, match=r"^x: expected .* shape \(2,\), finite, each in \[0, 1\], got \[0, 2\]"):
        check_array("x", [0, 2], (2,), 0, 1)


def test_arrays_of_flags():
    for value in (np.array([True, False]), [0, 1], np.array([0.0, 1.0])):
        check_array("x", value, (2,), flags=True)
    for value in ([0, 2], [0.5, 1], ["0", "1"], [True, None], [0, np.nan]):
        with pytest.raises(ValueError, match=r"^x: expected an array of zeros and ones of shape \(2,\)"):
            check_array("x", value, (2,), flags=True)


def test_a_missing_folder_is_made(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with writing("path", path):
        path.write_text("1")
    assert path.read_text() == "1"


@pytest.mark.parametrize("name", ["file/a.txt", "file/new/a.txt", "folder"])
def test_a_file_that_cannot_be_written_is_named(name, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    path = tmp_path / name
    with pytest.raises(
        ValueError, match=rf"^path: expected a file that can be written, got {path} \(.*\). Use another"
    ):
        with writing("path", path):
            path.write_text("1")


def test_whole_numbers_of_an_array():
    """Of any type; fractions are refused, not truncated."""
    for value in ([1, 2], np.array([1.0, 2.0]), np.array([1, 2], np.uint8)):
        found = check_whole("x", value, ("n",), 0, 2)
        assert found.tolist() == [1, 2] and found.dtype == np.int64
    with pytest.raises(ValueError, match=r"^x: expected whole numbers, got 1.9 among them. Round them, as by numpy"):
        check_whole("x", [1.0, 1.9], ("n",))
    with pytest.raises(ValueError, match=r"^x: expected an array of numbers of shape \(n,\), finite, each in \[0, 2\]"):
        check_whole("x", [1, 3], ("n",), 0, 2)
