"""What claims are judged by: the ledger's entries, and sentences made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal

from report.document.parts import Piece, Stat
from report.experiments.answering import stands
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from report.study.study import Study

Aspect = Literal["value", "size", "depth"]


class Finding(StrEnum):
    """What became of a claim."""

    CONTRADICTED = "contradicted"
    NOT_SUPPORTED = "not supported"
    NOT_TESTABLE = "not testable"
    WRONG_ROWS = "open: wrong rows"
    SUPPORTED = "supported"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The finding of one check and its evidence: text, and numbers by reference."""

    finding: Finding
    evidence: tuple[Piece, ...]


def combine(rulings: Sequence[Ruling]) -> Ruling:
    """Join the checks of one claim: all of them must hold, so the worst finding decides.

    What several of them say in the same words is said once.
    """
    order = list(Finding)
    worst = min((r.finding for r in rulings), key=order.index)
    pieces: list[Piece] = []
    lead = ""
    for ruling in rulings:
        first, *rest = ruling.evidence
        same = lead and isinstance(first, str) and first.startswith(lead)
        if same and isinstance(first, str) and pieces[-1:] == ["."]:
            pieces[-1:] = ["; ", first.removeprefix(lead), *rest]
        else:
            pieces += [" ", first, *rest] if pieces else [first, *rest]
        lead = _lead(first)
    return Ruling(worst, tuple(pieces))


def _lead(first: Piece) -> str:
    """Return what a ruling's evidence begins with, up to its colon."""
    if not isinstance(first, str) or ": " not in first:
        return ""
    return first[: first.index(": ") + 2]


@dataclass(frozen=True)
class Evidence:
    """What checks may look at."""

    study: Study
    ledger: Ledger

    def entries(self, wanted: Iterable[str]) -> list[Entry]:
        """Return the entries named, in ledger order for a pattern.

        Raises
        ------
        LookupError
            If a name or pattern finds nothing.
        """
        found: dict[str, Entry] = {}
        for name in wanted:
            entries = self.found(name)
            if not entries:
                raise LookupError(name)
            found |= {entry.id: entry for entry in entries}
        return list(found.values())

    def found(self, name: str) -> list[Entry]:
        """Return the entries that a name or pattern finds: none, perhaps."""
        return [entry for entry in self.ledger if fnmatchcase(entry.id, name)]

    def measure(self, entry: Entry, aspect: Aspect) -> float | None:
        """Return an entry's value, its size, or its layer's share of the network's depth.

        Raises
        ------
        LookupError
            If the number of layers is not known.
        """
        if aspect != "depth":
            return entry.value if aspect == "value" or entry.value is None else abs(entry.value)
        if entry.value is None or entry.layer is None:
            return None
        n_layers = self.layers(entry).value
        return entry.layer / (n_layers - 1) if n_layers and n_layers > 1 else None

    def layers(self, entry: Entry) -> Entry:
        """Return the entry that holds the number of layers of the entry's model."""
        found = self.ledger.select(
            experiment="layers", quantity="count", model=entry.model, evidence=entry.evidence
        )
        if not found:
            raise LookupError(f"layers.count of {entry.model}")
        return found[0]

    def bounded(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries whose values are only the smallest that bounds allow."""
        ends = (e for e in entries if e.value is not None and not e.quantity.startswith("top-k"))
        return [e for e in ends if self.ledger.set_of(e)]

    def stands(self, entry: Entry) -> bool:
        """Tell whether an entry is significant: after correction, where it has a family."""
        return stands(entry, self.study)


def ruling(finding: Finding, *pieces: Piece) -> Ruling:
    """Make a ruling whose evidence begins like a sentence."""
    first, *rest = pieces
    if isinstance(first, str):
        first = first[:1].upper() + first[1:]
    return Ruling(finding, (first, *rest))


def no_number(entries: Sequence[Entry]) -> Ruling:
    """Say that numbers are missing, and why."""
    reasons = dict.fromkeys(e.reason.sentence for e in entries if e.reason)
    text = f"There is no number: {'; '.join(e.label for e in entries)}. {' '.join(reasons)}"
    return ruling(Finding.NOT_TESTABLE, text.strip())


def within_bounds(entries: Iterable[Entry], ledger: Ledger) -> Ruling:
    """Say that of some entries only bounds are known, so that their size decides nothing."""
    ends = [end for e in entries for end in ledger.set_of(e) or () if end.value is not None]
    return ruling(Finding.NOT_TESTABLE, "Known only within bounds: ", *told(ends), ".")


def value_of(entry: Entry, size: bool = False) -> float:
    """Return the value, or its size; the caller has made sure that it is there."""
    assert entry.value is not None
    return abs(entry.value) if size else entry.value


def valueless(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries without a value."""
    return [e for e in entries if e.value is None]


def told(entries: Iterable[Entry], *kinds: str) -> list[Piece]:
    """Write entries as ``label (number); label (number)``."""
    pieces: list[Piece] = []
    for entry in entries:
        pieces += ["; ", entry.label] if pieces else [entry.label]
        for i, kind in enumerate(kinds or ("value",)):
            pieces += [", " if i else " (", Stat(entry.id, kind)]
        pieces.append(")")
    return pieces


def told_tested(entries: Iterable[Entry], ledger: Ledger) -> list[Piece]:
    """Write entries with p, and with adjusted p where they belong to a family."""
    pieces: list[Piece] = []
    for entry in entries:
        rule = ledger.families[entry.family].method if entry.family else ""
        kinds = ["apa", *([f"adjusted=:{rule}"] if rule in entry.p_adjusted else [])]
        pieces += ["; "] if pieces else []
        pieces += told([entry], *kinds)
    return pieces


def told_measured(entries: Iterable[Entry], aspect: Aspect, evidence: Evidence) -> list[Piece]:
    """Write entries with their value, or with their layer where depth is what counts."""
    if aspect != "depth":
        return told(entries)
    pieces: list[Piece] = []
    for entry in entries:
        depth = evidence.measure(entry, aspect)
        share = fmt.MISSING if depth is None else fmt.number(depth, "share")
        pieces += ["; "] if pieces else []
        pieces += [
            f"{entry.label} (layer ", Stat(entry.id, "layer"), " of ",
            Stat(evidence.layers(entry).id, "value"), f", at {share} of the depth)",
        ]  # fmt: skip
    return pieces
