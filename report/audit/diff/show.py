"""What changed between two builds, for a terminal and as a page of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jinja2

from report.audit.diff.changes import Decision, Difference, EntryChange, Field
from report.study.paths import TEMPLATES
from report.study.texts import visible

NOTHING = "—"


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of change: heading, column headers, rows of text."""

    title: str
    headers: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def _word(value: object) -> str:
    return NOTHING if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _decided(value: bool | None) -> str:
    return {True: "survives", False: "does not survive", None: "no decision"}[value]


def _decision(decision: Decision) -> tuple[str, ...]:
    label = decision.label or decision.id
    why = f" ({decision.why})" if decision.why else ""
    return label, decision.id, _decided(decision.old), _decided(decision.new) + why


def _seen(change: EntryChange) -> tuple[Field, ...]:
    """Return what a reader sees of a change: as printed, else the digits behind it."""
    shown = tuple(f for f in change.printed if f.name not in ("apa", "evidence"))
    return shown or change.fields


def _entries(changes: Sequence[EntryChange]) -> Iterator[tuple[str, ...]]:
    for change in changes:
        for field in _seen(change):
            yield change.id, field.name, _word(field.old), _word(field.new)


def parts(difference: Difference) -> list[Part]:
    """Return every kind of change that there is, the weightiest first."""
    d = difference
    both = ("before", "after")
    every = [
        Part("Why", ("what", "where", "change"), [(c.kind, c.where, c.what) for c in d.causes]),
        Part("Decisions", ("statistic", "id", *both), [_decision(c) for c in d.decisions]),
        Part(
            "Claims",
            ("study", "claim", *both),
            [(c.study, f"{c.id}: {c.sentence}", _word(c.old), _word(c.new)) for c in d.claims],
        ),
        Part(
            "Families",
            ("family", *both),
            [(f.name, _word(f.old), _word(f.new)) for f in d.families],
        ),
        Part(
            "Sentences",
            ("section", *both),
            [(s.section, _word(s.old), _word(s.new)) for s in d.sentences],
        ),
        Part(
            "Table cells",
            ("table", "row", "column", *both),
            [(c.table, c.row, c.column, _word(c.old), _word(c.new)) for c in d.cells],
        ),
        Part("Statistics that changed", ("id", "what", *both), list(_entries(d.changed))),
        Part("Statistics that appeared", ("id", "what it is"), list(d.appeared.items())),
        Part("Statistics that vanished", ("id", "what it was"), list(d.vanished.items())),
        Part("Not compared", ("what",), [(note,) for note in d.notes]),
    ]
    return [part for part in every if part.rows]


def as_text(difference: Difference, most: int) -> Iterator[str]:
    """Iterate over lines for a terminal; ``most`` of each kind, then how many more there are."""
    yield difference.line()
    for part in parts(difference):
        yield ""
        yield f"{part.title} ({len(part.rows):,})"
        for row in part.rows[:most]:
            yield "  " + _line(part, [visible(cell) for cell in row])
        if len(part.rows) > most:
            yield f"  … and {len(part.rows) - most:,} more (--all, --json or --html FILE)"


def _line(part: Part, row: list[str]) -> str:
    if part.headers[-2:] != ("before", "after"):
        return "  ".join(row)
    *what, old, new = row
    return f"{' · '.join(word for word in what if word)}:  {old}  →  {new}"


def as_page(difference: Difference) -> str:
    """Return a page of HTML that stands by itself."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = [
        Part(p.title, p.headers, [tuple(visible(cell) for cell in row) for row in p.rows])
        for p in parts(difference)
    ]
    return environment.get_template("diff.html").render(d=difference, parts=shown)
