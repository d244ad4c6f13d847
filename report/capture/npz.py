"""NPZ files, read with care: headers first, nothing pickled, only the arrays asked for."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from report.capture.findings import CaptureError
from report.study.errors import InputError
from report.study.texts import LFS_POINTER, check_regular
from stats.outcome import Reason

_LONGEST_HEADER = 65_536
# A member that unpacks to more than both is no capture: numbers are never packed so tightly.
_LARGE, _TIGHT = 2**28, 500
_LARGEST = 2**36
_COPY_AGAIN = "Copy the file again, or make the capture again."
# What a cut or altered archive raises, from its directory down to its compressed bytes.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError,
           RuntimeError, SyntaxError, MemoryError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """Shape and dtype of a stored array, known without reading it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Headers(dict[str, Header]):
    """Headers by name; asking for an array that can't be used raises what is wrong with it.

    ``unusable`` holds the members that are no arrays or hold objects, with their errors.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unusable: dict[str, CaptureError] = {}

    def get(self, name: str, default: Any = None) -> Any:
        """Return the header, or the default where there is no such member."""
        return self[name] if name in self else default  # noqa: SIM401

    def __contains__(self, name: object) -> bool:
        """Tell whether the array is there and can be used."""
        if isinstance(name, str) and name in self.unusable:
            raise self.unusable[name]
        return super().__contains__(name)


@contextmanager
def _damage(path: Path, field: str = "") -> Generator[None]:
    try:
        yield
    except CaptureError:
        raise
    except _DAMAGE as error:
        raise CaptureError(path, field, f"can't be read ({error})", _COPY_AGAIN) from error


def _read_header(member: IO[bytes]) -> tuple[Header, int]:
    """Return a header and its length; no more than ``_LONGEST_HEADER`` bytes are unpacked."""
    stream = io.BytesIO(member.read(_LONGEST_HEADER))
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(stream)
    else:
        raise ValueError(f"NPY version {version} is not one that the capture writers use")
    return Header(shape, dtype), stream.tell()


def _check_kind(path: Path) -> None:
    try:
        check_regular(path)
        with path.open("rb") as handle:
            start = handle.read(len(LFS_POINTER))
    except InputError as error:
        raise CaptureError(path, "", error.problem, error.remedy) from error
    except OSError as error:
        raise CaptureError(path, "", f"can't be read ({error})", _COPY_AGAIN) from error
    if start == LFS_POINTER:
        raise CaptureError(
            path, "", "is a Git LFS pointer, not the file itself", "Run `git lfs pull`."
        )


def _check_size(path: Path, name: str, member: zipfile.ZipInfo) -> None:
    """Refuse what unpacks to far more than it should, before anything is unpacked."""
    tight = member.file_size > _TIGHT * max(member.compress_size, 1)
    if member.file_size > _LARGEST or (member.file_size > _LARGE and tight):
        raise CaptureError(
            path, name, f"would unpack {member.compress_size} bytes to {member.file_size}",
            "No capture is like this: make the file again.",
        )  # fmt: skip


def read_headers(path: Path) -> Headers:
    """Read the headers of all arrays and check them against the archive's directory.

    Parameters
    ----------
    path : Path
        An NPZ file.

    Returns
    -------
    Headers

    Raises
    ------
    CaptureError
        If the file is no archive, is cut or altered, unpacks to an absurd size, or holds an array
        shorter than its header says. Members that are no arrays, or hold pickled objects, are
        never opened: they stand in ``unusable``.
    """
    _check_kind(path)
    headers = Headers()
    with _damage(path), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            _check_size(path, name, member)
            with _damage(path, name), archive.open(member) as stream:
                if stream.read(len(npy.MAGIC_PREFIX)) != npy.MAGIC_PREFIX:
                    headers.unusable[name] = CaptureError(
                        path, name, "is no array", "Leave it out, or store it as an array."
                    )
                    continue
            try:
                with _damage(path, name), archive.open(member) as stream:
                    header, length = _read_header(stream)
            except CaptureError as error:
                headers.unusable[name] = error
                continue
            if header.dtype.hasobject:
                headers.unusable[name] = CaptureError(
                    path, name, "holds pickled Python objects, which are never opened",
                    "Store the array with a numeric dtype and make the file again.",
                )  # fmt: skip
                continue
            expected = length + math.prod(header.shape) * header.dtype.itemsize
            if member.file_size != expected:
                raise CaptureError(
                    path, name,
                    f"has {member.file_size} bytes where its header asks for {expected}",
                    _COPY_AGAIN,
                )  # fmt: skip
            headers[name] = header
    return headers


def read_array(path: Path, name: str) -> NDArray[Any]:
    """Read one array of an NPZ file whose headers have been checked.

    Raises
    ------
    CaptureError
        If its bytes are damaged.
    """
    with _damage(path, name), np.load(path, allow_pickle=False) as archive:
        return archive[name]


def read_floats(path: Path, name: str, headers: Mapping[str, Header], ndim: int) -> NDArray[Any]:
    """Read an array that must hold floating-point numbers in ``ndim`` dimensions.

    Raises
    ------
    CaptureError
        If it is absent, damaged, or has another dtype or number of dimensions.
    """
    header = headers.get(name)
    if header is None:
        raise CaptureError(
            path, name, "is not in the file", "Make the capture with this array.",
            Reason.MISSING_CAPTURE,
        )  # fmt: skip
    if header.dtype.itemsize == 2 and header.dtype.kind in "Vu":
        raise CaptureError(
            path, name, f"is {header.dtype}: it looks like bfloat16, which NumPy does not know",
            "Save it as float32.",
        )  # fmt: skip
    if header.dtype.kind != "f" or len(header.shape) != ndim:
        raise CaptureError(
            path, name,
            f"is {header.dtype} of shape {header.shape}, not floats in {ndim} dimensions",
            "Make the capture again in the documented layout.",
        )  # fmt: skip
    return read_array(path, name)


def describe(headers: Mapping[str, Header]) -> dict[str, dict[str, object]]:
    """Return shapes and dtypes in a form that JSON can hold."""
    return {name: {"shape": list(h.shape), "dtype": str(h.dtype)} for name, h in headers.items()}
