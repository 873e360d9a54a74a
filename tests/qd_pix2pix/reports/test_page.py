"""Parts of all pages: numbers with error bars, alternative texts, contours, banners, errors of the training."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.reports.alternative import alternative
from qd_pix2pix.reports.contours import draw_contours, over_cells
from qd_pix2pix.reports.page import described, figure_panel
from qd_pix2pix.reports.smoke import banner_of_bench, banner_of_dataset, banner_of_options
from qd_pix2pix.reports.trained_error import trained_errors
from qd_pix2pix.reports.uncertain import uncertain


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-37.692797, 0.00557, "−37.6928 ± 0.0056"),
        (1.891, 0.0912, "1.891 ± 0.091"),
        (123.4, 12.0, "123 ± 12"),
        (2.5401472, 1e-9, "2.540147"),
        (1e-20, 3e-16, "0"),
        (0.0010, 0.0012, "0.0010 ± 0.0012"),
        (4.26, float("nan"), "4.26"),
        (float("nan"), 1.0, "—"),
        (1234567.0, 2300.0, "(1.2346 ± 0.0023)·10⁶"),
        (-3.651e-9, 7.4e-11, "(−3.651 ± 0.074)·10⁻⁹"),
        (-0.07109432, 1.7e-8, "(−7.109432 ± 0.000002)·10⁻²"),
        (5.0, 0.0, "5"),
    ],
)
def test_error_bars_have_two_digits(value, error, text):
    assert uncertain(value, error) == text


def test_the_alternative_text_lists_titles_axes_and_curves():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    image = left.imshow(np.eye(3))
    left.set_title("$n_0$")
    left.set_xlabel("x (nm)")
    figure.colorbar(image, ax=left, label=r"$\Delta n$ (nm$^{-2}$)")
    right.plot([1, 2], label="loss")
    assert alternative(figure) == "2 maps: n0; x (nm), colours Δn (nm^-2); loss"


def test_a_panel_is_the_same_vector_image_each_time():
    def draw():
        figure = Figure()
        figure.subplots().plot([1, 2], [3, 4])
        return figure_panel(figure, "Loss over training: all runs.")

    first, second = draw(), draw()
    assert first == second and first.name == "loss_over_training_all_runs"
    assert base64.b64decode(first.image).startswith(b"<?xml")


def test_contours_lie_where_the_potential_has_their_values():
    panel = Figure().subplots()
    x = (np.arange(40) + 0.5) / 4
    V = (x[:, None] - 5) ** 2 + (x[None] - 5) ** 2
    over_cells(panel, (0, 10, 0, 10), V)
    (drawn,) = panel.collections
    for level, path in zip(drawn.levels, drawn.get_paths(), strict=True):
        radii = np.hypot(*(path.vertices - 5).T)
        np.testing.assert_allclose(radii, np.sqrt(level), rtol=0.02)
    step = Figure().subplots()
    draw_contours(step, x, x, np.where(V < 4, 0.0, 0.5))
    assert list(step.collections[0].levels) == [0.25]
    flat = Figure().subplots()
    draw_contours(flat, x, x, np.zeros_like(V))
    assert not flat.collections


def test_smoke_tests_have_a_banner():
    assert banner_of_options(["model=gan", "scale=smoke"]).startswith("Smoke test")
    assert not banner_of_options(["scale=laptop", "model=gan"])
    assert banner_of_bench("smoke-1a2b") and not banner_of_bench("qdot-1")
    assert "12 dots for training" in banner_of_dataset(12, "12 dots") and not banner_of_dataset(4800, "4800 dots")


def test_errors_on_the_training_stand_beside_those_of_a_users_samples(small_run, tmp_path):
    """From the folder of the run, and from the card of weights; measures in other units are left out."""
    record = Evaluation.read(small_run / "test")
    checkpoint = str(small_run / "checkpoints/best.ckpt")
    own = replace(record, input="own.npy", checkpoint=checkpoint)
    found = trained_errors(own)
    assert found["NMAE"] == f"{100 * record.measures['nmae']['median']:.3g} %" and found["L₁"].endswith("nm⁻²")
    assert not trained_errors(replace(own, input=None))
    assert not trained_errors(replace(own, checkpoint=str(tmp_path / "run/checkpoints/best.ckpt")))
    tests = [{"measures": record.measures, "also": {}}]
    card = replace(own, checkpoint=str(tmp_path / "w.safetensors"), model=record.model | {"tests": tests})
    assert trained_errors(card) == found
    other = record.schema | {"units": record.schema["units"] | {"density": "bohr^-2"}}
    assert set(found) - set(trained_errors(replace(card, schema=other))) == {"L₁", "L₂", "L∞"}


def test_energies_gaps_and_spins_of_the_dots_stand_beside_them(small_run, small_store):
    found = Predictions.read(small_run / "test/predictions.h5")
    stored = small_store.split("test").load(["energy", "gap", "spin", "sample"])
    np.testing.assert_array_equal(found.sample, stored["sample"])
    for name in ("energy", "gap", "spin"):
        np.testing.assert_array_equal(found.known[name], stored[name])
    text = described(found.known, 0, found.schema)
    energy, gap = (f"{1e3 * stored[name][0]:.4g}".replace("-", "−") for name in ("energy", "gap"))
    assert text == f"E = {energy} meV\nΔE = {gap} meV, S = {stored['spin'][0]:.4g}"
