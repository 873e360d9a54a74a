"""One shard, of a system that is no quantum dot: what it refuses, what others read in it, and its statistics."""

import errno
import json
import os
import resource
import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray
from schemas import RINGS, rings

from qd_pix2pix.data.shard import StoreError, UnreadableError, read_shard, reading, write_shard
from qd_pix2pix.data.store import Split
from qd_pix2pix.schema import Schema

RECIPE = {"seed": 7, "train": 4}


def write(path, columns=None):
    return write_shard(path, columns or rings(), RINGS, RECIPE, "train")


@pytest.fixture
def shard(tmp_path):
    write(tmp_path / "train-00000.h5")
    return tmp_path / "train-00000.h5"


def test_what_is_written_is_read(shard):
    found, columns = read_shard(shard), rings()
    assert found.keys() == columns.keys()
    for name, values in columns.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6 if name == "charge" else 0)
    assert all(found[c.name].dtype == c.dtype for c in RINGS.columns)


def test_xarray_sees_names_units_and_coordinates(shard):
    with xarray.open_dataset(shard, engine="h5netcdf") as data:
        assert data.spins.dims == ("sample", "site") and data.levels.dims == ("sample", "level")
        assert data.energy.dims == ("sample",)
        assert (data.energy.units, data.energy.long_name) == ("eV", "energy of the ring")
        assert "units" not in data.spins.attrs
        np.testing.assert_array_equal(data.site, range(6))
        np.testing.assert_array_equal(data.sample, range(4))


def test_a_shard_says_what_it_is(shard):
    with h5py.File(shard) as file:
        assert Schema.from_dict(json.loads(file.attrs["schema"])) == RINGS
        assert json.loads(file.attrs["recipe"]) == RECIPE
        assert (file.attrs["split"], file.attrs["seed"], file.attrs["format"]) == ("train", 7, 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"energy": None}, "makes no energy"),
        ({"sample": None}, "makes no sample"),
        ({"entropy": np.zeros(4)}, "entropy is in no column"),
        ({"energy": np.zeros((4, 6))}, r"energy of shape \(4,\), got \(4, 6\)"),
        ({"spins": np.zeros((4, 5))}, r"spins of shape \(4, 6\), got \(4, 5\)"),
        ({"spins": np.zeros((3, 6))}, r"spins of shape \(4, 6\), got \(3, 6\)"),
        ({"levels": np.zeros(4)}, r"levels of shape \(4, -1\), got \(4,\)"),
        ({"phase": np.int64(1)}, r"phase of shape \(4,\), got \(\)"),
    ],
)
def test_columns_that_do_not_fit_the_schema_are_named(tmp_path, change, said):
    columns = {name: values for name, values in (rings() | change).items() if values is not None}
    with pytest.raises(ValueError, match=f"spin rings: .*{said}"):
        write(tmp_path / "a.h5", columns)
    assert not list(tmp_path.iterdir())


def test_statistics_are_over_all_axes_but_the_first(tmp_path):
    columns = rings()
    found = write(tmp_path / "a.h5", columns)["statistics"]
    assert found.keys() == {c.name for c in RINGS.columns} - {"levels"}, "guards and keys have none"
    for name in ("charge", "energy", "walls", "coupling"):
        values = columns[name].astype(float)
        means = values.reshape(4, -1).mean(1)
        expected = {"min": values.min(), "max": values.max(), "mean": values.mean(), "mean_square": (values**2).mean()}
        expected |= {"sample_mean_min": means.min(), "sample_mean_max": means.max(), "samples": 4}
        known = {word: value for word, value in found[name].items() if word in expected}
        assert known == pytest.approx(expected)
        assert ("level_min" in found[name]) == (values.ndim > 1)


def test_samples_without_a_number_are_left_out_of_the_statistics(tmp_path):
    columns = rings()
    columns["energy"][1] = np.nan
    columns["charge"][2, 3] = np.inf
    columns["energy_error"][:] = np.nan
    found = write(tmp_path / "a.h5", columns)["statistics"]
    assert found["energy"]["mean"] == pytest.approx(np.delete(columns["energy"], 1).mean())
    assert found["charge"]["max"] == pytest.approx(np.delete(columns["charge"], 2, 0).max())
    assert "energy_error" not in found
    assert np.isnan(read_shard(tmp_path / "a.h5")["energy"][1])


