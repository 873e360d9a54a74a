"""One dot, part by part, into a folder: finished parts are kept, and the same call resumes. No import of torch."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from tqdm import tqdm

from qd_pix2pix.evaluation.solved_dot import SolvedDot
from qd_pix2pix.files import digest, to_json, write_text, write_whole
from qd_pix2pix.provenance import provenance
from qd_pix2pix.systems.dot_rows import Row, charging_rows, widened
from qd_pix2pix.systems.one_dot import Found, OneDot, Part

PARTS, POINTS, IDENTITY, RECORD = "parts", "points", "dot.json", "record"
FORMAT = 5
"""Version of the files of parts."""
STEP = 0.12
"""Part of what is left of a calculation that counts as done after each stage of the solver."""
ROUNDING = 1e-9
"""Part of the bar that rounding errors of its steps may need."""
BAR = "{desc:32.32} {bar} {percentage:3.0f} %  {elapsed} elapsed, {remaining} left"


def identity(dot: OneDot) -> dict[str, Any]:
    """Return what makes two dots the same, in plain containers; numbers of electrons and of states are not part of it.

    A folder of results belongs to one identity, so that further electrons may be added to it later.
    """
    sha = hashlib.sha256(np.ascontiguousarray(dot.V, dtype="<f8").tobytes()).hexdigest()
    plain = json.loads(json.dumps(dot.identity() | {"V": sha, "format": FORMAT}))
    return plain


def solve_dot(
    dot: OneDot, folder: Path, title: str, notes: tuple[str, ...] = (), command: str = "", progress: bool = True
) -> SolvedDot:
    """Compute all parts of a dot that the folder does not have yet, write its files, and return the results.

    Args:
        dot: the dot.
        folder: folder of the results; created where it does not exist.
        title: origin of the potential.
        notes: remarks on the potential.
        command: command line, for the page.
        progress: show the part, and the remaining time.

    Raises:
        ValueError: an argument is out of range, the folder holds another dot, or is in use.
    """
    dot.check()
    parts = dot.parts(folder / PARTS / POINTS)
    with _alone(folder, identity(dot)):
        found, seconds = _computed(parts, folder / PARTS, progress)
        solved = _assembled(dot, found, seconds, title, notes, command, folder)
        solved.write(folder)
    return solved


@contextmanager
def _alone(folder: Path, wanted: dict[str, Any]) -> Iterator[None]:
    """Claim a folder for one dot and one process."""
    lock = FileLock(folder / ".lock")
    try:
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"output: another process solves a dot in {folder}; wait, or choose another folder") from None
    except OSError as error:
        raise ValueError(f"output: no results can be written to {folder} ({error.strerror}); choose another") from None
    try:
        path = folder / IDENTITY
        if path.is_file():
            known = _identity_in(path)
            if unlike := [name for name in wanted if known.get(name) != wanted[name]]:
                raise ValueError(
                    f"output: {folder} has the results of another dot, which differs in {', '.join(unlike)}. Choose "
                    "another folder, or move this one away"
                )
        else:
            write_text(path, to_json(wanted))
        yield
    finally:
        lock.release()


def _identity_in(path: Path) -> dict[str, Any]:
    """Return the identity of the dot of a folder from its file.

    Raises:
        ValueError: the file cannot be read.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if not isinstance(known, dict):
        raise ValueError(
            f"output: expected a file that states a dot, got {path}, which is damaged. Choose another folder"
        )
    return known


def _computed(parts: dict[str, Part], folder: Path, progress: bool) -> tuple[dict[str, Found], dict[str, float]]:
    """Return the results and the duration of each part; those that the folder has are read."""
    found, seconds = {}, {}
    for name, part in parts.items():
        if (kept := _kept(folder / f"{name}.npz", part)) is not None:
            found[name], seconds[name] = kept
    missing = {name: part for name, part in parts.items() if name not in found}
    if found and progress:
        print(f"{len(found)} of {len(parts)} parts are done already", flush=True)
    total = (1 + ROUNDING) * sum(part.cost for part in missing.values())
    with tqdm(total=total, bar_format=BAR, smoothing=0, disable=not (progress and missing)) as bar:
        for name, part in missing.items():
            bar.set_description_str(part.label)
            timer = _Timer(bar, part.cost)
            begin = time.perf_counter()
            try:
                found[name] = part.compute(timer)
            except ValueError as error:
                if part.needed:
                    raise
                found[name] = Found([], {}, [f"The part {part.label} was not computed: {error}"])
            except KeyboardInterrupt:
                bar.write("finished parts are kept; the same command resumes")
                raise
            seconds[name] = time.perf_counter() - begin
            timer.finish()
            if found[name].rows or not found[name].remarks:
                _keep(folder / f"{name}.npz", part, found[name], seconds[name])
    return {name: found[name] for name in parts}, {name: seconds[name] for name in parts}


class _Timer:
    """The timer of the solver: each stage moves the bar by a part of what is left of the calculation."""

    def __init__(self, bar: Any, cost: float) -> None:
        self.bar, self.left = bar, cost

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Run a stage."""
        yield
        self.bar.update(STEP * self.left)
        self.left *= 1 - STEP

    def finish(self) -> None:
        """Move the bar to the end of the calculation."""
        self.bar.update(self.left)


def _keep(path: Path, part: Part, found: Found, seconds: float) -> None:
    """Write the result of a part."""
    record = {"key": digest(part.settings), "rows": found.rows, "remarks": found.remarks, "seconds": seconds}
    content: dict[str, Any] = {RECORD: np.array(json.dumps(record)), **found.arrays}
    with write_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **content)


def _kept(path: Path, part: Part) -> tuple[Found, float] | None:
    """Return the result of a part with the same settings and its duration; None where there is no readable one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        record = json.loads(str(arrays.pop(RECORD)))
        if record["key"] != digest(part.settings):
            return None
        return Found([Row(*row) for row in record["rows"]], arrays, record["remarks"]), float(record["seconds"])
    except Exception:  # missing, or damaged by other programs: computed anew
        return None


def _assembled(
    dot: OneDot,
    found: dict[str, Found],
    seconds: dict[str, float],
    title: str,
    notes: tuple[str, ...],
    command: str,
    folder: Path,
) -> SolvedDot:
    """Return the parts as one record, with the quantities that follow from several of them."""
    rows = widened([row for part in found.values() for row in part.rows])
    x, y = dot.grid.mesh()
    arrays = {"x": x[:, 0], "y": y[0, :], "V": dot.V}
    arrays |= {f"{name}-{part}": values for part, result in found.items() for name, values in result.arrays.items()}
    length, energy = dot.material.units.split(", ")
    return SolvedDot(
        title=title,
        settings=dot.stated(),
        length=length,
        energy=energy,
        rows=(*rows, *charging_rows(rows)),
        arrays=arrays,
        notes=notes,
        remarks=tuple(text for result in found.values() for text in result.remarks),
        python=dot.python(folder / "fields.npz"),
        command=command,
        seconds={name: round(value, 3) for name, value in seconds.items()},
        provenance=provenance(),
    )
