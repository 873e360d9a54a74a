"""Lattices of the measurement have the intended sizes and two values, and the exponent is that of a power law."""

import json

import numpy as np
import pytest

from experiments.ednn.scaling import draw, exponent, main, sides


def test_lattices_are_drawn_block_by_block(tmp_path, monkeypatch):
    assert sides(1e9) == [100, 178, 316, 562, 1000, 1778, 3162, 5624, 10000, 17782, 31622]
    monkeypatch.setattr("experiments.ednn.scaling.BLOCK", 500)
    found = draw(tmp_path / "x.npy", 100)
    assert isinstance(found, np.memmap) and found.dtype == np.int8 and (np.abs(found) == 1).all()
    assert abs(found.mean(dtype=float)) < 0.05 and len(np.unique(found, axis=0)) == 100
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100})())
    with pytest.raises(OSError, match="takes? 0.00 GB. Set TMPDIR"):
        draw(tmp_path / "y.npy", 100)


def test_the_exponent_of_a_power_law():
    times = [{"sites": n, "seconds": 1.0 + 3e-9 * n**1.25} for n in (1e4, 1e10, 1e11, 1e12, 1e13, 1e14)]
    assert exponent(times) == pytest.approx(1.25, abs=1e-3)


def test_a_small_measurement_runs(tmp_path, capsys):
    main(["--largest=1e5", "--rounds=1", f"--output={tmp_path}"])
    found = json.loads((tmp_path / "scaling.json").read_text())
    assert [time["sites"] for time in found["table"]] == [100**2, 178**2, 316**2] and len(found["direct"]) == 3
    assert all(time["tabulated"] for time in found["table"]) and not any(t["tabulated"] for t in found["direct"])
    assert np.isfinite([*found["exponent"].values()]).all()
    assert (tmp_path / "scaling.png").stat().st_size > 10_000
    with pytest.raises(SystemExit):
        main(["--largest=5"])
