"""Undo and redo: the states of one window, as an immutable value."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qd_pix2pix.studio.dot import Dot

MOST = 200
"""States that are kept for undo."""


@dataclass(frozen=True)
class History:
    """The present dot, those before it, and those that were undone (the next one last)."""

    present: Dot
    past: tuple[Dot, ...] = ()
    future: tuple[Dot, ...] = ()

    def pushed(self, dot: Dot) -> History:
        """Return the history after an edit; the same one where nothing changed. What was undone is dropped."""
        if dot == self.present:
            return self
        return History(dot, (*self.past, self.present)[-MOST:])

    def undone(self) -> History:
        """Return the history one edit earlier, or the same one at its beginning."""
        if not self.past:
            return self
        return replace(self, present=self.past[-1], past=self.past[:-1], future=(*self.future, self.present))

    def redone(self) -> History:
        """Return the history with the last undone edit, or the same one where there is none."""
        if not self.future:
            return self
        return replace(self, present=self.future[-1], past=(*self.past, self.present), future=self.future[:-1])
