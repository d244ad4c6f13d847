"""Random captures with given properties: token rows of a given entropy, states in a given order.

`report.synthetic.simulate` decides what the properties are and writes the files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.entropy import activation_entropy

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CANDIDATES = 50
_BLOCK = 4096  # tokens solved for at once, which bounds the memory


def pearson(rho: float) -> float:
    """Return the correlation of two normal variables whose Spearman correlation is ``rho``."""
    return 2.0 * float(np.sin(np.pi * rho / 6.0))


def deviations(dimension: float, loadings: FloatArray, varies: NDArray[np.bool_]) -> FloatArray:
    """Find standard deviations of axes that give their covariance a participation ratio.

    Variances fall geometrically from axis to axis; the ratio is solved for.

    Parameters
    ----------
    dimension : float
        The participation ratio wanted.
    loadings : ndarray, shape (A,)
        Correlation of every axis with the one factor that they share.
    varies : ndarray of bool, shape (A,)
        False for an axis that is constant.

    Returns
    -------
    ndarray, shape (A,)
        At most 0.16, so that projections stay inside ±1; 0 for a constant axis.

    Raises
    ------
    ValueError
        If so many dimensions can't be had from these axes.
    """
    from scipy.optimize import root_scalar

    correlation = np.outer(loadings, loadings)
    np.fill_diagonal(correlation, 1.0)
    rank = np.cumsum(varies) - 1

    def falling(ratio: float) -> FloatArray:
        return 0.16 * varies * ratio ** (rank / 2)

    def excess(ratio: float) -> float:
        covariance = correlation * np.outer(falling(ratio), falling(ratio))
        return float(np.trace(covariance) ** 2 / (covariance**2).sum()) - dimension

    return falling(root_scalar(excess, bracket=(1e-3, 1.0)).root)


def token_entropies(means: FloatArray, counts: IntArray, rng: np.random.Generator) -> FloatArray:
    """Draw token entropies whose mean over each answer is exactly the one asked for.

    About a third of the tokens are certain, as in real captures with filtered scores.

    Parameters
    ----------
    means : ndarray, shape (Q,)
        Nats; below 0.95 ln(50).
    counts : ndarray of int, shape (Q,)
        Tokens of each answer.
    rng : Generator

    Returns
    -------
    ndarray, shape (sum of counts,)
    """
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    weights = np.sqrt(np.maximum(0.0, rng.uniform(-0.5, 1.0, int(counts.sum()))))
    weights[starts] = 1.0  # no answer without an uncertain token
    weights /= np.repeat(np.add.reduceat(weights, starts) / counts, counts)
    # No token may exceed what the candidates can hold: pull such an answer towards its mean.
    room = 0.95 * np.log(CANDIDATES) / means - 1.0
    excess = np.maximum.reduceat(weights, starts) - 1.0
    pull = np.minimum(1.0, room / np.maximum(excess, 1e-12))
    return np.repeat(means, counts) * (1.0 + np.repeat(pull, counts) * (weights - 1.0))


def top_k_logprobs(entropies: FloatArray) -> NDArray[np.float32]:
    """Make a row of candidates for each token with this entropy, −inf outside its nucleus.

    Probabilities fall geometrically over the nucleus; the rate is the root of H = target.

    Parameters
    ----------
    entropies : ndarray, shape (T,)
        Nats, from 0 to 0.95 ln(50).

    Returns
    -------
    ndarray of float32, shape (T, 50)
        In falling order; each row sums to 1 after exponentiation.
    """
    blocks = np.array_split(entropies, entropies.size // _BLOCK + 1)
    return np.concatenate([_block_of_logprobs(block) for block in blocks])


def _block_of_logprobs(entropies: FloatArray) -> NDArray[np.float32]:
    from scipy.optimize import elementwise

    nucleus = np.clip(np.ceil(2 * np.exp(entropies)), 2, CANDIDATES)
    nucleus[entropies == 0.0] = 1
    rank = np.arange(CANDIDATES)

    def logprobs(rate: FloatArray, size: FloatArray) -> FloatArray:
        scores = np.where(rank < size[:, None], -rate[:, None] * rank, -np.inf)
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))

    def excess(rate: FloatArray, target: FloatArray, size: FloatArray) -> FloatArray:
        log_p = logprobs(rate, size)
        p = np.exp(log_p)
        return -(p * np.where(p > 0, log_p, 0.0)).sum(axis=1) - target

    rates = np.zeros(entropies.size)
    solve = nucleus > 1
    if solve.any():
        bracket = (np.zeros(int(solve.sum())), np.full(int(solve.sum()), 60.0))
        root = elementwise.find_root(excess, bracket, args=(entropies[solve], nucleus[solve]))
        rates[solve] = root.x
    return logprobs(rates, nucleus).astype(np.float32)


def layer_states(
    order: FloatArray, exponents: FloatArray, hidden: int, rng: np.random.Generator
) -> NDArray[np.float16]:
    """Draw heavy-tailed activations whose histogram entropies have a given order.

    The entropy of a vector falls with its tail exponent, but only roughly so in a histogram
    of few values: sorting by the entropy itself makes the order exact.

    Parameters
    ----------
    order : ndarray, shape (Q, L)
        The questions' entropies are in the order of each column.
    exponents : ndarray, shape (L,)
        Mean tail exponent at each layer; 1 is normal.
    hidden : int
    rng : Generator

    Returns
    -------
    ndarray of float16, shape (Q, L, hidden)
    """
    questions, layers = order.shape
    states = np.empty((questions, layers, hidden), dtype=np.float16)
    for layer in range(layers):
        exponent = exponents[layer] + rng.uniform(-0.3, 0.3, (questions, 1))
        normal = rng.standard_normal((questions, hidden))
        drawn = (np.sign(normal) * np.abs(normal) ** exponent).astype(np.float16)
        ranked = drawn[np.argsort(activation_entropy(drawn), kind="stable")]
        states[np.argsort(order[:, layer], kind="stable"), layer] = ranked
    return states
