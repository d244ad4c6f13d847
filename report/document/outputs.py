"""What a build leaves on disk besides the document: tables, values, ledger, inputs."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from report.capture.feature_files import FILES, SHIPPED, write_features
from report.capture.features import Features
from report.document import processes
from report.document import tables as writers
from report.document.parts import Figure, Section, Table, text_of
from report.ledger import format as fmt
from report.ledger.ledger import Ledger
from report.study.errors import RenderError, UsageError
from report.study.published import ACCEPTED, write_accepted
from report.study.study import Study
from report.study.texts import csv_cell
from stats.outcome import Reason

TABLE_FORMATS = ("csv", "md", "latex", "typst", "html", "docx")
_SUFFIX = {"latex": "tex", "typst": "typ"}
_PANDOC = {"typst": "typst", "html": "html5", "docx": "docx"}

_UNDATED = "315532800"  # the start of 1980, the first date that a zip file can hold

_LONGEST = 120.0  # seconds for one table

# Aspects of an entry that a manuscript can quote by name.
_ASPECTS = ("value", "ci", "p", "floor", "n")


def figures_of(sections: Iterable[Section]) -> list[Figure]:
    """Collect the figures of all sections."""
    return [figure for section in sections for figure in section.figures]


def tables_of(sections: Iterable[Section]) -> list[Table]:
    """Collect the tables of all sections."""
    return [table for section in sections for table in section.tables]


def write_tables(
    tables: Sequence[Table], ledger: Ledger, folder: Path, formats: Sequence[str]
) -> list[Path]:
    """Write every table in every format, one file each.

    Raises
    ------
    UsageError
        If a format is unknown.
    """
    if unknown := set(formats) - set(TABLE_FORMATS):
        raise UsageError(
            f"unknown table format {sorted(unknown)[0]!r}; one of {', '.join(TABLE_FORMATS)}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for table in tables:
        for kind in formats:
            path = folder / f"{table.id}.{_SUFFIX.get(kind, kind)}"
            _write_table(table, ledger, kind, path)
            written.append(path)
    return written


def _write_table(table: Table, ledger: Ledger, kind: str, path: Path) -> None:
    if kind == "csv":
        path.write_text(writers.to_csv(table, ledger), encoding="utf-8")
    elif kind == "latex":
        path.write_text(writers.to_latex(table, ledger), encoding="utf-8")
    else:
        from report.document.fill import escape

        markdown = writers.to_markdown(table, lambda piece: escape(text_of([piece], ledger)))
        if kind == "md":
            path.write_text(markdown, encoding="utf-8")
        else:
            _convert(markdown, _PANDOC[kind], path)


def _convert(markdown: str, target: str, path: Path) -> None:
    """Let pandoc write a table; Word files carry a date, and get always the same."""
    import pypandoc

    command = [pypandoc.get_pandoc_path(), "--from=markdown-citations", f"--to={target}"]
    done = processes.run(
        [*command, f"--output={path}"],
        seconds=_LONGEST,
        given=markdown.encode(),
        environment={"SOURCE_DATE_EPOCH": _UNDATED},
    )
    if done.code:
        raise RenderError(f"{path.name} can't be written by pandoc:\n{done.errors.strip()}")


def values_of(ledger: Ledger, only: frozenset[str] | None = None) -> dict[str, dict[str, str]]:
    """Return what a manuscript may quote: entry or family, aspect, text.

    Members of a family are quoted with the p that their family's rule adjusted; families are
    called ``family.`` and their id.

    Parameters
    ----------
    ledger : Ledger
    only : frozenset of str, optional
        Ids of the entries that are wanted, with their families; all without it.
    """
    entries: dict[str, dict[str, str]] = {}
    for entry in ledger:
        if only is not None and entry.id not in only:
            continue
        limits = fmt.identified(entry, ledger)
        if entry.value is None:
            if entry.reason is Reason.NOT_IDENTIFIED and limits:
                entries[entry.id] = {
                    "value": fmt.NOT_IDENTIFIED,
                    "n": fmt.show(entry, "n"),
                    "apa": f"{fmt.NOT_IDENTIFIED} {fmt.within(entry, limits)}",
                    "evidence": entry.evidence,
                    "set": limits,
                }
            continue
        rule = ledger.families[entry.family].method if entry.family else ""
        entries[entry.id] = {aspect: fmt.show(entry, aspect) for aspect in _ASPECTS} | {
            "adjusted": fmt.show(entry, f"adjusted:{rule}"), "apa": fmt.show(entry, f"apa:{rule}"),
            "evidence": entry.evidence,
        }  # fmt: skip
        if limits:
            entries[entry.id]["set"] = limits
            entries[entry.id]["apa"] += f" {fmt.within(entry, limits)}"
        if share := ledger.open_order(entry):
            entries[entry.id]["open"] = fmt.show(share, "value")
            entries[entry.id]["apa"] += f" (order open in {fmt.show(share, 'value')} of pairs)"
    families = {
        f"family.{family.id}": {
            "m": str(family.m), "rule": fmt.RULES[family.method],
            "survivors": str(ledger.survivors(family)),
        }
        for family in ledger.families.values()
        if only is None or not only.isdisjoint(family.members)
    }  # fmt: skip
    return entries | families


def write_values(ledger: Ledger, folder: Path, only: frozenset[str] | None = None) -> list[Path]:
    """Write the values as JSON, as LaTeX macros and as Quarto variables."""
    values = values_of(ledger, only)
    tree: dict[str, Any] = {}
    macros = [
        "% \\statvalue{entry.aspect} prints a number of the ledger, e.g.",
        f"% \\statvalue{{{next(iter(values), 'entry')}.value}}",
        "\\makeatletter",
        "\\providecommand{\\statvalue}[1]{\\@ifundefined{stat@#1}"
        "{\\@latex@error{The ledger holds no number called #1}\\@ehc}{\\@nameuse{stat@#1}}}",
    ]
    if any(entry.evidence == "simulated" for entry in ledger):
        macros.insert(0, "% Synthetic data: numbers of simulated models are among these.")
    for name, aspects in values.items():
        branch = tree
        for part in name.split("."):
            branch = branch.setdefault(part, {})
        branch.update(aspects)
        for aspect, text in aspects.items():
            macros.append(f"\\@namedef{{stat@{name}.{aspect}}}{{{writers.tex(text)}}}")
    contents = {
        "values.json": json.dumps(values, ensure_ascii=False, indent=1) + "\n",
        "values.tex": "\n".join([*macros, "\\makeatother", ""]),
        # JSON is YAML, and leaves no room for a reader's own ideas about types.
        "_variables.yml": json.dumps(tree, ensure_ascii=False, indent=1) + "\n",
    }
    paths: list[Path] = []
    for name, text in contents.items():
        paths.append(folder / name)
        paths[-1].write_text(text, encoding="utf-8")
    return paths


def write_ledger(ledger: Ledger, folder: Path) -> None:
    """Write ``ledger.json`` and ``ledger.csv``."""
    (folder / "ledger.json").write_text(ledger.to_json(), encoding="utf-8")
    (folder / "ledger.csv").write_text(ledger.to_csv(), encoding="utf-8")


def write_data(studies: Sequence[tuple[Study, Features]], folder: Path) -> None:
    """Write what the numbers rest on: published tables, plan, claims and features."""
    for study, features in studies:
        target = folder / "data" / study.id
        target.mkdir(parents=True)
        for name in ("study.toml", "claims.toml"):
            if (study.folder / name).is_file():
                shutil.copyfile(study.folder / name, target / name)
        if (study.folder / "published").is_dir():
            _copy_plain(study.folder / "published", target / "published")
            write_accepted(study.transcribed, target / "published" / ACCEPTED)
        _write_models(study, target / "study.csv")
        if features.baselines or features.calibrations:
            write_features(features, target / "features")
        if features.origin == "features":
            _keep_shipped(study.features_folder, target / "features")


def _keep_shipped(source: Path, used: Path) -> None:
    """Copy the plain feature files that are not used to the last byte."""
    for path in (source / name for name in FILES):
        if not path.is_file() or path.is_symlink():
            continue
        same = used / path.name
        if not same.is_file() or same.read_bytes() != path.read_bytes():
            (used / SHIPPED).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, used / SHIPPED / path.name)


def _copy_plain(source: Path, target: Path) -> None:
    """Copy the plain files of a folder, and nothing that could block or lead elsewhere."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.is_symlink() and ACCEPTED not in path.parts:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _write_models(study: Study, path: Path) -> None:
    """List the models with what a statistic may rest on: the level of an intervention, say."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("model", "cohort", "tuning", "family", "level"))
        writer.writerows(
            (m.key, m.cohort, m.tuning, csv_cell(m.family), m.level) for m in study.models
        )


def named(
    sections: Sequence[Section], wanted: Sequence[str], ledger: Ledger
) -> frozenset[str] | None:
    """Return the ids of the entries that a user asked for, None without a wish.

    Parameters
    ----------
    sections, wanted
        As in `choose`; a table stands for the entries that it shows.
    ledger : Ledger
    """
    if not wanted:
        return None
    names = names_of(wanted)
    shown = {stat.entry for t in tables_of(choose(sections, wanted)) for stat in t.stats}
    return frozenset(e.id for e in ledger if e.experiment in names or e.id in shown)


_NUMBERED = {
    "exp1": "generation", "exp2": "layers", "exp3": "behaviour dimension",
    "exp4": "calibration", "exp5": "signature",
}  # fmt: skip


def choose(sections: Sequence[Section], wanted: Sequence[str]) -> list[Section]:
    """Keep the sections, figures and tables that a user asked for; all without a wish.

    Parameters
    ----------
    sections : sequence of Section
    wanted : sequence of str
        Experiments by slug or number (``exp3``), or ids of figures and tables.

    Raises
    ------
    UsageError
        If something is asked for that is not there.
    """
    if not wanted:
        return list(sections)
    names = names_of(wanted)
    chosen: list[Section] = []
    found: set[str] = set()
    for section in sections:
        whole = section.slug in names
        figures = tuple(f for f in section.figures if whole or f.id in names)
        tables = tuple(t for t in section.tables if whole or t.id in names)
        found |= {section.slug} | {item.id for item in (*figures, *tables)}
        chosen.append(replace(section, figures=figures, tables=tables))
    if unknown := sorted(names - found):
        ids = [item.id for s in sections for item in (*s.figures, *s.tables)]
        near = get_close_matches(unknown[0], ids, n=3, cutoff=0.5)
        raise UsageError(
            f"there is no {unknown[0]!r}; there are the experiments "
            f"{', '.join(s.slug for s in sections)} and the ids of their figures and tables"
            + (f", near it {', '.join(near)}" if near else "")
        )
    return chosen


def names_of(wanted: Sequence[str]) -> set[str]:
    """Return experiments by their slug, ``exp3`` too, and ids as they are."""
    return {part for name in wanted for part in _NUMBERED.get(name, name).split()}
