"""The whole flow, from study folders to a finished build, on one screen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from report.capture.extract import extract
from report.document import manifest, outputs
from report.document.figures import save_all
from report.document.intervals import mark_intervals
from report.document.paper import Manuscript, write_source
from report.document.place import check_place, last_of, replacing
from report.document.render import Rendered, Renderer, install_theme, render
from report.experiments import EXPERIMENTS, claims, counts, front, needed_for, reproduction
from report.experiments.base import Analysis, StudyData
from report.experiments.claims import todo
from report.experiments.claims.reading import faults_of
from report.ledger.ledger import settle
from report.study import paths
from report.study.errors import UsageError
from report.study.study import Study, fields_holding, load_study
from report.study.texts import visible
from report.synthetic.marking import mark_synthetic

QUICK_RESAMPLES = 999
TABLES = outputs.TABLE_FORMATS  # what a build writes of each table
_COMPARED = (
    "manifest.json",
    "ledger.json",
    "claims.json",
    "report.qmd",
    "tables/*.csv",
    "data/*/study.toml",
)
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How to build.

    Parameters
    ----------
    formats : sequence of str
    renderer : {"auto", "quarto", "embedded"}
    jobs : int
        Processes for the extraction.
    cache : Path or None
        Where extracted features are kept between builds.
    quick : bool
        Few resamples, for a first look; the document says so.
    only : collection of str
        Slugs of the experiments to present, and nothing of the others; all, if it is empty.
    """

    formats: Sequence[str] = ("html", "pdf")
    renderer: Renderer = "auto"
    jobs: int = 1
    cache: Path | None = None
    quick: bool = False
    only: Collection[str] = ()


@dataclass(frozen=True)
class Results(Manuscript):
    """Everything that the document is written from, and what the study's claims came to."""

    audits: Sequence[tuple[Study, Sequence[claims.Verdict]]] = ()


@dataclass(frozen=True)
class Built:
    """A finished build, what it changed, and why a format that was asked for is not in it.

    ``findings`` says in one line each what is wrong with the inputs, and what it costs.
    """

    folder: Path
    rendered: Rendered
    problem: str = ""
    changes: str = ""
    findings: Sequence[str] = ()


def default_studies() -> list[Path]:
    """Return the studies that ship with the project."""
    return [paths.DATA / "entropy-2026-02", paths.DATA / "smollm2"]


def load(folders: Sequence[Path], *, quick: bool = False) -> list[Study]:
    """Load study folders, with fewer resamples if it has to be quick."""
    studies = [load_study(folder) for folder in folders]
    if not quick:
        return studies
    fewer = {"n_resamples": QUICK_RESAMPLES}
    return [s.model_copy(update={"plan": s.plan.model_copy(update=fewer)}) for s in studies]


def compute(studies: Sequence[Study], options: Options, progress: Progress) -> Results:
    """Extract, analyse, settle, present: every number, and no file."""
    _keep_apart(studies)
    data = [
        StudyData(
            study,
            extract(study, jobs=options.jobs, cache=options.cache,
                    progress=lambda what, _done, _all: progress(f"extract {what}")),
            faults_of(study),
        )
        for study in studies
    ]  # fmt: skip
    analyses: dict[str, dict[str, Analysis]] = {}
    for experiment in needed_for(options.only):
        progress(f"analyse {experiment.SLUG}")
        analyses[experiment.SLUG] = {d.study.id: experiment.analyse(d) for d in data}
    every = [analysis for by_study in analyses.values() for analysis in by_study.values()]
    if not options.only:
        made = {entry.id: entry for analysis in every for entry in analysis.entries}
        every += [reproduction.analyse(d, made) for d in data]
    ledger = settle(
        [entry for analysis in every for entry in analysis.entries],
        [family for analysis in every for family in analysis.families],
    )
    ledger = ledger.extended(counts.of_tests(data, ledger))
    sections = [
        experiment.present(
            data, ledger, {key: a.arrays for key, a in analyses[experiment.SLUG].items()}
        )
        for experiment in EXPERIMENTS
        if not options.only or experiment.SLUG in options.only
    ]
    audits: list[tuple[Study, Sequence[claims.Verdict]]] = []
    if not options.only:
        progress("audit claims")
        audits = [(study, claims.audit(study, ledger)) for study in studies]
        ledger = ledger.extended(counts.of_claims(data, [verdicts for _, verdicts in audits]))
        added = (reproduction.present(data, ledger), claims.present(audits))
        sections += [section for section in added if section is not None]
        ids = [study.id for study in studies]
        todos = [todo.answer(study, ledger, ids) for study in studies]
        sections = [front.present(data, ledger, sections, todos, quick=options.quick), *sections]
    sections = [mark_intervals(section, ledger) for section in sections]
    sections = [mark_synthetic(section, studies, ledger) for section in sections]
    return Results(data, ledger, sections, options.quick, audits)


