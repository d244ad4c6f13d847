"""Features: the small arrays that every statistic is computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.outcome import Reason

WHOLE = 1e-5
"""Missing mass up to this moves an entropy by less than is printed."""

POLES = ("positive", "negative")
"""Of an axis, as a calibration names them."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def _same(one: Any, other: Any) -> bool:
    """Compare to the last bit; a missing value equals a missing value."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        arrays = isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
        return arrays and one.dtype == other.dtype and np.array_equal(
            one, other, equal_nan=one.dtype.kind == "f"
        )  # fmt: skip
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


class _ComparesArrays:
    """Equality for dataclasses that hold arrays; fields with ``compare=False`` are left out."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        names = [f.name for f in fields(self) if f.compare]  # type: ignore[arg-type]
        return all(_same(getattr(self, name), getattr(other, name)) for name in names)


def _unknown() -> IntArray:
    return np.zeros(0, dtype=np.int64)


def _unbounded() -> FloatArray:
    return np.zeros(0)


def is_complete(low: FloatArray, high: FloatArray, mass: FloatArray) -> bool:
    """Tell whether the stored candidates hold all of the probability, within rounding.

    Parameters
    ----------
    low, high : ndarray, shape (n,)
        Bounds of the entropies over the whole vocabulary.
    mass : ndarray, shape (n,)
        Probability of the stored candidates; NaN where it is not known.
    """
    return not bool(((low != high) & ~(mass >= 1.0 - WHOLE) & ~np.isnan(low)).any())


def _count_answers(features: Baseline | Calibration) -> None:
    """Fill in that each question has one answer, where nothing else is said."""
    lengths = features.n_tokens
    if features.n_answers.size != lengths.size:
        object.__setattr__(features, "n_answers", np.ones(lengths.size, dtype=np.int64))
    if features.n_longest.size != lengths.size:
        longest = (lengths == lengths.max(initial=0)) & (lengths > 0)
        object.__setattr__(features, "n_longest", longest.astype(np.int64))


@dataclass(frozen=True)
class Problem:
    """Something wrong with an input, and what is missing because of it.

    Parameters
    ----------
    file, field, problem, remedy : str
        As in `report.study.errors.InputError`.
    reason : str
        A `stats.outcome.Reason` value.
    costs : str
        What is missing because of it, in words; ``""`` if nothing.
    model : str
        Its key, or ``""`` where the whole study is concerned.
    part : str
        ``"baseline"``, ``"layers"``, ``"calibration"``, ``"projections"``, ``"axes"``,
        ``"published"``.
    note : bool
        True for what a reader should know but nobody has to mend.
    axis : str
        Key of the axis concerned, or ``""`` where the whole part is.
    """

    file: str
    field: str
    problem: str
    remedy: str
    reason: str
    costs: str
    model: str
    part: str
    note: bool = False
    axis: str = ""

    @property
    def line(self) -> str:
        """All of it in one line, for a terminal."""
        place = f"{self.file}: {self.field}" if self.field else self.file
        missing = f" Missing because of it: {self.costs}." if self.costs else ""
        return f"{place}: {self.problem}. {self.remedy}{missing}"


@dataclass(frozen=True, eq=False)
class Unfiltered(_ComparesArrays):
    """The model's own distribution, where it was stored beside the filtered scores.

    ``top_k_logprobs_raw`` gives the bounds and ``entropy_full`` the truth they must contain.
    All by question (Q,), in nats, as means over tokens.
    """

    entropy: FloatArray  # over the stored candidates only
    entropy_low: FloatArray
    entropy_high: FloatArray  # NaN where the vocabulary is unknown
    stored_mass: FloatArray
    entropy_full: FloatArray  # over the whole vocabulary
    n_inside: IntArray  # tokens whose full entropy lies inside its bounds


