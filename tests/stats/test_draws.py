"""Draws in blocks are the draws, and what is computed from them is the same."""

from __future__ import annotations

import numpy as np
import pytest

from stats import draws, rankmatrix
from stats.dimension import resampled_participation_ratio
from stats.draws import Drawn, blocks, counts_of, over_blocks
from stats.means import bootstrap_means
from stats.permutation import draw_permutations, permute_spearman
from stats.profiles import signature_similarity
from stats.ranks import rank_biserial_paired
from stats.resampling import (
    bootstrap_spearman,
    draw_counts,
    spearman_replicates,
)

N, B = 11, 500


def seeded(seed=5):
    return np.random.default_rng(seed)


@pytest.fixture(params=["counts", "permutations"])
def kind(request):
    return {"counts": draw_counts, "permutations": draw_permutations}[request.param]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of nine rows: many, and a last one that is shorter."""
    monkeypatch.setattr(draws, "BLOCK", 9 * N + 4)


def test_blocks_together_are_what_is_drawn_at_once(kind, small_blocks):
    drawn = Drawn.at_random(N, B, kind, seeded)
    parts = list(drawn)
    assert {len(part) for part in parts} == {9, B % 9}
    whole = kind(N, B, seeded())
    assert (np.concatenate(parts) == whole).all()
    assert (np.concatenate(list(drawn)) == whole).all()  # the second reading
    kept = drawn.compact()
    assert (kept == whole).all()
    assert kept.dtype == np.uint8
    assert kept.nbytes <= drawn.most_bytes
    assert drawn.shape == whole.shape == (B, N)


def test_draws_of_many_observations_do_not_depend_on_the_blocks():
    n = 1_200
    drawn = Drawn.at_random(n, B, draw_counts, seeded)
    whole = draw_counts(n, B, seeded())
    assert len(list(drawn)) > 1
    assert (np.concatenate(list(drawn)) == whole).all()
    assert (whole.sum(axis=1) == n).all()
    # Mean 1 and variance 1 - 1/n each, of 600,000 counts.
    assert whole.var() == pytest.approx(1.0, abs=0.01)


def test_each_observation_is_left_out_once(small_blocks):
    drawn = Drawn.leaving_one_out(N)
    assert len(list(drawn)) == 2
    assert (np.concatenate(list(drawn)) == np.ones((N, N)) - np.eye(N)).all()


def test_an_array_is_cut_into_views(small_blocks):
    array = np.arange(4 * N).reshape(4, N)
    assert all(np.shares_memory(block, array) for block in blocks(array))
    assert (over_blocks(array, lambda b: b.sum(axis=1)) == array.sum(axis=1)).all()


def test_a_row_may_be_longer_than_a_block(monkeypatch):
    monkeypatch.setattr(draws, "BLOCK", 3)
    assert [len(part) for part in Drawn.at_random(N, 4, draw_counts, seeded)] == [1] * 4


def test_every_statistic_is_the_same_from_blocks(small_blocks):
    counts, orders = (
        Drawn.at_random(N, B, draw_counts, seeded),
        Drawn.at_random(N, B, draw_permutations, seeded),
    )
    whole, shuffled = draw_counts(N, B, seeded()), draw_permutations(N, B, seeded())
    x, y = seeded(1).standard_normal((N, 3)), seeded(2).standard_normal((N, 2)).round(1)
    assert bootstrap_means(x, counts) == bootstrap_means(x, whole)
    assert bootstrap_means(x, counts, method="bca") == bootstrap_means(x, whole, method="bca")
    for one, other in zip(
        vars(bootstrap_spearman(x, y, counts)).values(),
        vars(bootstrap_spearman(x, y, whole)).values(),
        strict=True,
    ):
        assert np.array_equal(one, other)
    ratio, same = (resampled_participation_ratio(x, c) for c in (counts, whole))
    assert ratio == pytest.approx(same, rel=1e-12)
    assert rank_biserial_paired(x[:, 0], y[:, 0], counts) == rank_biserial_paired(
        x[:, 0], y[:, 0], whole
    )
    test, again = permute_spearman(x, y, orders), permute_spearman(x, y, shuffled)
    assert np.array_equal(test.p_maxt, again.p_maxt)
    assert np.array_equal(test.p, again.p)
    assert signature_similarity(x, y, x + y[:, :1], y, orders, orders, 3) == signature_similarity(
        x, y, x + y[:, :1], y, shuffled, shuffled, 3
    )


def test_counts_of_another_sample_are_refused():
    with pytest.raises(ValueError, match="counts of shape"):
        counts_of(Drawn.at_random(N, B, draw_counts, seeded), N + 1)
    with pytest.raises(ValueError, match="counts of shape"):
        counts_of(np.ones(N), N)


@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("n", [5, 30, 200, 300])
def test_cumulative_counts_give_the_ranks_that_signs_give(monkeypatch, n, decimals):
    x = seeded(3).standard_normal((n, 3)).round(decimals)
    y = seeded(4).standard_normal((n, 2)).round(decimals)
    x[:, 1] = 1.0  # constant, and so undefined
    for counts in (draw_counts(n, 99, seeded()), Drawn.leaving_one_out(n)):
        found = []
        for many in (0, 10_000):
            monkeypatch.setattr(rankmatrix, "_MANY", many)
            found.append(spearman_replicates(x, y, counts))
        assert np.array_equal(found[0], found[1], equal_nan=True)
        assert np.isnan(found[0][:, 1]).all()
