"""Opens files and bytes to read, with every version of PyAV that may be installed."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any

import av

if TYPE_CHECKING:
    from collections.abc import Mapping


def open_input(
    source: str | io.BytesIO, *, container_format: str | None = None, options: Mapping[str, str] = {}
) -> Any:
    """Open media to read.

    Words in it, as a title, that are no UTF-8 are no error.

    Args:
        source: FFmpeg's address of a file, or the bytes.
        container_format: FFmpeg's name of the container; None where the bytes tell.
        options: FFmpeg's, of the container alone.

    Returns:
        PyAV's input container, which is to be closed.

    Raises:
        av.FFmpegError: It cannot be read.
        OSError: The file cannot be opened.
    """
    extra = {"metadata_errors": "replace"} if _asks_about_metadata() else {}
    # As `options`, which go to the streams, too, PyAV up to 16 crashes.
    return av.open(source, "r", format=container_format, container_options=dict(options), **extra)  # type: ignore[call-overload]


@functools.cache
def _asks_about_metadata() -> bool:
    """Whether this PyAV wants to be told what to do about such words; since 19 it replaces letters by itself."""
    try:
        av.open(io.BytesIO(), "r", metadata_errors="replace")
    except TypeError:
        return False
    except av.FFmpegError:
        pass  # there is nothing to read
    return True
