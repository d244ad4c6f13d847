import pytest

from report.ledger import format as fmt
from report.ledger.ledger import Entry
from stats.outcome import Estimate, Interval, Outcome, Reason


def entry(value=0.371429, unit="rho", p=0.497222, interval=(-0.7, 0.93), method="Spearman's rho"):
    return Entry(
        id="x.y", experiment="x", quantity="y", evidence="raw", cohort="c", unit=unit,
        method=method,
        estimate=Estimate(value, 6, interval and Interval(*interval, 0.95, "exact-bootstrap")),
        outcome=Outcome("Spearman, exact", 6, value, p, 2 / 720),
        p_adjusted={"bh": 0.0312},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.371429, ".37"), (-0.53, "−.53"), (1.0, "1.00"), (-1.0, "−1.00"), (0.0, ".00"),
     (-0.0, ".00"), (-0.004, ".00"), (0.996, "1.00")],
)  # fmt: skip
def test_correlations_have_no_leading_zero_and_a_real_minus(value, text):
    assert fmt.number(value, "rho") == text


@pytest.mark.parametrize(
    ("p", "cell", "prose"),
    [(0.497222, ".497", "p = .497"), (0.0004, "< .001", "p < .001"), (0.001, ".001", "p = .001"),
     (1.0, "> .999", "p > .999"), (0.9994, "> .999", "p > .999"), (0.05, ".050", "p = .050")],
)  # fmt: skip
def test_p_values(p, cell, prose):
    assert fmt.p_value(p) == cell
    assert fmt.p_equation(p) == prose


def test_a_sentence_gives_estimate_interval_and_p():
    assert fmt.show(entry(), "apa") == "ρ = .37, n = 6, 95% CI [−.70, .93], p = .497"


def test_a_sentence_without_interval_or_test_leaves_them_out():
    described = Entry(
        id="a", experiment="x", quantity="y", evidence="raw", cohort="c", method="m", unit="nats",
        estimate=Estimate(0.2, 30),
    )  # fmt: skip
    assert fmt.show(described, "apa") == "0.200 nats, n = 30"
    assert fmt.show(described, "p") == fmt.show(described, "ci") == fmt.MISSING


@pytest.mark.parametrize(
    ("method", "unit", "printed"),
    [("Spearman's rho", "rho", "ρ = .37"), ("Kendall's tau-b", "rho", "τ = .37"),
     ("rank-biserial correlation", "rho", "rank-biserial r = .37"),
     ("matched-pairs rank-biserial correlation", "rho", "rank-biserial r = .37"),
     ("mean over answers of the autocorrelation over token positions", "rho",
      "autocorrelation = .37"),
     ("Kendall's W", "share", "W = .37"), ("nearest-profile classification", "share",
      "accuracy = .37"),
     ("Pearson correlation of signatures in 10 bins of depth", "r", "r = .37"),
     ("power of the Spearman test", "rho", "|ρ| = .37"),
     ("power of the Spearman test", "share", ".37"), ("mean over questions", "nats", "0.371 nats")],
)  # fmt: skip
def test_the_symbol_is_that_of_the_method(method, unit, printed):
    shown = fmt.show(entry(unit=unit, method=method, interval=None), "apa")
    assert shown == f"{printed}, n = 6, p = .497"


def test_a_count_of_things_needs_no_n_beside_it():
    assert "n =" not in fmt.show(entry(12.0, "count", method="count", interval=None), "apa")


def test_kinds():
    e = entry()
    assert fmt.show(e, "value:3") == ".371"
    assert fmt.show(e, "floor") == ".003"
    assert fmt.show(e, "n") == "6"
    assert fmt.show(e, "adjusted:bh") == ".031"
    assert fmt.show(e, "adjusted:by") == fmt.MISSING
    assert fmt.show(entry(0.055, "nats"), "signed") == "+0.055"
    assert fmt.show(entry(-0.027, "nats"), "signed") == "−0.027"
    assert fmt.show(entry(0.4, "tokens"), "signed") == "0"  # not +0
    with pytest.raises(ValueError, match="no such format"):
        fmt.show(e, "colour")


def test_a_missing_value_is_a_dash():
    gone = Entry(
        id="a", experiment="x", quantity="y", evidence="raw", cohort="c", method="m", unit="rho",
        estimate=Estimate.missing(Reason.CONSTANT_INPUT, 30),
        outcome=Outcome.missing("t", Reason.CONSTANT_INPUT, 30),
    )  # fmt: skip
    assert {fmt.show(gone, kind) for kind in ("value", "p", "ci", "floor", "signed")} == {"—"}


def test_large_numbers_are_grouped_by_thin_spaces():
    assert fmt.number(10238, "tokens") == "10\u202f238"
    assert fmt.number(5775, "tokens") == "5775"


def test_words():
    assert fmt.listing([]) == ""
    assert fmt.listing(["a"]) == "a"
    assert fmt.listing(["a", "b", "c"]) == "a, b and c"
    assert fmt.count(1, "test") == "one test"
    assert fmt.count(0, "test") == "no tests"
    assert fmt.count(41, "test") == "41 tests"
    assert fmt.count(2, "family", "families") == "two families"
    assert fmt.out_of(3, 41, "test") == "three of the 41 tests"
    assert fmt.out_of(0, 41, "test") == "none of the 41 tests"
    assert fmt.out_of(15, 15, "pair") == "all 15 pairs"
    assert fmt.out_of(2, 2, "pair") == "both pairs"


@pytest.mark.parametrize(
    ("value", "interval", "shown"),
    [
        (0.000336, (0.000318, 0.000351), ("0.00034", "[0.00032, 0.00035]")),
        (0.000336, None, ("0.00034", fmt.MISSING)),
        (-8.4e-7, None, ("−0.00000084", fmt.MISSING)),
        (0.2346, (0.23459, 0.23461), ("0.23460", "[0.23459, 0.23461]")),
        (0.0002, (-0.05, 0.05), ("0.000", "[−0.050, 0.050]")),  # zero, to within its interval
        (0.0, (0.0, 0.0), ("0.000", "[0.000, 0.000]")),
        (1e-17, None, ("0.000", fmt.MISSING)),  # a rounding error
        (0.25, (0.2, 0.3), ("0.250", "[0.200, 0.300]")),
    ],
)
def test_a_small_number_is_told_from_zero_and_the_ends_of_an_interval_apart(value, interval, shown):
    small = entry(value, "nats", interval=interval, method="mean over questions")
    assert (fmt.show(small, "value"), fmt.show(small, "ci")) == shown
    assert fmt.show(small, "apa").startswith(f"{shown[0]} nats, n = 6")
    assert fmt.show(small, "signed").lstrip("+") == shown[0]
    assert fmt.show(small, "value:3") == f"{value:.3f}".replace("-0.000", "0.000")
