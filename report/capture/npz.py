"""NPZ files, read with care: headers first, nothing pickled, only the arrays asked for."""

from __future__ import annotations

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
from stats.outcome import Reason

_COPY_AGAIN = "Copy the file again, or make the capture again."
# What a cut or altered archive raises, from its directory down to its compressed bytes.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError)


@dataclass(frozen=True, slots=True)
class Header:
    """Shape and dtype of a stored array, known without reading it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@contextmanager
def _damage(path: Path, field: str = "") -> Generator[None]:
    try:
        yield
    except CaptureError:
        raise
    except _DAMAGE as error:
        raise CaptureError(path, field, f"can't be read ({error})", _COPY_AGAIN) from error


def _read_header(stream: IO[bytes]) -> Header:
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(stream)
    else:
        raise ValueError(f"NPY version {version} is not one that the capture writers use")
    return Header(shape, dtype)


def read_headers(path: Path) -> Mapping[str, Header]:
    """Read the headers of all arrays and check them against the archive's directory.

    Parameters
    ----------
    path : Path
        An NPZ file.

    Returns
    -------
    mapping of str to Header

    Raises
    ------
    CaptureError
        If the archive is cut or altered, an array is shorter than its header says, or an array
        holds pickled objects: such a file is refused as a whole, since unpickling runs code.
    """
    headers: dict[str, Header] = {}
    with _damage(path), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            with _damage(path, name), archive.open(member) as stream:
                header = _read_header(stream)
                if header.dtype.hasobject:
                    raise CaptureError(
                        path, name, "holds pickled Python objects, so the file is refused",
                        "Store the array with a numeric dtype and make the file again.",
                    )  # fmt: skip
                expected = stream.tell() + int(np.prod(header.shape)) * header.dtype.itemsize
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