@dataclass(frozen=True, eq=False)
class Baseline(_ComparesArrays):
    """What one model's baseline capture gives, by question (Q questions, L layers).

    Missing values are NaN here, and each has a `Problem` that says why. ``projections`` holds
    every axis of the study. The layers count the embeddings as the first.
    """

    model: str
    questions: tuple[str, ...]
    n_tokens: IntArray | FloatArray  # (Q,) 0 where unknown; mean over several answers
    n_words: IntArray | FloatArray  # (Q,) 0 where unknown; mean over several answers
    projections: Mapping[str, FloatArray]  # axis -> (Q,)
    entropy: FloatArray  # (Q,) nats, token mean; of the stored candidates, renormalised
    entropy_low: FloatArray  # (Q,) lower bound of the full entropy
    entropy_high: FloatArray  # (Q,) upper bound; NaN where the vocabulary is unknown
    stored_mass: FloatArray  # (Q,) mean probability mass of the stored candidates
    slope: FloatArray  # (Q,) nats per token of position
    autocorrelation: FloatArray  # (Q,) of token entropy at lag 1
    filtered: bool  # some stored probability is 0: scores were filtered (or padded)
    boundaries: str  # which rule gave the answer boundaries: "counts", "offsets", "" for none
    layer_entropy: FloatArray | None = None  # (Q, L) Freedman-Diaconis
    layer_entropy_fixed: FloatArray | None = None  # (Q, L) fixed 64 bins
    layer_entropy_corrected: FloatArray | None = None  # (Q, L) Miller-Madow
    spectral_entropy: FloatArray | None = None  # (L,)
    running_entropy: FloatArray | None = None  # (T,) mean entropy of tokens 1..t, over answers
    misaligned_entropy: FloatArray | None = None  # (Q,) what offsets of the wrong array give
    unfiltered: Unfiltered | None = None
    extras: Mapping[str, float] = field(default_factory=dict[str, float])
    n_answers: IntArray = field(default_factory=_unknown)  # (Q,) averaged in each value above
    n_longest: IntArray = field(default_factory=_unknown)  # (Q,) of them, as long as the longest
    entropy_within: FloatArray | None = None  # (Q,) variance between the answers to a question

    def __post_init__(self) -> None:
        _count_answers(self)

    @property
    def repeated(self) -> bool:
        """True if a question was answered more than once."""
        return bool((self.n_answers > 1).any())

    @property
    def n_questions(self) -> int:
        """Number of questions Q."""
        return len(self.questions)

    @property
    def is_complete(self) -> bool:
        """True if the stored candidates hold all of the probability, within rounding."""
        return is_complete(self.entropy_low, self.entropy_high, self.stored_mass)

    @property
    def has_entropy(self) -> bool:
        """True if at least one question has a generation entropy."""
        return bool(np.isfinite(self.entropy).any())


@dataclass(frozen=True, eq=False)
class Calibration(_ComparesArrays):
    """What one model's calibration capture gives, by question under a pole (R of them).

    The labels are those of the JSONL, never those of a position. Axes of which the capture
    holds no rows are absent here and have a `Problem` of that ``axis``.
    """

    model: str
    axis: tuple[str, ...]
    pole: tuple[str, ...]  # "positive" or "negative"
    question: tuple[str, ...]
    n_tokens: IntArray | FloatArray  # (R,)
    n_words: IntArray | FloatArray  # (R,)
    entropy: FloatArray  # (R,) nats; NaN where missing
    boundaries: str
    misaligned_entropy: FloatArray | None = None
    n_answers: IntArray = field(default_factory=_unknown)  # (R,) averaged in each value above
    n_longest: IntArray = field(default_factory=_unknown)  # (R,) of them, as long as the longest
    limit: int | None = None  # tokens at which generation was cut off
    # (R,) as of a Baseline; where they are not given, the stored candidates hold everything.
    entropy_low: FloatArray = field(default_factory=_unbounded)
    entropy_high: FloatArray = field(default_factory=_unbounded)
    stored_mass: FloatArray = field(default_factory=_unbounded)

    def __post_init__(self) -> None:
        _count_answers(self)
        if self.stored_mass.size != self.entropy.size:
            mass = np.where(np.isnan(self.entropy), np.nan, 1.0)
            for name, values in (
                ("entropy_low", self.entropy), ("entropy_high", self.entropy),
                ("stored_mass", mass),
            ):  # fmt: skip
                object.__setattr__(self, name, values)

    @property
    def is_complete(self) -> bool:
        """True if the stored candidates hold all of the probability, within rounding."""
        return is_complete(self.entropy_low, self.entropy_high, self.stored_mass)

    @property
    def repeated(self) -> bool:
        """True if a question was answered more than once under a pole."""
        return bool((self.n_answers > 1).any())


@dataclass(frozen=True, eq=False)
class Features(_ComparesArrays):
    """All features of one study, and everything that was wrong with its inputs."""

    baselines: Mapping[str, Baseline] = field(default_factory=dict[str, Baseline])
    calibrations: Mapping[str, Calibration] = field(default_factory=dict[str, Calibration])
    problems: tuple[Problem, ...] = ()
    inputs: tuple[Mapping[str, object], ...] = ()  # file, model, bytes, sha256, arrays
    origin: str = field(default="raw", compare=False)  # "raw", "features", "none"

    def why_missing(self, model: str, part: str, axis: str = "") -> Reason:
        """Say why a part of a model is missing.

        Parameters
        ----------
        model : str
        part : str
            As in `Problem`.
        axis : str
            The axis concerned, or ``""``.

        Returns
        -------
        Reason
            Of the axis, else of the part, else (but for calibration) of the whole baseline;
            ``missing_capture`` where nothing is recorded.
        """
        wanted = (part,) if part == "calibration" else (part, "baseline")
        for place in wanted:
            found = [
                p for p in self.problems
                if p.model in ("", model) and p.part == place and p.costs and p.axis in ("", axis)
            ]  # fmt: skip
            found.sort(key=lambda p: (p.axis == "", p.model == ""))
            if found:
                return Reason(found[0].reason)
        return Reason.MISSING_CAPTURE
