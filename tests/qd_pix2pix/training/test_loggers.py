"""Weights & Biases: the user's mode wins, and without a network a run is written to disk."""

import os
import socket
import threading
import urllib.error
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import wandb

from qd_pix2pix.training import loggers
from qd_pix2pix.training.loggers import server_answers, wandb_logger


@pytest.fixture(autouse=True)
def no_mode(monkeypatch):
    """Neither a mode nor a key of the machine; Lightning's own changes are taken back."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.setenv(name, "x")  # so that it is restored
        monkeypatch.delenv(name)
    monkeypatch.setattr(loggers.netrc, "netrc", lambda: (_ for _ in ()).throw(OSError()))
    monkeypatch.setattr(loggers, "server_answers", lambda: True)


def offline(tmp_path, **options):
    return wandb_logger(tmp_path, "p", **options)._offline


@pytest.mark.parametrize("key", ["", "0" * 40])
@pytest.mark.parametrize(
    ("mode", "asked", "written"),
    [
        ("offline", None, True),
        ("dryrun", None, True),
        ("online", None, None),
        ("shared", None, None),
        ("disabled", None, False),
        ("disabled", True, False),
        ("online", True, True),
        ("offline", False, None),
    ],
)
def test_the_mode_of_the_user_wins(tmp_path, monkeypatch, key, mode, asked, written):
    monkeypatch.setenv("WANDB_MODE", mode)
    monkeypatch.setenv("WANDB_API_KEY", key)
    monkeypatch.setattr(loggers, "server_answers", lambda: pytest.fail("nobody is asked"))
    assert offline(tmp_path, offline=asked) is (not key if written is None else written)


@pytest.mark.parametrize(("mode", "asked"), [("online", None), (None, False), ("offline", False)])
@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_is_asked_for_a_key(tmp_path, monkeypatch, capsys, terminal, mode, asked):
    """Where the user wants to be online; a job of a cluster would wait for an answer that nobody gives."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: terminal))
    if mode:
        monkeypatch.setenv("WANDB_MODE", mode)
    assert offline(tmp_path, offline=asked) is not terminal
    assert ("there is no key" in capsys.readouterr().out) is not terminal


def test_disabled_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    logger = wandb_logger(tmp_path, "p")
    logger.log_hyperparams({"a": 1})
    logger.experiment.finish()
    assert os.environ["WANDB_MODE"] == "disabled"
    assert [path.name for path in tmp_path.iterdir()] == ["wandb-id"]


def test_a_key_and_a_server_are_needed(tmp_path, monkeypatch, capsys):
    assert offline(tmp_path) is True
    no_key = capsys.readouterr().out
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert offline(tmp_path) is False
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(loggers, "server_answers", lambda: False)
    assert offline(tmp_path) is True
    no_server = capsys.readouterr().out
    for text, reason in ((no_key, "no key"), (no_server, "does not answer")):
        assert text.count("\n") == 1 and reason in text and f"wandb sync {tmp_path}/wandb/offline-*" in text


def test_who_answers_and_who_does_not(monkeypatch):
    answers = loggers._answers
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    assert answers() is False
    monkeypatch.setattr(loggers, "ANSWER_WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert answers() is False
    for code, expected in ((404, True), (401, True), (502, False), (503, False), (504, False)):
        error = urllib.error.HTTPError("u", code, "m", {}, None)
        monkeypatch.setattr(loggers.urllib.request, "urlopen", lambda *_, e=error, **__: (_ for _ in ()).throw(e))
        assert answers() is expected
    monkeypatch.setenv("WANDB_BASE_URL", "nonsense")
    monkeypatch.undo()
    assert answers.__module__ == server_answers.__module__


def test_a_server_that_refuses_does_not_fail_the_training(tmp_path, monkeypatch, capsys):
    """A wrong key, or a network that ends between the question and the beginning."""
    begun = wandb.init

    def init(**options):
        assert "anonymous" not in options
        if os.environ.get("WANDB_MODE") != "dryrun":
            raise wandb.errors.CommError("Run initialization has timed out\nand more")
        return begun(**options)

    monkeypatch.setattr(wandb, "init", init)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    logger = wandb_logger(tmp_path, "p")
    logger.log_hyperparams({"a": 1})
    logger.experiment.finish()
    told = capsys.readouterr()
    lines = [line for line in told.out.splitlines() if line.startswith("logger")]
    assert len(lines) == 1 and "timed out);" in lines[0] and "offline" in lines[0]
    assert "anonymous" not in told.out + told.err
    assert list((tmp_path / "wandb").glob("offline-run-*"))


class Refusing(BaseHTTPRequestHandler):
    """A server that knows nobody, such as a proxy in front of the network of a cluster."""

    def do_POST(self):
        self.send_error(404)

    do_GET = do_HEAD = do_POST

    def log_message(self, *_):
        pass


def test_a_server_that_knows_nobody_does_not_end_the_training(tmp_path, monkeypatch, capsys):
    """W&B itself has begun a run there, whose id must be free again for the run on disk."""
    wandb.teardown()  # it reads its environment once
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        logger = wandb_logger(tmp_path, "p")
        logger.log_metrics({"a": 1.0}, step=1)
        logger.experiment.finish()
    finally:
        server.shutdown()
        server.server_close()
    assert capsys.readouterr().out.count("the run is written offline, wandb sync") == 1
    assert list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
