"""Answers that end at the limit of generation: their lengths are cut off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_FEWEST = 3
_SHARE = 0.1
_TIMES = 2


def limit_of(counts: Iterable[int]) -> int | None:
    """Return the limit at which answers were cut off, or None where there is no sign of one.

    Lengths that no limit cuts off thin out towards the longest. A limit shows in many answers of
    exactly the largest length: at least three, a tenth of all, and twice as many as of any other.

    Parameters
    ----------
    counts : iterable of int
        Tokens of each answer of one capture; 0 where unknown.

    Examples
    --------
    >>> limit_of([64, 64, 12, 64, 30])
    64
    >>> limit_of([64, 50, 12, 64, 30]) is None
    True
    """
    found = Counter(int(n) for n in counts if n > 0)
    if not found:
        return None
    longest = max(found)
    others = max((times for n, times in found.items() if n != longest), default=0)
    fewest = max(_FEWEST, _SHARE * found.total(), _TIMES * others)
    return longest if found[longest] >= fewest else None
