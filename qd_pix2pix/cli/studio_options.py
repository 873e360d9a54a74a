"""The options of ``qd-studio``."""

from __future__ import annotations

import socket
from collections.abc import Sequence

STUDIO = {"host": "127.0.0.1", "port": "8080", "browser": "true"}
"""Options and their defaults."""
STUDIO_USAGE = "expected qd-studio [port=8080] [host=127.0.0.1] [browser=true]"
STUDIO_HELP = """Serve the studio, a local web page: draw a dot, predict it, solve it. Ctrl-C ends it.

usage: qd-studio [port=8080] [host=127.0.0.1] [browser=true], or python studio.py with the same options

options:
  port     of the page, 1 to 65535
  host     address of this machine; by default only its own browsers have access
  browser  true: open the page in a browser; false: only print its address

examples (docs/studio.md):
  qd-studio
  qd-studio port=9000 browser=false  # a machine without a screen; then ssh -L 9000:127.0.0.1:9000 MACHINE on your own
"""


def studio_options(arguments: Sequence[str]) -> tuple[str, int, bool]:
    """Return host, port and whether a browser is opened, from options such as ``port=9000``.

    Raises:
        ValueError: an option is unknown, or the address is in use.
    """
    given = {key: value for key, _, value in (argument.partition("=") for argument in arguments)}
    if unknown := sorted(set(given) - set(STUDIO)):
        raise ValueError(f"{', '.join(unknown)}: {STUDIO_USAGE}")
    options = STUDIO | given
    if not options["port"].isdecimal() or not 1 <= int(options["port"]) <= 65535:
        raise ValueError(f"port: expected a whole number in 1 ... 65535, got {options['port']!r}")
    if options["browser"] not in ("true", "false"):
        raise ValueError(f"browser: expected true or false, got {options['browser']!r}")
    host, port = options["host"], int(options["port"])
    check_free(host, port)
    return host, port, options["browser"] == "true"


def check_free(host: str, port: int) -> None:
    """Raise ValueError unless a server can listen at this address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ValueError(
                f"host, port: {host}:{port} cannot be used, {error.strerror}; try port={port + 1}"
            ) from None
