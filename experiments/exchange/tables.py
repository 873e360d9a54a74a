"""Tables of this folder's README, from results.json and bars.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent
TITLES = {"gaas": "GaAs", "si": "Si/SiGe"}


def micro(value: float, error: float | None = None) -> str:
    """Return an energy in µeV, with its error bar."""
    shown = number(1e6 * value, 3).replace("-", "−")
    return shown if error is None else f"{shown} ± {number(1e6 * error)}"


def milli(value: float, digits: int = 3) -> str:
    """Return a voltage in mV, or an energy in meV."""
    return number(1e3 * value, digits).replace("-", "−")


def quartic_table(rows: list[dict[str, float]]) -> str:
    """Return J against the distance of the wells."""
    head = ("d = a / a_B", "full CI", "Heitler–London", "two orbitals", "t / (U − U′)")
    return markdown(
        head,
        [
            (
                f"{r['d']:.1f}",
                micro(r["J"], r["error"]),
                micro(r["heitler_london"]),
                micro(r["two_orbitals"], r["two_orbitals_error"]),
                number(r["t"] / r["U"]),
            )
            for r in rows
        ],
    )


def field_table(found: dict[str, Any]) -> str:
    """Return J against the magnetic field."""
    head = ("B, T", "full CI", "Heitler–London")
    rows = [(f"{r['B']:g}", micro(*r["J"]), micro(r["heitler_london"])) for r in found["rows"]]
    return markdown(head, rows)


def detuning_table(found: dict[str, Any]) -> str:
    """Return J and its slope along the detuning."""
    rows = []
    for name, title in TITLES.items():
        for r in found[name]["rows"]:
            model = "" if r["second_order"] != r["second_order"] else micro(r["second_order"])
            slope = f"{number(1e3 * r['slope'], 3).replace('-', '−')} ± {number(1e3 * r['slope_error'])}"
            rows.append(
                (
                    title,
                    milli(r["detuning"]),
                    milli(r["energy"]),
                    micro(r["J"], r["error"]),
                    slope,
                    number(1e3 * r["J"] / r["slope"]) if r["slope"] > 2 * r["slope_error"] else "",
                    f"{r['charge'] + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−"),
                    model,
                )
            )
    head = (
        "dot",
        "detuning, mV",
        "e₁ − e₂, meV",
        "J, µeV",
        "dJ/dε, µeV/mV",
        "J/(dJ/dε), mV",
        "n₁ − n₂, singlet",
        "4t²(U − U′)/[…]",
    )
    return markdown(head, rows)


def spots_table(found: dict[str, Any]) -> str:
    """Return the sweet spots over the barrier."""
    rows = []
    for name, title in TITLES.items():
        for s in found[name]["spots"]:
            per_millivolt = s["barrier_slope"] / s["J"] * 1e-3
            place = f"{milli(s['detuning'], 2)} ± {milli(s['error'], 2)}"
            rows.append((title, milli(s["barrier"]), place, micro(s["J"], s["J_error"]), percent(per_millivolt, 1)))
    return markdown(("dot", "barrier, mV", "sweet spot, mV", "J there, µeV", "d ln J / d barrier, per mV"), rows)


def arms_table(found: dict[str, Any]) -> str:
    """Return the lever arms."""
    rows = []
    for name, title in TITLES.items():
        arms = found[name]["lever_arms"]
        for site, (values, errors) in enumerate(zip(arms["matrix"], arms["errors"], strict=True), 1):
            cells = (f"−{number(abs(v), 3)} ± {number(e)}" for v, e in zip(values, errors, strict=True))
            rows.append((title, site, *cells))
    return markdown(("dot", "site", *found["gaas"]["lever_arms"]["gates"]), rows)


def bars_table(rows: list[dict[str, Any]]) -> str:
    """Return true errors over error bars of each family."""
    lines = []
    for family in [*dict.fromkeys(row["family"] for row in rows), "all"]:
        dots = [row for row in rows if family in (row["family"], "all")]
        J, bar = (np.array([abs(row[name]) for row in dots]) for name in ("J", "bar"))
        true = np.array([abs(row["J"] - row["reference"]) for row in dots])
        lines.append(
            (
                family,
                len(dots),
                f"{micro(J.min())} … {micro(J.max())}",
                percent(float(np.median(true / J)), 1),
                percent(float(np.median(bar / J)), 1),
                number(float(np.median(true / bar))),
                number(float(np.quantile(true / bar, 0.95))),
                percent(float((true <= bar).mean()), 0),
            )
        )
    head = ("family", "dots", "abs J, µeV", "error / J", "bar / J", "error / bar, median", "95 %", "within the bar")
    return markdown(head, lines)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    found = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    values = {}
    for name in TITLES:
        record = found[name]
        low, high = (s["J"] for s in (record["spots"][0], record["spots"][-1]))
        values |= {
            f"{name}-nodes": " × ".join(map(str, record["nodes"])),
            f"{name}-minutes": number(record["seconds"] / 60),
            f"{name}-bar": percent(record["relative_error"][0], 1),
            f"{name}-range": f"{micro(low)} to {micro(high)} µeV",
        }
    stages = found["gaas"]["stages"]
    quartic = found["quartic"]
    ratios = [row["heitler_london"] / row["J"] for row in quartic["gaas"]["rows"]]
    in_field = json.loads((HERE / "field.json").read_text(encoding="utf-8"))
    bars = json.loads((HERE / "bars.json").read_text(encoding="utf-8"))["rows"]
    return {
        "bars": bars_table(bars),
        "covered": percent(float(np.mean([abs(row["J"] - row["reference"]) <= row["bar"] for row in bars])), 0),
        "quartic": quartic_table(quartic["gaas"]["rows"]),
        "quartic-si": quartic_table(quartic["si"]["rows"]),
        "detuning": detuning_table(found),
        "spots": spots_table(found),
        "lever-arms": arms_table(found),
        "warm": percent(stages["orbitals"] + stages["states"], 0),
        "c": number(quartic["gaas"]["c"], 3),
        "c-si": number(quartic["si"]["c"], 3),
        "field": field_table(in_field),
        "zero": f"{in_field['zero'][0]:.2f} ± {number(in_field['zero'][1])} T",
        "closed-zero": f"{in_field['heitler_london_zero']:.2f} T",
        "ratios": f"{number(min(ratios)).replace('-', '−')} to {number(max(ratios))}",
        **values,
    }
