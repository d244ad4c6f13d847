"""Whatever goes wrong ends with one message that names file and remedy, and an exit code."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from report.cli import boundary, main
from report.study.errors import UsageError
from report.study.paths import DATA

PUBLISHED = str(DATA / "entropy-2026-02")
ENTRY = "generation.mean.sim-01"
CHECK = ("-m", "report", "check", PUBLISHED)
needs_shell = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")


def one_message(text):
    """Return the only line of an error."""
    (line,) = text.strip().splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line
    return line


def raising(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ("space", "--out")),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), ("/x/y", "--out")),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), ("/x/y", "permissions")),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", b"/x/y"), ("/x/y", "--out")),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/x/y"), ("/x/y", "id")),
        (OSError("whatever"), ("whatever",)),
        (MemoryError(), ("memory", "fewer studies")),
        (RecursionError("maximum recursion depth exceeded"), ("nested", "plainer")),
        (UsageError("no \x1b[31m here"), ("no \\x1b[31m here",)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_error_is_one_message(error, words, capsys):
    assert boundary.run(raising(error)) in (1, 2)
    said = one_message(capsys.readouterr().err)
    assert all(word in said for word in words)


def test_an_error_of_ours_is_no_message():
    """What nobody foresaw keeps its traceback."""
    with pytest.raises(ZeroDivisionError):
        boundary.run(raising(ZeroDivisionError()))


def in_shell(line, *command, **variables):
    return subprocess.run(
        ["sh", "-c", line, "sh", sys.executable, *command],
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )


@needs_shell
@pytest.mark.parametrize(
    ("line", "words"),
    [('exec "$@" > /dev/full', "can't be written"), ('exec "$@" >&-', "/dev/null")],
    ids=["full", "closed"],
)
def test_an_output_that_takes_nothing_is_said(line, words):
    if "full" in line and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    done = in_shell(line, *CHECK)
    assert done.returncode == 1
    assert words in one_message(done.stderr)


@needs_shell
def test_nothing_is_said_where_nobody_hears():
    assert in_shell('exec "$@" >&- 2>&-', *CHECK).returncode == 1


@pytest.mark.parametrize(
    "command",
    [
        ("check", PUBLISHED),
        ("check", PUBLISHED, "--json"),
        ("claims", PUBLISHED, "--quick", "--no-cache"),
        ("verify", "{build}"),
        ("explain", ENTRY, "--build", "{build}"),
        ("explain", ENTRY, "--build", "{build}", "--json"),
    ],
    ids=lambda command: f"{command[0]}{' '.join(command[-1:]) if '--json' in command else ''}",
)
def test_an_encoding_without_the_signs_shows_codes(command, small_build, monkeypatch):
    """Windows without UTF-8: what it lacks is shown as a code, and JSON stays JSON."""
    (small_build / "report.qmd").unlink()  # nothing of the document is read then
    shown = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", shown)
    assert main([part.format(build=small_build) for part in command]) in (0, 1)
    text = shown.buffer.getvalue().decode("cp1252")
    assert json.loads(text) if "--json" in command else text


@needs_shell
def test_a_process_that_is_told_to_end_ends_as_with_ctrl_c(tmp_path):
    command = [
        sys.executable,
        "-m",
        "report",
        "build",
        PUBLISHED,
        "--quick",
        "--out",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "manifest.json").exists() and process.poll() is None:
        if tmp_path.exists() and any(tmp_path.glob(".entropy-2026-02.*")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "untouched" in said
    assert "Traceback" not in said


# --- places that can't be written to, files that can't be read -------------------------------


def test_an_out_that_is_a_file_is_named_before_anything_is_computed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("report.pipeline.compute", None)
    (tmp_path / "out").write_text("")
    assert main(["build", PUBLISHED, "--out", str(tmp_path / "out")]) == 1
    said = one_message(capsys.readouterr().err)
    assert str(tmp_path / "out") in said
    assert "--out" in said


def test_an_out_that_may_not_be_written_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    assert main(["build", PUBLISHED, "--out", str(tmp_path)]) == 1
    assert str(tmp_path) in one_message(capsys.readouterr().err)


def test_an_id_that_is_too_long_for_a_folder_is_a_field(
    tmp_path, capsys, write_study, shipped_fields
):
    study = write_study(tmp_path / "study", shipped_fields() | {"id": "x" * 300})
    assert main(["build", str(study), "--out", str(tmp_path / "out")]) == 1
    assert "study.toml: id" in one_message(capsys.readouterr().err)


@pytest.mark.parametrize("name", ["report.html", "_extra/theme.css", "ledger.json"])
@pytest.mark.parametrize("command", ["verify", "bundle", "explain"])
def test_a_file_of_a_stranger_that_is_far_too_large_is_not_read(name, command, small_build, capsys):
    (small_build / name).parent.mkdir(exist_ok=True)
    with (small_build / name).open("ab") as handle:
        handle.truncate(3 * 2**30)  # takes no room on the disk
    named = ["x", "--build", str(small_build)] if command == "explain" else [str(small_build)]
    assert main([command, *named]) == 1
    said = one_message(capsys.readouterr().err)
    assert name.split("/")[-1] in said
    assert "too large" in said


def test_settings_of_matplotlib_in_another_encoding_are_named(tmp_path):
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 3\n", encoding="utf-16")
    ended = subprocess.run(
        [sys.executable, "-m", "report", "figures", PUBLISHED, "--quick", "--only", "layers"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(DATA.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    # Before it stands a line of matplotlib's own.
    assert "matplotlibrc is not UTF-8" in one_message(ended.stderr.splitlines()[-1])


@pytest.mark.parametrize("name", ["axes", "cohorts", "models"])
def test_a_table_that_is_there_twice_is_called_by_its_name(
    name, tmp_path, capsys, write_study, shipped_fields
):
    fields = shipped_fields()
    fields[name].append(
        fields[name][0] | {"name": "Another"} if name == "models" else fields[name][0]
    )
    assert main(["check", str(write_study(tmp_path / "study", fields))]) == 1
    assert f"[[{name}]]" in one_message(capsys.readouterr().err)
