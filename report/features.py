"""Features: the small arrays that every statistic is computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

@dataclass(frozen=True)
class Problem:
    """Something wrong with an input, and what is missing because of it.

    Parameters
    ----------
    file, field, problem, remedy : str
        As in `report.errors.InputError`.
    reason : str
        A `stats.outcome.Reason` value.
    costs : str
        What is missing because of it, in words; ``""`` if nothing.
    model : str
    part : str
        ``"baseline"``, ``"layers"``, ``"calibration"``, ``"projections"``.
    """

    file: str
    field: str
    problem: str
    remedy: str
    reason: str
    costs: str
    model: str
    part: str


@dataclass(frozen=True)
class Baseline:
    """What one model's baseline capture gives, by question (Q questions, L layers).

    Missing values are NaN here, and each has a `Problem` that says why.
    """

    model: str
    questions: tuple[str, ...]
    n_tokens: IntArray  # (Q,)
    n_words: IntArray  # (Q,)
    projections: Mapping[str, FloatArray]  # axis -> (Q,)
    entropy: FloatArray  # (Q,) nats, token mean over the stored candidates
    entropy_low: FloatArray  # (Q,) lower bound of the full entropy
    entropy_high: FloatArray  # (Q,) upper bound; NaN where the vocabulary is unknown
    stored_mass: FloatArray  # (Q,) mean probability mass of the stored candidates
    slope: FloatArray  # (Q,) nats per token of position
    autocorrelation: FloatArray  # (Q,) of token entropy at lag 1
    filtered: bool  # scores were filtered before they were stored: entropy is exact
    boundaries: str  # which rule gave the answer boundaries: "counts", "offsets"
    layer_entropy: FloatArray | None = None  # (Q, L) Freedman-Diaconis
    layer_entropy_fixed: FloatArray | None = None  # (Q, L) fixed 64 bins
    layer_entropy_corrected: FloatArray | None = None  # (Q, L) Miller-Madow
    spectral_entropy: FloatArray | None = None  # (L,)
    running_entropy: FloatArray | None = None  # (T,) mean entropy of tokens 1..t, over answers
    misaligned_entropy: FloatArray | None = None  # (Q,) what offsets of the wrong array give
    extras: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Calibration:
    """What one model's calibration capture gives, by response (R responses)."""

    model: str
    axis: tuple[str, ...]
    pole: tuple[str, ...]  # "positive" or "negative"
    question: tuple[str, ...]
    n_tokens: IntArray  # (R,)
    n_words: IntArray  # (R,)
    entropy: FloatArray  # (R,) nats; NaN where missing
    boundaries: str
    misaligned_entropy: FloatArray | None = None


@dataclass(frozen=True)
class Features:
    """All features of one study, and everything that was wrong with its inputs."""

    baselines: Mapping[str, Baseline] = field(default_factory=dict[str, Baseline])
    calibrations: Mapping[str, Calibration] = field(default_factory=dict[str, Calibration])
    problems: tuple[Problem, ...] = ()
    inputs: tuple[Mapping[str, object], ...] = ()  # file, bytes, sha256, shapes
