"""The manifest of a dataset: its shards, their checksums, and the statistics of the training split.

``manifest.json`` contains the format, the sha256 of recipe.json and the schema; for each shard its sha256, bytes,
samples and statistics; for a complete dataset, ``statistics`` over train; and a checksum of its content.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qd_pix2pix.data.shard import FORMAT, StoreError, reading
from qd_pix2pix.files import digest, sha256, to_json, write_text
from qd_pix2pix.mapping.texture import NAMES
from qd_pix2pix.schema import Schema

Statistics = dict[str, dict[str, float]]
"""The statistics of each column: samples (those without NaN), min, max, mean, std, sample_mean_min, sample_mean_max;
of a field also the extremes of its texture."""
AGAIN = "delete it and run generate.py again"


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of a dataset, complete or not.

    Raises:
        StoreError: the manifest is missing, damaged, or of another format.
    """
    file = path / "manifest.json"
    if not file.is_file():
        raise StoreError(f"{path}: no dataset is there (no folder with a manifest.json); generate.py makes one")
    with reading(file, AGAIN):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise TypeError(f"expected a JSON object, got {type(manifest).__name__}")
        found = manifest.get("format")
    if found != FORMAT:
        raise StoreError(
            f"{file}: expected a dataset of format {FORMAT}, got format {found} of another version of qd_pix2pix; "
            "generate it again with generate.py"
        )
    if manifest.pop("digest", None) != digest(manifest):
        raise StoreError(f"{file}: damaged, its checksum is not the one that it was written with; {AGAIN}")
    return manifest


class ManifestWriter:
    """The writer of ``manifest.json``, which takes at most a tenth of the time however many workers finish shards."""

    def __init__(self, folder: Path, schema: Schema) -> None:
        self._path = folder / "manifest.json"
        self._head = {"format": FORMAT, "recipe_sha256": sha256(folder / "recipe.json"), "schema": schema.to_dict()}
        self._rests_until = 0.0

    def write(self, shards: Mapping[str, Any], **more: Any) -> None:
        """Write the manifest with these shards."""
        began = time.monotonic()
        content = json.loads(to_json(self._head | {"shards": dict(shards)} | more))
        write_text(self._path, to_json(content | {"digest": digest(content)}))
        self._rests_until = began + 10 * (time.monotonic() - began)

    def write_at_times(self, shards: Mapping[str, Any]) -> None:
        """Write the manifest, unless it was written recently."""
        if time.monotonic() > self._rests_until:
            self.write(shards)


def merge_statistics(entries: Sequence[Mapping[str, Any]]) -> Statistics:
    """Return the statistics of a split from those of its shards."""
    return _merge([entry["statistics"] for entry in entries])


def training_statistics(stores: Sequence[Any]) -> Statistics:
    """Return the statistics of the training splits of several ``Store``s together."""
    if len(stores) == 1:
        return dict(stores[0].statistics)
    parts = []
    for store in stores:
        squares = {n: {**s, "mean_square": s["std"] ** 2 + s["mean"] ** 2} for n, s in store.statistics.items()}
        parts.append(squares)
    return _merge(parts)


def _merge(parts: Sequence[Mapping[str, Mapping[str, float]]]) -> Statistics:
    names = dict.fromkeys(name for statistics in parts for name in statistics)
    return {name: _pool([statistics[name] for statistics in parts if name in statistics]) for name in names}


def _pool(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    weights = [p["samples"] for p in found]
    mean, square = (float(np.average([p[key] for p in found], weights=weights)) for key in ("mean", "mean_square"))
    bounds = {
        f"{name}_{word}": pick(p[f"{name}_{word}"] for p in found)
        for name in NAMES
        for word, pick in (("min", min), ("max", max))
        if all(f"{name}_{word}" in p for p in found)  # datasets of earlier versions have none
    }
    return bounds | {
        "samples": sum(weights),
        "min": min(p["min"] for p in found),
        "max": max(p["max"] for p in found),
        "mean": mean,
        "std": max(square - mean**2, 0.0) ** 0.5,
        "sample_mean_min": min(p["sample_mean_min"] for p in found),
        "sample_mean_max": max(p["sample_mean_max"] for p in found),
    }
