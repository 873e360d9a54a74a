"""The tools with their numbers, and the column beside the drawing: conditions, tables of wells and gates, files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nicegui import events, ui

from qd_pix2pix.studio.dot import MOST_ELECTRONS, POINTS, SIDES, Dot
from qd_pix2pix.studio.dropped import ENDINGS, MOST_BYTES, TOO_LARGE, check_size, dropped
from qd_pix2pix.studio.edits import cleared, resized, with_changed, without
from qd_pix2pix.studio.materials import OTHER, materials, name_of
from qd_pix2pix.studio.pointer import TOOLS
from qd_pix2pix.studio.session import Session
from qd_pix2pix.studio.widgets import NumberField, complain

COLUMNS = {
    "wells": {"x": "x", "y": "y", "depth": "depth", "width": "width"},
    "gates": {"x": "x", "y": "y", "width": "Δx", "height": "Δy", "voltage": "mV"},
}
"""Labels of the numbers of wells and gates."""
TITLES = {"wells": "Wells: lengths in nm, depth in meV", "gates": "Gates: middle and sides in nm, voltage in mV"}
NUMBERS = {
    "brush": {"size": "size (nm)", "height": "meV (− lowers)"},
    "wells": {"depth": "depth (meV)", "width": "width (nm)"},
    "gates": {"voltage": "voltage (mV)"},
    "target": {"size": "size (nm)"},
}
"""Labels of the numbers of each tool."""
HINTS = {
    "brush": "Drag to draw a valley, or with a positive energy a ridge.",
    "wells": "Drag a well, or click to add one.",
    "gates": "Drag a gate, or drag over an empty place to add one.",
    "target": "Paint the density that a design should have.",
}


class Toolbar:
    """The tools and their numbers, above the drawing.

    Args:
        session: the window's state.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.fields: list[NumberField] = []
        self.settings = {}
        with ui.row().classes("gap-2 items-center"):
            self.tool = ui.toggle(TOOLS, value=session.pointer.tool, on_change=lambda e: self._take(e.value))
            self.tool.props('no-caps unelevated aria-label="Tool"')
            for tool, labels in NUMBERS.items():
                with ui.row().classes("gap-2") as row:
                    for name, label in labels.items():
                        self._setting(name, label)
                    if tool == "target":
                        ui.checkbox("erase", on_change=lambda e: session.set_tool(erase=e.value))
                self.settings[tool] = row
            ui.button("Clear", on_click=lambda: session.edit(cleared(session.dot))).props(
                'outline no-caps aria-label="Clear the drawing"'
            )
        self.hint = ui.label().classes("text-sm")
        session.listeners.append(lambda finished: self.sync())
        self.sync()

    def _setting(self, name: str, label: str) -> None:
        session = self.session

        def value() -> float:
            return float(getattr(session.pointer.settings, name))

        def commit(given: float) -> None:
            if name in ("size", "width") and not 0 < given <= SIDES[1]:
                raise ValueError(f"{label}: expected a length of at most {SIDES[1]:g} nm, got {given:g}")
            session.set_tool(**{name: float(given)})

        self.fields.append(NumberField(label, value, commit))

    def _take(self, tool: str) -> None:
        if tool != self.session.pointer.tool:
            self.session.choose(tool)

    def sync(self) -> None:
        """Show the present tool."""
        tool = self.session.pointer.tool
        if self.tool.value != tool:
            self.tool.set_value(tool)
        for name, row in self.settings.items():
            row.set_visibility(name == tool)
        self.hint.set_text(HINTS[tool])
        for field in self.fields:
            field.sync()


