"""The front: answers side by side, the abstract, the figure, and a study's own words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from report.document.parts import Ref, Says, Stat, Tally, text_of
from report.experiments import front
from report.experiments.front.abstract import MOST_WORDS, n_words
from report.experiments.front.own import with_own
from report.experiments.quoting import names_in, quoted
from report.pipeline import Results
from report.study.errors import InputError
from report.study.study import OwnAnswer

RHO = "dimension.rho.seven-models.published"
AXES = "behaviour.axis.entropy-2026-02.published"


def table(results: Results, name: str) -> list[list[str]]:
    (found,) = (t for t in results.sections[0].tables if t.id == name)
    ledger = results.ledger
    return [[c if isinstance(c, str) else text_of(c, ledger) for c in row] for row in found.rows]


def test_the_question_of_six_models_leads(printed):
    first = table(printed, "answers")[0]
    assert first[1] == "Does a higher mean entropy go with a higher effective dimension?"
    assert first[2] == "Not shown; six models leave open every correlation in [−.65, .92]."
    assert "ρ = .37, n = 6, 95% CI [−.65, .92], p = .497" in first[3]
    assert first[4] == "as printed: not shown"


def test_a_document_of_one_level_names_none(printed):
    assert not any(row[2].startswith("Printed") for row in table(printed, "answers"))


def test_no_row_of_the_front_is_empty(printed):
    for row in table(printed, "answers"):
        assert all(row)
    numbers = [row[0] for row in table(printed, "answers")]
    assert numbers == [str(i) for i in range(1, len(numbers) + 1)]


def test_what_rests_on_wrong_rows_is_no_evidence(printed):
    by_question = {row[1]: row[4] for row in table(printed, "answers")}
    for question, evidence in by_question.items():
        if "behaviour" in question or "instructions" in question or "formal answers" in question:
            assert evidence == "printed: wrong rows, not evidence"
    assert by_question["How far do sources differ in mean entropy?"] == (
        "means as printed; tests: wrong rows, not evidence"
    )
    assert by_question["Can the entropies of single answers be used?"] == "printed: inferred"


def test_the_note_explains_the_words_that_are_used(printed):
    (found,) = (t for t in printed.sections[0].tables if t.id == "answers")
    assert "*Wrong rows*" in found.note
    assert "*Measured*" not in found.note
    assert "absence is concluded nowhere" in found.note


def test_the_abstract_keeps_its_length(printed):
    text = text_of(printed.sections[0].facts["abstract"], printed.ledger)
    assert 40 < n_words(text) <= MOST_WORDS
    assert "ρ = .37" in text
    assert "wrong rows" in text


def test_the_figure_has_the_panels_that_have_data(printed):
    (figure,) = printed.sections[0].figures
    assert "*c*: entropy under the positive" in figure.caption
    assert "none filled or large" in figure.alt  # all of them are built on wrong rows
    assert "smallest for Gemma" in figure.alt


# --- words of a study -------------------------------------------------------------------


def own(**changed: object) -> OwnAnswer:
    fields = {
        "question": "Is it so?",
        "text": "not shown, ρ is {{" + RHO + ".value}}",
        "rests_on": [RHO],
        "says": "not shown",
    }
    return OwnAnswer.model_validate(fields | changed)


def worded(results: Results, answer: OwnAnswer, *, quick: bool = False):
    study = results.studies[0].study.model_copy(update={"answers": (answer,)})
    data = replace(results.studies[0], study=study)
    answers = [a for section in results.sections[1:] for a in section.answers]
    return with_own(answers, [data], results.ledger, quick=quick)


def test_an_own_answer_follows_those_of_its_experiment(printed):
    answers = worded(printed, own())
    (found,) = (a for a in answers if a.question == "Is it so?")
    assert found.sentence == ("not shown, ρ is ", Stat(RHO, "value"))
    assert found.says is Says.NOT_SHOWN
    assert answers[answers.index(found) - 1].experiment == "dimension"


def test_an_own_answer_takes_the_place_of_the_programs(printed):
    question = "Does a higher mean entropy go with a higher effective dimension?"
    found = [a for a in worded(printed, own(question=question)) if a.question == question]
    assert [a.sentence[0] for a in found] == ["not shown, ρ is "]


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"says": "positive"}, "answers.1.says", "the ledger says not shown"),
        ({"rests_on": ["dimension.rho.seven"]}, "answers.1.rests_on", "nothing called"),
        ({"rests_on": [RHO, "family.gone"]}, "answers.1.rests_on", "nothing called family.gone"),
        ({"text": "{{dimension.rho.x.value}}"}, "answers.1.text", "nothing called dimension"),
        ({"text": "{{" + RHO + ".valu}}"}, "answers.1.text", "no aspect"),
        ({"number": "{{nothing.value}}"}, "answers.1.number", "nothing called"),
        (
            {"rests_on": [f"family.{AXES}"], "says": "positive"},
            "answers.1.says",
            "the ledger says wrong rows",
        ),
    ],
)
def test_words_that_the_ledger_does_not_bear_stop_the_build(printed, changed, field, said):
    with pytest.raises(InputError) as caught:
        worded(printed, own(**changed))
    assert caught.value.field == field
    assert said in caught.value.problem
    assert caught.value.remedy


NAN = "calibration.delta.yi-9b.patient-irritated.published"


@pytest.mark.parametrize(
    "changed", [{"text": "{{" + NAN + ".value}}", "rests_on": [NAN, RHO]}, {"rests_on": [NAN]}]
)
def test_where_the_data_give_no_number_the_program_says_so(printed, changed):
    (found,) = (a for a in worded(printed, own(**changed)) if a.question == "Is it so?")
    text = text_of(found.sentence, printed.ledger)
    assert text.startswith("not testable; the study published no number here")


def test_an_unknown_name_is_told_with_the_nearest(printed):
    with pytest.raises(InputError, match=r"dimension\.rho\.seven-models\.published"):
        worded(printed, own(text="{{dimension.rho.seven-model.published.value}}"))


def test_in_a_quick_build_the_programs_words_stay(printed):
    answers = worded(printed, own(says="positive"), quick=True)
    assert "Is it so?" not in {a.question for a in answers}


def test_numbers_are_quoted_by_reference(printed):
    path = Path("study.toml")
    text = f"a {{{{ {RHO}.p= }}}} b\n  {{{{family.{AXES}.survivors}}}} of {{{{family.{AXES}.m}}}}"
    pieces = quoted(text, printed.ledger, path, "summary")
    assert pieces == (
        "a ",
        Stat(RHO, "p="),
        " b ",
        Tally(AXES, "rejected"),
        " of ",
        Tally(AXES, "size"),
    )
    assert text_of(pieces, printed.ledger) == "a p = .497 b 3 of 41"
    assert quoted(f"{{{{family.{AXES}.rule}}}}", printed.ledger, path, "summary") == ("BH",)
    assert names_in(text) == [RHO, f"family.{AXES}", f"family.{AXES}"]


@pytest.mark.parametrize("text", ["{{< pagebreak >}}", "{{x}}", "{{ A.b }}", "{{}}", "{x.y}"])
def test_other_braces_are_text(printed, text):
    assert quoted(text, printed.ledger, Path("study.toml"), "summary") == (text,)


def test_sections_are_numbered_as_the_document_numbers_them(printed):
    found = [t for t in printed.sections[0].tables if t.id.startswith("todo-")]
    refs = [
        piece
        for t in found
        for row in t.rows
        for cell in row
        if isinstance(cell, tuple)
        for piece in cell
        if isinstance(piece, Ref)
    ]
    slugs = [section.slug for section in printed.sections[1:]]
    assert refs
    assert all(slugs[ref.number - 1] == ref.slug for ref in refs)


def test_levels_that_would_share_a_name_are_told_apart(printed):
    answers = [a for section in printed.sections for a in section.answers][:1]
    names = front.level_names(printed.studies, answers)
    assert list(names.values()) == ["printed"]
    both = [answers[0], replace(answers[0], published=False)]
    assert list(front.level_names(printed.studies, both).values()) == [
        "printed",
        "captures",
    ]


# --- counts -----------------------------------------------------------------------------


def test_peaks_that_would_stand_alone_are_counted(printed):
    entry = printed.ledger["signature.alone.seven-models.published"]
    peaks = printed.ledger.select(quantity="peak-unsearched")
    assert entry.value == sum((e.p or 1.0) <= 0.05 for e in peaks) == 34
    assert entry.estimate.n == sum(e.p is not None for e in peaks)


def test_claims_are_counted_by_verdict(printed):
    counts = {e.id: e.value for e in printed.ledger.select(experiment="claims")}
    assert counts == {
        f"claims.count.{kind}.entropy-2026-02": n
        for kind, n in (
            ("all", 68),
            ("contradicted", 14),
            ("not-supported", 13),
            ("not-testable", 13),
            ("wrong-rows", 17),
            ("supported", 11),
        )
    }
    text = text_of(printed.sections[0].facts["abstract"], printed.ledger)
    assert "Of 68 claims 17 rest on wrong rows, 11 hold, 14 are contradicted" in text


def test_an_id_is_given_once(printed):
    with pytest.raises(ValueError, match="two ledger entries"):
        printed.ledger.extended(printed.ledger.select(experiment="claims"))
