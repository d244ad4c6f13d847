"""The engine against scipy on the same work, on one core: ``python -m benchmarks.resampling``.

301 Spearman correlations (43 layers by 7 axes) of 30 questions, 10,000 bootstrap resamples
with BCa intervals and 10,000 permutations. scipy is timed on a few of the 301 in the same
run and scaled: once with ``spearmanr`` as its users call it, and once, in its favour, with
a statistic written for whole blocks of resamples. The target is for the first.
"""

# ruff: noqa: E402 - the number of threads has to be set before numpy is loaded

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import stats as scipy_stats

from stats.resampling import (
    bootstrap_spearman,
    draw_counts,
    draw_permutations,
    permute_spearman,
)

QUESTIONS, LAYERS, AXES, RESAMPLES = 30, 43, 7, 10_000
TARGET = 300


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def by_spearmanr(x: np.ndarray, y: np.ndarray) -> float:
    return float(scipy_stats.spearmanr(x, y).statistic)


def by_blocks(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    a, b = (scipy_stats.rankdata(v, axis=axis) - (v.shape[axis] + 1) / 2 for v in (x, y))
    return (a * b).sum(axis) / np.sqrt((a * a).sum(axis) * (b * b).sum(axis))


def scipy_does(
    x: np.ndarray, y: np.ndarray, statistic: Callable[..., object], in_blocks: bool
) -> None:
    scipy_stats.bootstrap(
        (x, y), statistic, paired=True, vectorized=in_blocks, n_resamples=RESAMPLES
    )
    scipy_stats.permutation_test(
        (x, y),
        statistic,
        permutation_type="pairings",
        vectorized=in_blocks,
        n_resamples=RESAMPLES,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=3, help="how many tests scipy is timed on")
    subset = parser.parse_args().tests
    rng = np.random.default_rng(1)
    x = rng.normal(size=(QUESTIONS, LAYERS))
    y = rng.normal(size=(QUESTIONS, AXES))
    total = LAYERS * AXES

    def engine() -> None:
        bootstrap_spearman(x, y, draw_counts(QUESTIONS, RESAMPLES, rng))
        permute_spearman(x, y, draw_permutations(QUESTIONS, RESAMPLES, rng))

    engine()  # once for imports and caches
    ours = min(seconds(engine) for _ in range(3))
    print(f"engine: {total} tests in {ours:.2f} s")
    ratios: list[float] = []
    for name, statistic, in_blocks in (
        ("scipy with spearmanr", by_spearmanr, False),
        ("scipy with blocks", by_blocks, True),
    ):
        each = [
            seconds(partial(scipy_does, x[:, i], y[:, i % AXES], statistic, in_blocks))
            for i in range(subset)
        ]
        theirs = total * float(np.mean(each))
        ratios.append(theirs / ours)
        print(f"{name}: {np.mean(each):.3f} s a test, {theirs:.0f} s for all: 1/{ratios[-1]:.0f}")
    print(f"wanted against spearmanr: at most 1/{TARGET}")
    return 0 if ratios[0] >= TARGET else 1


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scipy_stats.ConstantInputWarning)
        raise SystemExit(main())
