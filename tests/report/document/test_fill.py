import pytest

from report.document.fill import Filler, decision, escape
from report.ledger.ledger import Entry, Family, settle
from report.study.errors import TemplateError
from stats.outcome import Estimate, Outcome, Reason


def entry(name, p=0.001, family="f"):
    return Entry(
        id=name, experiment="x", quantity="q", evidence="raw", cohort="c", method="m", unit="rho",
        estimate=Estimate(0.5, 30), outcome=Outcome("t", 30, 0.5, p), family=family,
    )  # fmt: skip


@pytest.fixture
def filler(tmp_path):
    ledger = settle([entry("a.b"), entry("a.c", 0.9)], [Family("f", "f", "bh", 0.05)])

    def fill(text, **values):
        (tmp_path / "t.j2").write_text(text)
        return Filler(tmp_path, ledger, (), ()).fill("t.j2", values)

    return fill


def test_numbers_are_links_to_their_rows(filler):
    assert filler('<< stat("a.b", "value") >>') == '[.50](#row-a-b){.stat data-kind="value"}\n'


def test_quarto_braces_are_left_alone(filler):
    text = "# Title {#sec-x}\n\n{{< pagebreak >}}\n"
    assert filler(text) == text


def test_a_block_at_the_end_of_a_line_of_prose_keeps_the_line_break(filler):
    text = "one<% if yes %> two<% endif %>\nthree\n<% if yes %>\nfour\n<% endif %>\nfive"
    assert filler(text, yes=True) == "one two\nthree\nfour\nfive\n"
    assert filler(text, yes=False) == "one\nthree\nfive\n"


def test_unused_branches_leave_no_gaps(filler):
    assert filler("one\n\n<% if no %>\ntwo\n<% endif %>\n\n\n\nthree", no=False) == "one\n\nthree\n"


def test_what_is_missing_is_an_error_that_names_the_template(filler):
    with pytest.raises(TemplateError, match=r"t\.j2.*'absent' is undefined"):
        filler("<< absent >>")
    with pytest.raises(TemplateError, match=r"t\.j2.*no\.such"):
        filler('<< stat("no.such", "value") >>')


def test_text_from_data_can_not_become_markup():
    assert escape("a*b_[c](d)|@e{.f}") == r"a\*b\_\[c\](d)\|\@e\{.f\}"


def test_decisions_in_words():
    ledger = settle(
        [entry("a"), entry("b", 0.9), entry("c", 0.5, "")], [Family("f", "", "bh", 0.05)]
    )
    assert [decision(e) for e in ledger] == ["survives", "does not survive", "outside a family"]
    gone = Entry(
        id="d", experiment="x", quantity="q", evidence="raw", cohort="c", method="m",
        estimate=Estimate.missing(Reason.TOO_FEW, 2),
    )  # fmt: skip
    assert decision(gone) == f"missing: {Reason.TOO_FEW.sentence}"
