"""The ledger: one long table of results, one row a statistic.

Tables, figures, prose, claims and the appendix read it; nothing else holds a number.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from report.study.texts import csv_cell
from stats.outcome import Estimate, Interval, Outcome, Reason

Evidence = Literal["raw", "features", "published", "simulated"]


@dataclass(frozen=True, slots=True)
class Family:
    """A declared family of tests that are corrected together.

    Parameters
    ----------
    id : str
    title : str
        What its members have in common, for the appendix.
    method : str
        The rule that decides: ``"bh"``, ``"holm"``, ``"by"`` or ``"maxt"``. As declared, it is a
        wish; only that of a settled family may be shown.
    alpha : float
    m : int
        Number of tests corrected for, set by `settle`.
    members : tuple of str
        Ids of all members, also of those that could not be computed. Set by `settle`.
    """

    id: str
    title: str
    method: str
    alpha: float
    m: int = 0
    members: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """The anchor of its row in the appendix."""
        return "row-family-" + self.id.replace(".", "-")


@dataclass(frozen=True, slots=True)
class Entry:
    """One statistic with everything a reviewer needs to check it.

    Parameters
    ----------
    id : str
        ``experiment.quantity.subject…`` in lower case with hyphens.
    experiment, quantity : str
    evidence : {"raw", "features", "published", "simulated"}
    cohort : str
        Tests never reach across cohorts.
    estimate : Estimate
    outcome : Outcome or None
        None where nothing is tested.
    method : str
        How the estimate was made, as the methods section names it.
    family : str
        Id of its family, or ``""``.
    model, axis, layer : str or int or None
        What it is about, as far as it applies.
    seed, n_resamples : int or None
        The plan's seed and number of draws, where random numbers were used.
    sources : tuple of str
        Selectors of the data, ``path?column=value#column``, in the order of the method's
        arguments; see ``report.ledger.lineage``.
    p_adjusted : mapping
        Adjusted p by rule. An analysis may supply ``"maxt"``; `settle` adds the others.
    rejected : bool or None
        The family's decision; None outside a family or where p is missing.
    unit : str
        ``"nats"``, ``"rho"``, ``""``, …: decides how it is printed.
    label : str
        How a reader calls it, in words.
    """

    id: str
    experiment: str
    quantity: str
    evidence: Evidence
    cohort: str
    estimate: Estimate
    method: str
    outcome: Outcome | None = None
    family: str = ""
    model: str | None = None
    axis: str | None = None
    layer: int | None = None
    seed: int | None = None
    n_resamples: int | None = None
    sources: tuple[str, ...] = ()
    p_adjusted: Mapping[str, float] = field(default_factory=dict[str, float])
    rejected: bool | None = None
    unit: str = ""
    label: str = ""

    @property
    def p(self) -> float | None:
        """The raw p-value, or None."""
        return None if self.outcome is None else self.outcome.p

    @property
    def value(self) -> float | None:
        """The estimate's value, or None."""
        return self.estimate.value

    @property
    def reason(self) -> Reason | None:
        """Why the estimate, or else the test, is missing."""
        if self.estimate.reason is not None:
            return self.estimate.reason
        return None if self.outcome is None else self.outcome.reason

    def why_no(self, kind: str) -> Reason | None:
        """Say why one aspect, as `report.ledger.format.show` calls them, is missing."""
        if kind == "ci":
            return self.estimate.reason or self.estimate.no_interval
        return self.reason

    @property
    def anchor(self) -> str:
        """The anchor of its row in the appendix."""
        return "row-" + self.id.replace(".", "-")

    def row(self) -> dict[str, Any]:
        """Flatten to the JSON fields of the ledger file, in their order."""
        interval, test = self.estimate.interval, self.outcome
        return {
            "id": self.id,
            "experiment": self.experiment,
            "family": self.family or None,
            "evidence": self.evidence,
            "cohort": self.cohort,
            "model": self.model,
            "axis": self.axis,
            "layer": self.layer,
            "quantity": self.quantity,
            "label": self.label,
            "unit": self.unit,
            "method": self.method,
            "n": self.estimate.n,
            "estimate": self.value,
            "ci_low": interval and interval.low,
            "ci_high": interval and interval.high,
            "ci_level": interval and interval.level,
            "ci_method": interval and interval.method,
            "ci_note": (interval and interval.note) or None,
            "ci_undefined_share": _undefined_share(interval),
            "ci_reason": self.estimate.no_interval and str(self.estimate.no_interval),
            "statistic": test and test.statistic,
            "p": self.p,
            "p_method": test and test.method,
            "p_floor": test and test.p_floor,
            "p_adjusted": dict(self.p_adjusted),
            "rejected": self.rejected,
            "reason": self.reason and str(self.reason),
            "n_resamples": (test and test.n_resamples)
            or (interval and interval.n_resamples)
            or self.n_resamples,
            "seed": self.seed,
            "sources": list(self.sources),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Entry:
        """Rebuild an entry from its JSON fields: its `row` is the same again.

        What a row does not hold (the direction of a test) takes its default.

        Raises
        ------
        ValueError
            If the fields contradict each other, as an estimate beside a reason.
        """
        reason = Reason(row["reason"]) if row["reason"] else None
        drawn, tested = row["n_resamples"], row["p_method"] is not None
        share = row["ci_undefined_share"]
        interval = None if row["ci_low"] is None else Interval(
            row["ci_low"], row["ci_high"], row["ci_level"], row["ci_method"],
            None if share is None else drawn, share or 0.0, row["ci_note"] or "",
        )  # fmt: skip
        estimate = Estimate(
            row["estimate"], row["n"], interval, reason if row["estimate"] is None else None,
            Reason(row["ci_reason"]) if row["ci_reason"] else None,
        )  # fmt: skip
        outcome = Outcome(
            row["p_method"], row["n"], row["statistic"], row["p"], row["p_floor"],
            n_resamples=drawn, reason=reason if row["p"] is None else None,
        ) if tested else None  # fmt: skip
        same = ("id", "experiment", "quantity", "evidence", "cohort", "method", "model", "axis",
                "layer", "seed", "n_resamples", "rejected", "unit", "label")  # fmt: skip
        return cls(
            estimate=estimate, outcome=outcome, family=row["family"] or "",
            sources=tuple(row["sources"]), p_adjusted=dict(row["p_adjusted"]),
            **{name: row[name] for name in same},
        )  # fmt: skip


def _undefined_share(interval: Interval | None) -> float | None:
    """Return the share of resamples without a value; None where there were no resamples."""
    if interval is None or (interval.n_resamples is None and not interval.undefined_share):
        return None
    return interval.undefined_share


BOUNDED = {
    "mean": "entropy",
    "top-k-mean": "entropy",
    "positive": "positive",
    "top-k-positive": "positive",
    "negative": "negative",
    "top-k-negative": "negative",
    "difference": "difference",
    "delta": "delta",
    "tuning": "tuning",
}
"""Quantities beside which a set can stand, and what the ends of the set are called after."""


@dataclass(frozen=True)
class Ledger:
    """All entries and families, settled: read-only, in document order."""

    entries: Mapping[str, Entry]
    families: Mapping[str, Family]

    def __getitem__(self, entry_id: str) -> Entry:
        return self.entries[entry_id]

    def __contains__(self, entry_id: object) -> bool:
        return entry_id in self.entries

    def get(self, entry_id: str) -> Entry | None:
        """Return an entry, or None where there is none of that id."""
        return self.entries.get(entry_id)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def set_of(self, entry: Entry) -> tuple[Entry, Entry] | None:
        """Return the ends of the set in which a quantity of whole distributions lies.

        None where the stored candidates hold all of the probability, or nothing is known.
        """
        start = f"{entry.experiment}.{entry.quantity}."
        of = BOUNDED.get(entry.quantity)
        if of is None or not entry.id.startswith(start):
            return None
        rest = entry.id.removeprefix(start)
        low, high = (self.get(f"{entry.experiment}.{of}-{end}.{rest}") for end in ("low", "high"))
        return None if low is None or high is None else (low, high)

    def open_order(self, entry: Entry) -> Entry | None:
        """Return the share of pairs of questions whose order is open, beside a correlation.

        None where the stored candidates hold all of the probability.
        """
        if entry.experiment != "behaviour" or entry.unit != "rho" or entry.evidence == "published":
            return None
        return self.get(f"generation.order-open.{entry.id.split('.')[2]}")

    def extended(self, entries: Iterable[Entry]) -> Ledger:
        """Return a ledger that holds further entries, which belong to no family.

        Raises
        ------
        ValueError
            If an id is taken.
        """
        table = dict(self.entries)
        for entry in entries:
            if entry.id in table:
                raise ValueError(f"two ledger entries are called {entry.id}")
            table[entry.id] = entry
        return Ledger(table, self.families)

    def survivors(self, family: Family) -> int:
        """Return how many members of a family its rule rejects."""
        return sum(bool(self[name].rejected) for name in family.members)

    def select(self, **wanted: object) -> tuple[Entry, ...]:
        """Return the entries whose attributes equal ``wanted``, in ledger order."""
        return tuple(
            e for e in self if all(getattr(e, name) == value for name, value in wanted.items())
        )

    def to_json(self) -> str:
        """Serialise; NaN and Infinity are refused."""
        families = [
            {
                "id": f.id,
                "title": f.title,
                "m": f.m,
                "method": f.method,
                "alpha": f.alpha,
                "members": list(f.members),
            }
            for f in self.families.values()
        ]
        document = {"entries": [e.row() for e in self], "families": families}
        return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Ledger:
        """Read what `to_json` wrote: writing it again gives the same text.

        Raises
        ------
        ValueError
            If it is not JSON, or an entry contradicts itself; the message names the entry.
        KeyError
            If a field is missing.
        """
        return cls.from_document(json.loads(text))

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Ledger:
        """Read what the JSON of a ledger holds.

        Raises
        ------
        ValueError
            If an entry contradicts itself; the message names the entry.
        KeyError
            If a field is missing.
        """
        entries: dict[str, Entry] = {}
        for row in document["entries"]:
            try:
                entries[row["id"]] = Entry.from_row(row)
            except ValueError as error:
                raise ValueError(f"{row['id']}: {error}") from error
        families = {
            f["id"]: Family(f["id"], f["title"], f["method"], f["alpha"], f["m"],
                            tuple(f["members"]))
            for f in document["families"]
        }  # fmt: skip
        return cls(entries, families)

    def to_csv(self) -> str:
        """Serialise as a table; adjusted p-values become one column a rule."""
        rules = sorted({rule for e in self for rule in e.p_adjusted})
        rows: list[dict[str, Any]] = []
        for entry in self:
            row = entry.row()
            adjusted: dict[str, float] = row.pop("p_adjusted")
            row["sources"] = " ".join(row["sources"])
            rows.append(row | {f"p_{rule}": adjusted.get(rule) for rule in rules})
        out = io.StringIO()
        if rows:
            writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: csv_cell(v) for k, v in row.items()} for row in rows)
        return out.getvalue()


