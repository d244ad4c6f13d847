"""The seeded simulation study: ``python benchmarks/simulation.py`` (about ten minutes).

How often intervals cover what they should and tests reject what they shouldn't, on data whose
truth is known, with the functions that the report itself uses. Writes
``templates/simulation.json``, which the document's appendix reads, and ``docs/simulation.md``
from it. The designs are in ``benchmarks/trials.py``.
"""

# ruff: noqa: E402 - the number of threads has to be set before numpy is loaded

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import gc
import json
import re
import sys
import time
from dataclasses import dataclass
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import binom

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import trials
from report.document.coverage import Cell, Simulation
from report.document.fill import Filler
from report.ledger.ledger import Ledger
from report.study import paths
from report.study.settings import rng_for

RECORD = ROOT / "templates" / "simulation.json"
PAGE = ROOT / "docs" / "simulation.md"
SEED = 20260211
CONFIDENCE = 0.99
_TITLE = """# Simulation study

<!-- Written by benchmarks/simulation.py from templates/simulation.json: don't edit. -->

`python benchmarks/simulation.py` repeats it in about ten minutes on one core and writes this page
and `templates/simulation.json`, which holds more: replications, standard errors, shares of
replications without a result. `tests/stats/test_simulation_record.py` repeats the beginning of
some designs and must find the same numbers. The document carries the same tables as an appendix."""
CHECKPOINT = 100
"""The record keeps the sum over the first hundred replications: a small rerun must give it."""


@dataclass(frozen=True)
class Task:
    """One design: a block of replications that serves one or several methods."""

    group: str
    subject: str
    design: str
    n: int
    replications: int
    block: trials.Block
    ties: bool = False
    truth: float | None = None
    n_resamples: int | None = None

    @property
    def id(self) -> str:
        """Name the design: its random numbers follow from this and the seed."""
        parts = [self.group, self.subject, f"n={self.n}", self.design]
        parts += [] if self.truth is None else [f"truth={self.truth:.3g}"]
        return " / ".join(parts)

    @property
    def nominal(self) -> float:
        """What the design's methods promise."""
        return trials.LEVEL if self.group == "coverage" else trials.ALPHA


def coverage_tasks() -> list[Task]:
    made = [
        Task("coverage", "Spearman's ρ", "five levels" if ties else "no ties", n, 2_000,
             partial(trials.spearman_intervals, n=n, ties=ties, rho=rho),
             ties, rho, trials.N_BOOTSTRAP)
        for n in (6, 8, 20, 30, 50) for ties in (False, True) for rho in (0.0, 0.3, 0.6)
    ]  # fmt: skip
    made += [
        Task("coverage", "mean", design, n, 4_000,
             partial(trials.mean_intervals, n=n, design=design),
             truth=truth, n_resamples=trials.N_BOOTSTRAP)
        for n in (8, 20, 30, 50) for design, truth in trials.MEANS.items()
    ]  # fmt: skip
    made += [
        Task("coverage", "paired shift" if paired else "shift of two samples",
             "five levels" if ties else "no ties", n, 2_000,
             partial(trials.shift_intervals, n=n, ties=ties, paired=paired), ties, 0.0)
        for paired in (True, False) for n in (8, 30) for ties in (False, True)
    ]  # fmt: skip
    made += [
        Task("coverage", "paired rank-biserial", "normal differences", n, 2_000,
             partial(trials.rank_biserial_intervals, n=n, shift=shift),
             truth=trials.rank_biserial_truth(shift),
             n_resamples=trials.N_BOOTSTRAP)
        for n in (8, 30) for shift in (0.0, 0.5)
    ]  # fmt: skip
    made += [
        Task("coverage", "effective dimension", f"seven normal axes, variances {name}", 30, 2_000,
             partial(trials.dimension_intervals, n=30, decay=decay),
             truth=trials.dimension_truth(decay), n_resamples=trials.N_BOOTSTRAP)
        for name, decay in (("equal", 1.0), ("falling by a quarter", 0.75), ("halving", 0.5))
    ]  # fmt: skip
    made += [
        Task("coverage", "pooled ρ of six models", f"τ = {tau:g}", 30, 4_000,
             partial(trials.pooled_intervals, rho=rho, tau=tau), truth=rho)
        for rho in (0.0, 0.3) for tau in (0.0, 0.2)
    ]  # fmt: skip
    return made


