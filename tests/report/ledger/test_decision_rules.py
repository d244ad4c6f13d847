"""Every rule that a plan may decide by, from the shipped studies to the document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from report import pipeline
from report.audit.finished import Finished, load_finished
from report.audit.verify import numbers
from report.document import outputs
from report.document.paper import write_source
from report.document.parts import Stat, Table
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from report.pipeline import Options, build, compute, default_studies, load
from report.study.paths import DATA
from report.study.settings import Plan
from report.study.study import Study, load_study

PERMUTED = ("behaviour.axis.smollm2", "signature.peaks.smollm2", "integrity.axis-wrong.smollm2")
ALWAYS_HOLM = ("generation.pairs", "signature.strongest", "signature.similarities")


def decided_by(study: Study, rule: str) -> Study:
    plan = Plan(**(study.plan.model_dump() | {"decision": rule, "n_resamples": 99}))
    return study.model_copy(update={"plan": plan})


def adjusted_in(table: Table, ledger: Ledger) -> dict[str, set[str]]:
    """Return the rules whose p a table gives, by family."""
    found: dict[str, set[str]] = {}
    for cell in (cell for row in table.rows for cell in row if isinstance(cell, Stat)):
        kind, _, rule = cell.kind.partition(":")
        if kind == "adjusted":
            assert fmt.show(ledger[cell.entry], cell.kind) != fmt.MISSING
            found.setdefault(ledger[cell.entry].family, set()).add(rule)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["bh", "holm", "by", "maxt"])
def test_every_rule_decides_as_it_is_told(rule: str, tmp_path: Path, features_cache: Path) -> None:
    studies = [decided_by(study, rule) for study in load(default_studies())]
    results = compute(studies, Options(cache=features_cache), lambda _: None)
    ledger = results.ledger
    for family in ledger.families.values():
        without = rule == "maxt" and not family.id.startswith(PERMUTED)
        holm = without or family.id.startswith(ALWAYS_HOLM)
        assert family.method == ("holm" if holm else rule), family.id
    check = numbers.consistent(Finished(tmp_path, ledger, {}, {}))
    assert [f"{d.place}: {d.problem}" for d in check.disagreements] == []

    for table in outputs.tables_of(results.sections):
        for family, shown in adjusted_in(table, ledger).items():
            assert ledger.families[family].method in shown, (table.id, family)
    text = write_source(results, tmp_path, "embedded").read_text("utf-8")
    rows: dict[str, Entry] = {entry.anchor: entry for entry in ledger}
    quoted = re.findall(r'\(#(row-[^)]*)\)\{\.stat data-kind="apa:(\w+)"', text)
    assert quoted
    for anchor, shown in quoted:
        assert shown == ledger.families[rows[anchor].family].method
    assert ("a family without them is decided by Holm's" in text) == (rule == "maxt")


@pytest.mark.slow
@pytest.mark.usefixtures("numbers_only")
def test_a_document_decided_by_maxt_proves_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features_cache: Path
) -> None:
    monkeypatch.setattr(pipeline, "load_study", lambda path: decided_by(load_study(path), "maxt"))
    options = Options((), "embedded", cache=features_cache)
    built = build([DATA / "smollm2"], tmp_path, options, lambda _: None)
    check = numbers.recomputed(load_finished(built.folder))
    assert check.counts["adjusted p-values"] > 500
    assert [f"{d.place}: {d.problem}" for d in check.disagreements] == []
