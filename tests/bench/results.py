"""Where every benchmark leaves its figures."""

from __future__ import annotations

import json
from pathlib import Path

OUT = Path(__file__).parent / "out"


def save(name: str, figures: dict[str, object]) -> None:
    """Write the raw figures of one benchmark, for comparing runs."""
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(figures))
