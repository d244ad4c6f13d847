"""To-do items: read one by one, and answered from the ledger."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from report.capture.check import inspect
from report.capture.features import Features
from report.document.fill import Filler
from report.document.parts import Section, Stat
from report.experiments import claims, front
from report.experiments.base import StudyData
from report.experiments.claims.reading import faults_of
from report.experiments.claims.todo import State, answer
from report.ledger.format import show
from report.ledger.ledger import Ledger
from report.study.paths import TEMPLATES
from report.study.study import Study, load_study
from report.study.todo import Todo, read_todos

ITEM = """
[[todo]]
id = "{id}"
item = "Compute | it_all"
where = "To do, item 1"
answers = {answers}
"""


@pytest.fixture
def computed(printed):
    return printed.studies[0].study, printed.ledger


def in_folder(study: Study, folder: Path, text: str) -> Study:
    (folder / "claims.toml").write_text(text, encoding="utf-8")
    return study.model_copy(update={"folder": folder})


def told(study: Study, ledger: Ledger) -> str:
    """Write the front of a document, with two sections after it."""
    data = StudyData(study, Features(origin="none"))
    sections = [Section(slug, slug) for slug in ("integrity", "dimension")]
    section = front.present([data], ledger, sections, [answer(study, ledger)])
    return Filler(TEMPLATES, ledger, section.figures, section.tables).fill(
        "front.qmd.j2", section.facts
    )


RHO, GONE = "dimension.rho.seven-models.published", "dimension.rho.elsewhere"
NAN = "calibration.delta.yi-9b.patient-irritated.published"


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([RHO], State.DONE),
        ([RHO, GONE], State.PARTLY),
        ([RHO, NAN], State.PARTLY),
        ([GONE, NAN], State.OPEN),
        (["dimension.effective.*.published"], State.DONE),
    ],
)
def test_the_state_follows_from_the_ledger(computed, tmp_path, answers, state):
    study, ledger = computed
    text = ITEM.format(id="a", answers=str(answers).replace("'", '"'))
    (item,) = answer(in_folder(study, tmp_path, text), ledger).items
    assert item.state is state
    shown = [piece.entry for piece in item.answer if not isinstance(piece, str)]
    assert bool(shown) == (state is not State.OPEN)
    told = "".join(p if isinstance(p, str) else show(ledger[p.entry], p.kind) for p in item.answer)
    assert ("Missing: " in told) == (NAN in answers)
    assert ("Nothing in this document answers" in told) == (GONE in answers)
    assert not re.search(r"[a-z]+\.[a-z]+\.[a-z]", told)  # no ids
    assert item.sections[0] in ("dimension", "calibration")


@pytest.mark.parametrize(
    ("wrong", "field", "remedy"),
    [
        ('id = "B"', "todo B.id", "small letters"),
        ('state = "done"', "todo b.state", "follows from the ledger"),
        ('answers = ["no id at all"]', "todo b.answers.0", "id of an entry"),
        ("answers = []", "todo b.answers", "Correct"),
        ("answers = 3", "todo b.answers", "Correct"),
        ('where = ""', "todo b.where", "Correct"),
        ('id = "good"', "todo good.id", "Rename"),
    ],
)
def test_a_bad_item_costs_its_own_row(computed, tmp_path, wrong, field, remedy):
    study, ledger = computed
    good, bad = (
        ITEM.format(id="good", answers=f'["{RHO}"]'),
        ITEM.format(id="b", answers=f'["{RHO}"]'),
    )
    name = wrong.split(" ")[0]
    bad = re.sub(rf"^{name} = .*$", "", bad, flags=re.MULTILINE) + wrong + "\n"
    made = in_folder(study, tmp_path, good + bad)
    todos, problems = read_todos(tmp_path)
    assert [todo.id for todo in todos] == ["good"]
    assert [problem.field for problem in problems] == [field]
    assert remedy in problems[0].remedy
    text = told(made, ledger)
    assert text.count("Compute \\| it\\_all") == 1
    assert "could not be read" in text
    (report,) = (r for r in inspect(made, faults_of(made)) if r.file == "claims.toml")
    assert report.verdict == "problem"
    assert report.problems[0].field == field


def test_tables_that_are_none_are_told(tmp_path):
    (tmp_path / "claims.toml").write_text("todo = 3\n")
    assert read_todos(tmp_path)[1][0].field == "todo"
    (tmp_path / "claims.toml").write_text("todo = [3]\n")
    assert read_todos(tmp_path)[1][0].field == "todo 1"


def test_the_published_list_is_whole_and_no_claim(computed, seed):
    study, ledger = computed
    verdicts = claims.audit(study, ledger)
    assert not [v.claim.id for v in verdicts if v.claim.where.startswith("To do")]
    done = answer(study, ledger)
    assert not done.unusable
    assert {item.todo.id: str(item.state) for item in done.items} == {
        "damaged-captures": "needs captures", "nan-axes": "partly", "formal-spearman": "done",
        "spectral-and-rate": "needs captures", "formal-gap-in-instruct": "needs captures",
        "gemma-yi-shared-cause": "needs captures",
    }  # fmt: skip
    items = re.findall(r"^- \[ \] (.*)$", seed, re.MULTILINE)
    assert [item.todo.item for item in done.items] == items


def test_the_document_has_the_list_as_a_table_with_links(computed):
    study, ledger = computed
    text = told(study, ledger)
    row = next(line for line in text.splitlines() if line.startswith("| Compute formal Spearman"))
    assert "| done |" in row
    assert "(#row-dimension-rho-seven-models-published)" in row
    assert row.endswith("| [§\u00a02](#sec-dimension) |")
    assert "{#tbl-todo-entropy-2026-02 " in text


def test_an_item_is_answered_in_the_studys_own_words(computed, tmp_path):
    study, ledger = computed
    own = (
        '[[todo.text]]\ntext = "It is {{' + RHO + '.value}}."\n'
        'rests_on = ["' + RHO + '"]\nsays = "not shown"\n'
        '[[todo.text]]\ntext = "And {{other.value}} there."\nbeside = "other"\n'
    )
    made = in_folder(study, tmp_path, ITEM.format(id="a", answers=f'["{RHO}"]') + own)
    (item,) = answer(made, ledger, ["entropy-2026-02"]).items
    assert item.answer == ("It is ", Stat(RHO, "value"), ".")
    ((fault,), items) = ((t := answer(made, ledger, ["other"])).unusable, t.items)
    assert not items
    assert fault.field == "todo a.text.2.text"


def test_words_that_the_ledger_does_not_bear_cost_their_item(computed, tmp_path):
    study, ledger = computed
    own = f'[[todo.text]]\ntext = "Yes."\nrests_on = ["{RHO}"]\nsays = "positive"\n'
    made = in_folder(study, tmp_path, ITEM.format(id="a", answers=f'["{RHO}"]') + own)
    done = answer(made, ledger)
    assert not done.items
    assert "the ledger says not shown" in done.unusable[0].problem


def test_what_is_built_on_wrong_rows_answers_nothing(computed, tmp_path):
    study, ledger = computed
    name = "calibration.delta.yi-9b.formal-casual.published"
    made = in_folder(study, tmp_path, ITEM.format(id="a", answers=f'["{name}"]'))
    shutil.copytree(study.folder / "published", tmp_path / "published")
    shutil.copy(study.folder / "study.toml", tmp_path)
    made = load_study(tmp_path)
    (item,) = answer(made, ledger).items
    assert item.state is State.OPEN
    assert "built on wrongly cut rows" in "".join(map(str, item.answer))


def test_the_fields_are_documented(root):
    documented = (root / "docs" / "study.md").read_text(encoding="utf-8")
    section = documented[documented.index("[[todo]]") :]
    assert all(f"`{name}`" in section for name in Todo.model_fields)
