"""``report check``: what is wrong with a study's inputs, without building anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from report.capture.extract import extract, read_model
from report.capture.features import Problem
from report.capture.findings import problem_of
from report.capture.fit_features import fitted
from report.capture.inputs import arrays_of, capture_files
from report.capture.questions import strangers
from report.capture.read_features import read_features
from report.study.faults import Fault
from report.study.published import TABLES
from report.study.study import Study
from report.study.texts import visible
from stats.outcome import Reason

if TYPE_CHECKING:
    from rich.console import Console

Verdict = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class FileReport:
    """What ``report check`` says of one file.

    Parameters
    ----------
    file : str
    model : str
        Key of the model, or ``""``.
    bytes : int or None
        None for a file that is not there.
    arrays : mapping
        ``shape`` and ``dtype`` of each array of an NPZ.
    problems : tuple of Problem
        The same that a build records.
    """

    file: str
    model: str
    bytes: int | None
    arrays: Mapping[str, Mapping[str, object]]
    problems: tuple[Problem, ...]

    @property
    def verdict(self) -> Verdict:
        """``"problem"`` if anything has to be mended, else ``"note"`` if there is a note."""
        if any(not p.note for p in self.problems):
            return "problem"
        return "note" if self.problems else "ok"


def inspect(study: Study, faults: Sequence[Fault] = ()) -> list[FileReport]:
    """Look at every input of a study with the readers that a build uses.

    Parameters
    ----------
    study : Study
    faults : sequence of Fault
        What is wrong with the study's own files.

    Returns
    -------
    list of FileReport
        One for each file that is there, and one for each that is missing.
    """
    tables = _own_files(study, faults)
    if any(capture_files(study, model) for model in study.models):
        return [*tables, *_captures(study)]
    if study.features_folder.is_dir():
        return [*tables, *_features(study)]
    return [*tables, *_reports({}, extract(study).problems)]


def _own_files(study: Study, faults: Iterable[Fault]) -> list[FileReport]:
    """Report on published tables, claims and to-do items."""
    paths = sorted((study.folder / "published").glob("*.csv"))
    files = {path.name: ("", path) for path in paths}
    problems = [problem_of(fault) for fault in faults]
    claims = study.folder / "claims.toml"
    if any(problem.file == claims.name for problem in problems):
        files[claims.name] = ("", claims)
    problems += filter(None, (_misspelt(path) for path in paths))
    return _reports(files, problems)


def _misspelt(path: Path) -> Problem | None:
    """Remark on a table that is nearly called what an experiment reads; claims may read any."""
    near = get_close_matches(path.stem, TABLES, n=1, cutoff=0.8)
    if path.stem in TABLES or not near or (path.parent / f"{near[0]}.csv").exists():
        return None
    return Problem(
        path.name, "", "no experiment reads a table of this name",
        f"Call it {near[0]}.csv, if it is that table.", str(Reason.NOT_TESTED), "what rests on it",
        "", "baseline", note=True,
    )  # fmt: skip


def _captures(study: Study) -> list[FileReport]:
    files: dict[str, tuple[str, Path]] = {}
    asked: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for model in study.models:
        files |= {path.name: (model.key, path) for path in capture_files(study, model)}
        baseline, _, found = read_model(study, model)
        problems += found
        if baseline is not None:
            asked[model.key] = baseline.file.answers.questions
    return _reports(files, [*problems, *strangers(study, asked, "{}_baseline.json")])


def _features(study: Study) -> list[FileReport]:
    folder = study.features_folder
    files = {path.name: ("", path) for path in sorted(folder.iterdir()) if path.is_file()}
    return _reports(files, fitted(read_features(folder), study).problems)


def _reports(
    files: Mapping[str, tuple[str, Path]], problems: Iterable[Problem]
) -> list[FileReport]:
    found: dict[str, list[Problem]] = {name: [] for name in files}
    for problem in problems:
        found.setdefault(problem.file, []).append(problem)
    reports: list[FileReport] = []
    for name, of_file in found.items():
        if name in files:
            model, path = files[name]
            size = path.stat().st_size if path.exists() else None  # a link that leads nowhere
            arrays = arrays_of(path)
        else:
            model, size, arrays = of_file[0].model, None, {}
        reports.append(FileReport(name, model, size, arrays, tuple(of_file)))
    return reports


def print_table(reports: Iterable[FileReport], console: Console) -> None:
    """Print one row a file: size, arrays, verdict, and each problem with its remedy."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "note": "yellow", "problem": "red"}
    table = Table(box=SIMPLE_HEAD, show_lines=False, pad_edge=False, padding=(0, 1, 1, 0))
    table.add_column("file", overflow="fold", ratio=3)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("arrays", overflow="fold", ratio=3)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what, and what to do", ratio=5)
    for report in reports:
        table.add_row(
            Text(visible(report.file)),
            "–" if report.bytes is None else _size(report.bytes),
            Text("\n".join(visible(_array(name, a)) for name, a in report.arrays.items())),
            Text(report.verdict, style=colours[report.verdict]),
            Text("\n".join(visible(_sentence(p)) for p in report.problems)),
        )
    console.print(table)


def run(
    studies: Sequence[Study],
    faults: Mapping[str, Sequence[Fault]] | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Print what is wrong with the inputs of some studies.

    Parameters
    ----------
    studies : sequence of Study
    faults : mapping, optional
        What is wrong with the studies' own files, by id of the study.
    as_json : bool

    Returns
    -------
    int
        Exit code: 1 if anything has to be mended, else 0.
    """
    from rich.console import Console

    found = {study.id: inspect(study, (faults or {}).get(study.id, ())) for study in studies}
    if as_json:
        listed = {
            key: [asdict(report) | {"verdict": report.verdict} for report in reports]
            for key, reports in found.items()
        }
        print(json.dumps(listed, indent=1, allow_nan=False))
    else:
        console = Console()
        if not console.is_terminal:  # a file or a pipe has no width of its own
            console.width = 140
        for study in studies:
            console.print(visible(study.title), style="bold", markup=False)
            print_table(found[study.id], console)
    every = [report for reports in found.values() for report in reports]
    return int(any(report.verdict == "problem" for report in every))


def _size(n_bytes: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes} B"


def _array(name: str, described: Mapping[str, object]) -> str:
    shape = described["shape"]
    sizes = "×".join(str(n) for n in shape) if isinstance(shape, list) else ""
    return f"{name} {sizes or 'scalar'} {described['dtype']}"


def _sentence(problem: Problem) -> str:
    place = f"{problem.field}: " if problem.field else ""
    costs = f" Missing because of it: {problem.costs}." if problem.costs else ""
    return f"{place}{problem.problem}. {problem.remedy}{costs}"
