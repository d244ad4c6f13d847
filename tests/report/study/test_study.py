"""The fields of ``study.toml`` and ``claims.toml``: nothing is taken for what it is not."""

from __future__ import annotations

import re

import pytest

from report.experiments.claims.reading import read_claims
from report.study.errors import InputError
from report.study.fields import MOST_RESAMPLES, SEEDS
from report.study.study import load_study

SMALL = """
id = "small"
title = "Small"
date = 2026-01-01
n_questions = 12

[plan]
seed = 1
alpha = 0.05

[[axes]]
key = "warm_cold"
positive = "warm"
negative = "cold"

[[axes]]
key = "kind_harsh"
positive = "kind"
negative = "harsh"

[[cohorts]]
key = "all"
title = "All"

[[models]]
key = "a"
name = "Model A"
cohort = "all"
level = 1

[[models]]
key = "b"
name = "Model B"
cohort = "all"
"""


def written(folder, before="", after=""):
    assert before in SMALL
    (folder / "study.toml").write_text(SMALL.replace(before, after, 1), encoding="utf-8")
    return folder


def test_whole_numbers_and_text_dates_are_taken(tmp_path):
    assert load_study(written(tmp_path)).models[0].level == 1.0
    dated = written(tmp_path, "date = 2026-01-01", 'date = "2026-01-01"')
    assert load_study(dated) == load_study(written(tmp_path))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seed = 1", "seed = true", "plan.seed: input should be a valid integer, and is True"),
        ("seed = 1", 'seed = "1"', "plan.seed: input should be a valid integer, and is '1'"),
        ("seed = 1", "seed = 1.0", "plan.seed"),
        ("seed = 1", f"seed = {SEEDS}", "plan.seed"),
        ("seed = 1", f"seed = 1\nn_resamples = {MOST_RESAMPLES + 1}", "plan.n_resamples"),
        ("seed = 1", "seed = 1\nn_resamples = 1e4", "plan.n_resamples"),
        ("alpha = 0.05", 'alpha = "0.05"', "plan.alpha: input should be a valid number, and is '"),
        ("alpha = 0.05", "alpha = nan", "plan.alpha"),
        ("alpha = 0.05", "alpha = false", "plan.alpha"),
        ("level = 1", "level = inf", "models.0.level"),
        ("level = 1", "in_baseline = 1", "models.0.in_baseline"),
        ("n_questions = 12", 'n_questions = "12"', "n_questions"),
        ("date = 2026-01-01", "date = 20260101", "date: it is no date, such as 2026-02-28"),
        ('"Model A"', '""', "models.0.name: there is nothing to be seen in it"),
        ('"Model A"', '" \u200b"', "models.0.name: there is nothing to be seen in it"),
        ('title = "Small"', 'title = ""', "title: there is nothing to be seen in it"),
        ('positive = "warm"', 'positive = "\u00ad"', "axes.0.positive: there is nothing"),
        ('"Model B"', '"Model A"', "models: two [[models]] are called 'Model A'"),
        ('"Model B"', '" Model\u00a0 A\u200b"', "models: two [[models]] are called 'Model A'"),
        ('key = "b"', 'key = "a"', "models: two [[models]] have the key 'a'"),
        ('"kind_harsh"', '"warm_cold"', "axes: two [[axes]] have the key 'warm_cold'"),
        (
            'positive = "kind"\nnegative = "harsh"',
            'positive = "warm"\nnegative = "cold "',
            "axes: two [[axes]] are called 'warm–cold'",
        ),
        ('cohort = "all"', 'cohort = "some"', "model a names the unknown cohort 'some'"),
    ],
)
def test_what_a_field_can_not_be_is_said_with_its_name(tmp_path, before, after, said):
    with pytest.raises(InputError, match="^study.toml: " + re.escape(said)):
        load_study(written(tmp_path, before, after))


@pytest.mark.parametrize("seed", [0, SEEDS - 1])
def test_the_ends_of_the_bounds_are_inside(tmp_path, seed):
    plan = load_study(
        written(tmp_path, "seed = 1", f"seed = {seed}\nn_resamples = {MOST_RESAMPLES}")
    ).plan
    assert (plan.seed, plan.n_resamples) == (seed, MOST_RESAMPLES)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('value = "0.5"', "value"),
        ("value = true", "value"),
        ("value = nan", "value"),
        ("value = 0.5\nsize = 1", "size"),
        ("value = 0.5\ntolerance = inf", "tolerance"),
    ],
)
def test_claims_take_no_text_for_a_number(tmp_path, line, field):
    (tmp_path / "claims.toml").write_text(
        '[[claims]]\nid = "one"\nsentence = "It is so."\nwhere = "abstract"\n'
        '[[claims.checks]]\nkind = "equals"\nentry = "generation.mean.a"\n' + line + "\n"
    )
    claims, faults = read_claims(tmp_path)
    assert not claims
    assert field in str(faults[0].error)
