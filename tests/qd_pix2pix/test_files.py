"""Files that are there whole or not at all, and names that tell contents apart."""

import errno
import json
import os
import resource
import stat
import subprocess
import sys

import h5py
import numpy as np
import pytest

from qd_pix2pix.cli.errors import first_cause
from qd_pix2pix.files import digest, sha256, to_json, write_hdf5, write_text, write_whole


def test_text_is_utf8_with_unix_line_ends(tmp_path):
    write_text(tmp_path / "a.txt", "ε_r × ∫n\n")
    assert (tmp_path / "a.txt").read_bytes() == "ε_r × ∫n\n".encode()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_that_the_umask_leaves(tmp_path, umask, mode):
    """Also where a writer makes its file for its owner alone."""
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a", "text")
        with write_whole(tmp_path / "b") as temporary:
            temporary.unlink()
            os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [mode, mode]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path, monkeypatch, call):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*(("os.fsync", full) if call == "fsync" else ("pathlib.Path.replace", full)))
    with pytest.raises(OSError, match=f"No space left.*what was there before is kept.*{path}") as caught:
        write_text(path, "new")
    assert caught.value.errno == errno.ENOSPC
    assert first_cause(caught.value).startswith(f"{path}: No space left on device")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_hdf5_names_the_file_on_a_full_disk(tmp_path):
    """Its own error, raised when the file is closed, is a RuntimeError with the number in its text."""
    path = tmp_path / "a.h5"
    write_text(path, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
        with pytest.raises(OSError, match="File too large; what was there before is kept") as caught:
            with write_whole(path) as temporary, h5py.File(temporary, "w") as file:
                file["a"] = np.zeros(10000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("room", [1000, 5000, 20000])
def test_a_full_disk_ends_no_process_that_writes_hdf5(tmp_path, room):
    """HDF5 crashes where a file with several datasets does not fit, so that this one is written in another process."""
    path = tmp_path / "a.h5"
    write_text(path, "old")
    code = f"""
import resource, sys, numpy as np
from qd_pix2pix.files import write_hdf5
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    with write_hdf5({str(path)!r}) as file:
        for name in "abcdef":
            file.create_dataset(name, data=np.arange(1000.0), chunks=(100,), fletcher32=True)
            file[name].attrs["units"] = "eV"
except OSError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "File too large; what was there before is kept" in done.stderr
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_hdf5_files_of_one_name_are_written_at_once(tmp_path):
    names = [tmp_path / folder / "a.h5" for folder in "bc"]
    for name in names:
        name.parent.mkdir()
    with write_hdf5(names[0]) as first, write_hdf5(names[1]) as second:
        first["x"], second["x"] = 1.0, 2.0
    found = []
    for name in names:
        with h5py.File(name, "r") as file:
            found.append(float(file["x"][()]))
    assert found == [1.0, 2.0]


def test_other_errors_remain_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match="a defect"), write_whole(tmp_path / "a"):
        raise RuntimeError("a defect")
    assert list(tmp_path.iterdir()) == []


def test_any_error_leaves_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt), write_whole(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_nothing_is_seen_before_all_is_written(tmp_path):
    path = tmp_path / "a.txt"
    with write_whole(path) as temporary:
        temporary.write_text("half")
        assert not path.exists() and temporary.parent == tmp_path
    assert path.read_text() == "half"


@pytest.mark.parametrize("place", ["missing", "file"])
def test_a_folder_that_is_none_is_named(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as caught:
        write_text(tmp_path / place / "a.txt", "text")
    assert caught.value.filename == str(tmp_path / place / "a.txt")


def test_json_is_the_same_whatever_the_order_of_its_keys():
    assert to_json({"b": 1, "a": [2]}) == to_json({"a": [2], "b": 1})
    assert json.loads(to_json({"a": 0.1}))["a"] == 0.1
    with pytest.raises(ValueError):
        to_json({"a": float("nan")})


def test_a_number_has_one_name():
    assert digest({"a": 30}) == digest({"a": 30.0}) and digest({"a": (1, 2)}) == digest({"a": [1, 2]})
    assert digest({"a": 30}, "salt") != digest({"a": 30})


def test_a_content_without_a_name_is_an_error_with_its_key():
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=rf"model\.betas: expected a finite number, got {number}"):
            digest({"model": {"betas": [0.5, number]}})


@pytest.mark.parametrize(
    ("one", "other"),
    [(2**53, 2**53 + 1), (2**53 + 1, 2**53 + 2), (-(2**53), -(2**53) - 1), (10**18, 10**18 + 1), (1, True), (0, None)],
)
def test_other_contents_have_other_names(one, other):
    assert digest({"seed": one}) != digest({"seed": other})


def test_sha256_of_a_known_text(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
