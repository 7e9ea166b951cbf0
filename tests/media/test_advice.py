"""Advice is pasted, as users paste it: what comes of it is a picture, or sound, and looks and sounds as meant."""

from __future__ import annotations

import itertools
import re
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from relay_widget.errors import InvalidValueError
from relay_widget.media.advice import check_picture, check_pictures, check_sound, check_sounds
from relay_widget.media.encode import AudioEncoder, VideoEncoder, check_fps
from relay_widget.media.files import MediaFile
from relay_widget.media.frame import VideoFrame

from . import vectors

RAMP = np.arange(0, 240, dtype=np.uint8).reshape(8, 10, 3)
"""A picture, 8 high and 10 wide, of all kinds of bytes."""
GREY = RAMP[:, :, 0]


def refused(check: Any, *arguments: Any) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as caught:
        check(*arguments)
    return caught.value


def pasted(error: InvalidValueError, **names: Any) -> Any:
    """What the code in a message makes of what was refused."""
    (code,) = re.findall("`(.*)`", error.message)
    return eval(code, {"np": np, "itertools": itertools, **names})  # noqa: S307 - what a user would do


def advised(picture: Any) -> Any:
    error = refused(check_picture, picture)
    assert error.code == "bad-picture"
    made = pasted(error, picture=picture)
    check_picture(made)
    assert VideoEncoder(fps=30).encode(made, 0)
    return made


def is_named(check: Any, source: Any, sentence: str) -> None:
    error = refused(check, source)
    assert error.code == "bad-source"
    assert re.search(sentence, error.message)


class TestPictures:
    @pytest.mark.parametrize(
        "dtype", [np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float16, np.float32, float]
    )
    def test_of_0_to_255_stay_as_bright_as_they_are(self, dtype: Any) -> None:
        np.testing.assert_array_equal(advised(RAMP.astype(dtype)), RAMP)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_of_0_to_1_become_bytes(self, dtype: Any) -> None:
        np.testing.assert_allclose(advised((RAMP / 255).astype(dtype)), RAMP, atol=1)

    def test_of_minus_1_to_1_become_bytes(self) -> None:
        np.testing.assert_allclose(advised(RAMP / 127.5 - 1), RAMP, atol=1)

    @pytest.mark.parametrize(
        ("white", "dtype"),
        [(1023, np.uint16), (4095, np.uint16), (65_535, np.uint16), (65_535, np.int32), (65_535, float)],
    )
    def test_of_more_bits_become_bytes(self, white: int, dtype: Any) -> None:
        many = (RAMP / 255 * white).round().astype(dtype)
        np.testing.assert_allclose(advised(many), RAMP, atol=1)

    def test_of_true_and_false_are_black_and_white(self) -> None:
        for mask in (RAMP > 100, (RAMP > 100).astype(np.int64), (RAMP > 100).astype(np.int8)):
            np.testing.assert_array_equal(advised(mask), np.where(RAMP > 100, 255, 0))

    def test_of_bytes_that_were_taken_for_signed(self) -> None:
        np.testing.assert_array_equal(advised(RAMP.view(np.int8)), RAMP)

    def test_that_overshoot_are_clipped(self) -> None:
        rung = RAMP.astype(np.int32) * 2 - 20
        rung[rung > 255] = 255
        np.testing.assert_array_equal(advised(rung), rung.clip(0, 255))
        np.testing.assert_allclose(advised(RAMP / 255 * 1.2 - 0.1), (RAMP * 1.2 - 25.5).clip(0, 255), atol=1)
        np.testing.assert_allclose(advised(RAMP * 1.3 - 9), (RAMP * 1.3 - 9).clip(0, 255), atol=1)

    def test_that_a_network_was_given_are_stretched(self) -> None:
        """Less their mean, by their spread: near black, were they taken for 0 to 255."""
        made = advised((RAMP / 255 - 0.45) / 0.225)
        assert (made.min(), made.max()) == (0, 255)

    def test_with_holes_have_black_there(self) -> None:
        holed = RAMP / 255
        holed[0, 0], holed[1, 1] = np.nan, np.inf
        made = advised(holed)
        assert not made[0, 0].any()
        np.testing.assert_allclose(made[2:], RAMP[2:], atol=1)

    @pytest.mark.parametrize(
        ("picture", "meant"),
        [
            (GREY, np.dstack([GREY] * 3)),
            (GREY[:, :, None], np.dstack([GREY] * 3)),
            (GREY[None], np.dstack([GREY] * 3)),
            (np.dstack([GREY, GREY]), np.dstack([GREY] * 3)),
            (np.dstack([RAMP, GREY]), RAMP),
            (RAMP.transpose(2, 0, 1), RAMP),
            (np.dstack([RAMP, GREY]).transpose(2, 0, 1), RAMP),
            (RAMP[None], RAMP),
            (RAMP.transpose(2, 0, 1)[None].astype(np.float32) / 255, RAMP),
            (GREY.astype(np.int64), np.dstack([GREY] * 3)),
            (np.dstack([RAMP, GREY]) / 255, RAMP),
            (RAMP.tolist(), RAMP),
            ((RAMP / 255).tolist(), RAMP),
            (Image.fromarray(RAMP), RAMP),
            (Image.fromarray(np.dstack([RAMP, GREY])), RAMP),
            (Image.fromarray(GREY), np.dstack([GREY] * 3)),
            (av.VideoFrame.from_ndarray(np.ascontiguousarray(RAMP), format="rgb24"), RAMP),
            ((True, RAMP), RAMP[:, :, ::-1]),
            ((True, GREY), np.dstack([GREY] * 3)),
            ([True, RAMP], RAMP[:, :, ::-1]),
        ],
        ids=lambda value: getattr(value, "shape", type(value).__name__),
    )
    def test_of_another_shape_or_kind(self, picture: Any, meant: Any) -> None:
        np.testing.assert_allclose(advised(picture), meant, atol=1)

    def test_of_our_own_kind(self) -> None:
        frame = VideoFrame(av.VideoFrame.from_ndarray(np.ascontiguousarray(RAMP), format="rgb24"), media_ms=0)
        np.testing.assert_array_equal(advised(frame), RAMP)

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            (None, "not NoneType: end the generator, or yield no None"),
            ((False, None), "end the generator when ok is false"),
            ("clip.mp4", r"publish it with publish_file\(\)"),
            (np.zeros(5, np.uint8), "bring it into that shape"),
            (np.zeros((8, 10, 3), complex), "bring it to that dtype"),
            (np.array([[["a"] * 3]]), "bring it to that dtype"),
            (np.zeros((2, 8, 10, 3), np.uint8), r"of which `picture\[0\]` is the first: yield each"),
            (np.zeros((0, 0)), "give one that has pixels"),
            (object(), "make an array of it"),
            ([[1, 2], [3]], "make an array of it"),
            (5, "make an array of it"),
        ],
    )
    def test_that_nothing_can_be_made_of_by_code_say_so(self, wrong: Any, sentence: str) -> None:
        assert re.search(sentence, refused(check_picture, wrong).message)

    @given(
        arrays.arrays(
            dtype=st.one_of(
                arrays.boolean_dtypes(),
                arrays.integer_dtypes(),
                arrays.unsigned_integer_dtypes(),
                arrays.floating_dtypes(),
            ),
            shape=arrays.array_shapes(min_dims=2, max_dims=4, max_side=6),
        )
    )
    @pytest.mark.filterwarnings("ignore::RuntimeWarning")
    def test_whatever_array_it_is_code_that_is_advised_works(self, picture: Any) -> None:
        try:
            check_picture(picture)
        except InvalidValueError as error:
            if "`" in error.message:
                check_picture(pasted(error, picture=picture))


