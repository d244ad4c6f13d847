"""Random draws of one sample, whole or in blocks, so that memory does not grow with their number.

A statistic of every resample is computed block by block: `over_blocks` does it for an array, of
which the blocks are views, and for `Drawn`, which makes each block when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import FloatArray, resamples

BLOCK = 1 << 19
"""Numbers in a block, at most: 4 MB as floats."""

Integers = NDArray[Any]
Draw = Callable[[int, int, np.random.Generator], Integers]


@dataclass(frozen=True)
class Drawn:
    """Rows that are made again, block by block, whenever they are read.

    Parameters
    ----------
    n, size : int
        Numbers in a row, and number of rows.
    parts : callable
        Makes an iterator over the blocks: the same ones at each call.
    """

    n: int
    size: int
    parts: Callable[[], Iterator[Integers]]

    @classmethod
    def at_random(
        cls, n: int, size: int, draw: Draw, generator: Callable[[], np.random.Generator]
    ) -> Drawn:
        """Draw at random; the blocks together are what one call of ``draw`` gives.

        Parameters
        ----------
        n, size : int
        draw : callable
            ``draw(n, rows, generator)`` draws so many rows, one after the other:
            `stats.resampling.draw_counts`, or `stats.permutation.draw_permutations`.
        generator : callable
            Makes the generator anew, always in the same state.
        """

        def parts() -> Iterator[Integers]:
            state = generator()
            yield from (draw(n, stop - start, state) for start, stop in _cuts(n, size))

        return cls(n, size, parts)

    @classmethod
    def leaving_one_out(cls, n: int) -> Drawn:
        """Return the counts of the jackknife, each of which leaves out one observation."""

        def parts() -> Iterator[Integers]:
            for start, stop in _cuts(n, n):
                counts = np.ones((stop - start, n), dtype=np.int64)
                counts[np.arange(stop - start), np.arange(start, stop)] = 0
                yield counts

        return cls(n, n, parts)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and numbers in a row, as of an array."""
        return self.size, self.n

    def __iter__(self) -> Iterator[Integers]:
        """Make the blocks, one after the other."""
        return self.parts()

    @property
    def most_bytes(self) -> int:
        """What `compact` takes, at most: no number is above n."""
        return self.size * self.n * np.min_scalar_type(self.n).itemsize

    def compact(self) -> Integers:
        """Return all rows at once, in the smallest type that holds them, shape (size, n)."""
        return np.concatenate([b.astype(np.min_scalar_type(int(b.max()))) for b in self])


DrawnRows = Integers | Drawn


def _cuts(n: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut rows of n numbers into blocks; one of no rows, if there is none."""
    step = max(1, BLOCK // max(n, 1))
    for start in range(0, max(size, 1), step):
        yield start, min(start + step, size)


def blocks(draws: DrawnRows) -> Iterator[Integers]:
    """Cut draws into blocks of rows.

    Parameters
    ----------
    draws : ndarray of int, shape (B, n), or Drawn

    Yields
    ------
    ndarray of int, shape (b, n)
        At most `BLOCK` numbers each, or one row.
    """
    if isinstance(draws, Drawn):
        yield from draws
    else:
        for start, stop in _cuts(draws.shape[1], draws.shape[0]):
            yield draws[start:stop]


def over_blocks(draws: DrawnRows, function: Callable[[Integers], FloatArray]) -> FloatArray:
    """Apply a function of rows to draws, block by block; the results are joined.

    Parameters
    ----------
    draws : ndarray of int, shape (B, n), or Drawn
    function : callable
        From a block of shape (b, n) to an array whose first axis is b.
    """
    return np.concatenate([function(block) for block in blocks(draws)])


def counts_of(counts: ArrayLike | Drawn, n: int, total: int | None = None) -> DrawnRows:
    """Return counts that `stats.checks.resamples` lets pass; what is `Drawn` needs no check.

    Parameters
    ----------
    counts : array-like of int, shape (B, n), or Drawn
    n : int
        Number of observations.
    total : int, optional
        What every row must add up to.

    Raises
    ------
    ValueError
        If the shape or a row's sum differs, or a count is negative or no whole number.
    """
    found = counts if isinstance(counts, (np.ndarray, Drawn)) else np.asarray(counts)
    if len(found.shape) != 2 or found.shape[1] != n:
        raise ValueError(f"counts of shape {found.shape} for {n} observations")
    if not isinstance(found, Drawn):
        for block in blocks(found):
            resamples(block, n, total)
    return found
