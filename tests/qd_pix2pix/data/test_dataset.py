"""Samples as tensors, augmentation, and an order that survives an interruption."""

import numpy as np
import pytest
import torch
from schemas import RINGS, rings

from qd_pix2pix.data.datamodule import SamplesModule
from qd_pix2pix.data.dataset import Batches, Samples
from qd_pix2pix.data.sampler import ResumableBatches
from qd_pix2pix.data.shard import write_shard
from qd_pix2pix.data.store import Split
from qd_pix2pix.data.transforms import Jitter, RandomSymmetry
from qd_pix2pix.mapping.symmetry import Symmetry
from qd_pix2pix.predictor import Card, Predictor

NETWORK = {"class": "ResidualUNet", "channels": [2, 2], "blocks": [1, 1]}


def predictor(*stores, also=()):
    mapping = {"source": "V", "target": "n_int", "also": list(also)}
    schemas = [store.schema.to_dict() for store in stores]
    return Predictor(Card(schemas, mapping, NETWORK, {}, False, stores[0].statistics))


def module(store, **options):
    return SamplesModule([store], predictor(store), **options)


def samples(split, *stores):
    return Samples([store.split(split) for store in stores], [store.schema.constants for store in stores])


def batches_of(store, *options, names=("V", "n_int"), **named):
    return Batches(samples("train", store), store.schema, names, *options, **named)


def test_augmentation_depends_on_seed_epoch_and_index_only(small_store):
    symmetry = Symmetry(small_store.schema)

    def batches(seed):
        return batches_of(small_store, (RandomSymmetry(symmetry), Jitter(symmetry, 36)), seed)

    first, again, other = batches(0), batches(0), batches(1)
    again[(5, 2)]  # whatever was asked before
    torch.testing.assert_close(first[(1, 3)], again[(1, 3)], rtol=0, atol=0)
    drawn = [first[(epoch, 3)]["V"].numpy().tobytes() for epoch in range(12)]
    assert len(set(drawn)) > 6
    assert any(not torch.equal(first[(e, 3)]["V"], other[(e, 3)]["V"]) for e in range(4))


def test_from_disk_equals_from_memory(small_store):
    names = ("V", "n_int", "n0", "energy", "n_electrons")
    cached, lazy = (batches_of(small_store, names=names, cache_bytes=b) for b in (2**30, 0))
    assert lazy._cache is None and cached._cache is not None
    for i in range(len(lazy)):
        torch.testing.assert_close(lazy[i], cached[i], rtol=0, atol=0)


def test_items_are_what_the_shards_hold(small_store):
    stored = ("V", "n0", "n_int", "energy", "gap")
    row = small_store.split("train").read(7, stored)
    item = batches_of(small_store, names=(*stored, "n_electrons", "m_eff", "eps_r", "extent"))[7]
    for name in stored:
        np.testing.assert_allclose(item[name], row[name], rtol=1e-6)
    assert item["V"].shape == item["n0"].shape == (32, 32) and item["energy"].shape == ()
    constants = [item[name].item() for name in ("n_electrons", "m_eff", "eps_r", "extent")]
    assert constants == pytest.approx([2, 0.067, 12.9, 24.0], rel=1e-6)
    assert all(values.dtype == torch.float32 for values in item.values())
    assert item.keys() == {*stored, "n_electrons", "m_eff", "eps_r", "extent"}


def test_the_columns_of_a_module_are_those_of_its_predictor(small_store):
    found = SamplesModule([small_store], predictor(small_store, also=("n0", "energy"))).batches("val")
    assert len(found) == 5
    assert found[0].keys() == {"V", "n_int", "n0", "energy", "n_electrons", "m_eff", "eps_r", "extent"}


def test_classes_are_whole_numbers_and_conditions_may_be_columns(tmp_path):
    """Of rings: the coupling is each sample's own, the number of particles the dataset's."""
    write_shard(tmp_path / "a.h5", rings(), RINGS, {"seed": 0}, "train")
    parts = Samples([Split([tmp_path / "a.h5"], [4], RINGS)], [RINGS.constants])
    found = Batches(parts, RINGS, ("spins", "phase", "walls", "coupling", "particles"))
    for i in range(4):
        item = found[i]
        assert item["phase"].dtype == torch.int64 and item["phase"] == rings()["phase"][i]
        assert item["spins"].dtype == item["walls"].dtype == torch.float32 and item["spins"].shape == (6,)
        assert item["coupling"].item() == pytest.approx(rings()["coupling"][i]) and item["particles"] == 3


def test_a_symmetry_turns_every_field_and_no_number(small_store):
    names, symmetry = ("V", "n_int", "n0", "gap"), RandomSymmetry(Symmetry(small_store.schema))
    plain, turned = batches_of(small_store, names=names), batches_of(small_store, (symmetry,), names=names)
    moved = 0
    for epoch in range(6):
        before, after = plain[5], turned[(epoch, 5)]
        moved += not torch.equal(before["V"], after["V"])
        assert before["gap"] == after["gap"]
        # the same element for all: where the potential is deepest, the densities are what they were there
        for name in ("n_int", "n0"):
            at = after["V"].argmin()
            assert after[name].flatten()[at] == before[name].flatten()[before["V"].argmin()]
    assert moved


