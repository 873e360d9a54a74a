"""Trained networks as one small safetensors file with a model card beside it; and back, in three lines.

    from qd_pix2pix import from_pretrained
    surrogate = from_pretrained("experiments/field_regressors/weights/V_to_nint-gaas-N2.safetensors")
    density = surrogate(V)  # eV -> nm^-2

The file holds the weights of the network and, as metadata, the card of its checkpoint and the measures of its test. No
code is in it, and none is run.
"""

from __future__ import annotations

import json
import shlex
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors.torch import save_file

from qd_pix2pix.files import write_text, write_whole
from qd_pix2pix.inference.predict.inputs import check_fields, compare_with_training, recipe_of_dots
from qd_pix2pix.inference.predict.predict import Outputs, predict
from qd_pix2pix.mapping.conditions import CONDITIONS, facts_of
from qd_pix2pix.models import FieldModel
from qd_pix2pix.provenance import read_overrides, runs_of
from qd_pix2pix.reports.run_page import model_card
from qd_pix2pix.schema import units_of
from qd_pix2pix.training.checkpoint import CARD, MEASURES, load_model


class Surrogate:
    """A trained network in place of the solver: NumPy in, NumPy out, physical units.

    Attributes:
        model: the LightningModule.
        source, target, outputs: names of what is given, of what is asked first, and of all that is asked.
        n, extent, units: points per side and side of the square of the training, and of what unit.
        measures: of the test split of each dataset it was trained on, as in ``metrics.json``; empty for a checkpoint.
    """

    def __init__(self, model: FieldModel) -> None:
        self.model = model
        mapping, grid = model.mapping, model.card["recipes"][0]["grid"]
        self.source, self.target = mapping.source.name, mapping.target.name
        self.outputs = tuple(field.name for field in mapping.outputs)
        self.n, self.extent = int(grid["n"]), float(grid["extent"])
        self.units = units_of(model.card["recipes"][0])
        self.measures: list[dict[str, Any]] = model.card.get(MEASURES, [])

    def __call__(self, source: ArrayLike, **dots: Any) -> NDArray[np.float64]:
        """The target field (..., n, n) for source fields (..., n, n); see ``predict``."""
        return self.predict(source, **dots)[self.target]

    def predict(
        self,
        source: ArrayLike,
        n_electrons: int | None = None,
        material: str | None = None,
        extent: float | None = None,
        symmetrise: bool = False,
    ) -> Outputs:
        """Everything that is asked: fields (..., n, n) and numbers (...).

        Args:
            source: potentials in eV or densities in nm^-2 (hartree and bohr for a network of such dots), (..., n, n).
                On more points than in training, with the same spacing, the square is larger.
            n_electrons, material, extent: of these dots, for a network that serves a range; None: as in training.
            symmetrise: average over the eight symmetries of the square.

        Raises:
            ValueError: wrong shape, unit, or a kind of dot that the network was not trained for. What is only unlike
                the dots of training is a warning.
        """
        values = np.asarray(source)
        if values.ndim < 2:
            raise ValueError(f"input: expected shape (..., n, n), got {values.shape}")
        fields = check_fields(values.reshape(-1, *values.shape[-2:]))
        recipe = recipe_of_dots(self.model, fields.shape[-1], n_electrons, material, extent)
        for remark in compare_with_training(fields, self.model, recipe):
            warnings.warn(f"{remark}; predictions may be wrong", stacklevel=2)
        found = predict(self.model, fields, facts_of(recipe), symmetrise)
        return {name: result.reshape(values.shape[:-2] + result.shape[1:]) for name, result in found.items()}

    def __repr__(self) -> str:
        recipe = self.model.card["recipes"][0]
        facts = ", ".join(f"{name}={value:g}" for name, value in zip(CONDITIONS, facts_of(recipe), strict=True))
        return f"Surrogate({self.source} -> {', '.join(self.outputs)}; {facts}, n={self.n}, {self.units})"


def from_pretrained(path: Path | str) -> Surrogate:
    """The network of a .safetensors file that ``evaluate.py save=`` wrote, or of a checkpoint of a run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of these, or damaged.
    """
    return Surrogate(load_model(path))


def save_pretrained(checkpoint: Path, path: Path, records: list[dict[str, Any]]) -> tuple[Path, Path]:
    """Write the network of a checkpoint to ``path`` (.safetensors), and its model card beside it (.md).

    Args:
        checkpoint: of a run.
        path: where to; the ending may be left out.
        records: what ``metrics.json`` of each test says.

    Returns:
        Paths of the weights and the model card.
    """
    path = path.with_name(path.name.removesuffix(".safetensors") + ".safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    model = load_model(checkpoint)
    tests = [{key: record[key] for key in ("split", "dots", "symmetrised", "measures", "also")} for record in records]
    card = model.card | {MEASURES: tests}
    weights = {name: value.contiguous() for name, value in model.network.state_dict().items()}
    with write_whole(path) as temporary:
        save_file(weights, temporary, metadata={CARD: json.dumps(card, sort_keys=True)})
    described = path.with_suffix(".md")
    write_text(described, model_card(path.name, records, _words(checkpoint)))
    return path, described


def _words(checkpoint: Path) -> str:
    """Of the command line that has trained a checkpoint, as far as its run's folder is there."""
    kept = next((found for run in runs_of(checkpoint) if (found := read_overrides(run)) is not None), [])
    places = ("hydra.", "data_root=", "logger=", "launcher")
    return " ".join(shlex.quote(word) for word in kept if not word.startswith(places))
