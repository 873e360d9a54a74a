"""Options of qd-studio."""

import re
import shlex
import socket

import pytest

from qd_pix2pix.cli.studio_options import STUDIO, STUDIO_HELP, studio_options


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_defaults_are_this_machine_and_a_browser():
    port = free_port()
    assert studio_options([f"port={port}"]) == ("127.0.0.1", port, True)
    assert studio_options([f"port={port}", "browser=false"])[2] is False


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("colour=red", "colour: expected qd-studio"),
        ("port=0", "port: expected a whole number in 1 ... 65535, got '0'"),
        ("port=http", "port: expected a whole number"),
        ("browser=maybe", "browser: expected true or false"),
    ],
)
def test_other_options_are_refused(argument, message):
    with pytest.raises(ValueError, match=message):
        studio_options([argument])


def test_an_address_in_use_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"127.0.0.1:{port} cannot be used.*try port={port + 1}"):
            studio_options([f"port={port}"])


def test_the_help_has_all_options_and_its_examples_are_valid():
    described = STUDIO_HELP.partition("options:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^  (\w+) ", described, re.MULTILINE) == ["port", "host", "browser"]
    examples = re.findall(r"^  qd-studio(.*)$", STUDIO_HELP, re.MULTILINE)
    given = [shlex.split(example, comments=True) for example in examples]
    assert [] in given and all(set(word.split("=")[0] for word in words) <= set(STUDIO) for words in given)
