"""Writing ``report.qmd``: front matter, sections, methods, limitations, appendix."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from report.capture.features import Features, Problem
from report.document import manifest, outputs
from report.document.appendix import Appendix
from report.document.coverage import Simulation
from report.document.fill import Filler, number_mentions
from report.document.intervals import decided, disputed
from report.document.parts import Section
from report.document.render import Renderer, planned
from report.ledger.format import NAMES_UP_TO, listing
from report.ledger.ledger import Entry, Family, Ledger
from report.study import paths
from report.study.study import Study
from stats.outcome import Reason

FRONT = "front"  # the section without a number, before all others
BIBLIOGRAPHY = "references.bib"
MENTIONS_UP_TO = 3  # a row links back to the first places that quote it


class Studied(Protocol):
    """A study with its features."""

    @property
    def study(self) -> Study:
        """The study."""
        ...

    @property
    def features(self) -> Features:
        """What was read from its captures."""
        ...

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with its inputs."""
        ...


@dataclass(frozen=True)
class Manuscript:
    """Everything that the document is written from."""

    studies: Sequence[Studied]
    ledger: Ledger
    sections: Sequence[Section]
    quick: bool = False


def write_source(results: Manuscript, folder: Path, renderer: Renderer) -> Path:
    """Fill the templates and write ``report.qmd`` and its bibliography.

    Parameters
    ----------
    results : Manuscript
    folder : Path
        The build.
    renderer : {"auto", "quarto", "embedded"}
        What will render it: the colophon names it with its version.

    Returns
    -------
    Path
        The document's source.

    Raises
    ------
    TemplateError
        If a template asks for what is not there.
    """
    filler = Filler(
        paths.TEMPLATES, results.ledger,
        outputs.figures_of(results.sections), outputs.tables_of(results.sections),
    )  # fmt: skip
    shared = _shared(results, renderer)
    bodies = {
        section.slug: filler.fill(section.template_file, shared | dict(section.facts))
        for section in results.sections
    }
    text = filler.fill("paper.qmd.j2", shared | {"bodies": bodies})
    text, mentions = number_mentions(text, MENTIONS_UP_TO)
    studies = [data.study for data in results.studies]
    appendix = Appendix(results.ledger, studies, mentions)
    text += "\n" + filler.fill("appendix/appendix.qmd.j2", shared | {"appendix": appendix})
    source = folder / "report.qmd"
    source.write_text(text, encoding="utf-8")
    shutil.copyfile(paths.TEMPLATES / BIBLIOGRAPHY, folder / BIBLIOGRAPHY)
    return source


def _shared(results: Manuscript, renderer: Renderer) -> dict[str, Any]:
    """Return what every template may use."""
    ledger, studies = results.ledger, [data.study for data in results.studies]
    families = [_outcome(family, ledger) for family in ledger.families.values()]
    shown_only = {section.slug for section in results.sections if section.demonstration}
    return {
        "studies": studies,
        "title": studies[0].title,
        "subtitle": _subtitle(studies),
        "authors": list(dict.fromkeys(a for study in studies for a in study.authors)),
        "date": max(study.date for study in studies),
        "names_up_to": NAMES_UP_TO,
        "observed": any(not c.intervention for study in studies for c in study.cohorts),
        "synthetic": [study for study in studies if study.synthetic],
        "quick": results.quick,
        "sections": {s.slug: s for s in results.sections if s.slug != FRONT},
        "front": next((s for s in results.sections if s.slug == FRONT), None),
        "ledger": ledger,
        "families": families,
        "results": _by_study([f for f in families if f["family"].m], studies, shown_only),
        "open": _by_study([f for f in families if f["unidentified"]], studies, shown_only),
        "missing": _missing(ledger),
        "methods": Methods(ledger),
        "decided": decided(ledger),
        "disputed": [entry for entry in ledger if disputed(entry)],
        "problems": [(d.study, found) for d in results.studies for found in d.problems],
        "inputs": [
            (d.study, item)
            for d in results.studies
            for item in manifest.inputs_of(d.study, d.features)
        ],
        "repeated": any(
            capture.repeated
            for d in results.studies
            for capture in (*d.features.baselines.values(), *d.features.calibrations.values())
        ),
        "shipped": [d.study for d in results.studies if d.features.origin == "features"],
        "versions": manifest.versions(),
        "renderer": planned(renderer),
        "simulation": Simulation.load(),
        "command": "python -m report build " + " ".join(study.id for study in studies),
    }  # fmt: skip


