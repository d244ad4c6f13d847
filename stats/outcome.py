"""The result vocabulary of the whole program: an estimate, an interval, a test, a reason.

A quantity that can't be computed is a value here, neither NaN nor an exception: its number
is ``None`` and its ``reason`` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Literal, get_args

Alternative = Literal["two-sided", "greater", "less"]


class Reason(StrEnum):
    """Why a number is missing. A closed set: the report prints ``sentence`` for each."""

    CONSTANT_INPUT = "constant_input"
    TOO_FEW = "too_few"
    ALL_TIED = "all_tied"
    NON_FINITE = "non_finite"
    UNDEFINED_RESAMPLES = "undefined_resamples"
    NO_SPREAD = "no_spread"
    PERFECT = "perfect"
    UNBOUNDED = "unbounded"
    NOT_POSITIVE = "not_positive"
    MISSING_CAPTURE = "missing_capture"
    DAMAGED_FILE = "damaged_file"
    MISALIGNED = "misaligned"
    NOT_PUBLISHED = "not_published"
    PUBLISHED_NAN = "published_nan"
    UNKNOWN_VOCABULARY = "unknown_vocabulary"
    NOT_IDENTIFIED = "not_identified"
    NO_INTERVAL = "no_interval"
    NOT_TESTED = "not_tested"
    CENSORED = "censored"

    @property
    def sentence(self) -> str:
        """The sentence that a reader gets instead of the number."""
        return _SENTENCES[self]


_SENTENCES = {
    Reason.CONSTANT_INPUT: "One of the variables is constant, so the statistic is undefined.",
    Reason.TOO_FEW: "There are too few observations for this statistic.",
    Reason.ALL_TIED: "All differences are zero, so there is nothing to rank.",
    Reason.NON_FINITE: "The input holds values that are not finite.",
    Reason.UNDEFINED_RESAMPLES: "The statistic is undefined in too many resamples.",
    Reason.NO_SPREAD: "There is no spread from which an interval could be made.",
    Reason.PERFECT: "The correlation is perfect, and the method gives no interval for that.",
    Reason.UNBOUNDED: "The value has no upper limit here: the relation is perfect, or nearly so.",
    Reason.NOT_POSITIVE: "An unbiased estimate is not positive here: the sample is too small.",
    Reason.MISSING_CAPTURE: "No capture of this kind exists for this model.",
    Reason.DAMAGED_FILE: "The file, or its cell, is damaged and could not be read.",
    Reason.MISALIGNED: "The capture's rows cannot be assigned to answers.",
    Reason.NOT_PUBLISHED: "The study tested this but did not publish the value.",
    Reason.PUBLISHED_NAN: "The study published no number here (NaN or N/A).",
    Reason.UNKNOWN_VOCABULARY: "The vocabulary size is unknown, so there is no upper bound.",
    Reason.NOT_IDENTIFIED: "Not identified: missing probability mass leaves it open.",
    Reason.NO_INTERVAL: "The published numbers do not allow an interval.",
    Reason.CENSORED: "Most answers of a side end at the limit of generation: lengths are cut off.",
    Reason.NOT_TESTED: "This is a description; no hypothesis is tested.",
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval and how it was made.

    Parameters
    ----------
    low, high : float
        Its ends, in the unit of the estimate.
    level : float
        Nominal coverage, in (0, 1).
    method : str
        Name of the method that made it, after any fallback: ``"bca"``, ``"percentile"``,
        ``"exact-bootstrap"``, ``"bonett-wright"``, ``"t"``, …
    n_resamples : int or None
        Number of resamples; None for a closed form.
    undefined_share : float
        Share of resamples (by weight) in which the statistic was undefined.
    note : str
        Why a fallback was used, or ``""``.
    """

    low: float
    high: float
    level: float
    method: str
    n_resamples: int | None = None
    undefined_share: float = 0.0
    note: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level must be between 0 and 1, got {self.level!r}")
        if not (isfinite(self.low) and isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"not an interval: [{self.low}, {self.high}]")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty, or the reason why there is none.

    Parameters
    ----------
    value : float or None
        The estimate; None exactly when ``reason`` is set.
    n : int
        Number of observations that it rests on.
    interval : Interval or None
        Its confidence interval, where one exists.
    reason : Reason or None
        Why ``value`` is missing.
    no_interval : Reason or None
        Why there is a value and no interval; None also where none was sought.
    """

    value: float | None
    n: int
    interval: Interval | None = None
    reason: Reason | None = None
    no_interval: Reason | None = None

    def __post_init__(self) -> None:
        if (self.value is None) != (self.reason is not None):
            raise ValueError("an estimate has either a value or a reason")
        if self.value is not None and not isfinite(self.value):
            raise ValueError(f"estimate is not finite: {self.value}")
        if self.value is None and self.interval is not None:
            raise ValueError("no interval without an estimate")
        if self.no_interval is not None and (self.value is None or self.interval is not None):
            raise ValueError("a reason for having no interval belongs to a value without one")

    @classmethod
    def within(cls, value: float, n: int, found: Interval | Reason | None) -> Estimate:
        """Make an estimate with its interval, or with the reason why there is none.

        Parameters
        ----------
        value : float
        n : int
        found : Interval or Reason or None
            None where no interval was sought.
        """
        if isinstance(found, Interval):
            return cls(value, n, found)
        return cls(value, n, no_interval=found)

    @classmethod
    def missing(cls, reason: Reason, n: int) -> Estimate:
        """Make an estimate that is missing for ``reason``."""
        return cls(None, n, None, reason)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one hypothesis test, or the reason why there is none.

    Parameters
    ----------
    method : str
        The test, as the methods section names it.
    n : int
        Number of observations (pairs, where paired).
    statistic : float or None
        The test statistic.
    p : float or None
        Its p-value; None exactly when ``reason`` is set.
    p_floor : float or None
        The smallest p that this test can reach with this ``n`` (and these ties).
    alternative : {"two-sided", "greater", "less"}
    exact : bool
        True where p comes from the full enumeration of the null distribution.
    n_resamples : int or None
        Number of random permutations, where p is a Monte-Carlo estimate.
    reason : Reason or None
        Why ``p`` is missing.
    """

    method: str
    n: int
    statistic: float | None = None
    p: float | None = None
    p_floor: float | None = None
    alternative: Alternative = "two-sided"
    exact: bool = False
    n_resamples: int | None = None
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.alternative not in get_args(Alternative):
            raise ValueError(f"alternative is none: {self.alternative!r}")
        if (self.p is None) != (self.reason is not None):
            raise ValueError("an outcome has either a p-value or a reason")
        if self.p is not None and not 0.0 < self.p <= 1.0:
            raise ValueError(f"p must be in (0, 1], got {self.p}")
        if self.p is not None and self.statistic is None:
            raise ValueError("a p-value needs its statistic")

    @classmethod
    def missing(cls, method: str, reason: Reason, n: int) -> Outcome:
        """Make an outcome that is missing for ``reason``."""
        return cls(method=method, n=n, reason=reason)