def heard(samples: Any, channels: int = 1) -> Any:
    error = refused(check_sound, samples, channels)
    assert error.code == "bad-sound"
    made = pasted(error, samples=samples)
    check_sound(made, channels)
    assert AudioEncoder(channels=channels).encode(made, 0) is not None
    return made


TONE = (0.5 * np.sin(np.arange(480) / 10)).astype(np.float32)


class TestSound:
    @pytest.mark.parametrize(
        ("dtype", "full"),
        [
            (np.int8, 127),
            (np.int16, 32_767),
            (np.int32, 32_767),
            (np.int32, 2**31 - 1),
            (np.int64, 32_767),
            (np.int64, 2**31 - 1),
        ],
    )
    def test_of_whole_numbers(self, dtype: Any, full: int) -> None:
        np.testing.assert_allclose(heard((TONE * 2.0 * full).astype(dtype)), TONE[None] * 2, atol=0.02)

    @pytest.mark.parametrize(("dtype", "middle"), [(np.uint8, 128), (np.uint16, 32_768)])
    def test_of_whole_numbers_around_a_middle(self, dtype: Any, middle: int) -> None:
        samples = (TONE * (middle - 1) + middle).astype(dtype)
        np.testing.assert_allclose(heard(samples), TONE[None], atol=0.02)

    @pytest.mark.parametrize(
        ("samples", "channels", "meant"),
        [
            (TONE, 1, TONE[None]),
            (TONE, 2, np.stack([TONE, TONE])),
            (TONE[:, None], 1, TONE[None]),
            (np.stack([TONE, TONE], axis=1), 2, np.stack([TONE, TONE])),
            (np.stack([TONE, TONE]), 1, TONE[None]),
            (np.stack([TONE, TONE], axis=1), 1, TONE[None]),
            (np.stack([TONE] * 6, axis=1), 1, TONE[None]),
            (np.stack([TONE] * 6), 2, np.stack([TONE, TONE])),
            (TONE[None], 2, np.stack([TONE, TONE])),
            (TONE.tolist(), 1, TONE[None]),
            (TONE.astype(np.float16)[None], 1, TONE[None]),
            ((TONE * 32_767).astype(np.int16), 2, np.stack([TONE, TONE])),
        ],
        ids=lambda value: str(getattr(value, "shape", value if isinstance(value, int) else type(value).__name__)),
    )
    def test_of_another_shape_or_kind(self, samples: Any, channels: int, meant: Any) -> None:
        np.testing.assert_allclose(heard(samples, channels), meant, atol=0.01)

    @pytest.mark.parametrize("full", [128, 32_768, 2**31])
    def test_of_whole_numbers_in_floats(self, full: int) -> None:
        np.testing.assert_allclose(heard(TONE[None] * np.float32(2 * full - 1)), TONE[None] * 2, atol=0.02)

    def test_that_is_only_loud_is_taken(self) -> None:
        check_sound(TONE[None] * 20, 1)

    def test_with_holes_is_silent_there(self) -> None:
        holed = TONE[None].copy()
        holed[0, :2] = np.nan, np.inf
        assert not pasted(refused(check_sound, holed, 1), samples=holed)[0, :2].any()

    @pytest.mark.parametrize("wrong", [None, 5, "tone.wav", np.zeros((2, 2, 2), np.float32), np.zeros((1, 4), complex)])
    def test_that_nothing_can_be_made_of_by_code_says_so(self, wrong: Any) -> None:
        assert "Sound is an array of shape (1, n)" in refused(check_sound, wrong, 1).message


