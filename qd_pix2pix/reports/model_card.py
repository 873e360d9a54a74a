"""The model card of weights in Markdown: use, data, configuration, measures, limits. No import of torch."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qd_pix2pix.evaluation.record import Evaluation
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import read_overrides, runs_of
from qd_pix2pix.reports.page import render, rows
from qd_pix2pix.reports.run_page import also_rows, label_error, provenance_lines
from qd_pix2pix.schema import Schema


def model_card(weights: str, records: Sequence[Evaluation], command: str) -> str:
    """Return the model card of weights as Markdown.

    Args:
        weights: argument of ``from_pretrained``: the file's name, or that of a shipped network.
        records: evaluations of the test split of each dataset.
        command: overrides of the command line of the training; empty if they are unknown.
    """
    card: Mapping[str, Any] = records[0].model
    schemas = [Schema.from_dict(content) for content in card["schemas"]]
    schema, shapes = schemas[0], [s.domain.shape for s in schemas]
    mapping = card["mapping"]
    sources = [mapping["source"]] if isinstance(mapping["source"], str) else list(mapping["source"] or [])
    drawn, seen = records[0].drawn, _seen(card, schema)
    given, outputs = (mapping.get("given", []), []) if drawn else (sources, mapping["also"])
    tests = []
    for record in records:
        own = record.of_schema()
        lines = rows(record.measures, own[mapping["target"]], own) + also_rows(record)
        tests.append({"record": record, "summary": own.summary, "rows": lines, "label_error": label_error(record)})
    varying = sorted(
        {name for s in card["schemas"] for name, v in s["constants"].items() if v != schema.constants[name]}
    )
    return render(
        "model_card.md.j2",
        weights=weights,
        trust=_trust(card),
        name=weights.removesuffix(".safetensors"),
        schema=schema,
        given=[schema[name] for name in given],
        predicted=[schema[name] for name in (mapping["target"], *outputs)],
        drawn=drawn,
        call=", ".join(["16", *(f"{name}={(low + high) / 2:.3g}" for name, ((low, high), *_) in seen.items())]),
        seen="".join(
            f"; {name} in {_intervals(bounds)} {_unit(schema, name)}".rstrip() for name, bounds in seen.items()
        ),
        points=", ".join(_span(sides) for sides in zip(*shapes, strict=True)),
        summaries="; ".join(dict.fromkeys(own.summary for own in schemas)),
        varying=varying,
        arguments=_arguments(card, schema, given),
        physical=_physical(schema),
        tests=tests,
        provenance=provenance_lines(records[0]),
        command=command,
        configuration=json.dumps(
            {k: card[k] for k in ("network", "heads", "model", "mapping", "loader", "trainer", "seed")}, indent=1
        ),
        recipes=json.dumps(card["recipes"], indent=1),
    )


def _span(sides: tuple[int, ...]) -> str:
    """Return the points along one axis, of samples of one size or of several."""
    return " … ".join(map(str, sorted({min(sides), max(sides)})))


def _physical(schema: Schema) -> str:
    """Return the arguments of a network in reduced units, which every call requires; empty for all others."""
    if not schema.reduction:
        return ""
    names = [column["name"] for column in schema.reduction["conditions"]]
    for preset, choices in schema.reduction["presets"].items():
        inside = next(iter(choices.values()))
        names = [preset, *(name for name in names if name not in inside)]
    return "".join(f", {name}=..." for name in names)


def _arguments(card: Mapping[str, Any], schema: Schema, given: Sequence[str]) -> str:
    """Return the arguments of a call: the sources, and the middle of each condition that varies between samples."""
    sources = given[0] if len(given) == 1 else "{" + ", ".join(f'"{name}": {name}' for name in given) + "}"
    seen = {column.name: card["statistics"].get(column.name) for column in schema.of_role("condition")}
    ends = {name: (found["min"], found["max"]) for name, found in seen.items() if found and not schema.reduction}
    varying = [f"{name}={(low + high) / 2:.3g}" for name, (low, high) in ends.items() if high > low]
    return ", ".join([sources, *varying])


def _trust(card: Mapping[str, Any]) -> str:
    """Return the argument of ``from_pretrained`` for a network of a user's module; empty for all others."""
    modules = list(card["provenance"].get("modules", {}))
    if not modules:
        return ""
    return f", trust={json.dumps(modules[0] if len(modules) == 1 else modules)}"


def _seen(card: Mapping[str, Any], schema: Schema) -> dict[str, list[tuple[float, float]]]:
    """Return the intervals of each label in training, of extensive ones per point."""
    points = math.prod(schema.domain.shape)
    found = {}
    for name, bounds in card.get("seen", {}).items():
        scaled = [bound / (points if schema[name].extensive else 1) for bound in bounds]
        found[name] = list(zip(scaled[::2], scaled[1::2], strict=True))
    return found


def _unit(schema: Schema, name: str) -> str:
    """Return the unit in which a label is requested."""
    column = schema[name]
    place = "point" if schema.domain.sides else "site"
    return f"{schema.unit(column)}{f' per {place}' * column.extensive}".strip()


def _intervals(bounds: Sequence[tuple[float, float]]) -> str:
    return " and ".join(f"{low:.4g} … {high:.4g}".replace("-", "−") for low, high in bounds)


def of_card(weights: str, card: Mapping[str, Any], command: str = "") -> str:
    """Return the model card of weights from their card, which includes the measures of the tests.

    Args:
        weights: see ``model_card``.
        card: card of the weights, in plain containers.
        command: see ``model_card``.
    """
    sample = Schema.from_dict(card["schemas"][0]).sample
    records = [
        Evaluation(
            mapping="",
            origin=f"{sample}s {'drawn for' if test.get('drawn') else 'of'} the {test['split']} split",
            checkpoint="",
            schema=schema,
            recipe=recipe,
            model=dict(card),
            provenance={},
            **test,
        )
        for test, schema, recipe in zip(card["tests"], card["schemas"], card["recipes"], strict=True)
    ]
    return model_card(weights, records, command)


def trained_by(checkpoint: Path) -> str:
    """Return the overrides of the command line of a checkpoint's training; empty if its run's folder is missing."""
    kept = next((found for run in runs_of(checkpoint) if (found := read_overrides(run)) is not None), [])
    places = ("hydra.", "data_root=", "logger=", "launcher", "threads=")
    return " ".join(shlex.quote(override) for override in kept if not override.startswith(places))


def write_model_card(path: Path, folders: Sequence[Path], command: str) -> Path:
    """Write the model card of weights at ``path`` beside them, from the results in ``folders``; return its path."""
    described = path.with_suffix(".md")
    write_text(described, model_card(path.name, [Evaluation.read(folder) for folder in folders], command))
    return described
