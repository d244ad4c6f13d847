"""Filling the templates: the Jinja environment and the Markdown of numbers and tables.

Quarto uses ``{#…}`` and ``{{< … >}}``, so Jinja gets its own delimiters: ``<< … >>`` for
values, ``<% … %>`` for blocks, ``<# … #>`` for comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape as html_escape
from pathlib import Path
from typing import Any

import jinja2
from jinja2.bccache import Bucket

from report.document.parts import Figure, Piece, Ref, Stat, Table, Tally
from report.document.tables import to_markdown
from report.ledger import format as fmt
from report.ledger.format import escape
from report.ledger.ledger import Entry, Family, Ledger
from report.study.errors import TemplateError
from report.study.texts import visible


def yaml(text: str) -> str:
    """Write text from data as a YAML string whose Markdown shows it as it is."""
    return json.dumps(escape(text), ensure_ascii=False)


def html(text: str) -> str:
    """Write text from data for a raw block of HTML, which no fence or short code in it can end."""
    return html_escape(visible(text)).replace("`", "&#96;").replace("{", "&#123;")


# A line may end after a comma between two parts of a sentence, nowhere else in a number.
_INSIDE = re.compile(r"(?<!,) |(?<=,) (?=[^\[\]]*\])")


def stat_link(entry: Entry, kind: str) -> str:
    """Write one number of the ledger as a link to its row in the appendix."""
    text = escape(_INSIDE.sub("\u00a0", fmt.show(entry, kind)))
    return f'[{text}](#{entry.anchor}){{.stat data-kind="{kind}"}}'


def tally_link(family: Family, survivors: int, kind: str) -> str:
    """Write a number of tests as a link to the row of their family."""
    text = fmt.tally(family.m, survivors, kind)
    return f'[{text}](#{family.anchor}){{.stat data-kind="{kind}"}}'


_STAT = re.compile(r'\]\(#row-(?!family-)([^)\s]+)\)\{\.stat data-kind="[^"]*"(?=\})')


def number_mentions(markdown: str, up_to: int) -> tuple[str, Mapping[str, Sequence[str]]]:
    """Give the first mentions of every statistic an id, so that its row can link back.

    Parameters
    ----------
    markdown : str
        The document, in its final order.
    up_to : int
        How many mentions of one statistic get an id.

    Returns
    -------
    str
        The document with the ids: ``q-`` with the row's name and a number from 1.
    mapping
        By anchor of the row, the ids of its mentions.
    """
    mentions: dict[str, list[str]] = {}

    def name(found: re.Match[str]) -> str:
        ids = mentions.setdefault(f"row-{found[1]}", [])
        if len(ids) == up_to:
            return found[0]
        ids.append(f"q-{found[1]}-{len(ids) + 1}")
        return f"{found[0]} #{ids[-1]}"

    return _STAT.sub(name, markdown), mentions


def _paragraphs(text: str) -> str:
    """Close the gaps that unused branches leave: at most one blank line in a row."""
    lines = [line.rstrip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


class _Loader(jinja2.FileSystemLoader):
    """Keeps the line break after a block that ends a line of prose.

    Jinja's ``trim_blocks`` drops the break after every block. That is right where a block has
    a line to itself, and glues words together where it ends a line that holds text.
    """

    _ONLY_BLOCKS = re.compile(r"\s*(<%((?!%>).)*%>\s*)+")

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        source, filename, current = super().get_source(environment, template)
        lines = [
            line[:-2] + "+%>"
            if line.endswith("%>") and not self._ONLY_BLOCKS.fullmatch(line)
            else line
            for line in source.split("\n")
        ]
        return "\n".join(lines), filename, current


class _Compiled(jinja2.BytecodeCache):
    """What each template was compiled to; Jinja holds it against the template's text."""

    def __init__(self) -> None:
        self._made: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._made:
            bucket.bytecode_from_string(self._made[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._made[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


class Filler:
    """Fills templates from a ledger.

    Parameters
    ----------
    templates : Path
    ledger : Ledger
    figures, tables : sequences
        All figures and tables that templates may place by id.
    """

    def __init__(
        self, templates: Path, ledger: Ledger, figures: Sequence[Figure], tables: Sequence[Table]
    ) -> None:
        self._ledger = ledger
        self._figures = {figure.id: figure for figure in figures}
        self._tables = {table.id: table for table in tables}
        self._environment = jinja2.Environment(
            loader=_Loader(templates),
            bytecode_cache=_COMPILED,
            undefined=jinja2.StrictUndefined,
            variable_start_string="<<", variable_end_string=">>",
            block_start_string="<%", block_end_string="%>",
            comment_start_string="<#", comment_end_string="#>",
            trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,
        )  # fmt: skip
        tools: dict[str, Callable[..., str]] = {
            "stat": self.stat, "tally": self.tally, "figure": self.figure, "table": self.table,
            "listing": fmt.listing, "count": fmt.count, "out_of": fmt.out_of,
            "show": self.show, "decision": decision, "told": self.told,
        }  # fmt: skip
        self._environment.globals.update(tools)
        self._environment.filters.update(
            escape=escape,
            code=fmt.code,
            html=html,
            yaml=yaml,
            capital=_capital,
            rule=fmt.RULES.__getitem__,
            unbroken=_unbroken,
        )

    def stat(self, entry: Entry | str, kind: str = "apa") -> str:
        """Write a number of the ledger as a link to its row."""
        found = self._ledger[entry] if isinstance(entry, str) else entry
        return stat_link(found, kind)

    def tally(self, family: Family, kind: str) -> str:
        """Write a number of tests of a family as a link to its row."""
        return tally_link(family, self._ledger.survivors(family), kind)

    def show(self, entry: Entry, kind: str) -> str:
        """Write a number without a link: for the row that the links point to."""
        return escape(fmt.show(entry, kind))

    def table(self, table_id: str) -> str:
        """Write a table in Markdown."""
        return to_markdown(self._tables[table_id], self._cell)

    def figure(self, figure_id: str) -> str:
        """Place a figure."""
        figure = self._figures[figure_id]
        # The alternative text is no Markdown: every name in it is escaped with the rest.
        attributes = f'{{#fig-{figure.id} fig-alt="{escape(figure.alt.strip())}"}}'
        return f"![{fmt.caption(figure.caption)}](figures/{figure.filename}.svg){attributes}\n"

    def fill(self, template: str, values: Mapping[str, Any]) -> str:
        """Fill one template.

        Raises
        ------
        TemplateError
            If the template asks for something that is not there.
        """
        try:
            text = self._environment.get_template(template).render(values)
        except (jinja2.TemplateError, KeyError) as error:
            raise TemplateError(f"{template}: {error}") from error
        return _paragraphs(text)

    def told(self, pieces: Sequence[Piece]) -> str:
        """Write a sentence, each of its numbers as a link to its row."""
        return "".join(escape(p) if isinstance(p, str) else self._cell(p) for p in pieces)

    def _cell(self, piece: Stat | Tally | Ref) -> str:
        if isinstance(piece, Ref):
            return f"[{_unbroken(piece.text)}](#sec-{piece.slug})"
        if isinstance(piece, Stat):
            return stat_link(self._ledger[piece.entry], piece.kind)
        return self.tally(self._ledger.families[piece.family], piece.kind)


def decision(entry: Entry) -> str:
    """Say what became of an entry: survives correction or not, or why there is no test."""
    if entry.reason is not None:
        return f"missing: {entry.reason.sentence}"
    if entry.rejected is None:
        return "described" if entry.p is None else "outside a family"
    return "survives" if entry.rejected else "does not survive"


def _unbroken(text: str) -> str:
    return text.replace(" ", "\u00a0")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
