"""The record of the simulation study: complete, repeatable, and judged as it says."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats as scipy_stats

from benchmarks import simulation as study
from benchmarks import trials
from report.document.coverage import METHODS, Simulation
from stats.correlation import spearman_exact

TASKS = [*study.coverage_tasks(), *study.size_tasks(), *study.family_tasks()]
QUICK = [
    task
    for task in TASKS
    if (task.subject, task.design, task.n, task.truth)
    in {
        ("Spearman's ρ", "five levels", 8, 0.3),
        ("Spearman's ρ", "no ties", 30, 0.6),
        ("mean", "exponential", 8, 1.0),
        ("paired rank-biserial", "normal differences", 8, 0.0),
        ("pooled ρ of six models", "τ = 0.2", 30, 0.3),
        ("correlation", "five levels", 6, None),
        ("correlation", "no ties", 20, None),
        ("paired samples", "five levels", 8, None),
        ("six models", "five levels", 8, None),
        ("means of two samples", "unequal variances, 8 and 30", 8, None),
    }
]


@pytest.fixture(scope="module")
def record() -> Simulation:
    return Simulation.load(study.RECORD)


def design(item) -> tuple:
    return item.group, item.subject, item.design, item.n, item.truth


def test_every_design_has_a_name_of_its_own():
    assert len({task.id for task in TASKS}) == len(TASKS)


def test_the_record_holds_every_design_and_no_other(record):
    assert {design(cell) for cell in record.cells} == {design(task) for task in TASKS}
    keys = [(*design(cell), cell.method) for cell in record.cells]
    assert len(set(keys)) == len(keys)


def test_every_interval_of_the_plan_is_there(record):
    for n, ties, truth in product((6, 8, 20, 30, 50), (False, True), (0.0, 0.3, 0.6)):
        cells = record.select(group="coverage", subject="Spearman's ρ", n=n, ties=ties, truth=truth)
        wanted = {"bca", "percentile", "bonett-wright"} | ({"exact-bootstrap"} if n <= 8 else set())
        assert {cell.method for cell in cells} == wanted


@pytest.mark.parametrize("n", [8, 30])
def test_the_interval_of_a_mean_covers_what_bca_did_not(record, n):
    for design in ("normal", "gamma of shape 2", "exponential"):
        cells = record.select(group="coverage", subject="mean", design=design, n=n)
        rates = {cell.method: cell.rate for cell in cells}
        assert rates["studentised"] >= 0.935
        assert rates["bca"] < rates["studentised"]


def test_every_test_and_rule_is_there(record):
    tested = {cell.method for cell in record.cells if cell.group != "coverage"}
    assert tested >= {
        "spearman, exact", "spearman, permutation", "spearman, t", "kendall", "partial spearman",
        "wilcoxon signed-rank", "mann-whitney", "friedman", "page", "welch", "stouffer",
        "sign agreement", "nearest profile", "signature similarity", "max-T peak",
        "holm, any", "maxt, any", "bh, share", "by, share",
    }  # fmt: skip


def test_every_method_has_a_name_for_readers(record):
    assert {cell.method for cell in record.cells} <= set(METHODS)


@pytest.mark.parametrize("task", QUICK, ids=lambda task: task.id)
def test_the_beginning_of_a_design_comes_out_again(record, task):
    again = {cell.method: cell.checkpoint for cell in study.run(task, record.checkpoint)}
    recorded = {c.method: c.checkpoint for c in record.cells if design(c) == design(task)}
    assert again == recorded


def test_each_rate_lies_within_its_limits_or_says_that_it_does_not(record):
    for cell in record.cells:
        inside = cell.low <= cell.rate <= cell.high
        assert inside == (cell.verdict == "within limits"), cell
        safer = cell.rate > cell.high if cell.group == "coverage" else cell.rate < cell.low
        assert safer == (cell.verdict == "conservative"), cell


def test_the_limits_are_binomial(record):
    tail = (1 - record.confidence) / 2
    for cell in record.cells:
        if cell.method.endswith("share"):
            continue
        low, high = (round(end * cell.replications) for end in (cell.low, cell.high))
        null = scipy_stats.binom(cell.replications, cell.nominal)
        assert null.cdf(low - 1) < tail <= null.cdf(low)
        assert null.cdf(high - 1) < 1 - tail <= null.cdf(high)


def test_there_are_replications_enough(record):
    assert max(cell.standard_error for cell in record.cells) <= 0.007


@pytest.mark.parametrize("n", [6, 8])
def test_the_exact_test_rejects_as_often_as_its_enumeration_says(record, n):
    x = np.arange(n)
    rng = np.random.default_rng(0)
    # The p-value depends on rho only, so a few orders show where the rejection region begins.
    orders = [rng.permutation(n) for _ in range(400)]
    found = [spearman_exact(x, y) for y in orders]
    smallest = min(abs(o.statistic) for o in found if o.p <= record.alpha)
    (cell,) = record.select(method="spearman, exact", n=n, ties=False)
    size = max(o.p for o in found if abs(o.statistic) >= smallest)
    result = scipy_stats.binomtest(round(cell.rate * cell.replications), cell.replications, size)
    assert result.pvalue > 1e-3


def test_the_truth_of_tied_data_by_drawing_it():
    for rho in (0.3, 0.6):
        r = trials.latent(rho, True)
        rng = np.random.default_rng(1)
        x, noise = rng.standard_normal((2, 400_000))
        y = r * x + np.sqrt(1 - r * r) * noise
        drawn = scipy_stats.spearmanr(trials.five_levels(x), trials.five_levels(y)).statistic
        assert drawn == pytest.approx(rho, abs=5 / np.sqrt(x.size))


def test_the_page_is_written_from_the_record(record):
    assert study.PAGE.read_text(encoding="utf-8") == study.page(record)


def test_the_worst_cell_of_each_size_is_told(record):
    for cell in record.shortfalls(group="coverage", method="studentised", subject="mean"):
        told = record.worst("studentised", "mean")
        assert f"at *n* = {cell.n}" in told
    assert record.worst("hodges-lehmann", "paired shift") == ""
