"""The document around the experiments."""

import re

import pytest

from report.document.paper import Methods, write_source
from report.document.parts import text_of
from report.document.render import install_theme
from report.experiments.front.abstract import MOST_WORDS, n_words
from report.ledger.ledger import settle
from report.pipeline import Options, compute, load
from report.study.paths import DATA


@pytest.fixture(scope="module")
def results(features_cache):
    folders = [DATA / "entropy-2026-02", DATA / "smollm2"]
    options = Options(cache=features_cache, quick=True)
    return compute(load(folders, quick=True), options, lambda _step: None)


@pytest.fixture(scope="module")
def source(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    install_theme(folder)
    return write_source(results, folder, "embedded").read_text(encoding="utf-8")


def test_every_method_that_was_run_is_explained(results):
    from report.document.fill import Filler
    from report.document.intervals import decided, disputed
    from report.study.paths import TEMPLATES

    methods = Methods(results.ledger)
    studies = [data.study for data in results.studies]
    text = Filler(TEMPLATES, results.ledger, (), ()).fill(
        "methods.qmd.j2",
        {
            "methods": methods,
            "ledger": results.ledger,
            "studies": studies,
            "decided": decided(results.ledger),
            "disputed": [e for e in results.ledger if disputed(e)],
        },
    )
    assert f"decisions at α = {studies[0].plan.alpha}" in text
    assert methods.unexplained() == []


def test_a_method_that_nobody_explains_is_found(results):
    entry = next(iter(results.ledger))
    methods = Methods(settle([entry], []))
    methods.used("Spearman")
    assert methods.unexplained()


def test_all_parts_of_the_document_are_there(source):
    for part in (
        "sec-answers", "sec-todo-entropy-2026-02",
        "sec-integrity", "sec-generation", "sec-layers", "sec-behaviour",
        "sec-dimension", "sec-calibration", "sec-signature", "sec-claims", "sec-methods",
        "sec-limitations", "app-tests", "app-families", "app-inputs", "app-environment",
        "app-recompute", "app-simulation",
    ):  # fmt: skip
        assert f"{{#{part}" in source


def test_every_entry_has_a_row_and_every_number_points_to_one(source, results):
    rows = set(re.findall(r"\{#(row-[^}\s]+)", source)) | set(
        re.findall(r'id="(row-[^"]+)"', source)
    )
    families = results.ledger.families.values()
    assert {item.anchor for item in (*results.ledger, *families)} == rows
    assert set(re.findall(r"\]\(#(row-[^)]+)\)", source)) <= rows


def test_no_number_without_a_reason_reaches_the_text(source):
    # Code, attributes and the study's own sentences may hold such words.
    prose = re.sub(r"`[^`]*`|\{[^}]*\}|\(#[^)]*\)|“[^”]*”", "", source)
    prose = prose.replace("NaN or N/A", "").replace("NaN in calibration", "")
    found = re.search(
        r"[^\n]*(\b(nan|inf|NaN)\b|[(|:=] None\b)[^\n]*",
        prose,
    )
    assert found is None, found[0]


def test_every_figure_and_table_is_referred_to(source):
    labels = set(re.findall(r"\{#((?:fig|tbl)-[^}\s]+)", source))
    references = set(re.findall(r"@((?:fig|tbl)-[a-z0-9-]+)", source))
    own = ("tbl-app-", "tbl-answers", "tbl-todo-", "fig-front")  # under headings of their own
    unused = {label for label in labels - references if not label.startswith(own)}
    assert unused == set()
    assert references <= labels


def test_the_abstract_of_both_studies_keeps_its_length(results):
    text = text_of(results.sections[0].facts["abstract"], results.ledger)
    assert 150 < n_words(text) <= MOST_WORDS
    for part in ("ρ = .37", "ρ = −.71", "wrong rows", "rises", "layer profiles", "68 claims"):
        assert part in text


def test_directions_in_the_answers_are_those_of_the_numbers(results):
    """In words, with the numbers that they are about: neither alone would show a swap."""
    said = {
        (a.question, a.published): text_of(a.sentence, results.ledger)
        for a in results.sections[0].answers
    }
    poles = said["Which instructions change the entropy of answers?", False]
    assert re.search(r"lower under [^;]*empathetic \(−0\.239\)[^;]*; ", poles)
    assert (
        "more cautious at T = 1.3 (−.71)"
        in said["Does the entropy of an answer go with its behaviour?", False]
    )
    assert (
        "rises with every step of decoding temperature (0.213 to 2.795 nats)"
        in said["How far do sources differ in mean entropy?", False]
    )
    width = said["How wide is the profile of activation entropy over layers?", False]
    assert width == "narrowest at T = 0.7 (0.601 nats), widest at T = 1.3 (0.753)"
    assert (
        "0.173 (Gemma) to 0.319 nats (Qwen)"
        in said["How far do sources differ in mean entropy?", True]
    )
