"""Constant sparse matrices times dense columns: SciPy's on a processor, gathers in every other array library."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from solvers.backend import Array, namespace, on_host


class SparseMatrix:
    """A matrix (rows, columns) with few entries in each row and column.

    Args:
        values: its entries, (entries,).
        rows, columns: where they are, (entries,), each place at most once.
        shape: number of rows and columns.
    """

    def __init__(self, values: NDArray, rows: NDArray, columns: NDArray, shape: tuple[int, int]) -> None:
        whole = scipy.sparse.csr_array((values, (rows, columns)), shape=shape)
        self.shape = shape
        self._by_precision = {np.dtype(kind): whole.astype(kind) for kind in (np.float64, np.float32)}

    def times(self, dense: Array) -> Array:
        """Return the product with ``dense`` (columns, k), in its precision: (rows, k)."""
        if on_host(dense):
            return self._by_precision[dense.dtype] @ dense
        return _gathered(*self._of_rows, dense)

    def transposed_times(self, dense: Array) -> Array:
        """Return the product of the transpose with ``dense`` (rows, k): (columns, k)."""
        if on_host(dense):
            return self._by_precision[dense.dtype].T @ dense
        return _gathered(*self._of_columns, dense)

    @cached_property
    def _of_rows(self) -> tuple[NDArray, NDArray]:
        return _padded(self._by_precision[np.dtype(np.float64)])

    @cached_property
    def _of_columns(self) -> tuple[NDArray, NDArray]:
        return _padded(scipy.sparse.csr_array(self._by_precision[np.dtype(np.float64)].T))


def _padded(matrix: scipy.sparse.csr_array) -> tuple[NDArray, NDArray]:
    """Return the column and the value of the entries of each row, (most, rows), values 0 where a row has fewer."""
    counts = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), counts)
    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], counts)
    source = np.zeros((int(counts.max(initial=0)), matrix.shape[0]), dtype=np.intp)
    value = np.zeros(source.shape)
    source[place, row], value[place, row] = matrix.indices, matrix.data
    return source, value


def _gathered(source: NDArray, value: NDArray, dense: Array) -> Array:
    xp, device = namespace(dense), dense.device
    total = xp.zeros((source.shape[1], dense.shape[1]), dtype=dense.dtype, device=device)
    for some, its in zip(source, value, strict=True):
        factor = xp.asarray(its[:, None], dtype=dense.dtype, device=device)
        total = total + xp.take(dense, xp.asarray(some, device=device), axis=0) * factor
    return total
