"""The panel of sweeps: a slider that turns a knob, and the curve of J and of the charges."""

from __future__ import annotations

from typing import Any

import numpy as np
from nicegui import ui

from qd_pix2pix.studio.dot import Dot
from qd_pix2pix.studio.jobs import Jobs
from qd_pix2pix.studio.knobs import MOST_STEPS, check_sweep, knobs, turned, value_of
from qd_pix2pix.studio.panels import KnobChoice, number, read
from qd_pix2pix.studio.plots import sweep_chart
from qd_pix2pix.studio.session import Session
from qd_pix2pix.studio.widgets import JobBar, complain
from solvers.checks import check_integer

SLIDER_STEPS = 200


class SweepPanel:
    """A slider that turns a knob, the solver's point where it stops, and whole curves.

    Args:
        session: the window's state; jobs: processes of the studio.
    """

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        self.points: list[dict[str, Any]] = []
        self.label = ""
        self.base: tuple[str, Dot] | None = None
        self.alone: float | None = None
        ui.label("The slider changes the drawing. The solver computes the curve; J is that of two electrons.")
        self.knob = KnobChoice(session, "detuning, barrier or gate", changed=self._rescale)
        self.slider = ui.slider(min=-5, max=5, step=0.05, value=0).props('label aria-label="Value of the knob"')
        self.slider.on("update:model-value", self._turn, throttle=0.05).on("change", self._stop)
        self.follow = ui.checkbox("solve where the slider stops", value=True)
        with ui.row().classes("items-center gap-3"):
            self.steps = number("points", 11, min=2, max=MOST_STEPS, precision=0)
            self.bar = JobBar(jobs, "Compute the curve", "sweep", self._start, self._finished, self._part)
        self.chart = ui.echart(sweep_chart("", [])).classes("studio-chart").props('role=img aria-label="J and charges"')
        self.chart.set_visibility(False)
        self.summary = ui.label().props("role=status aria-live=polite data-sweep")
        session.listeners.append(lambda finished: self._moved())
        self._rescale()

    def _rescale(self) -> None:
        """Give the slider the range of the knob."""
        try:
            low, high = self.knob.range
            check_sweep(self.session.dot, self.knob.knob, low, high)
        except ValueError:  # a number is being typed
            return
        self.slider.props(f"min={low} max={high} step={(high - low) / SLIDER_STEPS}")
        self._moved()

    def _turn(self) -> None:
        try:
            self.session.show(turned(self.session.dot, self.knob.knob, round(float(self.slider.value), 4)))
        except ValueError as error:
            complain(error)

    def _stop(self) -> None:
        self._turn()
        self.session.edit(self.session.dot)
        if self.follow.value:
            self.alone = round(float(self.slider.value), 4)
            self.bar.run(later=True)

    def _moved(self) -> None:
        """Put the slider where the drawing is."""
        try:
            low, high = self.knob.range
            value = min(max(value_of(self.session.dot, self.knob.knob), low), high)
        except ValueError:
            return
        if abs(value - self.slider.value) > (high - low) / SLIDER_STEPS / 2:
            self.slider.set_value(value)

    def _start(self) -> tuple[Dot, dict[str, Any]]:
        """Return the dot and the values of one point, where the slider stopped, or of the whole curve."""
        dot, knob = self.session.dot, self.knob.knob
        alone, self.alone = self.alone, None
        if alone is None:
            low, high = self.knob.range
            check_sweep(dot, knob, low, high)
            steps = read(self.steps, whole=True)
            check_integer("points", steps, 2, high=MOST_STEPS)
            values = np.linspace(low, high, steps).tolist()
        else:
            values = [alone]
        base = (knob, turned(dot, knob, 0.0))
        if alone is None or base != self.base:  # points of another dot belong to another curve
            self.points = []
        self.base, self.label = base, knobs(dot)[knob]
        return dot, {"knob": knob, "values": values}

    def _part(self, part: dict[str, Any]) -> None:
        others = [point for point in self.points if point["value"] != part["value"]]
        self.points = sorted([*others, part], key=lambda point: point["value"])
        self.chart.options.clear()
        self.chart.options.update(sweep_chart(self.label, self.points))
        self.chart.set_visibility(True)
        self.chart.update()

    def _finished(self, dot: Dot, result: Any) -> str:
        certain = [p for p in self.points if np.isfinite(p["J"])]
        if certain:
            most = max(certain, key=lambda p: abs(p["J"]))
            self.summary.set_text(f"largest |J| {1e6 * abs(most['J']):.3g} µeV at {most['value']:.4g}, {self.label}")
        bad = sum(not p["trusted"] for p in self.points)
        return f"{len(self.points)} points" + (f", {bad} of them not trusted" if bad else "")
