"""Long calculations: their results, their errors, and that cancelling one ends its process."""

import asyncio
import os
import signal
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest

from qd_pix2pix.studio.dot import Dot, Well
from qd_pix2pix.studio.jobs import MOST_WAITING, Jobs
from qd_pix2pix.studio.work import solved, stability, swept
from solvers import hubbard

SMALL = Dot(side=100.0, n=32, wells=(Well(30.0, 50.0, 20.0, 18.0), Well(70.0, 50.0, 20.0, 18.0)))


def silent(share, text, part=None):
    pass


def processes():
    return {p.pid for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE}


def test_solved_gives_J_of_the_two_site_model():
    found = solved(SMALL, silent)
    V = -0.020 * sum(
        np.exp(-((SMALL.grid.mesh()[0] - a) ** 2 + (SMALL.grid.mesh()[1] - 50) ** 2) / 18**2) for a in (30, 70)
    )
    model = hubbard(V, SMALL.grid, SMALL.material)
    assert abs(found.J - model.J_ci) < model.J_ci_error  # their V differ in the last digits
    assert found.J == pytest.approx(model.J_ci, rel=5e-3) and found.J_error == pytest.approx(model.J_ci_error, rel=0.1)
    assert found.energy_error >= 0 and found.trusted and found.spin == pytest.approx(0)
    assert found.charges == pytest.approx([1, 1], abs=1e-3)


def test_a_sweep_reports_each_point_and_detuning_moves_charge():
    parts = []
    swept(SMALL, lambda share, text, part: parts.append((share, part)), "detuning", [-12.0, 0.0, 12.0])
    assert [part["value"] for _, part in parts] == [-12.0, 0.0, 12.0] and parts[-1][0] == 1.0
    left = [part["charges"][0] for _, part in parts]
    assert left[0] < 0.5 < left[1] < 1.5 < left[2]
    assert parts[0][1]["J"] == pytest.approx(parts[2][1]["J"], rel=1e-3)  # mirror images
    with pytest.raises(ValueError, match="knob: expected one of"):
        swept(SMALL, silent, "gate 1", [0.0])
    with pytest.raises(ValueError, match="points: expected a whole number in 1 ... 41"):
        swept(SMALL, silent, "detuning", [0.0] * 1000)


def test_a_stability_diagram_reports_all_points_and_has_a_figure():
    points = []
    found = stability(
        SMALL, lambda share, text, part=None: points.extend(part or []), ("well 1", "well 2"),
        ((5.0, 30.0), (5.0, 30.0)), n_max=1, mu=-6.0, divisions=0,
    )  # fmt: skip
    assert len(points) == 81 and found.summary.startswith("81 points")
    names = {(a, b): name for a, b, name in points}
    assert names[5.0, 5.0] == "(0, 0)" and names[30.0, 5.0] == "(1, 0)" and names[5.0, 30.0] == "(0, 1)"
    assert found.png[:4] == b"\x89PNG" and b"<svg" in found.svg
    with pytest.raises(ValueError, match="gates: expected two different ones"):
        stability(SMALL, silent, ("well 1", "well 1"), ((0.0, 1.0), (0.0, 1.0)))


def test_a_process_gives_the_same_and_errors_come_back():
    async def run():
        jobs, heard = Jobs(1), []
        found = await jobs.run("solve", replace(SMALL, n_electrons=1), lambda *report: heard.append(report[1]))
        with pytest.raises(ValueError, match="density: nothing is painted"):
            await jobs.run("design", SMALL, silent, highest=10.0)
        return found, heard

    found, heard = asyncio.run(run())
    assert found.energy == pytest.approx(solved(replace(SMALL, n_electrons=1), silent).energy, rel=1e-9)
    assert "orbitals" in heard


def test_cancelling_ends_the_process_and_frees_its_place():
    async def run():
        jobs = Jobs(1)
        await jobs.warm()
        before = processes()
        started, long = asyncio.Event(), replace(SMALL, n=64, n_electrons=6)
        task = asyncio.create_task(jobs.run("solve", long, lambda *report: started.set()))
        await asyncio.wait_for(started.wait(), 60)
        assert processes() - before
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 5 and not processes() - before
        return await jobs.run("solve", replace(SMALL, n_electrons=1), silent)

    assert asyncio.run(run()).trusted


def test_a_killed_process_is_reported():
    async def run():
        jobs = Jobs(1)
        await jobs.warm()
        before, started = processes(), asyncio.Event()
        task = asyncio.create_task(
            jobs.run("solve", replace(SMALL, n=64, n_electrons=6), lambda *report: started.set())
        )
        await asyncio.wait_for(started.wait(), 60)
        for pid in processes() - before:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(ValueError, match="ended without a result"):
            await task

    asyncio.run(run())


def test_the_number_of_waiting_calculations_is_bounded():
    async def run():
        jobs = Jobs(1)
        await jobs.free.acquire()  # the only place is taken
        waiting = [asyncio.create_task(jobs.run("solve", SMALL, silent)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0.01)
        with pytest.raises(ValueError, match="8 calculations are waiting already"):
            await jobs.run("solve", SMALL, silent)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert jobs.waiting == 0

    asyncio.run(run())
