"""What is no picture and no sound, said with code that makes it one: by its type and range, ready to be pasted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from relay_widget.errors import InvalidValueError

from .frame import VideoFrame
from .presentation import MAX_PIXELS, MAX_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHANNELS_FIRST = (1, 3, 4)
_WHITES = (1023, 4095, 16_383, 65_535)
"""Of cameras with 10, 12, 14 and 16 bits."""
_BYTE = 255
_SLACK = 0.5
"""What filters add to a range at either end."""
_SMALL = 8
"""Floats of no more are not of 0 to 255."""
LOUDEST = 64
"""Samples of no more are loud, and clipped; more are those of another scale."""
_MONO, _STEREO = 1, 2
_FULL_SCALES = {8: 128, 16: 32_768, 32: 2_147_483_648, 64: 2_147_483_648}


def check_picture(picture: Any) -> None:
    """Refuse what is no picture: anything but an array of shape (height, width, 3) and dtype uint8.

    Raises:
        InvalidValueError: With the code that makes one of it, for a ``picture`` like this.
    """
    is_array = isinstance(picture, np.ndarray) and picture.dtype == np.uint8
    if not is_array or picture.ndim != 3 or picture.shape[2] != 3:  # noqa: PLR2004
        raise _bad_picture(picture)
    height, width = picture.shape[:2]
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise InvalidValueError(
            "bad-picture",
            f"A picture of {width}x{height} cannot be sent: it must have 1 to {MAX_PIXELS} pixels, "
            f"and no side over {MAX_SIDE}.",
        )


def check_sound(samples: Any, channels: int) -> None:
    """Refuse what is no sound: anything but an array of shape (channels, n) and dtype float32 or float64.

    Raises:
        InvalidValueError: With the code that makes it of ``samples`` like these.
    """
    is_array = isinstance(samples, np.ndarray) and samples.dtype in (np.float32, np.float64)
    if not is_array or samples.ndim != 2 or samples.shape[0] != channels:  # noqa: PLR2004
        raise _bad_sound(samples, channels)
    if not np.isfinite(samples).all():
        raise InvalidValueError(
            "bad-sound",
            "The sound holds values that are no numbers (NaN or infinity): look for what made them, "
            "or use `np.nan_to_num(samples, posinf=0, neginf=0)` to send silence there.",
        )
    loudest = float(np.abs(samples).max(initial=0))
    if loudest > LOUDEST:
        full = next((full for full in _FULL_SCALES.values() if loudest <= full), loudest)
        raise InvalidValueError(
            "bad-sound",
            f"Sound has values of -1 to 1, and these reach {loudest:g}, as whole numbers of sound files do: "
            f"use `samples / {full:.17g}`.",
        )


def check_pictures(source: object) -> None:
    """Refuse what gives no pictures one after the other: one picture, a path, a function that was not called.

    Raises:
        InvalidValueError: ``bad-source``.
    """
    _check_source(source, "frames")
    if _is_cv2_capture(source):
        raise _bad_source(
            "frames gives pictures one after the other, and a VideoCapture does not: publish the file with "
            "publish_file(), or a generator that yields frame[:, :, ::-1] of each (ok, frame) that read() returns."
        )
    if isinstance(source, (list, tuple)):
        array, _ = _array_of(source[1], "") if _is_cv2_pair(source) else (None, "")
    else:
        array, _ = _array_of(source, "")
    if array is not None and _is_one_picture(array):
        raise _bad_source(
            "frames gives pictures one after the other, and this is a single one: use `[picture]` to send it once, or "
            "`itertools.repeat(picture)` for as long as the publication lasts."
        )


def check_sounds(source: object) -> None:
    """Refuse what gives no sound: a path, a rate with its samples, numbers instead of arrays.

    Raises:
        InvalidValueError: ``bad-source``.
    """
    _check_source(source, "audio")
    if isinstance(source, (list, tuple)):
        if len(source) == 2 and min(map(np.ndim, source)) == 0 < max(map(np.ndim, source)):  # noqa: PLR2004
            raise _bad_source(
                "audio is an array or an iterable of arrays, not a rate and samples: publish the file with "
                "publish_file(), or the samples alone, at 48000 Hz."
            )
        if source and np.ndim(source[0]) == 0 and _is_numeric(np.asarray(source)):
            raise _bad_source(
                "audio is an array or an iterable of arrays, not numbers: use "
                "`np.asarray(samples, np.float32)[np.newaxis]`."
            )


def _check_source(source: object, what: str) -> None:
    if isinstance(source, (str, bytes, os.PathLike)):
        given = os.fspath(source)
        raise _bad_source(f"{what} is given as arrays, not as a path: publish a file with publish_file({given!r}).")
    if hasattr(source, "has_video") and hasattr(source, "path"):
        raise _bad_source(f"{what} is given as arrays, not as a file: publish it with publish_file().")
    if callable(source) and not hasattr(source, "__iter__") and not hasattr(source, "__aiter__"):
        name = getattr(source, "__name__", type(source).__name__)
        raise _bad_source(f"{what} is an iterable, not a function: call it, as in publish({name}()).")


def _bad_source(sentence: str) -> InvalidValueError:
    return InvalidValueError("bad-source", sentence)


def _is_one_picture(array: NDArray[Any]) -> bool:
    if array.ndim == 2:  # noqa: PLR2004
        return True
    return array.ndim == 3 and (array.shape[2] in _CHANNELS_FIRST or array.shape[0] in _CHANNELS_FIRST)  # noqa: PLR2004


def _is_cv2_pair(given: Any) -> bool:
    """Whether this is the (ok, frame) that OpenCV's read() returns."""
    return isinstance(given, (list, tuple)) and len(given) == 2 and isinstance(given[0], (bool, np.bool_))  # noqa: PLR2004


