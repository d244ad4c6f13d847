"""Every number of the studies that ship has a method, and prints that method's symbol."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from report.document import outputs
from report.ledger.ledger import Ledger
from report.pipeline import Options, compute, default_studies, load
from stats.methods import METHODS, by_words

# What the symbols are, by the words in the ledger; written down a second time on purpose.
EXPECTED = {
    "Kendall's tau-b": "τ",
    "matched-pairs rank-biserial correlation": "rank-biserial r",
    "mean over answers of the autocorrelation over token positions": "autocorrelation",
    "Kendall's W": "W",
    "nearest-profile classification": "accuracy",
    "Pearson correlation of signatures in 10 bins of depth": "r",
    "partial Spearman's rho": "partial ρ",
    "Spearman's rho": "ρ",
    "Spearman's rho, as published": "ρ",
}


@pytest.fixture(scope="module")
def shipped(features_cache: Path) -> Ledger:
    options = Options(cache=features_cache, quick=True)
    return compute(load(default_studies(), quick=True), options, lambda _: None).ledger


def _symbol(sentence: str) -> str:
    """Read the symbol before the first number of a sentence."""
    found = re.match(r"([^\d=,]*?[^\d=,\s.−][₀-₉]*) = ", sentence)
    return found[1] if found else ""


def test_every_entry_of_the_shipped_studies_has_its_methods_in_the_registry(shipped: Ledger):
    used = {e.method for e in shipped} | {e.outcome.method for e in shipped if e.outcome}
    unknown = sorted(words for words in used if by_words(words) is None)
    assert not unknown, f"add to stats/methods.py: {unknown}"


def test_each_value_prints_the_symbol_of_its_method_and_its_n(shipped: Ledger):
    values = outputs.values_of(shipped)
    checked = set[str]()
    for entry in shipped:
        if entry.value is None:
            continue
        text, method = values[entry.id]["apa"], by_words(entry.method)
        assert method is not None
        assert _symbol(text) == method.symbol_of(entry.unit), entry.id
        if entry.method in EXPECTED:
            assert _symbol(text) == EXPECTED[entry.method], entry.id
            checked.add(entry.method)
        if entry.unit in ("rho", "r", "nats", "share"):
            assert f", n = {entry.estimate.n}" in text, entry.id
    assert checked == EXPECTED.keys()


def test_every_correlation_has_a_symbol(shipped: Ledger):
    bare = {e.method for e in shipped if e.unit in ("rho", "r")} - {
        m.words for m in METHODS.values() if m.symbol
    }
    assert not bare


def test_manuscripts_in_latex_and_quarto_get_the_same_symbols(shipped: Ledger, tmp_path):
    outputs.write_values(shipped, tmp_path)
    tau = next(e for e in shipped if e.method == "Kendall's tau-b" and e.value is not None)
    macros = (tmp_path / "values.tex").read_text("utf-8")
    assert re.search(rf"stat@{re.escape(tau.id)}\.apa\}}\{{\$\\tau\$ = ", macros)
    macros = re.sub(r"%.*", "", macros)
    assert macros.isascii() or not set(macros) & set("ρτΔ₀₁|<>")
    tree = json.loads((tmp_path / "_variables.yml").read_text("utf-8"))
    for part in tau.id.split("."):
        tree = tree[part]
    assert tree["apa"].startswith("τ = ")
