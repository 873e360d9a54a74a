"""Batches of a prediction on the threads of a processor."""

import threading

import pytest
import torch
from torch import nn

from qd_pix2pix.inference.batch_threads import on_threads
from qd_pix2pix.inference.predict import evenly

CPU = torch.device("cpu")


@pytest.fixture
def threads():
    """Three threads for the time of a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


class Own(nn.Module):
    """The network of a user."""


def watched(network, device=CPU, number=7):
    """Return the results of batches 0 ... number - 1, the threads that worked, and the threads within a batch."""
    seen, together = set(), threading.Barrier(3)

    def work(batch):
        seen.add(threading.get_ident())
        if number >= 3 and batch < 3 and isinstance(network, nn.Linear):
            together.wait(timeout=20)  # the first three batches are all under way
        assert torch.is_inference_mode_enabled()
        return batch**2, torch.get_num_threads()

    found = list(on_threads(work, range(number), network, device))
    return [square for square, _ in found], seen, {within for _, within in found}


def test_each_thread_has_a_batch_at_a_time(threads):
    squares, seen, within = watched(nn.Linear(1, 1))
    assert squares == [0, 1, 4, 9, 16, 25, 36] and len(seen) == threads and within == {1}
    assert threading.get_ident() not in seen and torch.get_num_threads() == threads
    assert len(watched(nn.Linear(1, 1))[1]) == threads  # threads of other numbers leave no trace


@pytest.mark.parametrize(
    ("network", "device", "number"),
    [(Own(), CPU, 7), (nn.Sequential(Own()), CPU, 7), (nn.ReLU(), torch.device("cuda"), 7), (nn.ReLU(), CPU, 1)],
)
def test_one_after_the_other_with_all_threads(threads, network, device, number):
    squares, seen, within = watched(network, device, number)
    assert squares == [i**2 for i in range(number)] and seen == {threading.get_ident()} and within == {threads}


def test_an_error_of_one_batch_ends_all_and_leaves_the_number_of_threads(threads):
    def work(batch):
        if batch == 4:
            raise MemoryError("the fifth batch")
        return batch

    found = []
    with pytest.raises(MemoryError, match="the fifth batch"):
        found.extend(on_threads(work, range(9), nn.ReLU(), CPU))
    assert torch.get_num_threads() == threads
    assert list(on_threads(work, range(2), nn.ReLU(), CPU)) == [0, 1]


@pytest.mark.parametrize(
    ("total", "most", "threads", "size"),
    [(512, 64, 2, 64), (100, 64, 2, 50), (300, 64, 2, 50), (6, 64, 2, 8), (6, 4, 2, 4), (65, 64, 1, 33), (0, 64, 2, 8)],
)
def test_threads_have_equally_many_samples(total, most, threads, size):
    assert evenly(total, most, threads) == size
