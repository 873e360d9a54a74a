"""Array libraries: what NumPy answers, every library of the array API standard answers, in arrays of its own."""

from importlib.util import find_spec
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest
from analytic import GAAS, SI, nmae
from array_api_strict._array_object import Array as StrictArray
from dots import GRID, GUARDS, assert_same, hasty_davidson, smooth_potential

from solvers import PRESETS, Grid, Interaction, Material, backend, solve
from solvers.quantum_dots import configuration_interaction, single_particle
from solvers.quantum_dots.potentials import RandomWells
from solvers.quantum_dots.solution import columns

N_ELECTRONS = [1, 2, 3, 4]


@pytest.fixture
def far(monkeypatch):
    """Puts arrays on a device of ``array_api_strict`` that is like a GPU: NumPy cannot read them unless it is told to.

    The library knows the standard only and does not mix with NumPy; arrays of two of its devices do not mix. As in
    CuPy, ``get`` copies to main memory, and NumPy's own ways to look inside are errors.
    """

    def refused(*_arguments, **_options):
        raise TypeError("NumPy was handed an array of another library")

    for name in ("__array__", "__buffer__", "__dlpack__"):
        monkeypatch.setattr(StrictArray, name, refused)
    monkeypatch.setattr(StrictArray, "get", lambda array: array._array.copy(), raising=False)
    device = array_api_strict.Device("device1")
    return lambda array: array_api_strict.asarray(array, device=device)


def near(solution):
    """The arrays of a solution as NumPy arrays."""
    return SimpleNamespace(**{c.name: getattr(solution, c.name).get() for c in columns()})


def test_the_far_library_does_not_let_numpy_in(far):
    for look in (np.asarray, np.sqrt, np.from_dlpack, lambda a: np.ones(2) + a, lambda a: a + np.ones(2)):
        with pytest.raises(TypeError):
            look(far(np.ones(2)))
    with pytest.raises(ValueError, match="device"):
        far(np.ones(2)) + array_api_strict.ones(2)
    np.testing.assert_array_equal(backend.to_numpy(far(np.arange(3))), [0, 1, 2])


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n_electrons", N_ELECTRONS)
@pytest.mark.parametrize("n", [16, 17])
def test_any_library_of_the_standard_answers_as_numpy(far, n, n_electrons, preset):
    grid = Grid(n, 30.0)
    v = np.stack([smooth_potential(seed, grid) for seed in range(2)])
    expected, given = solve(v, grid, n_electrons, GAAS, **PRESETS[preset]), far(v)
    solution = solve(given, grid, n_electrons, GAAS, **PRESETS[preset])
    for column in columns():
        found = getattr(solution, column.name)
        assert isinstance(found, StrictArray) and found.device == given.device, column.name
        dtype, expected_dtype = found._array.dtype, getattr(expected, column.name).dtype
        assert dtype == expected_dtype, column.name
    rtol = 1e-7 if PRESETS[preset]["refinements"] else 1e-9  # orbitals follow from states to a loose tolerance
    assert_same(near(solution), expected, rtol=rtol, n_electrons=n_electrons)
    for name in GUARDS:
        assert np.abs(getattr(near(solution), name)).max() < 1e-7, name
    assert near(solution).trusted.all()


def test_coarse_grids_of_other_libraries(far):
    """From 32 points on, better orbitals are looked for on a coarse grid."""
    v = smooth_potential(3)
    preset = {"n_orbitals": 6, "refinements": 1, "n_states": 3}
    assert_same(near(solve(far(v), GRID, 2, SI, **preset)), solve(v, GRID, 2, SI, **preset), rtol=1e-9)


def test_what_does_not_converge_falls_back_in_other_libraries(far, monkeypatch):
    v = np.stack([smooth_potential(seed) for seed in range(2)])
    expected = solve(v, GRID, 3, SI)
    for module in (single_particle, configuration_interaction):
        monkeypatch.setattr(module, "davidson", hasty_davidson(2))
    solution = near(solve(far(v), GRID, 3, SI))
    assert solution.fallback.all() and solution.trusted.all()
    np.testing.assert_allclose(solution.energy, expected.energy, rtol=0, atol=1e-9)
    np.testing.assert_allclose(solution.density, expected.density, atol=1e-8)


