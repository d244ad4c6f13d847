import subprocess
import sys

import pytest

from report.cli import main

COMMANDS = ("build", "tables", "figures", "values", "check", "simulate")


def test_help_names_every_command_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    text = capsys.readouterr().out
    assert stopped.value.code == 0
    assert all(command in text for command in COMMANDS)
    assert "exit codes" in text


def test_help_imports_no_heavy_library():
    code = (
        "import sys; from report.cli import _parser; _parser().format_help(); "
        "print([m for m in ('numpy', 'scipy', 'matplotlib', 'pydantic', 'rich', 'jinja2')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_study_is_named_with_its_remedy(tmp_path, capsys):
    assert main(["build", str(tmp_path), "--out", str(tmp_path / "out")]) == 3
    assert "study.toml" in capsys.readouterr().err


def test_a_wrong_field_is_named(tmp_path, capsys):
    (tmp_path / "study.toml").write_text('id = "x"\ncolour = "red"\n')
    assert main(["check", str(tmp_path)]) == 1
    assert "study.toml: " in capsys.readouterr().err


def test_an_unknown_format_is_wrong_use(tmp_path, capsys):
    assert main(["build", "--to", "papyrus", "--out", str(tmp_path)]) == 2
    assert "papyrus" in capsys.readouterr().err


def test_a_wrong_command_is_wrong_use():
    with pytest.raises(SystemExit) as stopped:
        main(["publish"])
    assert stopped.value.code == 2
