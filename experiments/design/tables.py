"""Tables of this folder's README, from results.json, hamiltonian.json and lattices.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown, number

HERE = Path(__file__).parent
TRUE = 12.9
"""Permittivity of the dot whose couplings are learned."""
NEIGHBOUR = 3.0
"""Interaction of the bosons, in units of the hopping."""
Results = dict[str, Any]


def read(name: str) -> Results:
    """Return the content of a file of results; empty before the first run."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def of_kind(results: Results, kind: str, whole: bool = False) -> Results:
    """Return the designs of a kind, by the second part of their names, or by their whole names."""
    return {name if whole else name.split()[1]: row for name, row in results.items() if name.split()[0] == kind}


def percent(value: float) -> str:
    """Return a share as a percentage with two digits."""
    return f"{number(100 * value)} %"


def density_table(results: Results) -> str:
    """Return the errors of designed densities."""
    solved = ("predicted", "verified", "corrected")
    rows = [
        [
            name, *(percent(row[key]) for key in solved), f"{1e3 * row['V_rms']:.1f} meV",
            f"{1e3 * row['V_rms_everywhere']:.1f} meV", row["determined"], percent(row["identifiable"]),
            f"{row['good']} of {row['starts']}, {row['groups']}",
        ]
        for name, row in of_kind(results, "density").items()
    ]  # fmt: skip
    head = ("seed of the dot", "NMAE, predicted", "NMAE, solved", "corrected", "V, where identifiable", "V, everywhere",
            "directions determined", "mean identifiable", "good starts, groups")  # fmt: skip
    return markdown(head, rows)


def gap_table(results: Results, kind: str) -> str:
    """Return the errors of designed gaps, or of splittings of singlet and triplet."""
    rows = []
    for row in sorted(of_kind(results, kind).values(), key=lambda row: row["wanted"]):
        values = [f"{row['wanted']:g} meV", f"{row['predicted']:.3f} meV"]
        for key in ("verified", "corrected"):
            values += [f"{row[key]:.3f} meV", percent(abs(row[key] / row["wanted"] - 1))]
        state = " → ".join(f"{s:.1f}" for s in row["spins"]) if "spins" in row else f"{row['spin']:.1f}"
        rows.append([*values, state, f"{row['good']} of {row['starts']}, {row['groups']}"])
    spin = "spins of the two states" if kind == "exchange" else "spin"
    return markdown(
        ("requested", "predicted", "solved", "error", "corrected", "error", spin, "good starts, groups"), rows
    )


def charges_table(results: Results) -> str:
    """Return the electrons in both regions."""
    rows = []
    for seed, row in of_kind(results, "charges").items():
        cells = [" + ".join(f"{q:.3f}" for q in row[key]) for key in ("predicted", "verified")]
        rows.append([seed, "2 + 1", *cells, f"{row['good']} of {row['starts']}, {row['groups']}"])
    return markdown(("seed of the starts", "requested", "predicted", "solved", "good starts, groups"), rows)


def hamiltonian_table(found: Results) -> str:
    """Return learned permittivities and potentials."""
    rows = []
    order = sorted(found, key=lambda name: ("network" not in name, -len(name.partition(", noise")[0]), name))
    for name, row in ((name, found[name]) for name in order):
        off = percent(abs(row["eps_r"] / TRUE - 1))
        rows.append(
            [name, f"{row['eps_r']:.2f} ± {number(row['uncertainty'])}", off, "yes" if row["determined"] else "no",
             f"{min(row['all']):.1f} … {max(row['all']):.1f}", f"{1e3 * row['V_rms']:.1f} meV"]
        )  # fmt: skip
    head = ("densities of", "ε_r", "error", "determined", "all starts", "V, where identifiable")
    return markdown(head, rows)


def rings_table(found: Results) -> str:
    """Return the errors of designed densities of rings, by the number of sites."""
    rows = []
    by_sites: dict[str, list[Results]] = {}
    for name, row in of_kind(found, "ring", whole=True).items():
        by_sites.setdefault(name.split()[1], []).append(row)
    for sites, cases in by_sites.items():
        means = [percent(sum(row[key] for row in cases) / len(cases)) for key in ("predicted", "verified", "corrected")]
        worst = percent(max(row["corrected"] for row in cases))
        known = percent(sum(row["identifiable"] for row in cases) / len(cases))
        rows.append([sites, len(cases), *means, worst, known])
    head = ("sites", "rings", "NMAE, predicted", "NMAE, solved", "corrected", "worst", "mean identifiable")
    return markdown(head, rows)


def bosons_table(found: Results) -> str:
    """Return learned interactions of bosons against the noise."""
    rows = []
    for noise, row in of_kind(found, "bosons").items():
        low, high = min(row["all"]), max(row["all"])
        level = percent(float(noise)) if float(noise) else "none"
        rows.append(
            [level, f"{row['neighbour']:.2f} ± {number(row['uncertainty'])}",
             percent(abs(row["neighbour"] / NEIGHBOUR - 1)), "yes" if row["determined"] else "no",
             f"{low:.2f} … {high:.2f}", f"{row['V_rms']:.2f} t", f"{row['misfit']:.1f}"]
        )  # fmt: skip
    head = ("noise", "V", "error", "determined", "all starts", "potential, where identifiable", "misfit")
    return markdown(head, rows)


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    results, learned, lattices = read("results.json"), read("hamiltonian.json"), read("lattices.json")
    return {
        "density": density_table(results),
        "gap": gap_table(results, "gap"),
        "exchange": gap_table(results, "exchange"),
        "charges": charges_table(results),
        "hamiltonian": hamiltonian_table(learned),
        "rings": rings_table(lattices),
        "bosons": bosons_table(lattices),
        "seconds": number(max(row["seconds"] for row in results.values())),
    }
