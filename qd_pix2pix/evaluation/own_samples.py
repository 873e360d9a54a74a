"""Evaluation of a checkpoint on a user's samples: predictions, and on request the solver's results beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qd_pix2pix.evaluation import located, verify
from qd_pix2pix.evaluation.measures import summarise
from qd_pix2pix.evaluation.predictions import Predictions
from qd_pix2pix.evaluation.results import estimates, new_record, write_results
from qd_pix2pix.generators import Generator
from qd_pix2pix.inference.dots import allowed_spins
from qd_pix2pix.inference.inputs import compare_with_training, conditions_of, only_values
from qd_pix2pix.inference.own_files import OwnSamples, Reading, read_samples, with_sides
from qd_pix2pix.inference.plateau import not_whole
from qd_pix2pix.inference.predict import check_device, predict
from qd_pix2pix.inference.rectangles import both_sides
from qd_pix2pix.inference.reduced import (
    PhysicalPredictor,
    blurred,
    for_reading,
    physical_conditions,
    remarks_on,
    resampling,
    to_verify,
    unlike,
)
from qd_pix2pix.inference.weights import load_predictor
from qd_pix2pix.predictor import Card, Predictor
from qd_pix2pix.schema import Schema, in_percent

CHARGE_TOLERANCE = 0.1
"""Relative error of a density's integral above which a remark is issued."""


def evaluate_file(checkpoint: Path, path: Path, config: Mapping[str, Any], folder: Path) -> Path:
    """Predict a user's samples, and with ``verify`` solve them too; write the results into ``folder`` and return it.

    If the sources are columns that the solver takes, predictions are compared with its solutions. If these columns are
    predicted, such as V from n_int, the proposals are solved and compared with the given columns: a ``Verification``.
    """
    predictor, card = load_predictor(checkpoint)
    if isinstance(predictor, Generator):
        raise ValueError(
            "input: a generator draws samples and takes none; use from_pretrained(...).sample(...), or leave input out"
        )
    device = check_device(config["device"])
    given, reader = config["conditions"] or {}, predictor
    if predictor.schema.reduction:
        sides, given = both_sides(predictor.schema.domain.sides[0], given)
        given |= sides
        reader = for_reading(predictor, given)
    own = read_samples(path, reader, Reading.of(config))
    fields = own.fields
    shape = next(iter(fields.values())).shape[1:]
    predictor, schema, known, remarks = _prepared(predictor, card, own, with_sides(reader, given, own.sides))
    notes = own.notes + (resampling(predictor, fields) if isinstance(predictor, PhysicalPredictor) else [])
    recipe = card.recipes[0] if card.recipes else {}
    recipe = verify.recipe_of_samples(recipe, shape, known) if config["verify"] else recipe
    couplings = only_values(card) | known
    mapping = predictor.mapping
    inverse = config["verify"] and verify.check_verifiable(recipe, mapping.sources, mapping.outputs, couplings)
    size = len(next(iter(fields.values())))
    conditions = {name: np.full(size, value) for name, value in known.items()}
    found = predict(predictor, {**fields, **conditions}, config["symmetrise"], device, config["batch_size"])
    measures = estimates(predictor, found)
    estimated = measures.get(predictor.target.name, {})
    if estimated and isinstance(predictor, PhysicalPredictor):
        unfamiliar = unlike(predictor, card, fields, own.lost)
        estimated["to_verify"] = to_verify(estimated["estimated_error"], unfamiliar).astype(float)
        found |= {name: allowed_spins(found[name], round(known["n_electrons"])) for name in found if name == "spin"}
    remarks += unlike_training(estimated, schema) + not_whole(predictor, found)
    predictions = Predictions(
        schema, predictor.mapping.sources, predictor.mapping.outputs, fields, found, np.arange(size), conditions,
        measures=measures,
        contributions=located.maps(predictor, {**fields, **conditions}, device, config["batch_size"]),
    )  # fmt: skip
    record = new_record(predictor, card, checkpoint, schema, recipe, size)
    remarks += charge_remarks(predictions)
    origin = f"{schema.sample}{'s' * (size != 1)} from {path.name}"
    record = replace(
        record, input=str(path), symmetrised=config["symmetrise"], origin=origin, notes=notes, remarks=remarks
    )
    if notes:
        print(f"{path}: {', '.join(notes)}", flush=True)
    for remark in remarks:
        print(f"note: {remark}; predictions may be wrong", flush=True)
    if inverse:
        record = replace(record, verification=_verify_inverse(predictions, predictor, recipe, folder))
    elif config["verify"]:
        predictions = _with_references(predictions, recipe, couplings)
    write_results(predictions, predictor, record, folder)
    return folder


