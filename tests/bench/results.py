"""Where every benchmark leaves its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OUT = Path(__file__).parent / "out"


def save(name: str, figures: Mapping[str, object]) -> None:
    """Write the raw figures of one benchmark, for comparing runs."""
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(figures))
