import csv
import io

import pytest

from report.document import tables
from report.document.fill import stat_link
from report.document.parts import Stat, Table
from report.ledger.ledger import Entry, settle
from stats.outcome import Estimate, Interval, Reason


@pytest.fixture
def ledger():
    entry = Entry(
        id="a.b", experiment="a", quantity="b", evidence="raw", cohort="c", method="m", unit="rho",
        estimate=Estimate(-0.53, 30, Interval(-0.75, -0.2, 0.95, "bca")),
    )  # fmt: skip
    return settle([entry], [])


@pytest.fixture
def table():
    return Table(
        "small", "A caption.", (tables.left("Model & more"), tables.right("ρ"), tables.right("CI")),
        (("First_one", Stat("a.b", "value"), Stat("a.b", "ci")),
         ("Second", Reason.CONSTANT_INPUT, Reason.CONSTANT_INPUT)),
        "A note.",
    )  # fmt: skip


def test_markdown_links_each_number_to_its_row(table, ledger):
    text = tables.to_markdown(table, lambda stat: stat_link(ledger[stat.entry], stat.kind))
    assert '[−.53](#row-a-b){.stat data-kind="value"}' in text
    assert r": A caption\. {#tbl-small}" in text
    assert "| Second | —^a^ | —^a^ |" in text
    assert Reason.CONSTANT_INPUT.sentence in text


def test_csv_holds_what_is_printed(table, ledger):
    rows = list(csv.reader(io.StringIO(tables.to_csv(table, ledger))))
    assert rows[0] == ["Model & more", "ρ", "CI"]
    assert rows[1][1:] == ["−.53", "[−.75, −.20]"]
    assert rows[2] == ["Second", "—", "—"]


def test_latex_has_booktabs_rules_and_escapes(table, ledger):
    text = tables.to_latex(table, ledger)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption{A caption.}"):
        assert rule in text
    assert r"Model \& more" in text
    assert r"$-$.53 & [$-$.75, $-$.20] \\" in text
    assert r"\tnote{a}" in text
    assert r"\item[a]" in text


def test_latex_has_a_sign_for_a_bound_that_is_not_known():
    assert tables.tex("[1.549, ∞]") == r"[1.549, $\infty$]"


def test_a_table_of_uneven_rows_is_refused():
    with pytest.raises(ValueError, match="has not 1 cells"):
        Table("x", "c", (tables.left("a"),), (("1", "2"),))


def test_names_in_a_csv_file_are_no_formulas(ledger):
    table = Table("x", "c", (tables.left("@a"), tables.left("b")), (("=1+1", "-.53 [-.7, -.2]"),))
    rows = list(csv.reader(io.StringIO(tables.to_csv(table, ledger))))
    assert rows == [["'@a", "b"], ["'=1+1", "-.53 [-.7, -.2]"]]
