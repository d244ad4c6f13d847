import csv
import io
import json
from dataclasses import replace

import pytest

from report.ledger.ledger import Entry, Family, settle
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


def test_an_adjusted_p_of_exactly_alpha_is_rejected():
    ledger = settle([entry("a", 0.025), entry("b", 0.9)], [family("holm")])
    assert ledger["a"].p_adjusted["holm"] == 0.05
    assert ledger["a"].rejected is True


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


def test_a_row_says_why_an_effect_has_no_interval_and_how_often_a_resample_gave_nothing():
    made = Interval(0.1, 0.9, 0.95, "percentile", 999, 0.02, "a fallback")
    closed = Interval(0.1, 0.9, 0.95, "bonett-wright", None, 0.2, "closed form instead")
    formula = Interval(0.1, 0.9, 0.95, "t")
    cases = {
        "a": (Estimate.within(0.5, 30, made), 0.02, None),
        "b": (Estimate.within(0.5, 30, closed), 0.2, None),
        "c": (Estimate.within(0.5, 30, formula), None, None),
        "d": (Estimate.within(-1.0, 30, Reason.NO_SPREAD), None, "no_spread"),
        "e": (Estimate(0.5, 30), None, None),
    }
    entries = [replace(entry(name, 0.01), estimate=e) for name, (e, *_) in cases.items()]
    ledger = settle(entries, [family()])
    for name, (estimate, share, reason) in cases.items():
        row = ledger[name].row()
        assert (row["ci_undefined_share"], row["ci_reason"]) == (share, reason)
        assert Entry.from_row(row).row() == row
        assert Entry.from_row(row).estimate.no_interval is estimate.no_interval
    written = list(csv.DictReader(io.StringIO(ledger.to_csv())))
    assert [row["ci_reason"] for row in written] == ["", "", "", "no_spread", ""]
    assert [row["ci_undefined_share"] for row in written] == ["0.02", "0.2", "", "", ""]


def test_only_a_value_without_an_interval_has_a_reason_for_that():
    with pytest.raises(ValueError, match="belongs to a value without one"):
        Estimate(0.5, 30, Interval(0.1, 0.9, 0.95, "t"), no_interval=Reason.NO_SPREAD)
    with pytest.raises(ValueError, match="belongs to a value without one"):
        Estimate(None, 30, reason=Reason.TOO_FEW, no_interval=Reason.NO_SPREAD)


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


def test_the_table_is_read_back_whatever_a_label_holds():
    """No formula for a spreadsheet, and no carriage return that `csv` leaves unquoted."""
    labelled = [replace(entry("a", 0.5), label="=1+1"), replace(entry("b", 0.5), label="one\rtwo")]
    written = settle(labelled, [family()]).to_csv()
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert [row["label"] for row in rows] == ["'=1+1", "one two"]
