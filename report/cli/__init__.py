"""The command line: thin commands, documented exit codes.

Only the standard library is imported up here, so that help comes at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from report import __version__
from report.cli import authors, boundary

EXIT_CODES = """\
exit codes:
  0  done
  1  problems were found, or something failed
  2  wrong use
  3  a tool or a file that is needed is missing
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m report",
        description="From captures of language models to a results document whose every number "
        "can be checked.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, run: Callable[[Any], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary)
        made.set_defaults(run=run)
        return made

    build = command("build", "build the document of one or more studies", _build)
    _studies(build)
    build.add_argument("--to", default="html,pdf", metavar="FORMATS",
                       help="html, pdf, docx, latex, typst, md (html,pdf)")  # fmt: skip
    build.add_argument("--renderer", choices=("auto", "quarto", "embedded"), default="auto")
    _computing(build)
    _out(build)

    for name, summary in (
        ("tables", "write the tables of a manuscript, nothing else"),
        ("figures", "write the figures, nothing else"),
        ("values", "write the named numbers for a manuscript, nothing else"),
    ):
        part = command(name, summary, _part)
        _studies(part)
        if name == "tables":
            part.add_argument("--format", default="latex,csv,md", metavar="FORMATS",
                              help="latex, csv, md, typst, html, docx (latex,csv,md)")  # fmt: skip
        part.add_argument("--only", nargs="+", default=[], metavar="WHAT",
                          help="experiments (exp3, behaviour) or ids")  # fmt: skip
        _computing(part)
        _out(part)

    extract = command("extract", "write a study's features: what a paper can ship", _extract)
    extract.add_argument("study", type=Path, metavar="STUDY")
    extract.add_argument("--out", type=Path, metavar="DIR", help="(features/ of the study)")
    extract.add_argument("--jobs", type=_positive, default=1, metavar="N", help="processes (1)")

    check = command("check", "validate the inputs, say what is wrong, build nothing", _check)
    _studies(check)
    check.add_argument("--json", action="store_true", help="print JSON")

    verify = command("verify", "prove a finished build: hashes, numbers, document", _verify)
    _build_folder(verify)
    verify.add_argument("--study", nargs="+", type=Path, default=[], metavar="DIR",
                        help="study folders with captures, to hash them again")  # fmt: skip
    verify.add_argument("--json", action="store_true", help="print JSON")

    explain = command("explain", "show one statistic in full, with code that gives it", _explain)
    explain.add_argument("id", metavar="ID", help="an id of the ledger, or the anchor of its row")
    explain.add_argument("--build", type=Path, metavar="BUILD", help="(the one in build/)")
    explain.add_argument("--json", action="store_true", help="print JSON")

    bundle = command("bundle", "write one zip for reviewers, without the captures", _bundle)
    _build_folder(bundle)
    bundle.add_argument("--out", type=Path, metavar="FILE", help="(BUILD.zip)")

    watch = command("watch", "build again whenever a study changes", _watch)
    _studies(watch)
    _out(watch)

    claims = command("claims", "check a study's claims against its numbers", _claims)
    _studies(claims)
    claims.add_argument("--json", action="store_true", help="print JSON")
    _computing(claims)
    claims.add_argument("--out", type=Path, default=Path("build"), help=argparse.SUPPRESS)

    authors.add(command)

    init = command("init", "write a study.toml for a folder of captures", _init)
    init.add_argument("folder", type=Path, metavar="DIR")

    simulate = command("simulate", "write a synthetic study with known effects", _simulate)
    simulate.add_argument("folder", type=Path, metavar="DIR")
    for name, default in (
        ("models", 6), ("questions", 30), ("layers", 12), ("hidden", 64), ("seed", 1),
    ):  # fmt: skip
        simulate.add_argument(f"--{name}", type=int, default=default, metavar="N",
                              help=f"({default})")  # fmt: skip
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _studies(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("studies", nargs="*", type=Path, metavar="STUDY",
                        help="study folders (those that ship with the project)")  # fmt: skip


def _computing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=_positive, default=1, metavar="N",
                        help="processes for the extraction (1)")  # fmt: skip
    parser.add_argument("--no-cache", action="store_true", help="extract the captures anew")
    parser.add_argument("--quick", action="store_true", help="few resamples, for a first look")