class Capture:
    """Stands in for cv2.VideoCapture: what it has, and that it is no iterable."""

    def read(self) -> tuple[bool, Any]:
        return False, None

    grab = retrieve = read


class TestSources:
    @pytest.mark.parametrize("picture", [RAMP, GREY, RAMP.transpose(2, 0, 1), RAMP / 255, Image.fromarray(RAMP)])
    def test_one_picture_is_no_list_and_is_told_how_to_be_one(self, picture: Any) -> None:
        error = refused(check_pictures, picture)
        assert error.code == "bad-source"
        once, still = (
            pasted(InvalidValueError("", f"`{code}`"), picture=picture) for code in re.findall("`(.*?)`", error.message)
        )
        assert once[0] is next(still) is picture
        check_pictures(once)
        check_pictures(still)

    @pytest.mark.parametrize(
        "source",
        [[RAMP], (RAMP, RAMP), np.stack([RAMP, RAMP]), np.zeros((9, 8, 10)), iter([RAMP]), (one for one in [RAMP])],
    )
    def test_what_gives_pictures_is_taken(self, source: Any) -> None:
        check_pictures(source)

    @pytest.mark.parametrize(
        ("source", "sentence"),
        [
            ("clip.mp4", r"publish_file\('clip.mp4'\)"),
            (vectors.path("opus"), r"publish_file\('/"),
            (b"clip.mp4", "publish_file"),
            (MediaFile(vectors.path("opus")), r"publish it with publish_file\(\)"),
            (Capture(), r"frame\[:, :, ::-1\]"),
            ((True, RAMP), "a single one"),
            (lambda: iter([RAMP]), r"publish\(<lambda>\(\)\)"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_no_source_of_pictures_is_named(self, source: Any, sentence: str) -> None:
        is_named(check_pictures, source, sentence)

    @pytest.mark.parametrize(
        ("source", "sentence"),
        [
            ("tone.wav", r"publish_file\('tone.wav'\)"),
            ((48_000, TONE), "the samples alone"),
            ((TONE, 48_000), "the samples alone"),
            (TONE.tolist(), r"np\.asarray\(samples, np\.float32\)\[np\.newaxis\]"),
            (lambda: [TONE], "call it"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_no_source_of_sound_is_named(self, source: Any, sentence: str) -> None:
        is_named(check_sounds, source, sentence)

    @pytest.mark.parametrize(
        "source", [TONE, TONE[None], [TONE[None]], (TONE[None], TONE[None]), iter([TONE[None]]), []]
    )
    def test_what_gives_sound_is_taken(self, source: Any) -> None:
        check_sounds(source)


@pytest.mark.parametrize("fps", [np.int64(30), np.float32(29.97), 30, 29.97])
def test_a_number_is_a_number_whoever_counted(fps: Any) -> None:
    assert check_fps(fps) == pytest.approx(float(fps))
    assert VideoEncoder(fps=fps).encode(RAMP, 0)
