"""Streamed sums equal those of one evaluation, whatever the slabs; tables equal networks; and input that is refused."""

import warnings
from functools import partial

import h5py
import numpy as np
import pytest
import torch
from chains import chain_card

from qd_pix2pix.inference import stream as module
from qd_pix2pix.inference.stream import stream
from qd_pix2pix.networks import EDNN, ResidualUNet, Window
from qd_pix2pix.predictor import Predictor

LOCAL = partial(Window, channels=(6, 5))
DEEP = partial(ResidualUNet, channels=(3,), blocks=(1,))
quiet = partial(stream, progress=False)
DENSE = {"class": "EDNN", "trunk": {"class": "Window"}}


def ednn(trunk=LOCAL, **options):
    """A network in double precision, so that only the sums round."""
    torch.manual_seed(0)
    network = EDNN(trunk, **options).double()
    for p in network.parameters():
        p.data += 0.2 * torch.randn_like(p)
    return network


def field(*shape, kind="normal", dtype=np.float64):
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape) if kind == "normal" else 2 * rng.integers(0, 2, shape) - 1
    return values.astype(dtype)


def at_once(network, *fields):
    with torch.no_grad():
        return network(torch.as_tensor(np.stack(fields), dtype=torch.float64)[None])[0].numpy()


class Recorded:
    """An array of which slabs are read, and only slabs."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.rows = array, array.shape, array.dtype, []

    def __getitem__(self, key):
        assert isinstance(key, slice)
        self.rows.append(len(self.array[key]))
        return self.array[key]


def use_rows(monkeypatch, rows):
    """Slabs of so many rows of tiles."""
    plan = module.plan
    monkeypatch.setattr(module, "plan", lambda *given: (plan(*given)[0], rows))


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@pytest.mark.parametrize("rows", [1, 3, 5, 100])
@pytest.mark.parametrize(("trunk", "focus", "context", "points"), [
    (LOCAL, 1, 1, (14, 9)), (LOCAL, 2, 3, (14, 10)), (LOCAL, 1, 4, (17,)),
    (LOCAL, 2, 1, (14, 4, 6)), (DEEP, 2, 1, (14, 6)),
    (LOCAL, 2, 0, (14, 6)),
])  # fmt: skip
def test_slabs_of_any_size_give_the_sum_of_the_whole(padding, rows, trunk, focus, context, points, monkeypatch):
    """More context than rows in a slab, too; and every contribution is that of the whole field."""
    use_rows(monkeypatch, rows)
    network = ednn(trunk, focus=focus, context=context, padding=padding, dims=len(points))
    x = field(*points)
    whole = at_once(network, x)
    out = np.full(whole.shape[1:], np.nan)
    found = quiet(network, x, out=out)
    np.testing.assert_allclose(out, whole[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.sums, whole.sum((*range(1, whole.ndim),)), rtol=1e-6)
    assert found.tiles == whole.shape[1:] and found.tabulated == 0 and found.outputs == {}


@pytest.mark.parametrize("values", [(-1, 1), (0, 1), (3.5, -2.25)])
@pytest.mark.parametrize(("trunk", "focus", "context", "points", "padding"), [
    (LOCAL, 1, 1, (37, 43), "circular"), (LOCAL, 2, 1, (512, 520), "circular"), (LOCAL, 2, 0, (14, 10), "zeros"),
    (LOCAL, 1, 4, (1100,), "circular"), (LOCAL, 1, 0, (6, 5, 4), "zeros"), (DEEP, 2, 0, (14, 10), "zeros"),
])  # fmt: skip
@pytest.mark.parametrize("rows", [3, 64])
def test_a_table_of_windows_equals_the_network(values, trunk, focus, context, points, padding, rows, monkeypatch):
    use_rows(monkeypatch, rows)
    network = ednn(trunk, focus=focus, context=context, padding=padding, dims=len(points), out_channels=2)
    x = np.where(field(*points, kind="spins") > 0, *values)
    whole = at_once(network, x)
    out = np.zeros(whole.shape)
    found, direct = quiet(network, x, out=out), quiet(network, x, table=False)
    assert found.tabulated == np.prod(found.tiles) and direct.tabulated == 0
    np.testing.assert_allclose(out, whole, rtol=1e-5, atol=1e-6)
    expected = whole.sum((*range(1, whole.ndim),))
    np.testing.assert_allclose(found.sums, expected, rtol=1e-5, atol=1e-6 * np.abs(whole).sum())
    np.testing.assert_allclose(direct.sums, expected, rtol=1e-5, atol=1e-6 * np.abs(whole).sum())


def test_the_table_is_for_two_values_only(monkeypatch):
    """Constant slabs, and slabs with a third value, are evaluated; the sum is that of all."""
    use_rows(monkeypatch, 4)
    network, x = ednn(padding="circular"), field(40, 20, kind="spins")
    x[:10], x[20, 5] = 1.0, 0.5
    found = quiet(network, x)
    assert 0 < found.tabulated < x.size and found.tabulated % 80 == 0
    np.testing.assert_allclose(found.sums, at_once(network, x).sum((1, 2)), rtol=1e-6)
    assert quiet(network, np.ones((40, 20))).tabulated == 0


@pytest.mark.parametrize(("options", "points"), [
    ({"padding": "zeros"}, (40, 40)),
    ({"context": 2, "padding": "circular"}, (8, 8)), ({"padding": "circular"}, (8, 8)),
])  # fmt: skip
def test_no_table_of_edges_or_of_more_kinds_than_tiles(options, points):
    network, x = ednn(**options), field(*points, kind="spins")
    found = quiet(network, x)
    assert found.tabulated == 0
    np.testing.assert_allclose(found.sums, at_once(network, x).sum((1, 2)), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["i1", ">i2", "f4", ">f8", "bool"])
def test_files_are_streamed(dtype, tmp_path):
    """Memory maps and datasets of h5py, of any real type; contributions into files too."""
    network, x = ednn(padding="circular"), (field(30, 22, kind="spins") > 0).astype(dtype)
    whole = at_once(network, x.astype(float))[0]
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    result = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", "f4", (30, 22))
    with h5py.File(tmp_path / "x.h5", "w") as file, warnings.catch_warnings():
        warnings.simplefilter("error")
        stored = file.create_dataset("x", data=x)
        target = file.create_dataset("y", (30, 22), "f4")
        for table in (True, False):
            for given, out in ((mapped, result), (stored, target)):
                out[:] = 0
                quiet(network, given, out=out, table=table)
                np.testing.assert_allclose(out[:], whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("table", [True, False])
def test_memory_bounds_what_is_read(table):
    """Every row is read once, and its halo with each slab."""
    network = EDNN(LOCAL, padding="circular")
    x = Recorded(field(400, 64, kind="spins", dtype=np.int8))
    least = None
    for memory in (2**18, 2**20):
        x.rows.clear()
        found = quiet(network, x, memory=memory, table=table)
        least = least if least is not None else found.sums
        assert max(x.rows) * 64 * module.COUNTING <= memory and max(x.rows) < 400
        assert 400 <= sum(x.rows) < 1.5 * 400 + 2 * len(x.rows)
        np.testing.assert_allclose(found.sums, least, rtol=1e-6)
    with pytest.raises(ValueError, match=r"memory: expected at least \d+ bytes for one row of tiles, got 1000"):
        quiet(network, x, memory=1000)


def test_several_channels_are_a_list():
    network, x = ednn(in_channels=2, padding="circular"), [field(12, 10), field(12, 10)[::-1]]
    np.testing.assert_allclose(quiet(network, x).sums, at_once(network, *x).sum((1, 2)), rtol=1e-6)
    with pytest.raises(ValueError, match="one array for each of channel 0, channel 1; got 1"):
        quiet(network, x[0])


def predictor_of(*columns, **described):
    torch.manual_seed(0)
    network = {"class": "EDNN", "trunk": {"class": "Window", "channels": [6, 5]}, **described}
    return Predictor(chain_card(target=columns[0], also=columns[1:], network=network)).eval()


@pytest.mark.parametrize("rows", [1, 7])
def test_a_predictor_gives_all_numbers_and_classes(rows, monkeypatch):
    """In physical units, under a condition; contributions of the target, which add up to it."""
    use_rows(monkeypatch, rows)
    predictor, h = predictor_of("energy", "spacing", "pairs", "phase", focus=2, context=1), field(46)
    out = np.zeros(23)
    found = quiet(predictor, {"h": h}, {"coupling": 1.3}, out=out)
    with torch.no_grad():
        columns = {"h": torch.tensor(h, dtype=torch.float32)[None], "coupling": torch.tensor([1.3])}
        expected = {name: values.item() for name, values in predictor(columns).items()}
    assert found.outputs.keys() == expected.keys()
    for name, value in expected.items():
        assert found.outputs[name] == pytest.approx(value, rel=1e-5, abs=1e-6)
    assert out.sum() == pytest.approx(expected["energy"], rel=1e-5)


def test_a_predictor_of_two_values_is_tabulated():
    predictor, h = predictor_of("energy", focus=1, context=1), field(64, kind="spins", dtype=np.int8)
    out, kept = np.zeros(64), np.zeros(64)
    found = quiet(predictor, h, {"coupling": 1.3}, out=out)
    direct = quiet(predictor, h, {"coupling": 1.3}, out=kept, table=False)
    assert found.tabulated == 64 and direct.tabulated == 0
    assert found.outputs["energy"] == pytest.approx(direct.outputs["energy"], rel=1e-5)
    np.testing.assert_allclose(out, kept, rtol=1e-5, atol=1e-6)


def test_the_mode_of_the_network_is_restored():
    network = ednn(partial(DEEP), focus=2, context=1)
    network.train()
    network.trunk.head.eval()
    quiet(network, field(8, 8))
    assert network.training and network.trunk.training and not network.trunk.head.training
    assert network(torch.zeros(1, 1, 4, 4, dtype=torch.float64)).requires_grad


def test_progress_has_a_rate(capsys):
    stream(ednn(), field(8, 8))
    assert "site/s" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["normal", "spins"])
def test_a_value_that_is_not_finite_is_named(bad, kind, monkeypatch):
    use_rows(monkeypatch, 4)
    x = field(20, 40, kind=kind)
    x[9, 3] = bad
    with pytest.raises(ValueError, match=r"input: channel 0 has values that are NaN or infinite, in rows 7 \.\.\. 12"):
        quiet(ednn(), x)


@pytest.mark.parametrize(("given", "match"), [
    ([[1.0, 2.0]], "expected one array|expected channel 0 as an array"),
    (np.zeros((4, 4), complex), "real numbers, without a mask; got ndarray of complex128"),
    (np.array([["a"]]), "real numbers"),
    (np.ma.masked_array(np.zeros((4, 4)), np.eye(4)), "without a mask; got MaskedArray"),
    (np.zeros(4), r"of 2 dimensions, with at least one point each; got \(4,\)"),
    (np.zeros((4, 0)), "at least one point"),
    ({"V": np.zeros((4, 4))}, "expected channel 0; got V"),
    (np.zeros((5, 4)), r"focus: \(5, 4\) points are no multiple of focus=2"),
])  # fmt: skip
def test_bad_fields_are_named(given, match):
    with pytest.raises(ValueError, match=match):
        quiet(ednn(focus=2), given)


@pytest.mark.parametrize(("options", "match"), [
    ({"out": np.zeros((4, 4))}, r"out: expected an array of shape \(8, 8\), got \(4, 4\)"),
    ({"out": [0.0]}, "got list"),
    ({"memory": 0.5}, "memory"),
    ({"table": 1}, "table"),
    ({"conditions": {"coupling": 1.0}}, "conditions: expected none, which varied in training; got 'coupling'"),
    ({"device": "abacus"}, "device"),
])  # fmt: skip
def test_bad_arguments_are_named(options, match):
    with pytest.raises(ValueError, match=match):
        quiet(ednn(), np.zeros((8, 8)), **options)


def test_fields_of_different_shapes_are_named():
    with pytest.raises(ValueError, match=r"same shape, got \(4, 4\), \(4, 8\)"):
        quiet(ednn(in_channels=2), [np.zeros((4, 4)), np.zeros((4, 8))])


@pytest.mark.parametrize(("card", "conditions", "match"), [
    ({"target": "energy"}, {"coupling": 1.0}, "expected an EDNN.*got ResidualUNet"),
    ({"target": "m", "network": DENSE}, {}, "numbers and classes only; m is"),
    ({"target": "energy", "network": DENSE}, {}, "a value of coupling"),
    ({"target": "energy", "network": DENSE}, {"J": 1.0}, "got 'J'"),
    ({"target": "energy", "network": DENSE}, {"coupling": np.nan}, "coupling"),
    ({"target": "energy", "source": None, "network": DENSE}, {}, "a field as"),
])  # fmt: skip
def test_predictors_that_cannot_be_streamed_are_named(card, conditions, match):
    with pytest.raises(ValueError, match=match):
        quiet(Predictor(chain_card(**card)), np.zeros(16), conditions)
