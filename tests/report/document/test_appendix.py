"""The appendix: every row in words and in codes, links there and back, and `verify` on both."""

import gzip
import re

import pytest

from report.audit.finished import load_finished
from report.audit.verify.documents import header_key, read_html, read_markdown
from report.document.appendix import Appendix, Codes, in_words
from report.document.fill import number_mentions, stat_link
from report.document.render import install_theme
from report.ledger.ledger import Entry, Family, settle
from stats.outcome import Estimate, Interval, Outcome, Reason


def entry(name, p=0.2, *, family="x.f", reason=None, interval=None):
    outcome = Outcome("t test", 6, 1.0, p, 0.003) if p is not None else None
    if reason is not None:
        outcome = Outcome.missing("t test", reason, 6)
    return Entry(
        id=name, experiment="x", quantity="q", evidence="raw", cohort="c", method="Spearman",
        unit="rho", estimate=Estimate(-0.53, 6, interval), outcome=outcome, family=family,
    )  # fmt: skip


@pytest.fixture
def ledger():
    return settle(
        [
            entry("x.q.one", 0.001, interval=Interval(-0.7, 0.1, 0.95, "bca")),
            entry("x.q.two", 0.9),
            entry("x.q.three", reason=Reason.NOT_PUBLISHED),
            entry("x.q.four", reason=Reason.CONSTANT_INPUT),
            entry("x.q.five", None, family=""),
            entry("x.q.six", 0.5, family=""),
        ],
        [Family("x.f", "A family", "bh", 0.05)],
    )


# --- rows ---------------------------------------------------------------------------------


def test_a_row_in_words_says_everything(ledger):
    row = in_words(ledger["x.q.one"], ledger)
    assert row["estimate"] == "−.53"
    assert row["ci"] == "[−.70, .10]"
    assert row["cimethod"] == "95% bca"
    assert (row["p"], row["floor"], row["adjustedp"]) == (".001", ".003", ".003")
    assert (row["family"], row["m"], row["decision"]) == ("x.f", "3", "survives")


def test_a_row_in_codes_can_be_read_with_the_key(ledger):
    codes = Codes(ledger)
    row = codes.row(ledger["x.q.one"])
    assert row["methods"] == "1 C1 T1"
    assert codes.estimates == {"Spearman": "1"}
    assert codes.intervals == {"95% bca": "C1"}
    assert codes.tests == {"t test": "T1"}
    assert codes.families == {"x.f": "F1"}
    survives = [codes.row(e)["survives"] for e in ledger]
    assert survives == ["yes", "no", "missing (a)", "missing (b)", "described", "single"]
    assert codes.reasons == {Reason.NOT_PUBLISHED: "a", Reason.CONSTANT_INPUT: "b"}


def test_all_members_of_a_family_are_listed_by_what_became_of_them(ledger):
    appendix = Appendix(ledger, (), {})
    family = ledger.families["x.f"]
    groups = {title: [e.id for e in group] for title, group in appendix.groups(family)}
    assert groups == {
        "Survive BH": ["x.q.one"],
        "Do not survive": ["x.q.two"],
        "Not published, p taken as one": ["x.q.three"],
        "Not estimable: one of the variables is constant, so the statistic is undefined": [
            "x.q.four"
        ],
    }
    assert appendix.shared(family) == "x.q."


# --- there and back -----------------------------------------------------------------------


def test_mentions_are_numbered_in_the_order_of_the_document(ledger):
    links = [stat_link(ledger[name], "p") for name in ("x.q.two", "x.q.one", "x.q.two", "x.q.two")]
    text, mentions = number_mentions(" ".join(links), up_to=2)
    assert mentions == {
        "row-x-q-two": ["q-x-q-two-1", "q-x-q-two-2"],
        "row-x-q-one": ["q-x-q-one-1"],
    }
    assert text.count("#q-") == 3
    assert [link.kind for link in read_markdown(text).links] == ["p"] * 4


def test_a_number_does_not_break_inside(ledger):
    link = stat_link(ledger["x.q.one"], "apa")
    text = link[1 : link.index("](")].replace("\\", "")
    assert text.split(" ") == [
        "ρ\u00a0=\u00a0−.53,",
        "n\u00a0=\u00a06,",
        "95%\u00a0CI\u00a0[−.70,\u00a0.10],",
        "p\u00a0=\u00a0.001",
    ]


def test_every_row_links_to_places_that_link_to_it(finished):
    html = (finished / "report.html").read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    back = re.findall(r'href="#(q-[^"]+)"', html)
    assert len(back) > 100
    assert set(back) == {name for name in ids if name.startswith("q-")}
    for name in back:
        row = re.escape(f"row-{name[2:].rpartition('-')[0]}")
        assert re.search(f'href="#{row}" id="{re.escape(name)}"', html)
    families = {f"family-{family}" for family in load_finished(finished).ledger.families}
    assert families <= set(ids)
    assert set(re.findall(r'href="#(family-[^"]+)"', html)) <= families


# --- on the screen ------------------------------------------------------------------------


def test_the_table_on_the_screen_has_every_column(finished):
    html = (finished / "report.html").read_text(encoding="utf-8")
    build = load_finished(finished)
    families = {family.anchor for family in build.ledger.families.values()}
    rows = {name: row for name, row in read_html(html).rows.items() if name not in families}
    assert rows.keys() == {e.anchor for e in build.ledger}
    columns = {
        "Statistic", "In the text", "What", "n", "Estimate", "CI", "p", "Floor", "Adjusted p",
        "Decision", "Experiment", "Model", "Axis", "Evidence", "Data", "Family", "m", "Method",
        "CI method", "p method",
    }  # fmt: skip
    assert all(row.keys() == {header_key(name) for name in columns} for row in rows.values())


def test_the_page_brings_datatables_and_asks_no_other_host(finished):
    html = (finished / "report.html").read_text(encoding="utf-8")
    bundle = next(tag for tag in re.findall("<link[^>]+>", html) if 'id="datatables"' in tag)
    assert 'href="data:application/octet-stream;base64,' in bundle
    assert not re.findall(r'<(?:link|script|img)[^>]*(?:src|href)="(?!data:)[^"]+"', html)
    assert "--dt-row-hover" in html


def test_datatables_comes_from_the_installed_package(tmp_path):
    from importlib.resources import files

    install_theme(tmp_path)
    bundle = files("itables") / "html" / "dt_bundle.js"
    packed = (tmp_path / "theme" / "dt_bundle.bin").read_bytes()
    assert gzip.decompress(packed) == bundle.read_bytes()
