"""The panel that shares a dot: a link, files, and the Python lines."""

from __future__ import annotations

from nicegui import ui

from qd_pix2pix.studio.exports import EXPORTS, exported
from qd_pix2pix.studio.lines import python_lines
from qd_pix2pix.studio.link import to_link
from qd_pix2pix.studio.session import Session
from qd_pix2pix.studio.widgets import complain


class SharePanel:
    """A link, files, and the Python lines."""

    def __init__(self, session: Session) -> None:
        self.session = session
        with ui.row().classes("gap-2 items-center"):
            ui.button("Copy the link", on_click=self._copy).props("no-caps data-link")
            for kind, (label, _, _) in EXPORTS.items():
                ui.button(label, on_click=lambda kind=kind: self._export(kind)).props(
                    f"outline no-caps data-export={kind}"
                )
        ui.label("Files hold the density on the page. The dot, .json, is dropped on the page to be opened.")
        with ui.expansion("Python lines that do the same").classes("w-full").props("data-lines"):
            self.code = ui.code("", language="python").classes("w-full")
        session.listeners.append(lambda finished: self._sync() if finished else None)
        self._sync()

    def _sync(self) -> None:
        self.code.set_content(python_lines(self.session.dot))

    async def _copy(self) -> None:
        try:
            text = to_link(self.session.dot)
        except ValueError as error:
            complain(error)
            return
        origin = await ui.run_javascript("window.location.origin + window.location.pathname")
        ui.clipboard.write(f"{origin}?dot={text}")
        ui.notify("The link is in the clipboard; the address of the page is the same.")

    def _export(self, kind: str) -> None:
        session = self.session
        dot, solved, found = session.dot, session.solved, session.prediction
        if solved is None and (found is None or found[0] != dot):
            complain("export: the density of this dot is not there yet; wait for the network, or solve the dot")
            return
        density = solved.density if solved is not None else found[1].density  # type: ignore[index]
        source = "solver" if solved is not None else "network"
        conditions = f"N = {dot.n_electrons}, m* = {dot.m_eff:g}, ε = {dot.eps_r:g}, side {dot.side:g} nm"
        caption = f"{conditions}; density of the {source}"
        name, content = exported(kind, dot, density, caption)
        ui.download.content(content, name)
