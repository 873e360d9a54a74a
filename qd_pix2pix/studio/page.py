"""The page: one session for each window that opens it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from nicegui import app, background_tasks, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from qd_pix2pix.studio.canvas import ONE, Canvas
from qd_pix2pix.studio.controls import Controls, Toolbar
from qd_pix2pix.studio.history import History
from qd_pix2pix.studio.jobs import Jobs
from qd_pix2pix.studio.link import from_link, to_link
from qd_pix2pix.studio.numbers import Numbers
from qd_pix2pix.studio.panels import DesignPanel, SolvePanel, StabilityPanel
from qd_pix2pix.studio.prediction import network
from qd_pix2pix.studio.session import Session
from qd_pix2pix.studio.share import SharePanel
from qd_pix2pix.studio.sweep_panel import SweepPanel
from qd_pix2pix.studio.widgets import complain

STYLE = Path(__file__).with_name("studio.css")
LOCAL = ("127.0.0.1", "localhost", "::1")
"""Names of this machine; a page of another name that leads here is refused."""


def build(session: Session, jobs: Jobs, cache: str) -> None:
    """Build the page of one window."""
    ui.colors(primary="#1b4965", secondary="#5f6f7a", accent="#c8553d", negative="#a4243b", positive="#2f6b3a")
    ui.add_css(STYLE.read_text(encoding="utf-8"))
    with ui.header().classes("items-center gap-2 studio-header"):
        ui.label("Dot studio").classes("text-lg").props("role=heading aria-level=1")
        ui.space()
        undo = ui.button("Undo", on_click=session.undo).props("flat no-caps color=white data-undo")
        redo = ui.button("Redo", on_click=session.redo).props("flat no-caps color=white data-redo")
    with ui.element("main").classes("studio-main") as main:
        with ui.column().classes("studio-middle gap-2"):
            Toolbar(session)
            Canvas(session)
            with ui.row().classes("gap-8 w-full"):
                with ui.column().classes("gap-2"):
                    Numbers(session)
                with ui.column().classes("gap-2 studio-solve"):
                    SolvePanel(session, jobs)
            _panels(session, jobs, cache)
        with ui.column().classes("studio-controls gap-2"):
            Controls(session)
    ui.skip_link("Skip to the drawing", target=main)
    ui.keyboard(on_key=lambda event: _shortcut(session, event))

    def follow(finished: bool) -> None:
        undo.set_enabled(bool(session.history.past))
        redo.set_enabled(bool(session.history.future))
        if finished:
            _address(session)

    session.listeners.append(follow)
    follow(False)


def _panels(session: Session, jobs: Jobs, cache: str) -> None:
    names = {"sweep": "Sweep", "stability": "Stability diagram", "design": "Design", "share": "Share and export"}
    with ui.tabs().props(
        'align=left no-caps inline-label outside-arrows mobile-arrows aria-label="Calculations"'
    ) as tabs:
        for name, label in names.items():
            ui.tab(name, label=label).props(f"data-tab={name}")
    with ui.tab_panels(tabs, value="sweep", animated=False, keep_alive=True).classes("w-full"):
        with ui.tab_panel("sweep"):
            SweepPanel(session, jobs)
        with ui.tab_panel("stability"):
            StabilityPanel(session, jobs, cache)
        with ui.tab_panel("design"):
            DesignPanel(session, jobs)
        with ui.tab_panel("share"):
            SharePanel(session)


def _shortcut(session: Session, event: Any) -> None:
    """Undo with Ctrl+Z, redo with Ctrl+Y or Ctrl+Shift+Z."""
    if not event.action.keydown or not (event.modifiers.ctrl or event.modifiers.meta):
        return
    key = str(event.key).lower()
    if key == "y" or key == "z" and event.modifiers.shift:
        session.redo()
    elif key == "z":
        session.undo()


def _address(session: Session) -> None:
    """Keep the dot in the address of the page, so that a reload returns to it."""
    try:
        ui.navigate.history.replace(f"/?dot={to_link(session.dot)}")
    except ValueError as error:  # too long for an address
        complain(error)


def serve(host: str, port: int, show: bool) -> None:
    """Serve the page until Ctrl-C.

    Args:
        host, port: address; a local host accepts only requests that name this machine.
        show: open a browser.
    """
    cache = tempfile.TemporaryDirectory(prefix="qd-studio-")
    found: list[Jobs] = []

    @ui.page("/", title="Dot studio")
    async def index(dot: str = "") -> None:
        if not found:  # in the event loop of the server
            found.append(Jobs())
            background_tasks.create(found[0].warm(), name="warm")
        session, error = Session(), ""
        if dot:
            try:
                session.history = History(from_link(dot))
            except ValueError as reason:
                error = str(reason)
        build(session, found[0], cache.name)
        if error:
            complain(error)

    if host in LOCAL:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL, "[::1]"])
    app.on_startup(lambda: ONE.submit(network))  # while the browser opens
    app.on_shutdown(cache.cleanup)
    ui.run(
        host=host, port=port, show=show, reload=False, title="Dot studio", favicon="⚛️", language="en-US",
        show_welcome_message=False, reconnect_timeout=5.0,
    )  # fmt: skip
