"""The reader of printed numbers: it shares nothing with what prints, and finds its faults."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from report.audit.verify.documents import read_html, read_markdown, read_typst
from report.audit.verify.printed import Expected, Number, UnreadableError, tally_faults
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Family
from stats.outcome import Estimate, Interval, Outcome

ROOT = Path(__file__).resolve().parents[3]


def an_entry(value=-0.53, low=-0.76, high=-0.19, unit="rho", p=0.0351) -> Entry:
    return Entry(
        "a.b.c", "a", "b", "published", "x",
        Estimate(value, 28, Interval(low, high, 0.95, "bonett-wright")), "Spearman's rho",
        Outcome("Spearman, t approximation", 28, value, p, 0.001), unit=unit,
        p_adjusted={"bh": 0.2099}, label="a and b",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value", "places"),
    [("−.53", "-.53", 2), ("-.53", "-.53", 2), (".036", ".036", 3), ("+1.20", "1.2", 2),
     ("10\u202f238", "10238", 0), ("1,234.5", "1234.5", 1), ("−0.005", "-.005", 3)],
)  # fmt: skip
def test_numbers_are_read_as_they_are_printed(text, value, places):
    number = Number.read(text)
    assert (str(number.value.normalize()), number.places) == (
        str(Number.read(value).value.normalize()), places,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "—", ".", "1.2.3", "a", "1 − 2"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(UnreadableError):
        Number.read(text)


KINDS = ("value", "value:3", "signed", "ci", "apa", "apa:bh", "n", "layer", "p", "p=", "floor",
         "statistic", "adjusted:bh", "adjusted=:bh", "adjusted:holm")  # fmt: skip
BOUND = "test as published, not named; p is an upper bound"
ENTRIES = [
    an_entry(),
    an_entry(0.0004, -0.0004, 0.0006, p=0.0002),
    an_entry(12345.6, -10000.2, 98765.4, unit="nats", p=1.0),
    an_entry(14.0, 3.0, 20.0, unit="tokens", p=0.9995),
    replace(an_entry(), outcome=None, p_adjusted={}),
    replace(
        an_entry(),
        outcome=Outcome(
            "test as published, not named; p is an upper bound", 28, -0.53, 0.004, None
        ),
    ),
    replace(an_entry(unit="nats"), estimate=Estimate(-0.5, 3)),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_printed_rightly_is_accepted(entry, kind):
    assert Expected(entry, 0.95).faults(fmt.show(entry, kind), kind) == []


@pytest.mark.parametrize(
    "method",
    ["Kendall's tau-b", "Kendall's W", "partial Spearman's rho", "Spearman's rho",
     "matched-pairs rank-biserial correlation",
     "mean over answers of the autocorrelation over token positions"],
)  # fmt: skip
def test_every_method_has_its_own_symbol(method):
    unit = "share" if method.endswith("W") else "rho"
    entry = replace(an_entry(unit=unit), method=method)
    assert Expected(entry, 0.95).faults(fmt.show(entry, "apa"), "apa") == []
    wrong = "r = −.53, 95% CI [−.76, −.19], p = .035"
    assert any("symbol" in fault for fault in Expected(entry, 0.95).faults(wrong, "apa"))


@pytest.mark.parametrize("kind", ["value", "signed", "ci", "apa"])
def test_a_dropped_sign_is_found(monkeypatch, kind):
    plain = fmt.decimal
    monkeypatch.setattr(fmt, "decimal", lambda value, places: plain(abs(value), places))
    entry = an_entry()
    assert Expected(entry, 0.95).faults(fmt.show(entry, kind), kind)


@pytest.mark.parametrize("kind", ["value", "signed", "ci", "apa"])
def test_an_added_sign_is_found(monkeypatch, kind):
    plain = fmt.decimal
    monkeypatch.setattr(fmt, "decimal", lambda value, places: plain(-abs(value), places))
    entry = an_entry(0.53, 0.19, 0.76)
    assert Expected(entry, 0.95).faults(fmt.show(entry, kind), kind)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [("apa", "ρ = −.53, 90% CI [−.76, −.19], p = .035", "level is 95%"),
     ("apa", "ρ = −.53, 95% CI [−.19, −.76], p = .035", "swapped"),
     ("apa", "ρ = −.53, 95% CI [−.76, −.19], adjusted p = .035", "calls p adjusted"),
     ("apa:bh", "ρ = −.53, 95% CI [−.76, −.19], p = .210", "a plain one"),
     ("apa", "τ = −.53, 95% CI [−.76, −.19], p = .035", "the symbol"),
     ("apa", "ρ = −.53, n = 27, 95% CI [−.76, −.19], p = .035", "n is 28"),
     ("apa", "ρ = −.53, p = .035", "lacks the interval"),
     ("apa", "ρ = −.53, 95% CI [−.76, −.19]", "lacks p"),
     ("apa", "ρ = −.53 nats, 95% CI [−.76, −.19], p = .035", "unit"),
     ("ci", "[−.19, −.76]", "swapped"), ("ci", "—", "lacks the interval"),
     ("value", "−.54", "rounded wrongly"), ("value", ".53", "wrong sign"),
     ("value", "−.5", "digits"), ("value:3", "−.53", "digits"), ("value", "—", "lacks"),
     ("p", ".036", "rounded wrongly"), ("p", "< .001", "another p"), ("p", "≤ .035", "bound"),
     ("p", ".04", "rounded wrongly"), ("n", "29", "another number"), ("p=", ".035", "sentence")],
)  # fmt: skip
def test_what_is_printed_wrongly_is_named(kind, text, words):
    assert any(words in fault for fault in Expected(an_entry(), 0.95).faults(text, kind))


def test_an_unknown_kind_is_no_statistic():
    with pytest.raises(KeyError):
        Expected(an_entry(), 0.95).faults(".5", "mode")


@pytest.mark.parametrize("m", [1, 2, 3, 12, 41, 12345])
def test_numbers_of_tests_are_read(m):
    family = Family("f", "a family", "bh", 0.05, m)
    for survivors in {0, 1, m - 1, m}:
        for kind in ("m:test", "survivors", "survivors:test"):
            text = fmt.tally(m, survivors, kind)
            assert tally_faults(text, kind, family, survivors) == [], text
            wrong = fmt.tally(m + 1, survivors + 1, kind)
            assert tally_faults(wrong, kind, family, survivors)


# --- documents --------------------------------------------------------------------------


def test_names_with_marks_are_read_as_they_are():
    name = r"a [^1] `b` _c_ % & # $ “d” 'e' | x"
    source = f"| Statistic | What |\n|:--|:--|\n| [`i.d`]{{#row-i-d}} | {fmt.escape(name)} |\n"
    source += f'\n[{fmt.escape(name)}](#row-i-d) [.5](#row-i-d){{.stat data-kind="value"}}\n'
    content = read_markdown(source)
    assert content.rows["row-i-d"]["what"] == name
    assert [(link.text, link.kind) for link in content.links] == [(name, None), (".5", "value")]


def test_rows_are_read_from_typst_with_highlighted_code():
    tokens = '[#NormalTok("a.b-c.d");<row-a-b-c-d>], [−.5],'
    plain = "[`a.b-c.d`<row-a-b-c-d>], [−.5],"
    for text in (tokens, plain):
        rows = read_typst(f"#table(\n{text}\n)", ["statistic", "estimate"]).rows
        assert rows == {"row-a-b-c-d": {"statistic": rows["row-a-b-c-d"]["statistic"],
                                        "estimate": "−.5"}}  # fmt: skip
        assert rows["row-a-b-c-d"]["statistic"].strip("`") == "a.b-c.d"


def test_references_to_nothing_are_found():
    html = "<h2>S</h2><p>See <strong>?@tbl-lost</strong>.</p><script>'?@tbl-not'</script>"
    assert read_html(html).unresolved == [("?@tbl-lost", "S")]
    assert read_typst(r"= S" + "\n" + r"See #strong[?\@tbl-lost].", []).unresolved == [
        ("?@tbl-lost", "S")
    ]


# --- independence -----------------------------------------------------------------------


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in sorted((ROOT / "report").rglob("*.py"))}


def imports(name: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & MODULES.keys()


@pytest.mark.parametrize("start", ["prose", "documents", "pdf", "printed", "appendix", "findings"])
def test_what_reads_the_document_back_shares_no_code_with_what_prints_it(start):
    waiting, reached = [f"report.audit.verify.{start}"], set[str]()
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += imports(name) - reached - {"report.audit.verify"}
    assert "report.ledger.ledger" in reached or start in ("findings", "documents", "pdf")
    printing = ("report.ledger.format", "report.document", "report.experiments")
    assert not {name for name in reached if name.startswith(printing)}