def _out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("build"), metavar="DIR", help="(build)")


def _build_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("build", nargs="?", type=Path, metavar="BUILD",
                        help="a finished build (the one in build/)")  # fmt: skip


def _finished(args: argparse.Namespace) -> Path:
    """Return the build that is meant: the one named, or the only one there is."""
    from report.document.place import all_in, found_again
    from report.study.errors import UsageError

    if args.build is not None:
        return found_again(Path(args.build))
    found = all_in(Path("build"))
    if len(found) == 1:
        return found[0]
    which = ", ".join(map(str, found)) or "there is none in build/"
    raise UsageError(f"name a finished build: {which}")


def _folders(args: argparse.Namespace) -> list[Path]:
    from report.pipeline import default_studies

    return list(args.studies) or default_studies()


def _options(args: argparse.Namespace) -> Any:
    from report.pipeline import Options

    shared: dict[str, Any] = {
        "jobs": args.jobs,
        "cache": None if args.no_cache else args.out / ".cache",
        "quick": args.quick,
    }
    if args.command != "build":
        return Options(**shared)
    formats = [part.strip() for part in args.to.split(",") if part.strip()]
    from report.document.render import FORMATS
    from report.study.errors import UsageError

    if not formats:
        raise UsageError(f"--to names no format; there are {', '.join(FORMATS)}")
    if unknown := [name for name in formats if name not in FORMATS]:
        raise UsageError(f"unknown format {unknown[0]!r}; one of {', '.join(FORMATS)}")
    return Options(formats=formats, renderer=args.renderer, **shared)


def _build(args: argparse.Namespace) -> int:
    from report.cli.terminal import steps
    from report.pipeline import build
    from report.study.texts import visible

    with steps() as progress:
        built = build(_folders(args), args.out, _options(args), progress)
    for path in built.rendered.outputs.values():
        print(path)
    if built.rendered.remark:
        print(f"note: {visible(built.rendered.remark)}.", file=sys.stderr)
    if built.changes:
        print(visible(built.changes), file=sys.stderr)
    for finding in built.findings:
        print(f"problem: {visible(finding)}", file=sys.stderr)
    if built.problem:
        print(f"error: {visible(built.problem)}", file=sys.stderr)
        return 1
    return 0


def _watch(args: argparse.Namespace) -> int:
    from itertools import chain

    from report.cli.terminal import steps
    from report.pipeline import Options, build
    from report.study.errors import MissingToolError, ReportError
    from report.study.paths import TEMPLATES
    from report.study.texts import visible

    try:
        from watchfiles import watch  # pyright: ignore[reportMissingImports] - an extra
    except ImportError as error:
        remedy = "Install it: pip install 'statistical-report[watch]'."
        raise MissingToolError(f"watch needs the package watchfiles. {remedy}") from error
    folders = _folders(args)
    options = Options(formats=("html",), cache=args.out / ".cache", quick=True)
    for _ in chain([None], watch(*folders, TEMPLATES)):
        try:
            with steps() as progress:
                print(build(folders, args.out, options, progress).rendered.outputs["html"])
        except ReportError as error:
            print(f"error: {visible(str(error))}", file=sys.stderr)
    return 0


def _part(args: argparse.Namespace) -> int:
    from report.cli.terminal import steps
    from report.document import outputs
    from report.document.figures import save_all
    from report.experiments import EXPERIMENTS
    from report.pipeline import compute, load

    out: Path = args.out
    options, wanted = _options(args), outputs.names_of(args.only)
    if wanted <= {experiment.SLUG for experiment in EXPERIMENTS}:
        options = replace(options, only=wanted)
    with steps() as progress:
        results = compute(load(_folders(args), quick=args.quick), options, progress)
        sections = outputs.choose(results.sections, args.only)
        out.mkdir(parents=True, exist_ok=True)
        if args.command == "tables":
            formats = [part.strip() for part in args.format.split(",") if part.strip()]
            tables = outputs.tables_of(sections)
            paths = outputs.write_tables(tables, results.ledger, out / "tables", formats)
        elif args.command == "figures":
            saved = save_all(outputs.figures_of(sections), out / "figures", progress)
            paths = [path for files in saved.values() for path in files]
        else:
            named = outputs.named(results.sections, args.only, results.ledger)
            paths = outputs.write_values(results.ledger, out, named)
    for path in paths:
        print(path)
    if args.command in ("tables", "figures"):
        _name_others(out / args.command, paths)
    return 0