def test_strongly_repelling_electrons_of_other_libraries(far):
    """Both rules of errors for them: the second enlarged space, and the order of states."""
    grid = Grid(24, 1600.0)
    x, y = ((a - 800.0) / 105 for a in grid.mesh())
    crossed = 3e-4 * ((x**2 + y**2) / 12 - 9 * (np.exp(-((x / 0.9) ** 2)) + np.exp(-((y / 0.9) ** 2))))
    v = crossed + 1e-5 * np.array([0.0, 2.0])[:, None, None] * (0.7 * x + 0.4 * y)
    material = Material(0.023, 15.15)
    expected, solution = solve(v, grid, 3, material), solve(far(v), grid, 3, material)
    assert (expected.interaction > 1.5 * expected.kinetic).all() and not expected.order_certain.all()
    for name in ("density_error", "energy_error", "gap_error"):
        np.testing.assert_allclose(getattr(solution, name).get(), getattr(expected, name), rtol=1e-3)


@pytest.mark.parametrize("n_electrons", [1, 2, 3, 8])
def test_wavefunctions_of_other_libraries(far, n_electrons):
    """Also a full shell (N = 8), which has one state only."""
    grid, options = Grid(16, 30.0), {"n_orbitals": 4, "n_states": 2, "wavefunction": True}
    v, interaction = smooth_potential(2, grid), Interaction(screening=20.0, thickness=2.0)
    expected, solution = (
        solve(some, grid, n_electrons, GAAS, interaction=interaction, **options).wavefunction for some in (v, far(v))
    )
    for state in (None, 0):
        for found, wanted in (
            *zip(solution.density(state), expected.density(state), strict=True),
            (solution.pair_density(11.0, 20.0, state), expected.pair_density(11.0, 20.0, state)),
            (solution.natural_orbitals(state)[0], expected.natural_orbitals(state)[0]),
        ):
            np.testing.assert_allclose(found.get(), wanted, atol=1e-10)


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_an_empty_batch_stays_in_its_library(far, shape):
    solution = solve(far(np.zeros((*shape, 8, 8))), Grid(8, 30.0), 2, GAAS, n_orbitals=4)
    assert isinstance(solution.density, StrictArray)
    assert solution.density.shape == (*shape, 8, 8)
    assert solution.spins.shape == (*shape, 2)


@pytest.mark.parametrize(
    "values", [np.zeros((16, 16), complex), np.ones((16, 16), bool), np.full((16, 16), np.nan), np.zeros((16, 15))]
)
def test_what_is_not_a_potential_in_any_library(far, values):
    with pytest.raises(ValueError, match="V: expected"):
        solve(far(values), Grid(16, 30.0), 2, GAAS)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_real_numbers_of_any_kind_and_library(far, dtype):
    v = far(np.random.default_rng(0).integers(0, 2, size=(8, 8)).astype(dtype))
    solution = solve(v, Grid(8, 30.0), 1, GAAS, n_orbitals=2)
    assert solution.energy.dtype == array_api_strict.float64
    assert solution.energy.get() == solve(v.get(), Grid(8, 30.0), 1, GAAS, n_orbitals=2).energy


# The word that chooses


@pytest.mark.parametrize("word", ["auto", "numpy"])
def test_lists_and_numpy_arrays_are_solved_by_numpy(word):
    v = smooth_potential(0, Grid(8, 30.0))
    for given in (v, v.tolist()):
        solution = solve(given, Grid(8, 30.0), 2, GAAS, n_orbitals=3, backend=word)
        assert all(isinstance(getattr(solution, c.name), (np.ndarray, np.generic)) for c in columns())


def test_numpy_solves_arrays_of_another_library_if_told_to(far):
    v = smooth_potential(0, Grid(8, 30.0))
    solution = solve(far(v), Grid(8, 30.0), 2, GAAS, n_orbitals=3, backend="numpy")
    assert isinstance(solution.density, np.ndarray)
    assert_same(solution, solve(v, Grid(8, 30.0), 2, GAAS, n_orbitals=3), rtol=1e-13)


class NoDriver(Exception):
    """What CuPy raises without a driver is no RuntimeError of Python."""


def without_driver():
    raise NoDriver("cudaErrorInsufficientDriver")


@pytest.mark.parametrize(
    ("count", "reason"),
    [(lambda: 0, "no CUDA device"), (without_driver, "cudaErrorInsufficientDriver"), (None, "cupy")],
)
def test_cupy_without_a_gpu_is_one_clear_error(monkeypatch, count, reason):
    def imported(name):
        if count is None:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=count)))

    monkeypatch.setattr(backend, "import_module", imported)
    with pytest.raises(ValueError, match=f"backend: cupy needs an NVIDIA GPU.*{reason}.*backend=numpy") as error:
        solve(np.zeros((8, 8)), Grid(8, 30.0), 1, GAAS, n_orbitals=2, backend="cupy")
    assert error.value.__cause__ is None and error.value.__suppress_context__


