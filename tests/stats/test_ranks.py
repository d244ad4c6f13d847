"""Rank comparisons: against R, enumeration, scipy, pingouin, and resamples drawn one by one."""

from __future__ import annotations

import itertools
import json
import warnings

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from stats.comparison import (
    hodges_lehmann_paired,
    hodges_lehmann_shift,
    mann_whitney,
    rank_biserial,
    rank_biserial_paired,
    wilcoxon_signed_rank,
)
from stats.nulls import rank_sum_null, signed_rank_null
from stats.outcome import Reason

SMALL = st.lists(st.integers(-4, 4), min_size=1, max_size=8)


def by_sign_enumeration(differences: np.ndarray) -> float:
    used = differences[differences != 0]
    ranks = scipy.stats.rankdata(np.abs(used))
    signs = np.array(list(itertools.product((0, 1), repeat=used.size)))
    centre = ranks.sum() / 2
    null = np.abs(signs @ ranks - centre)
    return float((null >= abs(ranks[used > 0].sum() - centre) - 1e-9).mean())


def by_split_enumeration(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    ranks = scipy.stats.rankdata(np.concatenate([x, y]))
    null = np.array([sum(c) for c in itertools.combinations(ranks, x.size)])
    distance = np.abs(null - null.mean())
    observed = abs(ranks[: x.size].sum() - null.mean())
    return (
        float((distance >= observed - 1e-9).mean()),
        float((distance >= distance.max() - 1e-9).mean()),
    )


@pytest.fixture(params=["synthetic", "mood-axis"])
def paired(request, root, shared):
    """Two models' values on one axis, and what R says about them."""
    if request.param == "synthetic":
        folder = root / "tests" / "reference"
        reference = json.loads((folder / "synthetic_r.json").read_text())["paired"]
        inputs = json.loads((folder / "synthetic_inputs.json").read_text())
        samples = [inputs[reference[name]]["axes"][reference["axis"]] for name in "xy"]
    else:
        reference = json.loads(shared("reference/mood_axis_r.json").read_text())["paired"]
        samples = []
        for name in "xy":
            path = shared(f"mood-axis/{reference[name]}_baseline.json")
            baseline = json.loads(path.read_text())
            axes = baseline.get("axes") or baseline["baseline"]
            samples.append(axes[reference["axis"]]["values"])
    return np.array(samples[0]), np.array(samples[1]), reference


def test_r_parity(paired):
    x, y, reference = paired
    signed, summed = wilcoxon_signed_rank(x, y), mann_whitney(x, y)
    assert signed.statistic == reference["wilcoxon_V"]
    assert signed.p == pytest.approx(reference["wilcoxon_p_exact"], abs=1e-10)
    assert summed.statistic == reference["mann_whitney_W"]
    assert summed.p == pytest.approx(reference["mann_whitney_p_exact"], abs=1e-10)


@given(SMALL)
def test_signed_rank_by_enumeration_with_ties_and_zeros(values):
    differences = np.array(values, dtype=float)
    found = wilcoxon_signed_rank(differences, np.zeros(differences.size))
    used = int((differences != 0).sum())
    if used == 0:
        assert found.reason is Reason.ALL_TIED
        return
    assert found.exact
    assert found.n == used
    assert found.p == pytest.approx(by_sign_enumeration(differences), abs=1e-12)
    assert found.p >= found.p_floor == 2.0 ** (1 - used)


@given(SMALL, SMALL)
def test_rank_sum_by_enumeration_with_ties(first, second):
    x, y = np.array(first, dtype=float), np.array(second, dtype=float)
    found = mann_whitney(x, y)
    if np.ptp(np.concatenate([x, y])) == 0:
        assert found.reason is Reason.ALL_TIED
        return
    p, floor = by_split_enumeration(x, y)
    assert found.p == pytest.approx(p, abs=1e-12)
    assert found.p_floor == pytest.approx(floor, abs=1e-12)
    wins = (x[:, None] > y).sum() + 0.5 * (x[:, None] == y).sum()
    assert found.statistic == wins


@pytest.mark.parametrize("n", [10, 30, 60])
def test_without_ties_as_scipy(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(0.3, size=n), rng.normal(size=n)
    expected = scipy.stats.wilcoxon(x, y, method="exact")
    assert wilcoxon_signed_rank(x, y).p == pytest.approx(expected.pvalue, rel=1e-10)
    expected = scipy.stats.mannwhitneyu(x, y[:-3], method="exact")
    found = mann_whitney(x, y[:-3])
    assert found.statistic == expected.statistic
    assert found.p == pytest.approx(expected.pvalue, rel=1e-10)


def test_large_samples_use_the_normal_approximation():
    rng = np.random.default_rng(5)
    x = rng.normal(0.1, size=300).round(2)
    y = rng.normal(size=300).round(2)
    found = wilcoxon_signed_rank(x, y)
    expected = scipy.stats.wilcoxon(
        np.round(x - y, 2), method="asymptotic", correction=True, zero_method="wilcox"
    )
    assert not found.exact
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    found = mann_whitney(x, y)
    expected = scipy.stats.mannwhitneyu(x, y, method="asymptotic")
    assert found.statistic == expected.statistic
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)


def test_null_distributions_sum_to_one_and_are_symmetric():
    ranks = np.arange(1, 41)
    for pmf in (signed_rank_null(ranks), rank_sum_null(ranks, 17)):
        assert pmf.sum() == pytest.approx(1.0)
    signed = signed_rank_null(ranks)
    np.testing.assert_allclose(signed, signed[::-1], rtol=1e-12)


def test_floating_point_noise_is_neither_a_difference_nor_a_rank():
    x, y = np.array([0.1 + 0.2, 0.3, 0.2, 0.9]), np.array([0.3, 0.2, 0.1, 0.5])
    found = wilcoxon_signed_rank(x, y)
    # 0.1 + 0.2 − 0.3 is no difference, and 0.3 − 0.2 ties with 0.2 − 0.1.
    assert (found.n, found.statistic) == (3, 6.0)
    doubled = wilcoxon_signed_rank([0.3, 0.1], [0.2, 0.2])
    assert doubled.statistic == 1.5


@given(SMALL, st.integers(-3, 3))
def test_signed_rank_under_sign_flip_and_order(values, shift):
    x, y = np.array(values, dtype=float), np.full(len(values), float(shift))
    found, flipped = wilcoxon_signed_rank(x, y), wilcoxon_signed_rank(y, x)
    assert flipped.p == found.p
    assert wilcoxon_signed_rank(x[::-1], y[::-1]).p == found.p
    effect, opposite = rank_biserial_paired(x, y), rank_biserial_paired(y, x)
    if effect.value is not None:
        assert opposite.value == pytest.approx(-effect.value)
        assert -1.0 <= effect.value <= 1.0


@given(SMALL, SMALL)
def test_rank_sum_is_free_of_monotone_transforms(first, second):
    x, y = np.array(first, dtype=float), np.array(second, dtype=float)
    found, curved = mann_whitney(x, y), mann_whitney(np.exp(x), np.exp(y))
    assert (curved.p, curved.statistic, curved.reason) == (found.p, found.statistic, found.reason)
    assert rank_biserial(np.exp(x), np.exp(y)).value == rank_biserial(x, y).value
    assert rank_biserial(y, x).value == pytest.approx(-rank_biserial(x, y).value)


def test_effect_sizes_as_pingouin():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin

    rng = np.random.default_rng(6)
    x, y = rng.normal(0.4, size=25).round(1), rng.normal(size=25).round(1)
    x[:3] = y[:3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paired_rbc = pingouin.wilcoxon(np.round(x - y, 1))["RBC"].iloc[0]
        rbc = pingouin.mwu(x, y)["RBC"].iloc[0]
    assert rank_biserial_paired(x, y).value == pytest.approx(paired_rbc, abs=1e-12)
    assert abs(rank_biserial(x, y).value) == pytest.approx(abs(rbc), abs=1e-12)
    dominance = np.sign(x[:, None] - y).mean()
    assert rank_biserial(x, y).value == pytest.approx(dominance, abs=1e-12)


def test_rank_biserial_resamples_one_by_one():
    from stats.ranks import _rank_biserial_under

    rng = np.random.default_rng(7)
    differences = rng.integers(-3, 4, size=15).astype(float)
    counts = rng.multinomial(15, np.ones(15) / 15, size=200)
    found = _rank_biserial_under(differences, np.zeros(15))(counts)
    for value, row in zip(found, counts, strict=True):
        drawn = np.repeat(differences, row)
        drawn = drawn[drawn != 0]
        ranks = scipy.stats.rankdata(np.abs(drawn))
        assert value == pytest.approx(ranks @ np.sign(drawn) / ranks.sum(), abs=1e-12)


def test_rank_biserial_interval():
    rng = np.random.default_rng(8)
    y = rng.normal(size=30)
    x = y + rng.normal(0.4, size=30)
    counts = rng.multinomial(30, np.ones(30) / 30, size=2000)
    found = rank_biserial_paired(x, y, counts)
    assert -1.0 <= found.interval.low < found.value < found.interval.high <= 1.0
    assert found.interval.method == "bca"
    assert found.interval.n_resamples == 2000
    assert rank_biserial_paired(y + 1.0, y, counts).no_interval is Reason.NO_SPREAD
    with pytest.raises(ValueError, match="counts"):
        rank_biserial_paired(x, y, counts[:, :-1])


def test_hodges_lehmann_by_brute_force():
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=12), rng.normal(size=9)
    d = x[:9] - y
    walsh = [(d[i] + d[j]) / 2 for i in range(9) for j in range(i, 9)]
    assert hodges_lehmann_paired(x[:9], y).value == pytest.approx(np.median(walsh))
    shifts = [a - b for a in x for b in y]
    assert hodges_lehmann_shift(x, y).value == pytest.approx(np.median(shifts))


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [9, 30, 130, 230])
def test_hodges_lehmann_interval_is_what_the_test_does_not_reject(n, level):
    rng = np.random.default_rng(n)
    x, y = rng.normal(0.2, size=n), rng.normal(size=n)
    for estimate, test in (
        (hodges_lehmann_paired(x, y, level), wilcoxon_signed_rank),
        (hodges_lehmann_shift(x, y, level), mann_whitney),
    ):
        interval, step = estimate.interval, 1e-9
        assert interval.low <= estimate.value <= interval.high
        alpha = 1.0 - level
        exact = test(x, y).exact
        inside = [test(x - shift, y).p for shift in (interval.low + step, interval.high - step)]
        outside = [test(x - shift, y).p for shift in (interval.low - step, interval.high + step)]
        # The approximation has a continuity correction and the interval has none.
        slack = 0.0 if exact else 0.1 * alpha
        assert min(inside) > alpha - slack
        assert max(outside) <= alpha + slack


