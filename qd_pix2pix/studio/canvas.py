"""The square on which one draws, the density beside it, and the loop that keeps both up to date."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from nicegui import background_tasks, ui

from qd_pix2pix.schema import in_percent
from qd_pix2pix.studio import pictures
from qd_pix2pix.studio.dot import Dot
from qd_pix2pix.studio.edits import without
from qd_pix2pix.studio.pictures import PIXELS
from qd_pix2pix.studio.potential import potential, sites, target_density
from qd_pix2pix.studio.prediction import Prediction, predict
from qd_pix2pix.studio.session import Session
from qd_pix2pix.studio.widgets import complain

ONE = ThreadPoolExecutor(1, "prediction")
"""Predictions of all windows, one after the other: each takes 20 ms."""
PICTURES = ThreadPoolExecutor(2, "pictures")
"""Pictures of all windows, which do not wait for the network."""
POINTER = ["pointerdown", "pointermove", "pointerup", "pointerleave", "pointercancel"]
KEYS = {
    "left": "ArrowLeft",
    "right": "ArrowRight",
    "up": "ArrowUp",
    "down": "ArrowDown",
    "space": " ",
    "enter": "Enter",
}
HELP = (
    "Arrow keys move the cursor, Space or Enter presses and releases the tool, Escape drops the edit, Delete removes "
    "the selected well or gate."
)


@dataclass(frozen=True)
class Frame:
    """What is shown of one dot."""

    dot: Dot
    V: str
    V_range: tuple[float, float]
    contours: str


def frame(dot: Dot) -> Frame:
    """Return the pictures of a dot; called in a thread."""
    V = potential(dot)
    low, high = float(V.min()), float(V.max())
    shown = pictures.picture(V, "cividis", low, high)
    return Frame(dot, shown, (1e3 * low, 1e3 * high), pictures.contours(V))


def predicted(dot: Dot) -> tuple[Prediction | None, str]:
    """Return the prediction for a dot, or the reason why there is none; called in a thread."""
    try:
        return predict(dot), ""
    except ValueError as error:
        return None, str(error)


class Square:
    """One picture with a title, what lies above it, and a bar of its colours."""

    def __init__(self, title: str, name: str, colours: str, label: str, **options: Any) -> None:
        with ui.column().classes("studio-square gap-1"):
            self.title = ui.label(title).classes("studio-title").props("role=heading aria-level=2")
            self.image = ui.interactive_image(size=(PIXELS, PIXELS), sanitize=False, **options)
            self.image.classes("studio-image").props(f'data-square={name} role=img aria-label="{label}"')
            self.bar = ui.element("div").classes("studio-colours").props("aria-hidden=true")
            self.bar.style(f"background: {pictures.gradient(colours)}")
            with ui.row().classes("w-full justify-between text-sm"):
                self.low, self.middle, self.high = ui.label(), ui.label(), ui.label()

    def update(self, source: str, content: str, ends: tuple[str, str, str]) -> None:
        """Show another picture."""
        self.image.set_source(source)
        self.image.set_content(content)
        for place, text in zip((self.low, self.middle, self.high), ends, strict=True):
            place.set_text(text)


class Canvas:
    """Potential, density and, after a solution, the difference of network and solver.

    Args:
        session: the window's state.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.stale = asyncio.Event()
        self.busy = False
        with ui.row().classes("studio-squares"):
            self.V = Square("Potential: draw here", "V", "cividis", f"Potential, drawing area. {HELP}", events=POINTER,
                            on_mouse=self._mouse)  # fmt: skip
            self.V.image.props("role=application tabindex=0 data-frame=0").classes("studio-canvas")
            self.density = Square("Density", "density", "magma", "Electron density with contours of the potential",
                                  events=POINTER, on_mouse=self._mouse_on_density)  # fmt: skip
            self.difference = Square(
                "Network − solver", "difference", "RdBu_r", "Density of the network minus that of the solver"
            )
        self.place = ui.label().classes("sr-only").props("role=status aria-live=polite data-cursor")
        for key, name in KEYS.items():
            self.V.image.on(f"keydown.{key}.prevent", lambda name=name: self._key(name), args=[])
        self.V.image.on("keydown.esc", lambda: self._key("Escape"), args=[])
        self.V.image.on("keydown.delete.prevent", self._delete, args=[])
        self.frames, self.error = 0, ""
        self.last: Frame | None = None
        session.listeners.append(lambda finished: self.stale.set())
        self.task = background_tasks.create(self._loop(), name="drawing")
        ui.context.client.on_delete(self.task.cancel)
        self.stale.set()

    def _mouse(self, event: Any) -> None:
        side = self.session.dot.side
        x, y = event.image_x / PIXELS * side, (1 - event.image_y / PIXELS) * side
        try:
            if event.type == "pointerdown" and event.button == 0:
                self.session.press(x, y)
            elif event.type == "pointermove" and event.buttons & 1:
                self.session.drag(x, y)
            elif event.type != "pointerdown":
                self.session.release()
        except ValueError as error:
            self.session.abandon()
            complain(error)

    def _mouse_on_density(self, event: Any) -> None:
        if self.session.pointer.tool == "target":
            self._mouse(event)

    def _key(self, name: str) -> None:
        try:
            self.session.key(name)
        except ValueError as error:
            self.session.abandon()
            complain(error)
        if self.session.cursor is not None:
            x, y = self.session.cursor
            self.place.set_text(f"x {x:.3g} nm, y {y:.3g} nm{', tool pressed' if self.session.pointer.held else ''}")

    def _delete(self) -> None:
        p = self.session.pointer
        if p.selected is not None and p.tool in ("wells", "gates"):
            self.session.edit(without(self.session.dot, p.tool, p.selected))

    async def _loop(self) -> None:
        """Draw the latest dot whenever it has changed; states in between are left out."""
        while True:
            await self.stale.wait()
            self.stale.clear()
            dot, loop, found = self.session.dot, asyncio.get_running_loop(), self.session.prediction
            if self.last is None or self.last.dot != dot:
                self.last = await loop.run_in_executor(PICTURES, frame, dot)
            self._show(self.last)
            if found is None or found[0] != dot:
                prediction, self.error = await loop.run_in_executor(ONE, predicted, dot)
                self.session.prediction = None if prediction is None else (dot, prediction)
            self._show_density(self.last)
            self.frames += 1
            self.V.image.props(f"data-frame={self.frames}")
            for listener in self.session.drawn:
                listener(self.error)

    def _show(self, shown: Frame) -> None:
        session, dot = self.session, shown.dot
        above = pictures.objects(dot, session.pointer, session.cursor)
        low, high = (f"{round(v, 1) + 0.0:.1f} meV" for v in shown.V_range)  # + 0.0: no negative zero
        ends = (low, f"side {dot.side:g} nm", high)
        self.V.update(shown.V, above, ends)

    def _show_density(self, shown: Frame) -> None:
        dot, solved = shown.dot, self.session.solved
        predicted = self.session.prediction[1] if self.session.prediction else None
        self.difference.image.parent_slot.parent.set_visibility(bool(solved and predicted))  # type: ignore[union-attr]
        if self.session.pointer.tool == "target":
            density, electrons, title = self._target(dot)
        elif solved is not None:
            density, electrons, title = solved.density, solved.charges, "Density of the solver"
        elif predicted is not None:
            density, electrons, title = predicted.density, predicted.charges, "Density of the network"
        else:
            density, electrons, title = np.zeros((dot.n, dot.n)), [], "No density"
        high = float(density.max())
        marks = shown.contours + (pictures.markers(dot, sites(dot).tolist(), electrons) if len(electrons) else "")
        self.density.title.set_text(title)
        source = pictures.picture(density, "magma", 0.0, high)
        self.density.update(source, marks, ("0", "electrons near each site", f"{high:.2g} nm⁻²"))
        if solved is not None and predicted is not None:
            change = predicted.density - solved.density
            most = float(abs(change).max()) or 1.0
            moved = abs(change).sum() * dot.grid.cell_area / dot.n_electrons
            ends = (f"{-most:.1g}", f"∫|Δn| / N = {in_percent(moved)}", f"{most:.1g} nm⁻²")
            self.difference.update(pictures.picture(change, "RdBu_r", -most, most), "", ends)

    @staticmethod
    def _target(dot: Dot) -> tuple[Any, Any, str]:
        try:
            return target_density(dot), [], "Density painted by hand"
        except ValueError:
            return np.zeros((dot.n, dot.n)), [], "Density: paint it here"
