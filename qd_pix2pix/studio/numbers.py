"""The table of numbers: network beside solver, with error bars and verdicts."""

from __future__ import annotations

import html
import math

from nicegui import ui

from qd_pix2pix.reports.uncertain import uncertain
from qd_pix2pix.schema import in_percent
from qd_pix2pix.studio.prediction import Prediction
from qd_pix2pix.studio.session import Session
from qd_pix2pix.studio.work import Solved


def spin(value: float) -> str:
    """Return a total spin as text, 1/2 for 0.5."""
    twice = round(2 * value)
    return str(twice // 2) if twice % 2 == 0 else f"{twice}/2"


def rows(prediction: Prediction | None, solved: Solved | None) -> list[tuple[str, str, str]]:
    """Return the label, the value of the network and that of the solver of each row."""
    p, s = prediction, solved
    return [
        (
            "energy (meV)",
            uncertain(1e3 * p.energy, 1e3 * p.energy_error) if p else "—",
            uncertain(1e3 * s.energy, 1e3 * s.energy_error) if s else "—",
        ),
        (
            "gap (meV)",
            uncertain(1e3 * p.gap, 1e3 * p.gap_error) if p else "—",
            uncertain(1e3 * s.gap, 1e3 * s.gap_error) if s else "—",
        ),
        ("total spin", spin(p.spin) if p else "—", spin(s.spin) if s else "—"),
        ("J (µeV)", "—", uncertain(1e6 * s.J, 1e6 * s.J_error) if s else "—"),
        ("error of the density", _share(p.density_error) if p else "—", _share(s.density_error) if s else "—"),
        ("electrons per site", _list(p.charges) if p else "—", _list(s.charges) if s else "—"),
    ]


def _share(value: float) -> str:
    return in_percent(value) if math.isfinite(value) else "—"


def _list(values: object) -> str:
    return ", ".join(f"{v:.2f}" for v in values)  # type: ignore[attr-defined]


def verdict(prediction: Prediction | None, solved: Solved | None, error: str) -> str:
    """Return how far the numbers can be trusted, as text."""
    if solved is not None:
        if not solved.trusted:
            return "Solver: not trusted. Use more grid points, or a smoother potential."
        return "Solver: converged." if solved.order_certain else "Solver: the next state may be the ground state."
    if prediction is None:
        return error or "Loading the network"
    return f"Network: {prediction.verdict}." + "".join(
        f" {remark[:1].upper()}{remark[1:]}." for remark in prediction.remarks
    )


class Numbers:
    """The table and the verdict.

    Args:
        session: the window's state.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.verdict = (
            ui.label("Loading the network").classes("studio-verdict").props("role=status aria-live=polite data-verdict")
        )
        self.table = ui.html("", sanitize=False)
        session.drawn.append(self.sync)

    def sync(self, error: str) -> None:
        """Show the present numbers."""
        found = self.session.prediction
        prediction = found[1] if found and not error else None
        body = "".join(
            f"<tr><th scope=row>{html.escape(label)}</th><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>"
            for label, a, b in rows(prediction, self.session.solved)
        )
        head = "<thead><tr><td></td><th scope=col>network</th><th scope=col>solver</th></tr></thead>"
        caption = "<caption>Ground state; energies as in the potential</caption>"
        self.table.set_content(f"<table class=studio-table data-numbers>{caption}{head}<tbody>{body}</tbody></table>")
        text = verdict(prediction, self.session.solved, error)
        self.verdict.set_text(text)
        good = "like training" in text and "unlike" not in text or text == "Solver: converged."
        self.verdict.classes(replace=f"studio-verdict {'studio-good' if good else 'studio-warn'}")
