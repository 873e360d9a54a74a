"""The lines of running trainings beside the bar of a sweep."""

import io
import time

import pytest
from tqdm import tqdm

from qd_pix2pix.sweeps import watch


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"", ""),
        (b"dataset data/x\nEpoch 0:  5%\rEpoch 0: 10%|#\r", "Epoch 0: 10%|#"),
        (b"Epoch 1\n\x1b[A\r\n", "Epoch 1"),
        (b"NMAE 3 \xe2\x80", "NMAE 3 \ufffd"),
    ],
)
def test_the_last_line_of_a_log_is_found(tmp_path, text, shown):
    log = tmp_path / "log.txt"
    log.write_bytes(text)
    assert watch.last_line(log) == shown


def test_a_log_that_does_not_exist_yet_has_no_line(tmp_path):
    assert watch.last_line(tmp_path / "log.txt") == ""


def test_long_lines_are_shortened(tmp_path):
    (tmp_path / "log.txt").write_bytes(b"x" * 10000)
    assert watch.last_line(tmp_path / "log.txt") == "x" * watch.WIDTH


def test_the_bar_shows_the_running_trainings(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "SECONDS", (0.01, 0.01))
    logs = [tmp_path / name for name in ("a", "b")]
    for log, text in zip(logs, ("first 10%", "second 20%"), strict=True):
        log.write_text(text)
    out = io.StringIO()
    with tqdm(total=2, file=out, mininterval=0) as bar, watch.watched(bar, lambda: logs):
        end = time.monotonic() + 10
        while "second" not in out.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
    assert "first 10% | second 20%" in out.getvalue()