def size_tasks() -> list[Task]:
    def tied(ties: bool) -> str:
        return "five levels" if ties else "no ties"

    made = [
        Task("size", "correlation", tied(ties), n, 6_000 if n > 8 else 4_000,
             partial(trials.spearman_tests, n=n, ties=ties), ties,
             n_resamples=trials.N_PERMUTATIONS if n > 9 else None)
        for n in (6, 8, 20, 30) for ties in (False, True)
    ]  # fmt: skip
    made += [
        Task("size", "partial correlation", "both depend on the covariate", n, 6_000,
             partial(trials.partial_tests, n=n))
        for n in (8, 30)
    ]  # fmt: skip
    made += [
        Task("size", "paired samples" if paired else "two samples", tied(ties), n,
             4_000 if paired or n == 8 else 2_000,
             partial(trials.pair_tests, n=n, ties=ties, paired=paired), ties)
        for paired in (True, False) for n in (8, 30) for ties in (False, True)
    ]  # fmt: skip
    made += [
        Task("size", "six models", tied(ties), n, 4_000,
             partial(trials.block_tests, n=n, ties=ties), ties)
        for n in (8, 30) for ties in (False, True)
    ]  # fmt: skip
    made += [
        Task("size", "means of two samples", f"{design}, {n1} and {n2}", n1, 10_000,
             partial(trials.welch_tests, n1=n1, n2=n2, design=design))
        for design, n1, n2 in (
            ("normal", 8, 8), ("normal", 30, 30), ("unequal variances", 8, 30),
            ("exponential", 8, 8), ("exponential", 30, 30), ("paired answers", 30, 30),
        )
    ]  # fmt: skip
    made += [
        Task("size", "several models", "six correlations", 30, 4_000, trials.combined_tests),
        Task("size", "curves of models", "four models, ten questions", 10, 2_000,
             trials.profile_tests, n_resamples=199),
        Task("size", "signatures of models", "31 layers, 7 axes", 30, 2_000,
             trials.signature_tests, n_resamples=trials.N_PERMUTATIONS),
    ]  # fmt: skip
    made += [
        Task("size", "peak over layers", "31 layers, neighbours .9", n, 4_000,
             partial(trials.peak_tests, n=n), n_resamples=trials.N_PERMUTATIONS)
        for n in (8, 30)
    ]  # fmt: skip
    return made


def family_tasks() -> list[Task]:
    def design(effect: float) -> str:
        return "two of seven axes related" if effect else "nothing related"

    made = [
        Task("family", "31 layers × 7 axes", design(effect), 30, 1_000,
             partial(trials.layer_family, effect=effect), n_resamples=trials.N_FAMILY)
        for effect in (0.0, 0.6)
    ]  # fmt: skip
    made += [
        Task("family", "6 models × 7 axes",
             "four of 42 pairs related" if effect else "nothing related", 30, 1_000,
             partial(trials.model_family, effect=effect), n_resamples=trials.N_PERMUTATIONS)
        for effect in (0.0, 0.6)
    ]  # fmt: skip
    return made


