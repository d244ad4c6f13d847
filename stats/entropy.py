"""Entropy of token distributions and of activations, in nats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import FloatArray, centred_to_one, is_constant, real, unmasked, vector
from stats.draws import blocks

Grid = Literal["", "float16", "bfloat16"]

# Scores that were filtered and renormalised once more sum to 1 within this.
_FILTERED = 1e-4
_SINGLE = 2e-6  # what float32 leaves: too little to renormalise, and it moves bounds by < 1e-4

# A sum above 1 by more than this is no rounding: the scores are not log-probabilities.
_EXCESS = 1e-3

# Last bits of a float32 that are 0 on the grid of a shorter type, and its unit roundoff.
_GRIDS: dict[Grid, tuple[int, float]] = {"bfloat16": (16, 2.0**-8), "float16": (13, 2.0**-11)}
_FEWEST_SCORES = 16  # fewer may lie on a grid by chance

# No vocabulary is larger. A smallest candidate below which even this many can't hold the rest
# stands for padding, or for a token that was added to the most probable ones.
_LARGEST_VOCABULARY = 10_000_000

_FEWEST_BINS, _MOST_BINS = 50, 200


@dataclass(frozen=True, slots=True)
class TokenEntropy:
    """Entropy of each generated token's distribution (T tokens).

    Parameters
    ----------
    entropy : ndarray, shape (T,)
        −Σ p ln p over the stored candidates; NaN in bad rows. Where mass m is missing this is
        the entropy of no distribution.
    top_k : ndarray, shape (T,)
        Entropy of the stored candidates, renormalised: ln m − Σ p ln p / m. Comparable only
        at equal k.
    low, high : ndarray, shape (T,)
        Bounds of the entropy over the whole vocabulary. ``high`` is NaN where candidates
        are missing and the vocabulary's size is unknown.
    mass : ndarray, shape (T,)
        Probability that the stored candidates hold together; 1 where it differs from that by
        the rounding of a coarse grid alone.
    bad : ndarray of bool, shape (T,)
        Rows that are not log-probabilities: NaN, +inf, nothing but −inf, or a sum above 1.
    excess : ndarray, shape (T,)
        By how much the sum exceeds 1 in rows that are bad for it; 0 in all others.
    filtered : bool
        Some probability is exactly 0: the scores were filtered (temperature, top-k, top-p)
        before they were stored, or padded.
    most_probable : bool
        The lower bound makes use of it that the candidates are the most probable ones.
    grid : {"", "float16", "bfloat16"}
        Type whose rounding the scores show, whatever type they are stored in.
    rounding : float
        On such a grid: largest distance from 1 of the sum of a row that counts as complete.
    """

    entropy: FloatArray
    top_k: FloatArray
    low: FloatArray
    high: FloatArray
    mass: FloatArray
    bad: NDArray[np.bool_]
    excess: FloatArray
    filtered: bool
    most_probable: bool = False
    grid: Grid = ""
    rounding: float = 0.0


def token_entropy(
    logprobs: ArrayLike, vocabulary: int | None = None, *, most_probable: bool = False
) -> TokenEntropy:
    """Compute the entropy of every token from its k stored candidates.

    With missing mass r = 1 − m, the entropy over the whole vocabulary is largest if all V − k
    others share it, which adds −r ln(r/(V − k)), and smallest if one candidate holds all of r,
    which adds −r ln r. If the stored candidates are the k most probable, nobody outside exceeds
    the smallest of them, p_k, and the lower bound is sharper: ⌊r/p_k⌋ candidates of p_k and one
    that holds what is left. Padded rows don't know p_k.

    A row is complete, and both bounds are the entropy itself, where m is 1 within rounding.
    Scores stored in float32 leave m, and with it r, uncertain by about 2e-6, which is up to
    1e-4 nats in the bounds. Scores that were computed in float16 or bfloat16 show it in last
    bits that are all 0, whatever type they are stored in: half a unit in the last place of each
    logarithm, and of the probability that it was taken of, may then be missing from a sum or be
    too much. Filtered rows are complete within that and are renormalised; the bounds of others
    allow for any such rounding.

    Parameters
    ----------
    logprobs : array_like, shape (T, k)
        Natural logarithms of probabilities; −inf means probability 0.
    vocabulary : int, optional
        Number of tokens V that the model knows.
    most_probable : bool
        Whether it is known that the stored candidates are the k most probable. It is refuted,
        for all rows, by one in which the vocabulary can't hold the rest below p_k, and by one
        that is padded: rows of different lengths may hold the sampled token besides.

    Returns
    -------
    TokenEntropy

    Raises
    ------
    ValueError
        If the array is masked or not two-dimensional, or the vocabulary is smaller than k.
    """
    given = unmasked(logprobs, "logprobs")
    if given.ndim != 2 or given.shape[1] == 0:
        raise ValueError(f"logprobs must have shape (T, k), got {given.shape}")
    k = given.shape[1]
    if vocabulary is not None and vocabulary < k:
        raise ValueError(f"a vocabulary of {vocabulary} can't have {k} candidates")
    filtered = any(bool(np.isneginf(rows).any()) for rows in blocks(given))
    grid = _grid(given)
    parts = [_token_entropy(rows, vocabulary, filtered, grid) for rows in blocks(given)]
    entropy, top_k, loose, sharp, high, mass, bad, excess, refuted, off = map(
        np.concatenate, zip(*parts, strict=True)
    )
    vouched = most_probable and not refuted.any()
    return TokenEntropy(
        entropy,
        top_k,
        sharp if vouched else loose,
        high,
        mass,
        bad,
        excess,
        filtered,
        vouched,
        grid,
        float(off.max(initial=0.0)),
    )


def _grid(scores: NDArray[Any]) -> Grid:
    """Find the type on whose grid all scores lie: their last bits as float32 are 0."""
    used, seen = 0, 0
    for rows in blocks(scores):
        values = rows[np.isfinite(rows) & (rows != 0)]
        with np.errstate(over="ignore"):
            single = values.astype(np.float32)
        if (single != values).any():
            return ""
        used |= int(np.bitwise_or.reduce(single.view(np.uint32), initial=0))
        seen += single.size
    if seen < _FEWEST_SCORES:
        return "float16" if scores.dtype == np.float16 else ""
    found: list[Grid] = [name for name, (bits, _) in _GRIDS.items() if not used % (1 << bits)]
    return found[0] if found else ""


def _token_entropy(
    logprobs: NDArray[Any], vocabulary: int | None, filtered: bool, grid: Grid
) -> tuple[NDArray[Any], ...]:
    """Compute the fields of `TokenEntropy` for some of the tokens, with both lower bounds."""
    from scipy.special import entr

    scores, k = real(logprobs, "logprobs"), logprobs.shape[1]
    zero: NDArray[np.bool_] = scores == -np.inf
    unusable = ~(np.isfinite(scores) | zero)
    bad: NDArray[np.bool_] = np.any(unusable, axis=1) | np.all(zero, axis=1)
    # Scores far above 0 are logits: the cap keeps their exponential finite until they are
    # called bad below.
    usable = np.minimum(np.where(zero | bad[:, None], 0.0, scores), 100.0)
    p = np.where(zero, 0.0, np.exp(usable))
    mass = p.sum(axis=1)
    errors = _rounding_errors(usable, grid)  # of each probability, relative
    unsure = (p * errors).sum(axis=1) if grid else np.zeros(len(p))
    excess = np.where(~bad & (mass - 1.0 > np.maximum(_EXCESS, unsure)), mass - 1.0, 0.0)
    bad |= excess > 0.0

    entropy = np.maximum(-(p * usable).sum(axis=1), 0.0)
    # float32 sums reach a little above 1; nothing is missing then.
    missing = np.clip(1.0 - mass, 0.0, 1.0)
    complete = missing <= np.maximum(_FILTERED if filtered else 0.0, unsure if grid else 0.0)
    if grid:
        complete &= filtered or vocabulary == k
    missing[complete] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        renormalised = np.maximum(entropy / mass + np.log(mass), 0.0)
    top_k = np.where((missing > _SINGLE) | bool(grid), renormalised, entropy)
    off = np.where(complete & ~bad, np.abs(mass - 1.0), 0.0) if grid else np.zeros(len(p))
    if grid:
        entropy = np.where(complete, top_k, entropy)
        mass = np.where(complete, 1.0, np.minimum(mass, 1.0))
    # What is missing at least and at most, and by how much the stored part may be off.
    unsure = np.where(complete, 0.0, unsure)
    least, most = np.clip(missing - unsure, 0.0, 1.0), np.clip(missing + unsure, 0.0, 1.0)
    slack = np.where(complete, 0.0, _slack(p, usable, errors)) if grid else 0.0
    stored = np.maximum(entropy - slack, 0.0)
    loose = stored + np.minimum(entr(least), entr(most))
    smallest = np.maximum(np.where(zero.any(axis=1), 1.0, p.min(axis=1)), 1e-300)
    smallest *= 1.0 + errors.max(axis=1) if grid else 1.0
    ends = (least, most, np.clip(smallest, least, most)) if grid else (least,)
    sharp = stored + np.min([_fewest_atoms(rest, smallest) for rest in ends], axis=0)
    others = (_LARGEST_VOCABULARY if vocabulary is None else vocabulary) - k
    padded = zero.any(axis=1) & (missing > _EXCESS)
    refuted = ~bad & (padded | (least > smallest * others * (1.0 + _EXCESS) + 10 * _SINGLE))
    if vocabulary is None:
        high = np.where(most > 0.0, np.nan, loose)
    else:
        # Tokens that are stored as -inf may hold a part of the rest as well, if it is padding.
        rest = np.maximum(others + zero.sum(axis=1), 1)
        shared = np.clip(rest / np.e, least, most) if grid else missing
        high = entropy + slack + entr(shared) + shared * np.log(rest)
    for values in (entropy, top_k, loose, sharp, high, mass):
        values[bad] = np.nan
    return entropy, top_k, loose, sharp, high, mass, bad, excess, refuted, off


def _rounding_errors(scores: FloatArray, grid: Grid) -> FloatArray:
    """Bound the relative error of each probability, (T, k): see `token_entropy`."""
    if not grid:
        return np.zeros((len(scores), 1))
    roundoff = _GRIDS[grid][1]
    return np.expm1(np.ldexp(roundoff, np.frexp(scores)[1] - 1) + roundoff)


def _slack(p: FloatArray, scores: FloatArray, errors: FloatArray) -> FloatArray:
    """Bound how far −Σ p ln p is off where each p is, to the second order."""
    return (p * errors * (np.abs(scores + 1.0) + errors * (np.abs(scores) + 1.0))).sum(axis=1)


def _fewest_atoms(rest: FloatArray, largest: FloatArray) -> FloatArray:
    """Return −Σ p ln p of a rest of the mass on as few candidates as none exceeding allows."""
    from scipy.special import entr

    whole = np.floor(rest / largest)
    return whole * entr(largest) + entr(np.maximum(rest - whole * largest, 0.0))


def activation_entropy(
    states: ArrayLike, bins: Literal["fd"] | int = "fd", corrected: bool = False
) -> FloatArray:
    """Compute the histogram entropy of each activation vector.

    The histogram has equal bins over [min, max]; H = −Σ p ln p over the occupied ones.

    Parameters
    ----------
    states : array_like, shape (..., H)
        Activation vectors, of any float type.
    bins : "fd" or int
        Number of bins: Freedman–Diaconis [1]_ clipped to 50…200, or a fixed number.
    corrected : bool
        Add Miller and Madow's (K − 1)/(2H) [2]_, with K occupied bins.

    Returns
    -------
    ndarray, shape (...)
        Nats; NaN where a vector is constant or holds a value that is not finite.

    Raises
    ------
    ValueError
        If there are no values in a vector, or the array is masked.

    References
    ----------
    .. [1] Freedman and Diaconis (1981), Z. Wahrscheinlichkeitstheorie 57, 453–476.
    .. [2] Miller (1955), in Information Theory in Psychology, 95–100.
    """
    return activation_entropies(states, bins)[int(corrected)]


def activation_entropies(
    states: ArrayLike, bins: Literal["fd"] | int = "fd"
) -> tuple[FloatArray, FloatArray]:
    """Compute `activation_entropy` without and with the correction, from one histogram.

    Parameters
    ----------
    states : array_like, shape (..., H)
    bins : "fd" or int

    Returns
    -------
    plain, corrected : ndarray, shape (...)

    Raises
    ------
    ValueError
        If there are no values in a vector, or the array is masked.
    """
    array = unmasked(states, "states")
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"states must have shape (..., H), got {array.shape}")
    vectors = array.reshape(-1, array.shape[-1])
    found = np.concatenate([_histogram_entropies(rows, bins) for rows in blocks(vectors)])
    plain, corrected = found.T
    return plain.reshape(array.shape[:-1]), corrected.reshape(array.shape[:-1])


def _histogram_entropies(vectors: NDArray[Any], bins: Literal["fd"] | int) -> FloatArray:
    """Return the plain and the corrected entropy of each vector, (m, H) -> (m, 2)."""
    values = vectors.astype(np.float64)
    found = np.full((len(values), 2), np.nan)
    usable: NDArray[np.bool_] = np.all(np.isfinite(values), axis=1)
    usable[usable] = [not is_constant(v) for v in values[usable]]
    if not usable.any():
        return found
    fitting = values[usable]
    numbers = _freedman_diaconis(fitting) if bins == "fd" else [bins] * len(fitting)
    for i, row, number in zip(np.flatnonzero(usable), fitting, numbers, strict=True):
        counts, _ = np.histogram(row, number)
        p = counts[counts > 0] / row.size
        entropy = float(-(p * np.log(p)).sum())
        found[i] = entropy, entropy + (p.size - 1) / (2 * row.size)
    return found


def freedman_diaconis(values: FloatArray) -> int:
    """Return the Freedman–Diaconis number of bins, clipped to 50…200.

    The bin width is 2·IQR/n^(1/3). Where the quartiles coincide the rule has no answer,
    and the fewest bins are taken, as ``numpy.histogram_bin_edges`` does.
    """
    return _freedman_diaconis(values[None])[0]


def _freedman_diaconis(vectors: FloatArray) -> list[int]:
    first, third = np.percentile(vectors, [25, 75], axis=1)
    widths = 2.0 * (third - first) / vectors.shape[1] ** (1 / 3)
    spreads = np.ptp(vectors, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        bins = np.clip(np.ceil(spreads / widths), _FEWEST_BINS, _MOST_BINS)
    bins = np.where(spreads >= widths * _MOST_BINS, _MOST_BINS, bins)
    return np.where(widths == 0.0, _FEWEST_BINS, bins).astype(np.int64).tolist()


def spectral_entropy(states: ArrayLike) -> float:
    """Compute the entropy of the normalised eigenvalues of the covariance over questions.

    The eigenvalues come from the Q × Q Gram matrix of the centred states, or from the H × H
    covariance, which has the same ones, where that is smaller. The maximum is
    ln(min(Q − 1, H)).

    Parameters
    ----------
    states : array_like, shape (Q, H)

    Returns
    -------
    float
        Nats; NaN with fewer than two questions, without variance, or with values that are
        not finite.

    Raises
    ------
    ValueError
        If ``states`` is not two-dimensional.
    """
    array = real(states, "states")
    if array.ndim != 2:
        raise ValueError(f"states must have shape (Q, H), got {array.shape}")
    if array.shape[0] < 2 or not np.isfinite(array).all():
        return float("nan")
    if all(is_constant(column) for column in array.T):
        return float("nan")
    centred = centred_to_one(array)
    product = centred @ centred.T if len(centred) <= len(centred.T) else centred.T @ centred
    eigenvalues = np.clip(np.linalg.eigvalsh(product), 0.0, None)
    p = eigenvalues[eigenvalues > 0.0] / eigenvalues.sum()
    return max(float(-(p * np.log(p)).sum()), 0.0)


def position_slope(entropies: ArrayLike) -> float:
    """Return the least-squares slope of one answer's token entropies on token position.

    Parameters
    ----------
    entropies : array_like, shape (T,)
        Tokens that are NaN are left out; the others keep their position.

    Returns
    -------
    float
        Nats a token; NaN with fewer than two tokens.
    """
    values = vector(entropies, "entropies")
    valid = np.isfinite(values)
    if valid.sum() < 2:
        return float("nan")
    position = np.flatnonzero(valid).astype(np.float64)
    position -= position.mean()
    return float(position @ values[valid] / (position @ position))


def lag1(entropies: ArrayLike) -> float:
    """Return the autocorrelation at lag 1 of one answer's token entropies.

    Σ (h_t − h̄)(h_{t+1} − h̄) over pairs of neighbours, divided by Σ (h_t − h̄)².

    Parameters
    ----------
    entropies : array_like, shape (T,)
        A token that is NaN drops out together with its two pairs.

    Returns
    -------
    float
        NaN with fewer than three tokens or a constant series.
    """
    values = vector(entropies, "entropies")
    valid = values[np.isfinite(values)]
    if valid.size < 3 or is_constant(valid):
        return float("nan")
    deviations = np.where(np.isfinite(values), values - valid.mean(), 0.0)
    return float(deviations[:-1] @ deviations[1:] / (deviations @ deviations))


def running_entropy(answers: Sequence[ArrayLike]) -> FloatArray:
    """Return the running entropy rate: the mean entropy of tokens 1…t, over answers.

    An answer that has ended keeps its last mean, so that the set of answers is the same at
    every t and the curve ends at the mean over answers of their token means.

    Parameters
    ----------
    answers : sequence of array_like, each of shape (T_q,)
        Token entropies; NaN tokens are left out.

    Returns
    -------
    ndarray, shape (T,)
        T is the length of the longest answer; NaN before the first usable token.
    """
    series = [vector(answer, "answer") for answer in answers]
    length = max((s.size for s in series), default=0)
    if length == 0:
        return np.empty(0)
    padded = np.full((len(series), length), np.nan)
    for row, values in zip(padded, series, strict=True):
        row[: values.size] = values
    valid = np.isfinite(padded)
    totals = np.cumsum(np.where(valid, padded, 0.0), axis=1)
    counts = np.cumsum(valid, axis=1)
    started = counts > 0
    means = np.divide(totals, counts, out=np.zeros_like(totals), where=started)
    present = started.sum(axis=0)
    curve = np.full(length, np.nan)
    return np.divide(means.sum(axis=0), present, out=curve, where=present > 0)
