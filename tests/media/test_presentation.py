from __future__ import annotations

import numpy as np
import pytest

from relay_widget.media.presentation import AS_DECODED, MAX_PIXELS, Crop, Presentation

PIXELS = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("flip_x", [False, True])
@pytest.mark.parametrize("flip_y", [False, True])
def test_turned_and_mirrored(*, transposed: bool, flip_x: bool, flip_y: bool) -> None:
    expected = PIXELS.transpose(1, 0, 2) if transposed else PIXELS
    expected = expected[:, ::-1] if flip_x else expected
    expected = expected[::-1] if flip_y else expected
    presentation = Presentation(transposed=transposed, flip_x=flip_x, flip_y=flip_y)
    shown = presentation.apply(PIXELS)
    assert np.array_equal(shown, expected)
    assert shown.flags["C_CONTIGUOUS"]
    assert presentation.size(4, 5) == shown.shape[1::-1]


@pytest.mark.parametrize(
    ("aspect", "transposed", "size"),
    [
        (2, False, (320, 120)),
        (2, True, (120, 320)),
        (0.5, False, (80, 120)),
        (1e9, False, (160, 1)),
        (1e-9, True, (120, 1)),
    ],
)
def test_pixels_become_square(aspect: float, size: tuple[int, int], *, transposed: bool) -> None:
    presentation = Presentation(pixel_aspect=aspect, transposed=transposed)
    assert presentation.size(160, 120) == size
    assert presentation.apply(np.full((120, 160, 3), 77, np.uint8)).shape == (size[1], size[0], 3)
    assert np.prod(Presentation(pixel_aspect=100).size(4096, 2304)) <= MAX_PIXELS


def test_edges_that_are_not_to_be_seen() -> None:
    presentation = Presentation(Crop(left=1, top=2))
    assert presentation.size(4, 5) == (3, 3)
    assert np.array_equal(presentation.apply(PIXELS), PIXELS[2:, 1:])
    assert np.array_equal(Presentation(Crop(left=4)).apply(PIXELS), PIXELS), "nothing would be left"


def test_turned_by_any_angle_it_keeps_its_size() -> None:
    picture = np.full((40, 40, 3), 200, np.uint8)
    picture[:, :20] = 0
    turned = Presentation(degrees=90.0).apply(picture)
    assert (turned[5, 20] == 0).all()  # clockwise: what was left is above
    assert (turned[35, 20] == 200).all()
    assert Presentation(degrees=30.0).size(40, 30) == (40, 30)


def test_as_decoded_changes_nothing() -> None:
    assert np.array_equal(AS_DECODED.apply(PIXELS), PIXELS)
