"""What readers are told of intervals that disagree with a corrected test."""

from __future__ import annotations

import re

import pytest

from report.document.intervals import MARKED, PER_COMPARISON, decided, disputed
from report.document.outputs import tables_of
from report.document.paper import write_source
from report.document.parts import Stat
from report.ledger import format as fmt
from report.pipeline import Options, compute, load
from report.study.paths import DATA

STUDIES = ("entropy-2026-02", "synthetic")

# Words that need a test which rejects.
STRONG = re.compile(
    r"(?<!not )\b(?:speaks? against|shows? that|proves?|confirms?|supports? the|refutes?|no effect"
    r"|contradicts? the|no more than chance)\b"
)


@pytest.fixture(scope="module", params=STUDIES)
def results(request):
    name = request.param
    folder = request.getfixturevalue("synthetic") if name == "synthetic" else DATA / name
    return compute(load([folder], quick=True), Options(), lambda _: None)


def test_each_table_with_intervals_of_tests_says_how_to_read_them(results):
    for table in tables_of(results.sections):
        cells = [c for row in table.rows for c in row if isinstance(c, Stat)]
        shown = [c for c in cells if c.kind.split(":")[0] == "ci"]
        of_tests = decided(results.ledger[c.entry] for c in shown)
        assert (PER_COMPARISON in table.note) == bool(of_tests), table.id
        for cell in shown:
            marked = disputed(results.ledger[cell.entry])
            assert (fmt.DISPUTED in fmt.show(results.ledger[cell.entry], cell.kind)) == marked
        assert (MARKED in table.note) == any(disputed(results.ledger[c.entry]) for c in shown)


def _open(entry):
    """Tell whether a test was made and did not reject."""
    return entry.p is not None and not entry.rejected and (entry.family != "" or entry.p > 0.05)


def test_words_are_no_stronger_than_the_decision(results, tmp_path):
    text = write_source(results, tmp_path, "embedded").read_text("utf-8").split("# Appendix A")[0]
    rows = {entry.anchor: entry for entry in results.ledger}
    wrong = []
    for sentence in re.split(r"(?<=[.?!])\s+", text):
        quoted = [rows[a] for a in re.findall(r"\(#(row-[^)]*)\)", sentence) if a in rows]
        said = re.sub(r"“[^”]*”|\(#[^)]*\)\{[^}]*\}", "", sentence)  # a quoted claim is not ours
        if any(_open(entry) for entry in quoted) and STRONG.search(said):
            wrong.append(sentence)
    assert wrong == []


def test_methods_count_what_disagrees(results, tmp_path):
    text = write_source(results, tmp_path, "embedded").read_text("utf-8")
    n = sum(disputed(entry) for entry in results.ledger)
    assert f"{fmt.count(n)} {'has' if n == 1 else 'have'} an interval that leaves out zero" in text


def test_peaks_are_said_to_be_too_large_and_published_ones_have_no_interval(results):
    for table in tables_of(results.sections):
        if table.id.startswith("signature-peaks"):
            assert "too large by selection" in table.note
    alone = results.ledger.select(quantity="peak-unsearched", evidence="published")
    assert not [e.id for e in alone if e.estimate.interval]
