"""Participation ratio: against R, eigenvalues, and resamples drawn one by one."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stats.dimension import (
    corrected_participation_ratio,
    jackknife_participation_ratio,
    participation_ratio,
    resampled_participation_ratio,
)
from stats.outcome import Reason


def by_eigenvalues(points: np.ndarray) -> float:
    eigenvalues = np.linalg.eigvalsh(np.cov(points.T))
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())


def test_r_parity(root):
    folder = root / "tests" / "reference"
    inputs = json.loads((folder / "synthetic_inputs.json").read_text())
    reference = json.loads((folder / "synthetic_r.json").read_text())["participation_ratio"]
    for model, expected in reference.items():
        points = np.array(list(inputs[model]["axes"].values())).T
        assert participation_ratio(points).value == pytest.approx(expected, abs=1e-10)
        assert by_eigenvalues(points) == pytest.approx(expected, abs=1e-10)


def test_real_projections_with_a_constant_axis(shared):
    reference = json.loads(shared("reference/mood_axis_r.json").read_text())
    for model, expected in reference["participation_ratio"].items():
        baseline = json.loads(shared(f"mood-axis/{model}_baseline.json").read_text())
        axes = baseline.get("axes") or baseline["baseline"]
        points = np.array([axis["values"] for axis in axes.values()]).T
        assert participation_ratio(points).value == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("t03", 3.498),
        ("t05", 3.574),
        ("t07", 3.616),
        ("t10", 3.449),
        ("t13", 3.238),
        ("t16", 3.403),
    ],
)
def test_temperature_ladder(root, condition, expected):
    path = root / "data" / "smollm2" / "raw" / f"smollm2_135m_{condition}_baseline.json"
    axes = json.loads(path.read_text())["axes"]
    points = np.array([axis["values"] for axis in axes.values()]).T
    assert participation_ratio(points).value == pytest.approx(expected, abs=5e-4)


def test_resamples_one_by_one():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(30, 7)) @ rng.normal(size=(7, 7)) + 100.0
    counts = rng.multinomial(30, np.ones(30) / 30, size=200)
    found = resampled_participation_ratio(points, counts)
    expected = [by_eigenvalues(np.repeat(points, row, axis=0)) for row in counts]
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_jackknife_leaves_out_one_by_one():
    points = np.random.default_rng(2).normal(size=(12, 4))
    expected = [by_eigenvalues(np.delete(points, q, axis=0)) for q in range(12)]
    np.testing.assert_allclose(jackknife_participation_ratio(points), expected, rtol=1e-12)


def test_a_resample_of_one_question_is_undefined():
    points = np.random.default_rng(3).normal(size=(3, 2)) + 1e3
    found = resampled_participation_ratio(points, [[3, 0, 0], [1, 1, 1]])
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.empty((0, 2)), Reason.TOO_FEW),
        (np.ones((1, 2)), Reason.TOO_FEW),
        (np.ones((5, 2)), Reason.CONSTANT_INPUT),
        (1.0 + 1e-15 * np.arange(10.0).reshape(5, 2), Reason.CONSTANT_INPUT),
        ([[1.0, np.nan], [2.0, 3.0]], Reason.NON_FINITE),
        ([[1.0, np.inf], [2.0, 3.0]], Reason.NON_FINITE),
    ],
)
def test_reasons(points, reason):
    assert participation_ratio(points).reason is reason


def test_wrong_calls():
    with pytest.raises(ValueError, match="shape"):
        participation_ratio([1.0, 2.0])
    with pytest.raises(ValueError, match="counts"):
        resampled_participation_ratio(np.ones((3, 2)), np.ones((4, 2)))


@given(
    arrays(np.float64, (9, 4), elements=st.floats(-5, 5, width=16)),
    st.permutations(range(4)),
    st.floats(0.01, 100),
)
def test_bounds_and_invariances(points, order, scale):
    found = participation_ratio(points)
    if found.value is None:
        return
    assert 1.0 - 1e-9 <= found.value <= 4.0 + 1e-9
    for same in (
        points[:, order],
        scale * points,
        -points,
        points[::-1],
        np.column_stack([points, np.full(9, 7.0)]),
    ):
        assert participation_ratio(same).value == pytest.approx(found.value, rel=1e-9)


def test_one_line_and_a_ball():
    assert participation_ratio(np.outer(np.arange(5.0), [1, 2, 3])).value == pytest.approx(1.0)
    assert participation_ratio(np.vstack([np.eye(3), -np.eye(3)])).value == pytest.approx(3.0)


# --- the corrected ratio ---------------------------------------------------------------------


def _brute_force(points):
    above = below = 0.0
    for i, j, k, m in itertools.permutations(range(len(points)), 4):
        one, other = points[i] - points[j], points[k] - points[m]
        above += (one @ one) * (other @ other)
        below += (one @ other) ** 2
    return above / below


@pytest.mark.parametrize("shape", [(4, 2), (5, 1), (7, 3)])
def test_corrected_ratio_over_all_quadruples(shape):
    points = np.random.default_rng(shape[0]).normal(size=shape) * np.arange(1, shape[1] + 1)
    assert corrected_participation_ratio(points).value == pytest.approx(_brute_force(points))


@pytest.mark.parametrize("shape", [(30, 7), (12, 40), (200, 3)])
def test_corrected_ratio_by_the_package_of_its_authors(shape):
    from dimensionality import participation_ratio as theirs

    points = np.random.default_rng(sum(shape)).normal(size=shape) + 3.0
    row = theirs(points, return_all=True)["row"]
    assert corrected_participation_ratio(points).value == pytest.approx(row, rel=1e-10)


def test_jackknife_interval_one_question_at_a_time():
    points = np.random.default_rng(3).normal(size=(15, 4))
    logs = np.array([
        np.log(corrected_participation_ratio(np.delete(points, i, axis=0)).value) for i in range(15)
    ])  # fmt: skip
    error = np.sqrt(14 / 15 * ((logs - logs.mean()) ** 2).sum())
    found = corrected_participation_ratio(points, 0.9)
    reach = np.exp(scipy.stats.t.ppf(0.95, 14) * error)
    assert found.interval.low == pytest.approx(found.value / reach)
    assert found.interval.high == pytest.approx(found.value * reach)


def test_corrected_ratio_is_nearly_unbiased_where_the_plain_one_is_not():
    rng = np.random.default_rng(8)
    spread = np.sqrt(0.75 ** np.arange(7))
    truth = (spread**2).sum() ** 2 / (spread**4).sum()
    samples = rng.normal(size=(400, 30, 7)) * spread
    corrected = np.mean([corrected_participation_ratio(s).value for s in samples])
    plain = np.mean([participation_ratio(s).value for s in samples])
    assert abs(corrected - truth) < 0.2
    assert truth - plain > 0.7


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.eye(3), Reason.TOO_FEW),
        (np.ones((6, 2)), Reason.CONSTANT_INPUT),
        ([[1.0, np.nan]] * 6, Reason.NON_FINITE),
        # Four questions at one place and one elsewhere: no quadruple has two separate steps.
        ([[0.0]] * 4 + [[1.0]], Reason.NOT_POSITIVE),
    ],
)
def test_corrected_ratio_that_is_missing(points, reason):
    assert corrected_participation_ratio(points).reason is reason


def test_four_questions_have_no_interval():
    found = corrected_participation_ratio(np.random.default_rng(1).normal(size=(4, 2)))
    assert found.no_interval is Reason.TOO_FEW
