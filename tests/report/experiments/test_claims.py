"""Claims: the checks, the file, the document, and the claims of the published study."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from rich.console import Console

from report.document.fill import Filler
from report.experiments import claims
from report.experiments.claims.checks import AnyCheck
from report.experiments.claims.evidence import Evidence, Finding, combine, ruling
from report.experiments.claims.reading import read_claims
from report.ledger.format import show
from report.ledger.ledger import Entry, Family, settle
from report.study.paths import DATA, TEMPLATES
from report.study.study import Study, load_study
from report.study.todo import read_todos
from stats.outcome import Estimate, Interval, Outcome, Reason

CONTRADICTED, NOT_SUPPORTED = Finding.CONTRADICTED, Finding.NOT_SUPPORTED
NOT_TESTABLE, SUPPORTED = Finding.NOT_TESTABLE, Finding.SUPPORTED

STUDY = Study.model_validate(
    {
        "id": "made-up",
        "title": "Made up",
        "date": "2026-01-01",
        "plan": {"seed": 1},
        "axes": [{"key": "warm_cold", "positive": "warm", "negative": "cold"}],
        "cohorts": [{"key": "c", "title": "C"}],
        "models": [{"key": key, "name": key.upper(), "cohort": "c"} for key in "abcd"],
    }
)


def entry(name, value, p=None, *, family="", layer=None, interval=None, unit="rho", **fields):
    reason = Reason.NOT_PUBLISHED if value is None else None
    estimate = Estimate(value, 30, interval, reason)
    test = None
    if p is not None:
        test = Outcome("test", 30, statistic=1.0, p=p)
    return Entry(
        id=name, experiment=fields.pop("experiment", "x"), quantity=name.split(".")[1],
        evidence="published", cohort="c", estimate=estimate, method="made", outcome=test,
        family=family, model=name.split(".")[-1], layer=layer, unit=unit, label=f"thing {name}",
        **fields,
    )  # fmt: skip


ENTRIES = [
    entry("x.rho.a", 0.6, 0.001, family="f"),
    entry("x.rho.b", 0.5, 0.002, family="f"),
    entry("x.rho.c", 0.3, 0.040, family="f"),
    entry("x.rho.d", None, family="f"),
    entry("x.mixed.a", 0.6, 0.001, family="f"),
    entry("x.mixed.b", -0.7, 0.001, family="f"),
    entry("x.alone.a", 0.4, 0.03),
    entry("x.zero.a", 0.0, 0.9),
    entry("x.close.a", 0.01, 0.8, interval=Interval(-0.05, 0.06, 0.95, "t")),
    entry("x.wide.a", 0.01, 0.8, interval=Interval(-0.5, 0.6, 0.95, "t")),
    entry("x.peak.a", 0.5, layer=9),
    entry("x.peak.b", -0.8, layer=0),
    entry("layers.count.a", 11.0, unit="count", experiment="layers"),
    entry("layers.count.b", 11.0, unit="count", experiment="layers"),
]
LEDGER = settle(ENTRIES, [Family("f", "all", "holm", 0.05)])
EVIDENCE = Evidence(STUDY, LEDGER)
CHECK = TypeAdapter(AnyCheck)


def judged(**fields):
    found = CHECK.validate_python(fields).judge(EVIDENCE)
    text = "".join(
        piece if isinstance(piece, str) else show(LEDGER[piece.entry], piece.kind)
        for piece in found.evidence
    )
    return found.finding, text


RHO = ["x.rho.*"]


@pytest.mark.parametrize(
    ("fields", "finding", "text"),
    [
        # extreme
        ({"kind": "extreme", "which": "highest", "of": RHO, "members": ["x.rho.a"]},
         SUPPORTED, "Highest of three: thing x.rho.a (.60)."),
        ({"kind": "extreme", "which": "lowest", "of": RHO, "members": ["x.rho.b"]},
         CONTRADICTED, "Thing x.rho.c (.30) lies below thing x.rho.b (.50)."),
        ({"kind": "extreme", "which": "highest", "of": RHO, "members": ["x.rho.a", "x.rho.b"]},
         SUPPORTED, "Highest of three: thing x.rho.a (.60); thing x.rho.b (.50)."),
        ({"kind": "extreme", "which": "highest", "of": RHO, "members": ["x.rho.a", "x.rho.d"]},
         NOT_TESTABLE, "There is no number: thing x.rho.d. " + Reason.NOT_PUBLISHED.sentence),
        ({"kind": "extreme", "which": "highest", "of": RHO, "members": ["x.rho.c", "x.rho.d"]},
         CONTRADICTED, "Thing x.rho.a (.60) lies above thing x.rho.c (.30)."),
        ({"kind": "extreme", "which": "highest", "of": ["x.mixed.*"], "members": ["x.mixed.a"],
          "size": True},
         CONTRADICTED, "Thing x.mixed.b (−.70) lies above thing x.mixed.a (.60) in size."),
        # order
        ({"kind": "order", "rising": ["x.rho.c", "x.rho.b", "x.rho.a"]},
         SUPPORTED, "In rising order: thing x.rho.c (.30); thing x.rho.b (.50); "
         "thing x.rho.a (.60)."),
        ({"kind": "order", "rising": ["x.rho.a", "x.rho.b"]},
         CONTRADICTED, "Thing x.rho.a (.60) does not lie below thing x.rho.b (.50)."),
        ({"kind": "order", "rising": ["x.rho.a", "x.mixed.b"], "size": True},
         SUPPORTED, "In rising order: thing x.rho.a (.60); thing x.mixed.b (−.70)."),
        ({"kind": "order", "rising": ["x.rho.a", "x.rho.d"]}, NOT_TESTABLE, None),
        # sign
        ({"kind": "sign", "entries": ["x.mixed.*"], "sign": "positive"},
         CONTRADICTED, "Not positive: thing x.mixed.b (−.70)."),
        ({"kind": "sign", "entries": ["x.mixed.b"], "sign": "negative"},
         SUPPORTED, "Negative: thing x.mixed.b (−.70)."),
        ({"kind": "sign", "entries": ["x.zero.a"], "sign": "negative"}, NOT_SUPPORTED,
         "Not significant, so the sign is open: thing x.zero.a (.00, n = 30, p = .900)."),
        ({"kind": "sign", "entries": RHO, "sign": "positive"}, NOT_SUPPORTED, None),
        # ratio
        ({"kind": "ratio", "numerator": "x.rho.a", "denominator": "x.rho.c", "value": 2.0,
          "tolerance": 0.1},
         SUPPORTED, "Thing x.rho.a (.60) is 2.00 times thing x.rho.c (.30)."),
        ({"kind": "ratio", "numerator": "x.rho.a", "denominator": "x.rho.c", "value": 3.0,
          "tolerance": 0.5}, CONTRADICTED, None),
        ({"kind": "ratio", "numerator": "x.rho.a", "denominator": "x.zero.a", "value": 3.0,
          "tolerance": 0.5}, NOT_TESTABLE, "Nothing is a multiple of thing x.zero.a (.00)."),
        # significant
        ({"kind": "significant", "entries": ["x.rho.a", "x.rho.b"], "sign": "positive"},
         SUPPORTED, None),
        ({"kind": "significant", "entries": ["x.rho.a", "x.rho.c"]},
         NOT_SUPPORTED,
         "Not significant: thing x.rho.c (.30, n = 30, p = .040, adjusted p = .080)."),
        ({"kind": "significant", "entries": ["x.mixed.b"], "sign": "positive"},
         CONTRADICTED, None),
        ({"kind": "significant", "entries": ["x.rho.d"]}, NOT_TESTABLE, None),
        ({"kind": "significant", "entries": ["x.alone.a"]},
         SUPPORTED, "Significant: thing x.alone.a (.40, n = 30, p = .030)."),
        # consistent
        ({"kind": "consistent", "entries": ["x.rho.a", "x.rho.b", "x.rho.d"]},
         SUPPORTED, None),
        ({"kind": "consistent", "entries": RHO},
         NOT_SUPPORTED,
         "Not significant: thing x.rho.c (.30, n = 30, p = .040, adjusted p = .080). "
         "One more gave no number."),
        ({"kind": "consistent", "entries": ["x.mixed.*"]},
         CONTRADICTED, "The sign changes: thing x.mixed.a (.60); thing x.mixed.b (−.70)."),
        ({"kind": "consistent", "entries": ["x.rho.a", "x.rho.d"]}, NOT_TESTABLE, None),
        # equals
        ({"kind": "equals", "entry": "x.rho.a", "value": 0.6}, SUPPORTED, None),
        ({"kind": "equals", "entry": "x.rho.a", "value": 0.5},
         CONTRADICTED, "Not .50: thing x.rho.a (.60)."),
        ({"kind": "equals", "entry": "x.rho.d", "value": 0.5}, NOT_TESTABLE, None),
        # between
        ({"kind": "between", "entries": ["x.rho.a"], "low": 0.5, "high": 0.6}, SUPPORTED, None),
        ({"kind": "between", "entries": RHO, "low": 0.5, "high": 0.6},
         CONTRADICTED, "Not 0.5 to 0.6: thing x.rho.c (.30)."),
        ({"kind": "between", "entries": ["x.mixed.b"], "low": 0.6, "high": 0.8, "aspect": "size"},
         SUPPORTED, None),
        ({"kind": "between", "entries": ["x.peak.*"], "low": 0.8, "high": 1, "aspect": "depth"},
         CONTRADICTED, "Elsewhere: thing x.peak.b (layer 0 of 11, at .00 of the depth)."),
        ({"kind": "between", "entries": ["x.rho.a"], "low": 0.8, "high": 1, "aspect": "depth"},
         NOT_TESTABLE, None),
        # count
        ({"kind": "count", "entries": RHO, "condition": "significant", "at_least": 3},
         NOT_SUPPORTED, None),
        ({"kind": "count", "entries": RHO, "condition": "significant", "at_most": 1},
         CONTRADICTED, None),
        ({"kind": "count", "entries": RHO, "condition": "missing", "at_least": 1, "at_most": 1},
         SUPPORTED, "One of four without a number: thing x.rho.d."),
        ({"kind": "count", "entries": ["x.rho.a"], "condition": "known", "at_most": 0},
         CONTRADICTED, "With a number: thing x.rho.a (.60)."),
        ({"kind": "count", "entries": ["x.rho.c"], "condition": "significant", "at_most": 0},
         SUPPORTED, "Not significant: thing x.rho.c (.30, n = 30, p = .040, adjusted p = .080)."),
        ({"kind": "count", "entries": ["x.rho.*", "x.mixed.*"], "condition": "significant",
          "distinct": "model", "at_least": 2}, SUPPORTED, None),
        ({"kind": "count", "entries": ["x.peak.*"], "condition": "above", "limit": 0.8,
          "aspect": "depth", "at_least": 2},
         CONTRADICTED,
         "One of two above 0.8: thing x.peak.a (layer 9 of 11, at .90 of the depth)."),
        # absent
        ({"kind": "absent", "entries": ["x.rho.a"], "margin": 0.1}, CONTRADICTED, None),
        ({"kind": "absent", "entries": ["x.zero.a"], "margin": 0.1}, NOT_SUPPORTED, None),
        ({"kind": "absent", "entries": ["x.wide.a"], "margin": 0.1}, NOT_SUPPORTED, None),
        ({"kind": "absent", "entries": ["x.close.a"], "margin": 0.1}, SUPPORTED, None),
        ({"kind": "absent", "entries": ["x.rho.d"], "margin": 0.1}, NOT_TESTABLE, None),
        # what is not there
        ({"kind": "equals", "entry": "x.nothing", "value": 1.0},
         NOT_TESTABLE, "There is nothing called x.nothing to look at."),
        ({"kind": "cell", "table": "none", "column": "c", "value": "1"}, NOT_TESTABLE, None),
    ],
)  # fmt: skip
def test_checks(fields, finding, text):
    found, told = judged(**fields)
    assert found is finding
    assert told[0].isupper()
    assert told.endswith(".")
    if text is not None:
        assert told == text


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "count", "entries": RHO, "condition": "above", "at_least": 1},
        {"kind": "count", "entries": RHO, "condition": "known", "limit": 1.0},
        {"kind": "order", "rising": ["x.rho.a"]},
        {"kind": "unheard-of"},
        {"kind": "equals", "entry": "x.rho.a", "value": 1.0, "typo": 2},
    ],
)
def test_a_check_that_makes_no_sense_is_refused(fields):
    with pytest.raises(ValueError, match=r"validation error"):
        CHECK.validate_python(fields)


def test_the_worst_finding_decides_and_all_evidence_is_kept():
    both = combine([ruling(SUPPORTED, "good."), ruling(NOT_TESTABLE, "who knows.")])
    assert (both.finding, both.evidence) == (NOT_TESTABLE, ("Good.", " ", "Who knows."))
    order = [SUPPORTED, NOT_TESTABLE, NOT_SUPPORTED, CONTRADICTED]
    for i, worse in enumerate(order):
        for better in order[: i + 1]:
            assert combine([ruling(better, "a."), ruling(worse, "b.")]).finding is worse


# --- the file ---------------------------------------------------------------------------

GOOD = """
[[claims]]
id = "a-claim"
sentence = "Rho is high."
where = "Section 1, finding 2"
expected = "supported"
checks = [{ kind = "equals", entry = "x.rho.a", value = 0.5 }]

