"""Measure how fast a training is on busy cores, by its number of threads and by how they wait for each other.

    python -m experiments.threads.benchmark   # three minutes; writes results.json beside this file

Each way is a process of its own, because OpenMP reads its settings when torch is imported. All processes exist from the
start and take turns; the others sleep meanwhile. Neighbours are processes that each occupy one core, started as from
other terminals. The machine should have no other work. Ratios are taken block by block and reported as medians with
extremes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from qd_pix2pix.cli import WAIT_BRIEFLY
from qd_pix2pix.files import write_text
from qd_pix2pix.provenance import available_cores, provenance

HERE = Path(__file__).parent
WAYS = {
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "2 threads, spinning": {"OMP_NUM_THREADS": "2"},
    "2 threads, spinning briefly": {"OMP_NUM_THREADS": "2"} | WAIT_BRIEFLY,
    "2 threads, sleeping": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
}
"""Settings of OpenMP; by default, a thread of GNU's library spins for milliseconds before it sleeps."""
REFERENCE = "1 thread"
MODELS = {
    "pix2pix, batch 1": ("model=pix2pix", "loader.batch_size=1"),
    "regressor, batch 16": ("model=regressor", "loader.batch_size=16"),
}
NEIGHBOURS = (0, 1, 2)
BLOCKS, SECONDS = 3, 0.8
SETTINGS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS", *WAIT_BRIEFLY)
OCCUPY = "while True: pass"


def serve(words: Sequence[str]) -> None:
    """Train for the seconds on each line of standard input, and print the seconds per step."""
    import torch

    from experiments.throughput.benchmark import bare_loop, random_batches
    from qd_pix2pix.sweeps.plan import resolve
    from qd_pix2pix.training.settings import trainer_options, untrained

    config = resolve(list(words))
    torch.manual_seed(0)
    batches = random_batches(config, config["loader"]["batch_size"], 1)
    step = bare_loop(untrained(config), trainer_options(config)["precision"], True, batches)
    step()
    print("ready", flush=True)
    for line in sys.stdin:
        began, number = time.perf_counter(), 0
        while time.perf_counter() - began < float(line):
            step()
            number += 1
        print((time.perf_counter() - began) / number, flush=True)


@contextmanager
def training(words: Sequence[str], settings: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start a process that trains on request."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS} | settings
    command = [sys.executable, "-m", "experiments.threads.benchmark", "--serve", *words]
    process = subprocess.Popen(
        command, cwd=HERE.parent.parent, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def neighbours(number: int) -> Iterator[None]:
    """Occupy so many cores."""
    processes = [subprocess.Popen([sys.executable, "-c", OCCUPY], start_new_session=True) for _ in range(number)]
    try:
        time.sleep(0.3)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def ask(process: subprocess.Popen[str], seconds: float) -> float:
    """Return the seconds per step of a process that trains."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{seconds}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def measure(model: str, blocks: int, seconds: float) -> dict[str, Any]:
    """Return steps per second of one model by way and number of neighbours, and ratios to one thread."""
    times: dict[int, dict[str, list[float]]] = {n: {way: [] for way in WAYS} for n in NEIGHBOURS}
    with ExitStack() as stack:
        processes = {way: stack.enter_context(training(MODELS[model], WAYS[way])) for way in WAYS}
        for _ in tqdm(range(blocks), unit="block", desc=model):
            for number in NEIGHBOURS:
                for way, process in processes.items():
                    with neighbours(number):
                        times[number][way].append(ask(process, seconds))
    found = {str(n): {way: summary(of[REFERENCE], of[way]) for way in WAYS} for n, of in times.items()}
    return found


def summary(reference: Sequence[float], own: Sequence[float]) -> dict[str, Any]:
    """Return the steps per second, and the speed relative to the reference, from seconds per step of each block."""
    ratios = [a / b for a, b in zip(reference, own, strict=True)]
    return {
        "steps_per_second": 1 / statistics.median(own),
        "speed": {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--serve", nargs="+", metavar="OVERRIDE", help=argparse.SUPPRESS)
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    given = parser.parse_args(arguments)
    if given.serve:
        serve(given.serve)
        return
    found: dict[str, Any] = {model: measure(model, given.blocks, given.seconds) for model in MODELS}
    machine = {"cores": available_cores(), "provenance": provenance("cpu")}
    write_text(given.output, json.dumps(found | {"machine": machine}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