@pytest.mark.skipif(find_spec("cupy") is not None, reason="CuPy is here")
def test_cupy_that_is_not_installed_is_one_clear_error():
    with pytest.raises(ValueError, match=r"backend: cupy needs .*pip install .*\[gpu\].*No module named 'cupy'"):
        solve(np.zeros((8, 8)), Grid(8, 30.0), 1, GAAS, n_orbitals=2, backend="cupy")


# CuPy itself


@pytest.fixture(scope="module")
def cupy():
    module = pytest.importorskip("cupy")
    try:
        n_devices = module.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy has exceptions of its own
        pytest.skip(f"CuPy finds no GPU: {error}")
    if not n_devices:
        pytest.skip("no GPU")
    return module


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n_electrons", N_ELECTRONS)
@pytest.mark.parametrize("n", [32, 33])
def test_a_gpu_answers_as_the_processor(cupy, n, n_electrons, preset):
    grid = Grid(n, 30.0)
    rng = np.random.default_rng(n_electrons)
    v = np.stack([RandomWells().sample(rng, grid)(grid) for _ in range(6)])
    expected = solve(v, grid, n_electrons, GAAS, **PRESETS[preset])
    solution = solve(cupy.asarray(v), grid, n_electrons, GAAS, **PRESETS[preset])
    for name in ("energy", "gap", "energies", "kinetic", "confinement", "interaction", "orbital_energies"):
        found = getattr(solution, name)
        assert isinstance(found, cupy.ndarray)
        tolerance = 1e-8 if name in ("energy", "gap", "energies", "orbital_energies") else 1e-6  # others: first order
        np.testing.assert_allclose(found.get(), getattr(expected, name), rtol=0, atol=tolerance, err_msg=name)
    assert solution.trusted.get().all() and expected.trusted.all()
    np.testing.assert_array_equal(solution.degeneracy.get(), expected.degeneracy)
    np.testing.assert_allclose(solution.spins.get(), expected.spins, atol=1e-5)
    for i in np.flatnonzero(expected.gap > 1e-3):
        # a density is as exact as the residual over the gap
        error = 4 * n_electrons * (expected.residual[i] + float(solution.residual[i])) / expected.gap[i]
        assert nmae(solution.density[i].get(), expected.density[i], n_electrons, grid) < 1e-8 + error


def test_the_word_cupy_brings_numpy_arrays_to_the_gpu(cupy):
    solution = solve(smooth_potential(), GRID, 2, GAAS, backend="cupy")
    assert isinstance(solution.density, cupy.ndarray)
    back = solve(solution.density * 0 + cupy.asarray(smooth_potential()), GRID, 2, GAAS, backend="numpy")
    assert isinstance(back.density, np.ndarray)
    assert float(solution.energy) == pytest.approx(float(back.energy), abs=1e-8)


def test_a_gpu_wavefunction(cupy):
    expected, solution = (
        solve(smooth_potential(), GRID, 3, GAAS, wavefunction=True, backend=word).wavefunction
        for word in ("numpy", "cupy")
    )
    np.testing.assert_allclose(solution.pair_density(9.0, 12.0).get(), expected.pair_density(9.0, 12.0), atol=1e-7)
    np.testing.assert_allclose(solution.natural_orbitals()[0].get(), expected.natural_orbitals()[0], atol=1e-7)


def test_a_piece_for_a_gpu_obeys_the_memory(cupy):
    v = np.stack([smooth_potential(seed) for seed in range(12)])
    whole, pieces = (solve(cupy.asarray(v), GRID, 3, GAAS, memory=memory) for memory in (2.0, 0.03))
    np.testing.assert_allclose(pieces.energy.get(), whole.energy.get(), rtol=0, atol=1e-8)


def test_threads_are_those_of_the_largest_blas(monkeypatch):
    """PySCF brings a BLAS of its own, with one thread."""
    libraries = [("blas", 4), ("blas", 1), ("openmp", 16)]
    info = [{"user_api": api, "num_threads": n} for api, n in libraries]
    monkeypatch.setattr(backend, "threadpool_info", lambda: info)
    assert backend.blas_threads() == 4
    monkeypatch.setattr(backend, "threadpool_info", lambda: [])
    assert backend.blas_threads() == 1
