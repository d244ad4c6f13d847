"""Where whatever goes wrong becomes one message, with the file and a remedy, and an exit code."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable

_ELSEWHERE = "Name another folder with --out."
_REMEDIES = {
    errno.ENOSPC: "Free some space on the disk, or write elsewhere with --out.",
    errno.EDQUOT: "Free some of your quota, or write elsewhere with --out.",
    errno.EACCES: "Change its permissions, or write elsewhere with --out.",
    errno.EPERM: "Change its permissions, or write elsewhere with --out.",
    errno.EROFS: "Write elsewhere with --out.",
    errno.ENAMETOOLONG: "Shorten the id in study.toml, or the path.",
    errno.EEXIST: _ELSEWHERE,
    errno.ENOTDIR: _ELSEWHERE,
    errno.EISDIR: "Name a file.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
}


def run(command: Callable[[], int]) -> int:
    """Run a command and return its exit code; nothing but a bug of ours ends in a traceback.

    A process that is told to end (SIGTERM) ends as with Ctrl-C.
    """
    if sys.stdout is None or sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]
        return _closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal's encoding lacks, as codes
            stream.reconfigure(errors="backslashreplace")
    here = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if here else None
    try:
        return _run(command)
    finally:
        if here:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _closed() -> int:
    """Say that there is nowhere to write to, if that can be said."""
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        print(
            "error: the standard output is closed. Send it to a file, or to /dev/null.",
            file=sys.stderr,
        )
    return 1


def _run(command: Callable[[], int]) -> int:
    from report.study.errors import InputError, ReportError

    try:
        code = command()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads, `head` say, has seen enough
        _drop_output()
        return 1
    except ReportError as error:
        _say(str(error))
        missing = isinstance(error, InputError) and not error.path.exists()
        return 3 if missing else error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the last finished build is untouched", file=sys.stderr)
        return 130
    except OSError as error:
        _say(_of_system(error))
        return 1
    except UnicodeDecodeError as error:  # of a file that a library reads: ours name themselves
        which = _read_by_matplotlib(error) or "a file of a library"
        _say(f"{which} is not UTF-8 ({error.reason}). Save it as UTF-8, or put it elsewhere.")
        return 1
    except MemoryError:
        _say("there is not enough memory. Close other programs, or build fewer studies at once.")
        return 1
    except RecursionError:
        _say(
            "a text is nested too deeply (quotes, lists or brackets, thousands of them) in "
            "study.toml, claims.toml, a capture or a build. Make it plainer."
        )
        return 1


def _say(message: str) -> None:
    from report.study.texts import visible

    print(f"error: {visible(message)}", file=sys.stderr)


def _read_by_matplotlib(error: UnicodeDecodeError) -> str:
    """Return the settings file that matplotlib was reading, ``""`` if it was another file."""
    frame = error.__traceback__
    while frame is not None:
        name = frame.tb_frame.f_locals.get("fname")
        if frame.tb_frame.f_globals.get("__name__") == "matplotlib" and name is not None:
            return str(name)
        frame = frame.tb_next
    return ""


def _of_system(error: OSError) -> str:
    """Say what the system refused: of which file, and what can be done."""
    try:
        if error.filename is None:  # of a file or of the output?
            print(flush=True)
    except OSError as own:
        _drop_output()
        return f"the output can't be written ({own.strerror}). Send it elsewhere."
    what = error.strerror or str(error)
    place = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    remedy = _REMEDIES.get(error.errno or 0, "Look whether the file is there and can be used.")
    return f"{place}{what}. {remedy}"


def _drop_output() -> None:
    """Keep the interpreter from writing what is left when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