def test_hodges_lehmann_attains_its_level():
    x, y = np.random.default_rng(10).normal(size=(2, 6))
    assert hodges_lehmann_paired(x, y).interval.note == "attained level 0.9688"
    assert hodges_lehmann_paired(x[:5], y[:5]).no_interval is Reason.TOO_FEW
    assert hodges_lehmann_shift(x[:3], y[:3]).no_interval is Reason.TOO_FEW


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([], [], Reason.TOO_FEW),
        ([1.0, 2.0], [1.0, 2.0], Reason.ALL_TIED),
        ([1.0], [1.0], Reason.ALL_TIED),
        ([1.0, 2.0], [1.0 + 1e-15, 2.0], Reason.ALL_TIED),
        ([1.0, np.nan], [1.0, 2.0], Reason.NON_FINITE),
        ([1.0, np.inf], [1.0, 2.0], Reason.NON_FINITE),
        ([np.inf, 1.0], [np.inf, 2.0], Reason.NON_FINITE),
    ],
)
def test_paired_reasons(x, y, reason):
    assert wilcoxon_signed_rank(x, y).reason is reason
    assert rank_biserial_paired(x, y).reason is reason
    shift = hodges_lehmann_paired(x, y)
    if reason is Reason.ALL_TIED:
        assert shift.value == pytest.approx(0.0)
        assert shift.interval is None
    else:
        assert shift.reason is reason


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([], [1.0], Reason.TOO_FEW),
        ([1.0], [], Reason.TOO_FEW),
        ([1.0, 1.0], [1.0], Reason.ALL_TIED),
        ([1.0, 1.0 + 1e-15], [1.0], Reason.ALL_TIED),
        ([1.0, np.nan], [1.0], Reason.NON_FINITE),
        ([1.0, -np.inf], [1.0], Reason.NON_FINITE),
    ],
)
def test_unpaired_reasons(x, y, reason):
    assert mann_whitney(x, y).reason is reason
    if reason is Reason.ALL_TIED:
        assert rank_biserial(x, y).value == 0.0
        assert hodges_lehmann_shift(x, y).interval is None
    else:
        assert rank_biserial(x, y).reason is reason
        assert hodges_lehmann_shift(x, y).reason is reason


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_fewest_observations_have_honest_floors(n):
    x, y = np.arange(1.0, n + 1), -np.arange(1.0, n + 1)
    assert wilcoxon_signed_rank(x, y).p == 2.0 ** (1 - n)
    assert mann_whitney(x, y).p == pytest.approx(mann_whitney(x, y).p_floor)
    assert rank_biserial_paired(x, y).value == rank_biserial(x, y).value == 1.0
    assert hodges_lehmann_paired(x, y).interval is None


def test_one_outlier_changes_no_rank():
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=20), rng.normal(size=20)
    x[4] = 50.0
    far = x.copy()
    far[4] = 1e6
    assert wilcoxon_signed_rank(far, y).p == wilcoxon_signed_rank(x, y).p
    assert mann_whitney(far, y).p == mann_whitney(x, y).p


def test_pairs_must_match():
    for function in (wilcoxon_signed_rank, rank_biserial_paired, hodges_lehmann_paired):
        with pytest.raises(ValueError, match="values"):
            function([1.0, 2.0], [1.0])