def _subtitle(studies: Sequence[Study]) -> str:
    """Name the source, or the other studies; what is synthetic is called so on the title page."""
    first, *others = studies
    said = ["Synthetic data"] if first.synthetic else []
    if others:
        marks = {True: " (synthetic data)", False: ""}
        titles = [other.title + marks[other.synthetic] for other in others]
        said.append(f"{'with' if said else 'With'} {listing(titles)}")
    elif first.source:
        said.append(f"{'statistical' if said else 'Statistical'} report on {first.source}")
    return ": ".join(said)


def _outcome(family: Family, ledger: Ledger) -> dict[str, Any]:
    """Say what became of a family under each rule."""
    members = [ledger[name] for name in family.members]
    rules = list(dict.fromkeys(rule for e in members for rule in e.p_adjusted))
    return {
        "family": family,
        "members": members,
        "rejected": [e for e in members if e.rejected],
        "unidentified": [e for e in members if e.reason is Reason.NOT_IDENTIFIED],
        "survivors": {
            rule: sum(e.p_adjusted.get(rule, 1.0) <= family.alpha for e in members)
            for rule in rules
        },
    }


def _by_study(
    families: Sequence[dict[str, Any]], studies: Sequence[Study], shown_only: Set[str]
) -> list[tuple[Study, Sequence[Mapping[str, Any]]]]:
    """Group the families that answer a question of the study; demonstrations do not."""
    grouped: list[tuple[Study, Sequence[Mapping[str, Any]]]] = []
    for study in studies:
        titles = {c.key: c.title for c in study.cohorts}
        found = [
            outcome | {"where": _where(outcome["members"][0], titles)}
            for outcome in families
            if outcome["members"][0].experiment not in shown_only
            and outcome["members"][0].cohort in titles
        ]
        several = len({outcome["where"] for outcome in found}) > 1
        grouped.append((study, found if several else [o | {"where": ""} for o in found]))
    return grouped


def _where(entry: Entry, titles: Mapping[str, str]) -> str:
    """Say which of a study's numbers an entry belongs to."""
    return "published numbers" if entry.evidence == "published" else titles[entry.cohort]


def _missing(ledger: Ledger) -> list[tuple[str, int, Sequence[Entry]]]:
    """Group what could not be computed by its reason."""
    gone = [e for e in ledger if e.reason is not None]
    counts = Counter(e.reason for e in gone)
    return [
        (reason.sentence, n, [e for e in gone if e.reason is reason])
        for reason, n in counts.items()
        if reason is not None
    ]


class Methods:
    """Tells the methods section which methods were really run.

    A template asks ``methods.used("Spearman, exact")``; `unexplained` then names what no
    paragraph of the template asked for. ``captured`` tells whether anything comes from captures.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._names: set[str] = set()
        self.captured = any(entry.evidence != "published" for entry in ledger)
        for entry in ledger:
            interval = entry.estimate.interval
            self._names |= {entry.method} if entry.value is not None else set()
            self._names |= (
                {entry.outcome.method} if entry.p is not None and entry.outcome else set()
            )
            self._names |= {interval.method} if interval else set()
        self._asked: set[str] = set()

    def used(self, *starts: str) -> bool:
        """Tell whether a method whose name begins with one of ``starts`` was run."""
        self._asked |= set(starts)
        return any(name.startswith(starts) for name in self._names)

    def unexplained(self) -> list[str]:
        """Return the methods that were run and that nobody asked for."""
        return sorted(n for n in self._names if not n.startswith(tuple(self._asked) or ("\0",)))
