"""The shipped networks of dots predict what they predicted when they were first shipped, alone and from any place."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from small import ROOT

from qd_pix2pix import from_pretrained
from qd_pix2pix.inference.pretrained import shipped
from qd_pix2pix.networks.blocks import multiplies_bf16

NAMES = {
    "gaas-N2": "V_to_nint-gaas-N2",
    "gaas-N2-all": "V_to_all-gaas-N2",
    "gaas-N2-inverse": "nint_to_V-gaas-N2",
    "gaas-N2-paper": "V_to_nint-gaas-N2-paper",
    "gaas-N4": "V_to_nint-gaas-N4",
    "range": "V_to_nint-range",
    "si-N2": "V_to_nint-si-N2",
    "si-N4": "V_to_nint-si-N4",
}
"""Names of the networks, and their names in the stored predictions."""
AMPLIFYING = "gaas-N2-inverse"
"""The network that takes logarithms of small densities, and amplifies rounding of single precision to 1e-5."""
SEVERAL = ({"n_electrons": 2, "material": "gaas"}, {"n_electrons": 3, "material": "si"})
"""Conditions of the network that was trained for a range."""


@pytest.fixture(scope="module")
def before():
    with np.load(ROOT / "tests" / "data" / "densities_before.npz") as stored:
        return dict(stored)


def quiet(surrogate, fields, **conditions):
    """Predictions; that these potentials are unlike the training data does not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return surrogate.predict(fields, **conditions)


def test_predictions_that_amplify_rounding_stay_the_same(before):
    """In double precision, in which they are stored: in single precision they depend on the processor."""
    predictor = from_pretrained(AMPLIFYING, device="cpu").predictor.double()
    expected = before[f"{NAMES[AMPLIFYING]}/V"]
    with torch.inference_mode():
        found = predictor({"n_int": torch.as_tensor(before["n_int"]).double()})["V"].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-7), ("single", 2e-6)])
@pytest.mark.parametrize("name", [name for name in NAMES if name != AMPLIFYING])
def test_predictions_stay_the_same(name, precision, tolerance, before):
    """Those stored are of products in double precision. Single ones are 1e-6 from them, by the order of sums."""
    surrogate = from_pretrained(name, device="cpu")
    if precision == "double":
        surrogate.predictor.double()
    compared = 0
    for i, conditions in enumerate(SEVERAL if name == "range" else ({},)):
        for quantity, found in quiet(surrogate, before["V"].astype("f8"), **conditions).items():
            expected = before[f"{NAMES[name]}/{quantity}" + (f"/{i}" if i else "")]
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
            compared += 1
    assert compared == sum(key.startswith(f"{NAMES[name]}/") for key in before), "every stored prediction is compared"


def test_all_networks_are_shipped():
    assert shipped() == sorted(
        [
            *NAMES,
            "bose-hubbard",
            "chain",
            "chain-energies",
            "ising-ednn",
            "ising-flow",
            "ising-rugan",
            "universal",
            "universal-fast",
        ]  # fmt: skip
    )


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(
        FileNotFoundError,
        match="one of bose-hubbard, chain, chain-energies, gaas-N2, .*, universal, universal-fast; got 'gaas-N3'",
    ):
        from_pretrained("gaas-N3")


ALONE = """
import sys, warnings
import numpy as np
from qd_pix2pix import from_pretrained

warnings.simplefilter("ignore")
V = np.load(sys.argv[1])["V"][:1].astype("f8")
densities = [from_pretrained("range", device="cpu")(V, n_electrons=2, material=m) for m in ("gaas", "si")]
heavy = {"pytorch_lightning", "lightning_fabric", "hydra", "omegaconf", "torchmetrics", "matplotlib"} & set(sys.modules)
print(sorted(heavy), *(round(float(d.mean()) * 900, 5) for d in densities), (densities[0] != densities[1]).any())
"""


def test_a_prediction_imports_torch_and_little_else_in_any_folder(tmp_path):
    """Neither Lightning nor Hydra nor Matplotlib; and names of materials need no file of the current folder."""
    command = [sys.executable, "-c", ALONE, str(ROOT / "tests" / "data" / "densities_before.npz")]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == "[] 2.0 2.0 True", done.stderr


def test_products_in_bfloat16_are_asked_for(before):
    exact, rounded = (from_pretrained("gaas-N2", "cpu", bf16=bf16) for bf16 in (False, True))
    found = [quiet(surrogate, before["V"].astype("f8"))["n_int"] for surrogate in (exact, rounded)]
    difference = np.abs(found[1] - found[0]).mean() / found[0].mean()
    assert difference < 5e-3
    assert (difference > 1e-5) == multiplies_bf16("cpu")
    with pytest.raises(ValueError, match="bf16: expected False"):
        from_pretrained("chain", bf16=True)


@pytest.mark.parametrize("path", [3, None, ""])
def test_what_is_no_path_is_one_error(path):
    with pytest.raises(ValueError, match="path: expected the name of a shipped network, or a file"):
        from_pretrained(path)


def test_a_network_that_is_loaded_in_inference_mode_predicts(before):
    with torch.inference_mode():
        found = quiet(from_pretrained("gaas-N2"), before["V"].astype("f8"))["n_int"]
    np.testing.assert_array_equal(found, quiet(from_pretrained("gaas-N2"), before["V"].astype("f8"))["n_int"])
