"""A headless Chromium, and a studio for it to visit; the browser tests of the studio use both."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-search-engine-choice-screen"
).split()


def chromium() -> tuple[str, str] | None:
    """Return the paths of Chromium and of its driver, None where one of them is not installed."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a studio in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "qd_pix2pix.cli", "studio", f"port={port}", "browser=false"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI would not serve
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}/"
        wait_for(lambda: _answers(address), 60)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as page:
            return page.status == 200
    except OSError:
        return False


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the first true value of a condition.

    Raises:
        TimeoutError: there was none in time.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited for {seconds:g} s")
        time.sleep(0.05)
    return found


@contextmanager
def visit(
    address: str, profile: Path | str, downloads: Path | str, size: tuple[int, int] = (1280, 1300)
) -> Iterator[Any]:
    """Yield a browser of selenium with a page open.

    Args:
        address: address of the page.
        profile: new folder for the browser's data; downloads: folder of downloaded files.
        size: width and height of the window in pixels.
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    found = chromium()
    if found is None:
        raise FileNotFoundError("chromium: expected chromium and chromedriver on the path; install them")
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(flag)
    preferences = {"profile.default_content_setting_values.automatic_downloads": 1}
    options.add_experimental_option("prefs", preferences | {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(found[1]))
    try:
        browser.set_window_size(*size)
        browser.get(address)
        yield browser
    finally:
        browser.quit()


def requested(browser: Any) -> set[str]:
    """Return the addresses that a browser has requested of the network."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    return {url for url in urls if url.startswith(("http", "ws"))}
