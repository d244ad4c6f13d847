"""Running other programs: a list of arguments, no shell, nothing to read, a limit of time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from report.study.errors import RenderError


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it wrote."""

    code: int
    output: bytes
    errors: str


def run(
    command: Sequence[str | Path],
    *,
    seconds: float,
    given: bytes = b"",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run a program to its end.

    Parameters
    ----------
    command : sequence of str or Path
        The program and its arguments.
    seconds : float
        How long it may take. After that it is ended, with all that it started.
    given : bytes
        What it reads on its standard input.
    folder : Path, optional
        Where it runs.
    environment : mapping, optional
        Variables to set beside those of this process.

    Raises
    ------
    RenderError
        If it has not ended in time.
    OSError
        If it can't be started.
    """
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(given, timeout=seconds)
    except BaseException as error:
        _end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            called = " ".join([str(command[0]), *(str(part) for part in command[1:2])])
            raise RenderError(
                f"{called} had not ended after {seconds:g} seconds and was stopped. Run it by hand "
                "to see what it waits for."
            ) from error
        raise
    return Ended(process.returncode, output, errors.decode("utf-8", "replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started: it leads a group of its own.

    Interrupted, `communicate` waits for a moment: the program may have ended by then.
    """
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
