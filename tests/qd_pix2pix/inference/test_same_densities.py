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
        found = predictor({"n_int": torch.as_tensor(before["V_to_nint-gaas-N2/n_int"]).double()})["V"].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("name", [name for name in NAMES if name != AMPLIFYING])
def test_predictions_stay_the_same(name, before):
    surrogate = from_pretrained(name)
    fields = before["V"] if surrogate.sources == ("V",) else before["V_to_nint-gaas-N2/n_int"]
    compared = 0
    for i, conditions in enumerate(SEVERAL if name == "range" else ({},)):
        for quantity, found in quiet(surrogate, fields.astype("f8"), **conditions).items():
            expected = before[f"{NAMES[name]}/{quantity}" + (f"/{i}" if i else "")]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
            compared += 1
    assert compared == sum(key.startswith(f"{NAMES[name]}/") for key in before), "every stored prediction is compared"


def test_all_networks_are_shipped():
    assert shipped() == sorted(
        [*NAMES, "bose-hubbard", "chain", "ising-ednn", "ising-flow", "ising-rugan", "universal", "universal-fast"]
    )


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(
        FileNotFoundError,
        match="one of bose-hubbard, chain, gaas-N2, gaas-N2-all, .*, universal, universal-fast; got 'gaas-N3'",
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
