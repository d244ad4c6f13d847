"""Entropy of token distributions and of activations, in nats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.checks import FloatArray, centred_to_one, is_constant, real, unmasked, vector
from stats.draws import blocks

# Stored probabilities that sum to 1 within this are complete: it is what rounding of the scores'
# type leaves, and of scores that were filtered and renormalised once more.
_ROUNDING = {np.dtype(np.float16): 1e-3}
_FILTERED = 1e-4
_SINGLE = 2e-6  # what float32 leaves: too little to renormalise, and it moves bounds by < 1e-4

# A sum above 1 by more than this is no rounding: the scores are not log-probabilities.
_EXCESS = 1e-3
_EXCESS_OF_HALF = 5e-3

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
        Probability that the stored candidates hold together.
    bad : ndarray of bool, shape (T,)
        Rows that are not log-probabilities: NaN, +inf, nothing but −inf, or a sum above 1.
    excess : ndarray, shape (T,)
        By how much the sum exceeds 1 in rows that are bad for it; 0 in all others.
    filtered : bool
        Some probability is exactly 0: the scores were filtered (temperature, top-k, top-p)
        before they were stored, or padded.
    """

    entropy: FloatArray
    top_k: FloatArray
    low: FloatArray
    high: FloatArray
    mass: FloatArray
    bad: NDArray[np.bool_]
    excess: FloatArray
    filtered: bool


def token_entropy(logprobs: ArrayLike, vocabulary: int | None = None) -> TokenEntropy:
    """Compute the entropy of every token from its k most probable candidates.

    With missing mass r = 1 − m, the entropy over the whole vocabulary is smallest if one
    candidate holds all of r, which adds −r ln r, and largest if all V − k others share it,
    which adds −r ln(r/(V − k)). A row is complete, and both bounds are the entropy itself,
    where m is 1 within rounding; a −inf in it proves nothing, as it may be padding.
    Scores stored in float32 leave m, and with it r, uncertain by about 2e-6, which is up to
    1e-4 nats in the bounds.

    Parameters
    ----------
    logprobs : array_like, shape (T, k)
        Natural logarithms of probabilities; −inf means probability 0.
    vocabulary : int, optional
        Number of tokens V that the model knows.

    Returns
    -------
    TokenEntropy

    Raises
    ------
    ValueError
        If the array is not two-dimensional, or the vocabulary is smaller than k.
    """
    given = logprobs if isinstance(logprobs, np.ndarray) else np.asarray(logprobs)
    if given.ndim != 2 or given.shape[1] == 0:
        raise ValueError(f"logprobs must have shape (T, k), got {given.shape}")
    k = given.shape[1]
    if vocabulary is not None and vocabulary < k:
        raise ValueError(f"a vocabulary of {vocabulary} can't have {k} candidates")
    filtered = any(bool(np.isneginf(rows).any()) for rows in blocks(given))
    parts = [_token_entropy(rows, vocabulary, filtered) for rows in blocks(given)]
    entropy, top_k, low, high, mass, bad, excess = map(np.concatenate, zip(*parts, strict=True))
    return TokenEntropy(entropy, top_k, low, high, mass, bad, excess, filtered)


def _token_entropy(
    logprobs: NDArray[Any], vocabulary: int | None, filtered: bool
) -> tuple[NDArray[Any], ...]:
    """Compute the fields of `TokenEntropy` for some of the tokens."""
    scores, k = real(logprobs, "logprobs"), logprobs.shape[1]
    zero: NDArray[np.bool_] = scores == -np.inf
    unusable = ~(np.isfinite(scores) | zero)
    bad: NDArray[np.bool_] = np.any(unusable, axis=1) | np.all(zero, axis=1)
    # Scores far above 0 are logits: the cap keeps their exponential finite until they are
    # called bad below.
    usable = np.minimum(np.where(zero | bad[:, None], 0.0, scores), 100.0)
    p = np.where(zero, 0.0, np.exp(usable))
    mass = p.sum(axis=1)
    limit = 1.0 + (_EXCESS_OF_HALF if logprobs.dtype == np.float16 else _EXCESS)
    excess = np.where(~bad & (mass > limit), mass - 1.0, 0.0)
    bad |= excess > 0.0

    entropy = np.maximum(-(p * usable).sum(axis=1), 0.0)
    # float32 sums reach a little above 1; nothing is missing then.
    missing = np.clip(1.0 - mass, 0.0, 1.0)
    rounding = _ROUNDING.get(logprobs.dtype, 0.0)
    missing[missing <= max(rounding, _FILTERED if filtered else 0.0)] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        top_k = np.where(missing > _SINGLE, np.maximum(entropy / mass + np.log(mass), 0.0), entropy)
    with np.errstate(divide="ignore"):
        log_missing = np.where(missing > 0.0, np.log(missing), 0.0)
    low = entropy - missing * log_missing
    if vocabulary is None:
        high = np.where(missing > 0.0, np.nan, low)
    else:
        # Tokens that are stored as -inf may hold a part of the rest as well, if it is padding.
        others = np.maximum(vocabulary - k + zero.sum(axis=1), 1)
        high = low + missing * np.log(others)
    for values in (entropy, top_k, low, high, mass):
        values[bad] = np.nan
    return entropy, top_k, low, high, mass, bad, excess


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
