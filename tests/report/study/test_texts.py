import os

import pytest

from report.study.errors import InputError
from report.study.texts import read_csv, read_text


def test_a_mark_and_windows_line_ends_change_nothing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfmodel,n\r\nx,1\r\n")
    assert list(read_csv(path)) == [{"model": "x", "n": "1"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a".encode("utf-16"), "UTF-16"),
        (b"one\ncaf\xe9", "byte 0xe9 in line 2"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_not_text_in_utf_8_is_named(tmp_path, content, said):
    path = tmp_path / "study.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        read_text(path)
    assert "study.toml" in str(caught.value)


def test_a_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="no regular file"):
        read_text(tmp_path / "pipe.json")


def test_a_column_named_twice_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("model,rho,rho\nx,1,2\n")
    with pytest.raises(InputError, match="two columns have this name"):
        read_csv(tmp_path / "a.csv")
