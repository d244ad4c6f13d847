"""Curves over layers: telling models apart by them, and comparing signatures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import FloatArray, is_constant, real
from stats.draws import DrawnRows, Integers, over_blocks
from stats.nulls import IntArray
from stats.outcome import Estimate, Interval, Outcome, Reason
from stats.rankmatrix import columns, unit_ranks

# Squares of distances closer than this, relative to the largest, are equal.
_TIE = 1e-10
_PROFILE = "nearest-profile classification, labels permuted within questions"
_SIGNATURE = "signature similarity, questions permuted within models"


@dataclass(frozen=True, slots=True)
class Classification:
    """How well models are recognised by their curves.

    Parameters
    ----------
    accuracy : Estimate
        Share of curves assigned to their own model, with the Clopper–Pearson interval. It
        treats the classifications as independent, which curves of the same question, and
        profiles that share questions, are not quite.
    outcome : Outcome
        Permutation test of no difference between models, one-sided.
    confusion : ndarray of int, shape (M, M)
        Rows are the true models, columns the assigned ones.
    chance : float
        1/M.
    """

    accuracy: Estimate
    outcome: Outcome
    confusion: IntArray | None
    chance: float


def nearest_profile(
    curves: ArrayLike,
    rng: np.random.Generator,
    n_permutations: int = 10_000,
    level: float = 0.95,
) -> Classification:
    """Classify every curve by the nearest mean profile, leaving its question out.

    For question q and model m, curve (m, q) is assigned to the model whose mean curve over
    the other questions is nearest in Euclidean distance. Under the null hypothesis the
    models are exchangeable within each question, so the test shuffles them there.

    Parameters
    ----------
    curves : array_like, shape (M, Q, P)
        M models, Q questions, P points: see `to_relative_depth`.
    rng : numpy.random.Generator
    n_permutations : int
    level : float

    Returns
    -------
    Classification
        Missing with fewer than two models or three questions, or with values that are not
        finite.

    Raises
    ------
    ValueError
        If the array is not three-dimensional.
    """
    array = real(curves, "curves")
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(f"curves must have shape (M, Q, P), got {array.shape}")
    models, questions, _ = array.shape
    n, chance = models * questions, 1.0 / models
    reason = None if np.isfinite(array).all() else Reason.NON_FINITE
    if models < 2 or questions < 3:
        reason = Reason.TOO_FEW
    elif reason is None and is_constant(array.ravel()):
        reason = Reason.CONSTANT_INPUT
    if reason:
        missing = Outcome.missing(_PROFILE, reason, n)
        return Classification(Estimate.missing(reason, n), missing, None, chance)

    by_question = (array - array.mean(axis=(0, 1))).transpose(1, 0, 2)
    labels = np.arange(models)
    assigned = _assign(by_question)
    hits = int((assigned == labels).sum())
    at_least = 0
    for _ in range(n_permutations):
        order = rng.permuted(np.tile(labels, (questions, 1)), axis=1)
        shuffled = np.take_along_axis(by_question, order[:, :, None], axis=1)
        at_least += int((_assign(shuffled) == labels).sum()) >= hits
    outcome = Outcome(
        _PROFILE,
        n,
        hits / n,
        (at_least + 1) / (n_permutations + 1),
        1 / (n_permutations + 1),
        alternative="greater",
        n_resamples=n_permutations,
    )
    confusion = np.zeros((models, models), dtype=np.int64)
    np.add.at(confusion, (np.tile(labels, questions), assigned.ravel()), 1)
    return Classification(_proportion(hits, n, level), outcome, confusion, chance)


def _assign(by_question: FloatArray) -> IntArray:
    """Return the model whose profile without the question is nearest, (Q, M, P) -> (Q, M).

    Of profiles that are equally near up to rounding, the first one.
    """
    questions = by_question.shape[0]
    profiles = (by_question.sum(axis=0) - by_question) / (questions - 1)
    # |c − p|² without |c|², which is the same for every profile.
    cross = by_question @ profiles.transpose(0, 2, 1)
    score = np.square(profiles).sum(axis=2)[:, None, :] - 2.0 * cross
    noise = _TIE * np.abs(score).max(initial=0.0)
    return np.argmax(score <= score.min(axis=2, keepdims=True) + noise, axis=2)


def _proportion(hits: int, n: int, level: float) -> Estimate:
    from scipy.stats import binomtest

    ends = binomtest(hits, n).proportion_ci(confidence_level=level, method="exact")
    return Estimate(
        hits / n, n, Interval(float(ends.low), float(ends.high), level, "clopper-pearson")
    )


def to_relative_depth(values: ArrayLike, n_points: int) -> FloatArray:
    """Interpolate curves over layers linearly to a common relative depth.

    Parameters
    ----------
    values : array_like, shape (..., L)
        One value a layer, from the first (0) to the last (1).
    n_points : int
        At least 2.

    Returns
    -------
    ndarray, shape (..., n_points)
        At depths 0…1 in equal steps. A NaN layer spoils only points that need it.

    Raises
    ------
    ValueError
        If there is no layer, or fewer than two points are wanted.
    """
    array = real(values, "values")
    if array.ndim == 0 or array.shape[-1] == 0 or n_points < 2:
        raise ValueError(f"cannot interpolate shape {array.shape} to {n_points} points")
    layers = array.shape[-1]
    step = np.arange(n_points) * (layers - 1)
    below, weight = step // (n_points - 1), step % (n_points - 1) / (n_points - 1)
    above = np.minimum(below + 1, layers - 1)
    low, high = array[..., below], array[..., above]
    return np.where(weight == 0.0, low, low + weight * (high - low))


def bin_by_depth(matrix: ArrayLike, n_bins: int = 10) -> FloatArray:
    """Average the layers of a matrix in equal bins of relative depth.

    Layer l of L lies at depth l/(L − 1); bins are closed on the left, the last one on both
    sides.

    Parameters
    ----------
    matrix : array_like, shape (L, A)
    n_bins : int

    Returns
    -------
    ndarray, shape (n_bins, A)
        Means over the values that are not NaN; NaN where a bin has none.

    Raises
    ------
    ValueError
        If ``matrix`` is not two-dimensional or has no layer, or no bin is wanted.
    """
    array = real(matrix, "matrix")
    if array.ndim != 2 or array.shape[0] == 0 or n_bins < 1:
        raise ValueError(f"cannot bin shape {array.shape} into {n_bins} bins")
    layers = array.shape[0]
    # In whole numbers: a floating-point depth falls on the wrong side of an edge.
    index = np.minimum(np.arange(layers) * n_bins // max(layers - 1, 1), n_bins - 1)
    membership = (index == np.arange(n_bins)[:, None]).astype(np.float64)
    valid = np.isfinite(array)
    totals = membership @ np.where(valid, array, 0.0)
    counts = membership @ valid
    return np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0)


def signature_similarity(
    x1: ArrayLike,
    y1: ArrayLike,
    x2: ArrayLike,
    y2: ArrayLike,
    permutations1: DrawnRows,
    permutations2: DrawnRows,
    n_bins: int = 10,
) -> tuple[Estimate, Outcome]:
    """Correlate two models' signatures: Spearman's ρ of layer entropy with each axis.

    A signature is the matrix of ρ (layers × axes) averaged in bins of relative depth. The
    statistic is Pearson's correlation of the two over their cells. Permuting the questions
    of the axes within each model keeps the correlation of neighbouring layers and of the
    axes, and breaks their relation. The null hypothesis is that layer entropy and axes are
    unrelated in either model; the test does not ask whether two models that both have a
    signature resemble each other more than other models do.

    Parameters
    ----------
    x1, x2 : array_like, shapes (n1, L1), (n2, L2)
        Activation entropy by question and layer.
    y1, y2 : array_like, shapes (n1, A), (n2, A)
        Projections by question, the same axes in the same order.
    permutations1, permutations2 : ndarray of int, shapes (B, n1), (B, n2), or Drawn
        Orders of each model's questions.
    n_bins : int

    Returns
    -------
    Estimate
        ``n`` is the number of cells that both signatures have; no interval, because the
        cells depend on each other. Constant axes and layers are left out.
    Outcome
        Two-sided, (b + 1)/(B + 1); ``n`` is the smaller number of questions.

    Raises
    ------
    ValueError
        If the numbers of questions, axes or permutations do not fit.
    """
    first, second = _Signature.of(x1, y1, n_bins), _Signature.of(x2, y2, n_bins)
    orders, drawn = (permutations1, permutations2), permutations1.shape[0]
    questions = min(first.questions, second.questions)
    if first.cells.shape != second.cells.shape or drawn != permutations2.shape[0]:
        raise ValueError("the signatures need the same axes and as many permutations")
    usable = np.isfinite(first.cells) & np.isfinite(second.cells)
    n = int(usable.sum())
    reason = Reason.TOO_FEW if questions < 3 or n < 3 else None
    if reason is None and any(is_constant(s.cells[usable]) for s in (first, second)):
        reason = Reason.CONSTANT_INPUT
    if reason:
        return Estimate.missing(reason, n), Outcome.missing(_SIGNATURE, reason, questions)
    similarity = float(_row_correlation(first.cells[usable][None], second.cells[usable][None])[0])
    shuffled = (over_blocks(o, s.permuted) for o, s in zip(orders, (first, second), strict=True))
    random = _row_correlation(*(cells[:, usable] for cells in shuffled))
    at_least = int((np.abs(random) >= abs(similarity) - 1e-12).sum())
    p = (at_least + 1) / (drawn + 1)
    outcome = Outcome(_SIGNATURE, questions, similarity, p, 1 / (drawn + 1), n_resamples=drawn)
    return Estimate(similarity, n), outcome


@dataclass(frozen=True, slots=True)
class _Signature:
    """A binned signature in a form that permutes by one matrix product.

    The mean of ρ over a bin is the product of the bin's mean standardised ranks with those
    of the axis, because ρ is linear in them.
    """

    cells: FloatArray  # (n_bins, A)
    layers: FloatArray  # (n, n_bins) mean standardised ranks; NaN in empty bins
    axes: FloatArray  # (n, A) standardised ranks; NaN in constant axes
    questions: int

    @classmethod
    def of(cls, x: ArrayLike, y: ArrayLike, n_bins: int) -> _Signature:
        entropy, projections = columns(x, y)
        layers = bin_by_depth(_standardised_ranks(entropy).T, n_bins).T
        axes = _standardised_ranks(projections)
        return cls(layers.T @ axes, layers, axes, len(entropy))

    def permuted(self, orders: Integers) -> FloatArray:
        """Signatures with the axes' questions in other orders, (B, n) -> (B, n_bins, A)."""
        return self.layers.T @ self.axes[orders]


def _standardised_ranks(values: FloatArray) -> FloatArray:
    """Centred ranks of unit length by column; NaN where the column is unusable."""
    ranks = unit_ranks(values)
    return np.where(ranks.any(axis=0), ranks, np.nan)


def _row_correlation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Pearson's correlation of matching rows, (B, m) and (B, m) -> (B,); 0 if undefined."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.zeros(len(a)), where=size > 0.0)
