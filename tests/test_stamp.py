from __future__ import annotations

import numpy as np
import pytest

from tests import stamp


@pytest.mark.parametrize("time_ms", [0, 1, 1795415497932.4, stamp.SPAN_MS - 1])
@pytest.mark.parametrize("shape", [(480, 640, 3), (240, 320, 3)])
def test_what_is_drawn_is_read(time_ms: float, shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 128, np.uint8)
    assert stamp.read(picture) is None
    stamp.draw(picture, time_ms)
    read = stamp.read(picture)
    assert read is not None
    assert abs(stamp.age_ms(read, time_ms)) <= 1