def _name_others(folder: Path, written: Sequence[Path]) -> None:
    """Name the files that an earlier command left beside those that were written now."""
    from report.study.texts import visible

    others = sorted({path for path in folder.rglob("*") if path.is_file()} - set(written))
    if others:
        names = ", ".join(path.relative_to(folder).as_posix() for path in others[:8])
        more = f" and {len(others) - 8} more" if len(others) > 8 else ""
        print(
            f"note: {visible(str(folder))} holds files that were not written now and may be out of"
            f" date: {visible(names)}{more}.",
            file=sys.stderr,
        )


def _claims(args: argparse.Namespace) -> int:
    import json

    from report.cli.terminal import steps
    from report.experiments.claims import failed, print_verdicts
    from report.experiments.claims.todo import answer, print_todos
    from report.pipeline import compute, load
    from report.study.texts import visible

    with steps() as progress:
        results = compute(load(_folders(args), quick=args.quick), _options(args), progress)
    verdicts = [verdict for _, audited in results.audits for verdict in audited]
    unread = [p.line for d in results.studies for p in d.problems if p.file == "claims.toml"]
    for finding in unread:
        print(f"problem: {visible(finding)}", file=sys.stderr)
    if not verdicts and not unread and not args.json:
        print("nothing to check: no claims.toml in " + ", ".join(map(str, _folders(args))))
        return 0
    if args.json:
        print(json.dumps([v.row() for v in verdicts], indent=1))
    else:
        from rich.console import Console

        print_verdicts(verdicts, Console())
        for study, _ in results.audits:
            print_todos(answer(study, results.ledger), Console())
    return 1 if failed(verdicts) or unread else 0


def _extract(args: argparse.Namespace) -> int:
    from report.capture.extract import extract
    from report.capture.feature_files import write_features
    from report.cli.terminal import steps
    from report.study.errors import InputError
    from report.study.study import load_study

    study = load_study(args.study)
    out: Path = args.out or study.features_folder
    with steps() as progress:
        features = extract(study, jobs=args.jobs, progress=lambda what, *_: progress(what))
    if not (features.baselines or features.calibrations):
        remedy = "Put the captures into this folder; `python -m report check` says what is wrong."
        raise InputError(study.raw_folder, "", "it holds no captures that can be read", remedy)
    write_features(features, out)
    print(out)
    return 1 if any(not problem.note for problem in features.problems) else 0


def _check(args: argparse.Namespace) -> int:
    from report.capture.check import run
    from report.experiments.claims.reading import faults_of
    from report.pipeline import load

    studies = load(_folders(args))
    faults = {study.id: faults_of(study) for study in studies}
    return run(studies, faults, as_json=args.json)


def _init(args: argparse.Namespace) -> int:
    import datetime as dt

    from report.study.starter import init

    print(init(args.folder, dt.date.today()))
    return 0


def _verify(args: argparse.Namespace) -> int:
    from report.audit.verify import run
    from report.cli.terminal import steps
    from report.study.paths import DATA

    shipped = [path.parent for path in sorted(DATA.glob("*/study.toml"))]
    with steps() as progress:
        return run(_finished(args), [*shipped, *args.study], as_json=args.json, progress=progress)


def _explain(args: argparse.Namespace) -> int:
    from report.audit.explain import explain

    return explain(_finished(args), args.id, as_json=args.json)


def _bundle(args: argparse.Namespace) -> int:
    from report.audit.bundle import bundle

    print(bundle(_finished(args), args.out))
    return 0


def _simulate(args: argparse.Namespace) -> int:
    from report.study.errors import UsageError
    from report.synthetic.simulate import simulate

    if args.folder.exists() and (not args.folder.is_dir() or any(args.folder.iterdir())):
        raise UsageError(f"{args.folder} is not empty; name a new folder")
    try:
        simulate(
            args.folder, models=args.models, questions=args.questions, layers=args.layers,
            hidden=args.hidden, seed=args.seed,
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    print(args.folder)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.
    """
    args = _parser().parse_args(argv)
    os.environ["MPLBACKEND"] = "agg"  # Jupyter names one of its own to every command
    return boundary.run(lambda: int(args.run(args)))
