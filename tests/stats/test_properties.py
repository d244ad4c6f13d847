"""What must hold for all data, tried on data that hypothesis makes up."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.correlation import bonett_wright, kendall, spearman, spearman_exact, spearman_t
from stats.dimension import participation_ratio
from stats.entropy import token_entropy
from stats.multiplicity import adjust
from stats.outcome import Interval
from stats.power import spearman_power
from stats.resampling import (
    bootstrap_spearman,
    draw_counts,
    draw_permutations,
    exact_bootstrap_spearman,
    permute_spearman,
)

# Few distinct values, so that ties are the rule.
values = st.integers(-4, 4)


def pairs(smallest=3, largest=7):
    return st.integers(smallest, largest).flatmap(
        lambda n: st.tuples(
            st.lists(values, min_size=n, max_size=n), st.lists(values, min_size=n, max_size=n)
        )
    )


p_values = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=30)
# statsmodels collects garbage in every call of Holm's method, which is slow.
fewer = settings(max_examples=15)


@given(pairs())
def test_only_the_order_of_values_matters(pair):
    x, y = (np.array(v, dtype=float) for v in pair)
    for statistic in (spearman_exact, kendall):
        assert statistic(x, y) == statistic(np.exp(x), y**3 + y)
    assert exact_bootstrap_spearman(x, y) == exact_bootstrap_spearman(np.exp(x), 10 * y - 3)


@given(pairs(), st.randoms(use_true_random=False))
def test_the_order_of_observations_does_not_matter(pair, random):
    x, y = (np.array(v, dtype=float) for v in pair)
    order = np.array(random.sample(range(x.size), x.size))
    before, after = spearman_exact(x, y), spearman_exact(x[order], y[order])
    assert (before.reason, before.p, before.p_floor) == (after.reason, after.p, after.p_floor)
    assert spearman(x, y).value == pytest.approx(spearman(x[order], y[order]).value, abs=1e-14)


@given(pairs())
def test_x_and_y_may_change_places(pair):
    x, y = pair
    assert spearman_exact(x, y).p == pytest.approx(spearman_exact(y, x).p, abs=1e-14)
    assert spearman(x, y).value == pytest.approx(spearman(y, x).value, abs=1e-14)


@given(pairs())
def test_a_flipped_sign_flips_the_sign(pair):
    x, y = (np.array(v, dtype=float) for v in pair)
    plain, flipped = spearman_exact(x, y), spearman_exact(x, -y)
    assert plain.p == flipped.p
    assert spearman_exact(x, y, "greater").p == spearman_exact(x, -y, "less").p
    if plain.statistic is not None:
        assert plain.statistic == -flipped.statistic


@given(pairs())
def test_p_is_never_below_its_floor(pair):
    for alternative in ("two-sided", "greater", "less"):
        outcome = spearman_exact(*pair, alternative)
        assert outcome.p is None or 0 < outcome.p_floor <= outcome.p <= 1


@given(pairs(8, 25), st.integers(0, 1000))
def test_flipping_mirrors_the_bootstrap(pair, seed):
    x, y = (np.array(v, dtype=float)[:, None] for v in pair)
    counts = draw_counts(x.size, 199, np.random.default_rng(seed))
    for method in ("bca", "percentile"):
        plain = bootstrap_spearman(x, y, counts, method=method)
        flipped = bootstrap_spearman(x, -y, counts, method=method)
        assert plain.method[0, 0] == flipped.method[0, 0]
        np.testing.assert_allclose(plain.low, -flipped.high, atol=1e-9)


@given(pairs(3, 25), st.integers(0, 1000))
def test_intervals_are_intervals_of_correlations(pair, seed):
    x, y = (np.array(v, dtype=float)[:, None] for v in pair)
    found = bootstrap_spearman(x, y, draw_counts(x.size, 199, np.random.default_rng(seed)))
    interval = found.interval(0, 0)
    if isinstance(interval, Interval):
        assert -1.0 <= interval.low < interval.high <= 1.0
        assert interval.method in {"bca", "percentile", "bonett-wright"}
        assert (interval.method == "bca") == (interval.note == "")


@given(st.floats(-0.999, 0.999), st.integers(4, 500))
def test_the_closed_form_contains_the_estimate_and_widens(rho, n):
    narrow, wide = bonett_wright(rho, n, 0.5), bonett_wright(rho, n, 0.99)
    assert -1.0 <= wide.low <= narrow.low <= rho <= narrow.high <= wide.high <= 1.0
    mirrored = bonett_wright(-rho, n, 0.5)
    assert (mirrored.low, mirrored.high) == pytest.approx((-narrow.high, -narrow.low))


@given(st.floats(-1.0, 1.0), st.integers(3, 300))
def test_t_approximation_is_symmetric_and_positive(rho, n):
    assert spearman_t(rho, n).p == spearman_t(-rho, n).p > 0


@given(pairs(5, 20), st.integers(0, 1000))
def test_accounting_for_a_search_never_makes_p_smaller(pair, seed):
    rng = np.random.default_rng(seed)
    x = np.array(pair[0], dtype=float)[:, None] + rng.integers(0, 3, size=(len(pair[0]), 3))
    y = np.column_stack([pair[1], rng.normal(size=len(pair[1]))])
    found = permute_spearman(x, y, draw_permutations(x.shape[0], 99, rng))
    there = ~np.isnan(found.rho)
    assert (found.p[there] <= found.p_maxt_within_column[there]).all()
    assert (found.p_maxt_within_column[there] <= found.p_maxt[there]).all()
    assert (found.p[there] >= 1 / 100).all()
    assert np.isnan(found.p[~there]).all()


@fewer
@given(p_values)
def test_adjusted_p_values_keep_their_order_and_are_no_smaller(p):
    raw, adjusted = np.array(p), {k: np.array(v) for k, v in adjust(p).items()}
    order = np.argsort(raw)
    for values_of_rule in adjusted.values():
        assert (values_of_rule >= raw * (1 - 1e-12)).all()
        assert (values_of_rule <= 1.0).all()
        assert (np.diff(values_of_rule[order]) >= -1e-15).all()
    assert (adjusted["bh"] <= adjusted["holm"] * (1 + 1e-12)).all()
    assert (adjusted["bh"] <= adjusted["by"] * (1 + 1e-12)).all()


@fewer
@given(p_values, st.randoms(use_true_random=False))
def test_adjustment_does_not_depend_on_the_order_of_the_family(p, random):
    order = random.sample(range(len(p)), len(p))
    shuffled = adjust([p[i] for i in order])
    for rule, plain in adjust(p).items():
        assert shuffled[rule] == pytest.approx([plain[i] for i in order], rel=1e-12)


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20).filter(lambda w: sum(w) > 1e-3))
def test_entropy_lies_between_none_and_uniform(weights):
    p = np.array(weights) / sum(weights)
    with np.errstate(divide="ignore"):
        entropy = token_entropy(np.log(p)[None, :]).entropy[0]
    assert -1e-12 <= entropy <= log(p.size) + 1e-12


@given(st.integers(2, 12), st.integers(1, 7), st.integers(0, 1000))
def test_effective_dimension_lies_within_its_bounds(n, axes, seed):
    projections = np.random.default_rng(seed).normal(size=(n, axes))
    ratio = participation_ratio(projections).value
    assert 1 - 1e-9 <= ratio <= min(axes, n - 1) + 1e-9


@given(st.floats(0.0, 1.0), st.sampled_from([4, 6, 12, 30]))
def test_power_is_a_probability(rho, n):
    assert 0.0 <= spearman_power(rho, n) <= 1.0
