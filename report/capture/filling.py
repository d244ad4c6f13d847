"""Rows after the end of an answer: a batch of answers that was filled up to one length.

Batched generation goes on until the longest answer ends, and some writers store a row for each
step of every answer. What fills up is one row again and again, at the end of the answers, or in
front of them: a row that stands for no token, or the answer's own last one repeated. Certain
tokens give identical rows too, so runs of them are compared with those inside the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from report.capture.features import IntArray

_FEWEST = 3  # answers
_ALIKE = 0.8  # share of answers whose length another one has, too
_COMMON = 0.05  # a row with a larger share of all others is one of the model's own
_TWO, _TENTH, _HALF = 2, 0.1, 0.5  # answers, or a share of them, with a long run at the edge

Place = Literal["at the end", "in front"]


@dataclass(frozen=True)
class Filling:
    """Rows that fill answers up to one length, or seem to.

    Parameters
    ----------
    kept : ndarray of bool, shape (T,)
        The rows of the answers themselves.
    edges : ndarray, shape (Q + 1,)
        Where each answer begins and ends among them.
    place : {"at the end", "in front"}
        Of each answer.
    answers : int
        Number of answers that are filled up.
    sure : bool
        False where rows of the answers' own may be among them, or all of them may be such.
    """

    kept: NDArray[np.bool_]
    edges: IntArray
    place: Place
    answers: int
    sure: bool


def find_filling(scores: NDArray[Any], edges: IntArray) -> Filling | None:
    """Find the rows that fill up the answers of a batch.

    At least three answers are needed, most of which share their number of rows with another
    one. It is a filling if the run at the edge is more than twice as long as any inside an
    answer, in two answers if all have one length, else in half of them, and if the row that is
    repeated there is seldom found elsewhere. It stays a suspicion, for answers of one length
    only, if in a tenth of them (and in three) the run is so long, but the row is a common one.

    Parameters
    ----------
    scores : ndarray, shape (T, k)
    edges : ndarray, shape (Q + 1,)
        Where each answer begins and ends.
    """
    lengths = np.diff(edges)
    _, which, times = np.unique(lengths, return_inverse=True, return_counts=True)
    if lengths.size < _FEWEST or lengths.min() < 1 or (times[which] > 1).mean() < _ALIKE:
        return None
    rows = np.ascontiguousarray(scores[edges[0] : edges[-1]])
    if np.isnan(rows[:, 0]).any():
        return None  # damage, and it is reported as such
    rows = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    found: list[Filling] = []
    if at_end := _own_rows(rows, lengths):
        own, sure = at_end
        kept = np.concatenate([np.arange(n) < m for n, m in zip(lengths, own, strict=True)])
        found.append(_filling(kept, lengths, own, "at the end", sure))
    if in_front := _own_rows(rows[::-1], lengths[::-1]):
        own, sure = in_front[0][::-1], in_front[1]
        kept = np.concatenate([np.arange(n) >= n - m for n, m in zip(lengths, own, strict=True)])
        found.append(_filling(kept, lengths, own, "in front", sure))
    return next((one for one in found if one.sure), found[0] if found else None)


def _filling(
    kept: NDArray[np.bool_], lengths: IntArray, own: IntArray, place: Place, sure: bool
) -> Filling:
    edges = np.concatenate([[0], np.cumsum(own)]).astype(np.int64)
    return Filling(kept, edges, place, int((own < lengths).sum()), sure)


def _own_rows(rows: NDArray[Any], lengths: IntArray) -> tuple[IntArray, bool] | None:
    """Count the first rows of each answer that are its own, and tell whether that is sure."""
    ends = np.cumsum(lengths)
    places = np.arange(rows.size)
    anew = np.concatenate([[True], rows[1:] != rows[:-1]])
    anew[ends[:-1]] = True
    runs = places - np.maximum.accumulate(np.where(anew, places, 0)) + 1
    at_edge = runs[ends - 1]
    inside = np.ones(rows.size, dtype=bool)
    for end, run in zip(ends, at_edge, strict=True):
        inside[end - run : end] = False
    longer = at_edge > 2 * runs[inside].max(initial=1)
    alike = bool(np.ptp(lengths) == 0)
    if longer.sum() < max(_TWO, 0.0 if alike else _HALF * longer.size):
        return None
    others, last = rows[inside], rows[ends - 1]
    filled = last[longer][0]
    if (last[longer] == filled).all():  # one row everywhere, which stands for no token
        sure = float((others == filled).mean()) <= _COMMON if others.size else False
        chosen = (last == filled) & (longer | sure)
        own = lengths - np.where(chosen, at_edge, 0)
    else:  # of each answer the last row, of which the first one is its own
        sure = True
        chosen = longer | np.array([not (others == row).any() for row in last])
        own = lengths - np.where(chosen, at_edge - 1, 0)
    suspicious = alike and longer.sum() >= max(_FEWEST, _TENTH * longer.size)
    return (own, sure) if sure or suspicious else None
