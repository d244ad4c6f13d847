"""The commands for authors of a paper."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[[str, str, Callable[[Any], int]], argparse.ArgumentParser]

SHOWN = 12  # lines of one kind of change that a terminal gets


def add(command: Command) -> None:
    """Add the commands to the parser."""
    diff = command("diff", "say what changed between two builds, and why", _diff)
    diff.add_argument("old", type=Path, metavar="OLD", help="a finished build")
    diff.add_argument(
        "new",
        type=Path,
        nargs="?",
        metavar="NEW",
        help="another one (OLD, and its last build is the old one)",
    )
    diff.add_argument("--html", type=Path, metavar="FILE", help="write a page of HTML, too")
    diff.add_argument("--all", action="store_true", help="print every change")
    diff.add_argument("--json", action="store_true", help="print JSON")


def _diff(args: argparse.Namespace) -> int:
    from report.audit.diff import run
    from report.document.place import found_again, last_of

    new = found_again(args.new or args.old)
    old = found_again(args.old) if args.new else last_of(args.old)
    return run(old, new, as_json=args.json, page=args.html, most=10**9 if args.all else SHOWN)
