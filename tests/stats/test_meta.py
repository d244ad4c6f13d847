"""Pooling: against metafor, statsmodels, and direct maximisation of the likelihood."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from statsmodels.stats.meta_analysis import combine_effects

from stats.meta import pool_correlations
from stats.outcome import Reason

# metafor stops iterating Paule-Mandel at 1e-5; its DL and REML are exact here, because all
# variances are equal and the first step lands on the solution.
PM_TOLERANCE = {"tau2": 5e-5, "I2": 5e-2, "pi_lb": 5e-4, "pi_ub": 5e-4}
PM_WALD_TOLERANCE = {"se": 5e-5, "ci_lb": 1e-4, "ci_ub": 1e-4, "p": 2e-4}


def uneven(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlations of samples of different sizes, with real heterogeneity."""
    rng = np.random.default_rng(seed)
    return np.tanh(rng.normal(0.3, 0.4, size=7)), rng.integers(8, 60, size=7)


def check_row(row: dict) -> None:
    found = pool_correlations(row["r"], [30] * row["k"], row["method"], row["test"] == "knha")
    values = {
        "est_z": found.z.value,
        "se": found.se,
        "ci_lb": found.z.interval.low,
        "ci_ub": found.z.interval.high,
        "p": found.outcome.p,
        "tau2": found.tau2,
        "I2": found.i2,
        "Q": found.q,
        "Qp": found.q_p,
        "pi_lb": np.arctanh(found.prediction.low),
        "pi_ub": np.arctanh(found.prediction.high),
    }
    loose = PM_TOLERANCE if row["method"] == "PM" else {}
    if row["method"] == "PM" and row["test"] == "z":
        loose = loose | PM_WALD_TOLERANCE
    for name, value in values.items():
        assert value == pytest.approx(row[name], abs=loose.get(name, 1e-10)), name
    assert found.r.value == pytest.approx(np.tanh(row["est_z"]), abs=1e-10)
    assert found.k == found.outcome.n == row["k"]


def test_as_metafor(root):
    reference = json.loads((root / "tests" / "reference" / "synthetic_r.json").read_text())
    for row in reference["meta"]:
        check_row(row)


def test_as_metafor_on_real_correlations(root):
    for row in json.loads((root / "tests" / "reference" / "meta_r.json").read_text()):
        check_row(row)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("method", "theirs"), [("PM", "iterated"), ("DL", "chi2")])
