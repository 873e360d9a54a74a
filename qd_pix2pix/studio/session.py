"""The state of one window, to which widgets listen: history, pointer, prediction and solution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from qd_pix2pix.studio.dot import Dot, example
from qd_pix2pix.studio.history import History
from qd_pix2pix.studio.pointer import Pointer, drag, press, release
from qd_pix2pix.studio.prediction import Prediction
from qd_pix2pix.studio.work import Solved

STEPS = 40
"""Steps of the keyboard's cursor across the square."""
DIRECTIONS = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowDown": (0, -1), "ArrowUp": (0, 1)}


@dataclass
class Session:
    """One window.

    Attributes:
        history: finished edits; preview: the dot of an unfinished one, or None.
        pointer: tool and selection; cursor: place of the keyboard (nm), None before its first use.
        prediction, solution: the latest ones with the dots that they belong to, or None.
        listeners: called after every change with True where an edit was finished.
        drawn: called after the page shows the dot, with the reason why the network does not take it, or "".
    """

    history: History = field(default_factory=lambda: History(example()))
    preview: Dot | None = None
    pointer: Pointer = Pointer()
    cursor: tuple[float, float] | None = None
    prediction: tuple[Dot, Prediction] | None = None
    solution: tuple[Dot, Solved] | None = None
    listeners: list[Callable[[bool], object]] = field(default_factory=list)
    drawn: list[Callable[[str], object]] = field(default_factory=list)

    @property
    def dot(self) -> Dot:
        """The dot on the page."""
        return self.preview or self.history.present

    @property
    def solved(self) -> Solved | None:
        """The solver's answer for the dot on the page, None where it was not solved or has changed."""
        return self.solution[1] if self.solution and self.solution[0] == self.dot else None

    def edit(self, dot: Dot) -> None:
        """Finish an edit."""
        self.preview = None
        self.history = self.history.pushed(dot)
        self._trim()
        self._changed(True)

    def show(self, dot: Dot) -> None:
        """Show a dot while an edit continues."""
        self.preview = dot
        self._changed(False)

    def show_again(self) -> None:
        """Let the page show the same dot again, after a solution."""
        self._changed(False)

    def undo(self) -> None:
        """Return to the dot before the last edit."""
        self.preview, self.history = None, self.history.undone()
        self._trim()
        self._changed(True)

    def redo(self) -> None:
        """Return to the dot before the last undo."""
        self.preview, self.history = None, self.history.redone()
        self._trim()
        self._changed(True)

    def press(self, x: float, y: float) -> None:
        """Begin an edit at (x, y) in nm.

        Raises:
            ValueError: there are too many objects.
        """
        dot, self.pointer = press(self.dot, self.pointer, x, y)
        self.show(dot)

    def drag(self, x: float, y: float) -> None:
        """Continue it."""
        if self.pointer.held:
            dot = drag(self.dot, self.pointer, x, y)
            if dot is not self.dot:
                self.show(dot)

    def release(self) -> None:
        """Finish it."""
        if self.pointer.held:
            self.pointer = release(self.pointer)
            self.edit(self.dot)

    def abandon(self) -> None:
        """Drop an unfinished edit."""
        self.pointer, self.preview = release(self.pointer), None
        self._trim()
        self._changed(False)

    def choose(self, tool: str) -> None:
        """Take another tool."""
        self.abandon()
        self.pointer = Pointer(tool, self.pointer.settings)
        self._changed(False)

    def key(self, name: str) -> None:
        """Move the cursor by an arrow, or press and release with the space bar or Enter; Escape drops the edit."""
        side = self.dot.side
        x, y = self.cursor or (side / 2, side / 2)
        if name in DIRECTIONS:
            dx, dy = (step * side / STEPS for step in DIRECTIONS[name])
            self.cursor = (min(max(x + dx, 0.0), side), min(max(y + dy, 0.0), side))
            self.drag(*self.cursor)
        elif name in (" ", "Enter"):
            self.cursor = (x, y)
            if self.pointer.held:
                self.release()
            else:
                self.press(x, y)
        elif name == "Escape":
            self.abandon()
        self._changed(False)

    def set_tool(self, **numbers: Any) -> None:
        """Change settings of the tools."""
        self.pointer = replace(self.pointer, settings=replace(self.pointer.settings, **numbers))

    def _trim(self) -> None:
        """Forget a selection that is no longer there."""
        p = self.pointer
        if p.selected is not None and (
            p.tool not in ("wells", "gates") or p.selected >= len(getattr(self.dot, p.tool))
        ):
            self.pointer = replace(p, selected=None)
        if self.cursor is not None:
            self.cursor = (min(self.cursor[0], self.dot.side), min(self.cursor[1], self.dot.side))

    def _changed(self, finished: bool) -> None:
        for listener in self.listeners:
            listener(finished)