def _keep_apart(studies: Sequence[Study]) -> None:
    """Refuse studies that call two things by one key: ids in the ledger are made from keys."""
    owners: dict[tuple[str, str], Study] = {}
    for study in studies:
        keys = [("cohort", c.key) for c in study.cohorts] + [("model", m.key) for m in study.models]
        for kind, key in (("study", study.id), *keys):
            other = owners.setdefault((kind, key), study)
            if other is not study:
                raise UsageError(
                    f"{other.folder} and {study.folder} both have a {kind} called {key!r}, which "
                    "stands for one thing in one document. Rename it in one study.toml, or build "
                    "the studies apart."
                )


def build(folders: Sequence[Path], out: Path, options: Options, progress: Progress) -> Built:
    """Build the document of one or more studies.

    Parameters
    ----------
    folders : sequence of Path
        Study folders.
    out : Path
        Folder of builds; this one gets a folder of its own in it.
    options : Options
    progress : callable
        Called with a few words before each step.

    Raises
    ------
    ReportError
        Of the kind that says what was wrong. The last good build stays as it was.
    """
    studies = load(folders, quick=options.quick)
    target = out / "+".join(study.id for study in studies)
    check_place(target)
    results = compute(studies, options, progress)
    with replacing(target, progress) as folder:
        progress("write ledger, tables and values")
        outputs.write_ledger(results.ledger, folder)
        outputs.write_data([(d.study, d.features) for d in results.studies], folder)
        outputs.write_values(results.ledger, folder)
        claims.write(results.audits, folder)
        front.write(results.sections[0], results.ledger, folder)
        tables = outputs.tables_of(results.sections)
        outputs.write_tables(tables, results.ledger, folder / "tables", TABLES)
        save_all(outputs.figures_of(results.sections), folder / "figures",
                 lambda name: progress(f"draw {name}"))  # fmt: skip
        install_theme(folder)
        write_source(results, folder, options.renderer)
        date = max(study.date for study in studies)
        rendered = render(folder, options.formats, options.renderer, date, progress)
        described = manifest.describe(
            studies, {d.study.id: manifest.inputs_of(d.study, d.features) for d in results.studies},
            folder,
            {"renderer": rendered.renderer, "versions": dict(rendered.versions),
             "formats": list(rendered.outputs), "quick": options.quick},
        )  # fmt: skip
        text = json.dumps(described, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        progress("compare with the last build")
        changes = _keep_last(target, folder)
    moved = {kind: target / path.name for kind, path in rendered.outputs.items()}
    found = [problem.line for d in results.studies for problem in d.problems if not problem.note]
    no_pdf = _no_pdf(rendered, studies)
    return Built(target, replace(rendered, outputs=moved), no_pdf, changes, found)


def _no_pdf(rendered: Rendered, studies: Sequence[Study]) -> str:
    """Say which fields of the studies keep the PDF from being made, or nothing."""
    if not rendered.undisplayable:
        return ""
    strange = frozenset(c for text in rendered.undisplayable for c in text if not c.isascii())
    fields = [f"{s.folder / 'study.toml'}: {field}" for s in studies
              for field in fields_holding(s, strange)]  # fmt: skip
    return (
        "there is no PDF, for its fonts can't display "
        f"{', '.join(visible(text) for text in rendered.undisplayable)}; all else is built. "
        + (f"Give a Latin spelling in {'; '.join(fields)}." if fields
           else "No field of study.toml holds it: look in the captures and published tables.")
    )  # fmt: skip


def _keep_last(target: Path, new: Path) -> str:
    """Say what changed since the last build in ``target``, and keep its part of the comparison.

    Where both say the same, the build before the last stays the one to compare with.
    """
    if not (target / "manifest.json").is_file():
        return ""
    if all(
        (target / name).is_file() and (target / name).read_bytes() == (new / name).read_bytes()
        for name in ("manifest.json", "ledger.json")
    ):
        return "against the last build: nothing changed"
    from report.audit.diff import against_last

    kept = last_of(target)
    said = against_last(target, new)
    shutil.rmtree(kept, ignore_errors=True)
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target)
        if path.is_file() and any(name.match(pattern) for pattern in _COMPARED):
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept / name)
    return said
