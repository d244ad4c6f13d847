"""Which rows of ``top_k_logprobs`` belong to which answer.

Upstream's ``token_offsets`` index ``token_states``, which holds the prompts' rows too; other
writers store offsets that index ``top_k_*``. So the token counts of the answers decide:

1. the cumulative counts end exactly at the number of rows: ``"counts"``;
2. else the offsets are monotone, start at 0 and end there: ``"offsets"``;
3. else nothing is known, and nothing is computed.

Counts and offsets that both fit but differ can't both be right, and upstream's layout can't
produce them (every prompt adds rows). One of the two is then of another run or another order.
The generation times, stored in both files, tell whether JSON and NPZ list the same answers in
the same order; if they do, the counts hold, and without that witness nothing is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from report.capture.features import FloatArray, IntArray

# JSON files hold generation times rounded to milliseconds.
_SAME_TIME = 1e-3
# 2^16 subsets of axis blocks are searched in a moment; the study has seven axes.
_MOST_BLOCKS = 16


class MisalignedError(ValueError):
    """No rule assigns the rows to the answers; the message says what was tried."""


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Where each answer begins and ends.

    Parameters
    ----------
    rule : str
        ``"counts"`` or ``"offsets"``.
    edges : ndarray, shape (Q + 1,)
        Answer q has the rows ``edges[q]`` up to, not including, ``edges[q + 1]``.
    wrong : ndarray, shape (Q + 1,), or None
        Stored offsets that disagree, for showing what they would have given.
    remark : str
        What was found about the loser of the two, or ``""``.
    harmless : bool
        True where the remark describes the upstream layout rather than a fault.
    """

    rule: str
    edges: IntArray
    wrong: IntArray | None = None
    remark: str = ""
    harmless: bool = True


def times_agree(stored: FloatArray | None, listed: FloatArray | None) -> bool | None:
    """Tell whether NPZ and JSON list the same answers in the same order.

    Parameters
    ----------
    stored, listed : ndarray, shape (Q,), or None
        Generation times in seconds from the NPZ and from the JSON.

    Returns
    -------
    bool or None
        None where the times are absent, missing in part, or all alike.
    """
    if stored is None or listed is None:
        return None
    if stored.size != listed.size:
        return False
    if not (np.isfinite(stored).all() and np.isfinite(listed).all()):
        return None
    if stored.size < 2 or np.ptp(listed) <= _SAME_TIME:
        return None
    return bool(np.abs(stored - listed).max() <= _SAME_TIME)


def decide(
    n_rows: int, counts: IntArray | None, offsets: IntArray | None, same_order: bool | None = None
) -> Boundaries:
    """Decide the boundaries of the answers.

    Parameters
    ----------
    n_rows : int
        Rows of ``top_k_logprobs``.
    counts : ndarray, shape (Q,), or None
        Tokens of each answer.
    offsets : ndarray, shape (Q + 1,), or None
        ``token_offsets``.
    same_order : bool or None
        What `times_agree` said.

    Raises
    ------
    MisalignedError
        If no rule fits, or two fit and contradict each other.
    """
    counts_fit = counts is not None and bool((counts >= 0).all()) and int(counts.sum()) == n_rows
    offsets_fit = offsets is not None and _fits(offsets, n_rows)
    if counts is not None and offsets is not None and offsets.size != counts.size + 1:
        raise MisalignedError(
            f"the NPZ holds {offsets.size - 1} answers and the JSON lists {counts.size}"
        )
    if counts is not None and counts_fit:
        edges = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        if offsets is None or np.array_equal(edges, offsets):
            return Boundaries("counts", edges)
        if offsets_fit and not same_order:
            raise MisalignedError(
                "the token counts and token_offsets both end at the last row but cut the answers"
                " differently, and no generation times confirm the order of the answers"
            )
        prompts = not offsets_fit and bool((np.diff(offsets) > counts).all())
        return Boundaries("counts", edges, offsets, _remark(offsets, n_rows, prompts), prompts)
    if offsets is not None and offsets_fit:
        remark = "" if counts is None else (
            f"the token counts sum to {int(counts.sum())}, not to the {n_rows} rows;"
            " token_offsets fit and were used"
        )  # fmt: skip
        return Boundaries("offsets", offsets, None, remark, harmless=False)
    raise MisalignedError(_no_rule(n_rows, counts, offsets))


def _fits(offsets: IntArray, n_rows: int) -> bool:
    return (
        offsets.size > 1
        and int(offsets[0]) == 0
        and int(offsets[-1]) == n_rows
        and bool((np.diff(offsets) >= 0).all())
    )


def _remark(offsets: IntArray, n_rows: int, prompts: bool) -> str:
    end = int(offsets[-1])
    if prompts:
        return (
            f"token_offsets count the prompts' rows too (they end at {end}, top_k has"
            f" {n_rows} rows); the token counts of the answers fit and were used"
        )
    return (
        f"token_offsets do not describe these {n_rows} rows (they end at {end}, and cut the"
        " answers in other places); the token counts of the answers fit and were used"
    )