def _is_cv2_capture(source: object) -> bool:
    return all(hasattr(source, name) for name in ("read", "grab", "retrieve"))


# -- what it is, as an array, and the code that makes it one --


def _array_of(given: Any, name: str) -> tuple[NDArray[Any] | None, str]:
    """The array that this is or holds, with the code for it; None if it is nothing of the kind."""
    if isinstance(given, np.ndarray):
        return given, name
    if isinstance(given, VideoFrame):
        return given.rgb, f"{name}.rgb"
    if hasattr(given, "convert") and hasattr(given, "getbands"):  # Pillow's
        return np.asarray(given.convert("RGB")), f'np.asarray({name}.convert("RGB"))'
    if hasattr(given, "to_ndarray") and hasattr(given, "pict_type"):  # PyAV's
        return given.to_ndarray(format="rgb24"), f'{name}.to_ndarray(format="rgb24")'
    if hasattr(given, "detach") and hasattr(given, "cpu"):  # PyTorch's
        return given.detach().cpu().numpy(), f"{name}.detach().cpu().numpy()"
    if hasattr(given, "__cuda_array_interface__") and hasattr(given, "get"):  # CuPy's
        return given.get(), f"{name}.get()"
    if hasattr(given, "__array__") or isinstance(given, (list, tuple)):
        try:
            found = np.asarray(given)
        except (ValueError, TypeError):
            return None, name  # rows of different lengths
        return (found, f"np.asarray({name})") if _is_numeric(found) and found.ndim else (None, name)
    return None, name


