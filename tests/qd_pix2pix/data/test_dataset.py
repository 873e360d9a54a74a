"""Pairs, augmentation, and an order that survives an interruption."""

import numpy as np
import pytest
import torch

from qd_pix2pix.data.datamodule import DotsDataModule, ResumableSampler
from qd_pix2pix.data.dataset import Dots, FieldPairs, Jitter, RandomSymmetry
from qd_pix2pix.mapping import Mapping
from qd_pix2pix.mapping.conditions import facts_of


def module(store, **options):
    return DotsDataModule([store], Mapping("V", "n_int").fit(store.statistics), **options)


def dots(split, *stores):
    return Dots([store.split(split) for store in stores], [facts_of(store.recipe) for store in stores])


def pairs_of(store, *options, also=(), **named):
    return FieldPairs(dots("train", store), Mapping("V", "n_int", also), *options, **named)


def test_symmetry_turns_source_and_target_together():
    fields = torch.rand(2, 6, 6)
    fields[1] = 3 * fields[0]
    turned = RandomSymmetry()(fields, np.random.default_rng(3))
    torch.testing.assert_close(turned[1], 3 * turned[0])


def test_jitter_crops_source_and_target_alike_and_by_the_grid():
    n, n_resize = 32, 40
    slope = torch.linspace(0, 1, n).repeat(n, 1)
    fields = torch.stack([slope, 2 * slope])
    out = Jitter(n_resize)(fields, np.random.default_rng(0))
    assert out.shape == (2, n, n)
    torch.testing.assert_close(out[1], 2 * out[0])
    # a linear slope stays one, stretched by n_resize / n
    steps = out[0, 5, 6:-6].diff()
    torch.testing.assert_close(steps, torch.full_like(steps, n / n_resize / (n - 1)), atol=1e-5, rtol=0)


def test_jitter_moves_the_crop_about():
    fields = torch.rand(2, 16, 16)
    assert len({Jitter(20)(fields, np.random.default_rng(i)).numpy().tobytes() for i in range(40)}) > 10


def test_augmentation_depends_on_seed_epoch_and_index_only(small_store):
    def pairs(seed):
        return pairs_of(small_store, (RandomSymmetry(), Jitter(36)), seed)

    first, again, other = pairs(0), pairs(0), pairs(1)
    again[(5, 2)]  # whatever was asked before
    torch.testing.assert_close(first[(1, 3)], again[(1, 3)], rtol=0, atol=0)
    drawn = [first[(epoch, 3)]["source"].numpy().tobytes() for epoch in range(12)]
    assert len(set(drawn)) > 6
    assert any(not torch.equal(first[(e, 3)]["source"], other[(e, 3)]["source"]) for e in range(4))


def test_from_disk_equals_from_memory(small_store):
    cached, lazy = (pairs_of(small_store, also=("n0", "energy"), cache_bytes=b) for b in (2**30, 0))
    assert lazy._cache is None and cached._cache is not None
    for i in range(len(lazy)):
        torch.testing.assert_close(lazy[i], cached[i], rtol=0, atol=0)


def test_items_are_what_the_shards_hold(small_store):
    row = small_store.split("train").read(7, ["V", "n0", "n_int", "energy", "gap"])
    item = pairs_of(small_store, also=("n0", "energy"))[7]
    names = {"source": "V", "target": "n_int", "n0": "n0", "energy": "energy", "gap": "gap"}
    for key, name in names.items():
        np.testing.assert_allclose(item[key].squeeze(), row[name], rtol=1e-6)
    assert item["source"].shape == item["n0"].shape == (1, 32, 32) and item["energy"].shape == ()
    np.testing.assert_allclose(item["facts"], [2, 0.067, 12.9, 24.0], rtol=1e-6)
    assert item.keys() == {*names, "facts", "index"}


def test_a_symmetry_turns_every_field_and_no_number(small_store):
    plain, turned = pairs_of(small_store, also=("n0", "gap")), pairs_of(small_store, (RandomSymmetry(),), also=("n0",))
    moved = 0
    for epoch in range(6):
        before, after = plain[5], turned[(epoch, 5)]
        moved += not torch.equal(before["source"], after["source"])
        assert before["gap"] == after["gap"]
        # the same element for all: where the potential is deepest, the densities are what they were there
        for name in ("target", "n0"):
            at = after["source"].argmin()
            assert after[name].flatten()[at] == before[name].flatten()[before["source"].argmin()]
    assert moved


@pytest.mark.parametrize("cache_bytes", [2**30, 0])
def test_several_datasets_follow_one_another_with_their_own_facts(small_store, single_store, cache_bytes):
    together = FieldPairs(dots("train", small_store, single_store), Mapping("V", "n_int"), cache_bytes=cache_bytes)
    n_first = len(small_store.split("train"))
    assert len(together) == n_first + len(single_store.split("train"))
    for index, (store, row) in {
        0: (small_store, 0),
        n_first - 1: (small_store, n_first - 1),
        n_first: (single_store, 0),
        len(together) - 1: (single_store, len(together) - n_first - 1),
    }.items():
        np.testing.assert_array_equal(
            together[index]["source"][0], store.split("train").read(row, ["V"])["V"].astype(np.float32)
        )
        assert together[index]["facts"][0] == store.recipe["n_electrons"]


def test_loading_processes_give_the_same_batches(small_store):
    batches = [list(module(small_store, num_workers=w, cache_gib=0.0).train_dataloader()) for w in (0, 2)]
    torch.testing.assert_close(batches[0], batches[1], rtol=0, atol=0)


def test_order_is_a_permutation_anew_each_epoch():
    sampler = ResumableSampler(20, seed=0)
    first = [index for _, index in sampler]
    sampler.epoch = 1
    second = [index for _, index in sampler]
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second


@pytest.mark.parametrize("batch_size", [1, 4, 5])
def test_loader_goes_on_in_mid_epoch(small_store, batch_size):
    whole = [b["index"].tolist() for b in module(small_store, batch_size=batch_size).train_dataloader()]
    resumed = module(small_store, batch_size=batch_size).train_dataloader()
    iterator = iter(resumed)
    resumed.place = lambda: (0, 2)  # told after the iterator is made, before the first batch
    assert [b["index"].tolist() for b in iterator] == whole[2:]
    resumed.place = lambda: (1, 0)
    following = [b["index"].tolist() for b in resumed]
    assert following != whole and sorted(sum(following, [])) == sorted(sum(whole, []))


@pytest.mark.parametrize("bad", [{"jitter": 31}, {"batch_size": 0}, {"num_workers": -1}])
def test_bad_arguments_are_named(small_store, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        module(small_store, **bad)
