"""Arguments that make no sense are refused by name, instead of giving a number."""

import numpy as np
import pytest

from stats.comparison import page_trend, sign_agreement
from stats.correlation import partial_spearman, spearman, spearman_exact, spearman_t
from stats.dimension import (
    corrected_participation_ratio,
    participation_ratio,
    resampled_participation_ratio,
)
from stats.entropy import (
    activation_entropies,
    activation_entropy,
    spectral_entropy,
    token_entropy,
)
from stats.means import bootstrap_mean
from stats.meta import pool_correlations
from stats.permutation import permute_spearman
from stats.ranks import (
    hodges_lehmann_paired,
    hodges_lehmann_shift,
    mann_whitney,
    rank_biserial_paired,
    wilcoxon_signed_rank,
)
from stats.resampling import bootstrap_spearman, spearman_replicates

X = [0.3, 1.2, -0.4, 2.2, 0.9, 1.7, -1.1, 0.2]
Y = [1.3, 0.2, -0.9, 1.2, 0.4, 2.7, -0.1, 0.7]
TABLE = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [1.0, 3.0, 2.0]])


@pytest.mark.parametrize("alternative", ["two.sided", "greater ", "", "Less"])
def test_an_alternative_that_is_none(alternative):
    for call in (
        lambda: spearman_exact(X, Y, alternative),
        lambda: spearman_t(0.3, 20, alternative),
        lambda: spearman_t(0.3, 2, alternative),
        lambda: page_trend(TABLE, alternative),
    ):
        with pytest.raises(ValueError, match="alternative"):
            call()


@pytest.mark.parametrize("level", [95, 1.0, 0.0, -0.5, float("nan")])
def test_a_level_that_is_none(level):
    counts = np.full((3, 8), 1)
    for call in (
        lambda: hodges_lehmann_paired(X, Y, level),
        lambda: hodges_lehmann_shift(X, Y, level),
        lambda: rank_biserial_paired(X, Y, level=level),
        lambda: partial_spearman(X, Y, np.arange(8.0), level),
        lambda: bootstrap_mean(X, counts, level=level),
        lambda: bootstrap_spearman(np.c_[X], np.c_[Y], counts, level=level),
        lambda: corrected_participation_ratio(TABLE, level),
    ):
        with pytest.raises(ValueError, match="level"):
            call()


def test_masked_values_are_not_used_in_silence():
    masked = np.ma.MaskedArray(X, mask=[True, *[False] * 7])
    for call in (
        lambda: spearman(masked, Y),
        lambda: wilcoxon_signed_rank(X, masked),
        lambda: mann_whitney(masked, Y),
        lambda: participation_ratio(np.ma.masked_less(TABLE, 2.0)),
        lambda: spectral_entropy(np.ma.masked_less(TABLE, 2.0)),
        lambda: page_trend(np.ma.masked_less(TABLE, 2.0)),
    ):
        with pytest.raises(ValueError, match="masked"):
            call()


@pytest.mark.parametrize(
    "counts",
    [
        np.ones((2, 7)),
        np.full((2, 8), 2),  # sixteen draws of eight observations
        np.full((2, 8), 0.5),
        [[-1, 3, 1, 1, 1, 1, 1, 1]],
    ],
)
def test_counts_that_are_no_resamples(counts):
    counts = np.asarray(counts)
    for call in (
        lambda: bootstrap_mean(X, counts),
        lambda: bootstrap_spearman(np.c_[X], np.c_[Y], counts),
    ):
        with pytest.raises(ValueError, match="counts"):
            call()


def test_counts_that_are_none_for_a_dimension():
    with pytest.raises(ValueError, match="counts"):
        resampled_participation_ratio(TABLE, [[1.5, 1.0, 0.5]])


@pytest.mark.parametrize(
    "rows", [[[0, 1, 2, 3, 4, 5, 6, 6]], [[1, 2, 3, 4, 5, 6, 7, 8]], [[0.0] * 8]]
)
def test_rows_that_are_no_permutations(rows):
    with pytest.raises(ValueError, match="permutations"):
        permute_spearman(np.c_[X], np.c_[Y], np.asarray(rows))


# --- noise belongs to each pair of values ---------------------------------------------------


def test_a_huge_value_makes_no_ties_of_the_others():
    x, y = [1e14, 5, 9, 1, 7, 3], [0, 1, 2, 3, 4, 1]
    assert wilcoxon_signed_rank(x, y).p == pytest.approx(0.09375)
    assert mann_whitney([1e300, 5, 9, 1], [2, 3, 4, 8]).p == pytest.approx(0.486, abs=5e-4)


def test_rounding_noise_is_still_a_tie():
    x, y = [0.1 + 0.2, 1.0, 2.0, 5.0], [0.3, 0.5, 1.0, 3.0]
    assert wilcoxon_signed_rank(x, y).n == 3


def test_differences_of_a_millionth_are_no_noise():
    """The threshold is 1e-12, and far from 1e-6."""
    x = 1.0 + 1e-7 * np.arange(1.0, 9.0)
    assert spearman(x, np.arange(8.0)).value == pytest.approx(1.0)
    assert wilcoxon_signed_rank(x, np.ones(8)).n == 8


@pytest.mark.parametrize("scale", [1e-161, 1e-81, 1e80, 1e200])
def test_statistics_without_a_scale(scale):
    points = np.random.default_rng(5).normal(size=(12, 4))
    assert participation_ratio(points * scale).value == pytest.approx(
        participation_ratio(points).value, rel=1e-12
    )
    assert corrected_participation_ratio(points * scale).value == pytest.approx(
        corrected_participation_ratio(points).value, rel=1e-12
    )
    assert spectral_entropy(points * scale) == pytest.approx(spectral_entropy(points), rel=1e-12)


def test_misuse_that_gave_a_number_in_silence_names_the_argument():
    masked = np.ma.MaskedArray([X], mask=[[True, *[False] * 7]])
    short = np.full((3, 8), 1) - np.eye(3, 8, dtype=int)
    for name, call in (
        ("states", lambda: activation_entropy(masked)),
        ("states", lambda: activation_entropies(masked)),
        ("states", lambda: spectral_entropy(masked)),
        ("logprobs", lambda: token_entropy(masked)),
        ("counts", lambda: rank_biserial_paired(X, Y, short)),
        ("counts", lambda: resampled_participation_ratio(np.c_[X, Y], short)),
        ("counts", lambda: spearman_replicates(np.c_[X], np.c_[Y], short)),
        ("signs", lambda: sign_agreement([1, 2, -3])),
        ("method", lambda: pool_correlations([0.1, 0.3], [20, 30], method="reml")),
    ):
        with pytest.raises(ValueError, match=name):
            call()
