"""Parts of the page that its panels share: number fields, rows of a table, and the bar of a long calculation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import background_tasks, ui

from qd_pix2pix.studio.dot import Dot
from qd_pix2pix.studio.jobs import Jobs


def complain(error: Exception | str) -> None:
    """Show one message about invalid input, which screen readers announce."""
    ui.notify(str(error), type="negative", multi_line=True, timeout=8000, close_button="Close")


class NumberField:
    """A number that takes effect on Enter, on leaving the field, and with the arrow keys.

    Args:
        label: label with the unit.
        value: function that returns the present value.
        commit: called with a new value; a ValueError is shown, and the field returns to the present value.
        options: further arguments of ``ui.number``.
    """

    def __init__(self, label: str, value: Callable[[], float], commit: Callable[[Any], object], **options: Any) -> None:
        self.value, self.commit = value, commit
        self.field = ui.number(label, value=value(), **options).props("dense outlined").classes("studio-number")
        for event in ("blur", "keydown.enter", "keyup.up", "keyup.down"):
            self.field.on(event, self._committed, args=[])

    def _committed(self) -> None:
        given = self.field.value
        if given is None or given == self.value():
            self.sync()
            return
        try:
            self.commit(given)
        except ValueError as error:
            complain(error)
        self.sync()

    def sync(self) -> None:
        """Show the present value."""
        if self.field.value != self.value():
            self.field.set_value(self.value())


class JobBar:
    """A button that starts a calculation, one that cancels it, and its progress.

    Args:
        jobs: processes of the studio.
        label: text of the first button.
        task: name of the calculation, see ``work.TASKS``.
        start: returns the dot and the options; a ValueError is shown.
        on_part: called with each part; on_result: called with the result, returns what is shown of it.
    """

    def __init__(
        self,
        jobs: Jobs,
        label: str,
        task: str,
        start: Callable[[], tuple[Dot, dict[str, Any]]],
        on_result: Callable[[Dot, Any], str],
        on_part: Callable[[Any], object] = lambda part: None,
    ) -> None:
        self.jobs, self.task, self.start = jobs, task, start
        self.on_part, self.on_result = on_part, on_result
        self.client = ui.context.client
        self.running: asyncio.Task[None] | None = None
        self.queued = False
        with ui.row().classes("items-center gap-3"):
            self.button = ui.button(label, on_click=self.run).props(f"data-job={task}")
            self.stop = ui.button("Cancel", on_click=self.cancel).props(
                f'outline data-cancel={task} aria-label="Cancel: {label}"'
            )
            self.status = ui.label("").props(f"role=status aria-live=polite data-status={task}")
        self.bar = ui.linear_progress(0.0, show_value=False).props(f'aria-label="Progress: {label}" instant-feedback')
        self.stop.set_enabled(False)
        self.bar.set_visibility(False)
        self.client.on_delete(self.cancel)

    def run(self, *_: Any, later: bool = False) -> None:
        """Start, unless it runs already; with ``later``, start once more after that."""
        if self.running is not None:
            self.queued = later
            return
        try:
            dot, options = self.start()
        except ValueError as error:
            complain(error)
            return
        self._show(True, "starting")
        self.running = background_tasks.create(self._work(dot, options), name=self.task)  # type: ignore[assignment]

    def cancel(self) -> None:
        """Stop the process."""
        self.queued = False
        if self.running is not None:
            self.running.cancel()

    def _show(self, busy: bool, text: str) -> None:
        self.button.set_enabled(not busy)
        self.stop.set_enabled(busy)
        self.bar.set_visibility(busy)
        self.status.set_text(text)

    async def _work(self, dot: Dot, options: dict[str, Any]) -> None:
        text = ""
        try:
            result = await self.jobs.run(self.task, dot, self._heard, **options)
            with self.client:
                text = self.on_result(dot, result)
        except asyncio.CancelledError:
            text = "cancelled"
        except ValueError as error:
            text = "failed"
            with self.client:
                complain(error)
        finally:
            self.running = None
            self._show(False, text)
            if self.queued:
                self.queued = False
                with self.client:
                    self.run()

    def _heard(self, share: float, text: str, part: Any) -> None:
        self.bar.set_value(round(share, 3))
        self.status.set_text(text)
        if part is not None:
            with self.client:
                self.on_part(part)
