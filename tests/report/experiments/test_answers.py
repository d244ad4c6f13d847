"""Answers: decisions, and words that are no stronger than these."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from string import Formatter

import pytest

from report.document.parts import Says, Stat
from report.experiments import EXPERIMENTS
from report.experiments.answering import (
    Phrase,
    compose,
    decide,
    joined,
    listed,
    resting_on,
    too_strong,
)
from report.experiments.standing import on_wrong_rows
from report.ledger.ledger import Entry, Family, settle
from report.study.paths import DATA
from report.study.study import load_study
from stats.outcome import Estimate, Outcome, Reason

STUDY = load_study(DATA / "entropy-2026-02")
ROOMS = [experiment.SLUG for experiment in EXPERIMENTS]


def entry(name: str, value: float | None, p: float | None = None, **fields: object) -> Entry:
    reason = None if value is not None else fields.pop("reason", Reason.NOT_PUBLISHED)
    made = Entry(
        id=name,
        experiment=name.split(".")[0],
        quantity=name.split(".")[1],
        evidence="raw",
        cohort="seven_models",
        estimate=Estimate(value, 30, None, reason),
        method="made",
        outcome=None if p is None else Outcome("test", 30, statistic=1.0, p=p),
        unit="rho",
    )
    return replace(made, **fields)


def phrases(room: str) -> Iterator[tuple[str, Phrase]]:
    """Find every sentence that a room may say."""
    module = import_module(f"report.experiments.{room}.answers")
    for name, value in vars(module).items():
        if isinstance(value, Phrase):
            yield name, value
        elif isinstance(value, Mapping):
            yield from ((f"{name}[{k}]", v) for k, v in value.items() if isinstance(v, Phrase))


ALL = [(room, name, phrase) for room in ROOMS for name, phrase in phrases(room)]


def test_every_experiment_answers_a_question():
    assert {room for room, _, _ in ALL} == set(ROOMS)
    assert len(ALL) > 40


@pytest.mark.parametrize(("room", "name", "phrase"), ALL, ids=[f"{r}.{n}" for r, n, _ in ALL])
def test_the_words_of_every_branch_are_no_stronger_than_its_decision(room, name, phrase):
    places = {name for _, name, _, _ in Formatter().parse(phrase.text) if name}
    text = "".join(map(str, phrase(**dict.fromkeys(places, "x"))))
    assert text
    assert not too_strong(phrase.says, text)
    assert text[:1] == text[:1].lower()
    assert not text.endswith(".")
    assert "n't" not in text


@pytest.mark.parametrize(
    ("says", "text"),
    [
        (Says.NOT_SHOWN, "entropy rises with temperature"),
        (Says.NOT_SHOWN, "not shown, but higher under warm"),
        (Says.NOT_SHOWN, "told apart no better than by guessing"),
        (Says.NOT_TESTABLE, "peaks differ"),
        (Says.NOT_IDENTIFIED, "lower under warm"),
        (Says.WRONG_ROWS, "three correlations survive"),
        (Says.POSITIVE, "not shown: none of 41"),
        (Says.INFERRED, "no: cut at wrong rows"),
    ],
)
def test_words_beyond_a_decision_are_found(says, text):
    assert too_strong(says, text)


def settled(*entries: Entry):
    return list(settle(entries, [Family("f", "all", "holm", 0.05)]))


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([entry("x.a", 0.5, 0.001, family="f"), entry("x.b", -0.1, 0.6, family="f")], "positive"),
        ([entry("x.a", -0.5, 0.001, family="f"), entry("x.b", 0.1, 0.6, family="f")], "negative"),
        (
            [entry("x.a", 0.5, 0.001, family="f"), entry("x.b", -0.5, 0.002, family="f")],
            "both signs",
        ),
        ([entry("x.a", 0.5, 0.03, family="f"), entry("x.b", -0.5, 0.04, family="f")], "not shown"),
        ([entry("x.a", 0.5, 0.04)], "positive"),
        ([entry("x.a", 0.5)], "described"),
        ([entry("x.a", None, family="f")], "not testable"),
        ([entry("x.a", None, family="f", reason=Reason.NOT_IDENTIFIED)], "not identified"),
        ([entry("x.a", None, family="f"), entry("x.b", 0.1, 0.6, family="f")], "not shown"),
        ([], "not testable"),
    ],
)
def test_decisions_follow_from_the_tests_that_survive(entries, says):
    assert decide(settled(*entries), STUDY) == says


def printed(table: str, column: str, value: float | None = 0.5) -> Entry:
    source = f"data/{STUDY.id}/published/{table}.csv?model=yi_9b#{column}"
    return entry("x.a", value, 0.001, evidence="published", sources=(source,))


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (printed("behaviour", "rho"), True),
        (printed("calibration", "delta_nats"), True),
        (printed("generation", "entropy_sd_nats"), True),
        (printed("generation", "entropy_mean_nats"), False),
        (printed("peaks", "rho"), False),
        (printed("behaviour", "n"), False),
        (printed("behaviour", "rho", None), False),
        (replace(printed("behaviour", "rho"), evidence="raw"), False),
    ],
)
def test_what_rests_on_wrong_rows_follows_from_its_columns(made, wrong):
    assert on_wrong_rows(made, STUDY) is wrong
    assert (decide([made], STUDY) is Says.WRONG_ROWS) is wrong


def test_a_study_without_evidence_for_wrong_rows_has_none(tmp_path):
    shutil.copy(STUDY.folder / "study.toml", tmp_path)
    other = load_study(tmp_path)
    assert not other.misaligned
    assert not on_wrong_rows(printed("behaviour", "rho"), other)


def test_a_family_stands_for_its_members():
    ledger = settle(
        [entry("x.a", 0.5, 0.01, family="f"), entry("x.b", 0.1, 0.9, family="f")],
        [Family("f", "all", "holm", 0.05)],
    )
    assert [e.id for e in resting_on(["family.f", "x.a"], ledger)] == ["x.a", "x.b", "x.a"]
    with pytest.raises(KeyError):
        resting_on(["family.g"], ledger)


def test_sentences_are_filled_with_pieces():
    stat = Stat("x.a", "value")
    assert compose("from {low} to {high}", low=stat, high=(stat, " nats")) == (
        "from ",
        stat,
        " to ",
        stat,
        " nats",
    )
    assert joined(["a", "", "b", stat, "c"]) == ("ab", stat, "c")
    assert listed([("a",), (stat,), ("c",)]) == ("a, ", stat, " and c")
    with pytest.raises(KeyError):
        compose("{gone}")
