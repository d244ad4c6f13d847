from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest

from report.capture.findings import CaptureError
from report.capture.npz import describe, read_array, read_floats, read_headers
from stats.outcome import Reason


def test_headers_say_shapes_and_dtypes_without_reading(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros((3, 4), np.float16), names=np.array(["a", "bc"]), s=1.5)
    assert describe(read_headers(path)) == {
        "x": {"shape": [3, 4], "dtype": "float16"},
        "names": {"shape": [2], "dtype": "<U2"},
        "s": {"shape": [], "dtype": "float64"},
    }
    assert read_array(path, "names").tolist() == ["a", "bc"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_cut_file_is_refused_with_a_remedy(tmp_path, share):
    path = tmp_path / "cut.npz"
    np.savez(path, x=np.arange(1000.0))
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CaptureError, match="Copy the file again") as caught:
        read_headers(path)
    assert caught.value.reason is Reason.DAMAGED_FILE


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_altered_bytes_are_found_when_the_array_is_read(tmp_path, save):
    path = tmp_path / "altered.npz"
    save(path, x=np.random.default_rng(1).random(4000))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(CaptureError, match="x: can't be read"):
        read_floats(path, "x", read_headers(path), ndim=1)


def test_a_pickle_is_never_opened(tmp_path):
    path = tmp_path / "pickled.npz"
    np.savez(path, fine=np.zeros(3), bad=np.array([{}, None], dtype=object))
    headers = read_headers(path)
    assert list(headers) == ["fine"]
    with pytest.raises(CaptureError, match="bad: holds pickled Python objects"):
        read_floats(path, "bad", headers, ndim=1)
    with pytest.raises(CaptureError):
        read_array(path, "bad")


def test_an_array_shorter_than_its_header_is_refused(tmp_path):
    path = tmp_path / "short.npz"
    np.savez(path, x=np.arange(100.0))
    with zipfile.ZipFile(path) as archive:
        member = archive.read("x.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member[:-80])
    with pytest.raises(CaptureError, match="where its header asks for"):
        read_headers(path)


def test_what_is_no_array_is_not_opened(tmp_path):
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    headers = read_headers(path)
    assert not headers
    assert list(headers.unusable) == ["notes.txt"]


@pytest.mark.parametrize("array", [np.zeros((2, 2), int), np.zeros(4), np.zeros((2, 2), complex)])
def test_only_floats_in_the_right_dimensions_are_taken(tmp_path, array):
    path = tmp_path / "a.npz"
    np.savez(path, x=array)
    with pytest.raises(CaptureError, match="not floats in 2 dimensions"):
        read_floats(path, "x", read_headers(path), ndim=2)
    with pytest.raises(CaptureError, match="is not in the file"):
        read_floats(path, "y", read_headers(path), ndim=2)


def test_a_member_that_unpacks_to_far_too_much_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w") as stream,
    ):
        for _ in range(300):
            stream.write(bytes(2**20))
    with pytest.raises(CaptureError, match="would unpack"):
        read_headers(path)


def test_a_pipe_and_a_pointer_are_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(CaptureError, match="no regular file"):
        read_headers(tmp_path / "pipe.npz")
    (tmp_path / "lfs.npz").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CaptureError, match="git lfs pull"):
        read_headers(tmp_path / "lfs.npz")


def test_bfloat16_is_recognised(tmp_path):
    path = tmp_path / "b.npz"
    np.savez(path, x=np.zeros((2, 2), np.uint16))
    with pytest.raises(CaptureError, match="Save it as float32"):
        read_floats(path, "x", read_headers(path), ndim=2)
