"""Tables of this folder's README, from transfer.json and fourteen.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qd_pix2pix.reports.tables import markdown, number, percent

HERE = Path(__file__).parent
STATISTICS = ("mean", "median")
WELLS = {
    "wells": "wells of 6 to 11 sites",
    "depths": "depth sweep, 9 sites",
    "wide": "wells of 16 sites",
}
MAPS = {
    "n": "density n",
    "neighbour_correlator": "neighbour correlator C",
    "coherence": "coherence T",
    "current_correlator": "current correlator K (J²)",
}


def read(name: str) -> dict[str, Any]:
    """Return the content of a file of this folder; nothing if it does not exist."""
    path = HERE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def densities_table(found: dict[str, Any]) -> str:
    """Return the NMAE of densities on all kinds of rings, of the network and of Hartree-Fock."""
    rows = []
    named = {**{kind: kind for kind in found["rings"]}, **WELLS}
    for name, errors in (found["rings"] | found["wells"]).items():
        count = errors.get("rings", errors.get("wells"))
        ours, mean_field = errors["nmae"], errors["hartree_fock"]
        same = errors.get("nmae_of_these", ours["mean"])
        ratio = f"{mean_field['mean'] / same:.1f}"
        shown = [percent(ours["mean"]), percent(ours["median"]), percent(errors["right_number"], 1)]
        others = [errors["without"][part] for part in ("counter", "holes", "shifts")]
        shown += [percent(others[0]["right_number"], 1), *(percent(other["nmae"]) for other in others)]
        shown += [percent(mean_field["mean"])]
        rows.append([named[name], errors["sites"], count, *shown, ratio])
    errors_of = ("mean NMAE", "median", "right N", "right N, uncounted", "uncounted, mean", "shifts only, mean")
    return markdown(("rings", "sites", "number", *errors_of, "single, mean", "Hartree–Fock, mean", "ratio"), rows)


def lengths_table(one: dict[str, Any], several: dict[str, Any]) -> str:
    """Return the NMAE of densities, of a network of one length and of the one of several lengths."""
    named = {**{kind: kind for kind in several["rings"]}, **WELLS}
    both = [files["rings"] | files["wells"] for files in (one, several)]
    rows = [
        [
            label,
            both[1][name]["sites"],
            *(
                percent(each[name].get("nmae_of_compared", each[name]["nmae"])[key])
                for each in both
                for key in STATISTICS
            ),
        ]
        for name, label in named.items()
    ]
    head = ("rings", "sites", "14 sites only, mean NMAE", "median", "10 to 16 sites, mean NMAE", "median")
    return markdown(head, rows)


def maps_table(found: dict[str, Any]) -> str:
    """Return the mean errors of all maps on white noise of the training's size, and their spread."""
    errors = found["rings"]["white noise"]
    rows = [[label, number(errors["mae"][name]), number(errors["spread"][name])] for name, label in MAPS.items()]
    return markdown(("map", "mean error", "standard deviation of the map"), rows)


def steps_table(found: dict[str, Any]) -> str:
    """Return the distances of the steps of the number of fermions from those of the reference, in points."""
    kinds = {"network": "network", "hartree_fock": "Hartree–Fock"}
    shown = {
        label: ["none" if d is None else f"{d:+d}" if d else "0" for d in found["steps"][kind].values()]
        for kind, label in kinds.items()
    }
    return markdown(("step to N =", *found["steps"]["network"]), [[label, *row] for label, row in shown.items()])


def margin(well: dict[str, Any]) -> str:
    """Return the energy of the next best number of fermions above that of the ground state, by DMRG."""
    lowest, following = sorted(well["energies"].values())[:2]
    return f"{following - lowest:.2f} J"


def at_wrong_number(errors: dict[str, Any]) -> float:
    """Return the mean NMAE of rings with a wrong number of fermions, from that of all and of the others."""
    right = errors["right_number"]
    return (errors["nmae"]["mean"] - right * errors["nmae_at_right_number"]) / (1 - right)


def values(found: dict[str, Any]) -> dict[str, str]:
    """Return single numbers of texts."""
    return {
        "white": percent(found["rings"]["white noise"]["nmae"]["mean"]),
        "white-right": percent(found["rings"]["white noise"]["nmae_at_right_number"]),
        "white-wrong": percent(at_wrong_number(found["rings"]["white noise"]), 0),
        "smooth-right": percent(found["rings"]["smooth noise"]["nmae_at_right_number"]),
        "smooth-wrong": percent(at_wrong_number(found["rings"]["smooth noise"]), 0),
        "wells": percent(found["wells"]["wells"]["nmae"]["mean"]),
        "wide": percent(found["wells"]["wide"]["nmae"]["mean"]),
        "milliseconds": f"{1000 * found['seconds']['network']:.1f} ms",
        "dmrg": f"{found['seconds']['dmrg']:.0f} s",
    }


def content() -> dict[str, str]:
    """Return all tables and values by name."""
    found = read("transfer.json")
    if not found:
        return {}
    tables = {"densities": densities_table(found), "maps": maps_table(found), "steps": steps_table(found)}
    tables["value-margin"] = margin(read("dmrg.json")["wide"][0])
    tables["lengths"] = lengths_table(read("fourteen.json"), found)
    return tables | {f"value-{name}": text for name, text in values(found).items()}
