"""The results of an evaluation, as stored in ``metrics.json``. This module does not import torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from qd_pix2pix.files import digest, write_text
from qd_pix2pix.schema import Schema

FILE = "metrics.json"


@dataclass(frozen=True)
class Evaluation:
    """The measures of predictions and their provenance, in plain containers only.

    Attributes:
        mapping: the mapping as text.
        samples: number of samples.
        origin: description of the samples as text.
        checkpoint: path of the evaluated checkpoint.
        measures: measures of the target by name: a number of the whole split (r2), or mean, median, p05 and p95 over
            samples.
        also: the same for each other output.
        schema, recipe: schema and recipe of the samples.
        model: card of the evaluated predictor.
        provenance: commit, hardware, versions, time.
        split, input: evaluated split, or file of the user's samples.
        symmetrised: True if predictions are averaged over the symmetries of the samples.
        notes: units and side in the file of the user's samples, and their resampling.
        remarks: differences from the training data.
        label_error: estimated error of the target's references, mean and spread over samples; None without an estimate.
        drawn: True if a generator drew the samples; the sources of the predictions file are then the drawn fields.
        verification: for an inverse, measures of the solver's result for the proposed sources.
        curves: what the predictions imply, beside exact results; see ``systems.recipe.Curve``.
    """

    mapping: str
    samples: int
    origin: str
    checkpoint: str
    measures: dict[str, Any]
    also: dict[str, Any]
    schema: dict[str, Any]
    recipe: dict[str, Any]
    model: dict[str, Any]
    provenance: dict[str, Any]
    split: str | None = None
    input: str | None = None
    symmetrised: bool = False
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    label_error: dict[str, float] | None = None
    drawn: bool = False
    verification: dict[str, Any] | None = None
    curves: list[dict[str, Any]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write ``metrics.json``, with a checksum of its content."""
        content = json.loads(json.dumps(asdict(self)))
        write_text(folder / FILE, json.dumps(content | {"digest": digest(content)}, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Evaluation:
        """Read ``metrics.json``.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is damaged, or of another version; the message names it.
        """
        path = folder / FILE
        if not path.is_file():
            raise FileNotFoundError(f"metrics: {path} is not there; evaluate.py writes it")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            whole = content.pop("digest", None) == digest(content)
            known = {f.name for f in fields(cls)}
            found = cls(**{name: value for name, value in content.items() if name in known})
            found.of_schema()
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"metrics: {path} is damaged or of another version ({error}); evaluate again") from None
        if not whole:
            raise ValueError(f"metrics: {path} is damaged: its checksum is not the one that it was written with")
        return found

    def of_schema(self) -> Schema:
        """The schema of the samples."""
        return Schema.from_dict(self.schema)
