"""Where builds lie: a build is put in place whole, and the one before it is not lost."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from report.study.errors import UsageError

_OLD = "old"


def last_of(build: Path) -> Path:
    """Return where the build before is kept: what `report diff` reads of it."""
    return build.parent / ".last" / build.name


def found_again(build: Path) -> Path:
    """Put a build back that was moved aside for a new one which never came, and return its place.

    This happens where a process is killed between two renames.
    """
    if not build.exists() and _aside(build):
        with contextlib.suppress(Timeout), _lock(build).acquire(timeout=0):
            _put_back(build)
    return build


def _lock(build: Path) -> FileLock:
    return FileLock(build.parent / f".{build.name}.lock")


def _aside(build: Path) -> list[Path]:
    return sorted(build.parent.glob(f".{build.name}.{_OLD}.*/build"))


def _put_back(build: Path) -> None:
    aside = _aside(build)
    if aside and not build.exists():
        aside[0].rename(build)
        aside[0].parent.rmdir()


def all_in(out: Path) -> list[Path]:
    """Return the finished builds in a folder."""
    for aside in out.glob(f".*.{_OLD}.*/build"):
        found_again(out / aside.parent.name[1:].partition(".")[0])
    return sorted(path.parent for path in out.glob("[!.]*/manifest.json"))


def check_place(target: Path) -> None:
    """Refuse to replace what is no build (a study in a folder of its own name, say).

    Raises
    ------
    UsageError
        If there is something in the build's place that no build wrote.
    OSError
        If nothing can be written there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target.parent))
    there = target.is_symlink() or target.exists()
    if there and not (target.is_dir() and _is_build_or_empty(target)):
        raise UsageError(
            f"the build would replace {target}, which is no build. Name another folder with --out."
        )


def _is_build_or_empty(folder: Path) -> bool:
    return (folder / "manifest.json").is_file() or not any(folder.iterdir())


@contextmanager
def replacing(target: Path, progress: Callable[[str], None]) -> Generator[Path]:
    """Give a folder to write in, and put it in ``target``'s place when all went well.

    After a failure the unfinished folder is left beside the last good build as
    ``<name>.failed``: the ledger in it is complete, and the renderer's input can be looked at.
    Whoever builds the same at the same time waits for the first.

    Parameters
    ----------
    target : Path
    progress : callable
        Told when another build is waited for.
    """
    check_place(target)
    lock = _lock(target)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"wait for another build of {target.name}")
        lock.acquire()
    try:
        _put_back(target)
        for left in target.parent.glob(f".{target.name}.*"):  # by builds that were killed
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        yield from _written(target)
    finally:
        lock.release()


def _written(target: Path) -> Generator[Path]:
    failed = target.with_name(f"{target.name}.failed")
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    work.chmod(0o755)
    try:
        yield work
    except BaseException:
        shutil.rmtree(failed, ignore_errors=True)
        work.rename(failed)
        raise
    shutil.rmtree(failed, ignore_errors=True)
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.{_OLD}.", dir=target.parent))
        target.rename(old / "build")
        try:
            work.rename(target)
        except BaseException:
            _put_back(target)
            raise
        shutil.rmtree(old)
    else:
        work.rename(target)
