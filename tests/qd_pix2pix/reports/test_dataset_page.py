"""The page of a dataset: what it says is what is stored."""

import re

import numpy as np
import pytest
from small import configuration

from qd_pix2pix.data.generate import generate
from qd_pix2pix.data.store import Store, StoreError
from qd_pix2pix.reports import figures
from qd_pix2pix.reports.dataset_page import ensure_dataset_page, write_dataset_page


def test_a_new_dataset_has_its_page(small_store):
    page = ensure_dataset_page(small_store.path).read_text()
    assert small_store.path.name in page and "density error" in page and "22 dots" in page
    assert "N = 2, 24 nm × 24 nm" in page and "<h2>Dots</h2>" in page and "The first 4 dots" in page
    assert page.count("data:image/svg+xml;base64,") >= 4


def test_numbers_on_the_page_are_those_of_the_columns(small_store):
    page = write_dataset_page(small_store.path).read_text()
    parts = [small_store.split(s).load(["density_error", "gap"]) for s in ("train", "val", "test")]
    error, gap = (np.concatenate([p[name] for p in parts]) for name in ("density_error", "gap"))
    assert (error > 0).all()
    cards = dict(re.findall(r"<span>([^<]*)</span><b>([^<]*)</b>", page))
    assert cards["density error, mean"] == f"{100 * error.mean():.3g} %"
    assert cards["ΔE, median"] == f"{1e3 * np.median(gap):.3g} meV"


@pytest.mark.slow
def test_one_electron_has_no_truncation_error(tmp_path):
    words = ["potential=double_gaussian", "data.grid.n=16", "solver.n_orbitals=2", "data.n_electrons=1"]
    sizes = ["data.train=3", "data.val=1", "data.test=1"]
    path = generate(configuration("generate", *words, *sizes)["data"], tmp_path)
    columns = Store(path).split("train").load(["density_error", "energy_error", "spin", "interaction"])
    assert not columns["density_error"].any() and not columns["energy_error"].any()
    np.testing.assert_allclose(columns["spin"], 0.5)
    np.testing.assert_allclose(columns["interaction"], 0.0, atol=1e-12)
    page = write_dataset_page(path).read_text()
    assert "density error, mean" not in page and "1 test" in page
    assert "<figcaption>The first 3 dots of the training split." in page


def test_panels_of_densities_are_named_by_their_own_symbol(small_store, monkeypatch):
    """n_0 is not labelled as the density with interaction; where both are the same, one is shown."""
    shown = []
    draw = figures.gallery
    monkeypatch.setattr(figures, "gallery", lambda *given: shown.append(draw(*given)) or shown[-1])
    write_dataset_page(small_store.path)
    labels = [panel.get_ylabel() for panel in shown[0].get_axes()]
    titles = [panel.get_title() for panel in shown[0].get_axes()[:3]]
    assert titles == ["$V$", "$n_0$", r"$n_\mathrm{int}$"]
    assert sum(label.startswith("$n_0$ ($10^{-2}$ nm") for label in labels) == 4


def test_no_page_without_a_dataset(tmp_path):
    with pytest.raises(StoreError, match="no dataset"):
        write_dataset_page(tmp_path)


@pytest.mark.slow
def test_samples_of_one_field_are_side_by_side_with_their_numbers(tmp_path, monkeypatch):
    shown, draw = [], figures.strip
    monkeypatch.setattr(figures, "strip", lambda *given: shown.append(draw(*given)) or shown[-1])
    sizes = ["data.side=4", "data.train=5", "data.val=1", "data.test=1"]
    path = generate(configuration("generate", "data=ising", *sizes)["data"], tmp_path)
    page = write_dataset_page(path).read_text()
    first = Store(path).split("train").read(2, ["spins", "energy", "magnetisation"])
    panel = shown[0].get_axes()[2]
    energy = f"{first['energy']:.4g}".replace("-", "−")
    assert panel.get_title().startswith(f"lattice 2\nE = {energy} J, m = ") and len(shown[0].get_axes()) == 5
    assert panel.get_images()[0].get_array().tolist() == first["spins"].T.tolist()
    assert "<h2>Labels</h2>" in page and "nm" not in re.sub(r'src="[^"]*"', "", page.split("</style>")[1])