def place_of(path, name):
    """Offset and size of a column's bytes in its file."""
    with h5py.File(path) as file:
        chunk = file[name].id.get_chunk_info(0)
    return chunk.byte_offset, chunk.size


NAMES = [*(c.name for c in RINGS.columns), "sample"]


@pytest.mark.parametrize("name", NAMES)
def test_one_flipped_bit_in_a_column_is_found_on_reading(shard, name):
    content = bytearray(shard.read_bytes())
    offset, size = place_of(shard, name)
    for position in (0, size // 2, size - 1):
        damaged = bytearray(content)
        damaged[offset + position] ^= 4
        shard.write_bytes(damaged)
        with pytest.raises(StoreError, match="train-00000.h5: damaged .*delete it"):
            read_shard(shard)


@pytest.mark.parametrize("name", ["site", "level", "sample"])
def test_one_flipped_bit_in_an_axis_is_found_by_others(shard, name):
    content = bytearray(shard.read_bytes())
    content[place_of(shard, name)[0] + 1] ^= 1
    shard.write_bytes(content)
    with h5py.File(shard) as file, pytest.raises(OSError):
        file[name][...]


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n" + bytes(500)])
def test_a_file_that_is_no_shard_is_damaged(shard, content):
    shard.write_bytes(content)
    with pytest.raises(StoreError, match="train-00000.h5: damaged .*delete it"):
        read_shard(shard)


def test_a_shard_without_its_attributes_is_damaged(shard):
    with h5py.File(shard, "r+") as file:
        del file.attrs["schema"]
    with pytest.raises(StoreError, match="train-00000.h5: damaged .*delete it"):
        read_shard(shard)


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(StoreError, match="a.h5: missing; run the same generate.py command again"):
        read_shard(tmp_path / "a.h5")


def test_a_shard_that_is_open_for_writing_elsewhere_can_be_read(shard):
    """Shards are never changed in place, so HDF5's lock does not matter."""
    hold = f"import h5py; f = h5py.File({str(shard)!r}, 'r+'); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        assert len(read_shard(shard)["sample"]) == 4
        assert len(Split([shard], [4], RINGS).load(["energy"])["energy"]) == 4
        other.communicate(b"\n")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "change its permissions"),
        (errno.EPERM, "change its permissions"),
        (errno.EMFILE, "too many open files; raise ulimit -n"),
        (errno.ENFILE, "this machine has too many open files"),
        (errno.EAGAIN, "open for writing in another program"),
        (errno.EIO, "look at the disk"),
        (errno.ESTALE, "network file system"),
    ],
)
def test_what_is_no_damage_is_not_to_be_deleted(number, said):
    with pytest.raises(UnreadableError, match=f"a.h5: .*{said}") as caught, reading("a.h5"):
        raise OSError(number, os.strerror(number))
    assert "delete" not in str(caught.value) and "damaged" not in str(caught.value)


def test_a_lock_is_no_damage():
    with pytest.raises(UnreadableError, match="a.h5: is open for writing in another program"), reading("a.h5"):
        raise OSError("Unable to synchronously open file (unable to lock file, errno = 11)")


@pytest.mark.parametrize("error", [OSError("checksum"), KeyError("V"), ValueError("odd"), TypeError("odd")])
def test_only_damage_is_called_damage(error):
    with pytest.raises(StoreError, match="a.h5: damaged .*delete it") as caught, reading("a.h5"):
        raise error
    assert not isinstance(caught.value, UnreadableError)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files in /proc")
def test_hdf5_tells_that_too_many_files_are_open(shard):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = [os.open(os.devnull, os.O_RDONLY)]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 2, limits[1]))
        while used[-1] is not None:
            try:
                used.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                used.append(None)
        with pytest.raises(UnreadableError, match="train-00000.h5: .*too many open files; raise ulimit"):
            read_shard(shard)
    finally:
        for file in used:
            if file is not None:
                os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
