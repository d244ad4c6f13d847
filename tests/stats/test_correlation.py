"""Rank correlations against R, against enumeration by loops, and against scipy."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from math import factorial

import numpy as np
import pytest
from scipy import stats as scipy_stats

from stats.correlation import (
    bayes_factor,
    bonett_wright,
    kendall,
    partial_spearman,
    spearman,
    spearman_exact,
    spearman_t,
)
from stats.outcome import Reason

ENTROPY = [0.173, 0.209, 0.247, 0.271, 0.289, 0.319]
EFF_DIM = [1.28, 2.41, 2.78, 1.85, 3.66, 1.91]
DEAD_ZONES = [0, 4, 1, 0, 1, 0]
ALTERNATIVES = ("two-sided", "greater", "less")

tied_pairs = pytest.mark.parametrize(
    ("x", "y"),
    [
        (ENTROPY, EFF_DIM),
        (ENTROPY, DEAD_ZONES),
        (EFF_DIM, DEAD_ZONES),
        ([1, 1, 2], [3, 1, 1]),
        ([1, 2, 3, 4], [4, 3, 2, 1]),
        ([1, 1, 2, 2, 3, 3, 3], [1, 2, 2, 2, 2, 3, 4]),
    ],
)


# --- the table of the analysis plan -------------------------------------------------------


def test_the_question_of_six_models():
    outcome = spearman_exact(ENTROPY, EFF_DIM)
    assert outcome.statistic == pytest.approx(0.371429, abs=5e-7)
    assert outcome.p == 358 / 720
    assert outcome.p_floor == 2 / 720
    assert outcome.exact
    assert spearman_exact(ENTROPY, EFF_DIM, "greater").p == pytest.approx(0.248611, abs=5e-7)
    assert spearman_t(outcome.statistic, 6).p == pytest.approx(0.4685, abs=5e-5)


def test_dead_zones_have_ties():
    outcome = spearman_exact(ENTROPY, DEAD_ZONES)
    assert outcome.statistic == pytest.approx(-0.216025, abs=5e-7)
    assert outcome.p == pytest.approx(0.7, abs=1e-12)
    assert outcome.p_floor == 24 / 720  # 3! 2! orders look alike, at either end
    assert spearman_exact(EFF_DIM, DEAD_ZONES).p == pytest.approx(0.1333, abs=5e-5)


def leave_one_out(x, y):
    return [spearman_exact(np.delete(x, i), np.delete(y, i)) for i in range(len(x))]


def test_each_model_left_out_in_turn():
    outcomes = leave_one_out(ENTROPY, EFF_DIM)
    assert [round(o.statistic, 10) for o in outcomes] == [-0.1, 0.5, 0.5, 0.4, 0.2, 0.7]
    assert [round(o.p, 3) for o in outcomes] == [0.95, 0.45, 0.45, 0.517, 0.783, 0.233]


@pytest.mark.parametrize(
    ("rho", "p"),
    [(0.58, 0.0008), (0.53, 0.0026), (0.44, 0.015), (0.43, 0.018), (0.39, 0.033), (0.38, 0.038)],
)
def test_published_correlations_at_thirty_questions(rho, p):
    digits = 4 if p < 0.01 else 3
    assert round(spearman_t(rho, 30).p, digits) == p
    assert spearman_t(-rho, 30).p == spearman_t(rho, 30).p


# --- R ------------------------------------------------------------------------------------


def test_exact_tests_agree_with_r(reference):
    n6 = reference.r["n6"]
    for name, x, y in [
        ("entropy_vs_eff_dim", "entropy", "eff_dim"),
        ("entropy_vs_dead_zones", "entropy", "dead_zones"),
        ("eff_dim_vs_dead_zones", "eff_dim", "dead_zones"),
    ]:
        for alternative, key in zip(ALTERNATIVES, ("p_two", "p_greater", "p_less"), strict=True):
            outcome = spearman_exact(n6[x], n6[y], alternative)
            assert outcome.p == pytest.approx(n6[name][key], abs=1e-10)
            assert outcome.statistic == pytest.approx(n6[name]["rho"], abs=1e-10)
    for ours, theirs in zip(
        leave_one_out(n6["entropy"], n6["eff_dim"]), n6["leave_one_out"], strict=True
    ):
        assert (ours.statistic, ours.p) == pytest.approx(
            (theirs["rho"], theirs["p_two"]), abs=1e-10
        )


def test_thirty_questions_agree_with_r(reference):
    compared = 0
    for row in reference.r["spearman_n30"]:
        x = reference.column(row["model"], row["x"])
        y = reference.column(row["model"], row["axis"])
        tokens = reference.column(row["model"], "n_tokens")
        estimate, tau = spearman(x, y), kendall(x, y)
        partial, test = partial_spearman(x, y, tokens)
        if row.get("constant"):
            assert {estimate.reason, tau.reason, partial.reason, test.reason} == {
                Reason.CONSTANT_INPUT
            }
            continue
        assert estimate.value == pytest.approx(row["rho"], abs=1e-10)
        assert spearman_t(estimate.value, 30).p == pytest.approx(row["p_t"], abs=1e-10)
        assert tau.statistic == pytest.approx(row["kendall_tau_b"], abs=1e-10)
        assert partial.value == pytest.approx(row["partial_rho_given_n_tokens"], abs=1e-10)
        assert test.statistic == partial.value
        compared += 1
    assert compared == 41


# --- second path --------------------------------------------------------------------------


@cache
def orders_one_by_one(x, y):
    """Return rho of all orders of y, the one that was observed first."""
    return np.array([scipy_stats.spearmanr(x, order).statistic for order in permutations(y)])


@tied_pairs
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_exact_p_by_a_plain_loop(x, y, alternative):
    null = orders_one_by_one(tuple(x), tuple(y))
    observed = null[0]
    extreme = {
        "two-sided": np.abs(null) >= abs(observed) - 1e-9,
        "greater": null >= observed - 1e-9,
        "less": null <= observed + 1e-9,
    }[alternative]
    strongest = {"two-sided": np.abs(null), "greater": null, "less": -null}[alternative]
    outcome = spearman_exact(x, y, alternative)
    assert outcome.statistic == pytest.approx(observed, abs=1e-12)
    assert outcome.p == pytest.approx(extreme.mean(), abs=1e-12)
    assert outcome.p_floor == pytest.approx((strongest >= strongest.max() - 1e-9).mean())


@tied_pairs
def test_exact_p_by_scipy(x, y):
    method = scipy_stats.PermutationMethod(n_resamples=10_000)
    ranks = scipy_stats.rankdata(x), scipy_stats.rankdata(y)
    for alternative in ("greater", "less"):
        theirs = scipy_stats.pearsonr(*ranks, alternative=alternative, method=method)
        assert spearman_exact(x, y, alternative).p == pytest.approx(theirs.pvalue, abs=1e-12)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_t_approximation_by_scipy(alternative):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 25)).round(1)
    theirs = scipy_stats.spearmanr(x, y, alternative=alternative)
    outcome = spearman_t(spearman(x, y).value, 25, alternative)
    assert outcome.p == pytest.approx(theirs.pvalue, abs=1e-12)


def test_partial_by_the_recursion_formula():
    rng = np.random.default_rng(4)
    x, y, z = rng.normal(size=(3, 40)).round(1)
    xy, xz, yz = spearman(x, y).value, spearman(x, z).value, spearman(y, z).value
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    estimate, outcome = partial_spearman(x, y, z)
    assert estimate.value == pytest.approx(expected, abs=1e-12)
    t = expected * np.sqrt(37 / (1 - expected**2))
    assert outcome.p == pytest.approx(2 * scipy_stats.t.sf(abs(t), 37), abs=1e-12)
    assert estimate.interval == bonett_wright(estimate.value, 39)


def test_partial_by_pingouin_with_two_covariates():
    pandas = pytest.importorskip("pandas")
    import pingouin

    rng = np.random.default_rng(5)
    data = pandas.DataFrame(rng.normal(size=(30, 4)), columns=list("xyab"))
    theirs = pingouin.partial_corr(data, "x", "y", ["a", "b"], method="spearman")
    estimate, outcome = partial_spearman(data["x"], data["y"], data[["a", "b"]])
    assert estimate.value == pytest.approx(float(theirs["r"].iloc[0]), abs=1e-10)
    p_column = "p_val" if "p_val" in theirs else "p-val"
    assert outcome.p == pytest.approx(float(theirs[p_column].iloc[0]), abs=1e-10)


def test_partial_counts_a_repeated_covariate_once():
    rng = np.random.default_rng(6)
    x, y, z = rng.normal(size=(3, 20))
    once, twice = partial_spearman(x, y, z), partial_spearman(x, y, np.column_stack([z, 2 * z]))
    assert twice[0].value == pytest.approx(once[0].value)
    assert twice[1].p == pytest.approx(once[1].p)


def test_partial_has_nothing_left_where_the_covariate_says_it_all():
    x = np.arange(10.0)
    estimate, outcome = partial_spearman(x, np.sin(x), x**3)
    assert estimate.reason is outcome.reason is Reason.CONSTANT_INPUT


def test_bonett_wright_by_hand():
    interval = bonett_wright(0.5, 30)
    se = np.sqrt((1 + 0.125) / 27)
    ends = np.tanh(np.arctanh(0.5) + np.array([-1, 1]) * scipy_stats.norm.ppf(0.975) * se)
    assert (interval.low, interval.high) == pytest.approx(tuple(ends), abs=1e-12)
    assert bonett_wright(0.5, 3) is Reason.TOO_FEW
    assert bonett_wright(1.0, 30) is Reason.PERFECT


@tied_pairs
def test_kendall_by_a_plain_loop(x, y):
    def score(a, b):
        n = len(a)
        return sum(np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i in range(n) for j in range(i))

    null = np.abs([score(x, order) for order in permutations(y)])
    outcome = kendall(x, y)
    assert outcome.exact
    assert outcome.p == pytest.approx((null >= abs(score(x, y))).mean(), abs=1e-12)
    assert outcome.statistic == pytest.approx(scipy_stats.kendalltau(x, y).statistic)


def test_kendall_says_which_p_it_gives():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(2, 30))
    untied = kendall(x, y)
    assert (untied.method, untied.exact) == ("Kendall tau-b, exact", True)
    assert untied.p == pytest.approx(scipy_stats.kendalltau(x, y, method="exact").pvalue)
    tied = kendall(x.round(0), y)
    assert (tied.method, tied.exact) == ("Kendall tau-b, normal approximation", False)
    small = kendall(x[:7], y[:7])
    assert small.p == pytest.approx(scipy_stats.kendalltau(x[:7], y[:7], method="exact").pvalue)


@pytest.mark.parametrize("n", [5, 8, 9, 20, 33])
def test_kendall_of_a_perfect_order_is_at_the_floor_of_its_exact_distribution(n):
    x = np.arange(float(n))
    for y in (x, -x):
        outcome = kendall(x, y)
        assert outcome.exact
        assert outcome.p_floor == pytest.approx(2.0 / factorial(n), rel=1e-12)
        assert outcome.p == pytest.approx(outcome.p_floor, rel=1e-12)


def test_the_floor_of_kendalls_exact_p_allows_for_ties():
    x, y = np.array([1.0, 1, 2, 3, 4]), np.array([2.0, 1, 4, 3, 5])
    null = [abs(scipy_stats.kendalltau(x, order).statistic) for order in permutations(y)]
    largest = np.isclose(null, max(null)).mean()
    assert kendall(x, y).p_floor == pytest.approx(largest)
    assert largest == pytest.approx(4.0 / factorial(5))  # twice as many as without the tie


def test_bayes_factor_by_integrating_the_likelihood():
    # Jeffreys' likelihood of rho given r with flat prior, integrated numerically (Ly et al.
    # 2016, eq. 24): BF10 = mean over rho in (-1, 1) of L(rho) / L(0).
    from scipy.integrate import quad
    from scipy.special import hyp2f1

    def likelihood(rho, r, n):
        even = (1 - rho**2) ** ((n - 1) / 2) * hyp2f1((n - 1) / 2, (n - 1) / 2, 0.5, (r * rho) ** 2)
        return even

    for r, n in [(0.371429, 6), (0.5, 30), (-0.2, 12)]:
        integral = quad(lambda rho, r=r, n=n: likelihood(rho, r, n), -1, 1)[0] / 2
        assert bayes_factor(r, n).value == pytest.approx(integral, rel=1e-6)


def test_bayes_factor_is_missing_where_unbounded():
    assert bayes_factor(1.0, 6).reason is Reason.UNBOUNDED
    assert bayes_factor(0.9999, 2000).reason is Reason.UNBOUNDED
    assert bayes_factor(0.5, 2).reason is Reason.TOO_FEW


# --- honesty ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 4, 6, 30, 500])
def test_no_p_below_what_any_arrangement_reaches(n):
    floor = spearman_t(1.0, n).p
    assert floor > 0
    assert floor >= 2 / factorial(n)
    assert spearman_t(-1.0, n).p == floor == spearman_t(0.3, n).p_floor


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="3 values"):
        spearman([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="n = 9"):
        spearman_exact(range(10), range(10))
    with pytest.raises(ValueError, match="correlation"):
        spearman_t(1.2, 30)
    with pytest.raises(ValueError, match="level"):
        bonett_wright(0.2, 30, 95)
    with pytest.raises(ValueError, match="rows"):
        partial_spearman([1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3])