def run(task: Task, replications: int | None = None) -> list[Cell]:
    """Repeat a design and judge each of its methods.

    Parameters
    ----------
    task : Task
    replications : int, optional
        A multiple of the block; fewer than the task's are the first of the same ones.
    """
    rng = rng_for(SEED, task.id)
    size = replications or task.replications
    blocks = [task.block(rng) for _ in range(size // trials.BLOCK)]
    return [_cell(task, method, blocks) for method in blocks[0]]


def _cell(task: Task, method: str, blocks: list[dict[str, trials.Trials]]) -> Cell:
    values = np.concatenate([block[method].values for block in blocks])
    given = values[~np.isnan(values)]
    rate = float(given.mean())
    nominal = task.nominal
    if np.isin(given, (0.0, 1.0)).all():
        error = sqrt(nominal * (1.0 - nominal) / given.size)
        tail = (1.0 - CONFIDENCE) / 2.0
        low, high = (
            float(binom.ppf(q, given.size, nominal)) / given.size for q in (tail, 1 - tail)
        )
    else:
        # The share of false discoveries is no count: normal limits from its own spread.
        error = float(given.std(ddof=1)) / sqrt(given.size)
        reach = float(ndtri((1.0 + CONFIDENCE) / 2.0)) * error
        low, high = nominal - reach, nominal + reach
    bad, cautious = (rate < low, rate > high) if task.group == "coverage" else (
        rate > high, rate < low
    )  # fmt: skip
    fell_back = [b[method].fell_back for b in blocks]
    shares = [block.mean() for block in fell_back if block is not None]
    return Cell(
        group=task.group, subject=task.subject, design=task.design, method=method, n=task.n,
        ties=task.ties, truth=task.truth, nominal=nominal, rate=round(rate, 6),
        replications=int(given.size), standard_error=round(error, 6),
        low=round(low, 6), high=round(high, 6),
        verdict="shortfall" if bad else "conservative" if cautious else "within limits",
        missing=round(1.0 - given.size / values.size, 6),
        fell_back=round(float(np.mean(shares)), 6) if shares else None,
        n_resamples=task.n_resamples,
        checkpoint=round(float(np.nansum(values[:CHECKPOINT])), 6),
    )  # fmt: skip


def record(cells: list[Cell]) -> str:
    """Write the record as JSON, one line a cell."""
    head: dict[str, Any] = {
        "seed": SEED, "level": trials.LEVEL, "alpha": trials.ALPHA, "confidence": CONFIDENCE,
        "checkpoint": CHECKPOINT,
    }  # fmt: skip
    lines = ",\n".join("  " + json.dumps(cell.as_json(), ensure_ascii=False) for cell in cells)
    start = json.dumps(head)[:-1]
    return f'{start}, "cells": [\n{lines}\n]}}\n'


def page(simulation: Simulation) -> str:
    """Turn the document's appendix into a page of its own."""
    filler = Filler(paths.TEMPLATES, Ledger({}, {}), (), ())
    text = filler.fill("appendix/simulation.qmd.j2", {"simulation": simulation})
    _, _, body = text.partition("\n")
    body = re.sub(r" \{[#.][^}]*\}", "", body)
    body = re.sub(r"^: (.*)$", r"*Table.* \1", body, flags=re.M)
    return f"{_TITLE}\n{body}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page-only", action="store_true", help="rewrite the page from the record")
    parser.add_argument("--only", default="", help="repeat the designs whose name holds this text")
    arguments = parser.parse_args()
    if not arguments.page_only:
        gc.freeze()  # statsmodels collects garbage in every correction: leave it little to visit
        cells: list[Cell] = []
        known = Simulation.load(RECORD).cells if arguments.only else ()
        for task in [*coverage_tasks(), *size_tasks(), *family_tasks()]:
            if arguments.only not in task.id:
                own = (task.group, task.subject, task.design, task.n, task.truth)
                cells += [c for c in known if (c.group, c.subject, c.design, c.n, c.truth) == own]
                continue
            start = time.perf_counter()
            cells += run(task)
            print(f"{time.perf_counter() - start:6.1f} s  {task.id}", flush=True)
        RECORD.write_text(record(cells), encoding="utf-8")
    PAGE.write_text(page(Simulation.load(RECORD)), encoding="utf-8")


if __name__ == "__main__":
    main()
