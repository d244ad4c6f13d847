"""Values that are equal up to floating-point noise are tied in every rank method alike."""

import numpy as np
import pytest

from stats.comparison import friedman, page_trend
from stats.correlation import kendall, partial_spearman, spearman, spearman_exact
from stats.permutation import permute_spearman
from stats.ranks import (
    mann_whitney,
    rank_biserial,
    rank_biserial_paired,
    wilcoxon_signed_rank,
)
from stats.resampling import draw_counts, draw_permutations, spearman_matrix, spearman_replicates

# 0.3 comes in three spellings, and so do 0.7 and 1.1 e9.
NOISY = [0.1 + 0.2, 0.3, 0.3 * (1 + 1e-13), 0.7, 0.1 + 0.6, 1.1e9, 1.1e9 + 1e-6, 2e9, -4.0, 5.0]
TIED = [0.3, 0.3, 0.3, 0.7, 0.7, 1.1e9, 1.1e9, 2e9, -4.0, 5.0]
OTHER = [2.0, 1.0, 4.0, 3.0, 3.5, 0.5, 7.0, 6.0, 8.0, 1.5]
CASES = {
    "Spearman": lambda v: spearman(v, OTHER).value,
    "Spearman, exact": lambda v: spearman_exact(v[:8], OTHER[:8]),
    "Spearman, permuted": lambda v: permute_spearman(
        np.c_[v], np.c_[OTHER], draw_permutations(10, 50, np.random.default_rng(1))
    ).p[0, 0],
    "Spearman, many": lambda v: spearman_matrix(np.c_[v], np.c_[OTHER])[0, 0],
    "Spearman, resampled": lambda v: spearman_replicates(
        np.c_[v], np.c_[OTHER], draw_counts(10, 20, np.random.default_rng(1))
    ),
    "Spearman, resampled, many observations": lambda v: spearman_replicates(
        np.c_[v * 20], np.c_[OTHER * 20], draw_counts(200, 20, np.random.default_rng(1))
    ),
    "Spearman, partial": lambda v: partial_spearman(v, OTHER, np.arange(10.0) ** 2 % 7)[0].value,
    "Kendall, by enumeration": lambda v: kendall(v[:7], OTHER[:7]),
    "Kendall": lambda v: kendall(v, OTHER),
    "Friedman": lambda v: friedman(np.c_[v[:5], v[5:], OTHER[:5], v[1:6]].T),
    "Page": lambda v: page_trend(np.c_[v[:5], v[5:], OTHER[:5], v[1:6]].T),
    "Mann-Whitney": lambda v: mann_whitney(v[::2], v[1::2]),
    "rank-biserial": lambda v: rank_biserial(v[::2], v[1::2]),
    "Wilcoxon": lambda v: wilcoxon_signed_rank(
        np.array(v), np.array(TIED) * [1, 1, 1, 1, 1, 1, 1, 3, 2, 2]
    ),
    "rank-biserial, paired": lambda v: rank_biserial_paired(
        np.array(v), np.array(TIED) * [1, 1, 1, 1, 1, 1, 1, 3, 2, 2]
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_noise_breaks_no_tie(name):
    np.testing.assert_equal(CASES[name](NOISY), CASES[name](TIED))


def test_differences_beyond_noise_are_an_order():
    assert spearman([1.0, 1.0 + 1e-9, 1.0 + 2e-9, 1.0 + 3e-9], [1, 2, 3, 4]).value == 1.0


def test_agreement_is_never_above_1():
    """W came out as 1.0000000000000007, and with it χ² above its largest value."""
    for questions in range(2, 60):
        for k in range(3, 9):
            table = np.tile(np.arange(k) / 3.0, (questions, 1))
            estimate, outcome = friedman(table)
            assert estimate.value == pytest.approx(1.0, abs=1e-12)
            assert estimate.value <= 1.0
            assert outcome.p >= outcome.p_floor