def _with_references(
    predictions: Predictions, recipe: Mapping[str, Any], couplings: Mapping[str, float]
) -> Predictions:
    """Return the predictions with the outputs and further numbers of the solver."""
    schema, size = predictions.schema, len(predictions.sample)
    further = [c.name for c in schema.of_role("scalar") if c.name not in predictions.outputs]
    more = {name: np.full(size, couplings[name]) for name in recipe_solvable(recipe) if name in couplings}
    solved = verify.solve(recipe, predictions.given | more, (*predictions.outputs, *further))
    return replace(
        predictions,
        reference={n: solved[n] for n in predictions.outputs},
        known={n: solved[n] for n in further if n in solved},
        hard_by=solved.get(schema.hard_by) if schema.hard_by in further else None,
    )


def _prepared(
    predictor: Predictor, card: Card, own: OwnSamples, given: Mapping[str, Any]
) -> tuple[Predictor, Schema, dict[str, float], list[str]]:
    """Return the predictor for a user's samples, their schema and conditions, and remarks on them."""
    fields, shape = own.fields, next(iter(own.fields.values())).shape[1:]
    if predictor.schema.reduction:
        known = physical_conditions(predictor.schema, given)
        physical = PhysicalPredictor(predictor, known, shape)
        return physical, physical.schema, known, remarks_on(physical, card, fields, own.lost)
    known = conditions_of(predictor, shape, given)
    remarks = compare_with_training(fields, card, known) + blurred(card.schema, shape, own.lost)
    return predictor, of_samples(card.schema, shape, known), known, remarks


def unlike_training(estimated: Mapping[str, NDArray], schema: Schema) -> list[str]:
    """Return a remark on samples whose prediction should be verified."""
    errors = estimated.get("estimated_error", np.zeros(0))
    large = estimated.get("to_verify", np.zeros(0)) > 0
    if not large.any():
        return []
    return [
        f"{large.sum()} of {schema.count(len(errors))} {'is' if large.sum() == 1 else 'are'} unlike training, with an "
        f"estimated error of up to {in_percent(errors[large].max())}: use verify=true"
    ]


def of_samples(schema: Schema, shape: Sequence[int], conditions: Mapping[str, float]) -> Schema:
    """Return the schema of a user's samples, with their points and conditions."""
    constants = {name: float(conditions.get(name, value)) for name, value in schema.constants.items()}
    values = ", ".join(f"{name} = {value:g}" for name, value in (constants | dict(conditions)).items())
    return replace(schema, domain=schema.domain.resized(shape), constants=constants, summary=values)


def _verify_inverse(
    predictions: Predictions, predictor: Predictor, recipe: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Solve the proposed sources, write the comparison, and return its summary."""
    (name,) = predictions.sources
    (source,) = recipe_solvable(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    found = verify.verify_inverse(
        recipe, predictions.schema, {source: predictions.predicted[source]}, predictions.given,
        predictor.ranges[name].span,
    )  # fmt: skip
    found.write(folder)
    return summarise(found.column.kind, found.reference, found.given, found.measures)


def recipe_solvable(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns from which the solver of a recipe starts."""
    return verify.recipe_class(recipe, only_rooms=True).SOLVABLE


def charge_remarks(predictions: Predictions) -> list[str]:
    """Return remarks on densities with a wrong number of particles, which is an error even without a reference."""
    remarks = []
    for name, values in predictions.predicted.items():
        column = predictions.schema[name]
        if not column.integral:
            continue
        sides = [predictions.conditions[side] for side in predictions.schema.domain.sides]
        volume = np.prod(sides, axis=0) if sides else float(np.prod(predictions.shape))
        held, wanted = values.reshape(len(values), -1).mean(1) * volume, predictions.conditions[column.integral]
        wrong = np.abs(held - wanted) > CHARGE_TOLERANCE * wanted
        if wrong.any():
            found = f"{held[wrong].min():.3g} ... {held[wrong].max():.3g}"
            size = predictions.schema.count(len(values))
            remarks.append(
                f"{name} of {wrong.sum()} of {size} holds {found} instead of {column.integral} = {wanted[0]:g}"
            )
    return remarks
