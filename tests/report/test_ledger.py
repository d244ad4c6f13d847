import csv
import io
import json

import pytest

from report.ledger import Entry, Family, settle
from stats.outcome import Estimate, Interval, Outcome, Reason


def entry(name, p=None, *, reason=None, family="f", maxt=None):
    outcome = Outcome("t", 30, 0.5, p) if p is not None else Outcome.missing("t", reason, 30)
    estimate = Estimate(0.5, 30) if p is not None else Estimate.missing(reason, 30)
    return Entry(
        id=name, experiment="x", quantity="q", evidence="raw", cohort="c", method="m",
        estimate=estimate, outcome=outcome, family=family,
        p_adjusted={} if maxt is None else {"maxt": maxt},
    )  # fmt: skip


def family(method="bh"):
    return Family("f", "a family", method, 0.05)


def test_a_family_counts_tests_that_were_not_published_and_not_those_that_could_not_be_made():
    ledger = settle(
        [entry("a", 0.001), entry("b", reason=Reason.NOT_PUBLISHED),
         entry("c", reason=Reason.CONSTANT_INPUT)],
        [family()],
    )  # fmt: skip
    settled = ledger.families["f"]
    assert settled.m == 2
    assert settled.members == ("a", "b", "c")
    assert ledger["a"].p_adjusted["holm"] == pytest.approx(0.002)
    assert ledger["b"].rejected is None
    assert ledger["c"].p_adjusted == {}


def test_the_rule_of_the_family_decides():
    tests = [entry(str(i), p) for i, p in enumerate((0.01, 0.02, 0.03, 0.04))]
    assert [e.rejected for e in settle(tests, [family("bh")])] == [True] * 4
    assert [e.rejected for e in settle(tests, [family("holm")])] == [True, False, False, False]


def test_maxt_comes_from_the_analysis_and_may_decide():
    ledger = settle([entry("a", 0.01, maxt=0.2)], [family("maxt")])
    assert ledger["a"].p_adjusted["maxt"] == 0.2
    assert ledger["a"].rejected is False


def test_without_maxt_for_every_counted_test_holm_decides_and_the_family_says_so():
    untested = entry("c", reason=Reason.CONSTANT_INPUT)
    whole = settle([entry("a", 0.01, maxt=0.2), untested], [family("maxt")])
    assert whole.families["f"].method == "maxt"
    for lacking in (entry("b", 0.03), entry("b", reason=Reason.NOT_PUBLISHED)):
        ledger = settle([entry("a", 0.01, maxt=0.2), lacking, untested], [family("maxt")])
        assert ledger.families["f"].method == "holm"
        assert ledger["a"].p_adjusted["holm"] == pytest.approx(0.02)
        assert ledger["a"].rejected is True


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="called a"):
        settle([entry("a", 0.1), entry("a", 0.2)], [family()])
    with pytest.raises(ValueError, match="not declared"):
        settle([entry("a", 0.1)], [])


def test_no_family_no_decision():
    ledger = settle([entry("a", 0.001, family="")], [])
    assert ledger["a"].rejected is None


def test_the_json_has_the_agreed_fields_and_no_nan():
    ledger = settle([entry("a", 0.01), entry("c", reason=Reason.TOO_FEW)], [family()])
    document = json.loads(ledger.to_json(), parse_constant=pytest.fail)
    fields = {
        "id", "experiment", "family", "evidence", "cohort", "model", "axis", "layer", "quantity",
        "method", "n", "estimate", "ci_low", "ci_high", "ci_level", "ci_method", "statistic", "p",
        "p_method", "p_floor", "p_adjusted", "rejected", "reason", "n_resamples", "seed",
        "sources",
    }  # fmt: skip
    assert fields <= set(document["entries"][0])
    assert document["entries"][1]["reason"] == "too_few"
    assert document["entries"][1]["estimate"] is None
    assert set(document["families"][0]) == {"id", "title", "m", "method", "alpha", "members"}


def test_the_csv_agrees_with_the_json():
    ledger = settle([entry("a", 0.01), entry("b", 0.5)], [family()])
    rows = list(csv.DictReader(io.StringIO(ledger.to_csv())))
    assert [row["id"] for row in rows] == ["a", "b"]
    assert float(rows[0]["p_bh"]) == ledger["a"].p_adjusted["bh"]


def test_the_result_types_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="not an interval"):
        Interval(float("nan"), 1.0, 0.95, "t")
    with pytest.raises(ValueError, match="either a value or a reason"):
        Estimate(None, 3)
    with pytest.raises(ValueError, match="not finite"):
        Estimate(float("nan"), 3)
    with pytest.raises(ValueError, match="p must be"):
        Outcome("t", 3, 1.0, 0.0)
    with pytest.raises(ValueError, match="needs its statistic"):
        Outcome("t", 3, None, 0.5)


def test_every_reason_has_a_sentence():
    assert all(reason.sentence.endswith(".") for reason in Reason)
