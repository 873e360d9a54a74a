"""Datasets made before a recipe brought its schema come out again."""

import numpy as np
import pytest
from small import ROOT, configuration
from threadpoolctl import threadpool_limits

from qd_pix2pix.systems import make_recipe

BEFORE = np.load(ROOT / "tests" / "data" / "datasets_before.npz")
SIZES = ["data.train=3", "data.val=1", "data.test=1", "data.shard_size=3"]
SMALL = ["data.grid.n=16", "solver.n_orbitals=4"]
CASES = {
    "random_wells": ["data.grid.n=32"],
    "random_wells_si_3": ["data.grid.n=32", "material=si", "data.n_electrons=3", "solver.n_orbitals=6"],
    "harmonic": ["potential=harmonic", "data.n_electrons=1"],
    "infinite_well": ["potential=infinite_well", "data.seed=7"],
    "double_gaussian": ["potential=double_gaussian", "data.n_electrons=4"],
    "double_gaussian_converged": [
        "potential=double_gaussian",
        "preset=converged",
        "solver.n_orbitals=6",
        "data.grid.extent=24.0",
        "interaction.screening=20",
        "interaction.thickness=3",
    ],
    "masked_noise": [
        "potential=masked_noise",
        "material=vacuum",
        "data.grid.extent=40.0",
        "data.grid.n=32",
        "data.n_electrons=1",
    ],
}


def test_every_array_has_its_case():
    assert {key.partition("/")[0] for key in BEFORE.files} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_every_array_comes_out_again(case):
    """Potentials bit for bit; labels to 1e-6, to 1e-3 where orbitals are refined (and the cusp is added)."""
    recipe = make_recipe(configuration("generate", *SIZES, *SMALL, *CASES[case])["data"])
    seen = set()
    with threadpool_limits(1):
        for split, size in (("train", 3), ("val", 1), ("test", 1)):
            columns = recipe.columns(split, range(size))
            recipe.laws(columns)
            for name, values in columns.items():
                if f"{case}/{split}/{name}" not in BEFORE.files:
                    continue  # a column of later versions
                column, before = recipe.schema[name], BEFORE[f"{case}/{split}/{name}"]
                values = values.astype(column.dtype)
                seen.add(f"{case}/{split}/{name}")
                if name == "V":
                    assert values.dtype == before.dtype
                    np.testing.assert_array_equal(values, before)
                    continue
                if name == "residual" or column.role == "error":
                    continue
                noise = (1e-3 if "converged" in case else 1e-6) * np.nanmax(np.abs(before), initial=0.0)
                np.testing.assert_allclose(values, before, atol=noise + 1e-12, err_msg=f"{split} {name}")
    left = {key for key in BEFORE.files if key.startswith(f"{case}/")} - seen
    assert left == {f"{case}/{split}/sample" for split in ("train", "val", "test")}
