"""One `Table`, many formats: Markdown for the document, LaTeX, CSV, Typst, HTML, Word."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator

from report.document.parts import Cell, Column, Ref, Stat, Table, Tally, text_of
from report.ledger import format as fmt
from report.ledger.ledger import Ledger
from report.study.texts import csv_cell
from stats.outcome import Reason

CellText = Callable[[Stat | Tally | Ref], str]
Escape = Callable[[str], str]
_MARKS = "abcdefghijklmnopqrstuvwxyz"
_RULES = {"left": ":--", "right": "--:", "center": ":-:"}


def reasons_in(table: Table) -> list[Reason]:
    """Return the reasons for the table's empty cells, in order of first use."""
    return list(
        dict.fromkeys(cell for row in table.rows for cell in row if isinstance(cell, Reason))
    )


def _cells(
    table: Table, number: CellText, text: Escape, mark: Callable[[str], str]
) -> Iterator[list[str]]:
    """Turn cells into text of the target; an empty one carries the mark of its reason."""
    marks = {reason: mark(_MARKS[i]) for i, reason in enumerate(reasons_in(table))}

    def one(cell: Cell) -> str:
        if isinstance(cell, tuple):
            return "".join(text(p) if isinstance(p, str) else number(p) for p in cell)
        if isinstance(cell, Stat):
            return number(cell)
        return text(fmt.MISSING) + marks[cell] if isinstance(cell, Reason) else text(cell)

    for row in table.rows:
        yield [one(cell) for cell in row]


def notes(table: Table, mark: Callable[[str], str]) -> list[str]:
    """Return what stands under the table: its note, and a sentence for each reason."""
    explained = [f"{mark(_MARKS[i])} {r.sentence}" for i, r in enumerate(reasons_in(table))]
    return ([table.note] if table.note else []) + explained


def to_markdown(table: Table, text: CellText) -> str:
    """Write a pipe table with caption, label and notes."""

    def superscript(letter: str) -> str:
        return f"^{letter}^"

    rows = [[c.header for c in table.columns], [_RULES[c.align] for c in table.columns]]
    rows += list(_cells(table, text, fmt.escape, superscript))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    widths = f' tbl-colwidths="[{",".join(map(str, table.widths))}]"' if table.widths else ""
    lines += ["", f": {fmt.caption(table.caption)} {{#tbl-{table.id}{widths}}}", ""]
    if under := notes(table, superscript):
        lines += ["::: {.table-note}", " ".join(under), ":::", ""]
    return "\n".join(lines)


def _plain(markdown: str) -> str:
    """Strip the little Markdown that headers and captions hold."""
    text = re.sub(r"(?<!\\)\[([^\]]*)\]\([^)]*\)(\{[^}]*\})?", r"\1", markdown)
    return re.sub(r"\\(.)|[*_`]", lambda found: found[1] or "", text)


def to_csv(table: Table, ledger: Ledger) -> str:
    """Write comma-separated values: the text of each cell, as printed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([csv_cell(_plain(c.header)) for c in table.columns])
    rows = _cells(table, _printed(ledger), str, lambda _: "")
    writer.writerows([csv_cell(text) for text in row] for row in rows)
    return out.getvalue()


def _printed(ledger: Ledger, text: Escape = str) -> CellText:
    return lambda piece: text(text_of([piece], ledger))


_LATEX = str.maketrans({
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
    "<": r"$<$", ">": r"$>$", fmt.MINUS: r"$-$", "ρ": r"$\rho$", "Δ": r"$\Delta$",
    "τ": r"$\tau$", "²": r"$^2$", "|": r"$|$", "≤": r"$\le$", "≥": r"$\ge$", "–": "--",
    "—": "---", "\u202f": r"\,", "×": r"$\times$", "χ": r"$\chi$", "α": r"$\alpha$",
    "₁": r"$_1$", "₀": r"$_0$", "∞": r"$\infty$",
    fmt.DISPUTED: r"$\dagger$",
})  # fmt: skip


def tex(text: str) -> str:
    """Write text for LaTeX as it is."""
    return text.translate(_LATEX)


def _tex(markdown: str) -> str:
    return tex(_plain(markdown))


def to_latex(table: Table, ledger: Ledger) -> str:
    """Write a LaTeX table float with booktabs rules; needs ``booktabs`` and ``threeparttable``."""

    def mark(letter: str) -> str:
        return rf"\tnote{{{letter}}}"

    spec = "".join({"left": "l", "right": "r", "center": "c"}[c.align] for c in table.columns)
    body = [" & ".join(row) + r" \\" for row in _cells(table, _printed(ledger, tex), tex, mark)]
    under = [table.note] if table.note else []
    items = [rf"\item {_tex(note)}" for note in under]
    items += [rf"\item[{_MARKS[i]}] {tex(r.sentence)}" for i, r in enumerate(reasons_in(table))]
    lines = [
        r"\begin{table}", r"\centering", r"\begin{threeparttable}",
        rf"\caption{{{_tex(table.caption)}}}", rf"\label{{tbl-{table.id}}}",
        rf"\begin{{tabular}}{{{spec}}}", r"\toprule",
        " & ".join(_tex(c.header) for c in table.columns) + r" \\", r"\midrule",
        *body, r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip
    if items:
        lines += [r"\begin{tablenotes}\footnotesize", *items, r"\end{tablenotes}"]
    return "\n".join([*lines, r"\end{threeparttable}", r"\end{table}", ""])


def left(header: str) -> Column:
    """Make a left-aligned column."""
    return Column(header, "left")


def right(header: str) -> Column:
    """Make a right-aligned column."""
    return Column(header, "right")


def center(header: str) -> Column:
    """Make a centred column."""
    return Column(header, "center")