def _no_rule(n_rows: int, counts: IntArray | None, offsets: IntArray | None) -> str:
    said = [f"top_k_logprobs has {n_rows} rows"]
    if counts is None:
        said.append("the JSON gives no token counts")
    else:
        said.append(f"the token counts sum to {int(counts.sum())}")
    if offsets is None or offsets.size == 0:
        said.append("there are no token_offsets")
    else:
        said.append(f"token_offsets run from {int(offsets[0])} to {int(offsets[-1])}")
        if bool((np.diff(offsets) < 0).any()):
            said.append("and fall on the way")
    return ", ".join(said)


def answer_means(values: FloatArray, edges: IntArray) -> FloatArray:
    """Average per-token values over each answer.

    Parameters
    ----------
    values : ndarray, shape (T,)
    edges : ndarray, shape (Q + 1,)
        Ends beyond the last row are cut there, as slicing does.

    Returns
    -------
    ndarray, shape (Q,)
        NaN where an answer has no rows, or a row that is NaN.
    """
    parts = answers(values, edges)
    return np.array([p.mean() if p.size else np.nan for p in parts], dtype=np.float64)


def answers(values: FloatArray, edges: IntArray) -> list[FloatArray]:
    """Cut per-token values into answers."""
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [values[max(start, 0) : max(end, 0)] for start, end in pairs]


def blocks_of(labels: Sequence[tuple[str, str, str]]) -> list[IntArray]:
    """Split JSONL lines into blocks: one axis each, and no question twice under one pole.

    Parameters
    ----------
    labels : sequence of (axis, pole, question)

    Returns
    -------
    list of ndarray
        Positions of each block's lines. An axis that was run again begins a new block.
    """
    starts: list[int] = []
    seen: set[tuple[str, str, str]] = set()
    for i, label in enumerate(labels):
        if not starts or label[0] != labels[i - 1][0] or label in seen:
            starts.append(i)
            seen = set()
        seen.add(label)
    ends = [*starts[1:], len(labels)]
    return [np.arange(a, b, dtype=np.int64) for a, b in zip(starts, ends, strict=True)]


def lines_of_capture(
    labels: Sequence[tuple[str, str, str]],
    counts: ArrayLike,
    n_rows: int,
    n_answers: int,
    offsets: IntArray | None,
    stored_times: FloatArray | None,
    listed_times: FloatArray | None,
) -> IntArray:
    """Find the JSONL lines that an NPZ with fewer answers holds, in whole blocks of an axis.

    A run of only the missing axes overwrites the NPZ but appends to the JSONL. The lines of
    the NPZ are the blocks whose number of answers and sum of tokens agree with it, as do
    offsets and generation times where there are any. Neighbouring blocks come first, since a
    run appends all of its lines at once.

    Parameters
    ----------
    labels : sequence of (axis, pole, question), length N
        What each JSONL line is an answer to.
    counts : array_like, shape (N,)
        Tokens of each line.
    n_rows, n_answers : int
        What the NPZ holds.
    offsets : ndarray, shape (n_answers + 1,), or None
    stored_times, listed_times : ndarray, shape (n_answers,) and (N,), or None

    Returns
    -------
    ndarray, shape (n_answers,)
        Positions of the lines, in the order of the file.

    Raises
    ------
    MisalignedError
        If no selection of blocks agrees, or more than one.
    """
    tokens = np.asarray(counts, dtype=np.int64)
    blocks = blocks_of(labels)

    def agrees(lines: IntArray) -> bool:
        if lines.size != n_answers or int(tokens[lines].sum()) != n_rows:
            return False
        if offsets is None or offsets.size != n_answers + 1:
            return True
        spans = np.diff(offsets)
        exact = _fits(offsets, n_rows)
        return bool((spans == tokens[lines] if exact else spans >= tokens[lines]).all())

    def same_times(lines: IntArray) -> bool:
        return listed_times is not None and bool(times_agree(stored_times, listed_times[lines]))

    n = len(blocks)
    runs = [range(i, j) for i in range(n) for j in range(i + 1, n + 1)]
    found = [s for s in (np.concatenate([blocks[b] for b in run]) for run in runs) if agrees(s)]
    if not found and n <= _MOST_BLOCKS:
        subsets = (c for size in range(1, n + 1) for c in combinations(range(n), size))
        found = [s for s in (np.concatenate([blocks[b] for b in c]) for c in subsets) if agrees(s)]
    if len(found) > 1:
        found = [lines for lines in found if same_times(lines)] or found
    if len(found) == 1:
        return found[0]
    how_many = "none" if not found else f"{len(found)}"
    raise MisalignedError(
        f"the NPZ holds {n_answers} answers with {n_rows} rows, the JSONL {len(labels)} lines; of"
        f" the selections of whole axis blocks, {how_many} agree with it, where one must"
    )
