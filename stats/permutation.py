"""Permutation tests of many Spearman correlations from one set of permutations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import FloatArray, orders
from stats.correlation import IntArray
from stats.draws import DrawnRows, blocks
from stats.outcome import Outcome, Reason
from stats.rankmatrix import TIE, columns, first_largest, reasons, spearman_matrix, unit_ranks

_CHUNK = 1 << 22


def draw_permutations(n: int, n_resamples: int, rng: np.random.Generator) -> IntArray:
    """Draw random orders of n observations, shape (n_resamples, n).

    Parameters
    ----------
    n, n_resamples : int
    rng : Generator

    Raises
    ------
    ValueError
        If ``n`` or ``n_resamples`` is below 1.
    """
    if n < 1 or n_resamples < 1:
        raise ValueError(f"cannot draw {n_resamples} permutations of {n} observations")
    return rng.permuted(np.tile(np.arange(n), (n_resamples, 1)), axis=1)


@dataclass(frozen=True)
class PermutationMatrix:
    """Two-sided permutation tests of p by q Spearman correlations.

    Every p is (b + 1) / (B + 1), with b the number of the B permutations that are at least
    as extreme as what was observed (Phipson and Smyth 2010). NaN where undefined.

    Parameters
    ----------
    rho : ndarray, shape (p, q)
    p : ndarray, shape (p, q)
        Each test on its own.
    p_maxt_within_column : ndarray, shape (p, q)
        Accounts for having searched all rows of the column (single-step max-T, Westfall and
        Young 1993).
    p_maxt : ndarray, shape (p, q)
        Accounts for having searched the whole matrix.
    peak : ndarray of int, shape (q,)
        Row of the column's largest absolute rho; -1 where the column has none.
    p_peak : ndarray, shape (q,)
        The peak's p, accounting for the search over rows.
    maxima : ndarray, shape (B,)
        Largest absolute rho of the whole matrix under each permutation; 0 if nothing is defined.
    reason : ndarray of Reason or None, shape (p, q)
    n : int
    """

    rho: FloatArray
    p: FloatArray
    p_maxt_within_column: FloatArray
    p_maxt: FloatArray
    peak: IntArray
    p_peak: FloatArray
    maxima: FloatArray
    reason: NDArray[np.object_]
    n: int

    @property
    def n_resamples(self) -> int:
        """Number of permutations."""
        return self.maxima.size

    def outcome(self, i: int, j: int) -> Outcome:
        """Return the test of one pair on its own."""
        return self._outcome("Spearman, permutation", self.reason[i, j], i, j, self.p)

    def peak_outcome(self, j: int) -> Outcome:
        """Return the test of a column's peak, which accounts for the search over rows."""
        i = int(self.peak[j])
        reason: Reason | None = self.reason[0, j] if i < 0 else None
        method = "Spearman, permutation, max-T over rows"
        return self._outcome(method, reason, i, j, self.p_maxt_within_column)

    def _outcome(
        self, method: str, reason: Reason | None, i: int, j: int, p: FloatArray
    ) -> Outcome:
        if reason is not None:
            return Outcome.missing(method, reason, self.n)
        return Outcome(
            method,
            self.n,
            float(self.rho[i, j]),
            float(p[i, j]),
            1.0 / (self.n_resamples + 1),
            n_resamples=self.n_resamples,
        )


def permute_spearman(x: ArrayLike, y: ArrayLike, permutations: DrawnRows) -> PermutationMatrix:
    """Test every column of x against every column of y by permuting the rows of y.

    The rows of y move together, so the dependence among its columns, and among those of x,
    stays as it is: that is what makes max-T less severe than Bonferroni.

    Parameters
    ----------
    x : array-like, shape (n, p)
    y : array-like, shape (n, q)
    permutations : ndarray of int, shape (B, n), or Drawn
        From `draw_permutations`.

    Returns
    -------
    PermutationMatrix

    Raises
    ------
    ValueError
        If x, y and the permutations do not fit together.
    """
    first, second = columns(x, y)
    n, p, q = first.shape[0], first.shape[1], second.shape[1]
    size = permutations.shape[0]
    rho = spearman_matrix(first, second)
    observed = np.abs(rho)
    ranks_x, ranks_y = unit_ranks(first), unit_ranks(second)
    extreme = np.zeros((q, p), dtype=np.int64)
    by_column = np.zeros((q, size))
    step = max(1, _CHUNK // max(q * max(n, p), 1))
    start = 0
    for some in (o[i : i + step] for o in _orders(permutations, n) for i in range(0, len(o), step)):
        # Undefined pairs have zero ranks, hence correlation 0: they never are a maximum.
        null = np.abs(ranks_y.T[:, some] @ ranks_x)
        extreme += (null >= observed.T[:, None, :] - TIE).sum(axis=1)
        by_column[:, start : start + len(some)] = null.max(axis=2, initial=0.0)
        start += len(some)
    defined = ~np.isnan(rho)
    column_p = _share_reaching(by_column, observed)
    maxima = by_column.max(axis=0, initial=0.0)
    strength = np.where(defined, observed, -1.0)
    peak = np.where(defined.any(axis=0), first_largest(strength, 0), -1) if p else np.full(q, -1)
    at_peak = column_p[peak, np.arange(q)] if p else np.empty(q)
    return PermutationMatrix(
        rho,
        np.where(defined, (extreme.T + 1) / (size + 1), np.nan),
        column_p,
        _share_reaching(np.broadcast_to(maxima, by_column.shape), observed),
        peak,
        np.where(peak >= 0, at_peak, np.nan),
        maxima,
        reasons(first, second),
        n,
    )


def _orders(permutations: DrawnRows, n: int) -> Iterator[IntArray]:
    for block in blocks(permutations):
        yield orders(block, n)


def family_maxt(parts: Sequence[PermutationMatrix]) -> tuple[FloatArray, ...]:
    """Family-wise max-T p-values over several matrices that were permuted independently.

    One draw for the whole family is one draw of each of its matrices, so its maximum is the
    largest of theirs.

    Parameters
    ----------
    parts : sequence of PermutationMatrix
        All with the same number of permutations.

    Returns
    -------
    tuple of ndarray
        For each part, p-values in the shape of its rho; NaN where undefined.

    Raises
    ------
    ValueError
        If there is no part, or their numbers of permutations differ.
    """
    if len({part.n_resamples for part in parts}) != 1:
        raise ValueError("a family needs matrices with one common number of permutations")
    maxima = np.max([part.maxima for part in parts], axis=0)
    return tuple(
        _share_reaching(np.broadcast_to(maxima, (part.rho.shape[1], maxima.size)), np.abs(part.rho))
        for part in parts
    )


def _share_reaching(maxima: FloatArray, observed: FloatArray) -> FloatArray:
    """Return (b + 1) / (B + 1) for each cell against its column's maxima, shape (q, B)."""
    size = maxima.shape[1]
    out = np.empty_like(observed)
    for j, null in enumerate(np.sort(maxima, axis=1)):
        reaching = size - np.searchsorted(null, observed[:, j] - TIE, side="left")
        out[:, j] = (reaching + 1) / (size + 1)
    return np.where(np.isnan(observed), np.nan, out)