@pytest.mark.parametrize("cache_bytes", [2**30, 0])
def test_several_datasets_follow_one_another_with_their_own_conditions(small_store, single_store, cache_bytes):
    parts = samples("train", small_store, single_store)
    together = Batches(parts, small_store.schema, ("V", "n_electrons"), cache_bytes=cache_bytes)
    n_first = len(small_store.split("train"))
    assert len(together) == n_first + len(single_store.split("train"))
    for index, (store, row) in {
        0: (small_store, 0),
        n_first - 1: (small_store, n_first - 1),
        n_first: (single_store, 0),
        len(together) - 1: (single_store, len(together) - n_first - 1),
    }.items():
        stored = store.split("train").read(row, ["V"])["V"].astype(np.float32)
        np.testing.assert_array_equal(together[index]["V"], stored)
        assert together[index]["n_electrons"] == store.recipe["n_electrons"]


def test_loading_processes_give_the_same_batches(small_store):
    batches = [list(module(small_store, num_workers=w, cache_gib=0.0).train_dataloader()) for w in (0, 2)]
    torch.testing.assert_close(batches[0], batches[1], rtol=0, atol=0)


def test_order_is_a_permutation_anew_each_epoch():
    batches = ResumableBatches([range(20)], 20, seed=0)
    first = [index for _, index in next(iter(batches))]
    batches.epoch = 1
    second = [index for _, index in next(iter(batches))]
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second


def order_of(loader, store):
    """Which samples a loader gives: each batch as a list of their numbers."""
    known = {v.astype(np.float32).tobytes(): i for i, v in enumerate(store.split("train").load(["V"])["V"])}
    return [[known[values.numpy().tobytes()] for values in batch["V"]] for batch in loader]


@pytest.mark.parametrize("batch_size", [1, 4, 5])
def test_loader_resumes_in_mid_epoch(small_store, batch_size):
    whole = order_of(module(small_store, batch_size=batch_size).train_dataloader(), small_store)
    resumed = module(small_store, batch_size=batch_size).train_dataloader()
    iterator = iter(resumed)
    resumed.place = lambda: (0, 2)  # given after the iterator is made, before the first batch
    assert order_of(iterator, small_store) == whole[2:]
    resumed.place = lambda: (1, 0)
    following = order_of(resumed, small_store)
    assert following != whole and sorted(sum(following, [])) == sorted(sum(whole, [])) == list(range(12))


def test_augmentation_is_of_the_training_split_alone(small_store):
    augmented = module(small_store, symmetry=True, jitter=36)
    plain = module(small_store)
    torch.testing.assert_close(augmented.batches("val")[2], plain.batches("val")[2], rtol=0, atol=0)
    training = augmented.train_dataloader().dataset
    assert any(not torch.equal(training[(e, 2)]["V"], plain.batches("train")[2]["V"]) for e in range(4))
    assert module(small_store, jitter=32).transforms == (), "as many points as there are is off"


@pytest.mark.parametrize(
    "bad", [{"jitter": 31}, {"batch_size": 0}, {"eval_batch_size": 0}, {"num_workers": -1}, {"cache_gib": -1.0}]
)
def test_bad_arguments_are_named(small_store, bad):
    with pytest.raises(ValueError, match=f"loader.{next(iter(bad))}"):
        module(small_store, **bad)


def test_jitter_is_for_planes(small_store):
    line = predictor(small_store)
    line.schema = RINGS
    with pytest.raises(ValueError, match=r"loader.jitter: .*crops squares and rectangles.*\(6,\)"):
        SamplesModule([small_store], line, jitter=8)


def test_noise_is_drawn_in_training_and_validation_and_never_in_tests(small_store):
    """Each epoch of the training has other noise, the validation always the same."""
    found, plain = module(small_store, noise=[0.01, 0.02]), module(small_store)
    train, val, test = (found.batches(split, augment=split == "train") for split in ("train", "val", "test"))
    clean = plain.batches("val")[0]
    deviation = (val[0]["V"] - clean["V"]).std() / clean["V"].abs().max()
    assert 0.009 < float(deviation) < 0.021
    torch.testing.assert_close(val[0], val[0], rtol=0, atol=0)
    torch.testing.assert_close(val[0]["n_int"], clean["n_int"], rtol=0, atol=0)
    torch.testing.assert_close(test[0], plain.batches("test")[0], rtol=0, atol=0)
    assert not torch.equal(train[(0, 1)]["V"], train[(1, 1)]["V"])


@pytest.mark.parametrize("noise", [[0.1, 0.01], [0.0, 0.01], 0.01, [0.01]])
def test_noise_is_a_range_of_positive_fractions(small_store, noise):
    with pytest.raises(ValueError, match=r"loader.noise: expected \[low, high\]"):
        module(small_store, noise=noise)