def was_tested(entry: Entry) -> bool:
    """Tell whether a test was made of which no p is known here."""
    unreadable = entry.evidence == "published" and entry.reason is Reason.DAMAGED_FILE
    return entry.reason is Reason.NOT_PUBLISHED or unreadable


def settle(entries: Iterable[Entry], families: Iterable[Family]) -> Ledger:
    """Correct every family once, over the whole study.

    Tests that could not be computed do not count in m: they were never a chance to reject.
    Tests that were made but not published do, with p taken as 1, and so do published ones of which
    the cell can't be read: none of the others may gain by it.

    Max-T needs a p from permutations for every test of the family. A family that lacks one is
    decided by Holm's rule, which bounds the same error, and says so in its ``method``.

    Parameters
    ----------
    entries : iterable of Entry
    families : iterable of Family
        As declared: ``m``, ``members`` and the rule that decided are filled in here.

    Returns
    -------
    Ledger

    Raises
    ------
    ValueError
        If two entries share an id, or an entry names a family that is not declared.
    """
    from stats.multiplicity import adjust

    table: dict[str, Entry] = {}
    for entry in entries:
        if entry.id in table:
            raise ValueError(f"two ledger entries are called {entry.id}")
        table[entry.id] = entry
    declared = {family.id: family for family in families}
    if stray := {e.family for e in table.values() if e.family} - declared.keys():
        raise ValueError(f"families used but not declared: {sorted(stray)}")

    settled: dict[str, Family] = {}
    for family in declared.values():
        members = [e for e in table.values() if e.family == family.id]
        counted = [e for e in members if e.p is not None or was_tested(e)]
        p_values = [1.0 if e.p is None else e.p for e in counted]
        adjusted = adjust(p_values)
        permuted = bool(counted) and all("maxt" in e.p_adjusted for e in counted)
        rule = "holm" if family.method == "maxt" and not permuted else family.method
        for position, entry in enumerate(counted):
            if entry.p is None:
                continue
            values = {rule: p[position] for rule, p in adjusted.items()} | dict(entry.p_adjusted)
            table[entry.id] = replace(
                entry, p_adjusted=values, rejected=values[rule] <= family.alpha
            )
        settled[family.id] = replace(
            family, method=rule, m=len(counted), members=tuple(e.id for e in members)
        )
    return Ledger(table, settled)