def _is_numeric(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "buif"


def _range(array: NDArray[Any]) -> tuple[float, float]:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


# -- pictures --


def _bad_picture(picture: Any) -> InvalidValueError:
    if _is_cv2_pair(picture):
        ok, frame = picture
        if not ok or frame is None:
            return _no_picture("an (ok, frame) that holds none", "end the generator when ok is false")
        array, code = _array_of(frame, "picture[1]")
        found = "the (ok, frame) of OpenCV's read(), whose frame is blue first"
        if array is not None and array.ndim == 3 and array.shape[2] >= 3:  # noqa: PLR2004
            code = f"{code}[:, :, 2::-1]"
            array = array[:, :, 2::-1]
    else:
        array, code = _array_of(picture, "picture")
        found = "" if isinstance(picture, np.ndarray) else type(picture).__name__
    if array is None:
        if isinstance(picture, (str, bytes, os.PathLike)):
            return _no_picture(f"{found}", "read the file first, or publish it with publish_file()")
        remedy = "end the generator, or yield no None" if picture is None else "make an array of it"
        return _no_picture(found, remedy)
    told = f"{array.dtype} of shape {array.shape}"
    if array.dtype != np.uint8 and _is_numeric(array):
        low, high = _range(array)
        told = f"{told} with values from {low:g} to {high:g}"
    found = f"{found} ({told})" if found else told
    if not array.size:
        return _no_picture(found, "give one that has pixels")
    shaped = _shaped(array.shape, code)
    scaled = None if shaped is None else _scaled(array, shaped)
    if scaled is None:
        return _no_picture(found, "bring it into that shape" if shaped is None else "bring it to that dtype")
    several = array.ndim == 4 and len(array) > 1  # noqa: PLR2004
    hint = f"these are {len(array)} pictures, of which `{scaled}` is the first: yield each" if several else ""
    return _no_picture(found, hint or f"use `{scaled}`")


def _no_picture(found: str, remedy: str) -> InvalidValueError:
    return InvalidValueError(
        "bad-picture",
        f"A picture is an array of shape (height, width, 3) and dtype uint8, in RGB, not {found}: {remedy}.",
    )


def _shaped(shape: tuple[int, ...], code: str) -> str | None:
    """Code for a shape of (height, width, 3); None where that is anybody's guess."""
    if len(shape) == 4:  # noqa: PLR2004
        shape, code = shape[1:], f"{code}[0]"
    if len(shape) == 2:  # noqa: PLR2004
        return f"np.dstack([{code}] * 3)"
    if len(shape) != 3:  # noqa: PLR2004
        return None
    if shape[0] in _CHANNELS_FIRST and shape[2] not in (*_CHANNELS_FIRST, 2):
        shape, code = (*shape[1:], shape[0]), f"{code}.transpose(1, 2, 0)"
    channels = shape[2]
    if channels == 3:  # noqa: PLR2004
        return code
    if channels < 3:  # noqa: PLR2004 - grey, and grey with alpha
        return f"np.dstack([{code}[:, :, 0]] * 3)"
    return f"{code}[:, :, :3]"


def _scaled(array: NDArray[Any], code: str) -> str | None:
    """Code for values of 0 to 255 in bytes, by what values there are."""
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        return code
    if kind == "b":
        return f"{code}.astype(np.uint8) * 255"
    if not _is_numeric(array):
        return None
    low, high = _range(array)
    if kind == "f":
        if not np.isfinite(array).all():
            code = f"np.nan_to_num({code}, posinf=0, neginf=0)"
        if high <= 1 + _SLACK and low >= -1 - _SLACK:
            bytes_of = f"({code} * 255)" if low >= -_SLACK else f"(({code} + 1) * 127.5)"
            return f"{bytes_of}.clip(0, 255).round().astype(np.uint8)"
        if high <= _SMALL or low < -high / 4:  # no scale that is known
            stretched = f"(({code} - {low:.6g}) / {high - low:.6g} * 255)"
            return f"{stretched}.clip(0, 255).round().astype(np.uint8)"
    elif array.dtype == np.int8 and low < 0:
        return f"{code}.view(np.uint8)"
    elif (low, high) == (0, 1):  # a mask
        return f"{code}.astype(np.uint8) * 255"
    if high <= _BYTE * (1 + _SLACK if kind == "f" else 1):
        whole = f"{code}.clip(0, 255)" if low < 0 or high > _BYTE else code
        return f"{whole}.round().astype(np.uint8)" if kind == "f" else f"{whole}.astype(np.uint8)"
    white = next((most for most in _WHITES if high <= most), high)
    return f"({code} / {white:.17g} * 255).clip(0, 255).round().astype(np.uint8)"


# -- sound --


def _bad_sound(samples: Any, channels: int) -> InvalidValueError:
    array, code = _array_of(samples, "samples")
    found = "" if isinstance(samples, np.ndarray) else type(samples).__name__
    remedy = "give arrays of some samples each"
    if array is not None:
        told = f"{array.dtype} of shape {array.shape}"
        found = f"{found} ({told})" if found else told
        heard = _heard(array, code)
        mixed = None if heard is None else _mixed(array.shape, heard, channels)
        remedy = "bring it into that shape and dtype" if mixed is None else f"use `{mixed}`"
    return InvalidValueError(
        "bad-sound", f"Sound is an array of shape ({channels}, n) and dtype float32, not {found}: {remedy}."
    )


def _heard(array: NDArray[Any], code: str) -> str | None:
    """Code for values of -1 to 1 in floats."""
    kind, bits = array.dtype.kind, 8 * array.dtype.itemsize
    if array.dtype in (np.float32, np.float64):
        return code
    if kind in "bf":
        return f"{code}.astype(np.float32)"
    if kind not in "ui" or not array.size:
        return None
    if kind == "u":
        middle = _FULL_SCALES[bits]
        return f"(({code}.astype(np.float32) - {middle}) / {middle})"
    low, high = _range(array)
    loudest = max(-low, high)
    scales = (full for width, full in _FULL_SCALES.items() if width in (bits, 16) and loudest <= full)
    return f"({code}.astype(np.float32) / {next(scales, loudest):.17g})"


def _mixed(shape: tuple[int, ...], code: str, channels: int) -> str | None:
    """Code for the channels in front, and so many."""
    if len(shape) == 1:
        return f"{code}[np.newaxis]" if channels == _MONO else f"np.stack([{code}] * 2)"
    if len(shape) != 2:  # noqa: PLR2004
        return None
    if shape[0] != channels and (shape[1] == channels or shape[0] > shape[1]):
        shape, code = shape[::-1], f"{code}.T"
    if shape[0] == channels:
        return code
    if channels == _MONO:
        return f"{code}.mean(axis=0, keepdims=True)"
    return f"np.repeat({code}, 2, axis=0)" if shape[0] == _MONO else f"{code}[:{_STEREO}]"
