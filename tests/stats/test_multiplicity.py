"""Adjusted p-values against R's p.adjust, against their definitions, and the 3a family."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from scipy import stats as scipy_stats

from stats.correlation import spearman_t
from stats.multiplicity import adjust

# Published correlations of experiment 3a; the other 32 estimable tests were not published.
PUBLISHED_3A = {
    "mistral formal_casual": 0.58,
    "mistral warm_cold": -0.53,
    "mistral proactive_reluctant": -0.53,
    "llama confident_cautious": -0.44,
    "llama patient_irritated": -0.43,
    "yi warm_cold": -0.39,
    "deepseek warm_cold": 0.39,
    "qwen warm_cold": -0.38,
    "yi formal_casual": 0.38,
}


def test_agrees_with_r(reference):
    theirs = reference.r["adjust"]
    ours = adjust(theirs["p"])
    for rule, name in [("holm", "holm"), ("bh", "BH"), ("by", "BY")]:
        assert ours[rule] == pytest.approx(theirs[name], abs=1e-10)


def test_what_survives_in_3a():
    p = [spearman_t(rho, 30).p for rho in PUBLISHED_3A.values()]
    adjusted = adjust(p + [1.0] * (41 - len(p)))
    kept = {rule: sum(value <= 0.05 for value in values) for rule, values in adjusted.items()}
    assert kept == {"holm": 1, "bh": 3, "by": 0}
    assert [round(v, 3) for v in adjusted["bh"][:3]] == [0.032, 0.035, 0.035]
    assert round(adjusted["holm"][0], 3) == 0.032
    names = [name for name, v in zip(PUBLISHED_3A, adjusted["bh"], strict=False) if v <= 0.05]
    assert all(name.startswith("mistral") for name in names)


def test_by_their_definitions():
    p = np.random.default_rng(1).uniform(size=23) ** 3
    m, order = p.size, np.argsort(p)
    holm = np.empty(m)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (m - rank) * p[index]))
        holm[index] = highest
    ours = adjust(p.tolist())
    assert ours["holm"] == pytest.approx(holm, abs=1e-12)
    for rule in ("bh", "by"):
        theirs = scipy_stats.false_discovery_control(p, method=rule)
        assert ours[rule] == pytest.approx(theirs, abs=1e-12)


def test_no_family_and_a_family_of_one():
    assert adjust([]) == {"holm": [], "bh": [], "by": []}
    assert adjust([0.03]) == {"holm": [0.03], "bh": [0.03], "by": [0.03]}


@pytest.mark.parametrize("bad", [nan, 0.0, -0.1, 1.1])
def test_what_is_no_p_value_is_refused(bad):
    with pytest.raises(ValueError, match="lie in"):
        adjust([0.2, bad])
