"""The layout of the W&B workspace shows what runs log, and nothing else."""

import json

import yaml

from qd_pix2pix.evaluation.measures import MEASURES
from qd_pix2pix.reports.history import read_history
from qd_pix2pix.reports.workspace import IMAGES, JUDGED, LOSSES, LOSSES_OF_GENERATORS, STEP, STUDIED, layout


def shown():
    model = json.loads(layout("somebody", "dots")._to_model().model_dump_json())
    return model, model["spec"]["section"]["panel_bank_config"]["sections"]


def test_lines_are_what_runs_log(small_run, regressor_run):
    logged = {*read_history(small_run), *read_history(regressor_run)}
    of_fields = {f"val/{m.name}" for m in MEASURES.values() if {"density", "field"} & {*m.kinds}} & {*JUDGED.values()}
    assert {*of_fields, *LOSSES.values(), "train/dots_per_second"} <= logged
    of_numbers, of_drawn = {"val/accuracy", "val/mae", "val/exact"}, {"val/label_error", "val/label_distance"}
    assert {*JUDGED.values()} - of_fields == of_numbers | of_drawn
    _, sections = shown()
    drawn = {m for s in sections for panel in s["panels"] for m in panel["config"].get("metrics") or []}
    losses = {*LOSSES.values(), *LOSSES_OF_GENERATORS.values()}
    assert drawn == {*JUDGED.values(), *losses, "train/dots_per_second"}
    lines = [p for s in sections for p in s["panels"] if p["view_type"] == "Run History Line Plot"]
    assert {panel["config"]["x_axis"] for panel in lines} == {STEP}


def test_what_is_studied_stands_in_the_configuration_of_runs(small_run):
    text = sorted(small_run.glob("csv/version_*/hparams.yaml"))[-1].read_text()
    assert {*STUDIED} <= yaml.safe_load(text).keys()


def test_pictures_and_sweeps(small_run):
    model, sections = shown()
    media = [key for s in sections for panel in s["panels"] for key in panel["config"].get("media_keys") or []]
    assert media == list(IMAGES.values())
    assert [s["name"] for s in sections] == ["Measures", "Dots", "Study", "Losses", "Speed"]
    assert "group" in json.dumps(model["spec"]["section"]["run_sets"][0]["grouping"])