def test_unequal_sizes_as_statsmodels(seed, method, theirs):
    rho, n = uneven(seed)
    expected = combine_effects(
        np.arctanh(rho), 1 / (n - 3.0), method_re=theirs, use_t=True, atol=1e-10, maxiter=500
    )
    found = pool_correlations(rho, n, method)
    assert found.tau2 == pytest.approx(expected.tau2, abs=1e-8)
    assert found.z.value == pytest.approx(expected.mean_effect_re, abs=1e-8)
    assert found.se == pytest.approx(expected.sd_eff_w_re_hksj, abs=1e-8)
    assert found.q == pytest.approx(expected.q, abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_reml_maximises_the_restricted_likelihood(seed):
    rho, n = uneven(seed)
    y, v = np.arctanh(rho), 1 / (n - 3.0)

    def deviance(tau2: float) -> float:
        w = 1 / (v + tau2)
        mean = w @ y / w.sum()
        return float(-np.log(w).sum() + np.log(w.sum()) + w @ (y - mean) ** 2)

    found = pool_correlations(rho, n, "REML").tau2
    best = minimize_scalar(deviance, bounds=(0, 5), method="bounded", options={"xatol": 1e-10})
    assert found == pytest.approx(best.x, abs=1e-5)
    assert deviance(found) <= best.fun + 1e-12


def test_reml_where_plain_scoring_jumps_to_and_fro_for_ever():
    y = np.arctanh([-0.2342, -0.5057, -0.4655, -0.6537, -0.5596, -0.3925, -0.5894, -0.6742])
    n = np.array([34, 14, 10, 9, 7, 8, 8, 28])

    def slope(tau2: float) -> float:
        w = 1 / (1 / (n - 3.0) + tau2)
        return float(w.sum() - w @ w / w.sum() - (w * w) @ (y - w @ y / w.sum()) ** 2)

    expected = brentq(slope, 0.0, 1.0, xtol=1e-15)
    assert expected == pytest.approx(0.0207, abs=1e-4)
    assert pool_correlations(np.tanh(y), n, "REML").tau2 == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_paule_mandel_solves_its_equation(seed):
    rho, n = uneven(seed)
    y, v = np.arctanh(rho), 1 / (n - 3.0)

    def excess(tau2: float) -> float:
        w = 1 / (v + tau2)
        return float(w @ (y - w @ y / w.sum()) ** 2 - (y.size - 1))

    expected = brentq(excess, 0.0, 10.0, xtol=1e-14) if excess(0.0) > 0 else 0.0
    assert pool_correlations(rho, n, "PM").tau2 == pytest.approx(expected, abs=1e-12)


def test_equal_sizes_make_the_three_estimators_one():
    rho = [-0.6, 0.1, 0.3, -0.1, 0.5]
    found = [pool_correlations(rho, [30] * 5, method).tau2 for method in ("DL", "PM", "REML")]
    assert found == pytest.approx([found[0]] * 3, abs=1e-14)


def test_homogeneous_correlations_have_no_tau2():
    for method in ("DL", "PM", "REML"):
        found = pool_correlations([0.30, 0.31, 0.29, 0.30], [30, 40, 20, 25], method)
        assert found.tau2 == 0.0
        assert found.i2 == 0.0
        assert found.prediction.low == pytest.approx(found.r.interval.low)


@given(st.lists(st.floats(-0.95, 0.95), min_size=2, max_size=8), st.booleans())
def test_sign_flip_order_and_containment(rho, hartung_knapp):
    sizes = [20 + 3 * i for i in range(len(rho))]
    found = pool_correlations(rho, sizes, hartung_knapp=hartung_knapp)
    flipped = pool_correlations([-r for r in rho], sizes, hartung_knapp=hartung_knapp)
    reversed_ = pool_correlations(rho[::-1], sizes[::-1], hartung_knapp=hartung_knapp)
    assert found.tau2 >= 0.0
    assert 0.0 <= found.i2 <= 100.0
    assert flipped.z.value == pytest.approx(-found.z.value, abs=1e-9)
    assert reversed_.z.value == pytest.approx(found.z.value, abs=1e-9)
    if found.outcome.p is None:
        assert found.z.interval is None
        return
    assert found.z.interval.low <= found.z.value <= found.z.interval.high
    assert -1.0 <= found.r.interval.low <= found.r.value <= found.r.interval.high <= 1.0
    assert found.prediction.low <= found.r.interval.low + 1e-12


@pytest.mark.parametrize(
    ("rho", "n", "reason"),
    [
        ([], [], Reason.TOO_FEW),
        ([0.3], [30], Reason.TOO_FEW),
        ([0.3, 0.4], [30, 3], Reason.TOO_FEW),
        ([0.3, float("nan")], [30, 30], Reason.NON_FINITE),
        ([0.3, 1.0], [30, 30], Reason.NON_FINITE),
    ],
)
def test_reasons(rho, n, reason):
    found = pool_correlations(rho, n)
    assert found.z.reason is found.r.reason is found.outcome.reason is reason
    assert (found.tau2, found.i2, found.q, found.q_p, found.se, found.prediction) == (None,) * 6


def test_equal_correlations_leave_hartung_knapp_without_a_scale():
    found = pool_correlations([0.3, 0.3, 0.3], [30, 30, 30])
    assert found.r.value == pytest.approx(0.3)
    assert found.r.no_interval is Reason.NO_SPREAD
    assert found.outcome.reason is Reason.CONSTANT_INPUT
    plain = pool_correlations([0.3, 0.3, 0.3], [30, 30, 30], hartung_knapp=False)
    assert plain.se == pytest.approx(1 / np.sqrt(81))


def test_wrong_calls():
    with pytest.raises(ValueError, match="sample sizes"):
        pool_correlations([0.1, 0.2], [30])
    with pytest.raises(ValueError, match=r"\[-1, 1\]"):
        pool_correlations([0.1, 1.2], [30, 30])
