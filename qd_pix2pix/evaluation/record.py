"""What an evaluation has found, as ``metrics.json`` holds it. No torch here."""

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
    """Measures of predictions, and where they come from; plain containers only.

    Attributes:
        mapping: in words.
        samples: their number.
        origin: which samples, in words.
        checkpoint: what predicted.
        measures: of the target by name: a number of the whole split (r2), or mean, median, p05 and p95 over samples.
        also: the same of each other output.
        schema, recipe: of the samples.
        model: the card of what predicted.
        provenance: commit, hardware, versions, time.
        split, input: what was evaluated.
        symmetrised: averaged over the symmetries of the samples.
        remarks: what is unlike the training data.
        label_error: estimated error of the references of the target, mean and spread over samples; None if not known.
        verification: of an inverse: measures of what the solver makes of the proposed sources.
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
    remarks: list[str] = field(default_factory=list)
    label_error: dict[str, float] | None = None
    verification: dict[str, Any] | None = None

    def write(self, folder: Path) -> None:
        """Write ``metrics.json``, with a checksum of its content."""
        content = json.loads(json.dumps(asdict(self)))
        write_text(folder / FILE, json.dumps(content | {"digest": digest(content)}, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Evaluation:
        """Read ``metrics.json``.

        Raises:
            FileNotFoundError: it is not there.
            ValueError: it is damaged, or of another version; it is named.
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
