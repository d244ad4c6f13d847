"""Proving a finished build: hashes, a second path for every statistic, every printed number.

Nothing here uses the code that made the numbers: `report.audit.recompute` is plain numpy and scipy,
and the document is read back from its files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from report.audit.finished import Finished, load_finished
from report.audit.recompute import reading
from report.audit.verify import files, front, numbers, prose
from report.audit.verify.findings import Check, Disagreement
from report.study.texts import visible

__all__ = ["Check", "Disagreement", "Verification", "run", "verify"]

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Verification:
    """All checks of one build."""

    build: Path
    checks: tuple[Check, ...]

    @property
    def disagreements(self) -> list[Disagreement]:
        """What does not agree, in the order of the checks."""
        return [found for check in self.checks for found in check.disagreements]

    def to_json(self) -> str:
        """Serialise for a script."""
        document = {
            "build": self.build.name,
            "agrees": not self.disagreements,
            "checks": [asdict(check) for check in self.checks],
        }
        return json.dumps(document, indent=1)

    def to_text(self) -> str:
        """Write what was checked, how many, and each disagreement with its place."""
        lines: list[str] = []
        for number, check in enumerate(self.checks, start=1):
            counts = ", ".join(f"{n} {what}" for what, n in check.counts.items())
            found = len(check.disagreements)
            lines.append(f"{number}. {check.title}: {f'{found} disagree' if found else 'yes'}")
            lines.append(f"   checked: {counts or 'nothing'}")
            lines += [f"   ✗ {d.place}: {d.problem}" for d in check.disagreements]
            lines += [f"   · {note}" for note in check.notes]
        n = len(self.disagreements)
        said = f"{n} disagreement{'s' * (n != 1)}."
        lines.append(said if n else "Everything agrees.")
        return "\n".join(map(visible, lines))


def verify(
    folder: Path, studies: Sequence[Path] = (), progress: Progress = lambda _: None
) -> Verification:
    """Check a finished build.

    Parameters
    ----------
    folder : Path
        The build, or an unpacked bundle of it.
    studies : sequence of Path
        Study folders in which captures may be found, to hash them again.
    progress : callable
        Called with a few words before each step.

    Raises
    ------
    InputError
        If the folder holds no readable build.
    """
    reading.table.cache_clear()
    build: Finished = load_finished(folder)
    steps: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("hash inputs and outputs", lambda: files.hashes(build, studies)),
        ("recompute every statistic", lambda: numbers.recomputed(build)),
        ("read the document back", lambda: prose.printed(build)),
        ("check p against what gives it", lambda: numbers.consistent(build)),
        ("compare tables and values", lambda: files.derived(build)),
        ("decide the answers anew", lambda: front.answered(build)),
    )
    checks: list[Check] = []
    for words, step in steps:
        progress(words)
        checks.append(step())
    return Verification(folder, tuple(checks))


def run(folder: Path, studies: Sequence[Path], *, as_json: bool, progress: Progress) -> int:
    """Verify and print; return the exit code."""
    result = verify(folder, studies, progress)
    print(result.to_json() if as_json else result.to_text())
    return 1 if result.disagreements else 0
