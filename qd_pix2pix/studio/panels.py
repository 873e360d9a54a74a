"""The panels of long calculations: solving, stability diagrams and designs; sweeps are in ``sweep_panel``."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nicegui import ui

from qd_pix2pix.schema import in_percent
from qd_pix2pix.studio import pictures
from qd_pix2pix.studio.dot import Background, Dot
from qd_pix2pix.studio.edits import cleared
from qd_pix2pix.studio.jobs import Jobs
from qd_pix2pix.studio.knobs import knobs, value_of
from qd_pix2pix.studio.plots import points_chart
from qd_pix2pix.studio.potential import target_density
from qd_pix2pix.studio.session import Session
from qd_pix2pix.studio.widgets import JobBar
from qd_pix2pix.studio.work import MOST_DIVISIONS, MOST_NUMBER, Diagram, Proposal, Solved


def number(label: str, value: float, **options: Any) -> Any:
    """Return a number field of a panel, which is read when a calculation starts."""
    return ui.number(label, value=value, **options).props("dense outlined").classes("studio-number")


def read(field: Any, whole: bool = False) -> Any:
    """Return the value of a number field.

    Raises:
        ValueError: it is empty.
    """
    if field.value is None:
        raise ValueError(f"{field.props['label']}: expected a number, got an empty field")
    return int(field.value) if whole else float(field.value)


class KnobChoice:
    """A choice among the knobs of the present dot, with a range.

    Args:
        session: the window's state; label: name of the choice; index: knob that is chosen first.
        changed: called after the knob or its range has changed.
    """

    def __init__(
        self, session: Session, label: str, index: int = 0, changed: Callable[[], object] = lambda: None
    ) -> None:
        self.session, self.index = session, index
        self.changed: Callable[[], object] = lambda: None
        with ui.row().classes("gap-2"):
            self.choice = ui.select({}, label=label, on_change=lambda: self.reset()).props(
                "dense outlined options-dense"
            )
            self.choice.classes("studio-choice")
            self.low, self.high = number("from", -5.0), number("to", 5.0)
            for end in (self.low, self.high):
                end.on_value_change(lambda: self.changed())
        session.listeners.append(lambda finished: self.sync())
        self.sync()
        self.changed = changed

    @property
    def knob(self) -> str:
        """The chosen knob.

        Raises:
            ValueError: the dot has none.
        """
        if not self.choice.value:
            raise ValueError("knob: expected a dot with two wells or a gate; add them with the tools")
        return str(self.choice.value)

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return read(self.low), read(self.high)

    def sync(self) -> None:
        """Offer the knobs of the present dot."""
        offered = knobs(self.session.dot)
        if offered != self.choice.options:
            kept = self.choice.value if self.choice.value in offered else None
            names = list(offered)
            first = names[min(self.index, len(names) - 1)] if names else None
            self.choice.set_options(offered, value=kept or first)

    def reset(self) -> None:
        """Propose a range around the present value."""
        if self.choice.value in knobs(self.session.dot):
            middle = value_of(self.session.dot, self.choice.value)
            half = max(abs(middle) / 2, 5.0)
            self.low.set_value(round(middle - half, 3))
            self.high.set_value(round(middle + half, 3))
            self.changed()


class SolvePanel:
    """Solve the dot on the page."""

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        ui.label("Full configuration interaction in fourteen refined orbitals replaces the density of the network.")
        JobBar(jobs, "Solve", "solve", lambda: (session.dot, {}), self._finished)

    def _finished(self, dot: Dot, found: Solved) -> str:
        self.session.solution = (dot, found)
        self.session.show_again()
        changed = "" if dot == self.session.dot else "; the drawing has changed since"
        return f"solved in {found.seconds:.1f} s{changed}"


class StabilityPanel:
    """The number of electrons over two gates."""

    def __init__(self, session: Session, jobs: Jobs, cache: str) -> None:
        self.session, self.cache = session, cache
        self.points: list[tuple[float, float, str]] = []
        self.labels = ("", "")
        ui.label(
            "The number of electrons in each dot over two gates, on 32 × 32 grid points. Cells with a line are divided."
        )
        self.first, self.second = KnobChoice(session, "first gate", 2), KnobChoice(session, "second gate", 3)
        with ui.row().classes("gap-2 items-center"):
            self.mu = number("leads µ (meV)", -8.0)
            self.n_max = number("largest N", 2, min=1, max=MOST_NUMBER, precision=0)
            self.divisions = number("divisions", 1, min=0, max=MOST_DIVISIONS, precision=0)
        JobBar(jobs, "Compute the diagram", "stability", self._start, self._finished, self._part)
        self.chart = ui.echart(points_chart(("", ""), [])).classes("studio-chart")
        self.chart.props('role=img aria-label="Points of the stability diagram" data-points=0')
        self.chart.set_visibility(False)
        self.figure = ui.image().classes("w-full max-w-3xl").props('alt="Stability diagram" data-diagram')
        self.figure.set_visibility(False)

    def _start(self) -> tuple[Dot, dict[str, Any]]:
        dot = self.session.dot
        chosen = (self.first.knob, self.second.knob)
        self.points, self.labels = [], (knobs(dot)[chosen[0]], knobs(dot)[chosen[1]])
        self.figure.set_visibility(False)
        return dot, {
            "knobs": chosen, "ranges": (self.first.range, self.second.range), "n_max": read(self.n_max, whole=True),
            "mu": read(self.mu), "divisions": read(self.divisions, whole=True), "cache": self.cache,
        }  # fmt: skip

    def _part(self, part: list[tuple[float, float, str]]) -> None:
        self.points += part
        self.chart.options.clear()
        self.chart.options.update(points_chart(self.labels, self.points))
        self.chart.set_visibility(True)
        self.chart.props(f"data-points={len(self.points)}")
        self.chart.update()

    def _finished(self, dot: Dot, found: Diagram) -> str:
        self.figure.set_source("data:image/png;base64," + base64.b64encode(found.png).decode())
        text = f"Stability diagram: gate 1 is the {self.labels[0]}, gate 2 the {self.labels[1]}; {found.summary}"
        self.figure.props(f'alt="{text}"')
        self.figure.set_visibility(True)
        return found.summary


class DesignPanel:
    """Potentials for a density painted by hand."""

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        ui.label("Choose the tool Density and paint. The network proposes potentials, and the solver verifies them.")
        with ui.row().classes("gap-2 items-center"):
            self.highest = number("highest V (meV)", 30.0, min=0.1)
            self.starts = number("proposals", 2, min=1, max=4, precision=0)
            self.steps = number("steps", 60, min=5, max=300, precision=0)
        JobBar(jobs, "Propose potentials", "design", self._start, self._finished)
        self.found = ui.row().classes("gap-4")

    def _start(self) -> tuple[Dot, dict[str, Any]]:
        target_density(self.session.dot)
        options = {"starts": read(self.starts, whole=True), "steps": read(self.steps, whole=True)}
        return self.session.dot, {"highest": read(self.highest)} | options

    def _finished(self, dot: Dot, proposals: list[Proposal]) -> str:
        self.found.clear()
        with self.found:
            for k, proposal in enumerate(proposals):
                self._card(dot, k, proposal)
        return f"nearest proposal: ∫|n − n_target| / N = {in_percent(proposals[0].distance)}"

    def _card(self, dot: Dot, k: int, proposal: Proposal) -> None:
        with ui.card().props(f"data-proposal={k}"):
            with ui.row().classes("gap-2 no-wrap"):
                for field, colours, label in (
                    (proposal.V, "cividis", "potential"),
                    (proposal.solved, "magma", "density"),
                ):
                    source = pictures.picture(field, colours, float(field.min()), float(field.max()))
                    ui.image(source).classes("w-36 h-36").props(f'alt="Proposal {k + 1}: {label}"')
            ui.label(f"solved: differs by {in_percent(proposal.distance)}, E = {1e3 * proposal.energy:.3f} meV")
            ui.button(f"Use proposal {k + 1}", on_click=lambda: self._use(dot, proposal)).props("outline no-caps")

    def _use(self, dot: Dot, proposal: Proposal) -> None:
        made = replace(cleared(dot), background=Background.of("design", proposal.V), target=dot.target)
        self.session.choose("brush")
        self.session.edit(made)