[[claims]]
id = "another"
sentence = "Who_knows [really]?"
where = "Section 2"
reading = "Read so."
untestable = "No data."
"""


def with_claims(folder: Path, text: str) -> Study:
    (folder / "claims.toml").write_text(text, encoding="utf-8")
    return STUDY.model_copy(update={"folder": folder})


def test_claims_are_read_judged_and_counted(tmp_path):
    study = with_claims(tmp_path, GOOD)
    verdicts = claims.audit(study, LEDGER)
    assert [v.finding for v in verdicts] == [CONTRADICTED, NOT_TESTABLE]
    assert [v.claim.id for v in claims.failed(verdicts)] == ["a-claim"]
    assert [v.as_expected for v in verdicts] == [False, True]
    assert verdicts[0].text == "Not .50: thing x.rho.a (.60)."
    assert verdicts[0].row()["verdict"] == "contradicted"


def test_a_study_without_claims_has_none(tmp_path):
    study = STUDY.model_copy(update={"folder": tmp_path})
    assert claims.audit(study, LEDGER) == ()
    assert claims.present([(study, ())]) is None


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (GOOD.replace('"another"', '"a-claim"'), r"claim a-claim\.id: two claims have this id"),
        (GOOD.replace('untestable = "No data."', ""), "claim another: a claim has either checks"),
        (GOOD.replace('"supported"', '"maybe"'), r"claim a-claim\.expected"),
        (GOOD.replace('"equals"', '"equal"'), r"claim a-claim\.checks\.0"),
        (GOOD.replace('id = "another"', "id = 7"), r"claim 2\.id"),
        (GOOD + "[[claim]]\n", "claim: there is no such table here"),
    ],
)
def test_a_claim_that_can_not_be_read_is_lost_alone(tmp_path, text, match):
    found, (fault,) = read_claims(with_claims(tmp_path, text).folder)
    assert re.search(match, str(fault.error))
    assert len(found) == (2 if "[[claim]]" in text else 1)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"claims = ", "not valid TOML"),
        (b"claims = 3\n", "no list of tables"),
        (GOOD.replace("Who", "Wé").encode("latin-1"), "not UTF-8"),
        (GOOD.encode("utf-16"), "not UTF-8 but UTF-16"),
        (b"a = " + b"[" * 50_000, "not valid TOML"),
    ],
)
def test_a_file_that_is_not_toml_costs_all_claims_and_nothing_else(tmp_path, content, match):
    (tmp_path / "claims.toml").write_bytes(content)
    found, (fault,) = read_claims(tmp_path)
    assert found == ()
    assert re.search(match, str(fault.error))
    assert "all claims" in fault.costs


def test_a_mark_at_the_start_costs_no_to_do_item(tmp_path):
    text = '[[todo]]\nid = "one"\nitem = "Do it."\nwhere = "End"\nanswers = ["a.b"]\n'
    (tmp_path / "claims.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert [todo.id for todo in read_todos(tmp_path)[0]] == ["one"]


def test_the_terminal_shows_verdict_evidence_and_what_was_expected(tmp_path):
    out = StringIO()
    verdicts = claims.audit(with_claims(tmp_path, GOOD), LEDGER)
    claims.print_verdicts(verdicts, Console(file=out, width=200))
    shown = out.getvalue()
    assert "contradicted      a-claim" in shown
    assert "Expected: supported" in shown
    assert "“Who_knows [really]?” (Section 2)" in shown
    assert "Read as: Read so." in shown
    assert "two claims: 1 contradicted, 0 not supported, 1 not testable, 0 supported" in shown


def test_the_section_links_its_numbers_and_escapes_its_words(root, tmp_path):
    study = with_claims(tmp_path, GOOD)
    section = claims.present([(study, claims.audit(study, LEDGER))])
    assert section is not None
    text = Filler(root / "templates", LEDGER, (), section.tables).fill(
        "claims.qmd.j2", dict(section.facts)
    )
    assert "## Contradicted" in text
    assert "## Supported" not in text
    assert r"“Who\_knows \[really\]?”" in text
    assert "(#row-x-rho-a)" in text
    assert "| Section 1 | 1 | 0 | 0 | 0 |" in text


# --- the published study ----------------------------------------------------------------


@pytest.fixture
def published(printed):
    ((_, verdicts),) = printed.audits
    return printed.ledger, verdicts


def finding_of(verdicts, name):
    return next(v.finding for v in verdicts if v.claim.id == name)


def test_every_claim_comes_out_as_expected(published):
    _, verdicts = published
    assert [v.claim.id for v in verdicts if not v.as_expected] == []
    assert all(v.claim.expected for v in verdicts)
    assert claims.failed(verdicts) == ()
    assert len(verdicts) >= 40


def test_no_claim_names_an_entry_that_is_not_there(published):
    _, verdicts = published
    assert [v.claim.id for v in verdicts if "nothing called" in v.text] == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("range-varies-threefold", "(4.53)"),
        ("range-from-qwen-to-llama", "Yi 1.5 9B (2.310) lies above"),
        ("nan-for-both", "Three of four without a number"),
        ("deepseek-dip-unique", "Yi 1.5 9B (0.630)"),
        ("deepseek-early-only", "layer 29 of 31"),
        ("thirty-questions", "Mistral 7B v0.3 (29)"),
    ],
)
def test_what_the_studys_own_tables_contradict(published, name, says):
    _, verdicts = published
    assert finding_of(verdicts, name) in (CONTRADICTED, NOT_SUPPORTED)
    assert says in next(v.text for v in verdicts if v.claim.id == name)


def test_every_verdict_occurs(published):
    _, verdicts = published
    assert {v.finding for v in verdicts} == set(Finding)


def test_what_rests_on_wrongly_cut_rows_leaves_the_counts(published):
    _, verdicts = published
    n = Counter(v.finding for v in verdicts)
    assert n[Finding.WRONG_ROWS] == 17
    assert (n[SUPPORTED], n[CONTRADICTED], n[NOT_SUPPORTED], n[NOT_TESTABLE]) == (11, 14, 13, 13)
    assert finding_of(verdicts, "formal-higher-in-both") is Finding.WRONG_ROWS
    text = next(v.text for v in verdicts if v.claim.id == "formal-strongest")
    assert "confident minus cautious, Gemma 2 9B (base) (0.248) lies above" in text
    assert "no evidence" in text


def test_a_claim_that_only_asks_what_is_there_does_not_rest_on_wrong_rows(published):
    _, verdicts = published
    assert finding_of(verdicts, "nan-for-both") is CONTRADICTED


def test_without_evidence_for_wrong_rows_a_claim_is_judged_by_its_numbers(published, tmp_path):
    ledger, _ = published
    folder = tmp_path / "study"
    shutil.copytree(DATA / "entropy-2026-02", folder)
    table = folder / "published" / "integrity_models.csv"
    table.write_text(
        "model,n_questions_supported,basis,answers_without_rows\ngemma_9b,30,figure,\n"
    )
    study = load_study(folder)
    assert not study.misaligned
    verdicts = claims.audit(study, ledger)
    assert finding_of(verdicts, "formal-higher-in-both") is SUPPORTED
    assert Finding.WRONG_ROWS not in {v.finding for v in verdicts}


def test_a_claim_that_can_not_be_tested_rests_on_nothing(tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(DATA / "entropy-2026-02", folder)
    (folder / "claims.toml").write_text(
        '[[claims]]\nid = "gone"\nsentence = "It is so."\nwhere = "Here"\n'
        'checks = [{ kind = "equals", entry = "calibration.delta.nobody.x", value = 1.0 }]\n'
    )
    (verdict,) = claims.audit(load_study(folder), LEDGER)
    assert verdict.finding is NOT_TESTABLE


def plain(text):
    return re.sub(r"\s+", " ", text.replace("**", "").replace("`", ""))


def test_sentences_are_the_studys_own(published, seed):
    _, verdicts = published
    source = plain(seed)
    assert [v.claim.sentence for v in verdicts if plain(v.claim.sentence) not in source] == []


def test_the_pieces_of_evidence_keep_the_spaces_between_them(printed):
    study, ledger = printed.studies[0].study, printed.ledger
    section = claims.present([(study, claims.audit(study, ledger))])
    assert section is not None
    text = Filler(TEMPLATES, ledger, (), section.tables).fill("claims.qmd.j2", section.facts)
    plain = re.sub(r"\]\(#[^)]*\)\{[^}]*\}|[\[\\]", "", text)
    assert "Lowest of seven: mean generation entropy of Gemma 2 9B (0.173)" in plain
    assert not re.search(r"[a-z][;:][a-zA-Z]", re.sub(r"`[^`]*`|\{[^}]*\}|#\S+", "", plain))
