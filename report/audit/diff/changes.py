"""What can differ between two builds, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an entry, a family or a claim, before and after."""

    name: str
    old: Scalar
    new: Scalar


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that is in both builds, and what of it changed.

    Parameters
    ----------
    id, label : str
    fields : tuple of Field
        As ``ledger.json`` names them; adjusted p-values are ``p_adjusted.`` and their rule.
    printed : tuple of Field
        What a reader sees of it, aspect by aspect; empty where only unprinted digits moved.
    """

    id: str
    label: str
    fields: tuple[Field, ...]
    printed: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision that is another one now.

    Parameters
    ----------
    id, label, family : str
    old, new : bool or None
        Whether the family's rule rejects; None where there is no decision (any more).
    why : str
        What of the family moved beside the entry's own p, or ``""``.
    """

    id: str
    label: str
    family: str
    old: bool | None
    new: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a claim of a study; a claim that is not there has the verdict None."""

    study: str
    id: str
    sentence: str
    old: str | None
    new: str | None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the document; None on the side where it does not stand."""

    section: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; a row or a table that is there only once has cells None."""

    table: str
    row: str
    column: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Cause:
    """What went into the two builds and is not the same.

    Parameters
    ----------
    kind : str
        ``input``, ``plan``, ``code``, ``library``, ``rendering`` or ``data``.
    where : str
        Study, file, package.
    what : str
        From what to what.
    """

    kind: str
    where: str
    what: str


@dataclass(frozen=True)
class Difference:
    """Two builds held against each other.

    Parameters
    ----------
    old, new : str
        How the builds are called.
    total : int
        Entries of the new build that have a value.
    appeared, vanished : mapping
        Id of an entry to its label.
    changed : tuple of EntryChange
    families : tuple of Field
        Rule, level, number of tests and survivors of families.
    decisions : tuple of Decision
        In entries of both builds, and of entries that vanished with theirs.
    claims, sentences, cells : tuple
    causes : tuple of Cause
    notes : tuple of str
        What could not be compared, and why.
    """

    old: str
    new: str
    total: int
    appeared: Mapping[str, str]
    vanished: Mapping[str, str]
    changed: tuple[EntryChange, ...]
    families: tuple[Field, ...]
    decisions: tuple[Decision, ...]
    claims: tuple[Verdict, ...]
    causes: tuple[Cause, ...]
    sentences: tuple[Sentence, ...] = ()
    cells: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def moved(self) -> tuple[EntryChange, ...]:
        """The changes that concern a number, and not only words or sources."""
        return tuple(c for c in self.changed if any(is_number(f) for f in c.fields))

    @property
    def decided(self) -> bool:
        """Whether a decision, or the verdict on a claim, is another one."""
        return bool(self.decisions) or any(v.old != v.new and v.old for v in self.claims)

    @property
    def nothing(self) -> bool:
        """Whether both builds say the same."""
        lists = (
            self.appeared,
            self.vanished,
            self.changed,
            self.families,
            self.claims,
            self.sentences,
            self.cells,
        )
        return not any(lists)

    def document(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {**asdict(self), "summary": self.line(), "decision_changed": self.decided}

    def line(self) -> str:
        """Say it in one line: ``9 of 1,255 numbers changed, no decision``."""
        parts = [f"{len(self.moved):,} of {self.total:,} numbers changed"]
        parts += [f"{len(self.appeared):,} appeared"] if self.appeared else []
        parts += [f"{len(self.vanished):,} vanished"] if self.vanished else []
        n, verdicts = len(self.decisions), sum(v.old != v.new for v in self.claims)
        parts.append(f"{n:,} decision{'s' * (n != 1)}" if n else "no decision")
        parts += [f"{verdicts:,} claim{'s' * (verdicts != 1)}"] if verdicts else []
        return ", ".join(parts)


_NUMBERS = frozenset(
    {
        "n",
        "estimate",
        "ci_low",
        "ci_high",
        "ci_level",
        "ci_undefined_share",
        "statistic",
        "p",
        "p_floor",
    }
)


def is_number(field: Field) -> bool:
    """Tell whether a field of an entry is a number of the document, or whether it is missing."""
    return field.name in _NUMBERS or field.name.startswith("p_adjusted.")