class Controls:
    """The column beside the drawing.

    Args:
        session: the window's state.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.fields: list[NumberField] = []
        self.counts = {"wells": -1, "gates": -1}
        self.rows: dict[str, list[NumberField]] = {"wells": [], "gates": []}
        self._conditions()
        self.tables = {kind: ui.column().classes("gap-1 w-full") for kind in COLUMNS}
        self.empty = ui.button("Erase the painted density", on_click=lambda: self._edit(target=()))
        self.empty.props("outline dense no-caps")
        self._file()
        session.listeners.append(lambda finished: self.sync())
        self.sync()

    def _edit(self, **changes: Any) -> None:
        self.session.edit(replace(self.session.dot, **changes))

    def _conditions(self) -> None:
        session = self.session
        _heading("Dot")
        with ui.row().classes("gap-2"):
            self.electrons = ui.select(
                list(range(1, MOST_ELECTRONS + 1)), label="electrons", value=session.dot.n_electrons,
                on_change=lambda e: self._choose(e.value, session.dot.n_electrons, n_electrons=e.value),
            )  # fmt: skip
            self.points = ui.select(
                {n: f"{n} × {n}" for n in POINTS}, label="points", value=session.dot.n,
                on_change=lambda e: self._choose(e.value, session.dot.n, n=e.value),
            )  # fmt: skip
            self.material = ui.select(
                [*materials(), OTHER], label="material", value=name_of(session.dot.m_eff, session.dot.eps_r),
                on_change=lambda e: self._material(e.value),
            )  # fmt: skip
            for select in (self.electrons, self.points, self.material):
                select.props("dense outlined options-dense").classes("studio-number")
            numbers = {
                "side (nm)": (lambda: session.dot.side, lambda v: session.edit(resized(session.dot, float(v))),
                              {"min": SIDES[0], "max": SIDES[1]}),
                "mass (m₀)": (lambda: session.dot.m_eff, lambda v: self._edit(m_eff=float(v)), {"step": 0.001}),
                "permittivity": (lambda: session.dot.eps_r, lambda v: self._edit(eps_r=float(v)), {"step": 0.1}),
            }  # fmt: skip
            for label, (value, commit, options) in numbers.items():
                self.fields.append(NumberField(label, value, commit, **options))

    def _choose(self, value: Any, present: Any, **changes: Any) -> None:
        if value is not None and value != present:
            self._edit(**changes)

    def _material(self, name: str) -> None:
        if name in materials() and name != name_of(self.session.dot.m_eff, self.session.dot.eps_r):
            m_eff, eps_r = materials()[name]
            self._edit(m_eff=m_eff, eps_r=eps_r)

    def _table(self, kind: str) -> None:
        """Make the rows of all wells or gates."""
        session, one = self.session, kind[:-1]
        self.rows[kind] = []
        self.tables[kind].clear()
        with self.tables[kind]:
            if getattr(session.dot, kind):
                _heading(TITLES[kind])
            for k in range(len(getattr(session.dot, kind))):
                with (
                    ui.row()
                    .classes("gap-1 items-center no-wrap studio-row")
                    .props(f'role=group aria-label="{one} {k + 1}"')
                ):
                    ui.label(str(k + 1)).classes("w-4")
                    for name, label in COLUMNS[kind].items():
                        self.rows[kind].append(self._cell(kind, k, name, label))
                    ui.button(icon="delete", on_click=lambda k=k: session.edit(without(session.dot, kind, k))).props(
                        f'flat round dense aria-label="Delete {one} {k + 1}"'
                    )
            if kind == "gates" and session.dot.gates:
                label = "depth of the electrons below the gates (nm)"
                depth = NumberField(label, lambda: session.dot.gas_depth, lambda v: self._edit(gas_depth=float(v)))
                depth.field.classes(remove="studio-number", add="w-full")
                self.rows[kind].append(depth)

    def _cell(self, kind: str, k: int, name: str, label: str) -> NumberField:
        session = self.session

        def value() -> float:
            items = getattr(session.dot, kind)
            return float(getattr(items[k], name)) if k < len(items) else 0.0

        def commit(given: float) -> None:
            session.edit(with_changed(session.dot, kind, k, **{name: float(given)}))

        return NumberField(label, value, commit)

    def _file(self) -> None:
        _heading("File")
        self.upload = ui.upload(
            label="Drop a potential here, or choose one", auto_upload=True, max_file_size=MOST_BYTES,
            on_upload=self._received, on_rejected=lambda: complain(TOO_LARGE),
        ).classes("w-full").props('flat bordered aria-label="Potential from a file"')  # fmt: skip
        ui.label(f"{', '.join(ENDINGS)}; at most {MOST_BYTES // 2**20} MiB").classes("text-sm")
        self.notes = ui.label().classes("text-sm").props("role=status aria-live=polite data-notes")

    async def _received(self, event: events.UploadEventArguments) -> None:
        self.upload.reset()
        try:
            check_size(event.file.size())
            found = dropped(self.session.dot, event.file.name, await event.file.read())
        except ValueError as error:
            self.notes.set_text("")
            complain(error)
            return
        self.notes.set_text("; ".join(found.notes))
        self.session.edit(found.dot)

    def sync(self) -> None:
        """Show the present dot."""
        dot = self.session.dot
        for kind in COLUMNS:
            if self.counts[kind] != len(getattr(dot, kind)):
                self.counts[kind] = len(getattr(dot, kind))
                self._table(kind)
        for field in [*self.fields, *self.rows["wells"], *self.rows["gates"]]:
            field.sync()
        for widget, value in self._choices(dot).items():
            if widget.value != value:
                widget.set_value(value)
        self.empty.set_visibility(bool(dot.target))

    def _choices(self, dot: Dot) -> dict[Any, Any]:
        return {
            self.electrons: dot.n_electrons,
            self.points: dot.n,
            self.material: name_of(dot.m_eff, dot.eps_r),
        }


def _heading(text: str) -> None:
    ui.label(text).classes("studio-title").props("role=heading aria-level=2")
