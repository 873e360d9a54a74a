"""The shipped network of hard-core bosons: any even size, limits that are exact, and what it reports or refuses."""

import warnings

import numpy as np
import pytest

from qd_pix2pix import evaluate, from_pretrained
from qd_pix2pix.systems.bose_hubbard import variant
from solvers.lattices import Bosons, checkerboard, power_law_field, sample_bosons


@pytest.fixture(scope="module")
def surrogate():
    return from_pretrained("bose-hubbard", device="cpu")


def quiet(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


@pytest.mark.slow
def test_densities_are_those_of_the_worm_algorithm(surrogate):
    field = 3.0 * power_law_field(np.random.default_rng(5), (12, 12), 1.0) - 3.0
    found = sample_bosons(Bosons(field, 8.0, neighbour=2.0), 256)
    n = surrogate({"V_mu": field, "checkerboard": variant(found.n)}, neighbour=2.0)
    assert np.abs(n - found.n).mean() < 0.05
    assert np.corrcoef(n.ravel(), found.n.ravel())[0, 1] > 0.95


def test_a_translated_lattice_has_the_translated_density(surrogate):
    field = 3.0 * power_law_field(np.random.default_rng(6), (10, 8), 1.0) - 3.0
    signs = checkerboard((10, 8))
    n, moved, turned = (
        quiet(lambda f=f, s=s: surrogate({"V_mu": f, "checkerboard": s}, neighbour=3.0))
        for f, s in (
            (field, signs),
            (np.roll(field, (3, 2), (0, 1)), np.roll(signs, (3, 2), (0, 1))),
            (field.T, signs.T),
        )
    )
    np.testing.assert_allclose(moved, np.roll(n, (3, 2), (0, 1)), atol=1e-5)
    np.testing.assert_allclose(turned, n.T, atol=1e-5)
    np.testing.assert_array_equal(n, quiet(lambda: surrogate(field, neighbour=3.0)))


def test_empty_and_full_lattices_and_a_solid(surrogate):
    def density(value):
        return quiet(lambda: surrogate(np.full((16, 16), value), neighbour=4.0))

    assert density(4.8).mean() < 0.03 and density(-20.8).mean() > 0.97
    solid = density(-8.0)
    assert (solid * checkerboard((16, 16))).mean() > 0.35 and solid.mean() == pytest.approx(0.5, abs=0.03)


def test_bad_input_is_reported_or_refused(surrogate):
    field = power_law_field(np.random.default_rng(7), (8, 8), 1.0) * 4 - 3
    with pytest.warns(UserWarning, match=r"neighbour is 9 t, in training 0.* \.\.\. 5\.9"):
        surrogate(field, neighbour=9.0)
    with pytest.raises(ValueError, match="a checkerboard does not fit odd sides"):
        surrogate(field[:7], neighbour=2.0)
    with pytest.raises(ValueError, match="at least 5 points along each axis"):
        surrogate(field[:4, :4], neighbour=2.0)
    with pytest.raises(ValueError, match="neighbour: the network was trained for several values"):
        surrogate(field)
    with pytest.raises(ValueError, match="expected checkerboard of -1 and 1 only"):
        surrogate({"V_mu": field, "checkerboard": field}, neighbour=2.0)


def test_other_patterns_than_a_checkerboard_are_reported(surrogate):
    field = power_law_field(np.random.default_rng(7), (8, 8), 1.0) * 4 - 3
    signs, stripes = checkerboard((8, 8)), np.broadcast_to((-1.0) ** np.arange(8), (8, 8))
    flipped = signs.copy()
    flipped[3, 4] *= -1
    for bad in (stripes, flipped, np.random.default_rng(0).choice([-1.0, 1.0], (8, 8))):
        boards = np.stack([signs, bad, -signs])
        with pytest.warns(UserWarning, match="checkerboard of 1 of 3 lattices is no checkerboard; predictions may be"):
            surrogate({"V_mu": np.stack([field] * 3), "checkerboard": boards}, neighbour=2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for board in (signs, -signs, np.roll(signs, 1, 0)):
            surrogate({"V_mu": field, "checkerboard": board}, neighbour=2.0)


def test_a_file_of_potentials_is_enough_and_verified_by_the_solver(tmp_path):
    """The checkerboard is a pattern, U a column with one value, V a condition: only the potential is in the file."""
    field = 3.0 * power_law_field(np.random.default_rng(8), (6, 6), 1.0) - 3.0
    np.save(tmp_path / "mine.npy", field)
    words = (f"input='{tmp_path}/mine.npy'", "neighbour=2.0", "verify=true", f"output='{tmp_path}/out'")
    found = evaluate("bose-hubbard", *words).predictions[0]
    exact = sample_bosons(Bosons(field, 8.0, neighbour=2.0), 1024)
    assert np.abs(found.reference["n"][0] - exact.n).mean() < 0.02
    np.testing.assert_array_equal(found.given["checkerboard"][0], checkerboard((6, 6)))
    assert found.schema.summary == "neighbour = 2"


def test_holes_have_the_density_that_bosons_leave(surrogate):
    """Exactly, in means over the symmetries: hard-core holes at V - mu are bosons at -(V - mu) - 4 V."""
    field, signs = 3.0 * power_law_field(np.random.default_rng(7), (8, 8), 1.0) - 5.0, checkerboard((8, 8))
    particles, holes = (
        surrogate.predict({"V_mu": v, "checkerboard": s}, neighbour=3.0, symmetrise=True)
        for v, s in ((field, signs), (-field - 12.0, -signs))
    )
    np.testing.assert_allclose(holes["n"], 1 - particles["n"], atol=1e-4)
    np.testing.assert_allclose(holes["variance"], particles["variance"], atol=1e-4)
    around = sum(np.roll(particles["n"], step, axis) for step in (1, -1) for axis in (0, 1)) / 4
    np.testing.assert_allclose(holes["pairs"], 1 - particles["n"] - around + particles["pairs"], atol=1e-4)


@pytest.mark.slow
def test_an_onnx_file_has_the_product_states_in_loops(surrogate, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="extra export")
    pytest.importorskip("onnxscript", reason="extra export")
    surrogate.export(tmp_path / "bosons.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "bosons.onnx", providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(8)
    fields = np.stack([a * power_law_field(rng, (8, 8), 1.0) - b for a, b in ((0.5, 2.0), (6.0, 9.0), (12.0, 4.0))])
    signs, neighbour = np.stack([checkerboard((8, 8))] * 3), np.array([0.5, 3.0, 5.5])
    given = {"V_mu": fields, "checkerboard": signs, "neighbour": neighbour}
    types = {i.name: np.float64 if "double" in i.type else np.float32 for i in session.get_inputs()}
    (found,) = session.run(["n"], {name: given[name].astype(kind) for name, kind in types.items()})
    wanted = [surrogate({"V_mu": v, "checkerboard": s}, neighbour=c) for v, s, c in zip(*given.values(), strict=True)]
    np.testing.assert_allclose(found, wanted, atol=1e-4)
