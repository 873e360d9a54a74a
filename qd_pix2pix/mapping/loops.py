"""Iterations as loops in ONNX files, which otherwise had thousands of operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from qd_pix2pix.mapping.occupation import ROTATIONS

State = tuple[Tensor, ...]


def in_onnx() -> bool:
    """Return True while an ONNX file is written. Programs of torch with a loop beside ``autocast`` do not load."""
    return torch.compiler.is_exporting() and bool(ROTATIONS.get())


def iterated(turn: Callable[..., State], rows: tuple[Tensor, ...], state: State) -> State:
    """Return the state after ``turn(state, *numbers)`` for each row of the tensors ``rows`` (steps, ...).

    It is a loop in an ONNX file.
    """
    if in_onnx():
        return looped(turn, rows, state)
    for numbers in zip(*rows, strict=True):
        state = turn(state, *numbers)
    return state


def looped(turn: Callable[..., State], rows: tuple[Tensor, ...], state: State) -> State:
    """Return the result of ``iterated`` as a loop of the exported program."""
    from torch._higher_order_ops.while_loop import while_loop

    steps = rows[0].shape[0]

    def unfinished(done: Tensor, *state: Tensor) -> Tensor:
        return (done < steps).reshape(())

    def body(done: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        numbers = (part.index_select(0, done).squeeze(0) for part in rows)
        return done + 1, *turn(state, *numbers)

    start = torch.zeros(1, dtype=torch.long, device=state[0].device)
    found: Any = while_loop(unfinished, body, (start, *(part.clone() for part in state)))
    return tuple(found[1:])
