"""What the seeded simulations found about intervals, tests and families: the record, read.

``benchmarks/simulation.py`` writes the record; the appendix, the limitations and
``docs/simulation.md`` are filled from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from report.ledger import format as fmt
from report.study import paths

Verdict = Literal["within limits", "shortfall", "conservative"]

METHODS = {
    "studentised": "studentised bootstrap", "bca": "BCa", "percentile": "percentile",
    "exact-bootstrap": "exact bootstrap",
    "bonett-wright": "Bonett–Wright", "t": "Student's t", "hodges-lehmann": "Hodges–Lehmann",
    "hartung-knapp": "Hartung–Knapp", "prediction": "prediction interval",
    "spearman, exact": "Spearman, exact", "spearman, permutation": "Spearman, permutation",
    "spearman, t": "Spearman, t approximation", "kendall": "Kendall's τ",
    "partial spearman": "partial Spearman, t approximation",
    "wilcoxon signed-rank": "Wilcoxon signed-rank", "mann-whitney": "Mann–Whitney",
    "friedman": "Friedman", "page": "Page's trend", "welch": "Welch", "stouffer": "Stouffer",
    "sign agreement": "exact sign test", "nearest profile": "nearest profile, permutation",
    "signature similarity": "signature similarity, permutation",
    "max-T peak": "max-T over layers, permutation",
    "holm, any": "Holm: any false rejection", "maxt, any": "max-T: any false rejection",
    "bh, share": "BH: share of false rejections", "by, share": "BY: share of false rejections",
}  # fmt: skip
"""What a reader sees in the place of a method's name."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One method in one design.

    Parameters
    ----------
    group : str
        ``"coverage"``, ``"size"`` (type-I error of a single test) or ``"family"``.
    subject, design, method : str
        What was estimated or tested, on which data, how.
    n : int
        Observations, or questions a model.
    ties : bool
    truth : float or None
        The population value that an interval has to cover.
    nominal, rate : float
        What is promised, and what was found.
    replications : int
        Those in which the method gave something.
    standard_error, low, high : float
        Of the rate if the nominal one were true, and its limits then.
    verdict : str
    missing : float
        Share of replications in which the method gave nothing.
    fell_back : float or None
        Share in which the interval came from another method.
    n_resamples : int or None
    checkpoint : float
        Sum over the first replications, for a small rerun.
    """

    group: str
    subject: str
    design: str
    method: str
    n: int
    ties: bool
    truth: float | None
    nominal: float
    rate: float
    replications: int
    standard_error: float
    low: float
    high: float
    verdict: Verdict
    missing: float
    fell_back: float | None
    n_resamples: int | None
    checkpoint: float

    def as_json(self) -> dict[str, Any]:
        """Return the fields as they are recorded."""
        return asdict(self)

    @property
    def name(self) -> str:
        """The method as a reader sees it."""
        return METHODS[self.method]

    @property
    def text(self) -> str:
        """The rate in Markdown: bold for a shortfall, italic for more caution than promised."""
        mark = {"within limits": "", "shortfall": "**", "conservative": "*"}[self.verdict]
        return f"{mark}{share(self.rate)}{mark}"

    @property
    def limits(self) -> str:
        """Where the rate would lie if the nominal one were true: ``.938 to .962``."""
        return f"{share(self.low)} to {share(self.high)}"

    @property
    def value(self) -> str:
        """The population value that is to be covered."""
        return fmt.MISSING if self.truth is None else fmt.decimal(self.truth, 2)


@dataclass(frozen=True, slots=True)
class Row:
    """The coverage of one method at one sample size and design, one cell for each truth."""

    cells: tuple[Cell, ...]

    @property
    def first(self) -> Cell:
        """The cell that stands for what they share: method, design, n."""
        return self.cells[0]

    @property
    def other_method(self) -> str:
        """The largest share of intervals that came from another method."""
        largest = max(c.fell_back or 0.0 for c in self.cells)
        return share(largest) if largest else fmt.MISSING


@dataclass(frozen=True, slots=True)
class Simulation:
    """The whole record."""

    seed: int
    level: float
    alpha: float
    confidence: float
    checkpoint: int
    cells: tuple[Cell, ...]

    @classmethod
    def load(cls, path: Path | None = None) -> Simulation:
        """Read the record that ships with the templates, or another one."""
        source = path or paths.TEMPLATES / "simulation.json"
        content = json.loads(source.read_text(encoding="utf-8"))
        cells = tuple(Cell(**cell) for cell in content.pop("cells"))
        return cls(**content, cells=cells)

    def select(self, **fields: object) -> list[Cell]:
        """Return the cells whose fields have these values, in the order of the record."""
        return [c for c in self.cells if all(getattr(c, k) == v for k, v in fields.items())]

    def truths(self, subject: str) -> list[str]:
        """Return the population values at which the intervals of a subject were tried."""
        found = {c.truth for c in self.select(group="coverage", subject=subject)}
        known = sorted(t for t in found if t is not None)
        return [fmt.bounded(t, 1) if t else "0" for t in known]

    def rows(self, subject: str) -> Iterator[Row]:
        """Iterate over the coverage of a subject's intervals, one row a method and design."""
        cells = self.select(group="coverage", subject=subject)
        for key in dict.fromkeys((c.n, c.design, c.method) for c in cells):
            row = [c for c in cells if (c.n, c.design, c.method) == key]
            yield Row(tuple(sorted(row, key=lambda c: c.truth or 0.0)))

    def shortfalls(self, **fields: object) -> list[Cell]:
        """Return at each sample size the worst cell that falls short, if any does."""
        short = [c for c in self.select(**fields) if c.verdict == "shortfall"]
        return [
            max((c for c in short if c.n == n), key=lambda c: abs(c.rate - c.nominal))
            for n in sorted({c.n for c in short})
        ]

    def worst(self, method: str, subject: str = "Spearman's ρ") -> str:
        """Say how little an interval covers at worst, by sample size; ``""`` without shortfalls."""
        cells = self.shortfalls(group="coverage", subject=subject, method=method)
        parts = [f"{share(c.rate)} at *n* = {c.n} ({c.design})" for c in cells]
        return f"{METHODS[method]} {fmt.listing(parts)}" if parts else ""

    @property
    def correlation_intervals(self) -> list[str]:
        """The kinds of interval that were tried for Spearman's ρ."""
        return list(dict.fromkeys(c.method for c in self.select(subject="Spearman's ρ")))

    def name(self, method: str) -> str:
        """Give a method's name for readers."""
        return METHODS[method]

    def first(self, **fields: object) -> Cell:
        """Return the first of the cells whose fields have these values."""
        return self.select(**fields)[0]

    def count(self, verdict: Verdict) -> int:
        """Count the cells of one verdict."""
        return len(self.select(verdict=verdict))

    def range(self, **fields: object) -> str:
        """Give the smallest and the largest rate of these cells: ``.913 to .948``."""
        rates = [c.rate for c in self.select(**fields)]
        return f"{share(min(rates))} to {share(max(rates))}"

    @property
    def largest_error(self) -> str:
        """The largest Monte-Carlo standard error of a rate."""
        return share(max(c.standard_error for c in self.cells))

    @property
    def nominal_level(self) -> str:
        """The nominal coverage of the intervals: ``95%``."""
        return f"{self.level * 100:g}%"

    @property
    def limits_level(self) -> str:
        """The level of the limits that rates are judged by: ``99%``."""
        return f"{self.confidence * 100:g}%"


def share(value: float) -> str:
    """Format a rate: ``.943``."""
    return fmt.bounded(value, 3)
