"""Entries, families and decisions of two builds."""

from __future__ import annotations

from collections.abc import Iterator

from report.audit.diff.changes import Decision, EntryChange, Field, Scalar
from report.audit.finished import Finished
from report.document.outputs import values_of
from report.ledger.ledger import Entry, Ledger


def _flat(entry: Entry) -> dict[str, Scalar]:
    row = entry.row()
    adjusted: dict[str, float] = row.pop("p_adjusted")
    row["sources"] = " ".join(row["sources"])
    return row | {f"p_adjusted.{rule}": p for rule, p in sorted(adjusted.items())}


def _fields(old: dict[str, Scalar], new: dict[str, Scalar]) -> tuple[Field, ...]:
    names = list(dict.fromkeys((*old, *new)))
    return tuple(
        Field(name, old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    )


def _seen(values: dict[str, dict[str, str]], name: str) -> dict[str, Scalar]:
    return dict(values.get(name, {}))


def changed(old: Finished, new: Finished) -> tuple[EntryChange, ...]:
    """Return the entries of both builds that are not the same, in the new build's order."""
    before, after = values_of(old.ledger), values_of(new.ledger)
    found: list[EntryChange] = []
    for entry in new.ledger:
        other = old.ledger.get(entry.id)
        if other is None or other == entry:
            continue
        if fields := _fields(_flat(other), _flat(entry)):
            printed = _fields(_seen(before, entry.id), _seen(after, entry.id))
            found.append(EntryChange(entry.id, entry.label, fields, printed))
    return tuple(found)


def only_in(one: Finished, other: Finished) -> dict[str, str]:
    """Return the entries that the other build lacks: id to label."""
    return {entry.id: entry.label for entry in one.ledger if entry.id not in other.ledger}


def decisions(old: Finished, new: Finished) -> tuple[Decision, ...]:
    """Return what was decided in the old build and is decided otherwise, or no more."""
    found: list[Decision] = []
    for entry in old.ledger:
        other = new.ledger.get(entry.id)
        now = None if other is None else other.rejected
        if entry.rejected == now or (entry.rejected is None and other is None):
            continue
        family = (other.family if other is not None else "") or entry.family
        why = "" if other is not None else "it is not in the new build"
        if other is not None and entry.p == other.p:
            why = "its own p is the same: the family changed"
        found.append(Decision(entry.id, entry.label, family, entry.rejected, now, why))
    return tuple(found)


def families(old: Finished, new: Finished) -> tuple[Field, ...]:
    """Return what of families of both builds changed, and those that are in one of them."""
    return tuple(_families(old.ledger, new.ledger))


def _families(old: Ledger, new: Ledger) -> Iterator[Field]:
    for name in dict.fromkeys((*old.families, *new.families)):
        one, other = _described(old, name), _described(new, name)
        if not one or not other:
            yield Field(name, "there" if one else None, "there" if other else None)
        for field in _fields(one, other) if one and other else ():
            yield Field(f"{name}: {field.name}", field.old, field.new)


def _described(ledger: Ledger, name: str) -> dict[str, Scalar]:
    family = ledger.families.get(name)
    if family is None:
        return {}
    return {
        "rule": family.method,
        "alpha": family.alpha,
        "tests": family.m,
        "survivors": ledger.survivors(family),
    }
