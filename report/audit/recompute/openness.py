"""What the data leave open: which entries must have no value, and which bounds a difference takes.

It is decided anew from the features and the entry's id, not from the columns that the ledger
names, so that a difference of the wrong bounds, or one that should not be there, is noticed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from report.audit.finished import Finished, read_json
from report.audit.recompute.reading import (
    Floats,
    affordable,
    aligned,
    complete,
    read,
    separate,
    table,
)
from report.audit.recompute.samples import order_open
from report.ledger.ledger import Entry
from report.ledger.lineage import selector
from stats.outcome import Reason

WHOLE = 1e-5  # missing mass up to this is rounding
LOW, HIGH = "entropy_low", "entropy_high"
_OF_DIFFERENCES = {
    "generation": ("difference", "rank-biserial"),
    "calibration": ("delta", "rank-biserial", "tuning"),
}
_OF_MEANS = {
    "generation": ("mean", "friedman"),
    "calibration": ("positive", "negative", "mean-difference"),
}
_OF_ORDER = ("axis", "axis-t", "partial", "kendall")


@dataclass(frozen=True)
class Openness:
    """What the features say of an entry.

    Parameters
    ----------
    reason : Reason or None
        Why it can have no value.
    columns : tuple of str
        The columns that it compares, where it does; empty where that is not decided here.
    """

    reason: Reason | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Side:
    """The answers of one model, under one pole where there are two; it adds or takes away."""

    study: str
    table: str
    where: tuple[tuple[str, str], ...]
    sign: int

    def column(self, name: str) -> str:
        """Name one of its columns."""
        return selector(self.study, f"features/{self.table}", name, **dict(self.where))

    def bound(self, end: str) -> str:
        """Name the bound that one end of the whole takes of it."""
        return self.column({"low": {1: LOW, -1: HIGH}, "high": {1: HIGH, -1: LOW}}[end][self.sign])


def sides_of(entry: Entry, build: Finished, *, both: bool = False) -> tuple[Side, ...]:
    """Return whose answers an entry is about, in the order of its id; or those of both poles."""
    study, models = build.plan(entry).study, str(entry.model or "").split()
    if entry.experiment == "calibration":
        poles = [entry.quantity.removeprefix("top-k-").partition("-")[0]]
        if both or poles[0] not in ("positive", "negative"):
            poles = ["positive", "negative"]
        return tuple(
            Side(
                study,
                "calibration",
                (("model", model), ("axis", str(entry.axis)), ("pole", pole)),
                (-1) ** (i + j),
            )
            for i, model in enumerate(models)
            for j, pole in enumerate(poles)
        )
    if not models:
        models = [
            str(e.model)
            for e in build.ledger.select(
                experiment="generation", quantity="mean", cohort=entry.cohort
            )
            if e.evidence == entry.evidence
        ]
    return tuple(
        Side(study, "questions", (("model", model),), (-1) ** i) for i, model in enumerate(models)
    )


def is_complete(side: Side, root: str) -> bool:
    """Tell whether the stored candidates hold all of the probability, up to rounding."""
    low, high, mass = complete(*map(side.column, (LOW, HIGH, "stored_mass")), root=root)
    short = (low != high) & np.isfinite(low) & ~(mass >= 1.0 - WHOLE)
    return not short.any()


def sign_of(sides: Sequence[Side], root: str, *, paired: bool) -> int:
    """Return the sign that mean and pseudo-median have wherever the entropies lie, or 0."""
    lowest, highest = (_signs(sides, end, root, paired=paired) for end in ("low", "high"))
    return 1 if lowest == {1.0} else -1 if highest == {-1.0} else 0


def _signs(sides: Sequence[Side], end: str, root: str, *, paired: bool) -> set[float]:
    """Return the signs of mean and pseudo-median at one end of the set."""
    columns: list[dict[tuple[str, ...], float]] = []
    for side in sides:
        known, bounds = (read(side.column("entropy"), root), read(side.bound(end), root))
        upper = (side.sign > 0) == (end == "high")
        columns.append(
            {
                key: math.inf if upper and math.isnan(value) else value
                for key, value in bounds.items()
                if math.isfinite(known[key])
            }
        )
    if paired:
        shared = [k for k in columns[0] if all(k in column for column in columns)]
        terms = [
            side.sign * np.array([column[k] for k in shared])
            for side, column in zip(sides, columns, strict=True)
        ]
        d: Floats = np.sum(terms, axis=0)
        affordable(d.size, d.size)
        i, j = np.triu_indices(d.size)
        spread, mean = (d[i] + d[j]) / 2, float(d.mean()) if d.size else 0.0
    else:
        x, y = (np.array(list(column.values())) for column in columns)
        spread, mean = np.subtract.outer(x, y).ravel(), float(x.mean() - y.mean())
    if not spread.size or not np.isfinite(spread).all():
        return set()
    return {float(np.sign(mean)), float(np.sign(np.median(spread)))}


def left_open(entry: Entry, build: Finished) -> Openness | None:
    """Decide anew whether an entry can have a value; None where nothing here speaks about it."""
    kind, quantity, root = entry.experiment, entry.quantity, str(build.folder)
    if entry.evidence == "published":
        return None
    if kind == "calibration" and quantity == "tokens":
        return Openness(Reason.CENSORED if _censored(entry, build) else None)
    differs = quantity in _OF_DIFFERENCES.get(kind, ())
    ordered = kind == "behaviour" and quantity in _OF_ORDER
    if not (differs or ordered or quantity in _OF_MEANS.get(kind, ())):
        return None
    sides = sides_of(entry, build)
    path = f"{root}/data/{sides[0].study}/features/{sides[0].table}.csv" if sides else ""
    if not sides or not Path(path).is_file():
        return None
    rows = table(path)
    if not rows or LOW not in rows[0]:  # an older build
        return None
    if all(is_complete(side, root) for side in sides):
        return Openness(None, tuple(s.column("entropy") for s in sides) if differs else ())
    if ordered:
        share = _open_share(sides[0], root)
        return Openness(Reason.NOT_IDENTIFIED if share > build.plan(entry).open_order else None)
    paired = entry.method.startswith(("Hodges–Lehmann, paired", "matched-pairs"))
    sign = sign_of(sides, root, paired=paired) if differs else 0
    if not sign:
        return Openness(Reason.NOT_IDENTIFIED)
    end = "low" if sign > 0 else "high"
    return Openness(None, tuple(side.bound(end) for side in sides))


@lru_cache(maxsize=64)
def _open_share(side: Side, root: str) -> float:
    return float(order_open(*complete(*map(side.column, (LOW, HIGH)), root=root))["estimate"])


def _censored(entry: Entry, build: Finished) -> bool:
    """Tell whether most answers under a pole have the length at which generation was cut off."""
    root, study = str(build.folder), build.plan(entry).study
    path = Path(root) / "data" / study / "features" / "meta.json"
    if not path.is_file():
        return False
    described = dict(read_json(path)["calibrations"].get(entry.model, {}))
    sides = sides_of(entry, build)
    columns = [side.column(name) for name in ("n_longest", "n_answers") for side in sides]
    matched = separate if "unpaired" in entry.method else aligned
    one, other, n_one, n_other = matched(*columns, root=root)
    limit = described["limit"] if "limit" in described else _limit(sides, root)
    shares = [float((a / n).mean()) for a, n in ((one, n_one), (other, n_other)) if a.size]
    return limit is not None and any(share > 0.5 for share in shares)


def _limit(sides: Sequence[Side], root: str) -> int | None:
    """Find the limit of generation: a largest length that is far more frequent than any other."""
    where = tuple(pair for pair in sides[0].where if pair[0] == "model")
    lengths: Floats = np.array(
        list(read(Side(sides[0].study, "calibration", where, 1).column("n_tokens"), root).values())
    )
    counts = Counter(int(n) for n in lengths if n > 0)
    longest = max(counts, default=0)
    rest = max((times for n, times in counts.items() if n != longest), default=0)
    enough = longest and counts[longest] >= max(3, 0.1 * counts.total(), 2 * rest)
    return longest if enough else None
