"""Numbers of a dot that sweeps and stability diagrams turn: detuning, barrier, depths of wells, voltages of gates."""

from __future__ import annotations

from qd_pix2pix.studio.dot import Dot
from qd_pix2pix.studio.edits import with_changed, with_field
from solvers.checks import check_choice, check_number, check_range

DETUNING, BARRIER = "detuning", "barrier"
MOST_STEPS = 41
"""Points of a sweep."""


def knobs(dot: Dot) -> dict[str, str]:
    """Return the names of all knobs of a dot, with their labels and units."""
    found: dict[str, str] = {}
    if len(dot.wells) >= 2:
        found |= {DETUNING: "detuning of wells 1 and 2 (meV)", BARRIER: "barrier between wells 1 and 2 (meV)"}
    found |= {f"well {k + 1}": f"depth of well {k + 1} (meV)" for k in range(len(dot.wells))}
    return found | {f"gate {k + 1}": f"voltage of gate {k + 1} (mV)" for k in range(len(dot.gates))}


def value_of(dot: Dot, knob: str) -> float:
    """Return the present value of a knob, in meV or mV."""
    check_choice("knob", knob, knobs(dot))
    if knob in (DETUNING, BARRIER):
        return float(getattr(dot, knob))
    kind, number = knob.split()
    chosen = (dot.wells if kind == "well" else dot.gates)[int(number) - 1]
    return float(chosen.depth if kind == "well" else chosen.voltage)  # type: ignore[union-attr]


def turned(dot: Dot, knob: str, value: float) -> Dot:
    """Return the dot with another value of a knob, in meV or mV.

    Raises:
        ValueError: the dot has no such knob, or the value is out of range.
    """
    check_choice("knob", knob, knobs(dot))
    check_number(knob, value)
    if knob in (DETUNING, BARRIER):
        return with_field(dot, knob, float(value))
    kind, number = knob.split()
    name = {"well": "depth", "gate": "voltage"}[kind]
    return with_changed(dot, f"{kind}s", int(number) - 1, **{name: float(value)})


def check_sweep(dot: Dot, knob: str, low: float, high: float) -> None:
    """Raise ValueError unless the dot has the knob, and low < high are values of it."""
    check_choice("knob", knob, knobs(dot))
    check_range(knob, (low, high))
    if low == high:
        raise ValueError(f"{knob}: expected from < to, got {low:g} and {high:g}")
    turned(dot, knob, low)
    turned(dot, knob, high)
